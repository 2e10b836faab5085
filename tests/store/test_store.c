/* SPDX-License-Identifier: ISC
 *
 * Making, opening and migrating; what each role may do, shown on a connection of that role; and two
 * users who share a store.
 */
#include "fixture.h"

/* --- making ----------------------------------------------------------------------------------- */

static void
test_create(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char dir[96];
	int from = -1, to = -1;

	umask(077);
	must(store_create(f->path, -1, -1, &from, &to, &f->err), &f->err, "create");
	umask(022);
	assert_int_equal(from, 0);
	assert_int_equal(to, store_schema_version());
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	snprintf(dir, sizeof dir, "%s/store", f->dir);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02770);
}

static void
test_create_again_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;
	int from = -1, to = -1;

	dump(f->path, &before);
	must(store_create(f->path, -1, -1, &from, &to, &f->err), &f->err, "create");
	assert_int_equal(from, store_schema_version());
	assert_int_equal(to, store_schema_version());
	must(store_migrate(f->path, &from, &to, &f->err), &f->err, "migrate");
	assert_int_equal(from, store_schema_version());
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	assert_true(before.n > 0);
	sbuf_release(&before);
	sbuf_release(&after);
}

static void
test_create_for_another(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char dir[96];
	int from, to;

	need_root();
	must(store_create(f->path, 12345, NOBODY, &from, &to, &f->err), &f->err, "create");
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(st.st_gid, NOBODY);
	snprintf(dir, sizeof dir, "%s/store", f->dir);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(st.st_gid, NOBODY);
	assert_int_equal(st.st_mode & 07777, 02770);
}

/* A directory that is there is somebody's: its mode is left alone. */
static void
test_create_in_a_directory(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char dir[96];

	snprintf(dir, sizeof dir, "%s/store", f->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	create_at(f->path);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

/* A file that was made but never filled, as after a crash just then. */
static void
test_create_after_a_crash(void **state)
{
	struct fixture *f = *state;
	char path[100];
	int fd;

	snprintf(path, sizeof path, "%s/vmail.db", f->dir);
	fd = open(path, O_CREAT | O_WRONLY, 0660);
	assert_true(fd >= 0);
	close(fd);
	create_at(path);
	store_close(open_at(path, STORE_LOOKUP));
}

/* What an earlier store left beside its file is not read into the new one, and not thrown away. */
static void
test_create_beside_leftovers(void **state)
{
	struct fixture *f = *state;
	char wal[160], aside[200];
	struct stat st;
	struct store *s;

	snprintf(wal, sizeof wal, "%s-wal", f->path);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size > 0);
	snprintf(aside, sizeof aside, "%s.left-%llu", wal, (unsigned long long)st.st_ino);
	assert_int_equal(unlink(f->path), 0);
	create_at(f->path);
	s = open_at(f->path, STORE_LOOKUP);
	assert_int_equal(ask(s, ROW_DOMAIN, "", "example.com", &f->err), NONE);
	assert_int_equal(stat(aside, &st), 0);
	assert_true(st.st_size > 0);
	store_close(s);
	/* and the one that still has the old file open sees the new one as well */
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "example.com", &f->err), NONE);
}

static void
test_create_where_it_cannot_be(void **state)
{
	struct fixture *f = *state;
	char path[160];
	int from, to;

	snprintf(path, sizeof path, "%s/no/such/vmail.db", f->dir);
	assert_int_equal(store_create(path, -1, -1, &from, &to, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "no/such"));
	assert_int_equal(store_create(f->dir, -1, -1, &from, &to, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "is a directory"));
}

static void
test_names(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	char uri[160];

	snprintf(uri, sizeof uri, "sqlite:%s", f->path);
	store_close(open_at(uri, STORE_LOOKUP));
	assert_int_equal(chdir(f->dir), 0);
	s = open_at("store/vmail.db", STORE_LOOKUP);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(ask(s, ROW_DOMAIN, "", "example.com", &f->err), FOUND);
	store_close(s);
}

static void
test_schemes(void **state)
{
	static const char *const bad[] = { "mysql:x", "sqlite3:/x",
		"sqlite:", "" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct error err = { "" };
		struct store *s = NULL;
		int from, to;

		assert_int_equal(store_open(&s, bad[i], STORE_LOOKUP, &err), BAD);
		assert_non_null(strstr(err.text, "sqlite:/path/to/vmail.db"));
		assert_null(s);
		assert_int_equal(store_create(bad[i], -1, -1, &from, &to, &err), BAD);
		assert_int_equal(store_migrate(bad[i], &from, &to, &err), BAD);
	}
}

