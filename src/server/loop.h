/* SPDX-License-Identifier: ISC
 *
 * The frame both kinds of worker share: an event base, the listeners it accepts from, its
 * connections, and how it comes to its end (SIGTERM, or the supervisor is gone).
 */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include "conf/conf.h"
#include "conn.h"
#include "listener.h"
#include "slab.h"
#include "trouble.h"
#include "worker.h"

struct loop;

enum {
	LOOP_LINE = 64,
	LOOP_PRIORITIES = 2, /* what is to be known before any client is served; all else */
	LOOP_FIRST = 0
};

/* Make a connection out of an accepted socket and conn_start it; false when there is no memory (the
 * caller closes FD). */
typedef bool loop_accept_fn(struct loop *loop, int fd, const struct listener *from);

/* A listener, as one worker accepts from it. */
struct gate {
	struct loop *loop;
	const struct listener *from;
	struct event acceptable;
	struct event pause; /* while we are out of descriptors or connections */
};

struct loop {
	struct event_base *base;
	loop_accept_fn *accept;
	struct gate *gate;
	size_t gates;
	struct event *term;
	struct event *life;
	struct event *leave;
	int ready_fd;
	struct event beat; /* tells the supervisor that we go on */
	unsigned beat_ms;
	struct slab_slot *slot; /* where is counted */
	struct conn *conns;
	size_t count;
	size_t max;
	struct crowd crowd; /* who has how many of them */
	size_t max_per_user;
	uint64_t max_rate; /* bytes a second that one connection may send; 0: any */
	struct newcomer {
		uid_t user;
		bool counted;
	} newcomer; /* whose connection is being made */
	bool draining;
	uint64_t end_at; /* draining: when all is to be over; clock_ms */
	bool late;       /* draining: only what was begun is waited for any more, and then ... */
	bool hurried;    /* ... not even that: it is answered now, if with "try again" */
	struct trouble crowded;
	struct trouble unwanted;
	struct trouble greedy;
	struct spares {
		struct sbuf buffer[LOOP_LINE];
		size_t n;
	} spare_in, spare_out; /* for whoever has something to say just now */
	/* read from or served, and not yet settled: until all who spoke stand here, or there is no
	 * more room; NULL: has left */
	struct conn *line[LOOP_LINE];
	size_t lined;
	bool serving; /* the line is called, and not the first of it is being served */
	struct event call;
};

/* Set up for the listeners of one side; with ACCEPT NULL, to accept from none. False with a text
 * when that cannot be done. */
bool loop_init(struct loop *l, const struct worker_setup *setup, enum protocol_side side,
    loop_accept_fn *accept, struct error *err);

/* Tell the supervisor that we are ready, and serve until the end. */
void loop_run(struct loop *l);

/* Close every connection. */
void loop_disconnect(struct loop *l);

/* The same, and free everything. */
void loop_release(struct loop *l);

/* Something that is no connection is under way, or is not any more: an end waits for it. */
void loop_hold(struct loop *l);
void loop_let_go(struct loop *l);

/* Wait for an event, AFTER that time at the latest (NULL: none). A worker that has no memory to
 * wait with ends: another takes its place. */
void loop_wait(struct event *e, const struct timeval *after);

/* For conn.c: one connection more, or less. */
void loop_add(struct loop *l, struct conn *c);
void loop_remove(struct loop *l, struct conn *c);

#endif
