/* SPDX-License-Identifier: ISC
 *
 * What the parts of the auth worker share: the worker, and a connection to it.
 */
#ifndef SERVER_AUTH_WORKER_H
#define SERVER_AUTH_WORKER_H

#include "auth/account.h"
#include "guard.h"
#include "hash_pool.h"
#include "loop.h"
#include "people.h"
#include "recall.h"
#include "recorder.h"
#include "session/auth_session.h"

struct auth_worker {
	struct loop loop; /* first: the loop's callbacks find us by it */
	const struct conf *conf;
	struct account_rules rules;
	bool mail_user; /* known: without, nobody knows whose the mail files are */
	const struct lookup_log *log;
	struct people people; /* the store, for questions */
	struct guard guard;
	struct recall recall;
	struct recorder *recorder;
	struct password_cost cost;
	struct hash_pool *pool;
	struct event hashed;
	struct login *under_way;      /* those whose passwords are being looked at */
	unsigned char origin_key[16]; /* so that nobody can choose behind whom he waits */
	unsigned long connections;    /* ever; numbers them */
};

struct login;
struct userdb;
struct listing;

struct auth_conn {
	struct conn conn; /* first: the connection's callbacks find us by it */
	struct auth_session session;
	unsigned outstanding;    /* requests taken and not yet answered */
	struct login *logins;    /* those that are logins */
	struct userdb *userdbs;  /* those about one mailbox */
	struct listing *listing; /* those that are lists; the first is being answered */
};

/* The worker a connection belongs to. */
struct auth_worker *auth_worker_of(const struct auth_conn *c);

/* Append the answer to R. What the protocol has no word for closes the connection. */
void auth_conn_answer(struct auth_conn *c, const struct auth_request *r, enum outcome o,
    const struct account *account);

/* One request more is, or is not any more, under way; at a limit no more are taken in. */
void auth_conn_begun(struct auth_conn *c);
void auth_conn_ended(struct auth_conn *c);

/* Bring a login name into the form the store knows. NONE: it can be nobody's. RETRY: no memory. */
enum outcome auth_canonical(struct sbuf *out, struct slice user, struct error *err);

/* --- login.c -------------------------------------------------------------------------------- */

/* Start what logins need: the pool, the recorder, and the memories of good and bad ones. */
enum outcome logins_init(struct auth_worker *w, struct error *err);
void logins_release(struct auth_worker *w);

/* Begin a login; what R holds is taken over. */
void login_begin(struct auth_conn *c, struct auth_request *r);

/* The connection goes away: its logins are nobody's. */
void logins_forget(struct auth_conn *c);

/* No time is left for them: each is answered, as it has ended or with "try again". */
void logins_hurry(struct auth_conn *c);

/* --- userdb.c ------------------------------------------------------------------------------- */

/* Begin AUTH_ASK_USER or AUTH_ASK_PASS; what R holds is taken over. */
void userdb_begin(struct auth_conn *c, struct auth_request *r);

/* As of logins. */
void userdbs_forget(struct auth_conn *c);
void userdbs_hurry(struct auth_conn *c);

/* Begin AUTH_ASK_LIST; what R holds is taken over. */
void listing_begin(struct auth_conn *c, struct auth_request *r);

/* Append the next piece of the first list, if there is one and room for it; more is told in another
 * turn. */
void listing_go_on(struct auth_conn *c);

/* The connection goes away, and its lists; or they end here. */
void listings_forget(struct auth_conn *c);
void listings_hurry(struct auth_conn *c);

#endif
