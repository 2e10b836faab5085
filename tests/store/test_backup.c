/* SPDX-License-Identifier: ISC
 *
 * Backups while others write, restores while others read, and either of them killed at every write:
 * what has a name is the old or the new, and never anything between.
 */
#define _LARGEFILE64_SOURCE
#include "fixture.h"

#include <glob.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* --- dying at a write ------------------------------------------------------------------------- */

/* SQLite and we write by these, which the program has of its own: the call that it is to die at
 * never happens. 0: it lives for ever. */
static long die_at;

static void
one_step(void)
{
	if (die_at > 0 && --die_at == 0)
		kill(getpid(), SIGKILL);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	one_step();
	return syscall(SYS_pwrite64, fd, p, n, at);
}

int
fsync(int fd)
{
	one_step();
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	one_step();
	return (int)syscall(SYS_fdatasync, fd);
}

int
rename(const char *from, const char *to)
{
	one_step();
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlink(const char *path)
{
	one_step();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int
ftruncate64(int fd, off64_t n)
{
	one_step();
	return (int)syscall(SYS_ftruncate, fd, n);
}

/* --- helpers ---------------------------------------------------------------------------------- */

static void
path_in(struct fixture *f, char *out, size_t size, const char *name)
{
	snprintf(out, size, "%s/%s", f->dir, name);
}

static void
backup(struct fixture *f, const char *path)
{
	must(store_backup(f->s, path, NULL, &f->err), &f->err, "backup");
}

/* KEPT: the name of what is kept, behind the directory's, or "". */
static enum outcome
restore_and_tell(struct fixture *f, const char *from, char kept[32])
{
	char keep[160], *told;
	enum outcome o;

	path_in(f, keep, sizeof keep, "kept.db");
	o = store_restore(f->path, from, keep, &tester, NULL, &told, &f->err);
	snprintf(kept, 32, "%s", told != NULL ? told + strlen(f->dir) + 1 : "");
	free(told);
	return o;
}

static enum outcome
restore(struct fixture *f, const char *from)
{
	char kept[32];

	return restore_and_tell(f, from, kept);
}

static void
must_restore(struct fixture *f, const char *from, const char *kept)
{
	char told[32];

	must(restore_and_tell(f, from, told), &f->err, from);
	assert_string_equal(told, kept);
}

/* All but the log, which a restore adds to. */
static void
data_dump(const char *path, struct sbuf *out)
{
	static const char *const tables[] = { "domain", "mailbox", "credential", "alias",
		"alias_target", "map", "entry" };

	sbuf_init(out, 16 << 20);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		char sql[64];

		snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2", tables[i]);
		raw_rows(path, out, sql);
	}
}

static void
check_same(const char *a, const char *b)
{
	struct sbuf x, y;

	data_dump(a, &x);
	data_dump(b, &y);
	assert_string_equal(sbuf_cstr(&x), sbuf_cstr(&y));
	sbuf_release(&x);
	sbuf_release(&y);
}

static void
check_whole(const char *path)
{
	struct sbuf out;

	sbuf_init(&out, 1 << 16);
	raw_rows(path, &out, "PRAGMA integrity_check");
	assert_string_equal(sbuf_cstr(&out), "ok\n");
	sbuf_release(&out);
}

/* What the second of two states has more. */
static void
grow(struct store *s)
{
	struct error e = { "" };
	char name[64];

	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof name, "new%d@example.com", i);
		must(mailbox_add(s, name, "{PLAIN}n", &e), &e, name);
	}
	must(store_mailbox_remove(s, S("sally@example.com"), true, &e), &e, "sally goes");
}

/* --- backups ---------------------------------------------------------------------------------- */