/* --- opening what is no store of ours --------------------------------------------------------- */

static void
make_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0660);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
make_database(const char *path, const char *sql)
{
	sqlite3 *sq;

	assert_int_equal(sqlite3_open(path, &sq), SQLITE_OK);
	raw_exec(sq, sql);
	sqlite3_close(sq);
}

static const struct opening {
	const char *name;
	const char *text; /* what stands in the file; or else: */
	const char *sql;  /* ... what makes the database */
	const char *says;
	enum outcome on_create; /* what `init` makes of it */
	enum outcome on_migrate;
} openings[] = {
	/* clang-format off */
	{ "a missing file", NULL, NULL, "make one with `vmailctl init`", FOUND, RETRY },
	{ "an empty file", "", NULL, "is empty", FOUND, RETRY },
	{ "a text", "# vmaild configuration: this is no database, but long enough to be taken for the header of one\n",
	  NULL, "is no store", RETRY, RETRY },
	{ "a short text", "xyz", NULL, "is no store", RETRY, RETRY },
	{ "an empty database", NULL, "PRAGMA journal_mode = WAL", "has nothing in it", FOUND, RETRY },
	{ "another program's database", NULL, "CREATE TABLE user (id); PRAGMA application_id = 7", "another program", BAD, BAD },
	{ "a nameless program's database", NULL, "CREATE TABLE user (id)", "another program", BAD, BAD },
	{ "an older store", NULL, "PRAGMA application_id = 0x766d6c64; PRAGMA user_version = 0", "vmailctl migrate", FOUND, FOUND },
	{ "a newer store", NULL, "PRAGMA application_id = 0x766d6c64; PRAGMA user_version = 999", "newer vmaild", BAD, BAD },
	/* clang-format on */
};

static void
make_opening(const struct opening *o, const char *path)
{
	if (o->text != NULL)
		make_file(path, o->text);
	if (o->sql != NULL)
		make_database(path, o->sql);
}

static void
check_opening(const struct opening *o, const char *path)
{
	static const enum store_role roles[] = { STORE_LOOKUP, STORE_LOGIN, STORE_ADMIN };
	struct error err = { "" };
	struct store *s = NULL;
	int from, to;

	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
		assert_int_equal(store_open(&s, path, roles[i], &err), RETRY);
		assert_null(s);
		if (strstr(err.text, o->says) == NULL)
			fail_msg("'%s' says: %s", o->name, err.text);
	}
	assert_int_equal(store_migrate(path, &from, &to, &err), o->on_migrate);
	assert_int_equal(store_create(path, -1, -1, &from, &to, &err), o->on_create);
	if (o->on_create == FOUND)
		store_close(open_at(path, STORE_ADMIN));
}

static void
test_openings(void **state)
{
	struct fixture *f = *state;
	char path[100];

	for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
		snprintf(path, sizeof path, "%s/%zu-vmail.db", f->dir, i);
		make_opening(&openings[i], path);
		print_message("# %s\n", openings[i].name);
		check_opening(&openings[i], path);
	}
}

/* Whatever is refused is not written to either. */
static void
test_refused_is_untouched(void **state)
{
	struct fixture *f = *state;
	struct sbuf out;
	char path[100];
	struct store *s;
	int from, to;

	snprintf(path, sizeof path, "%s/vmail.db", f->dir);
	make_database(path, "CREATE TABLE user (id)");
	assert_int_equal(store_open(&s, path, STORE_ADMIN, &f->err), RETRY);
	assert_int_equal(store_create(path, -1, -1, &from, &to, &f->err), BAD);
	sbuf_init(&out, 1000);
	raw_rows(path, &out, "PRAGMA journal_mode");
	raw_rows(path, &out, "PRAGMA application_id");
	raw_rows(path, &out, "SELECT name FROM sqlite_schema");
	assert_string_equal(sbuf_cstr(&out), "delete\n0\nuser\n");
	sbuf_release(&out);
}

static void
test_directory_as_store(void **state)
{
	struct fixture *f = *state;
	struct store *s;

	assert_int_equal(store_open(&s, f->dir, STORE_LOOKUP, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "is a directory: name the file in it"));
}

