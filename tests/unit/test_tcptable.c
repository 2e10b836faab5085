/* SPDX-License-Identifier: ISC
 *
 * wire/tcptable: lines, %XX coding both ways, and the four outcomes as three-digit codes.
 */
#include "wire/tcptable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/bytes.h"
#include "../lib/replies.h"

static const struct request {
	const char *name;
	struct slice input;
	bool bad;
	struct slice key;
} requests[] = {
	{ "a key", BYTES("get x@y.org\n"), false, BYTES("x@y.org") },
	{ "an empty key", BYTES("get \n"), false, BYTES("") },
	{ "a coded blank", BYTES("get a%20b\n"), false, BYTES("a b") },
	{ "upper-case digits", BYTES("get %C3%B6\n"), false, BYTES("\xc3\xb6") },
	{ "lower-case digits", BYTES("get %c3%b6\n"), false, BYTES("\xc3\xb6") },
	{ "decoded once", BYTES("get %2541\n"), false, BYTES("%41") },
	{ "a NUL and an LF", BYTES("get a%00%0A\n"), false, BYTES("a\0\n") },
	{ "what Postfix leaves alone", BYTES("get \"+=?@\\\n"), false, BYTES("\"+=?@\\") },
	{ "get without a blank", BYTES("get\n"), true, BYTES("") },
	{ "get and a tab", BYTES("get\tx\n"), true, BYTES("") },
	{ "put", BYTES("put x y\n"), true, BYTES("") },
	{ "an unknown word", BYTES("frobnicate x\n"), true, BYTES("") },
	{ "upper-case get", BYTES("GET x\n"), true, BYTES("") },
	{ "HTTP", BYTES("GET / HTTP/1.1\n"), true, BYTES("") },
	{ "an empty line", BYTES("\n"), true, BYTES("") },
	{ "a carriage return", BYTES("get x\r\n"), true, BYTES("") },
	{ "a blank that is not coded", BYTES("get a b\n"), true, BYTES("") },
	{ "UTF-8 that is not coded", BYTES("get \xc3\xb6\n"), true, BYTES("") },
	{ "a NUL that is not coded", BYTES("get \0\n"), true, BYTES("") },
	{ "no digits", BYTES("get x%zz\n"), true, BYTES("") },
	{ "one digit", BYTES("get x%4\n"), true, BYTES("") },
	{ "one digit and a letter", BYTES("get x%4g\n"), true, BYTES("") },
	{ "a lone percent", BYTES("get x%\n"), true, BYTES("") },
};

static void
check(const struct request *r, struct slice input)
{
	struct slice in = bytes_copy(input);
	size_t used = 0;
	struct sbuf key;
	bool bad;

	sbuf_init(&key, 64);
	sbuf_add_str(&key, "an earlier key");
	if (tcptable_take(in, &key, &bad, &used) != TAKEN)
		fail_msg("%s: not taken", r->name);
	if (bad != r->bad || used != r->input.n || !slice_eq(sbuf_slice(&key), r->key))
		fail_msg("%s: bad %d, used %zu, key '%s'", r->name, bad, used, sbuf_cstr(&key));
	sbuf_release(&key);
	bytes_free(in);
}

static void
test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(requests); i++)
		check(&requests[i], requests[i].input);
}

static void
test_every_prefix_wants_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(requests); i++) {
		for (size_t n = 0; n < requests[i].input.n; n++) {
			struct slice in = bytes_copy(slice_head(requests[i].input, n));
			struct sbuf key;
			bool bad = false;
			size_t used = 4711;

			sbuf_init(&key, 64);
			sbuf_add_str(&key, "k");
			assert_int_equal(tcptable_take(in, &key, &bad, &used), MORE);
			assert_int_equal(used, 4711);
			assert_string_equal(sbuf_cstr(&key), "k");
			sbuf_release(&key);
			bytes_free(in);
		}
	}
}

static void
test_one_byte_too_many_is_left_alone(void **state)
{
	char room[32];

	(void)state;
	for (size_t i = 0; i < ROWS(requests); i++) {
		struct slice in = requests[i].input;

		memcpy(room, in.p, in.n);
		room[in.n] = 'g';
		check(&requests[i], slice_of(room, in.n + 1));
	}
}

static void
test_line_limit(void **state)
{
	char *line = malloc(TCPTABLE_LINE_MAX + 1);
	struct sbuf key;
	size_t used;
	bool bad;

	(void)state;
	sbuf_init(&key, TCPTABLE_LINE_MAX);
	memset(line, 'k', TCPTABLE_LINE_MAX + 1);
	memcpy(line, "get ", 4);
	assert_int_equal(
	    tcptable_take(slice_of(line, TCPTABLE_LINE_MAX - 1), &key, &bad, &used), MORE);
	assert_int_equal(
	    tcptable_take(slice_of(line, TCPTABLE_LINE_MAX), &key, &bad, &used), TOO_LONG);
	assert_int_equal(used, TCPTABLE_LINE_MAX);
	line[TCPTABLE_LINE_MAX] = '\n';
	assert_int_equal(
	    tcptable_take(slice_of(line, TCPTABLE_LINE_MAX + 1), &key, &bad, &used), TOO_LONG);
	line[TCPTABLE_LINE_MAX - 1] = '\n';
	assert_int_equal(
	    tcptable_take(slice_of(line, TCPTABLE_LINE_MAX), &key, &bad, &used), TAKEN);
	assert_false(bad);
	assert_int_equal(key.n, TCPTABLE_LINE_MAX - 5);
	sbuf_release(&key);
	free(line);
}

