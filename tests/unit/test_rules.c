/* SPDX-License-Identifier: ISC
 *
 * What may be written, and what would never end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/memdir.h"
#include "../lib/shortage.h"
#include "mail/rules.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

typedef enum outcome rule_fn(struct sbuf *out, struct slice typed, struct error *err);

struct rule_row {
	const char *name;
	rule_fn *rule;
	const char *typed;
	const char *out; /* canonical form, or NULL for a refusal */
	const char *why; /* what the refusal must say */
};

static const struct rule_row names[] = {
	{ "domain: a symbol", rules_domain, "stra\303\237e.\342\230\205.Test",
	    "xn--strae-oqa.xn--p3h.test", NULL },
	{ "domain", rules_domain, "Example.COM.", "example.com", NULL },
	{ "international domain", rules_domain, "b\303\274cher.test", "xn--bcher-kva.test", NULL },
	{ "empty domain", rules_domain, "", NULL, "empty" },
	{ "domain with a blank", rules_domain, "a b", NULL, "'a b' is no domain name" },
	{ "domain literal", rules_domain, "[127.0.0.1]", NULL, "no domain name" },
	{ "address for a domain", rules_domain, "u@d.test", NULL, "no domain name" },
	{ "domain with a line feed", rules_domain, "a\nb", NULL, "control characters" },
	{ "mailbox", rules_mailbox, "User@D.test", "user@d.test", NULL },
	{ "mailbox with a plus", rules_mailbox, "a+b@d.test", "a+b@d.test", NULL },
	{ "mailbox in quotes", rules_mailbox, "\"a b\"@d.test", "\"a b\"@d.test", NULL },
	{ "mailbox without a domain", rules_mailbox, "bob", NULL, "like 'bob@example.com'" },
	{ "odd mailbox without a domain", rules_mailbox, "b b", NULL, "like 'name@example.com'" },
	{ "mailbox of a directory", rules_mailbox, "a/b", NULL, "like 'name@example.com'" },
	{ "mailbox of a dot", rules_mailbox, ".b", NULL, "like 'name@example.com'" },
	{ "mailbox of an umlaut", rules_mailbox, "j\303\266rg", NULL,
	    "like 'j\303\266rg@example.com'" },
	{ "mailbox without a user", rules_mailbox, "@d.test", NULL, "catch-all" },
	{ "mailbox at an IP address", rules_mailbox, "u@[127.0.0.1]", NULL, "IP address" },
	{ "mailbox with a slash", rules_mailbox, "a/b@d.test", NULL, "directory" },
	{ "mailbox that climbs", rules_mailbox, "..@d.test", NULL, "directory" },
	{ "local part of 64 bytes", rules_mailbox,
	    "x234567890123456789012345678901234567890123456789012345678901234@d.test",
	    "x234567890123456789012345678901234567890123456789012345678901234@d.test", NULL },
	{ "local part of 65 bytes", rules_mailbox,
	    "x2345678901234567890123456789012345678901234567890123456789012345@d.test", NULL,
	    "65 bytes" },
	{ "odd mailbox without quotes", rules_mailbox, "a b@d.test", NULL, "double quotes" },
	{ "two mailboxes", rules_mailbox, "a@d.test,b@d.test", NULL, "not one address" },
	{ "empty mailbox", rules_mailbox, "", NULL, "empty" },
	{ "no UTF-8", rules_mailbox, "\377@d.test", NULL, "not proper UTF-8" },
	{ "alias", rules_alias, "Sales@D.test", "sales@d.test", NULL },
	{ "catch-all", rules_alias, "@D.test", "@d.test", NULL },
	{ "bare alias", rules_alias, "Root", "root", NULL },
	{ "bare alias that needs quotes", rules_alias, "a b", NULL, "no address" },
	{ "alias with nothing behind the @", rules_alias, "a@", NULL, "no address" },
	{ "pattern", rules_alias, "Sales-*@D.test", "sales-*@d.test", NULL },
	{ "pattern of a star alone", rules_alias, "*@d.test", NULL, "catch-all" },
	{ "pattern of too many", rules_alias, "*a*b*c*d*@d.test", NULL, "at most 4" },
	{ "star in quotes is none", rules_alias, "\"a * b * c * d * e *\"@d.test",
	    "\"a * b * c * d * e *\"@d.test", NULL },
	{ "bare alias with a star", rules_alias, "Sales-*", "sales-*", NULL },
	{ "new alias", rules_new_alias, "Sales-*@D.test", "sales-*@d.test", NULL },
	{ "new bare alias", rules_new_alias, "Root", "root", NULL },
	{ "new bare pattern", rules_new_alias, "sales-*", NULL, "like 'sales-*@example.com'" },
	{ "new bare pattern of too many", rules_new_alias, "*a*b*c*d*", NULL, "like 'sales-*@" },
	{ "new bare star", rules_new_alias, "*", NULL, "write '@example.com'" },
	{ "new empty alias", rules_new_alias, "", NULL, "empty" },
	{ "empty alias", rules_alias, "", NULL, "empty" },
};

