/* SPDX-License-Identifier: ISC
 *
 * From schema 1 to 2 and on: a store as the first release made it is refused with the advice to
 * migrate, keeps every row and gives the same answers after that; and a migration that fails or is
 * killed at any statement or at any write leaves one or the other, whole.
 */
#include "first.h"
#include "lookups.h"

#include <signal.h>
#include <sys/resource.h>

enum { VERSIONS = 32 }; /* more than there are */

/* --- a store of the first release ----------------------------------------------------------------
 */

/* The columns of the first release, in the tables' own order. */
static const char *const columns[] = {
	"SELECT name, kind, target, created FROM domain",
	"SELECT address, domain, home, quota, created FROM mailbox",
	"SELECT id, mailbox, label, hash, created FROM credential",
	"SELECT address, domain, created FROM alias",
	"SELECT address, position, target, folded, domain FROM alias_target",
	"SELECT id, at, who, what, subject, before, after, secret_before, secret_after FROM change",
};

static int
first_setup(void **state)
{
	struct fixture *f;

	if (bare_setup(state) != 0)
		return -1;
	f = *state;
	snprintf(f->path, sizeof f->path, "%s/vmail.db", f->dir);
	make_first(f->path);
	return 0;
}

static void
read_rows(const char *path, struct sbuf *out)
{
	sbuf_init(out, 1 << 20);
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
		raw_rows(path, out, columns[i]);
	assert_false(out->failed);
}

static void
read_schema(const char *path, struct sbuf *out)
{
	sbuf_init(out, 1 << 20);
	raw_rows(path, out, "PRAGMA user_version");
	raw_rows(path, out, "SELECT type, name, sql FROM sqlite_schema ORDER BY name");
	assert_false(out->failed);
}

static int
version_of(const char *path)
{
	struct sbuf out;
	int version;

	sbuf_init(&out, 100);
	raw_rows(path, &out, "PRAGMA user_version");
	version = atoi(sbuf_cstr(&out));
	sbuf_release(&out);
	return version;
}

static void
migrate(const char *path, int expected_from)
{
	struct error err = { "" };
	int from = -1, to = -1;

	must(store_migrate(path, &from, &to, &err), &err, "migrate");
	assert_int_equal(from, expected_from);
	assert_int_equal(to, store_schema_version());
}

/* --- refused before ------------------------------------------------------------------------------
 */

static void
test_refused(void **state)
{
	static const enum store_role roles[] = { STORE_LOOKUP, STORE_LOGIN, STORE_ADMIN };
	struct fixture *f = *state;
	struct sbuf before, after;
	struct store *s;

	read_schema(f->path, &before);
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
		assert_int_equal(store_open(&s, f->path, roles[i], &f->err), RETRY);
		assert_null(s);
		assert_non_null(strstr(f->err.text, "of version 1,"));
		assert_non_null(strstr(f->err.text, "run `vmailctl migrate`"));
	}
	read_schema(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	sbuf_release(&before);
	sbuf_release(&after);
}

/* --- the same after
 * ------------------------------------------------------------------------------- */

static const struct looked_up answers[] = {
	{ "domains", "example.com", FOUND, "example.com" },
	{ "domains", "relay.test", NONE, "" },
	{ "alias-domains", "other.test", FOUND, "other.test" },
	{ "mailboxes", "Harry+tag@example.com", FOUND, "harry@example.com" },
	{ "mailboxes", "\"a b\"@example.com", FOUND, "\"a b\"@example.com" },
	{ "mailboxes", "nobody@example.com", NONE, "" },
	{ "aliases", "info@example.com", FOUND, "harry@example.com, Sally@else.test" },
	{ "aliases", "info+x@example.com", FOUND, "harry+x@example.com, Sally+x@else.test" },
	{ "aliases", "sally@example.com", NONE, "" },
	{ "aliases", "anybody@example.com", FOUND, "sally@example.com" },
	{ "aliases", "x@fwd.test", FOUND, "x@example.com" },
	{ "aliases", "harry@other.test", FOUND, "harry@example.com" },
	{ "aliases", "root@local.test", FOUND, "sally+root@example.com" },
	{ "aliases", "root@relay.test", NONE, "" },
	/* what was an odd name then does not become a pattern by itself */
	{ "aliases", "odd-*@fwd.test", FOUND, "harry@example.com" },
	{ "aliases", "odd-1@fwd.test", NONE, "" },
	{ "senders", "info@example.com", FOUND, "harry@example.com" },
	{ "senders", "nobody@example.com", FOUND, "sally@example.com" },
	/* and nothing is in what is new */
	{ "transports", "harry@example.com", NONE, "" },
	{ "recipient-access", "info@example.com", NONE, "" },
	{ "custom", "x", BAD, "no such map" },
};

static void
check_answers(struct store *s)
{
	check_lookups(s, answers, sizeof answers / sizeof answers[0]);
}

