/* SPDX-License-Identifier: ISC
 *
 * Whole databases of the embedded engine: copied out, copied in, looked through. Nothing that has a
 * name is ever half written: a copy is made under another name and takes its own when it is
 * complete; what is copied in is one transaction.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/db_sqlite.h"
#include "store/unfinished.h"

enum {
	PAGES = 256,   /* between two looks at the progress */
	TRIES = 10,    /* against somebody who writes all the time */
	WAIT_MS = 5000 /* for somebody who is writing just now */
};

bool
sqlite_is_damaged(const struct db *db)
{
	return db->damaged;
}

bool
sqlite_is_missing(const struct db *db)
{
	struct stat st;

	return stat(db->file.path, &st) != 0 ? errno == ENOENT : st.st_size == 0;
}

const char *
sqlite_path(const struct db *db)
{
	return db->file.path;
}

/* --- steps ------------------------------------------------------------------------------------ */

static void
tell(const struct store_progress *progress, sqlite3_backup *b)
{
	int all = sqlite3_backup_pagecount(b);

	if (progress != NULL && progress->fn != NULL)
		progress->fn(progress->arg, all - sqlite3_backup_remaining(b), all);
}

/* Copy what is left. SQLITE_DONE, or what went wrong. */
static int
copy_pages(sqlite3_backup *b, const struct store_progress *progress)
{
	int rc, waited = 0;

	do {
		rc = sqlite3_backup_step(b, PAGES);
		tell(progress, b);
		if ((rc == SQLITE_BUSY || rc == SQLITE_LOCKED) && waited < WAIT_MS) {
			sqlite3_sleep(10);
			waited += 10;
			rc = SQLITE_OK;
		}
	} while (rc == SQLITE_OK);
	return rc;
}

static int
copy_database(sqlite3 *to, sqlite3 *from, const struct store_progress *progress)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int rc, finished;

	if (b == NULL)
		return sqlite3_extended_errcode(to);
	rc = copy_pages(b, progress);
	finished = sqlite3_backup_finish(b);
	return rc == SQLITE_DONE ? finished : rc;
}

static enum outcome
copy_failed(const char *path, int rc, struct error *err)
{
	return error_set(err, RETRY, "cannot copy to '%s': %s", path, sqlite3_errstr(rc));
}

/* --- a new file ------------------------------------------------------------------------------- */

/* A file that is being made: the lock keeps a second one like us away from it. */
struct part {
	char *path;
	int fd;
};

/* Who had the lock before us may have given the file the name it was made for: then it is finished,
 * and what is locked is that. */
static bool
has_name(const struct part *p)
{
	struct stat ours, there;

	return fstat(p->fd, &ours) == 0 && lstat(p->path, &there) == 0 &&
	       there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

/* One that was left by a process of ours that was killed may be used again. Whoever else put one
 * there would have it open, and it would stay his. -1 with errno, which is EPERM then. */
static int
open_part(const char *path)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = open(path, flags | O_CREAT | O_EXCL, 0600);
	struct stat st;

	if (fd >= 0 || errno != EEXIST)
		return fd;
	fd = open(path, flags);
	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
			  st.st_nlink == 1))
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

static enum outcome
part_begin(struct part *p, const char *path, struct error *err)
{
	p->fd = -1;
	if (asprintf(&p->path, "%s.part", path) < 0) {
		p->path = NULL;
		return error_set(err, RETRY, "no memory");
	}
	p->fd = open_part(p->path);
	if (p->fd < 0 && errno == EPERM)
		return error_set(err, RETRY,
		    "'%s' is there, and is not this user's: move it out of the way", p->path);
	if (p->fd < 0)
		return error_set(err, RETRY, "cannot make '%s': %s", p->path, strerror(errno));
	if (flock(p->fd, LOCK_EX | LOCK_NB) != 0 || !has_name(p)) {
		close(p->fd);
		p->fd = -1; /* so it is left to him */
		return error_set(err, RETRY, "another program is writing '%s'", p->path);
	}
	unfinished_begin(p->path);
	if (fchmod(p->fd, 0600) != 0 || ftruncate(p->fd, 0) != 0)
		return error_set(err, RETRY, "cannot empty '%s': %s", p->path, strerror(errno));
	return FOUND;
}

