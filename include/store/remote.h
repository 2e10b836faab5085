/* SPDX-License-Identifier: ISC
 *
 * The store of a fleet as an event loop asks it: questions go out at once, many are on their way at
 * the same time, and answers come when they come. There is no loop in here: the caller watches the
 * sockets and the time, and calls.
 *
 * A few lines (connections) lead to the first server of the URI that can be reached; when it is
 * gone or says nothing, what was asked of it is asked of the next one. An answer is one of this
 * moment, or RETRY.
 */
#ifndef STORE_REMOTE_H
#define STORE_REMOTE_H

#include <stdint.h>

#include "mail/question.h"
#include "store/store.h"

struct remote;

enum { REMOTE_LINES = 17 }; /* connections: those that are wanted, and one that scouts */

/* A question on its way; its asker's. */
struct remote_ask {
	const struct question *question; /* stays as it is until `done` */
	struct facts *facts;             /* filled for FOUND */
	uint64_t until;                  /* remote_now: answered by then, if with RETRY */
	int64_t moment;                  /* FOUND: another number whenever anything was changed */

	/* Called once, FOUND or RETRY; may ask on. Not from within remote_ask. */
	void (*done)(struct remote_ask *a, enum outcome o, const struct error *err);

	/* The line it went by, counted from 1; the next one goes by it as well, if that can be. 0
	 * for whichever has room. */
	size_t line;

	struct remote_ask *next; /* the pool's */
	unsigned tries;
};

struct remote_setup {
	const char *uri;   /* borrowed */
	size_t lines;      /* connections, fewer than REMOTE_LINES */
	unsigned patience; /* ms: a server that says nothing for so long is given up */
	unsigned
	    lag; /* ms: and a standby that is behind for so long, if another is not; 0: never */

	/* Watch the socket FD of LINE from now on, in place of what was watched for it; -1: none.
	 */
	void (*watch)(void *arg, size_t line, int fd, bool readable, bool writable);
	/* Somebody may want to know: a server was lost (or never reached), or is back. */
	void (*tell)(void *arg, bool good, const char *text);
	void *arg;
};

/* Tell whether the store at URI is asked this way. */
bool remote_wanted(const char *uri);

/* Milliseconds since some moment in the past. */
uint64_t remote_now(void);

/* Make a pool, and begin to connect. BAD when the URI cannot be used, RETRY without memory. */
enum outcome remote_new(struct remote **out, const struct remote_setup *setup, struct error *err);
void remote_free(struct remote *r);

/* Ask. It goes out with the next remote_send: so those of a burst go together. */
void remote_ask(struct remote *r, struct remote_ask *a);
void remote_send(struct remote *r);

/* Forget a question: its asker is gone. */
void remote_forget(struct remote *r, struct remote_ask *a);

/* The socket of LINE can be read, or written. */
void remote_ready(struct remote *r, size_t line);

/* Do what is due by now, and tell after how many milliseconds to call again. To be called as well
 * after remote_ask, remote_send and remote_ready, for they may make it due sooner. */
unsigned remote_tick(struct remote *r);

#endif
