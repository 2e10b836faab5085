/* SPDX-License-Identifier: ISC
 *
 * Where a mailbox lives, and the list of all. A list is made in pieces as the client reads it: a
 * million users cost no more memory than a thousand.
 */
#include <stdlib.h>

#include "auth_worker.h"
#include "lookup_log.h"
#include "mail/address.h"

enum { PIECE = 500 };

/* A question about one mailbox. */
struct userdb {
	struct people_ask ask; /* first: its callback finds us by it */
	struct auth_conn *conn;
	struct userdb *next; /* of the same connection */
	struct userdb **prev;
	struct auth_request request;
	struct sbuf address;
	struct account account;
};

struct listing {
	struct people_ask ask; /* first: as above */
	struct auth_conn *conn;
	struct listing *next;
	struct auth_request request;
	struct sbuf after; /* the last address that was told */
	size_t told;       /* in this piece */
};

/* --- one user --------------------------------------------------------------------------------- */

/* LMTP asks nobody else: an account that gets no mail is nobody to those who deliver. */
static bool
is_delivery(struct slice service)
{
	return slice_is(service, "lmtp") || slice_is(service, "lda");
}

static struct userdb *
userdb_new(struct auth_conn *c, struct auth_request *r)
{
	struct userdb *u = calloc(1, sizeof *u);

	if (u == NULL)
		return NULL;
	u->conn = c;
	u->request = *r;
	auth_request_init(r);
	sbuf_init(&u->address, 2 * ADDRESS_MAX + 64);
	account_init(&u->account);
	u->next = c->userdbs;
	u->prev = &c->userdbs;
	if (u->next != NULL)
		u->next->prev = &u->next;
	c->userdbs = u;
	auth_conn_begun(c);
	return u;
}

static void
userdb_free(struct userdb *u)
{
	people_forget(&u->ask);
	*u->prev = u->next;
	if (u->next != NULL)
		u->next->prev = u->prev;
	auth_conn_ended(u->conn);
	auth_request_release(&u->request);
	sbuf_release(&u->address);
	account_release(&u->account);
	free(u);
}

static void
userdb_end(struct userdb *u, enum outcome o)
{
	const struct auth_request *r = &u->request;
	struct auth_worker *w = auth_worker_of(u->conn);

	if (o == FOUND && is_delivery(sbuf_slice(&r->service)) &&
	    !account_state_receives(u->account.state))
		o = NONE;
	else if (o == FOUND && !w->mail_user) /* said at start */
		o = RETRY;
	lookup_log_tell(w->log, &u->conn->conn, slice_str("userdb"), sbuf_slice(&r->user), o,
	    o == FOUND ? sbuf_slice(&u->account.address) : slice_str(""));
	auth_conn_answer(u->conn, r, o, &u->account);
	userdb_free(u);
}

static void
on_account(struct people_ask *a, enum outcome o, const struct error *err)
{
	struct userdb *u = (struct userdb *)a;
	struct auth_conn *c = u->conn;

	(void)err;
	userdb_end(u, o);
	conn_serve(&c->conn);
}

void
userdb_begin(struct auth_conn *c, struct auth_request *r)
{
	struct userdb *u = userdb_new(c, r);
	struct error err;
	enum outcome o;

	if (u == NULL) {
		auth_conn_answer(c, r, RETRY, NULL);
		return;
	}
	o = auth_canonical(&u->address, sbuf_slice(&u->request.user), &err);
	u->ask.person = (struct person){
		.want = PERSON_ACCOUNT, .address = sbuf_slice(&u->address), .account = &u->account
	};
	u->ask.what = "userdb";
	u->ask.done = on_account;
	if (o != FOUND || people_ask(&auth_worker_of(c)->people, &u->ask, 0, &o, &err))
		userdb_end(u, o);
}

void
userdbs_forget(struct auth_conn *c)
{
	while (c->userdbs != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who is freed leaves the list */
		userdb_free(c->userdbs);
}

void
userdbs_hurry(struct auth_conn *c)
{
	while (c->userdbs != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the same */
		userdb_end(c->userdbs, RETRY);
}

/* --- all users -------------------------------------------------------------------------------- */

static void
listing_free(struct listing *l)
{
	people_forget(&l->ask);
	auth_request_release(&l->request);
	sbuf_release(&l->after);
	free(l);
}

void
listings_forget(struct auth_conn *c)
{
	struct listing *next;

	for (struct listing *l = c->listing; l != NULL; l = next) {
		next = l->next;
		listing_free(l);
	}
	c->listing = NULL;
}

void
listing_begin(struct auth_conn *c, struct auth_request *r)
{
	struct listing *l = calloc(1, sizeof *l);
	struct listing **end = &c->listing;

	if (l == NULL) {
		auth_session_list_end(r, RETRY, &c->conn.out);
		return;
	}
	l->conn = c;
	l->request = *r;
	auth_request_init(r);
	sbuf_init(&l->after, 2 * ADDRESS_MAX + 64);
	while (*end != NULL)
		end = &(*end)->next;
	*end = l;
	auth_conn_begun(c);
}

static void
tell(void *arg, struct slice address)
{
	struct listing *l = arg;

	sbuf_clear(&l->after);
	sbuf_add_slice(&l->after, address);
	auth_session_list_user(&l->request, address, &l->conn->conn.out);
	l->told++;
}

/* The first of the list of lists ends. */
static void
listing_end(struct listing *l, enum outcome o)
{
	struct auth_conn *c = l->conn;

	auth_session_list_end(&l->request, o, &c->conn.out);
	c->listing = l->next;
	listing_free(l);
	auth_conn_ended(c);
}

/* A piece was told, and there may be more. */
static void
piece_told(struct listing *l, enum outcome o)
{
	if (o == RETRY || l->after.failed)
		listing_end(l, RETRY);
	else if (l->told < PIECE)
		listing_end(l, FOUND);
}

static void
on_piece(struct people_ask *a, enum outcome o, const struct error *err)
{
	struct listing *l = (struct listing *)a;
	struct auth_conn *c = l->conn;

	(void)err;
	piece_told(l, o);
	conn_serve(&c->conn);
}

static void
ask_piece(struct listing *l)
{
	struct error err;
	enum outcome o;

	l->told = 0;
	l->ask.person = (struct person){ .want = PERSON_LIST,
		.address = sbuf_slice(&l->after),
		.most = PIECE,
		.tell = tell,
		.arg = l };
	l->ask.what = "userdb list";
	l->ask.done = on_piece;
	if (people_ask(&auth_worker_of(l->conn)->people, &l->ask, 0, &o, &err))
		piece_told(l, o);
}

void
listing_go_on(struct auth_conn *c)
{
	c->conn.again = false;
	if (c->listing == NULL || c->listing->ask.waiting)
		return;
	c->conn.again = true;
	if (c->conn.closing || !conn_roomy(&c->conn))
		return;
	ask_piece(c->listing);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): one that has ended has left the list */
	c->conn.again = c->listing != NULL && !c->listing->ask.waiting;
}

void
listings_hurry(struct auth_conn *c)
{
	while (c->listing != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the same */
		listing_end(c->listing, RETRY);
}
