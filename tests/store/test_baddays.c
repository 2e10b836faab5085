/* SPDX-License-Identifier: ISC
 *
 * The bad days: locked, read-only, full, damaged, replaced, gone. Lookups end in RETRY or in the
 * truth, and never in NONE for what is there; what was written and answered FOUND stays written.
 */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <time.h>

/* How often somebody waited for a lock, and for how many microseconds in all. */
static int naps;
static long napped;

static int
nap(int us)
{
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L };

	naps++;
	napped += us;
	nanosleep(&t, NULL);
	return us;
}

/* Takes the place of SQLite's own, which the store calls. */
int
sqlite3_sleep(int ms)
{
	return nap(ms * 1000) / 1000;
}

/* What SQLite itself calls. */
static int
file_nap(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return nap(us);
}

static void
count_naps(void)
{
	static sqlite3_vfs files;

	files = *sqlite3_vfs_find(NULL);
	files.zName = "counting";
	files.xSleep = file_nap;
	assert_int_equal(sqlite3_vfs_register(&files, 1), SQLITE_OK);
}

/* --- a store of some size --------------------------------------------------------------------- */

enum { PEOPLE = 400 };

static void
person(char out[32], int i)
{
	snprintf(out, 32, "user%04d", i);
}

/* Some hundred mailboxes and aliases, all in the main file. */
static void
fill(const char *path)
{
	raw(path,
	    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 399) "
	    "INSERT INTO mailbox (address, domain, created) "
	    "SELECT printf('user%04d@example.com', i), 'example.com', 1 FROM n;"
	    "INSERT INTO alias (address, domain, created) "
	    "SELECT replace(address, '@example.com', '@fwd.test'), 'fwd.test', 1 "
	    "FROM mailbox WHERE address LIKE 'user%';"
	    "INSERT INTO alias_target SELECT replace(address, '@example.com', '@fwd.test'), 1, "
	    "address, address, 'example.com' FROM mailbox WHERE address LIKE 'user%';"
	    "PRAGMA wal_checkpoint(TRUNCATE)");
}

static int
filled_setup(void **state)
{
	struct fixture *f;

	if (full_setup(state) != 0)
		return -1;
	f = *state;
	store_close(f->s);
	f->s = NULL;
	fill(f->path);
	return 0;
}

/* Ask for everybody: none of them may be denied. Returns how many were found. */
static int
count_found(struct store *s)
{
	struct error err;
	int found = 0;

	for (int i = 0; i < PEOPLE; i++) {
		char name[32];
		enum outcome o;

		person(name, i);
		o = ask(s, ROW_MAILBOX, name, "example.com", &err);
		if (o == NONE)
			fail_msg("%s@example.com is denied", name);
		found += o == FOUND;
		o = ask(s, ROW_ALIAS, name, "fwd.test", &err);
		if (o == NONE)
			fail_msg("%s@fwd.test is denied", name);
		found += o == FOUND;
	}
	return found;
}

static void
check_all_found(struct store *s)
{
	assert_int_equal(count_found(s), 2 * PEOPLE);
}

static void
must_retry(struct store *s, const char *says)
{
	struct error err = { "" };
	struct lookup l;

	assert_int_equal(ask(s, ROW_MAILBOX, "harry", "example.com", &err), RETRY);
	if (strstr(err.text, says) == NULL)
		fail_msg("says: %s", err.text);
	assert_int_equal(store_begin(s, &err), RETRY);
	lookup_init(&l);
	lookup_start(&l, &tester.rules, S("mailboxes"), S("harry@example.com"));
	store_resolve(s, &l);
	assert_false(l.asking);
	assert_int_equal(l.outcome, RETRY);
	lookup_release(&l);
}

static void
must_find(struct store *s)
{
	struct error err = { "" };

	must(ask(s, ROW_MAILBOX, "harry", "example.com", &err), &err, "harry");
}

/* Another store, of one mailbox, at DIR/NAME. */
static void
make_other(struct fixture *f, const char *name, char path[100])
{
	struct store *s;

	snprintf(path, 100, "%s/%s", f->dir, name);
	create_at(path);
	s = open_at(path, STORE_ADMIN);
	must(domain_add(s, "example.com", "mailbox", "", &f->err), &f->err, "domain");
	must(mailbox_add(s, "newcomer@example.com", "", &f->err), &f->err, "mailbox");
	store_close(s);
}

static void
expect_other(struct store *s)
{
	assert_int_equal(ask_mailbox(s, "newcomer", "example.com"), FOUND);
	assert_int_equal(ask_mailbox(s, "harry", "example.com"), NONE);
}

/* --- locked ----------------------------------------------------------------------------------- */

