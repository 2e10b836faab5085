/* SPDX-License-Identifier: ISC
 *
 * Backups of whole stores, and bringing one back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/copy.h"
#include "store/handle.h"
#include "store/keep.h"
#include "store/unfinished.h"

enum outcome
store_backup(
    struct store *s, const char *path, const struct store_progress *progress, struct error *err)
{
	enum outcome o;

	db_arm(s->db);
	o = db_connect(s->db, err);
	if (o == FOUND)
		o = db_copy_out(s->db, path, progress, err);
	return o == FOUND ? FOUND : RETRY;
}

/* --- a copy of the backup, made ready -----------------------------------------------------------
 */

/* What is to be brought back, beside the store it goes to: nothing is done to the backup itself. */
struct stage {
	char *path;
	const char *from;
	const struct store_actor *actor;
	struct db *db;
	int64_t last; /* the change that says that it was brought back; 0: not yet */
};

static enum outcome
log_end(struct db *db, int64_t *last, struct error *err)
{
	struct db_stmt *st = db_prepare(db, Q_log_end);
	enum outcome o = db_step(st, err);

	if (o == FOUND)
		*last = db_int(st, 0);
	db_reset(st);
	return o == NONE ? RETRY : o;
}

static enum outcome
write_note(struct stage *stage, int64_t behind, struct error *err)
{
	struct db_stmt *st = db_prepare(stage->db, Q_log_restore);

	db_bind_int(st, 1, time(NULL));
	db_bind_text(st, 2, slice_str(stage->actor->who));
	db_bind_text(st, 3, slice_str(stage->from));
	db_bind_int(st, 4, behind);
	return db_run(st, NULL, err);
}

/* The log of the store that comes back says when that was, in a line behind the change BEHIND. */
static enum outcome
note_restore(struct stage *stage, int64_t behind, struct error *err)
{
	enum outcome o = db_begin(stage->db, DB_WRITE, err);

	if (o == FOUND && stage->last > 0)
		o = db_run(db_prepare(stage->db, Q_log_unrestore), NULL, err);
	if (o == FOUND)
		o = write_note(stage, behind, err);
	if (o == FOUND)
		o = log_end(stage->db, &stage->last, err);
	if (o == FOUND)
		o = db_commit(stage->db, err);
	db_rollback(stage->db);
	return o;
}

/* Look at the file alone. Nothing is open, so no lock goes with it. */
static enum outcome
check_file(const char *from, struct error *err)
{
	char head[STORE_HEAD];
	int fd = open(from, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, head, sizeof head) : -1;
	int why = errno;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return error_set(err, RETRY, "cannot read the backup '%s': %s; nothing was changed",
		    from, strerror(why));
	if (n == 0)
		return error_set(
		    err, BAD, "'%s' is empty, and no backup: nothing was changed", from);
	if (store_file_of(slice_of(head, (size_t)n)) == STORE_FILE_OTHER)
		return error_set(
		    err, BAD, "'%s' is no backup of a store: nothing was changed", from);
	return FOUND;
}

static enum outcome
say_damaged(const char *from, struct error *err)
{
	return error_set(
	    err, BAD, "the backup '%s' is damaged: nothing was changed, take another one", from);
}

static enum outcome
open_backup(struct db **out, const char *from, struct error *err)
{
	enum outcome o = check_file(from, err);

	*out = o == FOUND ? db_new(from, STORE_LOGIN) : NULL;
	if (o != FOUND)
		return o;
	if (*out == NULL)
		return error_set(err, RETRY, "no memory");
	db_arm(*out);
	o = db_connect(*out, err);
	if (o == RETRY && db_is_damaged(*out))
		o = say_damaged(from, err);
	else if (o == BAD || o == NONE)
		o = error_set(err, BAD,
		    "'%s' is the database of another program, and no backup of a store: nothing "
		    "was changed",
		    from);
	return o;
}

static enum outcome
stage_fill(struct stage *stage, const struct store_progress *progress, struct error *err)
{
	struct db *backup;
	enum outcome o = open_backup(&backup, stage->from, err);

	if (o == FOUND)
		o = db_copy_out(backup, stage->path, progress, err);
	db_free(backup);
	return o;
}

/* Whoever leaves last brings the log into the file, if there is room: moved without it, the file
 * would be a damaged store. */
static enum outcome
stage_close(struct stage *stage, enum outcome o, struct error *err)
{
	struct stat st;
	char *log;

	db_free(stage->db);
	if (o != FOUND)
		return o;
	if (asprintf(&log, "%s-wal", stage->path) < 0)
		return error_set(err, RETRY, "no memory");
	if (stat(log, &st) == 0 && st.st_size > 0)
		o = error_set(err, RETRY,
		    "could not write all of '%s': look whether the disk is full", stage->path);
	free(log);
	return o;
}

static enum outcome
stage_open(struct stage *stage, struct error *err)
{
	stage->db = db_new(stage->path, STORE_ADMIN);
	if (stage->db == NULL)
		return error_set(err, RETRY, "no memory");
	db_arm(stage->db);
	return db_connect(stage->db, err);
}

static enum outcome
stage_make_ready(struct stage *stage, struct error *err)
{
	enum outcome o = stage_open(stage, err);

	if (o == FOUND)
		o = bring_up(stage->db, err);
	if (o == FOUND)
		o = note_restore(stage, 0, err);
	return stage_close(stage, o, err);
}

/* Who follows a log, or has written a number down, must not meet another change under it: the
 * numbers go on behind those of the store that goes. If it cannot be read it has none to keep. */
