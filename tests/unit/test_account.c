/* SPDX-License-Identifier: ISC
 *
 * auth/account: the fields a mail server is told, and the addresses no path is made of.
 */
#include "auth/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "../lib/bytes.h"

#define BOTH "home=/v|uid=5000|gid=6000|"

static const struct row {
	const char *name;
	struct slice address;
	const char *home; /* of this account */
	int64_t quota;
	struct account_rules rules;
	const char *expected; /* NULL: refused */
} rows[] = {
	{ "a plain template", BYTES("a@b"), "", 0, { "/v", 5000, 6000 }, BOTH },
	{ "an own home", BYTES("a@b"), "/h/100%d", 0, { "/v/%n", 0, 0 }, "home=/h/100%d|" },
	{ "an own home, and an address no path is made of", BYTES("../a@b"), "/h", 0,
	    { "%u", 0, 0 }, "home=/h|" },
	{ "no home at all", BYTES("a@b"), "", 0, { "", 5000, 6000 }, "uid=5000|gid=6000|" },
	{ "no user of its own", BYTES("a@b"), "", 0, { "/v", 0, 0 }, "home=/v|" },
	{ "no group of its own", BYTES("a@b"), "", 0, { "/v", 5000, 0 }, "home=/v|uid=5000|" },
	{ "a quota, under both its names", BYTES("a@b"), "", 10485760, { "/v", 0, 0 },
	    "home=/v|quota_rule=*:bytes=10485760|quota_storage_size=10485760B|" },
	{ "the largest quota", BYTES("a@b"), "", INT64_MAX, { "/v", 0, 0 },
	    "home=/v|quota_rule=*:bytes=9223372036854775807|"
	    "quota_storage_size=9223372036854775807B|" },
	{ "the largest ids", BYTES("a@b"), "", 0, { "/v", UINT32_MAX, UINT32_MAX },
	    "home=/v|uid=4294967295|gid=4294967295|" },
	{ "the address", BYTES("a@b.test"), "", 0, { "/v/%u", 0, 0 }, "home=/v/a@b.test|" },
	{ "its parts", BYTES("a@b.test"), "", 0, { "/v/%d/%n/x", 0, 0 }, "home=/v/b.test/a/x|" },
	{ "a percent sign", BYTES("a@b"), "", 0, { "/v/%%n%%", 0, 0 }, "home=/v/%n%|" },
	{ "two @", BYTES("\"a@b\"@c"), "", 0, { "%d/%n", 0, 0 }, "home=c/\"a@b\"|" },
	{ "dots in a name", BYTES(".a..b.@c"), "", 0, { "%n", 0, 0 }, "home=.a..b.|" },
	{ "letters that are not ASCII", BYTES("\xc3\xa4@c"), "", 0, { "%n", 0, 0 },
	    "home=\xc3\xa4|" },
	{ "a slash in the name", BYTES("a/b@c"), "", 0, { "/v/%n", 0, 0 }, NULL },
	{ "a slash in the address", BYTES("a/b@c"), "", 0, { "/v/%u", 0, 0 }, NULL },
	{ "a slash that is not asked for", BYTES("a/b@c"), "", 0, { "/v/%d", 0, 0 }, "home=/v/c|" },
	{ "a slash in the domain", BYTES("a@b/c"), "", 0, { "/v/%d", 0, 0 }, NULL },
	{ "the folder itself", BYTES(".@c"), "", 0, { "/v/%n", 0, 0 }, NULL },
	{ "the folder above", BYTES("..@c"), "", 0, { "/v/%n", 0, 0 }, NULL },
	{ "the folder above, by the domain", BYTES("a@.."), "", 0, { "/v/%d/%n", 0, 0 }, NULL },
	{ "nothing but dots", BYTES("....@c"), "", 0, { "/v/%n", 0, 0 }, NULL },
	{ "an empty name", BYTES("@c"), "", 0, { "/v/%n", 0, 0 }, NULL },
	{ "an empty domain", BYTES("a@"), "", 0, { "/v/%d", 0, 0 }, NULL },
	{ "NUL in the name", BYTES("a\0@c"), "", 0, { "/v/%n", 0, 0 }, NULL },
	{ "no @", BYTES("a"), "", 0, { "/v/%u", 0, 0 }, NULL },
	{ "no address", BYTES(""), "", 0, { "/v/%u", 0, 0 }, NULL },
	{ "a letter that means nothing", BYTES("a@c"), "", 0, { "/v/%x", 0, 0 }, NULL },
	{ "a percent sign at the end", BYTES("a@c"), "", 0, { "/v/%", 0, 0 }, NULL },
};

static void
note(void *arg, const char *key, struct slice value)
{
	struct sbuf *out = arg;

	sbuf_printf(out, "%s=", key);
	sbuf_add_slice(out, value);
	sbuf_add_chr(out, '|');
}

static void
test_fields(void **state)
{
	struct account a;
	struct sbuf out;

	(void)state;
	account_init(&a);
	sbuf_init(&out, 4096);
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct row *r = &rows[i];

		account_clear(&a);
		sbuf_clear(&out);
		sbuf_add_slice(&a.address, r->address);
		sbuf_add_str(&a.home, r->home);
		a.quota = r->quota;
		if (account_fields(&a, &r->rules, note, &out) != (r->expected != NULL))
			fail_msg(
			    "%s: %s", r->name, r->expected == NULL ? "not refused" : "refused");
		if (!slice_is(sbuf_slice(&out), r->expected == NULL ? "" : r->expected))
			fail_msg("%s: '%s'", r->name, sbuf_cstr(&out));
	}
	sbuf_release(&out);
	account_release(&a);
}

static void
test_a_home_too_long_is_refused(void **state)
{
	static char template[5000];
	struct account_rules rules = { template, 5000, 5000 };
	struct account a;
	struct sbuf out;

	(void)state;
	memset(template, 'x', sizeof template - 1);
	account_init(&a);
	sbuf_init(&out, 8192);
	sbuf_add_str(&a.address, "a@b");
	assert_false(account_fields(&a, &rules, note, &out));
	assert_int_equal(out.n, 0);
	sbuf_release(&out);
	account_release(&a);
}

static void
test_cleared_and_released_are_empty(void **state)
{
	struct account a;

	(void)state;
	account_init(&a);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(a.address.n, 0);
		assert_int_equal(a.home.n, 0);
		assert_int_equal(a.quota, 0);
		assert_int_equal(a.created, 0);
		assert_false(a.password);
		sbuf_add_str(&a.address, "a@b");
		sbuf_add_str(&a.home, "/h");
		a.quota = a.created = 1;
		a.password = true;
		account_clear(&a);
	}
	account_release(&a);
	assert_int_equal(a.address.n, 0);
	assert_true(sbuf_add_str(&a.address, "a@b"));
	account_release(&a);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_a_home_too_long_is_refused),
		cmocka_unit_test(test_cleared_and_released_are_empty),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
