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

#include "mail/address.h"
#include "store/handle.h"
#include "store/pg_person.h"

#define Q(name, text) static const char sql_##name[] __attribute__((unused)) = text;
#include "schema/postgresql_ask.h"
#undef Q

static const struct pg_statement pulse_statement = { "pulse", sql_pulse };

/* Stand in the ring where the answer is due to a pulse, and to what is asked about a domain. */
static struct remote_ask pulse = { .until = UINT64_MAX };
static struct remote_ask lesson = { .until = UINT64_MAX };

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
	pg_memory_free(l->memory);
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

/* What the server says of itself whenever that changes; NULL: it does not, as before PostgreSQL 14.
 */
static const char *
said_of_standby(const struct pg_line *l)
{
	return PQparameterStatus(l->conn, "in_hot_standby");
}

bool
pg_line_is_standby(const struct pg_line *l)
{
	const char *said = said_of_standby(l);

	return said != NULL ? strcmp(said, "on") == 0 : l->standby;
}

/* --- sending ---------------------------------------------------------------------------------- */

bool
pg_line_has_room(const struct pg_line *l)
{
	return l->state == PG_READY && l->n < PG_LINE_DEPTH;
}

static enum outcome
send(struct pg_line *l, const struct pg_ask *what, struct remote_ask *a, struct error *err)
{
	if (PQsendQueryPrepared(
		l->conn, what->statement->name, what->n, what->value, NULL, NULL, 0) == 0)
		return no_connection(l, "cannot ask", err);
	if (l->n == 0)
		l->heard = remote_now();
	l->flying[(l->first + l->n++) % PG_LINE_DEPTH] = a;
	l->unsynced = true;
	return FOUND;
}

/* So that the next questions can do without what they all ask for. It goes first: when it cannot be
 * sent, neither was the question. */
static enum outcome
ask_domain(struct pg_line *l, struct pg_ask *scratch, struct slice name, struct error *err)
{
	if (l->n + 1 == PG_LINE_DEPTH || !pg_memory_wants(l->memory, name))
		return FOUND;
	if (!pg_ask_write_domain(scratch, name))
		return error_set(err, BAD, "no memory for a question");
	pg_memory_expect(l->memory, name);
	return send(l, scratch, &lesson, err);
}

/* What is known of the domain of a question is in its facts from now on. */
static enum outcome
recall_domain(struct pg_line *l, struct pg_ask *scratch, struct remote_ask *a, struct error *err)
{
	const struct question *q = a->question;

	a->view = 0;
	facts_clear(a->facts);
	if (l->memory == NULL || !pg_ask_is_of_domain(q))
		return FOUND;
	if (!a->whole)
		a->view = pg_memory_find(l->memory, q->domain, &a->facts->domain);
	return a->view != 0 ? FOUND : ask_domain(l, scratch, q->domain, err);
}

static bool
write_for_lookup(struct pg_ask *scratch, const struct remote_ask *a)
{
	if (a->view != 0)
		return pg_ask_write_rest(scratch, a->question, &a->facts->domain);
	return pg_ask_write(scratch, a->question, time(NULL));
}

static enum outcome
ask_person(struct pg_line *l, struct pg_ask *scratch, struct remote_ask *a, struct error *err)
{
	enum outcome o = pg_person_write(scratch, a->person, err);

	if (o == FOUND)
		return send(l, scratch, a, err);
	return o == RETRY ? BAD : o;
}

enum outcome
pg_line_ask(struct pg_line *l, struct pg_ask *scratch, struct remote_ask *a, struct error *err)
{
	enum outcome o;

	if (a->person != NULL)
		return ask_person(l, scratch, a, err);
	o = recall_domain(l, scratch, a, err);
	if (o != FOUND)
		return o;
	if (!write_for_lookup(scratch, a))
		return error_set(err, BAD, "no memory for a question");
	return send(l, scratch, a, err);
}

/* One that was behind, and says that it is no standby any more, is asked once more: it is not
 * behind then. */
