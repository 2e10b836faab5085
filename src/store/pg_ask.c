/* SPDX-License-Identifier: ISC
 *
 * The resolver's question in PostgreSQL's words. All rows that candidates name come back at once;
 * the first candidate with a row is the hit, as src/store/ask.c finds it one by one.
 */
#include "store/pg_ask.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "store/rows.h"

#define Q(name, text) static const char sql_##name[] __attribute__((unused)) = text;
#include "schema/postgresql_ask.h"
#undef Q

enum { TEXT_MAX = 16 * QUESTION_TEXT };

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
	WHAT_ONE, /* the state, and in the same row the alias and the mailbox */
	WHATS
};

enum column {
	COL_WHAT,
	COL_KEY,
	COL_TEXT,
	COL_NUMBER,
	COL_TARGET,
	COL_DELIMITERS,
	COLS,
	COLS_REST = COL_NUMBER + 1, /* without what is a domain's ... */
	COL_STATE = COLS_REST       /* ... and that of the mailbox in WHAT_ONE */
};

/* The number of a domain is that of its patterns and its propagation, and what it holds. */
enum { NUMBER_OF_HOLDS = 8 };

static const enum what whats[ROWS] = {
	[ROW_ALIAS] = WHAT_ALIAS,
	[ROW_LOCAL_ALIAS] = WHAT_ALIAS,
	[ROW_MAILBOX] = WHAT_MAILBOX,
	[ROW_DOMAIN] = WHAT_OTHER_DOMAIN,
	[ROW_PATTERN] = WHAT_PATTERNS,
	[ROW_ENTRY] = WHAT_ENTRY,
	[ROW_LOCAL_ENTRY] = WHAT_ENTRY,
	[ROW_MAP] = WHAT_MAP,
	[ROW_MEMBER] = WHAT_MEMBER,
};

/* What a parameter is: keys of the candidates of one kind, in an array, or one of these. */
enum {
	PARAMETER_DOMAIN = WHATS,
	PARAMETER_MAP,
	PARAMETER_NOW,
	PARAMETER_ONE_ALIAS,
	PARAMETER_ONE_MAILBOX
};

#define STATEMENT(name) #name, sql_##name

const struct pg_statement pg_ask_statements[PG_ASKS] = {
	[PG_ASK_ADDRESS] = { STATEMENT(ask_address) },
	[PG_ASK_ENTRY] = { STATEMENT(ask_entry) },
	[PG_ASK_ANYTHING] = { STATEMENT(ask_anything) },
	[PG_ASK_MOMENT] = { STATEMENT(ask_moment) },
	[PG_ASK_TARGET] = { STATEMENT(ask_target) },
	[PG_ASK_EITHER] = { STATEMENT(ask_either) },
	[PG_ASK_ALIASES] = { STATEMENT(ask_aliases) },
	[PG_ASK_MAILBOXES] = { STATEMENT(ask_mailboxes) },
	[PG_ASK_BOTH] = { STATEMENT(ask_both) },
	[PG_ASK_DOMAIN] = { STATEMENT(ask_domain) },
};

/* Of a whole question, the first that has all it asks for is sent: a server opens and locks all
 * tables of a statement, whether or not it is asked for anything in them. */
static const struct {
	int parameter[PG_ASK_PARAMETERS];
	int n;
} parameters[PG_ASKS] = {
	[PG_ASK_ADDRESS] = { { PARAMETER_DOMAIN, WHAT_ALIAS, WHAT_MAILBOX }, 3 },
	[PG_ASK_ENTRY] = { { PARAMETER_DOMAIN, PARAMETER_MAP, WHAT_ENTRY }, 3 },
	[PG_ASK_ANYTHING] = { { PARAMETER_DOMAIN, WHAT_ALIAS, WHAT_MAILBOX, WHAT_PATTERNS,
				  PARAMETER_MAP, WHAT_ENTRY, WHAT_MAP, WHAT_OTHER_DOMAIN,
				  WHAT_MEMBER, PARAMETER_NOW },
	    10 },
	[PG_ASK_MOMENT] = { { 0 }, 0 },
	[PG_ASK_TARGET] = { { PARAMETER_ONE_ALIAS }, 1 },
	[PG_ASK_EITHER] = { { PARAMETER_ONE_ALIAS, PARAMETER_ONE_MAILBOX }, 2 },
	[PG_ASK_ALIASES] = { { WHAT_ALIAS }, 1 },
	[PG_ASK_MAILBOXES] = { { WHAT_MAILBOX }, 1 },
	[PG_ASK_BOTH] = { { WHAT_ALIAS, WHAT_MAILBOX }, 2 },
	[PG_ASK_DOMAIN] = { { PARAMETER_DOMAIN }, 1 },
};

