/* SPDX-License-Identifier: ISC
 *
 * Keys of plain maps: the one text of every spelling, what may be written, and what is looked for,
 * in which order, for each kind of search.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/bytes.h"
#include "../lib/shortage.h"
#include "mail/keys.h"

/* --- canonical texts -------------------------------------------------------------------------- */

struct fold_row {
	const char *name;
	struct slice in;
	const char *out; /* NULL: no row can have it */
};

/* clang-format off */
static const struct fold_row folds[] = {
	{ "address", BYTES("user@d.test"), "user@d.test" },
	{ "upper case", BYTES("User+Ext@D.Test"), "user+ext@d.test" },
	{ "trailing dot", BYTES("user@d.test."), "user@d.test" },
	{ "quotes that are not needed stay a name of their own", BYTES("\"user\"@d.test"),
	  "\"\\\"user\\\"\"@d.test" },
	{ "quotes that are", BYTES("\"A b\"@d.test"), "\"a b\"@d.test" },
	{ "the same without them", BYTES("A b@d.test"), "\"a b\"@d.test" },
	{ "a quote inside", BYTES("\"a\\\"b\"@d.test"), "\"a\\\"b\"@d.test" },
	{ "the same raw", BYTES("a\"b@d.test"), "\"a\\\"b\"@d.test" },
	{ "two dots", BYTES("x..y@d.test"), "\"x..y\"@d.test" },
	{ "dot in front", BYTES(".x@d.test"), "\".x\"@d.test" },
	{ "an @ inside", BYTES("a@b@d.test"), "\"a@b\"@d.test" },
	{ "a tab inside", BYTES("a\tb@d.test"), "\"a\tb\"@d.test" },
	{ "IPv4 literal", BYTES("u@[127.0.0.1]"), "u@[127.0.0.1]" },
	{ "IPv6 literal", BYTES("u@[IPv6:2001:DB8::1]"), "u@[ipv6:2001:db8::1]" },
	{ "umlauts on both sides", BYTES("J\303\226RG@M\303\234NCHEN.de"),
	  "j\303\266rg@xn--mnchen-3ya.de" },
	{ "sharp s", BYTES("stra\303\237e@d.test"), "strasse@d.test" },
	{ "no domain that could be", BYTES("User@a b"), "user@a b" },
	{ "an empty label", BYTES("User@a..B"), "user@a..b" },
	{ "angle brackets", BYTES("<User@d.test>"), "<user@d.test>" },

	{ "whole domain", BYTES("@D.Test."), "@d.test" },
	{ "whole domain, as Postfix spells it too", BYTES("\"\"@D.Test"), "@d.test" },
	{ "whole domain, U-label", BYTES("@m\303\274nchen.de"), "@xn--mnchen-3ya.de" },
	{ "an @ and nothing", BYTES("@"), NULL },
	{ "an @ and a dot", BYTES("@."), NULL },
	{ "an @ and no domain", BYTES("@a b"), NULL },

	{ "user of any domain", BYTES("Info@"), "info@" },
	{ "with extension", BYTES("Info+X@"), "info+x@" },
	{ "in quotes", BYTES("\"A b\"@"), "\"a b\"@" },
	{ "without them", BYTES("A b@"), "\"a b\"@" },
	{ "two @", BYTES("a@@"), "\"a@\"@" },
	{ "umlaut", BYTES("J\303\226RG@"), "j\303\266rg@" },

	{ "below a domain", BYTES(".D.Test."), ".d.test" },
	{ "below a domain, U-label", BYTES(".m\303\274nchen.de"), ".xn--mnchen-3ya.de" },
	{ "domain", BYTES("D.Test"), "d.test" },
	{ "domain with trailing dot", BYTES("d.test."), "d.test" },
	{ "U-label", BYTES("M\303\274nchen.de"), "xn--mnchen-3ya.de" },
	{ "A-label", BYTES("XN--mnchen-3ya.de"), "xn--mnchen-3ya.de" },
	{ "sharp s, as Postfix asks", BYTES("stra\303\237e.test"), "strasse.test" },
	{ "sharp s by its A-label", BYTES("xn--strae-oqa.test"), "strasse.test" },
	{ "below a sharp s", BYTES(".stra\303\237e.test"), ".strasse.test" },
	{ "all of a sharp s", BYTES("@stra\303\237e.test"), "@strasse.test" },
	{ "at a sharp s", BYTES("u@stra\303\237e.test"), "u@strasse.test" },
	{ "at a final sigma", BYTES("u@\317\211\317\202.test"), "u@xn--4xal.test" },
	{ "at a symbol", BYTES("u@\342\230\205.test"), "u@xn--p3h.test" },
	{ "below a symbol", BYTES(".\342\230\205.test"), ".xn--p3h.test" },
	{ "all of a symbol", BYTES("@\342\230\205.test"), "@xn--p3h.test" },
	{ "a symbol", BYTES("\342\230\205.Test."), "xn--p3h.test" },
	{ "decomposed address", BYTES("jo\314\210rg@d.test"), "j\303\266rg@d.test" },
	{ "decomposed user", BYTES("jo\314\210rg@"), "j\303\266rg@" },
	{ "decomposed login", BYTES("jo\314\210 rg"), "j\303\266 rg" },
	{ "one label", BYTES("LocalHost"), "localhost" },
	{ "underscore", BYTES("_Dmarc.d.test"), "_dmarc.d.test" },
	{ "a dot", BYTES("."), "." },
	{ "two dots alone", BYTES(".."), ".." },

	{ "IPv4 address", BYTES("192.0.2.1"), "192.0.2.1" },
	{ "its network", BYTES("192.0.2"), "192.0.2" },
	{ "IPv6 address", BYTES("2001:DB8::1"), "2001:db8::1" },
	{ "its network, colon behind", BYTES("2001:DB8:"), "2001:db8:" },
	{ "address in brackets", BYTES("[192.0.2.1]"), "[192.0.2.1]" },
	{ "host and port", BYTES("[MX.D.test]:587"), "[mx.d.test]:587" },
	{ "host and port without brackets", BYTES("MX.D.test:25"), "mx.d.test:25" },
	{ "star", BYTES("*"), "*" },
	{ "null sender", BYTES("<>"), "<>" },
	{ "null sender in quotes", BYTES("\"<>\""), "\"<>\"" },
	{ "null sender of canonical", BYTES("\"\""), "\"\"" },
	{ "login", BYTES("DOMAIN\\Joe"), "domain\\joe" },
	{ "login with blanks", BYTES(" Joe Doe "), " joe doe " },
	{ "junk", BYTES("%s'; DROP TABLE x; --"), "%s'; drop table x; --" },
	{ "control character", BYTES("a\007B"), "a\007b" },

	{ "nothing", BYTES(""), NULL },
	{ "NUL", BYTES("a\0b"), NULL },
	{ "NUL in an address", BYTES("a\0b@d.test"), NULL },
	{ "LF", BYTES("a\nb"), NULL },
	{ "LF behind an address", BYTES("a@d.test\n"), NULL },
	{ "no UTF-8", BYTES("\377\376"), NULL },
	{ "no UTF-8 in an address", BYTES("\377@d.test"), NULL },
	{ "no UTF-8 in a domain", BYTES("@\377.test"), NULL },
	{ "no UTF-8 in a user", BYTES("\377@"), NULL },
	{ "UTF-8 cut short", BYTES("j\303"), NULL },
	{ "UTF-8 longer than it need be", BYTES("\300\200"), NULL },
};
/* clang-format on */

