/* SPDX-License-Identifier: ISC
 *
 * The resolver against a directory in memory: for every map, what each key gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/memdir.h"

static const char directory[] = "domain vd.test mailbox\n"
				"domain empty.test mailbox\n"
				"domain al.test alias\n"
				"domain copy.test alias vd.test\n"
				"domain lost.test alias gone.test\n"
				"domain over.test alias relay.test\n"
				"domain relay.test relay\n"
				"domain host.test local\n"
				"domain xn--mnchen-3ya.de mailbox\n"
				"mailbox user@vd.test\n"
				"mailbox ann@vd.test\n"
				"mailbox bob@vd.test\n"
				"mailbox real+tag@vd.test\n"
				"mailbox catch@vd.test\n"
				"mailbox strasse@vd.test\n"
				"mailbox j\303\266rg@xn--mnchen-3ya.de\n"
				"alias sales@vd.test ann@vd.test bob@vd.test\n"
				"alias fwd+ext@vd.test exact@o.test\n"
				"alias fwd@vd.test Tgt@o.test b@o.test\n"
				"alias fix@vd.test tgt+fix@o.test\n"
				"alias move@vd.test @other.test\n"
				"alias user@vd.test user@vd.test away@o.test\n"
				"alias chain@vd.test sales@vd.test\n"
				"alias \"a,b\"@vd.test x@o.test\n"
				"alias q@vd.test \"a,b\"@o.test\n"
				"alias @vd.test catch@vd.test\n"
				"alias a@al.test ann@vd.test\n"
				"alias own@copy.test o@o.test\n"
				"alias root ann@vd.test\n"
				"alias full@host.test bob@vd.test\n"
				"alias @host.test catch@vd.test\n"
				"alias postmaster@vd.test ann@vd.test\n";

struct key_row {
	const char *name;
	const char *map;
	const char *key;
	enum outcome outcome;
	const char *value;
};

static const struct key_row plus[] = {
	{ "a mailbox domain", "domains", "VD.test", FOUND, "vd.test" },
	{ "with a trailing dot", "domains", "vd.test.", FOUND, "vd.test" },
	{ "an alias domain is none", "domains", "al.test", NONE, "" },
	{ "nor is one that stands for another", "domains", "copy.test", NONE, "" },
	{ "nor a relay domain", "domains", "relay.test", NONE, "" },
	{ "nor a parent", "domains", "test", NONE, "" },
	{ "nor an address", "domains", "user@vd.test", NONE, "" },
	{ "U-label", "domains", "m\303\274nchen.de", FOUND, "xn--mnchen-3ya.de" },
	{ "star", "domains", "*", NONE, "" },
	{ "an empty key", "domains", "", NONE, "" },
	{ "an alias domain", "alias-domains", "al.test", FOUND, "al.test" },
	{ "one that stands for another", "alias-domains", "copy.test", FOUND, "copy.test" },
	{ "a mailbox domain is none", "alias-domains", "vd.test", NONE, "" },

	{ "a mailbox", "mailboxes", "User@VD.test", FOUND, "user@vd.test" },
	{ "a mailbox with extension", "mailboxes", "user+e@vd.test", FOUND, "user@vd.test" },
	{ "a mailbox whose name has a plus", "mailboxes", "real+tag@vd.test", FOUND,
	  "real+tag@vd.test" },
	{ "but not what would be its base", "mailboxes", "real@vd.test", NONE, "" },
	{ "an alias is none", "mailboxes", "sales@vd.test", NONE, "" },
	{ "a catch-all makes none", "mailboxes", "nobody@vd.test", NONE, "" },
	{ "bare mailbox domain, for the default of virtual_mailbox_domains", "mailboxes", "vd.test",
	  FOUND, "vd.test" },
	{ "bare alias domain", "mailboxes", "al.test", NONE, "" },
	{ "sharp s, as cleanup spells it", "mailboxes", "stra\303\237e@vd.test", FOUND,
	  "strasse@vd.test" },
	{ "umlauts in both parts", "mailboxes", "J\303\226RG@M\303\234NCHEN.de", FOUND,
	  "j\303\266rg@xn--mnchen-3ya.de" },

	{ "alias with two targets", "aliases", "sales@vd.test", FOUND, "ann@vd.test, bob@vd.test" },
	{ "extension goes to every target", "aliases", "Sales+X@vd.test", FOUND,
	  "ann+X@vd.test, bob+X@vd.test" },
	{ "exact hit wins and propagates nothing", "aliases", "fwd+ext@vd.test", FOUND,
	  "exact@o.test" },
	{ "spelling of targets is kept", "aliases", "fwd@vd.test", FOUND, "Tgt@o.test, b@o.test" },
	{ "extension behind an extension", "aliases", "fix+e@vd.test", FOUND, "tgt+fix+e@o.test" },
	{ "whole domain keeps the local part", "aliases", "move@vd.test", FOUND,
	  "move@other.test" },
	{ "whole domain and extension", "aliases", "Move+E@vd.test", FOUND, "Move+E@other.test" },
	{ "an address that keeps a copy", "aliases", "user@vd.test", FOUND,
	  "user@vd.test, away@o.test" },
	{ "quotes come back where needed", "aliases", "q+a b@vd.test", FOUND,
	  "\"a,b+a b\"@o.test" },
	{ "a mailbox is not for the catch-all", "aliases", "ann@vd.test", NONE, "" },
	{ "nor is a mailbox with extension", "aliases", "ann+x@vd.test", NONE, "" },
	{ "catch-all", "aliases", "nobody@vd.test", FOUND, "catch@vd.test" },
	{ "catch-all drops the extension", "aliases", "nobody+x@vd.test", FOUND, "catch@vd.test" },
	{ "catch-all for an empty local part", "aliases", "@vd.test", FOUND, "catch@vd.test" },
	{ "the same in quotes", "aliases", "\"\"@vd.test", FOUND, "catch@vd.test" },
	{ "catch-all for an odd local part", "aliases", "\"a b\"@vd.test", FOUND, "catch@vd.test" },
	{ "no catch-all here", "aliases", "nobody@empty.test", NONE, "" },
	{ "an unknown domain", "aliases", "x@nowhere.test", NONE, "" },
	{ "postmaster", "aliases", "postmaster@vd.test", FOUND, "ann@vd.test" },
	{ "bare alias domain, for the default of virtual_alias_domains", "aliases", "al.test",
	  FOUND, "al.test" },
	{ "bare mailbox domain", "aliases", "vd.test", NONE, "" },
	{ "bare name", "aliases", "user", NONE, "" },
	{ "null sender", "aliases", "<>", NONE, "" },
	{ "null sender in quotes", "aliases", "\"<>\"", NONE, "" },
	{ "null sender of canonical", "aliases", "\"\"", NONE, "" },
	{ "parent of tls policy", "aliases", ".vd.test", NONE, "" },
	{ "host and port", "aliases", "[vd.test]:25", NONE, "" },

	{ "alias domain: a mailbox there", "aliases", "ann@copy.test", FOUND, "ann@vd.test" },
	{ "alias domain: with extension", "aliases", "Ann+X@copy.test", FOUND, "Ann+X@vd.test" },
	{ "alias domain: an alias there", "aliases", "sales@copy.test", FOUND, "sales@vd.test" },
	{ "alias domain: the catch-all there", "aliases", "nobody@copy.test", FOUND,
	  "nobody@vd.test" },
	{ "alias domain: its own alias is more specific", "aliases", "own@copy.test", FOUND,
	  "o@o.test" },
	{ "alias domain: of a relay domain takes all", "aliases", "any@over.test", FOUND,
	  "any@relay.test" },
	{ "alias domain: of one that is gone: nobody knows", "aliases", "any@lost.test", RETRY,
	  NULL },

	{ "local domain: bare alias", "aliases", "Root@host.test", FOUND, "ann@vd.test" },
	{ "local domain: bare alias with extension", "aliases", "root+x@host.test", FOUND,
	  "ann+x@vd.test" },
	{ "local domain: whole address", "aliases", "full@host.test", FOUND, "bob@vd.test" },
	{ "local domain: catch-all", "aliases", "any@host.test", FOUND, "catch@vd.test" },
	{ "bare alias is for local domains only", "aliases", "root@empty.test", NONE, "" },
	{ "an @ in quotes never meets another's row", "aliases", "\"sales@vd.test\"@host.test",
	  FOUND, "catch@vd.test" },

	{ "sender: a mailbox", "senders", "ann@vd.test", FOUND, "ann@vd.test" },
	{ "sender: with extension", "senders", "Ann+x@vd.test", FOUND, "ann@vd.test" },
	{ "sender: everyone behind an alias", "senders", "sales@vd.test", FOUND,
	  "ann@vd.test, bob@vd.test" },
	{ "sender: through a chain", "senders", "chain@vd.test", FOUND,
	  "ann@vd.test, bob@vd.test" },
	{ "sender: mailbox and alias of one name", "senders", "user@vd.test", FOUND,
	  "user@vd.test" },
	{ "sender: catch-all", "senders", "nobody@vd.test", FOUND, "catch@vd.test" },
	{ "sender: alias domain", "senders", "ann@copy.test", FOUND, "ann@vd.test" },
	{ "sender: alias domain and catch-all", "senders", "any@copy.test", FOUND,
	  "catch@vd.test" },
	{ "sender: leads outside only", "senders", "fwd@vd.test", NONE, "" },
	{ "sender: nobody", "senders", "x@nowhere.test", NONE, "" },
	{ "sender: no address", "senders", "vd.test", NONE, "" },

	{ "unknown map", "aliasses", "user@vd.test", BAD, NULL },
	{ "no map", "", "user@vd.test", BAD, NULL },
};

static const struct key_row no_propagation[] = {
	{ "extension is dropped", "aliases", "sales+x@vd.test", FOUND, "ann@vd.test, bob@vd.test" },
	{ "whole domain loses it as well", "aliases", "move+e@vd.test", FOUND, "move@other.test" },
	{ "alias domain keeps it", "aliases", "ann+x@copy.test", FOUND, "ann+x@vd.test" },
};

static const struct key_row two_delimiters[] = {
	{ "the second delimiter", "aliases", "sales-x@vd.test", FOUND,
	  "ann-x@vd.test, bob-x@vd.test" },
	{ "the leftmost", "aliases", "sales-x+y@vd.test", FOUND,
	  "ann-x+y@vd.test, bob-x+y@vd.test" },
	{ "never split", "aliases", "sales-request@vd.test", FOUND, "catch@vd.test" },
};

static const struct key_row no_delimiter[] = {
	{ "nothing is stripped", "aliases", "sales+x@vd.test", FOUND, "catch@vd.test" },
	{ "nor for mailboxes", "mailboxes", "user+e@vd.test", NONE, "" },
};

static void
run(struct lookup *l, struct memdir *d, const struct lookup_rules *rules, const struct key_row *r)
{
	lookup_start(l, rules, map_by_name(slice_str(r->map)), slice_str(r->key));
	memdir_resolve(d, l);
}

static void
check(const struct key_row *rows, size_t n, const char *delimiters, bool propagate)
{
	struct lookup_rules rules = { delimiters, propagate };
	struct memdir d = { directory, 0 };
	struct lookup l;

	lookup_init(&l);
	for (size_t i = 0; i < n; i++) {
		const struct key_row *r = &rows[i];

		run(&l, &d, &rules, r);
		if (l.outcome != r->outcome ||
		    (r->value != NULL && strcmp(sbuf_cstr(&l.value), r->value) != 0))
			fail_msg("%s: %s '%s' gave %s '%s'", r->name, r->map, r->key,
				 outcome_name(l.outcome), sbuf_cstr(&l.value));
	}
	lookup_release(&l);
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
test_plus(void **state)
{
	(void)state;
	check(plus, COUNT(plus), "+", true);
}

static void
test_no_propagation(void **state)
{
	(void)state;
	check(no_propagation, COUNT(no_propagation), "+", false);
}

static void
test_two_delimiters(void **state)
{
	(void)state;
	check(two_delimiters, COUNT(two_delimiters), "+-", true);
}

static void
test_no_delimiter(void **state)
{
	(void)state;
	check(no_delimiter, COUNT(no_delimiter), "", true);
}

/* Whichever question fails, the answer is RETRY: never NONE, never half a list. */
static void
test_every_failure_is_retry(void **state)
{
	struct lookup_rules rules = { "+", true };
	struct lookup l;

	(void)state;
	lookup_init(&l);
	for (size_t i = 0; i < COUNT(plus); i++) {
		for (unsigned at = 1;; at++) {
			struct memdir d = { directory, at };

			run(&l, &d, &rules, &plus[i]);
			if (d.fail_at > 0)
				break;
			if (l.outcome != RETRY)
				fail_msg("%s: failing question %u gave %s", plus[i].name, at,
					 outcome_name(l.outcome));
		}
	}
	lookup_release(&l);
}

