/* SPDX-License-Identifier: ISC
 *
 * wire/socketmap: where the map's name ends, and the four outcomes in Postfix's words.
 */
#include "wire/socketmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/bytes.h"
#include "../lib/replies.h"
#include "wire/netstring.h"

static const struct request {
	const char *name;
	struct slice input;
	enum take take;
	struct slice map;
	struct slice key;
} requests[] = {
	{ "nothing", BYTES(""), MORE, BYTES(""), BYTES("") },
	{ "map and key", BYTES("9:m x@y.org,"), TAKEN, BYTES("m"), BYTES("x@y.org") },
	{ "an empty key", BYTES("2:m ,"), TAKEN, BYTES("m"), BYTES("") },
	{ "an empty map", BYTES("4: key,"), TAKEN, BYTES(""), BYTES("key") },
	{ "no blank: all map", BYTES("4:maps,"), TAKEN, BYTES("maps"), BYTES("") },
	{ "an empty request", BYTES("0:,"), TAKEN, BYTES(""), BYTES("") },
	{ "blanks in the key", BYTES("7:m  a b ,"), TAKEN, BYTES("m"), BYTES(" a b ") },
	{ "control bytes in the key", BYTES("6:m \0\r\n\x07,"), TAKEN, BYTES("m"),
	    BYTES("\0\r\n\x07") },
	{ "a tab ends no map", BYTES("5:m\tx y,"), TAKEN, BYTES("m\tx"), BYTES("y") },
	{ "bad framing", BYTES("5;m x"), MALFORMED, BYTES(""), BYTES("") },
	{ "too long, its map in sight", BYTES("10257:m xx"), TOO_LONG, BYTES("m"), BYTES("") },
	{ "too long, no end of the map yet", BYTES("10257:aliases"), TOO_LONG, BYTES(""),
	    BYTES("") },
	{ "too long by five digits", BYTES("1000000000:"), TOO_LONG, BYTES(""), BYTES("") },
};

static void
check(const struct request *r, struct slice input, enum take take)
{
	struct slice in = bytes_copy(input), map = BYTES("-"), key = BYTES("-");
	size_t used = 4711;
	enum take got = socketmap_take(in, &map, &key, &used);

	if (got != take)
		fail_msg("%s, %zu bytes of it: got %d, expected %d", r->name, in.n, got, take);
	if (take == TAKEN || take == TOO_LONG) {
		if (!slice_eq(map, r->map) || !slice_eq(key, r->key))
			fail_msg("%s: got '%.*s' and '%.*s'", r->name, (int)map.n, map.p,
			    (int)key.n, key.p);
		if (take == TAKEN && used != r->input.n)
			fail_msg("%s: used %zu of %zu", r->name, used, r->input.n);
		if (take == TOO_LONG && used <= in.n)
			fail_msg("%s: would skip only %zu", r->name, used);
	} else if (used != 4711 || !slice_is(map, "-") || !slice_is(key, "-")) {
		fail_msg("%s: something was touched", r->name);
	}
	bytes_free(in);
}

static void
test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(requests); i++)
		check(&requests[i], requests[i].input, requests[i].take);
}

static void
test_every_prefix_wants_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(requests); i++)
		for (size_t n = 0; requests[i].take == TAKEN && n < requests[i].input.n; n++)
			check(&requests[i], slice_head(requests[i].input, n), MORE);
}

static void
test_the_longest_request_and_one_byte_more(void **state)
{
	size_t over, used;

	(void)state;
	for (over = 0; over <= 1; over++) {
		struct slice map, key;
		struct sbuf in, payload;
		enum take got;

		sbuf_init(&payload, SOCKETMAP_REQUEST_MAX + 1);
		sbuf_add_str(&payload, "m ");
		while (payload.n < SOCKETMAP_REQUEST_MAX + over)
			sbuf_add_chr(&payload, 'k');
		sbuf_init(&in, payload.n + 16);
		netstring_put(&in, sbuf_slice(&payload));
		got = socketmap_take(sbuf_slice(&in), &map, &key, &used);
		assert_int_equal(got, over ? TOO_LONG : TAKEN);
		assert_true(slice_is(map, "m"));
		assert_int_equal(key.n, over ? 0 : SOCKETMAP_REQUEST_MAX - 2);
		assert_int_equal(used, in.n);
		sbuf_release(&in);
		sbuf_release(&payload);
	}
}