static void
check_fold(const char *name, struct slice in, const char *expected)
{
	struct slice copy = bytes_copy(in);
	struct sbuf out;
	bool no_memory = true;
	bool ok;

	sbuf_init(&out, 1 << 14);
	ok = key_fold(&out, copy, &no_memory);
	if (no_memory)
		fail_msg("%s: no memory", name);
	if (ok != (expected != NULL) || (ok && strcmp(sbuf_cstr(&out), expected) != 0))
		fail_msg("%s: %s", name, ok ? sbuf_cstr(&out) : "no key");
	sbuf_release(&out);
	bytes_free(copy);
}

static void
test_fold(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(folds); i++)
		check_fold(folds[i].name, folds[i].in, folds[i].out);
}

/* What a row has for its key is what that key folds to. */
static void
test_fold_is_stable(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(folds); i++)
		if (folds[i].out != NULL)
			check_fold(folds[i].name, slice_str(folds[i].out), folds[i].out);
}

/* However long a key is, and whatever it ends with: the answer is that there is none, for certain.
 */
static void
test_fold_too_long(void **state)
{
	static const char *const ends[] = { "", "@", "@d.test", ".", ".d.test", "]:25" };
	static const char *const starts[] = { "", "@", ".", "\"", "\303\237", "[" };
	static const size_t lengths[] = { 1990, 2001, 10000, 1 << 20 };
	struct sbuf text, out;
	bool no_memory;

	(void)state;
	sbuf_init(&text, 2 << 20);
	sbuf_init(&out, 1 << 14);
	for (size_t i = 0; i < ROWS(lengths) * ROWS(ends) * ROWS(starts); i++) {
		sbuf_clear(&text);
		sbuf_clear(&out);
		sbuf_add_str(&text, starts[i % ROWS(starts)]);
		memset(sbuf_room(&text, lengths[i / 36]), 'x', lengths[i / 36]);
		text.n += lengths[i / 36];
		sbuf_add_str(&text, ends[i / ROWS(starts) % ROWS(ends)]);
		assert_false(text.failed);
		if (key_fold(&out, sbuf_slice(&text), &no_memory) != (text.n <= 2000))
			assert_true(text.n <= 2000); /* short enough, and no key all the same */
		assert_false(no_memory);
		assert_in_range(out.n, 0, 8000);
	}
	sbuf_release(&text);
	sbuf_release(&out);
}

/* --- what may be written ------------------------------------------------------------------------
 */

struct check_row {
	const char *name;
	enum key_search search;
	const char *typed;
	enum outcome outcome;
	const char *out; /* the key, or a part of the refusal */
};

