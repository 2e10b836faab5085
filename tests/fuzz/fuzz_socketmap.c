/* SPDX-License-Identifier: ISC
 *
 * Any bytes as socketmap requests, and any bytes as the text of all four replies.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>

#include "wire/netstring.h"
#include "wire/socketmap.h"

#include "../lib/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Map, blank and key are the whole payload, and the map has no blank. */
static void
check_request(struct slice in, struct slice map, struct slice key, size_t used)
{
	struct slice payload;
	size_t framed, at;

	assert(used <= in.n);
	assert(netstring_take(in, SOCKETMAP_REQUEST_MAX, &payload, &framed) == TAKEN);
	assert(framed == used);
	assert(!slice_chr(map, ' ', &at));
	assert(slice_eq(slice_head(payload, map.n), map));
	assert(slice_eq(slice_tail(payload, map.n + 1), key));
}

static void
check_requests(struct slice in)
{
	struct slice map, key;
	size_t used;
	enum take got;

	while ((got = socketmap_take(in, &map, &key, &used)) == TAKEN) {
		check_request(in, map, key, used);
		for (size_t n = 0; n < used && used < 512; n++) {
			struct slice part = bytes_copy(slice_head(in, n));
			size_t ignored;

			assert(socketmap_take(part, &map, &key, &ignored) == MORE);
			bytes_free(part);
		}
		in = slice_tail(in, used);
	}
	if (got == TOO_LONG)
		assert(used > SOCKETMAP_REQUEST_MAX && key.n == 0);
}

/* Every reply is one netstring that begins with its word and a blank; only a value is verbatim. */
static void
check_reply(enum outcome o, struct slice text)
{
	static const char *const words[] = {
		[FOUND] = "OK ", [NONE] = "NOTFOUND ", [RETRY] = "TEMP ", [BAD] = "PERM "
	};
	struct slice payload;
	struct sbuf out;
	bool carried;
	size_t used;

	sbuf_init(&out, SOCKETMAP_REPLY_MAX + 16);
	carried = socketmap_put(&out, o, text);
	assert(!out.failed);
	assert(netstring_take(sbuf_slice(&out), SOCKETMAP_REPLY_MAX, &payload, &used) == TAKEN);
	assert(used == out.n);
	assert(slice_starts(payload, words[carried ? o : RETRY]));
	if (o == FOUND && carried)
		assert(text.n > 0 && slice_eq(slice_tail(payload, 3), text));
	else
		for (size_t i = 0; i < payload.n; i++)
			assert(payload.p[i] >= ' ' && payload.p[i] <= '~' && payload.n <= 205);
	sbuf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);

	check_requests(in);
	for (enum outcome o = FOUND; o <= BAD; o++)
		check_reply(o, in);
	return 0;
}
