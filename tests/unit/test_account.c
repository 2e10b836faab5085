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
	{ "a plain template", BYTES("a@b"), "", 0, { "/v", 5000, 6000, NULL }, BOTH },
	{ "an own home", BYTES("a@b"), "/h/100%d", 0, { "/v/%n", 0, 0, NULL }, "home=/h/100%d|" },
	{ "an own home, and an address no path is made of", BYTES("../a@b"), "/h", 0,
	    { "%u", 0, 0, NULL }, "home=/h|" },
	{ "no home at all", BYTES("a@b"), "", 0, { "", 5000, 6000, NULL }, "uid=5000|gid=6000|" },
	{ "no user of its own", BYTES("a@b"), "", 0, { "/v", 0, 0, NULL }, "home=/v|" },
	{ "no group of its own", BYTES("a@b"), "", 0, { "/v", 5000, 0, NULL },
	    "home=/v|uid=5000|" },
	{ "a quota, under both its names", BYTES("a@b"), "", 10485760, { "/v", 0, 0, NULL },
	    "home=/v|quota_rule=*:bytes=10485760|quota_storage_size=10485760B|" },
	{ "the largest quota", BYTES("a@b"), "", INT64_MAX, { "/v", 0, 0, NULL },
	    "home=/v|quota_rule=*:bytes=9223372036854775807|"
	    "quota_storage_size=9223372036854775807B|" },
	{ "the largest ids", BYTES("a@b"), "", 0, { "/v", UINT32_MAX, UINT32_MAX, NULL },
	    "home=/v|uid=4294967295|gid=4294967295|" },
	{ "the address", BYTES("a@b.test"), "", 0, { "/v/%u", 0, 0, NULL }, "home=/v/a@b.test|" },
	{ "its parts", BYTES("a@b.test"), "", 0, { "/v/%d/%n/x", 0, 0, NULL },
	    "home=/v/b.test/a/x|" },
	{ "a percent sign", BYTES("a@b"), "", 0, { "/v/%%n%%", 0, 0, NULL }, "home=/v/%n%|" },
	{ "two @", BYTES("\"a@b\"@c"), "", 0, { "%d/%n", 0, 0, NULL }, "home=c/\"a@b\"|" },
	{ "dots in a name", BYTES(".a..b.@c"), "", 0, { "%n", 0, 0, NULL }, "home=.a..b.|" },
	{ "letters that are not ASCII", BYTES("\xc3\xa4@c"), "", 0, { "%n", 0, 0, NULL },
	    "home=\xc3\xa4|" },
	{ "a slash in the name", BYTES("a/b@c"), "", 0, { "/v/%n", 0, 0, NULL }, NULL },
	{ "a slash in the address", BYTES("a/b@c"), "", 0, { "/v/%u", 0, 0, NULL }, NULL },
	{ "a slash that is not asked for", BYTES("a/b@c"), "", 0, { "/v/%d", 0, 0, NULL },
	    "home=/v/c|" },
	{ "a slash in the domain", BYTES("a@b/c"), "", 0, { "/v/%d", 0, 0, NULL }, NULL },
	{ "the folder itself", BYTES(".@c"), "", 0, { "/v/%n", 0, 0, NULL }, NULL },
	{ "the folder above", BYTES("..@c"), "", 0, { "/v/%n", 0, 0, NULL }, NULL },
	{ "the folder above, by the domain", BYTES("a@.."), "", 0, { "/v/%d/%n", 0, 0, NULL },
	    NULL },
	{ "nothing but dots", BYTES("....@c"), "", 0, { "/v/%n", 0, 0, NULL }, NULL },
	{ "an empty name", BYTES("@c"), "", 0, { "/v/%n", 0, 0, NULL }, NULL },
	{ "an empty domain", BYTES("a@"), "", 0, { "/v/%d", 0, 0, NULL }, NULL },
	{ "NUL in the name", BYTES("a\0@c"), "", 0, { "/v/%n", 0, 0, NULL }, NULL },
	{ "no @", BYTES("a"), "", 0, { "/v/%u", 0, 0, NULL }, NULL },
	{ "no address", BYTES(""), "", 0, { "/v/%u", 0, 0, NULL }, NULL },
	{ "a letter that means nothing", BYTES("a@c"), "", 0, { "/v/%x", 0, 0, NULL }, NULL },
	{ "a percent sign at the end", BYTES("a@c"), "", 0, { "/v/%", 0, 0, NULL }, NULL },
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

