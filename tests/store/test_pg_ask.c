/* SPDX-License-Identifier: ISC
 *
 * The store as an event loop asks it: the same facts, by whatever statement, that a store gives
 * which waits for them; and the plans of those statements. Runs beside the server of
 * tests/lib/postgres.
 */
#include "pool.h"

#define Q(name, text) static const char sql_##name[] = text;
#include "schema/postgresql_ask.h"
#undef Q

/* Everything that a row of the store can say, and some that say nothing. */
static const char more[] =
    "UPDATE domain SET asked = 'xn--asked.test', propagate = 0, delimiters = '-' WHERE name = "
    "'fwd.test';"
    "UPDATE domain SET asked = 'relay.test', propagate = 1, delimiters = '' WHERE name = "
    "'local.test';"
    "INSERT INTO alias (address, domain, created, disabled, expires, internal) VALUES "
    "('off@example.com', 'example.com', 1, 1, 0, 0), ('soon@example.com', 'example.com', 1, 0, "
    "99999999999, 0), ('team@example.com', 'example.com', 1, 0, 5, 1), ('list@example.com', "
    "'example.com', 1, 1, 99999999999, 1), ('all@example.com', 'example.com', 1, 0, 0, 1);"
    "INSERT INTO alias (address, domain, created, prefix) VALUES "
    "('sales-*@example.com', 'example.com', 1, 'sales-'), ('sales-*x@example.com', 'example.com', "
    "1, 'sales-'), ('s*@example.com', 'example.com', 1, 's');"
    "INSERT INTO alias_target (address, position, target, folded, domain) SELECT address, 1, "
    "'harry@example.com', 'harry@example.com', 'example.com' FROM alias a WHERE NOT EXISTS (SELECT "
    "1 FROM alias_target t WHERE t.address = a.address);"
    "INSERT INTO alias_target (address, position, target, folded, domain) VALUES "
    "('all@example.com', 3, 'b@x.test', 'b@x.test', 'x.test'), ('all@example.com', 2, 'c@x.test', "
    "'c@x.test', 'x.test');"
    "UPDATE mailbox SET state = 'suspended' WHERE address = 'sally@example.com';"
    "INSERT INTO map (name, search, created) VALUES ('mine', 'address', 1);"
    "INSERT INTO entry (map, key, value, created) VALUES ('mine', 'x@example.com', 'one', 1), "
    "('mine', '@example.com', 'two', 1), ('transport', 'x@example.com', 'three', 1), ('mine', "
    "'root', 'four', 1);";

#define DOMAINS 9

static const char *const domains[DOMAINS] = { "example.com", "fwd.test", "xn--asked.test",
	"local.test", "relay.test", "other.test", "nowhere.test", "", "\"\\{}" };

static const struct candidates {
	const char *name;
	const char *map;
	struct {
		enum row row;
		const char *key;
	} key[12];
} questions[] = {
	{ "only the domain", NULL, { { 0 } } },
	{ "an alias", NULL, { { ROW_ALIAS, "info@example.com" } } },
	{ "another", NULL, { { ROW_ALIAS, "x@example.com" } } },
	{ "nobody", NULL,
	    { { ROW_ALIAS, "x@example.com" }, { ROW_MAILBOX, "x@example.com" },
		{ ROW_LOCAL_ALIAS, "x" } } },
	{ "what an address is asked by", NULL,
	    { { ROW_ALIAS, "x+y@example.com" }, { ROW_ALIAS, "x@example.com" },
		{ ROW_MAILBOX, "x+y@example.com" }, { ROW_MAILBOX, "x@example.com" },
		{ ROW_LOCAL_ALIAS, "root" }, { ROW_ALIAS, "@example.com" } } },
	{ "a mailbox before the rest", NULL,
	    { { ROW_MAILBOX, "sally@example.com" }, { ROW_ALIAS, "@example.com" } } },
	{ "one that is off", NULL, { { ROW_ALIAS, "off@example.com" } } },
	{ "one with an end", NULL, { { ROW_ALIAS, "soon@example.com" } } },
	{ "a closed list that is over", NULL, { { ROW_ALIAS, "team@example.com" } } },
	{ "all of it", NULL, { { ROW_ALIAS, "list@example.com" } } },
	{ "targets in their order", NULL, { { ROW_ALIAS, "all@example.com" } } },
	{ "keys full of quotes", NULL,
	    { { ROW_MAILBOX, "\"\\{},'@example.com" }, { ROW_ALIAS, "info@example.com" } } },
	{ "entries", "mine", { { ROW_ENTRY, "y@example.com" }, { ROW_ENTRY, "@example.com" } } },
	{ "entries of another map", "transport",
	    { { ROW_ENTRY, "x@example.com" }, { ROW_ENTRY, "@example.com" } } },
	{ "an entry for local domains", "mine", { { ROW_LOCAL_ENTRY, "root" } } },
	{ "no entry", "nosuch", { { ROW_ENTRY, "x@example.com" } } },
	{ "a map", NULL, { { ROW_MAP, "mine" } } },
	{ "no map", NULL, { { ROW_MAP, "nosuch" } } },
	{ "patterns", NULL, { { ROW_PATTERN, "sales-x" }, { ROW_PATTERN, "sales-" } } },
	{ "shorter patterns", NULL, { { ROW_PATTERN, "sal" }, { ROW_PATTERN, "s" } } },
	{ "other domains", NULL,
	    { { ROW_DOMAIN, "no.test" }, { ROW_DOMAIN, "xn--asked.test" },
		{ ROW_DOMAIN, "relay.test" } } },
	{ "a member", NULL, { { ROW_MEMBER, "harry@example.com" } } },
	{ "no member", NULL, { { ROW_MEMBER, "sally@example.com" } } },
	{ "addresses, entries and domains", "mine",
	    { { ROW_ALIAS, "x@example.com" }, { ROW_ENTRY, "x@example.com" },
		{ ROW_DOMAIN, "relay.test" } } },
	{ "all there is", "mine",
	    { { ROW_MEMBER, "x@example.com" }, { ROW_DOMAIN, "no.test" }, { ROW_MAP, "no" },
		{ ROW_ENTRY, "no" }, { ROW_PATTERN, "no" }, { ROW_MAILBOX, "no@example.com" },
		{ ROW_LOCAL_ENTRY, "no" }, { ROW_LOCAL_ALIAS, "no" },
		{ ROW_ALIAS, "info@example.com" } } },
};