static void
test_backup(void **state)
{
	struct fixture *f = *state;
	char path[160];
	struct store *copy;
	struct stat st;

	path_in(f, path, sizeof path, "b.db");
	backup(f, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	check_whole(path);
	check_same(path, f->path);
	copy = open_at(path, STORE_LOOKUP);
	assert_int_equal(ask_mailbox(copy, "harry", "example.com"), FOUND);
	store_close(copy);
	grow(f->s);
	backup(f, path);
	check_same(path, f->path);
	strcat(path, ".part");
	assert_int_not_equal(stat(path, &st), 0);
}

static enum store_file
kind_of(const char *path)
{
	char head[STORE_HEAD];
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(head, 1, sizeof head, file);
	fclose(file);
	return store_file_of(slice_of(head, n));
}

/* By its first bytes: a store that was in use must never be taken for a backup. */
static void
test_kinds(void **state)
{
	struct fixture *f = *state;
	char path[160];

	path_in(f, path, sizeof path, "b.db");
	backup(f, path);
	assert_int_equal(kind_of(path), STORE_FILE_BACKUP);
	store_close(open_at(path, STORE_ADMIN));
	assert_int_equal(kind_of(path), STORE_FILE_STORE);
	path_in(f, path, sizeof path, "views.db");
	must(store_publish(f->s, path, -1, true, &f->err), &f->err, "publish");
	assert_int_equal(kind_of(path), STORE_FILE_VIEWS);
	assert_int_equal(store_file_of(S("SQLite format 3")), STORE_FILE_FOREIGN);
	assert_int_equal(store_file_of(S("# no database")), STORE_FILE_OTHER);
	assert_int_equal(store_file_of(S("")), STORE_FILE_OTHER);
	/* its mark may still be in the -wal; last, for SQLite's locks go when a file is closed */
	assert_int_not_equal(kind_of(f->path), STORE_FILE_BACKUP);
}

/* Two mailboxes at a time, until it is killed. */
static int
write_pairs(struct fixture *f)
{
	struct store *s = open_at(f->path, STORE_ADMIN);
	struct error err;
	char name[64];

	for (int i = 0;; i++) {
		if (store_batch_begin(s, &err) != FOUND)
			continue;
		snprintf(name, sizeof name, "p%d@example.com", i);
		mailbox_add(s, name, "", &err);
		snprintf(name, sizeof name, "q%d@example.com", i);
		mailbox_add(s, name, "", &err);
		store_batch_end(s, true, &err);
	}
	return 0;
}

/* What SQLite knows of a file that is open, its locks above all, must not go through a fork. It
 * dies with us. */
static pid_t
start(struct fixture *f, int (*fn)(struct fixture *f))
{
	pid_t pid;

	store_close(f->s);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(fn(f));
	}
	f->s = open_at(f->path, STORE_ADMIN);
	return pid;
}

static void
stop(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* Wait until the writer has written what was not there. */
static void
wait_for_pairs(struct fixture *f, int n)
{
	char name[32];

	snprintf(name, sizeof name, "p%d", n);
	while (ask_mailbox(f->s, name, "example.com") != FOUND)
		usleep(1000);
}

static void
test_backup_while_others_write(void **state)
{
	struct fixture *f = *state;
	pid_t writer = start(f, write_pairs);
	char path[160];

	path_in(f, path, sizeof path, "b.db");
	for (int i = 0; i < 10; i++) {
		struct sbuf odd;

		wait_for_pairs(f, i * 20);
		backup(f, path);
		sbuf_init(&odd, 1 << 16);
		raw_rows(path, &odd,
		    "SELECT count(*) % 2, count(*) > 2 FROM mailbox WHERE address NOT LIKE "
		    "'harry%' "
		    "AND address NOT LIKE 'sally%'");
		assert_int_equal(odd.p[0], '0');
		sbuf_release(&odd);
	}
	stop(writer);
}

/* --- restores --------------------------------------------------------------------------------- */

static void
test_restore(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOOKUP);
	char old[160], keep[160];

	path_in(f, old, sizeof old, "old.db");
	path_in(f, keep, sizeof keep, "kept.db");
	backup(f, old);
	grow(f->s);
	assert_int_equal(ask_mailbox(reader, "new1", "example.com"), FOUND);
	must_restore(f, old, "kept.db");
	check_same(f->path, old);
	check_whole(f->path);
	assert_int_equal(ask_mailbox(reader, "new1", "example.com"), NONE);
	assert_int_equal(ask_mailbox(reader, "sally", "example.com"), FOUND);
	/* and what it was */
	must_restore(f, keep, "kept.db-1");
	assert_int_equal(ask_mailbox(reader, "new1", "example.com"), FOUND);
	assert_int_equal(ask_mailbox(reader, "sally", "example.com"), NONE);
	check_same(f->path, keep);
	path_in(f, keep, sizeof keep, "kept.db-1");
	check_same(keep, old);
	must(domain_add(f->s, "later.test", "relay", "", &f->err), &f->err, "and on it goes");
	store_close(reader);
}