static const struct check_row checks[] = {
	{ "address", SEARCH_ADDRESS, "User@D.test", FOUND, "user@d.test" },
	{ "whole domain", SEARCH_ADDRESS, "@D.test", FOUND, "@d.test" },
	{ "bare name", SEARCH_ADDRESS, "Root", FOUND, "root" },
	{ "bare name that is no domain's", SEARCH_ADDRESS, "J\303\226RG", FOUND, "j\303\266rg" },
	{ "the same to be rewritten", SEARCH_REWRITE, "J\303\226RG", FOUND, "j\303\266rg" },
	{ "a domain elsewhere", SEARCH_DOMAIN, "m\303\274nchen.de", FOUND, "xn--mnchen-3ya.de" },
	{ "transport of a parent", SEARCH_TRANSPORT, ".D.test", FOUND, ".d.test" },
	{ "transport of all", SEARCH_TRANSPORT, "*", FOUND, "*" },
	{ "access of a user", SEARCH_ACCESS, "Info@", FOUND, "info@" },
	{ "access of the null sender", SEARCH_ACCESS, "<>", FOUND, "<>" },
	{ "login", SEARCH_EXACT, "Joe Doe", FOUND, "joe doe" },

	{ "host", SEARCH_HOST, "MX.D.test.", FOUND, "mx.d.test" },
	{ "host address", SEARCH_HOST, "192.0.2.1", FOUND, "192.0.2.1" },
	{ "octets", SEARCH_HOST, "192.0.2", FOUND, "192.0.2" },
	{ "octets and a dot", SEARCH_HOST, "192.0.2.", FOUND, "192.0.2" },
	{ "IPv6 host as Postfix will say it", SEARCH_HOST, "2001:0DB8:0:0:0:0:0:1", FOUND,
	    "2001:db8::1" },
	{ "IPv6 network", SEARCH_HOST, "2001:DB8", FOUND, "2001:db8" },
	{ "a network where hosts are", SEARCH_HOST, "192.0.2.0/24", BAD, "leave octets out" },

	{ "network", SEARCH_NETWORK, "192.0.2.0/24", FOUND, "192.0.2.0/24" },
	{ "network by a host in it", SEARCH_NETWORK, "192.0.2.7/24", BAD,
	    "write '192.0.2.0/24' for the whole network" },
	{ "network within an octet", SEARCH_NETWORK, "192.0.2.128/25", FOUND, "192.0.2.128/25" },
	{ "host within an octet", SEARCH_NETWORK, "192.0.2.129/25", BAD, "'192.0.2.128/25'" },
	{ "network of one", SEARCH_NETWORK, "192.0.2.7", FOUND, "192.0.2.7/32" },
	{ "the same said so", SEARCH_NETWORK, "192.0.2.7/32", FOUND, "192.0.2.7/32" },
	{ "everybody", SEARCH_NETWORK, "0.0.0.0/0", FOUND, "0.0.0.0/0" },
	{ "everybody by a host", SEARCH_NETWORK, "192.0.2.7/0", BAD, "'0.0.0.0/0'" },
	{ "IPv6 network", SEARCH_NETWORK, "2001:DB8:0::/32", FOUND, "2001:db8::/32" },
	{ "IPv6 network by a host in it", SEARCH_NETWORK, "2001:DB8:0::7/32", BAD,
	    "'2001:db8::/32'" },
	{ "IPv6 within a byte", SEARCH_NETWORK, "2001:db8:8000::/33", FOUND, "2001:db8:8000::/33" },
	{ "IPv6 of one", SEARCH_NETWORK, "::1", FOUND, "::1/128" },
	{ "everybody by IPv6", SEARCH_NETWORK, "::/0", FOUND, "::/0" },
	{ "IPv4 in IPv6", SEARCH_NETWORK, "::ffff:192.0.2.0/120", FOUND, "::ffff:192.0.2.0/120" },
	{ "prefix too long", SEARCH_NETWORK, "192.0.2.0/33", BAD, "must be 0 to 32" },
	{ "IPv6 prefix too long", SEARCH_NETWORK, "2001:db8::/129", BAD, "must be 0 to 128" },
	{ "prefix of nothing", SEARCH_NETWORK, "192.0.2.0/", BAD, "must be 0 to 32" },
	{ "negative prefix", SEARCH_NETWORK, "192.0.2.0/-1", BAD, "must be 0 to 32" },
	{ "prefix that is no number", SEARCH_NETWORK, "192.0.2.0/2x", BAD, "must be 0 to 32" },
	{ "a mask", SEARCH_NETWORK, "192.0.2.0/255.255.255.0", BAD, "must be 0 to 32" },
	{ "two prefixes", SEARCH_NETWORK, "192.0.2.0/24/24", BAD, "must be 0 to 32" },
	{ "huge prefix", SEARCH_NETWORK, "192.0.2.0/99999999999999999999999", BAD,
	    "must be 0 to 32" },
	{ "too few octets", SEARCH_NETWORK, "192.0.2/24", BAD, "is no network" },
	{ "octet too large", SEARCH_NETWORK, "192.0.2.256", BAD, "is no network" },
	{ "leading zero", SEARCH_NETWORK, "192.0.02.1", BAD, "is no network" },
	{ "brackets", SEARCH_NETWORK, "[192.0.2.1]", BAD, "is no network" },
	{ "blank", SEARCH_NETWORK, "192.0.2.1 ", BAD, "is no network" },
	{ "a scope", SEARCH_NETWORK, "fe80::1%eth0", BAD, "is no network" },
	{ "host name", SEARCH_NETWORK, "mx.d.test", BAD, "write it like '192.0.2.0/24'" },

	{ "nothing", SEARCH_EXACT, "", BAD, "is empty" },
	{ "nothing as a network", SEARCH_NETWORK, "", BAD, "is empty" },
	{ "LF", SEARCH_EXACT, "a\nb", BAD, "control characters" },
	{ "tab", SEARCH_ADDRESS, "a\tb@d.test", BAD, "control characters" },
	{ "DEL", SEARCH_HOST, "a\177", BAD, "control characters" },
	{ "no UTF-8", SEARCH_EXACT, "\377", BAD, "no key" },
	{ "an @ and no domain", SEARCH_ADDRESS, "@a b", BAD, "no key" },
};