/* Put another store in the place of this one, as it should be done, and keep it locked. */
static sqlite3 *
replace_locked(struct fixture *f)
{
	char path[100], beside[140];
	sqlite3 *sq;

	make_other(f, "locked.db", path);
	snprintf(beside, sizeof beside, "%s-wal", f->path);
	assert_int_equal(unlink(beside), 0);
	snprintf(beside, sizeof beside, "%s-shm", f->path);
	assert_int_equal(unlink(beside), 0);
	assert_int_equal(rename(path, f->path), 0);
	sq = raw_open(f->path);
	raw_exec(sq, "PRAGMA locking_mode = EXCLUSIVE; UPDATE mailbox SET quota = 1");
	return sq;
}

static void
test_locked(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	sqlite3 *owner = replace_locked(f);

	store_deadline(s, 20);
	naps = 0;
	must_retry(s, "locked by another program");
	assert_true(naps > 0);

	/* whoever has waited in vain does not make the next ones wait as long */
	naps = 0;
	for (int i = 0; i < 50; i++)
		must_retry(s, "locked by another program");
	assert_int_equal(naps, 0);

	sqlite3_close(owner);
	expect_other(s);
	store_close(s);
}

/* What another process may hold (https://sqlite.org/fileformat2.html, walformat.html 2.3): byte
 * ranges of the file or of the index of its -wal. */
static const struct hold {
	const char *name;
	const char *suffix;
	off_t at;
	off_t bytes;
	bool no_index; /* somebody is about to make the index anew, as after a crash */
	bool no_wal;
	enum outcome expected;
} holds[] = {
	{ "the right to write", "-shm", 120, 1, false, false, FOUND },
	{ "the right to write and to check in", "-shm", 120, 2, false, false, FOUND },
	{ "the whole file", "", 0x40000000, 512, false, true, RETRY },
	{ "every lock of the index", "-shm", 120, 8, false, false, RETRY },
	{ "the right to write a -wal that is not recovered", "-shm", 120, 1, true, false, RETRY },
	{ "the right to recover a -wal", "-shm", 120, 3, true, false, RETRY },
	{ "every lock of an index that is not made", "-shm", 120, 8, true, false, RETRY },
};

/* In the child: take it, say so, and keep it until the pipe is closed. */
static void
hold_on(const struct hold *h, const char *path, int ready, int until)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = h->at, .l_len = h->bytes
	};
	char name[140], byte = 0, zeros[96] = { 0 };
	int fd;

	snprintf(name, sizeof name, "%s%s", path, h->suffix);
	fd = open(name, O_RDWR);
	if (fd < 0 || fcntl(fd, F_SETLKW, &lock) != 0 ||
	    (h->no_index && pwrite(fd, zeros, sizeof zeros, 0) != sizeof zeros) ||
	    write(ready, "r", 1) != 1)
		_exit(1);
	_exit(read(until, &byte, 1) == 0 ? 0 : 2);
}

static pid_t
start_holding(const struct hold *h, const char *path, int *until)
{
	int ready[2], end[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready) | pipe(end), 0);
	pid = fork();
	if (pid == 0) {
		close(end[1]);
		hold_on(h, path, ready[1], end[0]);
	}
	close(ready[1]);
	close(end[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*until = end[1];
	return pid;
}

/* The clock of a call goes in steps, of ten milliseconds at the most. */
enum { LIMIT_MS = 60, STEP_MS = 10 };

static void
ask_meanwhile(struct store *s, enum outcome expected)
{
	struct error err = { "" };

	naps = 0;
	napped = 0;
	store_deadline(s, LIMIT_MS);
	assert_int_equal(ask(s, ROW_MAILBOX, "harry", "example.com", &err), expected);
	assert_int_equal(naps > 0, expected == RETRY);
	assert_true(napped <= (LIMIT_MS + STEP_MS) * 1000);
	if (expected == RETRY)
		assert_non_null(strstr(err.text, "locked by another program"));
}

static void
set_wal(struct fixture *f, bool on)
{
	store_close(f->s);
	f->s = NULL;
	if (!on)
		raw(f->path, "PRAGMA journal_mode = DELETE");
	else
		f->s = open_at(f->path, STORE_ADMIN);
}

/* Whatever others hold: an answer, or "try again" within the limit, for one who was there before
 * and for one who comes just then. */
static void
test_others_hold(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof holds / sizeof holds[0]; i++) {
		const struct hold *h = &holds[i];
		struct store *before, *late;
		int until, status;
		pid_t pid;

		print_message("# %s\n", h->name);
		set_wal(f, !h->no_wal);
		before = open_at(f->path, STORE_LOOKUP);
		must(store_new(&late, f->path, STORE_LOOKUP, &f->err), &f->err, "a handle");
		pid = start_holding(h, f->path, &until);
		ask_meanwhile(before, h->expected);
		ask_meanwhile(late, h->expected);
		close(until);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		must_find(before);
		must_find(late);
		store_close(before);
		store_close(late);
	}
}

/* Readers do not mind a writer; a second writer is told to come again, and can. */
static void
test_two_writers(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	sqlite3 *other = raw_open(f->path);

	raw_exec(other, "BEGIN IMMEDIATE; UPDATE mailbox SET quota = 1");
	store_deadline(f->s, 20);
	assert_int_equal(mailbox_add(f->s, "tom@example.com", "", &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "locked by another program"));
	must_find(s);
	must_find(f->s);
	raw_exec(other, "COMMIT");
	sqlite3_close(other);
	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "tom");
	store_close(s);
}