static void
test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct rule_row *r = &names[i];
		struct error err = { "" };
		struct sbuf out;
		enum outcome o;

		sbuf_init(&out, 4096);
		o = r->rule(&out, slice_str(r->typed), &err);
		if (o != (r->out != NULL ? FOUND : BAD) ||
		    (r->out != NULL && strcmp(sbuf_cstr(&out), r->out) != 0) ||
		    (r->why != NULL && strstr(err.text, r->why) == NULL))
			fail_msg(
			    "%s: %s '%s': %s", r->name, outcome_name(o), sbuf_cstr(&out), err.text);
		sbuf_release(&out);
	}
}

static void
test_targets(void **state)
{
	static const struct {
		const char *name;
		const char *typed[4];
		const char *out;
		const char *why;
	} rows[] = {
		{ "one", { "Joe@D.test" }, "Joe@d.test\n", NULL },
		{ "two, as spelled", { "a@d.test", "B@d.test" }, "a@d.test\nB@d.test\n", NULL },
		{ "the same twice", { "a@d.test", "A@D.test" }, "a@d.test\n", NULL },
		{ "a whole domain", { "@Other.test" }, "@other.test\n", NULL },
		{ "none", { NULL }, NULL, "at least one" },
		{ "a whole domain in a list", { "a@d.test", "@other.test" }, NULL, "only target" },
		{ "without a domain", { "joe" }, NULL, "'joe@example.com'" },
		{ "an odd name without a domain", { "o'joe" }, NULL, "'name@example.com'" },
		{ "a command", { "|/bin/sh" }, NULL, "local(8)" },
		{ "a command with an address", { "|/bin/sh a@d.test" }, NULL, "local(8)" },
		{ "a command in quotes", { "\"|/bin/sh -c\"" }, NULL, "local(8)" },
		{ "a file", { "/dev/null" }, NULL, "local(8)" },
		{ "a list in a file", { ":include:/etc/list" }, NULL, "local(8)" },
		{ "no file, but X.400", { "/C=DE/S=joe@d.test" }, "/C=DE/S=joe@d.test\n", NULL },
		{ "no command, but a name", { "\"|a b\"@d.test" }, "\"|a b\"@d.test\n", NULL },
		{ "a command with an @", { "|\007@d.test" }, NULL, "control" },
		{ "a list in one", { "a@d.test, b@d.test" }, NULL, "argument of its own" },
		{ "empty", { "" }, NULL, "empty" },
		{ "no domain behind the @", { "a@" }, NULL, "no address" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice typed[4];
		struct error err = { "" };
		struct sbuf out;
		enum outcome o;
		size_t n = 0;

		for (; n < 4 && rows[i].typed[n] != NULL; n++)
			typed[n] = slice_str(rows[i].typed[n]);
		sbuf_init(&out, 4096);
		o = rules_targets(&out, typed, n, &err);
		if (o != (rows[i].out != NULL ? FOUND : BAD) ||
		    (rows[i].out != NULL && strcmp(sbuf_cstr(&out), rows[i].out) != 0) ||
		    (rows[i].why != NULL && strstr(err.text, rows[i].why) == NULL))
			fail_msg("%s: %s '%s': %s", rows[i].name, outcome_name(o), sbuf_cstr(&out),
			    err.text);
		sbuf_release(&out);
	}
}

static void
test_long_targets(void **state)
{
	static char text[1100];
	struct slice typed[RULES_TARGETS_MAX + 1];
	struct error err;
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 1 << 20);
	memset(text, 'x', sizeof text);
	memcpy(text + sizeof text - 8, "@d.test", 8);
	typed[0] = slice_str(text);
	assert_int_equal(rules_targets(&out, typed, 1, &err), BAD);
	assert_non_null(strstr(err.text, "1000"));
	for (size_t i = 0; i < COUNT(typed); i++)
		typed[i] = slice_str("a@d.test");
	assert_int_equal(rules_targets(&out, typed, COUNT(typed), &err), BAD);
	assert_non_null(strstr(err.text, "1000"));
	assert_int_equal(rules_targets(&out, typed, COUNT(typed) - 1, &err), FOUND);
	assert_string_equal(sbuf_cstr(&out), "a@d.test\n");
	sbuf_release(&out);
}

