/* SPDX-License-Identifier: ISC
 *
 * The engine for fleets: PostgreSQL, and what speaks its protocol. Transactions and statements, in
 * as few round trips as they need; what goes over the wire, and how long it may take, is
 * pg_talk.c's business, which server it is pg_conn.c's.
 */
#include "store/db_pg.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/sbuf.h"
#include "store/copy.h"
#include "store/pg_ask.h"

enum {
	WAIT_MS = 5000, /* for others who write, where a call has no limit of its own */
	TIDY_MS = 1000, /* how long it may take to roll back, when the call's time is over */
	PIECE = 500,    /* rows that a cursor gives at once */
	FETCH_MAX = 48  /* of the text that asks for them */
};

static const struct {
	const char *name;
	const char *text;
} statements[STATEMENTS] = {
#define Q(name, text) [Q_##name] = { #name, (text) },
#include "schema/postgresql_queries.h"
#undef Q
};

/* Those whose rows are fetched in pieces. */
static const enum statement cursors[] = {
#define Q(name, text)
#define QC(name) Q_##name,
#include "schema/postgresql_queries.h"
#undef QC
#undef Q
};

static const struct {
	int version;
	const char *text;
} migrations[] = {
#define M(version, text) { version, text },
#include "schema/postgresql_migrations.h"
#undef M
};

enum own { OWN_identify, OWN_turn, OWN_wait, OWN_size };

static const char *const own[] = {
#define Q(name, text) [OWN_##name] = (text),
#include "schema/postgresql_engine.h"
#undef Q
};

/* --- connecting ------------------------------------------------------------------------------- */

static enum outcome
pg_check(const char *uri, struct error *err)
{
	struct pg_place place;
	enum outcome o = pg_place_init(&place, uri, err);

	if (o == FOUND)
		pg_place_release(&place);
	return o;
}

static void
pg_show(const char *uri, char *out, size_t size)
{
	struct pg_place place;

	if (pg_place_init(&place, uri, NULL) != FOUND) {
		snprintf(out, size, "postgresql:...");
		return;
	}
	snprintf(out, size, "%s", place.shown);
	pg_place_release(&place);
}

static struct db *
pg_new(const char *uri, enum store_role role)
{
	struct db *db = calloc(1, sizeof *db);

	if (db == NULL || pg_place_init(&db->place, uri, NULL) != FOUND) {
		free(db);
		return NULL;
	}
	db->head.engine = &engine_pg;
	db->role = role;
	for (int i = 0; i < STATEMENTS; i++) {
		db->stmt[i].head.db = db;
		db->stmt[i].which = (enum statement)i;
	}
	return db;
}

static void
pg_free(struct db *db)
{
	pg_lose(db);
	for (int i = 0; i < STATEMENTS; i++)
		PQclear(db->stmt[i].rows);
	pg_place_release(&db->place);
	free(db);
}

