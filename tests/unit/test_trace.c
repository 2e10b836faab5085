/* SPDX-License-Identifier: ISC
 *
 * What the resolver and the expansion tell of themselves, step by step, and that being listened to
 * changes no answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/memdir.h"
#include "mail/rules.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char directory[] = "domain d.test mailbox\n"
				"domain copy.test alias d.test\n"
				"domain p.test mailbox\n"
				"domain minus.test mailbox\n"
				"delimiters minus.test -\n"
				"domain host.test local\n"
				"mailbox ann@d.test active\n"
				"mailbox mute@d.test suspended\n"
				"alias info@d.test ann@d.test\n"
				"alias off@d.test ann@d.test\n"
				"disabled off@d.test\n"
				"alias past@d.test ann@d.test\n"
				"expires past@d.test 1000\n"
				"alias list@d.test ann@d.test\n"
				"closed list@d.test\n"
				"alias x@minus.test ann@d.test\n"
				"alias root ann@d.test\n"
				"alias s-*@p.test ann@d.test\n"
				"pattern s-@p.test s-*@p.test\n"
				"alias @p.test ann@d.test\n"
				"asked strasse.test xn--strae-oqa.test\n"
				"domain xn--strae-oqa.test mailbox\n"
				"mailbox u@xn--strae-oqa.test\n"
				"entry transports d.test smtp:two\n"
				"member friend@o.test\n";

static const struct {
	const char *map, *key, *told;
} rows[] = {
	{ "aliases", "info+x@d.test",
	    "miss alias info+x@d.test; hit alias info@d.test; targets; extension-kept +x; " },
	{ "aliases", "ann@d.test",
	    "miss alias ann@d.test; hit mailbox ann@d.test; mailbox-stays active; " },
	{ "aliases", "none@d.test",
	    "miss alias none@d.test; miss mailbox none@d.test; skip local alias none; "
	    "miss alias @d.test; nobody; " },
	{ "aliases", "off@d.test", "hit alias off@d.test; disabled; " },
	{ "aliases", "past@d.test", "hit alias past@d.test; expired; " },
	{ "aliases", "info@copy.test",
	    "miss alias info@copy.test; miss mailbox info@copy.test; skip local alias info; "
	    "miss alias @copy.test; stands-for d.test; hit alias info@d.test; "
	    "resolves-there d.test; " },
	{ "aliases", "root@host.test",
	    "miss alias root@host.test; miss mailbox root@host.test; hit local alias root; "
	    "targets; " },
	{ "aliases", "s-1@p.test",
	    "miss alias s-1@p.test; miss mailbox s-1@p.test; skip local alias s-1; "
	    "patterns-first; hit pattern s-*@p.test; hit alias s-*@p.test; targets; " },
	{ "aliases", "t@p.test",
	    "miss alias t@p.test; miss mailbox t@p.test; skip local alias t; patterns-first; "
	    "hit alias @p.test; targets; " },
	{ "aliases", "x-y@minus.test",
	    "miss alias x-y@minus.test; miss mailbox x-y@minus.test; skip local alias x-y; "
	    "miss alias @minus.test; own-delimiters -; miss alias x-y@minus.test; "
	    "hit alias x@minus.test; targets; extension-kept -y; " },
	{ "aliases", "a@", "malformed; " },
	{ "mailboxes", "mute@d.test", "hit mailbox mute@d.test; no-mail suspended; " },
	{ "mailboxes", "ann+x@d.test",
	    "miss mailbox ann+x@d.test; miss alias ann+x@d.test; hit mailbox ann@d.test; "
	    "mailbox active; " },
	{ "mailboxes", "u@strasse.test",
	    "miss mailbox u@strasse.test; renamed xn--strae-oqa.test; "
	    "hit mailbox u@xn--strae-oqa.test; mailbox active; " },
	{ "domains", "d.test", "our-domain mailbox; " },
	{ "domains", "copy.test", "other-kind alias; " },
	{ "domains", "x.test", "unknown-domain; " },
	{ "transports", "ann@d.test", "miss entry ann@d.test; hit entry d.test; entry; " },
	{ "recipient-access", "list@d.test",
	    "miss entry list@d.test; miss entry d.test; miss entry test; miss entry list@; "
	    "no-entry; hit alias list@d.test; closed-list; " },
	{ "members", "friend@o.test", "hit member friend@o.test; member; " },
	{ "members", "who@o.test", "miss member who@o.test; stranger; " },
	{ "senders", "info@d.test",
	    "miss entry info@d.test; skip local entry info; miss entry @d.test; "
	    "hit alias info@d.test; walks-on; miss mailbox info@d.test; miss alias ann@d.test; "
	    "hit mailbox ann@d.test; may-send ann@d.test; " },
};

static void
take_note(void *arg, const struct trace_note *note)
{
	struct sbuf *told = arg;

	if (note->kind == TRACE_RULE)
		sbuf_printf(told, "%s", trace_rule_code(note->rule));
	else
		sbuf_printf(told, "%s %s", trace_kind_name(note->kind), trace_row_name(note->row));
	if (note->subject.n > 0)
		sbuf_printf(told, " %.*s", (int)note->subject.n, note->subject.p);
	sbuf_add_str(told, "; ");
}

static void
test_told(void **state)
{
	struct lookup_rules rules = { "+", true, 1000 };
	struct memdir d = { directory, 0 };
	struct lookup alone, heard;
	struct sbuf told;

	(void)state;
	lookup_init(&alone);
	lookup_init(&heard);
	sbuf_init(&told, 1 << 16);
	heard.trace = (struct trace){ take_note, &told };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice map = slice_str(rows[i].map), key = slice_str(rows[i].key);

		sbuf_clear(&told);
		lookup_start(&alone, &rules, map, key);
		memdir_resolve(&d, &alone);
		lookup_start(&heard, &rules, map, key);
		memdir_resolve(&d, &heard);
		if (strcmp(rows[i].told, sbuf_cstr(&told)) != 0)
			fail_msg("%s %s: %s", rows[i].map, rows[i].key, sbuf_cstr(&told));
		assert_int_equal(alone.outcome, heard.outcome);
		assert_string_equal(sbuf_cstr(&alone.value), sbuf_cstr(&heard.value));
	}
	sbuf_release(&told);
	lookup_release(&heard);
	lookup_release(&alone);
}

static void
test_every_rule_has_words(void **state)
{
	(void)state;
	for (int r = 0; r < TRACE_RULES; r++) {
		assert_non_null(trace_rule_code((enum trace_rule)r));
		assert_non_null(trace_rule_text((enum trace_rule)r));
		for (int other = 0; other < r; other++)
			assert_string_not_equal(trace_rule_code((enum trace_rule)r),
			    trace_rule_code((enum trace_rule)other));
	}
}

/* --- expansions ------------------------------------------------------------------------------- */

