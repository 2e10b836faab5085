/* SPDX-License-Identifier: ISC
 *
 * Changing mailboxes and their passwords. App passwords are in app_passwords.c.
 */
#include <string.h>

#include "auth/network.h"
#include "auth/password.h"
#include "mail/rules.h"
#include "store/change.h"
#include "store/logins.h"

/* --- adding ----------------------------------------------------------------------------------- */

static enum outcome
refuse_kind(
    const struct domain_facts *facts, const char *address, const char *domain, struct error *err)
{
	const struct sbuf *target = &facts->target;

	switch (facts->kind) {
	case DOMAIN_ALIAS:
		if (target->n > 0)
			return error_set(err, BAD,
			    "domain '%s' stands for '%s': add the mailbox there", domain,
			    sbuf_cstr(target));
		return error_set(err, BAD,
		    "domain '%s' is of kind alias and has no mailboxes: use `vmailctl alias add %s "
		    "TARGET`",
		    domain, address);
	case DOMAIN_RELAY:
		return error_set(err, BAD,
		    "domain '%s' is of kind relay: its mailboxes are on another host", domain);
	case DOMAIN_LOCAL:
		return error_set(err, BAD,
		    "domain '%s' is of kind local: its mailboxes are this host's own users",
		    domain);
	case DOMAIN_MAILBOX:
		break;
	}
	return FOUND;
}

enum outcome
mailbox_check_domain(struct store *s, const struct sbuf *address, struct error *err)
{
	struct slice name = domain_of(sbuf_slice(address));
	enum outcome o;

	if (slice_eq(name, sbuf_slice(&s->fit)))
		return FOUND;
	facts_clear(&s->facts);
	o = domain_need(s, name, &s->facts.domain, err);
	if (o == FOUND)
		o = refuse_kind(&s->facts.domain, sbuf_cstr(address), name.p, err);
	sbuf_clear(&s->fit);
	/* without memory it is asked for again */
	if (o == FOUND)
		sbuf_add_slice(&s->fit, name);
	return o;
}

static enum outcome
insert_mailbox(struct change *c, int64_t quota, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_mailbox_insert);

	db_bind_text(st, 1, c->subject);
	db_bind_text(st, 2, domain_of(c->subject));
	db_bind_int(st, 3, quota);
	db_bind_int(st, 4, c->at);
	return db_run(st, NULL, err);
}

/* The credential without a label is the mailbox's own password. */
static enum outcome
set_password(struct change *c, struct slice hash, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_credential_set);

	db_bind_text(st, 1, c->subject);
	db_bind_text(st, 2, slice_str(""));
	db_bind_text(st, 3, hash);
	db_bind_int(st, 4, c->at);
	return db_run(st, NULL, err);
}

static enum outcome
add_mailbox(struct store *s, const struct sbuf *address, struct slice hash, int64_t quota,
    struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin(&c, s, "user add", Q_mailbox_image, sbuf_slice(address), err);
	if (o == FOUND && change_existed(&c))
		o = error_set(err, BAD, "mailbox '%s' already exists", sbuf_cstr(address));
	if (o == FOUND)
		o = mailbox_check_domain(s, address, err);
	if (o == FOUND)
		o = insert_mailbox(&c, quota, err);
	if (o == FOUND && hash.n > 0)
		o = set_password(&c, hash, err);
	return change_end(&c, o, err);
}

/* The stored form is printable and short, and one that could log somebody in; nothing of a refused
 * one is repeated. */
enum outcome
mailbox_check_hash(struct store *s, struct slice hash, struct error *err)
{
	const struct password_cost *cost = s->actor->cost;

	if (hash.n > PASSWORD_STORED_MAX)
		return error_set(err, BAD, "the password hash is %zu bytes long: at most %d",
		    hash.n, PASSWORD_STORED_MAX);
	for (size_t i = 0; i < hash.n; i++)
		if (hash.p[i] < ' ' || hash.p[i] > '~')
			return error_set(err, BAD, "the password hash is not printable ASCII");
	if (hash.n == 0)
		return FOUND;
	return password_stored_check(hash, cost != NULL ? cost : &password_default_cost, err);
}

