/* SPDX-License-Identifier: ISC
 *
 * Changing domains.
 */
#include <inttypes.h>

#include "mail/rules.h"
#include "store/change.h"

/* --- adding ----------------------------------------------------------------------------------- */

enum outcome
domain_check_target(struct store *s, const char *name, const struct sbuf *target, struct error *err)
{
	const struct sbuf *further = &s->facts.domain.target;
	enum outcome o;

	if (slice_is(sbuf_slice(target), name))
		return error_set(err, BAD, "domain '%s' cannot stand for itself", name);
	facts_clear(&s->facts);
	o = domain_need(s, sbuf_slice(target), &s->facts.domain, err);
	if (o == FOUND && further->n > 0)
		o = error_set(err, BAD,
		    "domain '%s' stands for '%s' itself: let '%s' stand for '%s' too",
		    sbuf_cstr(target), sbuf_cstr(further), name, sbuf_cstr(further));
	return o;
}

/* Postfix cannot tell NAME from OTHER. */
static enum outcome
refuse_asked(struct slice name, struct slice other, struct slice asked, struct error *err)
{
	return error_set(err, BAD,
	    "Postfix cannot tell domain '%.*s' from '%.*s', which is here: it asks for both as "
	    "'%.*s'; there can be only one of them on one host",
	    (int)name.n, name.p, (int)other.n, other.p, (int)asked.n, asked.p);
}

enum outcome
domain_check_asked(struct store *s, struct slice name, struct slice asked, struct error *err)
{
	struct domain_facts *found = &s->facts.domain;
	enum outcome o;

	facts_clear(&s->facts);
	if (!slice_eq(name, asked) && (o = domain_find(s, asked, found, err)) != NONE)
		return o == FOUND ? refuse_asked(name, asked, asked, err) : o;
	facts_clear(&s->facts);
	o = domain_find_asked(s, asked, found, err);
	if (o == FOUND)
		return refuse_asked(name, sbuf_slice(&found->name), asked, err);
	return o == NONE ? FOUND : o;
}

static enum outcome
insert_row(struct change *c, enum domain_kind kind, struct slice target, struct slice asked,
    int64_t created, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_domain_insert);

	db_bind_text(st, 1, c->subject);
	db_bind_text(st, 2, slice_str(domain_kind_name(kind)));
	bind_optional(st, 3, target);
	db_bind_int(st, 4, created != 0 ? created : c->at);
	bind_optional(st, 5, slice_eq(asked, c->subject) ? slice_str("") : asked);
	return db_run(st, NULL, err);
}

enum outcome
domain_insert(struct change *c, enum domain_kind kind, struct slice target, int64_t created,
    struct error *err)
{
	struct address a;
	enum outcome o;

	if (!domain_parse(&a, c->subject) || !domain_as_asked(&a))
		return error_set(err, RETRY, "no memory for a domain");
	o = domain_check_asked(c->s, c->subject, address_domain(&a), err);
	return o == FOUND ? insert_row(c, kind, target, address_domain(&a), created, err) : o;
}

/* Who wants it to be what it is not has to take it away: its kind never changes. */
static enum outcome
is_there(
    const struct sbuf *name, enum domain_kind kind, const struct sbuf *target, struct error *err)
{
	const char *wish = target->n > 0            ? ": to have it stand for another, "
			   : kind != DOMAIN_MAILBOX ? ": to make it of another kind, "
						    : "";

	return error_set(err, BAD, "domain '%s' already exists%s%s", sbuf_cstr(name), wish,
	    wish[0] != '\0' ? "remove it and what is in it, `vmailctl domain remove --all`" : "");
}

static enum outcome
add_domain(struct store *s, const struct sbuf *name, enum domain_kind kind,
    const struct sbuf *target, struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin(&c, s, "domain add", Q_domain_image, sbuf_slice(name), err);
	if (o == FOUND && change_existed(&c))
		o = is_there(name, kind, target, err);
	if (o == FOUND && target->n > 0)
		o = domain_check_target(s, sbuf_cstr(name), target, err);
	if (o == FOUND)
		o = domain_insert(&c, kind, sbuf_slice(target), 0, err);
	/* aliases that led nowhere may lead on from here now */
	if (o == FOUND && (target->n > 0 || kind == DOMAIN_LOCAL))
		o = loops_check_domain(s, sbuf_slice(name), err);
	return change_end(&c, o, err);
}

enum outcome
store_domain_add(struct store *s, struct slice name, enum domain_kind kind, struct slice target,
    struct error *err)
{
	struct sbuf folded, other;
	enum outcome o;

	sbuf_init(&folded, ADDRESS_DOMAIN_MAX);
	sbuf_init(&other, ADDRESS_DOMAIN_MAX);
	o = rules_domain(&folded, name, err);
	if (o == FOUND && target.n > 0)
		o = rules_domain(&other, target, err);
	if (o == FOUND && target.n > 0 && kind != DOMAIN_ALIAS)
		o = error_set(err, BAD,
		    "a domain of kind %s cannot stand for another: give '%s' the kind alias",
		    domain_kind_name(kind), sbuf_cstr(&folded));
	if (o == FOUND)
		o = add_domain(s, &folded, kind, &other, err);
	sbuf_release(&folded);
	sbuf_release(&other);
	return o;
}

/* --- settings -----------------------------------------------------------------------------------
 */