/* A copy made by VACUUM INTO is no longer in WAL mode; the next to write puts that right. */
static void
test_mode_is_restored(void **state)
{
	struct fixture *f = *state;
	struct sbuf out;
	char path[100], sql[140];

	snprintf(path, sizeof path, "%s/copy.db", f->dir);
	snprintf(sql, sizeof sql, "VACUUM INTO '%s'", path);
	raw(f->path, sql);
	store_close(open_at(path, STORE_LOOKUP));
	store_close(open_at(path, STORE_ADMIN));
	sbuf_init(&out, 100);
	raw_rows(path, &out, "PRAGMA journal_mode");
	assert_string_equal(sbuf_cstr(&out), "wal\n");
	sbuf_release(&out);
}

static void
copy_file(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(from, O_RDONLY);
	int out = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0660);

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof buf)) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

/* Whoever copies the file alone, with the daemon at work, has everything. */
static void
test_admin_leaves_it_whole(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOOKUP);
	struct store *s;
	struct stat st;
	char wal[140], copy[100];

	assert_int_equal(ask_mailbox(reader, "harry", "example.com"), FOUND);
	store_close(f->s);
	f->s = NULL;
	snprintf(wal, sizeof wal, "%s-wal", f->path);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_size, 0);
	snprintf(copy, sizeof copy, "%s/copy.db", f->dir);
	copy_file(f->path, copy);
	s = open_at(copy, STORE_LOOKUP);
	assert_int_equal(ask_mailbox(s, "harry", "example.com"), FOUND);
	store_close(s);
	store_close(reader);
}

/* --- roles ------------------------------------------------------------------------------------ */

static sqlite3 *captured;

/* Called by SQLite for every new connection of this process: how to get at the store's own one. */
static int
capture(sqlite3 *sq, char **text, const void *api)
{
	(void)text;
	(void)api;
	captured = sq;
	return SQLITE_OK;
}

static struct store *
open_captured(const char *path, enum store_role role)
{
	struct store *s;

	sqlite3_auto_extension((void (*)(void))capture);
	s = open_at(path, role);
	sqlite3_reset_auto_extension();
	return s;
}

enum {
	L = 1 << STORE_LOOKUP,
	G = 1 << STORE_LOGIN | 1 << STORE_RECORDER,
	R = 1 << STORE_RECORDER,
	A = 1 << STORE_ADMIN
};

static const struct {
	const char *sql;
	int allowed;
} deeds[] = {
	{ "SELECT name FROM domain", L | G | A }, { "SELECT address FROM mailbox", L | G | A },
	{ "SELECT address FROM alias", L | G | A },
	{ "SELECT target FROM alias_target", L | G | A }, { "SELECT hash FROM credential", G | A },
	{ "SELECT count(*) FROM credential", G | A }, { "SELECT password FROM v1_login", A },
	{ "SELECT count(*) FROM v1_login", A },
	{ "SELECT EXISTS (SELECT 1 FROM credential)", G | A },
	{ "SELECT 1 FROM mailbox, credential", G | A }, { "SELECT who FROM change", A },
	{ "SELECT secret_before FROM change", A }, { "SELECT count(*) FROM change", A },
	{ "SELECT * FROM sqlite_schema", A }, { "SELECT * FROM sqlite_dbpage", 0 },
	{ "SELECT name FROM map", L | G | A }, { "SELECT value FROM entry", L | G | A },
	{ "SELECT at FROM login", G | A }, { "SELECT value FROM secret", G | A },
	{ "UPDATE credential SET hash = '{PLAIN}y' WHERE mailbox = 'harry@example.com'", R | A },
	{ "UPDATE credential SET label = 'x'", A }, { "UPDATE credential SET expires = 1", A },
	{ "UPDATE credential SET hash = '{PLAIN}z', created = 1", A },
	{ "INSERT INTO credential (mailbox, label, hash, created) VALUES "
	  "('harry@example.com', 'x' || random(), 'x', 1)",
	    A },
	{ "DELETE FROM credential WHERE label > ''", A },
	{ "INSERT INTO login VALUES ('harry@example.com', '', '', 'imap', random())"
	  " ON CONFLICT DO UPDATE SET at = excluded.at",
	    R | A },
	{ "UPDATE login SET at = 1", R | A }, { "UPDATE login SET network = network", A },
	{ "DELETE FROM login", R | A },
	{ "INSERT INTO change (at, who, what, subject, after) VALUES (1, 'x', 'y', 'z', '{}')",
	    R | A },
	{ "UPDATE change SET who = 'me'", A }, { "DELETE FROM change", A },
	{ "UPDATE secret SET value = 'x'", A }, { "DELETE FROM secret", A },
	{ "DELETE FROM mailbox WHERE address = 'nobody'", A },
	{ "UPDATE mailbox SET state = 'suspended' WHERE address = 'nobody'", A },
	{ "INSERT INTO domain (name, kind, created) VALUES ('a.test', 'mailbox', 1)", A },
	{ "INSERT INTO entry VALUES ('sasl-access', 'joe', 'OK', 1)", A },
	{ "UPDATE mailbox SET quota = 1", A }, { "DELETE FROM alias", A },
	{ "CREATE TABLE t (x)", A }, { "CREATE TEMP TABLE t2 (x)", A },
	{ "PRAGMA user_version", L | G | A }, { "PRAGMA user_version = 1", A },
	{ "PRAGMA query_only = OFF", A }, { "PRAGMA writable_schema = ON", A },
	{ "PRAGMA table_info(credential)", A },
	{ "SELECT * FROM pragma_table_info('credential')", A },
	{ "ATTACH '/tmp/vmaild-never' AS other", 0 }, { "ATTACH ':memory:' AS other", 0 },
	{ "VACUUM INTO '/tmp/vmaild-never'", 0 }, { "SELECT load_extension('x')", 0 },
	{ "DROP TABLE alias_target", A }, /* the last of them, and of this store */
};