static int64_t
number_at(const PGresult *result, int row, int column)
{
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static enum outcome
identify(struct db *db, struct error *err)
{
	struct pg_train t = { .n = 0 };
	int64_t objects = 0, store = 0, welcome = 1;
	enum outcome o;

	pg_add(&t, own[OWN_identify]);
	o = pg_run(db, &t, err);
	if (o == FOUND)
		o = pg_rows(db, t.request[0].result, 1, err);
	if (o == FOUND) {
		objects = number_at(t.request[0].result, 0, 0);
		store = number_at(t.request[0].result, 0, 1);
		welcome = number_at(t.request[0].result, 0, 2);
	}
	pg_train_clear(&t);
	if (o == FOUND && store != 0 && !welcome)
		o = error_set(err, RETRY,
		    "the store '%s' does not let the user '%s' in: make him a member of a role as "
		    "in "
		    "vmaild.conf(5), GRANT vmaild_admin TO \"%s\"",
		    db->place.shown, PQuser(db->conn), PQuser(db->conn));
	if (o != FOUND)
		return RETRY;
	db->ours = store != 0;
	db->empty = objects == 0;
	if (db->ours)
		return FOUND;
	if (db->empty)
		return error_set(err, NONE,
		    "there is no store at '%s': make one with `vmailctl init`", db->place.shown);
	return error_set(err, BAD,
	    "the schema vmaild of '%s' belongs to another program: give another database",
	    db->place.shown);
}

static enum outcome
pg_connect(struct db *db, struct error *err)
{
	if (db->ours && pg_is_alive(db))
		return FOUND;
	pg_lose(db);
	return pg_reach(db, err) == FOUND ? identify(db, err) : RETRY;
}

/* What the server tells of itself; another one than PostgreSQL may say nothing. */
static enum outcome
pg_can_hold_all(struct db *db, struct error *err)
{
	const char *encoding =
	    db->conn != NULL ? PQparameterStatus(db->conn, "server_encoding") : NULL;

	if (encoding == NULL || strcmp(encoding, "UTF8") == 0)
		return FOUND;
	return error_set(err, NONE,
	    "the database of '%s' is in %.32s: a store wants one in UTF8, in which every address "
	    "can be, as `createdb -E UTF8 -T template0` makes it",
	    db->place.shown, encoding);
}

/* The database is made by whoever runs the server; what is in it comes with the first migration. */
static enum outcome
pg_create(struct db *db, int owner, int group, bool *made, struct error *err)
{
	(void)db;
	(void)owner;
	(void)group;
	(void)err;
	*made = false;
	return FOUND;
}

static void
pg_limit(struct db *db, unsigned ms)
{
	db->limit_ms = ms;
}

static void
pg_arm(struct db *db)
{
	db->armed_at = pg_now();
}

/* --- statements ------------------------------------------------------------------------------- */

/* Make room for parameters up to N. */
static void
reach(struct pg_values *v, int n)
{
	assert(n <= PG_PARAMETERS);
	for (; v->n < n; v->n++) {
		v->value[v->n] = NULL;
		v->length[v->n] = v->format[v->n] = 0;
	}
}

/* How many parameters a text has. */
static int
count_parameters(const char *text)
{
	int n = 0;

	while ((text = strchr(text, '$')) != NULL) {
		int number = (int)strtol(++text, NULL, 10);

		n = number > n ? number : n;
	}
	return n;
}

static struct db_stmt *
pg_prepare(struct db *db, enum statement which)
{
	struct db_stmt *st = &db->stmt[which];

	assert(!st->ran);
	st->wrong = 0;
	st->values.n = 0;
	/* what is not bound is NULL */
	reach(&st->values, count_parameters(statements[which].text));
	return st;
}

static void
pg_bind_text(struct db_stmt *st, int n, struct slice text)
{
	assert(n >= 1 && n <= st->values.n);
	if (text.n > INT_MAX)
		st->wrong = n;
	st->values.value[n - 1] = text.n == 0 ? "" : text.p;
	st->values.length[n - 1] = (int)text.n;
	st->values.format[n - 1] = 1;
}

static void
pg_bind_int(struct db_stmt *st, int n, int64_t value)
{
	assert(n >= 1 && n <= st->values.n);
	snprintf(st->values.digits[n - 1], sizeof st->values.digits[n - 1], "%" PRId64, value);
	st->values.value[n - 1] = st->values.digits[n - 1];
	st->values.length[n - 1] = st->values.format[n - 1] = 0;
}

static void
pg_bind_null(struct db_stmt *st, int n)
{
	assert(n >= 1 && n <= st->values.n);
	st->values.value[n - 1] = NULL;
	st->values.length[n - 1] = st->values.format[n - 1] = 0;
}

/* How long the server waits for others: less than we wait for the server, so that the connection
 * outlives it and the text says what it was. */
static const char *
lock_limit(struct db *db)
{
	int64_t left = db->armed_at + db->limit_ms - pg_now();
	int64_t ms = db->limit_ms == 0 ? WAIT_MS : left / 2 > 1 ? left / 2 : 1;

	snprintf(db->lock_limit, sizeof db->lock_limit, "SET LOCAL lock_timeout = %d", (int)ms);
	return db->lock_limit;
}

/* What the caller has begun goes with his first statement: BEGIN, and his turn among those who
 * write. */
static void
add_begin(struct db *db, struct pg_train *t)
{
	if (db->open != PG_WANTED)
		return;
	pg_add(t, statements[db->kind == DB_WRITE ? Q_begin_write : Q_begin_read].text);
	if (db->kind == DB_WRITE)
		pg_add(t, lock_limit(db));
	if (db->kind == DB_WRITE && db->ours)
		pg_add(t, own[db->role == STORE_RECORDER ? OWN_wait : OWN_turn]);
	db->open = PG_OPEN;
}

static bool
has_cursor(enum statement which)
{
	for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++)
		if (cursors[i] == which)
			return true;
	return false;
}

