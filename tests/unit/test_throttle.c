/* SPDX-License-Identifier: ISC
 *
 * auth/throttle: the rules over time, attacks and the owners they must not hurt, and a table that
 * is full, torn or garbage.
 */
#include "auth/throttle.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../lib/bytes.h"

enum { RECORDS = 1024, SECOND = 1000, HOUR = 3600 * SECOND, DAY = 24 * HOUR };

/* Any moment, as long as a clock may be put back before it. */
static const int64_t start = 1700000000LL * SECOND;

static const unsigned char seed[THROTTLE_SEED] = "a seed for tests";
static const unsigned char key[16] = "a key for a test";

/* Round numbers: three free, then 1, 2, 4, 8 s; one forgotten every 10 s. */
static const struct throttle_rules rules = {
	.kind = {
		[THROTTLE_USER_NETWORK] = { 3, 1000, 8000, 10000 },
		[THROTTLE_NETWORK] = { 10, 1000, 8000, 10000 },
		[THROTTLE_USER] = { 6, 1000, 4000, 10000 },
	},
	.longest_known_ms = 5000,
};

struct world {
	struct throttle t;
	struct throttle_try let; /* the last one */
	void *memory;
	size_t size;
};

static void
world_init(struct world *w, size_t n)
{
	w->size = throttle_size(n);
	w->memory = malloc(w->size);
	assert_non_null(w->memory);
	assert_true(throttle_format(&w->t, w->memory, w->size, seed));
}

static void
world_release(struct world *w)
{
	free(w->memory);
}

static struct throttle_try
a_try(const char *user, const char *network, bool known)
{
	return (struct throttle_try){
		.user = slice_str(user), .network = slice_str(network), .known = known
	};
}

static uint32_t
tag(const char *user, const char *password)
{
	return throttle_tag(key, slice_str(user), slice_str(password));
}

/* --- step by step ----------------------------------------------------------------------------- */

enum act { CHECK, FAIL, GOOD, UNHEARD, CLEAR };

#define A    "alice@example.org"
#define B    "bob@example.org"
#define N    "192.0.2.0/24"
#define M    "198.51.100.0/24"
#define NEXT NULL /* a password that was not tried yet */