enum outcome
store_mailbox_add(
    struct store *s, struct slice address, struct slice hash, int64_t quota, struct error *err)
{
	struct sbuf canonical;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	o = rules_mailbox(&canonical, address, err);
	if (o == FOUND)
		o = mailbox_check_hash(s, hash, err);
	if (o == FOUND && quota < 0)
		o = error_set(err, BAD, "a quota cannot be negative: 0 stands for none");
	if (o == FOUND)
		o = add_mailbox(s, &canonical, hash, quota, err);
	sbuf_release(&canonical);
	return o;
}

/* --- passwords -------------------------------------------------------------------------------- */

static enum outcome
change_password(struct store *s, const struct sbuf *address, struct slice hash, struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin(&c, s, "user passwd", Q_mailbox_image, sbuf_slice(address), err);
	if (o == FOUND && !change_existed(&c))
		o = no_mailbox(sbuf_slice(address), err);
	if (o == FOUND)
		o = set_password(&c, hash, err);
	return change_end(&c, o, err);
}

enum outcome
store_mailbox_passwd(struct store *s, struct slice address, struct slice hash, struct error *err)
{
	struct sbuf canonical;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	o = rules_mailbox(&canonical, address, err);
	if (o == FOUND)
		o = mailbox_check_hash(s, hash, err);
	if (o == FOUND && hash.n == 0)
		o = error_set(err, BAD, "the new password hash is empty");
	if (o == FOUND)
		o = change_password(s, &canonical, hash, err);
	sbuf_release(&canonical);
	return o;
}

/* --- states and quotas --------------------------------------------------------------------------
 */

static enum outcome
change_state(struct store *s, const struct sbuf *address, enum account_state state,
    struct slice reason, struct error *err)
{
	struct change c;
	struct db_stmt *st;
	enum outcome o;

	o = change_begin(&c, s, "user state", Q_mailbox_image, sbuf_slice(address), err);
	if (o == FOUND && !change_existed(&c))
		o = no_mailbox(sbuf_slice(address), err);
	if (o == FOUND) {
		st = db_prepare(s->db, Q_mailbox_state);
		db_bind_text(st, 1, sbuf_slice(address));
		db_bind_text(st, 2, slice_str(account_state_name(state)));
		if (reason.n > 0)
			db_bind_text(st, 3, reason);
		else
			db_bind_null(st, 3);
		o = db_run(st, NULL, err);
	}
	return change_end(&c, o, err);
}

enum outcome
store_mailbox_state(struct store *s, struct slice address, enum account_state state,
    struct slice reason, struct error *err)
{
	struct sbuf canonical;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	o = rules_mailbox(&canonical, address, err);
	if (o == FOUND && reason.n > 0)
		o = rules_reason(reason, err);
	if (o == FOUND)
		o = change_state(s, &canonical, state, reason, err);
	sbuf_release(&canonical);
	return o;
}

static enum outcome
change_quota(struct store *s, const struct sbuf *address, int64_t quota, struct error *err)
{
	struct change c;
	struct db_stmt *st;
	enum outcome o;

	o = change_begin(&c, s, "user quota", Q_mailbox_image, sbuf_slice(address), err);
	if (o == FOUND && !change_existed(&c))
		o = no_mailbox(sbuf_slice(address), err);
	if (o == FOUND) {
		st = db_prepare(s->db, Q_mailbox_quota);
		db_bind_text(st, 1, sbuf_slice(address));
		db_bind_int(st, 2, quota);
		o = db_run(st, NULL, err);
	}
	return change_end(&c, o, err);
}

