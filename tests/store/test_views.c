/* SPDX-License-Identifier: ISC
 *
 * Views that are kept from one burst to the next: never one moment older than the last commit, and
 * in nobody's way.
 */
#include "lookups.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { EDITS = 20000, READS = 1000000, TURNS = 5000 };

/* --- asking ------------------------------------------------------------------------------------
 */

/* The value of the one key, as a number; -1 when it is not there. */
static long
value(struct store *s)
{
	struct lookup l;
	long v;

	lookup_init(&l);
	lookup_start(&l, &tester.rules, S("counter"), S("key"));
	store_resolve(s, &l);
	assert_true(l.outcome == FOUND || l.outcome == NONE);
	v = l.outcome == FOUND ? strtol(sbuf_cstr(&l.value), NULL, 10) : -1;
	lookup_release(&l);
	return v;
}

static long
value_in_burst(struct fixture *f)
{
	long v;

	must(store_begin(f->s, &f->err), &f->err, "begin");
	v = value(f->s);
	store_end(f->s);
	return v;
}

/* Reading, and a view is kept: after a change it takes a while of quiet. */
static void
settle(struct fixture *f)
{
	uint64_t view = store_view(f->s);

	for (int i = 0; i < 1000; i++) {
		value_in_burst(f);
		if (i > 10 && store_view(f->s) == view)
			return;
		view = store_view(f->s);
		poll(NULL, 0, 1);
	}
}

static int
views_setup(void **state)
{
	struct fixture *f;

	if (full_setup(state) != 0)
		return -1;
	f = *state;
	must(store_map_create(f->s, S("counter"), SEARCH_EXACT, &f->err), &f->err, "map");
	store_close(f->s);
	f->s = open_at(f->path, STORE_LOOKUP);
	store_keep_views(f->s);
	return 0;
}

static void
set(const char *path, long v)
{
	char sql[200];

	snprintf(
	    sql, sizeof sql, "INSERT OR REPLACE INTO entry VALUES ('counter', 'key', '%ld', 1)", v);
	raw(path, sql);
}

/* --- cases ---------------------------------------------------------------------------------------
 */

static void
test_every_edit_is_seen(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(value_in_burst(f), -1);
	for (long i = 0; i < 50; i++) {
		set(f->path, i);
		assert_int_equal(value_in_burst(f), i);
		assert_int_equal(value_in_burst(f), i);
	}
	raw(f->path, "DELETE FROM entry");
	assert_int_equal(value_in_burst(f), -1);
}

/* The same with a view that is kept, which takes a while of quiet: it is the time that counts. */
static void
test_edit_ends_a_view(void **state)
{
	struct fixture *f = *state;

	for (long i = 0; i < 3; i++) {
		settle(f);
		poll(NULL, 0, 250);
		value_in_burst(f);
		value_in_burst(f);
		set(f->path, i);
		assert_int_equal(value_in_burst(f), i);
	}
}

static void
test_view_has_a_number(void **state)
{
	struct fixture *f = *state;
	uint64_t view;

	set(f->path, 1);
	settle(f);
	view = store_view(f->s);
	value_in_burst(f);
	store_rest(f->s);
	value_in_burst(f);
	assert_int_equal(store_view(f->s), view);
	set(f->path, 2);
	value_in_burst(f);
	assert_int_not_equal(store_view(f->s), view);
}