static const struct step {
	const char *name; /* set: a new table */
	int64_t at;       /* since the start */
	enum act act;
	const char *user, *network;
	bool known;
	const char *password;
	enum throttle_verdict verdict;
	int64_t ms;
} steps[] = {
	{ "the free ones, and the waits behind them", 0, CHECK, A, N, false, 0, THROTTLE_LET, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, CHECK, A, N, false, 0, THROTTLE_LET, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, CHECK, A, N, false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, 999, CHECK, A, N, false, 0, THROTTLE_REFUSE, 1 },
	{ 0, 1000, CHECK, A, N, false, 0, THROTTLE_LET, 0 },
	{ 0, 1000, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 1000, CHECK, A, N, false, 0, THROTTLE_REFUSE, 2000 },
	{ 0, 3000, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 3000, CHECK, A, N, false, 0, THROTTLE_REFUSE, 4000 },
	{ 0, 7000, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 7000, CHECK, A, N, false, 0, THROTTLE_REFUSE, 8000 },
	{ 0, 7000, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 7000, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 7000, CHECK, A, N, false, 0, THROTTLE_REFUSE, 8000 },
	{ 0, 7000 + 80000, CHECK, A, N, false, 0, THROTTLE_LET, 0 },

	{ "others are not concerned", 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, CHECK, A, N, false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, 0, CHECK, A, M, false, 0, THROTTLE_LET, 0 },
	{ 0, 0, CHECK, B, N, false, 0, THROTTLE_LET, 0 },
	{ 0, 0, CHECK, A, "", false, 0, THROTTLE_LET, 0 },

	{ "a good login forgets", 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 1000, CHECK, A, N, false, 0, THROTTLE_LET, 0 },
	{ 0, 1000, GOOD, A, N, false, 0, 0, 0 },
	{ 0, 1000, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 1000, CHECK, A, N, false, 0, THROTTLE_LET, 0 },

	{ "one at a time after a wait", 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 5000, CHECK, A, N, false, 0, THROTTLE_LET, 0 },
	{ 0, 5000, CHECK, A, N, false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, 5001, CHECK, A, N, false, 0, THROTTLE_REFUSE, 999 },
	{ 0, 5002, UNHEARD, A, N, false, 0, 0, 0 },
	{ 0, 5003, CHECK, A, N, false, 0, THROTTLE_LET, 0 },

	{ "a good login elsewhere in the network makes nobody else heard", 0, CHECK, "x@x", N,
	    false, 0, THROTTLE_LET, 0 },
	{ 0, 0, FAIL, "1@x", N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "2@x", N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "3@x", N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "4@x", N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "5@x", N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "6@x", N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "7@x", N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "8@x", N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "9@x", N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "10@x", N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "11@x", N, false, NEXT, 0, 0 },
	{ 0, 1000, CHECK, "12@x", N, false, 0, THROTTLE_LET, 0 },
	{ 0, 1000, CHECK, "13@x", N, false, 0, THROTTLE_REFUSE, 1000 },
	/* one that was under way before the wait, and one that never waits */
	{ 0, 1100, GOOD, "x@x", N, false, 0, 0, 0 },
	{ 0, 1100, CHECK, "13@x", N, false, 0, THROTTLE_REFUSE, 900 },
	{ 0, 1200, CHECK, B, N, true, 0, THROTTLE_LET, 0 },
	{ 0, 1200, GOOD, B, N, true, 0, 0, 0 },
	{ 0, 1200, CHECK, "13@x", N, false, 0, THROTTLE_REFUSE, 800 },
	{ 0, 1300, CHECK, B, N, true, 0, THROTTLE_LET, 0 },
	{ 0, 1300, UNHEARD, B, N, true, 0, 0, 0 },
	{ 0, 1300, CHECK, "13@x", N, false, 0, THROTTLE_REFUSE, 700 },

	{ "a phone with an old password", 0, FAIL, A, N, false, "old", 0, 0 },
	{ 0, 10, FAIL, A, N, false, "old", 0, 0 },
	{ 0, 20, FAIL, A, N, false, "old", 0, 0 },
	{ 0, 30, FAIL, A, N, false, "old", 0, 0 },
	{ 0, 40, FAIL, A, N, false, "old", 0, 0 },
	{ 0, 50, FAIL, A, N, false, "older", 0, 0 },
	{ 0, 60, FAIL, A, N, false, "old", 0, 0 },
	{ 0, 70, FAIL, A, N, false, "older", 0, 0 },
	{ 0, 80, CHECK, A, N, false, 0, THROTTLE_LET, 0 },
	{ 0, 80, FAIL, A, N, false, "third", 0, 0 },
	{ 0, 80, CHECK, A, N, false, 0, THROTTLE_LET, 0 },
	{ 0, 80, FAIL, A, N, false, "fourth", 0, 0 },
	{ 0, 80, FAIL, A, N, false, "old", 0, 0 },
	{ 0, 80, CHECK, A, N, false, 0, THROTTLE_REFUSE, 1000 },

	{ "the same password for somebody else counts", 0, FAIL, A, N, false, "pw", 0, 0 },
	{ 0, 0, FAIL, B, N, false, "pw", 0, 0 },
	{ 0, 0, FAIL, "c@x", N, false, "pw", 0, 0 },
	{ 0, 0, FAIL, "d@x", N, false, "pw", 0, 0 },
	{ 0, 0, FAIL, "e@x", N, false, "pw", 0, 0 },
	{ 0, 0, FAIL, "f@x", N, false, "pw", 0, 0 },
	{ 0, 0, FAIL, "g@x", N, false, "pw", 0, 0 },
	{ 0, 0, FAIL, "h@x", N, false, "pw", 0, 0 },
	{ 0, 0, FAIL, "i@x", N, false, "pw", 0, 0 },
	{ 0, 0, FAIL, "j@x", N, false, "pw", 0, 0 },
	{ 0, 0, CHECK, "k@x", N, false, 0, THROTTLE_LET, 0 },
	{ 0, 0, FAIL, "k@x", N, false, "pw", 0, 0 },
	{ 0, 0, CHECK, "l@x", N, false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, 0, CHECK, "l@x", M, false, 0, THROTTLE_LET, 0 },
	{ 0, 0, CHECK, "l@x", N, true, 0, THROTTLE_LET, 0 },

	{ "an owner at home waits for his turn, and is never refused", 0, FAIL, A, N, true, NEXT, 0,
	    0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, CHECK, A, N, true, 0, THROTTLE_WAIT, 1000 },
	{ 0, 0, CHECK, A, N, true, 0, THROTTLE_WAIT, 1000 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, CHECK, A, N, true, 0, THROTTLE_WAIT, 5000 },
	/* one at a time, as elsewhere */
	{ 0, 5000, CHECK, A, N, true, 0, THROTTLE_LET, 0 },
	{ 0, 5000, CHECK, A, N, true, 0, THROTTLE_WAIT, 5000 },
	{ 0, 5100, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 5100, CHECK, A, N, true, 0, THROTTLE_WAIT, 5000 },
	{ 0, 10100, CHECK, A, N, true, 0, THROTTLE_LET, 0 },
	{ 0, 10200, UNHEARD, A, N, true, 0, 0, 0 },
	{ 0, 10200, CHECK, A, N, true, 0, THROTTLE_LET, 0 },
	{ 0, 10300, GOOD, A, N, true, 0, 0, 0 },
	{ 0, 10300, CHECK, A, N, true, 0, THROTTLE_LET, 0 },
	{ 0, 10300, CHECK, A, N, true, 0, THROTTLE_LET, 0 },

	{ "where one address stands for many he is refused, not for long, and for no others'", 0,
	    FAIL, A, "", true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "", true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "", true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "", true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "", true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "", true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "", true, NEXT, 0, 0 },
	{ 0, 0, CHECK, A, "", false, 0, THROTTLE_REFUSE, 8000 },
	{ 0, 0, CHECK, A, "", true, 0, THROTTLE_REFUSE, 4000 },
	{ 0, 4000, CHECK, A, "", true, 0, THROTTLE_LET, 0 },
	{ 0, 4000, CHECK, A, "", true, 0, THROTTLE_REFUSE, 4000 },
	{ 0, 4000, GOOD, A, "", true, 0, 0, 0 },
	{ 0, 4000, FAIL, A, "1", false, NEXT, 0, 0 },
	{ 0, 4000, FAIL, A, "2", false, NEXT, 0, 0 },
	{ 0, 4000, FAIL, A, "3", false, NEXT, 0, 0 },
	{ 0, 4000, FAIL, A, "4", false, NEXT, 0, 0 },
	{ 0, 4000, FAIL, A, "5", false, NEXT, 0, 0 },
	{ 0, 4000, FAIL, A, "6", false, NEXT, 0, 0 },
	{ 0, 4000, FAIL, A, "7", false, NEXT, 0, 0 },
	{ 0, 4000, CHECK, A, "", false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, 4000, CHECK, A, "", true, 0, THROTTLE_LET, 0 },

	{ "an owner's slips at home count for nobody else", 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, true, NEXT, 0, 0 },
	{ 0, 0, CHECK, B, N, false, 0, THROTTLE_LET, 0 },
	{ 0, 0, CHECK, A, M, false, 0, THROTTLE_LET, 0 },

	{ "an owner at home while others guess", 0, FAIL, A, "1", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "2", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "3", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "4", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "5", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, "6", false, NEXT, 0, 0 },
	{ 0, 0, CHECK, A, "7", false, 0, THROTTLE_LET, 0 },
	{ 0, 0, FAIL, A, "7", false, NEXT, 0, 0 },
	{ 0, 0, CHECK, A, "8", false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, 0, CHECK, A, "", false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, 0, CHECK, A, N, true, 0, THROTTLE_LET, 0 },
	{ 0, 0, GOOD, A, N, true, 0, 0, 0 },
	{ 0, 0, CHECK, A, "8", false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, 0, CHECK, B, "8", false, 0, THROTTLE_LET, 0 },

	{ "no address: no network to count", 0, FAIL, A, "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "1", "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "2", "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "3", "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "4", "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "5", "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "6", "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "7", "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "8", "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "9", "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "x", "", false, NEXT, 0, 0 },
	{ 0, 0, FAIL, "y", "", false, NEXT, 0, 0 },
	{ 0, 0, CHECK, B, "", false, 0, THROTTLE_LET, 0 },

	{ "a clock put back by an hour", 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, -HOUR, CHECK, A, N, false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, -HOUR + 500, CHECK, A, N, false, 0, THROTTLE_REFUSE, 500 },
	{ 0, -HOUR + 1000, CHECK, A, N, false, 0, THROTTLE_LET, 0 },
	{ 0, -HOUR + 1000, CHECK, A, N, false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, -2 * HOUR, CHECK, A, N, false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, -2 * HOUR + 40000, CHECK, A, N, false, 0, THROTTLE_LET, 0 },

	{ "a clock put forward", 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 400LL * DAY, CHECK, A, N, false, 0, THROTTLE_LET, 0 },

	{ "cleared by the admin", 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, FAIL, A, N, false, NEXT, 0, 0 },
	{ 0, 0, CLEAR, B, "", false, 0, 0, 0 },
	{ 0, 0, CLEAR, "", M, false, 0, 0, 0 },
	{ 0, 0, CLEAR, A, M, false, 0, 0, 0 },
	{ 0, 0, CHECK, A, N, false, 0, THROTTLE_REFUSE, 1000 },
	{ 0, 0, CLEAR, A, "", false, 0, 0, 2 },
	{ 0, 0, CHECK, A, N, false, 0, THROTTLE_LET, 0 },
	{ 0, 0, CLEAR, "", N, false, 0, 0, 1 },
};

