/* SPDX-License-Identifier: ISC
 *
 * The public views: what they are called and hold, that they are asked without a scan, and the file
 * that `vmailctl views publish` makes of them.
 */
#include "fixture.h"

#include <dirent.h>

/* --- the promise of vmaild-views.7 -------------------------------------------------------------
 */

#define USER_COLUMNS                                                                               \
	"local_part|domain|state|receives|sends|reason|home|mail|mail_driver|mail_path|uid|gid|"   \
	"quota|quota_rule|"                                                                        \
	"quota_storage_size|networks|created|"

static const struct promise {
	const char *view;
	const char *columns;
} promises[] = {
	{ "v1_domain", "domain|kind|target|created|" },
	{ "v1_user", "address|" USER_COLUMNS },
	{ "v1_login", "address|password|" USER_COLUMNS },
	{ "v1_alias",
	    "address|domain|position|target|folded|target_domain|disabled|expires|internal|" },
};

enum { PROMISES = sizeof promises / sizeof promises[0] };

static void
check_columns(const char *path, const struct promise *p)
{
	struct sbuf got;
	char sql[160];

	sbuf_init(&got, 4096);
	snprintf(sql, sizeof sql,
	    "SELECT group_concat(name || '|', '') FROM pragma_table_info('%s')", p->view);
	raw_rows(path, &got, sql);
	sbuf_truncate(&got, got.n - 1);
	assert_string_equal(sbuf_cstr(&got), p->columns);
	sbuf_release(&got);
}

static void
test_columns(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < PROMISES; i++)
		check_columns(f->path, &promises[i]);
}

/* --- what is in them -------------------------------------------------------------------------- */

