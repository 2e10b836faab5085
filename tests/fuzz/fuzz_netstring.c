/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a run of netstrings: what is taken is written back the same, and half of it is MORE.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>

#include "wire/netstring.h"

#include "../lib/bytes.h"

enum { LIMIT = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No prefix of a whole message is anything but the beginning of one. */
static void
check_prefixes(struct slice message)
{
	for (size_t n = 0; n < message.n; n++) {
		struct slice part = bytes_copy(slice_head(message, n)), payload;
		size_t used;

		assert(netstring_take(part, LIMIT, &payload, &used) == MORE);
		bytes_free(part);
	}
}

/* What was taken may differ from the canonical form in its leading zeros only. */
static void
check_round_trip(struct slice message, struct slice payload)
{
	struct sbuf out;
	struct slice again;
	size_t used;

	sbuf_init(&out, LIMIT + 16);
	assert(netstring_put(&out, payload));
	assert(out.n <= message.n);
	while (message.n > out.n && message.p[0] == '0')
		message = slice_tail(message, 1);
	assert(slice_eq(sbuf_slice(&out), message));
	assert(netstring_take(sbuf_slice(&out), LIMIT, &again, &used) == TAKEN);
	assert(used == out.n && slice_eq(again, payload));
	sbuf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size), payload;
	size_t used;
	enum take got;

	while ((got = netstring_take(in, LIMIT, &payload, &used)) == TAKEN) {
		assert(used <= in.n && used >= 3 && payload.n <= LIMIT);
		assert(payload.p > in.p && payload.p + payload.n < in.p + used);
		check_prefixes(slice_head(in, used));
		check_round_trip(slice_head(in, used), payload);
		in = slice_tail(in, used);
	}
	if (got == TOO_LONG) {
		assert(used > LIMIT && payload.n <= LIMIT);
		assert(payload.p >= in.p && payload.p + payload.n <= in.p + in.n);
	}
	return 0;
}
