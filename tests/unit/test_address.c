/* SPDX-License-Identifier: ISC
 *
 * Addresses: every spelling of one address has one canonical form; nonsense has none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mail/address.h"

struct row {
	const char *name;
	const char *in;
	const char *out; /* NULL: no address */
};

static const struct row canonical[] = {
	{ "plain", "user@example.com", "user@example.com" },
	{ "upper case is folded", "User+Ext@EXAMPLE.Com", "user+ext@example.com" },
	{ "trailing dot of the domain", "user@example.com.", "user@example.com" },
	{ "two trailing dots are no domain", "user@example.com..", NULL },
	{ "quoted with a blank", "\"A b\"@vd.test", "\"a b\"@vd.test" },
	{ "the raw form smtpd asks second", "a b@vd.test", "\"a b\"@vd.test" },
	{ "escaped quote", "\"a\\\"b\"@vd.test", "\"a\\\"b\"@vd.test" },
	{ "raw quote is not the user ab", "a\"b@vd.test", "\"a\\\"b\"@vd.test" },
	{ "escaped backslash", "\"a\\\\b\"@d.test", "\"a\\\\b\"@d.test" },
	{ "needless quotes are taken literally", "\"user\"@vd.test", "\"\\\"user\\\"\"@vd.test" },
	{ "needless escape is taken literally", "\"a\\b c\"@d.test",
	    "\"\\\"a\\\\b c\\\"\"@d.test" },
	{ "unfinished quotes are taken literally", "\"a b@d.test", "\"\\\"a b\"@d.test" },
	{ "double dot", "\"x..y\"@d.test", "\"x..y\"@d.test" },
	{ "double dot, raw", "x..y@d.test", "\"x..y\"@d.test" },
	{ "leading dot", ".x@d.test", "\".x\"@d.test" },
	{ "trailing dot", "a.@d.test", "\"a.\"@d.test" },
	{ "comma", "\"a,b\"@d.test", "\"a,b\"@d.test" },
	{ "an @ inside quotes", "\"a@b\"@d.test", "\"a@b\"@d.test" },
	{ "an @ inside, raw", "a@b@d.test", "\"a@b\"@d.test" },
	{ "empty local part", "@vd.test", "\"\"@vd.test" },
	{ "empty local part, quoted", "\"\"@vd.test", "\"\"@vd.test" },
	{ "IPv4 literal", "u@[127.0.0.1]", "u@[127.0.0.1]" },
	{ "IPv6 literal is folded", "u@[IPv6:2001:DB8::1]", "u@[ipv6:2001:db8::1]" },
	{ "control character", "a\007b@d.test", "\"a\007b\"@d.test" },
	{ "underscore in a host name", "u@_x.d.test", "u@_x.d.test" },
	{ "umlaut folds", "J\303\226RG@d.test", "j\303\266rg@d.test" },
	{ "sharp s folds to ss, as smtpd does", "stra\303\237e@d.test", "strasse@d.test" },
	{ "U-label becomes A-label", "u@M\303\274nchen.de", "u@xn--mnchen-3ya.de" },
	{ "A-label in upper case", "u@XN--Mnchen-3ya.DE", "u@xn--mnchen-3ya.de" },
	{ "decomposed letters meet the composed ones", "jo\314\210rg@d.test",
	    "j\303\266rg@d.test" },
	{ "decomposed, and in upper case", "JO\314\210RG@d.test", "j\303\266rg@d.test" },
	{ "decomposed in two marks", "\316\271\314\210\314\201@d.test", "\316\220@d.test" },
	{ "a letter that folds to two and composes again", "J\314\214@d.test", "\307\260@d.test" },
	{ "decomposed domain", "u@mu\314\210nchen.de", "u@xn--mnchen-3ya.de" },
	{ "a domain with a sharp s has its own name", "u@stra\303\237e.test",
	    "u@xn--strae-oqa.test" },
	{ "by its A-label too", "u@XN--STRAE-OQA.test", "u@xn--strae-oqa.test" },
	{ "which is not that of two s", "u@strasse.test", "u@strasse.test" },
	{ "a domain with a final sigma", "u@\317\211\317\202.test", "u@xn--3xan.test" },
	{ "a symbol for a domain", "u@\360\237\222\251.test", "u@xn--ls8h.test" },
	{ "by its A-label too", "u@XN--LS8H.test", "u@xn--ls8h.test" },
	{ "with the selector of a picture, in capitals", "u@I\342\235\244\357\270\217.WS",
	    "u@xn--i-7iq.ws" },
	{ "without it", "u@i\342\235\244.ws", "u@xn--i-7iq.ws" },
	{ "joined symbols", "u@\360\237\221\250\342\200\215\360\237\221\251.test",
	    "u@xn--1ugz855pea.test" },
	{ "a symbol beside a sharp s of another label", "u@stra\303\237e.\342\230\205.test",
	    "u@xn--strae-oqa.xn--p3h.test" },
	{ "what folds to capitals beside it", "u@\342\230\205\342\204\242.test",
	    "u@xn--tm-ksx.test" },
	{ "both directions in one label", "u@\327\2201a.test", "u@xn--1a-uld.test" },
	{ "a label that is too long as A-label",
	    "u@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\342\230\205.test",
	    NULL },
	{ "a symbol beside a blank", "u@a \342\230\205.test", NULL },
	{ "beside one that is no ASCII", "u@a\302\240\342\230\205.test", NULL },
	{ "a symbol behind a hyphen", "u@-\342\230\205.test", NULL },
	{ "a symbol behind two", "u@xn--\342\230\205.test", NULL },
	{ "a symbol behind an empty label", "u@.\342\230\205", NULL },
	{ "a symbol beside what means nothing", "u@\356\200\200\342\230\205.test", NULL },
	{ "no @", "user", NULL },
	{ "empty", "", NULL },
	{ "nothing behind the @", "user@", NULL },
	{ "only a dot behind the @", "user@.", NULL },
	{ "blank in the domain", "user@a b", NULL },
	{ "empty label", "user@a..b", NULL },
	{ "star", "*", NULL },
	{ "null sender", "<>", NULL },
	{ "null sender in quotes", "\"\"", NULL },
	{ "angle brackets", "<user@d.test>", NULL },
	{ "bytes that are no UTF-8, local", "\377\376@d.test", NULL },
	{ "bytes that are no UTF-8, domain", "u@\377\376", NULL },
	{ "cut UTF-8", "j\303@d.test", NULL },
	{ "line feed", "a\nb@d.test", NULL },
};

