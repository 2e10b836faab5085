/* SPDX-License-Identifier: ISC
 *
 * Domains, mailboxes and aliases as other systems keep them, read into records of our store.
 *
 *	foreign_new        how the source is to be understood
 *	foreign_use        and which format it is in
 *	foreign_text       one file after the other: texts, tables, dumps of databases
 *	foreign_table, foreign_row        or rows that somebody else reads (SQLite files)
 *	foreign_settle     all is there: put together what belongs together
 *	foreign_object_at  the objects, in an order in which they can be put into a store
 *
 * What is not carried over is told, with its file and line, and why. Pure: files are read, and
 * passwords hashed, by others.
 */
#ifndef FOREIGN_FOREIGN_H
#define FOREIGN_FOREIGN_H

#include "auth/password.h"
#include "store/record.h"

enum foreign_remark {
	REMARK_NOTE,   /* left out because nothing here is like it, or changed on the way */
	REMARK_SKIPPED /* it should have been carried over and was not */
};

/* Where something stands: LINE from 1, or for a database the row in table TABLE. */
struct foreign_place {
	const char *file;
	struct slice table; /* empty for a text */
	size_t line;
};

typedef void foreign_say_fn(
    void *arg, enum foreign_remark remark, const struct foreign_place *at, const char *text);

/* Find the number of a user, or of a group, by its name on this host. */
typedef bool foreign_id_fn(struct slice name, bool group, unsigned *id);

struct foreign_options {
	struct slice domain;    /* what stands behind names without one; may be empty */
	struct slice passwords; /* scheme of those that do not tell it; may be empty */
	struct slice base;      /* what relative paths of mailboxes are below; may be empty */
	struct slice columns;   /* names of a table's columns, or OURS=THEIRS; may be empty */
	struct slice map;       /* for formats that are entries of a map */
	struct password_cost cost;
	foreign_id_fn *id; /* NULL: there are no names */
	foreign_say_fn *say;
	void *arg;
};

/* A way in which a system keeps them: a row of the table in formats.c. */
struct format;
const struct format *format_at(size_t i);
const struct format *format_by_name(const char *name);
const char *format_name(const struct format *f);
const char *format_summary(const struct format *f);

/* Tell whether it is read from tables (a database, its dump, CSV, TSV), not from a text. */
bool format_is_tables(const struct format *f);

/* Tell whether it is our own, one JSON object a line, which is read elsewhere. */
bool format_is_ours(const struct format *f);

struct foreign;

/* NULL without memory. Everything in OPTIONS is borrowed until foreign_free. */
struct foreign *foreign_new(const struct foreign_options *options);
void foreign_free(struct foreign *f);

/* Find out the format by the files: show each its TEXT (or begin the tables of a database), then
 * ask. FOUND when it is certain, else BAD with what to do. Nothing of it is taken in. */
void foreign_guess(struct foreign *f, const char *file, struct slice table, struct slice text);
enum outcome foreign_guessed(struct foreign *f, const struct format **out, struct error *err);

/* Take what follows as FORMAT. */
void foreign_use(struct foreign *f, const struct format *format);

/* Take in a whole file. TEXT and FILE are borrowed until foreign_free. TABLE names it (empty: its
 * name does). BAD: it cannot be what the format says. RETRY: no memory. */
enum outcome foreign_text(
    struct foreign *f, const char *file, struct slice table, struct slice text, struct error *err);

/* Tell whether the format has use for a table of that name. */
bool foreign_wants(const struct foreign *f, struct slice table);

/* Begin a table, and add a row of as many CELLS as it has columns (p NULL for none); they are
 * copied. False without memory. */
bool foreign_table(struct foreign *f, const char *file, struct slice name,
    const struct slice *column, size_t columns);
bool foreign_row(struct foreign *f, size_t line, const struct slice *cell);

/* One object that is to be put, or to go. */
struct foreign_object {
	struct record record;
	struct foreign_place at;
	struct slice clear; /* its password in the clear, which is in no record; or empty */
	bool implied;       /* a domain that is there because something is in it */
	bool gone; /* the source says that there is none: one that is in the store is to go */
};

/* Make objects of all that was taken in. BAD: there is nothing in it that the format knows. */
enum outcome foreign_settle(struct foreign *f, struct error *err);

/* Walk the objects; NULL behind the last. They may be changed; what they show lives until
 * foreign_free. */
struct foreign_object *foreign_object_at(struct foreign *f, size_t i);

/* Keep a copy of TEXT, or take N bytes aligned for anything, as long as F; NULL without memory. For
 * what an object is to show. */
struct slice foreign_keep(struct foreign *f, struct slice text);
void *foreign_take(struct foreign *f, size_t n);

/* FOUND when there was memory for all of it so far, or the objects do not show what they should. */
enum outcome foreign_is_whole(const struct foreign *f, struct error *err);

#endif