enum outcome
store_mailbox_quota(struct store *s, struct slice address, int64_t quota, struct error *err)
{
	struct sbuf canonical;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	o = rules_mailbox(&canonical, address, err);
	if (o == FOUND && quota < 0)
		o = error_set(err, BAD, "a quota cannot be negative: 0 stands for none");
	if (o == FOUND)
		o = change_quota(s, &canonical, quota, err);
	sbuf_release(&canonical);
	return o;
}

/* --- where it lives -----------------------------------------------------------------------------
 */

static void
bind_id(struct db_stmt *st, int n, int64_t id)
{
	if (id > 0)
		db_bind_int(st, n, id);
	else
		db_bind_null(st, n);
}

static enum outcome
update_settings(struct store *s, const struct sbuf *address, const struct mailbox_settings *m,
    struct slice networks, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_mailbox_set);
	unsigned only = m->only != 0 ? m->only : ~0U;

	db_bind_text(st, 1, sbuf_slice(address));
	bind_optional(st, 2, m->home);
	bind_optional(st, 3, m->mail);
	bind_id(st, 4, m->uid);
	bind_id(st, 5, m->gid);
	bind_optional(st, 6, networks);
	for (int i = 0; i < 5; i++)
		db_bind_int(st, 7 + i, (only >> i & 1) != 0);
	return db_run(st, NULL, err);
}

static enum outcome
change_settings(struct store *s, const struct sbuf *address, const struct mailbox_settings *m,
    struct slice networks, struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin(&c, s, "user set", Q_mailbox_image, sbuf_slice(address), err);
	if (o == FOUND && !change_existed(&c))
		o = no_mailbox(sbuf_slice(address), err);
	if (o == FOUND)
		o = update_settings(s, address, m, networks, err);
	return change_end(&c, o, err);
}

static enum outcome
check_id(const char *what, int64_t id, struct error *err)
{
	if (id < 0 || id > STORE_ID_MAX)
		return error_set(err, BAD, "%lld is no %s: 1 to %lld, or 0 for the configured one",
		    (long long)id, what, (long long)STORE_ID_MAX);
	return FOUND;
}

static enum outcome
check_settings(const struct mailbox_settings *m, struct sbuf *networks, struct error *err)
{
	enum outcome o = network_list_check(networks, m->networks, err);

	if (o == FOUND && m->home.n > 0)
		o = account_home_check(m->home, err);
	if (o == FOUND && m->mail.n > 0)
		o = account_mail_check(m->mail, err);
	if (o == FOUND)
		o = check_id("user id", m->uid, err);
	if (o == FOUND)
		o = check_id("group id", m->gid, err);
	return o;
}

enum outcome
store_mailbox_set(struct store *s, struct slice address, const struct mailbox_settings *settings,
    struct error *err)
{
	struct sbuf canonical, networks;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	sbuf_init(&networks, NETWORK_LIST_MAX);
	o = rules_mailbox(&canonical, address, err);
	if (o == FOUND)
		o = check_settings(settings, &networks, err);
	if (o == FOUND)
		o = change_settings(s, &canonical, settings, sbuf_slice(&networks), err);
	sbuf_release(&canonical);
	sbuf_release(&networks);
	return o;
}

/* --- removing -----------------------------------------------------------------------------------
 */

/* Append the name of the alias that ST finds. */
static enum outcome
take_alias(struct db_stmt *st, struct sbuf *alias, struct error *err)
{
	enum outcome o = db_step(st, err);

	if (o != FOUND)
		return o;
	if (!sbuf_add_slice(alias, db_text(st, 0)))
		o = error_set(err, RETRY, "no memory");
	db_reset(st);
	return o;
}

static enum outcome
find_direct(struct store *s, struct slice mailbox, struct sbuf *alias, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_leads_to);

	db_bind_text(st, 1, domain_of(mailbox));
	db_bind_text(st, 2, mailbox);
	return take_alias(st, alias, err);
}

