/* SPDX-License-Identifier: ISC
 *
 * Domains that Postfix asks for by another name, and rows of older releases that get the names
 * which are asked for now.
 */
#include "fixture.h"

#define JOERG     "j\303\266rg"
#define OLD_JOERG "jo\314\210rg"
#define SHARP     "stra\303\237e.test"

/* --- domains that are one to Postfix ------------------------------------------------------------
 */

static const struct {
	const char *name;
	const char *first;
	const char *second;
	enum outcome outcome;
} pairs[] = {
	{ "a sharp s, then two s", SHARP, "strasse.test", BAD },
	{ "two s, then a sharp s", "strasse.test", SHARP, BAD },
	{ "two s, then its A-label", "strasse.test", "xn--strae-oqa.test", BAD },
	{ "a final sigma, then any", "\317\211\317\202.test", "\317\211\317\203.test", BAD },
	{ "two that are asked for by a third", "ss\303\237.test", "\303\237ss.test", BAD },
	{ "below it is another", SHARP, "x.strasse.test", FOUND },
	{ "an umlaut is no two letters", "m\303\274nchen.test", "muenchen.test", FOUND },
};

static void
test_one_domain_to_postfix(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct error err = { "" };
		enum outcome o;

		must(domain_add(f->s, pairs[i].first, "relay", "", &err), &err, pairs[i].name);
		o = domain_add(f->s, pairs[i].second, "relay", "", &err);
		if (o != pairs[i].outcome)
			fail_msg("%s: %s, %s", pairs[i].name, outcome_name(o), err.text);
		if (o == BAD && strstr(err.text, "Postfix cannot tell") == NULL)
			fail_msg("%s: %s", pairs[i].name, err.text);
		must(store_domain_remove(f->s, S(pairs[i].first), true, &err), &err, "remove");
		if (o == FOUND)
			must(store_domain_remove(f->s, S(pairs[i].second), true, &err), &err,
			    "remove");
	}
}

/* --- answers ------------------------------------------------------------------------------------
 */

struct answer {
	const char *map;
	const char *key;
	enum outcome outcome;
	const char *value;
};

static void
check_answers(struct store *s, const struct answer *answers, size_t n)
{
	struct lookup l;

	lookup_init(&l);
	for (size_t i = 0; i < n; i++) {
		lookup_start(&l, &tester.rules, S(answers[i].map), S(answers[i].key));
		store_resolve(s, &l);
		if (l.outcome != answers[i].outcome ||
		    strcmp(sbuf_cstr(&l.value), answers[i].value) != 0)
			fail_msg("%s:%s is %s '%s'", answers[i].map, answers[i].key,
			    outcome_name(l.outcome), sbuf_cstr(&l.value));
	}
	lookup_release(&l);
}

static void
test_asked(void **state)
{
	static const struct answer answers[] = {
		{ "domains", "strasse.test", FOUND, "strasse.test" },
		{ "domains", SHARP, FOUND, "xn--strae-oqa.test" },
		{ "relay-domains", "x.fuss.test", FOUND, "fuss.test" },
		{ "mailboxes", "u+x@strasse.test", FOUND, "u@xn--strae-oqa.test" },
		{ "mailboxes", "U@" SHARP, FOUND, "u@xn--strae-oqa.test" },
		{ "mailboxes", "v@strasse.test", NONE, "" },
		{ "aliases", "sales-1@strasse.test", FOUND, "u@xn--strae-oqa.test" },
		{ "aliases", "u@old.test", FOUND, "u@xn--strae-oqa.test" },
		{ "aliases", "any@more.test", NONE, "" },
		{ "senders", "u@strasse.test", FOUND, "u@xn--strae-oqa.test" },
		{ "transports", "u@" SHARP, FOUND, "lmtp:one" },
	};
	struct fixture *f = *state;
	struct error e;

	must(domain_add(f->s, SHARP, "mailbox", "", &e), &e, "domain");
	must(domain_add(f->s, "fu\303\237.test", "relay", "", &e), &e, "domain");
	must(domain_add(f->s, "old.test", "alias", SHARP, &e), &e, "domain");
	must(mailbox_add(f->s, "u@" SHARP, "", &e), &e, "mailbox");
	must(alias_add(f->s, "sales-*@" SHARP, "u@" SHARP, &e), &e, "pattern");
	must(store_entry_set(f->s, S("transports"), S(SHARP), S("lmtp:one"), &e), &e, "entry");
	check_answers(f->s, answers, sizeof answers / sizeof answers[0]);
}

