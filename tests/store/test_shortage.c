/* SPDX-License-Identifier: ISC
 *
 * Everything that is done to a store, while memory runs out: at each allocation in turn, once or
 *from then on. Each step is done or to be tried again, and can be; nobody who is known is denied.
 *
 *	test_shortage [--long] [case]
 */
#include "../lib/shortage.h"
#include "survive.h"

enum { SHORT_POINTS = 60, LONG_POINTS = 300 };

static unsigned points = SHORT_POINTS;

/* How many allocations there are, if none fails. */
static unsigned
count_allocations(struct fixture *f, const struct work *w)
{
	faults_begin();
	faults_remove();
	shortage_begin(0, false);
	for (size_t i = 0; i < w->n; i++)
		must(w->steps[i].run(f, &f->err), &f->err, w->name);
	shortage_end();
	leave_store(f, NULL);
	return shortage.seen;
}

/* Take a step until it is done; there is memory again when it fails twice. */
static void
insist(struct fixture *f, const struct work *w, size_t i)
{
	enum outcome o = w->steps[i].run(f, &f->err);

	for (int try = 0; o == RETRY && try < 2; try++) {
		if (try > 0 || shortage.lasting)
			shortage_end();
		o = w->steps[i].run(f, &f->err);
	}
	if (o != FOUND) {
		shortage_end();
		FAIL("step %zu: %s: %s", i, outcome_name(o), f->err.text);
	}
}

static void
survive(struct fixture *f, const struct work *w, unsigned at, bool lasting)
{
	struct store *reader;

	here.work = w->name;
	here.at = at;
	faults_begin();
	faults_remove();
	reader = reader_at(f->path);
	ask_all(reader, w, 0, !w->other && !w->fresh);
	shortage_begin(at, lasting);
	for (size_t i = 0; i < w->n; i++) {
		ask_all(reader, w, i, false);
		insist(f, w, i);
	}
	shortage_end();
	ask_all(reader, w, w->n, true);
	leave_store(f, NULL);
	store_close(reader);
	check_end(f, w);
}

static void
test_every_work(void **state)
{
	unsigned runs = 0;

	(void)state;
	if (!shortage_replaced)
		skip();
	here.crash = "no memory";
	for (size_t i = 0; i < WORKS; i++) {
		struct fixture *f = work_fixture();
		void *fixture = f;
		unsigned all, step;

		begin_work(f, &works[i]);
		all = count_allocations(f, &works[i]);
		step = all / points + 1;
		for (unsigned at = 1 + (unsigned)i % step; at <= all; at += step, runs++)
			survive(f, &works[i], at, runs % 3 == 0);
		teardown(&fixture);
	}
	print_message(
	    "# allocations that fail: %u of those of %d works; %u questions meanwhile, %u "
	    "times `try again', 0 wrong\n",
	    runs, WORKS, asked, unanswered);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_work) };

	if (argc > 1 && strcmp(argv[1], "--long") == 0) {
		points = LONG_POINTS;
		argc--;
		argv++;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