/* A call that is at work for too long is stopped, and nothing of it stays. */
static void
test_deadline(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;

	raw(f->path,
	    "DELETE FROM domain WHERE target IS NOT NULL;"
	    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
	    "INSERT INTO mailbox (address, domain, created) "
	    "SELECT printf('more%06d@example.com', i), 'example.com', 1 FROM n");
	f->s = open_at(f->path, STORE_ADMIN);
	dump(f->path, &before);
	store_deadline(f->s, 2);
	assert_int_equal(store_domain_remove(f->s, S("example.com"), true, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "took too long"));
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	store_deadline(f->s, 0);
	must_find(f->s);
	must(store_domain_remove(f->s, S("example.com"), true, &f->err), &f->err, "in its time");
	sbuf_release(&before);
	sbuf_release(&after);
}

/* --- read-only ----------------------------------------------------------------------------------
 */

static void
close_all(struct fixture *f)
{
	store_close(f->s);
	f->s = NULL;
}

static int
nobody_is_told(struct fixture *f)
{
	static const enum store_role roles[] = { STORE_LOOKUP, STORE_LOGIN, STORE_ADMIN };
	struct store *s;

	for (size_t i = 0; i < 3; i++) {
		if (store_open(&s, f->path, roles[i], &f->err) != RETRY)
			return 1;
		print_message("# %s\n", f->err.text);
	}
	return 0;
}

static const struct {
	const char *name;
	mode_t directory;
	mode_t file;
} modes[] = {
	{ "a file that others may read, in a directory they may not write", 0755, 0644 },
	{ "a file that others may write, in a directory they may not write", 0755, 0666 },
	{ "a file that others may not read", 0755, 0600 },
	{ "a directory that others may not enter", 0700, 0666 },
};

static void
test_read_only(void **state)
{
	struct fixture *f = *state;
	char dir[96];

	need_root();
	close_all(f);
	snprintf(dir, sizeof dir, "%s/store", f->dir);
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		print_message("# %s\n", modes[i].name);
		assert_int_equal(chmod(dir, modes[i].directory), 0);
		assert_int_equal(chmod(f->path, modes[i].file), 0);
		assert_int_equal(in_child(f, nobody_is_told, 1), 0);
	}
	f->s = open_at(f->path, STORE_ADMIN);
	must_find(f->s);
}

/* May be taken away from the one who has it open, too. */
static int
loses_its_rights(struct fixture *f)
{
	struct store *s;

	if (store_open(&s, f->path, STORE_LOOKUP, &f->err) != FOUND)
		return 1;
	if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
		return 2;
	if (ask_mailbox(s, "harry", "example.com") == NONE)
		return 3;
	store_close(s);
	return 0;
}

static void
test_rights_are_lost(void **state)
{
	struct fixture *f = *state;

	need_root();
	assert_int_equal(in_child(f, loses_its_rights, 0), 0);
	must_find(f->s);
}

/* --- full ------------------------------------------------------------------------------------- */

static long
count(const char *path, const char *sql)
{
	struct sbuf out;
	long n;

	sbuf_init(&out, 100);
	raw_rows(path, &out, sql);
	n = atol(sbuf_cstr(&out));
	sbuf_release(&out);
	return n;
}

/* Add mailboxes until it does not go any more. Returns how many were told to be there. */
static int
add_until_full(struct store *s, struct error *err)
{
	int n;

	for (n = 0; n < 100000; n++) {
		char address[32];
		enum outcome o;

		snprintf(address, sizeof address, "full%06d@example.com", n);
		o = mailbox_add(s, address, "", err);
		if (o == RETRY)
			break;
		if (o != FOUND)
			return -1;
	}
	return n;
}

static const char FULL_COUNT[] = "SELECT count(*) FROM mailbox WHERE address LIKE 'full%'";
static const char FULL_LOGGED[] = "SELECT count(*) FROM change WHERE subject LIKE 'full%'";

static int
fill_up(struct fixture *f)
{
	struct rlimit limit;
	struct store *s;
	int n;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	if (store_open(&s, f->path, STORE_ADMIN, &f->err) != FOUND)
		return 1;
	store_act_as(s, &tester);
	limit.rlim_cur = 512 * 1024;
	setrlimit(RLIMIT_FSIZE, &limit);
	n = add_until_full(s, &f->err);
	print_message("# %d: %s\n", n, f->err.text);
	if (n < 1 || ask_mailbox(s, "harry", "example.com") != FOUND)
		return 2;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
	if (mailbox_add(s, "room@example.com", "", &f->err) != FOUND)
		return 3;
	store_close(s);
	return count(f->path, FULL_COUNT) == n && count(f->path, FULL_LOGGED) == n ? 0 : 4;
}

