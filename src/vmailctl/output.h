/* SPDX-License-Identifier: ISC
 *
 * What vmailctl prints on stdout: tables, single records and JSON, all from one description of the
 * columns.
 *
 * Tables are laid out by their first thousand rows, and leave a thousand at a time; names and JSON
 * leave row by row.
 */
#ifndef VMAILCTL_OUTPUT_H
#define VMAILCTL_OUTPUT_H

#include <stdint.h>

#include "base/outcome.h"
#include "base/slice.h"
#include "vmailctl/cmd.h"

enum cell {
	CELL_TEXT,
	CELL_COUNT,
	CELL_SIZE,  /* bytes; 0: none */
	CELL_ID,    /* of a user or group; 0: none */
	CELL_TIME,  /* unix seconds; 0: never */
	CELL_YES,   /* 0: no */
	CELL_LINES, /* texts, each ended by LF */
	CELL_JSON   /* JSON text */
};

struct column {
	const char *name; /* heading, and key in JSON */
	enum cell cell;
};

/* The value of one cell: a number for count, size, id, time and yes, else a text. */
struct value {
	struct slice text;
	int64_t number;
};

struct libscols_table;

struct table {
	struct ctl *ctl;
	const struct column *column;
	size_t columns;
	bool record;          /* one row, a line for each column; in JSON an object, not an array */
	bool names;           /* the first column alone */
	const char *what;     /* of a record: what was looked for, "mailbox" */
	struct slice subject; /* and its name */
	size_t rows;
	bool broken; /* no memory, or nobody reads stdout any more */
	struct libscols_table *scols;
	size_t json_width; /* of cells that hold JSON, on a terminal; 0: not known yet */
	bool cut;          /* one was longer */
};

/* Start a list, or the record of the WHAT called SUBJECT. COLUMNS ends with a row without a name.
 * With --names given, a list is its first column alone. */
void table_list(struct table *t, struct ctl *ctl, const struct column *columns);
void table_record(struct table *t, struct ctl *ctl, const struct column *columns, const char *what,
    struct slice subject);

/* Add a row, a value per column; false when there is no use in going on. */
bool table_row(struct table *t, const struct value *values);

/* Print what is left to print after rows were asked for with outcome O, release the table, and give
 * the exit code. NONE: an empty list, or a record that is not there. RETRY and BAD are explained by
 * ctl->err. */
enum exit_code table_end(struct table *t, enum outcome o);

/* Print TEXT as it is, or in JSON as the object { KEY: TEXT }. */
enum exit_code output_text(struct ctl *ctl, const char *key, struct slice text);

/* The same with the text that PRINT writes to stdout, of ARG. */
enum exit_code output_printed(struct ctl *ctl, void (*print)(void *arg), void *arg);

/* Print a JSON value, which is given up. */
struct json_t;
enum exit_code output_json(struct ctl *ctl, struct json_t *j);

/* A text as JSON; what is no UTF-8 in it becomes question marks. */
struct json_t *output_json_text(struct slice s);

/* A text of somebody else, for a terminal: as it is, with question marks for what is no UTF-8 and
 * for controls. */
void output_put_plain(struct sbuf *out, struct slice s);

/* Append a number of bytes as people write it: 2G. */
void output_put_size(struct sbuf *out, int64_t bytes);

/* Append a time, for people here or, with UTC, for programs. */
void output_put_time(struct sbuf *out, int64_t at, bool utc);

/* Tell whether colours are wanted on stdout, and make a table fit the terminal, with colours then.
 */
bool output_wants_colors(void);
void output_colors(struct libscols_table *scols);

/* Print the object that tells in JSON how it went. SUBJECT and TEXT may be empty. */
void output_verdict(struct ctl *ctl, enum outcome o, struct slice subject, const char *text);

/* Say that N entries of MAP were set: this is what was asked for, so it is said on stdout. */
void output_set(struct ctl *ctl, struct slice map, size_t n);

/* Tell that the export into a file has gone well, where JSON is asked for. */
enum exit_code output_exported(struct ctl *ctl, size_t left_out);

/* Say that the store was restored from FILE, and that what it was is KEPT; NULL: it was none. */
enum exit_code output_restored(struct ctl *ctl, const char *file, const char *kept);

/* Print the object of one lookup in JSON. */
void output_lookup(
    struct ctl *ctl, const char *map, const char *key, enum outcome o, struct slice text);

/* Tell how many objects were added, changed and removed, or would be: a line for a person, or in
 * JSON an object. */
enum exit_code output_counts(struct ctl *ctl, size_t added, size_t changed, size_t removed);

#endif
