/* SPDX-License-Identifier: ISC
 *
 * Remembered answers: found as they were given, of one view only, and never anybody else's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/answers.h"

#define S(text) slice_str(text)

static const unsigned char key[16] = "not so random";

static int
setup(void **state)
{
	void *memory = calloc(1, ANSWERS_LEAST);

	*state = memory;
	if (memory == NULL)
		return -1;
	answers_turn(answers_init(memory, ANSWERS_LEAST, key), 1);
	return 0;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

enum { MAP = 17 };

static void
add(struct answers *a, enum outcome o, const char *text)
{
	const struct answered answer = { .outcome = o, .map = MAP, .text = S(text) };

	answers_add(a, &answer);
}

/* Ask, and be answered, as a session does. */
static void
give(struct answers *a, const char *map, const char *what, enum outcome o, const char *text)
{
	struct answered found;

	if (!answers_find(a, S(map), S(what), 0, &found))
		add(a, o, text);
}

static void
expect(struct answers *a, const char *map, const char *what, enum outcome o, const char *text)
{
	struct answered found;

	assert_true(answers_find(a, S(map), S(what), 0, &found));
	assert_int_equal(found.outcome, o);
	assert_int_equal(found.map, MAP);
	assert_true(slice_is(found.text, text));
}

static bool
knows(struct answers *a, const char *map, const char *what)
{
	struct answered found;

	return answers_find(a, S(map), S(what), 0, &found);
}

static void
test_found_as_given(void **state)
{
	struct answers *a = *state;

	assert_false(knows(a, "aliases", "a@b"));
	give(a, "aliases", "a@b", FOUND, "c@d");
	give(a, "aliases", "x@b", NONE, "");
	give(a, "mailboxes", "a@b", FOUND, "b/a/");
	give(a, "aliases", "", NONE, "");
	expect(a, "aliases", "a@b", FOUND, "c@d");
	expect(a, "aliases", "x@b", NONE, "");
	expect(a, "mailboxes", "a@b", FOUND, "b/a/");
	expect(a, "aliases", "", NONE, "");
	assert_false(knows(a, "aliases", "A@b")); /* folding is the resolver's */
	assert_false(knows(a, "alias", "es a@b"));
}

static void
test_another_view_forgets(void **state)
{
	struct answers *a = *state;

	give(a, "aliases", "a@b", FOUND, "old@d");
	answers_turn(a, 2);
	assert_false(knows(a, "aliases", "a@b"));
	add(a, FOUND, "new@d");
	expect(a, "aliases", "a@b", FOUND, "new@d");
	answers_turn(a, 1);
	assert_false(knows(a, "aliases", "a@b"));
}

static void
test_unreadable(void **state)
{
	struct answers *a = *state;

	give(a, "aliases", "a@b", FOUND, "c@d");
	answers_turn(a, 0);
	assert_false(knows(a, "aliases", "a@b"));
	add(a, NONE, ""); /* of nothing that could be known */
	answers_turn(a, 1);
	expect(a, "aliases", "a@b", FOUND, "c@d");
}

/* An answer belongs to the question asked last. */
static void
test_added_once(void **state)
{
	struct answers *a = *state;

	add(a, FOUND, "nobody asked");
	assert_false(knows(a, "aliases", "a@b"));
	add(a, FOUND, "c@d");
	add(a, FOUND, "e@f");
	expect(a, "aliases", "a@b", FOUND, "c@d");
	add(a, FOUND, "e@f");
	expect(a, "aliases", "a@b", FOUND, "c@d");
}

static void
test_too_long(void **state)
{
	struct answers *a = *state;
	char text[2000];

	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	give(a, "aliases", "a@b", FOUND, text);
	assert_false(knows(a, "aliases", "a@b"));
	give(a, "aliases", text, FOUND, "c@d");
	assert_false(knows(a, "aliases", text));
	give(a, text, "a@b", FOUND, "c@d");
	assert_false(knows(a, text, "a@b"));
}

