/* SPDX-License-Identifier: ISC
 *
 * Making a domain be what a record says of it.
 */
#include "mail/rules.h"
#include "store/put.h"

enum outcome
put_check_domain(struct put *p, struct error *err)
{
	struct record *w = &p->wanted;
	enum outcome o = FOUND;

	if ((w->said & RECORD_DOMAIN_KIND) != 0 && w->target.n > 0) {
		o = rules_domain(&p->target, w->target, err);
		w->target = sbuf_slice(&p->target);
		if (o == FOUND && w->domain_kind != DOMAIN_ALIAS)
			o = error_set(err, BAD,
			    "a domain of kind %s cannot stand for another: give '%s' the kind "
			    "alias",
			    domain_kind_name(w->domain_kind), sbuf_cstr(&p->name));
	}
	if (o == FOUND && (w->said & RECORD_DELIMITERS) != 0 && w->own_delimiters)
		o = rules_delimiters(w->delimiters, err);
	return o;
}

unsigned
put_compare_domain(const struct record *now, const struct record *w)
{
	unsigned differs = 0;

	if (now->domain_kind != w->domain_kind || !slice_eq(now->target, w->target))
		differs |= RECORD_DOMAIN_KIND;
	if (now->own_delimiters != w->own_delimiters || !slice_eq(now->delimiters, w->delimiters))
		differs |= RECORD_DELIMITERS;
	if (now->propagate != w->propagate)
		differs |= RECORD_PROPAGATE;
	return differs;
}

static enum outcome
update(struct put *p, struct error *err)
{
	const struct record *w = &p->wanted;
	struct db_stmt *st = db_prepare(p->s->db, Q_record_domain_put);

	db_bind_text(st, 1, sbuf_slice(&p->name));
	db_bind_text(st, 2, slice_str(domain_kind_name(w->domain_kind)));
	bind_optional(st, 3, w->target);
	if (w->own_delimiters)
		db_bind_text(st, 4, w->delimiters);
	else
		db_bind_null(st, 4);
	if (w->propagate >= 0)
		db_bind_int(st, 5, w->propagate);
	else
		db_bind_null(st, 5);
	return db_run(st, NULL, err);
}

/* Whether a domain that exists may become another kind, or stand for another. */
static enum outcome
check_new_kind(struct put *p, struct error *err)
{
	const struct record *now = &p->now.r, *w = &p->wanted;
	enum outcome o = FOUND;

	if (now->domain_kind == DOMAIN_MAILBOX && w->domain_kind != DOMAIN_MAILBOX)
		o = domain_check_no_mailboxes(p->s, sbuf_slice(&p->name), err);
	if (o == FOUND && w->target.n > 0 && now->target.n == 0)
		o = domain_check_can_stand_in(p->s, sbuf_slice(&p->name), err);
	return o;
}

enum outcome
put_domain(struct put *p, struct error *err)
{
	const struct record *w = &p->wanted;
	struct slice name = sbuf_slice(&p->name);
	bool kind = (p->differs & RECORD_DOMAIN_KIND) != 0;
	enum outcome o = FOUND;

	if (kind && w->target.n > 0)
		o = domain_check_target(p->s, sbuf_cstr(&p->name), &p->target, err);
	if (o == FOUND && kind && p->there)
		o = check_new_kind(p, err);
	if (o == FOUND && !p->there)
		o = domain_insert(&p->change, w->domain_kind, w->target, w->created, err);
	if (o == FOUND && (p->there || w->own_delimiters || w->propagate >= 0))
		o = update(p, err);
	/* aliases that led nowhere may lead on from here now */
	if (o == FOUND)
		o = loops_check_domain(p->s, name, err);
	return o;
}
