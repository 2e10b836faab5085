/* SPDX-License-Identifier: ISC
 *
 * The store as a worker uses it. One loop serves many clients, and each wait for a sick store makes
 * all of them wait, while Postfix gives up after 100 s. So waiting is rationed: after a question
 * that failed, the next ones get a blink, and one in a deadline its full time, to find out whether
 * a slow store works again.
 */
#include "source.h"

#include <signal.h>

#include "clock.h"
#include "loop.h"
#include "sys/log.h"
#include "sys/sandbox.h"

enum {
	AILING_PATIENCE_MS = 20,
	OUTGROWN_MS = 5000,
	WAITED_MS = 50 /* what fails faster has not waited for anything */
};

/* How long the next piece of work may take, ms. */
static unsigned
patience(const struct source *s)
{
	if (s->ailing && s->deadline > AILING_PATIENCE_MS && clock_ms() < s->patient_at)
		return AILING_PATIENCE_MS;
	return s->deadline;
}

static void
recover(struct source *s)
{
	if (!s->ailing)
		return;
	s->ailing = false;
	log_info("the store can be read again, after %lu failures", s->failed);
	s->failed = 0;
}

enum outcome
source_report(struct source *s, enum outcome o, const char *what, const struct error *err)
{
	s->reported = true;
	if (o == FOUND || o == NONE) {
		recover(s);
		return o;
	}
	/* those that had only a blink do not put off the one that gets its full time */
	if (!s->ailing || s->limit == s->deadline)
		s->patient_at = clock_ms() + s->deadline;
	s->ailing = true;
	s->failed++;
	counter_add(s->failures, 1);
	if (what != NULL)
		trouble_log(&s->trouble, "'%s': told to try again: %s", what, err->text);
	return RETRY;
}

/* A handle is had without looking at the store: only for want of memory there is none. */
static enum outcome
begin(struct source *s, unsigned limit, struct error *err)
{
	if (s->store == NULL) {
		if (store_new(&s->store, s->uri, s->role, err) != FOUND)
			return RETRY;
		if (s->role == STORE_LOOKUP)
			store_keep_views(s->store);
	}
	store_deadline(s->store, limit);
	return store_begin(s->store, err) == FOUND ? FOUND : RETRY;
}

/* What is out of reach stays so for this process: the supervisor starts another one. Not at once,
 * for it may be put back, and then nobody needs to be hung up on. */
static void
make_way(struct source *s, uint64_t now)
{
	if (s->leaving || !sandbox_outgrown()) {
		s->outgrown = 0;
		return;
	}
	if (s->outgrown == 0)
		s->outgrown = now;
	if (now - s->outgrown < OUTGROWN_MS)
		return;
	s->leaving = true;
	log_warning("the directory of the store is another one now: leaving, for a worker that may "
		    "use it");
	raise(SIGTERM);
}

/* A store that is locked makes us wait before it fails: for as long as that took nothing is tried
 * again, so that no more than every other moment is spent in waiting. What fails at once is tried
 * again at once. */
static enum source_state
try_to_begin(struct source *s, unsigned limit)
{
	uint64_t now = clock_ms(), waited;

	if (now < s->begin_at)
		return SOURCE_FAILED;
	if (begin(s, limit, &s->why) == FOUND) {
		s->outgrown = 0;
		return SOURCE_READING;
	}
	make_way(s, now);
	waited = clock_ms() - now;
	if (waited >= WAITED_MS)
		s->begin_at = now + waited + (waited < s->deadline ? waited : s->deadline);
	return SOURCE_FAILED;
}

enum outcome
source_begin(struct source *s, struct error *err)
{
	if (s->state == SOURCE_IDLE || s->reported) {
		s->limit = patience(s);
		s->since = clock_ns();
		s->reported = false;
	}
	if (s->state == SOURCE_IDLE)
		s->state = try_to_begin(s, s->limit);
	if (s->state == SOURCE_READING)
		return FOUND;
	return error_set(err, RETRY, "%s", s->why.text);
}

enum outcome
source_ready(struct source *s, bool look, struct error *err)
{
	if (s->state == SOURCE_IDLE && s->store != NULL && store_stay(s->store, look)) {
		s->state = SOURCE_READING;
		s->reported = true;
	}
	return s->state == SOURCE_READING ? FOUND : source_begin(s, err);
}

enum outcome
source_ask(struct source *s, struct error *err)
{
	uint64_t spent = (clock_ns() - s->since) / NS_PER_MS;

	if (spent >= s->limit)
		return error_set(err, RETRY, "no answer from the store within %u ms", s->limit);
	store_deadline(s->store, s->limit - (unsigned)spent);
	return FOUND;
}

void
source_end(struct source *s)
{
	if (s->state == SOURCE_READING)
		store_end(s->store);
	s->state = SOURCE_IDLE;
}

void
source_init(struct source *s, const char *uri, enum store_role role, unsigned deadline,
    struct counter *failures)
{
	struct error err;

	*s =
	    (struct source){ .uri = uri, .role = role, .deadline = deadline, .failures = failures };
	source_report(s, source_begin(s, &err), NULL, &err); /* the supervisor has said it */
	source_end(s);
}

static void
on_stir(evutil_socket_t fd, short what, void *arg)
{
	struct source *s = arg;

	(void)fd;
	(void)what;
	source_end(s);
	store_stir(s->store);
	if (s->stirred != NULL)
		s->stirred(s->arg);
}

/* The descriptor lives as long as the store does. */
void
source_watch(struct source *s, struct event_base *base)
{
	int fd;

	if (s->watching || s->store == NULL)
		return;
	store_watch(s->store);
	fd = store_watched(s->store);
	if (fd < 0)
		return;
	event_assign(&s->stir, base, fd, EV_READ | EV_PERSIST, on_stir, s);
	event_priority_set(&s->stir, LOOP_FIRST);
	s->watching = event_add(&s->stir, NULL) == 0;
}

void
source_release(struct source *s)
{
	if (s->watching)
		event_del(&s->stir);
	s->watching = false;
	store_close(s->store);
	s->store = NULL;
}