static const struct reply replies[] = {
	{ "found", FOUND, BYTES("a@b.org"), true, "10:OK a@b.org," },
	{ "found, kept as it is", FOUND, BYTES(" \"a b\"@c.org\t"), true,
	    "16:OK  \"a b\"@c.org\t," },
	{ "found, in UTF-8", FOUND, BYTES("j\xc3\xb6@c.org"), true, "12:OK j\xc3\xb6@c.org," },
	{ "none has its blank", NONE, BYTES(""), true, "9:NOTFOUND ," },
	{ "none says no more than that", NONE, BYTES("what was found"), true, "9:NOTFOUND ," },
	{ "retry", RETRY, BYTES("store is locked"), true, "20:TEMP store is locked," },
	{ "retry without a word", RETRY, BYTES(""), true, "20:TEMP try again later," },
	{ "bad", BAD, BYTES("no map 'x'"), true, "15:PERM no map 'x'," },
	{ "bad without a word", BAD, BYTES(""), true, "16:PERM bad request," },
	{ "an explanation is made printable", RETRY, BYTES("a\nb\0c\x7f\xff"), true,
	    "12:TEMP a?b?c??," },
	{ "an empty value", FOUND, BYTES(""), false, "23:TEMP the value is empty," },
	{ "a NUL in the value", FOUND, BYTES("a\0b"), false, "30:TEMP the value has a NUL in it," },
};

static void
test_replies(void **state)
{
	(void)state;
	check_replies(socketmap_put, replies, ROWS(replies));
}

/* Fill B with N letters and put it as OUTCOME; return the length of the reply's payload. */
static size_t
put_long(enum outcome o, size_t n, bool *carried, struct sbuf *out)
{
	struct slice payload;
	struct sbuf value;
	size_t used;

	sbuf_init(&value, n);
	memset(sbuf_room(&value, n), 'v', n);
	value.n = n;
	sbuf_clear(out);
	*carried = socketmap_put(out, o, sbuf_slice(&value));
	sbuf_release(&value);
	assert_int_equal(netstring_take(sbuf_slice(out), SIZE_MAX / 2, &payload, &used), TAKEN);
	assert_int_equal(used, out->n);
	return payload.n;
}

static void
test_long_values_and_explanations(void **state)
{
	struct sbuf out;
	bool carried;

	(void)state;
	sbuf_init(&out, SOCKETMAP_REPLY_MAX + 16);
	assert_int_equal(
	    put_long(FOUND, SOCKETMAP_REPLY_MAX - 3, &carried, &out), SOCKETMAP_REPLY_MAX);
	assert_true(carried);
	put_long(FOUND, SOCKETMAP_REPLY_MAX - 2, &carried, &out);
	assert_false(carried);
	assert_true(slice_is(sbuf_slice(&out), "38:TEMP the value is too long for a reply,"));
	assert_int_equal(put_long(RETRY, 200, &carried, &out), 5 + 200);
	assert_int_equal(put_long(RETRY, 201, &carried, &out), 5 + 200);
	assert_int_equal(put_long(BAD, 5000, &carried, &out), 5 + 200);
	sbuf_release(&out);
}

static void
test_a_reply_is_whole_or_not_at_all(void **state)
{
	(void)state;
	for (size_t room = 0; room <= 7; room++) {
		struct sbuf out;

		sbuf_init(&out, room);
		assert_int_equal(socketmap_put(&out, FOUND, slice_str("x")), room == 7);
		assert_int_equal(out.n, room == 7 ? 7 : 0);
		assert_int_equal(out.failed, room != 7);
		sbuf_release(&out);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_every_prefix_wants_more),
		cmocka_unit_test(test_the_longest_request_and_one_byte_more),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_long_values_and_explanations),
		cmocka_unit_test(test_a_reply_is_whole_or_not_at_all),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("socketmap", tests, NULL, NULL);
}
