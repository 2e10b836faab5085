/* SPDX-License-Identifier: ISC
 *
 * Any bytes as policy requests, and any bytes as the text of all four replies.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>

#include "wire/policy.h"

#include "../lib/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A view of what was shown, in one line. */
static void
check_value(struct slice value, struct slice in)
{
	size_t at;

	assert(value.n == 0 || (value.p >= in.p && value.p + value.n <= in.p + in.n));
	assert(!slice_chr(value, '\n', &at));
}

static void
check_requests(struct slice in)
{
	struct policy_request r;
	size_t used;
	enum take got;

	while ((got = policy_take(in, &r, &used)) == TAKEN) {
		assert(used >= 2 && used <= in.n && used <= POLICY_REQUEST_MAX);
		assert(in.p[used - 1] == '\n' && in.p[used - 2] == '\n');
		check_value(r.sender, in);
		check_value(r.recipient, in);
		for (size_t n = 0; n < used && used < 512; n++) {
			struct slice part = bytes_copy(slice_head(in, n));
			size_t ignored;

			assert(policy_take(part, &r, &ignored) == MORE);
			bytes_free(part);
		}
		in = slice_tail(in, used);
	}
	assert(got != TOO_LONG || in.n >= POLICY_REQUEST_MAX);
}

/* One line and an empty one; what is not ours to say is printable. */
static void
check_reply(enum outcome o, struct slice text)
{
	struct sbuf out;
	size_t at;

	sbuf_init(&out, 1 << 20);
	assert(policy_put(&out, o, text));
	assert(slice_starts(sbuf_slice(&out), "action="));
	assert(slice_chr(sbuf_slice(&out), '\n', &at) && at + 2 == out.n);
	sbuf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);

	check_requests(in);
	for (enum outcome o = NONE; o <= BAD; o++)
		check_reply(o, in);
	return 0;
}
