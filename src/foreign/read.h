/* SPDX-License-Identifier: ISC
 *
 * The readers: a text in, rows of tables out. None of them knows what the rows mean.
 */
#ifndef FOREIGN_READ_H
#define FOREIGN_READ_H

#include "foreign/tables.h"

struct source {
	const char *file;
	struct slice table; /* what the table is to be called, where the text does not say it */
	struct slice text;
	struct slice columns;                         /* as in struct foreign_options */
	bool names_only;                              /* begin tables, but add no rows */
	bool (*wants)(void *arg, struct slice table); /* NULL: all of them */
	void (*say)(void *arg, const char *file, size_t line, const char *text);
	void *arg;
};

/* FOUND, BAD with what is wrong with the text as a whole, RETRY without memory. */
typedef enum outcome read_fn(struct tables *t, const struct source *s, struct error *err);

read_fn read_keyvalue;  /* key, value: the source of a Postfix table */
read_fn read_aliases;   /* key, value: aliases(5) */
read_fn read_passwd;    /* user, password, uid, gid, gecos, home, shell, extra */
read_fn read_accounts;  /* user, password, extra; with | between */
read_fn read_colon;     /* key, value; with : between */
read_fn read_delimited; /* CSV, TSV, with their own columns */
read_fn read_dump;      /* INSERT and COPY of a dumped database */

/* Tell whether TEXT looks like a dump, or like CSV or TSV. */
bool looks_like_dump(struct slice text);
bool looks_delimited(struct slice text);

#endif