static void
test_a_key_that_does_not_fit_is_a_bad_request(void **state)
{
	struct sbuf key;
	size_t used;
	bool bad;

	(void)state;
	sbuf_init(&key, 3);
	assert_int_equal(tcptable_take(slice_str("get abc\n"), &key, &bad, &used), TAKEN);
	assert_false(bad);
	assert_int_equal(tcptable_take(slice_str("get abcd\n"), &key, &bad, &used), TAKEN);
	assert_true(bad);
	assert_int_equal(used, 9);
	assert_int_equal(key.n, 0);
	sbuf_release(&key);
}

static const struct reply replies[] = {
	{ "found", FOUND, BYTES("a@b.org"), true, "200 a@b.org\n" },
	{ "blanks are coded", FOUND, BYTES("a@b, c@d"), true, "200 a@b,%20c@d\n" },
	{ "the bytes around the limits", FOUND, BYTES("\x1f !$%&~\x7f\x80\xff"), true,
	    "200 %1F%20!$%25&~%7F%80%FF\n" },
	{ "LF is coded", FOUND, BYTES("\r\n\t"), true, "200 %0D%0A%09\n" },
	{ "none", NONE, BYTES(""), true, "500 not%20found\n" },
	{ "retry", RETRY, BYTES("store is locked"), true, "400 store%20is%20locked\n" },
	{ "retry without a word", RETRY, BYTES(""), true, "400 try%20again%20later\n" },
	{ "bad is no 500", BAD, BYTES(""), true, "400 bad%20request\n" },
	{ "an explanation is made printable", RETRY, BYTES("a\n\xff"), true, "400 a??\n" },
	{ "an empty value", FOUND, BYTES(""), false, "400 the%20value%20is%20empty\n" },
	{ "a NUL in the value", FOUND, BYTES("a\0b"), false,
	    "400 the%20value%20has%20a%20NUL%20in%20it\n" },
};

static void
test_replies(void **state)
{
	(void)state;
	check_replies(tcptable_put, replies, ROWS(replies));
}

/* Put N times C as OUTCOME. */
static bool
put_long(struct sbuf *out, enum outcome o, char c, size_t n)
{
	char *value = malloc(n);
	bool carried;

	memset(value, c, n);
	sbuf_clear(out);
	carried = tcptable_put(out, o, slice_of(value, n));
	free(value);
	return carried;
}

static void
test_reply_limit(void **state)
{
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 8192);
	assert_true(put_long(&out, FOUND, 'v', TCPTABLE_REPLY_MAX - 4));
	assert_int_equal(out.n, TCPTABLE_REPLY_MAX + 1);
	assert_false(put_long(&out, FOUND, 'v', TCPTABLE_REPLY_MAX - 3));
	assert_true(slice_starts(sbuf_slice(&out), "400 "));
	assert_true(put_long(&out, FOUND, ' ', (TCPTABLE_REPLY_MAX - 4) / 3));
	assert_false(put_long(&out, FOUND, ' ', (TCPTABLE_REPLY_MAX - 4) / 3 + 1));
	assert_true(put_long(&out, RETRY, ' ', 5000));
	assert_int_equal(out.n, 4 + 3 * 200 + 1);
	sbuf_release(&out);
}

static void
test_a_reply_is_whole_or_not_at_all(void **state)
{
	(void)state;
	for (size_t room = 0; room <= 8; room++) {
		struct sbuf out;

		sbuf_init(&out, room);
		assert_int_equal(tcptable_put(&out, FOUND, slice_str(" ")), room == 8);
		assert_int_equal(out.n, room == 8 ? 8 : 0);
		assert_int_equal(out.failed, room != 8);
		sbuf_release(&out);
	}
}

static void
test_every_byte_comes_back(void **state)
{
	char all[255];
	struct sbuf out, line, key;
	size_t used;
	bool bad;

	(void)state;
	for (int c = 1; c <= 255; c++)
		all[c - 1] = (char)c;
	sbuf_init(&out, 1024);
	sbuf_init(&line, 1024);
	sbuf_init(&key, 1024);
	assert_true(tcptable_put(&out, FOUND, slice_of(all, sizeof all)));
	sbuf_add_str(&line, "get ");
	sbuf_add_slice(&line, slice_tail(sbuf_slice(&out), 4));
	assert_int_equal(tcptable_take(sbuf_slice(&line), &key, &bad, &used), TAKEN);
	assert_false(bad);
	assert_true(slice_eq(sbuf_slice(&key), slice_of(all, sizeof all)));
	sbuf_release(&out);
	sbuf_release(&line);
	sbuf_release(&key);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_every_prefix_wants_more),
		cmocka_unit_test(test_one_byte_too_many_is_left_alone),
		cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_a_key_that_does_not_fit_is_a_bad_request),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_reply_limit),
		cmocka_unit_test(test_a_reply_is_whole_or_not_at_all),
		cmocka_unit_test(test_every_byte_comes_back),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("tcptable", tests, NULL, NULL);
}
