/* SPDX-License-Identifier: ISC
 *
 * One connection of the pool. libpq's pipeline: statements go out one behind the other, and so do
 * their results come back; a mark behind those of one burst ends what an error in it takes along.
 */
#include "store/pg_line.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/handle.h"
#include "store/pg_person.h"

#define Q(name, text) static const char sql_##name[] __attribute__((unused)) = text;
#include "schema/postgresql_ask.h"
#undef Q

static const char ASK[] = "ask", PULSE[] = "pulse";

/* Stands in the ring where the answer to a pulse is due. */
static struct remote_ask pulse = { .until = UINT64_MAX };

/* --- opening ---------------------------------------------------------------------------------- */

/* libpq's texts may have several lines, of which the first tells. */
static enum outcome
no_connection(const struct pg_line *l, const char *what, struct error *err)
{
	const char *text = l->conn == NULL ? "no memory" : PQerrorMessage(l->conn);

	return error_set(err, RETRY, "%s: %.*s", what, (int)strcspn(text, "\n"), text);
}

void
pg_line_close(struct pg_line *l)
{
	if (l->state == PG_CONNECTING)
		pg_attempt_stop(&l->attempt);
	if (l->conn != NULL)
		PQfinish(l->conn);
	*l = (struct pg_line){ .host = l->host, .attempt.hosts = l->attempt.hosts };
}

int
pg_line_socket(const struct pg_line *l)
{
	const PGconn *conn = l->state == PG_CONNECTING ? l->attempt.conn : l->conn;

	return conn == NULL ? -1 : PQsocket(conn);
}

bool
pg_line_is_due(const struct pg_line *l, uint64_t now)
{
	return l->state == PG_CONNECTING && (int64_t)now >= l->attempt.give_up;
}

bool
pg_line_is_readable(const struct pg_line *l)
{
	struct pollfd p = { .fd = pg_line_socket(l), .events = POLLIN };

	return p.fd >= 0 && poll(&p, 1, 0) > 0;
}

bool
pg_line_is_standby(const struct pg_line *l)
{
	const char *said = PQparameterStatus(l->conn, "in_hot_standby");

	return said != NULL && strcmp(said, "on") == 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

bool
pg_line_has_room(const struct pg_line *l)
{
	return l->state == PG_READY && l->n < PG_LINE_DEPTH;
}

/* FOUND, NONE or BAD, as pg_line_ask. */
static enum outcome
write_question(struct pg_ask *scratch, const struct remote_ask *a, const char **name, int *n,
    struct error *err)
{
	enum outcome o;

	if (a->person != NULL) {
		*name = pg_person[a->person->want].name;
		o = pg_person_write(scratch, a->person, n, err);
		return o == RETRY ? BAD : o;
	}
	*name = ASK;
	*n = PG_ASK_PARAMETERS;
	if (!pg_ask_write(scratch, a->question, time(NULL)))
		return error_set(err, BAD, "no memory for a question");
	return FOUND;
}

enum outcome
pg_line_ask(struct pg_line *l, struct pg_ask *scratch, struct remote_ask *a, struct error *err)
{
	const char *name;
	int n;
	enum outcome o = write_question(scratch, a, &name, &n, err);

	if (o != FOUND)
		return o;
	if (PQsendQueryPrepared(l->conn, name, n, scratch->value, NULL, NULL, 0) == 0)
		return no_connection(l, "cannot ask", err);
	if (l->n == 0)
		l->heard = remote_now();
	l->flying[(l->first + l->n++) % PG_LINE_DEPTH] = a;
	l->unsynced = true;
	return FOUND;
}

enum outcome
pg_line_feel_pulse(struct pg_line *l, struct error *err)
{
	if (l->pulse_flies || !pg_line_has_room(l) || !pg_line_is_standby(l))
		return FOUND;
	if (PQsendQueryPrepared(l->conn, PULSE, 0, NULL, NULL, NULL, 0) == 0)
		return no_connection(l, "cannot ask", err);
	if (l->n == 0)
		l->heard = remote_now();
	l->flying[(l->first + l->n++) % PG_LINE_DEPTH] = &pulse;
	l->pulse_flies = l->unsynced = true;
	return FOUND;
}

/* One that fails says nothing: what was known stays. */
static void
take_pulse(struct pg_line *l, const PGresult *r)
{
	bool behind;

	l->pulse_flies = false;
	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1)
		return;
	behind = strcmp(PQgetvalue(r, 0, 0), "1") == 0;
	if (behind && !l->behind)
		l->behind_since = remote_now();
	l->behind = behind;
}