static void
test_files_may_not_grow(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(in_child(f, fill_up, 0), 0);
	must_find(f->s);
	assert_int_equal(ask_mailbox(f->s, "room", "example.com"), FOUND);
}

static int
disk_teardown(void **state)
{
	struct fixture *f = *state;
	char disk[80];

	snprintf(disk, sizeof disk, "%s/disk", f->dir);
	umount2(disk, MNT_DETACH);
	return teardown(state);
}

static void
test_disk_is_full(void **state)
{
	struct fixture *f = *state;
	char disk[80], path[100];
	struct store *s, *reader;
	struct error err = { "" };
	int n;

	snprintf(disk, sizeof disk, "%s/disk", f->dir);
	snprintf(path, sizeof path, "%s/vmail.db", disk);
	assert_int_equal(mkdir(disk, 0755), 0);
	if (geteuid() != 0 || mount("tmpfs", disk, "tmpfs", 0, "size=768k") != 0)
		skip();
	create_at(path);
	s = open_at(path, STORE_ADMIN);
	populate(s);
	reader = open_at(path, STORE_LOOKUP);
	n = add_until_full(s, &err);
	print_message("# %d: %s\n", n, err.text);
	must_find(s);
	must_find(reader);
	store_close(reader);
	store_close(s);
	assert_true(n > 0 && strstr(err.text, "disk") != NULL);
	assert_int_equal(count(path, FULL_COUNT), n);
	assert_int_equal(count(path, FULL_LOGGED), n);
}

/* --- damaged ---------------------------------------------------------------------------------- */

static void
overwrite(const char *path, off_t at, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, at), n);
	close(fd);
}

static void
read_page(const char *path, off_t at, char page[4096])
{
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, page, 4096, at), 4096);
	close(fd);
}

static off_t
size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void
copy_over(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0660);
	char page[4096];
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, page, sizeof page)) > 0)
		assert_int_equal(write(out, page, (size_t)n), n);
	assert_int_equal(n, 0);
	close(in);
	close(out);
}

/* Returns how many of all could be found in the damaged store. */
static int
count_in_damage(struct fixture *f, off_t at, int filling)
{
	struct store *s = NULL;
	char bad[4096];
	int found = 0;

	memset(bad, filling, sizeof bad);
	overwrite(f->path, at, bad, sizeof bad);
	if (store_open(&s, f->path, STORE_LOOKUP, &f->err) == FOUND &&
	    store_begin(s, &f->err) == FOUND)
		found = count_found(s);
	store_close(s);
	return found;
}

/* Spoil one page after the other, each with every filling, and ask for everybody each time. */
static void
test_damaged_pages(void **state)
{
	static const int fillings[] = { 0x00, 0xff, 'x' };
	struct fixture *f = *state;
	off_t size = size_of(f->path);
	int lossy = 0;

	for (off_t at = 4096; at < size; at += 4096) {
		char good[4096];

		read_page(f->path, at, good);
		for (size_t i = 0; i < sizeof fillings / sizeof fillings[0]; i++)
			lossy += count_in_damage(f, at, fillings[i]) < 2 * PEOPLE;
		overwrite(f->path, at, good, sizeof good);
	}
	/* so the test has hit what it meant to hit */
	assert_true(lossy > 30);
	f->s = open_at(f->path, STORE_LOOKUP);
	check_all_found(f->s);
}

static void
test_damaged_header(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	char good[4096], bad[4096];

	memset(bad, 'x', sizeof bad);
	read_page(f->path, 0, good);
	overwrite(f->path, 0, bad, 100);
	assert_int_equal(store_open(&s, f->path, STORE_LOOKUP, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "restore it from a backup"));
	overwrite(f->path, 0, bad, sizeof bad);
	assert_int_equal(store_open(&s, f->path, STORE_ADMIN, &f->err), RETRY);
	overwrite(f->path, 0, good, sizeof good);
	s = open_at(f->path, STORE_LOOKUP);
	check_all_found(s);
	store_close(s);
}

/* Damage under a connection that is open: what it has seen before may still be answered, rightly.
 */
static void
test_damaged_while_open(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	off_t size = size_of(f->path);
	char bad[4096];

	must_find(s);
	memset(bad, 'x', sizeof bad);
	for (off_t at = 0; at < size; at += 4096)
		overwrite(f->path, at, bad, sizeof bad);
	count_found(s);
	must_retry(s, "restore it from a backup");
	store_close(s);
}

static void
test_truncated(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct store *idle = open_at(f->path, STORE_LOOKUP);
	struct store *late = NULL;
	char path[100];
	off_t size = size_of(f->path);

	must_find(s);
	must_find(idle);
	assert_int_equal(truncate(f->path, size / 2 / 4096 * 4096), 0);
	assert_true(count_found(s) < 2 * PEOPLE);
	if (store_open(&late, f->path, STORE_LOOKUP, &f->err) == FOUND)
		assert_true(count_found(late) < 2 * PEOPLE);
	store_close(late);
	assert_int_equal(truncate(f->path, 0), 0);
	must_retry(s, "is empty");
	must_retry(idle, "is empty");
	assert_int_equal(store_open(&late, f->path, STORE_ADMIN, &f->err), RETRY);
	assert_int_equal(size_of(f->path), 0);
	make_other(f, "other.db", path);
	copy_over(path, f->path);
	expect_other(s);
	expect_other(idle);
	store_close(idle);
	store_close(s);
}

