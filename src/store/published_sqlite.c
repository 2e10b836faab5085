/* SPDX-License-Identifier: ISC
 *
 * Writing the file of the public views. It is made under another name, with nobody else's rights,
 * and takes the place of the old one when it is complete: who has that open goes on reading it. No
 * byte of the store's file gets in but by an insert.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/db_file.h"
#include "store/published.h"
#include "store/store.h"
#include "store/unfinished.h"

struct published {
	char *path;
	char *temporary; /* NULL once it has been put in its place */
	sqlite3 *sq;
	sqlite3_stmt *st[PUBLISHED_TEXTS];
	int group;
};

static const char *const texts[PUBLISHED_TEXTS] = {
#define Q(name, text) [PUBLISHED_##name] = (text),
#include "schema/sqlite_published.h"
#undef Q
};

static enum outcome
failed(const struct published *p, struct error *err)
{
	return error_set(err, RETRY, "cannot write '%s': %s", p->temporary,
	    p->sq != NULL ? sqlite3_errmsg(p->sq) : strerror(ENOMEM));
}

static enum outcome
failed_file(const char *path, struct error *err)
{
	return error_set(err, RETRY, "cannot write '%s': %s", path, strerror(errno));
}

/* --- its place -------------------------------------------------------------------------------- */

static bool
may_replace(int fd)
{
	char head[STORE_HEAD];
	ssize_t n = read(fd, head, sizeof head);

	return n == 0 || (n > 0 && store_file_of(slice_of(head, (size_t)n)) == STORE_FILE_VIEWS);
}

/* A store, or anybody's letters, are not to be lost by a slip of the pen. In an empty file is
 * nothing to lose. */
static enum outcome
check_place(struct published *p, struct error *err)
{
	int fd = open(p->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	bool ours;

	if (fd < 0 && errno == ENOENT)
		return FOUND;
	if (fd < 0)
		return failed_file(p->path, err);
	ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && may_replace(fd);
	if (ours && p->group == -1)
		p->group = (int)st.st_gid;
	close(fd);
	if (!ours)
		return error_set(err, BAD,
		    "'%s' is something else than a file made by this command: give another name, "
		    "or move it away",
		    p->path);
	return FOUND;
}

static enum outcome
open_temporary(struct published *p, struct error *err)
{
	int fd;

	if (asprintf(&p->temporary, "%s.XXXXXX", p->path) < 0) {
		p->temporary = NULL;
		return error_set(err, RETRY, "cannot write '%s': no memory", p->path);
	}
	fd = mkstemp(p->temporary);
	if (fd < 0) {
		enum outcome o = failed_file(p->path, err);

		free(p->temporary);
		p->temporary = NULL;
		return o;
	}
	unfinished_begin(p->temporary);
	close(fd);
	if (sqlite3_open_v2(p->temporary, &p->sq, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return failed(p, err);
	return FOUND;
}

enum outcome
published_new(struct published **out, const char *path, int group, struct error *err)
{
	struct published *p = calloc(1, sizeof *p);
	enum outcome o;

	*out = NULL;
	if (p != NULL)
		p->path = strdup(path);
	if (p == NULL || p->path == NULL) {
		free(p);
		return error_set(err, RETRY, "cannot write '%s': no memory", path);
	}
	p->group = group;
	o = check_place(p, err);
	if (o == FOUND)
		o = open_temporary(p, err);
	if (o != FOUND) {
		published_free(p);
		return o;
	}
	*out = p;
	return FOUND;
}

/* --- its contents ----------------------------------------------------------------------------- */

enum outcome
published_make(struct published *p, enum published_text which, struct error *err)
{
	if (sqlite3_exec(p->sq, texts[which], NULL, NULL, NULL) != SQLITE_OK)
		return failed(p, err);
	return FOUND;
}

/* Numbers are taken from their text: the columns have types, and refuse what is none. */
enum outcome
published_row(struct published *p, enum published_text which, const struct slice *values, size_t n,
    struct error *err)
{
	sqlite3_stmt **st = &p->st[which];
	int rc = SQLITE_OK;

	if (*st == NULL)
		rc = sqlite3_prepare_v2(p->sq, texts[which], -1, st, NULL);
	for (size_t i = 0; rc == SQLITE_OK && i < n; i++)
		rc = sqlite3_bind_text(
		    *st, (int)i + 1, values[i].p, (int)values[i].n, SQLITE_TRANSIENT);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(*st);
	sqlite3_reset(*st);
	return rc == SQLITE_DONE ? FOUND : failed(p, err);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void
close_database(struct published *p)
{
	for (size_t i = 0; i < PUBLISHED_TEXTS; i++) {
		sqlite3_finalize(p->st[i]);
		p->st[i] = NULL;
	}
	sqlite3_close(p->sq);
	p->sq = NULL;
}

/* Whoever is in its group may read it, and nobody else. */
static bool
hand_over(const struct published *p)
{
	int fd = open(p->temporary, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && (p->group == -1 || fchown(fd, (uid_t)-1, (gid_t)p->group) == 0) &&
		  fchmod(fd, 0640) == 0 && fsync(fd) == 0;
	int code = errno;

	if (fd >= 0)
		close(fd);
	errno = code;
	return ok;
}

enum outcome
published_keep(struct published *p, struct error *err)
{
	close_database(p);
	if (!hand_over(p) || rename(p->temporary, p->path) != 0)
		return failed_file(p->temporary, err);
	unfinished_end(p->temporary);
	free(p->temporary);
	p->temporary = NULL;
	return db_file_sync_name(p->path) ? FOUND : failed_file(p->path, err);
}

void
published_free(struct published *p)
{
	if (p == NULL)
		return;
	close_database(p);
	if (p->temporary != NULL) {
		unlink(p->temporary);
		unfinished_end(p->temporary);
	}
	free(p->temporary);
	free(p->path);
	free(p);
}