static void
take_step(void *arg, const struct expand *x, enum expand_step step, struct slice to)
{
	static const char *const words[] = {
		[EXPAND_LEADS] = "leads",
		[EXPAND_ITSELF] = "itself",
		[EXPAND_STOPS] = "stops",
		[EXPAND_BACK] = "back",
		[EXPAND_DONE] = "done",
	};

	sbuf_printf(arg, "%.*s %s %.*s; ", (int)expand_address(x, x->at).n,
	    expand_address(x, x->at).p, words[step], (int)to.n, to.p);
}

static void
test_steps(void **state)
{
	static const struct {
		const char *directory, *told;
		enum expand_fault fault;
	} cases[] = {
		{ "alias a@d b@d c@o",
		    "a@d done a@d; a@d leads b@d; a@d leads c@o; b@d done b@d; "
		    "c@o done c@o; ",
		    EXPAND_FINE },
		{ "alias a@d a@d b@o",
		    "a@d done a@d; a@d itself a@d; a@d leads b@o; b@o done b@o; ", EXPAND_FINE },
		{ "alias a@d b@d a@d\nalias b@d a@d",
		    "a@d done a@d; a@d itself a@d; a@d leads b@d; b@d done b@d; b@d stops a@d; ",
		    EXPAND_FINE },
		{ "alias a@d b@d\nalias b@d a@d",
		    "a@d done a@d; a@d leads b@d; b@d done b@d; b@d back a@d; ", EXPAND_LOOP },
		{ "alias a@d a+x@d", NULL, EXPAND_GROWTH },
	};
	struct lookup_rules rules = { "+", true, 1000 };
	struct facts facts;
	struct error err;
	struct expand x;
	struct sbuf told;

	(void)state;
	facts_init(&facts);
	sbuf_init(&told, 1 << 22);
	expand_init(&x);
	x.tell = take_step;
	x.arg = &told;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct memdir d = { cases[i].directory, 0 };

		sbuf_clear(&told);
		expand_start(&x, &rules, slice_str("a@d"));
		while (x.asking) {
			assert_int_equal(memdir_ask(&d, &x.lookup.question, &facts, &err), FOUND);
			expand_tell(&x, &facts);
		}
		assert_int_equal(x.fault, cases[i].fault);
		if (cases[i].told != NULL)
			assert_string_equal(sbuf_cstr(&told), cases[i].told);
	}
	expand_release(&x);
	sbuf_release(&told);
	facts_release(&facts);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_every_rule_has_words),
		cmocka_unit_test(test_steps),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