/* --- older releases -----------------------------------------------------------------------------
 */

static const char older[] =
    "INSERT INTO domain (name, kind, created) VALUES ('xn--strae-oqa.test', 'mailbox', 1), "
    "  ('xn--fu-hia.test', 'relay', 1), ('fuss.test', 'relay', 1), ('d.test', 'mailbox', 1), "
    "  ('xn--mnchen-3ya.test', 'mailbox', 1);"
    "INSERT INTO mailbox (address, domain, home, created) VALUES "
    "  ('" OLD_JOERG "@d.test', 'd.test', NULL, 1), "
    "  ('" OLD_JOERG "@xn--mnchen-3ya.test', 'xn--mnchen-3ya.test', '/own', 1), "
    "  ('" OLD_JOERG "@xn--strae-oqa.test', 'xn--strae-oqa.test', NULL, 1), "
    "  ('" JOERG "@xn--strae-oqa.test', 'xn--strae-oqa.test', NULL, 1), "
    "  ('a\303\237@d.test', 'd.test', NULL, 1), ('plain@d.test', 'd.test', NULL, 1);"
    "INSERT INTO credential (mailbox, label, hash, created) VALUES "
    "  ('" OLD_JOERG "@d.test', '', '{PLAIN}one', 1), ('" OLD_JOERG
    "@d.test', 'phone', '{PLAIN}two', 1);"
    "INSERT INTO login VALUES ('" OLD_JOERG "@d.test', '', '', 'imap', 1);"
    "INSERT INTO alias (address, domain, created, prefix) VALUES "
    "  ('gro\314\210*@d.test', 'd.test', 1, 'gro\314\210'), "
    "  ('to@d.test', 'd.test', 1, NULL);"
    "INSERT INTO alias_target VALUES "
    "  ('gro\314\210*@d.test', 1, 'plain@d.test', 'plain@d.test', 'd.test'), "
    "  ('to@d.test', 1, 'Jo\314\210rg@d.test', '" OLD_JOERG "@d.test', 'd.test'), "
    "  ('to@d.test', 2, 'J\303\266rg@d.test', '" JOERG "@d.test', 'd.test'), "
    "  ('to@d.test', 3, 'plain@d.test', 'plain@d.test', 'd.test');"
    "INSERT INTO map VALUES ('nets', 'network', 1);"
    "INSERT INTO entry VALUES ('transports', 'xn--strae-oqa.example', 'smtp:one', 1), "
    "  ('transports', '" OLD_JOERG "@d.test', 'smtp:two', 1), "
    "  ('transports', 'xn--fu-hia.example', 'smtp:old', 1), "
    "  ('transports', 'fuss.example', 'smtp:new', 1), "
    "  ('nets', '192.0.2.0/24', 'xn--', 1), "
    "  ('senders', 'plain@d.test', '" OLD_JOERG "@d.test', 1);";

static const char told[] =
    "'xn--fu-hia.test' stays as it is, where no mail finds it: 'Postfix "
    "cannot tell domain 'xn--fu-hia.test' from 'fuss.test', which is here: "
    "it asks for both as 'fuss.test'; there can be only one of them on one "
    "host'\n"
    "'xn--strae-oqa.test' is what Postfix asks for as 'strasse.test'\n"
    "'a\303\237@d.test' is now called 'ass@d.test'\n"
    "'" OLD_JOERG "@d.test' is now called '" JOERG "@d.test'\n"
    "'" OLD_JOERG "@xn--mnchen-3ya.test' is now called '" JOERG "@xn--mnchen-3ya.test'\n"
    "'" OLD_JOERG "@xn--strae-oqa.test' stays as it is, where no mail finds "
    "it: '...'\n"
    "'gro\314\210*@d.test' is now called 'gr\303\266*@d.test'\n"
    "'transports " OLD_JOERG "@d.test' is now called 'transports " JOERG "@d.test'\n"
    "'transports xn--fu-hia.example' stays as it is, where no mail finds it: "
    "'...'\n"
    "'transports xn--strae-oqa.example' is now called 'transports "
    "strasse.example'\n";