static void
test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(checks); i++) {
		const struct check_row *r = &checks[i];
		struct error err = { "" };
		struct sbuf out;
		enum outcome o;
		bool right;

		sbuf_init(&out, 1 << 14);
		sbuf_add_str(&out, "map ");
		o = key_check(&out, r->search, slice_str(r->typed), &err);
		right = o == FOUND ? strcmp(sbuf_cstr(&out) + 4, r->out) == 0
				   : strstr(err.text, r->out) != NULL;
		if (o != r->outcome || !right)
			fail_msg("%s: %s, '%s', '%s'", r->name, outcome_name(o), sbuf_cstr(&out),
			    err.text);
		sbuf_release(&out);
	}
}

/* Neither what is typed nor what becomes of it may be longer than an address. */
static void
test_check_length(void **state)
{
	static const struct {
		const char *name;
		const char *unit;
		size_t n;
		enum outcome outcome;
	} rows[] = {
		{ "as long as can be", "x", 1000, FOUND },
		{ "one more", "x", 1001, BAD },
		{ "two bytes that fold to three", "\305\211", 333, FOUND },
		{ "one more of them", "\305\211", 334, BAD },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct error err = { "" };
		struct sbuf typed, out;

		sbuf_init(&typed, 1 << 14);
		sbuf_init(&out, 1 << 14);
		for (size_t n = 0; n < rows[i].n; n++)
			sbuf_add_str(&typed, rows[i].unit);
		if (key_check(&out, SEARCH_EXACT, sbuf_slice(&typed), &err) != rows[i].outcome)
			fail_msg("%s: %zu bytes, '%s'", rows[i].name, out.n, err.text);
		sbuf_release(&typed);
		sbuf_release(&out);
	}
}

/* --- what is looked for -------------------------------------------------------------------------
 */

struct candidate_row {
	const char *name;
	enum key_search search;
	const char *key;
	const char *expected; /* NULL: nothing can match. ~ has lost its extension, : is for local
				 domains */
};

