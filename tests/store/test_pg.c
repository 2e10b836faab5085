/* SPDX-License-Identifier: ISC
 *
 * What is only about a store on a PostgreSQL server: finding it, losing it, who may do what there,
 * and that nothing of it is ever a NONE. Runs beside the server of tests/lib/postgres.
 */
#include "fixture.h"

#include <pthread.h>

static enum outcome
open_as(const char *uri, enum store_role role, unsigned ms, struct error *err)
{
	struct store *s = NULL;
	enum outcome o = store_new(&s, uri, role, err);

	if (o != FOUND)
		return o;
	store_deadline(s, ms);
	o = store_begin(s, err);
	store_end(s);
	store_close(s);
	return o;
}

/* --- getting there ---------------------------------------------------------------------------- */

static void
test_openings(void **state)
{
	static const struct {
		const char *uri;
		enum outcome outcome;
		const char *says;
	} cases[] = {
		{ "postgresql://", RETRY, "out of reach" },
		{ "postgresql://127.0.0.1:1/x", RETRY, "out of reach" },
		{ "postgresql://127.0.0.1:1,127.0.0.1:2/x", RETRY, "out of reach" },
		{ "postgresql:service=there-is-none", RETRY, "there-is-none" },
		{ "postgresql:host=/nonexistent dbname=x", RETRY, "out of reach" },
		{ "postgresql:sslmode=odd host=/tmp", RETRY, "sslmode" },
		{ "postgresql://me:geheim%@db/x", BAD, "cannot be read" },
		{ "postgresql:geheim", BAD, "cannot be read" },
		{ "postgresql:hots=geheim", BAD, "cannot be read" },
		{ "postgresql://me:ge/heim@127.0.0.1:1/x", BAD, "cannot be read" },
		{ "postgresql://me:x@geheim@127.0.0.1:1/x", BAD, "cannot be read" },
		{ "postgresql://me/x@geheim", BAD, "cannot be read" },
		{ "postgresql://127.0.0.1:geheim/x", BAD, "cannot be read" },
		{ "postgresql://me:%2Fgeheim%40@127.0.0.1:1/x", RETRY, "out of reach" },
		{ "postgresql://127.0.0.1:1/x?password=geheim", RETRY, "out of reach" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct error err = { "" };
		enum outcome o = open_as(cases[i].uri, STORE_LOOKUP, 2000, &err);

		if (o != cases[i].outcome || strstr(err.text, cases[i].says) == NULL ||
		    strstr(err.text, "geheim") != NULL)
			fail_msg("%s: %s: %s", cases[i].uri, outcome_name(o), err.text);
	}
}

static void
test_passwords(void **state)
{
	static const char uri[] =
	    "postgresql://me:geheim@db.example.com,db2/vmaild?sslmode=require";
	char shown[STORE_SHOWN];
	struct error err = { "" };

	(void)state;
	assert_int_equal(store_check_uri(uri, true, &err), FOUND);
	assert_int_equal(store_check_uri(uri, false, &err), BAD);
	assert_null(strstr(err.text, "geheim"));
	assert_non_null(strstr(err.text, ".pgpass"));
	assert_int_equal(store_check_uri("postgresql:host=x password=y", false, &err), BAD);
	assert_int_equal(store_check_uri("postgresql://me@x/y", false, &err), FOUND);
	store_show(uri, shown, sizeof shown);
	assert_string_equal(shown, "postgresql://db.example.com,db2/vmaild");
}

static void
test_no_such_database(void **state)
{
	struct fixture *f = *state;
	char uri[256];

	snprintf(uri, sizeof uri, "%s dbname=nowhere", pg_server());
	assert_int_equal(open_as(uri, STORE_LOOKUP, 5000, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "nowhere"));
}

static void
test_nothing_in_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_as(f->path, STORE_LOOKUP, 5000, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "vmailctl init"));
}

static void
test_of_another_program(void **state)
{
	struct fixture *f = *state;
	int from, to;

	raw(f->path, "CREATE SCHEMA vmaild; CREATE TABLE vmaild.x (a integer)");
	assert_int_equal(open_as(f->path, STORE_LOOKUP, 5000, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "another program"));
	assert_int_equal(store_create(f->path, -1, -1, &from, &to, &f->err), BAD);
}

/* The first host is not there: the second is asked. */
static void
test_next_host(void **state)
{
	struct fixture *f = *state;
	char uri[512], *host = strstr(f->path, "host="), *end = strchr(host, ' ');

	snprintf(uri, sizeof uri, "postgresql:host=/nonexistent,%.*s%s", (int)(end - host - 5),
	    host + 5, end);
	must(open_as(uri, STORE_LOOKUP, 5000, &f->err), &f->err, "next");
	snprintf(uri, sizeof uri,
	    "postgresql:host=/nonexistent,%.*s%s target_session_attrs=prefer-standby",
	    (int)(end - host - 5), host + 5, end);
	must(open_as(uri, STORE_LOOKUP, 5000, &f->err), &f->err, "there is no standby");
	must(open_as(uri, STORE_ADMIN, 5000, &f->err), &f->err, "a primary");
}