static void
run(struct world *w, const struct step *s, const char *name, size_t at)
{
	struct throttle_try try = a_try(s->user, s->network, s->known);
	int64_t now = start + s->at;
	struct throttle_answer a;
	char fresh[32];
	size_t n;

	snprintf(fresh, sizeof fresh, "password %zu", at);
	if (slice_eq(try.user, w->let.user) && slice_eq(try.network, w->let.network))
		try.heard = w->let.heard;
	switch (s->act) {
	case CHECK:
		a = throttle_check(&w->t, &rules, now, &try);
		if (a.verdict == THROTTLE_LET)
			w->let = try;
		if (a.verdict != s->verdict || a.ms != s->ms)
			fail_msg("%s: row %zu: verdict %d, %lld ms", name, at, (int)a.verdict,
			    (long long)a.ms);
		break;
	case FAIL:
		throttle_failed(&w->t, &rules, now, &try,
		    tag(s->user, s->password != NULL ? s->password : fresh));
		break;
	case GOOD:
		throttle_succeeded(&w->t, &try);
		break;
	case UNHEARD:
		throttle_unheard(&w->t, &try);
		break;
	case CLEAR:
		n = throttle_clear(&w->t, slice_str(s->user), slice_str(s->network));
		if ((int64_t)n != s->ms)
			fail_msg("%s: row %zu: %zu cleared", name, at, n);
		break;
	}
}

