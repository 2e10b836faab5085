/* SPDX-License-Identifier: ISC
 *
 * One client's conversation on an auth or userdb listener, in Dovecot's own protocols.
 *
 * Many requests of one connection may be under way; they are answered in any order, by id. The
 * session knows the words; who may log in is for the caller to find out.
 */
#ifndef SESSION_AUTH_SESSION_H
#define SESSION_AUTH_SESSION_H

#include "auth/account.h"
#include "base/protocol.h"

enum auth_want {
	AUTH_WANT_INPUT,
	AUTH_WANT_ANSWER, /* `request` is filled: take it, then step on; answer it when known */
	AUTH_WANT_CLOSE
};

enum auth_ask {
	AUTH_ASK_PASSWORD, /* is this user's password this one */
	AUTH_ASK_USER,     /* userdb: where does this user's mail live */
	AUTH_ASK_PASS,     /* passdb fields without a password */
	AUTH_ASK_LIST      /* every user */
};

struct auth_request {
	enum auth_ask ask;
	uint32_t id;
	struct sbuf user;     /* as the client wrote it */
	struct sbuf password; /* wiped by auth_request_release */
	struct sbuf service;  /* smtp, imap, ... */
	struct sbuf remote;   /* client's address, or empty */
	bool no_delay;        /* the client delays failures itself */
	struct sbuf reason; /* for the caller to fill: what a user who is refused is told. Only for
			     * one whose password was right */
};

void auth_request_init(struct auth_request *r);
void auth_request_release(struct auth_request *r);

enum { AUTH_PENDING_MAX = 32 }; /* logins half way through a LOGIN dialogue, per connection */

struct auth_pending;

struct auth_session {
	enum protocol protocol;
	bool greeted;
	bool versioned;
	struct auth_request request; /* filled at AUTH_WANT_ANSWER, given back by the next step. To
					keep it, copy the struct and auth_request_init this one */
	struct auth_pending *pending;
	struct sbuf scratch;
};

void auth_session_init(struct auth_session *s, enum protocol protocol);
void auth_session_release(struct auth_session *s);

/* Append the greeting: to be sent as soon as the client connects. CONNECTION is a number unique
 * among the connections of this process, COOKIE 16 random bytes. False when it does not fit. */
bool auth_session_greet(struct auth_session *s, unsigned long pid, unsigned long connection,
    const unsigned char cookie[16], struct sbuf *out);

/* Go on: take lines off the front of *IN, append to OUT what can be said at once. Passwords pass
 * through *IN: its memory is for the caller to wipe. */
enum auth_want auth_session_step(struct auth_session *s, struct slice *in, struct sbuf *out);

/* Answer a request other than AUTH_ASK_LIST. FOUND: ACCOUNT and RULES give the fields (otherwise
 * ACCOUNT may be NULL). NONE, BAD: refused / not found. RETRY: temporary. False when the protocol
 * has no word for that (Postfix, service=smtp), or the answer does not fit: close the connection.
 */
bool auth_session_answer(struct auth_session *s, const struct auth_request *r, enum outcome o,
    const struct account *account, const struct account_rules *rules, struct sbuf *out);

/* Answer AUTH_ASK_LIST piece by piece: a line per user, then the end. */
bool auth_session_list_user(const struct auth_request *r, struct slice user, struct sbuf *out);
bool auth_session_list_end(const struct auth_request *r, enum outcome o, struct sbuf *out);

#endif