/* --- losing it -------------------------------------------------------------------------------- */

static const char hang_up[] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
			      "pg_backend_pid() AND datname = current_database()";

static void
test_lost_between(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), FOUND);
	raw(f->path, hang_up);
	/* maybe it is noticed before, maybe in the middle: never is somebody nobody */
	assert_int_not_equal(ask_mailbox(f->s, "harry", "example.com"), NONE);
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), FOUND);
}

static void
test_lost_in_a_view(void **state)
{
	struct fixture *f = *state;

	must(store_begin(f->s, &f->err), &f->err, "begin");
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), FOUND);
	raw(f->path, hang_up);
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), RETRY);
	assert_int_equal(ask_mailbox(f->s, "nobody", "example.com"), RETRY);
	store_end(f->s);
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), FOUND);
}

static void
test_lost_in_a_batch(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;

	dump(f->path, &before);
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	must(domain_add(f->s, "one.test", "relay", "", &f->err), &f->err, "one");
	raw(f->path, hang_up);
	assert_int_equal(domain_add(f->s, "two.test", "relay", "", &f->err), RETRY);
	assert_int_equal(store_batch_end(f->s, true, &f->err), RETRY);
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
	must(domain_add(f->s, "three.test", "relay", "", &f->err), &f->err, "three");
}

/* The line of the second change is sent and counts as done when the third begins. */
static void
refused_line(struct fixture *f, bool third)
{
	struct sbuf before, after;
	enum outcome o;

	dump(f->path, &before);
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	must(domain_add(f->s, "one.test", "relay", "", &f->err), &f->err, "one");
	must(domain_add(f->s, "two.test", "relay", "", &f->err), &f->err, "two");
	o = third ? domain_add(f->s, "three.test", "relay", "", &f->err) : RETRY;
	assert_int_equal(o, RETRY);
	if (third)
		assert_non_null(strstr(f->err.text, "'domain add two.test' cannot be made"));
	assert_int_equal(store_batch_end(f->s, true, &f->err), RETRY);
	if (!third)
		assert_non_null(strstr(f->err.text, "'domain add two.test' cannot be made"));
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
}

/* A rule that the site has made for the change log: who breaks it is named, alone he is refused,
 * and with others all of it is left, not the one before. */
static void
test_rules_of_the_site(void **state)
{
	struct fixture *f = *state;

	pg_spoiled = true;
	raw(f->path, "ALTER TABLE change ADD CONSTRAINT site_rule CHECK (subject <> 'two.test'); "
		     "ALTER TABLE domain ADD CONSTRAINT site_name CHECK (name <> 'four.test')");
	refused_line(f, true);
	refused_line(f, false);
	assert_int_equal(domain_add(f->s, "two.test", "relay", "", &f->err), BAD);
	assert_non_null(strstr(f->err.text, "site_rule"));
	/* what is known at once is refused alone, whatever is under way */
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	must(domain_add(f->s, "one.test", "relay", "", &f->err), &f->err, "one");
	assert_int_equal(domain_add(f->s, "four.test", "relay", "", &f->err), BAD);
	must(domain_add(f->s, "five.test", "relay", "", &f->err), &f->err, "five");
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "one.test", &f->err), FOUND);
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "five.test", &f->err), FOUND);
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "four.test", &f->err), NONE);
}

/* What takes too long is RETRY in its time, and costs the connection alone. */
static void
test_too_slow(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct other other = other_open(f->path);

	other_exec(&other, "BEGIN; LOCK TABLE mailbox IN ACCESS EXCLUSIVE MODE");
	store_deadline(s, 100);
	assert_int_equal(ask_mailbox(s, "harry", "example.com"), RETRY);
	other_exec(&other, "COMMIT");
	other_close(&other);
	store_deadline(s, 5000);
	assert_int_equal(ask_mailbox(s, "harry", "example.com"), FOUND);
	store_close(s);
}

static enum outcome
set_quota(struct fixture *f, int64_t quota)
{
	return store_mailbox_quota(f->s, slice_str("harry@example.com"), quota, &f->err);
}

/* A statement was prepared, and what came of running it is RETRY: the connection is kept, and so is
 * what was prepared. */
static void
test_prepared_and_locked(void **state)
{
	struct fixture *f = *state;
	struct other other = other_open(f->path);

	store_deadline(f->s, 400);
	other_exec(&other, "BEGIN; UPDATE mailbox SET reason = reason");
	assert_int_equal(set_quota(f, 1), RETRY);
	assert_non_null(strstr(f->err.text, "locked by another program"));
	other_exec(&other, "COMMIT");
	other_close(&other);
	store_deadline(f->s, 5000);
	must(set_quota(f, 2), &f->err, "with what is prepared already");
}

