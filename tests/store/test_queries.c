/* SPDX-License-Identifier: ISC
 *
 * schema/sqlite: every named statement prepares, and none of them scans or sorts, but those that
 * say why.
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

/* Those that may scan, and sort what they found. */
static const char *const scans[] = {
#define Q(name, text)
#define QS(name) #name,
#include "schema/sqlite_queries.h"
#undef QS
#undef Q
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
may_scan(const char *name)
{
	for (size_t i = 0; i < sizeof scans / sizeof scans[0]; i++)
		if (strcmp(scans[i], name) == 0)
			return true;
	return false;
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

static void
test_plan(void **state)
{
	const struct query *q = *state;
	sqlite3 *sq = raw_open(shared->path);

	assert_int_equal(db_pending_register(sq, NULL), SQLITE_OK);
	check_plan_of(sq, q->text, may_scan(q->name));
	sqlite3_close(sq);
}

/* What a foreign key asks when a row goes is in no statement's plan. */
static void
test_foreign_keys(void **state)
{
	sqlite3 *sq = raw_open(shared->path);
	sqlite3_stmt *st;
	int n = 0;

	(void)state;
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
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
