/* SPDX-License-Identifier: ISC
 *
 * Talks to those who log people in (Postfix, Dovecot, our own helper) and hands their requests on:
 * logins to login.c, questions about mailboxes to userdb.c.
 */
#include "auth_worker.h"

#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "mail/address.h"
#include "sys/log.h"
#include "wire/authline.h"
#include "worker.h"

enum { OUTSTANDING_MAX = 64 };

struct auth_worker *
auth_worker_of(const struct auth_conn *c)
{
	return (struct auth_worker *)c->conn.loop;
}

void
auth_conn_begun(struct auth_conn *c)
{
	c->outstanding++;
	c->conn.held = c->outstanding >= OUTSTANDING_MAX;
}

void
auth_conn_ended(struct auth_conn *c)
{
	c->outstanding--;
	c->conn.held = c->outstanding >= OUTSTANDING_MAX;
}

/* Postfix goes on using a connection that it has seen the end of, for other people's logins too,
 * until it cannot write any more: so there is no lingering. */
void
auth_conn_answer(struct auth_conn *c, const struct auth_request *r, enum outcome o,
    const struct account *account)
{
	if (!auth_session_answer(
		&c->session, r, o, account, &auth_worker_of(c)->rules, &c->conn.out))
		c->conn.closing = c->conn.abrupt = true;
}

enum outcome
auth_canonical(struct sbuf *out, struct slice user, struct error *err)
{
	struct address a;

	if (!address_parse(&a, user) && !a.no_memory)
		return NONE;
	if (a.no_memory || !address_print(out, &a))
		return error_set(err, RETRY, "out of memory");
	return FOUND;
}

/* --- connections ------------------------------------------------------------------------------ */

static void
take_request(struct auth_conn *c)
{
	struct auth_request r = c->session.request;

	auth_request_init(&c->session.request);
	switch (r.ask) {
	case AUTH_ASK_PASSWORD:
		login_begin(c, &r);
		break;
	case AUTH_ASK_USER:
	case AUTH_ASK_PASS:
		userdb_begin(c, &r);
		break;
	case AUTH_ASK_LIST:
		listing_begin(c, &r);
		break;
	}
	auth_request_release(&r);
}

static void
serve(struct conn *conn)
{
	struct auth_conn *c = (struct auth_conn *)conn;
	struct slice in = sbuf_slice(&conn->in);
	enum auth_want want = AUTH_WANT_INPUT;

	while (!conn->held && !conn->closing && conn_roomy(conn)) {
		want = auth_session_step(&c->session, &in, &conn->out);
		conn->spoke = conn->spoke || want == AUTH_WANT_ANSWER || c->session.pending != NULL;
		if (want != AUTH_WANT_ANSWER)
			break;
		take_request(c);
	}
	if (want == AUTH_WANT_CLOSE)
		conn->closing = true;
	sbuf_drop(&conn->in, conn->in.n - in.n);
	people_rest(&auth_worker_of(c)->people);
	listing_go_on(c);
}

static bool
busy(const struct conn *conn)
{
	const struct auth_conn *c = (const struct auth_conn *)conn;

	return c->outstanding > 0;
}

static void
hurry(struct conn *conn)
{
	struct auth_conn *c = (struct auth_conn *)conn;

	logins_hurry(c);
	userdbs_hurry(c);
	listings_hurry(c);
}

/* A login by LOGIN takes several turns. */
static bool
midway(const struct conn *conn)
{
	const struct auth_conn *c = (const struct auth_conn *)conn;

	return c->session.pending != NULL;
}

static void
free_conn(struct conn *conn)
{
	struct auth_conn *c = (struct auth_conn *)conn;

	logins_forget(c);
	userdbs_forget(c);
	listings_forget(c);
	auth_session_release(&c->session);
	free(c);
}

static const struct conn_kind auth_kind = {
	.in_max = 2 * AUTHLINE_MAX,
	.secret = true,
	.hello = true,
	.send_limit = 100,
	.serve = serve,
	.busy = busy,
	.hurry = hurry,
	.midway = midway,
	.free = free_conn,
};

/* doveadm reads a list of users as it works its way through them: that takes as long as it takes.
 */
static const struct conn_kind userdb_kind = {
	.in_max = 2 * AUTHLINE_MAX,
	.secret = true,
	.hello = true,
	.send_limit = 0,
	.serve = serve,
	.busy = busy,
	.hurry = hurry,
	.midway = midway,
	.free = free_conn,
};

static bool
accepted(struct loop *loop, int fd, const struct listener *from)
{
	struct auth_worker *w = (struct auth_worker *)loop;
	struct auth_conn *c = calloc(1, sizeof *c);
	unsigned char cookie[16];

	if (c == NULL)
		return false;
	randombytes_buf(cookie, sizeof cookie);
	auth_session_init(&c->session, from->protocol);
	conn_start(
	    &c->conn, from->protocol == PROTOCOL_AUTH ? &auth_kind : &userdb_kind, loop, fd, from);
	auth_session_greet(
	    &c->session, (unsigned long)getpid(), ++w->connections, cookie, &c->conn.out);
	conn_serve(&c->conn);
	return true;
}

/* --- the worker ------------------------------------------------------------------------------- */

int
auth_worker(const struct worker_setup *setup)
{
	const struct conf *conf = setup->conf;
	struct auth_worker w = { .conf = conf,
		.rules = setup->account_rules,
		.mail_user = setup->mail_user,
		.log = setup->lookup_log };
	struct error err;
	int status = 1;

	if (!loop_init(&w.loop, setup, SIDE_AUTH, accepted, &err)) {
		log_error("%s", err.text);
		return 1;
	}
	if (!people_init(&w.people, &w.loop, conf, &err) || password_setup(&err) != FOUND ||
	    logins_init(&w, &err) != FOUND) {
		log_error("%s", err.text);
		goto out;
	}
	loop_run(&w.loop);
	status = 0;
out:
	loop_disconnect(&w.loop);
	logins_release(&w);
	people_release(&w.people); /* its events are the loop's */
	loop_release(&w.loop);
	return status;
}
