/* SPDX-License-Identifier: ISC
 *
 * Reading an SQLite file of another system. The one place where SQL is not in schema/: the names of
 * its tables are not ours to know, and a name cannot be bound. What is pasted is quoted by the
 * engine, and the file is opened so that it can do nothing but be read.
 */
#include "store/foreign.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "store/kind.h"

enum { COLUMNS_MAX = 256, WAIT_MS = 5000 };

struct foreign_db {
	sqlite3 *sq;
};

bool
foreign_db_is(struct slice head)
{
	return slice_starts(head, "SQLite format 3");
}

static enum outcome
fail(struct foreign_db *db, int rc, struct error *err)
{
	const char *why = db->sq != NULL ? sqlite3_errmsg(db->sq) : sqlite3_errstr(rc);
	enum outcome o = rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT ? BAD : RETRY;

	return error_set(err, o, "cannot read the database: %s", why);
}

/* What is our own says things that tables of others have no columns for. */
static enum outcome
check_mark(struct foreign_db *db, const char *path, struct error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->sq, "PRAGMA application_id", -1, &st, NULL);
	bool ours;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	ours = rc == SQLITE_ROW && sqlite3_column_int(st, 0) == STORE_MARK;
	sqlite3_finalize(st);
	if (rc != SQLITE_ROW)
		return fail(db, rc, err);
	if (ours)
		return error_set(err, BAD,
		    "'%s' is a store of vmaild's: `vmailctl restore` makes this store what that "
		    "is, and `vmailctl apply` takes over what is in it",
		    path);
	return FOUND;
}

enum outcome
foreign_db_open(struct foreign_db **out, const char *path, struct error *err)
{
	struct foreign_db *db = calloc(1, sizeof *db);
	enum outcome o = FOUND;
	int rc;

	if (db == NULL)
		return error_set(err, RETRY, "no memory");
	rc = sqlite3_open_v2(path, &db->sq, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db->sq, WAIT_MS);
		sqlite3_db_config(db->sq, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(db->sq, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		rc = sqlite3_exec(
		    db->sq, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK)
		o = fail(db, rc, err);
	if (o == FOUND)
		o = check_mark(db, path, err);
	if (o == FOUND)
		*out = db;
	else
		foreign_db_close(db);
	return o;
}

void
foreign_db_close(struct foreign_db *db)
{
	if (db != NULL)
		sqlite3_close(db->sq);
	free(db);
}

static struct slice
text_of(sqlite3_stmt *st, int column)
{
	const char *p = (const char *)sqlite3_column_text(st, column);

	return slice_of(p, p != NULL ? (size_t)sqlite3_column_bytes(st, column) : 0);
}

/* Prepare to read all of a table; NULL without memory, or when it is no table that can be read. */
static sqlite3_stmt *
prepare_rows(struct foreign_db *db, struct slice name)
{
	char *text = sqlite3_mprintf("SELECT * FROM \"%.*w\"", (int)name.n, name.p);
	sqlite3_stmt *st = NULL;

	if (text != NULL && sqlite3_prepare_v2(db->sq, text, -1, &st, NULL) != SQLITE_OK)
		st = NULL;
	sqlite3_free(text);
	return st;
}

/* Hand a table to FN; one that cannot be read is passed over. */
static bool
show_table(struct foreign_db *db, struct slice name, foreign_table_fn *fn, void *arg)
{
	struct slice column[COLUMNS_MAX];
	sqlite3_stmt *st = prepare_rows(db, name);
	int n = st != NULL ? sqlite3_column_count(st) : 0;
	bool go_on = true;

	for (int i = 0; i < n && i < COLUMNS_MAX; i++)
		column[i] = slice_str(sqlite3_column_name(st, i));
	if (n > 0 && n <= COLUMNS_MAX)
		go_on = fn(arg, name, column, (size_t)n);
	sqlite3_finalize(st);
	return go_on;
}

enum outcome
foreign_db_tables(struct foreign_db *db, foreign_table_fn *fn, void *arg, struct error *err)
{
	static const char text[] =
	    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
	    "ESCAPE '\\' ORDER BY name";
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->sq, text, -1, &st, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW && !show_table(db, text_of(st, 0), fn, arg))
			rc = SQLITE_DONE;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? FOUND : fail(db, rc, err);
}

static bool
show_row(sqlite3_stmt *st, size_t line, foreign_row_fn *fn, void *arg)
{
	struct slice cell[COLUMNS_MAX];
	int n = sqlite3_column_count(st);

	for (int i = 0; i < n; i++)
		cell[i] = text_of(st, i);
	return fn(arg, line, cell);
}

enum outcome
foreign_db_rows(
    struct foreign_db *db, struct slice name, foreign_row_fn *fn, void *arg, struct error *err)
{
	sqlite3_stmt *st = prepare_rows(db, name);
	size_t line = 0;
	int rc = SQLITE_ROW;

	if (st == NULL)
		return fail(db, sqlite3_errcode(db->sq), err);
	while (rc == SQLITE_ROW) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW && !show_row(st, ++line, fn, arg))
			rc = SQLITE_DONE;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? FOUND : fail(db, rc, err);
}
