/* SPDX-License-Identifier: ISC
 *
 * The table `pending` of the embedded engine: a virtual table of the rows that db_run_rows was
 * given, for as long as it runs. There is one on every connection that writes, and nothing of it is
 * in the file.
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

static const struct db_rows *
rows_of(sqlite3_vtab *base)
{
	return ((struct table *)base)->db->pending;
}

static int
on_connect(
    sqlite3 *sq, void *arg, int argc, const char *const *argv, sqlite3_vtab **out, char **err)
{
	struct table *t = sqlite3_malloc(sizeof *t);

	(void)argc;
	(void)argv;
	(void)err;
	if (t == NULL)
		return SQLITE_NOMEM;
	*t = (struct table){ .db = arg };
	*out = &t->base;
	return sqlite3_declare_vtab(
	    sq, "CREATE TABLE x (c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11)");
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
on_eof(sqlite3_vtab_cursor *base)
{
	const struct db_rows *r = rows_of(base->pVtab);

	return r == NULL || ((struct cursor *)base)->row >= db_rows_n(r);
}

static int
on_column(sqlite3_vtab_cursor *base, sqlite3_context *to, int column)
{
	const struct db_rows *r = rows_of(base->pVtab);
	size_t row = ((struct cursor *)base)->row;
	const struct db_cell *c = &r->cell[row * r->width + (size_t)column];

	assert((size_t)column < r->width);
	if (c->kind == DB_INT)
		sqlite3_result_int64(to, c->n);
	else if (c->kind == DB_TEXT)
		sqlite3_result_text64(to, db_rows_cell(r, row, (size_t)column).p,
		    (sqlite3_uint64)c->n, SQLITE_STATIC, SQLITE_UTF8);
	return SQLITE_OK;
}

static int
on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
	*out = (sqlite3_int64)((struct cursor *)base)->row;
	return SQLITE_OK;
}

int
db_pending_register(sqlite3 *sq, struct db *db)
{
	/* without xCreate it exists by its name alone, and nobody can make another one */
	static const sqlite3_module module = {
		.xConnect = on_connect,
		.xBestIndex = on_best_index,
		.xDisconnect = on_disconnect,
		.xOpen = on_open,
		.xClose = on_close,
		.xFilter = on_filter,
		.xNext = on_next,
		.xEof = on_eof,
		.xColumn = on_column,
		.xRowid = on_rowid,
	};

	return sqlite3_create_module(sq, "pending", &module, db);
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
