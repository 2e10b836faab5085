/* SPDX-License-Identifier: ISC
 *
 * Making an alias be what a record says of it.
 */
#include <stdlib.h>

#include "mail/rules.h"
#include "store/put.h"

/* View the targets, which the rules have brought into shape, one by one. */
static enum outcome
list_targets(struct put *p, struct error *err)
{
	struct slice rest = sbuf_slice(&p->targets);
	size_t n = 0;

	p->list = calloc(p->wanted.n_targets, sizeof *p->list);
	if (p->list == NULL)
		return error_set(err, RETRY, "no memory for an alias");
	while (rest.n > 0)
		p->list[n++] = slice_cut(&rest, '\n');
	p->wanted.targets = p->list;
	p->wanted.n_targets = n;
	return FOUND;
}

enum outcome
put_check_alias(struct put *p, struct error *err)
{
	struct record *w = &p->wanted;
	enum outcome o = FOUND;

	if ((w->said & RECORD_TARGETS) != 0) {
		o = rules_targets(&p->targets, w->targets, w->n_targets, err);
		if (o == FOUND)
			o = list_targets(p, err);
	}
	if (o == FOUND && (w->said & RECORD_NOTE) != 0 && w->note.n > 0)
		o = rules_note(w->note, err);
	if (o == FOUND && (w->said & RECORD_OWNER) != 0 && w->owner.n > 0)
		o = rules_note(w->owner, err);
	if (o == FOUND && (w->said & RECORD_EXPIRES) != 0 && w->expires < 0)
		o = error_set(err, BAD, "alias '%s' expires before all time", sbuf_cstr(&p->name));
	return o;
}

static bool
same_targets(const struct record *now, const struct record *w)
{
	if (now->n_targets != w->n_targets)
		return false;
	for (size_t i = 0; i < w->n_targets; i++)
		if (!slice_eq(now->targets[i], w->targets[i]))
			return false;
	return true;
}

unsigned
put_compare_alias(const struct record *now, const struct record *w)
{
	unsigned differs = 0;

	if (!same_targets(now, w))
		differs |= RECORD_TARGETS;
	if (now->disabled != w->disabled)
		differs |= RECORD_DISABLED;
	if (now->expires != w->expires)
		differs |= RECORD_EXPIRES;
	if (now->internal != w->internal)
		differs |= RECORD_INTERNAL;
	if (!slice_eq(now->note, w->note))
		differs |= RECORD_NOTE;
	if (!slice_eq(now->owner, w->owner))
		differs |= RECORD_OWNER;
	return differs;
}

static enum outcome
write_targets(struct put *p, struct error *err)
{
	enum outcome o = FOUND;

	if (p->there)
		o = run_for(p->s, Q_targets_delete, sbuf_slice(&p->name), err);
	if (o == FOUND)
		o = alias_insert_targets(&p->change, sbuf_slice(&p->targets), err);
	if (o == FOUND)
		o = alias_check_together(&p->change, sbuf_cstr(&p->name), err);
	return o;
}

static enum outcome
write_settings(struct put *p, struct error *err)
{
	const struct record *w = &p->wanted;
	struct db_stmt *st = db_prepare(p->s->db, Q_alias_set);

	db_bind_text(st, 1, sbuf_slice(&p->name));
	db_bind_int(st, 2, w->disabled);
	db_bind_int(st, 3, w->expires);
	db_bind_int(st, 4, w->internal);
	bind_optional(st, 5, w->note);
	bind_optional(st, 6, w->owner);
	db_bind_int(st, 7, 1);
	db_bind_int(st, 8, 1);
	return db_run(st, NULL, err);
}

/* An alias that leads to others alone goes in no circles. */
static enum outcome
leads_to_ours(struct put *p, bool *ours, struct error *err)
{
	enum outcome o = FOUND;

	*ours = false;
	for (size_t i = 0; o == FOUND && !*ours && i < p->wanted.n_targets; i++) {
		struct db_stmt *st = db_prepare(p->s->db, Q_ask_domain_known);
		struct address a;

		if (!address_parse(&a, p->wanted.targets[i]))
			return error_set(err, RETRY, "no memory for a target");
		db_bind_text(st, 1, address_domain(&a));
		o = db_step(st, err);
		*ours = o == FOUND;
		db_reset(st);
		if (o == NONE)
			o = FOUND;
	}
	return o;
}

enum outcome
put_alias(struct put *p, struct error *err)
{
	unsigned settings = p->differs & ~(unsigned)RECORD_TARGETS;
	bool ours = p->there;
	enum outcome o = FOUND;

	if (!p->there && p->wanted.n_targets == 0)
		o = error_set(
		    err, BAD, "alias '%s' needs at least one target", sbuf_cstr(&p->name));
	if (o == FOUND && !p->there)
		o = alias_check_domain(p->s, &p->name, err);
	if (o == FOUND && !p->there)
		o = alias_insert(
		    &p->change, p->wanted.created != 0 ? p->wanted.created : p->change.at, err);
	if (o == FOUND && (p->differs & RECORD_TARGETS) != 0)
		o = write_targets(p, err);
	if (o == FOUND && settings != 0)
		o = write_settings(p, err);
	if (o == FOUND && !p->there)
		o = leads_to_ours(p, &ours, err);
	if (o == FOUND && ours)
		o = loops_check_alias(p->s, sbuf_slice(&p->name), err);
	return o;
}
