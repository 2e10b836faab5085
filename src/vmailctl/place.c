/* SPDX-License-Identifier: ISC
 *
 * Looks at the place that something is to be written to. That something is there is no reason to
 * refuse: a backup every night replaces that of the night before. So what is there is read.
 */
#include "vmailctl/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- what may be replaced --------------------------------------------------------------------- */

const char place_mark[] = "# made by `vmailctl export`, which replaces all of it\n";

static bool
is_export(struct slice head)
{
	return slice_starts(head, "{\"vmaild\":") ||
	       slice_starts(head, "kind,name,type,targets,") || slice_starts(head, place_mark);
}

static bool
is_backup(struct slice head)
{
	return store_file_of(head) == STORE_FILE_BACKUP;
}

static bool
is_views(struct slice head)
{
	return store_file_of(head) == STORE_FILE_VIEWS;
}

const struct place_rule place_of_export = { "an earlier export", is_export, true };
const struct place_rule place_of_backup = { "an earlier backup", is_backup, false };
const struct place_rule place_of_views = { "an earlier file of views", is_views, false };

/* --- names ------------------------------------------------------------------------------------ */

/* The name of a file that is not there: that of its directory with links followed, and its own. */
static char *
name_of_new(const char *file)
{
	const char *slash = strrchr(file, '/'), *last = slash != NULL ? slash + 1 : file;
	char *dir = slash != NULL ? strndup(file, (size_t)(last - file)) : strdup(".");
	char *whole = dir != NULL ? realpath(dir, NULL) : NULL;
	char *name = NULL;

	if (whole != NULL && asprintf(&name, "%s/%s", whole, last) < 0)
		name = NULL;
	free(whole);
	free(dir);
	return name;
}

static char *
whole_name(const char *file)
{
	char *name = realpath(file, NULL);

	return name != NULL || errno != ENOENT ? name : name_of_new(file);
}

static bool
is_same_stat(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool
place_is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && is_same_stat(&x, &y);
}

bool
place_is_stdout(const char *file)
{
	struct stat x, y;

	return stat(file, &x) == 0 && fstat(STDOUT_FILENO, &y) == 0 && is_same_stat(&x, &y);
}

/* By its name too, for it may come to be. */
static bool
is_same(const char *whole, const char *other)
{
	char *name = whole_name(other);
	bool same = name != NULL && (strcmp(name, whole) == 0 || place_is_same_file(whole, name));

	free(name);
	return same;
}

/* --- what is never written to ----------------------------------------------------------------- */

const char *
place_of_store(const char *uri)
{
	return strncmp(uri, "sqlite:", 7) == 0 ? uri + 7 : uri;
}

/* Its -wal has nothing in it at times, and would be taken for an empty file. */
static enum outcome
check_store(const char *whole, const char *file, const char *uri, struct error *err)
{
	static const char *const beside[] = { "-wal", "-shm", "-journal" };
	struct store_way way;

	store_way(uri, &way);
	if (way.remote)
		return FOUND;
	if (is_same(whole, place_of_store(uri)))
		return error_set(err, BAD, "'%s' is the store itself: give another name", file);
	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
		char *name;
		bool same;

		if (asprintf(&name, "%s%s", place_of_store(uri), beside[i]) < 0)
			return error_set(err, RETRY, "no memory");
		same = is_same(whole, name);
		free(name);
		if (same)
			return error_set(
			    err, BAD, "'%s' belongs to the store: give another name", file);
	}
	return FOUND;
}

static enum outcome
check_throttle(struct ctl *ctl, const char *whole, const char *file)
{
	struct sbuf name;
	enum outcome o = FOUND;

	sbuf_init(&name, 8192);
	if (!conf_throttle_file(&name, ctl->conf))
		o = error_set(&ctl->err, RETRY, "no memory");
	else if (is_same(whole, sbuf_cstr(&name)))
		o = error_set(&ctl->err, BAD,
		    "'%s' is where wrong passwords are counted: give another name", file);
	sbuf_release(&name);
	return o;
}

static enum outcome
check_ours(struct ctl *ctl, const char *whole, const char *file)
{
	const char *conf = ctl->conf_file != NULL ? ctl->conf_file : CONF_DEFAULT_FILE;
	enum outcome o = check_store(whole, file, ctl_uri(ctl), &ctl->err);

	if (o == FOUND)
		o = check_store(whole, file, ctl->conf->store, &ctl->err);
	if (o == FOUND)
		o = check_throttle(ctl, whole, file);
	if (o == FOUND && is_same(whole, conf))
		o = error_set(&ctl->err, BAD, "'%s' is the configuration: give another name", file);
	return o;
}

/* --- what is there ---------------------------------------------------------------------------- */

static enum outcome
cannot_write(const char *file, struct error *err)
{
	return error_set(err, RETRY, "cannot write '%s': %s", file, strerror(errno));
}

/* A backup that was opened to be changed looks like any other store. */
static enum outcome
refuse(const char *file, struct slice head, const struct place_rule *rule, struct error *err)
{
	const char *is =
	    store_file_of(head) == STORE_FILE_STORE ? "a store that was in use" : "something else";

	return error_set(err, BAD, "'%s' is %s, and not %s: give another name, or move it away",
	    file, is, rule->what);
}

static enum outcome
check_contents(
    const char *whole, const char *file, const struct place_rule *rule, struct error *err)
{
	int fd = open(whole, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char head[STORE_HEAD];
	ssize_t n = fd >= 0 ? read(fd, head, sizeof head) : -1;
	enum outcome o = FOUND;

	if (n < 0)
		o = error_set(err, RETRY, "cannot see what '%s' is, which would be replaced: %s",
		    file, strerror(errno));
	else if (n > 0 && !rule->is(slice_of(head, (size_t)n)))
		o = refuse(file, slice_of(head, (size_t)n), rule, err);
	if (fd >= 0)
		close(fd);
	return o;
}

static enum outcome
check_old(const struct stat *st, const char *file, const struct place_rule *rule,
    struct place_found *out, struct error *err)
{
	if (S_ISREG(st->st_mode))
		return check_contents(out->path, file, rule, err);
	if (S_ISDIR(st->st_mode))
		return error_set(
		    err, BAD, "'%s' is a directory: give the name of a file in it", file);
	out->stream = true;
	if (!rule->streams)
		return error_set(err, BAD, "'%s' is no file: give the name of one", file);
	return FOUND;
}

enum outcome
place_look(
    struct ctl *ctl, const char *file, const struct place_rule *rule, struct place_found *out)
{
	struct stat st;
	bool there = stat(file, &st) == 0;
	enum outcome o;

	*out = (struct place_found){ .path = NULL };
	if (!there && errno == ENOENT && lstat(file, &st) == 0)
		return error_set(&ctl->err, BAD,
		    "'%s' is a link to what is not there: give another name, or remove it", file);
	/* a pipe behind a link of /proc has no name that leads there */
	out->path = there && !S_ISREG(st.st_mode) ? strdup(file) : whole_name(file);
	if (out->path == NULL)
		return cannot_write(file, &ctl->err);
	o = check_ours(ctl, out->path, file);
	if (o == FOUND && there)
		o = check_old(&st, file, rule, out, &ctl->err);
	if (o != FOUND) {
		free(out->path);
		out->path = NULL;
	}
	return o;
}
