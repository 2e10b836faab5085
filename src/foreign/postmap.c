/* SPDX-License-Identifier: ISC
 *
 * Reading the source of a Postfix table. Where it is not plain what is meant, what postmap does
 * decides: comments inside a continued line are dropped, blanks within double quotes or behind a
 * backslash do not end a key.
 */
#include "foreign/postmap.h"

#include <stdint.h>
#include <stdlib.h>

void
postmap_init(struct postmap *p)
{
	*p = (struct postmap){ .n = 0 };
	sbuf_init(&p->text, SIZE_MAX / 4);
}

void
postmap_release(struct postmap *p)
{
	free(p->entry);
	sbuf_release(&p->text);
	postmap_init(p);
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = slice_tail(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* How long the key at the beginning of S is. *OPEN: a quote, or what a backslash begins, goes on
 * behind the end. */
static size_t
key_length(struct slice s, bool *open)
{
	bool quoted = false;
	size_t n = 0;

	while (n < s.n && (quoted || !is_blank(s.p[n]))) {
		if (s.p[n] == '\\')
			n++;
		else if (s.p[n] == '"')
			quoted = !quoted;
		n++;
	}
	*open = quoted || n > s.n;
	return n < s.n ? n : s.n;
}

bool
postmap_is_key(struct slice text)
{
	bool open;

	return text.n > 0 && text.p[0] != '#' && key_length(text, &open) == text.n && !open;
}

static bool
add_entry(struct postmap *p, const struct postmap_entry *e)
{
	if (p->n == p->size) {
		size_t size = p->size == 0 ? 64 : 2 * p->size;
		void *more = realloc(p->entry, size * sizeof *p->entry);

		if (more == NULL)
			return false;
		p->entry = more;
		p->size = size;
	}
	p->entry[p->n++] = *e;
	return true;
}

/* Take the logical line that is the text since BEGIN apart; LINE is where it began, 0 for nowhere.
 */
static bool
take_logical(struct postmap *p, size_t begin, size_t line)
{
	struct slice all = slice_tail(sbuf_slice(&p->text), begin);
	struct postmap_entry e = { .line = line };
	bool open;

	if (line == 0)
		return true;
	for (size_t i = begin; i < p->text.n; i++)
		if (is_blank(p->text.p[i]))
			p->text.p[i] = ' ';
	e.key = slice_head(all, key_length(all, &open));
	e.value = trim(slice_tail(all, e.key.n));
	return add_entry(p, &e);
}

enum outcome
postmap_scan(struct postmap *p, struct slice source, struct error *err)
{
	size_t begin = 0, at = 0, number = 0;
	bool ok;

	/* joined lines are no longer than the source: nothing moves once it is taken apart */
	ok = sbuf_room(&p->text, source.n) != NULL;
	while (ok && source.n > 0) {
		struct slice line = slice_cut(&source, '\n'), seen = trim(line);

		number++;
		if (seen.n == 0 || seen.p[0] == '#')
			continue;
		if (!is_blank(line.p[0])) {
			ok = take_logical(p, begin, at);
			begin = p->text.n;
			at = number;
		} else if (at == 0) {
			ok = add_entry(p, &(struct postmap_entry){ .line = number });
			continue;
		}
		sbuf_add_slice(&p->text, line);
	}
	ok = ok && take_logical(p, begin, at);
	return ok ? FOUND : error_set(err, RETRY, "no memory");
}

enum outcome
postmap_read(struct postmap *p, struct slice source, const char *name, struct error *err)
{
	enum outcome o = postmap_scan(p, source, err);

	for (size_t i = 0; i < p->n && o == FOUND; i++) {
		const struct postmap_entry *e = &p->entry[i];

		if (e->key.n == 0)
			o = error_set(err, BAD,
			    "%s:%zu: begins with a blank, but there is no line before it to go on",
			    name, e->line);
		else if (e->value.n == 0)
			o = error_set(err, BAD, "%s:%zu: a key without a value: write 'key value'",
			    name, e->line);
	}
	return o;
}

bool
postmap_is_pattern(struct slice key, struct slice value)
{
	struct slice text = slice_is_nocase(key, "if") ? value : key;
	size_t last, at;

	if (slice_is_nocase(key, "endif"))
		return value.n == 0;
	if (slice_starts(text, "!"))
		text = slice_tail(text, 1);
	return slice_starts(text, "/") && slice_rchr(text, '/', &last) &&
	       !slice_chr(slice_tail(text, last + 1), '@', &at);
}