static void
test_steps(void **state)
{
	const char *name = NULL;
	struct world w = { .memory = NULL };

	(void)state;
	for (size_t i = 0; i < ROWS(steps); i++) {
		if (steps[i].name != NULL) {
			world_release(&w);
			w = (struct world){ .memory = NULL };
			world_init(&w, RECORDS);
			name = steps[i].name;
		}
		run(&w, &steps[i], name, i);
	}
	world_release(&w);
}

/* --- attacks, by the rules that are the default ----------------------------------------------- */

/* Try every SECOND for a day, from a network of MANY in turn, or where there is none; how many
 * guesses were heard. */
static unsigned
guesses_in_a_day(unsigned networks, unsigned users, bool known)
{
	struct world w;
	unsigned heard = 0;

	world_init(&w, 16384);
	for (int64_t s = 0; s < DAY / SECOND; s++) {
		char network[32], user[32], password[32];
		struct throttle_try try;

		network[0] = '\0';
		if (networks > 0)
			snprintf(network, sizeof network, "net %u", (unsigned)s % networks);
		snprintf(user, sizeof user, "user %u", (unsigned)s % users);
		snprintf(password, sizeof password, "%d", (int)s);
		try = a_try(user, network, known);
		if (throttle_check(&w.t, &throttle_default_rules, start + s * SECOND, &try)
			.verdict != THROTTLE_LET)
			continue;
		heard++;
		throttle_failed(
		    &w.t, &throttle_default_rules, start + s * SECOND, &try, tag(user, password));
	}
	world_release(&w);
	return heard;
}

