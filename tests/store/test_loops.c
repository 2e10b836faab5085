/* SPDX-License-Identifier: ISC
 *
 * Circles by way of rows that carry names on: in whatever order their rows come, the last of them
 * is refused. And a store that has one from before, which is worked on all the same.
 */
#include "steps.h"

#include "store/record.h"

enum { MOST = 4 };

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static int
few_setup(void **state)
{
	struct fixture *f;
	struct error e = { "" };

	if (empty_setup(state) != 0)
		return -1;
	f = *state;
	must(domain_add(f->s, "a.test", "alias", "", &e), &e, "domain");
	must(domain_add(f->s, "b.test", "alias", "", &e), &e, "domain");
	must(domain_add(f->s, "c.test", "alias", "", &e), &e, "domain");
	must(domain_add(f->s, "s.test", "alias", "b.test", &e), &e, "domain");
	must(domain_add(f->s, "home.test", "local", "", &e), &e, "domain");
	must(domain_add(f->s, "box.test", "mailbox", "", &e), &e, "domain");
	must(mailbox_add(f->s, "m@box.test", "", &e), &e, "mailbox");
	return 0;
}

static void
must_go_round(struct fixture *f, enum outcome o, const char *what)
{
	if (o != BAD || strstr(f->err.text, "round in circles") == NULL)
		fail_msg("%s: %s: %s", what, outcome_name(o), f->err.text);
}

/* --- every order ------------------------------------------------------------------------------ */

static const struct circle {
	const char *name;
	const char *row[MOST][2];
} circles[] = {
	/* clang-format off */
	{ "a catch-all", { { "u@a.test", "u@b.test" }, { "@b.test", "@a.test" } } },
	{ "an alias of a whole domain", { { "u@a.test", "@b.test" }, { "@b.test", "@a.test" } } },
	{ "one of several targets",
	  { { "u@a.test", "x@else.test u@b.test m@box.test" }, { "@b.test", "@a.test" } } },
	{ "a pattern", { { "a@a.test", "zz-9@b.test" }, { "zz-9@a.test", "a@a.test" }, { "zz-*@b.test", "@a.test" } } },
	{ "two patterns", { { "x-*@a.test", "@b.test" }, { "x-1*@b.test", "@a.test" } } },
	{ "a pattern into a catch-all", { { "x-*@a.test", "@b.test" }, { "@b.test", "@a.test" } } },
	{ "two catch-alls", { { "u@a.test", "u@c.test" }, { "@c.test", "@b.test" }, { "@b.test", "@a.test" } } },
	{ "a pattern and a catch-all",
	  { { "u-1@a.test", "u-1@c.test" }, { "u-*@c.test", "@b.test" }, { "@b.test", "@a.test" } } },
	{ "a stand-in", { { "u@a.test", "u@s.test" }, { "@b.test", "@a.test" } } },
	{ "a stand-in of a whole domain",
	  { { "u@a.test", "u@c.test" }, { "@c.test", "@s.test" }, { "@b.test", "@a.test" } } },
	{ "a bare name", { { "u", "u@b.test" }, { "@b.test", "@home.test" } } },
	/* clang-format on */
};

static size_t
rows_of(const struct circle *c)
{
	size_t n = 0;

	while (n < MOST && c->row[n][0] != NULL)
		n++;
	return n;
}

static void
check_order(struct fixture *f, const struct circle *c, const size_t *order, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *const *row = c->row[order[i]];
		enum outcome o = alias_add(f->s, row[0], row[1], &f->err);

		if (i + 1 < n)
			must(o, &f->err, row[0]);
		else
			must_go_round(f, o, row[0]);
	}
	for (size_t i = 0; i + 1 < n; i++)
		must(alias_remove(f->s, c->row[order[i]][0], "", &f->err), &f->err, "removed");
}