/* Each name that goes, each that comes, and what no image shows. */
static const char migrated[] =
    "domain migrate|xn--strae-oqa.test|1|1\n"
    "user migrate|a\303\237@d.test|1|0\nuser migrate|ass@d.test|0|1\n"
    "user migrate|" OLD_JOERG "@d.test|1|0\nuser migrate|" JOERG "@d.test|0|1\n"
    "user migrate|" OLD_JOERG "@xn--mnchen-3ya.test|1|0\n"
    "user migrate|" JOERG "@xn--mnchen-3ya.test|0|1\n"
    "alias migrate|gro\314\210*@d.test|1|0\nalias migrate|gr\303\266*@d.test|0|1\n"
    "map migrate|transports " OLD_JOERG "@d.test|1|0\n"
    "map migrate|transports " JOERG "@d.test|0|1\n"
    "map migrate|transports xn--strae-oqa.example|1|0\n"
    "map migrate|transports strasse.example|0|1\n"
    "alias migrate|to@d.test|1|1\n";

static void
take_line(void *arg, const char *text)
{
	const char *why = strstr(text, "finds it: 'the store");

	if (why != NULL) /* the engine's own words */
		sbuf_printf(arg, "%.*s...'\n", (int)(why - text) + 11, text);
	else
		sbuf_printf(arg, "%s\n", text);
}

static void
refold(struct store *s, const char *expected)
{
	struct error err = { "" };
	struct sbuf lines;

	sbuf_init(&lines, 1 << 16);
	must(store_refold(s, "/var/vmail/%d/%n", take_line, &lines, &err), &err, "refold");
	assert_string_equal(sbuf_cstr(&lines), expected);
	sbuf_release(&lines);
}

static void
check_rows(const char *path, const char *sql, const char *expected)
{
	struct sbuf rows;

	sbuf_init(&rows, 1 << 16);
	raw_rows(path, &rows, sql);
	assert_string_equal(sbuf_cstr(&rows), expected);
	sbuf_release(&rows);
}

static void
test_older(void **state)
{
	static const struct answer answers[] = {
		{ "domains", "strasse.test", FOUND, "strasse.test" },
		{ "relay-domains", "fuss.test", FOUND, "fuss.test" },
		{ "relay-domains", "xn--fu-hia.test", FOUND, "xn--fu-hia.test" },
		{ "mailboxes", JOERG "@d.test", FOUND, JOERG "@d.test" },
		{ "mailboxes", OLD_JOERG "@d.test", FOUND, JOERG "@d.test" },
		{ "aliases", "gr\303\266sse@d.test", FOUND, "plain@d.test" },
		{ "aliases", "gro\314\210sse@d.test", FOUND, "plain@d.test" },
		{ "transports", "x@" OLD_JOERG "strasse.example", NONE, "" },
		{ "transports", "x@strasse.example", FOUND, "smtp:one" },
		{ "transports", OLD_JOERG "@d.test", FOUND, "smtp:two" },
		{ "senders", "plain@d.test", FOUND, JOERG "@d.test, plain@d.test" },
	};
	struct fixture *f = *state;

	raw(f->path, older);
	refold(f->s, told);
	check_answers(f->s, answers, sizeof answers / sizeof answers[0]);
	check_rows(f->path, "SELECT mailbox, label, hash FROM credential ORDER BY label",
	    JOERG "@d.test||{PLAIN}one\n" JOERG "@d.test|phone|{PLAIN}two\n");
	check_rows(f->path, "SELECT mailbox FROM login", JOERG "@d.test\n");
	/* where the mail is does not change */
	check_rows(f->path,
	    "SELECT address, home FROM mailbox WHERE home IS NOT NULL ORDER BY home",
	    JOERG "@xn--mnchen-3ya.test|/own\n"
		  "ass@d.test|/var/vmail/d.test/a\303\237\n" JOERG
		  "@d.test|/var/vmail/d.test/" OLD_JOERG "\n");
	/* of two targets that are one, one is left, and the next row keeps its place */
	check_rows(f->path,
	    "SELECT folded FROM alias_target WHERE address = 'to@d.test' ORDER BY position",
	    JOERG "@d.test\nplain@d.test\n");
	check_rows(f->path,
	    "SELECT what, subject, before IS NOT NULL, after IS NOT NULL FROM change WHERE what "
	    "LIKE '%migrate' ORDER BY id",
	    migrated);
	check_rows(f->path, "PRAGMA foreign_key_check", "");
}

