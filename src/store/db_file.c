/* SPDX-License-Identifier: ISC
 *
 * Files around an embedded database. Never opens an existing database file: closing it again would
 * drop the locks that SQLite holds on it in this process.
 */
#include "store/db_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

static bool
absolute(char **out, const char *path)
{
	char cwd[PATH_MAX];

	if (path[0] == '/') {
		*out = strdup(path);
		return *out != NULL;
	}
	if (getcwd(cwd, sizeof cwd) == NULL)
		return false;
	if (asprintf(out, "%s/%s", cwd, path) < 0)
		*out = NULL;
	return *out != NULL;
}

/* "/a/b" lies in "/a", and "/a" in "/". */
static void
cut_name(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path ? 1 : 0] = '\0';
}

bool
db_file_init(struct db_file *f, const char *path)
{
	*f = (struct db_file){ .watch = -1, .watched = -1 };
	if (!absolute(&f->path, path))
		return false;
	f->dir = strdup(f->path);
	if (asprintf(&f->wal, "%s-wal", f->path) < 0)
		f->wal = NULL;
	if (asprintf(&f->shm, "%s-shm", f->path) < 0)
		f->shm = NULL;
	if (f->dir == NULL || f->wal == NULL || f->shm == NULL) {
		db_file_release(f);
		return false;
	}
	cut_name(f->dir);
	return true;
}

void
db_file_release(struct db_file *f)
{
	free(f->path);
	free(f->dir);
	free(f->wal);
	free(f->shm);
	if (f->watch >= 0)
		close(f->watch);
	*f = (struct db_file){ .watch = -1, .watched = -1 };
}

/* --- which file it is ------------------------------------------------------------------------- */

static struct file_id
id_of(const struct stat *st)
{
	return (struct file_id){ .known = true,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.written = st->st_mtim };
}

static struct file_id
id_at(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? id_of(&st) : (struct file_id){ .known = false };
}

static bool
is_same(struct file_id a, struct file_id b)
{
	return a.known && b.known && a.dev == b.dev && a.ino == b.ino;
}

bool
db_file_is_same(const struct db_file *f)
{
	struct stat st;

	return stat(f->path, &st) == 0 && st.st_size > 0 && is_same(f->id, id_of(&st));
}

/* Watch the directory for names, and those above it for their own: each of them can be moved. */
static bool
watch_directories(const struct db_file *f)
{
	char path[PATH_MAX];
	char *slash;

	if (inotify_add_watch(f->watch, f->dir,
		IN_MOVE | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF) < 0)
		return false;
	/* they are found by their names: a link that leads elsewhere tomorrow would tell nobody */
	if (realpath(f->path, path) == NULL || strcmp(path, f->path) != 0)
		return false;
	snprintf(path, sizeof path, "%s", f->dir);
	while ((slash = strrchr(path, '/')) != NULL && slash != path) {
		*slash = '\0';
		if (inotify_add_watch(f->watch, path, IN_MOVE_SELF) < 0)
			return false;
	}
	return true;
}

