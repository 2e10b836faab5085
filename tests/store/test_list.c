/* SPDX-License-Identifier: ISC
 *
 * Listings: order, pages, stopping, and asking on in between.
 */
#include "fixture.h"

#include <time.h>

enum { MANY = 1203 }; /* two pages and a bit */

struct seen {
	struct store *s;
	struct sbuf text; /* a line per row */
	int rows;
	int stop_after; /* 0: never */
};

static void
seen_init(struct seen *seen, struct store *s)
{
	*seen = (struct seen){ .s = s };
	sbuf_init(&seen->text, 1 << 24);
}

static bool
go_on(struct seen *seen)
{
	sbuf_add_chr(&seen->text, '\n');
	return ++seen->rows != seen->stop_after;
}

static bool
see_domain(void *arg, const struct domain_row *row)
{
	struct seen *seen = arg;

	sbuf_add_slice(&seen->text, row->name);
	sbuf_printf(&seen->text, " %s ", domain_kind_name(row->kind));
	sbuf_add_slice(&seen->text, row->target.n > 0 ? row->target : S("-"));
	sbuf_printf(&seen->text, " %d %d", (int)row->mailboxes, (int)row->aliases);
	assert_true(row->created > 0);
	return go_on(seen);
}

static bool
see_account(void *arg, const struct account *row)
{
	struct seen *seen = arg;

	sbuf_add_slice(&seen->text, sbuf_slice(&row->address));
	sbuf_add_str(&seen->text, row->password ? " yes" : " no");
	return go_on(seen);
}

static bool
see_alias(void *arg, const struct alias_row *row)
{
	struct seen *seen = arg;
	struct slice rest = row->targets;

	assert_true(slice_ends(row->targets, "\n"));
	sbuf_add_slice(&seen->text, row->address);
	sbuf_add_chr(&seen->text, ':');
	while (rest.n > 0) {
		sbuf_add_chr(&seen->text, ' ');
		sbuf_add_slice(&seen->text, slice_cut(&rest, '\n'));
	}
	return go_on(seen);
}

static bool
see_change(void *arg, const struct change_row *row)
{
	struct seen *seen = arg;

	sbuf_printf(&seen->text, "%d ", (int)row->id);
	sbuf_add_slice(&seen->text, row->who);
	sbuf_add_chr(&seen->text, ' ');
	sbuf_add_slice(&seen->text, row->what);
	sbuf_add_chr(&seen->text, ' ');
	sbuf_add_slice(&seen->text, row->subject);
	sbuf_printf(&seen->text, " %d %d", row->before.n > 0, row->after.n > 0);
	return go_on(seen);
}

static void
check_seen(struct seen *seen, enum outcome o, const char *expected)
{
	assert_int_equal(o, expected[0] == '\0' ? NONE : FOUND);
	assert_string_equal(sbuf_cstr(&seen->text), expected);
	sbuf_release(&seen->text);
}

static void
test_domains(void **state)
{
	struct fixture *f = *state;
	struct seen seen;

	seen_init(&seen, f->s);
	check_seen(&seen, store_domains(f->s, S(""), see_domain, &seen, &f->err),
	    "example.com mailbox - 2 3\nfwd.test alias - 0 1\nlocal.test local - 0 0\n"
	    "other.test alias example.com 0 0\nrelay.test relay - 0 0\n");
	seen_init(&seen, f->s);
	check_seen(&seen, store_domains(f->s, S("other.test"), see_domain, &seen, &f->err),
	    "other.test alias example.com 0 0\n");
	seen_init(&seen, f->s);
	check_seen(&seen, store_domains(f->s, S("no.test"), see_domain, &seen, &f->err), "");
	seen_init(&seen, f->s);
	seen.stop_after = 2;
	check_seen(&seen, store_domains(f->s, S(""), see_domain, &seen, &f->err),
	    "example.com mailbox - 2 3\nfwd.test alias - 0 1\n");
}

