/* SPDX-License-Identifier: ISC
 *
 * Questions about people, as the auth worker asks them: a store that is a file answers at once, a
 * server later, and nobody else waits for it.
 */
#ifndef SERVER_PEOPLE_H
#define SERVER_PEOPLE_H

#include "remote_source.h"
#include "source.h"

struct people {
	bool later;
	struct loop *loop;
	struct source source;        /* at once */
	struct remote_source remote; /* later */
	unsigned deadline;           /* ms, for one question */
	struct counter *failures;
	struct trouble trouble;
};

/* One question; its asker's. */
struct people_ask {
	struct remote_ask remote; /* first: its callback finds us by it */
	struct person person;     /* stays as it is until the answer */
	const char *what;         /* for the log, when it fails; NULL: its asker tells */
	bool waiting;             /* for the answer */
	struct people *people;    /* while it does */

	/* Called once for what was not answered at once, with FOUND, NONE or RETRY. */
	void (*done)(struct people_ask *a, enum outcome o, const struct error *err);
};

/* Begin with the store that CONF has for logins. False with a text when it cannot be used. */
bool people_init(struct people *p, struct loop *loop, const struct conf *conf, struct error *err);
void people_release(struct people *p);

/* Have STIRRED called with ARG whenever something happened to the store's file. */
void people_tell_stirred(struct people *p, void (*stirred)(void *arg), void *arg);

/* Ask, and wait MS at the most (0: as configured). True when *O is the answer already; otherwise it
 * comes by `done`. */
bool people_ask(
    struct people *p, struct people_ask *a, unsigned ms, enum outcome *o, struct error *err);

/* Nobody waits for it any more, if anybody did. */
void people_forget(struct people_ask *a);

/* All questions of a turn are asked. */
void people_rest(struct people *p);

#endif