/* --- where the mail is, and ids of one's own ---------------------------------------------------
 */

static const struct {
	const char *name;
	const char *mail; /* of this account */
	const char *template;
	const char *expected; /* NULL: refused */
} mails[] = {
	{ "nothing told", "", NULL, "" },
	{ "nothing configured", "", "", "" },
	{ "a template", "", "maildir:/m/%d/%n",
	    "mail=maildir:/m/b.test/a|mail_driver=maildir|mail_path=/m/b.test/a|" },
	{ "of its own, which is no template", "mdbox:~/%n", "maildir:/m/%d/%n",
	    "mail=mdbox:~/%n|mail_driver=mdbox|mail_path=~/%n|" },
	{ "the keys of 2.3 by the names of 2.4", "maildir:~/M:INDEX=/i/a:LAYOUT=fs:CONTROL=/c", "",
	    "mail=maildir:~/M:INDEX=/i/a:LAYOUT=fs:CONTROL=/c|mail_driver=maildir|mail_path=~/M|"
	    "mail_index_path=/i/a|mail_control_path=/c|mailbox_list_layout=fs|" },
	{ "more of them", "mdbox:~/M:ALT=/slow:INBOX=/in:VOLATILEDIR=/tmp/v", "",
	    "mail=mdbox:~/M:ALT=/slow:INBOX=/in:VOLATILEDIR=/tmp/v|mail_driver=mdbox|mail_path=~/M|"
	    "mail_inbox_path=/in|mail_alt_path=/slow|mail_volatile_path=/tmp/v|" },
	{ "a key that means nothing to 2.4", "maildir:~/M:UTF-8", "",
	    "mail=maildir:~/M:UTF-8|mail_driver=maildir|mail_path=~/M|" },
	{ "a letter that means nothing", "", "maildir:/m/%x", NULL },
};

static void
test_mail(void **state)
{
	struct account_rules rules = { .home = "" };
	struct account a;
	struct sbuf out;

	(void)state;
	account_init(&a);
	sbuf_init(&out, 4096);
	for (size_t i = 0; i < ROWS(mails); i++) {
		const char *expected = mails[i].expected;

		account_clear(&a);
		sbuf_clear(&out);
		sbuf_add_str(&a.address, "a@b.test");
		sbuf_add_str(&a.mail, mails[i].mail);
		rules.mail = mails[i].template;
		if (account_fields(&a, &rules, note, &out) != (expected != NULL) ||
		    !slice_is(sbuf_slice(&out), expected == NULL ? "" : expected))
			fail_msg("%s: '%s'", mails[i].name, sbuf_cstr(&out));
	}
	account_clear(&a);
	sbuf_clear(&out);
	a.uid = 7;
	rules = (struct account_rules){ "", 5000, 6000, NULL };
	assert_true(account_fields(&a, &rules, note, &out));
	assert_string_equal(sbuf_cstr(&out), "uid=7|gid=6000|");
	sbuf_clear(&out);
	a.uid = 0;
	a.gid = UINT32_MAX;
	assert_true(account_fields(&a, &rules, note, &out));
	assert_string_equal(sbuf_cstr(&out), "uid=5000|gid=4294967295|");
	sbuf_release(&out);
	account_release(&a);
}

