/* SPDX-License-Identifier: ISC
 *
 * wire/base64: the vectors of RFC 4648, and what strict means.
 */
#include "wire/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/bytes.h"

static const struct pair {
	const char *name;
	struct slice plain;
	const char *coded;
} pairs[] = {
	{ "nothing", BYTES(""), "" },
	{ "one byte", BYTES("f"), "Zg==" },
	{ "two bytes", BYTES("fo"), "Zm8=" },
	{ "three bytes", BYTES("foo"), "Zm9v" },
	{ "four bytes", BYTES("foob"), "Zm9vYg==" },
	{ "five bytes", BYTES("fooba"), "Zm9vYmE=" },
	{ "six bytes", BYTES("foobar"), "Zm9vYmFy" },
	{ "the last two letters", BYTES("\xfb\xff\xbf"), "+/+/" },
	{ "the highest byte", BYTES("\xff\xff\xff\xff"), "/////w==" },
	{ "a PLAIN message", BYTES("\0tim\0tanstaaftanstaaf"), "AHRpbQB0YW5zdGFhZnRhbnN0YWFm" },
};

static void
test_pairs_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(pairs); i++) {
		const struct pair *r = &pairs[i];
		struct slice plain = bytes_copy(r->plain), coded = bytes_copy(slice_str(r->coded));
		struct sbuf out;

		sbuf_init(&out, 64);
		assert_true(base64_encode(&out, plain));
		if (!slice_is(sbuf_slice(&out), r->coded))
			fail_msg("%s: coded as '%s'", r->name, sbuf_cstr(&out));
		sbuf_clear(&out);
		if (!base64_decode(&out, coded) || !slice_eq(sbuf_slice(&out), r->plain))
			fail_msg("%s: decoded as '%s'", r->name, sbuf_cstr(&out));
		sbuf_release(&out);
		bytes_free(plain);
		bytes_free(coded);
	}
}

static const struct refused {
	const char *name;
	struct slice coded;
} refused[] = {
	{ "one letter", BYTES("Z") },
	{ "two letters without padding", BYTES("Zg") },
	{ "three letters without padding", BYTES("Zm8") },
	{ "half the padding", BYTES("Zg=") },
	{ "five letters", BYTES("Zm9vY") },
	{ "nothing but padding", BYTES("====") },
	{ "one letter and padding", BYTES("Z===") },
	{ "padding in the middle", BYTES("Zg==Zm9v") },
	{ "padding before a letter", BYTES("Zg=v") },
	{ "more padding than needed", BYTES("Zm9v====") },
	{ "stray bits behind one byte", BYTES("Zh==") },
	{ "stray bits behind two bytes", BYTES("Zm9=") },
	{ "a blank", BYTES("Zm 9") },
	{ "a line end", BYTES("Zm9v\n") },
	{ "the URL alphabet", BYTES("-_-_") },
	{ "a NUL", BYTES("Zm\0v") },
	{ "a byte over 127", BYTES("Zm\xff"
				   "v") },
};

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(refused); i++) {
		struct slice coded = bytes_copy(refused[i].coded);
		struct sbuf out;

		sbuf_init(&out, 64);
		sbuf_add_str(&out, "before");
		if (base64_decode(&out, coded))
			fail_msg("%s: decoded", refused[i].name);
		assert_string_equal(sbuf_cstr(&out), "before");
		sbuf_release(&out);
		bytes_free(coded);
	}
}

static void
test_every_prefix_of_whole_groups_only(void **state)
{
	struct slice whole = slice_str("Zm9vYmFyZm9v");

	(void)state;
	for (size_t n = 0; n <= whole.n; n++) {
		struct slice coded = bytes_copy(slice_head(whole, n));
		struct sbuf out;

		sbuf_init(&out, 64);
		assert_int_equal(base64_decode(&out, coded), n % 4 == 0);
		assert_int_equal(out.n, n % 4 == 0 ? n / 4 * 3 : 0);
		sbuf_release(&out);
		bytes_free(coded);
	}
}

static void
test_all_of_it_is_appended_or_nothing(void **state)
{
	(void)state;
	for (size_t room = 0; room <= 8; room++) {
		struct sbuf out;

		sbuf_init(&out, room);
		assert_int_equal(base64_encode(&out, slice_str("fooba")), room >= 8);
		assert_int_equal(out.n, room >= 8 ? 8 : 0);
		sbuf_clear(&out);
		assert_int_equal(base64_decode(&out, slice_str("Zm9vYmE=")), room >= 5);
		assert_int_equal(out.n, room >= 5 ? 5 : 0);
		sbuf_release(&out);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs_both_ways),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_prefix_of_whole_groups_only),
		cmocka_unit_test(test_all_of_it_is_appended_or_nothing),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
