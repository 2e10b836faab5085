/* SPDX-License-Identifier: ISC
 *
 * A disk on its bad days, at every call in turn: it cannot be read or written, gives half, is full,
 * does not sync or only says so, or the power goes. Whatever was told to be done is done and stays;
 * what was told to be tried again can be; who is known is never answered NONE.
 *
 *	test_faults [--long] [case]
 */
#include "survive.h"

static bool is_long;

/* Take a step until it is done; the disk is mended when it fails twice. */
static void
insist(struct fixture *f, const struct work *w, size_t i, bool lasting)
{
	enum outcome o = w->steps[i].run(f, &f->err);

	for (int try = 0; o == RETRY && try < 2; try++) {
		if (lasting || try > 0)
			faults_heal();
		o = w->steps[i].run(f, &f->err);
	}
	if (o != FOUND)
		FAIL("%s, step %zu: %s: %s", w->name, i, outcome_name(o), f->err.text);
}

/* One fault, at call AT. Tells whether it came to that. */
static bool
survive(struct fixture *f, const struct work *w, enum fault fault, unsigned at, bool lasting,
    unsigned *made)
{
	struct store *reader;
	bool early = at % 2 == 0, struck;

	here.work = w->name;
	here.at = at;
	faults_begin();
	reader = reader_at(f->path);
	if (early)
		ask_all(reader, w, 0, !w->other && !w->fresh);
	faults_arm(fault, at, lasting);
	for (size_t i = 0; i < w->n; i++) {
		ask_all(reader, w, i, false);
		insist(f, w, i, lasting);
	}
	ask_all(reader, w, w->n, false);
	struck = faults_struck();
	*made += faults_heal();
	ask_all(reader, w, w->n, true);
	leave_store(f, NULL);
	store_close(reader);
	faults_remove();
	check_end(f, w);
	faults_install();
	return struck;
}

/* Every call of a long run; a short one leaves some out, other ones for each work. */
static unsigned
stride(unsigned wanted)
{
#ifdef __SANITIZE_ADDRESS__
	wanted *= 4; /* each run takes so much longer */
#endif
	return is_long ? 1 : wanted;
}

static void
sweep(const char *name, enum fault fault, bool lasting, unsigned step)
{
	unsigned made = 0, points = 0;

	here.crash = name;
	asked = unanswered = 0;
	for (size_t i = 0; i < WORKS; i++) {
		void *state = work_fixture();

		begin_work(state, &works[i]);
		for (unsigned at = 1 + (unsigned)i % step;; at += step, points++)
			if (!survive(state, &works[i], fault, at, lasting, &made))
				break;
		teardown(&state);
	}
	faults_remove();
	print_message("# %s: %u faults injected in %u runs of %d works; %u questions meanwhile, %u "
		      "times `try again', 0 wrong\n",
	    name, made, points, WORKS, asked, unanswered);
	assert_true(made > 0 && points > 0);
}

static void
test_cannot_read_or_write(void **state)
{
	(void)state;
	sweep("I/O errors", FAULT_IO, false, stride(5));
}

static void
test_nothing_goes_any_more(void **state)
{
	(void)state;
	sweep("I/O errors that last", FAULT_IO, true, is_long ? 2 : stride(11));
}

static void
test_short_reads(void **state)
{
	(void)state;
	sweep("short reads", FAULT_SHORT, false, stride(3));
}

static void
test_disk_is_full(void **state)
{
	(void)state;
	sweep("full disk", FAULT_FULL, true, stride(3));
}

static void
test_cannot_sync(void **state)
{
	(void)state;
	sweep("syncs that fail", FAULT_SYNC, false, stride(1));
}

/* --- the power goes ------------------------------------------------------------------------------
 */

/* Take the steps until one fails; tells how many were told to be done. */
static size_t
run_until_dark(struct fixture *f, const struct work *w)
{
	size_t done = 0;

	while (done < w->n && w->steps[done].run(f, &f->err) == FOUND)
		done++;
	leave_store(f, NULL);
	return done;
}