/* One step of an address is at most two questions: one round trip, and one more for alias domains.
 */
static void
test_questions_are_bounded(void **state)
{
	struct lookup_rules rules = { "+", true };
	struct memdir d = { directory, 0 };
	struct lookup l;

	(void)state;
	lookup_init(&l);
	for (size_t i = 0; i < COUNT(plus); i++) {
		run(&l, &d, &rules, &plus[i]);
		if (strcmp(plus[i].map, "senders") != 0)
			assert_in_range(l.steps, 0, 2);
	}
	lookup_release(&l);
}

/* A list of senders that goes round in circles ends. */
static void
test_sender_loops_end(void **state)
{
	struct lookup_rules rules = { "+", true };
	struct memdir d = { "domain d.test mailbox\nmailbox m@d.test\n"
			    "alias a@d.test b@d.test\nalias b@d.test a@d.test m@d.test\n"
			    "alias g@d.test g+x@d.test m@d.test\n",
			    0 };
	struct key_row loop = { "loop", "senders", "a@d.test", FOUND, "m@d.test" };
	struct key_row growth = { "growth", "senders", "g@d.test", RETRY, NULL };
	struct lookup l;

	(void)state;
	lookup_init(&l);
	run(&l, &d, &rules, &loop);
	assert_int_equal(l.outcome, FOUND);
	assert_string_equal(sbuf_cstr(&l.value), "m@d.test");
	run(&l, &d, &rules, &growth);
	assert_in_range(l.steps, 1, LOOKUP_STEPS_MAX + 1);
	lookup_release(&l);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plus),
		cmocka_unit_test(test_no_propagation),
		cmocka_unit_test(test_two_delimiters),
		cmocka_unit_test(test_no_delimiter),
		cmocka_unit_test(test_every_failure_is_retry),
		cmocka_unit_test(test_questions_are_bounded),
		cmocka_unit_test(test_sender_loops_end),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