static const struct {
	const char *name;
	enum account_state state;
	const char *reason, *networks, *service, *expected;
} logins[] = {
	{ "nothing to tell", STATE_ACTIVE, "", "", "imap", "" },
	{ "a reason that no longer counts", STATE_ACTIVE, "unpaid", "", "imap", "" },
	{ "networks", STATE_ACTIVE, "", "192.0.2.0/24,2001:db8::/32", "imap",
	    "allow_nets=192.0.2.0/24,2001:db8::/32|" },
	{ "suspended", STATE_SUSPENDED, "unpaid", "", "imap", "nologin=y|reason=unpaid|" },
	{ "suspended without a word", STATE_SUSPENDED, "", "", "imap", "nologin=y|" },
	{ "may not send, and reads", STATE_RECEIVE_ONLY, "spam", "", "imap", "" },
	{ "may not send, and sends", STATE_RECEIVE_ONLY, "spam", "", "smtp",
	    "nologin=y|reason=spam|" },
	{ "may not send, by its other name", STATE_RECEIVE_ONLY, "", "", "submission",
	    "nologin=y|" },
	{ "may not send, and it may be for that", STATE_RECEIVE_ONLY, "", "", "checkpassword",
	    "nologin=y|" },
	{ "may only send, and it may be for more", STATE_SEND_ONLY, "", "", "checkpassword",
	    "nologin=y|" },
	{ "may do both", STATE_ACTIVE, "", "", "checkpassword", "" },
	{ "all of it", STATE_SUSPENDED, "unpaid", "192.0.2.1", "imap",
	    "allow_nets=192.0.2.1|nologin=y|reason=unpaid|" },
};

static void
test_login_fields(void **state)
{
	struct account a;
	struct sbuf out;

	(void)state;
	account_init(&a);
	sbuf_init(&out, 4096);
	for (size_t i = 0; i < ROWS(logins); i++) {
		account_clear(&a);
		sbuf_clear(&out);
		a.state = logins[i].state;
		sbuf_add_str(&a.reason, logins[i].reason);
		sbuf_add_str(&a.networks, logins[i].networks);
		account_login_fields(&a, slice_str(logins[i].service), note, &out);
		if (!slice_is(sbuf_slice(&out), logins[i].expected))
			fail_msg("%s: '%s'", logins[i].name, sbuf_cstr(&out));
	}
	sbuf_release(&out);
	account_release(&a);
}

static const struct {
	struct slice text;
	bool home, mail;
} typed[] = {
	{ BYTES("/var/vmail/a"), true, false },
	{ BYTES("/"), true, false },
	{ BYTES("var/vmail"), false, false },
	{ BYTES(""), false, false },
	{ BYTES("/a\nb"), false, false },
	{ BYTES("/a\0b"), false, false },
	{ BYTES("/a\xff"), false, false },
	{ BYTES("/caf\xc3\xa9"), true, false },
	{ BYTES("maildir:~/Maildir"), false, true },
	{ BYTES("mdbox:/x:INDEX=/y"), false, true },
	{ BYTES("maildir:"), false, false },
	{ BYTES(":/x"), false, false },
	{ BYTES("Mail Dir:/x"), false, false },
	{ BYTES("maildir:/x\ty"), false, false },
};

static void
test_typed(void **state)
{
	struct error err;

	(void)state;
	for (size_t i = 0; i < ROWS(typed); i++) {
		struct slice text = bytes_copy(typed[i].text);

		if (account_home_check(text, &err) != (typed[i].home ? FOUND : BAD) ||
		    account_mail_check(text, &err) != (typed[i].mail ? FOUND : BAD))
			fail_msg("row %zu", i);
		bytes_free(text);
	}
}

static void
test_a_home_too_long_is_refused(void **state)
{
	static char template[5000];
	struct account_rules rules = { template, 5000, 5000, NULL };
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
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_login_fields),
		cmocka_unit_test(test_typed),
		cmocka_unit_test(test_a_home_too_long_is_refused),
		cmocka_unit_test(test_cleared_and_released_are_empty),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