static void
test_canonical(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof canonical / sizeof canonical[0]; i++) {
		const struct row *r = &canonical[i];
		struct address a;
		struct sbuf out;
		bool ok = address_parse(&a, slice_str(r->in));

		sbuf_init(&out, 4096);
		if (ok)
			assert_true(address_print(&out, &a));
		if (ok != (r->out != NULL) || (ok && strcmp(sbuf_cstr(&out), r->out) != 0))
			fail_msg("%s: '%s' gave %s", r->name, r->in,
			    ok ? sbuf_cstr(&out) : "no address");
		sbuf_release(&out);
	}
}

/* What was printed is its own canonical form. */
static void
test_canonical_is_stable(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof canonical / sizeof canonical[0]; i++) {
		struct address a;
		struct sbuf out;

		if (canonical[i].out == NULL)
			continue;
		sbuf_init(&out, 4096);
		assert_true(address_parse(&a, slice_str(canonical[i].out)));
		assert_true(address_print(&out, &a));
		assert_string_equal(sbuf_cstr(&out), canonical[i].out);
		sbuf_release(&out);
	}
}

static void
test_lengths(void **state)
{
	char text[ADDRESS_MAX + 300];
	struct address a;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text + ADDRESS_MAX, "@d.test", 7);
	assert_true(address_parse(&a, slice_of(text, ADDRESS_MAX + 7)));
	assert_int_equal(a.local_n, ADDRESS_MAX);
	memset(text, 'x', sizeof text);
	memcpy(text + ADDRESS_MAX + 1, "@d.test", 7);
	assert_false(address_parse(&a, slice_of(text, ADDRESS_MAX + 8)));
	assert_false(address_parse(&a, slice_of("a\0b@d.test", 10)));
	memset(text, 'x', sizeof text);
	memcpy(text, "u@", 2);
	assert_false(address_parse(&a, slice_of(text, 2 + 64)));
	assert_true(address_parse(&a, slice_of(text, 2 + 63)));
}

