/* SPDX-License-Identifier: ISC
 *
 * base/slice: comparing, cutting and finding, at the edges above all.
 */
#include "base/slice.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "../lib/bytes.h"

static const struct slice nothing = { NULL, 0 };

static void
test_views(void **state)
{
	struct slice s = slice_str("abc");

	(void)state;
	assert_int_equal(s.n, 3);
	assert_int_equal(slice_str(NULL).n, 0);
	assert_true(slice_is(slice_head(s, 0), ""));
	assert_true(slice_is(slice_head(s, 2), "ab"));
	assert_true(slice_is(slice_head(s, 9), "abc"));
	assert_true(slice_is(slice_tail(s, 0), "abc"));
	assert_true(slice_is(slice_tail(s, 2), "c"));
	assert_true(slice_is(slice_tail(s, 3), ""));
	assert_true(slice_is(slice_tail(s, SIZE_MAX), ""));
	assert_ptr_equal(slice_tail(s, 9).p, s.p + 3);
	assert_null(slice_tail(nothing, 1).p);
}

static const struct compared {
	const char *name;
	struct slice s;
	const char *str;
	bool same;
	bool same_nocase;
} compared[] = {
	{ "nothing and the empty string", { NULL, 0 }, "", true, true },
	{ "the same", BYTES("abc"), "abc", true, true },
	{ "another case", BYTES("aBc"), "AbC", false, true },
	{ "shorter", BYTES("ab"), "abc", false, false },
	{ "longer", BYTES("abcd"), "abc", false, false },
	{ "a NUL is a byte like others", BYTES("ab\0"), "ab", false, false },
	{ "letters only: [ is not {", BYTES("["), "{", false, false },
	{ "ASCII only", BYTES("\xc3\x84"), "\xc3\xa4", false, false },
};

static const struct {
	struct slice a, b;
	int sign;
} ordered[] = {
	{ BYTES(""), { NULL, 0 }, 0 },
	{ BYTES("abc"), BYTES("abc"), 0 },
	{ BYTES("ab"), BYTES("abc"), -1 },
	{ BYTES("b"), BYTES("abc"), 1 },
	{ { NULL, 0 }, BYTES("a"), -1 },
	{ BYTES("a\xc3"), BYTES("az"), 1 },
	{ BYTES("a\0b"), BYTES("a\0c"), -1 },
};

static void
test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(ordered); i++) {
		int there = slice_cmp(ordered[i].a, ordered[i].b);
		int back = slice_cmp(ordered[i].b, ordered[i].a);

		assert_int_equal((there > 0) - (there < 0), ordered[i].sign);
		assert_int_equal((back > 0) - (back < 0), -ordered[i].sign);
	}
}

static void
test_compare(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(compared); i++) {
		const struct compared *r = &compared[i];

		if (slice_is(r->s, r->str) != r->same)
			fail_msg("%s: slice_is", r->name);
		if (slice_eq(r->s, slice_str(r->str)) != r->same)
			fail_msg("%s: slice_eq", r->name);
		if (slice_is_nocase(r->s, r->str) != r->same_nocase)
			fail_msg("%s: slice_is_nocase", r->name);
	}
}

static void
test_starts_and_ends(void **state)
{
	struct slice s = slice_str("abab");

	(void)state;
	assert_true(slice_starts(s, ""));
	assert_true(slice_starts(s, "aba"));
	assert_true(slice_starts(s, "abab"));
	assert_false(slice_starts(s, "ababa"));
	assert_false(slice_starts(s, "b"));
	assert_true(slice_ends(s, ""));
	assert_true(slice_ends(s, "bab"));
	assert_true(slice_ends(s, "abab"));
	assert_false(slice_ends(s, "ababa"));
	assert_false(slice_ends(s, "a"));
	assert_true(slice_starts(nothing, ""));
	assert_false(slice_ends(nothing, "a"));
}

static void
test_ascii(void **state)
{
	(void)state;
	assert_true(slice_is_ascii(nothing));
	assert_true(slice_is_ascii(slice_of("a\0\x7f", 3)));
	assert_false(slice_is_ascii(slice_str("\x80")));
	assert_false(slice_is_ascii(slice_str("ab\xff")));
}

