/* SPDX-License-Identifier: ISC
 *
 * Answers Postfix: one event loop, one read-only store that denies credentials, every lookup from
 * the first byte to the last without waiting for anything but the store.
 */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "lookup_client.h"
#include "lookup_later.h"
#include "loop.h"
#include "session/answers.h"
#include "source.h"
#include "sys/log.h"
#include "wire/tcptable.h"

enum {
	TURN_ANSWERS = 64,
	TURN_MS = 10,
	FEW = 16,     /* clients: fewer than what the kernel tells of at once */
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
	struct trouble late;
	struct later later; /* in place of all but the first two, when the store answers later */
	struct answers *answers;
	const struct lookup_log *log;
	int clock;         /* tells when the view is to be let go; -1: none */
	struct event rest; /* it does */
	bool resting;      /* it will */
	int round;         /* how many events the loop learned of at once */
	int left;          /* and how many of them are still to be served */
};

/* --- the view of the store -------------------------------------------------------------------- */

static void
on_rest(evutil_socket_t fd, short what, void *arg)
{
	struct lookup_worker *w = arg;
	uint64_t times;

	(void)what;
	if (read(fd, &times, sizeof times) < 0)
		return;
	w->resting = false;
	store_rest(w->source.store);
}

/* A timer of the event loop's would have the kernel begin and end one at every wait for clients. */
static void
start_clock(struct lookup_worker *w)
{
	w->clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (w->clock < 0)
		log_warning(
		    "no timer: the store is read anew for every client: %s", strerror(errno));
	else {
		event_assign(&w->rest, w->loop.base, w->clock, EV_READ | EV_PERSIST, on_rest, w);
		event_add(&w->rest, NULL);
	}
}

static void
stop_clock(struct lookup_worker *w)
{
	if (w->clock < 0)
		return;
	event_del(&w->rest);
	close(w->clock);
}

/* Another one when there is more to be served than before. */
static void
count_round(struct lookup_worker *w)
{
	int left = event_base_get_num_events(w->loop.base, EVENT_BASE_COUNT_ACTIVE);

	if (left > w->left)
		w->round = left + 1;
	w->left = left;
}

/* Tell whether the store is to be asked if its file was replaced. The kernel tells of that by
 * itself before it tells of any client who asked later, if it does not have too many of them to
 * tell of. But what came behind a first request may have been sent after that; and who leaves reads
 * from clients of whom the kernel has not told. */
static bool
must_look(const struct lookup_worker *w, const struct lookup_client *c, struct slice in)
{
	if (w->loop.draining || !w->source.watching || !lookup_session_is_one(&c->session, in))
		return true;
	return w->round >= FEW && !w->loop.serving;
}

/* Have the store as it is at this moment, for what IN asks. */
static void
enter(struct lookup_worker *w, const struct lookup_client *c, struct slice in)
{
	struct error err;
	enum outcome o = source_ready(&w->source, must_look(w, c, in), &err);

	answers_turn(w->answers, o == FOUND ? store_view(w->source.store) : 0);
	source_watch(&w->source, w->loop.base);
}

