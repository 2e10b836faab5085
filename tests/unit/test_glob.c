/* SPDX-License-Identifier: ISC
 *
 * Matching of pattern aliases: named rows, and every short pattern and text against a matcher that
 * is slow and plainly right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/bytes.h"
#include "mail/glob.h"

struct glob_row {
	const char *name;
	struct slice pattern;
	struct slice text;
	bool matches;
};

/* clang-format off */
static const struct glob_row globs[] = {
	{ "the same", BYTES("sales"), BYTES("sales"), true },
	{ "not the same", BYTES("sales"), BYTES("salez"), false },
	{ "text longer", BYTES("sales"), BYTES("sales1"), false },
	{ "text shorter", BYTES("sales"), BYTES("sale"), false },
	{ "nothing and nothing", BYTES(""), BYTES(""), true },
	{ "nothing does not match something", BYTES(""), BYTES("a"), false },
	{ "something does not match nothing", BYTES("a"), BYTES(""), false },
	{ "star and nothing", BYTES("*"), BYTES(""), true },
	{ "star and anything", BYTES("*"), BYTES("anything"), true },
	{ "star at the end", BYTES("sales-*"), BYTES("sales-1"), true },
	{ "star for nothing", BYTES("sales-*"), BYTES("sales-"), true },
	{ "what comes before the star must be there", BYTES("sales-*"), BYTES("sales"), false },
	{ "star in front", BYTES("*-end"), BYTES("the-end"), true },
	{ "what comes behind it must end the text", BYTES("*-end"), BYTES("the-end-not"), false },
	{ "the last of several places", BYTES("*-end"), BYTES("a-end-end"), true },
	{ "star in the middle", BYTES("a*b"), BYTES("axxb"), true },
	{ "both ends at one letter are one too few", BYTES("a*a"), BYTES("a"), false },
	{ "two stars", BYTES("a*b*c"), BYTES("a1b2c"), true },
	{ "two stars, the first one taking more", BYTES("a*b*c"), BYTES("abxbc"), true },
	{ "two stars in the wrong order", BYTES("a*b*c"), BYTES("acb"), false },
	{ "stars beside each other", BYTES("a**b"), BYTES("ab"), true },
	{ "stars at the end", BYTES("a***"), BYTES("a"), true },
	{ "a star in the text is a letter", BYTES("a*"), BYTES("a*b"), true },
	{ "and matches no letter", BYTES("ab"), BYTES("a*"), false },
	{ "case matters, keys are folded before", BYTES("A*"), BYTES("ab"), false },
	{ "a question mark is itself", BYTES("a?"), BYTES("ab"), false },
	{ "brackets are themselves", BYTES("[ab]"), BYTES("a"), false },
	{ "a backslash is itself", BYTES("\\*"), BYTES("\\x"), true },
	{ "NUL is a letter", BYTES("a\0*"), BYTES("a\0b"), true },
	{ "bytes over 127", BYTES("j\303\266*"), BYTES("j\303\266rg"), true },
};
/* clang-format on */

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(globs); i++) {
		struct slice pattern = bytes_copy(globs[i].pattern);
		struct slice text = bytes_copy(globs[i].text);

		if (glob_match(pattern, text) != globs[i].matches)
			fail_msg("%s", globs[i].name);
		bytes_free(pattern);
		bytes_free(text);
	}
}

/* A star takes nothing, or one letter and then what a star takes. */
static bool
plainly_matches(struct slice pattern, struct slice text)
{
	if (pattern.n == 0)
		return text.n == 0;
	if (pattern.p[0] == '*')
		return plainly_matches(slice_tail(pattern, 1), text) ||
		       (text.n > 0 && plainly_matches(pattern, slice_tail(text, 1)));
	return text.n > 0 && pattern.p[0] == text.p[0] &&
	       plainly_matches(slice_tail(pattern, 1), slice_tail(text, 1));
}

/* Write the N-th text of at most LENGTH of the three LETTERS (n counts in their base) and return
 * its length. */
static size_t
nth(char *out, size_t length, unsigned n, const char *letters)
{
	size_t i;

	for (i = 0; i < length && n > 0; i++) {
		out[i] = letters[(n - 1) % 3];
		n = (n - 1) / 3;
	}
	return i;
}

/* All patterns and all texts of up to six letters. */
static void
test_all_short_ones(void **state)
{
	enum { LENGTH = 6, TEXTS = 1 + 3 + 9 + 27 + 81 + 243 + 729 };
	char pattern[LENGTH], text[LENGTH];
	unsigned matches = 0;

	(void)state;
	for (unsigned i = 0; i < TEXTS; i++) {
		struct slice p = slice_of(pattern, nth(pattern, LENGTH, i, "ab*"));

		for (unsigned j = 0; j < TEXTS; j++) {
			struct slice t = slice_of(text, nth(text, LENGTH, j, "abc"));

			if (glob_match(p, t) != plainly_matches(p, t))
				fail_msg("'%.*s' and '%.*s'", (int)p.n, p.p, (int)t.n, t.p);
			matches += plainly_matches(p, t);
		}
	}
	assert_in_range(matches, TEXTS, TEXTS * TEXTS / 2);
}

/* What takes others as many steps as there are atoms in the world. */
static void
test_many_stars(void **state)
{
	char pattern[1000], text[1000];

	(void)state;
	memset(text, 'a', sizeof text);
	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = i % 2 ? '*' : 'a';
	assert_true(glob_match(slice_of(pattern, sizeof pattern), slice_of(text, sizeof text)));
	pattern[sizeof pattern - 1] = 'b';
	assert_false(glob_match(slice_of(pattern, sizeof pattern), slice_of(text, sizeof text)));
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_all_short_ones),
		cmocka_unit_test(test_many_stars),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