/* What the -wal holds is not thrown away because the file is empty, or was for a moment. */
static void
test_truncated_beside_its_log(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	char wal[140];
	off_t size;

	snprintf(wal, sizeof wal, "%s-wal", f->path);
	size = size_of(wal);
	assert_true(size > 0);
	assert_int_equal(truncate(f->path, 0), 0);
	assert_int_equal(store_open(&s, f->path, STORE_LOOKUP, &f->err), RETRY);
	assert_int_equal(store_open(&s, f->path, STORE_ADMIN, &f->err), RETRY);
	must_retry(f->s, "is empty");
	assert_int_equal(size_of(wal), size);
	close_all(f);
	assert_int_equal(size_of(wal), size);
}

/* --- another schema, another file ------------------------------------------------------------- */

static void
set_version(const char *path, int version)
{
	char sql[64];

	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version);
	raw(path, sql);
}

static void
test_schema_changes_under_us(void **state)
{
	struct fixture *f = *state;
	int version = store_schema_version();

	set_version(f->path, 999);
	must_retry(f->s, "newer vmaild");
	assert_int_equal(mailbox_add(f->s, "tom@example.com", "", &f->err), RETRY);
	set_version(f->path, version - 1);
	must_retry(f->s, "vmailctl migrate");
	assert_int_equal(mailbox_add(f->s, "tom@example.com", "", &f->err), RETRY);
	set_version(f->path, version);
	must_find(f->s);
	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "tom");
}

/* A migration that cannot be done leaves the store as it was. */
static void
test_migration_fails(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;
	int from, to;

	close_all(f);
	set_version(f->path, 0);
	dump(f->path, &before);
	assert_int_equal(store_migrate(f->path, &from, &to, &f->err), RETRY);
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	assert_int_equal(count(f->path, "PRAGMA user_version"), 0);
	sbuf_release(&before);
	sbuf_release(&after);
}

/* The old store's log is still there, with frames that would be read into the new one. */
static void
test_replaced(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOOKUP);
	struct store *other = open_at(f->path, STORE_LOGIN);
	char path[100], wal[140], aside[180];
	struct stat st;

	snprintf(wal, sizeof wal, "%s-wal", f->path);
	must_find(reader);
	must_find(other);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size > 0);
	snprintf(aside, sizeof aside, "%s.left-%llu", wal, (unsigned long long)st.st_ino);
	make_other(f, "other.db", path);
	assert_int_equal(rename(path, f->path), 0);

	expect_other(reader);
	expect_other(other);
	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "tom");
	assert_int_equal(ask_mailbox(reader, "tom", "example.com"), FOUND);
	assert_int_equal(ask_mailbox(other, "tom", "example.com"), FOUND);
	assert_int_equal(count(f->path, "SELECT count(*) FROM mailbox"), 2);
	assert_int_equal(size_of(aside), st.st_size);
	store_close(reader);
	store_close(other);
}

/* The same, and nobody is there who knew the old store: that it is somebody else's log is seen by
 * the file itself, for a backup is one that keeps no log. */
static void
test_backup_beside_a_log(void **state)
{
	static const enum store_role roles[] = { STORE_LOOKUP, STORE_LOGIN, STORE_RECORDER,
		STORE_ADMIN };
	struct fixture *f = *state;
	char path[100], wal[140], saved[140];
	struct store *s;
	sqlite3 *sq;

	snprintf(wal, sizeof wal, "%s-wal", f->path);
	snprintf(saved, sizeof saved, "%s-saved", f->path);
	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "in the log only");
	copy_over(wal, saved);
	store_close(f->s);
	f->s = NULL;
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
		make_other(f, "other.db", path);
		sq = raw_open(path);
		raw_exec(sq, "PRAGMA journal_mode = DELETE");
		sqlite3_close(sq);
		assert_int_equal(rename(path, f->path), 0);
		copy_over(saved, wal);
		s = open_at(f->path, roles[i]);
		expect_other(s);
		store_close(s);
	}
	f->s = open_at(f->path, STORE_ADMIN);
	must(mailbox_add(f->s, "tim@example.com", "", &f->err), &f->err, "tim");
	expect_other(f->s);
	assert_int_equal(ask_mailbox(f->s, "tom", "example.com"), NONE);
	assert_int_equal(ask_mailbox(f->s, "tim", "example.com"), FOUND);
}