static void
test_accounts(void **state)
{
	struct fixture *f = *state;
	struct seen seen;

	must(domain_add(f->s, "a.test", "mailbox", "", &f->err), &f->err, "domain");
	must(mailbox_add(f->s, "m@a.test", "", &f->err), &f->err, "mailbox");
	seen_init(&seen, f->s);
	check_seen(&seen, store_accounts(f->s, S(""), S(""), see_account, &seen, &f->err),
	    "harry@example.com yes\nm@a.test no\nsally@example.com no\n");
	seen_init(&seen, f->s);
	check_seen(&seen, store_accounts(f->s, S("a.test"), S(""), see_account, &seen, &f->err),
	    "m@a.test no\n");
	seen_init(&seen, f->s);
	check_seen(
	    &seen, store_accounts(f->s, S("fwd.test"), S(""), see_account, &seen, &f->err), "");
	seen_init(&seen, f->s);
	check_seen(&seen, store_accounts(f->s, S(""), S("i@gone"), see_account, &seen, &f->err),
	    "m@a.test no\nsally@example.com no\n");
	seen_init(&seen, f->s);
	check_seen(&seen,
	    store_accounts(f->s, S(""), S("sally@example.com"), see_account, &seen, &f->err), "");
}

static void
test_aliases(void **state)
{
	struct fixture *f = *state;
	struct seen seen;

	seen_init(&seen, f->s);
	check_seen(&seen, store_aliases(f->s, S(""), S(""), see_alias, &seen, &f->err),
	    "@example.com: sally@example.com\n"
	    "harry@example.com: harry@example.com copy@else.test\n"
	    "info@example.com: harry@example.com Sally@else.test\n"
	    "root: sally+root@example.com\nx@fwd.test: sally@example.com\n");
	seen_init(&seen, f->s);
	check_seen(&seen, store_aliases(f->s, S(""), S("fwd.test"), see_alias, &seen, &f->err),
	    "x@fwd.test: sally@example.com\n");
	seen_init(&seen, f->s);
	check_seen(&seen,
	    store_aliases(f->s, S("info@example.com"), S(""), see_alias, &seen, &f->err),
	    "info@example.com: harry@example.com Sally@else.test\n");
	seen_init(&seen, f->s);
	check_seen(&seen, store_aliases(f->s, S("root"), S(""), see_alias, &seen, &f->err),
	    "root: sally+root@example.com\n");
	seen_init(&seen, f->s);
	check_seen(&seen, store_aliases(f->s, S("no"), S(""), see_alias, &seen, &f->err), "");
}

static void
test_log(void **state)
{
	struct fixture *f = *state;
	struct seen seen;

	must(alias_remove(f->s, "root", "", &f->err), &f->err, "remove");
	seen_init(&seen, f->s);
	check_seen(&seen, store_changes(f->s, 10, see_change, &seen, &f->err),
	    "11 tester alias add x@fwd.test 0 1\n12 tester alias add root 0 1\n"
	    "13 tester alias remove root 1 0\n");
	seen_init(&seen, f->s);
	check_seen(&seen, store_changes(f->s, 13, see_change, &seen, &f->err), "");
	seen_init(&seen, f->s);
	seen.stop_after = 1;
	check_seen(&seen, store_changes(f->s, 0, see_change, &seen, &f->err),
	    "1 tester domain add example.com 0 1\n");
}

/* --- long lists ------------------------------------------------------------------------------- */

static int
many_setup(void **state)
{
	struct fixture *f;

	if (empty_setup(state) != 0)
		return -1;
	f = *state;
	must(domain_add(f->s, "many.test", "mailbox", "", &f->err), &f->err, "domain");
	raw(f->path, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		     "WHERE i < 1203) INSERT INTO mailbox (address, domain, created) "
		     "SELECT printf('u%06d@many.test', i), 'many.test', 1 FROM n");
	return 0;
}

static void
check_many(struct seen *seen, const char *domain)
{
	struct sbuf expected;
	struct error err;

	sbuf_init(&expected, 1 << 24);
	for (int i = 1; i <= MANY; i++)
		sbuf_printf(&expected, "u%06d@many.test no\n", i);
	check_seen(seen, store_accounts(seen->s, S(domain), S(""), see_account, seen, &err),
	    sbuf_cstr(&expected));
	sbuf_release(&expected);
}