/* The burst is over. */
static void
leave(struct lookup_worker *w)
{
	const struct itimerspec after = { .it_value.tv_nsec = REST_MS * NS_PER_MS };

	if (w->source.state == SOURCE_READING && !w->resting)
		w->resting = w->clock >= 0 && timerfd_settime(w->clock, 0, &after, NULL) == 0;
	source_end(&w->source);
	if (!w->resting && w->source.store != NULL)
		store_rest(w->source.store);
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

/* One question of policy can take many lookups, each of them in time. */
static bool
is_late(struct lookup_worker *w, struct error *err)
{
	if (!policy_is_late(&w->policy, clock_ms(), w->source.deadline))
		return false;
	error_set(err, RETRY, "no answer within %u ms in all", w->source.deadline);
	trouble_log(&w->late, "'policy': told to try again: %s", err->text);
	return true;
}

static void
answer(struct lookup_worker *w)
{
	struct lookup *l = &w->lookup;
	struct error err;
	enum outcome o;

	if (is_late(w, &err)) {
		lookup_fail(l, &err);
		return;
	}
	o = ask(w, &err);
	if (source_report(&w->source, o, l->map->name, &err) == RETRY)
		lookup_fail(l, &err);
}

/* --- one connection --------------------------------------------------------------------------- */

/* What one client is given before the others have their turn: so many answers, and no more once
 * they took so long, for in bad times every one may have to wait for the store. Who leaves gives
 * everybody all he asked for. */
struct turn {
	uint64_t begin; /* clock_ns, of the first that had to be looked up; 0: none yet */
	unsigned answers;
};

static bool
is_over(struct turn *t, const struct lookup_client *c, uint64_t now)
{
	return !c->conn.loop->draining &&
	       (++t->answers >= TURN_ANSWERS || now - t->begin >= (uint64_t)TURN_MS * NS_PER_MS);
}

static enum want
answer_all(struct lookup_worker *w, struct lookup_client *c, struct slice *in)
{
	struct turn turn = { .begin = 0 };
	struct slice nothing = slice_str("");
	enum want want;
	uint64_t now;

	while (
	    (want = lookup_session_step(&c->session, &w->lookup, in, &c->conn.out)) == WANT_FACTS) {
		answer(w);
		now = clock_ns();
		slab_took(w->loop.slot, now - w->source.since);
		if (turn.begin == 0)
			turn.begin = w->source.since;
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
	struct lookup_client *c = (struct lookup_client *)conn;
	struct slice in = sbuf_slice(&conn->in);

	count_round(w);
	w->rules.now = time(NULL);
	/* who only comes or goes is no reason to wait for the store */
	if (in.n > 0)
		enter(w, c, in);
	conn->again = false;
	if (answer_all(w, c, &in) == WANT_CLOSE)
		conn->closing = true;
	conn->held = conn->again;
	leave(w);
	lookup_client_say_note(c, &w->unsendable);
	sbuf_drop(&conn->in, conn->in.n - in.n);
}

static void
foresee(struct conn *conn)
{
	struct lookup_client *c = (struct lookup_client *)conn;

	count_round((struct lookup_worker *)conn->loop);
	lookup_session_foresee(&c->session, sbuf_slice(&conn->in));
}

static void
fetch(struct conn *conn)
{
	struct lookup_client *c = (struct lookup_client *)conn;

	answers_fetch(c->session.answers, c->session.foreseen);
}

static void
free_conn(struct conn *conn)
{
	struct lookup_client *c = (struct lookup_client *)conn;

	lookup_session_release(&c->session);
	free(c);
}

static const struct conn_kind lookup_kind = {
	.in_max = 2 * TCPTABLE_LINE_MAX,
	.send_limit = 100, /* what Postfix itself waits */
	.serve = serve,
	.foresee = foresee,
	.fetch = fetch,
	.busy = lookup_client_never,
	.midway = lookup_client_never,
	.free = free_conn,
};

static bool
accepted(struct loop *loop, int fd, const struct listener *from)
{
	struct lookup_worker *w = (struct lookup_worker *)loop;
	struct lookup_client *c = malloc(sizeof *c);

	if (c == NULL)
		return false;
	lookup_client_init(c, loop, from, &w->rules, &w->policy, w->log);
	c->session.answers = w->answers;
	conn_start(&c->conn, &lookup_kind, loop, fd, from);
	conn_serve(&c->conn);
	return true;
}

/* --- the worker ------------------------------------------------------------------------------- */

static bool
accepted_later(struct loop *loop, int fd, const struct listener *from)
{
	struct lookup_worker *w = (struct lookup_worker *)loop;

	return later_accept(&w->later, loop, fd, from);
}

static int
serve_later(struct lookup_worker *w, const struct conf *conf)
{
	struct error err;
	int status = 0;

	if (later_init(&w->later, &w->loop, conf, w->log, &w->rules, &err)) {
		loop_run(&w->loop);
	} else {
		log_error("%s", err.text);
		status = 1;
	}
	loop_disconnect(&w->loop);
	later_release(&w->later); /* its events are the loop's */
	loop_release(&w->loop);
	return status;
}

int
lookup_worker(const struct worker_setup *setup)
{
	const struct conf *conf = setup->conf;
	bool later = remote_wanted(conf_store_for_lookups(conf));
	struct lookup_worker w = { .log = setup->lookup_log };
	struct error err;

	if (!loop_init(&w.loop, setup, SIDE_LOOKUP, later ? accepted_later : accepted, &err)) {
		log_error("%s", err.text);
		return 1;
	}
	w.rules = (struct lookup_rules){ .delimiters = conf->recipient_delimiter,
		.propagate = conf->propagate_extensions };
	if (later)
		return serve_later(&w, conf);
	lookup_init(&w.lookup);
	policy_init(&w.policy);
	facts_init(&w.facts);
	w.answers = lookup_client_answers(conf->answer_memory);
	start_clock(&w);
	source_init(&w.source, conf_store_for_lookups(conf), STORE_LOOKUP,
	    (unsigned)conf->lookup_deadline, &setup->slot->store_failures);
	source_watch(&w.source, w.loop.base);
	loop_run(&w.loop);
	stop_clock(&w);
	loop_disconnect(&w.loop);
	source_release(&w.source); /* its events are the loop's */
	loop_release(&w.loop);
	lookup_client_forget(w.answers);
	facts_release(&w.facts);
	policy_release(&w.policy);
	lookup_release(&w.lookup);
	return 0;
}