static void
test_attacks_are_slowed(void **state)
{
	(void)state;
	/* one network, one user */
	assert_in_range(guesses_in_a_day(1, 1, false), 50, 400);
	/* one network, many users: spraying */
	assert_in_range(guesses_in_a_day(1, 5000, false), 500, 2000);
	/* many networks, one user: distributed */
	assert_in_range(guesses_in_a_day(5000, 1, false), 500, 2000);
	/* where the owner is at home, and where he is with many others */
	assert_in_range(guesses_in_a_day(1, 1, true), 20000, 30000);
	assert_in_range(guesses_in_a_day(0, 1, true), 500, 2000);
}

/* The owner logs in from home every ten minutes while his account is attacked from everywhere, and
 * from his own network under other names. */
static void
test_owner_under_attack(void **state)
{
	struct throttle_try owner = a_try(A, N, true);
	struct world w;

	(void)state;
	world_init(&w, 64); /* far too small, too */
	for (int64_t s = 0; s < DAY / SECOND; s++) {
		int64_t now = start + s * SECOND;
		char text[32];
		struct throttle_try try;

		snprintf(text, sizeof text, "%d", (int)s);
		try = a_try(A, text, false);
		throttle_failed(&w.t, &throttle_default_rules, now, &try, tag(A, text));
		try = a_try(text, N, false);
		throttle_failed(&w.t, &throttle_default_rules, now, &try, tag(text, text));
		if (s % 600 != 0)
			continue;
		assert_int_equal(throttle_check(&w.t, &throttle_default_rules, now, &owner).verdict,
		    THROTTLE_LET);
		throttle_succeeded(&w.t, &owner);
	}
	world_release(&w);
}

/* Those under way count as if they had failed: together with what has, no more are heard than one
 * after the other would be. */
static void
test_under_way(void **state)
{
	struct throttle_try try = a_try(A, N, false);
	struct throttle_answer a;
	struct world w;

	(void)state;
	world_init(&w, RECORDS);
	try.under_way[THROTTLE_USER_NETWORK] = 3;
	assert_int_equal(throttle_check(&w.t, &rules, start, &try).verdict, THROTTLE_LET);
	try.under_way[THROTTLE_USER_NETWORK] = 4;
	a = throttle_check(&w.t, &rules, start, &try);
	assert_int_equal(a.verdict, THROTTLE_REFUSE);
	assert_int_equal(a.ms, 1000);
	try.under_way[THROTTLE_USER_NETWORK] = 256;
	assert_int_equal(throttle_check(&w.t, &rules, start, &try).ms, 8000);
	try.under_way[THROTTLE_USER_NETWORK] = 2;
	throttle_failed(&w.t, &rules, start, &try, 0);
	assert_int_equal(throttle_check(&w.t, &rules, start, &try).verdict, THROTTLE_LET);
	throttle_failed(&w.t, &rules, start, &try, 0);
	assert_int_equal(throttle_check(&w.t, &rules, start, &try).verdict, THROTTLE_REFUSE);
	try = a_try(A, M, false);
	try.under_way[THROTTLE_USER] = 5;
	assert_int_equal(throttle_check(&w.t, &rules, start, &try).verdict, THROTTLE_REFUSE);
	/* who is known is kept waiting for his own network's only, and never refused */
	try.known = true;
	assert_int_equal(throttle_check(&w.t, &rules, start, &try).verdict, THROTTLE_LET);
	try.under_way[THROTTLE_USER_NETWORK] = 256;
	a = throttle_check(&w.t, &rules, start, &try);
	assert_int_equal(a.verdict, THROTTLE_WAIT);
	assert_int_equal(a.ms, 5000);
	world_release(&w);
}