enum { QUESTIONS = sizeof questions / sizeof questions[0] };

/* Addresses are the question's domain's, as the resolver has it: what that is known to hold says
 * nothing about others. */
static void
make_question(struct question *q, const struct candidates *c, const char *domain)
{
	char key[128];

	if (c->map != NULL)
		question_set_map(q, S(c->map));
	for (size_t i = 0; i < sizeof c->key / sizeof c->key[0] && c->key[i].key != NULL; i++) {
		bool is_address = c->key[i].row == ROW_ALIAS || c->key[i].row == ROW_MAILBOX;
		size_t local = strcspn(c->key[i].key, "@");

		snprintf(key, sizeof key, "%.*s@%s", (int)local, c->key[i].key, domain);
		assert_true(question_add_text(
		    q, c->key[i].row, S(is_address ? key : c->key[i].key), false));
	}
}

/* All questions at once, over few lines: they fly in one another's company. And twice: what was
 * learned of the domains is left out then, and must come to the same. */
static void
test_same_facts(void **state)
{
	struct fixture *f = *state;
	static struct asked a[2][QUESTIONS][DOMAINS];
	struct pool p;

	raw(f->path, more);
	pool_open(&p, f->path, 2);
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < QUESTIONS; i++)
			for (size_t d = 0; d < DOMAINS; d++) {
				asked_init(&a[again][i][d], domains[d]);
				make_question(&a[again][i][d].question, &questions[i], domains[d]);
				asked_begin(&p, &a[again][i][d]);
			}
		for (size_t i = 0; i < QUESTIONS; i++)
			for (size_t d = 0; d < DOMAINS; d++)
				asked_wait(&p, &a[again][i][d]);
	}
	for (int again = 0; again < 2; again++)
		for (size_t i = 0; i < QUESTIONS; i++)
			for (size_t d = 0; d < DOMAINS; d++) {
				struct asked *one = &a[again][i][d];

				asked_same(questions[i].name, one, f->s);
				assert_int_equal(one->ask.moment, a[0][0][0].ask.moment);
				asked_release(one);
			}
	remote_free(p.remote);
}

/* --- the moment, and what should not be ------------------------------------------------------- */

static enum outcome
ask_one(struct fixture *f, struct pool *p, enum row row, const char *key, int64_t *moment)
{
	struct asked a;
	bool hit;

	asked_init(&a, "example.com");
	assert_true(question_add_text(&a.question, row, S(key), false));
	asked_begin(p, &a);
	asked_wait(p, &a);
	f->err = a.why;
	*moment = a.ask.moment;
	hit = a.facts.hit;
	asked_release(&a);
	return a.outcome == FOUND && !hit ? NONE : a.outcome;
}

static void
test_moments(void **state)
{
	static const struct {
		enum row row;
		const char *key;
	} all[] = { { ROW_ALIAS, "info@example.com" }, { ROW_ENTRY, "x" }, { ROW_MAP, "x" } };
	struct fixture *f = *state;
	struct pool p;

	pool_open(&p, f->path, 1);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		int64_t before, again, after;

		ask_one(f, &p, all[i].row, all[i].key, &before);
		ask_one(f, &p, all[i].row, all[i].key, &again);
		raw(f->path, "UPDATE store SET turn = turn + 1");
		ask_one(f, &p, all[i].row, all[i].key, &after);
		assert_int_not_equal(before, 0);
		assert_int_equal(before, again);
		assert_int_not_equal(after, before);
	}
	remote_free(p.remote);
}

