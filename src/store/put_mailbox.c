/* SPDX-License-Identifier: ISC
 *
 * Making a mailbox and its credentials be what a record says of them.
 */
#include <stdlib.h>

#include "auth/app_password.h"
#include "auth/network.h"
#include "mail/rules.h"
#include "store/logins.h"
#include "store/put.h"

#define ID_MAX 4294967294u /* one more stands for nobody */

/* --- what is asked for ------------------------------------------------------------------------ */

/* Keep the networks in canonical form. Where that will be is not known before the last of them is
 * there: till then only the length counts. */
static enum outcome
keep_networks(struct put *p, struct slice *networks, struct error *err)
{
	size_t before = p->networks.n;
	enum outcome o = network_list_mend(&p->networks, *networks, err);

	/* an empty list means everywhere, and that is not what this one means */
	if (o == FOUND && networks->n > 0 && p->networks.n == before)
		o = error_set(err, BAD,
		    "there is no network in '%.*s': leave it empty to allow all of them",
		    (int)slice_head(*networks, NETWORK_GROUP_MAX).n, networks->p);
	*networks = slice_of(NULL, p->networks.n - before);
	return o;
}

static void
place(struct slice *networks, const char **at)
{
	networks->p = *at;
	*at += networks->n;
}

/* Those of a record were written by another system, by an earlier release, or by hand: what is
 * stored is what a login is compared with. */
static enum outcome
take_networks(struct put *p, struct error *err)
{
	struct record *w = &p->wanted;
	bool said = (w->said & RECORD_NETWORKS) != 0;
	enum outcome o = said ? keep_networks(p, &w->networks, err) : FOUND;
	const char *at;

	for (size_t i = 0; o == FOUND && p->credential != NULL && i < w->credentials; i++)
		o = keep_networks(p, &p->credential[i].networks, err);
	at = sbuf_cstr(&p->networks);
	if (said)
		place(&w->networks, &at);
	for (size_t i = 0; o == FOUND && p->credential != NULL && i < w->credentials; i++)
		place(&p->credential[i].networks, &at);
	return o;
}

/* By the label an app password is revoked: one that could not be typed is none. The blanks around
 * it are no part of it, and nothing but blanks is not the own password, which has no label. */
static enum outcome
take_label(struct slice *label, struct error *err)
{
	if (label->n == 0)
		return FOUND;
	*label = slice_trim(*label);
	return credential_label_check(*label, err);
}

/* A list of one's own, to be brought into canonical form. */
static enum outcome
take_credentials(struct put *p, struct error *err)
{
	struct record *w = &p->wanted;
	enum outcome o = FOUND;

	if ((w->said & RECORD_CREDENTIALS) == 0 || w->credentials == 0)
		return FOUND;
	p->credential = calloc(w->credentials, sizeof *p->credential);
	if (p->credential == NULL)
		return error_set(err, RETRY, "no memory for the passwords of a mailbox");
	for (size_t i = 0; o == FOUND && i < w->credentials; i++) {
		p->credential[i] = w->credential[i];
		o = take_label(&p->credential[i].label, err);
	}
	w->credential = p->credential;
	return o;
}

static enum outcome
check_credential(struct put *p, size_t at, struct error *err)
{
	const struct record *w = &p->wanted;
	const struct record_credential *c = &w->credential[at];
	const char *address = sbuf_cstr(&p->name);
	enum outcome o = FOUND;

	/* an app password's hash means something with this store's key only, and is kept as it is
	 */
	if (c->label.n == 0 || !app_password_is(c->hash))
		o = mailbox_check_hash(p->s, c->hash, err);
	if (o == FOUND && c->hash.n == 0)
		o = error_set(err, BAD, "a password hash of '%s' is empty", address);
	if (o == FOUND && c->services.n > 0)
		o = rules_services(c->services, err);
	if (o == FOUND && c->expires < 0)
		o = error_set(err, BAD, "a password of '%s' expires before all time", address);
	for (size_t i = 0; o == FOUND && i < at; i++)
		if (slice_eq(w->credential[i].label, c->label))
			o = error_set(err, BAD, "'%s' has two passwords of the same label: '%.*s'",
			    address, (int)c->label.n, c->label.p);
	return o;
}

enum outcome
put_check_mailbox(struct put *p, struct error *err)
{
	const struct record *w = &p->wanted;
	enum outcome o = FOUND;

	if ((w->said & RECORD_QUOTA) != 0 && w->quota < 0)
		o = error_set(err, BAD, "a quota cannot be negative: 0 stands for none");
	if (o == FOUND && (w->said & RECORD_IDS) != 0 && (w->uid > ID_MAX || w->gid > ID_MAX))
		o = error_set(err, BAD, "uid and gid are at most %u", ID_MAX);
	if (o == FOUND && (w->said & RECORD_STATE) != 0 && w->reason.n > 0)
		o = rules_reason(w->reason, err);
	if (o == FOUND)
		o = take_credentials(p, err);
	if (o == FOUND)
		o = take_networks(p, err);
	for (size_t i = 0; o == FOUND && (w->said & RECORD_CREDENTIALS) && i < w->credentials; i++)
		o = check_credential(p, i, err);
	return o;
}

