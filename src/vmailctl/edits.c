/* SPDX-License-Identifier: ISC
 *
 * A file is replaced by renaming a new one over it, written to disk before: whoever reads it sees
 * the old or the new.
 */
#include "vmailctl/edits.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmailctl/host.h"
#include "vmailctl/remains.h"

enum { FILE_MAX = 4 << 20, NAME_TRIES = 100 };

void
edits_init(struct edits *e)
{
	memset(e, 0, sizeof *e);
}

void
edits_release(struct edits *e)
{
	for (size_t i = 0; i < e->n; i++) {
		sbuf_release(&e->edit[i].old);
		sbuf_release(&e->edit[i].now);
	}
	e->n = 0;
}

/* --- reading ------------------------------------------------------------------------------------
 */

static bool
read_all(struct sbuf *out, int fd)
{
	char *room;
	ssize_t n;

	do {
		room = sbuf_room(out, 4096);
		n = room != NULL ? read(fd, room, 4096) : -1;
		if (n > 0) {
			out->n += (size_t)n;
			out->p[out->n] = '\0';
		}
	} while (n > 0);
	return n == 0;
}

bool
edits_read(struct sbuf *out, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	sbuf_clear(out);
	ok = read_all(out, fd);
	close(fd);
	return ok;
}

static enum outcome
load(struct edit *edit, bool new, struct error *err)
{
	int fd = open(edit->path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0 && errno == ENOENT && new) {
		edit->is_new = true;
		return FOUND;
	}
	if (fd < 0)
		return error_set(err, RETRY, "cannot read '%s': %s", edit->path, strerror(errno));
	ok = fstat(fd, &edit->st) == 0 && read_all(&edit->old, fd);
	close(fd);
	if (!ok || !sbuf_add_slice(&edit->now, sbuf_slice(&edit->old)))
		return error_set(err, RETRY, "cannot read '%s': %s", edit->path, strerror(errno));
	return FOUND;
}

/* A link is left a link: what it leads to is changed. */
static bool
resolve(char out[EDIT_PATH_MAX], const char *path)
{
	char *real = realpath(path, NULL);
	bool ok =
	    (size_t)snprintf(out, EDIT_PATH_MAX, "%s", real != NULL ? real : path) < EDIT_PATH_MAX;

	free(real);
	return ok;
}

struct edit *
edits_open(struct edits *e, const char *path, bool new, struct error *err)
{
	struct edit *edit = &e->edit[e->n];

	if (e->n == EDITS_MAX || !resolve(edit->path, path)) {
		error_set(err, RETRY, "cannot change '%s': its path is too long", path);
		return NULL;
	}
	for (size_t i = 0; i < e->n; i++)
		if (strcmp(e->edit[i].path, edit->path) == 0)
			return &e->edit[i];
	sbuf_init(&edit->old, FILE_MAX);
	sbuf_init(&edit->now, FILE_MAX);
	e->n++;
	return load(edit, new, err) == FOUND ? edit : NULL;
}

bool
edit_is_change(const struct edit *edit)
{
	return !slice_eq(sbuf_slice(&edit->old), sbuf_slice(&edit->now));
}

size_t
edits_count(const struct edits *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++)
		n += edit_is_change(&e->edit[i]);
	return n;
}

/* --- showing ------------------------------------------------------------------------------------
 */

static bool
write_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno != EINTR)
			return false;
		s = slice_tail(s, n > 0 ? (size_t)n : 0);
	}
	return true;
}

