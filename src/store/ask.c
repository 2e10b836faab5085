/* SPDX-License-Identifier: ISC
 *
 * The questions of the resolver: what is known of a domain, and ranked candidates, of which the
 * first that exists counts. Each kind of row has one statement.
 */
#include <string.h>
#include <time.h>

#include "mail/address.h"
#include "store/handle.h"
#include "store/known.h"
#include "store/rows.h"

/* --- rows ---------------------------------------------------------------------------------------
 */

/* No target is no answer: if there is such an alias somebody else wrote it, and mail must wait for
 * him. */
static enum outcome
find_no_alias(struct store *s, struct slice key, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_alias_known);
	enum outcome o;

	db_bind_text(st, 1, key);
	o = db_step(st, err);
	db_reset(st);
	if (o == FOUND)
		return error_set(err, RETRY, "the store has an alias without a target");
	return o;
}

/* Where nothing is switched off, expires or is closed, an alias is its targets. */
static enum outcome
find_targets(struct store *s, struct slice key, struct facts *facts, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_targets);
	enum outcome o;

	db_bind_text(st, 1, key);
	while ((o = db_step(st, err)) == FOUND) {
		sbuf_add_slice(&facts->targets, db_text(st, 0));
		sbuf_add_chr(&facts->targets, '\n');
	}
	return o;
}

static enum outcome
find_special(struct store *s, struct slice key, struct facts *facts, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_alias);
	enum outcome o;

	db_bind_text(st, 1, key);
	while ((o = db_step(st, err)) == FOUND) {
		sbuf_add_slice(&facts->targets, db_text(st, 0));
		sbuf_add_chr(&facts->targets, '\n');
		facts->disabled = db_int(st, 1) != 0;
		facts->expires = db_int(st, 2);
		facts->internal = db_int(st, 3) != 0;
	}
	return o;
}

/* All rows were read (O): what of an alias they are. */
static enum outcome
end_alias(struct store *s, enum outcome o, struct slice key, struct facts *facts, struct error *err)
{
	if (o != NONE)
		return RETRY;
	if (facts->targets.failed)
		return error_set(err, RETRY, "an alias has more targets than fit");
	return facts->targets.n > 0 ? FOUND : find_no_alias(s, key, err);
}

/* An alias of the question's domain: its targets, one row each. */
static enum outcome
find_alias(struct store *s, const struct question *q, struct slice key, struct facts *facts,
    struct error *err)
{
	bool plain = aliases_are_plain(&facts->domain);
	enum outcome o =
	    plain ? find_targets(s, key, facts, err) : find_special(s, key, facts, err);

	(void)q;
	return end_alias(s, o, key, facts, err);
}

/* A bare name is none of the domain's, whatever that holds. */
static enum outcome
find_bare_alias(struct store *s, const struct question *q, struct slice key, struct facts *facts,
    struct error *err)
{
	(void)q;
	return end_alias(s, find_special(s, key, facts, err), key, facts, err);
}

enum outcome
alias_find(struct store *s, struct slice address, struct facts *facts, struct error *err)
{
	return find_bare_alias(s, NULL, address, facts, err);
}

static enum outcome
find_mailbox(struct store *s, const struct question *q, struct slice key, struct facts *facts,
    struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_mailbox);
	enum outcome o;

	(void)q;
	db_bind_text(st, 1, key);
	o = db_step(st, err);
	if (o == FOUND && !account_state_by_name(db_text(st, 0), &facts->state))
		o = error_set(err, RETRY,
		    "the store has a mailbox in a state that this program does not know");
	db_reset(st);
	return o;
}

static enum outcome
find_patterns(struct store *s, const struct question *q, struct slice key, struct facts *facts,
    struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_patterns);
	enum outcome o;

	db_bind_text(st, 1, q->domain);
	db_bind_text(st, 2, key);
	while ((o = db_step(st, err)) == FOUND) {
		sbuf_add_slice(&facts->targets, db_text(st, 0));
		sbuf_add_chr(&facts->targets, '\n');
	}
	if (o != NONE)
		return RETRY;
	if (facts->targets.failed)
		return error_set(err, RETRY, "a domain has more patterns than fit");
	return facts->targets.n > 0 ? FOUND : NONE;
}

static enum outcome
find_member(struct store *s, const struct question *q, struct slice key, struct facts *facts,
    struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_member);
	enum outcome o;

	(void)facts;
	db_bind_text(st, 1, q->domain);
	db_bind_text(st, 2, key);
	db_bind_int(st, 3, time(NULL));
	o = db_step(st, err);
	db_reset(st);
	return o;
}

/* The one text that ST gives. */
static enum outcome
find_value(struct db_stmt *st, struct facts *facts, struct error *err)
{
	enum outcome o = db_step(st, err);

	if (o == FOUND && !sbuf_add_slice(&facts->value, db_text(st, 0)))
		o = error_set(err, RETRY, "no memory for a value");
	db_reset(st);
	return o;
}

static enum outcome
find_entry(struct store *s, const struct question *q, struct slice key, struct facts *facts,
    struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_entry);

	db_bind_text(st, 1, q->map);
	db_bind_text(st, 2, key);
	return find_value(st, facts, err);
}