static enum outcome
send_off(struct pg_line *l, struct error *err)
{
	int left = PQflush(l->conn);

	if (left < 0)
		return no_connection(l, "cannot send", err);
	l->wants_write = left > 0;
	l->wants_read = true;
	return FOUND;
}

enum outcome
pg_line_flush(struct pg_line *l, struct error *err)
{
	if (!l->unsynced)
		return FOUND;
	if (PQpipelineSync(l->conn) == 0)
		return no_connection(l, "cannot ask", err);
	l->unsynced = false;
	l->syncs++;
	return send_off(l, err);
}

/* --- setting up: after connecting, before the first question ---------------------------------- */

static bool
prepare(PGconn *conn, enum store_role role)
{
	if (role == STORE_LOOKUP)
		return PQsendPrepare(conn, ASK, sql_ask, 0, NULL) == 1;
	for (size_t i = 0; i < PERSON_WANTS; i++)
		if (PQsendPrepare(conn, pg_person[i].name, pg_person[i].text, 0, NULL) == 0)
			return false;
	return true;
}

static enum outcome
set_up(struct pg_line *l, unsigned ms, struct error *err)
{
	char limit[16];
	const char *const value[] = { limit,
		l->role == STORE_LOOKUP ? "vmaild_lookup" : "vmaild_login" };

	snprintf(limit, sizeof limit, "%u", ms);
	if (PQsetnonblocking(l->conn, 1) != 0 || PQenterPipelineMode(l->conn) == 0 ||
	    PQsendQueryParams(l->conn, sql_settings, 2, NULL, value, NULL, NULL, 0) == 0 ||
	    PQsendQueryParams(l->conn, sql_schema, 0, NULL, NULL, NULL, NULL, 0) == 0 ||
	    !prepare(l->conn, l->role) ||
	    (pg_line_is_standby(l) && PQsendPrepare(l->conn, PULSE, sql_pulse, 0, NULL) == 0))
		return no_connection(l, "cannot set up", err);
	l->unsynced = true;
	return pg_line_flush(l, err);
}

static enum outcome
connect_on(struct pg_line *l, enum pg_progress progress, unsigned ms, struct error *err)
{
	switch (progress) {
	case PG_READ:
	case PG_WRITE:
		l->host = l->attempt.host;
		l->wants_read = progress == PG_READ;
		l->wants_write = progress == PG_WRITE;
		return FOUND;
	case PG_DONE:
		l->conn = l->attempt.conn;
		l->attempt.conn = NULL;
		l->state = PG_SETTING_UP;
		l->host = l->attempt.host;
		l->heard = remote_now();
		return set_up(l, ms, err);
	default:
		l->state = PG_DOWN;
		return error_set(err, RETRY, "%s", l->attempt.why);
	}
}

enum outcome
pg_line_open(struct pg_line *l, struct pg_place *place, enum store_role role, size_t first,
    unsigned ms, struct error *err)
{
	*l = (struct pg_line){ .state = PG_CONNECTING, .role = role };
	return connect_on(
	    l, pg_attempt_start(&l->attempt, place, false, first, (int64_t)remote_now()), ms, err);
}

static enum outcome
take_setup(struct pg_line *l, const PGresult *r, struct error *err)
{
	enum { SETTINGS, SCHEMA, PREPARED };
	bool ok = PQresultStatus(r) == (l->steps >= PREPARED ? PGRES_COMMAND_OK : PGRES_TUPLES_OK);

	if (!ok)
		return no_connection(l, "cannot use the store", err);
	if (l->steps == SCHEMA &&
	    (PQntuples(r) != 1 ||
		version_check((int)strtol(PQgetvalue(r, 0, 0), NULL, 10), err) != FOUND))
		return RETRY;
	l->steps++;
	return FOUND;
}

/* --- results ---------------------------------------------------------------------------------- */

struct remote_ask *
pg_line_take(struct pg_line *l)
{
	struct remote_ask *a = NULL;

	while ((a == NULL || a == &pulse) && l->n > 0) {
		a = l->flying[l->first];
		l->first = (l->first + 1) % PG_LINE_DEPTH;
		l->n--;
	}
	return a == &pulse ? NULL : a;
}