/* Whoever watches the file puts the old log aside before anybody else comes. */
static void
test_replaced_and_stirred(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOOKUP), *fresh;
	char path[100], wal[140], aside[180];
	struct stat st;

	store_keep_views(reader);
	must_find(reader);
	snprintf(wal, sizeof wal, "%s-wal", f->path);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size > 0);
	snprintf(aside, sizeof aside, "%s.left-%llu", wal, (unsigned long long)st.st_ino);
	make_other(f, "other.db", path);
	assert_int_equal(rename(path, f->path), 0);
	store_stir(reader);
	assert_int_equal(size_of(aside), st.st_size);
	fresh = open_at(f->path, STORE_ADMIN);
	must(mailbox_add(fresh, "tim@example.com", "", &f->err), &f->err, "tim");
	expect_other(fresh);
	expect_other(reader);
	assert_int_equal(ask_mailbox(reader, "tim", "example.com"), FOUND);
	store_close(fresh);
	store_close(reader);
}

/* Likewise when the new file has nothing in it yet, as while it is copied: of what is written into
 * it nobody is told. */
static void
test_replaced_by_what_is_being_written(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOOKUP), *fresh;
	char path[100], wal[140], shm[140], aside[180];
	struct stat st;

	store_keep_views(reader);
	must_find(reader);
	snprintf(wal, sizeof wal, "%s-wal", f->path);
	snprintf(shm, sizeof shm, "%s-shm", f->path);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size > 0);
	snprintf(aside, sizeof aside, "%s.left-%llu", wal, (unsigned long long)st.st_ino);
	make_other(f, "other.db", path);
	assert_int_equal(unlink(f->path), 0);
	store_stir(reader);
	assert_int_equal(size_of(wal), st.st_size); /* it may have been moved, and come back */
	close(open(f->path, O_CREAT | O_EXCL | O_WRONLY, 0660));
	store_stir(reader);
	assert_int_equal(size_of(aside), st.st_size);
	assert_int_not_equal(access(wal, F_OK), 0);
	assert_int_not_equal(access(shm, F_OK), 0);
	copy_over(path, f->path);
	fresh = open_at(f->path, STORE_ADMIN);
	must(mailbox_add(fresh, "tim@example.com", "", &f->err), &f->err, "tim");
	expect_other(fresh);
	expect_other(reader);
	assert_int_equal(ask_mailbox(reader, "tim", "example.com"), FOUND);
	assert_int_equal(size_of(aside), st.st_size);
	store_close(fresh);
	store_close(reader);
}

/* A backup, bigger than the store was. */
static void
make_big_backup(struct fixture *f, char path[100])
{
	sqlite3 *sq;

	make_other(f, "other.db", path);
	sq = raw_open(path);
	raw_exec(sq,
	    "CREATE TABLE filler AS WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 "
	    "FROM i WHERE n < 500) SELECT n, hex(zeroblob(1000)) FROM i");
	raw_exec(sq, "PRAGMA journal_mode = DELETE");
	sqlite3_close(sq);
}

/* Beside a store that is tidy there is an index still, for as long as somebody has it open. */
static void
test_backup_beside_an_index(void **state)
{
	struct fixture *f = *state;
	struct store *other = open_at(f->path, STORE_LOGIN), *fresh;
	char path[100], shm[140];

	must_find(other);
	store_tidy(f->s);
	store_close(f->s);
	f->s = NULL;
	snprintf(shm, sizeof shm, "%s-shm", f->path);
	assert_true(size_of(shm) > 0);
	make_big_backup(f, path);
	assert_int_equal(rename(path, f->path), 0);
	fresh = open_at(f->path, STORE_ADMIN);
	must(mailbox_add(fresh, "tom@example.com", "", &f->err), &f->err, "tom");
	assert_int_equal(ask_mailbox(other, "tom", "example.com"), FOUND);
	must(mailbox_add(fresh, "tim@example.com", "", &f->err), &f->err, "tim");
	expect_other(other);
	store_close(fresh);
	assert_int_equal(ask_mailbox(other, "tim", "example.com"), FOUND);
	assert_int_equal(count(f->path, "SELECT count(*) FROM mailbox"), 3);
	store_close(other);
}

/* Handles of each kind, which all have asked something. */
struct held {
	struct store *by[3];
};

static struct held
hold(struct fixture *f)
{
	struct held h = { { open_at(f->path, STORE_LOOKUP), open_at(f->path, STORE_LOGIN),
	    open_at(f->path, STORE_RECORDER) } };

	store_keep_views(h.by[0]);
	for (size_t i = 0; i < 3; i++)
		must_find(h.by[i]);
	return h;
}

static void
leave(struct fixture *f)
{
	store_close(f->s);
	f->s = NULL;
}

/* Another store was copied over the file while nobody asks: whoever holds what was there lets go,
 * and it can be written. */
static void
stir_and_write(struct fixture *f, struct held *h)
{
	struct store *fresh;

	for (size_t i = 0; i < 3; i++)
		store_stir(h->by[i]);
	fresh = open_at(f->path, STORE_ADMIN);
	must(mailbox_add(fresh, "tim@example.com", "", &f->err), &f->err, "tim");
	for (size_t i = 0; i < 3; i++) {
		expect_other(h->by[i]);
		assert_int_equal(ask_mailbox(h->by[i], "tim", "example.com"), FOUND);
		store_close(h->by[i]);
	}
	store_close(fresh);
}

