/* SPDX-License-Identifier: ISC
 *
 * Any bytes as the source of a Postfix table: keys and values are trimmed, lines count up, and what
 * is without fault is the same table when it is written out again.
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
	postmap_release(&p);
	bytes_free(in);
	return 0;
}