/* The second time only what cannot be helped is told again. */
static void
test_twice(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;

	refold(f->s, "");
	raw(f->path,
	    "INSERT INTO domain (name, kind, created) VALUES ('xn--strae-oqa.test', 'mailbox', 1), "
	    "('d.test', 'mailbox', 1); "
	    "INSERT INTO mailbox (address, domain, created) VALUES ('" OLD_JOERG
	    "@d.test', 'd.test', 1);");
	refold(f->s, "'xn--strae-oqa.test' is what Postfix asks for as 'strasse.test'\n"
		     "'" OLD_JOERG "@d.test' is now called '" JOERG "@d.test'\n");
	dump(f->path, &before);
	refold(f->s, "");
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
}

/* A store that is copied and gets its names then: whoever catches up has them too. */
static void
test_caught_up(void **state)
{
	struct fixture *f = *state, *other = NULL;
	struct store_move m = { .from = f->path, .actor = &tester, .compare = true };
	struct store_moved moved;
	struct sbuf here, there;

	assert_int_equal(empty_setup((void **)&other), 0);
	m.to = other->path;
	raw(f->path, older);
	must(store_copy(f->path, other->path, NULL, &f->err), &f->err, "copy");
	refold(f->s, told);
	must(store_catch_up(&m, &moved, &f->err), &f->err, "catch up");
	raw(other->path, "DELETE FROM change WHERE what = 'store follow'");
	dump(f->path, &here);
	dump(other->path, &there);
	assert_string_equal(sbuf_cstr(&here), sbuf_cstr(&there));
	sbuf_release(&here);
	sbuf_release(&there);
	teardown((void **)&other);
}

static bool
take_id(void *arg, int64_t id)
{
	*(int64_t *)arg = id;
	return true;
}

/* There is nothing to go back to; what somebody did before is still his last change. */
static void
test_no_undo(void **state)
{
	const struct undo_choice last = { .n = 2 }; /* a value of senders is set as ever */
	struct fixture *f = *state;
	int64_t mine, id = 0;

	raw(f->path, older);
	must(domain_add(f->s, "mine.test", "relay", "", &f->err), &f->err, "mine");
	must(store_last_change(f->s, &mine, &f->err), &f->err, "last");
	refold(f->s, told);
	must(store_undoable(f->s, &last, take_id, &id, &f->err), &f->err, "undoable");
	assert_int_equal(id, mine);
	assert_int_equal(store_undo(f->s, mine + 1, true, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "none that can be undone"));
}

/* While the store moves nothing is renamed, nor marked. */
static void
test_closed(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after, lines;

	raw(f->path, older);
	raw(f->path, "INSERT INTO change (at, who, what, subject, after) VALUES (1, 'x', 'store "
		     "close', 'elsewhere', '{}')");
	dump(f->path, &before);
	sbuf_init(&lines, 1 << 16);
	assert_int_equal(store_refold(f->s, "/var/vmail/%d/%n", take_line, &lines, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "takes no changes"));
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
	sbuf_release(&lines);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_domain_to_postfix, empty_setup, teardown),
		cmocka_unit_test_setup_teardown(test_asked, empty_setup, teardown),
		cmocka_unit_test_setup_teardown(test_older, empty_setup, teardown),
		cmocka_unit_test_setup_teardown(test_twice, empty_setup, teardown),
		cmocka_unit_test_setup_teardown(test_caught_up, empty_setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_undo, empty_setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed, empty_setup, teardown),
	};

	if (!is_for_sqlite())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