static void
test_copied_over_and_stirred(void **state)
{
	struct fixture *f = *state;
	struct held h = hold(f);
	char path[100];

	leave(f);
	make_big_backup(f, path);
	copy_over(path, f->path);
	stir_and_write(f, &h);
}

/* The same with the raw file of another store, which has a log as the old one had. */
static void
test_raw_copied_over_and_stirred(void **state)
{
	struct fixture *f = *state;
	struct held h = hold(f);
	char path[100];

	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "tom");
	leave(f);
	for (size_t i = 0; i < 3; i++) {
		store_stir(h.by[i]); /* by the checkpoint */
		must_find(h.by[i]);
	}
	make_big_backup(f, path);
	raw(path, "PRAGMA journal_mode = WAL");
	copy_over(path, f->path);
	stir_and_write(f, &h);
}

/* Nothing of a writer's stays beside the file when nobody is there any more, or he is asked to see
 * to it. */
static void
test_tidy(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOOKUP);
	struct store *recorder = open_at(f->path, STORE_RECORDER);
	char wal[140];

	snprintf(wal, sizeof wal, "%s-wal", f->path);
	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "tom");
	must_find(reader);
	assert_true(size_of(wal) > 0);
	store_tidy(reader);
	assert_true(size_of(wal) > 0);
	store_tidy(recorder);
	assert_int_equal(size_of(wal), 0);
	must_find(reader);
	must(mailbox_add(f->s, "tim@example.com", "", &f->err), &f->err, "tim");
	assert_true(size_of(wal) > 0);
	store_close(recorder);
	assert_int_equal(size_of(wal), 0);
	store_close(reader);
}

/* A backup copied over the file keeps its inode, and nothing else tells SQLite: its cache would
 * answer from what was there before. */
static void
test_copied_over(void **state)
{
	struct fixture *f = *state;
	struct store *reader;
	char path[100], command[300];

	make_other(f, "other.db", path);
	store_close(f->s); /* leaves nothing in the -wal */
	f->s = NULL;
	reader = open_at(f->path, STORE_LOOKUP);
	must_find(reader);
	assert_int_equal(ask_mailbox(reader, "newcomer", "example.com"), NONE);
	snprintf(command, sizeof command, "cat '%s' >'%s'", path, f->path);
	assert_int_equal(system(command), 0);
	expect_other(reader);
	store_close(reader);
}

/* A view that is held stays what it was; the next one is of the new file. */
static void
test_replaced_under_a_view(void **state)
{
	struct fixture *f = *state;
	char path[100];

	make_other(f, "other.db", path);
	must(store_begin(f->s, &f->err), &f->err, "begin");
	assert_int_equal(rename(path, f->path), 0);
	must_find(f->s);
	assert_int_equal(ask_mailbox(f->s, "newcomer", "example.com"), NONE);
	store_end(f->s);
	expect_other(f->s);
}

static void
test_replaced_by_garbage(void **state)
{
	struct fixture *f = *state;
	char path[100], away[100];
	int fd;

	snprintf(path, sizeof path, "%s/garbage", f->dir);
	snprintf(away, sizeof away, "%s/away.db", f->dir);
	fd = open(path, O_CREAT | O_WRONLY, 0660);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(write(fd, "garbage ", 8), 8);
	close(fd);
	assert_int_equal(link(f->path, away), 0);
	assert_int_equal(rename(path, f->path), 0);
	must_retry(f->s, "is no store");
	assert_int_equal(mailbox_add(f->s, "tom@example.com", "", &f->err), RETRY);
	make_other(f, "other.db", path);
	assert_int_equal(rename(path, f->path), 0);
	expect_other(f->s);
}

static void
test_replaced_by_a_stranger(void **state)
{
	struct fixture *f = *state;
	char path[100];
	sqlite3 *sq;

	snprintf(path, sizeof path, "%s/stranger.db", f->dir);
	assert_int_equal(sqlite3_open(path, &sq), SQLITE_OK);
	raw_exec(sq, "CREATE TABLE mailbox (address); CREATE TABLE domain (name, kind, target)");
	sqlite3_close(sq);
	assert_int_equal(rename(path, f->path), 0);
	must_retry(f->s, "another program");
	assert_int_equal(sqlite3_open(path, &sq), SQLITE_OK);
	raw_exec(sq, "PRAGMA journal_mode = WAL");
	sqlite3_close(sq);
	assert_int_equal(rename(path, f->path), 0);
	must_retry(f->s, "has nothing in it");
	must_retry(f->s, "has nothing in it");
}

