/* SPDX-License-Identifier: ISC
 *
 * One accepted connection: its socket, what came in, what must go out, and its one teardown. What
 * the bytes mean is its kind's business.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include <stdint.h>
#include <sys/types.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/sbuf.h"

struct conn;
struct listener;
struct loop;

struct conn_kind {
	size_t in_max; /* more than the longest request */
	bool secret;   /* wipe what came in once it is used */
	bool hello;    /* what comes first is no question: `serve` says when the client spoke */
	unsigned send_limit; /* seconds a client may take none of what is sent to it; 0: for ever */

	/* Take what can be taken off the front of c->in and append to c->out. Called after every
	 * read, when output that held things up is gone, at the end of input, and, when it has set
	 * c->again, once everybody else had a turn. Must not close: set c->closing. */
	void (*serve)(struct conn *c);

	/* Input was read, and `serve` comes when others who spoke at the same time were read from
	 * too: have the CPU fetch the memory that it will look at, in two steps; the second needs
	 * what the first has fetched. Called in that order, before `serve` looks at the input.
	 * NULL: what is read is served at once. */
	void (*foresee)(struct conn *c);
	void (*fetch)(struct conn *c);

	/* Tell whether answers are still being worked on: then the connection is kept, though the
	 * client has ended its side. */
	bool (*busy)(const struct conn *c);

	/* We leave, and the time for that is over: let what is still being worked on be answered
	 * with "try again", now, and so all that `serve` takes from here on (loop->hurried). NULL:
	 * nothing takes any time. */
	void (*hurry)(struct conn *c);

	/* Tell whether the client is in the middle of something that he cannot begin anew on
	 * another connection: then he is listened to, though we leave. */
	bool (*midway)(const struct conn *c);

	/* Free what the connection is part of. */
	void (*free)(struct conn *c);
};

struct conn {
	/* what every request touches, close together: there may be thousands of us */
	const struct conn_kind *kind;
	struct loop *loop;
	const struct listener *from;
	int fd;
	bool spoke;    /* the client has asked something */
	bool ended;    /* the client sends no more */
	bool closing;  /* take nothing more in; close when all is sent */
	bool deaf;     /* nothing more can be sent to us, but for what was */
	bool abrupt;   /* and then at once, whatever the client may still send */
	bool held;     /* its kind wants no more input for now */
	bool again;    /* its kind has more to do, when the others had their turn */
	bool paced;    /* it sent too much in too short a time: no more is read for a moment */
	bool full;     /* too much is unsent; cleared when all of it is gone */
	bool lined;    /* it stands in the loop's line */
	bool unserved; /* there, and was read from */
	bool reading;  /* which of its events are pending */
	bool writing;
	bool queued;
	bool counted; /* as one of his user's */
	uid_t user;   /* local: who he is */
	/* how often more may be read and dropped: all is sent and our side closed, and we wait for
	 * the client to see it; 0 before that */
	unsigned lingering;
	struct sbuf in;
	struct sbuf out;
	struct event readable;
	struct event writable;
	struct event turn;
	struct event pace;
	struct conn *next;
	struct conn **prev;

	/* what it sent less what it may since then: where its sending rate is limited */
	uint64_t sent;
	uint64_t sent_at; /* clock_ms */
};

/* Begin with a socket freshly accepted from a listener, non-blocking. The connection then belongs
 * to its loop. */
void conn_start(struct conn *c, const struct conn_kind *kind, struct loop *loop, int fd,
    const struct listener *from);

/* Send what can be sent and see what comes next; to be called by whoever appended to c->out outside
 * of `serve`, or changed a flag. C may be gone afterwards. */
void conn_settle(struct conn *c);

/* For `serve`, between two answers: true while more output may be made. Sends what there is when it
 * is much. */
bool conn_roomy(struct conn *c);

/* Call `serve` once more, then settle: at once, or when all who spoke at the same time were served.
 * A client that is woken finds the replies of many others then, and need not be woken for each. */
void conn_serve(struct conn *c);

/* Serve all who stand in the line, then settle them. */
void conn_call_line(struct loop *loop);

/* The worker is going: answer what the client has sent already, then close as soon as nothing is
 * owed. One who has not spoken yet is served once: he may have come because another worker has just
 * hung up on him, and does not ask a third time. A local client who sends more after that cannot:
 * he is told so at once, and asks again elsewhere; Postfix would not take back a login that it got
 * rid of and that nobody has read. What is there to be read is read before: it may be the first
 * word of a login whose second he still has to say. */
void conn_drain(struct conn *c);

/* The same for one who has not spoken in all the time that he was given. */
void conn_drain_silent(struct conn *c);

/* No time is left: whatever the client has sent is answered now. */
void conn_hurry(struct conn *c);

/* Close at once and free. */
void conn_close(struct conn *c);

#endif