static bool
has_pulse_now(const struct pg_line *l)
{
	return l->has_pulse && (pg_line_is_standby(l) || l->behind || said_of_standby(l) == NULL);
}

enum outcome
pg_line_feel_pulse(struct pg_line *l, struct error *err)
{
	static const struct pg_ask feel = { .statement = &pulse_statement };

	if (!has_pulse_now(l) || l->pulse_flies || !pg_line_has_room(l))
		return FOUND;
	l->pulse_flies = true;
	return send(l, &feel, &pulse, err);
}

/* A number, as a position in what the primary has written; OTHERWISE where there is none. */
static uint64_t
number(const PGresult *r, int column, uint64_t otherwise)
{
	return PQgetisnull(r, 0, column) ? otherwise : strtoull(PQgetvalue(r, 0, column), NULL, 10);
}

/* On a busy primary there is always something that a standby has not read yet. So it is no longer
 * behind when it has read what it had to when it was found so; or, when it was cut off, what it is
 * told of first. */
static void
judge(struct pg_line *l, bool cut, uint64_t read, uint64_t end)
{
	if (cut)
		l->goal = UINT64_MAX;
	else if (l->goal == UINT64_MAX)
		l->goal = end;
	if (!cut && read >= l->goal)
		l->behind = false;
	if (l->behind || !(cut || read < end))
		return;
	l->behind = true;
	l->behind_since = remote_now();
	if (!cut)
		l->goal = end;
}

/* One that fails says nothing: what was known stays. */
static void
take_pulse(struct pg_line *l, const PGresult *r)
{
	enum { STANDBY, CUT, READ, END, OLDEST };

	l->pulse_flies = false;
	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1)
		return;
	l->standby = number(r, STANDBY, 0) == 1;
	l->oldest = number(r, OLDEST, UINT64_MAX);
	if (l->standby)
		judge(l, number(r, CUT, 0) == 1, number(r, READ, UINT64_MAX), number(r, END, 0));
	else
		l->behind = false;
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
prepare(PGconn *conn, const struct pg_statement *st, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (PQsendPrepare(conn, st[i].name, st[i].sql, 0, NULL) == 0)
			return false;
	return true;
}

static bool
prepare_for(PGconn *conn, enum store_role role)
{
	if (role == STORE_LOOKUP)
		return prepare(conn, pg_ask_statements, PG_ASK_MOMENT);
	return prepare(conn, pg_person_statements, PERSON_WANTS);
}

static bool
prepare_pulse(struct pg_line *l)
{
	l->has_pulse = true;
	return prepare(l->conn, &pulse_statement, 1);
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
	    !prepare_for(l->conn, l->role) || (pg_line_is_standby(l) && !prepare_pulse(l)))
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
    unsigned but, unsigned ms, struct error *err)
{
	*l = (struct pg_line){ .state = PG_CONNECTING, .role = role };
	return connect_on(l,
	    pg_attempt_start_but(&l->attempt, place, first, but, (int64_t)remote_now()), ms, err);
}

/* The server's snapshots tell what was changed: domains can be remembered, and the rest asked for.
 * Without memory they are not. */
static enum outcome
set_up_memory(struct pg_line *l, struct error *err)
{
	l->memory = pg_memory_new();
	if (l->memory == NULL)
		return FOUND;
	if (!prepare(l->conn, pg_ask_statements + PG_ASK_MOMENT, PG_ASKS - PG_ASK_MOMENT))
		return no_connection(l, "cannot set up", err);
	l->unsynced = true;
	return FOUND;
}

/* Of one that is PostgreSQL itself: what else speaks its protocol may not know how to be a standby.
 */
static enum outcome
set_up_pulse(struct pg_line *l, struct error *err)
{
	if (l->has_pulse || said_of_standby(l) != NULL)
		return FOUND;
	if (!prepare_pulse(l))
		return no_connection(l, "cannot set up", err);
	l->unsynced = true;
	return FOUND;
}

