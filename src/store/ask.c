/* SPDX-License-Identifier: ISC
 *
 * The questions of the resolver: ranked candidates, of which the first that exists counts. Each
 * kind of row has one statement.
 */
#include "store/handle.h"

/* The targets of an alias, one row each. */
static enum outcome
find_targets(struct db_stmt *st, struct facts *facts, struct error *err)
{
	enum outcome o;

	while ((o = db_step(st, err)) == FOUND) {
		struct slice target = db_text(st, 0);

		facts->hit = true;
		/* no target is no answer: somebody else wrote this, and mail must wait for him */
		if (target.n == 0) {
			db_reset(st);
			return error_set(err, RETRY, "the store has an alias without a target");
		}
		sbuf_add_slice(&facts->targets, target);
		sbuf_add_chr(&facts->targets, '\n');
	}
	if (o != NONE)
		return RETRY;
	if (facts->targets.failed)
		return error_set(err, RETRY, "an alias has more targets than fit");
	return facts->hit ? FOUND : NONE;
}

static enum outcome
find_alias(struct store *s, const struct candidate *c, struct facts *facts, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_alias);

	db_bind_text(st, 1, c->key);
	return find_targets(st, facts, err);
}

static enum outcome
find_local_alias(struct store *s, const struct candidate *c, struct facts *facts, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_local_alias);

	db_bind_text(st, 1, c->key);
	db_bind_text(st, 2, c->domain);
	return find_targets(st, facts, err);
}

static enum outcome
find_mailbox(struct store *s, const struct candidate *c, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_mailbox);
	enum outcome o;

	db_bind_text(st, 1, c->key);
	o = db_step(st, err);
	db_reset(st);
	return o;
}

static enum outcome
read_domain(struct db_stmt *st, enum domain_kind *kind, struct sbuf *target, struct error *err)
{
	if (!domain_kind_by_name(db_text(st, 0), kind))
		return error_set(err, RETRY, "the store has a domain of unknown kind");
	if (!sbuf_add_slice(target, db_text(st, 1)))
		return error_set(err, RETRY, "no memory for a domain");
	return FOUND;
}

enum outcome
domain_find(struct store *s, struct slice name, enum domain_kind *kind, struct sbuf *target,
    struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_domain);
	enum outcome o;

	db_bind_text(st, 1, name);
	o = db_step(st, err);
	if (o == FOUND)
		o = read_domain(st, kind, target, err);
	db_reset(st);
	return o;
}

static enum outcome
find(struct store *s, const struct candidate *c, struct facts *facts, struct error *err)
{
	switch (c->row) {
	case ROW_ALIAS:
		return find_alias(s, c, facts, err);
	case ROW_LOCAL_ALIAS:
		return find_local_alias(s, c, facts, err);
	case ROW_MAILBOX:
		return find_mailbox(s, c, err);
	case ROW_DOMAIN:
		return domain_find(s, c->key, &facts->kind, &facts->target, err);
	}
	return error_set(err, RETRY, "no such kind of row");
}

static enum outcome
find_first(struct store *s, const struct question *q, struct facts *facts, struct error *err)
{
	enum outcome o = NONE;

	facts_clear(facts);
	for (size_t i = 0; i < q->n && o == NONE; i++) {
		facts->rank = i;
		o = find(s, &q->candidate[i], facts, err);
	}
	facts->hit = o == FOUND;
	return o == FOUND || o == NONE ? FOUND : RETRY;
}

enum outcome
store_ask(struct store *s, const struct question *q, struct facts *facts, struct error *err)
{
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return RETRY;
	o = find_first(s, q, facts, err);
	view_end(s, mine);
	return o;
}

void
store_resolve(struct store *s, struct lookup *l)
{
	struct error err;
	bool mine;

	if (!l->asking)
		return;
	if (view_begin(s, &mine, &err) != FOUND) {
		lookup_fail(l, &err);
		return;
	}
	while (l->asking) {
		if (find_first(s, &l->question, &s->facts, &err) == FOUND)
			lookup_tell(l, &s->facts);
		else
			lookup_fail(l, &err);
	}
	view_end(s, mine);
}
