/* SPDX-License-Identifier: ISC
 *
 * Passes over a whole store: which rows each gives, that it can be left early and asks on
 * meanwhile, and what a damaged file says.
 */
#include "fixture.h"

static const struct {
	const char *name;
	enum store_scan scan;
	int64_t at;
	const char *rows; /* "subject detail more number; " each */
} cases[] = {
	{ "dangling", SCAN_TARGETS, 1000,
	    "a@m.test gone@m.test Gone@m.test 0; self@m.test self@m.test self@m.test 0; " },
	{ "dangling, once it has expired", SCAN_TARGETS, 3000,
	    "a@m.test gone@m.test Gone@m.test 0; b@m.test old@m.test old@m.test 0; "
	    "self@m.test self@m.test self@m.test 0; " },
	{ "steps", SCAN_STEPS, 0, "a@m.test - - 0; b@m.test - - 0; " },
	{ "local steps", SCAN_LOCAL_STEPS, 0, "root@l.test - - 0; " },
	{ "external", SCAN_EXTERNAL, 0, "x@m.test y@o.test o.test 0; " },
	{ "not expired", SCAN_EXPIRED, 1000, "" },
	{ "expired", SCAN_EXPIRED, 2000, "old@m.test - - 2000; " },
	{ "hidden", SCAN_HIDDEN, 1000, "you@m.test - - 0; " },
	{ "bare names", SCAN_BARE, 0, "" },
	{ "domains", SCAN_DOMAINS, 0, "m.test mailbox - 0; " },
	{ "domains of mailboxes", SCAN_MAILBOX_DOMAINS, 0, "m.test - - 0; " },
	{ "all mailboxes", SCAN_ALL_MAILBOXES, 0, "me@m.test - - 0; you@m.test - - 0; " },
	{ "hashes", SCAN_HASHES, 0, "me@m.test MD5-CRYPT $1$ 0; " },
	{ "unused", SCAN_UNUSED, 4000000000, "me@m.test - - 0; you@m.test - - 0; " },
	{ "not unused", SCAN_UNUSED, 1000, "" },
};

static int
filled_setup(void **state)
{
	struct error err = { "" };
	struct fixture *f;

	if (empty_setup(state) != 0)
		return -1;
	f = *state;
	must(domain_add(f->s, "m.test", "mailbox", "", &err), &err, "domain");
	must(domain_add(f->s, "l.test", "local", "", &err), &err, "domain");
	must(store_mailbox_add(
		 f->s, S("me@m.test"), S("{MD5-CRYPT}$1$salt$ez2vlPGdaLYkJam5pWs/Y1"), 0, &err),
	    &err, "mailbox");
	must(store_mailbox_add(f->s, S("you@m.test"),
		 S("{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$tNGBEyKS9w6ipvnnEYBEMg$"
		   "rKhhDlpnBH6hPQe8LOtIRC85WIMwy3GuL/bAf16bdJM"),
		 0, &err),
	    &err, "mailbox");
	return 0;
}

static void
add_alias(struct store *s, const char *address, const char *target)
{
	struct slice t = S(target);
	struct error err = { "" };

	must(store_alias_add(s, S(address), &t, 1, &err), &err, address);
}

static void
add_aliases(struct store *s)
{
	const struct alias_settings late = { .expires = 2000, .only = ALIAS_SET_EXPIRES };
	struct error err = { "" };

	add_alias(s, "a@m.test", "Gone@m.test");
	add_alias(s, "self@m.test", "self@m.test");
	add_alias(s, "old@m.test", "me@m.test");
	must(store_alias_set(s, S("old@m.test"), &late, &err), &err, "expires");
	add_alias(s, "b@m.test", "old@m.test");
	add_alias(s, "x@m.test", "y@o.test");
	add_alias(s, "you@m.test", "me@m.test");
	add_alias(s, "root", "me@m.test");
}

static void
put(struct sbuf *out, struct slice s)
{
	sbuf_printf(out, "%.*s ", s.n > 0 ? (int)s.n : 1, s.n > 0 ? s.p : "-");
}

static bool
take(void *arg, const struct scan_row *row)
{
	put(arg, row->subject);
	put(arg, row->detail);
	put(arg, row->more);
	sbuf_printf(arg, "%lld; ", (long long)row->number);
	return true;
}

static void
test_rows(void **state)
{
	struct fixture *f = *state;
	struct error err = { "" };
	struct sbuf rows;

	add_aliases(f->s);
	sbuf_init(&rows, 1 << 16);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		sbuf_clear(&rows);
		must(store_scan(f->s, cases[i].scan, cases[i].at, take, &rows, &err), &err,
		    cases[i].name);
		if (strcmp(sbuf_cstr(&rows), cases[i].rows) != 0)
			fail_msg("%s: %s", cases[i].name, sbuf_cstr(&rows));
	}
	sbuf_release(&rows);
}

struct walk {
	struct store *s;
	int rows;
};

static bool
ask_on_and_stop(void *arg, const struct scan_row *row)
{
	struct walk *walk = arg;
	struct error err;

	assert_int_equal(store_taken(walk->s, row->subject, &err), FOUND);
	assert_int_equal(store_taken(walk->s, S("nobody@m.test"), &err), NONE);
	return ++walk->rows < 1;
}

/* Left early, the same pass can begin again, and the store can be changed. */
static void
test_leave_early(void **state)
{
	struct fixture *f = *state;
	struct walk walk = { .s = f->s };
	struct error err = { "" };

	for (int i = 1; i <= 2; i++) {
		must(store_scan(f->s, SCAN_ALL_MAILBOXES, 0, ask_on_and_stop, &walk, &err), &err,
		    "scan");
		assert_int_equal(walk.rows, i);
	}
	add_alias(f->s, "late@m.test", "me@m.test");
}

static void
test_newest(void **state)
{
	struct fixture *f = *state;
	struct error err = { "" };
	int64_t at = 0;

	raw(f->path, "UPDATE change SET at = id * 10");
	assert_int_equal(store_newest(f->s, &at, &err), FOUND);
	assert_int_equal(at, 40);
}

static void
test_no_newest(void **state)
{
	struct fixture *f = *state;
	struct error err = { "" };
	int64_t at = 0;

	assert_int_equal(store_newest(f->s, &at, &err), NONE);
}

static void
test_quick_check(void **state)
{
	struct fixture *f = *state;
	struct error err = { "" };
	char junk[4096];
	FILE *file;

	assert_int_equal(store_quick_check(f->s, &err), FOUND);
	sqlite_only();
	store_close(f->s);
	f->s = NULL;
	memset(junk, 0xff, sizeof junk);
	file = fopen(f->path, "r+");
	assert_int_equal(fseek(file, -4096, SEEK_END), 0);
	assert_int_equal(fwrite(junk, sizeof junk, 1, file), 1);
	fclose(file);
	f->s = open_at(f->path, STORE_ADMIN);
	assert_int_not_equal(store_quick_check(f->s, &err), FOUND);
	assert_non_null(strstr(err.text, "damaged"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, filled_setup, teardown),
		cmocka_unit_test_setup_teardown(test_leave_early, filled_setup, teardown),
		cmocka_unit_test_setup_teardown(test_newest, filled_setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_newest, empty_setup, teardown),
		cmocka_unit_test_setup_teardown(test_quick_check, filled_setup, teardown),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