static enum outcome
take_schema(struct pg_line *l, const PGresult *r, struct error *err)
{
	if (PQntuples(r) != 1 ||
	    version_check((int)strtol(PQgetvalue(r, 0, 0), NULL, 10), err) != FOUND)
		return RETRY;
	if (strcmp(PQgetvalue(r, 0, 1), "1") != 0)
		return FOUND;
	if (set_up_pulse(l, err) != FOUND ||
	    (l->role == STORE_LOOKUP && set_up_memory(l, err) != FOUND))
		return RETRY;
	return pg_line_flush(l, err);
}

static enum outcome
take_setup(struct pg_line *l, const PGresult *r, struct error *err)
{
	enum { SETTINGS, SCHEMA, PREPARED };
	unsigned step = l->steps++;

	if (PQresultStatus(r) != (step >= PREPARED ? PGRES_COMMAND_OK : PGRES_TUPLES_OK))
		return no_connection(l, "cannot use the store", err);
	return step == SCHEMA ? take_schema(l, r, err) : FOUND;
}

/* --- results ---------------------------------------------------------------------------------- */

static bool
is_own(const struct remote_ask *a)
{
	return a == &pulse || a == &lesson;
}

struct remote_ask *
pg_line_take(struct pg_line *l)
{
	struct remote_ask *a = NULL;

	while ((a == NULL || is_own(a)) && l->n > 0) {
		a = l->flying[l->first];
		l->first = (l->first + 1) % PG_LINE_DEPTH;
		l->n--;
	}
	return is_own(a) ? NULL : a;
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
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	bool encoding = state != NULL && strcmp(state, "22P05") == 0;

	return error_set(err, RETRY, "the store's server says: %.300s%s",
	    text == NULL ? "nothing" : text,
	    encoding ? " (`vmailctl copy` moves the store to a database in UTF8)" : "");
}

/* What was prepared does not fit to what is there any more: a new connection will. But a right that
 * we lack it has no more than this one, which sees at once that it was given. */
static bool
is_of_another_schema(const char *state)
{
	if (strcmp(state, "42501") == 0)
		return false;
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

/* One that fails teaches nothing. */
static void
take_lesson(struct pg_line *l, const PGresult *r)
{
	struct domain_facts found = { .propagate = -1 };
	struct error err;
	struct slice name;
	struct pg_at at;
	int64_t moment;

	sbuf_init(&found.name, ADDRESS_DOMAIN_MAX);
	sbuf_init(&found.target, ADDRESS_DOMAIN_MAX);
	if (PQresultStatus(r) == PGRES_TUPLES_OK &&
	    pg_ask_read_domain(r, &found, &name, &at, &moment, &err) == FOUND)
		pg_memory_learn(l->memory, name, &at, moment, &found);
	else
		pg_memory_miss(l->memory);
	sbuf_release(&found.target);
	sbuf_release(&found.name);
}

/* What was known of the domain, and the rows that have come: facts only if both are of one moment.
 * If not, it is asked again, for all of it. */
static void
take_rest(
    struct pg_line *l, const PGresult *r, struct remote_ask *a, pg_line_again_fn *again, void *arg)
{
	struct error err;
	struct pg_at at = { .server = 0 };
	enum outcome o = pg_ask_read_rest(r, a->question, a->facts, &at, &err);

	if (at.snapshot.n > 0 && pg_memory_confirm(l->memory, a->view, &at, &a->moment) != FOUND) {
		a->whole = true;
		again(arg, a);
		return;
	}
	a->done(a, o, &err);
}

static void
take_rows(
    struct pg_line *l, const PGresult *r, struct remote_ask *a, pg_line_again_fn *again, void *arg)
{
	struct error err;

	if (a->person != NULL)
		a->done(a, pg_person_read(r, a->person, &err), &err);
	else if (a->view != 0)
		take_rest(l, r, a, again, arg);
	else
		a->done(a, pg_ask_read(r, a->question, a->facts, &a->moment, &err), &err);
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
	else if (a == &lesson)
		take_lesson(l, r);
	else if (a != NULL && is_asked_again(r))
		again(arg, a);
	else if (a != NULL && ok)
		take_rows(l, r, a, again, arg);
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
		if (l->state == PG_SETTING_UP && l->syncs == 0)
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