static void
test_prepared_and_denied(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);

	pg_spoiled = true;
	raw(f->path, "REVOKE SELECT ON mailbox FROM vmaild_lookup");
	assert_int_equal(ask_mailbox(s, "harry", "example.com"), RETRY);
	raw(f->path, "GRANT SELECT ON mailbox TO vmaild_lookup");
	assert_int_equal(ask_mailbox(s, "harry", "example.com"), FOUND);
	store_close(s);
}

static void
set_read_only(const char *uri, const char *how)
{
	char sql[128];

	snprintf(sql, sizeof sql, "ALTER DATABASE %s %s", strrchr(uri, '=') + 1, how);
	pg_raw(pg_server(), NULL, sql);
}

/* As on a standby: it is read, and who wants to write is told that it is none to write to. */
static void
test_read_only(void **state)
{
	struct fixture *f = *state;
	struct store *s;

	set_read_only(f->path, "SET default_transaction_read_only = on");
	assert_int_equal(open_as(f->path, STORE_LOOKUP, 5000, &f->err), FOUND);
	assert_int_equal(open_as(f->path, STORE_RECORDER, 5000, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "read-only"));
	s = open_at(f->path, STORE_ADMIN);
	assert_int_equal(ask_mailbox(s, "harry", "example.com"), FOUND);
	assert_int_equal(domain_add(s, "one.test", "relay", "", &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "a standby"));
	set_read_only(f->path, "RESET default_transaction_read_only");
	must(domain_add(s, "one.test", "relay", "", &f->err), &f->err, "writes again");
	store_close(s);
}

/* --- who may do what -------------------------------------------------------------------------- */

/* Not by what our programs ask, but by what the server lets them. */
static void
test_roles(void **state)
{
	static const struct {
		const char *role;
		const char *sql;
		bool may;
	} cases[] = {
		{ "vmaild_lookup", "SELECT * FROM mailbox", true },
		{ "vmaild_lookup", "SELECT * FROM entry", true },
		{ "vmaild_lookup", "SELECT * FROM credential", false },
		{ "vmaild_lookup", "SELECT * FROM secret", false },
		{ "vmaild_lookup", "SELECT * FROM login", false },
		{ "vmaild_lookup", "SELECT * FROM change", false },
		{ "vmaild_lookup", "SELECT * FROM v1_login", false },
		{ "vmaild_lookup", "DELETE FROM alias", false },
		{ "vmaild_login", "SELECT * FROM credential", true },
		{ "vmaild_login", "SELECT * FROM change", false },
		{ "vmaild_login", "UPDATE credential SET hash = 'x'", false },
		{ "vmaild_recorder", "UPDATE credential SET hash = hash", true },
		{ "vmaild_recorder", "UPDATE credential SET label = 'x'", false },
		{ "vmaild_recorder", "SELECT secret_after FROM change", false },
		{ "vmaild_recorder", "DELETE FROM change", false },
		{ "vmaild_recorder", "UPDATE store SET version = 9", false },
		{ "vmaild_admin", "SELECT * FROM change", true },
		{ "vmaild_admin", "DROP TABLE change", false },
	};
	struct fixture *f = *state;
	PGconn *conn = pg_raw_open(f->path);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char sql[128];
		PGresult *r;

		snprintf(sql, sizeof sql, "BEGIN; SET ROLE %s", cases[i].role);
		pg_raw_exec(conn, NULL, sql);
		r = PQexec(conn, cases[i].sql);
		if ((PQresultErrorField(r, PG_DIAG_SQLSTATE) == NULL) != cases[i].may)
			fail_msg("%s: %s: %s", cases[i].role, cases[i].sql, PQerrorMessage(conn));
		PQclear(r);
		pg_raw_exec(conn, NULL, "ROLLBACK");
	}
	PQfinish(conn);
}

/* --- two at once ------------------------------------------------------------------------------ */

static void *
create(void *arg)
{
	static struct error err;
	int from, to;

	return (void *)(intptr_t)store_create(arg, -1, -1, &from, &to, &err);
}

static void
test_made_by_two(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];
	struct sbuf out;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, create, f->path), 0);
	for (int i = 0; i < 4; i++) {
		void *o;

		assert_int_equal(pthread_join(threads[i], &o), 0);
		/* one may be told to try again, never that it is somebody else's */
		assert_true((intptr_t)o == FOUND || (intptr_t)o == RETRY);
	}
	create_at(f->path);
	sbuf_init(&out, 1000);
	raw_rows(f->path, &out, "SELECT version, (SELECT count(*) FROM secret) FROM store");
	assert_string_equal(sbuf_cstr(&out), "7|1\n");
	sbuf_release(&out);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_openings),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test_setup_teardown(test_no_such_database, bare_setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_in_it, bare_setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_another_program, bare_setup, teardown),
		cmocka_unit_test_setup_teardown(test_next_host, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_between, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_in_a_view, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_in_a_batch, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_rules_of_the_site, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_slow, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_prepared_and_locked, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_prepared_and_denied, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_roles, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_made_by_two, bare_setup, teardown),
	};

	if (!pg_wanted())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