static void
add_prepared(struct db_stmt *st, struct pg_train *t)
{
	struct pg_request *r;

	if (!st->known) {
		r = pg_add(t, statements[st->which].text);
		r->name = statements[st->which].name;
	}
	r = pg_add(t, NULL);
	r->name = statements[st->which].name;
	r->values = &st->values;
}

static void
write_fetch(const struct db_stmt *st, char out[static FETCH_MAX])
{
	snprintf(out, FETCH_MAX, "FETCH %d FROM c%d", PIECE, st->cursor);
}

/* Declaring it cannot be prepared, and it is there until it was read to its end. */
static enum outcome
run_cursor(struct db_stmt *st, struct pg_train *t, struct error *err)
{
	struct db *db = st->head.db;
	char rows[FETCH_MAX];
	struct sbuf text;
	enum outcome o;

	st->cursor = ++db->cursors;
	sbuf_init(&text, 16384);
	sbuf_printf(
	    &text, "DECLARE c%d NO SCROLL CURSOR FOR %s", st->cursor, statements[st->which].text);
	pg_add(t, sbuf_cstr(&text))->values = &st->values;
	write_fetch(st, rows);
	pg_add(t, rows);
	o = text.failed ? error_set(err, RETRY, "no memory for a statement") : pg_run(db, t, err);
	sbuf_release(&text);
	return o;
}

/* Take the rows from the last request of the train. */
static void
take_rows(struct db_stmt *st, struct pg_train *t)
{
	st->rows = t->request[t->n - 1].result;
	t->request[t->n - 1].result = NULL;
	st->row = -1;
	st->ran = true;
}

/* Tell whether the statement that the train ends with is prepared by now: whatever came of running
 * it, the connection, if it is still there, keeps it. */
static bool
is_prepared(const struct db *db, const struct pg_train *t)
{
	const struct pg_request *before = t->n >= 2 ? &t->request[t->n - 2] : NULL;

	return db->conn != NULL && before != NULL && before->name != NULL && before->text != NULL &&
	       PQresultStatus(before->result) == PGRES_COMMAND_OK;
}

static enum outcome
run(struct db_stmt *st, struct error *err)
{
	struct db *db = st->head.db;
	struct pg_train t = { .n = 0 };
	enum outcome o;

	if (st->wrong != 0)
		return error_set(
		    err, RETRY, "a text is too long for the store '%s'", db->place.shown);
	add_begin(db, &t);
	if (has_cursor(st->which)) {
		o = run_cursor(st, &t, err);
	} else {
		add_prepared(st, &t);
		o = pg_run(db, &t, err);
		st->known |= is_prepared(db, &t);
	}
	if (o == FOUND)
		take_rows(st, &t);
	else
		st->cursor = 0;
	pg_train_clear(&t);
	return o;
}

/* The next piece of a cursor. */
static enum outcome
fetch(struct db_stmt *st, struct error *err)
{
	struct pg_train t = { .n = 0 };
	char text[FETCH_MAX];
	enum outcome o;

	PQclear(st->rows);
	st->rows = NULL;
	write_fetch(st, text);
	pg_add(&t, text);
	o = pg_run(st->head.db, &t, err);
	if (o == FOUND) {
		take_rows(st, &t);
		o = pg_rows(st->head.db, st->rows, 0, err);
	}
	pg_train_clear(&t);
	return o;
}

/* Nobody is taken to be nobody for rows that are not there. */
static enum outcome
run_for_rows(struct db_stmt *st, struct error *err)
{
	enum outcome o = run(st, err);

	return o == FOUND ? pg_rows(st->head.db, st->rows, 0, err) : o;
}

static enum outcome
next_row(struct db_stmt *st, struct error *err)
{
	enum outcome o = st->ran ? FOUND : run_for_rows(st, err);

	if (o == FOUND && ++st->row < PQntuples(st->rows))
		return FOUND;
	if (o != FOUND || st->cursor == 0 || PQntuples(st->rows) < PIECE)
		return o == FOUND ? NONE : o;
	o = fetch(st, err);
	if (o != FOUND)
		return o;
	return ++st->row < PQntuples(st->rows) ? FOUND : NONE;
}