static const struct content {
	const char *name;
	const char *done; /* to the store before */
	const char *asked;
	const char *rows;
} contents[] = {
	{ "a user by the templates", "",
	    "SELECT address, local_part, domain, state, receives, sends, reason, home, mail, uid, "
	    "gid, "
	    "quota, quota_rule, quota_storage_size, networks FROM v1_user WHERE address = "
	    "'harry@example.com'",
	    "harry@example.com|harry|example.com|active|1|1|-|-|-|-|-|-|-|-|-\n" },
	{ "a user with all that is his own",
	    "UPDATE mailbox SET home = '/h', mail = 'maildir:/m', uid = 7, gid = 8, quota = 1024, "
	    "networks = '192.0.2.0/24', reason = 'why' WHERE address = 'harry@example.com'",
	    "SELECT home, mail, mail_driver, mail_path, uid, gid, quota, quota_rule, "
	    "quota_storage_size, networks, reason FROM v1_user WHERE address = 'harry@example.com'",
	    "/h|maildir:/m|maildir|/m|7|8|1024|*:bytes=1024|1024B|192.0.2.0/24|why\n" },
	{ "a mail location with more behind it, and one without a driver",
	    "UPDATE mailbox SET mail = 'mbox:~/m:INDEX=/i' WHERE address = 'harry@example.com'; "
	    "UPDATE "
	    "mailbox SET mail = '~/m' WHERE address = 'sally@example.com'",
	    "SELECT mail, mail_driver, mail_path FROM v1_user ORDER BY address",
	    "mbox:~/m:INDEX=/i|mbox|~/m\n~/m|-|~/m\n" },
	{ "a user with a password is a login, one without is none", "",
	    "SELECT address FROM v1_login", "harry@example.com\n" },
	{ "what a state lets one do",
	    "UPDATE mailbox SET state = 'send-only' WHERE address = 'harry@example.com'; UPDATE "
	    "mailbox SET state = 'receive-only' WHERE address = 'sally@example.com'",
	    "SELECT state, receives, sends FROM v1_user ORDER BY address",
	    "send-only|0|1\nreceive-only|1|0\n" },
	{ "suspended: neither",
	    "UPDATE mailbox SET state = 'suspended' WHERE address = 'harry@example.com'",
	    "SELECT receives, sends, password FROM v1_login", "0|0|{PLAIN}one\n" },
	{ "a hash without a label: by crypt", "UPDATE credential SET hash = '$6$salt$hash'",
	    "SELECT password FROM v1_login", "{CRYPT}$6$salt$hash\n" },
	{ "a hash without a label: argon2id", "UPDATE credential SET hash = '$argon2id$v=19$x'",
	    "SELECT password FROM v1_login", "{ARGON2ID}$argon2id$v=19$x\n" },
	{ "a hash without a label: argon2i", "UPDATE credential SET hash = '$argon2i$v=19$x'",
	    "SELECT password FROM v1_login", "{ARGON2I}$argon2i$v=19$x\n" },
	{ "an app password is not among them",
	    "INSERT INTO credential (mailbox, label, hash, created) VALUES ('harry@example.com', "
	    "'phone', '{X}y', 1), ('sally@example.com', 'phone', '{X}y', 1)",
	    "SELECT address, password FROM v1_login", "harry@example.com|{PLAIN}one\n" },
	{ "a password that has expired", "UPDATE credential SET expires = 1000000000",
	    "SELECT address FROM v1_login", "" },
	{ "a password for a service", "UPDATE credential SET services = 'imap'",
	    "SELECT address FROM v1_login", "" },
	{ "a password from somewhere", "UPDATE credential SET networks = '192.0.2.0/24'",
	    "SELECT address FROM v1_login", "" },
	{ "an alias: a row for each target, spelled as typed, and folded", "",
	    "SELECT position, target, folded, target_domain, domain, disabled, expires, internal "
	    "FROM "
	    "v1_alias WHERE address = 'info@example.com' ORDER BY position",
	    "1|harry@example.com|harry@example.com|example.com|example.com|0|-|0\n"
	    "2|Sally@else.test|sally@else.test|else.test|example.com|0|-|0\n" },
	{ "an alias's settings",
	    "UPDATE alias SET disabled = 1, expires = 99, internal = 1 WHERE address = "
	    "'x@fwd.test'",
	    "SELECT disabled, expires, internal FROM v1_alias WHERE address = 'x@fwd.test'",
	    "1|99|1\n" },
	{ "an alias without a domain, and a catch-all", "",
	    "SELECT address, domain FROM v1_alias WHERE address IN ('root', '@example.com') ORDER "
	    "BY "
	    "address",
	    "@example.com|example.com\nroot|-\n" },
	{ "domains", "", "SELECT domain, kind, target FROM v1_domain ORDER BY domain",
	    "example.com|mailbox|-\nfwd.test|alias|-\nlocal.test|local|-\n"
	    "other.test|alias|example.com\nrelay.test|relay|-\n" },
};

static void
test_row(void **state)
{
	const struct content *r = *state;
	void *other = NULL;
	struct fixture *f;
	struct sbuf got;

	assert_int_equal(full_setup(&other), 0);
	f = other;
	raw(f->path, r->done);
	sbuf_init(&got, 1 << 16);
	raw_rows(f->path, &got, r->asked);
	assert_string_equal(sbuf_cstr(&got), r->rows);
	sbuf_release(&got);
	teardown(&other);
}

/* --- how they are asked ----------------------------------------------------------------------- */

static const char *const asked[] = {
	"SELECT * FROM v1_domain WHERE domain = ?",
	"SELECT * FROM v1_user WHERE address = ?",
	"SELECT * FROM v1_user WHERE domain = ?",
	"SELECT * FROM v1_login WHERE address = ?",
	"SELECT * FROM v1_login WHERE domain = ?",
	"SELECT * FROM v1_alias WHERE address = ? ORDER BY position",
	"SELECT * FROM v1_alias WHERE domain = ?",
	"SELECT * FROM v1_alias WHERE target_domain = ? AND folded = ?",
#define Q(name, text) text,
#include "schema/sqlite_dovecot.h"
#undef Q
};

static void
check_step(const char *sql, const char *step)
{
	if (strstr(step, "SCAN ") != NULL || strstr(step, "TEMP B-TREE") != NULL ||
	    strstr(step, "AUTOMATIC") != NULL)
		fail_msg("%s: %s", sql, step);
}