static void
test_values(void **state)
{
	static const struct {
		const char *name;
		enum map_value kind;
		const char *typed;
		const char *out;
		const char *why;
	} rows[] = {
		{ "text", VALUE_TEXT, " REJECT go away ", "REJECT go away", NULL },
		{ "empty", VALUE_TEXT, " ", NULL, "empty" },
		{ "no UTF-8", VALUE_TEXT, "caf\351", NULL, "not proper UTF-8" },
		{ "two lines", VALUE_TEXT, "a\nb", NULL, "control" },
		{ "address", VALUE_ADDRESS, "Joe@D.test", "Joe@d.test", NULL },
		{ "whole domain", VALUE_ADDRESS, "@D.test", "@d.test", NULL },
		{ "two addresses", VALUE_ADDRESS, "a@d.test, b@d.test", NULL, "not one" },
		{ "odd address without a domain", VALUE_ADDRESS, "b c", NULL,
		    "like 'name@example.com'" },
		{ "bcc", VALUE_BCC, "a@d.test", "a@d.test", NULL },
		{ "bcc to a whole domain", VALUE_BCC, "@d.test", NULL, "not one address" },
		{ "logins", VALUE_LOGINS, "A@d.test,b@D.test  c@d.test",
		    "a@d.test, b@d.test, c@d.test", NULL },
		{ "login without a domain", VALUE_LOGINS, "joe", NULL, "no domain" },
		{ "transport", VALUE_TRANSPORT, "smtp:[h.test]:25", "smtp:[h.test]:25", NULL },
		{ "next hop alone", VALUE_TRANSPORT, ":[h.test]", ":[h.test]", NULL },
		{ "transport in upper case", VALUE_TRANSPORT, "SMTP:h", NULL, "lower case" },
		{ "error", VALUE_TRANSPORT, "error:5.1.1 gone", "error:5.1.1 gone", NULL },
		{ "transport alone", VALUE_TRANSPORT, "local", "local", NULL },
		{ "transport with a dot", VALUE_TRANSPORT, "mail.d.test:", "mail.d.test:", NULL },
		{ "host without a transport", VALUE_TRANSPORT, "mail.d.test", NULL,
		    "'smtp:[mail.d.test]'" },
		{ "TLS level", VALUE_TLS, "Encrypt", "Encrypt", NULL },
		{ "TLS level with a host", VALUE_TLS, "secure match=d.test", "secure match=d.test",
		    NULL },
		{ "TLS level, commas", VALUE_TLS, "may,ciphers=high", "may,ciphers=high", NULL },
		{ "no TLS level", VALUE_TLS, "encrpyt", NULL, "'encrpyt' is no level" },
		{ "what Postfix alone says", VALUE_TLS, "halfdane", NULL, "none, may, encrypt" },
		{ "an action nobody knows", VALUE_ACTION, "BLAH", "BLAH", NULL },
		{ "number", VALUE_NUMBER, "5000", "5000", NULL },
		{ "no number", VALUE_NUMBER, "vmail", NULL, "write a number" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { "" };
		struct sbuf out;
		enum outcome o;

		sbuf_init(&out, 1 << 20);
		o = rules_value(&out, rows[i].kind, slice_str(rows[i].typed), &err);
		if (o != (rows[i].out != NULL ? FOUND : BAD) ||
		    (rows[i].out != NULL && strcmp(sbuf_cstr(&out), rows[i].out) != 0) ||
		    (rows[i].why != NULL && strstr(err.text, rows[i].why) == NULL))
			fail_msg("%s: %s '%s': %s", rows[i].name, outcome_name(o), sbuf_cstr(&out),
			    err.text);
		sbuf_release(&out);
	}
}

static void
test_doubtful(void **state)
{
	static const struct {
		enum map_value kind;
		const char *value;
		const char *word; /* NULL: there is no doubt */
	} rows[] = {
		{ VALUE_ACTION, "REJECT go away", NULL },
		{ VALUE_ACTION, "Reject", NULL },
		{ VALUE_ACTION, "dunno", NULL },
		{ VALUE_ACTION, "550 5.7.1 no", NULL },
		{ VALUE_ACTION, "1700000000", NULL },
		{ VALUE_ACTION, "reject_unverified_sender, permit", NULL },
		{ VALUE_ACTION, "check_policy_service inet:[::1]:1", NULL },
		{ VALUE_ACTION, MAP_CLOSED_LIST, NULL },
		{ VALUE_ACTION, "BLAH blah", "BLAH" },
		{ VALUE_ACTION, "strict,permit", "strict" },
		{ VALUE_ACTION, "55O no", "55O" },
		{ VALUE_TEXT, "BLAH", NULL },
	};
	struct slice word;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool is = rules_value_is_doubtful(rows[i].kind, slice_str(rows[i].value), &word);

		if (is != (rows[i].word != NULL) || (is && !slice_is(word, rows[i].word)))
			fail_msg("%s: %d, '%.*s'", rows[i].value, is, (int)word.n, word.p);
	}
}

