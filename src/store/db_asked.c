/* SPDX-License-Identifier: ISC
 *
 * The table `asked` of the embedded engine: what is asked for, one key after the other, without an
 * end. A statement that reads it first goes on where it stood when the next key comes, and need not
 * begin, open its indexes and end for each. When there is no key as yet it is told NULL, for which
 * there is nothing: so whoever steps it learns that the rows of the last key are over.
 */
#include "store/db_sqlite.h"

struct table {
	sqlite3_vtab base; /* first: SQLite's part */
	struct db *db;
};

struct cursor {
	sqlite3_vtab_cursor base;
	sqlite3_int64 row;
};

static struct db *
db_of(sqlite3_vtab_cursor *base)
{
	return ((struct table *)base->pVtab)->db;
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
	return sqlite3_declare_vtab(sq, "CREATE TABLE x (key TEXT)");
}

static int
on_disconnect(sqlite3_vtab *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

/* There is no other way to read it. */
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

/* The key is taken when its column is read, which is once. */
static int
on_next(sqlite3_vtab_cursor *base)
{
	((struct cursor *)base)->row++;
	return SQLITE_OK;
}

static int
on_filter(sqlite3_vtab_cursor *base, int n, const char *text, int argc, sqlite3_value **argv)
{
	(void)n;
	(void)text;
	(void)argc;
	(void)argv;
	return on_next(base);
}

static int
on_eof(sqlite3_vtab_cursor *base)
{
	(void)base;
	return 0;
}

static int
on_column(sqlite3_vtab_cursor *base, sqlite3_context *to, int column)
{
	struct slice *asked = &db_of(base)->asked;

	(void)column;
	if (asked->p != NULL)
		sqlite3_result_text64(to, asked->p, asked->n, SQLITE_TRANSIENT, SQLITE_UTF8);
	asked->p = NULL;
	return SQLITE_OK;
}

static int
on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
	*out = ((struct cursor *)base)->row;
	return SQLITE_OK;
}

int
db_asked_register(sqlite3 *sq, struct db *db)
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

	sqlite3_stmt *st = NULL;
	int rc = sqlite3_create_module(sq, "asked", &module, db);

	/* it is made when it is first named, and that is before anybody is told what he may do */
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(sq, "SELECT key FROM asked", -1, &st, NULL);
	sqlite3_finalize(st);
	return rc;
}