static void
test_pages(void **state)
{
	struct fixture *f = *state;
	struct seen seen;

	seen_init(&seen, f->s);
	check_many(&seen, "");
	seen_init(&seen, f->s);
	check_many(&seen, "many.test");
	must(store_begin(f->s, &f->err), &f->err, "begin");
	seen_init(&seen, f->s);
	check_many(&seen, "");
	store_end(f->s);
}

/* Exactly as many rows as a page holds, one less, one more: none is lost and none comes twice. */
static void
test_page_borders(void **state)
{
	static const int counts[] = { 499, 500, 501, 1000 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		struct seen seen;
		char after[32];

		seen_init(&seen, f->s);
		snprintf(after, sizeof after, "u%06d@many.test", MANY - counts[i]);
		must(store_accounts(f->s, S(""), S(after), see_account, &seen, &f->err), &f->err,
		    "accounts");
		assert_int_equal(seen.rows, counts[i]);
		sbuf_release(&seen.text);
	}
}

/* A long list in pieces, as a server hands it out. */
static void
test_pieces(void **state)
{
	struct fixture *f = *state;
	char after[32] = "";
	int rows = 0;

	for (;;) {
		struct seen seen;

		seen_init(&seen, f->s);
		seen.stop_after = 100;
		if (store_accounts(f->s, S(""), S(after), see_account, &seen, &f->err) != FOUND)
			break;
		rows += seen.rows;
		snprintf(after, sizeof after, "u%06d@many.test", rows);
		sbuf_release(&seen.text);
	}
	assert_int_equal(rows, MANY);
}

static bool
ask_on(void *arg, const struct account *row)
{
	struct seen *seen = arg;
	struct account again;
	struct error err = { "" };

	account_init(&again);
	must(store_account(seen->s, sbuf_slice(&row->address), &again, &err), &err, "again");
	assert_true(slice_eq(sbuf_slice(&row->address), sbuf_slice(&again.address)));
	account_release(&again);
	seen->rows++;
	return true;
}

static void
test_asking_in_between(void **state)
{
	struct fixture *f = *state;
	struct seen seen;

	seen_init(&seen, f->s);
	must(store_accounts(f->s, S(""), S(""), ask_on, &seen, &f->err), &f->err, "accounts");
	assert_int_equal(seen.rows, MANY);
}

static bool
write_from_aside(void *arg, const struct account *row)
{
	struct seen *seen = arg;
	char address[32];
	struct error err = { "" };

	(void)row;
	if (seen->rows++ < 5) {
		snprintf(address, sizeof address, "x%d@many.test", seen->rows);
		must(mailbox_add(seen->s, address, "", &err), &err, "add");
	}
	return true;
}

/* Who lists does not keep others from writing, and what comes later in the order may show. */
static void
test_writing_in_between(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOGIN);
	struct seen seen;

	seen_init(&seen, f->s);
	must(store_accounts(reader, S(""), S(""), write_from_aside, &seen, &f->err), &f->err,
	    "accounts");
	assert_int_equal(seen.rows, MANY + 5);
	store_close(reader);
}

enum { SLOW_MS = 200 };

static bool
dawdle(void *arg, const struct account *row)
{
	struct seen *seen = arg;
	struct timespec from, now;

	(void)row;
	if (seen->rows++ > 0)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (
	    (now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < SLOW_MS);
	return true;
}

/* The deadline is the store's, and not for whoever takes the rows. */
static void
test_slow_reader(void **state)
{
	struct fixture *f = *state;
	struct seen seen;

	seen_init(&seen, f->s);
	store_deadline(f->s, SLOW_MS);
	must(store_accounts(f->s, S(""), S(""), dawdle, &seen, &f->err), &f->err, "accounts");
	assert_int_equal(seen.rows, MANY);
}

int
main(int argc, char **argv)
{
#define FULL(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
#define LONG(fn) cmocka_unit_test_setup_teardown(fn, many_setup, teardown)
	const struct CMUnitTest tests[] = {
		FULL(test_domains),
		FULL(test_accounts),
		FULL(test_aliases),
		FULL(test_log),
		LONG(test_pages),
		LONG(test_page_borders),
		LONG(test_pieces),
		LONG(test_asking_in_between),
		LONG(test_writing_in_between),
		LONG(test_slow_reader),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