/* The wrong backup first, then the right one: what was written since either is still there. So is
 * what has such a name and was never ours, and a log that is all that is left of something. */
static void
test_restore_keeps_all(void **state)
{
	struct fixture *f = *state;
	char right[160], kept[160], log[160];
	struct sbuf before, after;
	char *next;

	path_in(f, right, sizeof right, "right.db");
	path_in(f, kept, sizeof kept, "kept.db");
	backup(f, right);
	grow(f->s);
	data_dump(f->path, &before);
	must_restore(f, right, "kept.db");
	assert_int_equal(symlink("nowhere", strcat(strcpy(log, kept), "-1")), 0);
	close(open(strcat(strcpy(log, kept), "-2-wal"), O_WRONLY | O_CREAT, 0600));
	next = store_keep_name(kept);
	assert_string_equal(next + strlen(kept), "-3");
	free(next);
	must_restore(f, right, "kept.db-3");
	data_dump(kept, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	assert_int_equal(access(log, F_OK), 0);
	sbuf_release(&before);
	sbuf_release(&after);
}

/* An empty file, which is what a restore that was killed leaves of the name, is used. */
static void
test_restore_takes_an_empty_name(void **state)
{
	struct fixture *f = *state;
	char from[160], kept[160];

	path_in(f, from, sizeof from, "b.db");
	path_in(f, kept, sizeof kept, "kept.db");
	backup(f, from);
	close(open(kept, O_WRONLY | O_CREAT, 0600));
	must_restore(f, from, "kept.db");
	check_same(kept, from);
}

/* What a killed one left may be the last good copy. */
static void
test_restore_of_leftovers(void **state)
{
	static const char *const names[] = { "kept.db.part", "store/vmail.db.restoring",
		"store/vmail.db.restoring.part" };
	struct fixture *f = *state;
	char from[160], other[160], kept[32];

	path_in(f, other, sizeof other, "other.db");
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		path_in(f, from, sizeof from, names[i]);
		backup(f, other);
		assert_int_equal(rename(other, from), 0);
		assert_int_equal(restore_and_tell(f, from, kept), BAD);
		assert_non_null(strstr(f->err.text, "give it another name"));
		assert_string_equal(kept, "");
		check_same(from, f->path);
		assert_int_equal(rename(from, other), 0);
		must(restore(f, other), &f->err, "by another name");
	}
}

static void
test_restore_is_logged(void **state)
{
	struct fixture *f = *state;
	char old[160], says[256];
	struct sbuf out;

	path_in(f, old, sizeof old, "old.db");
	backup(f, old);
	must(restore(f, old), &f->err, "restore");
	sbuf_init(&out, 4096);
	raw_rows(f->path, &out, "SELECT who, what, subject FROM change ORDER BY id DESC LIMIT 1");
	snprintf(says, sizeof says, "tester|store restore|%s\n", old);
	assert_string_equal(sbuf_cstr(&out), says);
	sbuf_release(&out);
}

static int64_t
number(const char *path, const char *sql)
{
	struct sbuf out;
	int64_t n;

	sbuf_init(&out, 64);
	raw_rows(path, &out, sql);
	n = strtoll(sbuf_cstr(&out), NULL, 10);
	sbuf_release(&out);
	return n;
}

#define LAST         "SELECT max(id) FROM change"
#define LAST_RESTORE "SELECT max(id) FROM change WHERE what = 'store restore'"

