/* SPDX-License-Identifier: ISC
 *
 * Talking to a PostgreSQL server: requests go in pipelines, several in one round trip, over a
 * connection that never blocks, and whoever waits has a clock. The one place where the server's
 * codes become outcomes: a broken rule is BAD, and everything else is RETRY, whatever it was.
 *
 * A request that took too long costs the connection. It is not cancelled by a second one: that
 * would ask the same server that has just not answered. What waits there for others has a limit of
 * its own (lock_timeout); what is at work goes on to its end, though nobody waits for it any more.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "store/db_pg.h"

enum {
	CONNECT_MS = 10000, /* to find a server, where a call has no limit of its own */
	PAUSE_MIN_MS = 100, /* before the next try; twice as long each time, ... */
	PAUSE_MAX_MS = 5000 /* ... up to this */
};

/* --- time ------------------------------------------------------------------------------------- */

int64_t
pg_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* How long the call may still take; -1: as long as it likes. */
static int64_t
left(const struct db *db, unsigned without_limit)
{
	unsigned ms = db->limit_ms > 0 ? db->limit_ms : without_limit;
	int64_t rest = db->armed_at + ms - pg_now();

	if (ms == 0)
		return -1;
	return rest > 0 ? rest : 0;
}

/* --- codes ------------------------------------------------------------------------------------ */

static const struct {
	const char *state; /* or the first two of its letters */
	bool broken;       /* another connection may do better */
	const char *what;
} failures[] = {
	{ "08", true, "could not be reached: try again" },
	{ "0A000", true, "was changed meanwhile: try again" },
	{ "22P05", false,
	    "is in a database that is not in UTF8, and cannot hold that: `vmailctl copy` moves it "
	    "to one that is" },
	{ "25006", true, "is a standby, or may only be read: changes go to the primary" },
	{ "26000", true,
	    "lost what was prepared: is there a pool of connections in between? It must "
	    "give each client a connection of its own" },
	{ "28", true, "does not let this user in" },
	{ "3D000", true, "is a database that is not there: make it with createdb" },
	{ "40", false, "is locked by another program: try again" },
	{ "42501", false, "does not let this program do that" },
	{ "42P01", true, "is not complete: run `vmailctl init`" },
	{ "53100", false, "could not be written: the server's disk is full" },
	{ "53", true, "could not be used: the server has too much to do" },
	{ "55P03", false, "is locked by another program: try again" },
	{ "57014", false, "took too long to answer: try again" },
	{ "57P", true, "is going down, or coming up: try again" },
	{ "58", true, "could not be read or written" },
	{ "XX", true, "is damaged: look into the server's log" },
};

/* What the server refuses because of what was to be written: a rule of a table, a text that is no
 * text. Only the first line is told: the details may be somebody's password. */
static bool
is_refusal(const char *state)
{
	return strncmp(state, "23", 2) == 0 || strcmp(state, "22021") == 0;
}

enum outcome
pg_failed(struct db *db, const PGresult *result, struct error *err)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *what = "could not be used";
	bool broken = true;

	if (state == NULL || text == NULL)
		return error_set(err, RETRY, "the store '%s' %s", db->place.shown, what);
	if (is_refusal(state))
		return error_set(
		    err, BAD, "the store '%s' refuses that: %s", db->place.shown, text);
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
		if (strncmp(state, failures[i].state, strlen(failures[i].state)) == 0) {
			what = failures[i].what;
			broken = failures[i].broken;
			break;
		}
	}
	db->broken |= broken;
	return error_set(err, RETRY, "the store '%s' %s (%s)", db->place.shown, what, text);
}

enum outcome
pg_rows(struct db *db, const PGresult *result, int least, struct error *err)
{
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) >= least)
		return FOUND;
	db->broken = true;
	return error_set(err, RETRY, "the store '%s' has sent an answer that was lost on the way",
	    db->place.shown);
}

static enum outcome
lost(struct db *db, struct error *err)
{
	const char *text = db->conn != NULL ? PQerrorMessage(db->conn) : "";
	struct slice line = slice_str(text);

	line = slice_trim(slice_cut(&line, '\n'));
	error_set(err, RETRY, "the store '%s' is out of reach: %.*s", db->place.shown, (int)line.n,
	    line.p);
	pg_lose(db);
	return RETRY;
}

static enum outcome
too_slow(struct db *db, struct error *err)
{
	error_set(err, RETRY, "the store '%s' took too long to answer: try again", db->place.shown);
	pg_lose(db);
	return RETRY;
}

