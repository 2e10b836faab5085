/* SPDX-License-Identifier: ISC
 *
 * Reads a file of entries whole before anything is done with it, so that no pipe can hold the store
 * up, and finds the keys that are one key in two spellings.
 */
#include "vmailctl/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmailctl/cmd.h"

enum { FILE_MAX = 1 << 30, PIECE = 1 << 16 };

const char *
import_name(const char *file)
{
	return strcmp(file, "-") == 0 ? "standard input" : file;
}

void
import_name_line(struct error *err, const char *file, size_t line)
{
	struct error what = *err;

	error_set(err, BAD, "%s:%zu: %s", import_name(file), line, what.text);
}

/* --- the file --------------------------------------------------------------------------------- */

static enum outcome
read_all(int fd, struct sbuf *out, const char *name, struct error *err)
{
	for (;;) {
		char *room = sbuf_room(out, PIECE);
		ssize_t n = room != NULL ? read(fd, room, PIECE) : -1;

		if (room == NULL)
			return error_set(err, RETRY, "'%s' is too large to be read", name);
		if (n < 0)
			return error_set(err, RETRY, "cannot read '%s': %s", name, strerror(errno));
		if (n == 0)
			return FOUND;
		out->n += (size_t)n;
	}
}

static enum outcome
read_file(const char *file, struct sbuf *out, struct error *err)
{
	bool is_stdin = strcmp(file, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	enum outcome o;

	if (fd < 0)
		return error_set(err, RETRY, "cannot read '%s': %s", file, strerror(errno));
	o = read_all(fd, out, import_name(file), err);
	if (!is_stdin)
		close(fd);
	return o;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* A key as the map has it. */
struct folded {
	struct slice key;
	struct postmap_entry *entry;
};

/* By key, then by line. */
static int
compare(const void *a, const void *b)
{
	const struct folded *x = a, *y = b;
	int d = slice_cmp(x->key, y->key);

	if (d == 0)
		d = x->entry->line < y->entry->line ? -1 : 1;
	return d;
}

/* Fold all keys into TEXT. */
static enum outcome
fold_keys(struct postmap *p, const char *file, enum key_search search, struct folded *folded,
    struct sbuf *text, struct error *err)
{
	enum outcome o = FOUND;
	size_t begin = 0;

	for (size_t i = 0; i < p->n && o == FOUND; i++) {
		folded[i].entry = &p->entry[i];
		o = key_check(text, search, p->entry[i].key, err);
		folded[i].key.n = text->n - begin;
		begin = text->n;
		if (o == BAD)
			import_name_line(err, file, p->entry[i].line);
	}
	begin = 0;
	for (size_t i = 0; i < p->n && o == FOUND; i++) {
		folded[i].key.p = text->p + begin; /* it moves no more */
		begin += folded[i].key.n;
	}
	return o;
}

/* Empty the entries whose key was there before. */
static void
mark_repeated(const struct folded *folded, size_t n, const char *file)
{
	size_t first = 0;

	for (size_t i = 1; i < n; i++) {
		struct postmap_entry *e = folded[i].entry;

		if (!slice_eq(folded[i].key, folded[first].key)) {
			first = i;
			continue;
		}
		ctl_warn("%s:%zu: the key '%.*s' is in line %zu already, which counts",
		    import_name(file), e->line, (int)(e->key.n < 200 ? e->key.n : 200), e->key.p,
		    folded[first].entry->line);
		e->key.n = 0;
	}
}

static void
drop_marked(struct postmap *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->entry[i].key.n > 0)
			p->entry[n++] = p->entry[i];
	p->n = n;
}

static enum outcome
check_keys(struct postmap *p, const char *file, enum key_search search, struct error *err)
{
	struct folded *folded = calloc(p->n + 1, sizeof *folded);
	struct sbuf text;
	enum outcome o;

	if (folded == NULL)
		return error_set(err, RETRY, "no memory for '%s'", import_name(file));
	sbuf_init(&text, SIZE_MAX / 4);
	o = fold_keys(p, file, search, folded, &text, err);
	if (o == FOUND && p->n > 0) {
		qsort(folded, p->n, sizeof *folded, compare);
		mark_repeated(folded, p->n, file);
		drop_marked(p);
	}
	sbuf_release(&text);
	free(folded);
	return o;
}

enum outcome
import_check_patterns(const struct postmap *p, const char *file, struct error *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct postmap_entry *e = &p->entry[i];

		if (!postmap_is_pattern(e->key, e->value))
			continue;
		error_set(err, BAD, "'%.*s' is a regular expression: " POSTMAP_PATTERN_CURE,
		    (int)(e->key.n < 200 ? e->key.n : 200), e->key.p);
		import_name_line(err, file, e->line);
		return BAD;
	}
	return FOUND;
}

enum outcome
import_read(struct postmap *p, const char *file, enum key_search search, struct error *err)
{
	struct sbuf source;
	enum outcome o;

	sbuf_init(&source, FILE_MAX);
	o = read_file(file, &source, err);
	if (o == FOUND)
		o = postmap_read(p, sbuf_slice(&source), import_name(file), err);
	sbuf_release(&source);
	return o == FOUND ? check_keys(p, file, search, err) : o;
}