static bool
put_aside(char path[32], struct slice text)
{
	int fd;
	bool ok;

	memcpy(path, "/tmp/vmailctl-XXXXXX", sizeof "/tmp/vmailctl-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return false;
	ok = write_all(fd, text);
	close(fd);
	return ok;
}

void
edit_put_diff(struct sbuf *out, const struct edit *edit)
{
	char old[32] = "", now[32] = "";
	const char *argv[] = { "diff", "-u", "-L", edit->is_new ? "/dev/null" : edit->path, "-L",
		edit->path, old, now, NULL };
	size_t before = out->n;

	remains_hold(true);
	if (!put_aside(old, sbuf_slice(&edit->old)) || !put_aside(now, sbuf_slice(&edit->now)) ||
	    host_run(out, NULL, argv) != 1) {
		sbuf_truncate(out, before);
		sbuf_printf(
		    out, "--- %s\n(diff(1) cannot be run to show the change)\n", edit->path);
	}
	unlink(old);
	unlink(now);
	remains_hold(false);
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* The directory knows of the new name only when it is on disk itself. */
static void
sync_directory(const char *path)
{
	char copy[EDIT_PATH_MAX + 64];
	int fd;

	snprintf(copy, sizeof copy, "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* Make the file PATH, which is not there, with TEXT, the mode and the owner of what it stands for.
 */
static bool
make_file(const char *path, struct slice text, const struct edit *edit)
{
	mode_t mode = edit->is_new ? 0644 : edit->st.st_mode & 07777;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return false;
	ok =
	    write_all(fd, text) &&
	    (edit->is_new || geteuid() != 0 || fchown(fd, edit->st.st_uid, edit->st.st_gid) == 0) &&
	    fchmod(fd, mode) == 0 && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	if (!ok)
		unlink(path);
	return ok;
}

static bool
replace(const struct edit *edit, struct slice text)
{
	char path[EDIT_PATH_MAX + 64];

	snprintf(path, sizeof path, "%s.vmaild-new", edit->path);
	unlink(path); /* of a run that was killed */
	if (!make_file(path, text, edit))
		return false;
	if (rename(path, edit->path) != 0) {
		unlink(path);
		return false;
	}
	sync_directory(edit->path);
	return true;
}

/* Two runs within a second must not overwrite each other's copies. */
static bool
back_up(struct edit *edit, const char *when)
{
	for (int i = 0; i < NAME_TRIES; i++) {
		char more[16] = "";

		if (i > 0)
			snprintf(more, sizeof more, "-%d", i);
		snprintf(
		    edit->backup, sizeof edit->backup, "%s.vmaild-%s%s", edit->path, when, more);
		if (make_file(edit->backup, sbuf_slice(&edit->old), edit))
			return true;
		if (errno != EEXIST)
			break;
	}
	edit->backup[0] = '\0';
	return false;
}

/* Whoever was asked took his time, and so does a check of what was written: somebody else may have
 * edited the file. */
static bool
is_still(const struct edit *edit, struct slice text)
{
	struct sbuf found;
	bool same;

	sbuf_init(&found, FILE_MAX);
	same = edits_read(&found, edit->path) && slice_eq(sbuf_slice(&found), text);
	sbuf_release(&found);
	return same;
}

static bool
is_as_read(const struct edit *edit)
{
	struct stat st;

	if (edit->is_new)
		return lstat(edit->path, &st) != 0 && errno == ENOENT;
	return is_still(edit, sbuf_slice(&edit->old));
}

static bool
write_one(struct edit *edit, const char *when)
{
	if (!edit->is_new && !back_up(edit, when))
		return false;
	edit->written = replace(edit, sbuf_slice(&edit->now));
	return edit->written;
}

enum outcome
edits_write(struct edits *e, struct error *err)
{
	time_t now = time(NULL);
	struct error ignored;
	char when[32];
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL ||
	    strftime(when, sizeof when, "%Y%m%d-%H%M%S", &tm) == 0)
		return error_set(err, RETRY, "cannot tell the time");
	for (size_t i = 0; i < e->n; i++) {
		struct edit *edit = &e->edit[i];

		if (!edit_is_change(edit))
			continue;
		if (!is_as_read(edit))
			error_set(err, RETRY,
			    "nothing was changed, for '%s' is not what it was when read: see "
			    "who edits it, then run this again",
			    edit->path);
		else if (write_one(edit, when))
			continue;
		else
			error_set(err, RETRY, "cannot write '%s': %s", edit->path, strerror(errno));
		edits_undo(e, &ignored);
		return RETRY;
	}
	return FOUND;
}

static bool
undo_one(struct edit *edit)
{
	if (edit->is_new)
		return unlink(edit->path) == 0;
	return replace(edit, sbuf_slice(&edit->old));
}

enum outcome
edits_undo(struct edits *e, struct error *err)
{
	enum outcome o = FOUND;

	for (size_t i = e->n; i-- > 0;) {
		struct edit *edit = &e->edit[i];

		if (!edit->written)
			continue;
		if (!is_still(edit, sbuf_slice(&edit->now))) {
			o = error_set(err, RETRY,
			    "cannot put the old '%s' back, for it was edited meanwhile%s%s",
			    edit->path, edit->is_new ? "" : "; it is in ", edit->backup);
			continue;
		}
		edit->written = !undo_one(edit);
		if (edit->written)
			o = error_set(err, RETRY, "cannot put the old '%s' back: %s%s%s",
			    edit->path, strerror(errno), edit->is_new ? "" : "; it is in ",
			    edit->backup);
	}
	return o;
}
