/* SPDX-License-Identifier: ISC
 *
 * One login, as login.c (its way), login_line.c (its wait to be heard) and login_end.c (its end)
 * share it.
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
	struct login *rival;       /* the next whose password is, or will be, looked at */
	struct login **rivals;     /* what points to this one; NULL: nobody looks at its password */
	bool twin;                 /* of a rival: the same password, from the same network */
	const struct credential *by; /* of the facts: the one that was right */
	struct sbuf label;           /* its label, once the facts are gone */
	uint64_t begun;              /* clock_ms */

	enum outcome outcome;
	struct error trouble; /* why it cannot be told, once something is in the way */
	const char *refusal;  /* why not, in one of the words of vmaild(8) */
	bool hashing;         /* with the pool just now */
	bool in_line;         /* waits until it is heard, see `held` */
	bool stood;           /* has been in line before */
	bool second;          /* another one from its address comes, or came, before it */
	bool told;            /* "try again", as this worker leaves: what comes of it is nobody's */
	struct event held;    /* ends the wait for being heard, or the hold of the answer */
};

/* The time in line is over: it is heard, or waits on, or is sent away. Its connection is to be
 * served by the caller. */
void login_turn(struct login *l);

/* --- login_line.c ----------------------------------------------------------------------------- */

/* Tell whether others stand in line for L's user, who is known at its network. */
bool login_has_line(const struct login *l);

/* Wait in line: login_turn is called in MS, or a little later, if others are to come first. False
 * when there is no room, or when that is longer than a login may wait for a thread. */
bool login_stand_in_line(struct login *l, int64_t ms);
void login_leave_line(struct login *l);

/* It is heard: the next turn is for somebody at another address. */
void login_heard(const struct login *l);

/* --- login_end.c ------------------------------------------------------------------------------ */

/* Make one out of a request, which is taken over; NULL without memory. */
struct login *login_new(struct auth_conn *c, struct auth_request *r);
void login_free(struct login *l);

/* Its password is being looked at, or will be when its turn comes; or is not any more. */
void login_under_way(struct login *l);
void login_judged(struct login *l);

/* Say in the log how it went, and answer: at once, or when it has been held long enough. Its
 * connection is to be served by the caller. */
void login_end(struct login *l);

/* A fresh hash was made, or not: hand it to the recorder. */
void login_renewed(struct login *l);

#endif