/* Whose tries made him wait: his own, where they alone would, though others ask for a longer wait.
 */
static void
test_by(void **state)
{
	struct throttle_try mine = a_try(A, N, false), elsewhere = a_try(A, M, false);
	struct world w;

	(void)state;
	world_init(&w, RECORDS);
	for (int i = 0; i < 4; i++)
		throttle_failed(&w.t, &rules, start, &mine, 0);
	assert_int_equal(throttle_check(&w.t, &rules, start, &mine).by, THROTTLE_USER_NETWORK);
	for (int i = 0; i < 6; i++)
		throttle_failed(&w.t, &rules, start, &elsewhere, 0);
	assert_int_equal(throttle_check(&w.t, &rules, start, &mine).ms, 4000);
	assert_int_equal(throttle_check(&w.t, &rules, start, &mine).by, THROTTLE_USER_NETWORK);
	mine = a_try(A, "2001:db8::/48", false);
	assert_int_equal(throttle_check(&w.t, &rules, start, &mine).by, THROTTLE_USER);
	mine = a_try(B, M, false);
	for (int i = 0; i < 5; i++)
		throttle_failed(&w.t, &rules, start, &elsewhere, 0);
	assert_int_equal(throttle_check(&w.t, &rules, start, &mine).by, THROTTLE_NETWORK);
	world_release(&w);
}

/* A phone with an old password beside a laptop with the right one: the network is none the worse.
 */
static void
test_old_password_beside_good_logins(void **state)
{
	struct throttle_try owner = a_try(A, N, false), other = a_try(B, N, false);
	struct world w;

	(void)state;
	world_init(&w, RECORDS);
	for (int i = 0; i < 50; i++) {
		throttle_failed(&w.t, &rules, start, &owner, tag(A, "old"));
		throttle_succeeded(&w.t, &owner);
	}
	assert_int_equal(throttle_check(&w.t, &rules, start, &owner).verdict, THROTTLE_LET);
	assert_int_equal(throttle_check(&w.t, &rules, start, &other).verdict, THROTTLE_LET);
	world_release(&w);
}

/* --- the table -------------------------------------------------------------------------------- */

static bool
count_row(void *arg, const struct throttle_row *row)
{
	unsigned *n = arg;

	assert_true(row->failures > 0);
	assert_true(row->kind < THROTTLE_KINDS);
	assert_true(row->user.n <= THROTTLE_USER_MAX && row->network.n <= THROTTLE_NETWORK_MAX);
	++*n;
	return true;
}

static unsigned
rows(const struct throttle *t, int64_t now)
{
	unsigned n = 0;

	throttle_each(t, &rules, now, count_row, &n);
	return n;
}

/* A flood of others takes the places of those who did little, not of who did much. */
static void
test_full(void **state)
{
	struct throttle_try busy = a_try(A, N, false);
	struct world w;

	(void)state;
	world_init(&w, 64);
	for (int i = 0; i < 8; i++)
		throttle_failed(&w.t, &rules, start, &busy, 0);
	for (int i = 0; i < 10000; i++) {
		char text[32];
		struct throttle_try try;

		snprintf(text, sizeof text, "%d", i);
		try = a_try(text, text, false);
		throttle_failed(&w.t, &rules, start, &try, 0);
	}
	assert_in_range(rows(&w.t, start), 64, 72);
	assert_int_equal(throttle_check(&w.t, &rules, start, &busy).verdict, THROTTLE_REFUSE);
	world_release(&w);
}

struct seen {
	struct throttle_row row;
	char user[THROTTLE_USER_MAX + 1], network[THROTTLE_NETWORK_MAX + 1];
	unsigned n;
};

