/* SPDX-License-Identifier: ISC
 *
 * The resolver's question in PostgreSQL's words. All rows that candidates name come back at once;
 * the first candidate with a row is the hit, as src/store/ask.c finds it one by one.
 */
#include "store/pg_ask.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

enum { TEXT_MAX = 4 * QUESTION_TEXT };

/* What a row is, by its first column. */
enum what {
	WHAT_STATE,
	WHAT_DOMAIN,
	WHAT_DOMAIN_ASKED,
	WHAT_ALIAS,
	WHAT_MAILBOX,
	WHAT_PATTERNS,
	WHAT_ENTRY,
	WHAT_MAP,
	WHAT_OTHER_DOMAIN,
	WHAT_MEMBER,
	WHATS
};

enum column { COL_WHAT, COL_KEY, COL_TEXT, COL_TARGET, COL_DELIMITERS, COL_A, COL_B, COL_C, COLS };

static const struct {
	enum what what;
	bool local; /* counts in domains of the local kind only */
} rows[] = {
	[ROW_ALIAS] = { WHAT_ALIAS, false },
	[ROW_LOCAL_ALIAS] = { WHAT_ALIAS, true },
	[ROW_MAILBOX] = { WHAT_MAILBOX, false },
	[ROW_DOMAIN] = { WHAT_OTHER_DOMAIN, false },
	[ROW_PATTERN] = { WHAT_PATTERNS, false },
	[ROW_ENTRY] = { WHAT_ENTRY, false },
	[ROW_LOCAL_ENTRY] = { WHAT_ENTRY, true },
	[ROW_MAP] = { WHAT_MAP, false },
	[ROW_MEMBER] = { WHAT_MEMBER, false },
};

/* The parameters, in their order: an array of keys, or something else. */
static const enum what array_of[PG_ASK_PARAMETERS] = { WHATS, WHAT_ALIAS, WHAT_MAILBOX,
	WHAT_PATTERNS, WHATS, WHAT_ENTRY, WHAT_MAP, WHAT_OTHER_DOMAIN, WHAT_MEMBER, WHATS };

enum { PARAMETER_DOMAIN = 0, PARAMETER_MAP = 4, PARAMETER_NOW = 9 };

void
pg_ask_init(struct pg_ask *a)
{
	*a = (struct pg_ask){ .value = { NULL } };
	sbuf_init(&a->text, TEXT_MAX);
}