/* The number of a change is never that of another one. */
static void
test_restore_counts_on(void **state)
{
	struct fixture *f = *state;
	char old[160], keep[160];

	path_in(f, old, sizeof old, "old.db");
	path_in(f, keep, sizeof keep, "kept.db");
	backup(f, old);
	grow(f->s);
	must_restore(f, old, "kept.db");
	assert_true(number(keep, LAST) > number(old, LAST));
	assert_int_equal(number(f->path, LAST_RESTORE), number(keep, LAST) + 1);
	must(domain_add(f->s, "later.test", "relay", "", &f->err), &f->err, "and on it goes");
	assert_int_equal(number(f->path, LAST), number(keep, LAST) + 2);
	/* whoever has had more, and those that are in the log no more count too */
	raw(keep, "UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'change'");
	must_restore(f, keep, "kept.db-1");
	assert_int_equal(number(f->path, LAST_RESTORE), 5001);
	raw(f->path, "UPDATE sqlite_sequence SET seq = 7000 WHERE name = 'change'");
	must_restore(f, old, "kept.db-2");
	assert_int_equal(number(f->path, LAST_RESTORE), 7001);
}

/* What every answer must be, whatever is being restored: harry is there, and it is the one state or
 * the other, in one view. */
static int
read_always(struct fixture *f)
{
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct error err;

	for (;;) {
		enum outcome harry, sally, new;

		if (store_begin(s, &err) != FOUND)
			continue; /* somebody waits longer: that is allowed */
		harry = ask_mailbox(s, "harry", "example.com");
		sally = ask_mailbox(s, "sally", "example.com");
		new = ask_mailbox(s, "new1", "example.com");
		store_end(s);
		if (harry == NONE)
			return 1;
		if (harry == FOUND && sally != RETRY && new != RETRY &&sally == new)
			return 2;
	}
}

static void
test_restore_while_others_read(void **state)
{
	struct fixture *f = *state;
	char a[160], b[160];
	pid_t readers[2];
	int status;

	path_in(f, a, sizeof a, "a.db");
	path_in(f, b, sizeof b, "b.db");
	backup(f, a);
	grow(f->s);
	backup(f, b);
	for (int i = 0; i < 2; i++)
		readers[i] = start(f, read_always);
	for (int i = 0; i < 30; i++)
		must(restore(f, i % 2 == 0 ? a : b), &f->err, "restore");
	for (int i = 0; i < 2; i++) {
		/* it is still at it: so it has seen nothing wrong */
		assert_int_equal(waitpid(readers[i], &status, WNOHANG), 0);
		stop(readers[i]);
	}
	check_same(f->path, b);
}

static void
test_restore_while_others_write(void **state)
{
	struct fixture *f = *state;
	char a[160], keep[160];
	pid_t writer;

	path_in(f, a, sizeof a, "a.db");
	path_in(f, keep, sizeof keep, "kept.db");
	backup(f, a);
	writer = start(f, write_pairs);
	for (int i = 0; i < 5; i++) {
		struct sbuf odd;
		enum outcome o;

		wait_for_pairs(f, 5);
		o = restore(f, a);
		if (o != FOUND) {
			assert_int_equal(o, RETRY);
			continue; /* others wrote all the time, or were at it too long */
		}
		sbuf_init(&odd, 1 << 10);
		raw_rows(keep, &odd, "SELECT count(*) % 2 FROM mailbox");
		assert_string_equal(sbuf_cstr(&odd), "0\n");
		sbuf_release(&odd);
		assert_int_equal(number(f->path, LAST_RESTORE), number(keep, LAST) + 1);
		break;
	}
	stop(writer);
	check_whole(f->path);
}

/* --- what is not there, or no store ----------------------------------------------------------- */

static void
make_foreign(const char *path)
{
	sqlite3 *sq;

	assert_int_equal(sqlite3_open(path, &sq), SQLITE_OK);
	raw_exec(sq, "CREATE TABLE x (y)");
	sqlite3_close(sq);
}

static void
test_restore_of_none(void **state)
{
	struct fixture *f = *state;
	char path[160];
	struct sbuf before, after;
	FILE *junk;

	dump(f->path, &before);
	path_in(f, path, sizeof path, "none.db");
	assert_int_equal(restore(f, path), RETRY);
	junk = fopen(path, "w");
	fprintf(junk, "this is no database, however long it may be\n");
	fclose(junk);
	assert_int_not_equal(restore(f, path), FOUND);
	remove(path);
	make_foreign(path);
	assert_int_equal(restore(f, path), BAD);
	assert_non_null(strstr(f->err.text, "another program"));
	path_in(f, path, sizeof path, "kept.db");
	assert_int_not_equal(access(path, F_OK), 0);
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	sbuf_release(&before);
	sbuf_release(&after);
}

