/* SPDX-License-Identifier: ISC
 *
 * The pool by which an event loop asks a store on PostgreSQL, and a loop for it.
 */
#ifndef TESTS_STORE_POOL_H
#define TESTS_STORE_POOL_H

#include "fixture.h"

#include <poll.h>

#include "store/remote.h"

enum { LATEST_MS = 60000, PATIENCE_MS = 2000 };

/* --- a loop ----------------------------------------------------------------------------------- */

struct pool {
	struct remote *remote;
	struct pollfd fd[REMOTE_LINES];
	unsigned tick;
	char told[4096];
};

static inline void
pool_watch(void *arg, size_t line, int fd, bool readable, bool writable)
{
	struct pool *p = arg;

	p->fd[line].fd = fd;
	p->fd[line].events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
}

static inline void
pool_tell(void *arg, enum remote_news news, const char *text)
{
	struct pool *p = arg;
	size_t n = strlen(p->told);

	(void)news;
	snprintf(p->told + n, sizeof p->told - n, "%s\n", text);
}

/* Servers that fall silent for PATIENCE ms are given up, and standbys that are behind for LAG. */
static inline void
pool_open_for(struct pool *p, const char *uri, enum store_role role, size_t lines,
    unsigned patience, unsigned lag)
{
	struct remote_setup setup = { .uri = uri,
		.role = role,
		.lines = lines,
		.patience = patience,
		.lag = lag,
		.watch = pool_watch,
		.tell = pool_tell,
		.arg = p };
	struct error err = { "" };

	*p = (struct pool){ .remote = NULL };
	for (size_t i = 0; i < REMOTE_LINES; i++)
		p->fd[i].fd = -1;
	must(remote_new(&p->remote, &setup, &err), &err, "a pool");
	p->tick = remote_tick(p->remote);
}

/* For lookups of a server that takes its time. */
static inline void
pool_open(struct pool *p, const char *uri, size_t lines)
{
	pool_open_for(p, uri, STORE_LOOKUP, lines, LATEST_MS, 0);
}

static inline void
pool_turn(struct pool *p)
{
	poll(p->fd, REMOTE_LINES, (int)p->tick);
	for (size_t i = 0; i < REMOTE_LINES; i++)
		if (p->fd[i].fd >= 0 && p->fd[i].revents != 0)
			remote_ready(p->remote, i);
	p->tick = remote_tick(p->remote);
}

/* --- questions -------------------------------------------------------------------------------- */

struct asked {
	struct remote_ask ask; /* first: its callback finds us by it */
	struct question question;
	struct facts facts;
	bool done;
	enum outcome outcome;
	struct error why;
};

static inline void
asked_done(struct remote_ask *ask, enum outcome o, const struct error *err)
{
	struct asked *a = (struct asked *)ask;

	assert_false(a->done);
	a->done = true;
	a->outcome = o;
	if (o != FOUND)
		a->why = *err;
}

/* Nothing is asked yet but what DOMAIN is. */
static inline void
asked_init(struct asked *a, const char *domain)
{
	*a = (struct asked){ .done = false };
	question_init(&a->question);
	facts_init(&a->facts);
	assert_true(question_set_domain(&a->question, S(domain)));
	a->ask = (struct remote_ask){ .question = &a->question,
		.facts = &a->facts,
		.until = remote_now() + LATEST_MS,
		.done = asked_done };
}

static inline void
asked_release(struct asked *a)
{
	question_release(&a->question);
	facts_release(&a->facts);
}

/* It goes out with the next turn. */
static inline void
asked_begin(struct pool *p, struct asked *a)
{
	a->done = false;
	remote_ask(p->remote, &a->ask);
}

static inline void
asked_wait(struct pool *p, const struct asked *a)
{
	while (!a->done)
		pool_turn(p);
}

static inline void
asked_find(struct pool *p, struct asked *a)
{
	asked_begin(p, a);
	remote_send(p->remote);
	asked_wait(p, a);
	must(a->outcome, &a->why, "an answer");
}

/* --- the same as a store that waits ----------------------------------------------------------- */

static inline void
same_text(const char *what, const struct sbuf *a, const struct sbuf *b)
{
	if (!slice_eq(sbuf_slice(a), sbuf_slice(b)))
		fail_msg("%s: '%.*s', not '%.*s'", what, (int)a->n, a->p, (int)b->n, b->p);
}

static inline void
same_facts(const char *name, const struct facts *got, const struct facts *wanted)
{
	if (got->hit != wanted->hit || (got->hit && got->rank != wanted->rank))
		fail_msg("%s: hit %d, rank %zu", name, got->hit, got->rank);
	same_text(name, &got->targets, &wanted->targets);
	same_text(name, &got->value, &wanted->value);
	assert_int_equal(got->disabled, wanted->disabled);
	assert_int_equal(got->internal, wanted->internal);
	assert_int_equal(got->expires, wanted->expires);
	assert_int_equal(got->state, wanted->state);
	assert_int_equal(got->kind, wanted->kind);
	assert_int_equal(got->domain.known, wanted->domain.known);
	if (!got->domain.known)
		return;
	same_text(name, &got->domain.name, &wanted->domain.name);
	same_text(name, &got->domain.target, &wanted->domain.target);
	assert_int_equal(got->domain.kind, wanted->domain.kind);
	assert_int_equal(got->domain.patterns, wanted->domain.patterns);
	assert_int_equal(got->domain.propagate, wanted->domain.propagate);
	assert_int_equal(got->domain.own_delimiters, wanted->domain.own_delimiters);
	assert_string_equal(got->domain.delimiters, wanted->domain.delimiters);
}

/* What A was told is what the store S says at this moment. */
static inline void
asked_same(const char *name, const struct asked *a, struct store *s)
{
	struct error err = { "" };
	struct facts wanted;

	must(a->outcome, &a->why, name);
	facts_init(&wanted);
	must(store_ask(s, &a->question, &wanted, &err), &err, "store");
	same_facts(name, &a->facts, &wanted);
	facts_release(&wanted);
}

#endif