void
pg_ask_init(struct pg_ask *a)
{
	*a = (struct pg_ask){ .statement = NULL };
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

/* Tell whether C is worth to be asked for, where KNOWN, unless it is NULL, is known of the
 * question's domain. */
static bool
is_wanted(const struct candidate *c, const struct domain_facts *known)
{
	bool local = known == NULL || (known->known && known->kind == DOMAIN_LOCAL);

	return row_counts(c->row, local) && (known == NULL || !row_is_missing(c, known)) &&
	       pg_can_hold(c->key);
}

static void
put_array(
    struct sbuf *out, const struct question *q, enum what what, const struct domain_facts *known)
{
	bool first = true;

	sbuf_add_chr(out, '{');
	for (size_t i = 0; i < q->n; i++) {
		const struct candidate *c = &q->candidate[i];

		if (whats[c->row] != what || !is_wanted(c, known))
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
put_one(struct sbuf *out, const struct question *q, enum row row, const struct domain_facts *known)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->candidate[i].row == row && is_wanted(&q->candidate[i], known))
			sbuf_add_slice(out, q->candidate[i].key);
	sbuf_add_chr(out, '\0');
}

static void
put_parameter(struct sbuf *out, const struct question *q, int parameter,
    const struct domain_facts *known, int64_t now)
{
	switch (parameter) {
	case PARAMETER_DOMAIN:
		put_text(out, q->domain);
		break;
	case PARAMETER_MAP:
		put_text(out, q->map);
		break;
	case PARAMETER_NOW:
		sbuf_printf(out, "%lld", (long long)now);
		sbuf_add_chr(out, '\0');
		break;
	case PARAMETER_ONE_ALIAS:
		put_one(out, q, ROW_ALIAS, known);
		break;
	case PARAMETER_ONE_MAILBOX:
		put_one(out, q, ROW_MAILBOX, known);
		break;
	default:
		put_array(out, q, (enum what)parameter, known);
	}
}

static bool
has(enum pg_ask_statement st, enum what what)
{
	for (int i = 0; i < parameters[st].n; i++)
		if (parameters[st].parameter[i] == (int)what)
			return true;
	return false;
}

static bool
has_all(enum pg_ask_statement st, const struct question *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (!has(st, whats[q->candidate[i].row]))
			return false;
	return true;
}

static enum pg_ask_statement
statement_for(const struct question *q)
{
	enum pg_ask_statement st = PG_ASK_ADDRESS;

	while (st < PG_ASK_ANYTHING && !has_all(st, q))
		st++;
	return st;
}

static bool
write_all(struct pg_ask *a, enum pg_ask_statement st, const struct question *q,
    const struct domain_facts *known, int64_t now)
{
	size_t at[PG_ASK_PARAMETERS];

	a->statement = &pg_ask_statements[st];
	a->n = parameters[st].n;
	sbuf_clear(&a->text);
	for (int i = 0; i < a->n; i++) {
		at[i] = a->text.n;
		put_parameter(&a->text, q, parameters[st].parameter[i], known, now);
	}
	for (int i = 0; i < a->n; i++)
		a->value[i] = a->text.p + at[i];
	return !a->text.failed;
}

bool
pg_ask_write(struct pg_ask *a, const struct question *q, int64_t now)
{
	return write_all(a, statement_for(q), q, NULL, now);
}

bool
pg_ask_is_of_domain(const struct question *q)
{
	return q->domain.n > 0 && pg_can_hold(q->domain) && has_all(PG_ASK_ADDRESS, q);
}

/* By how much of it is left. An alias by its targets alone is one of the domain, where all are. */
static enum pg_ask_statement
statement_for_rest(const struct question *q, const struct domain_facts *known)
{
	size_t n[ROWS] = { 0 }, aliases;
	bool plain;

	for (size_t i = 0; i < q->n; i++)
		n[q->candidate[i].row] += is_wanted(&q->candidate[i], known);
	aliases = n[ROW_ALIAS] + n[ROW_LOCAL_ALIAS];
	plain = n[ROW_ALIAS] == 1 && aliases == 1 && aliases_are_plain(known);
	if (n[ROW_MAILBOX] == 0)
		return aliases == 0 ? PG_ASK_MOMENT : plain ? PG_ASK_TARGET : PG_ASK_ALIASES;
	if (aliases == 0)
		return PG_ASK_MAILBOXES;
	return plain && n[ROW_MAILBOX] == 1 ? PG_ASK_EITHER : PG_ASK_BOTH;
}

bool
pg_ask_write_rest(struct pg_ask *a, const struct question *q, const struct domain_facts *known)
{
	return write_all(a, statement_for_rest(q, known), q, known, 0);
}

bool
pg_ask_write_domain(struct pg_ask *a, struct slice name)
{
	const struct question q = { .domain = name };

	return write_all(a, PG_ASK_DOMAIN, &q, NULL, 0);
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
	int64_t number;

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
	number = number_at(r, row, COL_NUMBER);
	out->holds = (unsigned)(number / NUMBER_OF_HOLDS);
	number %= NUMBER_OF_HOLDS;
	out->propagate = (signed char)(number / 2 - 1);
	out->patterns = number % 2 != 0;
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

static void
read_flags(int64_t number, struct facts *facts)
{
	facts->expires = number / 4;
	facts->disabled = (number & 2) != 0;
	facts->internal = (number & 1) != 0;
}

static enum outcome
read_state(const PGresult *r, int row, enum column col, struct facts *facts, struct error *err)
{
	if (!account_state_by_name(text_at(r, row, col), &facts->state))
		return error_set(err, RETRY,
		    "the store has a mailbox in a state that this program does not know");
	return FOUND;
}

static enum outcome
read_hit(const PGresult *r, int row, enum what what, struct facts *facts, struct error *err)
{
	switch (what) {
	case WHAT_ALIAS:
		read_flags(number_at(r, row, COL_NUMBER), facts);
		return read_lines(r, row, facts, err);
	case WHAT_PATTERNS:
		return read_lines(r, row, facts, err);
	case WHAT_MAILBOX:
		return read_state(r, row, COL_TEXT, facts, err);
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

/* The first candidate that is there, as facts->domain has it. */
static enum outcome
find_first(const PGresult *r, const struct question *q, struct facts *facts, struct error *err)
{
	bool local = facts->domain.known && facts->domain.kind == DOMAIN_LOCAL;
	enum outcome o = FOUND;
	int row = -1;

	for (size_t i = 0; i < q->n && o == FOUND && row < 0; i++) {
		const struct candidate *c = &q->candidate[i];

		facts->rank = i;
		if (!row_counts(c->row, local))
			continue;
		row = find_key(r, whats[c->row], c->key);
		if (row >= 0)
			o = read_hit(r, row, whats[c->row], facts, err);
	}
	facts->hit = o == FOUND && row >= 0;
	return o;
}

/* Nothing that was cut off, and nothing of another statement, is taken for "not there". */
static int
find_state(const PGresult *r, int columns, struct error *err)
{
	int row = PQnfields(r) == columns ? find_what(r, WHAT_STATE) : -1;

	if (row < 0)
		error_set(err, RETRY, "the store does not say what state it is in");
	return row;
}

enum outcome
pg_ask_read(const PGresult *r, const struct question *q, struct facts *facts, int64_t *moment,
    struct error *err)
{
	int state = find_state(r, COLS, err);
	enum outcome o;

	facts_clear(facts);
	if (state < 0)
		return RETRY;
	*moment = number_at(r, state, COL_NUMBER);
	o = read_domain(r, &facts->domain, err);
	return o == FOUND ? find_first(r, q, facts, err) : o;
}

/* --- of a domain that is known ---------------------------------------------------------------- */

static void
read_at(const PGresult *r, int row, struct pg_at *at)
{
	at->snapshot = text_at(r, row, COL_KEY);
	at->server = number_at(r, row, COL_NUMBER);
}

/* The one candidate of each kind that was asked for: the others are none. */
static enum outcome
read_one(const PGresult *r, const struct question *q, struct facts *facts, struct error *err)
{
	enum outcome o = FOUND;

	for (size_t i = 0; i < q->n && o == FOUND && !facts->hit; i++) {
		const struct candidate *c = &q->candidate[i];
		enum column col = c->row == ROW_MAILBOX ? COL_STATE : COL_TEXT;

		facts->rank = i;
		if (!is_wanted(c, &facts->domain) || PQgetisnull(r, 0, col))
			continue;
		facts->hit = true;
		o = c->row == ROW_MAILBOX ? read_state(r, 0, col, facts, err)
					  : read_lines(r, 0, facts, err);
	}
	facts->hit &= o == FOUND;
	return o;
}

enum outcome
pg_ask_read_rest(const PGresult *r, const struct question *q, struct facts *facts, struct pg_at *at,
    struct error *err)
{
	bool one = PQntuples(r) == 1 && PQnfields(r) >= COLS_REST && is_row(r, 0, WHAT_ONE);
	int state = one ? 0 : find_state(r, COLS_REST, err);

	if (state < 0)
		return RETRY;
	read_at(r, state, at);
	return one ? read_one(r, q, facts, err) : find_first(r, q, facts, err);
}

enum outcome
pg_ask_read_domain(const PGresult *r, struct domain_facts *out, struct slice *name,
    struct pg_at *at, int64_t *moment, struct error *err)
{
	int state = find_state(r, COLS, err);

	if (state < 0)
		return RETRY;
	read_at(r, state, at);
	*moment = number_at(r, state, COL_TEXT);
	*name = text_at(r, state, COL_TARGET);
	return read_domain(r, out, err);
}