static void
test_base(void **state)
{
	static const struct {
		const char *name, *local, *delimiters;
		size_t base;
	} rows[] = {
		{ "plain", "user", "+", 4 },
		{ "extension", "user+ext", "+", 4 },
		{ "the leftmost counts", "a+b+c", "+", 1 },
		{ "of a set", "u-x+y", "+-", 1 },
		{ "only the delimiter", "user+", "+", 4 },
		{ "a leading one never splits", "+ext", "+", 4 },
		{ "nor does a later one then", "+a+b", "+", 4 },
		{ "no delimiters", "user+ext", "", 8 },
		{ "postmaster", "Postmaster", "a+", 10 },
		{ "postmaster with extension", "postmaster+x", "+", 10 },
		{ "mailer-daemon", "mailer-daemon", "-", 13 },
		{ "double-bounce", "double-bounce", "-", 13 },
		{ "owner-list", "Owner-list", "-", 10 },
		{ "list-request", "list-Request", "+-", 12 },
		{ "-request alone", "-request", "-", 8 },
		{ "list-request without a dash among them", "list-request+x", "+", 12 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (address_base(slice_str(rows[i].local), rows[i].delimiters) != rows[i].base)
			fail_msg("%s", rows[i].name);
}

static void
test_target(void **state)
{
	static const struct row rows[] = {
		{ "the spelling of the local part is kept", "Joe.Bloggs@Example.COM",
		    "Joe.Bloggs@example.com" },
		{ "quotes where needed", "\"a b\"@d.test", "\"a b\"@d.test" },
		{ "a whole domain", "@Other.test", "@other.test" },
		{ "empty quoted local part", "\"\"@d.test", NULL },
		{ "no domain", "joe", NULL },
		{ "a pipe", "|/bin/sh", NULL },
		{ "control character", "a\007@d.test", NULL },
		{ "sharp s is kept", "stra\303\237e@d.test", "stra\303\237e@d.test" },
		{ "a sharp s of the domain too", "u@stra\303\237e.test", "u@xn--strae-oqa.test" },
		{ "and two s", "u@strasse.test", "u@strasse.test" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sbuf out;
		bool ok;

		sbuf_init(&out, 4096);
		ok = address_target(&out, slice_str(rows[i].in));
		if (ok != (rows[i].out != NULL) ||
		    (ok && strcmp(sbuf_cstr(&out), rows[i].out) != 0))
			fail_msg("%s: gave '%s'", rows[i].name, ok ? sbuf_cstr(&out) : "nothing");
		sbuf_release(&out);
	}
}

static void
test_domain_fold(void **state)
{
	static const struct row rows[] = {
		{ "lower case", "Example.COM", "example.com" },
		{ "trailing dot", "example.com.", "example.com" },
		{ "international", "B\303\234CHER.test", "xn--bcher-kva.test" },
		{ "single label", "localhost", "localhost" },
		{ "empty", "", NULL },
		{ "dot", ".", NULL },
		{ "leading dot", ".example.com", NULL },
		{ "blank", "a b", NULL },
		{ "star", "*", NULL },
		{ "at", "a@b", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sbuf out;
		bool ok;

		sbuf_init(&out, 4096);
		ok = domain_fold(&out, slice_str(rows[i].in));
		if (ok != (rows[i].out != NULL) ||
		    (ok && strcmp(sbuf_cstr(&out), rows[i].out) != 0))
			fail_msg("%s: gave '%s'", rows[i].name, ok ? sbuf_cstr(&out) : "nothing");
		sbuf_release(&out);
	}
}

/* What Postfix makes of a domain in U-labels before it asks; the canonical name is another matter.
 */
static void
test_domain_as_asked(void **state)
{
	static const struct row rows[] = {
		{ "ASCII", "Example.COM", "example.com" },
		{ "umlaut", "m\303\274nchen.de", "xn--mnchen-3ya.de" },
		{ "sharp s", "stra\303\237e.test", "strasse.test" },
		{ "sharp s by its A-label", "XN--STRAE-OQA.test", "strasse.test" },
		{ "capital sharp s", "STRA\341\272\236E.test", "strasse.test" },
		{ "two s", "strasse.test", "strasse.test" },
		{ "sharp s beside an umlaut", "gr\303\266\303\237e.test", "xn--grsse-kua.test" },
		{ "final sigma", "\317\211\317\202.test", "xn--4xal.test" },
		{ "the same as any sigma", "\317\211\317\203.test", "xn--4xal.test" },
		{ "in one label of many", "a.stra\303\237e.b.test", "a.strasse.b.test" },
		{ "a symbol", "\342\230\205.test", "xn--p3h.test" },
		{ "a symbol by its A-label", "xn--p3h.test", "xn--p3h.test" },
		{ "a symbol beside a sharp s", "xn--i-qfa6960a.test", "xn--iss-4r6a.test" },
		{ "and in a label of its own", "stra\303\237e.\342\230\205", "strasse.xn--p3h" },
		{ "an A-label that is none", "xn--a.test", "xn--a.test" },
		{ "an IP address", "[127.0.0.1]", "[127.0.0.1]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct address a;

		/* twice: what is asked for is asked for as itself */
		if (!domain_parse(&a, slice_str(rows[i].in)) || !domain_as_asked(&a) ||
		    !slice_is(address_domain(&a), rows[i].out) || !domain_as_asked(&a) ||
		    !slice_is(address_domain(&a), rows[i].out))
			fail_msg("%s: gave '%.*s'", rows[i].name, (int)a.domain_n, a.domain);
	}
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_canonical_is_stable),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_base),
		cmocka_unit_test(test_target),
		cmocka_unit_test(test_domain_fold),
		cmocka_unit_test(test_domain_as_asked),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
