/* SPDX-License-Identifier: ISC
 *
 * The engines, and which of them a store is of. Each call goes on to the one that its connection
 * belongs to.
 */
#include "store/db.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "store/db_engine.h"

static const int versions[] = {
#define M(version, text) version,
#include "schema/sqlite_migrations.h"
#undef M
};

/* What a URI begins with. PostgreSQL's own are read by libpq, its other form by us. */
static const struct scheme {
	const char *name;
	const struct engine *engine;
	bool whole; /* the engine wants to see the scheme as well */
} schemes[] = {
	{ "sqlite", &engine_sqlite, false },
	{ "postgresql", &engine_pg, true },
	{ "postgres", &engine_pg, true },
};

static const char how[] = "write it as sqlite:/path/to/vmail.db or postgresql://host/database";

/* How long a scheme (letters, digits, "+-.") at the start of URI is; 0 for none. */
static size_t
scheme_length(const char *uri)
{
	size_t n = 0;

	while (isalnum((unsigned char)uri[n]) || (n > 0 && strchr("+-.", uri[n]) && uri[n] != '\0'))
		n++;
	return uri[n] == ':' ? n : 0;
}

static const struct scheme *
find_scheme(const char *uri)
{
	struct slice name = slice_of(uri, scheme_length(uri));

	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (slice_is(name, schemes[i].name))
			return &schemes[i];
	return NULL;
}

/* The text names the scheme alone: what follows it may hold a password. */
enum outcome
db_check_uri(const char *uri, struct error *err)
{
	size_t n = scheme_length(uri);
	const struct scheme *scheme = find_scheme(uri);

	if (n > 0 && scheme == NULL)
		return error_set(
		    err, BAD, "no engine for the store '%.*s:...': %s", (int)n, uri, how);
	if (uri[n > 0 ? n + 1 : 0] == '\0')
		return error_set(err, BAD, "the store '%s' has no path: %s", uri, how);
	return scheme != NULL && scheme->engine->check != NULL ? scheme->engine->check(uri, err)
							       : FOUND;
}

bool
db_has_password(const char *uri)
{
	const struct scheme *scheme = find_scheme(uri);

	return scheme != NULL && scheme->engine->has_password != NULL &&
	       scheme->engine->has_password(uri);
}

void
db_show(const char *uri, char *out, size_t size)
{
	const struct scheme *scheme = find_scheme(uri);

	if (scheme != NULL && scheme->engine->show != NULL)
		scheme->engine->show(uri, out, size);
	else
		snprintf(out, size, "%s", uri);
}

void
db_way(const char *uri, struct store_way *out)
{
	const struct scheme *scheme = find_scheme(uri);

	if (scheme != NULL && scheme->engine->way != NULL)
		scheme->engine->way(uri, out);
}

bool
db_link(const char *uri, store_link_fn *fn, void *arg)
{
	const struct scheme *scheme = find_scheme(uri);

	if (scheme == NULL || scheme->engine->link == NULL)
		return false;
	scheme->engine->link(uri, fn, arg);
	return true;
}

void
db_secrets(const char *uri, store_secret_fn *fn, void *arg)
{
	const struct scheme *scheme = find_scheme(uri);

	if (scheme != NULL && scheme->engine->secrets != NULL)
		scheme->engine->secrets(uri, fn, arg);
}

struct db *
db_new(const char *uri, enum store_role role)
{
	const struct scheme *scheme = find_scheme(uri);

	if (scheme == NULL)
		return engine_sqlite.new(uri, role);
	return scheme->engine->new (scheme->whole ? uri : uri + strlen(scheme->name) + 1, role);
}

int
db_version_built(void)
{
	return versions[sizeof versions / sizeof versions[0] - 1];
}

/* --- one line each ---------------------------------------------------------------------------- */

static const struct engine *
of(const struct db *db)
{
	return ((const struct db_head *)db)->engine;
}

static const struct engine *
of_stmt(const struct db_stmt *st)
{
	return of(((const struct stmt_head *)st)->db);
}

void
db_free(struct db *db)
{
	if (db != NULL)
		of(db)->free(db);
}

enum outcome
db_connect(struct db *db, struct error *err)
{
	return of(db)->connect(db, err);
}

enum outcome
db_create(struct db *db, int owner, int group, bool *made, struct error *err)
{
	return of(db)->create(db, owner, group, made, err);
}

bool
db_can_hold(const struct db *db, struct slice text)
{
	return of(db)->can_hold == NULL || of(db)->can_hold(text);
}

bool
db_is_far(const struct db *db)
{
	return of(db)->feed != NULL;
}

enum outcome
db_takes_changes(struct db *db, struct error *err)
{
	return of(db)->takes_changes != NULL ? of(db)->takes_changes(db, err) : FOUND;
}

void
db_limit(struct db *db, unsigned ms)
{
	of(db)->limit(db, ms);
}

void
db_arm(struct db *db)
{
	of(db)->arm(db);
}

enum outcome
db_begin(struct db *db, enum db_transaction kind, struct error *err)
{
	return of(db)->begin(db, kind, err);
}

enum outcome
db_commit(struct db *db, struct error *err)
{
	return of(db)->commit(db, err);
}

void
db_rollback(struct db *db)
{
	of(db)->rollback(db);
}

void
db_keep_views(struct db *db)
{
	of(db)->keep_views(db);
}

bool
db_has_view(const struct db *db)
{
	return of(db)->has_view(db);
}

void
db_leave(struct db *db)
{
	of(db)->leave(db);
}

bool
db_stay(struct db *db, bool look)
{
	return of(db)->stay(db, look);
}