/* Delimiter "+". The order of each is that of the manual page that is named. */
static const struct candidate_row candidates[] = {
	/* sasl access, tls policy: the key alone */
	{ "exact", SEARCH_EXACT, "Joe", "joe" },
	{ "exact: an address", SEARCH_EXACT, "Joe+x@D.test", "joe+x@d.test" },
	{ "exact: a parent that Postfix asks for itself", SEARCH_EXACT, ".D.test", ".d.test" },
	{ "exact: next hop", SEARCH_EXACT, "[MX.d.test]:587", "[mx.d.test]:587" },

	/* virtual(5), canonical(5), generic(5), relocated(5) */
	{ "address", SEARCH_ADDRESS, "User@D.test", "in d.test: user@d.test :user @d.test" },
	{ "with extension", SEARCH_ADDRESS, "User+Ext@D.test",
	    "in d.test: user+ext@d.test ~user@d.test :user+ext ~:user @d.test" },
	{ "to be rewritten", SEARCH_REWRITE, "User+Ext@D.test",
	    "in d.test: user+ext@d.test ~user@d.test :user+ext ~:user @d.test" },
	{ "never split", SEARCH_ADDRESS, "postmaster@D.test",
	    "in d.test: postmaster@d.test :postmaster @d.test" },
	{ "odd names are for no local domain", SEARCH_ADDRESS, "\"a,b+e\"@d.test",
	    "in d.test: \"a,b+e\"@d.test ~\"a,b\"@d.test @d.test" },
	{ "whole domain", SEARCH_ADDRESS, "@D.test", "in d.test: @d.test @d.test" },
	{ "literal", SEARCH_ADDRESS, "u@[127.0.0.1]",
	    "in [127.0.0.1]: u@[127.0.0.1] :u @[127.0.0.1]" },
	{ "null sender", SEARCH_ADDRESS, "<>", "<>" },
	{ "null sender of relayhosts", SEARCH_ADDRESS, "\"<>\"", "\"<>\"" },
	{ "null sender of canonical", SEARCH_REWRITE, "\"\"", "\"\"" },
	{ "no address", SEARCH_ADDRESS, "Nodomain", "nodomain" },
	{ "no address but a name", SEARCH_ADDRESS, "J\303\226RG", "j\303\266rg" },
	{ "star", SEARCH_ADDRESS, "*", "*" },
	{ "not even that", SEARCH_ADDRESS, "u@a b", "u@a b" },

	/* relay_domains and its like */
	{ "domain", SEARCH_DOMAIN, "A.b.Test", "a.b.test b.test test" },
	{ "domain of an address", SEARCH_DOMAIN, "u@a.b.test", "a.b.test b.test test" },
	{ "domain with its trailing dot", SEARCH_DOMAIN, "b.test.", "b.test test" },
	{ "one label", SEARCH_DOMAIN, "localhost", "localhost" },
	{ "U-label", SEARCH_DOMAIN, "m\303\274nchen.de", "xn--mnchen-3ya.de de" },
	{ "an address has no parents", SEARCH_DOMAIN, "192.0.2.1", "192.0.2.1" },
	{ "nor has this one", SEARCH_DOMAIN, "2001:db8::1.2.3.4", "2001:db8::1.2.3.4" },
	{ "but this is none", SEARCH_DOMAIN, "192.0.2.test", "192.0.2.test 0.2.test 2.test test" },
	{ "odd greeting", SEARCH_DOMAIN, "a b.c", "a b.c c" },
	{ "dot at the end of it", SEARCH_DOMAIN, "a b.", "a b." },
	{ "dots", SEARCH_DOMAIN, "..", ".." },

	/* transport(5) */
	{ "transport", SEARCH_TRANSPORT, "User@A.b.c", "in a.b.c: user@a.b.c a.b.c .b.c .c" },
	{ "transport with extension", SEARCH_TRANSPORT, "User+Ext@a.b.c",
	    "in a.b.c: user+ext@a.b.c ~user@a.b.c a.b.c .b.c .c" },
	{ "transport of a domain", SEARCH_TRANSPORT, "a.b.c", "a.b.c .b.c .c" },
	{ "transport of a parent", SEARCH_TRANSPORT, ".b.c", ".b.c .c" },
	{ "transport: star", SEARCH_TRANSPORT, "*", "*" },
	{ "transport: literal", SEARCH_TRANSPORT, "u@[10.1]", "in [10.1]: u@[10.1] [10.1] .1]" },
	{ "transport: one label", SEARCH_TRANSPORT, "u@localhost",
	    "in localhost: u@localhost localhost" },

	/* access(5) */
	{ "access", SEARCH_ACCESS, "User@a.b.c", "in a.b.c: user@a.b.c a.b.c b.c c user@" },
	{ "access with extension", SEARCH_ACCESS, "User+Ext@a.b.c",
	    "in a.b.c: user+ext@a.b.c ~user@a.b.c a.b.c b.c c user+ext@ ~user@" },
	{ "access: quotes", SEARCH_ACCESS, "\"a b+c\"@d.test",
	    "in d.test: \"a b+c\"@d.test ~\"a b\"@d.test d.test test \"a b+c\"@ ~\"a b\"@" },
	{ "access: null sender", SEARCH_ACCESS, "<>", "<>" },
	{ "access: nobody", SEARCH_ACCESS, "@d.test", "in d.test: @d.test d.test test" },
	{ "access: an address for a domain", SEARCH_ACCESS, "u@192.0.2.1",
	    "in 192.0.2.1: u@192.0.2.1 192.0.2.1 u@" },
	{ "access: a domain", SEARCH_ACCESS, "a.b.c", "a.b.c b.c c" },

	/* access(5), of clients */
	{ "host", SEARCH_HOST, "H.a.Test", "h.a.test a.test test" },
	{ "unknown host", SEARCH_HOST, "unknown", "unknown" },
	{ "host address", SEARCH_HOST, "192.0.2.1", "192.0.2.1 192.0.2 192.0 192" },
	{ "IPv6", SEARCH_HOST, "2001:DB8::1", "2001:db8::1 2001:db8: 2001:db8 2001" },
	{ "IPv6 in full", SEARCH_HOST, "2001:db8:1:2:3:4:5:6",
	    "2001:db8:1:2:3:4:5:6 2001:db8:1:2:3:4:5 2001:db8:1:2:3:4 2001:db8:1:2:3 "
	    "2001:db8:1:2 2001:db8:1 2001:db8 2001" },
	{ "IPv6 that could be shorter", SEARCH_HOST, "2001:0db8:0:0:0:0:0:1",
	    "2001:db8::1 2001:db8: 2001:db8 2001" },
	{ "IPv6 loopback", SEARCH_HOST, "::1", "::1 :" },
	{ "IPv6 nothing", SEARCH_HOST, "::", ":: :" },
	{ "IPv4 in IPv6", SEARCH_HOST, "::ffff:192.0.2.1", "::ffff:192.0.2.1 ::ffff :" },
	{ "no address", SEARCH_HOST, "192.0.2.256", "192.0.2.256 0.2.256 2.256 256" },
	{ "an address to a mail host", SEARCH_HOST, "u+x@d.test", "u+x@d.test test" },

	/* what is no address, and has its parts all the same */
	{ "access: an empty label", SEARCH_ACCESS, "User+Ext@a..B.test",
	    "user+ext@a..b.test ~user@a..b.test a..b.test .b.test test user+ext@ ~user@" },
	{ "access: a blank", SEARCH_ACCESS, "u@a b.c", "u@a b.c a b.c c u@" },
	{ "access: an umlaut below it", SEARCH_ACCESS, "u@a b.m\303\274nchen.de",
	    "u@a b.m\303\274nchen.de a b.m\303\274nchen.de xn--mnchen-3ya.de de u@" },
	{ "access: a dot at its end", SEARCH_ACCESS, "u@a b.c.d.", "u@a b.c.d. a b.c.d. c.d d u@" },
	{ "access: more dots than it seems", SEARCH_ACCESS, "u@a b.\303\274\343\200\202c.d",
	    "u@a b.\303\274\343\200\202c.d a b.\303\274\343\200\202c.d "
	    "\303\274\343\200\202c.d d u@" },
	{ "access: a label as long as 64", SEARCH_ACCESS,
	    "u@xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.c",
	    "u@xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.c "
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.c c u@" },
	{ "access: quotes at no domain", SEARCH_ACCESS, "\"A b+c\"@d..e",
	    "\"a b+c\"@d..e ~\"a b\"@d..e d..e .e \"a b+c\"@ ~\"a b\"@" },
	{ "access: nobody at no domain", SEARCH_ACCESS, "@a..b", "a..b .b" },
	{ "access: no UTF-8 for a name", SEARCH_ACCESS, "\377@d.test", "in d.test: d.test test" },
	{ "access: no UTF-8 in an extension", SEARCH_ACCESS, "U+\377@d.test",
	    "in d.test: ~u@d.test d.test test ~u@" },
	{ "access: no UTF-8 in a label", SEARCH_ACCESS, "u@\377.D.test", "d.test test u@" },
	{ "access: a line feed", SEARCH_ACCESS, "a\nb+c@D.test", "in d.test: d.test test" },
	{ "access: one in a label", SEARCH_ACCESS, "u@a\nb.D.test", "d.test test u@" },
	{ "address: no UTF-8 for a name", SEARCH_ADDRESS, "\377@d.test", "in d.test: @d.test" },
	{ "address: no UTF-8 in an extension", SEARCH_REWRITE, "U+\377@D.test",
	    "in d.test: ~u@d.test ~:u @d.test" },
	{ "address: an empty label", SEARCH_ADDRESS, "u+x@a..b", "u+x@a..b ~u@a..b" },
	{ "address: nobody there", SEARCH_ADDRESS, "@a..b", NULL },
	{ "transport: an empty label", SEARCH_TRANSPORT, "u+x@a..b.c",
	    "u+x@a..b.c ~u@a..b.c a..b.c ..b.c .b.c .c" },
	{ "transport: no UTF-8 for a name", SEARCH_TRANSPORT, "\377@a.b", "in a.b: a.b .b" },
	{ "transport: no UTF-8 in a label", SEARCH_TRANSPORT, "u@\377.a.b", ".a.b .b" },
	{ "domain: no UTF-8 for a name", SEARCH_DOMAIN, "\377@a.b", "a.b b" },
	{ "domain: an empty label", SEARCH_DOMAIN, "u@a..b", "u@a..b a..b .b" },
	{ "domain: no UTF-8 in a label", SEARCH_DOMAIN, "\377.a.b", "a.b b" },
	{ "host: no UTF-8 in a label", SEARCH_HOST, "\377.a.b", "a.b b" },
	{ "exact: an empty label", SEARCH_EXACT, "u+x@a..b", "u+x@a..b" },
	{ "exact: no UTF-8 for a name", SEARCH_EXACT, "\377@d.test", NULL },

	{ "network: no address", SEARCH_NETWORK, "unknown", NULL },
	{ "network: a network", SEARCH_NETWORK, "192.0.2.0/24", NULL },
	{ "network: an address to a mail host", SEARCH_NETWORK, "u@[192.0.2.1]", NULL },

	{ "nothing", SEARCH_EXACT, "", NULL },
	{ "nothing as an address", SEARCH_ADDRESS, "", NULL },
	{ "nothing as a host", SEARCH_HOST, "", NULL },
	{ "nothing as a network", SEARCH_NETWORK, "", NULL },
	{ "no UTF-8", SEARCH_EXACT, "\377", NULL },
	{ "no UTF-8 for a name", SEARCH_REWRITE, "\377", NULL },
	{ "no UTF-8 for a transport", SEARCH_TRANSPORT, "u@\377", NULL },
	{ "no UTF-8 for an access", SEARCH_ACCESS, "\377@", NULL },
	{ "no UTF-8 for a host", SEARCH_HOST, "\377", NULL },
};

/* Ask with the address that KEY is, as the resolver does. */
static bool
ask(struct question *q, enum key_search search, struct slice key)
{
	struct address a;
	bool is_address = address_parse(&a, key);

	question_clear(q);
	return key_candidates(q, search, key, is_address ? &a : NULL, "+");
}

static void
print(struct sbuf *out, const struct question *q)
{
	if (q->domain.n > 0)
		sbuf_printf(out, "in %.*s:", (int)q->domain.n, q->domain.p);
	for (size_t i = 0; i < q->n; i++) {
		const struct candidate *c = &q->candidate[i];

		assert_true(c->row == ROW_ENTRY || c->row == ROW_LOCAL_ENTRY);
		sbuf_add_str(out, out->n > 0 ? " " : "");
		sbuf_add_str(out, c->bare ? "~" : "");
		sbuf_add_str(out, c->row == ROW_LOCAL_ENTRY ? ":" : "");
		sbuf_add_slice(out, c->key);
	}
}

static void
test_candidates(void **state)
{
	struct question q;
	struct sbuf out;

	(void)state;
	question_init(&q);
	sbuf_init(&out, 1 << 16);
	for (size_t i = 0; i < ROWS(candidates); i++) {
		const struct candidate_row *r = &candidates[i];
		bool any = ask(&q, r->search, slice_str(r->key));

		assert_false(q.text.failed);
		sbuf_clear(&out);
		print(&out, &q);
		if (any != (r->expected != NULL) ||
		    (any && strcmp(sbuf_cstr(&out), r->expected) != 0))
			fail_msg(
			    "%s: '%s' gave %s", r->name, r->key, any ? sbuf_cstr(&out) : "nothing");
	}
	sbuf_release(&out);
	question_release(&q);
}

/* Without memory for a part of the key the question says so: it is not asked without that part. */
static void
test_shortage(void **state)
{
	(void)state;
	if (!shortage_replaced)
		skip();
	for (size_t i = 0; i < ROWS(candidates); i++) {
		const struct candidate_row *r = &candidates[i];

		for (unsigned at = 1, more = 1; more; at++) {
			struct address a;
			bool is_address = address_parse(&a, slice_str(r->key));
			struct question q;
			struct sbuf out;

			question_init(&q);
			sbuf_init(&out, 1 << 16);
			shortage_begin(at, false);
			key_candidates(
			    &q, r->search, slice_str(r->key), is_address ? &a : NULL, "+");
			shortage_end();
			more = shortage.seen >= at;
			if (!q.text.failed) {
				print(&out, &q);
				assert_string_equal(
				    sbuf_cstr(&out), r->expected != NULL ? r->expected : "");
			}
			sbuf_release(&out);
			question_release(&q);
		}
	}
}

/* From the address itself to the whole of the net, each once. */
static void
check_networks(const char *key, size_t n, const char *first, const char *ninth, const char *last)
{
	struct question q;

	question_init(&q);
	assert_true(ask(&q, SEARCH_NETWORK, slice_str(key)));
	assert_false(q.text.failed);
	assert_int_equal(q.n, n);
	assert_true(slice_is(q.candidate[0].key, first));
	assert_true(slice_is(q.candidate[8].key, ninth));
	assert_true(slice_is(q.candidate[n - 1].key, last));
	question_release(&q);
}

static void
test_networks(void **state)
{
	(void)state;
	check_networks("192.0.2.255", 33, "192.0.2.255/32", "192.0.2.0/24", "0.0.0.0/0");
	check_networks("2001:DB8::ffff", 129, "2001:db8::ffff/128", "2001:db8::ff00/120", "::/0");
	check_networks(
	    "::ffff:192.0.2.255", 129, "::ffff:192.0.2.255/128", "::ffff:192.0.2.0/120", "::/0");
}

/* A network that was written is what one of the addresses in it asks for. */
static void
test_networks_meet(void **state)
{
	struct question q;
	struct error err;
	struct sbuf key;
	size_t hits = 0;

	(void)state;
	question_init(&q);
	sbuf_init(&key, 256);
	assert_int_equal(
	    key_check(&key, SEARCH_NETWORK, slice_str("2001:db8:f800::/37"), &err), FOUND);
	assert_true(ask(&q, SEARCH_NETWORK, slice_str("2001:db8:f8ff:1::9")));
	for (size_t i = 0; i < q.n; i++)
		hits += slice_eq(q.candidate[i].key, sbuf_slice(&key));
	assert_int_equal(hits, 1);
	assert_true(ask(&q, SEARCH_NETWORK, slice_str("2001:db8:f7ff:1::9")));
	for (size_t i = 0; i < q.n; i++)
		assert_false(slice_eq(q.candidate[i].key, sbuf_slice(&key)));
	sbuf_release(&key);
	question_release(&q);
}

/* --- limits -------------------------------------------------------------------------------------
 */

/* The longest address there is: a local part of LOCAL bytes, at a domain of 127 labels. */
static struct slice
longest(struct sbuf *out, size_t local, char unit)
{
	sbuf_clear(out);
	for (size_t i = 0; i < local; i++)
		sbuf_add_chr(out, i == local / 2 ? '+' : unit);
	sbuf_add_str(out, "@a");
	for (int i = 1; i < 127; i++)
		sbuf_add_str(out, ".b");
	assert_false(out->failed);
	return sbuf_slice(out);
}

static void
test_longest(void **state)
{
	static const struct {
		enum key_search search;
		size_t n;
	} rows[] = {
		{ SEARCH_EXACT, 1 },
		{ SEARCH_ADDRESS, 5 },
		{ SEARCH_REWRITE, 5 },
		{ SEARCH_DOMAIN, 127 },
		{ SEARCH_TRANSPORT, 129 },
		{ SEARCH_ACCESS, 131 },
	};
	struct question q;
	struct sbuf text;

	(void)state;
	question_init(&q);
	sbuf_init(&text, 1 << 14);
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_true(ask(&q, rows[i].search, longest(&text, ADDRESS_MAX, 'x')));
		assert_false(q.text.failed);
		assert_int_equal(q.n, rows[i].n);
		/* quotes and backslashes make it twice as long; no local domain has such a name */
		assert_true(ask(&q, rows[i].search, longest(&text, ADDRESS_MAX, '"')));
		assert_false(q.text.failed);
		assert_int_equal(q.n, rows[i].n == 5 ? 3 : rows[i].n);
	}
	sbuf_release(&text);
	question_release(&q);
}