static enum outcome
pg_step(struct db_stmt *st, struct error *err)
{
	enum outcome o = next_row(st, err);

	if (o != FOUND)
		db_reset(st);
	return o;
}

static void
pg_reset(struct db_stmt *st)
{
	struct db *db = st->head.db;
	char text[FETCH_MAX];

	/* what is left of it goes with the transaction anyway: nobody waits for it */
	if (st->cursor != 0 && db->open == PG_OPEN) {
		snprintf(text, sizeof text, "CLOSE c%d", st->cursor);
		pg_post(db, text);
	}
	PQclear(st->rows);
	st->rows = NULL;
	st->ran = false;
	st->cursor = 0;
}

static enum outcome
pg_run_one(struct db_stmt *st, int64_t *changes, struct error *err)
{
	enum outcome o = run(st, err);

	assert(o != FOUND || PQntuples(st->rows) == 0);
	if (o == FOUND && changes != NULL)
		*changes = strtoll(PQcmdTuples(st->rows), NULL, 10);
	db_reset(st);
	return o;
}

/* What a connection of the pool asks (pg_line.c), word for word: so there is one answer. */
static enum outcome
pg_ask_whole(struct db *db, const struct question *q, struct facts *facts, struct error *err)
{
	struct pg_values values = { .n = 0 };
	struct pg_train t = { .n = 0 };
	struct pg_ask a;
	enum outcome o = FOUND;
	int64_t moment;
	bool *prepared;

	pg_ask_init(&a);
	if (!pg_ask_write(&a, q, time(NULL)))
		o = error_set(err, RETRY, "no memory for a question");
	prepared = &db->asks[a.statement - pg_ask_statements];
	reach(&values, a.n);
	memcpy(values.value, a.value, (size_t)a.n * sizeof a.value[0]);
	add_begin(db, &t);
	if (!*prepared)
		pg_add(&t, a.statement->sql)->name = a.statement->name;
	pg_add(&t, NULL)->name = a.statement->name;
	t.request[t.n - 1].values = &values;
	if (o == FOUND)
		o = pg_run(db, &t, err);
	*prepared |= is_prepared(db, &t);
	if (o == FOUND)
		o = pg_ask_read(t.request[t.n - 1].result, q, facts, &moment, err);
	pg_train_clear(&t);
	pg_ask_release(&a);
	return o == FOUND ? FOUND : RETRY;
}

/* The first one goes as every statement does: that begins the transaction, and prepares it. */
static enum outcome
pg_feed_one(struct db_stmt *st, struct error *err)
{
	struct db *db = st->head.db;
	const struct pg_request r = { .name = statements[st->which].name, .values = &st->values };

	if (!st->known || st->wrong != 0 || db->open != PG_OPEN)
		return pg_run_one(st, NULL, err);
	return pg_feed(db, &r, err);
}

static struct slice
pg_text(struct db_stmt *st, int n)
{
	if (PQgetisnull(st->rows, st->row, n))
		return slice_of(NULL, 0);
	return slice_of(
	    PQgetvalue(st->rows, st->row, n), (size_t)PQgetlength(st->rows, st->row, n));
}

static int64_t
pg_int(struct db_stmt *st, int n)
{
	return number_at(st->rows, st->row, n);
}

/* --- transactions ----------------------------------------------------------------------------- */

static enum outcome
pg_takes_changes(struct db *db, struct error *err)
{
	if (!db->reads)
		return FOUND;
	db->broken = true; /* the next call looks for a primary again */
	return error_set(err, RETRY,
	    "of the servers of '%s' only one that can be read answers: is it a standby? "
	    "Changes go to the primary, so name that too: postgresql://host1,host2/...",
	    db->place.shown);
}

static enum outcome
pg_begin(struct db *db, enum db_transaction kind, struct error *err)
{
	assert(db->open == PG_CLOSED);
	if (kind == DB_WRITE && pg_takes_changes(db, err) != FOUND)
		return RETRY;
	db->open = PG_WANTED;
	db->kind = kind;
	db->view++;
	return FOUND;
}

