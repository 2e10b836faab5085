/* SPDX-License-Identifier: ISC
 *
 * What a login needs to know, and what it leaves behind.
 */
#include "store/people.h"

#include "auth/network.h"
#include "auth/password.h"
#include "store/change.h"

enum {
	/* of one credential, with all its texts */
	CREDENTIAL_TEXT_MAX =
	    CREDENTIAL_LABEL_MAX + PASSWORD_STORED_MAX + CREDENTIAL_SERVICES_MAX + NETWORK_LIST_MAX,
	KEY_MAX = 256
};

/* --- one login -------------------------------------------------------------------------------- */

void
login_facts_init(struct login_facts *f)
{
	*f = (struct login_facts){ .credentials = 0 };
	account_init(&f->account);
	sbuf_init(&f->app_key, KEY_MAX);
	sbuf_init(&f->text, (size_t)CREDENTIALS_MAX * 4 * CREDENTIAL_TEXT_MAX);
}

void
login_facts_release(struct login_facts *f)
{
	account_release(&f->account);
	sbuf_release_secret(&f->app_key);
	sbuf_release_secret(&f->text);
	login_facts_init(f);
}

void
login_facts_begin(struct login_facts *f)
{
	account_clear(&f->account);
	sbuf_clear(&f->app_key);
	sbuf_clear(&f->text);
	f->credentials = 0;
	f->cut = false;
	f->known = false;
}

/* Keep a text; where it will be is not known before the last one is there. */
static struct slice
keep(struct sbuf *text, struct slice s)
{
	sbuf_add_slice(text, s);
	return slice_of(NULL, s.n);
}

enum outcome
login_facts_add(struct login_facts *f, const struct credential *from, struct error *err)
{
	struct credential *c = &f->credential[f->credentials];

	/* no fault of the store, which serves all others as well as ever */
	if (f->credentials == CREDENTIALS_MAX) {
		f->cut = true;
		return FOUND;
	}
	c->label = keep(&f->text, from->label);
	c->hash = keep(&f->text, from->hash);
	c->services = keep(&f->text, from->services);
	c->networks = keep(&f->text, from->networks);
	c->expires = from->expires;
	f->credentials++;
	if (f->text.failed)
		return error_set(err, RETRY, "no memory for a credential");
	return FOUND;
}

static void
place(struct slice *s, const char **at)
{
	s->p = *at;
	*at += s->n;
}

void
login_facts_end(struct login_facts *f)
{
	const char *at = sbuf_cstr(&f->text);

	for (size_t i = 0; i < f->credentials; i++) {
		place(&f->credential[i].label, &at);
		place(&f->credential[i].hash, &at);
		place(&f->credential[i].services, &at);
		place(&f->credential[i].networks, &at);
	}
}

static enum outcome
keep_credential(struct login_facts *f, struct db_stmt *st, struct error *err)
{
	const struct credential c = {
		.label = db_text(st, 0),
		.hash = db_text(st, 1),
		.services = db_text(st, 2),
		.networks = db_text(st, 3),
		.expires = db_int(st, 4),
	};

	return login_facts_add(f, &c, err);
}

static enum outcome
find_credentials(struct store *s, struct slice address, struct login_facts *f, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_credentials);
	enum outcome o;

	db_bind_text(st, 1, address);
	while ((o = db_step(st, err)) == FOUND && (o = keep_credential(f, st, err)) == FOUND)
		continue;
	db_reset(st);
	login_facts_end(f);
	return o == NONE ? FOUND : RETRY;
}

static enum outcome
find_known(struct store *s, struct slice address, struct slice network, struct login_facts *f,
    struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_login_known);
	enum outcome o;

	db_bind_text(st, 1, address);
	db_bind_text(st, 2, network);
	o = db_step(st, err);
	db_reset(st);
	f->known = o == FOUND;
	return o == NONE ? FOUND : o;
}

/* There is none in a store that somebody tampered with: then no app password is right or wrong, and
 * the others are none the worse for it. */
static enum outcome
find_key(struct store *s, struct sbuf *key, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_app_password_key);
	enum outcome o = db_step(st, err);

	if (o == FOUND && !sbuf_add_slice(key, db_text(st, 0)))
		o = error_set(err, RETRY, "no memory for the key of app passwords");
	db_reset(st);
	return o == NONE ? FOUND : o;
}

static enum outcome
find_login(struct store *s, struct slice address, struct slice network, struct login_facts *f,
    struct error *err)
{
	enum outcome o = find_account(s, address, &f->account, err);

	if (o == FOUND)
		o = find_credentials(s, address, f, err);
	if (o == FOUND)
		o = find_known(s, address, network, f, err);
	if (o == FOUND)
		o = find_key(s, &f->app_key, err);
	return o;
}

