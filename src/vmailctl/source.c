/* SPDX-License-Identifier: ISC
 *
 * Reading all records of a file, as often as one likes.
 */
#include "vmailctl/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmailctl/import.h"
#include "vmailctl/jsonl.h"

enum { PIECE = 1 << 16, SHOWN_MAX = 20 };

static bool
is_database(const char *file)
{
	static const char magic[] = "SQLite format 3";
	char begin[sizeof magic] = "";
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && read(fd, begin, sizeof begin) == (ssize_t)sizeof begin &&
		  memcmp(begin, magic, sizeof magic) == 0;

	if (fd >= 0)
		close(fd);
	return is;
}

enum outcome
source_stdin(struct sbuf *out, struct error *err)
{
	for (;;) {
		char *room = sbuf_room(out, PIECE);
		ssize_t n = room != NULL ? read(STDIN_FILENO, room, PIECE) : -1;

		if (n < 0)
			return error_set(err, RETRY, "cannot read standard input: %s",
			    room != NULL ? strerror(errno) : "it is too large");
		if (n == 0)
			return FOUND;
		out->n += (size_t)n;
	}
}

enum outcome
source_open(struct source *s, const char *file, struct error *err)
{
	*s = (struct source){ .file = file };
	sbuf_init(&s->text, SOURCE_STDIN_MAX);
	if (strcmp(file, "-") == 0)
		return source_stdin(&s->text, err);
	if (is_database(file))
		return store_open(&s->store, file, STORE_LOGIN, err);
	return FOUND;
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
	if (s->file != NULL && strcmp(s->file, "-") != 0)
		return jsonl_open(j, s->file, err);
	*j = (struct jsonl){ .name = "-" };
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
