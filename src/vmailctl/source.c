/* SPDX-License-Identifier: ISC
 *
 * Reading all records of a file, as often as one likes.
 */
#include "vmailctl/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmailctl/import.h"
#include "vmailctl/jsonl.h"

enum { PIECE = 1 << 16, SHOWN_MAX = 20 };

static const char magic[] = "SQLite format 3";

static bool
is_database(int fd)
{
	char begin[sizeof magic] = "";

	return pread(fd, begin, sizeof begin, 0) == (ssize_t)sizeof begin &&
	       memcmp(begin, magic, sizeof magic) == 0;
}

static enum outcome
read_all(int fd, struct sbuf *out, const char *name, struct error *err)
{
	for (;;) {
		char *room = sbuf_room(out, PIECE);
		ssize_t n = room != NULL ? read(fd, room, PIECE) : -1;

		if (n < 0)
			return error_set(err, RETRY, "cannot read '%s': %s", import_name(name),
			    room != NULL ? strerror(errno) : "it is too large");
		if (n == 0)
			return FOUND;
		out->n += (size_t)n;
	}
}

enum outcome
source_stdin(struct sbuf *out, struct error *err)
{
	return read_all(STDIN_FILENO, out, "-", err);
}

/* What comes out of a pipe can be read but once, and may be long in coming: all of it, now. */
static enum outcome
open_pipe(struct source *s, int fd, struct error *err)
{
	enum outcome o = read_all(fd, &s->text, s->file, err);

	s->in_memory = true;
	if (o == FOUND && s->text.n >= sizeof magic && memcmp(s->text.p, magic, sizeof magic) == 0)
		o = error_set(err, BAD,
		    "what is in '%s' is a database, which can only be read as a file: give its "
		    "name",
		    import_name(s->file));
	return o;
}

static enum outcome
open_file(struct source *s, int fd, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_set(err, RETRY, "cannot read '%s': %s", s->file, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return open_pipe(s, fd, err);
	return is_database(fd) ? store_open(&s->store, s->file, STORE_LOGIN, err) : FOUND;
}

enum outcome
source_open(struct source *s, const char *file, struct error *err)
{
	enum outcome o;
	int fd;

	*s = (struct source){ .file = file };
	sbuf_init(&s->text, SOURCE_STDIN_MAX);
	if (strcmp(file, "-") == 0)
		return open_pipe(s, STDIN_FILENO, err);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, RETRY, "cannot read '%s': %s", file, strerror(errno));
	o = open_file(s, fd, err);
	close(fd);
	return o;
}

void
source_close(struct source *s)
{
	store_close(s->store);
	sbuf_release_secret(&s->text);
}

/* --- a store ------------------------------------------------------------------------------------
 */

struct walk {
	source_fn *fn;
	void *arg;
	const char *file;
	size_t refused;
	enum outcome outcome;
	struct error *err;
};

/* Too many to read are too many to print. */
static void
refuse(struct walk *w, const char *text)
{
	if (w->refused++ < SHOWN_MAX)
		fprintf(stderr, "vmailctl: %s\n", text);
}

static bool
walk_store(void *arg, const struct record *r)
{
	struct walk *w = arg;
	enum outcome o = w->fn(w->arg, r, 0, w->err);

	if (o == BAD)
		refuse(w, w->err->text);
	else if (o != FOUND)
		w->outcome = o;
	return w->outcome == FOUND;
}

/* --- lines --------------------------------------------------------------------------------------
 */

static enum outcome
walk_lines(struct walk *w, struct jsonl *j)
{
	struct record r;
	enum outcome o;

	while ((o = jsonl_next(j, &r, w->err)) == FOUND || o == BAD) {
		if (o == FOUND) {
			o = w->fn(w->arg, &r, j->line, w->err);
			if (o == BAD && w->file != NULL)
				import_name_line(w->err, w->file, j->line);
		}
		if (o == BAD)
			refuse(w, w->err->text);
		else if (o != FOUND)
			return o;
	}
	return o == NONE ? FOUND : o;
}

static enum outcome
open_lines(struct source *s, struct jsonl *j, struct error *err)
{
	if (s->file != NULL && strcmp(s->file, "-") != 0 && !s->in_memory)
		return jsonl_open(j, s->file, err);
	*j = (struct jsonl){ .name = s->file != NULL ? s->file : "-" };
	/* no file of no length can be opened in memory */
	if (s->text.n == 0)
		sbuf_add_chr(&s->text, '\n');
	j->file = fmemopen(s->text.p, s->text.n, "r");
	return j->file != NULL ? FOUND : error_set(err, RETRY, "no memory");
}

enum outcome
source_each(struct source *s, source_fn *fn, void *arg, struct error *err)
{
	struct walk w = { .fn = fn, .arg = arg, .file = s->file, .err = err };
	struct jsonl j;
	enum outcome o;

	if (s->store != NULL) {
		o = store_records(s->store, walk_store, &w, err);
		if (o == FOUND)
			o = w.outcome;
	} else {
		o = open_lines(s, &j, err);
		if (o == FOUND) {
			o = walk_lines(&w, &j);
			jsonl_close(&j);
		}
	}
	if (o == FOUND && w.refused > 0)
		o = error_set(err, BAD, "'%s' has %zu records that are refused",
		    s->file != NULL ? import_name(s->file) : "a list", w.refused);
	return o;
}