/* More dots than a domain can have: no crash, and no more candidates than there is room for. */
static void
test_more_labels_than_a_domain(void **state)
{
	struct question q;
	struct sbuf text;

	(void)state;
	question_init(&q);
	sbuf_init(&text, 1 << 14);
	for (int i = 0; i < 999; i++)
		sbuf_add_str(&text, "b.");
	for (int search = 0; search < SEARCHES; search++) {
		bool any = ask(&q, (enum key_search)search, sbuf_slice(&text));

		assert_int_equal(any, search != SEARCH_NETWORK);
		assert_false(q.text.failed);
		assert_in_range(q.n, 0, QUESTION_CANDIDATES);
	}
	sbuf_release(&text);
	question_release(&q);
}

/* Too long for any row is one part of it only: the others are looked for. */
static void
test_longer_than_a_row(void **state)
{
	static const struct {
		const char *name;
		enum key_search search;
		const char *before, *behind; /* of 3000 bytes */
		const char *expected;
	} rows[] = {
		{ "access: a local part", SEARCH_ACCESS, "", "@a.Blocked.test",
		    "in a.blocked.test: a.blocked.test blocked.test test" },
		{ "access: an extension", SEARCH_ACCESS, "Spam+", "@d.test",
		    "in d.test: ~spam@d.test d.test test ~spam@" },
		{ "access: in quotes", SEARCH_ACCESS, "\"S m+", "\"@d.test",
		    "in d.test: ~\"s m\"@d.test d.test test ~\"s m\"@" },
		{ "access: never split", SEARCH_ACCESS, "+", "@d.test", "in d.test: d.test test" },
		{ "access: a label", SEARCH_ACCESS, "u@", ".d.test", "d.test test u@" },
		{ "address: a local part", SEARCH_ADDRESS, "", "@D.test", "in d.test: @d.test" },
		{ "address: an extension", SEARCH_REWRITE, "u+", "@d.test",
		    "in d.test: ~u@d.test ~:u @d.test" },
		{ "address: a label", SEARCH_ADDRESS, "u@", ".d.test", NULL },
		{ "transport: a local part", SEARCH_TRANSPORT, "", "@a.b", "in a.b: a.b .b" },
		{ "transport: a label", SEARCH_TRANSPORT, "u@", ".a.b", ".a.b .b" },
		{ "domain: a local part", SEARCH_DOMAIN, "", "@a.b", "a.b b" },
		{ "domain: a label", SEARCH_DOMAIN, "", ".a.b", "a.b b" },
		{ "host: a label", SEARCH_HOST, "", ".a.b", "a.b b" },
		{ "exact: a label", SEARCH_EXACT, "", ".a.b", NULL },
	};
	struct question q;
	struct sbuf key, out;

	(void)state;
	question_init(&q);
	sbuf_init(&key, 1 << 14);
	sbuf_init(&out, 1 << 16);
	for (size_t i = 0; i < ROWS(rows); i++) {
		sbuf_clear(&key);
		sbuf_clear(&out);
		sbuf_add_str(&key, rows[i].before);
		for (int n = 0; n < 1500; n++)
			sbuf_add_str(&key, "Xx");
		sbuf_add_str(&key, rows[i].behind);
		if (ask(&q, rows[i].search, sbuf_slice(&key)) != (rows[i].expected != NULL))
			fail_msg("%s: %zu candidates", rows[i].name, q.n);
		assert_false(q.text.failed);
		print(&out, &q);
		if (rows[i].expected != NULL && strcmp(sbuf_cstr(&out), rows[i].expected) != 0)
			fail_msg("%s: %s", rows[i].name, sbuf_cstr(&out));
	}
	sbuf_release(&key);
	sbuf_release(&out);
	question_release(&q);
}