/* --- what differs ----------------------------------------------------------------------------- */

static const struct record_credential *
find_credential(const struct record *r, struct slice label)
{
	for (size_t i = 0; i < r->credentials; i++)
		if (slice_eq(r->credential[i].label, label))
			return &r->credential[i];
	return NULL;
}

enum outcome
put_merge_mailbox(struct put *p, struct error *err)
{
	const struct record *now = &p->now.r;
	struct record *w = &p->wanted;
	size_t n = w->credentials;

	p->merged = calloc(n + now->credentials + 1, sizeof *p->merged);
	if (p->merged == NULL)
		return error_set(err, RETRY, "no memory for the passwords of a mailbox");
	for (size_t i = 0; i < n; i++)
		p->merged[i] = w->credential[i];
	for (size_t i = 0; i < now->credentials; i++)
		if (find_credential(w, now->credential[i].label) == NULL)
			p->merged[n++] = now->credential[i];
	w->credential = p->merged;
	w->credentials = n;
	return FOUND;
}

static size_t
app_passwords(const struct record *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->credentials; i++)
		n += r->credential[i].label.n > 0;
	return n;
}

/* An earlier release imported as many as there were: those may stay, become fewer, and come back by
 * an undo. */
enum outcome
put_check_room(const struct put *p, struct error *err)
{
	size_t n = app_passwords(&p->wanted), now = p->there ? app_passwords(&p->now.r) : 0;

	if (n <= APP_PASSWORDS_MAX || n <= now || p->s->undoing != 0)
		return FOUND;
	return error_set(err, BAD,
	    "'%s' would have %zu app passwords: leave out, or remove, all but %d",
	    sbuf_cstr(&p->name), n, APP_PASSWORDS_MAX);
}

static bool
same_credential(const struct record_credential *a, const struct record_credential *b)
{
	return a != NULL && slice_eq(a->hash, b->hash) && slice_eq(a->services, b->services) &&
	       slice_eq(a->networks, b->networks) && a->expires == b->expires;
}

/* The own password is what others check too, who know of no limits. An earlier release took some:
 * they may stay as they are, and come back by an undo. */
enum outcome
put_check_limits(const struct put *p, struct error *err)
{
	const struct record *w = &p->wanted;

	for (size_t i = 0; p->s->undoing == 0 && i < w->credentials; i++) {
		const struct record_credential *c = &w->credential[i];

		if (c->label.n == 0 && record_credential_is_limited(c) &&
		    !(p->there && same_credential(find_credential(&p->now.r, c->label), c)))
			return error_set(err, BAD,
			    "'%s' would have a password without a label that has 'services', "
			    "'networks' or 'expires', which only an app password can have: give it "
			    "a 'label', or leave them out; 'networks' of the mailbox are for all "
			    "of its passwords",
			    sbuf_cstr(&p->name));
	}
	return FOUND;
}

/* An earlier release imported any text: what is there may stay, and come back by an undo. */
static bool
is_new_place(const struct put *p, struct slice wanted, struct slice now)
{
	return wanted.n > 0 && p->s->undoing == 0 && !(p->there && slice_eq(wanted, now));
}

enum outcome
put_check_places(const struct put *p, struct error *err)
{
	const struct record *w = &p->wanted, *now = &p->now.r;
	enum outcome o = FOUND;

	if (is_new_place(p, w->home, now->home))
		o = account_home_check(w->home, err);
	if (o == FOUND && is_new_place(p, w->mail, now->mail))
		o = account_mail_check(w->mail, err);
	return o;
}

static bool
same_credentials(const struct record *now, const struct record *w)
{
	if (now->credentials != w->credentials)
		return false;
	for (size_t i = 0; i < w->credentials; i++)
		if (!same_credential(
			find_credential(now, w->credential[i].label), &w->credential[i]))
			return false;
	return true;
}

unsigned
put_compare_mailbox(const struct record *now, const struct record *w)
{
	unsigned differs = 0;

	if (now->quota != w->quota)
		differs |= RECORD_QUOTA;
	if (!slice_eq(now->home, w->home))
		differs |= RECORD_HOME;
	if (!slice_eq(now->mail, w->mail))
		differs |= RECORD_MAIL;
	if (now->uid != w->uid || now->gid != w->gid)
		differs |= RECORD_IDS;
	if (!slice_eq(now->networks, w->networks))
		differs |= RECORD_NETWORKS;
	if (now->state != w->state || !slice_eq(now->reason, w->reason))
		differs |= RECORD_STATE;
	if (!same_credentials(now, w))
		differs |= RECORD_CREDENTIALS;
	return differs;
}

