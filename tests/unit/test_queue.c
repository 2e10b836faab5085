/* SPDX-License-Identifier: ISC
 *
 * The queue in which origins take turns. Jobs are letters, and so are their origins: what comes out
 * is a word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/queue.h"

enum { JOBS_MAX = 32 };

static struct queued jobs[JOBS_MAX];

/* Put one job per letter of ORIGINS. */
static void
put_all(struct queue *q, const char *origins)
{
	size_t at = q->n;

	for (; *origins != '\0'; origins++) {
		jobs[at].origin = (uint64_t)*origins;
		queue_put(q, &jobs[at++]);
	}
}

static void
assert_order(struct queue *q, const char *expected)
{
	char got[JOBS_MAX + 1] = "";
	size_t n = 0;

	for (struct queued *w; (w = queue_take(q)) != NULL;)
		got[n++] = (char)w->origin;
	assert_string_equal(got, expected);
	assert_int_equal(q->n, 0);
}

static const struct {
	const char *name;
	const char *put;
	const char *expected;
} orders[] = {
	{ "nobody", "", "" },
	{ "one", "a", "a" },
	{ "one origin", "aaa", "aaa" },
	{ "one behind a storm", "aaaaab", "abaaaa" },
	{ "two behind a storm", "aaaabc", "abcaaa" },
	{ "two storms", "aaabbb", "ababab" },
	{ "a small and a big one", "aabbbb", "ababbb" },
	{ "all at once", "abcabcabc", "abcabcabc" },
};

static void
test_turns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		struct queue q;

		queue_init(&q);
		put_all(&q, orders[i].put);
		assert_int_equal(q.n, strlen(orders[i].put));
		assert_order(&q, orders[i].expected);
	}
}

/* Who comes again when his turn has just been is behind all the others. */
static void
test_comes_again(void **state)
{
	struct queue q;
	struct queued *w;

	(void)state;
	queue_init(&q);
	put_all(&q, "aabc");
	w = queue_take(&q);
	assert_int_equal(w->origin, 'a');
	queue_put(&q, w);
	assert_order(&q, "bcaa");
}

static void
test_oldest_first(void **state)
{
	struct queue q;

	(void)state;
	queue_init(&q);
	put_all(&q, "aaa");
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(queue_take(&q), &jobs[i]);
}

static const struct {
	const char *put;
	char origin; /* of who wants in */
	int out;     /* the job that has to go, or -1 */
	const char *left;
} crowds[] = {
	{ "", 'a', -1, "" },
	{ "a", 'b', -1, "a" },
	{ "aa", 'b', 1, "a" },
	{ "aaa", 'a', -1, "aaa" },
	{ "aab", 'b', -1, "aba" },
	{ "aaab", 'b', 2, "aba" },
	{ "abbbcc", 'd', 3, "abcbc" },
	{ "abbcc", 'a', -1, "abcbc" },
};

static void
test_crowding_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof crowds / sizeof crowds[0]; i++) {
		struct queue q;
		struct queued *w;

		queue_init(&q);
		put_all(&q, crowds[i].put);
		w = queue_crowd_out(&q, (uint64_t)crowds[i].origin);
		assert_ptr_equal(w, crowds[i].out < 0 ? NULL : &jobs[crowds[i].out]);
		assert_order(&q, crowds[i].left);
	}
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_comes_again),
		cmocka_unit_test(test_oldest_first),
		cmocka_unit_test(test_crowding_out),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
