/* SPDX-License-Identifier: ISC
 *
 * The names beside a store that a restore needs.
 */
#include "store/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/unfinished.h"

/* --- the file that is kept -------------------------------------------------------------------- */

/* An empty file is what a restore that was killed leaves. */
static bool
is_empty(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
}

/* A log without its file may be all that is left of one. */
static bool
is_free(const char *path, bool *known)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	bool nothing = true;

	*known = true;
	for (size_t i = 0; nothing && i < sizeof ends / sizeof ends[0]; i++) {
		struct stat st;
		char *name;

		*known = asprintf(&name, "%s%s", path, ends[i]) >= 0;
		if (!*known)
			return false;
		nothing = lstat(name, &st) != 0 || (i == 0 && is_empty(name));
		free(name);
	}
	return nothing;
}

char *
keep_name(const char *name)
{
	char *out = strdup(name);
	bool known = true;

	for (unsigned n = 1; out != NULL && !is_free(out, &known); n++) {
		free(out);
		if (!known || asprintf(&out, "%s-%u", name, n) < 0)
			return NULL;
	}
	return out;
}

/* Somebody else may have been faster. */
static enum outcome
take(const char *name, struct error *err)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ours;

	if (fd < 0)
		return error_set(err, RETRY, "cannot make '%s': %s", name, strerror(errno));
	ours = is_empty(name);
	close(fd);
	return ours ? FOUND : NONE;
}

enum outcome
keep_begin(char **out, const char *name, struct error *err)
{
	enum outcome o;

	do {
		*out = keep_name(name);
		if (*out == NULL)
			return error_set(err, RETRY, "no memory");
		o = take(*out, err);
		if (o != FOUND) {
			free(*out);
			*out = NULL;
		}
	} while (o == NONE);
	return o;
}

char *
keep_end(char *kept)
{
	struct stat st;

	if (kept != NULL && lstat(kept, &st) == 0 && st.st_size > 0)
		return kept;
	if (kept != NULL)
		unlink(kept);
	free(kept);
	return NULL;
}

/* --- one at a time ---------------------------------------------------------------------------- */

/* Whoever had it takes the file away with him: it must still have its name when it is locked. */
static enum outcome
try_lock(struct keep_lock *lock, const char *stage, struct error *err)
{
	struct stat ours, there;

	lock->fd = open(lock->path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0660);
	if (lock->fd < 0)
		return error_set(err, RETRY, "cannot make '%s': %s", lock->path, strerror(errno));
	if (flock(lock->fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK
			   ? error_set(err, RETRY,
				 "another restore is under way, by way of '%s': wait until it has "
				 "ended",
				 stage)
			   : error_set(
				 err, RETRY, "cannot lock '%s': %s", lock->path, strerror(errno));
	if (fstat(lock->fd, &ours) != 0)
		return error_set(err, RETRY, "cannot lock '%s': %s", lock->path, strerror(errno));
	return lstat(lock->path, &there) == 0 && there.st_dev == ours.st_dev &&
		       there.st_ino == ours.st_ino
		   ? FOUND
		   : NONE;
}

enum outcome
keep_lock(struct keep_lock *lock, const char *stage, struct error *err)
{
	enum outcome o;

	lock->fd = -1;
	if (asprintf(&lock->path, "%s.lock", stage) < 0) {
		lock->path = NULL;
		return error_set(err, RETRY, "no memory");
	}
	do {
		o = try_lock(lock, stage, err);
		if (o != FOUND && lock->fd >= 0)
			close(lock->fd);
	} while (o == NONE);
	if (o != FOUND)
		lock->fd = -1;
	else
		unfinished_begin(lock->path);
	return o;
}

void
keep_unlock(struct keep_lock *lock)
{
	if (lock->fd >= 0) {
		unfinished_end(lock->path); /* behind unlink it may be another's name */
		unlink(lock->path);
		close(lock->fd);
	}
	free(lock->path);
}