static void
check_plans(const char *path)
{
	sqlite3 *sq = raw_open(path);

	for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
		char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", asked[i]);
		sqlite3_stmt *st;

		if (sqlite3_prepare_v2(sq, sql, -1, &st, NULL) != SQLITE_OK)
			fail_msg("%s: %s", asked[i], sqlite3_errmsg(sq));
		while (sqlite3_step(st) == SQLITE_ROW)
			check_step(asked[i], (const char *)sqlite3_column_text(st, 3));
		sqlite3_finalize(st);
		sqlite3_free(sql);
	}
	sqlite3_close(sq);
}

static void
test_plans(void **state)
{
	struct fixture *f = *state;

	check_plans(f->path);
}

/* --- the file for others -----------------------------------------------------------------------
 */

#define SALT "b3JkaW5hcnkgc2FsdA"
#define HASH "{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$" SALT "$c29tZSBvcmRpbmFyeSBoYXNoIGhlcmU"

/* A path beside the store's directory. */
static const char *
beside(const struct fixture *f, const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	return path;
}

/* Tell whether the file has these bytes anywhere. */
static int
has_bytes(const char *path, const char *bytes)
{
	static char all[1 << 20];
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(all, 1, sizeof all, file);
	fclose(file);
	assert_in_range(n, 1, sizeof all - 1);
	return memmem(all, n, bytes, strlen(bytes)) != NULL;
}

static int
entries_in(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2;
}

static void
test_publish(void **state)
{
	struct fixture *f = *state;
	const char *path = beside(f, "users.db");
	struct stat st;

	must(store_mailbox_passwd(f->s, S("harry@example.com"), S(HASH), &f->err), &f->err, "hash");
	must(store_publish(f->s, path, -1, false, &f->err), &f->err, "publish");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	for (size_t i = 0; i < PROMISES; i++)
		if (strcmp(promises[i].view, "v1_login") != 0)
			check_columns(path, &promises[i]);
	assert_false(has_bytes(path, "argon2"));
	assert_false(has_bytes(path, SALT));
	assert_false(has_bytes(path, "{ARGON2"));
	assert_false(has_bytes(path, "v1_login"));
	assert_true(has_bytes(path, "harry@example.com"));
	assert_int_equal(entries_in(f->dir), 2); /* and the store's */
}

static void
test_publish_hashes(void **state)
{
	struct fixture *f = *state;
	const char *path = beside(f, "logins.db");

	must(store_mailbox_passwd(f->s, S("harry@example.com"), S(HASH), &f->err), &f->err, "hash");
	must(store_publish(f->s, path, -1, true, &f->err), &f->err, "publish");
	for (size_t i = 0; i < PROMISES; i++)
		check_columns(path, &promises[i]);
	check_plans(path);
	assert_true(has_bytes(path, HASH));

	/* and what was there is gone with the next one */
	must(store_publish(f->s, path, -1, false, &f->err), &f->err, "publish");
	assert_false(has_bytes(path, SALT));
}

/* The file and the views answer alike. */
static void
test_publish_same(void **state)
{
	struct fixture *f = *state;
	const char *path = beside(f, "same.db");

	must(store_publish(f->s, path, -1, true, &f->err), &f->err, "publish");
	for (size_t i = 0; i < PROMISES; i++) {
		struct sbuf live, published;
		char sql[64];

		snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 3", promises[i].view);
		sbuf_init(&live, 1 << 16);
		sbuf_init(&published, 1 << 16);
		raw_rows(f->path, &live, sql);
		raw_rows(path, &published, sql);
		assert_true(live.n > 0);
		assert_string_equal(sbuf_cstr(&published), sbuf_cstr(&live));
		sbuf_release(&live);
		sbuf_release(&published);
	}
}

