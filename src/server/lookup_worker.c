/* SPDX-License-Identifier: ISC
 *
 * Answers Postfix: one event loop, one read-only store that denies credentials, every lookup from
 * the first byte to the last without waiting for anything but the store.
 */
#include "worker.h"

#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "loop.h"
#include "session/lookup_session.h"
#include "source.h"
#include "sys/log.h"
#include "wire/tcptable.h"

enum { TURN_ANSWERS = 64, TURN_MS = 10 };

struct lookup_worker {
	struct loop loop; /* first: the loop's callbacks find us by it */
	struct lookup_rules rules;
	struct source source;
	struct lookup lookup;
	struct facts facts;
	struct trouble unsendable;
};

struct lookup_conn {
	struct conn conn; /* first: the connection's callbacks find us by it */
	struct lookup_session session;
};

/* --- one lookup ------------------------------------------------------------------------------- */

/* Ask on until the lookup is over. RETRY when the store failed it. */
static enum outcome
ask(struct lookup_worker *w, struct error *err)
{
	struct lookup *l = &w->lookup;
	enum outcome o = source_begin(&w->source, err);

	while (o == FOUND && l->asking) {
		o = source_ask(&w->source, err);
		if (o == FOUND)
			o = store_ask(w->source.store, &l->question, &w->facts, err);
		if (o == FOUND)
			lookup_tell(l, &w->facts);
	}
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
	uint64_t begin;
	unsigned answers;
};

static bool
is_over(struct turn *t, const struct lookup_conn *c)
{
	return !c->conn.loop->draining &&
	       (++t->answers >= TURN_ANSWERS || clock_ms() - t->begin >= TURN_MS);
}

static enum want
answer_all(struct lookup_worker *w, struct lookup_conn *c, struct slice *in)
{
	struct turn turn = { .begin = clock_ms() };
	struct slice nothing = slice_str("");
	enum want want;

	while (
	    (want = lookup_session_step(&c->session, &w->lookup, in, &c->conn.out)) == WANT_FACTS) {
		answer(w);
		c->conn.again = is_over(&turn, c) || !conn_roomy(&c->conn);
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

	w->rules.now = time(NULL);
	conn->again = false;
	if (answer_all(w, c, &in) == WANT_CLOSE)
		conn->closing = true;
	conn->held = conn->again;
	source_end(&w->source);
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
	lookup_session_init(&c->session, from->protocol, from->map, &w->rules);
	conn_start(&c->conn, &lookup_kind, loop, fd);
	conn_serve(&c->conn);
	return true;
}

/* --- the worker ------------------------------------------------------------------------------- */

int
lookup_worker(const struct worker_setup *setup)
{
	const struct conf *conf = setup->conf;
	struct lookup_worker w = { 0 };
	struct error err;

	if (!loop_init(&w.loop, setup, true, accepted, &err)) {
		log_error("%s", err.text);
		return 1;
	}
	w.rules = (struct lookup_rules){ .delimiters = conf->recipient_delimiter,
		.propagate = conf->propagate_extensions };
	lookup_init(&w.lookup);
	facts_init(&w.facts);
	source_init(&w.source, conf->store, STORE_LOOKUP, (unsigned)conf->lookup_deadline);
	loop_run(&w.loop);
	loop_release(&w.loop);
	source_release(&w.source);
	facts_release(&w.facts);
	lookup_release(&w.lookup);
	return 0;
}