static bool
keep_row(void *arg, const struct throttle_row *row)
{
	struct seen *s = arg;

	if (row->kind == THROTTLE_USER_NETWORK) {
		s->row = *row;
		memcpy(s->user, row->user.p, row->user.n);
		s->user[row->user.n] = '\0';
		memcpy(s->network, row->network.p, row->network.n);
		s->network[row->network.n] = '\0';
	}
	s->n++;
	return true;
}

static void
test_listed(void **state)
{
	struct throttle_try try = a_try(A, N, false);
	struct seen seen = { .n = 0 };
	struct world w;

	(void)state;
	world_init(&w, RECORDS);
	for (int i = 0; i < 5; i++)
		throttle_failed(&w.t, &rules, start, &try, 0);
	throttle_each(&w.t, &rules, start + 500, keep_row, &seen);
	assert_int_equal(seen.n, 3); /* a row of each kind */
	assert_string_equal(seen.user, A);
	assert_string_equal(seen.network, N);
	assert_int_equal(seen.row.failures, 5);
	assert_int_equal(seen.row.last, start);
	assert_int_equal(seen.row.until, start + 2000);
	assert_int_equal(rows(&w.t, start + 51000), 0);
	assert_int_equal(throttle_clear(&w.t, slice_str(""), slice_str("")), 3);
	assert_int_equal(rows(&w.t, start), 0);
	world_release(&w);
}

/* Names that begin alike for longer than is kept are still two users. */
static void
test_long_names(void **state)
{
	char a[400], b[400];
	struct throttle_try one, other;
	struct world w;

	(void)state;
	memset(a, 'x', sizeof a);
	memset(b, 'x', sizeof b);
	a[sizeof a - 1] = b[sizeof b - 1] = '\0';
	b[sizeof b - 2] = 'y';
	one = a_try(a, N, false);
	other = a_try(b, N, false);
	world_init(&w, RECORDS);
	for (int i = 0; i < 6; i++)
		throttle_failed(&w.t, &rules, start, &one, 0);
	assert_int_equal(throttle_check(&w.t, &rules, start, &one).verdict, THROTTLE_REFUSE);
	assert_int_equal(throttle_check(&w.t, &rules, start, &other).verdict, THROTTLE_LET);
	assert_int_equal(throttle_clear(&w.t, slice_str(b), slice_str("")), 2);
	world_release(&w);
}

static void
test_a_name_with_a_nul(void **state)
{
	struct throttle_try one = a_try("", N, false), other = a_try("a", N, false);
	struct world w;

	(void)state;
	one.user = slice_of("a\0b", 3);
	world_init(&w, RECORDS);
	for (int i = 0; i < 6; i++)
		throttle_failed(&w.t, &rules, start, &one, 0);
	assert_int_equal(throttle_check(&w.t, &rules, start, &one).verdict, THROTTLE_REFUSE);
	assert_int_equal(throttle_check(&w.t, &rules, start, &other).verdict, THROTTLE_LET);
	world_release(&w);
}

static void
test_rules(void **state)
{
	struct throttle_rules r = throttle_rules_of(1, 2, 3, 86400);

	(void)state;
	assert_int_equal(r.kind[THROTTLE_USER_NETWORK].free, 1);
	assert_int_equal(r.kind[THROTTLE_NETWORK].free, 2);
	assert_int_equal(r.kind[THROTTLE_USER].free, 3);
	assert_int_equal(r.kind[THROTTLE_USER_NETWORK].longest_ms, DAY);
	assert_int_equal(r.kind[THROTTLE_USER].longest_ms,
	    throttle_default_rules.kind[THROTTLE_USER].longest_ms);
	r = throttle_rules_of(0, 0, 0, 1);
	for (int k = 0; k < THROTTLE_KINDS; k++) {
		assert_int_equal(r.kind[k].first_ms, 1000);
		assert_int_equal(r.kind[k].longest_ms, 1000);
	}
}