/* The server says COMMIT also to a transaction that failed, and means ROLLBACK. */
static enum outcome
commit(struct db *db, struct error *err)
{
	struct pg_train t = { .n = 0 };
	bool broken = db->broken;
	enum outcome o;

	pg_add(&t, statements[Q_commit].text);
	o = pg_run(db, &t, err);
	if (o == FOUND && strcmp(PQcmdStatus(t.request[0].result), "COMMIT") != 0)
		o = error_set(
		    err, RETRY, "the store '%s' rolled the transaction back", db->place.shown);
	else if (o != FOUND && db->conn == NULL && db->kind == DB_WRITE)
		o = error_set(err, RETRY,
		    "the connection to the store '%s' was lost while it was writing: look with "
		    "`vmailctl log` whether it was done",
		    db->place.shown);
	db->broken |= broken;
	pg_train_clear(&t);
	return o;
}

static enum outcome
pg_commit(struct db *db, struct error *err)
{
	enum outcome o = FOUND;

	if (db->open == PG_OPEN)
		o = commit(db, err);
	else if (db->open == PG_CLOSED)
		o = error_set(
		    err, RETRY, "the transaction in the store '%s' was lost", db->place.shown);
	if (o == FOUND)
		db->open = PG_CLOSED;
	return o;
}

static void
pg_rollback(struct db *db)
{
	struct pg_train t = { .n = 0 };

	if (db->open == PG_OPEN) {
		/* the call may have used up its time */
		if (db->limit_ms > 0)
			db->armed_at = pg_now() + TIDY_MS - db->limit_ms;
		(void)pg_fed(db, NULL);
		pg_add(&t, statements[Q_rollback].text);
		if (pg_run(db, &t, NULL) != FOUND)
			db->broken = true;
		pg_train_clear(&t);
	}
	db->open = PG_CLOSED;
}

/* No view outlives its transaction: a server does not tell that it changed. */
static void
pg_keep_views(struct db *db)
{
	(void)db;
}

static bool
pg_stay(struct db *db, bool look)
{
	(void)db;
	(void)look;
	return false;
}

static void
pg_let_go(struct db *db)
{
	(void)db;
}

static bool
pg_has_view(const struct db *db)
{
	return db->open != PG_CLOSED;
}

/* Nothing was written: nobody waits for the answer. */
static void
pg_leave(struct db *db)
{
	if (db->open == PG_OPEN)
		pg_post(db, statements[Q_commit].text);
	db->open = PG_CLOSED;
}

static uint64_t
pg_view(const struct db *db)
{
	return db->view;
}

static void
pg_bulk(struct db *db, bool on)
{
	(void)db;
	(void)on;
}

static enum outcome
pg_version(struct db *db, int *version, struct error *err)
{
	struct db_stmt *st;
	enum outcome o;

	*version = 0;
	if (db->empty)
		return FOUND;
	st = db_prepare(db, Q_version);
	o = db_step(st, err);
	if (o == NONE)
		return error_set(
		    err, RETRY, "the store '%s' does not tell its version", db->place.shown);
	if (o == FOUND) {
		*version = (int)db_int(st, 0);
		db_reset(st);
	}
	return o;
}

/* What the tables take with their indexes; the log is the server's own business. */
static void
pg_size(struct db *db, uint64_t *main, uint64_t *log)
{
	struct pg_train t = { .n = 0 };

	*main = *log = 0;
	if (db->conn == NULL || db->open != PG_CLOSED)
		return;
	pg_add(&t, own[OWN_size]);
	if (pg_run(db, &t, NULL) == FOUND)
		*main = (uint64_t)number_at(t.request[0].result, 0, 0);
	pg_train_clear(&t);
}

/* --- migrations ------------------------------------------------------------------------------- */

static enum outcome
run_text(struct db *db, const char *text, struct error *err)
{
	struct pg_train t = { .n = 0 };
	enum outcome o;

	add_begin(db, &t);
	pg_add(&t, text);
	o = pg_run(db, &t, err);
	pg_train_clear(&t);
	return o;
}

static enum outcome
apply(struct db *db, int version, struct error *err)
{
	enum outcome o = FOUND;
	int reached = 0;

	for (size_t i = 0; i < sizeof migrations / sizeof migrations[0] && o == FOUND; i++)
		if (migrations[i].version == version)
			o = run_text(db, migrations[i].text, err);
	db->ours |= o == FOUND;
	db->empty &= o != FOUND;
	if (o == FOUND)
		o = db_version(db, &reached, err);
	assert(o != FOUND || reached == version);
	return o == FOUND ? db_commit(db, err) : o;
}

