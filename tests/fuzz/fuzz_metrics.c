/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a page of metrics: what is read are views of it. And a page of ours with numbers
 * made of the same bytes is read back as it was written.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "wire/metrics.h"

#include "../lib/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_within(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void
check_page(struct slice in)
{
	struct slice copy = bytes_copy(in), rest = copy;
	struct metric_sample s;
	size_t before = rest.n;

	while (metric_next(&rest, &s)) {
		assert(rest.n < before && s.name.n > 0);
		assert(is_within(s.name, copy) && is_within(s.labels, copy));
		assert(is_within(metric_label(&s, "map"), s.labels));
		assert(is_within(metric_label(&s, "le"), s.labels));
		before = rest.n;
	}
	bytes_free(copy);
}

static void
check_own(struct slice in)
{
	struct metric_sample s;
	struct slice rest;
	struct sbuf out;

	sbuf_init(&out, 1 << 20);
	for (size_t i = 0; i + 8 <= in.n && i < 64; i += 8) {
		uint64_t value;

		memcpy(&value, in.p + i, 8);
		value >>= 12; /* what a double holds */
		sbuf_clear(&out);
		metric_head(&out, METRIC_LOOKUPS);
		metric_put(&out, METRIC_LOOKUPS, "aliases", "found", value);
		rest = sbuf_slice(&out);
		assert(metric_next(&rest, &s) && s.value == (double)value);
		assert(slice_is(s.name, metric_name(METRIC_LOOKUPS)));
		assert(slice_is(metric_label(&s, "map"), "aliases"));
		assert(!metric_next(&rest, &s));
	}
	sbuf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);

	check_page(in);
	check_own(in);
	return 0;
}