static enum outcome
update_domain(struct change *c, const struct domain_settings *settings, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_domain_set);
	unsigned only = settings->only == 0 ? ~0u : settings->only;

	db_bind_text(st, 1, c->subject);
	if (settings->own_delimiters)
		db_bind_text(st, 2, settings->delimiters);
	else
		db_bind_null(st, 2);
	if (settings->propagate >= 0)
		db_bind_int(st, 3, settings->propagate);
	else
		db_bind_null(st, 3);
	db_bind_int(st, 4, (only & DOMAIN_SET_DELIMITERS) != 0);
	db_bind_int(st, 5, (only & DOMAIN_SET_PROPAGATE) != 0);
	return db_run(st, NULL, err);
}

static enum outcome
set_domain(struct store *s, const struct sbuf *name, const struct domain_settings *settings,
    struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin_known(
	    &c, s, "domain set", Q_domain_image, "domain", sbuf_slice(name), err);
	if (o == FOUND)
		o = update_domain(&c, settings, err);
	/* what was an address of its own may be one with an extension now */
	if (o == FOUND)
		o = loops_check_domain(s, sbuf_slice(name), err);
	return change_end(&c, o, err);
}

enum outcome
store_domain_set(
    struct store *s, struct slice name, const struct domain_settings *settings, struct error *err)
{
	struct sbuf folded;
	enum outcome o;

	sbuf_init(&folded, ADDRESS_DOMAIN_MAX);
	o = rules_domain(&folded, name, err);
	if (o == FOUND && settings->own_delimiters)
		o = rules_delimiters(settings->delimiters, err);
	if (o == FOUND)
		o = set_domain(s, &folded, settings, err);
	sbuf_release(&folded);
	return o;
}

/* --- removing -----------------------------------------------------------------------------------
 */

/* Whoever stands for the domain would stand for nothing. */
static enum outcome
check_stand_ins(struct store *s, struct slice name, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_domain_standing_for);
	enum outcome o;

	db_bind_text(st, 1, name);
	o = db_step(st, err);
	if (o == FOUND) {
		struct slice other = db_text(st, 0);

		error_set(err, BAD, "domain '%.*s' stands for '%.*s': remove that one first",
		    (int)other.n, other.p, (int)name.n, name.p);
	}
	db_reset(st);
	if (o == FOUND)
		return BAD;
	return o == NONE ? FOUND : o;
}

static void
put_count(struct sbuf *out, int64_t n, const char *one, const char *many)
{
	if (n > 0)
		sbuf_printf(
		    out, "%s%" PRId64 " %s", out->n > 0 ? " and " : "", n, n == 1 ? one : many);
}

enum outcome
domain_check_no_mailboxes(struct store *s, struct slice name, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_domain_counts);
	enum outcome o;
	int64_t n = 0;

	db_bind_text(st, 1, name);
	o = db_step(st, err);
	if (o == FOUND)
		n = db_int(st, 0);
	db_reset(st);
	if (o == FOUND && n > 0)
		o = error_set(err, BAD,
		    "domain '%.*s' still has %" PRId64 " %s: it stays of kind mailbox until they "
		    "are removed",
		    (int)name.n, name.p, n, n == 1 ? "mailbox" : "mailboxes");
	return o;
}

enum outcome
domain_check_can_stand_in(struct store *s, struct slice name, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_domain_has_catch_all);
	enum outcome o = check_stand_ins(s, name, err);

	if (o != FOUND)
		return o;
	db_bind_text(st, 1, name);
	o = db_step(st, err);
	if (o == FOUND) {
		struct slice alias = db_text(st, 0);

		error_set(err, BAD,
		    "alias '%.*s' would mean nothing in a domain that stands for another: remove "
		    "it first",
		    (int)alias.n, alias.p);
	}
	db_reset(st);
	if (o == FOUND)
		return BAD;
	return o == NONE ? FOUND : o;
}

static enum outcome
check_empty(struct change *c, const char *name, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_domain_counts);
	struct sbuf counts;
	enum outcome o;

	sbuf_init(&counts, 128);
	db_bind_text(st, 1, c->subject);
	o = db_step(st, err);
	if (o == FOUND) {
		put_count(&counts, db_int(st, 0), "mailbox", "mailboxes");
		put_count(&counts, db_int(st, 1), "alias", "aliases");
		db_reset(st);
	}
	if (o == FOUND && counts.n > 0)
		o = error_set(err, BAD, "domain '%s' still has %s: remove them first, or say --all",
		    name, sbuf_cstr(&counts));
	sbuf_release(&counts);
	return o;
}

static enum outcome
remove_contents(struct change *c, struct error *err)
{
	enum outcome o;

	o = change_log_all(c, Q_log_aliases_gone, "alias remove", c->subject, err);
	if (o == FOUND)
		o = run_for(c->s, Q_aliases_delete, c->subject, err);
	if (o == FOUND)
		o = change_log_all(c, Q_log_mailboxes_gone, "user remove", c->subject, err);
	if (o == FOUND)
		o = run_for(c->s, Q_mailboxes_delete, c->subject, err);
	return o;
}

static enum outcome
remove_domain(struct store *s, const struct sbuf *name, bool all, struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin_known(
	    &c, s, "domain remove", Q_domain_image, "domain", sbuf_slice(name), err);
	if (o == FOUND)
		o = check_stand_ins(s, sbuf_slice(name), err);
	if (o == FOUND)
		o = all ? remove_contents(&c, err) : check_empty(&c, sbuf_cstr(name), err);
	if (o == FOUND)
		o = run_for(s, Q_domain_delete, sbuf_slice(name), err);
	return change_end(&c, o, err);
}

enum outcome
store_domain_remove(struct store *s, struct slice name, bool all, struct error *err)
{
	struct sbuf folded;
	enum outcome o;

	sbuf_init(&folded, ADDRESS_DOMAIN_MAX);
	o = rules_domain(&folded, name, err);
	if (o == FOUND)
		o = remove_domain(s, &folded, all, err);
	sbuf_release(&folded);
	return o;
}
