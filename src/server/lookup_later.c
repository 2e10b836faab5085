/* SPDX-License-Identifier: ISC
 *
 * Lookups in a store that answers later.
 *
 * The facts of one lookup must be of one moment: one told that there is no alias, before a commit,
 * and that there is no mailbox, after it, would not find an address that was never gone. So each
 * answer says of which moment it is, and a lookup whose questions fell on both sides of a change is
 * begun anew. The moments are counted by who changes the store: SQL that is not ours has to do so
 * too (vmaild.conf(5)).
 */
#include "lookup_later.h"

#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "lookup_client.h"
#include "sys/log.h"
#include "wire/tcptable.h"

enum {
	SPARES_MAX = 128,
	BEGUN_MAX = 8 /* a lookup that always meets a change ends as one that failed */
};

struct later_conn {
	struct lookup_client client; /* first: the connection's callbacks find us by it */
	struct later *later;
	struct inquiry *inquiry; /* what is under way; NULL: nothing */
};

struct inquiry {
	struct remote_ask ask; /* first: its callback finds us by it */
	struct lookup lookup;
	struct policy policy;
	struct facts facts;
	struct later_conn *conn;
	struct inquiry *next;
	uint64_t since; /* clock_ns */
	uint64_t questions;
	int64_t moment; /* of the first facts, or 0: none are there yet */
	unsigned begun;
	bool waiting; /* for facts */
};

/* --- inquiries -------------------------------------------------------------------------------- */

static void on_facts(struct remote_ask *a, enum outcome o, const struct error *err);

static struct inquiry *
take_inquiry(struct later_conn *c)
{
	struct inquiry *q = c->later->spare;

	if (q != NULL) {
		c->later->spare = q->next;
		c->later->spares--;
	} else {
		q = calloc(1, sizeof *q);
		if (q == NULL)
			return NULL;
		lookup_init(&q->lookup);
		policy_init(&q->policy);
		facts_init(&q->facts);
		q->ask.question = &q->lookup.question;
		q->ask.facts = &q->facts;
		q->ask.done = on_facts;
	}
	q->conn = c;
	c->inquiry = q;
	c->client.session.policy = &q->policy;
	return q;
}

static void
free_inquiry(struct inquiry *q)
{
	facts_release(&q->facts);
	policy_release(&q->policy);
	lookup_release(&q->lookup);
	free(q);
}

static void
drop_inquiry(struct later_conn *c)
{
	struct inquiry *q = c->inquiry;
	struct later *l = c->later;

	if (q == NULL)
		return;
	if (q->waiting)
		remote_forget(l->source.remote, &q->ask);
	q->waiting = false;
	c->inquiry = NULL;
	if (l->spares >= SPARES_MAX) {
		free_inquiry(q);
		return;
	}
	q->next = l->spare;
	l->spare = q;
	l->spares++;
}

/* --- one lookup ------------------------------------------------------------------------------- */

static void
ask(struct inquiry *q)
{
	q->waiting = true;
	q->questions++;
	remote_source_ask(&q->conn->later->source, &q->ask);
}

/* The session has begun a lookup, and its time runs from now on; or the next one of the same
 * request, whose time it shares, and whose moment. */
static void
begin(struct inquiry *q, bool first)
{
	q->since = clock_ns();
	q->questions = 0;
	if (first) {
		q->ask.until = remote_now() + q->conn->later->deadline;
		q->ask.line = 0;
		q->moment = 0;
		q->begun = 1;
	}
	ask(q);
}

static bool
is_policy(const struct inquiry *q)
{
	return q->conn->client.conn.from->protocol == PROTOCOL_POLICY;
}

/* What was answered last, if that may be given for want of anything newer. */
static bool
is_answered_of_old(struct inquiry *q)
{
	struct later *l = q->conn->later;
	struct answered before;

	/* a policy goes by more of an answer than is kept */
	if (is_policy(q) || l->source.lost_at == 0 ||
	    remote_now() - l->source.lost_at > l->stale_ms ||
	    !answers_find(
		l->stale, slice_str(q->lookup.map->name), sbuf_slice(&q->lookup.key), 0, &before) ||
	    before.outcome != FOUND)
		return false;
	lookup_assume(&q->lookup, before.text);
	counter_add(&q->conn->client.conn.loop->slot->tally.stale, 1);
	return true;
}

static void
fail(struct inquiry *q, const struct error *err)
{
	struct later *l = q->conn->later;

	counter_add(&q->conn->client.conn.loop->slot->store_failures, 1);
	if (is_answered_of_old(q))
		return;
	trouble_log(&l->failing, "'%s': told to try again: %s", q->lookup.map->name, err->text);
	lookup_fail(&q->lookup, err);
}

/* Only what exists is kept: that somebody is not there may be wrong by tomorrow. But somebody who
 * is gone is not there any more. */
static void
keep_answer(struct inquiry *q)
{
	const struct lookup *l = &q->lookup;
	struct answered answer = { .outcome = l->outcome, .text = sbuf_slice(&l->value) }, before;
	struct answers *stale = q->conn->later->stale;
	struct slice map = slice_str(l->map->name), key = sbuf_slice(&l->key);

	if (stale == NULL || l->ours)
		return;
	if (l->outcome != FOUND && l->outcome != NONE)
		return;
	if (l->timed) /* not to be kept, and nothing older either */
		answer = (struct answered){ .outcome = NONE };
	if (answer.outcome == FOUND || answers_find(stale, map, key, 0, &before))
		answers_keep(stale, map, key, &answer);
}