static enum outcome
find_map(struct store *s, const struct question *q, struct slice key, struct facts *facts,
    struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_map);

	(void)q;
	db_bind_text(st, 1, key);
	return find_value(st, facts, err);
}

/* --- domains ------------------------------------------------------------------------------------
 */

static enum outcome
read_delimiters(struct slice text, struct domain_facts *out, struct error *err)
{
	if (text.n >= sizeof out->delimiters)
		return error_set(err, RETRY, "the store has a domain with too many delimiters");
	out->own_delimiters = text.p != NULL;
	if (text.p != NULL)
		memcpy(out->delimiters, text.p, text.n);
	out->delimiters[text.n] = '\0';
	return FOUND;
}

static enum outcome
read_domain(struct db_stmt *st, struct domain_facts *out, struct error *err)
{
	out->known = true;
	if (!domain_kind_by_name(db_text(st, 0), &out->kind))
		return error_set(err, RETRY, "the store has a domain of unknown kind");
	if (!sbuf_add_slice(&out->target, db_text(st, 1)))
		return error_set(err, RETRY, "no memory for a domain");
	out->propagate = (signed char)db_int(st, 3);
	out->patterns = db_int(st, 4) != 0;
	out->holds = (unsigned)db_int(st, 5);
	return read_delimiters(db_text(st, 2), out, err);
}

enum outcome
domain_find(struct store *s, struct slice name, struct domain_facts *out, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_domain);
	enum outcome o;

	db_bind_text(st, 1, name);
	o = db_step(st, err);
	if (o == FOUND)
		o = read_domain(st, out, err);
	db_reset(st);
	return o;
}

enum outcome
domain_find_asked(struct store *s, struct slice name, struct domain_facts *out, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_domain_asked);
	enum outcome o;

	db_bind_text(st, 1, name);
	o = db_step(st, err);
	if (o == FOUND && !sbuf_add_slice(&out->name, db_text(st, 0)))
		o = error_set(err, RETRY, "no memory for a domain");
	db_reset(st);
	return o == FOUND ? domain_find(s, sbuf_slice(&out->name), out, err) : o;
}

static enum outcome
find_by_either(struct store *s, struct slice name, struct domain_facts *out, struct error *err)
{
	enum outcome o;

	if (!db_can_hold(s->db, name))
		return NONE;
	if (known_find(s->known, db_view(s->db), name, out, &o))
		return o;
	o = domain_find(s, name, out, err);
	if (o == NONE)
		o = domain_find_asked(s, name, out, err);
	if (o == FOUND || o == NONE)
		known_put(s->known, db_view(s->db), name, out, o);
	return o;
}

/* Another domain than the question's, of which the facts tell as well. */
static enum outcome
find_domain(struct store *s, const struct question *q, struct slice key, struct facts *facts,
    struct error *err)
{
	struct domain_facts found = { .known = false };
	enum outcome o;

	(void)q;
	sbuf_init(&found.name, ADDRESS_DOMAIN_MAX);
	sbuf_init(&found.target, ADDRESS_DOMAIN_MAX);
	o = find_by_either(s, key, &found, err);
	facts->kind = found.kind;
	sbuf_release(&found.target);
	sbuf_release(&found.name);
	return o;
}

/* --- questions ----------------------------------------------------------------------------------
 */

typedef enum outcome find_fn(struct store *s, const struct question *q, struct slice key,
    struct facts *facts, struct error *err);

static find_fn *const find_row[ROWS] = {
	[ROW_ALIAS] = find_alias,
	[ROW_LOCAL_ALIAS] = find_bare_alias,
	[ROW_MAILBOX] = find_mailbox,
	[ROW_DOMAIN] = find_domain,
	[ROW_PATTERN] = find_patterns,
	[ROW_ENTRY] = find_entry,
	[ROW_LOCAL_ENTRY] = find_entry,
	[ROW_MAP] = find_map,
	[ROW_MEMBER] = find_member,
};

static enum outcome
find_first(struct store *s, const struct question *q, struct facts *facts, struct error *err)
{
	enum outcome o = db_ask(s->db, q, facts, err);
	bool local;

	if (o != NONE)
		return o == FOUND ? FOUND : RETRY;
	facts_clear(facts);
	if (q->domain.n > 0)
		o = find_by_either(s, q->domain, &facts->domain, err);
	if (o != FOUND && o != NONE)
		return RETRY;
	local = facts->domain.known && facts->domain.kind == DOMAIN_LOCAL;
	o = NONE;
	for (size_t i = 0; i < q->n && o == NONE; i++) {
		const struct candidate *c = &q->candidate[i];

		facts->rank = i;
		if (row_counts(c->row, local) && !row_is_missing(c, &facts->domain))
			o = find_row[c->row](s, q, c->key, facts, err);
	}
	facts->hit = o == FOUND;
	if (o != FOUND && o != NONE)
		return RETRY;
	/* what was read while the view was lost is no answer */
	return db_has_view(s->db) ? FOUND : view_lost(err);
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