static enum outcome
stage_renumber(void *arg, struct db *db, struct error *err)
{
	struct stage *stage = arg;
	int64_t last = 0;
	enum outcome o;

	if (log_end(db, &last, NULL) != FOUND || last < stage->last)
		return FOUND;
	o = stage_open(stage, err);
	if (o == FOUND)
		o = note_restore(stage, last, err);
	db_free(stage->db);
	stage->db = NULL;
	return o;
}

static void
stage_remove(struct stage *stage)
{
	static const char *const beside[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
		char *name;

		if (asprintf(&name, "%s%s", stage->path, beside[i]) < 0)
			continue;
		unlink(name);
		free(name);
	}
	unfinished_end(stage->path);
}

/* --- only looking -----------------------------------------------------------------------------
 */

static enum outcome
look_inside(struct db *db, int *version, struct store_counts *out, struct error *err)
{
	struct db_stmt *st;
	enum outcome o = db_version(db, version, err);

	if (o == FOUND && *version > db_version_built())
		o = error_set(err, RETRY,
		    "the backup's schema is of version %d, this program knows up to %d: it was "
		    "made by a newer vmaild, use that one",
		    *version, db_version_built());
	if (o != FOUND)
		return o;
	st = db_prepare(db, Q_counts);
	o = db_step(st, err);
	if (o == FOUND)
		*out = (struct store_counts){ db_int(st, 0), db_int(st, 1), db_int(st, 2) };
	db_reset(st);
	return o == NONE ? RETRY : o;
}

enum outcome
store_look(const char *from, int *version, struct store_counts *out, struct error *err)
{
	struct db *db;
	enum outcome o = open_backup(&db, from, err);

	if (o == FOUND) {
		o = db_is_whole(from, err);
		if (o == BAD)
			o = say_damaged(from, err);
	}
	if (o == FOUND)
		o = db_begin(db, DB_READ, err);
	if (o == FOUND)
		o = look_inside(db, version, out, err);
	if (db != NULL)
		db_rollback(db);
	db_free(db);
	return o;
}

/* --- bringing it back ---------------------------------------------------------------------------
 */

/* A store that is in use takes it as one transaction; where there is none, it is the store. */
static enum outcome
put_in_place(struct db *db, struct stage *stage, const char *keep,
    const struct store_progress *progress, struct error *err)
{
	const struct db_intake in = { stage->path, keep, stage_renumber, stage };
	enum outcome o;

	db_arm(db);
	o = db_connect(db, err);
	if (o == FOUND)
		return db_copy_in(db, &in, progress, err);
	if (o == BAD || !(db_is_missing(db) || db_is_damaged(db)))
		return o;
	/* for a moment it is all there is */
	unfinished_end(stage->path);
	return db_replace(db, stage->path, keep, err);
}

static bool
is_file(const char *file, const char *path, const char *end)
{
	struct stat x, y;
	char *name;
	bool same;

	if (asprintf(&name, "%s%s", path, end) < 0)
		return true; /* rather than overwrite it */
	same = stat(file, &x) == 0 && stat(name, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
	free(name);
	return same;
}

/* What a restore works with it overwrites: these are of one that was killed. */
static enum outcome
check_from(const char *from, const char *stage, const char *keep, struct error *err)
{
	if (is_file(from, stage, "") || is_file(from, stage, ".part") ||
	    is_file(from, keep, ".part"))
		return error_set(err, BAD,
		    "'%s' is what a restore that was interrupted has left, and this one would "
		    "overwrite it: give it another name first",
		    from);
	return FOUND;
}

static enum outcome
restore_alone(struct db *db, struct stage *stage, const char *keep,
    const struct store_progress *progress, struct error *err)
{
	enum outcome o = check_from(stage->from, stage->path, keep, err);

	if (o != FOUND)
		return o;
	unfinished_begin(stage->path);
	unfinished_begin(keep);
	o = stage_fill(stage, progress, err);
	if (o == FOUND)
		o = stage_make_ready(stage, err);
	unfinished_end(keep); /* from here on it may be all there is */
	if (o == FOUND)
		o = put_in_place(db, stage, keep, progress, err);
	stage_remove(stage);
	return o;
}

/* Whether the store became another one at the very end, nobody knows then. */
static enum outcome
tell_kept(enum outcome o, const char *kept, struct error *err)
{
	struct error why;

	if (o == FOUND || kept == NULL || err == NULL)
		return o;
	why = *err;
	return error_set(err, o, "%s; what was there is kept in '%s'", why.text, kept);
}

static enum outcome
restore(struct db *db, const char *from, const char *keep, char **kept,
    const struct store_actor *actor, const struct store_progress *progress, struct error *err)
{
	struct stage stage = { .from = from, .actor = actor };
	struct keep_lock lock;
	enum outcome o;

	if (asprintf(&stage.path, "%s.restoring", db_path(db) != NULL ? db_path(db) : keep) < 0)
		return error_set(err, RETRY, "no memory");
	o = keep_lock(&lock, stage.path, err);
	if (o == FOUND)
		o = keep_begin(kept, keep, err);
	if (o == FOUND)
		o = restore_alone(db, &stage, *kept, progress, err);
	*kept = keep_end(*kept);
	keep_unlock(&lock);
	free(stage.path);
	return tell_kept(o, *kept, err);
}

enum outcome
store_restore(const char *uri, const char *from, const char *keep, const struct store_actor *actor,
    const struct store_progress *progress, char **kept, struct error *err)
{
	struct db *db;
	enum outcome o = db_check_uri(uri, err);

	*kept = NULL;
	if (o != FOUND)
		return o;
	db = db_new(uri, STORE_ADMIN);
	if (db == NULL)
		return error_set(err, RETRY, "no memory");
	o = restore(db, from, keep, kept, actor, progress, err);
	db_free(db);
	return o;
}

char *
store_keep_name(const char *keep)
{
	return keep_name(keep);
}
