/* SPDX-License-Identifier: ISC
 *
 * Any bytes as auth lines, as fields, as text to escape, and as base64 of a SASL message.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>

#include "wire/authline.h"
#include "wire/base64.h"

#include "../lib/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fields with their tabs are the line again; none grows by unescaping. */
static void
check_fields(struct slice line)
{
	struct slice rest = line, field;
	struct sbuf joined, plain;
	size_t n = 0;

	sbuf_init(&joined, line.n);
	sbuf_init(&plain, line.n);
	while (authline_field(&rest, &field)) {
		if (n++ > 0)
			sbuf_add_chr(&joined, '\t');
		sbuf_add_slice(&joined, field);
		sbuf_clear(&plain);
		assert(authline_unescape(&plain, field) && plain.n <= field.n);
	}
	assert(n > 0 && !joined.failed && slice_eq(sbuf_slice(&joined), line));
	sbuf_release(&joined);
	sbuf_release(&plain);
}

/* Escaped text is one field of one line, and comes back. */
static void
check_escape(struct slice text)
{
	struct slice line, field, rest;
	struct sbuf coded, plain;
	size_t used;

	sbuf_init(&coded, 2 * text.n + 4);
	sbuf_init(&plain, text.n);
	assert(authline_add(&coded, "k", text));
	assert(sbuf_add_chr(&coded, '\n'));
	if (coded.n <= AUTHLINE_MAX) {
		assert(authline_take(sbuf_slice(&coded), &line, &used) == TAKEN && used == coded.n);
		rest = line;
		assert(authline_field(&rest, &field) && field.n == 0);
		assert(authline_field(&rest, &field) && slice_starts(field, "k="));
		assert(rest.p == NULL);
		assert(authline_unescape(&plain, slice_tail(field, 2)));
		assert(slice_eq(sbuf_slice(&plain), text));
	}
	sbuf_release(&coded);
	sbuf_release(&plain);
}

/* Whatever decodes is coded as it was; whatever is coded decodes. */
static void
check_base64(struct slice text)
{
	struct sbuf coded, plain;

	sbuf_init(&coded, 2 * text.n + 4);
	sbuf_init(&plain, text.n);
	if (base64_decode(&plain, text)) {
		assert(base64_encode(&coded, sbuf_slice(&plain)));
		assert(slice_eq(sbuf_slice(&coded), text));
	}
	sbuf_clear(&coded);
	sbuf_clear(&plain);
	assert(base64_encode(&coded, text) && coded.n == (text.n + 2) / 3 * 4);
	assert(base64_decode(&plain, sbuf_slice(&coded)));
	assert(slice_eq(sbuf_slice(&plain), text));
	sbuf_release(&coded);
	sbuf_release(&plain);
}

static void
check_lines(struct slice in)
{
	struct slice line;
	size_t used, at;
	enum take got;

	while ((got = authline_take(in, &line, &used)) == TAKEN) {
		assert(used == line.n + 1 && used <= in.n && line.p == in.p);
		assert(!slice_chr(line, '\n', &at));
		check_fields(line);
		for (size_t n = 0; n < used && used < 512; n++) {
			struct slice part = bytes_copy(slice_head(in, n)), ignored;

			assert(authline_take(part, &ignored, &at) == MORE);
			bytes_free(part);
		}
		in = slice_tail(in, used);
	}
	assert(got == MORE ? in.n < AUTHLINE_MAX : got == TOO_LONG && in.n >= AUTHLINE_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);

	check_lines(in);
	check_escape(in);
	check_base64(in);
	return 0;
}