void
db_watch(struct db *db)
{
	if (of(db)->watch != NULL)
		of(db)->watch(db);
}

int
db_watched(const struct db *db)
{
	return of(db)->watched != NULL ? of(db)->watched(db) : -1;
}

void
db_stir(struct db *db)
{
	if (of(db)->stir != NULL)
		of(db)->stir(db);
}

void
db_let_go(struct db *db)
{
	of(db)->let_go(db);
}

void
db_tidy(struct db *db)
{
	if (of(db)->tidy != NULL)
		of(db)->tidy(db);
}

uint64_t
db_view(const struct db *db)
{
	return of(db)->view(db);
}

void
db_bulk(struct db *db, bool on)
{
	of(db)->bulk(db, on);
}

enum outcome
db_version(struct db *db, int *version, struct error *err)
{
	return of(db)->version(db, version, err);
}

void
db_size(struct db *db, uint64_t *main, uint64_t *log)
{
	of(db)->size(db, main, log);
}

enum outcome
db_migrate(struct db *db, int version, struct error *err)
{
	return of(db)->migrate(db, version, err);
}

enum outcome
db_guarded(struct db *db, struct error *err)
{
	return of(db)->guarded != NULL ? of(db)->guarded(db, err) : FOUND;
}

enum outcome
db_can_hold_all(struct db *db, struct error *err)
{
	return of(db)->can_hold_all != NULL ? of(db)->can_hold_all(db, err) : FOUND;
}

enum outcome
db_settle(struct db *db, struct error *err)
{
	return of(db)->settle != NULL ? of(db)->settle(db, err) : FOUND;
}

enum outcome
db_copy_out(
    struct db *from, const char *path, const struct store_progress *progress, struct error *err)
{
	return of(from)->copy_out(from, path, progress, err);
}

enum outcome
db_copy_in(struct db *db, const struct db_intake *in, const struct store_progress *progress,
    struct error *err)
{
	return of(db)->copy_in(db, in, progress, err);
}

enum outcome
db_replace(struct db *db, const char *path, const char *keep, struct error *err)
{
	return of(db)->replace(db, path, keep, err);
}

bool
db_is_damaged(const struct db *db)
{
	return of(db)->is_damaged(db);
}

bool
db_is_missing(const struct db *db)
{
	return of(db)->is_missing(db);
}

const char *
db_path(const struct db *db)
{
	return of(db)->path(db);
}

enum outcome
db_integrity(struct db *db, db_trouble_fn *fn, void *arg, struct error *err)
{
	return of(db)->integrity(db, fn, arg, err);
}

struct db_stmt *
db_prepare(struct db *db, enum statement which)
{
	return of(db)->prepare(db, which);
}

void
db_bind_text(struct db_stmt *st, int n, struct slice text)
{
	of_stmt(st)->bind_text(st, n, text);
}

void
db_bind_int(struct db_stmt *st, int n, int64_t value)
{
	of_stmt(st)->bind_int(st, n, value);
}

void
db_bind_null(struct db_stmt *st, int n)
{
	of_stmt(st)->bind_null(st, n);
}

enum outcome
db_step(struct db_stmt *st, struct error *err)
{
	return of_stmt(st)->step(st, err);
}

void
db_reset(struct db_stmt *st)
{
	of_stmt(st)->reset(st);
}

enum outcome
db_run(struct db_stmt *st, int64_t *changes, struct error *err)
{
	return of_stmt(st)->run(st, changes, err);
}

enum outcome
db_feed(struct db_stmt *st, struct error *err)
{
	const struct engine *engine = of_stmt(st);

	return engine->feed != NULL ? engine->feed(st, err) : engine->run(st, NULL, err);
}

static void
bind_row(struct db_stmt *st, const struct db_rows *rows, size_t row)
{
	for (size_t i = 0; i < rows->width; i++) {
		const struct db_cell *c = &rows->cell[row * rows->width + i];

		if (c->kind == DB_INT)
			db_bind_int(st, (int)i + 1, c->n);
		else if (c->kind == DB_TEXT)
			db_bind_text(st, (int)i + 1, db_rows_cell(rows, row, i));
		else
			db_bind_null(st, (int)i + 1);
	}
}

static enum outcome
feed_rows(struct db *db, enum statement which, const struct db_rows *rows, struct error *err)
{
	enum outcome o = FOUND;

	if (rows->failed || rows->text.failed)
		return error_set(err, RETRY, "no memory for rows");
	for (size_t row = 0; row < db_rows_n(rows) && o == FOUND; row++) {
		struct db_stmt *st = db_prepare(db, which);

		bind_row(st, rows, row);
		o = db_feed(st, err);
	}
	return o == FOUND ? db_fed(db, err) : o;
}

enum outcome
db_run_rows(struct db *db, enum statement which, const struct db_rows *rows, struct error *err)
{
	if (of(db)->run_rows != NULL)
		return of(db)->run_rows(db, which, rows, err);
	return feed_rows(db, which, rows, err);
}

enum outcome
db_fed(struct db *db, struct error *err)
{
	return of(db)->fed != NULL ? of(db)->fed(db, err) : FOUND;
}

void
db_promise(struct db *db, const char *what, struct slice subject)
{
	if (of(db)->promise != NULL)
		of(db)->promise(db, what, subject);
}

enum outcome
db_ask(struct db *db, const struct question *q, struct facts *facts, struct error *err)
{
	return of(db)->ask != NULL ? of(db)->ask(db, q, facts, err) : NONE;
}

struct slice
db_text(struct db_stmt *st, int n)
{
	return of_stmt(st)->text(st, n);
}

int64_t
db_int(struct db_stmt *st, int n)
{
	return of_stmt(st)->integer(st, n);
}