static void
test_restore_of_newer(void **state)
{
	struct fixture *f = *state;
	char path[160];

	path_in(f, path, sizeof path, "b.db");
	backup(f, path);
	raw(path, "PRAGMA user_version = 99");
	assert_int_equal(restore(f, path), RETRY);
	assert_non_null(strstr(f->err.text, "newer"));
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), FOUND);
}

static void
test_restore_of_older(void **state)
{
	static const struct {
		int version;
		const char *text;
	} statements[] = {
#define M(version, text) { version, text },
#include "schema/sqlite_migrations.h"
#undef M
	};
	struct fixture *f = *state;
	char path[160];
	sqlite3 *sq;
	struct sbuf out;

	path_in(f, path, sizeof path, "first.db");
	assert_int_equal(sqlite3_open(path, &sq), SQLITE_OK);
	for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
		if (statements[i].version == 1)
			raw_exec(sq, statements[i].text);
	raw_exec(sq, "INSERT INTO domain VALUES ('old.test', 'mailbox', NULL, 1)");
	sqlite3_close(sq);
	must(restore(f, path), &f->err, "restore");
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "old.test", &f->err), FOUND);
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), NONE);
	sbuf_init(&out, 64);
	raw_rows(path, &out, "PRAGMA user_version");
	assert_string_equal(sbuf_cstr(&out), "1\n"); /* the backup is not touched */
	sbuf_release(&out);
}

/* A damaged store, or none, is replaced, and nothing of the old one's log gets into the new one. */
static void
test_restore_of_damaged(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOOKUP);
	char a[160];
	int fd;

	path_in(f, a, sizeof a, "a.db");
	backup(f, a);
	grow(f->s); /* what is in the log */
	fd = open(f->path, O_WRONLY);
	assert_int_equal(write(fd, "not a database any more, sorry.", 31), 31);
	close(fd);
	must(restore(f, a), &f->err, "damaged");
	check_whole(f->path);
	check_same(f->path, a);
	assert_int_equal(ask_mailbox(reader, "sally", "example.com"), FOUND);

	assert_int_equal(remove(f->path), 0);
	must_restore(f, a, "");
	check_same(f->path, a);
	assert_int_equal(ask_mailbox(reader, "sally", "example.com"), FOUND);
	assert_int_equal(ask_mailbox(reader, "new1", "example.com"), NONE);
	store_close(reader);
}

/* The log of a store that was moved away while it is in use is not that of an older one. */
static void
test_restore_of_moved(void **state)
{
	struct fixture *f = *state;
	char a[160], away[160], kept[160], left[160];
	struct stat st;

	path_in(f, a, sizeof a, "a.db");
	path_in(f, away, sizeof away, "away.db");
	path_in(f, kept, sizeof kept, "kept.db");
	backup(f, a);
	must_restore(f, a, "kept.db");
	grow(f->s);
	snprintf(left, sizeof left, "%s-wal", f->path);
	assert_int_equal(stat(left, &st), 0);
	assert_true(st.st_size > 0);
	assert_int_equal(rename(f->path, away), 0);
	must_restore(f, a, "");
	check_same(f->path, a);
	check_same(kept, a);
	snprintf(left, sizeof left, "%s-wal.left-%llu", f->path, (unsigned long long)st.st_ino);
	assert_int_equal(access(left, F_OK), 0);
}

/* --- two at once -------------------------------------------------------------------------------
 */

/* What another one renames, before we have our next lock. */
static struct {
	const char *from, *to;
} renamed;

int
flock(int fd, int operation)
{
	if (renamed.from != NULL)
		assert_int_equal(rename(renamed.from, renamed.to), 0);
	renamed.from = NULL;
	return (int)syscall(SYS_flock, fd, operation);
}

/* Two make a backup of the same name, and one has done it when the other has just opened what it
 * was made in. */