static void
check_orders(struct fixture *f, const struct circle *c, size_t *order, size_t at, size_t n)
{
	if (at == n)
		check_order(f, c, order, n);
	for (size_t i = at; i < n; i++) {
		size_t first = order[at];

		order[at] = order[i];
		order[i] = first;
		check_orders(f, c, order, at + 1, n);
		order[i] = order[at];
		order[at] = first;
	}
}

static void
test_in_every_order(void **state)
{
	for (size_t i = 0; i < ROWS(circles); i++) {
		size_t order[MOST] = { 0, 1, 2, 3 };

		print_message("# %s\n", circles[i].name);
		check_orders(*state, &circles[i], order, 0, rows_of(&circles[i]));
	}
}

/* --- other ways to close one ------------------------------------------------------------------ */

static void
test_by_other_ways(void **state)
{
	static const struct alias_settings off = { .disabled = true, .only = ALIAS_SET_DISABLED };
	struct fixture *f = *state;

	/* a pattern keeps its names from the catch-all */
	must(alias_add(f->s, "@b.test", "@a.test", &f->err), &f->err, "catch-all");
	must(alias_add(f->s, "x-*@b.test", "m@box.test", &f->err), &f->err, "pattern");
	must(alias_add(f->s, "x-1@a.test", "x-1@b.test", &f->err), &f->err, "alias");
	must_go_round(f, alias_remove(f->s, "x-*@b.test", "", &f->err), "removed");
	must(store_alias_set(f->s, S("x-*@b.test"), &off, &f->err), &f->err,
	    "what is off takes its names all the same");
	/* a domain comes to stand for another, and names are carried into it */
	must(alias_add(f->s, "@c.test", "@late.test", &f->err), &f->err, "into nowhere");
	must(alias_add(f->s, "u@a.test", "u@c.test", &f->err), &f->err, "alias");
	must_go_round(f, domain_add(f->s, "late.test", "alias", "a.test", &f->err), "stand-in");
}

/* What looks like one, and is none. */
static void
test_ends(void **state)
{
	static const char *const rows[][2] = {
		{ "m@a.test", "m@box.test" },  /* a mailbox, which no catch-all takes */
		{ "x@a.test", "x@b.test" },    /* not matched by */
		{ "y-*@b.test", "@a.test" },   /* this one */
		{ "k@a.test", "k@b.test" },    /* taken by */
		{ "k@b.test", "m@box.test" },  /* this one */
		{ "z@a.test", "z@else.test" }, /* other people's */
		{ "@c.test", "@b.test" },      /* by which nothing comes */
		{ "@box.test", "@a.test" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ROWS(rows); i++)
		must(alias_add(f->s, rows[i][0], rows[i][1], &f->err), &f->err, rows[i][0]);
}

/* --- circles of an earlier release ------------------------------------------------------------ */

/* One by the catch-all of b.test, one by a pattern of it. */
static int
round_setup(void **state)
{
	static const char *const rows[][3] = {
		{ "u@a.test", "a.test", "u@b.test" },
		{ "x-1@a.test", "a.test", "x-1@b.test" },
		{ "@b.test", "b.test", "@a.test" },
		{ "x-*@b.test", "b.test", "@a.test" },
	};
	char sql[600];
	struct fixture *f;

	if (few_setup(state) != 0)
		return -1;
	f = *state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		snprintf(sql, sizeof sql,
		    "INSERT INTO alias (address, domain, prefix, created) VALUES ('%s', '%s', %s, "
		    "1);"
		    "INSERT INTO alias_target (address, position, target, folded, domain) "
		    "VALUES ('%s', 1, '%s', '%s', '%s')",
		    rows[i][0], rows[i][1], i == 3 ? "'x-'" : "NULL", rows[i][0], rows[i][2],
		    rows[i][2], strchr(rows[i][2], '@') + 1);
		raw(f->path, sql);
	}
	return 0;
}

static bool
put_again(void *arg, const struct record *r)
{
	struct fixture *f = arg;
	enum record_change did;

	must(store_put(f->s, r, &did, &f->err), &f->err, "what is there");
	assert_int_equal(did, RECORD_SAME);
	return true;
}