/* However many labels stand in front, those that a domain may have are looked for. */
static void
test_behind_many_labels(void **state)
{
	struct question q;
	struct sbuf key;

	(void)state;
	question_init(&q);
	sbuf_init(&key, 1 << 14);
	sbuf_add_str(&key, "u+x@");
	for (int i = 0; i < 3000; i++)
		sbuf_add_str(&key, "a.");
	sbuf_add_str(&key, "blocked.test");
	assert_true(ask(&q, SEARCH_ACCESS, sbuf_slice(&key)));
	assert_false(q.text.failed);
	assert_true(slice_is(q.candidate[q.n - 4].key, "blocked.test"));
	assert_true(slice_is(q.candidate[q.n - 3].key, "test"));
	assert_true(slice_is(q.candidate[q.n - 2].key, "u+x@"));
	assert_true(slice_is(q.candidate[q.n - 1].key, "u@"));
	assert_true(ask(&q, SEARCH_TRANSPORT, sbuf_slice(&key)));
	assert_true(slice_is(q.candidate[q.n - 2].key, ".blocked.test"));
	assert_true(ask(&q, SEARCH_DOMAIN, slice_tail(sbuf_slice(&key), 4)));
	assert_true(slice_is(q.candidate[q.n - 2].key, "blocked.test"));
	sbuf_release(&key);
	question_release(&q);
}