static struct remote_ask *
take_oldest(struct pg_line *l)
{
	struct remote_ask *a = l->flying[l->first];

	l->first = (l->first + 1) % PG_LINE_DEPTH;
	l->n--;
	return a;
}

/* What says nothing about the question, but that it should be asked of somebody else: the server
 * ends the connection, or a standby has to follow its primary first. */
static bool
is_asked_again(const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	return PQresultStatus(r) == PGRES_PIPELINE_ABORTED ||
	       (state != NULL && (strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0 ||
				     strcmp(state, "40001") == 0));
}

static enum outcome
say_failure(const PGresult *r, struct error *err)
{
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	return error_set(
	    err, RETRY, "the store's server says: %.300s", text == NULL ? "nothing" : text);
}

/* What was prepared does not fit to what is there any more: a new connection will. */
static bool
is_of_another_schema(const char *state)
{
	return strncmp(state, "42", 2) == 0 || strcmp(state, "0A000") == 0 ||
	       strcmp(state, "26000") == 0;
}

static bool
is_the_end(const PGresult *r)
{
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	return (severity != NULL &&
		   (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0)) ||
	       (state != NULL && is_of_another_schema(state));
}

static enum outcome
read_answer(const PGresult *r, struct remote_ask *a, struct error *err)
{
	if (a->person != NULL)
		return pg_person_read(r, a->person, err);
	return pg_ask_read(r, a->question, a->facts, &a->moment, err);
}

static enum outcome
take_answer(
    struct pg_line *l, const PGresult *r, pg_line_again_fn *again, void *arg, struct error *why)
{
	struct remote_ask *a = take_oldest(l);
	bool ok = PQresultStatus(r) == PGRES_TUPLES_OK;
	struct error err;

	if (a == &pulse)
		take_pulse(l, r);
	else if (a != NULL && is_asked_again(r))
		again(arg, a);
	else if (a != NULL && ok)
		a->done(a, read_answer(r, a, &err), &err);
	else if (a != NULL)
		a->done(a, say_failure(r, &err), &err);
	return !ok && is_the_end(r) ? say_failure(r, why) : FOUND;
}

static enum outcome
take_result(
    struct pg_line *l, const PGresult *r, pg_line_again_fn *again, void *arg, struct error *err)
{
	if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
		l->syncs--;
		if (l->state == PG_SETTING_UP)
			l->state = PG_READY;
		return FOUND;
	}
	if (l->state == PG_SETTING_UP)
		return take_setup(l, r, err);
	if (l->n == 0)
		return error_set(err, RETRY, "an answer that nobody asked for");
	return take_answer(l, r, again, arg, err);
}

/* Nothing is what stands between two statements. In the place of a result it is one that was lost,
 * for want of memory: from there on each answer would be taken for the one to the question before.
 */
static enum outcome
take_nothing(struct pg_line *l, struct error *err)
{
	if (!l->between)
		return error_set(err, RETRY, "an answer was lost");
	l->between = false;
	return FOUND;
}

static enum outcome
take_next(struct pg_line *l, pg_line_again_fn *again, void *arg, struct error *err)
{
	PGresult *r = PQgetResult(l->conn);
	enum outcome o;

	if (r == NULL)
		return take_nothing(l, err);
	l->between = PQresultStatus(r) != PGRES_PIPELINE_SYNC;
	o = take_result(l, r, again, arg, err);
	PQclear(r);
	return o;
}

static enum outcome
take_results(struct pg_line *l, pg_line_again_fn *again, void *arg, struct error *err)
{
	enum outcome o = FOUND;

	while (o == FOUND && l->syncs > 0 && !PQisBusy(l->conn))
		o = take_next(l, again, arg, err);
	return o;
}

enum outcome
pg_line_go_on(struct pg_line *l, unsigned ms, pg_line_again_fn *again, void *arg, struct error *err)
{
	enum outcome o;

	if (l->state == PG_DOWN)
		return FOUND;
	if (l->state == PG_CONNECTING)
		return connect_on(l, pg_attempt_go(&l->attempt, (int64_t)remote_now()), ms, err);
	if (PQconsumeInput(l->conn) == 0)
		return no_connection(l, "the connection is gone", err);
	l->heard = remote_now();
	o = take_results(l, again, arg, err);
	if (o == FOUND && l->wants_write)
		o = send_off(l, err);
	return o;
}