enum outcome
store_find_login(struct store *s, struct slice address, struct slice network,
    struct login_facts *out, struct error *err)
{
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	login_facts_begin(out);
	if (o != FOUND)
		return o;
	o = find_login(s, address, network, out, err);
	view_end(s, mine);
	return o == BAD ? RETRY : o;
}

/* --- a fresh hash ----------------------------------------------------------------------------- */

static enum outcome
replace(struct change *c, struct slice label, struct slice old, struct slice new, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_credential_replace);
	int64_t changes = 0;
	enum outcome o;

	db_bind_text(st, 1, c->subject);
	db_bind_text(st, 2, label);
	db_bind_text(st, 3, old);
	db_bind_text(st, 4, new);
	o = db_run(st, &changes, err);
	if (o == FOUND && changes == 0)
		o = error_set(err, NONE, "the password was changed meanwhile");
	return o;
}

enum outcome
store_rehash(struct store *s, struct slice address, struct slice label, struct slice old,
    struct slice new, struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin(&c, s, "user rehash", Q_mailbox_image, address, err);
	if (o == FOUND)
		o = replace(&c, label, old, new, err);
	o = change_end(&c, o, err);
	/* there will be another login, in the other place */
	return o == RETRY && s->closed ? BAD : o;
}

/* --- good logins ------------------------------------------------------------------------------ */

/* What a client calls its service is not always a word. */
static struct slice
service_of(const struct login_record *r)
{
	return credential_is_service(r->service) ? r->service : slice_str("");
}

static enum outcome
record(struct store *s, const struct login_record *r, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_login_record);
	enum outcome o;

	db_bind_text(st, 1, r->address);
	db_bind_text(st, 2, r->network);
	db_bind_text(st, 3, r->label);
	db_bind_text(st, 4, service_of(r));
	db_bind_int(st, 5, r->at);
	o = db_run(st, NULL, err);
	if (o != FOUND)
		return o;
	st = db_prepare(s->db, Q_login_prune);
	db_bind_text(st, 1, r->address);
	db_bind_int(st, 2, LOGINS_KEPT);
	return db_run(st, NULL, err);
}

/* A record that a rule of the store is against would be so at every further try. In some engines
 * such a one ends the transaction, but for what was done before its savepoint. */
static enum outcome
record_or_pass(struct store *s, const struct login_record *r, struct error *err)
{
	enum outcome o = db_run(db_prepare(s->db, Q_savepoint), NULL, err);

	if (o == FOUND)
		o = record(s, r, err);
	if (o != FOUND && o != RETRY)
		o = db_run(db_prepare(s->db, Q_rollback_to), NULL, err);
	return o == FOUND ? db_run(db_prepare(s->db, Q_release), NULL, err) : RETRY;
}

enum outcome
store_record_logins(
    struct store *s, const struct login_record *records, size_t n, struct error *err)
{
	enum outcome o = transaction_begin(s, DB_WRITE, err);

	if (o != FOUND)
		return o;
	for (size_t i = 0; i < n && o == FOUND; i++)
		o = record_or_pass(s, &records[i], err);
	return write_end(s, o, err);
}

/* --- looking at them -------------------------------------------------------------------------- */

/* Those of one moment; *BEFORE becomes it. FOUND, NONE: there were none, RETRY. */
static enum outcome
give_moment(struct store *s, struct slice address, int64_t *before, store_login_fn *fn, void *arg,
    struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_logins_before);
	bool more = true, any = false;
	enum outcome o = FOUND;

	db_bind_text(st, 1, address);
	db_bind_int(st, 2, *before);
	while (more && (o = db_step(st, err)) == FOUND) {
		const struct login_row row = { address, db_text(st, 0), db_text(st, 1),
			db_text(st, 2), db_int(st, 3) };

		any = true;
		*before = row.at;
		more = fn(arg, &row);
	}
	db_reset(st);
	if (!more)
		*before = INT64_MIN;
	return o == NONE && any ? FOUND : o;
}

enum outcome
store_logins(
    struct store *s, struct slice address, store_login_fn *fn, void *arg, struct error *err)
{
	int64_t before = INT64_MAX;
	bool mine, any = false;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	while ((o = give_moment(s, address, &before, fn, arg, err)) == FOUND)
		any = true;
	view_end(s, mine);
	return o == NONE && any ? FOUND : o;
}

enum outcome
store_last_login(struct store *s, struct slice address, int64_t *at, struct error *err)
{
	struct db_stmt *st;
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	*at = 0;
	if (o != FOUND)
		return o;
	st = db_prepare(s->db, Q_last_login);
	db_bind_text(st, 1, address);
	o = db_step(st, err);
	if (o == FOUND)
		*at = db_int(st, 0);
	db_reset(st);
	view_end(s, mine);
	return o == FOUND ? FOUND : RETRY;
}
