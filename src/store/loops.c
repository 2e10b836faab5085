/* SPDX-License-Identifier: ISC
 *
 * Finding aliases that would never deliver, in the store as it will be. What that means is decided
 * in mail/rules.h; here are the facts for it.
 */
#include "mail/rules.h"
#include "store/change.h"

void
store_expand(struct store *s, struct expand *x)
{
	struct error why;
	bool mine;

	if (!x->asking)
		return;
	if (view_begin(s, &mine, &why) != FOUND) {
		expand_fail(x, &why);
		return;
	}
	while (x->asking) {
		if (store_ask(s, &x->lookup.question, &s->facts, &why) == FOUND)
			expand_tell(x, &s->facts);
		else
			expand_fail(x, &why);
	}
	view_end(s, mine);
}

static enum outcome
follow(struct store *s, struct expand *x, struct slice address, struct error *err)
{
	struct lookup_rules rules = s->actor->rules;

	rules.now = 0; /* what expires later must not go round until then */
	expand_start(x, &rules, address);
	store_expand(s, x);
	if (x->outcome != FOUND)
		error_set(err, x->outcome, "%s", x->why.text);
	return x->outcome;
}

/* A bare name is an alias in every local domain. */
static enum outcome
follow_local(struct store *s, struct expand *x, struct slice local, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_local_domains);
	struct sbuf address;
	enum outcome o;

	sbuf_init(&address, QUESTION_TEXT);
	while ((o = db_step(st, err)) == FOUND) {
		sbuf_clear(&address);
		if (address_put(&address, local, db_text(st, 0)))
			o = follow(s, x, sbuf_slice(&address), err);
		else
			o = error_set(err, RETRY, "no memory");
		if (o != FOUND)
			break;
	}
	db_reset(st);
	sbuf_release(&address);
	return o == NONE ? FOUND : o;
}

static enum outcome
follow_alias(struct store *s, struct expand *x, struct slice address, struct error *err)
{
	if (domain_of(address).n == 0)
		return follow_local(s, x, address, err);
	return follow(s, x, address, err);
}

enum outcome
loops_check_alias(struct store *s, struct slice address, struct error *err)
{
	struct expand x;
	enum outcome o;

	expand_init(&x);
	o = follow_alias(s, &x, address, err);
	expand_release(&x);
	return o;
}

enum outcome
loops_check_domain(struct store *s, struct slice name, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_leads_into);
	struct expand x;
	enum outcome o;

	expand_init(&x);
	db_bind_text(st, 1, name);
	while ((o = db_step(st, err)) == FOUND) {
		o = follow_alias(s, &x, db_text(st, 0), err);
		if (o != FOUND)
			break;
	}
	db_reset(st);
	expand_release(&x);
	return o == NONE ? FOUND : o;
}