static void
test_nobody_is_kept_waiting(void **state)
{
	struct fixture *f = *state;
	struct sbuf out;

	set(f->path, 1);
	settle(f);
	poll(NULL, 0,
	    250); /* after a change none is kept for a while: it is the time that counts here */
	value_in_burst(f);
	value_in_burst(f);
	sbuf_init(&out, 1000);
	raw_rows(f->path, &out, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_non_null(strstr(sbuf_cstr(&out), "1|")); /* so one is kept */
	store_rest(f->s);
	sbuf_clear(&out);
	raw_rows(f->path, &out, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_non_null(strstr(sbuf_cstr(&out), "0|0|0"));
	assert_int_equal(value_in_burst(f), 1);
	sbuf_release(&out);
}

/* A view is kept, which takes a while of quiet after a change: it is the time that counts here. */
static void
settle_down(struct fixture *f)
{
	settle(f);
	poll(NULL, 0, 250);
	value_in_burst(f);
	value_in_burst(f);
}

/* Make another store below the fixture's directory that has V, with nothing beside it. */
static void
make_other(struct fixture *f, const char *name, long v)
{
	char sql[300];

	set(f->path, v);
	snprintf(sql, sizeof sql, "VACUUM INTO '%s/%s'", f->dir, name);
	raw(f->path, sql);
	snprintf(sql, sizeof sql, "%s/%s", f->dir, name);
	raw(sql, "PRAGMA journal_mode = WAL");
}

static void
move(const struct fixture *f, const char *from, const char *to)
{
	char a[200], b[200];

	snprintf(a, sizeof a, "%s/%s", f->dir, from);
	snprintf(b, sizeof b, "%s/%s", f->dir, to);
	assert_int_equal(rename(a, b), 0);
}

/* What an admin does who restores a backup by hand. */
static void
test_replaced(void **state)
{
	struct fixture *f = *state;

	make_other(f, "other.db", 1);
	set(f->path, 2);
	settle_down(f);
	assert_int_equal(value_in_burst(f), 2);
	move(f, "other.db", "store/vmail.db");
	assert_int_equal(value_in_burst(f), 1);
}

static void
reopen_at(struct fixture *f, const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	store_close(f->s);
	f->s = open_at(path, STORE_LOOKUP);
	store_keep_views(f->s);
}

static void
make_directory(const struct fixture *f, const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* The directory is another one, and then another one again; or one above it is. */
static void
test_other_directory(void **state)
{
	struct fixture *f = *state;

	make_directory(f, "1");
	make_directory(f, "2");
	make_directory(f, "3");
	make_directory(f, "1/a");
	make_directory(f, "2/a");
	make_directory(f, "3/a");
	make_directory(f, "4");
	make_directory(f, "4/a");
	make_other(f, "1/a/x.db", 1);
	make_other(f, "2/a/x.db", 2);
	make_other(f, "3/a/x.db", 3);
	make_other(f, "4/a/x.db", 4);
	reopen_at(f, "1/a/x.db");
	settle_down(f);
	assert_int_equal(value_in_burst(f), 1);
	move(f, "1/a", "1/old");
	move(f, "2/a", "1/a");
	assert_int_equal(value_in_burst(f), 2);
	settle_down(f);
	move(f, "1/a", "1/older");
	move(f, "3/a", "1/a");
	assert_int_equal(value_in_burst(f), 3);
	settle_down(f);
	move(f, "1", "old");
	move(f, "4", "1");
	assert_int_equal(value_in_burst(f), 4);
}

/* The path leads through a link, and the link elsewhere. */
static void
test_other_link(void **state)
{
	struct fixture *f = *state;
	char link[200];

	make_directory(f, "1");
	make_directory(f, "2");
	make_other(f, "1/x.db", 1);
	make_other(f, "2/x.db", 2);
	snprintf(link, sizeof link, "%s/now", f->dir);
	assert_int_equal(symlink("1", link), 0);
	reopen_at(f, "now/x.db");
	settle_down(f);
	assert_int_equal(value_in_burst(f), 1);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink("2", link), 0);
	assert_int_equal(value_in_burst(f), 2);
}

/* Somebody tidied up what was not his: others make a new index, and ours tells of nothing. */
static void
test_index_removed(void **state)
{
	struct fixture *f = *state;
	char shm[200], byte = 0;
	int go[2], status = 0;
	pid_t pid;

	set(f->path, 1);
	store_close(f->s);
	f->s = NULL;
	assert_int_equal(pipe(go), 0);
	pid = fork(); /* within one process SQLite has one index */
	if (pid == 0) {
		if (read(go[0], &byte, 1) == 1)
			set(f->path, 2);
		_exit(0);
	}
	f->s = open_at(f->path, STORE_LOOKUP);
	store_keep_views(f->s);
	settle_down(f);
	assert_int_equal(value_in_burst(f), 1);
	snprintf(shm, sizeof shm, "%s-shm", f->path);
	assert_int_equal(unlink(shm), 0);
	assert_int_equal(write(go[1], &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(go[0]);
	close(go[1]);
	assert_int_equal(status, 0);
	assert_int_equal(value_in_burst(f), 2);
}

static void
test_without_a_log(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	raw(f->path, "PRAGMA journal_mode = DELETE");
	f->s = open_at(f->path, STORE_LOOKUP);
	store_keep_views(f->s);
	for (long i = 0; i < 20; i++) {
		set(f->path, i);
		assert_int_equal(value_in_burst(f), i);
	}
}

/* --- a race
 * ---------------------------------------------------------------------------------------- */

static void
edit(const char *path, atomic_long *committed)
{
	sqlite3 *sq = raw_open(path);
	sqlite3_stmt *st;

	sqlite3_busy_timeout(sq, 10000);
	raw_exec(sq, "PRAGMA synchronous = OFF");
	if (sqlite3_prepare_v2(sq, "INSERT OR REPLACE INTO entry VALUES ('counter', 'key', ?, 1)",
		-1, &st, NULL) != SQLITE_OK)
		_exit(1);
	for (long i = 1; i <= EDITS; i++) {
		char text[24];

		snprintf(text, sizeof text, "%ld", i);
		sqlite3_bind_text(st, 1, text, -1, SQLITE_STATIC);
		if (sqlite3_step(st) != SQLITE_DONE)
			_exit(1);
		sqlite3_reset(st);
		atomic_store(committed, i);
		/* pauses of all lengths, so that views are kept at times */
		if (i % 500 == 0)
			usleep((useconds_t)(i % 7 * 70000));
	}
	_exit(0);
}

/* A million lookups beside edits: each sees at least what had been committed when it began. */
static void
test_never_stale(void **state)
{
	struct fixture *f = *state;
	atomic_long *committed = mmap(
	    NULL, sizeof *committed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long reads = 0, last = 0;
	int status = 0;
	pid_t pid;

	assert_ptr_not_equal(committed, MAP_FAILED);
	set(f->path, 0);
	store_close(f->s);
	pid = fork();
	if (pid == 0)
		edit(f->path, committed);
	f->s = open_at(f->path, STORE_LOOKUP);
	store_keep_views(f->s);
	while (reads < READS || last < EDITS) {
		long before = atomic_load(committed);
		long v = value_in_burst(f);

		if (v < before)
			fail_msg("read %ld: %ld, when %ld was committed", reads, v, before);
		last = v;
		if (++reads % 1000 == 0) {
			store_rest(f->s);
			if (atomic_load(committed) < EDITS && waitpid(pid, &status, WNOHANG) == pid)
				fail_msg("the writer ended with %d", status);
		}
		if (last == EDITS && reads < READS)
			reads = READS;
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	print_message("%ld lookups beside %d edits, none stale\n", reads, EDITS);
	munmap(committed, sizeof *committed);
}

/* A domain that stands for another, and then has an alias of its own, and so on: never is there
 * nothing to be found, for both are changed in one transaction. */
static void
turn_round(const char *path, atomic_long *committed)
{
	sqlite3 *sq = raw_open(path);

	sqlite3_busy_timeout(sq, 10000);
	raw_exec(sq, "PRAGMA synchronous = OFF");
	for (long i = 1; i <= TURNS; i++) {
		raw_exec(sq,
		    i % 2 == 1
			? "BEGIN IMMEDIATE; UPDATE domain SET target = NULL WHERE name = 'd.test';"
			  "INSERT INTO alias (address, domain, created) VALUES ('x@d.test', "
			  "'d.test', 1);"
			  "INSERT INTO alias_target VALUES ('x@d.test', 1, 'own@t.test', "
			  "'own@t.test', 't.test');"
			  "DELETE FROM alias_target WHERE address = 'x@e.test';"
			  "DELETE FROM alias WHERE address = 'x@e.test'; COMMIT"
			: "BEGIN IMMEDIATE; UPDATE domain SET target = 'e.test' WHERE name = "
			  "'d.test';"
			  "INSERT INTO alias (address, domain, created) VALUES ('x@e.test', "
			  "'e.test', 1);"
			  "INSERT INTO alias_target VALUES ('x@e.test', 1, 'y@t.test', 'y@t.test', "
			  "'t.test');"
			  "DELETE FROM alias_target WHERE address = 'x@d.test';"
			  "DELETE FROM alias WHERE address = 'x@d.test'; COMMIT");
		atomic_store(committed, i);
		if (i % 200 == 0)
			usleep((useconds_t)(i % 7 * 70000));
	}
	_exit(0);
}

/* Look up x@d.test, which always leads somewhere: by an alias of its own? */
static bool
is_own(struct fixture *f)
{
	struct lookup l;
	bool own;

	lookup_init(&l);
	lookup_start(&l, &tester.rules, S("aliases"), S("x@d.test"));
	must(store_begin(f->s, &f->err), &f->err, "begin");
	store_resolve(f->s, &l);
	store_end(f->s);
	assert_int_equal(l.outcome, FOUND);
	own = strcmp(sbuf_cstr(&l.value), "own@t.test") == 0;
	if (!own)
		assert_string_equal(sbuf_cstr(&l.value), "x@e.test");
	lookup_release(&l);
	return own;
}

/* What is remembered of a domain is of the same moment as the rows it is used with. */
static void
test_domains_are_of_the_view(void **state)
{
	struct fixture *f = *state;
	atomic_long *committed = mmap(
	    NULL, sizeof *committed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t pid;

	assert_ptr_not_equal(committed, MAP_FAILED);
	raw(f->path,
	    "INSERT INTO domain (name, kind, created) VALUES ('e.test', 'alias', 1);"
	    "INSERT INTO domain (name, kind, target, created) VALUES ('d.test', 'alias', 'e.test', "
	    "1);"
	    "INSERT INTO alias (address, domain, created) VALUES ('x@e.test', 'e.test', 1);"
	    "INSERT INTO alias_target VALUES ('x@e.test', 1, 'y@t.test', 'y@t.test', 't.test')");
	store_close(f->s);
	pid = fork();
	if (pid == 0)
		turn_round(f->path, committed);
	f->s = open_at(f->path, STORE_LOOKUP);
	store_keep_views(f->s);
	for (long reads = 1; atomic_load(committed) < TURNS; reads++) {
		is_own(f);
		if (reads % 1000 == 0)
			store_rest(f->s);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(is_own(f));
	munmap(committed, sizeof *committed);
}

struct seen {
	const char *edit;
	struct looked_up then;
};

/* Make each edit, and look twice: the second time it is known what the domain holds. */
static void
check_seen(struct fixture *f, const struct seen *steps, size_t n)
{
	struct lookup l;

	lookup_init(&l);
	for (size_t i = 0; i < n; i++) {
		print_message("# step %zu\n", i);
		settle(f);
		raw(f->path, steps[i].edit);
		for (int again = 0; again < 2; again++)
			check_lookup(f->s, &l, &steps[i].then);
	}
	lookup_release(&l);
}

/* An edit of a domain, and one that makes or ends its catch-all, is seen like any other. */
static void
test_domain_is_seen(void **state)
{
	static const struct seen steps[] = {
		/* clang-format off */
		{ "INSERT INTO domain (name, kind, created) VALUES ('d.test', 'alias', 1)",
		  { "aliases", "x@d.test", NONE, "" } },
		{ "INSERT INTO alias (address, domain, created) VALUES ('@d.test', 'd.test', 1);"
		  "INSERT INTO alias_target VALUES ('@d.test', 1, 'a@t.test', 'a@t.test', 't.test')",
		  { "aliases", "x@d.test", FOUND, "a@t.test" } },
		{ "DELETE FROM alias_target WHERE address = '@d.test'",
		  { "aliases", "x@d.test", RETRY, "the store has an alias without a target" } },
		{ "DELETE FROM alias WHERE address = '@d.test'",
		  { "aliases", "x@d.test", NONE, "" } },
		{ "UPDATE domain SET target = 'alias.test' WHERE name = 'd.test'",
		  { "aliases", "x@d.test", NONE, "" } },
		{ "INSERT INTO alias (address, domain, created) VALUES ('x@alias.test', 'alias.test', 1);"
		  "INSERT INTO alias_target VALUES ('x@alias.test', 1, 'b@t.test', 'b@t.test', 't.test')",
		  { "aliases", "x@d.test", FOUND, "x@alias.test" } },
		{ "UPDATE alias SET disabled = 1 WHERE address = 'x@alias.test'",
		  { "aliases", "x@d.test", NONE, "" } },
		{ "UPDATE alias SET disabled = 0, expires = 0 WHERE address = 'x@alias.test'",
		  { "aliases", "x@d.test", FOUND, "x@alias.test" } },
		/* clang-format on */
	};
	struct fixture *f = *state;

	raw(f->path, "INSERT INTO domain (name, kind, created) VALUES ('alias.test', 'alias', 1)");
	check_seen(f, steps, sizeof steps / sizeof *steps);
}

/* So is the first row of each sort that a lookup does not look for in a domain that has none of
 * them, and the end of the last. */
static void
test_first_and_last_of_a_sort_are_seen(void **state)
{
	static const struct seen steps[] = {
		/* clang-format off */
		{ "INSERT INTO domain (name, kind, created) VALUES ('d.test', 'mailbox', 1)",
		  { "aliases", "x+y@d.test", NONE, "" } },
		{ "INSERT INTO alias (address, domain, created) VALUES ('x@d.test', 'd.test', 1);"
		  "INSERT INTO alias_target VALUES ('x@d.test', 2, 'b@t.test', 'b@t.test', 't.test');"
		  "INSERT INTO alias_target VALUES ('x@d.test', 1, 'c@t.test', 'c@t.test', 't.test')",
		  { "aliases", "x+y@d.test", FOUND, "c+y@t.test, b+y@t.test" } },
		{ "INSERT INTO alias (address, domain, created) VALUES ('x+y@d.test', 'd.test', 1);"
		  "INSERT INTO alias_target VALUES ('x+y@d.test', 1, 'b@t.test', 'b@t.test', 't.test')",
		  { "aliases", "x+y@d.test", FOUND, "b@t.test" } },
		{ "UPDATE alias SET disabled = 1 WHERE address = 'x+y@d.test'",
		  { "aliases", "x+y@d.test", NONE, "" } },
		{ "UPDATE alias SET disabled = 0 WHERE address = 'x+y@d.test';"
		  "DELETE FROM alias_target WHERE address = 'x+y@d.test'",
		  { "aliases", "x+y@d.test", RETRY, "the store has an alias without a target" } },
		{ "DELETE FROM alias WHERE address = 'x+y@d.test'",
		  { "aliases", "x+y@d.test", FOUND, "c+y@t.test, b+y@t.test" } },
		{ "UPDATE alias SET expires = -1 WHERE address = 'x@d.test'",
		  { "aliases", "x+y@d.test", NONE, "" } },
		{ "INSERT INTO mailbox (address, domain, created) VALUES ('m@d.test', 'd.test', 1)",
		  { "mailboxes", "m+z@d.test", FOUND, "m@d.test" } },
		{ "INSERT INTO mailbox (address, domain, created) VALUES ('m+z@d.test', 'd.test', 1)",
		  { "mailboxes", "m+z@d.test", FOUND, "m+z@d.test" } },
		{ "UPDATE mailbox SET state = 'suspended' WHERE address = 'm+z@d.test'",
		  { "mailboxes", "m+z@d.test", NONE, "" } },
		{ "DELETE FROM mailbox WHERE address = 'm+z@d.test'",
		  { "mailboxes", "m+z@d.test", FOUND, "m@d.test" } },
		{ "DELETE FROM mailbox WHERE address = 'm@d.test'",
		  { "mailboxes", "m+z@d.test", NONE, "" } },
		{ "UPDATE domain SET delimiters = '-' WHERE name = 'd.test';"
		  "INSERT INTO alias (address, domain, created) VALUES ('p@d.test', 'd.test', 1);"
		  "INSERT INTO alias_target VALUES ('p@d.test', 1, 'b@t.test', 'b@t.test', 't.test');"
		  "INSERT INTO alias (address, domain, created) VALUES ('p-q+r@d.test', 'd.test', 1);"
		  "INSERT INTO alias_target VALUES ('p-q+r@d.test', 1, 'c@t.test', 'c@t.test', 't.test')",
		  { "aliases", "p-q+r@d.test", FOUND, "c@t.test" } },
		{ "DELETE FROM alias WHERE address = 'p-q+r@d.test';"
		  "DELETE FROM alias_target WHERE address = 'p-q+r@d.test'",
		  { "aliases", "p-q+r@d.test", FOUND, "b-q+r@t.test" } },
		{ "INSERT INTO domain (name, kind, created) VALUES ('l.test', 'local', 1);"
		  "INSERT INTO alias (address, created) VALUES ('bare', 1);"
		  "INSERT INTO alias_target VALUES ('bare', 1, 'b@t.test', 'b@t.test', 't.test')",
		  { "aliases", "bare+x@l.test", FOUND, "b+x@t.test" } },
		{ "UPDATE alias SET disabled = 1 WHERE address = 'bare'",
		  { "aliases", "bare+x@l.test", NONE, "" } },
		{ "DELETE FROM alias_target WHERE address = 'bare'; DELETE FROM alias WHERE address = 'bare';"
		  "DELETE FROM domain WHERE name = 'l.test'",
		  { "aliases", "bare+x@l.test", NONE, "" } },
		/* clang-format on */
	};
	struct fixture *f = *state;

	check_seen(f, steps, sizeof steps / sizeof *steps);
}

/* Somebody copies a backup over the file while it is being read: what is gone is no answer, and
 * what comes after it is. */
static void
test_cut_short(void **state)
{
	struct fixture *f = *state;
	char copy[300], command[700];
	struct lookup l;

	set(f->path, 1);
	raw(f->path, "PRAGMA wal_checkpoint(TRUNCATE)");
	settle_down(f);
	snprintf(copy, sizeof copy, "%s/copy.db", f->dir);
	snprintf(command, sizeof command, "cp '%s' '%s'", f->path, copy);
	assert_int_equal(system(command), 0);
	must(store_begin(f->s, &f->err), &f->err, "begin");
	assert_int_equal(value(f->s), 1);
	assert_int_equal(truncate(f->path, 4096), 0);
	lookup_init(&l);
	for (int i = 0; i < 2; i++) {
		lookup_start(&l, &tester.rules, S("counter"), S("key"));
		store_resolve(f->s, &l);
		assert_int_equal(l.outcome, RETRY);
	}
	store_end(f->s);
	snprintf(command, sizeof command, "cat '%s' >'%s'", copy, f->path);
	assert_int_equal(system(command), 0);
	assert_int_equal(value_in_burst(f), 1);
	lookup_release(&l);
}

/* --- what others do to the file ---------------------------------------------------------------
 */

static unsigned connected, unmapped;

/* SQLite calls it for each connection that is made. */
static int
count_connection(sqlite3 *sq, char **why, const struct sqlite3_api_routines *api)
{
	(void)sq;
	(void)why;
	(void)api;
	connected++;
	return SQLITE_OK;
}

static int
counted_munmap(void *p, size_t n)
{
	unmapped += n > 32768; /* what is smaller is a part of the -shm */
	return munmap(p, n);
}

static void
count_calls(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	connected = unmapped = 0;
	sqlite3_auto_extension((void (*)(void))count_connection);
	vfs->xSetSystemCall(vfs, "munmap", (sqlite3_syscall_ptr)counted_munmap);
}

static int
views_teardown(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	vfs->xSetSystemCall(vfs, NULL, NULL);
	sqlite3_reset_auto_extension();
	return teardown(state);
}

/* Commits and checkpoints are what others do all day: each is seen, and none is a reason to open
 * the file again or to give up where it is mapped. */
static void
test_others_at_work(void **state)
{
	static const char *const checkpoints[] = { "PRAGMA wal_checkpoint(PASSIVE)",
		"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint(RESTART)" };
	struct fixture *f = *state;
	char sql[200];
	sqlite3 *sq;

	assert_int_equal(sqlite3_open(f->path, &sq), SQLITE_OK);
	set(f->path, 0);
	settle(f);
	count_calls();
	for (int i = 0; i < 300; i++) {
		snprintf(sql, sizeof sql, "UPDATE entry SET value = '%d'", i);
		raw_exec(sq, sql);
		if (i % 3 == 0)
			raw_exec(sq, checkpoints[i / 3 % 3]);
		assert_int_equal(value_in_burst(f), i);
		if (i % 5 == 0)
			raw_exec(sq, checkpoints[i / 5 % 3]);
		assert_int_equal(value_in_burst(f), i);
	}
	assert_int_equal(connected, 0);
	assert_in_range(unmapped, 0, 2);
	sqlite3_close(sq);
}

/* Likewise while the file grows: what is mapped grows along. */
static void
test_others_add(void **state)
{
	struct fixture *f = *state;
	char sql[300];
	sqlite3 *sq;

	assert_int_equal(sqlite3_open(f->path, &sq), SQLITE_OK);
	set(f->path, 0);
	settle(f);
	count_calls();
	for (int i = 1; i <= 20; i++) {
		snprintf(sql, sizeof sql,
		    "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < "
		    "500) INSERT INTO entry SELECT 'counter', 'a' || (%d * 1000 + i), 'x', 1 FROM "
		    "n; UPDATE entry SET value = '%d' WHERE key = 'key'",
		    i, i);
		raw_exec(sq, sql);
		assert_int_equal(value_in_burst(f), i);
		raw_exec(sq, "PRAGMA wal_checkpoint(TRUNCATE)");
		assert_int_equal(value_in_burst(f), i);
	}
	assert_int_equal(connected, 0);
	assert_in_range(unmapped, 10, 50);
	sqlite3_close(sq);
}

static void
copy_over(struct fixture *f, const char *name)
{
	char command[400];

	snprintf(command, sizeof command, "cat '%s/%s' >'%s'", f->dir, name, f->path);
	assert_int_equal(system(command), 0);
}

/* A backup that is copied over the file, right behind a checkpoint that nobody has seen yet. */
static void
test_copied_over_behind_a_checkpoint(void **state)
{
	struct fixture *f = *state;

	make_other(f, "other.db", 7);
	for (int i = 0; i < 3; i++) {
		set(f->path, i);
		settle_down(f);
		assert_int_equal(value_in_burst(f), i);
		store_rest(f->s);
		set(f->path, 100 + i);
		raw(f->path, "PRAGMA wal_checkpoint(TRUNCATE)");
		copy_over(f, "other.db");
		assert_int_equal(value_in_burst(f), 7);
	}
}

/* Who was writing the log into the file has died: what the index says of that stays there. It is
 * another process that writes to it, for ours would lose its locks. */
static void
leave_checkpoint(const struct fixture *f)
{
	char path[140];
	int status, fd;
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(path, sizeof path, "%s-shm", f->path);
		fd = open(path, O_WRONLY);
		_exit(pwrite(fd, "\0\0\1", 4, 128) != 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_copied_over_after_a_dead_checkpoint(void **state)
{
	struct fixture *f = *state;

	make_other(f, "other.db", 7);
	set(f->path, 1);
	raw(f->path, "PRAGMA wal_checkpoint(TRUNCATE)");
	leave_checkpoint(f);
	settle_down(f);
	count_calls();
	assert_int_equal(value_in_burst(f), 1);
	assert_int_equal(connected, 0);
	copy_over(f, "other.db");
	assert_int_equal(value_in_burst(f), 7);
	assert_int_equal(connected, 1);
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, views_setup, views_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_every_edit_is_seen),
		CASE(test_edit_ends_a_view),
		CASE(test_view_has_a_number),
		CASE(test_nobody_is_kept_waiting),
		CASE(test_replaced),
		CASE(test_other_directory),
		CASE(test_other_link),
		CASE(test_index_removed),
		CASE(test_without_a_log),
		CASE(test_never_stale),
		CASE(test_domain_is_seen),
		CASE(test_first_and_last_of_a_sort_are_seen),
		CASE(test_domains_are_of_the_view),
		CASE(test_cut_short),
		CASE(test_others_at_work),
		CASE(test_others_add),
		CASE(test_copied_over_behind_a_checkpoint),
		CASE(test_copied_over_after_a_dead_checkpoint),
	};

	if (!is_for_sqlite())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
