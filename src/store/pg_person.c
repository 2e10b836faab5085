/* SPDX-License-Identifier: ISC
 *
 * Questions about people in PostgreSQL's words. Each is one statement, so that all it tells is of
 * one moment; each has a row that is always there, so that nothing that was lost on the way is
 * taken for "nobody".
 */
#include "store/pg_person.h"

#include <stdlib.h>

#include "store/people.h"

#define Q(name, text) static const char sql_##name[] __attribute__((unused)) = text;
#include "schema/postgresql_ask.h"
#undef Q

const struct pg_statement pg_person_statements[PERSON_WANTS] = {
	[PERSON_LOGIN] = { "login", sql_login },
	[PERSON_ACCOUNT] = { "account", sql_account },
	[PERSON_LIST] = { "people", sql_people },
};

/* What a row is, by its first column; the others follow. */
enum what { WHAT_STATE, WHAT_MAILBOX, WHAT_CREDENTIAL, WHAT_KNOWN, WHAT_KEY };

enum { COL_FIRST = 1, PARAMETERS = 2, NUMBER_MAX = 24 };

/* How many columns the rows of each have, that one included. */
static const int columns[PERSON_WANTS] = {
	[PERSON_LOGIN] = 12,
	[PERSON_ACCOUNT] = 12,
	[PERSON_LIST] = 3,
};

/* --- writing ---------------------------------------------------------------------------------- */

enum outcome
pg_person_write(struct pg_ask *a, const struct person *p, struct error *err)
{
	size_t second;

	if (!pg_can_hold(p->address) || !pg_can_hold(p->network))
		return error_set(err, NONE, "nobody can be called that");
	sbuf_clear(&a->text);
	sbuf_add_slice(&a->text, p->address);
	sbuf_add_chr(&a->text, '\0');
	second = a->text.n;
	if (p->want == PERSON_LIST)
		sbuf_printf(&a->text, "%zu", p->most);
	else
		sbuf_add_slice(&a->text, p->network);
	sbuf_add_chr(&a->text, '\0');
	if (a->text.failed)
		return error_set(err, RETRY, "no memory for a question");
	a->value[0] = a->text.p;
	a->value[1] = a->text.p + second;
	a->statement = &pg_person_statements[p->want];
	a->n = p->want == PERSON_ACCOUNT ? PARAMETERS - 1 : PARAMETERS;
	return FOUND;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Columns are counted from the one behind that. */
static struct slice
text_at(const PGresult *r, int row, int column)
{
	column += COL_FIRST;
	if (PQgetisnull(r, row, column))
		return slice_of(NULL, 0);
	return slice_of(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}

static int64_t
number_at(const PGresult *r, int row, int column)
{
	return strtoll(PQgetvalue(r, row, COL_FIRST + column), NULL, 10);
}

static bool
is_row(const PGresult *r, int row, enum what what)
{
	return strtol(PQgetvalue(r, row, 0), NULL, 10) == (long)what;
}

static enum outcome
take_account(const PGresult *r, int row, struct account *out, struct error *err)
{
	const struct account_row from = {
		.address = text_at(r, row, 0),
		.home = text_at(r, row, 1),
		.quota = number_at(r, row, 2),
		.created = number_at(r, row, 3),
		.password = number_at(r, row, 4),
		.state = text_at(r, row, 5),
		.reason = text_at(r, row, 6),
		.mail = text_at(r, row, 7),
		.uid = number_at(r, row, 8),
		.gid = number_at(r, row, 9),
		.networks = text_at(r, row, 10),
	};

	return account_take(out, &from, err);
}

static enum outcome
read_account(const PGresult *r, struct account *out, struct error *err)
{
	account_clear(out);
	for (int row = 0; row < PQntuples(r); row++)
		if (is_row(r, row, WHAT_MAILBOX))
			return take_account(r, row, out, err);
	return error_set(err, NONE, "no such mailbox");
}

static enum outcome
read_credential(const PGresult *r, int row, struct login_facts *f, struct error *err)
{
	const struct credential c = {
		.label = text_at(r, row, 0),
		.hash = text_at(r, row, 1),
		.services = text_at(r, row, 2),
		.networks = text_at(r, row, 3),
		.expires = number_at(r, row, 4),
	};

	return login_facts_add(f, &c, err);
}

static enum outcome
read_login_row(const PGresult *r, int row, struct login_facts *f, struct error *err)
{
	if (is_row(r, row, WHAT_CREDENTIAL))
		return read_credential(r, row, f, err);
	if (is_row(r, row, WHAT_KNOWN))
		f->known = true;
	if (is_row(r, row, WHAT_KEY) && !sbuf_add_slice(&f->app_key, text_at(r, row, 0)))
		return error_set(err, RETRY, "no memory for the key of app passwords");
	return FOUND;
}

static enum outcome
read_login(const PGresult *r, struct login_facts *f, struct error *err)
{
	enum outcome o;

	login_facts_begin(f);
	o = read_account(r, &f->account, err);
	for (int row = 0; o == FOUND && row < PQntuples(r); row++)
		o = read_login_row(r, row, f, err);
	login_facts_end(f);
	return o;
}

static enum outcome
read_list(const PGresult *r, const struct person *p)
{
	bool any = false;

	for (int row = 0; row < PQntuples(r); row++) {
		if (!is_row(r, row, WHAT_MAILBOX))
			continue;
		any = true;
		p->tell(p->arg, text_at(r, row, 0));
	}
	return any ? FOUND : NONE;
}

static bool
is_whole(const PGresult *r, const struct person *p)
{
	if (PQnfields(r) != columns[p->want])
		return false;
	for (int row = 0; row < PQntuples(r); row++)
		if (is_row(r, row, WHAT_STATE))
			return true;
	return false;
}

enum outcome
pg_person_read(const PGresult *r, const struct person *p, struct error *err)
{
	if (!is_whole(r, p))
		return error_set(err, RETRY, "the store does not say what state it is in");
	switch (p->want) {
	case PERSON_LOGIN:
		return read_login(r, p->facts, err);
	case PERSON_ACCOUNT:
		return read_account(r, p->account, err);
	case PERSON_LIST:
	case PERSON_WANTS:
		break;
	}
	return read_list(r, p);
}