static void
test_deeds(void **state)
{
	struct fixture *f = *state;

	for (int role = STORE_LOOKUP; role <= STORE_ADMIN; role++) {
		struct store *s = open_captured(f->path, (enum store_role)role);

		for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
			int rc = sqlite3_exec(captured, deeds[i].sql, NULL, NULL, NULL);
			int allowed = deeds[i].allowed >> role & 1;

			if ((rc == SQLITE_OK) != allowed)
				fail_msg("role %d: %s: %s", role, deeds[i].sql,
				    sqlite3_errmsg(captured));
		}
		store_close(s);
	}
}

static void
test_settings(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_captured(f->path, STORE_ADMIN);
	struct sbuf out;

	sbuf_init(&out, 1000);
	assert_int_equal(sqlite3_exec(captured,
			     "PRAGMA journal_mode; PRAGMA synchronous; PRAGMA foreign_keys;"
			     "PRAGMA trusted_schema; PRAGMA cell_size_check",
			     add_value, &out, NULL),
	    SQLITE_OK);
	assert_string_equal(sbuf_cstr(&out), "wal\n2\n1\n0\n1\n");
	sbuf_release(&out);
	store_close(s);
}

static void
test_lookup_knows_no_password(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct account a;
	struct sbuf hashes;

	account_init(&a);
	sbuf_init(&hashes, 100);
	assert_int_equal(find_login(s, "harry@example.com", &a, &hashes, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "does not let this program"));
	assert_int_equal(hashes.n, 0);
	assert_int_equal(store_account(s, S("harry@example.com"), &a, &f->err), RETRY);
	/* and is none the worse for having tried */
	assert_int_equal(ask_mailbox(s, "harry", "example.com"), FOUND);
	account_release(&a);
	sbuf_release(&hashes);
	store_close(s);
}

static bool
never_called(void *arg, const struct change_row *row)
{
	(void)arg;
	(void)row;
	fail_msg("the change log was read");
	return false;
}

static void
test_only_admin_changes(void **state)
{
	static const enum store_role roles[] = { STORE_LOOKUP, STORE_LOGIN, STORE_RECORDER };
	struct fixture *f = *state;
	struct sbuf before, after;

	dump(f->path, &before);
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
		struct store *s = open_at(f->path, roles[i]);
		struct error *e = &f->err;

		assert_int_equal(domain_add(s, "new.test", "mailbox", "", e), RETRY);
		assert_int_equal(store_domain_remove(s, S("relay.test"), false, e), RETRY);
		assert_int_equal(mailbox_add(s, "tom@example.com", "", e), RETRY);
		assert_int_equal(
		    store_mailbox_passwd(s, S("harry@example.com"), S("{PLAIN}x"), e), RETRY);
		assert_int_equal(store_mailbox_remove(s, S("harry@example.com"), true, e), RETRY);
		assert_int_equal(alias_add(s, "a@fwd.test", "b@else.test", e), RETRY);
		assert_int_equal(alias_remove(s, "root", "", e), RETRY);
		assert_int_equal(store_changes(s, 0, never_called, NULL, e), RETRY);
		assert_int_equal(ask_mailbox(s, "harry", "example.com"), FOUND);
		store_close(s);
	}
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
}

/* --- two users -------------------------------------------------------------------------------- */