/* Two that make the same store: the schema's name is taken by one of them, and the other one waits
 * for him, and fails. Then it is there. */
static bool
was_made_by_another(struct db *db, int version)
{
	int now = 0;
	bool made;

	db_arm(db);
	if (identify(db, NULL) != FOUND || db_begin(db, DB_READ, NULL) != FOUND)
		return false;
	made = db_version(db, &now, NULL) == FOUND && now >= version;
	db_rollback(db);
	return made;
}

static enum outcome
pg_migrate(struct db *db, int version, struct error *err)
{
	bool first = db->empty;
	int now = 0;
	enum outcome o;

	if (first && pg_can_hold_all(db, err) != FOUND)
		return BAD;
	o = db_begin(db, DB_WRITE, err);
	if (o == FOUND)
		o = db_version(db, &now, err);
	if (o == FOUND && now < version)
		o = apply(db, version, err);
	db_rollback(db);
	if (o != FOUND && first)
		db->empty = !(db->ours = false);
	if (o != FOUND && first && db->conn != NULL && was_made_by_another(db, version))
		return FOUND;
	/* a rule that the data breaks is no mistake of whoever asked */
	return o == BAD ? RETRY : o;
}

/* --- whole databases -------------------------------------------------------------------------- */

/* The files are the server's: it looks after them itself. */
static bool
pg_is_damaged(const struct db *db)
{
	(void)db;
	return false;
}

static bool
pg_is_missing(const struct db *db)
{
	return db->empty;
}

static const char *
pg_path(const struct db *db)
{
	(void)db;
	return NULL;
}

static enum outcome
pg_integrity(struct db *db, db_trouble_fn *fn, void *arg, struct error *err)
{
	(void)db;
	(void)fn;
	(void)arg;
	(void)err;
	return FOUND;
}

static enum outcome
pg_copy_out(
    struct db *from, const char *path, const struct store_progress *progress, struct error *err)
{
	enum outcome o = db_begin(from, DB_READ, err);

	if (o == FOUND)
		o = copy_to_file(from, path, progress, err);
	db_rollback(from);
	return o;
}

static enum outcome
pg_copy_in(struct db *db, const struct db_intake *in, const struct store_progress *progress,
    struct error *err)
{
	enum outcome o = bring_up(db, err);

	return o == FOUND ? copy_from_file(db, in, progress, err) : RETRY;
}

/* In an empty database there is nothing to keep. */
static enum outcome
pg_replace(struct db *db, const char *path, const char *keep, struct error *err)
{
	const struct db_intake in = { .path = path };
	enum outcome o = pg_copy_in(db, &in, NULL, err);

	(void)keep;
	if (o == FOUND)
		o = pg_settle(db, err);
	return o == NONE ? FOUND : o;
}

const struct engine engine_pg = {
	.name = "postgresql",
	.check = pg_check,
	.has_password = pg_uri_has_password,
	.show = pg_show,
	.way = pg_way,
	.link = pg_link,
	.secrets = pg_secrets,
	.new = pg_new,
	.free = pg_free,
	.connect = pg_connect,
	.create = pg_create,
	.can_hold = pg_can_hold,
	.takes_changes = pg_takes_changes,
	.limit = pg_limit,
	.arm = pg_arm,
	.begin = pg_begin,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.keep_views = pg_keep_views,
	.has_view = pg_has_view,
	.leave = pg_leave,
	.stay = pg_stay,
	.let_go = pg_let_go,
	.view = pg_view,
	.bulk = pg_bulk,
	.version = pg_version,
	.size = pg_size,
	.migrate = pg_migrate,
	.settle = pg_settle,
	.guarded = pg_guarded,
	.can_hold_all = pg_can_hold_all,
	.copy_out = pg_copy_out,
	.copy_in = pg_copy_in,
	.replace = pg_replace,
	.is_damaged = pg_is_damaged,
	.is_missing = pg_is_missing,
	.path = pg_path,
	.integrity = pg_integrity,
	.prepare = pg_prepare,
	.bind_text = pg_bind_text,
	.bind_int = pg_bind_int,
	.bind_null = pg_bind_null,
	.step = pg_step,
	.reset = pg_reset,
	.run = pg_run_one,
	.feed = pg_feed_one,
	.fed = pg_fed,
	.promise = pg_promise,
	.ask = pg_ask_whole,
	.text = pg_text,
	.integer = pg_int,
};
