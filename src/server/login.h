/* SPDX-License-Identifier: ISC
 *
 * One login, as login.c (its way) and login_end.c (its end) share it.
 */
#ifndef SERVER_LOGIN_H
#define SERVER_LOGIN_H

#include "auth_worker.h"

struct login {
	struct hash_job job; /* first: the pool gives it back */
	struct auth_worker *worker;
	struct auth_conn *conn; /* NULL: gone meanwhile */
	struct login *next;     /* of the same connection */
	struct login **prev;
	struct auth_request request;
	struct sbuf user;          /* canonical; what was typed, when that is no address */
	struct sbuf network;       /* the client's, for the record */
	struct people_ask ask;     /* who is it */
	struct login_facts *facts; /* until the answer */
	struct throttle_try try;   /* views into the above */
	uint32_t tag;              /* of the password, for the guard */
	struct login *rival;       /* the next whose password is being looked at */
	struct login **rivals;     /* what points to this one; NULL: nobody looks at its password */
	bool twin;                 /* of a rival: the same password, from the same network */
	const struct credential *by; /* of the facts: the one that was right */
	struct sbuf label;           /* its label, once the facts are gone */
	uint64_t begun;              /* clock_ms */
	int64_t wait_ms;             /* from there: how long the answer is kept back */

	enum outcome outcome;
	struct error trouble; /* why it cannot be told, once something is in the way */
	const char *refusal;  /* why not, in one of the words of vmaild(8) */
	bool hashing;         /* with the pool just now */
	bool told;            /* "try again", as this worker leaves: what comes of it is nobody's */
	struct event held;
};

/* --- login_end.c ------------------------------------------------------------------------------ */

/* Make one out of a request, which is taken over; NULL without memory. */
struct login *login_new(struct auth_conn *c, struct auth_request *r);
void login_free(struct login *l);

/* Its password is being looked at, or is not any more. */
void login_under_way(struct login *l);
void login_judged(struct login *l);

/* Say in the log how it went, and answer: at once, or when it has been held long enough. Its
 * connection is to be served by the caller. */
void login_end(struct login *l);

/* A fresh hash was made, or not: hand it to the recorder. */
void login_renewed(struct login *l);

#endif
