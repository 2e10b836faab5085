/* SPDX-License-Identifier: ISC
 *
 * The store of a fleet as an event loop asks it: questions go out at once, many are on their way at
 * the same time, and answers come when they come. There is no loop in here: the caller watches the
 * sockets and the time, and calls.
 *
 * A few lines (connections) lead to the first server of the URI that can be reached; when it is
 * gone or says nothing, what was asked of it is asked of the next one. An answer is one of this
 * moment, or RETRY: what a line remembers of domains counts only if the server says that nothing at
 * all was changed since.
 */
#ifndef STORE_REMOTE_H
#define STORE_REMOTE_H

#include <stdint.h>

#include "mail/question.h"
#include "store/logins.h"
#include "store/store.h"

struct remote;

enum {
	REMOTE_LINES = 17,  /* connections: those that are wanted, and one that scouts */
	REMOTE_SERVERS = 16 /* that a URI can name */
};

/* What is worth a line in a log. */
enum remote_news {
	REMOTE_LOST,   /* no server can be asked (any more) */
	REMOTE_ASKED,  /* a server can be asked, or it is another one now */
	REMOTE_BEHIND, /* it is a standby that does not follow */
	REMOTE_FOLLOWS /* it does again */
};

/* What is to be counted. */
struct remote_state {
	size_t servers; /* that the URI names; 0: not known yet */
	struct {
		unsigned primary, standby; /* connections in use to it, by what it is */
	} server[REMOTE_SERVERS];
	uint64_t behind;  /* ms: for how long one in use has not followed, at the most */
	uint64_t reached; /* connections that came about, ever, ... */
	uint64_t lost;    /* ... and those that did not, or broke */
};

/* A question about people, for STORE_LOGIN. Answered in one statement: all of it is of one moment.
 */
enum person_want {
	PERSON_LOGIN,   /* as store_find_login */
	PERSON_ACCOUNT, /* as store_account */
	PERSON_LIST,    /* the addresses behind ADDRESS in their order; NONE: there are none */
	PERSON_WANTS
};

struct person {
	enum person_want want;
	struct slice address;
	struct slice network;      /* of a login */
	struct login_facts *facts; /* filled with one */
	struct account *account;   /* filled with a mailbox */
	size_t most;               /* addresses of a list */
	void (*tell)(void *arg, struct slice address);
	void *arg;
};

/* A question on its way; its asker's. What it asks stays as it is until `done`. */
struct remote_ask {
	const struct question *question; /* the resolver's, for STORE_LOOKUP; or NULL, and ... */
	const struct person *person;     /* ... this one */
	struct facts *facts;             /* the pool's until `done`; filled for FOUND */
	uint64_t until;                  /* remote_now: answered by then, if with RETRY */
	int64_t moment;                  /* facts: another number whenever anything was changed */

	/* Called once, FOUND or RETRY (about people also NONE); may ask on. Not from within
	 * remote_ask. */
	void (*done)(struct remote_ask *a, enum outcome o, const struct error *err);

	/* The line it went by, counted from 1; the next one goes by it as well, if that can be. 0
	 * for whichever has room. */
	size_t line;

	struct remote_ask *next; /* the pool's */
	unsigned tries;
	uint64_t view; /* in which the line knew its domain, when it was asked for the rest only */
	bool whole;    /* that was over: ask for all of it */
};

struct remote_setup {
	const char *uri;      /* borrowed */
	enum store_role role; /* STORE_LOOKUP or STORE_LOGIN: what may be asked */
	size_t lines;         /* connections, fewer than REMOTE_LINES */
	unsigned patience;    /* ms: a server that says nothing for so long is given up */
	unsigned
	    lag; /* ms: and a standby that is behind for so long, if another is not; 0: never */

	/* Watch the socket FD of LINE from now on, in place of what was watched for it; -1: none.
	 */
	void (*watch)(void *arg, size_t line, int fd, bool readable, bool writable);
	/* Somebody may want to know. */
	void (*tell)(void *arg, enum remote_news news, const char *text);
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

/* Tell how it is at this moment. */
void remote_look(const struct remote *r, struct remote_state *out);

#endif
