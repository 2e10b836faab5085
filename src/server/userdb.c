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

struct listing {
	struct listing *next;
	struct auth_request request;
	struct sbuf after; /* the last address that was told */
	struct sbuf *out;
	size_t told; /* in this piece */
};

/* --- one user --------------------------------------------------------------------------------- */

static enum outcome
find_account(struct auth_worker *w, struct slice user, struct account *account, struct error *err)
{
	struct source *s = &w->source;
	struct sbuf address;
	enum outcome o;

	sbuf_init(&address, 2 * ADDRESS_MAX + 64);
	o = auth_canonical(&address, user, err);
	if (o == FOUND) {
		o = source_begin(s, err);
		if (o == FOUND)
			o = source_ask(s, err);
		if (o == FOUND)
			o = store_account(s->store, sbuf_slice(&address), account, err);
		o = source_report(s, o, "userdb", err);
	}
	sbuf_release(&address);
	return o;
}

/* LMTP asks nobody else: an account that gets no mail is nobody to those who deliver. */
static bool
is_delivery(struct slice service)
{
	return slice_is(service, "lmtp") || slice_is(service, "lda");
}

void
userdb_answer(struct auth_conn *c, const struct auth_request *r)
{
	struct auth_worker *w = auth_worker_of(c);
	struct account account;
	struct error err;
	enum outcome o;

	account_init(&account);
	o = find_account(w, sbuf_slice(&r->user), &account, &err);
	if (o == FOUND && is_delivery(sbuf_slice(&r->service)) &&
	    !account_state_receives(account.state))
		o = NONE;
	else if (o == FOUND && !w->mail_user) /* said at start */
		o = RETRY;
	lookup_log_tell(w->log, &c->conn, slice_str("userdb"), sbuf_slice(&r->user), o,
	    o == FOUND ? sbuf_slice(&account.address) : slice_str(""));
	auth_conn_answer(c, r, o, &account);
	account_release(&account);
}

/* --- all users -------------------------------------------------------------------------------- */

static void
listing_free(struct listing *l)
{
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
	l->request = *r;
	auth_request_init(r);
	sbuf_init(&l->after, 2 * ADDRESS_MAX + 64);
	while (*end != NULL)
		end = &(*end)->next;
	*end = l;
	auth_conn_begun(c);
}

static bool
tell(void *arg, const struct account *a)
{
	struct listing *l = arg;

	sbuf_clear(&l->after);
	sbuf_add_slice(&l->after, sbuf_slice(&a->address));
	auth_session_list_user(&l->request, sbuf_slice(&a->address), l->out);
	return ++l->told < PIECE;
}

/* FOUND: there may be more. NONE: that was the end. */
static enum outcome
tell_piece(struct source *s, struct listing *l)
{
	struct error err;
	enum outcome o = source_begin(s, &err);

	l->told = 0;
	if (o == FOUND)
		o = source_ask(s, &err);
	if (o == FOUND)
		o = store_accounts(s->store, slice_str(""), sbuf_slice(&l->after), tell, l, &err);
	source_end(s);
	if (source_report(s, o, "userdb list", &err) == RETRY || l->after.failed)
		return RETRY;
	return l->told < PIECE ? NONE : FOUND;
}

void
listing_go_on(struct auth_conn *c)
{
	struct listing *l = c->listing;
	enum outcome o;

	c->conn.again = l != NULL;
	if (l == NULL || c->conn.closing || !conn_roomy(&c->conn))
		return;
	l->out = &c->conn.out;
	o = tell_piece(&auth_worker_of(c)->source, l);
	if (o != FOUND) {
		auth_session_list_end(&l->request, o == NONE ? FOUND : RETRY, l->out);
		c->listing = l->next;
		listing_free(l);
		auth_conn_ended(c);
	}
	c->conn.again = c->listing != NULL;
}