/* What is missing is done now, and then all of it is there. */
static void
finish(struct fixture *f, const struct work *w, size_t done)
{
	for (size_t i = done; i < w->n; i++)
		must(w->steps[i].run(f, &f->err), &f->err, "once more");
	leave_store(f, NULL);
	check_end(f, w);
}

/* Of a step that was under way there is all or nothing. */
static void
check_crash(struct fixture *f, const struct work *w, size_t done)
{
	struct store *s;

	if (w->other || w->fresh) {
		finish(f, w, done);
		return;
	}
	must_be_sound(f);
	must_be_between(f, done, done < w->n ? done + 1 : done);
	s = reader_at(f->path);
	ask_all(s, w, done, true);
	store_close(s);
	if (w->look != NULL)
		w->look(f, done);
}

static const struct {
	const char *name;
	enum crash crash;
	unsigned times, short_times;
} crashes[] = {
	{ "nothing that was not synced", CRASH_NOTHING, 1, 1 },
	{ "all that was written", CRASH_ALL, 1, 1 },
	{ "some sectors, some torn", CRASH_SOME, 8, 2 },
};

/* Cut the power at call AT, or, if there are not so many, when all is done. Tells which. */
static bool
cut_power(struct fixture *f, const struct work *w, unsigned at, unsigned *cuts)
{
	size_t done;
	bool struck;

	here.work = w->name;
	here.at = at;
	faults_begin();
	faults_arm(FAULT_POWER, at, true);
	done = run_until_dark(f, w);
	struck = faults_struck();
	faults_remove();
	for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
		unsigned times = is_long ? crashes[i].times : crashes[i].short_times;

		here.crash = crashes[i].name;
		for (unsigned n = 0; n < times; n++, ++*cuts) {
			faults_crash(crashes[i].crash, at * 16 + n);
			check_crash(f, w, done);
		}
	}
	faults_install();
	return struck;
}

static void
test_power_cut(void **state)
{
	unsigned cuts = 0, points = 0, step = stride(2);

	(void)state;
	for (size_t i = 0; i < WORKS; i++) {
		void *fixture = work_fixture();

		begin_work(fixture, &works[i]);
		for (unsigned at = 1 + (unsigned)i % step; cut_power(fixture, &works[i], at, &cuts);
		     at += step)
			points++;
		teardown(&fixture);
	}
	faults_remove();
	print_message("# power cuts: %u, at %u calls of %d works, each with what was not synced "
		      "lost, there, or torn by sectors; 0 edits lost\n",
	    cuts, points, WORKS);
	assert_true(cuts > 0);
}

/* --- a disk that lies ----------------------------------------------------------------------------
 *
 * It says that a sync is done, and the power goes before the next. Nobody can keep what it was told
 * is kept; but what was synced in earnest before stays, a step is still all or nothing, and where
 * the lie was about the file itself, as its log was given up, the damage is told.
 */

/* Take the steps until the lie is told. Tells how many were done before that step. */
static size_t
run_until_lie(struct fixture *f, const struct work *w)
{
	size_t done = 0;

	while (done < w->n && w->steps[done].run(f, &f->err) == FOUND && !faults_struck())
		done++;
	faults_arm(FAULT_POWER, 1, true);
	leave_store(f, NULL);
	return done;
}

static bool
hear_trouble(void *arg, struct slice where, struct slice name, const char *text)
{
	(void)arg;
	(void)where;
	(void)name;
	(void)text;
	return false;
}

static bool
is_sound(struct fixture *f)
{
	struct store *s;
	enum outcome o = store_open(&s, f->path, STORE_ADMIN, &f->err);

	if (o == FOUND)
		o = store_check(s, hear_trouble, NULL, &f->err);
	store_close(s);
	return o == NONE;
}