void
pg_ask_release(struct pg_ask *a)
{
	sbuf_release(&a->text);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* What is no text to the server cannot be in one of its tables: nobody asks for it. */
bool
pg_can_hold(struct slice s)
{
	return s.n == 0 ||
	       (memchr(s.p, '\0', s.n) == NULL && u8_check((const uint8_t *)s.p, s.n) == NULL);
}

static void
put_text(struct sbuf *out, struct slice s)
{
	if (pg_can_hold(s))
		sbuf_add_slice(out, s);
	sbuf_add_chr(out, '\0');
}

static void
put_element(struct sbuf *out, struct slice s)
{
	sbuf_add_chr(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			sbuf_add_chr(out, '\\');
		sbuf_add_chr(out, s.p[i]);
	}
	sbuf_add_chr(out, '"');
}

static void
put_array(struct sbuf *out, const struct question *q, enum what what)
{
	bool first = true;

	sbuf_add_chr(out, '{');
	for (size_t i = 0; i < q->n; i++) {
		const struct candidate *c = &q->candidate[i];

		if (rows[c->row].what != what || !pg_can_hold(c->key))
			continue;
		if (!first)
			sbuf_add_chr(out, ',');
		first = false;
		put_element(out, c->key);
	}
	sbuf_add_chr(out, '}');
	sbuf_add_chr(out, '\0');
}

static void
put_parameter(struct sbuf *out, const struct question *q, size_t n, int64_t now)
{
	if (array_of[n] != WHATS) {
		put_array(out, q, array_of[n]);
	} else if (n == PARAMETER_NOW) {
		sbuf_printf(out, "%lld", (long long)now);
		sbuf_add_chr(out, '\0');
	} else {
		put_text(out, n == PARAMETER_MAP ? q->map : q->domain);
	}
}

bool
pg_ask_write(struct pg_ask *a, const struct question *q, int64_t now)
{
	size_t at[PG_ASK_PARAMETERS];

	sbuf_clear(&a->text);
	for (size_t i = 0; i < PG_ASK_PARAMETERS; i++) {
		at[i] = a->text.n;
		put_parameter(&a->text, q, i, now);
	}
	for (size_t i = 0; i < PG_ASK_PARAMETERS; i++)
		a->value[i] = a->text.p + at[i];
	return !a->text.failed;
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct slice
text_at(const PGresult *r, int row, enum column col)
{
	if (PQgetisnull(r, row, col))
		return slice_of(NULL, 0);
	return slice_of(PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col));
}

static int64_t
number_at(const PGresult *r, int row, enum column col)
{
	return strtoll(PQgetvalue(r, row, col), NULL, 10);
}

static bool
is_row(const PGresult *r, int row, enum what what)
{
	return number_at(r, row, COL_WHAT) == what;
}

static int
find_what(const PGresult *r, enum what what)
{
	int row = 0, n = PQntuples(r);

	while (row < n && !is_row(r, row, what))
		row++;
	return row < n ? row : -1;
}

/* A domain goes by its name before the one that Postfix asks for it by. */
static int
find_key(const PGresult *r, enum what what, struct slice key)
{
	int found = -1;

	for (int row = 0; row < PQntuples(r); row++) {
		if (!is_row(r, row, what))
			continue;
		if (slice_eq(text_at(r, row, COL_KEY), key))
			return row;
		if (what == WHAT_OTHER_DOMAIN && slice_eq(text_at(r, row, COL_TARGET), key))
			found = row;
	}
	return found;
}

static enum outcome
read_domain(const PGresult *r, struct domain_facts *out, struct error *err)
{
	int row = find_what(r, WHAT_DOMAIN);
	struct slice delimiters;

	if (row < 0) {
		row = find_what(r, WHAT_DOMAIN_ASKED);
		if (row >= 0)
			sbuf_add_slice(&out->name, text_at(r, row, COL_KEY));
	}
	if (row < 0)
		return FOUND;
	out->known = true;
	delimiters = text_at(r, row, COL_DELIMITERS);
	if (!domain_kind_by_name(text_at(r, row, COL_TEXT), &out->kind))
		return error_set(err, RETRY, "the store has a domain of unknown kind");
	if (delimiters.n >= sizeof out->delimiters)
		return error_set(err, RETRY, "the store has a domain with too many delimiters");
	sbuf_add_slice(&out->target, text_at(r, row, COL_TARGET));
	if (out->target.failed || out->name.failed)
		return error_set(err, RETRY, "no memory for a domain");
	out->own_delimiters = delimiters.p != NULL;
	if (delimiters.p != NULL)
		memcpy(out->delimiters, delimiters.p, delimiters.n);
	out->delimiters[delimiters.n] = '\0';
	out->propagate = (signed char)number_at(r, row, COL_A);
	out->patterns = number_at(r, row, COL_B) != 0;
	return FOUND;
}

static enum outcome
read_lines(const PGresult *r, int row, struct facts *facts, struct error *err)
{
	struct slice lines = text_at(r, row, COL_TEXT);

	/* no target is no answer: somebody else wrote this, and mail must wait for him */
	if (lines.n == 0)
		return error_set(err, RETRY, "the store has an alias without a target");
	sbuf_add_slice(&facts->targets, lines);
	sbuf_add_chr(&facts->targets, '\n');
	if (facts->targets.failed)
		return error_set(err, RETRY, "an alias or a domain has more lines than fit");
	return FOUND;
}

static enum outcome
read_hit(const PGresult *r, int row, enum what what, struct facts *facts, struct error *err)
{
	switch (what) {
	case WHAT_ALIAS:
		facts->disabled = number_at(r, row, COL_A) != 0;
		facts->expires = number_at(r, row, COL_B);
		facts->internal = number_at(r, row, COL_C) != 0;
		return read_lines(r, row, facts, err);
	case WHAT_PATTERNS:
		return read_lines(r, row, facts, err);
	case WHAT_MAILBOX:
		if (!account_state_by_name(text_at(r, row, COL_TEXT), &facts->state))
			return error_set(err, RETRY,
			    "the store has a mailbox in a state that this program does not know");
		return FOUND;
	case WHAT_OTHER_DOMAIN:
		if (!domain_kind_by_name(text_at(r, row, COL_TEXT), &facts->kind))
			return error_set(err, RETRY, "the store has a domain of unknown kind");
		return FOUND;
	case WHAT_ENTRY:
	case WHAT_MAP:
		if (!sbuf_add_slice(&facts->value, text_at(r, row, COL_TEXT)))
			return error_set(err, RETRY, "no memory for a value");
		return FOUND;
	default:
		return FOUND;
	}
}

/* Nothing that was cut off, and nothing of another statement, is taken for "not there". */
static enum outcome
read_moment(const PGresult *r, int64_t *moment, struct error *err)
{
	int row = PQnfields(r) == COLS ? find_what(r, WHAT_STATE) : -1;

	if (row < 0)
		return error_set(err, RETRY, "the store does not say what state it is in");
	*moment = number_at(r, row, COL_B);
	return FOUND;
}

enum outcome
pg_ask_read(const PGresult *r, const struct question *q, struct facts *facts, int64_t *moment,
    struct error *err)
{
	enum outcome o = read_moment(r, moment, err);
	bool local;
	int row = -1;

	facts_clear(facts);
	if (o == FOUND)
		o = read_domain(r, &facts->domain, err);
	local = facts->domain.known && facts->domain.kind == DOMAIN_LOCAL;
	for (size_t i = 0; i < q->n && o == FOUND && row < 0; i++) {
		const struct candidate *c = &q->candidate[i];

		facts->rank = i;
		if (!local && rows[c->row].local)
			continue;
		row = find_key(r, rows[c->row].what, c->key);
		if (row >= 0)
			o = read_hit(r, row, rows[c->row].what, facts, err);
	}
	facts->hit = o == FOUND && row >= 0;
	return o;
}
