/* SPDX-License-Identifier: ISC
 *
 * base/outcome: names and explanations.
 */
#include "base/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(outcome_name(FOUND), "found");
	assert_string_equal(outcome_name(NONE), "none");
	assert_string_equal(outcome_name(RETRY), "retry");
	assert_string_equal(outcome_name(BAD), "bad");
}

static void
test_an_error_is_set_and_returned(void **state)
{
	struct error e = { "before" };

	(void)state;
	for (enum outcome o = FOUND; o <= BAD; o++) {
		assert_int_equal(error_set(&e, o, "cannot open '%s': %d", "x", (int)o), o);
		assert_memory_equal(e.text, "cannot open 'x': ", 17);
		assert_int_equal(e.text[17], '0' + (int)o);
	}
}

static void
test_nobody_wants_to_know(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, RETRY, "lost %s", "words"), RETRY);
}

static void
test_a_long_text_is_cut(void **state)
{
	char longer[2 * sizeof(((struct error *)0)->text)];
	struct error e;

	(void)state;
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(error_set(&e, BAD, "%s", longer), BAD);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_an_error_is_set_and_returned),
		cmocka_unit_test(test_nobody_wants_to_know),
		cmocka_unit_test(test_a_long_text_is_cut),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