/* A directory that both root and nobody's group may write, as `vmailctl init` makes it. */
static void
create_shared(struct fixture *f)
{
	int from, to;

	must(store_create(f->path, 12345, NOBODY, &from, &to, &f->err), &f->err, "create");
}

static int
read_and_write(struct fixture *f)
{
	struct store *s;
	int bad = 0;

	if (store_open(&s, f->path, STORE_LOOKUP, &f->err) != FOUND) {
		print_error("nobody cannot open: %s\n", f->err.text);
		return 1;
	}
	bad |= ask(s, ROW_DOMAIN, "", "root.test", &f->err) == RETRY;
	store_close(s);
	if (store_open(&s, f->path, STORE_ADMIN, &f->err) != FOUND)
		return 2;
	store_act_as(s, &tester);
	bad |= domain_add(s, "nobody.test", "mailbox", "", &f->err) != FOUND;
	if (bad)
		print_error("nobody: %s\n", f->err.text);
	store_close(s);
	return bad;
}

static int
leave_files(struct fixture *f)
{
	struct store *s;

	/* no close: the files stay, as after a crash */
	return store_open(&s, f->path, STORE_LOOKUP, &f->err) != FOUND ||
	       ask(s, ROW_DOMAIN, "", "root.test", &f->err) == RETRY;
}

static void
write_as_root(struct fixture *f)
{
	struct store *s = open_at(f->path, STORE_ADMIN);

	must(domain_add(s, "root.test", "mailbox", "", &f->err), &f->err, "root writes");
	store_close(s);
}

static void
test_root_first(void **state)
{
	struct fixture *f = *state;

	need_root();
	create_shared(f);
	write_as_root(f);
	assert_int_equal(in_child(f, read_and_write, 1), 0);
}

static void
test_daemon_first(void **state)
{
	struct fixture *f = *state;

	need_root();
	create_shared(f);
	assert_int_equal(in_child(f, leave_files, 1), 0);
	write_as_root(f);
	assert_int_equal(in_child(f, read_and_write, 1), 0);
}

/* While one has it open, the files beside it belong to whoever came first. */
static void
test_both_at_once(void **state)
{
	struct fixture *f = *state;

	need_root();
	create_shared(f);
	f->s = open_at(f->path, STORE_ADMIN);
	must(domain_add(f->s, "root.test", "mailbox", "", &f->err), &f->err, "root writes");
	assert_int_equal(in_child(f, read_and_write, 1), 0);
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "nobody.test", &f->err), FOUND);
	must(domain_add(f->s, "more.test", "mailbox", "", &f->err), &f->err, "root writes on");
}

static int
open_refused(struct fixture *f)
{
	static const char *const says[] = { "group of that", "group of that directory" };
	struct store *s;

	for (size_t i = 0; i < 2; i++)
		if (store_open(&s, f->path, STORE_LOOKUP, &f->err) == RETRY &&
		    strstr(f->err.text, says[i]) != NULL)
			return 0;
	print_error("%s\n", f->err.text);
	return 1;
}

static void
test_stranger(void **state)
{
	struct fixture *f = *state;
	char dir[96];
	int from, to;

	need_root();
	must(store_create(f->path, 0, 0, &from, &to, &f->err), &f->err, "create");
	assert_int_equal(in_child(f, open_refused, 1), 0);
	snprintf(dir, sizeof dir, "%s/store", f->dir);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(in_child(f, open_refused, 1), 0);
}

int
main(int argc, char **argv)
{
#define BARE(fn) cmocka_unit_test_setup_teardown(fn, bare_setup, teardown)
#define FULL(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		BARE(test_create),
		FULL(test_create_again_changes_nothing),
		BARE(test_create_for_another),
		BARE(test_create_in_a_directory),
		BARE(test_create_after_a_crash),
		FULL(test_create_beside_leftovers),
		BARE(test_create_where_it_cannot_be),
		FULL(test_names),
		cmocka_unit_test(test_schemes),
		BARE(test_openings),
		BARE(test_refused_is_untouched),
		BARE(test_directory_as_store),
		FULL(test_mode_is_restored),
		FULL(test_admin_leaves_it_whole),
		FULL(test_deeds),
		FULL(test_settings),
		FULL(test_lookup_knows_no_password),
		FULL(test_only_admin_changes),
		BARE(test_root_first),
		BARE(test_daemon_first),
		BARE(test_both_at_once),
		BARE(test_stranger),
	};

	if (!is_for_sqlite())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