static void
tell(struct inquiry *q)
{
	struct error err;

	if (q->moment == 0)
		q->moment = q->ask.moment;
	if (q->ask.moment == q->moment) {
		lookup_tell(&q->lookup, &q->facts);
		return;
	}
	q->moment = 0;
	if (++q->begun <= BEGUN_MAX) {
		if (is_policy(q))
			policy_again(&q->policy);
		else
			lookup_again(&q->lookup);
		return;
	}
	error_set(&err, RETRY, "the store changes faster than it can be read");
	fail(q, &err);
}

static void
on_facts(struct remote_ask *a, enum outcome o, const struct error *err)
{
	struct inquiry *q = (struct inquiry *)a;
	struct conn *conn = &q->conn->client.conn;

	q->waiting = false;
	if (o == FOUND)
		tell(q);
	else
		fail(q, err);
	if (q->lookup.asking) {
		ask(q);
		return;
	}
	keep_answer(q);
	slab_asked(conn->loop->slot, q->questions);
	slab_took(conn->loop->slot, clock_ns() - q->since);
	conn->held = false;
	conn_serve(conn);
}

/* --- connections ------------------------------------------------------------------------------ */

/* There is no time left to ask anybody. */
static void
fail_at_once(struct inquiry *q)
{
	struct error err;

	error_set(&err, RETRY, "this worker is leaving");
	fail(q, &err);
}

static enum want
step(struct later_conn *c, struct slice *in)
{
	struct lookup_session *s = &c->client.session;
	enum want want;

	while ((want = lookup_session_step(s, &c->inquiry->lookup, in, &c->client.conn.out)) ==
		   WANT_FACTS &&
	       c->client.conn.loop->hurried)
		fail_at_once(c->inquiry);
	return want;
}

static void
serve(struct conn *conn)
{
	struct later_conn *c = (struct later_conn *)conn;
	struct slice in = sbuf_slice(&conn->in);
	enum want want;

	if (c->inquiry != NULL && c->inquiry->waiting)
		return;
	if (c->inquiry == NULL && in.n == 0)
		return;
	if (c->inquiry == NULL && take_inquiry(c) == NULL) {
		conn->closing = conn->abrupt = true; /* no memory: he comes again */
		return;
	}
	c->later->rules->now = time(NULL);
	want = step(c, &in);
	conn->held = want == WANT_FACTS;
	if (conn->held)
		begin(
		    c->inquiry, in.n < conn->in.n || !is_policy(c->inquiry)); /* of a new request */
	else
		drop_inquiry(c);
	if (want == WANT_CLOSE)
		conn->closing = true;
	lookup_client_say_note(&c->client, &c->later->unsendable);
	sbuf_drop(&conn->in, conn->in.n - in.n);
}

static bool
busy(const struct conn *conn)
{
	return ((const struct later_conn *)conn)->inquiry != NULL;
}

static void
hurry(struct conn *conn)
{
	struct later_conn *c = (struct later_conn *)conn;

	if (c->inquiry == NULL || !c->inquiry->waiting)
		return;
	remote_forget(c->later->source.remote, &c->inquiry->ask);
	c->inquiry->waiting = false;
	fail_at_once(c->inquiry);
	conn->held = false;
}

static void
free_conn(struct conn *conn)
{
	struct later_conn *c = (struct later_conn *)conn;

	drop_inquiry(c);
	lookup_session_release(&c->client.session);
	free(c);
}

static const struct conn_kind later_kind = {
	.in_max = 2 * TCPTABLE_LINE_MAX,
	.send_limit = 100, /* what Postfix itself waits */
	.serve = serve,
	.busy = busy,
	.hurry = hurry,
	.midway = lookup_client_never,
	.free = free_conn,
};

bool
later_accept(struct later *l, struct loop *loop, int fd, const struct listener *from)
{
	struct later_conn *c = calloc(1, sizeof *c);

	if (c == NULL)
		return false;
	lookup_client_init(&c->client, loop, from, l->rules, NULL, l->log);
	c->later = l;
	conn_start(&c->client.conn, &later_kind, loop, fd, from);
	conn_serve(&c->client.conn);
	return true;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Kept by no view: which answer may be given is a matter of time here. */
static void
init_stale(struct later *l, const struct conf *conf)
{
	/* without memory for answers that are remembered there is the least for these */
	long kib = conf->answer_memory > 0 ? conf->answer_memory : ANSWERS_LEAST / 1024;

	l->stale_ms = (uint64_t)conf->serve_stale * 1000;
	if (l->stale_ms == 0)
		return;
	l->stale = lookup_client_answers(kib);
	answers_turn(l->stale, 1);
}

bool
later_init(struct later *l, struct loop *loop, const struct conf *conf,
    const struct lookup_log *log, struct lookup_rules *rules, struct error *err)
{
	*l = (struct later){
		.rules = rules, .log = log, .deadline = (unsigned)conf->lookup_deadline
	};
	if (!remote_source_init(&l->source, loop, conf, STORE_LOOKUP, err))
		return false;
	init_stale(l, conf);
	return true;
}

void
later_release(struct later *l)
{
	struct inquiry *q;

	while ((q = l->spare) != NULL) {
		l->spare = q->next;
		free_inquiry(q);
	}
	lookup_client_forget(l->stale);
	remote_source_release(&l->source);
}