/* --- expansion -------------------------------------------------------------------------------- */

static enum outcome
expand(const char *directory, const char *address, bool propagate, struct error *why)
{
	struct lookup_rules rules = { "+", propagate, 1000 };
	struct memdir d = { directory, 0 };
	struct facts facts;
	struct expand x;
	struct error err;
	enum outcome o;

	expand_init(&x);
	facts_init(&facts);
	expand_start(&x, &rules, slice_str(address));
	while (x.asking) {
		if (memdir_ask(&d, &x.lookup.question, &facts, &err) == FOUND)
			expand_tell(&x, &facts);
		else
			expand_fail(&x, &err);
	}
	*why = x.why;
	o = x.outcome;
	facts_release(&facts);
	expand_release(&x);
	return o;
}

static void
test_expand(void **state)
{
	static const struct {
		const char *name, *directory, *address;
		bool propagate;
		enum outcome outcome;
		const char *why;
	} rows[] = {
		{ "a simple alias", "alias a@d b@d", "a@d", true, FOUND, NULL },
		{ "an address that leads to itself", "alias a@d a@d", "a@d", true, FOUND, NULL },
		{ "itself and another", "alias a@d a@d b@o", "a@d", true, FOUND, NULL },
		{ "another and itself", "alias a@d b@o a@d", "a@d", true, FOUND, NULL },
		{ "a loop of two", "alias a@d b@d\nalias b@d a@d", "a@d", true, BAD, "circles" },
		{ "a loop of three behind the start",
		    "alias s@d a@d\nalias a@d b@d\nalias b@d c@d\nalias c@d a@d", "s@d", true, BAD,
		    "circles" },
		{ "back to one that stops Postfix", "alias a@d b@d a@d\nalias b@d a@d", "a@d", true,
		    FOUND, NULL },
		{ "a diamond is no loop", "alias a@d b@d c@d\nalias b@d z@o\nalias c@d z@o", "a@d",
		    true, FOUND, NULL },
		{ "growth", "alias u@d u+x@d", "u@d", true, BAD, "never arrive" },
		{ "growth without propagation stops", "alias u@d u+x@d", "u@d", false, FOUND,
		    NULL },
		{ "growth by way of another", "alias u@d v+x@d\nalias v@d u@d", "u@d", true, BAD,
		    "never arrive" },
		{ "a pattern that catches its own target",
		    "domain d mailbox\nalias s-*@d s-x-*@d\npattern s-@d s-*@d", "s-*@d", true,
		    FOUND, NULL },
		{ "a pattern and what it leads to, in circles",
		    "domain d mailbox\nalias s-*@d t@d\npattern s-@d s-*@d\nalias t@d s-1@d",
		    "s-*@d", true, BAD, "circles" },
		{ "a catch-all to itself", "domain d mailbox\nalias @d c@d", "@d", true, FOUND,
		    NULL },
		{ "a catch-all to a mailbox", "domain d mailbox\nmailbox c@d\nalias @d c@d", "@d",
		    true, FOUND, NULL },
		{ "two domains that pass everything on to each other", "alias @d @e\nalias @e @d",
		    "@d", true, BAD, "circles" },
		{ "case does not hide a loop", "alias a@d B@D\nalias b@d A@d", "a@d", true, BAD,
		    "circles" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error why = { "" };
		enum outcome o =
		    expand(rows[i].directory, rows[i].address, rows[i].propagate, &why);

		if (o != rows[i].outcome ||
		    (rows[i].why != NULL && strstr(why.text, rows[i].why) == NULL))
			fail_msg("%s: %s: %s", rows[i].name, outcome_name(o), why.text);
	}
}

/* WIDE aliases each with WIDE targets, or a chain of LONG: just within Postfix's limits, and past
 * them. */
static void
test_expand_limits(void **state)
{
	struct sbuf text;
	struct error why;

	(void)state;
	sbuf_init(&text, 1 << 20);
	sbuf_add_str(&text, "alias a@d");
	for (int i = 0; i < 1000; i++)
		sbuf_printf(&text, " t%d@o", i);
	assert_int_equal(expand(sbuf_cstr(&text), "a@d", true, &why), FOUND);
	sbuf_add_str(&text, " one.more@o");
	assert_int_equal(expand(sbuf_cstr(&text), "a@d", true, &why), BAD);
	assert_non_null(strstr(why.text, "1000"));

	sbuf_clear(&text);
	for (int i = 0; i < 999; i++)
		sbuf_printf(&text, "alias c%d@d c%d@d\n", i, i + 1);
	assert_int_equal(expand(sbuf_cstr(&text), "c0@d", true, &why), FOUND);
	sbuf_add_str(&text, "alias c999@d c1000@d\n");
	assert_int_equal(expand(sbuf_cstr(&text), "c0@d", true, &why), BAD);
	sbuf_release(&text);
}

/* A piece that finds no room is not left out: that would be another name. */
static void
test_shortage(void **state)
{
	(void)state;
	if (!shortage_replaced)
		skip();
	for (size_t i = 0; i < COUNT(names); i++) {
		bool short_of_any = names[i].out != NULL;

		for (unsigned at = 1; short_of_any; at++) {
			struct error err = { "" };
			enum outcome o;
			struct sbuf out;

			sbuf_init(&out, 4096);
			shortage_begin(at, false);
			o = names[i].rule(&out, slice_str(names[i].typed), &err);
			shortage_end();
			short_of_any = shortage.seen >= at;
			if (o != RETRY &&
			    (o != FOUND || strcmp(sbuf_cstr(&out), names[i].out) != 0))
				fail_msg("%s without allocation %u: '%s'", names[i].name, at,
				    sbuf_cstr(&out));
			sbuf_release(&out);
		}
	}
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_shortage),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_long_targets),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_doubtful),
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_expand_limits),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
