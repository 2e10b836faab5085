/* SPDX-License-Identifier: ISC
 *
 * wire/netstring: framing, limits, and every prefix of what it takes.
 */
#include "wire/netstring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/bytes.h"

enum { LIMIT = 8 };

static const struct row {
	const char *name;
	struct slice input;
	enum take take;
	struct slice payload;
	size_t used;
} rows[] = {
	{ "nothing", BYTES(""), MORE, BYTES(""), 0 },
	{ "an empty payload", BYTES("0:,"), TAKEN, BYTES(""), 3 },
	{ "a payload", BYTES("5:hello,"), TAKEN, BYTES("hello"), 8 },
	{ "a payload as long as the limit", BYTES("8:12345678,"), TAKEN, BYTES("12345678"), 11 },
	{ "leading zeros", BYTES("0000000003:abc,"), TAKEN, BYTES("abc"), 15 },
	{ "framing bytes in the payload", BYTES("4:,:1:,"), TAKEN, BYTES(",:1:"), 7 },
	{ "NUL and LF in the payload", BYTES("3:\0\n\0,"), TAKEN, BYTES("\0\n\0"), 6 },
	{ "a second message behind", BYTES("1:a,1:b,"), TAKEN, BYTES("a"), 4 },
	{ "rubbish behind", BYTES("1:a,\n"), TAKEN, BYTES("a"), 4 },
	{ "ten digits and no end yet", BYTES("0000000001"), MORE, BYTES(""), 0 },
	{ "eleven digits", BYTES("00000000001"), MALFORMED, BYTES(""), 0 },
	{ "no length", BYTES(":,"), MALFORMED, BYTES(""), 0 },
	{ "a minus sign", BYTES("-1:a,"), MALFORMED, BYTES(""), 0 },
	{ "a plus sign", BYTES("+1:a,"), MALFORMED, BYTES(""), 0 },
	{ "a blank first", BYTES(" 1:a,"), MALFORMED, BYTES(""), 0 },
	{ "a blank in the length", BYTES("1 :a,"), MALFORMED, BYTES(""), 0 },
	{ "a hexadecimal length", BYTES("a:0123456789,"), MALFORMED, BYTES(""), 0 },
	{ "a newline for the comma", BYTES("1:a\n"), MALFORMED, BYTES(""), 0 },
	{ "a payload longer than its length", BYTES("1:ab,"), MALFORMED, BYTES(""), 0 },
	{ "another protocol", BYTES("get x\n"), MALFORMED, BYTES(""), 0 },
	{ "too long, nothing there", BYTES("9:"), TOO_LONG, BYTES(""), 12 },
	{ "too long, some there", BYTES("9:123"), TOO_LONG, BYTES("123"), 12 },
	{ "too long, all there", BYTES("9:123456789,"), TOO_LONG, BYTES("12345678"), 12 },
	{ "too long and badly ended", BYTES("9:123456789;"), MALFORMED, BYTES(""), 0 },
	{ "the longest there is", BYTES("9999999999:"), TOO_LONG, BYTES(""), 11 + 9999999999 + 1 },
};

/* Show one input to the codec, on the heap at its exact size, and compare. */
static void
check(const struct row *r, struct slice input, enum take take)
{
	struct slice in = bytes_copy(input), payload = BYTES("untouched");
	size_t used = 4711;
	enum take got = netstring_take(in, LIMIT, &payload, &used);

	if (got != take)
		fail_msg("%s, %zu bytes of it: got %d, expected %d", r->name, in.n, got, take);
	if (take == TAKEN || take == TOO_LONG) {
		if (used != r->used)
			fail_msg("%s: used %zu, expected %zu", r->name, used, r->used);
		if (!slice_eq(payload, r->payload))
			fail_msg("%s: payload '%.*s'", r->name, (int)payload.n, payload.p);
	} else if (used != 4711 || !slice_is(payload, "untouched")) {
		fail_msg("%s: something was touched", r->name);
	}
	bytes_free(in);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		check(&rows[i], rows[i].input, rows[i].take);
}

static void
test_every_prefix_wants_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		for (size_t n = 0; rows[i].take == TAKEN && n < rows[i].used; n++)
			check(&rows[i], slice_head(rows[i].input, n), MORE);
}

static void
test_one_byte_too_many_is_left_alone(void **state)
{
	char room[32];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct slice in = rows[i].input;

		if (rows[i].take != TAKEN)
			continue;
		memcpy(room, in.p, in.n);
		room[in.n] = 'x';
		check(&rows[i], slice_of(room, in.n + 1), TAKEN);
	}
}

static void
test_put_is_taken_again(void **state)
{
	struct slice payloads[] = { BYTES(""), BYTES("a"), BYTES("5:hello,"), BYTES("\0\xff\n") };

	(void)state;
	for (size_t i = 0; i < ROWS(payloads); i++) {
		struct slice back;
		struct sbuf out;
		size_t used;

		sbuf_init(&out, 64);
		assert_true(netstring_put(&out, payloads[i]));
		assert_int_equal(netstring_take(sbuf_slice(&out), LIMIT, &back, &used), TAKEN);
		assert_int_equal(used, out.n);
		assert_true(slice_eq(back, payloads[i]));
		sbuf_release(&out);
	}
}

static void
test_put_is_whole_or_not_at_all(void **state)
{
	(void)state;
	for (size_t room = 0; room <= 11; room++) {
		struct sbuf out;

		sbuf_init(&out, room);
		sbuf_add_str(&out, "1:");
		sbuf_clear(&out);
		assert_int_equal(netstring_put(&out, slice_str("12345678")), room == 11);
		assert_int_equal(out.n, room == 11 ? 11 : 0);
		assert_int_equal(out.failed, room != 11);
		sbuf_release(&out);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_prefix_wants_more),
		cmocka_unit_test(test_one_byte_too_many_is_left_alone),
		cmocka_unit_test(test_put_is_taken_again),
		cmocka_unit_test(test_put_is_whole_or_not_at_all),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("netstring", tests, NULL, NULL);
}
