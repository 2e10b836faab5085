/* SPDX-License-Identifier: ISC
 *
 * The resolver's question in PostgreSQL's words. All rows that candidates name come back at once;
 * the first candidate with a row is the hit, as src/store/ask.c finds it one by one.
 */
#include "store/pg_ask.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

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
	WHATS
};

enum column { COL_WHAT, COL_KEY, COL_TEXT, COL_NUMBER, COL_TARGET, COL_DELIMITERS, COLS };

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

/* What a parameter is: keys of the candidates of one kind, in an array, or one of these. */
enum { PARAMETER_DOMAIN = WHATS, PARAMETER_MAP, PARAMETER_NOW };

/* The first that has all that a question asks for is sent: a server opens and locks all tables of a
 * statement, whether or not it is asked for anything in them. */
static const struct {
	const char *name;
	const char *sql;
	int parameter[PG_ASK_PARAMETERS];
	int n;
} statements[PG_ASKS] = {
	[PG_ASK_ADDRESS] = { "ask_address", sql_ask_address,
	    { PARAMETER_DOMAIN, WHAT_ALIAS, WHAT_MAILBOX }, 3 },
	[PG_ASK_ENTRY] = { "ask_entry", sql_ask_entry,
	    { PARAMETER_DOMAIN, PARAMETER_MAP, WHAT_ENTRY }, 3 },
	[PG_ASK_ANYTHING] = { "ask_anything", sql_ask_anything,
	    { PARAMETER_DOMAIN, WHAT_ALIAS, WHAT_MAILBOX, WHAT_PATTERNS, PARAMETER_MAP, WHAT_ENTRY,
		WHAT_MAP, WHAT_OTHER_DOMAIN, WHAT_MEMBER, PARAMETER_NOW },
	    10 },
};

void
pg_ask_init(struct pg_ask *a)
{
	*a = (struct pg_ask){ .name = NULL };
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
put_parameter(struct sbuf *out, const struct question *q, int parameter, int64_t now)
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
	default:
		put_array(out, q, (enum what)parameter);
	}
}

static bool
has(enum pg_ask_statement st, enum what what)
{
	for (int i = 0; i < statements[st].n; i++)
		if (statements[st].parameter[i] == (int)what)
			return true;
	return false;
}

static bool
has_all(enum pg_ask_statement st, const struct question *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (!has(st, rows[q->candidate[i].row].what))
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

bool
pg_ask_write(struct pg_ask *a, const struct question *q, int64_t now)
{
	enum pg_ask_statement st = statement_for(q);
	size_t at[PG_ASK_PARAMETERS];

	a->statement = st;
	a->name = statements[st].name;
	a->n = statements[st].n;
	sbuf_clear(&a->text);
	for (int i = 0; i < a->n; i++) {
		at[i] = a->text.n;
		put_parameter(&a->text, q, statements[st].parameter[i], now);
	}
	for (int i = 0; i < a->n; i++)
		a->value[i] = a->text.p + at[i];
	return !a->text.failed;
}

const char *
pg_ask_name(enum pg_ask_statement st)
{
	return statements[st].name;
}

const char *
pg_ask_sql(enum pg_ask_statement st)
{
	return statements[st].sql;
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
read_hit(const PGresult *r, int row, enum what what, struct facts *facts, struct error *err)
{
	switch (what) {
	case WHAT_ALIAS:
		read_flags(number_at(r, row, COL_NUMBER), facts);
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
	*moment = number_at(r, row, COL_NUMBER);
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