/* What does not bear on them is changed, and each goes without the other. */
static void
test_old_ones_are_worked_on(void **state)
{
	static const struct alias_settings note = { .note = { "n", 1 }, .only = ALIAS_SET_NOTE };
	static const struct alias_settings off = { .disabled = true, .only = ALIAS_SET_DISABLED };
	struct fixture *f = *state;
	struct record r = {
		.kind = RECORD_ALIAS, .name = S("@b.test"), .said = RECORD_NOTE, .note = S("o")
	};
	enum record_change did;
	struct store *reader = open_at(f->path, STORE_ADMIN);

	must(store_records(reader, put_again, f, &f->err), &f->err, "own records");
	store_close(reader);
	must(store_alias_set(f->s, S("u@a.test"), &note, &f->err), &f->err, "a note");
	must(store_alias_set(f->s, S("@b.test"), &note, &f->err), &f->err, "a note");
	must(store_put(f->s, &r, &did, &f->err), &f->err, "another");
	must(mailbox_add(f->s, "u@box.test", "", &f->err), &f->err, "a mailbox");
	must(alias_add(f->s, "v@a.test", "u@box.test", &f->err), &f->err, "an alias");
	must(store_alias_set(f->s, S("@b.test"), &off, &f->err), &f->err, "off");
	must(alias_remove(f->s, "@b.test", "", &f->err), &f->err, "the catch-all");
	must_go_round(f, alias_add(f->s, "@b.test", "@a.test", &f->err), "again");
	must(alias_remove(f->s, "x-*@b.test", "", &f->err), &f->err, "the pattern");
	must(alias_remove(f->s, "x-1@a.test", "", &f->err), &f->err, "the alias");
	must_go_round(f, alias_add(f->s, "@b.test", "@a.test", &f->err), "the other");
}

static void
must_undo(struct fixture *f, int64_t id, const char *what)
{
	must(store_undo(f->s, id, false, &f->err), &f->err, what);
}

/* What was taken away of one comes back, unless it would become another by what is there now. */
static void
test_old_ones_come_back(void **state)
{
	static const struct alias_settings off = { .disabled = true, .only = ALIAS_SET_DISABLED };
	struct fixture *f = *state;
	int64_t gone;

	must(alias_remove(f->s, "u@a.test", "", &f->err), &f->err, "removed");
	must_undo(f, last_change(f->path), "and back");
	must_undo(f, last_change(f->path), "and gone");
	must_undo(f, last_change(f->path), "and back again");
	must(alias_remove(f->s, "@b.test", "", &f->err), &f->err, "removed");
	must_undo(f, last_change(f->path), "and back");
	must(store_alias_set(f->s, S("u@a.test"), &off, &f->err), &f->err, "off");
	must_undo(f, last_change(f->path), "and on");
	must(alias_remove(f->s, "u@a.test", "", &f->err), &f->err, "removed");
	gone = last_change(f->path);
	must(store_mailbox_quota(f->s, S("m@box.test"), 5, &f->err), &f->err, "something else");
	must(alias_add(f->s, "v@a.test", "m@box.test", &f->err), &f->err, "and something");
	must_undo(f, last_change(f->path), "which is undone");
	must_undo(f, gone, "and back");
	must(alias_remove(f->s, "u@a.test", "", &f->err), &f->err, "removed");
	gone = last_change(f->path);
	must(alias_add(f->s, "v@a.test", "m@box.test", &f->err), &f->err, "what stays");
	must_go_round(f, store_undo(f->s, gone, false, &f->err), "by its number");
}

int
main(int argc, char **argv)
{
#define CASE(fn, setup) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_in_every_order, few_setup),
		CASE(test_by_other_ways, few_setup),
		CASE(test_ends, few_setup),
		CASE(test_old_ones_are_worked_on, round_setup),
		CASE(test_old_ones_come_back, round_setup),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
