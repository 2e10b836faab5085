/* SPDX-License-Identifier: ISC
 *
 * What the two files of the embedded engine share: db_sqlite.c, which answers, and db_copy.c, which
 * copies and checks whole databases.
 */
#ifndef STORE_DB_SQLITE_H
#define STORE_DB_SQLITE_H

#include <sqlite3.h>

#include "store/db.h"
#include "store/db_file.h"

struct db_stmt {
	struct db *db;
	sqlite3_stmt *st;
	int rc; /* what went wrong before the step */
};

struct db {
	sqlite3 *sq;  /* NULL while unconnected */
	bool ours;    /* it leads to a store */
	bool broken;  /* the connection has seen something that a new one may not see */
	bool damaged; /* the file itself is what is broken */
	enum store_role role;
	struct db_file file;
	unsigned limit_ms;
	int64_t armed_at;    /* when the call began, in milliseconds */
	int64_t hasty_until; /* until then, wait for nothing */
	struct db_stmt stmt[STATEMENTS];
};

/* Explain a code of SQLite's in ERR: BAD for a rule of the database, else RETRY. */
enum outcome db_failed(struct db *db, int rc, struct error *err);

/* Read the one number that a statement gives. */
enum outcome db_number(struct db *db, const char *sql, int64_t *out, struct error *err);

#endif
