/* SPDX-License-Identifier: ISC
 *
 * Any bytes as the file in which wrong passwords are counted, be it one that somebody has broken:
 * what attaches is used without harm. With the first bit set it begins as a good one, and the rest
 * of the bytes are written over its end, so that records are met and not only headers.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/throttle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
see(void *arg, const struct throttle_row *row)
{
	size_t *rows = arg;

	assert(row->kind < THROTTLE_KINDS);
	assert(row->user.n <= THROTTLE_USER_MAX && row->network.n <= THROTTLE_NETWORK_MAX);
	return ++*rows < 1000;
}

static void
use(struct throttle *t)
{
	const struct throttle_rules *rules = &throttle_default_rules;
	struct throttle_try try = { .user = slice_str("harry@example.com"),
		.network = slice_str("192.0.2.0/24") };
	size_t rows = 0;

	for (int64_t now = 1000; now < 4000; now += 1000) {
		struct throttle_answer a = throttle_check(t, rules, now, &try);

		assert(a.verdict == THROTTLE_LET || a.ms >= 0);
		throttle_failed(t, rules, now, &try, (uint32_t)now);
		throttle_unheard(t, &try);
		throttle_each(t, rules, now, see, &rows);
	}
	throttle_succeeded(t, &try);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char seed[THROTTLE_SEED];
	size_t full = throttle_size(8);
	struct throttle t;
	char *memory;

	if (size < 1 || size > 1 << 16)
		return 0;
	if (data[0] & 1) {
		size_t over = size - 1 < full ? size - 1 : full;

		memory = calloc(1, full);
		assert(memory != NULL && throttle_format(&t, memory, full, seed));
		memcpy(memory + full - over, data + 1, over);
	} else {
		full = size - 1;
		memory = malloc(full == 0 ? 1 : full);
		assert(memory != NULL);
		memcpy(memory, data + 1, full);
	}
	if (throttle_attach(&t, memory, full))
		use(&t);
	free(memory);
	return 0;
}