/* Who has the old one open goes on with it; who opens it anew has the new one. */
static void
test_publish_replaces(void **state)
{
	struct fixture *f = *state;
	const char *path = beside(f, "again.db");
	sqlite3_stmt *st;
	struct sbuf got;
	sqlite3 *sq;

	must(store_publish(f->s, path, -1, false, &f->err), &f->err, "publish");
	assert_int_equal(sqlite3_open_v2(path, &sq, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(sq, "SELECT count(*) FROM v1_user", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	must(mailbox_add(f->s, "new@example.com", "", &f->err), &f->err, "mailbox");
	must(store_publish(f->s, path, -1, false, &f->err), &f->err, "publish");
	assert_int_equal(sqlite3_reset(st), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(st, 0), 2);
	sqlite3_finalize(st);
	sqlite3_close(sq);
	sbuf_init(&got, 64);
	raw_rows(path, &got, "SELECT count(*) FROM v1_user");
	assert_string_equal(sbuf_cstr(&got), "3\n");
	sbuf_release(&got);
}

static void
test_publish_group(void **state)
{
	struct fixture *f = *state;
	const char *path = beside(f, "group.db");
	struct stat st;

	need_root();
	must(store_publish(f->s, path, NOBODY, false, &f->err), &f->err, "publish");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_gid, NOBODY);
	/* it stays with them */
	must(store_publish(f->s, path, -1, false, &f->err), &f->err, "publish");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_gid, NOBODY);
}

/* --- what it never does ------------------------------------------------------------------------
 */

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
check_refused(struct fixture *f, const char *path, enum outcome expected, const char *says)
{
	int before = entries_in(f->dir);
	enum outcome o = store_publish(f->s, path, -1, true, &f->err);

	if (o != expected || strstr(f->err.text, says) == NULL)
		fail_msg("%s: %s: %s", path, outcome_name(o), f->err.text);
	assert_int_equal(entries_in(f->dir), before);
}

static void
test_publish_refused(void **state)
{
	struct fixture *f = *state;
	char target[256];

	check_refused(f, f->path, BAD, "something else");
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), FOUND);
	write_file(beside(f, "letter"), "Dear Sir,\n");
	check_refused(f, beside(f, "letter"), BAD, "something else");
	assert_true(has_bytes(beside(f, "letter"), "Dear Sir,"));
	write_file(beside(f, "empty"), "");
	must(store_publish(f->s, beside(f, "empty"), -1, false, &f->err), &f->err, "empty");
	assert_true(has_bytes(beside(f, "empty"), "SQLite format 3"));
	assert_int_equal(mkdir(beside(f, "folder"), 0755), 0);
	check_refused(f, beside(f, "folder"), BAD, "something else");
	assert_int_equal(mkfifo(beside(f, "fifo"), 0644), 0);
	check_refused(f, beside(f, "fifo"), BAD, "something else");
	snprintf(target, sizeof target, "%s", beside(f, "letter"));
	assert_int_equal(symlink(target, beside(f, "link")), 0);
	check_refused(f, beside(f, "link"), RETRY, "cannot write");
	check_refused(f, beside(f, "no/such/place"), RETRY, "cannot write");
}

/* A store that cannot be read leaves the old file as it was. */
static void
test_publish_broken_store(void **state)
{
	struct fixture *f = *state;
	char path[256];
	struct sbuf got;

	snprintf(path, sizeof path, "%s", beside(f, "kept.db"));
	must(store_publish(f->s, path, -1, false, &f->err), &f->err, "publish");
	raw(f->path, "DROP VIEW v1_alias");
	check_refused(f, path, RETRY, "v1_alias");
	sbuf_init(&got, 64);
	raw_rows(path, &got, "SELECT count(*) FROM v1_user");
	assert_string_equal(sbuf_cstr(&got), "2\n");
	sbuf_release(&got);
}

#define ROW(n)                                                                                     \
	{                                                                                          \
		"view: " #n, test_row, NULL, NULL, (void *)(uintptr_t)&contents[n]                 \
	}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_columns, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_plans, full_setup, teardown),
		ROW(0),
		ROW(1),
		ROW(2),
		ROW(3),
		ROW(4),
		ROW(5),
		ROW(6),
		ROW(7),
		ROW(8),
		ROW(9),
		ROW(10),
		ROW(11),
		ROW(12),
		ROW(13),
		cmocka_unit_test_setup_teardown(test_publish, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish_hashes, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish_same, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish_replaces, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish_group, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish_refused, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish_broken_store, full_setup, teardown),
	};

	if (!is_for_sqlite())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
