/* SPDX-License-Identifier: ISC
 *
 * Making an alias be what a record says of it.
 */
#include <stdlib.h>

#include "mail/rules.h"
#include "store/image.h"
#include "store/put.h"

enum { FEW = 16 /* targets, as nearly every alias has */, IMAGE_MAX = 1 << 20 };

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
	return change_write(&p->change, st, err);
}

/* --- a new one --------------------------------------------------------------------------------
 *
 * To ask a server what becomes of it took seven ways there and back, most of all the time that an
 * import takes. What is known in the batch is not asked: no mail goes in circles by way of other
 * people's domains, nor by a mailbox that no alias stands before.
 */

/* The targets in the form by which two spellings are one. */
struct aims {
	size_t n; /* 0: more than are looked at here */
	bool distinct;
	struct sbuf text;
	struct slice folded[FEW];
};

static enum outcome
fold_aims(struct aims *a, const struct record *w, struct error *err)
{
	size_t end[FEW + 1] = { 0 };
	enum outcome o = FOUND;

	for (size_t i = 0; o == FOUND && i < w->n_targets; i++) {
		o = target_fold(&a->text, w->targets[i], err);
		end[i + 1] = a->text.n;
	}
	if (o != FOUND)
		return RETRY;
	a->n = w->n_targets;
	a->distinct = true;
	for (size_t i = 0; i < a->n; i++) {
		a->folded[i] = slice_of(a->text.p + end[i], end[i + 1] - end[i]);
		for (size_t j = 0; j < i; j++)
			a->distinct &= !slice_eq(a->folded[i], a->folded[j]);
	}
	return FOUND;
}

static enum outcome
is_ours(struct store *s, struct slice domain, bool *ours, struct error *err)
{
	struct db_stmt *st;
	bool new;
	enum outcome o = names_ask(s, RECORD_DOMAIN, domain, &new, err);

	*ours = !new;
	if (o != FOUND || new || names_are_read(s, RECORD_DOMAIN))
		return o;
	names_missed(s, RECORD_DOMAIN);
	st = db_prepare(s->db, Q_ask_domain_known);
	db_bind_text(st, 1, domain);
	o = db_step(st, err);
	*ours = o == FOUND;
	db_reset(st);
	return o == NONE ? FOUND : o;
}

/* An alias of the address, or of what it is without an extension: which characters begin one is not
 * asked here. */
static enum outcome
may_be_alias(struct store *s, struct slice address, bool *may, struct error *err)
{
	struct slice domain = domain_of(address);
	size_t local = address.n - domain.n - 1;
	struct sbuf name;
	enum outcome o = FOUND;

	*may = false;
	sbuf_init(&name, QUESTION_TEXT);
	for (size_t n = local; o == FOUND && !*may && n > 0; n--) {
		bool new = false;

		sbuf_clear(&name);
		if (sbuf_add(&name, address.p, n) && sbuf_add_chr(&name, '@') &&
		    sbuf_add_slice(&name, domain))
			o = names_ask(s, RECORD_ALIAS, sbuf_slice(&name), &new, err);
		*may = !new;
	}
	sbuf_release(&name);
	return o;
}

static enum outcome
is_plain_mailbox(struct put *p, struct slice address, bool *plain, struct error *err)
{
	struct store *s = p->s;
	bool fresh, alias;
	enum outcome o = names_ask(s, RECORD_MAILBOX, address, &fresh, err);

	*plain = o == FOUND && !fresh && names_are_read(s, RECORD_MAILBOX);
	if (!names_are_read(s, RECORD_MAILBOX))
		names_missed(s, RECORD_MAILBOX);
	if (!*plain || slice_eq(address, sbuf_slice(&p->name))) {
		*plain = false;
		return o;
	}
	o = may_be_alias(s, address, &alias, err);
	*plain = o == FOUND && !alias;
	return o;
}

static enum outcome
all_end(struct put *p, const struct aims *a, bool *end, struct error *err)
{
	enum outcome o = FOUND;

	*end = a->n > 0;
	for (size_t i = 0; o == FOUND && *end && i < a->n; i++) {
		bool ours, plain = false;

		o = is_ours(p->s, domain_of(a->folded[i]), &ours, err);
		if (o == FOUND && ours)
			o = is_plain_mailbox(p, a->folded[i], &plain, err);
		*end = !ours || plain;
	}
	return o;
}

static enum outcome
log_new(struct put *p, int64_t created, struct error *err)
{
	struct record w = p->wanted;
	struct sbuf image;
	enum outcome o;

	w.name = sbuf_slice(&p->name);
	w.created = created;
	sbuf_init(&image, IMAGE_MAX);
	image_alias(&image, &w);
	o = image.failed ? error_set(err, RETRY, "no memory for the change log")
			 : change_log_made(&p->change, &image, err);
	sbuf_release(&image);
	return o;
}

static enum outcome
write_new(struct put *p, int64_t created, struct error *err)
{
	unsigned settings = p->differs & ~(unsigned)RECORD_TARGETS;
	enum outcome o = alias_insert(&p->change, created, err);

	if (o == FOUND)
		o = alias_insert_targets(&p->change, sbuf_slice(&p->targets), err);
	return o == FOUND && settings != 0 ? write_settings(p, err) : o;
}

static enum outcome
make_new(struct put *p, const struct aims *a, struct error *err)
{
	int64_t created = p->wanted.created != 0 ? p->wanted.created : p->change.at;
	const char *address = sbuf_cstr(&p->name);
	bool end = false;
	enum outcome o = write_new(p, created, err);

	if (o == FOUND)
		o = a->distinct
			? alias_check_new(address, p->wanted.targets, p->wanted.n_targets, err)
			: alias_check_together(&p->change, address, err);
	if (o == FOUND)
		o = all_end(p, a, &end, err);
	if (o == FOUND && !end)
		o = loops_check_alias(p->s, sbuf_slice(&p->name), err);
	return o == FOUND && a->distinct ? log_new(p, created, err) : o;
}

static enum outcome
add_alias(struct put *p, struct error *err)
{
	struct aims aims = { .n = 0 };
	enum outcome o;

	if (p->wanted.n_targets == 0)
		return error_set(
		    err, BAD, "alias '%s' needs at least one target", sbuf_cstr(&p->name));
	o = alias_check_domain(p->s, &p->name, err);
	sbuf_init(&aims.text, FEW * QUESTION_TEXT);
	if (o == FOUND && p->wanted.n_targets <= FEW)
		o = fold_aims(&aims, &p->wanted, err);
	if (o == FOUND)
		o = make_new(p, &aims, err);
	sbuf_release(&aims.text);
	return o;
}

/* --- any ----------------------------------------------------------------------------------------
 */

enum outcome
put_alias(struct put *p, struct error *err)
{
	unsigned settings = p->differs & ~(unsigned)RECORD_TARGETS;
	enum outcome o = FOUND;

	if (!p->there)
		return add_alias(p, err);
	if ((p->differs & RECORD_TARGETS) != 0)
		o = write_targets(p, err);
	if (o == FOUND && settings != 0)
		o = write_settings(p, err);
	/* a note makes no loop, not even of one that is there */
	if (o == FOUND && (p->differs & (RECORD_TARGETS | RECORD_DISABLED)) != 0)
		o = loops_check_alias(p->s, sbuf_slice(&p->name), err);
	return o;
}
