/* SPDX-License-Identifier: ISC
 *
 * App passwords: credentials with a label, which the admin makes and revokes.
 */
#include "auth/app_password.h"

#include <unistr.h>

#include "auth/network.h"
#include "auth/password.h"
#include "mail/rules.h"
#include "store/change.h"
#include "store/logins.h"

/* --- listing ---------------------------------------------------------------------------------- */

static enum outcome
give_rows(
    struct store *s, struct slice address, store_app_password_fn *fn, void *arg, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_app_passwords);
	bool more = true, any = false;
	enum outcome o = FOUND;

	db_bind_text(st, 1, address);
	while (more && (o = db_step(st, err)) == FOUND) {
		const struct app_password_row row = {
			.label = db_text(st, 0),
			.services = db_text(st, 1),
			.networks = db_text(st, 2),
			.expires = db_int(st, 3),
			.created = db_int(st, 4),
			.used = db_int(st, 5),
		};

		any = true;
		more = fn(arg, &row);
	}
	db_reset(st);
	return o == NONE && any ? FOUND : o;
}

enum outcome
store_app_passwords(
    struct store *s, struct slice address, store_app_password_fn *fn, void *arg, struct error *err)
{
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	o = give_rows(s, address, fn, arg, err);
	view_end(s, mine);
	return o;
}

/* --- where they are from ------------------------------------------------------------------------
 */

static enum outcome
ask_log(struct store *s, struct slice address, struct slice hash, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_app_password_known);
	enum outcome o;

	db_bind_text(st, 1, address);
	db_bind_text(st, 2, hash);
	o = db_step(st, err);
	db_reset(st);
	return o;
}

enum outcome
store_app_password_known(
    struct store *s, struct slice address, struct slice hash, struct error *err)
{
	struct sbuf canonical;
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	sbuf_init(&canonical, QUESTION_TEXT);
	o = rules_mailbox(&canonical, address, err);
	if (o == FOUND)
		o = ask_log(s, sbuf_slice(&canonical), hash, err);
	sbuf_release(&canonical);
	view_end(s, mine);
	return o;
}

/* --- adding ----------------------------------------------------------------------------------- */

/* A new one in the form that is stored. */
struct made {
	const struct app_password_new *asked;
	struct sbuf services;
	struct sbuf networks;
	struct sbuf hash; /* secret */
};

static enum outcome
check(struct made *m, struct error *err)
{
	const struct app_password_new *p = m->asked;
	enum outcome o = credential_label_check(p->label, err);

	if (o == FOUND)
		o = credential_services_check(&m->services, p->services, err);
	if (o == FOUND)
		o = network_list_check(&m->networks, p->networks, err);
	if (o == FOUND && p->expires < 0)
		o = error_set(err, BAD, "an app password cannot expire before 1970");
	return o;
}

/* In the transaction, so that the key is that of the store which is written. */
static enum outcome
hash_secret(struct store *s, struct made *m, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_app_password_key);
	enum outcome o = db_step(st, err);

	if (o == FOUND || o == NONE)
		o = app_password_hash(
		    &m->hash, o == FOUND ? db_text(st, 0) : slice_str(""), m->asked->secret, err);
	db_reset(st);
	return o;
}

static enum outcome
check_room(struct change *c, const struct made *m, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_app_password_counts);
	struct slice label = m->asked->label;
	enum outcome o;

	db_bind_text(st, 1, c->subject);
	db_bind_text(st, 2, label);
	o = db_step(st, err);
	if (o == FOUND && db_int(st, 1) != 0)
		o = error_set(err, BAD,
		    "'%s' has an app password called '%.*s' already: remove that one first, or "
		    "take another label",
		    c->subject.p, (int)label.n, label.p);
	else if (o == FOUND && db_int(st, 0) >= APP_PASSWORDS_MAX)
		o = error_set(err, BAD,
		    "'%s' has %d app passwords: remove one that is not used any more", c->subject.p,
		    APP_PASSWORDS_MAX);
	db_reset(st);
	return o;
}