static void
test_find(void **state)
{
	struct slice s = BYTES("a@b\0@c");
	size_t at = 4711;

	(void)state;
	assert_true(slice_chr(s, '@', &at));
	assert_int_equal(at, 1);
	assert_true(slice_rchr(s, '@', &at));
	assert_int_equal(at, 4);
	assert_true(slice_chr(s, '\0', &at));
	assert_int_equal(at, 3);
	assert_true(slice_rchr(s, 'a', &at));
	assert_int_equal(at, 0);
	at = 4711;
	assert_false(slice_chr(s, 'x', &at));
	assert_false(slice_rchr(s, 'x', &at));
	assert_false(slice_chr(nothing, 'x', &at));
	assert_false(slice_rchr(nothing, 'x', &at));
	assert_int_equal(at, 4711);
	assert_int_equal(slice_count(s, '@'), 2);
	assert_int_equal(slice_count(s, 'x'), 0);
	assert_int_equal(slice_count(nothing, 'x'), 0);
}

static const struct cut {
	const char *name;
	struct slice s;
	size_t count;
	const char *part[3];
} cuts[] = {
	{ "no separator", BYTES("abc"), 1, { "abc" } },
	{ "two parts", BYTES("a,b"), 2, { "a", "b" } },
	{ "empty parts", BYTES(",,"), 3, { "", "", "" } },
	{ "an empty last part", BYTES("a,"), 2, { "a", "" } },
	{ "the empty string is one part", BYTES(""), 1, { "" } },
};

static void
test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(cuts); i++) {
		struct slice rest = cuts[i].s;
		size_t n = 0;

		while (rest.p != NULL) {
			struct slice part = slice_cut(&rest, ',');

			if (n == cuts[i].count || !slice_is(part, cuts[i].part[n]))
				fail_msg(
				    "%s: part %zu is '%.*s'", cuts[i].name, n, (int)part.n, part.p);
			n++;
		}
		if (n != cuts[i].count || rest.n != 0)
			fail_msg("%s: %zu parts", cuts[i].name, n);
	}
}

static void
test_trim(void **state)
{
	(void)state;
	assert_true(slice_is(slice_trim(slice_str(" \t\r\n a b \t\r\n ")), "a b"));
	assert_true(slice_is(slice_trim(slice_str("a")), "a"));
	assert_true(slice_is(slice_trim(slice_str(" \t ")), ""));
	assert_true(slice_is(slice_trim(nothing), ""));
	assert_true(slice_is(slice_trim(slice_str("\v")), "\v"));
}

static const struct number {
	const char *name;
	struct slice s;
	unsigned long long max;
	bool valid;
	unsigned long long value;
} numbers[] = {
	{ "nothing", BYTES(""), 9, false, 0 },
	{ "zero", BYTES("0"), 9, true, 0 },
	{ "leading zeros", BYTES("007"), 9, true, 7 },
	{ "as large as the limit", BYTES("65535"), 65535, true, 65535 },
	{ "one over the limit", BYTES("65536"), 65535, false, 0 },
	{ "ten times the limit", BYTES("90"), 9, false, 0 },
	{ "one digit over a limit of one digit", BYTES("9"), 8, false, 0 },
	{ "a limit of zero", BYTES("0"), 0, true, 0 },
	{ "over a limit of zero", BYTES("1"), 0, false, 0 },
	{ "the largest", BYTES("18446744073709551615"), ULLONG_MAX, true, ULLONG_MAX },
	{ "one over the largest", BYTES("18446744073709551616"), ULLONG_MAX, false, 0 },
	{ "far over the largest", BYTES("99999999999999999999999"), ULLONG_MAX, false, 0 },
	{ "a sign", BYTES("+1"), 9, false, 0 },
	{ "a minus sign", BYTES("-1"), 9, false, 0 },
	{ "a blank first", BYTES(" 1"), 9, false, 0 },
	{ "a blank last", BYTES("1 "), 99, false, 0 },
	{ "a NUL last", BYTES("1\0"), 99, false, 0 },
	{ "letters", BYTES("1a"), 99, false, 0 },
	{ "a byte over 127", BYTES("\xb1"), 99, false, 0 },
};

static void
test_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(numbers); i++) {
		const struct number *r = &numbers[i];
		struct slice s = bytes_copy(r->s);
		unsigned long long value = 4711;

		if (slice_number(s, r->max, &value) != r->valid)
			fail_msg("%s: valid %d expected", r->name, r->valid);
		if (value != (r->valid ? r->value : 4711))
			fail_msg("%s: got %llu", r->name, value);
		bytes_free(s);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_starts_and_ends),
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_number),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("slice", tests, NULL, NULL);
}