static void
test_backups_at_once(void **state)
{
	struct fixture *f = *state;
	char a[160], part[160];

	path_in(f, a, sizeof a, "a.db");
	path_in(f, part, sizeof part, "a.db.part");
	backup(f, a);
	assert_int_equal(rename(a, part), 0);
	renamed.from = part;
	renamed.to = a;
	assert_int_equal(store_backup(f->s, a, NULL, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "another program is writing"));
	check_whole(a);
	assert_int_not_equal(access(part, F_OK), 0);
	backup(f, a);
}

static void
test_restore_under_way(void **state)
{
	struct fixture *f = *state;
	char a[160], lock[160], kept[32];
	int fd;

	path_in(f, a, sizeof a, "a.db");
	path_in(f, lock, sizeof lock, "store/vmail.db.restoring.lock");
	backup(f, a);
	fd = open(lock, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(restore_and_tell(f, a, kept), RETRY);
	assert_non_null(strstr(f->err.text, "another restore is under way"));
	assert_string_equal(kept, "");
	close(fd);
	must_restore(f, a, "kept.db");
	assert_int_not_equal(access(lock, F_OK), 0);
}

/* How many names are there of what was kept: each has a whole store. */
static size_t
check_kept(struct fixture *f)
{
	char pattern[160];
	glob_t found;
	size_t n = 0;

	path_in(f, pattern, sizeof pattern, "kept.db*");
	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (; n < found.gl_pathc; n++)
		check_whole(found.gl_pathv[n]);
	globfree(&found);
	return n;
}

/* One of several has its way each time, and none loses what it found. */
static void
test_restores_at_once(void **state)
{
	enum { ROUNDS = 5, AT_ONCE = 4 };
	struct fixture *f = *state;
	char a[160];
	size_t done = 0;

	path_in(f, a, sizeof a, "a.db");
	backup(f, a);
	store_close(f->s);
	f->s = NULL;
	for (int i = 0; i < ROUNDS * AT_ONCE; i++) {
		int status;

		if (fork() == 0) {
			enum outcome o = restore(f, a);

			_exit(o == FOUND ? 0 : o == RETRY ? 1 : 2);
		}
		for (int n = i % AT_ONCE == AT_ONCE - 1 ? AT_ONCE : 0; n > 0; n--) {
			assert_true(wait(&status) > 0);
			assert_true(WIFEXITED(status));
			assert_in_range(WEXITSTATUS(status), 0, 1);
			done += WEXITSTATUS(status) == 0;
		}
	}
	assert_true(done >= ROUNDS);
	assert_int_equal(check_kept(f), done);
	check_same(f->path, a);
}

/* --- killed ----------------------------------------------------------------------------------- */

typedef enum outcome victim_fn(struct fixture *f, const char *path);

static enum outcome
back_up_to(struct fixture *f, const char *path)
{
	struct store *s;
	enum outcome o = store_open(&s, f->path, STORE_ADMIN, &f->err);

	if (o == FOUND)
		o = store_backup(s, path, NULL, &f->err);

	store_close(s);
	return o;
}

/* True when it lived to the end. */
static bool
run_to(struct fixture *f, victim_fn *fn, const char *path, long step)
{
	int status;
	pid_t pid;

	store_close(f->s);
	f->s = NULL;
	pid = fork();
	if (pid == 0) {
		die_at = step;
		_exit(fn(f, path) == FOUND ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return false;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

/* A at first, then A or B, and B at last. */
static bool
is_one_of(const char *path, const struct sbuf *a, const struct sbuf *b)
{
	struct sbuf now;
	bool is_b;

	check_whole(path);
	data_dump(path, &now);
	is_b = strcmp(sbuf_cstr(&now), sbuf_cstr(b)) == 0;
	if (!is_b)
		assert_string_equal(sbuf_cstr(&now), sbuf_cstr(a));
	sbuf_release(&now);
	return is_b;
}

static void
test_backup_killed(void **state)
{
	struct fixture *f = *state;
	char path[160];
	struct sbuf a, b;
	long step = 0;

	path_in(f, path, sizeof path, "b.db");
	backup(f, path);
	data_dump(path, &a);
	grow(f->s);
	data_dump(f->path, &b);
	while (!run_to(f, back_up_to, path, ++step))
		is_one_of(path, &a, &b);
	assert_true(is_one_of(path, &a, &b));
	print_message("# %ld steps\n", step);
	assert_true(step > 20);
	sbuf_release(&a);
	sbuf_release(&b);
}

/* Whoever is killed may leave an empty name, or a part. */
static bool
is_kept(struct fixture *f, const struct sbuf *what)
{
	char path[160];
	bool found = false;

	for (int i = 0; !found && i < 1000; i++) {
		struct sbuf now;
		struct stat st;

		snprintf(path, sizeof path, i == 0 ? "%s/kept.db" : "%s/kept.db-%d", f->dir, i);
		if (stat(path, &st) != 0 || st.st_size == 0)
			continue;
		data_dump(path, &now);
		found = strcmp(sbuf_cstr(&now), sbuf_cstr(what)) == 0;
		sbuf_release(&now);
	}
	return found;
}

static void
test_restore_killed(void **state)
{
	struct fixture *f = *state;
	struct store *reader;
	char from[160];
	struct sbuf a, b;
	bool done = false;
	long step = 0;

	path_in(f, from, sizeof from, "b.db");
	backup(f, from);
	data_dump(from, &b);
	grow(f->s);
	data_dump(f->path, &a);
	while (!run_to(f, restore, from, ++step)) {
		bool is_b = is_one_of(f->path, &a, &b);

		assert_true(is_b || !done); /* there is no way back */
		if (is_b && !done)
			assert_true(is_kept(f, &a));
		done = is_b;
		reader = open_at(f->path, STORE_LOOKUP);
		assert_int_equal(ask_mailbox(reader, "harry", "example.com"), FOUND);
		assert_int_equal(ask_mailbox(reader, "sally", "example.com"), is_b ? FOUND : NONE);
		store_close(reader);
	}
	assert_true(is_one_of(f->path, &a, &b));
	print_message("# %ld steps\n", step);
	assert_true(step > 50);
	sbuf_release(&a);
	sbuf_release(&b);
}

/* At any moment, not only at a write. */
static void
test_restore_killed_at_random(void **state)
{
	struct fixture *f = *state;
	char from[160];
	struct sbuf a, b;
	int killed = 0;

	path_in(f, from, sizeof from, "b.db");
	backup(f, from);
	data_dump(from, &b);
	grow(f->s);
	data_dump(f->path, &a);
	store_close(f->s);
	f->s = NULL;
	for (int i = 0; i < 60; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(restore(f, from) == FOUND ? 0 : 1);
		usleep((unsigned)(i * 397 % 24000));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		killed += WIFSIGNALED(status);
		is_one_of(f->path, &a, &b);
	}
	print_message("# %d of 60 were killed\n", killed);
	must(restore(f, from), &f->err, "after all that");
	sbuf_release(&a);
	sbuf_release(&b);
}

/* A disk that is full: whatever fails, fails whole; and what an earlier restore kept is not written
 * over, though it is what is restored. */
static int
with_little_room(struct fixture *f)
{
	struct rlimit limit;
	char from[160], to[160], kept[32];
	int failed = 0, late = 0;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	path_in(f, from, sizeof from, "kept.db");
	path_in(f, to, sizeof to, "c.db");
	for (rlim_t room = 4096; room < 400 * 1024; room += 4 * 1024) {
		enum outcome o;

		limit.rlim_cur = room;
		setrlimit(RLIMIT_FSIZE, &limit);
		o = restore_and_tell(f, from, kept);
		failed += o != FOUND;
		late += o != FOUND && kept[0] != '\0';
		if (o != FOUND && o != RETRY)
			return 1;
		if (o != FOUND && kept[0] != '\0' && strstr(f->err.text, kept) == NULL)
			return 4;
		o = back_up_to(f, to);
		if (o != FOUND && (o != RETRY || access(to, F_OK) == 0))
			return 2;
	}
	return failed > 0 && late > 0 ? 0 : 3;
}

static void
test_little_room(void **state)
{
	struct fixture *f = *state;
	char from[160], small[160];
	struct sbuf a, b;

	path_in(f, from, sizeof from, "kept.db");
	path_in(f, small, sizeof small, "small.db");
	backup(f, small);
	grow(f->s);
	backup(f, from);
	data_dump(from, &b);
	/* then there may be room for what was there, and not for what is to be */
	must_restore(f, small, "kept.db-1");
	data_dump(f->path, &a);
	store_close(f->s);
	f->s = NULL;
	assert_int_equal(in_child(f, with_little_room, 0), 0);
	is_one_of(f->path, &a, &b);
	assert_true(is_one_of(from, &a, &b)); /* B */
	sbuf_release(&a);
	sbuf_release(&b);
}

/* --- what is not finished --------------------------------------------------------------------- */

static struct sbuf unfinished;

/* "+name" and "-name", without the directory. */
static void
keep_name(const char *path, bool there)
{
	sbuf_printf(&unfinished, "%c%s ", there ? '+' : '-', strrchr(path, '/') + 1);
}

static void
expect_unfinished(const char *says)
{
	store_tell_unfinished(NULL);
	assert_string_equal(sbuf_cstr(&unfinished), says);
	sbuf_release(&unfinished);
}

static void
listen_for_unfinished(void)
{
	sbuf_init(&unfinished, 4096);
	store_tell_unfinished(keep_name);
}

static void
test_unfinished(void **state)
{
	struct fixture *f = *state;
	char path[160];
	const char *name = strrchr(f->path, '/') + 1;
	struct sbuf says;

	sbuf_init(&says, 4096);
	path_in(f, path, sizeof path, "b.db");
	listen_for_unfinished();
	backup(f, path);
	expect_unfinished("+b.db.part -b.db.part ");
	listen_for_unfinished();
	must(restore(f, path), &f->err, "restore");
	sbuf_printf(&says,
	    "+%s.restoring.lock +%s.restoring +kept.db +%s.restoring.part -%s.restoring.part "
	    "-kept.db +kept.db.part -kept.db.part -%s.restoring -%s.restoring.lock ",
	    name, name, name, name, name, name);
	expect_unfinished(sbuf_cstr(&says));
	sbuf_release(&says);
}

/* Somebody's file where ours is to be made: he would have what is in it. */
static void
test_backup_into_anothers(void **state)
{
	struct fixture *f = *state;
	char path[160], part[170], his[160];
	struct stat st;

	path_in(f, path, sizeof path, "b.db");
	path_in(f, his, sizeof his, "his");
	snprintf(part, sizeof part, "%s.part", path);
	must(store_backup(f->s, his, NULL, &f->err), &f->err, "backup");
	assert_int_equal(link(his, part), 0);
	assert_int_equal(store_backup(f->s, path, NULL, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "is not this user's"));
	assert_int_equal(stat(part, &st), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(part), 0);
	must(store_backup(f->s, path, NULL, &f->err), &f->err, "backup");
}

/* Another one's unfinished file is left to him. */
static void
test_two_at_once(void **state)
{
	struct fixture *f = *state;
	char path[160], part[170];
	struct stat st;
	int fd;

	path_in(f, path, sizeof path, "b.db");
	snprintf(part, sizeof part, "%s.part", path);
	fd = open(part, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	listen_for_unfinished();
	assert_int_equal(store_backup(f->s, path, NULL, &f->err), RETRY);
	expect_unfinished("");
	assert_non_null(strstr(f->err.text, "another program"));
	assert_int_equal(stat(part, &st), 0);
	close(fd);
	backup(f, path);
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_backup),
		CASE(test_kinds),
		CASE(test_unfinished),
		CASE(test_two_at_once),
		CASE(test_backup_into_anothers),
		CASE(test_backup_while_others_write),
		CASE(test_restore),
		CASE(test_restore_counts_on),
		CASE(test_restore_keeps_all),
		CASE(test_restore_takes_an_empty_name),
		CASE(test_restore_of_leftovers),
		CASE(test_restore_is_logged),
		CASE(test_restore_while_others_read),
		CASE(test_restore_while_others_write),
		CASE(test_restore_of_none),
		CASE(test_restore_of_newer),
		CASE(test_restore_of_older),
		CASE(test_restore_of_damaged),
		CASE(test_restore_of_moved),
		CASE(test_backups_at_once),
		CASE(test_restore_under_way),
		CASE(test_restores_at_once),
		CASE(test_backup_killed),
		CASE(test_restore_killed),
		CASE(test_restore_killed_at_random),
		CASE(test_little_room),
	};

	if (!is_for_sqlite())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