/* Where there is no room for a candidate, the question says so: it must not be asked without it. */
static void
test_no_room(void **state)
{
	struct question q;

	(void)state;
	for (int search = 0; search < SEARCHES; search++) {
		question_init(&q);
		q.text.max = 100;
		assert_true(
		    key_candidates(&q, (enum key_search)search, slice_str("192.0.2.1"), NULL, ""));
		assert_true(q.text.failed);
		question_release(&q);
	}
}

static void
test_too_many_candidates(void **state)
{
	struct question q;

	(void)state;
	question_init(&q);
	for (int i = 0; i < QUESTION_CANDIDATES - 30; i++)
		assert_true(question_add_text(&q, ROW_ENTRY, slice_str("x"), false));
	key_candidates(&q, SEARCH_NETWORK, slice_str("192.0.2.1"), NULL, "");
	assert_true(q.text.failed);
	assert_int_equal(q.n, QUESTION_CANDIDATES);
	question_release(&q);
}

static void
test_names(void **state)
{
	enum key_search back;

	(void)state;
	for (int s = 0; s < SEARCHES; s++) {
		assert_true(
		    key_search_by_name(slice_str(key_search_name((enum key_search)s)), &back));
		assert_int_equal(back, s);
	}
	assert_false(key_search_by_name(slice_str("exac"), &back));
	assert_false(key_search_by_name(slice_str(""), &back));
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_fold_is_stable),
		cmocka_unit_test(test_fold_too_long),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_length),
		cmocka_unit_test(test_candidates),
		cmocka_unit_test(test_shortage),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_networks_meet),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_more_labels_than_a_domain),
		cmocka_unit_test(test_longer_than_a_row),
		cmocka_unit_test(test_behind_many_labels),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_too_many_candidates),
		cmocka_unit_test(test_names),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