static void
test_deleted_and_put_back(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOOKUP);
	char away[100];

	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "in the log only");
	snprintf(away, sizeof away, "%s/away.db", f->dir);
	assert_int_equal(rename(f->path, away), 0);
	must_retry(reader, "there is no store at");
	must_retry(f->s, "there is no store at");
	assert_int_equal(mailbox_add(f->s, "tim@example.com", "", &f->err), RETRY);
	assert_int_equal(rename(away, f->path), 0);
	must_find(reader);
	assert_int_equal(ask_mailbox(reader, "tom", "example.com"), FOUND);
	assert_int_equal(ask_mailbox(reader, "tim", "example.com"), NONE);
	must(mailbox_add(f->s, "tim@example.com", "", &f->err), &f->err, "tim");
	store_close(reader);
}

/* Removed, and restored by a copy that may well get the inode of the old file: what the old one
 * left beside it is not taken for the new one's. */
static void
test_deleted_and_restored(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOOKUP);
	char path[100];

	must_find(reader);
	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "in the log only");
	make_other(f, "other.db", path);
	assert_int_equal(unlink(f->path), 0);
	must_retry(reader, "there is no store at");
	must_retry(f->s, "there is no store at");
	copy_over(path, f->path);
	expect_other(reader);
	expect_other(f->s);
	store_close(reader);
}

/* --- no memory, no power ---------------------------------------------------------------------- */

static void
test_no_memory(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	sqlite3_int64 used = sqlite3_memory_used();
	int denied = 0, failed = 0;

	assert_true(used > 0);
	for (int more = 0; more < 400000; more += 1000) {
		enum outcome o;

		sqlite3_hard_heap_limit64(used + more);
		o = ask_mailbox(s, "harry", "example.com");
		sqlite3_hard_heap_limit64(0);
		denied += o == NONE;
		failed += o == RETRY;
	}
	assert_int_equal(denied, 0);
	assert_true(failed > 0);
	must_find(s);
	store_close(s);
}

/* Killed at any moment: whatever was told to be done is there, with its line in the log, and
 * nothing is there by halves. */
static void
add_for_ever(struct fixture *f, int out)
{
	struct store *s;

	if (store_open(&s, f->path, STORE_ADMIN, &f->err) != FOUND)
		_exit(1);
	store_act_as(s, &tester);
	for (int n = 0;; n++) {
		char address[32];

		snprintf(address, sizeof address, "full%06d@example.com", n);
		if (mailbox_add(s, address, "{PLAIN}x", &f->err) != FOUND ||
		    write(out, "+", 1) != 1)
			_exit(2);
	}
}

static void
test_killed(void **state)
{
	struct fixture *f = *state;
	char plus;
	int told = 0, there, pipes[2];
	pid_t pid;

	close_all(f);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0)
		add_for_ever(f, pipes[1]);
	close(pipes[1]);
	while (told < 100 && read(pipes[0], &plus, 1) == 1)
		told++;
	kill(pid, SIGKILL);
	while (read(pipes[0], &plus, 1) == 1)
		told++;
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(pipes[0]);

	f->s = open_at(f->path, STORE_ADMIN);
	must_find(f->s);
	there = (int)count(f->path, FULL_COUNT);
	assert_in_range(told, 100, there);
	assert_in_range(there, told, told + 1);
	assert_int_equal(count(f->path, FULL_LOGGED), there);
	assert_int_equal(
	    count(f->path, "SELECT count(*) FROM credential WHERE mailbox LIKE 'full%'"), there);
}

int
main(int argc, char **argv)
{
#define FULL(fn)   cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
#define FILLED(fn) cmocka_unit_test_setup_teardown(fn, filled_setup, teardown)
	const struct CMUnitTest tests[] = {
		FULL(test_locked),
		FULL(test_others_hold),
		FULL(test_two_writers),
		FILLED(test_deadline),
		FULL(test_read_only),
		FULL(test_rights_are_lost),
		FULL(test_files_may_not_grow),
		cmocka_unit_test_setup_teardown(test_disk_is_full, full_setup, disk_teardown),
		FILLED(test_damaged_pages),
		FILLED(test_damaged_header),
		FILLED(test_damaged_while_open),
		FILLED(test_truncated),
		FULL(test_truncated_beside_its_log),
		FULL(test_schema_changes_under_us),
		FULL(test_migration_fails),
		FULL(test_replaced),
		FULL(test_backup_beside_a_log),
		FULL(test_replaced_and_stirred),
		FULL(test_replaced_by_what_is_being_written),
		FULL(test_backup_beside_an_index),
		FULL(test_copied_over_and_stirred),
		FULL(test_raw_copied_over_and_stirred),
		FULL(test_tidy),
		FULL(test_copied_over),
		FULL(test_replaced_under_a_view),
		FULL(test_replaced_by_garbage),
		FULL(test_replaced_by_a_stranger),
		FULL(test_deleted_and_put_back),
		FULL(test_deleted_and_restored),
		FULL(test_no_memory),
		FULL(test_killed),
	};

	count_naps();
	if (!is_for_sqlite())
		return 0;
	/* before a store does it: then SQLite counts its memory, and can be given little of it */
	sqlite3_initialize();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
