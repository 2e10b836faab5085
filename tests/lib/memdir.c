/* SPDX-License-Identifier: ISC
 *
 * The directory in memory: reads its text anew for every candidate, which is slow and plainly
 * right.
 */
#include "memdir.h"

#include <string.h>

/* Find the next line "WORD KEY ..." of *TEXT and leave what follows in *REST. */
static bool
find_next(struct slice *text, const char *word, struct slice key, struct slice *rest)
{
	while (text->n > 0) {
		struct slice line = slice_cut(text, '\n');

		if (!slice_is(slice_cut(&line, ' '), word) || !slice_eq(slice_cut(&line, ' '), key))
			continue;
		*rest = line;
		return true;
	}
	return false;
}

static bool
find(const struct memdir *d, const char *word, struct slice key, struct slice *rest)
{
	struct slice text = slice_str(d->text);

	return find_next(&text, word, key, rest);
}

static void
tell_domain(const struct memdir *d, struct slice name, struct domain_facts *facts)
{
	struct slice rest;

	facts->known = find(d, "domain", name, &rest);
	if (!facts->known && find(d, "asked", name, &rest)) {
		sbuf_add_slice(&facts->name, rest);
		name = rest;
		facts->known = find(d, "domain", name, &rest);
	}
	if (!facts->known)
		return;
	domain_kind_by_name(slice_cut(&rest, ' '), &facts->kind);
	sbuf_add_slice(&facts->target, rest);
	if (find(d, "delimiters", name, &rest)) {
		facts->own_delimiters = true;
		memcpy(facts->delimiters, rest.p, rest.n);
		facts->delimiters[rest.n] = '\0';
	}
	if (find(d, "propagate", name, &rest))
		facts->propagate = rest.p[0] == '1';
	for (struct slice text = slice_str(d->text); text.n > 0;) {
		struct slice line = slice_cut(&text, '\n');

		if (!slice_is(slice_cut(&line, ' '), "pattern"))
			continue;
		slice_cut(&line, '@');
		facts->patterns |= slice_eq(slice_cut(&line, ' '), name);
	}
}

static bool
find_alias(const struct memdir *d, struct slice address, struct facts *facts)
{
	struct slice rest, seconds;
	unsigned long long number;

	if (!find(d, "alias", address, &rest))
		return false;
	while (rest.n > 0) {
		sbuf_add_slice(&facts->targets, slice_cut(&rest, ' '));
		sbuf_add_chr(&facts->targets, '\n');
	}
	facts->disabled = find(d, "disabled", address, &rest);
	facts->internal = find(d, "closed", address, &rest);
	if (find(d, "expires", address, &seconds) && slice_number(seconds, INT64_MAX, &number))
		facts->expires = (int64_t)number;
	return true;
}

static bool
find_mailbox(const struct memdir *d, struct slice address, struct facts *facts)
{
	struct slice rest;

	if (!find(d, "mailbox", address, &rest))
		return false;
	account_state_by_name(rest, &facts->state);
	return true;
}

static bool
find_patterns(const struct memdir *d, struct slice prefix, struct slice domain, struct facts *facts)
{
	struct slice text = slice_str(d->text);
	struct slice rest;
	struct sbuf key;

	sbuf_init(&key, QUESTION_TEXT);
	sbuf_add_slice(&key, prefix);
	sbuf_add_chr(&key, '@');
	sbuf_add_slice(&key, domain);
	while (find_next(&text, "pattern", sbuf_slice(&key), &rest)) {
		sbuf_add_slice(&facts->targets, rest);
		sbuf_add_chr(&facts->targets, '\n');
	}
	sbuf_release(&key);
	return facts->targets.n > 0;
}

static bool
find_entry(const struct memdir *d, struct slice map, struct slice key, struct facts *facts)
{
	struct slice text = slice_str(d->text);
	struct slice rest;

	while (find_next(&text, "entry", map, &rest)) {
		if (slice_eq(slice_cut(&rest, ' '), key))
			return sbuf_add_slice(&facts->value, rest);
	}
	return false;
}

static bool
find_kind(const struct memdir *d, struct slice name, struct facts *facts)
{
	struct slice rest;

	if (find(d, "asked", name, &rest))
		name = rest;
	return find(d, "domain", name, &rest) &&
	       domain_kind_by_name(slice_cut(&rest, ' '), &facts->kind);
}

static bool
matches(const struct memdir *d, const struct question *q, const struct candidate *c,
    struct facts *facts)
{
	bool local = facts->domain.known && facts->domain.kind == DOMAIN_LOCAL;
	struct slice rest;

	switch (c->row) {
	case ROW_ALIAS:
		return find_alias(d, c->key, facts);
	case ROW_LOCAL_ALIAS:
		return local && find_alias(d, c->key, facts);
	case ROW_MAILBOX:
		return find_mailbox(d, c->key, facts);
	case ROW_DOMAIN:
		return find_kind(d, c->key, facts);
	case ROW_PATTERN:
		return find_patterns(d, c->key, q->domain, facts);
	case ROW_ENTRY:
		return find_entry(d, q->map, c->key, facts);
	case ROW_LOCAL_ENTRY:
		return local && find_entry(d, q->map, c->key, facts);
	case ROW_MEMBER:
		return find(d, "member", c->key, &rest);
	case ROW_MAP:
		return find(d, "map", c->key, &rest) && sbuf_add_slice(&facts->value, rest);
	}
	return false;
}

enum outcome
memdir_ask(struct memdir *d, const struct question *q, struct facts *facts, struct error *err)
{
	facts_clear(facts);
	if (d->fail_at > 0 && --d->fail_at == 0)
		return error_set(err, RETRY, "the directory is out of order");
	tell_domain(d, q->domain, &facts->domain);
	for (size_t i = 0; i < q->n && !facts->hit; i++) {
		facts->hit = matches(d, q, &q->candidate[i], facts);
		facts->rank = i;
	}
	return FOUND;
}

void
memdir_resolve(struct memdir *d, struct lookup *l)
{
	struct facts facts;
	struct error err;

	facts_init(&facts);
	while (l->asking) {
		if (memdir_ask(d, &l->question, &facts, &err) == FOUND)
			lookup_tell(l, &facts);
		else
			lookup_fail(l, &err);
	}
	facts_release(&facts);
}
