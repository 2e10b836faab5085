/* SPDX-License-Identifier: ISC
 *
 * schema/: the engines have the same statements. Every one prepares, and none of them scans or
 * sorts, but those that say why.
 */
#include "fixture.h"

#include "store/db_sqlite.h"

struct query {
	const char *name;
	const char *text;
};

static struct query queries[] = {
#define Q(name, text) { #name, text },
#include "schema/sqlite_queries.h"
#undef Q
};

static struct query pg_queries[STATEMENTS] = {
#define Q(name, text) [Q_##name] = { #name, text },
#include "schema/postgresql_queries.h"
#undef Q
};

/* All there are, also should they be too many. */
static const char *const pg_names[] = {
#define Q(name, text) #name,
#include "schema/postgresql_queries.h"
#undef Q
};

/* Those that may scan, and sort what they found. */
static const char *const scans[] = {
#define Q(name, text)
#define QS(name) #name,
#include "schema/sqlite_queries.h"
#undef QS
#undef Q
};

static const char *const pg_scans[] = {
#define Q(name, text)
#define QS(name) #name,
#include "schema/postgresql_queries.h"
#undef QS
#undef Q
};

static const int versions[][2] = {
#define M(number, text) { number, 0 },
#include "schema/sqlite_migrations.h"
#undef M
#define M(number, text) { 0, number },
#include "schema/postgresql_migrations.h"
#undef M
};

static struct fixture *shared;

/* Steps that only look like trouble: the few ordered rows of a subquery, a SELECT without FROM,
 * SQLite's own table of one row, and the values of one JSON text. */
static int
is_harmless(const char *step)
{
	return strncmp(step, "SCAN (subquery-", 15) == 0 ||
	       strcmp(step, "SCAN CONSTANT ROW") == 0 ||
	       strcmp(step, "SCAN sqlite_sequence") == 0 ||
	       strstr(step, " VIRTUAL TABLE INDEX ") != NULL;
}

static bool
is_trouble(const char *step)
{
	return !is_harmless(step) &&
	       (strstr(step, "SCAN ") != NULL || strstr(step, "TEMP B-TREE") != NULL ||
		   strstr(step, "AUTOMATIC") != NULL);
}

static bool
is_in(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
may_scan(const char *name)
{
	return is_in(name, scans, sizeof scans / sizeof scans[0]);
}

/* A statement that MAY scan must need to, and may neither sort nor build an index of its own. */
static void
check_plan_of(sqlite3 *sq, const char *text, bool may)
{
	bool scanned = false;
	char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", text);
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(sq, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(sq));
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(st, 3);

		if (is_trouble(step) && !(may && strstr(step, "SCAN ") != NULL))
			fail_msg("plan: %s", step);
		scanned |= is_trouble(step);
	}
	if (may && !scanned)
		fail_msg("it says that it scans, and does not");
	sqlite3_finalize(st);
	sqlite3_free(sql);
}

/* --- PostgreSQL ----------------------------------------------------------------------------------
 */

/* Only these can be explained: the others begin and end transactions. */
static bool
has_plan(const char *text)
{
	static const char *const verbs[] = { "SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH " };

	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strncmp(text, verbs[i], strlen(verbs[i])) == 0)
			return true;
	return false;
}

/* Any parameters, for the plan that is good for all: "(NULL, NULL)". */
static void
add_parameters(struct sbuf *sql, const char *text)
{
	int n = 0;

	while ((text = strchr(text, '$')) != NULL) {
		int number = atoi(++text);

		n = number > n ? number : n;
	}
	for (int i = 0; i < n; i++)
		sbuf_add_str(sql, i == 0 ? "(NULL" : ", NULL");
	sbuf_add_str(sql, n > 0 ? ")" : "");
}

/* A few rows of one thing are sorted, or a list that is looked at once in a while. */
static const char *const pg_sorts[] = { "ask_alias", "login_prune", "lint_targets",
	"lint_local_steps", "since_domain", "since_mailbox", "since_credential", "since_alias",
	"since_alias_target", "since_map", "since_login", "since_entry" };

/* Where the planner may choose it takes an index. So a table that is read from one end to the other
 * is one without, or one whose index is not asked for anything; but an index may itself be of
 * nothing else than what is wanted. */
static bool
is_pg_scan(const char *step, const char *next)
{
	if (strstr(step, "Seq Scan on ") != NULL)
		return true;
	if (strstr(step, "using domain_by_target ") != NULL)
		return false;
	return (strstr(step, "Index Scan ") != NULL || strstr(step, "Index Only Scan ") != NULL) &&
	       strstr(next, "Index Cond:") == NULL;
}

