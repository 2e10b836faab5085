/* SPDX-License-Identifier: ISC
 *
 * The store as a worker uses it: opened when that is possible, tried again while it is not, and
 * never waited for so long that the clients behind the first one are answered too late.
 */
#ifndef SERVER_SOURCE_H
#define SERVER_SOURCE_H

#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/counter.h"
#include "store/store.h"
#include "trouble.h"

enum source_state {
	SOURCE_IDLE,    /* no burst */
	SOURCE_READING, /* in a burst, with a read view */
	SOURCE_FAILED   /* in a burst that can read nothing: `why` */
};

struct source {
	struct store *store; /* NULL while there is no memory for one */
	const char *uri;
	enum store_role role;
	unsigned deadline; /* ms: what one piece of work may take in good times */
	unsigned limit;    /* and what the present one may, since it began */
	uint64_t since;    /* clock_ns */
	bool reported;     /* that one has ended: the next one's time runs anew */
	enum source_state state;
	struct error why;
	uint64_t begin_at; /* not before then is a burst begun again that took long to fail */
	uint64_t outgrown; /* since when the store is out of this process's reach, 0: it is not */
	bool leaving;      /* for that reason */
	struct event stir; /* when something happened to the store's file */
	bool watching;
	void (*stirred)(void *arg); /* called then, if it is not NULL */
	void *arg;
	bool ailing; /* the last thing tried failed */
	uint64_t
	    patient_at; /* ailing: not before then may a question take the full deadline again */
	unsigned long failed;     /* since it began to ail */
	struct counter *failures; /* ever, for all to see */
	struct trouble trouble;
};

/* Set up for URI (borrowed) and try to open it; what goes wrong is only logged, and counted in
 * FAILURES. */
void source_init(struct source *s, const char *uri, enum store_role role, unsigned deadline,
    struct counter *failures);
void source_release(struct source *s);

/* Have BASE see to it that what happens to the store's file is looked at when it happens, and
 * before any client is served. It does not always work, so it is to be tried again while it does
 * not: `watching` tells. */
void source_watch(struct source *s, struct event_base *base);

/* Begin a piece of work, or go on with one that was not reported yet: its time runs from the first
 * of these calls, and what making the store readable takes is taken from it. Readable it is until
 * source_end, for any number of pieces. FOUND: use s->store, after source_ask. RETRY: nothing can
 * be read in this burst. */
enum outcome source_begin(struct source *s, struct error *err);
void source_end(struct source *s);

/* The same before it is known whether there is any work to do: time runs only when it takes some.
 * LOOK as of store_stay. */
enum outcome source_ready(struct source *s, bool look, struct error *err);

/* To be called before each call of s->store: what the piece of work has left limits that call.
 * RETRY when nothing is left. */
enum outcome source_ask(struct source *s, struct error *err);

/* Report how a piece of work with the store ended, and return that outcome. WHAT it was about
 * (NULL: nothing) is logged with ERR's text when it failed, at most once a second. */
enum outcome source_report(
    struct source *s, enum outcome o, const char *what, const struct error *err);

#endif