/* Many more than fit, round and round: what is found is right, and the newest are found. */
static void
test_round_and_round(void **state)
{
	struct answers *a = *state;
	char who[64], text[512];
	int found = 0;

	for (int i = 0; i < 20000; i++) {
		snprintf(who, sizeof who, "user%d@example.com", i);
		memset(text, 'a' + i % 26, sizeof text);
		snprintf(text + i % 400, 24, "%d", i);
		give(a, "aliases", who, FOUND, text);
		expect(a, "aliases", who, FOUND, text);
	}
	for (int i = 0; i < 20000; i++) {
		snprintf(who, sizeof who, "user%d@example.com", i);
		memset(text, 'a' + i % 26, sizeof text);
		snprintf(text + i % 400, 24, "%d", i);
		if (knows(a, "aliases", who)) {
			expect(a, "aliases", who, FOUND, text);
			found++;
		}
	}
	assert_in_range(found, 100, 1000);
}

/* What fits is found, whichever of it fell on one shelf. */
static void
test_side_by_side(void **state)
{
	struct answers *a = *state;
	char who[64];
	int found = 0;

	for (int i = 0; i < 500; i++) {
		snprintf(who, sizeof who, "user%d@example.com", i);
		give(a, "aliases", who, FOUND, who);
	}
	for (int i = 0; i < 500; i++) {
		snprintf(who, sizeof who, "user%d@example.com", i);
		found += knows(a, "aliases", who);
	}
	assert_in_range(found, 480, 500);
}

static void
keep(struct answers *a, const char *what, enum outcome o, const char *text)
{
	const struct answered answer = { .outcome = o, .map = MAP, .text = S(text) };

	answers_keep(a, S("aliases"), S(what), &answer);
}

/* The last answer is the one that is given again, however often it was another one. */
static void
test_kept(void **state)
{
	struct answers *a = *state;
	char name[32], text[32], longer[2000];

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 50; i++) {
			snprintf(name, sizeof name, "n%d@b", i);
			snprintf(text, sizeof text, "t%d@%d", i, round / 2);
			keep(a, name, FOUND, text);
			expect(a, "aliases", name, FOUND, text);
		}
	}
	keep(a, "n1@b", NONE, "");
	expect(a, "aliases", "n1@b", NONE, "");
	keep(a, "n1@b", NONE, "");
	expect(a, "aliases", "n1@b", NONE, "");
	/* what is too long to be kept is no reason to give the one before it */
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	keep(a, "n2@b", FOUND, longer);
	assert_false(knows(a, "aliases", "n2@b"));
	expect(a, "aliases", "n3@b", FOUND, "t3@2");
	answers_turn(a, 0);
	keep(a, "n4@b", FOUND, "other@b");
	answers_turn(a, 1);
	expect(a, "aliases", "n4@b", FOUND, "t4@2");
	keep(NULL, "n4@b", FOUND, "other@b");
}

/* To look ahead finds nothing, changes nothing, and may be in vain. */
static void
test_foreseen(void **state)
{
	struct answers *a = *state;
	struct answered found;
	char question[64];

	answers_turn(a, 1);
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t foreseen;

		snprintf(question, sizeof question, "aliases user%u@ex.test", i);
		foreseen = answers_foresee(a, slice_str(question));
		assert_int_not_equal(foreseen, 0);
		answers_fetch(a, foreseen);
		assert_false(knows(a, "aliases", question + 8));
		give(a, "aliases", question + 8, FOUND, "x@y.test");
		answers_fetch(a, answers_foresee(a, slice_str(question)));
		assert_true(knows(a, "aliases", question + 8));
		assert_true(answers_find(a, S("aliases"), S(question + 8), foreseen, &found));
		assert_true(slice_is(found.text, "x@y.test"));
		/* what was foreseen of another question leads to nothing */
		assert_false(answers_find(a, S("aliases"), S("a@ex.test"), foreseen, &found));
	}
	answers_fetch(a, UINT64_MAX);
	answers_fetch(a, 0);
	answers_fetch(NULL, answers_foresee(NULL, slice_str("aliases x")));
}

static void
test_without_memory(void **state)
{
	(void)state;
	answers_turn(NULL, 1);
	assert_false(knows(NULL, "aliases", "a@b"));
	add(NULL, FOUND, "c@d");
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_found_as_given),
		CASE(test_another_view_forgets),
		CASE(test_unreadable),
		CASE(test_added_once),
		CASE(test_too_long),
		CASE(test_round_and_round),
		CASE(test_side_by_side),
		CASE(test_kept),
		CASE(test_foreseen),
		CASE(test_without_memory),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
