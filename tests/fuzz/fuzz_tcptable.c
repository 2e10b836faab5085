/* SPDX-License-Identifier: ISC
 *
 * Any bytes as tcp_table lines, and any bytes as the text of all four replies.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>

#include "wire/tcptable.h"

#include "../lib/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A key that was decoded and is coded again is the same request, apart from the case of its digits
 * and from bytes coded without need; decoding that gives the same key. */
static void
check_round_trip(struct slice key)
{
	struct sbuf reply, line, again;
	size_t used;
	bool bad;

	sbuf_init(&reply, TCPTABLE_REPLY_MAX + 1);
	sbuf_init(&line, TCPTABLE_REPLY_MAX + 1);
	sbuf_init(&again, TCPTABLE_REPLY_MAX);
	if (tcptable_put(&reply, FOUND, key)) {
		sbuf_add_str(&line, "get ");
		sbuf_add_slice(&line, slice_tail(sbuf_slice(&reply), 4));
		assert(tcptable_take(sbuf_slice(&line), &again, &bad, &used) == TAKEN);
		assert(!bad && used == line.n && slice_eq(sbuf_slice(&again), key));
	}
	sbuf_release(&reply);
	sbuf_release(&line);
	sbuf_release(&again);
}

/* One line of coded bytes: three digits, a blank, and nothing that needs coding. */
static void
check_reply(enum outcome o, struct slice text)
{
	static const char *const codes[] = {
		[FOUND] = "200 ", [NONE] = "500 ", [RETRY] = "400 ", [BAD] = "400 "
	};
	struct sbuf out;
	bool carried;

	sbuf_init(&out, TCPTABLE_REPLY_MAX + 1);
	carried = tcptable_put(&out, o, text);
	assert(!out.failed && out.n > 5 && out.p[out.n - 1] == '\n');
	assert(slice_starts(sbuf_slice(&out), codes[carried ? o : RETRY]));
	for (size_t i = 4; i < out.n - 1; i++)
		assert(out.p[i] > ' ' && out.p[i] <= '~');
	assert(carried || o == FOUND);
	sbuf_release(&out);
}

static void
check_requests(struct slice in, struct sbuf *key)
{
	size_t used;
	enum take got;
	bool bad;

	while ((got = tcptable_take(in, key, &bad, &used)) == TAKEN) {
		assert(used >= 1 && used <= in.n && in.p[used - 1] == '\n');
		assert(key->n <= used && !(bad && key->n > 0));
		assert(bad || slice_starts(in, "get "));
		if (!bad)
			check_round_trip(sbuf_slice(key));
		for (size_t n = 0; n < used && used < 512; n++) {
			struct slice part = bytes_copy(slice_head(in, n));
			size_t ignored;

			assert(tcptable_take(part, key, &bad, &ignored) == MORE);
			bytes_free(part);
		}
		in = slice_tail(in, used);
	}
	assert(got != MALFORMED);
	assert(got != TOO_LONG || used <= in.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);
	struct sbuf key;

	sbuf_init(&key, TCPTABLE_LINE_MAX);
	check_requests(in, &key);
	sbuf_release(&key);
	for (enum outcome o = FOUND; o <= BAD; o++)
		check_reply(o, in);
	return 0;
}