static void
check_pg_plan(PGconn *conn, const struct query *q, bool may)
{
	bool sorts = is_in(q->name, pg_sorts, sizeof pg_sorts / sizeof pg_sorts[0]);
	struct sbuf sql;
	PGresult *r;

	sbuf_init(&sql, 1 << 16);
	sbuf_printf(&sql, "PREPARE it AS %s", q->text);
	pg_raw_exec(conn, NULL, sbuf_cstr(&sql));
	sbuf_clear(&sql);
	sbuf_add_str(&sql, "EXPLAIN EXECUTE it");
	add_parameters(&sql, q->text);
	r = PQexec(conn, sbuf_cstr(&sql));
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s", PQerrorMessage(conn));
	for (int i = 0; i < PQntuples(r); i++) {
		const char *step = PQgetvalue(r, i, 0);
		const char *next = i + 1 < PQntuples(r) ? PQgetvalue(r, i + 1, 0) : "";

		if ((is_pg_scan(step, next) || (strstr(step, "Sort  (") != NULL && !sorts)) && !may)
			fail_msg("plan: %s", step);
	}
	PQclear(r);
	sbuf_release(&sql);
}

static void
check_pg(const struct query *q)
{
	PGconn *conn = pg_raw_open(shared->path);

	pg_raw_exec(conn, NULL,
	    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_sort = "
	    "off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = "
	    "off");
	if (has_plan(q->text))
		check_pg_plan(
		    conn, q, is_in(q->name, pg_scans, sizeof pg_scans / sizeof *pg_scans));
	PQfinish(conn);
}

static void
test_plan(void **state)
{
	const struct query *q = *state;
	sqlite3 *sq;

	if (pg_server() != NULL) {
		check_pg(&pg_queries[q - queries]);
		return;
	}
	sq = raw_open(shared->path);

	assert_int_equal(db_tables_register(sq, NULL), SQLITE_OK);
	check_plan_of(sq, q->text, may_scan(q->name));
	sqlite3_close(sq);
}

/* What a foreign key asks when a row goes is in no statement's plan. */
static void
test_foreign_keys(void **state)
{
	sqlite3 *sq;
	sqlite3_stmt *st;
	int n = 0;

	(void)state;
	sqlite_only(); /* the other has the same keys */
	sq = raw_open(shared->path);
	assert_int_equal(sqlite3_prepare_v2(sq,
			     "SELECT m.name, f.\"from\" FROM sqlite_schema m, "
			     "pragma_foreign_key_list(m.name) f WHERE m.type = 'table'",
			     -1, &st, NULL),
	    SQLITE_OK);
	for (; sqlite3_step(st) == SQLITE_ROW; n++) {
		char *sql = sqlite3_mprintf("SELECT 1 FROM %s WHERE %s = ?",
		    sqlite3_column_text(st, 0), sqlite3_column_text(st, 1));

		check_plan_of(sq, sql, false);
		sqlite3_free(sql);
	}
	sqlite3_finalize(st);
	sqlite3_close(sq);
	assert_int_equal(n, 7); /* all that the schema has */
}

static void
test_no_scan_slips_through(void **state)
{
	(void)state;
	assert_true(is_pg_scan("  ->  Seq Scan on mailbox m", ""));
	assert_true(is_pg_scan("Index Scan using x on alias", "  Filter: (a = 1)"));
	assert_false(is_pg_scan("Index Scan using x on alias", "  Index Cond: (a = 1)"));
	assert_true(is_harmless("SCAN (subquery-4)"));
	assert_false(is_harmless("SCAN mailbox"));
	assert_false(is_harmless("SCAN a USING INDEX x"));
	assert_true(is_trouble("USE TEMP B-TREE FOR ORDER BY"));
	assert_true(may_scan("lint_hashes"));
	assert_false(may_scan("ask_alias"));
}

static void
test_engines_agree(void **state)
{
	(void)state;
	assert_int_equal(sizeof queries / sizeof queries[0], STATEMENTS);
	for (size_t i = 0; i < STATEMENTS; i++)
		if (!is_in(queries[i].name, pg_names, sizeof pg_names / sizeof pg_names[0]))
			fail_msg("'%s' is not in schema/postgresql", queries[i].name);
	assert_int_equal(sizeof pg_names / sizeof pg_names[0], STATEMENTS);
}

static void
test_versions_agree(void **state)
{
	int newest[2] = { 0, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
		for (int e = 0; e < 2; e++)
			newest[e] = versions[i][e] > newest[e] ? versions[i][e] : newest[e];
	assert_int_equal(newest[0], newest[1]);
	assert_int_equal(newest[0], store_schema_version());
}

/* A group's state would take the place of each case's own. */
static int
group_setup(void **state)
{
	int status = empty_setup((void **)&shared);

	*state = NULL;
	return status;
}

static int
group_teardown(void **state)
{
	(void)state;
	return teardown((void **)&shared);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define Q(name, text) { #name, test_plan, NULL, NULL, &queries[Q_##name] },
#include "schema/sqlite_queries.h"
#undef Q
		cmocka_unit_test(test_foreign_keys),
		cmocka_unit_test(test_no_scan_slips_through),
		cmocka_unit_test(test_engines_agree),
		cmocka_unit_test(test_versions_agree),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
