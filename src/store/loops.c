/* SPDX-License-Identifier: ISC
 *
 * Finding aliases that would never deliver, in the store as it will be. What that means is decided
 * in mail/rules.h; here are the facts for it.
 */
#include "mail/glob.h"
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

/* What goes round is refused, unless a change is being taken back and it went round before that. */
static enum outcome
judge(struct store *s, enum outcome o, struct error *err)
{
	struct error why = { "" };
	bool whole = false;

	if (o != BAD || s->undoing == 0)
		return o;
	o = undo_is_whole(s, &whole, &why);
	if (o != FOUND) {
		*err = why;
		return o;
	}
	return whole ? FOUND : BAD;
}

/* --- rows that carry names on -------------------------------------------------------------------
 *
 * A catch-all or a pattern that leads to `@domain` has as many targets as there are names. Where it
 * leads tells one that nobody has; a circle is closed by one that an alias leads to, maybe by way
 * of more of such rows.
 */

struct arrivals {
	struct store *s;
	struct expand x;
	struct sbuf domains;  /* to be looked at, each ended by LF */
	struct slice pattern; /* a local part: names that do not match it are others' */
	bool all;             /* follow the aliases with all their targets */
};

static bool
is_arriving(const struct arrivals *a, struct slice address)
{
	char local[ADDRESS_MAX];
	struct slice domain;
	size_t n;

	if (a->pattern.n == 0)
		return true;
	if (!address_split(local, sizeof local, &n, &domain, address))
		return glob_match(a->pattern, address); /* a bare name */
	return glob_match(a->pattern, slice_of(local, n));
}

static bool
note_domain(struct arrivals *a, struct slice name)
{
	struct slice rest = sbuf_slice(&a->domains);

	while (rest.n > 0)
		if (slice_eq(slice_cut(&rest, '\n'), name))
			return true;
	return sbuf_add_slice(&a->domains, name) && sbuf_add_chr(&a->domains, '\n');
}

/* ALIAS leads to TARGET, in a domain that is looked at. */
static enum outcome
arrive(struct arrivals *a, struct slice alias, struct slice target, struct error *err)
{
	bool carried = slice_starts(target, "@");
	size_t prefix;

	if (carried && (slice_starts(alias, "@") || rules_is_pattern(alias, &prefix)) &&
	    !note_domain(a, domain_of(alias)))
		return error_set(err, RETRY, "no memory");
	/* others that the alias leads to are not what is asked about */
	if (!carried && !a->all)
		return is_arriving(a, target) ? follow(a->s, &a->x, target, err) : FOUND;
	return is_arriving(a, alias) ? follow_alias(a->s, &a->x, alias, err) : FOUND;
}

static enum outcome
follow_into(struct arrivals *a, struct slice domain, struct error *err)
{
	struct db_stmt *st = db_prepare(a->s->db, a->all ? Q_leads_into : Q_arrives_in);
	enum outcome o;

	db_bind_text(st, 1, domain);
	while ((o = db_step(st, err)) == FOUND) {
		o = arrive(a, db_text(st, 0), db_text(st, 1), err);
		if (o != FOUND)
			break;
	}
	db_reset(st);
	return o == NONE ? FOUND : o;
}

static enum outcome
follow_arrivals(
    struct store *s, struct slice domain, struct slice pattern, bool all, struct error *err)
{
	struct arrivals a = { .s = s, .pattern = pattern, .all = all };
	struct sbuf name;
	enum outcome o = FOUND;

	expand_init(&a.x);
	sbuf_init(&a.domains, 64 << 20);
	sbuf_init(&name, ADDRESS_DOMAIN_MAX + 1);
	if (!note_domain(&a, domain))
		o = error_set(err, RETRY, "no memory");
	for (size_t at = 0; o == FOUND && at < a.domains.n; at += name.n + 1) {
		struct slice rest = slice_tail(sbuf_slice(&a.domains), at);

		/* the list grows meanwhile, and moves */
		sbuf_clear(&name);
		if (!sbuf_add_slice(&name, slice_cut(&rest, '\n')))
			o = error_set(err, RETRY, "no memory");
		else
			o = follow_into(&a, sbuf_slice(&name), err);
	}
	sbuf_release(&name);
	sbuf_release(&a.domains);
	expand_release(&a.x);
	return o;
}

/* A catch-all that is gone takes nothing; of a pattern that is gone another row takes what matched
 * it. */
static enum outcome
is_carrying(struct store *s, struct slice address, bool *carries, struct error *err)
{
	size_t prefix;
	bool pattern = rules_is_pattern(address, &prefix);
	struct db_stmt *st;
	enum outcome o;

	*carries = false;
	if (!pattern && !slice_starts(address, "@"))
		return FOUND;
	st = db_prepare(s->db, pattern ? Q_domain_carries : Q_alias_carries);
	db_bind_text(st, 1, pattern ? domain_of(address) : address);
	o = db_step(st, err);
	*carries = o == FOUND;
	db_reset(st);
	return o == NONE ? FOUND : o;
}

/* The pattern's local part; of a catch-all nothing. */
static struct slice
local_of(struct slice address)
{
	return slice_head(address, address.n - domain_of(address).n - 1);
}

/* --- what is to be looked at ------------------------------------------------------------------ */

static enum outcome
check_alias(struct store *s, struct slice address, struct error *err)
{
	struct expand x;
	bool carries = false;
	enum outcome o;

	expand_init(&x);
	o = follow_alias(s, &x, address, err);
	expand_release(&x);
	if (o == FOUND)
		o = is_carrying(s, address, &carries, err);
	if (o == FOUND && carries)
		o = follow_arrivals(s, domain_of(address), local_of(address), false, err);
	return o;
}

enum outcome
loops_check_alias(struct store *s, struct slice address, struct error *err)
{
	return judge(s, check_alias(s, address, err), err);
}

enum outcome
loops_check_domain(struct store *s, struct slice name, struct error *err)
{
	return judge(s, follow_arrivals(s, name, slice_of(NULL, 0), true, err), err);
}