static void
test_rows_are_kept(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;

	read_rows(f->path, &before);
	assert_true(before.n > 500);
	migrate(f->path, 1);
	read_rows(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	sbuf_clear(&after);
	raw_rows(f->path, &after, "PRAGMA integrity_check");
	raw_rows(f->path, &after, "PRAGMA foreign_key_check");
	assert_string_equal(sbuf_cstr(&after), "ok\n");
	migrate(f->path, store_schema_version());
	sbuf_release(&before);
	sbuf_release(&after);
}

static void
test_answers_are_the_same(void **state)
{
	struct fixture *f = *state;
	struct account a;
	struct sbuf hashes;

	migrate(f->path, 1);
	f->s = open_at(f->path, STORE_LOOKUP);
	check_answers(f->s);
	store_close(f->s);
	f->s = open_at(f->path, STORE_LOGIN);
	account_init(&a);
	sbuf_init(&hashes, 1000);
	must(find_login(f->s, "harry@example.com", &a, &hashes, &f->err), &f->err, "login");
	assert_int_equal(a.state, STATE_ACTIVE);
	assert_int_equal(a.quota, 1000);
	assert_string_equal(sbuf_cstr(&a.home), "/home/harry");
	assert_string_equal(sbuf_cstr(&hashes), "{PLAIN}one\n{PLAIN}two\n");
	account_release(&a);
	sbuf_release(&hashes);
}

/* Old rows can be changed as new ones are. */
static void
test_changes_go_on(void **state)
{
	static const struct alias_settings off = { .disabled = true };
	struct fixture *f = *state;

	migrate(f->path, 1);
	f->s = open_at(f->path, STORE_ADMIN);
	must(store_alias_set(f->s, S("info@example.com"), &off, &f->err), &f->err, "alias");
	must(store_mailbox_state(f->s, S("harry@example.com"), STATE_SUSPENDED, S("why"), &f->err),
	    &f->err, "state");
	must(alias_add(f->s, "sales-*@fwd.test", "harry@example.com", &f->err), &f->err, "pattern");
	must(
	    store_entry_set(f->s, S("transports"), S("*"), S("smtp:x"), &f->err), &f->err, "entry");
	must(store_domain_remove(f->s, S("fwd.test"), true, &f->err), &f->err, "domain");
}

/* A store that was migrated and one that was made anew are the same. */
static void
test_same_as_a_new_one(void **state)
{
	struct fixture *f = *state;
	struct sbuf migrated, made;
	char path[100];

	migrate(f->path, 1);
	snprintf(path, sizeof path, "%s/new.db", f->dir);
	create_at(path);
	read_schema(f->path, &migrated);
	read_schema(path, &made);
	assert_string_equal(sbuf_cstr(&migrated), sbuf_cstr(&made));
	sbuf_release(&migrated);
	sbuf_release(&made);
}

/* Who has the old store open is told to migrate, then served: without being started again. */
static void
test_migrated_under_a_reader(void **state)
{
	struct fixture *f = *state;
	char path[100];

	snprintf(path, sizeof path, "%s/new.db", f->dir);
	create_at(path);
	f->s = open_at(path, STORE_LOOKUP);
	assert_int_equal(rename(f->path, path), 0);
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), RETRY);
	migrate(path, 1);
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), FOUND);
	check_answers(f->s);
}

/* --- one or the other
 * ------------------------------------------------------------------------------ */

/* Something in the way of each statement that makes something: it fails, and those before it leave
 * no trace. */
static void
test_fails_half_way(void **state)
{
	static const char *const obstacles[] = {
		"ALTER TABLE domain ADD COLUMN delimiters TEXT",
		"ALTER TABLE domain ADD COLUMN propagate INTEGER",
		"ALTER TABLE mailbox ADD COLUMN state TEXT",
		"ALTER TABLE mailbox ADD COLUMN reason TEXT",
		"ALTER TABLE alias ADD COLUMN disabled INTEGER",
		"ALTER TABLE alias ADD COLUMN expires INTEGER",
		"ALTER TABLE alias ADD COLUMN internal INTEGER",
		"ALTER TABLE alias ADD COLUMN prefix TEXT",
		"ALTER TABLE alias ADD COLUMN note TEXT",
		"ALTER TABLE alias ADD COLUMN owner TEXT",
		"CREATE INDEX alias_by_prefix ON alias (created)",
		"CREATE TABLE map (x)",
		"CREATE TABLE entry (x)",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof obstacles / sizeof obstacles[0]; i++) {
		struct sbuf before, after;
		char path[100];
		int from, to;

		print_message("# %s\n", obstacles[i]);
		snprintf(path, sizeof path, "%s/%zu.db", f->dir, i);
		make_first(path);
		raw(path, obstacles[i]);
		read_schema(path, &before);
		f->err.text[0] = '\0';
		assert_int_equal(store_migrate(path, &from, &to, &f->err), RETRY);
		assert_true(f->err.text[0] != '\0');
		assert_int_equal(version_of(path), 1);
		read_schema(path, &after);
		assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
		sbuf_release(&before);
		sbuf_release(&after);
	}
}

