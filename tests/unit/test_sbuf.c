/* SPDX-License-Identifier: ISC
 *
 * base/sbuf: the hard cap, the mark of a failure, and the terminator that is always there.
 */
#include "base/sbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../lib/bytes.h"

static void
test_a_new_one_is_empty(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 8);
	assert_int_equal(sbuf_slice(&b).n, 0);
	assert_string_equal(sbuf_cstr(&b), "");
	assert_false(b.failed);
	sbuf_clear(&b);
	sbuf_truncate(&b, 0);
	sbuf_drop(&b, 3);
	assert_int_equal(b.n, 0);
	sbuf_release(&b);
	sbuf_release_secret(&b);
}

static void
test_every_way_to_append(void **state)
{
	struct slice nul = BYTES("\0");
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 64);
	assert_true(sbuf_add(&b, "ab", 2));
	assert_true(sbuf_add_str(&b, "cd"));
	assert_true(sbuf_add_chr(&b, 'e'));
	assert_true(sbuf_printf(&b, "%d-%s", 12, "f"));
	assert_true(sbuf_add_slice(&b, slice_str("gh")));
	assert_true(sbuf_add_slice(&b, slice_of(NULL, 0)));
	assert_true(sbuf_add_str(&b, NULL));
	assert_true(sbuf_printf(&b, "%s", ""));
	assert_string_equal(sbuf_cstr(&b), "abcde12-fgh");
	assert_true(sbuf_add_slice(&b, nul));
	assert_int_equal(b.n, 12);
	sbuf_release(&b);
}

static void
test_full_to_the_last_byte(void **state)
{
	(void)state;
	for (size_t max = 0; max <= 300; max++) {
		struct sbuf b;

		sbuf_init(&b, max);
		for (size_t i = 0; i < max; i++)
			assert_true(sbuf_add_chr(&b, (char)('a' + i % 26)));
		assert_false(b.failed);
		assert_int_equal(b.n, max);
		assert_false(sbuf_add_chr(&b, '!'));
		assert_true(b.failed);
		assert_int_equal(b.n, max);
		assert_int_equal(slice_str(sbuf_cstr(&b)).n, max);
		sbuf_release(&b);
	}
}

static void
test_numbers(void **state)
{
	static const size_t numbers[] = { 0, 9, 10, 100, 12345, SIZE_MAX };
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct sbuf b;

		sbuf_init(&b, 20);
		snprintf(text, sizeof text, "%zu", numbers[i]);
		assert_true(sbuf_add_number(&b, numbers[i]));
		assert_string_equal(sbuf_cstr(&b), text);
		assert_false(sbuf_add_number(&b, SIZE_MAX));
		assert_string_equal(sbuf_cstr(&b), text);
		sbuf_release(&b);
	}
}

static void
test_what_does_not_fit_leaves_no_trace(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 5);
	sbuf_add_str(&b, "abc");
	assert_false(sbuf_add_str(&b, "def"));
	assert_string_equal(sbuf_cstr(&b), "abc");
	assert_false(sbuf_printf(&b, "%s", "def"));
	assert_string_equal(sbuf_cstr(&b), "abc");
	assert_null(sbuf_room(&b, 3));
	assert_null(sbuf_room(&b, SIZE_MAX));
	assert_true(sbuf_add_str(&b, "de"));
	assert_true(b.failed);
	assert_string_equal(sbuf_cstr(&b), "abcde");
	sbuf_clear(&b);
	assert_false(b.failed);
	assert_string_equal(sbuf_cstr(&b), "");
	assert_true(sbuf_printf(&b, "%s", "vwxyz"));
	assert_string_equal(sbuf_cstr(&b), "vwxyz");
	sbuf_release(&b);
}

static void
test_room_is_behind_the_contents(void **state)
{
	struct sbuf b;
	char *to;

	(void)state;
	sbuf_init(&b, 100);
	sbuf_add_str(&b, "abc");
	to = sbuf_room(&b, 97);
	assert_ptr_equal(to, b.p + 3);
	memset(to, 'x', 97);
	assert_int_equal(b.n, 3);
	b.n += 97;
	sbuf_truncate(&b, 5);
	assert_string_equal(sbuf_cstr(&b), "abcxx");
	sbuf_release(&b);
}

static void
test_drop_and_truncate(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 16);
	sbuf_add_str(&b, "abcdef");
	sbuf_drop(&b, 2);
	assert_string_equal(sbuf_cstr(&b), "cdef");
	sbuf_drop(&b, 0);
	sbuf_truncate(&b, 9);
	assert_string_equal(sbuf_cstr(&b), "cdef");
	sbuf_truncate(&b, 3);
	assert_string_equal(sbuf_cstr(&b), "cde");
	sbuf_drop(&b, 99);
	assert_string_equal(sbuf_cstr(&b), "");
	sbuf_release(&b);
}

static void
test_usable_after_release(void **state)
{
	struct sbuf b;

	(void)state;
	sbuf_init(&b, 4);
	sbuf_add_str(&b, "abcde");
	sbuf_release(&b);
	assert_false(b.failed);
	assert_true(sbuf_add_str(&b, "abcd"));
	sbuf_release_secret(&b);
	assert_null(b.p);
	assert_true(sbuf_add_str(&b, "efgh"));
	assert_false(sbuf_add_chr(&b, '!'));
	sbuf_release(&b);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_one_is_empty),
		cmocka_unit_test(test_every_way_to_append),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_full_to_the_last_byte),
		cmocka_unit_test(test_what_does_not_fit_leaves_no_trace),
		cmocka_unit_test(test_room_is_behind_the_contents),
		cmocka_unit_test(test_drop_and_truncate),
		cmocka_unit_test(test_usable_after_release),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("sbuf", tests, NULL, NULL);
}
