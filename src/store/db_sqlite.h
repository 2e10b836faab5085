/* SPDX-License-Identifier: ISC
 *
 * What the files of the embedded engine share: db_sqlite.c, which answers, db_copy.c, which copies
 * and checks whole databases, and db_tables.c, which gives a statement many rows, or one key after
 * the other.
 */
#ifndef STORE_DB_SQLITE_H
#define STORE_DB_SQLITE_H

#include <sqlite3.h>

#include "store/db_engine.h"
#include "store/db_file.h"

struct db_stmt {
	struct stmt_head head;
	sqlite3_stmt *st;
	int rc;        /* what went wrong before the step */
	bool standing; /* it reads `asked`, and is not begun anew for each key: */
	int key;       /* the column that is NULL where there is no row */
};

enum { WAL_INDEX_HEADER = 48 }; /* of the -shm: written anew, twice, at the end of every commit */

/* How far the writing of the log into the file has come, as the wal-index tells. */
struct checkpoint {
	uint32_t log;   /* which: another number whenever it begins anew */
	uint32_t begun; /* frames that are in the file when the one under way is done */
	uint32_t done;
};

struct db {
	struct db_head head;
	sqlite3_vfs vfs; /* SQLite's retries find us by it */
	sqlite3_vfs *files;
	char name[32]; /* of vfs */
	sqlite3 *sq;   /* NULL while unconnected */
	bool ours;     /* it leads to a store */
	bool broken;   /* the connection has seen something that a new one may not see */
	bool damaged;  /* the file itself is what is broken */
	bool alone;    /* it was without a log when the connection was made */
	bool writing;  /* a transaction that writes was begun, and is to end as a whole */
	bool starved;  /* and in it a text was not had for want of memory */
	enum store_role role;
	struct db_file file;
	unsigned limit_ms;
	int64_t armed_at;    /* when the call began, in milliseconds */
	int64_t hasty_until; /* until then, wait for nothing */

	bool watching; /* what happens to the file */

	/* views that outlive their transaction */
	bool keeping;
	sqlite3_io_methods methods; /* of a file that stays mapped */
	int (*unfetch)(sqlite3_file *file, sqlite3_int64 at, void *page);
	sqlite3_int64 mapped; /* how much of it, about; 0: nothing */
	unsigned bus_hits; /* how often a mapped file had been cut when the connection was made */
	bool kept;         /* one is held, and nobody is using it */
	const unsigned char
	    *index; /* the header of the wal-index; NULL: not known, nothing is kept */
	unsigned char seen[WAL_INDEX_HEADER]; /* it, before the view was taken */
	struct checkpoint checkpoint; /* as of the last look at the file, or a little later */
	int64_t calm_at;              /* not before then is one kept again */
	uint64_t view;

	struct slice asked; /* the key that a standing statement is to take; p NULL: none */
	const struct db_rows *pending; /* what the statement that runs now takes, or NULL */

	struct db_stmt stmt[STATEMENTS];
};

/* Of db_copy.c, for the engine's table. */
enum outcome sqlite_copy_out(
    struct db *from, const char *path, const struct store_progress *progress, struct error *err);
enum outcome sqlite_copy_in(struct db *db, const struct db_intake *in,
    const struct store_progress *progress, struct error *err);
enum outcome sqlite_replace(struct db *db, const char *path, const char *keep, struct error *err);
bool sqlite_is_damaged(const struct db *db);
bool sqlite_is_missing(const struct db *db);
const char *sqlite_path(const struct db *db);
enum outcome sqlite_integrity(struct db *db, db_trouble_fn *fn, void *arg, struct error *err);

/* Explain a code of SQLite's in ERR: BAD for a rule of the database, else RETRY. */
enum outcome db_failed(struct db *db, int rc, struct error *err);

/* Read the one number that a statement gives. */
enum outcome db_number(struct db *db, const char *sql, int64_t *out, struct error *err);

/* db_run_rows, of this engine. */
enum outcome sqlite_run_rows(
    struct db *db, enum statement which, const struct db_rows *rows, struct error *err);

/* Make the tables that are in no file known to a connection: what they give is what DB has. */
int db_tables_register(sqlite3 *sq, struct db *db);

#endif
