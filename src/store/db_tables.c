/* SPDX-License-Identifier: ISC
 *
 * The tables of the embedded engine that are in no file. `pending` has the rows that db_run_rows
 * was given, for as long as it runs. `asked` has one key after the other, without an end: a
 * statement that reads it first goes on where it stood when the next key comes, and need not begin,
 * open its indexes and end for each. When there is no key as yet it is told NULL, for which there
 * is nothing: so whoever steps it learns that the rows of the last key are over.
 */
#include <assert.h>

#include "store/db_rows.h"
#include "store/db_sqlite.h"

struct table {
	sqlite3_vtab base; /* first: SQLite's part */
	struct db *db;
};

struct cursor {
	sqlite3_vtab_cursor base;
	size_t row;
};

static struct db *
db_of(sqlite3_vtab_cursor *base)
{
	return ((struct table *)base->pVtab)->db;
}

static size_t
row_of(sqlite3_vtab_cursor *base)
{
	return ((struct cursor *)base)->row;
}

static int
connect_as(sqlite3 *sq, struct db *db, const char *declaration, sqlite3_vtab **out)
{
	struct table *t = sqlite3_malloc(sizeof *t);

	if (t == NULL)
		return SQLITE_NOMEM;
	*t = (struct table){ .db = db };
	*out = &t->base;
	return sqlite3_declare_vtab(sq, declaration);
}

static int
on_disconnect(sqlite3_vtab *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

/* All rows, in their order: there is no other way to read them. */
static int
on_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	(void)base;
	info->estimatedCost = 1;
	return SQLITE_OK;
}

static int
on_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
	struct cursor *c = sqlite3_malloc(sizeof *c);

	(void)base;
	if (c == NULL)
		return SQLITE_NOMEM;
	*c = (struct cursor){ .row = 0 };
	*out = &c->base;
	return SQLITE_OK;
}

static int
on_close(sqlite3_vtab_cursor *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

static int
on_filter(sqlite3_vtab_cursor *base, int n, const char *text, int argc, sqlite3_value **argv)
{
	(void)n;
	(void)text;
	(void)argc;
	(void)argv;
	((struct cursor *)base)->row = 0;
	return SQLITE_OK;
}

static int
on_next(sqlite3_vtab_cursor *base)
{
	((struct cursor *)base)->row++;
	return SQLITE_OK;
}

static int
on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
	*out = (sqlite3_int64)row_of(base);
	return SQLITE_OK;
}

/* --- pending ---------------------------------------------------------------------------------- */

static int
pending_connect(
    sqlite3 *sq, void *arg, int argc, const char *const *argv, sqlite3_vtab **out, char **err)
{
	(void)argc;
	(void)argv;
	(void)err;
	return connect_as(
	    sq, arg, "CREATE TABLE x (c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11)", out);
}

static int
pending_eof(sqlite3_vtab_cursor *base)
{
	const struct db_rows *r = db_of(base)->pending;

	return r == NULL || row_of(base) >= db_rows_n(r);
}

static int
pending_column(sqlite3_vtab_cursor *base, sqlite3_context *to, int column)
{
	const struct db_rows *r = db_of(base)->pending;
	const struct db_cell *c = &r->cell[row_of(base) * r->width + (size_t)column];

	assert((size_t)column < r->width);
	if (c->kind == DB_INT)
		sqlite3_result_int64(to, c->n);
	else if (c->kind == DB_TEXT)
		sqlite3_result_text64(to, db_rows_cell(r, row_of(base), (size_t)column).p,
		    (sqlite3_uint64)c->n, SQLITE_STATIC, SQLITE_UTF8);
	return SQLITE_OK;
}

/* --- asked ------------------------------------------------------------------------------------ */

static int
asked_connect(
    sqlite3 *sq, void *arg, int argc, const char *const *argv, sqlite3_vtab **out, char **err)
{
	(void)argc;
	(void)argv;
	(void)err;
	return connect_as(sq, arg, "CREATE TABLE x (key TEXT)", out);
}

static int
asked_eof(sqlite3_vtab_cursor *base)
{
	(void)base;
	return 0;
}

/* The key is taken when it is read, which is once. */
static int
asked_column(sqlite3_vtab_cursor *base, sqlite3_context *to, int column)
{
	struct slice *asked = &db_of(base)->asked;

	(void)column;
	if (asked->p != NULL)
		sqlite3_result_text64(to, asked->p, asked->n, SQLITE_TRANSIENT, SQLITE_UTF8);
	asked->p = NULL;
	return SQLITE_OK;
}

/* ---------------------------------------------------------------------------------------------- */

/* Without xCreate it exists by its name alone, and nobody can make another one. */
#define TABLE(name)                                                                                \
	{                                                                                          \
		.xConnect = name##_connect, .xBestIndex = on_best_index,                           \
		.xDisconnect = on_disconnect, .xOpen = on_open, .xClose = on_close,                \
		.xFilter = on_filter, .xNext = on_next, .xEof = name##_eof,                        \
		.xColumn = name##_column, .xRowid = on_rowid,                                      \
	}

int
db_tables_register(sqlite3 *sq, struct db *db)
{
	static const sqlite3_module pending = TABLE(pending), asked = TABLE(asked);
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_create_module(sq, "pending", &pending, db);

	if (rc == SQLITE_OK)
		rc = sqlite3_create_module(sq, "asked", &asked, db);
	/* it is made when it is first named, and that is before anybody is told what he may do */
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(sq, "SELECT key FROM asked", -1, &st, NULL);
	sqlite3_finalize(st);
	return rc;
}

enum outcome
sqlite_run_rows(struct db *db, enum statement which, const struct db_rows *rows, struct error *err)
{
	enum outcome o;

	if (rows->failed)
		return error_set(err, RETRY, "no memory for what is to be written");
	assert(rows->width <= DB_ROWS_COLUMNS && rows->n % rows->width == 0);
	if (rows->n == 0)
		return FOUND;
	db->pending = rows;
	o = db_run(db_prepare(db, which), NULL, err);
	db->pending = NULL;
	return o;
}