static bool
lie(struct fixture *f, const struct work *w, unsigned at, unsigned *lies, unsigned *told)
{
	size_t done;

	here.work = w->name;
	here.at = at;
	faults_begin();
	faults_arm(FAULT_LIE, at, false);
	done = run_until_lie(f, w);
	if (done == w->n)
		return false;
	faults_remove();
	for (unsigned n = 0; n < (is_long ? 8 : 2); n++, ++*lies) {
		faults_crash(n == 0 ? CRASH_NOTHING : CRASH_SOME, at * 16 + n);
		if (is_sound(f))
			must_be_between(f, w->steps[done].run == leave_store ? 0 : done, done + 1);
		else
			++*told;
	}
	faults_install();
	return true;
}

static void
test_sync_that_lies(void **state)
{
	unsigned lies = 0, told = 0;

	(void)state;
	here.crash = "a sync that lies";
	for (size_t i = 0; i < WORKS; i++) {
		void *fixture = work_fixture();

		if (!works[i].other) {
			begin_work(fixture, &works[i]);
			for (unsigned at = 1; lie(fixture, &works[i], at, &lies, &told);)
				at++;
			faults_remove();
		}
		teardown(&fixture);
	}
	print_message(
	    "# syncs that lie, and a power cut: %u; %u times the damage was told, 0 times "
	    "it was not\n",
	    lies, told);
	assert_true(lies > 0);
}

/* --- bits that flip ------------------------------------------------------------------------------
 *
 * SQLite keeps no sums of its pages: a letter that became another one is what the store says now.
 * But where it says what it said, nobody is denied; and what does not fit together is told.
 */

static void
flip(const char *path, unsigned n)
{
	struct stat st;
	unsigned char c;
	int fd = open(path, O_RDWR);
	off_t at;

	assert_int_equal(fstat(fd, &st), 0);
	at = (off_t)(n * 2654435761u % (unsigned)st.st_size);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= (unsigned char)(1u << n % 8);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static unsigned
count_denied(const char *path)
{
	struct store *s = reader_at(path);
	unsigned denied = 0;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		denied += look_up(s, known[i][0], known[i][1]) == NONE;
	store_close(s);
	return denied;
}

static bool
says_the_same(const char *path)
{
	struct sbuf now;
	bool same;

	state_of(path, &now);
	same = strcmp(sbuf_cstr(&now), sbuf_cstr(&states[0])) == 0;
	sbuf_release(&now);
	return same;
}

static void
test_bits_flip(void **state)
{
	const unsigned flips = is_long ? 5000 : 400;
	unsigned told = 0, changed = 0, unseen = 0, denied = 0;
	struct fixture *f = work_fixture();
	void *fixture = f;

	(void)state;
	here.work = "lookups";
	here.crash = "a flipped bit";
	prepare_full(f);
	faults_keep(f->dir);
	sbuf_release(&states[0]);
	state_of(f->path, &states[0]);
	for (unsigned n = here.at = 1; n <= flips; here.at = ++n) {
		unsigned now;

		faults_begin();
		faults_remove();
		flip(f->path, n);
		now = count_denied(f->path);
		denied += now;
		if (!is_sound(f))
			told++;
		else if (!says_the_same(f->path))
			changed++;
		else if (now > 0)
			FAIL("%u known ones are denied, and nothing is wrong with the store", now);
		else
			unseen++;
	}
	teardown(&fixture);
	print_message(
	    "# bits that flip: %u; %u times the damage was told, %u times a text was another "
	    "one, %u times nothing depends on it; %u answers of those texts and of "
	    "damaged stores were `no', 0 of the others\n",
	    flips, told, changed, unseen, denied);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cannot_read_or_write),
		cmocka_unit_test(test_nothing_goes_any_more),
		cmocka_unit_test(test_short_reads),
		cmocka_unit_test(test_disk_is_full),
		cmocka_unit_test(test_cannot_sync),
		cmocka_unit_test(test_power_cut),
		cmocka_unit_test(test_sync_that_lies),
		cmocka_unit_test(test_bits_flip),
	};

	if (argc > 1 && strcmp(argv[1], "--long") == 0) {
		is_long = true;
		argc--;
		argv++;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