/* A log beside PATH is of what had that name before, or of somebody who was killed: it would be
 * read into what gets the name now. */
static bool
drop_log(const char *path)
{
	static const char *const ends[] = { "-wal", "-journal" };
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof ends / sizeof ends[0]; i++) {
		char *log;

		ok = asprintf(&log, "%s%s", path, ends[i]) >= 0;
		if (!ok)
			break;
		ok = unlink(log) == 0 || errno == ENOENT;
		free(log);
	}
	return ok;
}

static enum outcome
part_end(struct part *p, const char *path, bool keep, struct error *err)
{
	enum outcome o = FOUND;

	/* NOLINTBEGIN(clang-analyzer-core.NonNullParamChecker): what is kept has a path */
	if (keep && (fsync(p->fd) != 0 || !drop_log(path) || rename(p->path, path) != 0 ||
			!db_file_sync_name(path)))
		/* NOLINTEND(clang-analyzer-core.NonNullParamChecker) */
		o = error_set(err, RETRY, "cannot write '%s': %s", path, strerror(errno));
	if ((!keep || o != FOUND) && p->fd >= 0 && p->path != NULL)
		unlink(p->path);
	if (p->fd >= 0 && p->path != NULL)
		unfinished_end(p->path);
	if (p->fd >= 0)
		close(p->fd);
	free(p->path);
	return o;
}

/* The copy is one file, of the old kind of journal, and needs nothing beside it. */
static int
make_single(sqlite3 *sq)
{
	return sqlite3_exec(sq, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
}

static int
check_copy(sqlite3 *sq)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sq, "PRAGMA integrity_check(1)", -1, &st, NULL);
	const char *text = NULL;
	bool whole;

	if (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(st, 0);
		rc = text == NULL ? SQLITE_NOMEM : SQLITE_OK;
	}
	whole = text != NULL && strcmp(text, "ok") == 0;
	sqlite3_finalize(st);
	return whole ? SQLITE_OK : rc != SQLITE_OK ? rc : SQLITE_CORRUPT;
}

