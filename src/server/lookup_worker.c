/* SPDX-License-Identifier: ISC
 *
 * Answers Postfix: one event loop, one read-only store that denies credentials, every lookup from
 * the first byte to the last without waiting for anything but the store.
 */
#include "worker.h"

#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "loop.h"
#include "session/answers.h"
#include "session/lookup_session.h"
#include "source.h"
#include "sys/log.h"
#include "wire/tcptable.h"

enum {
	TURN_ANSWERS = 64,
	TURN_MS = 10,
	REST_MS = 100 /* no view of the store is held for longer */
};

struct lookup_worker {
	struct loop loop; /* first: the loop's callbacks find us by it */
	struct lookup_rules rules;
	struct source source;
	struct lookup lookup;
	struct policy policy;
	struct facts facts;
	struct trouble unsendable;
	struct answers *answers;
	struct event rest; /* when the view is to be let go */
};

struct lookup_conn {
	struct conn conn; /* first: the connection's callbacks find us by it */
	struct lookup_session session;
};

/* --- the view of the store -------------------------------------------------------------------- */

static void
on_rest(evutil_socket_t fd, short what, void *arg)
{
	struct lookup_worker *w = arg;

	(void)fd;
	(void)what;
	store_rest(w->source.store);
}

/* The burst is over. */
static void
leave(struct lookup_worker *w)
{
	struct timeval after = { .tv_usec = REST_MS * 1000 };

	if (w->source.state == SOURCE_READING && !event_pending(&w->rest, EV_TIMEOUT, NULL))
		event_add(&w->rest, &after);
	source_end(&w->source);
}

/* --- one lookup ------------------------------------------------------------------------------- */

/* Ask on until the lookup is over. RETRY when the store failed it. */
static enum outcome
ask(struct lookup_worker *w, struct error *err)
{
	struct lookup *l = &w->lookup;
	enum outcome o = source_begin(&w->source, err);
	uint64_t questions = 0;

	while (o == FOUND && l->asking) {
		questions++;
		o = source_ask(&w->source, err);
		if (o == FOUND)
			o = store_ask(w->source.store, &l->question, &w->facts, err);
		if (o == FOUND)
			lookup_tell(l, &w->facts);
	}
	slab_asked(w->loop.slot, questions);
	return o;
}

static void
answer(struct lookup_worker *w)
{
	struct lookup *l = &w->lookup;
	struct error err;
	enum outcome o = ask(w, &err);

	if (source_report(&w->source, o, l->map->name, &err) == RETRY)
		lookup_fail(l, &err);
}

/* --- one connection --------------------------------------------------------------------------- */

static void
say_note(struct lookup_worker *w, struct lookup_session *s)
{
	char key[400];

	if (s->note.n == 0)
		return;
	trouble_log(&w->unsendable, "%s: key '%s': told to try again", sbuf_cstr(&s->note),
	    log_safe(sbuf_slice(&s->note_key), key, sizeof key));
	sbuf_clear(&s->note);
}

/* What one client is given before the others have their turn: so many answers, and no more once
 * they took so long, for in bad times every one may have to wait for the store. Who leaves gives
 * everybody all he asked for. */
struct turn {
	uint64_t begin; /* clock_ns */
	unsigned answers;
};

static bool
is_over(struct turn *t, const struct lookup_conn *c, uint64_t now)
{
	return !c->conn.loop->draining &&
	       (++t->answers >= TURN_ANSWERS || now - t->begin >= (uint64_t)TURN_MS * NS_PER_MS);
}