/* Targets in a domain that stands for the mailbox's. */
static enum outcome
find_through(struct store *s, struct slice mailbox, struct sbuf *alias, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_leads_through);
	struct slice domain = domain_of(mailbox);

	db_bind_text(st, 1, domain);
	db_bind_text(st, 2, slice_head(mailbox, mailbox.n - domain.n - 1));
	return take_alias(st, alias, err);
}

/* Targets that are the mailbox with an extension: those from `name+` to just before the next
 * byte after the delimiter. */
static enum outcome
find_extended(
    struct store *s, struct slice mailbox, char delimiter, struct sbuf *alias, struct error *err)
{
	struct slice domain = domain_of(mailbox);
	struct slice local = slice_head(mailbox, mailbox.n - domain.n - 1);
	struct db_stmt *st = db_prepare(s->db, Q_leads_to_between);
	struct sbuf from, to;
	enum outcome o;

	/* a quoted name keeps its extension within the quotes */
	if (slice_ends(local, "\""))
		local.n--;
	sbuf_init(&from, ADDRESS_MAX);
	sbuf_init(&to, ADDRESS_MAX);
	sbuf_add_slice(&from, local);
	sbuf_add_chr(&from, delimiter);
	sbuf_add_slice(&to, local);
	if (sbuf_add_chr(&to, (char)(delimiter + 1)) && !to.failed && !from.failed) {
		db_bind_text(st, 1, domain);
		db_bind_text(st, 2, sbuf_slice(&from));
		db_bind_text(st, 3, sbuf_slice(&to));
		o = take_alias(st, alias, err);
	} else {
		o = error_set(err, RETRY, "no memory");
	}
	sbuf_release(&from);
	sbuf_release(&to);
	return o;
}

enum outcome
store_leads_to(struct store *s, struct slice address, struct sbuf *alias, struct error *err)
{
	const struct domain_facts *domain = &s->facts.domain;
	const char *d = s->actor->rules.delimiters;
	enum outcome o = batch_show(s, err);

	facts_clear(&s->facts);
	if (o == FOUND)
		o = domain_find(s, domain_of(address), &s->facts.domain, err);
	if (o != FOUND && o != NONE)
		return o;
	if (domain->own_delimiters)
		d = domain->delimiters;
	o = find_direct(s, address, alias, err);
	if (o == NONE)
		o = find_through(s, address, alias, err);
	for (; o == NONE && *d != '\0'; d++)
		o = find_extended(s, address, *d, alias, err);
	return o;
}

static enum outcome
check_unused(struct store *s, const struct sbuf *mailbox, struct error *err)
{
	struct sbuf alias;
	enum outcome o;

	sbuf_init(&alias, QUESTION_TEXT);
	o = store_leads_to(s, sbuf_slice(mailbox), &alias, err);
	if (o == FOUND)
		error_set(err, BAD,
		    "alias '%s' leads to '%s': remove that target first, or say --force",
		    sbuf_cstr(&alias), sbuf_cstr(mailbox));
	sbuf_release(&alias);
	return o == FOUND ? BAD : o == NONE ? FOUND : o;
}

static enum outcome
remove_mailbox(struct store *s, const struct sbuf *address, bool force, struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin(&c, s, "user remove", Q_mailbox_image, sbuf_slice(address), err);
	if (o == FOUND && !change_existed(&c))
		o = no_mailbox(sbuf_slice(address), err);
	if (o == FOUND && !force)
		o = check_unused(s, address, err);
	if (o == FOUND)
		o = run_for(s, Q_mailbox_delete, sbuf_slice(address), err);
	/* it may have kept a catch-all from the address */
	if (o == FOUND)
		o = loops_check_alias(s, sbuf_slice(address), err);
	return change_end(&c, o, err);
}

enum outcome
store_mailbox_remove(struct store *s, struct slice address, bool force, struct error *err)
{
	struct sbuf canonical;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	o = rules_mailbox(&canonical, address, err);
	if (o == FOUND)
		o = remove_mailbox(s, &canonical, force, err);
	sbuf_release(&canonical);
	return o;
}