/* A kind that has no free failures is not counted at all. */
static void
test_nothing_counted(void **state)
{
	struct throttle_rules none = throttle_rules_of(0, 0, 0, 900);
	struct throttle_try try = a_try(A, N, false);
	struct world w;

	(void)state;
	world_init(&w, RECORDS);
	for (int i = 0; i < 100; i++)
		throttle_failed(&w.t, &none, start, &try, 0);
	assert_int_equal(throttle_check(&w.t, &none, start, &try).verdict, THROTTLE_LET);
	assert_int_equal(rows(&w.t, start), 0);
	world_release(&w);
}

static void
test_attach(void **state)
{
	struct throttle_try try = a_try(A, N, false);
	struct throttle again;
	struct world w;

	(void)state;
	world_init(&w, RECORDS);
	for (int i = 0; i < 5; i++)
		throttle_failed(&w.t, &rules, start, &try, 0);
	assert_true(throttle_attach(&again, w.memory, w.size));
	assert_int_equal(throttle_check(&again, &rules, start, &try).verdict, THROTTLE_REFUSE);
	assert_false(throttle_attach(&again, w.memory, throttle_size(RECORDS / 2)));
	assert_false(throttle_attach(&again, w.memory, 8));
	assert_false(throttle_attach(&again, w.memory, 0));
	assert_false(throttle_format(&again, w.memory, 100, seed));
	for (size_t i = 0; i < 24; i++) {
		unsigned char *p = (unsigned char *)w.memory + i;

		*p ^= 1;
		assert_false(throttle_attach(&again, w.memory, w.size));
		*p ^= 1;
	}
	world_release(&w);
}

/* Whatever stands in the records, nobody waits longer than the rules say, and nothing is read
 * beside them. */
static void
test_garbage(void **state)
{
	struct throttle_try strange = a_try(A, N, false), known = a_try(A, N, true);
	struct world w;

	(void)state;
	world_init(&w, 64);
	for (unsigned round = 0; round < 200; round++) {
		unsigned char *p = (unsigned char *)w.memory + 40;
		unsigned char random[randombytes_SEEDBYTES] = { (unsigned char)round };
		struct throttle_answer a;

		for (int i = 0; i < 6; i++)
			throttle_failed(&w.t, &rules, start, &strange, 0);
		/* garbage in part of each record, so that some are still found */
		for (size_t at = 0; at + 256 < w.size - 40; at += 256)
			randombytes_buf_deterministic(p + at + 8, round % 40, random);
		a = throttle_check(&w.t, &rules, start, &strange);
		assert_in_range(a.ms, 0, 8000);
		a = throttle_check(&w.t, &rules, start, &known);
		assert_true(a.verdict != THROTTLE_REFUSE);
		assert_in_range(a.ms, 0, 5000);
		/* and is heard again when that has passed */
		a = throttle_check(&w.t, &rules, start + 20 * SECOND, &strange);
		assert_int_equal(a.verdict, THROTTLE_LET);
		rows(&w.t, start);
		throttle_clear(&w.t, slice_str(A), slice_str(N));
		throttle_succeeded(&w.t, &known);
		randombytes_buf_deterministic(p, round % 2 == 0 ? w.size - 40 : w.size / 2, random);
	}
	world_release(&w);
}

static void
test_tags(void **state)
{
	static const unsigned char other[16] = "another test key";

	(void)state;
	assert_int_equal(tag(A, "pw"), tag(A, "pw"));
	assert_int_not_equal(tag(A, "pw"), tag(A, "pw2"));
	assert_int_not_equal(tag(A, "pw"), tag(B, "pw"));
	assert_int_not_equal(tag("ab", "c"), tag("a", "bc"));
	assert_int_not_equal(tag(A, "pw"), throttle_tag(other, slice_str(A), slice_str("pw")));
	assert_int_not_equal(tag("", ""), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_attacks_are_slowed),
		cmocka_unit_test(test_owner_under_attack),
		cmocka_unit_test(test_under_way),
		cmocka_unit_test(test_by),
		cmocka_unit_test(test_old_password_beside_good_logins),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_a_name_with_a_nul),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_nothing_counted),
		cmocka_unit_test(test_attach),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_tags),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