static enum want
answer_all(struct lookup_worker *w, struct lookup_conn *c, struct slice *in)
{
	struct turn turn = { .begin = clock_ns() };
	struct slice nothing = slice_str("");
	enum want want;
	uint64_t now;

	while (
	    (want = lookup_session_step(&c->session, &w->lookup, in, &c->conn.out)) == WANT_FACTS) {
		answer(w);
		now = clock_ns();
		slab_took(w->loop.slot, now - w->source.since);
		c->conn.again = is_over(&turn, c, now) || !conn_roomy(&c->conn);
		if (!c->conn.again)
			continue;
		/* the lookup is everybody's: write this reply, and begin no other one */
		while ((want = lookup_session_step(
			    &c->session, &w->lookup, &nothing, &c->conn.out)) == WANT_FACTS)
			answer(w);
		return want;
	}
	return want;
}

static void
serve(struct conn *conn)
{
	struct lookup_worker *w = (struct lookup_worker *)conn->loop;
	struct lookup_conn *c = (struct lookup_conn *)conn;
	struct slice in = sbuf_slice(&conn->in);
	struct error err;

	w->rules.now = time(NULL);
	/* who only comes or goes is no reason to wait for the store */
	if (in.n > 0)
		answers_turn(w->answers,
		    source_begin(&w->source, &err) == FOUND ? store_view(w->source.store) : 0);
	conn->again = false;
	if (answer_all(w, c, &in) == WANT_CLOSE)
		conn->closing = true;
	conn->held = conn->again;
	leave(w);
	say_note(w, &c->session);
	sbuf_drop(&conn->in, conn->in.n - in.n);
}

static bool
busy(const struct conn *conn)
{
	(void)conn;
	return false;
}

static void
free_conn(struct conn *conn)
{
	struct lookup_conn *c = (struct lookup_conn *)conn;

	lookup_session_release(&c->session);
	free(c);
}

static const struct conn_kind lookup_kind = {
	.in_max = 2 * TCPTABLE_LINE_MAX,
	.send_limit = 100, /* what Postfix itself waits */
	.serve = serve,
	.busy = busy,
	.free = free_conn,
};

static bool
accepted(struct loop *loop, int fd, const struct listener *from)
{
	struct lookup_worker *w = (struct lookup_worker *)loop;
	struct lookup_conn *c = malloc(sizeof *c);

	if (c == NULL)
		return false;
	lookup_session_init(&c->session, from->protocol, from->map, &w->rules, &w->policy);
	c->session.answers = w->answers;
	c->session.tally = &loop->slot->tally;
	conn_start(&c->conn, &lookup_kind, loop, fd, from);
	conn_serve(&c->conn);
	return true;
}

/* --- the worker ------------------------------------------------------------------------------- */

/* Without memory for it, answers are looked up each time. */
static void
init_answers(struct lookup_worker *w, long kib)
{
	size_t size = (size_t)kib * 1024;
	unsigned char key[16];

	if (size == 0)
		return;
	randombytes_buf(key, sizeof key);
	w->answers = answers_new(size < ANSWERS_LEAST ? ANSWERS_LEAST : size, key);
	if (w->answers == NULL)
		log_warning("no memory to remember answers in");
}

int
lookup_worker(const struct worker_setup *setup)
{
	const struct conf *conf = setup->conf;
	struct lookup_worker w = { 0 };
	struct error err;

	if (!loop_init(&w.loop, setup, SIDE_LOOKUP, accepted, &err)) {
		log_error("%s", err.text);
		return 1;
	}
	w.rules = (struct lookup_rules){ .delimiters = conf->recipient_delimiter,
		.propagate = conf->propagate_extensions };
	lookup_init(&w.lookup);
	policy_init(&w.policy);
	facts_init(&w.facts);
	init_answers(&w, conf->answer_memory);
	evtimer_assign(&w.rest, w.loop.base, on_rest, &w);
	source_init(&w.source, conf_store_for_lookups(conf), STORE_LOOKUP,
	    (unsigned)conf->lookup_deadline, &setup->slot->store_failures);
	loop_run(&w.loop);
	event_del(&w.rest);
	loop_release(&w.loop);
	source_release(&w.source);
	answers_free(w.answers);
	facts_release(&w.facts);
	policy_release(&w.policy);
	lookup_release(&w.lookup);
	return 0;
}
