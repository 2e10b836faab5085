/* SPDX-License-Identifier: ISC
 *
 * Who may do what in a PostgreSQL store: the roles of schema/postgresql/roles.sql, made where they
 * are missing, and their rights on the tables.
 */
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

static enum outcome
count(struct db *db, int *n, struct error *err)
{
	struct pg_train t = { .n = 0 };
	enum outcome o;

	pg_add(&t, texts[ROLES_count]);
	o = pg_run(db, &t, err);
	if (o == FOUND)
		*n = (int)strtol(PQgetvalue(t.request[0].result, 0, 0), NULL, 10);
	pg_train_clear(&t);
	return o;
}

/* Each by itself: one that is there already, or that we may not make, is no harm to the others. */
static void
make(struct db *db)
{
	for (size_t i = ROLES_make_lookup; i <= ROLES_be_all; i++) {
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

enum outcome
pg_guarded(struct db *db, struct error *err)
{
	int n = 0;
	enum outcome o = count(db, &n, err);

	if (o != FOUND || n == ROLES)
		return o == FOUND ? FOUND : RETRY;
	return error_set(err, NONE,
	    "the roles vmaild_lookup, vmaild_login, vmaild_recorder and vmaild_admin are not "
	    "there: every worker can read all of the store");
}

enum outcome
pg_settle(struct db *db, struct error *err)
{
	int n = 0;
	enum outcome o = count(db, &n, err);

	if (o == FOUND && n < ROLES) {
		make(db);
		o = count(db, &n, err);
	}
	if (o == FOUND && n < ROLES)
		return error_set(err, NONE,
		    "the roles vmaild_lookup, vmaild_login, vmaild_recorder and vmaild_admin are "
		    "not "
		    "there, and this user may not make them: every worker can read all of the "
		    "store "
		    "until a superuser of '%s' runs `vmailctl init`",
		    db->place.shown);
	return o == FOUND ? grant(db, err) : o;
}