/* From the beginning, through a connection that has seen nothing of it. */
static int
read_through(const char *path)
{
	sqlite3 *sq = NULL;
	int rc = sqlite3_open_v2(path, &sq, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = check_copy(sq);
	sqlite3_close(sq);
	return rc;
}

enum outcome
db_is_whole(const char *path, struct error *err)
{
	int rc = read_through(path);

	if (rc == SQLITE_OK)
		return FOUND;
	if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
		return error_set(err, BAD, "'%s' is not whole (%s)", path, sqlite3_errstr(rc));
	return error_set(err, RETRY, "cannot read '%s': %s", path, sqlite3_errstr(rc));
}

static enum outcome
verify(const char *path, const char *name, struct error *err)
{
	int rc = read_through(path);

	if (rc == SQLITE_OK)
		return FOUND;
	return error_set(err, RETRY,
	    "the copy '%s' is not whole (%s): look at the store with `vmailctl check`", name,
	    sqlite3_errstr(rc));
}

static enum outcome
fill_part(sqlite3 *from, const char *part, const struct store_progress *progress, struct error *err)
{
	static const char quick[] = "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF";
	sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(part, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(to, quick, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = copy_database(to, from, progress);
	if (rc == SQLITE_OK)
		rc = make_single(to);
	sqlite3_close(to);
	return rc == SQLITE_OK ? FOUND : copy_failed(part, rc, err);
}

/* The view that FROM holds keeps the copy of one moment; without it, every write of somebody else
 * would make it begin anew. */
static enum outcome
copy_out(struct db *from, const char *path, bool whole, const struct store_progress *progress,
    struct error *err)
{
	struct part part;
	enum outcome o = part_begin(&part, path, err);

	if (o == FOUND)
		o = fill_part(from->sq, part.path, progress, err);
	if (o == FOUND && whole)
		o = verify(part.path, path, err);
	return part_end(&part, path, o == FOUND, o == FOUND ? err : NULL) == FOUND ? o : RETRY;
}

enum outcome
sqlite_copy_out(
    struct db *from, const char *path, const struct store_progress *progress, struct error *err)
{
	int64_t version;
	enum outcome o = db_begin(from, DB_READ, err);

	/* what takes the view */
	if (o == FOUND)
		o = db_number(from, "PRAGMA user_version", &version, err);
	if (o == FOUND)
		o = copy_out(from, path, true, progress, err);
	db_rollback(from);
	return o;
}

/* --- into a database that is in use -------------------------------------------------------------
 */

/* What was there is kept. *SEEN: how far that goes, as this connection counts. */
static enum outcome
keep_old(struct db *db, const struct db_intake *in, int64_t *seen, struct error *err)
{
	int64_t version;
	enum outcome o = db_begin(db, DB_READ, err);

	if (o == FOUND)
		o = db_number(db, "PRAGMA user_version", &version, err);
	if (o == FOUND)
		o = db_number(db, "PRAGMA data_version", seen, err);
	if (o == FOUND)
		o = copy_out(db, in->keep, false, NULL, err);
	if (o == FOUND)
		o = in->ready(in->arg, db, err);
	db_rollback(db);
	return o;
}

/* Has anybody written since? To be asked when nobody can any more. */
static enum outcome
is_as_seen(struct db *db, int64_t seen, bool *same, struct error *err)
{
	int64_t now = 0;
	enum outcome o = db_number(db, "PRAGMA data_version", &now, err);

	*same = o == FOUND && now == seen;
	return o;
}

/* The first step takes the lock; the rest follows only if nobody was faster. */
static enum outcome
put_in(struct db *db, sqlite3 *to, sqlite3 *from, int64_t seen, bool *same,
    const struct store_progress *progress, struct error *err)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int rc = b != NULL ? sqlite3_backup_step(b, 1) : sqlite3_extended_errcode(to);
	enum outcome o = FOUND;
	int finished;

	for (int waited = 0; rc == SQLITE_BUSY && waited < WAIT_MS; waited += 10) {
		sqlite3_sleep(10);
		rc = sqlite3_backup_step(b, 1);
	}
	if (rc == SQLITE_OK || rc == SQLITE_DONE)
		o = is_as_seen(db, seen, same, err);
	if (rc == SQLITE_OK && o == FOUND && *same)
		rc = copy_pages(b, progress);
	/* a backup of one page is done with its first step */
	finished = b != NULL ? sqlite3_backup_finish(b) : SQLITE_OK;
	if (o != FOUND || (!*same && (rc == SQLITE_OK || rc == SQLITE_DONE)))
		return o;
	if (rc == SQLITE_DONE)
		rc = finished;
	return rc == SQLITE_OK ? FOUND : copy_failed(db->file.path, rc, err);
}

static enum outcome
copy_in(struct db *db, sqlite3 *from, const struct db_intake *in,
    const struct store_progress *progress, struct error *err)
{
	sqlite3 *to = NULL;
	enum outcome o = FOUND;
	bool same = false;
	int64_t seen;
	int rc =
	    sqlite3_open_v2(db->file.path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	/* this reads the file, and those who ask may just be beginning a log for it anew; the
	 * copying waits for others by itself */
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(to, WAIT_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(to, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(to, 0);
	if (rc != SQLITE_OK)
		o = copy_failed(db->file.path, rc, err);
	for (int i = 0; o == FOUND && !same && i < TRIES; i++) {
		o = keep_old(db, in, &seen, err);
		if (o == FOUND)
			o = put_in(db, to, from, seen, &same, progress, err);
	}
	sqlite3_close(to);
	/* of a store that nobody has touched it is only in the way */
	if (!same)
		unlink(in->keep);
	if (o == FOUND && !same)
		o = error_set(err, RETRY,
		    "others write to the store '%s' all the time: nothing was changed, try again",
		    db->file.path);
	return o;
}

enum outcome
sqlite_copy_in(struct db *db, const struct db_intake *in, const struct store_progress *progress,
    struct error *err)
{
	sqlite3 *from = NULL;
	enum outcome o;
	int rc = sqlite3_open_v2(in->path, &from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

	o = rc == SQLITE_OK ? copy_in(db, from, in, progress, err) : copy_failed(in->path, rc, err);
	sqlite3_close(from);
	return o;
}

/* --- in place of a database that is none --------------------------------------------------------
 */

/* The log goes with its file, under the name that SQLite would look for; but behind it: there is
 * never a file without its log. */
static bool
move_away(const struct db *db, const char *keep)
{
	char *log;
	bool ok = asprintf(&log, "%s-wal", keep) >= 0;

	if (!ok)
		return false;
	ok =
	    rename(db->file.path, keep) == 0 && (rename(db->file.wal, log) == 0 || errno == ENOENT);
	free(log);
	return ok;
}

/* An empty file has nothing to keep, and no log: such a one is another's. */
static enum outcome
put_away(struct db *db, const char *keep, struct error *err)
{
	if (sqlite_is_missing(db))
		return db_file_put_aside(&db->file, err);
	if (move_away(db, keep) && (unlink(db->file.shm) == 0 || errno == ENOENT))
		return FOUND;
	return error_set(
	    err, RETRY, "cannot move '%s' out of the way: %s", db->file.path, strerror(errno));
}

/* The new file is for whom the old one was, or its directory. Others may write in that, and could
 * put another file, or a way to one, in its place: what is handed over is a file with one name. */
static bool
hand_over(struct db *db, const char *path)
{
	struct stat to, st;
	mode_t mode = 0660;
	bool ok;
	int fd;

	if (stat(db->file.path, &to) == 0)
		mode = to.st_mode & 07777;
	else if (stat(db->file.dir, &to) != 0)
		return false;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	     (fchown(fd, to.st_uid, to.st_gid) == 0 || geteuid() != 0) && fchmod(fd, mode) == 0;
	close(fd);
	return ok;
}

enum outcome
sqlite_replace(struct db *db, const char *path, const char *keep, struct error *err)
{
	enum outcome o;
	int lock = db_file_lock(&db->file, err);

	if (lock < 0)
		return RETRY;
	o = hand_over(db, path)
		? put_away(db, keep, err)
		: error_set(err, RETRY, "cannot hand over '%s': %s", path, strerror(errno));
	if (o == FOUND && (rename(path, db->file.path) != 0 || !db_file_sync_name(db->file.path)))
		o = error_set(
		    err, RETRY, "cannot put '%s' in place: %s", db->file.path, strerror(errno));
	close(lock);
	return o;
}

/* --- looking through ----------------------------------------------------------------------------
 */

/* Ask one of SQLite's own checks; a row with nothing but "ok" is none. */
static enum outcome
ask_check(
    struct db *db, const char *sql, bool keys, db_trouble_fn *fn, void *arg, struct error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->sq, sql, -1, &st, NULL);
	bool more = true;

	while (rc == SQLITE_OK && more && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		rc = SQLITE_OK;
		if (text == NULL || (!keys && strcmp(text, "ok") == 0))
			continue;
		more = keys
			   ? fn(arg, slice_str(text), slice_str("leads to a row that is not there"))
			   : fn(arg, slice_str("file"), slice_str(text));
	}
	if (rc != SQLITE_DONE && rc != SQLITE_OK) {
		db_failed(db, rc, err);
		sqlite3_finalize(st);
		return RETRY;
	}
	sqlite3_finalize(st);
	return FOUND;
}

enum outcome
sqlite_integrity(struct db *db, db_trouble_fn *fn, void *arg, struct error *err)
{
	enum outcome o = ask_check(db, "PRAGMA integrity_check", false, fn, arg, err);

	return o == FOUND ? ask_check(db, "PRAGMA foreign_key_check", true, fn, arg, err) : o;
}