/* --- writing it ------------------------------------------------------------------------------- */

static void
bind_id(struct db_stmt *st, int n, unsigned id)
{
	if (id != 0)
		db_bind_int(st, n, id);
	else
		db_bind_null(st, n);
}

/* The credentials of a new one, each with its time. */
static struct record_credential *
with_times(struct put *p)
{
	const struct record *w = &p->wanted;
	struct record_credential *list = calloc(w->credentials + 1, sizeof *list);

	for (size_t i = 0; list != NULL && i < w->credentials; i++) {
		list[i] = w->credential[i];
		if (list[i].created == 0)
			list[i].created = p->change.at;
	}
	return list;
}

/* With its line in the log: there is nothing to compare it with. */
static enum outcome
add_mailbox(struct put *p, struct error *err)
{
	struct record_credential *list = with_times(p);
	struct record w = p->wanted;
	enum outcome o;

	if (list == NULL)
		return error_set(err, RETRY, "no memory for a mailbox");
	w.name = sbuf_slice(&p->name);
	w.created = w.created != 0 ? w.created : p->change.at;
	w.credential = list;
	o = mailbox_check_domain(p->s, &p->name, err);
	if (o == FOUND)
		o = additions_put(&p->change, &w, err);
	p->change.idle = true;
	free(list);
	return o;
}

static enum outcome
change_mailbox(struct put *p, struct error *err)
{
	const struct record *w = &p->wanted;
	struct db_stmt *st = db_prepare(p->s->db, Q_record_mailbox_put);

	db_bind_text(st, 1, sbuf_slice(&p->name));
	db_bind_int(st, 2, w->quota);
	bind_optional(st, 3, w->home);
	bind_optional(st, 4, w->mail);
	bind_id(st, 5, w->uid);
	bind_id(st, 6, w->gid);
	bind_optional(st, 7, w->networks);
	db_bind_text(st, 8, slice_str(account_state_name(w->state)));
	bind_optional(st, 9, w->reason);
	return db_run(st, NULL, err);
}

static enum outcome
drop_credential(struct put *p, struct slice label, struct error *err)
{
	struct db_stmt *st = db_prepare(p->s->db, Q_record_credential_drop);

	db_bind_text(st, 1, sbuf_slice(&p->name));
	db_bind_text(st, 2, label);
	return db_run(st, NULL, err);
}

static enum outcome
write_credential(
    struct put *p, const struct record_credential *c, int64_t created, struct error *err)
{
	struct db_stmt *st = db_prepare(p->s->db, Q_record_credential_put);

	db_bind_text(st, 1, sbuf_slice(&p->name));
	db_bind_text(st, 2, c->label);
	db_bind_text(st, 3, c->hash);
	bind_optional(st, 4, c->services);
	bind_optional(st, 5, c->networks);
	db_bind_int(st, 6, c->expires);
	db_bind_int(st, 7, created);
	return db_run(st, NULL, err);
}

/* A hash that stays is as old as it was, whatever becomes of its limits. */
static enum outcome
put_credential(struct put *p, const struct record_credential *c, struct error *err)
{
	const struct record_credential *now = find_credential(&p->now.r, c->label);
	int64_t created = c->created != 0 ? c->created : p->change.at;

	if (same_credential(now, c))
		return FOUND;
	if (now != NULL && slice_eq(now->hash, c->hash))
		created = now->created;
	return write_credential(p, c, created, err);
}

static enum outcome
write_credentials(struct put *p, struct error *err)
{
	const struct record *now = &p->now.r, *w = &p->wanted;
	enum outcome o = FOUND;

	for (size_t i = 0; o == FOUND && i < now->credentials; i++)
		if (find_credential(w, now->credential[i].label) == NULL)
			o = drop_credential(p, now->credential[i].label, err);
	for (size_t i = 0; o == FOUND && i < w->credentials; i++)
		o = put_credential(p, &w->credential[i], err);
	return o;
}

enum outcome
put_mailbox(struct put *p, struct error *err)
{
	unsigned rest = p->differs & ~(unsigned)RECORD_CREDENTIALS;
	enum outcome o = FOUND;

	if (!p->there)
		return add_mailbox(p, err);
	if (rest != 0)
		o = change_mailbox(p, err);
	if (o == FOUND && (p->differs & RECORD_CREDENTIALS) != 0) {
		o = write_credentials(p, err);
		/* they were judged before: what the database has against them is no refusal, and
		 * the mailbox is written already */
		if (o == BAD)
			o = RETRY;
	}
	return o;
}