static void
test_alias_without_targets(void **state)
{
	struct fixture *f = *state;
	struct pool p;
	int64_t moment;

	raw(f->path, "DELETE FROM alias_target WHERE address = 'info@example.com'");
	pool_open(&p, f->path, 1);
	assert_int_equal(ask_one(f, &p, ROW_ALIAS, "info@example.com", &moment), RETRY);
	assert_int_equal(ask_one(f, &p, ROW_ALIAS, "nobody@example.com", &moment), NONE);
	remote_free(p.remote);
}

/* The server would refuse the whole question for one of its keys. */
static void
test_no_text(void **state)
{
	struct fixture *f = *state;
	struct pool p;
	int64_t moment;

	pool_open(&p, f->path, 1);
	assert_int_equal(ask_one(f, &p, ROW_ALIAS, "\xff@example.com", &moment), NONE);
	assert_int_equal(ask_one(f, &p, ROW_ENTRY, "\xc3", &moment), NONE);
	remote_free(p.remote);
}

/* The row that says of which moment the facts are is gone: then there are none. */
static void
test_no_state(void **state)
{
	struct fixture *f = *state;
	struct pool p;
	int64_t moment;

	pool_open(&p, f->path, 1);
	assert_int_equal(ask_one(f, &p, ROW_ALIAS, "info@example.com", &moment), FOUND);
	raw(f->path, "DELETE FROM store");
	assert_int_equal(ask_one(f, &p, ROW_ALIAS, "info@example.com", &moment), RETRY);
	assert_int_equal(ask_one(f, &p, ROW_ALIAS, "nobody@example.com", &moment), RETRY);
	remote_free(p.remote);
	pg_spoiled = true;
}

/* --- plans ------------------------------------------------------------------------------------ */

/* Every table is entered by an index with what was asked for. */
static void
check_plan(PGconn *conn, const char *text, const char *parameters)
{
	struct sbuf sql;
	PGresult *r;

	sbuf_init(&sql, 1 << 16);
	sbuf_printf(&sql, "DEALLOCATE ALL; PREPARE it AS %s", text);
	pg_raw_exec(conn, NULL, sbuf_cstr(&sql));
	sbuf_clear(&sql);
	sbuf_printf(&sql, "EXPLAIN EXECUTE it %s%s%s", parameters == NULL ? "" : "(",
	    parameters == NULL ? "" : parameters, parameters == NULL ? "" : ")");
	r = PQexec(conn, sbuf_cstr(&sql));
	assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
	for (int i = 0; i < PQntuples(r); i++) {
		const char *step = PQgetvalue(r, i, 0);

		if (strstr(step, "Seq Scan on") != NULL || strstr(step, "hashed") != NULL ||
		    strstr(step, "Subquery Scan on \"*SELECT*") != NULL)
			fail_msg("plan: %s", step);
		if (strstr(step, "Index Scan") != NULL || strstr(step, "Index Only Scan") != NULL)
			if (strstr(PQgetvalue(r, i + 1, 0), "Index Cond:") == NULL)
				fail_msg("plan: %s", step);
	}
	PQclear(r);
	sbuf_release(&sql);
}

/* With rows enough for the planner to be tempted, and hardly a pattern among them. */
static void
test_plans(void **state)
{
	struct fixture *f = *state;
	PGconn *conn = pg_raw_open(f->path);

	pg_raw_exec(conn, NULL,
	    "INSERT INTO domain (name, kind, created) SELECT 'd' || n || '.test', 'alias', 1 FROM "
	    "generate_series(1, 200) n;"
	    "INSERT INTO alias (address, domain, created) SELECT 'u' || i || '@d' || n || "
	    "'.test', 'd' || n || '.test', 1 FROM generate_series(1, 200) n, generate_series(1, "
	    "50) i;"
	    "ANALYZE");
	pg_raw_exec(
	    conn, NULL, "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off");
	check_plan(conn, sql_ask_address, "'', '{}', '{}'");
	check_plan(conn, sql_ask_entry, "'', '', '{}'");
	check_plan(conn, sql_ask_domain, "''");
	check_plan(conn, sql_ask_moment, NULL);
	check_plan(conn, sql_ask_target, "''");
	check_plan(conn, sql_ask_either, "'', ''");
	check_plan(conn, sql_ask_aliases, "'{}'");
	check_plan(conn, sql_ask_mailboxes, "'{}'");
	check_plan(conn, sql_ask_both, "'{}', '{}'");
	check_plan(conn, sql_ask_anything, "'', '{}', '{}', '{}', '', '{}', '{}', '{}', '{}', 0");
	assert_non_null(strstr(sql_settings, "'enable_seqscan', 'off'"));
	assert_non_null(strstr(sql_schema, "version"));
	assert_non_null(strstr(sql_pulse, "pg_is_in_recovery"));
	PQfinish(conn);
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_same_facts),
		CASE(test_moments),
		CASE(test_alias_without_targets),
		CASE(test_no_text),
		CASE(test_no_state),
		CASE(test_plans),
	};

	if (!pg_wanted())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
