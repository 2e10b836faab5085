/* SPDX-License-Identifier: ISC
 *
 * Who may do what in a PostgreSQL store: the roles of schema/postgresql/roles.sql, made where they
 * are missing, and their rights on the tables.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/db_pg.h"

enum { ROLES = 4 };

enum text {
#define Q(name, text) ROLES_##name,
#include "schema/postgresql_roles.h"
#undef Q
	TEXTS
};

static const char *const texts[TEXTS] = {
#define Q(name, text) [ROLES_##name] = (text),
#include "schema/postgresql_roles.h"
#undef Q
};

/* The roles, and the store's owner. */
struct roles {
	int n;
	int his; /* those that he can be */
	char owner[64];
};

/* Run one of the texts that gives one row, which is ROW then: to be cleared. */
static enum outcome
ask(struct db *db, enum text text, struct pg_train *t, const PGresult **row, struct error *err)
{
	enum outcome o;

	pg_add(t, texts[text]);
	o = pg_run(db, t, err);
	*row = t->request[0].result;
	return o == FOUND ? pg_rows(db, *row, 1, err) : o;
}

static int
number_at(const PGresult *row, int column)
{
	return (int)strtol(PQgetvalue(row, 0, column), NULL, 10);
}

static enum outcome
count(struct db *db, struct roles *out, struct error *err)
{
	struct pg_train t = { .n = 0 };
	const PGresult *row;
	enum outcome o = ask(db, ROLES_count, &t, &row, err);

	*out = (struct roles){ .n = 0 };
	if (o == FOUND) {
		out->n = number_at(row, 0);
		out->his = number_at(row, 1);
		snprintf(out->owner, sizeof out->owner, "%s", PQgetvalue(row, 0, 2));
	}
	pg_train_clear(&t);
	return o;
}

/* Each by itself: one that is there already, or that we may not make, is no harm to the others. */
static void
make(struct db *db)
{
	for (size_t i = ROLES_make_lookup; i <= ROLES_let_owner; i++) {
		struct pg_train t = { .n = 0 };

		pg_add(&t, texts[i]);
		(void)pg_run(db, &t, NULL);
		pg_train_clear(&t);
	}
}

/* What goes together in one round trip is one transaction. */
static enum outcome
grant(struct db *db, struct error *err)
{
	struct pg_train t = { .n = 0 };
	enum outcome o;

	for (size_t i = ROLES_enter; i < TEXTS; i++)
		pg_add(&t, texts[i]);
	o = pg_run(db, &t, err);
	pg_train_clear(&t);
	return o == BAD ? RETRY : o;
}

/* Not by which roles there are, but by what a worker is let do. */
static enum outcome
is_held(struct db *db, struct error *err)
{
	bool lookup = db->role == STORE_LOOKUP;
	struct pg_train t = { .n = 0 };
	const PGresult *row;
	enum outcome o = ask(db, ROLES_may, &t, &row, err);

	if (o == FOUND && number_at(row, lookup ? 0 : 1) != 0)
		o = error_set(err, NONE,
		    "the worker for %s connects as '%.64s', and can %s: that user is no member of "
		    "%s, or more than that",
		    lookup ? "lookups" : "logins", PQgetvalue(row, 0, 2),
		    lookup ? "read passwords" : "change mailboxes",
		    lookup ? "vmaild_lookup" : "vmaild_recorder");
	pg_train_clear(&t);
	return o == BAD ? RETRY : o;
}

enum outcome
pg_guarded(struct db *db, struct error *err)
{
	struct roles roles;
	enum outcome o;

	if (db->role != STORE_ADMIN)
		return is_held(db, err);
	o = count(db, &roles, err);
	if (o != FOUND || roles.n == ROLES)
		return o == FOUND ? FOUND : RETRY;
	return error_set(err, NONE,
	    "the roles vmaild_lookup, vmaild_login, vmaild_recorder and vmaild_admin are not "
	    "there: every worker can read all of the store");
}

enum outcome
pg_settle(struct db *db, struct error *err)
{
	struct roles roles;
	enum outcome o = count(db, &roles, err);

	if (o == FOUND && (roles.n < ROLES || roles.his < ROLES)) {
		make(db);
		o = count(db, &roles, err);
	}
	if (o == FOUND && roles.n < ROLES)
		return error_set(err, NONE,
		    "the roles vmaild_lookup, vmaild_login, vmaild_recorder and vmaild_admin are "
		    "not "
		    "there, and this user may not make them: every worker can read all of the "
		    "store "
		    "until a superuser of '%s' runs `vmailctl init`",
		    db->place.shown);
	if (o == FOUND)
		o = grant(db, err);
	if (o == FOUND && roles.his < ROLES)
		return error_set(err, NONE,
		    "the store's owner '%s' is no member of the roles vmaild_lookup, vmaild_login, "
		    "vmaild_recorder and vmaild_admin: a worker that connects as he does can read "
		    "all of the store until a superuser of '%s' runs `vmailctl init`",
		    roles.owner, db->place.shown);
	return o;
}