void
pg_lose(struct db *db)
{
	PQfinish(db->conn);
	db->conn = NULL;
	for (int i = 0; i < STATEMENTS; i++) {
		db->stmt[i].known = false;
		db->stmt[i].cursor = 0;
	}
	db->open = PG_CLOSED;
	db->owed = db->fed = db->promises = 0;
	db->view++;
	db->ours = db->empty = db->broken = false;
	memset(db->asks, 0, sizeof db->asks);
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Wait until FD can be read (or written, with WRITE); false when the time is over. */
static bool
wait_for(int fd, bool write, int64_t ms)
{
	struct pollfd p = { .fd = fd, .events = (short)(POLLIN | (write ? POLLOUT : 0)) };
	int64_t until = pg_now() + ms;

	for (;;) {
		int64_t rest = until - pg_now();
		int n = poll(&p, 1,
		    ms < 0           ? -1
		    : rest <= 0      ? 0
		    : rest < INT_MAX ? (int)rest
				     : INT_MAX);

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

/* See to it that the next result is here. */
static enum outcome
await(struct db *db, struct error *err)
{
	for (;;) {
		int unsent = PQflush(db->conn);

		if (unsent < 0)
			return lost(db, err);
		if (!PQisBusy(db->conn))
			return FOUND;
		if (!wait_for(PQsocket(db->conn), unsent > 0, left(db, 0)))
			return too_slow(db, err);
		if (PQconsumeInput(db->conn) == 0)
			return lost(db, err);
	}
}

/* Take the next result; NULL marks the end of one request's. */
static enum outcome
take(struct db *db, PGresult **out, struct error *err)
{
	*out = NULL;
	if (await(db, err) != FOUND)
		return RETRY;
	*out = PQgetResult(db->conn);
	if (PQstatus(db->conn) != CONNECTION_BAD)
		return FOUND;
	if (*out != NULL && PQresultErrorField(*out, PG_DIAG_SQLSTATE) != NULL)
		pg_failed(db, *out, err);
	else
		lost(db, err);
	PQclear(*out);
	*out = NULL;
	pg_lose(db);
	return RETRY;
}

/* Pass over what came back up to the end of a train. */
static enum outcome
take_end(struct db *db, struct error *err)
{
	for (bool end = false; !end;) {
		PGresult *result;

		if (take(db, &result, err) != FOUND)
			return RETRY;
		end = result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		PQclear(result);
	}
	return FOUND;
}

/* --- trains ----------------------------------------------------------------------------------- */

struct pg_request *
pg_add(struct pg_train *t, const char *text)
{
	struct pg_request *r = &t->request[t->n++];

	*r = (struct pg_request){ .text = text };
	return r;
}

void
pg_train_clear(struct pg_train *t)
{
	for (size_t i = 0; i < t->n; i++)
		PQclear(t->request[i].result);
	t->n = 0;
}

static bool
send_one(PGconn *conn, const struct pg_request *r)
{
	static const struct pg_values none = { .n = 0 };
	const struct pg_values *v = r->values != NULL ? r->values : &none;

	if (r->name != NULL && r->text != NULL)
		return PQsendPrepare(conn, r->name, r->text, 0, NULL) == 1;
	if (r->name != NULL)
		return PQsendQueryPrepared(
			   conn, r->name, v->n, v->value, v->length, v->format, 0) == 1;
	return PQsendQueryParams(conn, r->text, v->n, NULL, v->value, v->length, v->format, 0) == 1;
}

static bool
send_all(PGconn *conn, const struct pg_train *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!send_one(conn, &t->request[i]))
			return false;
	return PQpipelineSync(conn) == 1;
}

static bool
is_done(const PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
		return true;
	default:
		return false;
	}
}

static enum outcome
unconnected(struct db *db, struct error *err)
{
	return error_set(err, RETRY, "the store '%s' is out of reach: %s", db->place.shown,
	    db->why[0] != '\0' ? db->why : "the connection was lost");
}

static enum outcome
take_owed(struct db *db, struct error *err)
{
	for (; db->owed > 0; db->owed--)
		if (take_end(db, err) != FOUND)
			return RETRY;
	return FOUND;
}

void
pg_promise(struct db *db, const char *what, struct slice subject)
{
	struct pg_promise *p = &db->promise[db->promises];

	/* it was asked about already, or nothing was fed for it */
	if (db->fed == 0 || (db->promises > 0 && p[-1].end == db->fed))
		return;
	p->end = db->fed;
	snprintf(p->shown, sizeof p->shown, "%s %.*s", what,
	    (int)(subject.n < sizeof p->shown ? subject.n : sizeof p->shown), subject.p);
	db->promises++;
}

/* A refused request among those that were fed, the one behind AT of them: of whoever asks now, or
 * of a change that was promised. That one cannot be refused alone any more. */
static enum outcome
fed_failed(struct db *db, int at, const PGresult *result, struct error *err)
{
	struct error why = { "" };
	enum outcome o = pg_failed(db, result, &why);
	const struct pg_promise *p = db->promise;

	while (p < db->promise + db->promises && p->end <= at)
		p++;
	if (o != BAD || p == db->promise + db->promises)
		return error_set(err, o, "%s", why.text);
	return error_set(err, RETRY,
	    "the change '%s' cannot be made, nor what goes with it in one transaction: %.300s",
	    p->shown, why.text);
}

/* What was fed, up to where the next train begins. The first that failed is told; behind it none
 * was done. */
static enum outcome
take_fed(struct db *db, struct error *err)
{
	enum outcome o = FOUND;

	if (take_owed(db, err) != FOUND)
		return RETRY;
	for (int at = 0; db->fed > 0; at++, db->fed--) {
		PGresult *result, *end;

		if (take(db, &result, err) != FOUND)
			return RETRY;
		if (o == FOUND && !is_done(result))
			o = fed_failed(db, at, result, err);
		PQclear(result);
		if (take(db, &end, o == FOUND ? err : NULL) != FOUND)
			return RETRY;
		PQclear(end);
	}
	db->promises = 0;
	return o;
}

/* Each request gives one result and an end. */
static enum outcome
take_all(struct db *db, struct pg_train *t, struct error *err)
{
	PGresult *end;

	for (size_t i = 0; i < t->n; i++) {
		if (take(db, &t->request[i].result, err) != FOUND || take(db, &end, err) != FOUND)
			return RETRY;
		PQclear(end);
	}
	return take_end(db, err);
}

enum outcome
pg_fed(struct db *db, struct error *err)
{
	enum outcome o;

	if (db->fed == 0)
		return FOUND;
	if (PQpipelineSync(db->conn) != 1)
		return lost(db, err);
	o = take_fed(db, err);
	if (db->conn == NULL)
		return RETRY;
	return take_end(db, o == FOUND ? err : NULL) == FOUND ? o : RETRY;
}

enum outcome
pg_feed(struct db *db, const struct pg_request *r, struct error *err)
{
	if (db->conn == NULL)
		return unconnected(db, err);
	if (!send_one(db->conn, r))
		return lost(db, err);
	return ++db->fed < PG_FED_MAX ? FOUND : pg_fed(db, err);
}

/* What was fed before goes along. */
enum outcome
pg_run(struct db *db, struct pg_train *t, struct error *err)
{
	enum outcome o;

	if (db->conn == NULL)
		return unconnected(db, err);
	if (!send_all(db->conn, t))
		return lost(db, err);
	o = take_fed(db, err);
	if (db->conn == NULL || take_all(db, t, o == FOUND ? err : NULL) != FOUND)
		return RETRY;
	for (size_t i = 0; o == FOUND && i < t->n; i++)
		if (!is_done(t->request[i].result))
			o = pg_failed(db, t->request[i].result, err);
	return o;
}

void
pg_post(struct db *db, const char *text)
{
	struct pg_train t = { .n = 0 };

	pg_add(&t, text);
	if (pg_fed(db, NULL) == RETRY && db->conn == NULL)
		return;
	if (send_all(db->conn, &t) && PQflush(db->conn) >= 0)
		db->owed++;
	else
		pg_lose(db);
}

/* --- finding a server ------------------------------------------------------------------------- */

static enum outcome
go_through_hosts(struct db *db, PGconn **conn)
{
	enum pg_need need = db->role == STORE_ADMIN      ? PG_ALL
			    : db->role == STORE_RECORDER ? PG_WRITES
							 : PG_READS;
	struct pg_attempt a;
	enum pg_progress p = pg_attempt_start(&a, &db->place, need, db->host, pg_now());

	while (p == PG_READ || p == PG_WRITE) {
		int64_t rest = left(db, CONNECT_MS), host = a.give_up - pg_now();

		if (rest == 0) {
			/* the next call begins behind the one that did not answer */
			db->host = a.host + 1;
			snprintf(db->why, sizeof db->why, "it does not answer");
			pg_attempt_stop(&a);
			return RETRY;
		}
		wait_for(PQsocket(a.conn), p == PG_WRITE, rest < host ? rest : host);
		p = pg_attempt_go(&a, pg_now());
	}
	db->host = 0;
	*conn = a.conn;
	db->reads = need == PG_ALL && a.any;
	if (p == PG_DONE)
		return FOUND;
	memcpy(db->why, a.why, sizeof db->why);
	return RETRY;
}

/* Many that lost the same server do not come back at the same moment. */
static void
pause_a_while(struct db *db)
{
	unsigned random = 0;

	db->pause_ms = db->pause_ms == 0 ? PAUSE_MIN_MS : 2 * db->pause_ms;
	if (db->pause_ms > PAUSE_MAX_MS)
		db->pause_ms = PAUSE_MAX_MS;
	(void)!getrandom(&random, sizeof random, GRND_NONBLOCK);
	db->retry_at = pg_now() + db->pause_ms / 2 + random % db->pause_ms;
}

/* What every connection of ours is like. What a server does not know it does without, if it may. */
static const struct setting {
	const char *text;
	bool must;
	enum store_role least, most; /* for the roles in between */
} settings[] = {
	/* clang-format off */
	/* who is a user of his own is not their member, and has what that user has */
	{ "SET ROLE vmaild_lookup", false, STORE_LOOKUP, STORE_LOOKUP },
	{ "SET ROLE vmaild_login", false, STORE_LOGIN, STORE_LOGIN },
	{ "SET ROLE vmaild_recorder", false, STORE_RECORDER, STORE_RECORDER },
	{ "SET search_path = vmaild, pg_catalog, pg_temp", true, STORE_LOOKUP, STORE_ADMIN },
	{ "SET default_transaction_read_only = on", true, STORE_LOOKUP, STORE_LOGIN },
	/* a plan that was made while the tables were small is as good when they are large */
	{ "SET enable_seqscan = off", false, STORE_LOOKUP, STORE_RECORDER },
	{ "SET jit = off", false, STORE_LOOKUP, STORE_ADMIN },
	/* clang-format on */
};

enum { SETTINGS = sizeof settings / sizeof settings[0] };

/* Each by itself, all in one round trip: of what may fail nothing else depends. */
static enum outcome
set_up(struct db *db, struct error *err)
{
	struct pg_train t[SETTINGS] = { { .n = 0 } };
	enum outcome o = FOUND;

	if (PQsetnonblocking(db->conn, 1) != 0 || PQenterPipelineMode(db->conn) != 1)
		return lost(db, err);
	for (int i = 0; i < SETTINGS && o == FOUND; i++) {
		if (db->role < settings[i].least || db->role > settings[i].most)
			continue;
		pg_add(&t[i], settings[i].text);
		if (!send_all(db->conn, &t[i]))
			o = lost(db, err);
	}
	for (int i = 0; i < SETTINGS && o == FOUND; i++) {
		if (t[i].n == 0)
			continue;
		o = take_all(db, &t[i], err);
		if (o == FOUND && settings[i].must && !is_done(t[i].request[0].result))
			o = pg_failed(db, t[i].request[0].result, err);
	}
	for (int i = 0; i < SETTINGS; i++)
		pg_train_clear(&t[i]);
	return o == FOUND ? FOUND : RETRY;
}

enum outcome
pg_reach(struct db *db, struct error *err)
{
	enum outcome o = RETRY;

	/* who has all the time in the world may try as often as he likes */
	if (db->limit_ms == 0 || pg_now() >= db->retry_at)
		o = go_through_hosts(db, &db->conn);
	else
		return error_set(
		    err, RETRY, "the store '%s' is out of reach: %s", db->place.shown, db->why);
	if (o == FOUND)
		o = set_up(db, err);
	else
		error_set(
		    err, RETRY, "the store '%s' is out of reach: %s", db->place.shown, db->why);
	if (o == FOUND) {
		db->pause_ms = 0;
		db->why[0] = '\0';
		return FOUND;
	}
	pg_lose(db);
	pause_a_while(db);
	return RETRY;
}

bool
pg_is_alive(struct db *db)
{
	if (db->conn == NULL || db->broken)
		return false;
	while (wait_for(PQsocket(db->conn), false, 0))
		if (PQconsumeInput(db->conn) == 0)
			return false; /* its end came */
	return PQstatus(db->conn) == CONNECTION_OK;
}