static enum outcome
insert(struct change *c, const struct made *m, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_app_password_insert);

	db_bind_text(st, 1, c->subject);
	db_bind_text(st, 2, m->asked->label);
	db_bind_text(st, 3, sbuf_slice(&m->hash));
	db_bind_int(st, 4, c->at);
	bind_optional(st, 5, sbuf_slice(&m->services));
	bind_optional(st, 6, sbuf_slice(&m->networks));
	db_bind_int(st, 7, m->asked->expires);
	return db_run(st, NULL, err);
}

static enum outcome
add(struct store *s, const struct sbuf *address, struct made *m, struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin(&c, s, "app-password add", Q_mailbox_image, sbuf_slice(address), err);
	if (o == FOUND && !change_existed(&c))
		o = no_mailbox(sbuf_slice(address), err);
	if (o == FOUND)
		o = check_room(&c, m, err);
	if (o == FOUND)
		o = hash_secret(s, m, err);
	if (o == FOUND)
		o = insert(&c, m, err);
	return change_end(&c, o, err);
}

enum outcome
store_app_password_add(
    struct store *s, struct slice address, const struct app_password_new *p, struct error *err)
{
	struct made m = { .asked = p };
	struct sbuf canonical;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	sbuf_init(&m.services, CREDENTIAL_SERVICES_MAX);
	sbuf_init(&m.networks, NETWORK_LIST_MAX);
	sbuf_init(&m.hash, PASSWORD_STORED_MAX);
	o = rules_mailbox(&canonical, address, err);
	if (o == FOUND)
		o = check(&m, err);
	if (o == FOUND)
		o = add(s, &canonical, &m, err);
	sbuf_release(&canonical);
	sbuf_release(&m.services);
	sbuf_release(&m.networks);
	sbuf_release_secret(&m.hash);
	return o;
}

/* --- revoking --------------------------------------------------------------------------------- */

static enum outcome
run_labelled(
    struct change *c, enum statement which, struct slice label, int64_t *changes, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, which);

	db_bind_text(st, 1, c->subject);
	db_bind_text(st, 2, label);
	return db_run(st, changes, err);
}

/* A network that only a stolen one came from is not the owner's. */
static enum outcome
revoke(struct store *s, const struct sbuf *address, struct slice label, struct error *err)
{
	struct change c;
	int64_t changes = 0;
	enum outcome o;

	o = change_begin(&c, s, "app-password remove", Q_mailbox_image, sbuf_slice(address), err);
	if (o == FOUND && !change_existed(&c))
		o = no_mailbox(sbuf_slice(address), err);
	if (o == FOUND)
		o = run_labelled(&c, Q_credential_delete, label, &changes, err);
	if (o == FOUND && changes == 0)
		o = error_set(err, NONE, "'%s' has no app password called '%.*s'",
		    sbuf_cstr(address), (int)label.n, label.p);
	if (o == FOUND)
		o = run_labelled(&c, Q_logins_delete, label, NULL, err);
	return change_end(&c, o, err);
}

/* Whatever label an earlier release has let in can go. The empty one is that of the mailbox's own
 * password, which is none of these; and what is no text, no store has. */
static enum outcome
check_named(struct slice label, struct error *err)
{
	if (label.n == 0 || u8_check((const uint8_t *)label.p, label.n) != NULL)
		return credential_label_check(label, err);
	return FOUND;
}

enum outcome
store_app_password_remove(
    struct store *s, struct slice address, struct slice label, struct error *err)
{
	struct sbuf canonical;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	o = rules_mailbox(&canonical, address, err);
	if (o == FOUND)
		o = check_named(label, err);
	if (o == FOUND)
		o = revoke(s, &canonical, label, err);
	sbuf_release(&canonical);
	return o;
}