/* Where a child dies: at which event of its connection, or at how many bytes of a file. */
static int moment;

static int
on_event(unsigned type, void *arg, void *p, void *x)
{
	(void)type;
	(void)arg;
	(void)p;
	(void)x;
	if (moment-- == 0)
		raise(SIGKILL);
	return 0;
}

/* Called by SQLite for every new connection of the child. */
static int
watch(sqlite3 *sq, char **text, const void *api)
{
	(void)text;
	(void)api;
	sqlite3_trace_v2(sq, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE, on_event, NULL);
	return SQLITE_OK;
}

static void
die_at_event(void)
{
	sqlite3_auto_extension((void (*)(void))watch);
}

/* The kernel kills who writes behind the limit, after the part before it is written. */
static void
die_at_byte(void)
{
	struct rlimit limit = { (rlim_t)moment * 1500, (rlim_t)moment * 1500 };

	signal(SIGXFSZ, SIG_DFL);
	setrlimit(RLIMIT_FSIZE, &limit);
	limit = (struct rlimit){ 0, 0 };
	setrlimit(RLIMIT_CORE, &limit);
}

/* Returns whether the child lived to the end. */
static bool
migrate_in_child(const char *path, void (*die)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct error err;
		int from, to;

		die();
		_exit(store_migrate(path, &from, &to, &err) == FOUND ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return false;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

static void
check_whole(
    const char *path, const struct sbuf schemas[], const struct sbuf *data, int seen[VERSIONS])
{
	int version = version_of(path);
	struct sbuf schema, kept;
	struct store *s;

	assert_in_range(version, 1, store_schema_version());
	seen[version]++;
	read_schema(path, &schema);
	assert_string_equal(sbuf_cstr(&schema), sbuf_cstr(&schemas[version]));
	migrate(path, version);
	read_rows(path, &kept);
	assert_string_equal(sbuf_cstr(&kept), sbuf_cstr(data));
	s = open_at(path, STORE_LOOKUP);
	check_answers(s);
	store_close(s);
	sbuf_release(&schema);
	sbuf_release(&kept);
}

/* What the schema looks like after each migration, by its version. */
static void
read_schemas(struct fixture *f, struct sbuf schemas[VERSIONS])
{
	char path[100];
	sqlite3 *sq;

	snprintf(path, sizeof path, "%s/schema.db", f->dir);
	assert_int_equal(sqlite3_open(path, &sq), SQLITE_OK);
	for (int i = 0; i < VERSIONS; i++)
		sbuf_init(&schemas[i], 0);
	for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
		assert_in_range(statements[i].version, 1, VERSIONS - 1);
		raw_exec(sq, statements[i].text);
		sbuf_release(&schemas[statements[i].version]);
		read_schema(path, &schemas[statements[i].version]);
	}
	sqlite3_close(sq);
}

/* Kill a migration at one moment after the other, until one gets through. */
static void
kill_at_every(struct fixture *f, void (*die)(void), int seen[VERSIONS])
{
	struct sbuf schemas[VERSIONS], data;
	bool lived = false;
	char path[100];

	read_schemas(f, schemas);
	read_rows(f->path, &data);
	for (int i = 0; !lived && i < 1000; i++) {
		snprintf(path, sizeof path, "%s/%d.db", f->dir, i);
		make_first(path);
		moment = i;
		lived = migrate_in_child(path, die);
		check_whole(path, schemas, &data, seen);
	}
	assert_true(lived);
	for (size_t i = 0; i < VERSIONS; i++)
		sbuf_release(&schemas[i]);
	sbuf_release(&data);
}

static void
test_killed_at_every_statement(void **state)
{
	int seen[VERSIONS] = { 0 };

	kill_at_every(*state, die_at_event, seen);
	/* before the commit mostly, and after it too */
	assert_true(seen[1] > 20);
	assert_true(seen[2] > 1);
}

static void
test_killed_at_every_write(void **state)
{
	int seen[VERSIONS] = { 0 };

	kill_at_every(*state, die_at_byte, seen);
	assert_true(seen[1] > 10);
	assert_true(seen[2] >= 1);
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, first_setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_refused),
		CASE(test_rows_are_kept),
		CASE(test_answers_are_the_same),
		CASE(test_changes_go_on),
		CASE(test_same_as_a_new_one),
		CASE(test_migrated_under_a_reader),
		CASE(test_fails_half_way),
		CASE(test_killed_at_every_statement),
		CASE(test_killed_at_every_write),
	};

	if (!is_for_sqlite())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
