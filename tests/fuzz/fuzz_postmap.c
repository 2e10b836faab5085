/* SPDX-License-Identifier: ISC
 *
 * Any bytes as the source of a Postfix table: keys and values are trimmed, lines count up, and what
 * is without fault is the same table when it is written out again. And as a key: what is one is
 * read from a line of its own as it is.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>

#include "foreign/postmap.h"

#include "../lib/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_same(const struct postmap *p)
{
	struct error err = { "" };
	struct postmap again;
	struct sbuf text;

	postmap_init(&again);
	sbuf_init(&text, 1 << 20);
	for (size_t i = 0; i < p->n; i++) {
		sbuf_add_slice(&text, p->entry[i].key);
		sbuf_add_chr(&text, ' ');
		sbuf_add_slice(&text, p->entry[i].value);
		sbuf_add_chr(&text, '\n');
	}
	assert(postmap_read(&again, sbuf_slice(&text), "file", &err) == FOUND && again.n == p->n);
	for (size_t i = 0; i < p->n; i++) {
		assert(slice_eq(again.entry[i].key, p->entry[i].key));
		assert(slice_eq(again.entry[i].value, p->entry[i].value));
	}
	postmap_release(&again);
	sbuf_release(&text);
}

static void
check_key(struct slice key)
{
	struct error err = { "" };
	struct postmap p;
	struct sbuf line;
	size_t at;

	if (slice_chr(key, '\n', &at) || !postmap_is_key(key))
		return;
	postmap_init(&p);
	sbuf_init(&line, 1 << 20);
	sbuf_add_slice(&line, key);
	sbuf_add_str(&line, "\tx");
	assert(postmap_read(&p, sbuf_slice(&line), "file", &err) == FOUND && p.n == 1);
	assert(p.entry[0].key.n == key.n && slice_is(p.entry[0].value, "x"));
	postmap_release(&p);
	sbuf_release(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in;
	struct error err = { "" };
	struct postmap p;
	enum outcome o;
	size_t line = 0;

	if (size > 1 << 16)
		return 0;
	in = bytes_copy(slice_of((const char *)data, size));
	postmap_init(&p);
	o = postmap_read(&p, in, "file", &err);
	assert((o == FOUND || o == BAD) && (o == FOUND) == (err.text[0] == '\0'));
	for (size_t i = 0; i < p.n; i++) {
		assert(p.entry[i].line > line);
		line = p.entry[i].line;
	}
	if (o == FOUND)
		check_same(&p);
	check_key(in);
	postmap_release(&p);
	bytes_free(in);
	return 0;
}
