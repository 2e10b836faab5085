/* SPDX-License-Identifier: ISC
 *
 * The directory in memory: reads its text anew for every candidate, which is slow and plainly
 * right.
 */
#include "memdir.h"

/* Find "WORD KEY ..." and leave what follows in *REST. */
static bool
find(const struct memdir *d, const char *word, struct slice key, struct slice *rest)
{
	struct slice text = slice_str(d->text);

	while (text.n > 0) {
		struct slice line = slice_cut(&text, '\n');

		if (!slice_is(slice_cut(&line, ' '), word) || !slice_eq(slice_cut(&line, ' '), key))
			continue;
		*rest = line;
		return true;
	}
	return false;
}

static bool
find_domain(const struct memdir *d, struct slice name, struct facts *facts)
{
	struct slice rest;

	if (!find(d, "domain", name, &rest))
		return false;
	domain_kind_by_name(slice_cut(&rest, ' '), &facts->kind);
	sbuf_clear(&facts->target);
	sbuf_add_slice(&facts->target, rest);
	return true;
}

static bool
find_alias(const struct memdir *d, struct slice address, struct facts *facts)
{
	struct slice rest;

	if (!find(d, "alias", address, &rest))
		return false;
	while (rest.n > 0) {
		sbuf_add_slice(&facts->targets, slice_cut(&rest, ' '));
		sbuf_add_chr(&facts->targets, '\n');
	}
	return true;
}

static bool
matches(const struct memdir *d, const struct candidate *c, struct facts *facts)
{
	struct slice rest;

	switch (c->row) {
	case ROW_ALIAS:
		return find_alias(d, c->key, facts);
	case ROW_LOCAL_ALIAS:
		return find_domain(d, c->domain, facts) && facts->kind == DOMAIN_LOCAL &&
		       find_alias(d, c->key, facts);
	case ROW_MAILBOX:
		return find(d, "mailbox", c->key, &rest);
	case ROW_DOMAIN:
		return find_domain(d, c->key, facts);
	}
	return false;
}

enum outcome
memdir_ask(struct memdir *d, const struct question *q, struct facts *facts, struct error *err)
{
	facts_clear(facts);
	if (d->fail_at > 0 && --d->fail_at == 0)
		return error_set(err, RETRY, "the directory is out of order");
	for (size_t i = 0; i < q->n && !facts->hit; i++) {
		facts->hit = matches(d, &q->candidate[i], facts);
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
