/* SPDX-License-Identifier: ISC
 *
 * Whole stores from one engine into the other and back: with VMAILD_TEST_STORE, else from file to
 * file. Nothing is left out, nothing is left behind when it fails.
 */
#include "steps.h"

/* A store with all there can be in one. */
static int
rich_setup(void **state)
{
	static const struct alias_settings closed = { .expires = 4000000000,
		.internal = true,
		.note = { "for \"all\" \\ \xc3\xa4", 14 },
		.owner = { "sally", 5 } };
	const struct login_record login = { S("harry@example.com"), S("192.0.2.0/24"), S(""),
		S("imap"), 1700000000 };
	struct store *recorder;
	struct fixture *f;

	if (full_setup(state) != 0)
		return -1;
	f = *state;
	must(store_alias_set(f->s, S("info@example.com"), &closed, &f->err), &f->err, "set");
	must(mailbox_add(f->s, "h\xc3\xa4rry@example.com", "{PLAIN}two", &f->err), &f->err,
	    "mailbox");
	must(store_map_create(f->s, S("words"), SEARCH_EXACT, &f->err), &f->err, "map");
	must(store_entry_set(f->s, S("words"), S("a"), S("b c"), &f->err), &f->err, "entry");
	must(store_undo(f->s, 3, false, &f->err), &f->err, "undo");
	recorder = open_at(f->path, STORE_RECORDER);
	must(store_record_logins(recorder, &login, 1, &f->err), &f->err, "login");
	store_close(recorder);
	return 0;
}

/* What dump() sees, by the names of the columns: the engines do not have them in the same order. */
static void
dump_named(const char *path, struct sbuf *out)
{
	static const char *const rows[] = {
		"SELECT name, kind, target, created, delimiters, propagate, asked FROM domain "
		"ORDER BY "
		"1",
		"SELECT address, domain, home, quota, created, state, reason, mail, uid, gid, "
		"networks "
		"FROM mailbox ORDER BY 1",
		"SELECT mailbox, label, hash, created, services, networks, expires FROM credential "
		"ORDER "
		"BY 1, 2",
		"SELECT address, domain, created, disabled, expires, internal, prefix, note, owner "
		"FROM "
		"alias ORDER BY 1",
		"SELECT address, position, target, folded, domain FROM alias_target ORDER BY 1, 2",
		"SELECT name, search, created FROM map ORDER BY 1",
		"SELECT map, key, value, created FROM entry ORDER BY 1, 2",
		"SELECT id, at, who, what, subject, before, after, secret_before, secret_after, "
		"undoes, "
		"batch FROM change ORDER BY 1",
		"SELECT mailbox, network, label, service, at FROM login ORDER BY 1, 2, 3, 4",
		"SELECT name, value FROM secret ORDER BY 1",
	};

	sbuf_init(out, 1 << 20);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		raw_rows(path, out, rows[i]);
}

static void
check_same(const char *a, const char *b)
{
	struct sbuf x, y;

	dump_named(a, &x);
	dump_named(b, &y);
	assert_true(x.n > 1000);
	assert_string_equal(sbuf_cstr(&x), sbuf_cstr(&y));
	sbuf_release(&x);
	sbuf_release(&y);
}

static void
file_in(const struct fixture *f, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", f->dir, name);
}

static void
test_there_and_back(void **state)
{
	struct fixture *f = *state, *other = NULL;
	char back[128];

	assert_int_equal(empty_setup((void **)&other), 0);
	file_in(f, "back/vmail.db", back, sizeof back);
	must(store_copy(f->path, other->path, NULL, &f->err), &f->err, "there");
	check_same(f->path, other->path);
	create_at(back);
	must(store_copy(other->path, back, NULL, &f->err), &f->err, "back");
	check_same(f->path, back);
	/* the next change is called what it would be called here */
	must(domain_add(f->s, "next.test", "relay", "", &f->err), &f->err, "here");
	must(domain_add(other->s, "next.test", "relay", "", &f->err), &f->err, "there");
	assert_int_equal(last_change(f->path), last_change(other->path));
	teardown((void **)&other);
}

/* What is there is not written over. */
static void
test_not_empty(void **state)
{
	struct fixture *f = *state, *other = NULL;
	struct sbuf before, after;

	assert_int_equal(full_setup((void **)&other), 0);
	dump_named(other->path, &before);
	assert_int_equal(store_copy(f->path, other->path, NULL, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "something in the store"));
	dump_named(other->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
	teardown((void **)&other);
}

/* A row that the other one does not take: nothing is there then. */
static void
test_all_or_nothing(void **state)
{
	struct fixture *f = *state, *other = NULL;
	struct sbuf before, after;

	assert_int_equal(empty_setup((void **)&other), 0);
	spoil(f->path, "mailbox", "mailbox_state",
	    "UPDATE mailbox SET state = 'odd' WHERE address LIKE 'sally%'");
	dump_named(other->path, &before);
	assert_int_equal(store_copy(f->path, other->path, NULL, &f->err), RETRY);
	dump_named(other->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
	teardown((void **)&other);
}

/* A backup is an SQLite store, whatever it was made of, and comes back as what it was. */
static void
test_backup_and_restore(void **state)
{
	struct fixture *f = *state;
	char file[128], keep[128];
	struct sbuf before, after;

	file_in(f, "backup.db", file, sizeof file);
	file_in(f, "keep.db", keep, sizeof keep);
	must(store_backup(f->s, file, NULL, &f->err), &f->err, "backup");
	check_same(f->path, file);
	must(domain_add(f->s, "later.test", "relay", "", &f->err), &f->err, "later");
	dump_named(f->path, &before);
	must(store_restore(f->path, file, keep, &tester, NULL, &f->err), &f->err, "restore");
	dump_named(keep, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
	raw(f->path, "DELETE FROM change WHERE what = 'store restore'");
	check_same(f->path, file);
}

/* Each column of each table is among those that are copied. */
static void
test_no_column_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct sbuf out;

	sqlite_only(); /* the other has no others */
	sbuf_init(&out, 1 << 10);
	raw_rows(f->path, &out,
	    "SELECT m.name, count(*) FROM sqlite_schema m, pragma_table_info(m.name) WHERE m.type "
	    "= "
	    "'table' AND m.name NOT LIKE 'sqlite%' GROUP BY m.name ORDER BY m.name");
	assert_string_equal(sbuf_cstr(&out),
	    "alias|9\nalias_target|5\nchange|11\ncredential|8\ndomain|7\nentry|4\nlogin|5\n"
	    "mailbox|11\nmap|3\nsecret|2\n");
	sbuf_release(&out);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_empty, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_backup_and_restore, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_column_is_left_out, empty_setup, teardown),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