/* What is watched is the inode: whenever it is another one, anew. */
void
db_file_watch(struct db_file *f)
{
	if (f->watch < 0)
		f->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (f->watch < 0)
		return;
	if (f->watched >= 0)
		inotify_rm_watch(f->watch, f->watched);
	f->watched = -1;
	if (watch_directories(f))
		f->watched = inotify_add_watch(
		    f->watch, f->path, IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
	f->disturbed = true; /* by what happened before */
}

int
db_file_watched(const struct db_file *f)
{
	return f->watch;
}

void
db_file_stir(struct db_file *f)
{
	char events[4096];

	while (f->watch >= 0 && read(f->watch, events, sizeof events) > 0)
		f->disturbed = true;
}

bool
db_file_is_restless(const struct db_file *f)
{
	return f->watch < 0 || f->watched < 0 || f->disturbed;
}

void
db_file_look(struct db_file *f)
{
	f->disturbed = false;
	f->missing = stat(f->path, &f->now) == 0 ? 0 : errno;
}

bool
db_file_is_taken(const struct db_file *f)
{
	struct file_id now = id_of(&f->now);

	if (f->shm_id.known && !is_same(f->shm_id, id_at(f->shm)))
		return false;
	return f->missing == 0 && is_same(f->id, now) && now.size > 0 && now.size >= f->id.size;
}

bool
db_file_is_written(const struct db_file *f)
{
	struct file_id now = id_of(&f->now);

	return now.size != f->id.size || now.written.tv_sec != f->id.written.tv_sec ||
	       now.written.tv_nsec != f->id.written.tv_nsec;
}

void
db_file_accept(struct db_file *f)
{
	f->id = id_of(&f->now);
}

void
db_file_note(struct db_file *f)
{
	f->wal_id = id_at(f->wal);
	f->shm_id = id_at(f->shm);
}

/* --- what others left ------------------------------------------------------------------------- */

/* It is never waited for: a lookup has no time for that. */
int
db_file_lock(const struct db_file *f, struct error *err)
{
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		error_set(
		    err, RETRY, "cannot open the directory '%s': %s", f->dir, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		error_set(err, RETRY, "another program is making a store in '%s' just now", f->dir);
		close(fd);
		return -1;
	}
	return fd;
}

bool
db_file_has_log(const struct db_file *f)
{
	struct stat st;

	return stat(f->wal, &st) == 0 || stat(f->shm, &st) == 0;
}

enum outcome
db_file_put_aside(const struct db_file *f, struct error *err)
{
	char name[PATH_MAX];
	struct stat st;

	if (stat(f->wal, &st) == 0) {
		snprintf(name, sizeof name, "%s.left-%llu", f->wal, (unsigned long long)st.st_ino);
		if ((st.st_size > 0 ? rename(f->wal, name) : unlink(f->wal)) != 0)
			return error_set(err, RETRY,
			    "'%s' belongs to a store that is gone: move it away (%s)", f->wal,
			    strerror(errno));
	}
	if (unlink(f->shm) != 0 && errno != ENOENT)
		return error_set(err, RETRY, "'%s' belongs to a store that is gone: remove it (%s)",
		    f->shm, strerror(errno));
	return FOUND;
}

/* Another process may have been here before us, so look again under the lock whether what lies
 * there is still the old file's. */
static enum outcome
put_old_aside(const struct db_file *f, struct error *err)
{
	enum outcome o = FOUND;
	int lock = db_file_lock(f, err);

	if (lock < 0)
		return RETRY;
	if (is_same(f->wal_id, id_at(f->wal)) || is_same(f->shm_id, id_at(f->shm)))
		o = db_file_put_aside(f, err);
	close(lock);
	return o;
}

bool
db_file_sync_name(const char *path)
{
	char *dir = strdup(path);
	char *slash = dir != NULL ? strrchr(dir, '/') : NULL;
	bool ok;
	int fd = -1;

	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	if (dir != NULL)
		fd = open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	free(dir);
	return ok;
}

/* --- using it --------------------------------------------------------------------------------- */

static enum outcome
explain_missing(const struct db_file *f, int code, struct error *err)
{
	if (code == ENOENT || code == ENOTDIR)
		return error_set(err, RETRY,
		    "there is no store at '%s': make one with `vmailctl init`", f->path);
	if (code == EACCES)
		return error_set(err, RETRY,
		    "not allowed to enter '%s': be root, or in the group of that directory",
		    f->dir);
	return error_set(err, RETRY, "cannot reach '%s': %s", f->path, strerror(code));
}

static enum outcome
check_access(const struct db_file *f, bool write, struct error *err)
{
	if (faccessat(AT_FDCWD, f->path, write ? R_OK | W_OK : R_OK, AT_EACCESS) == 0)
		return FOUND;
	if (errno == EROFS)
		return error_set(err, RETRY, "'%s' is on a read-only file system", f->path);
	return error_set(err, RETRY,
	    "not allowed to %s '%s': be root, or in the group of that file",
	    write ? "write" : "read", f->path);
}

enum outcome
db_file_take(struct db_file *f, bool write, struct error *err)
{
	enum outcome o;

	if (f->missing != 0)
		return explain_missing(f, f->missing, err);
	if (S_ISDIR(f->now.st_mode))
		return error_set(err, RETRY,
		    "'%s' is a directory: name the file in it, like '%s/vmail.db'", f->path,
		    f->path);
	if (!S_ISREG(f->now.st_mode))
		return error_set(err, RETRY, "'%s' is no file", f->path);
	o = check_access(f, write, err);
	if (o != FOUND)
		return o;
	/* also of one with nothing in it yet: when it is written nobody is told */
	if (f->id.known && !is_same(f->id, id_of(&f->now))) {
		o = put_old_aside(f, err);
		if (o != FOUND)
			return o;
	}
	if (f->now.st_size == 0)
		return error_set(err, NONE,
		    "'%s' is empty: restore it, or make a new store with `vmailctl init`", f->path);
	f->id = id_of(&f->now);
	return FOUND;
}

/* --- making it -------------------------------------------------------------------------------- */

static enum outcome
hand_over(int fd, const char *path, mode_t mode, int owner, int group, struct error *err)
{
	if ((owner != -1 || group != -1) && fchown(fd, (uid_t)owner, (gid_t)group) != 0)
		return error_set(err, RETRY, "cannot hand '%s' to user %d, group %d: %s", path,
		    owner, group, strerror(errno));
	if (fchmod(fd, mode) != 0)
		return error_set(
		    err, RETRY, "cannot set the mode of '%s': %s", path, strerror(errno));
	return FOUND;
}

/* The group's files stay the group's (setgid): root and the daemon cannot lock each other out. */
static enum outcome
create_directory(const struct db_file *f, int owner, int group, struct error *err)
{
	enum outcome o;
	int fd;

	if (mkdir(f->dir, 0700) != 0) {
		if (errno == EEXIST)
			return FOUND;
		return error_set(
		    err, RETRY, "cannot make the directory '%s': %s", f->dir, strerror(errno));
	}
	fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(
		    err, RETRY, "cannot open the directory '%s': %s", f->dir, strerror(errno));
	o = hand_over(fd, f->dir, 02770, owner, group, err);
	close(fd);
	/* SQLite sees to the names in it, and nobody else to its own */
	if (o == FOUND && !db_file_sync_name(f->dir))
		o = error_set(err, RETRY, "cannot write the directory above '%s': %s", f->dir,
		    strerror(errno));
	if (o != FOUND)
		rmdir(f->dir);
	return o;
}

static enum outcome
create_file(const struct db_file *f, int owner, int group, bool *made, struct error *err)
{
	int fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	enum outcome o;

	if (fd < 0 && errno == EEXIST)
		return FOUND;
	if (fd < 0)
		return error_set(err, RETRY, "cannot make '%s': %s", f->path, strerror(errno));
	o = hand_over(fd, f->path, 0660, owner, group, err);
	close(fd);
	*made = o == FOUND;
	if (o != FOUND)
		unlink(f->path);
	return o;
}

enum outcome
db_file_create(struct db_file *f, int owner, int group, db_file_fn *fn, void *arg, bool *made,
    struct error *err)
{
	struct stat st;
	enum outcome o = create_directory(f, owner, group, err);
	int lock;

	*made = false;
	if (o != FOUND)
		return o;
	lock = db_file_lock(f, err);
	if (lock < 0)
		return RETRY;
	o = create_file(f, owner, group, made, err);
	if (o == FOUND && stat(f->path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0) {
		/* an empty file has no changes under way: these were another's */
		o = db_file_put_aside(f, err);
		if (o == FOUND)
			o = fn(arg, err);
	}
	close(lock);
	return o;
}
