/* SPDX-License-Identifier: ISC
 *
 * Who may write to closed lists, against a directory in memory; and the words of the protocol that
 * asks it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/bytes.h"
#include "../lib/memdir.h"
#include "mail/policy.h"
#include "wire/policy.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* --- who may write ------------------------------------------------------------------------------
 */

static const char directory[] = "domain d.test mailbox\n"
				"domain minus.test mailbox\n"
				"delimiters minus.test -\n"
				"domain old.test alias d.test\n"
				"domain relay.test relay\n"
				"domain xn--strae-oqa.test relay\n"
				"asked strasse.test xn--strae-oqa.test\n"
				"delimiters xn--strae-oqa.test -\n"
				"domain none.test mailbox\n"
				"delimiters none.test \n"
				"domain host.test local\n"
				"mailbox harry@d.test\n"
				"alias staff@d.test harry@d.test guest@partner.test crew@d.test\n"
				"closed staff@d.test\n"
				"alias crew@d.test sally@d.test Sailor@sea.test\n"
				"closed crew@d.test\n"
				"alias team@d.test harry@d.test friend@team.test\n"
				"alias nest@d.test team@d.test\n"
				"closed nest@d.test\n"
				"alias all@d.test staff@d.test crew@d.test\n"
				"alias door@d.test staff@d.test\n"
				"alias circle@d.test circle@d.test ring@d.test\n"
				"alias ring@d.test circle@d.test\n"
				"closed ring@d.test\n"
				"alias off@d.test guest@partner.test\n"
				"closed off@d.test\n"
				"disabled off@d.test\n"
				"alias tag@d.test one+two@partner.test\n"
				"closed tag@d.test\n"
				"alias l@minus.test guest@partner.test\n"
				"closed l@minus.test\n"
				"alias m@minus.test one-two@partner.test inner@minus.test\n"
				"closed m@minus.test\n"
				"alias inner@minus.test sea@partner.test\n"
				"alias l@none.test guest@partner.test\n"
				"closed l@none.test\n"
				"alias odd@d.test \"a,b\"@partner.test stra\303\237e@partner.test\n"
				"closed odd@d.test\n"
				"alias street@d.test u@xn--strae-oqa.test\n"
				"closed street@d.test\n"
				"alias board-*@d.test guest@partner.test\n"
				"closed board-*@d.test\n"
				"pattern board-@d.test board-*@d.test\n"
				"alias root guest@partner.test\n"
				"closed root\n"
				"alias lost@d.test staff@gone.test\n"
				"domain gone.test alias nowhere.test\n";

static const struct policy_row {
	const char *name;
	const char *sender;
	const char *recipient;
	enum outcome outcome;
} rows[] = {
	{ "an outsider", "foe@outside.test", "staff@d.test", FOUND },
	{ "nobody at all", "", "staff@d.test", FOUND },
	{ "one of ours", "anybody@d.test", "staff@d.test", NONE },
	{ "one of ours in another domain", "anybody@old.test", "staff@d.test", NONE },
	{ "whoever is relayed is none of ours", "anybody@relay.test", "staff@d.test", FOUND },
	{ "a member", "guest@partner.test", "staff@d.test", NONE },
	{ "a member in capitals, with a tag", "GUEST+x@Partner.test", "staff@d.test", NONE },
	{ "a neighbour of his", "other@partner.test", "staff@d.test", FOUND },
	{ "a member of a list that is a member", "sailor@sea.test", "staff@d.test", NONE },
	{ "but not the other way round", "guest@partner.test", "crew@d.test", FOUND },
	{ "a member by an open alias inside", "friend@team.test", "nest@d.test", NONE },
	{ "which stays open itself", "foe@outside.test", "team@d.test", NONE },
	{ "written to with an extension", "guest@partner.test", "staff+x@d.test", NONE },
	{ "an outsider does so", "foe@outside.test", "Staff+x@D.test", FOUND },
	{ "by way of an alias", "foe@outside.test", "door@d.test", FOUND },
	{ "a member by way of an alias", "guest@partner.test", "door@d.test", NONE },
	{ "two lists behind an alias, member of both", "sailor@sea.test", "all@d.test", NONE },
	{ "member of one of them", "guest@partner.test", "all@d.test", FOUND },
	{ "by way of an alias domain", "foe@outside.test", "crew@old.test", FOUND },
	{ "a member by way of it", "Sailor@sea.test", "crew@old.test", NONE },
	{ "a list in a circle", "foe@outside.test", "circle@d.test", FOUND },
	{ "a list that is off is nobody", "foe@outside.test", "off@d.test", NONE },
	{ "a member with a tag, without it", "one@partner.test", "tag@d.test", NONE },
	{ "the delimiters of the list's domain", "guest@partner.test", "l-x@minus.test", NONE },
	{ "they are not the sender's", "guest-x@partner.test", "l@minus.test", FOUND },
	{ "who has the configured ones", "guest+x@partner.test", "l@minus.test", NONE },
	{ "both at once", "guest+y@partner.test", "l-x@minus.test", NONE },
	{ "a list without any", "guest+x@partner.test", "l@none.test", NONE },
	{ "a name that the list was written to with", "guest-x@partner.test", "l-x@minus.test",
	    FOUND },
	{ "a member with such a name", "one-two@partner.test", "m@minus.test", NONE },
	{ "of a list with an extension", "one-two@partner.test", "m-x@minus.test", NONE },
	{ "is not who has a part of it", "one@partner.test", "m@minus.test", FOUND },
	{ "nor with an extension", "one@partner.test", "m-x@minus.test", FOUND },
	{ "handed on twice", "sea@partner.test", "m-x@minus.test", NONE },
	{ "and no other for it", "sea-x@partner.test", "m-x@minus.test", FOUND },
	{ "handed on behind quotes", "\"A,b\"@partner.test", "odd+x@d.test", NONE },
	{ "behind what folds", "strasse@partner.test", "odd+\303\237@d.test", NONE },
	{ "a relay domain's own delimiters", "u-x@strasse.test", "street@d.test", NONE },
	{ "none but those", "u+x@strasse.test", "street@d.test", FOUND },
	{ "a member with a sharp s, as it is", "u@stra\303\237e.test", "street@d.test", NONE },
	{ "as Postfix folds it", "u@strasse.test", "street@d.test", NONE },
	{ "a pattern", "foe@outside.test", "board-1@d.test", FOUND },
	{ "a member of a pattern", "guest@partner.test", "board-1@d.test", NONE },
	{ "a bare name in a local domain", "foe@outside.test", "root@host.test", FOUND },
	{ "which is none elsewhere", "foe@outside.test", "root@d.test", NONE },
	{ "a mailbox", "foe@outside.test", "harry@d.test", NONE },
	{ "nobody we know", "foe@outside.test", "x@y.test", NONE },
	{ "no recipient: not at RCPT", "foe@outside.test", "", NONE },
	{ "neither", "", "", NONE },
	{ "no addresses", "postmaster", "<>", NONE },
	{ "bytes that are no UTF-8", "\377@d.test", "staff@d.test", FOUND },
	{ "an alias into what is missing", "foe@outside.test", "lost@d.test", RETRY },
};

static enum outcome
ask(struct memdir *d, const struct policy_row *r, unsigned *questions)
{
	struct lookup_rules rules = { "+", true, 1000 };
	struct policy p;
	struct lookup l;
	enum outcome o;

	lookup_init(&l);
	policy_init(&p);
	policy_start(&p, &l, &rules, slice_str(r->sender), slice_str(r->recipient));
	for (*questions = 0; p.asking; ++*questions) {
		memdir_resolve(d, &l);
		policy_tell(&p);
	}
	o = p.outcome;
	if ((p.action != NULL) != (o == FOUND || o == RETRY))
		fail_msg("%s: action %s", r->name, p.action != NULL ? p.action : "is none");
	policy_release(&p);
	lookup_release(&l);
	return o;
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct memdir d = { directory, 0 };
		unsigned questions;
		enum outcome o = ask(&d, &rows[i], &questions);

		if (o != rows[i].outcome)
			fail_msg("%s: %s", rows[i].name, outcome_name(o));
		if (questions > 16)
			fail_msg("%s: %u lookups", rows[i].name, questions);
	}
}

/* Whatever cannot be looked up, nobody is let in or turned away for it. */
static void
test_every_failure_is_retry(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (unsigned at = 1;; at++) {
			struct memdir d = { directory, at };
			unsigned questions;
			enum outcome o = ask(&d, &rows[i], &questions);

			if (d.fail_at > 0)
				break;
			if (o != RETRY)
				fail_msg("%s: failing question %u gave %s", rows[i].name, at,
				    outcome_name(o));
		}
	}
}

/* One of ours costs one question, and a mailbox two. */
static void
test_most_is_cheap(void **state)
{
	static const struct policy_row cheap[] = {
		{ "one of ours", "a@d.test", "staff@d.test", NONE },
		{ "to a mailbox", "foe@outside.test", "harry@d.test", NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cheap); i++) {
		struct memdir d = { directory, 0 };
		unsigned questions;

		assert_int_equal(ask(&d, &cheap[i], &questions), NONE);
		assert_int_equal(questions, i + 1);
	}
}

/* An alias that leads to one more with every step. */
static void
test_endless(void **state)
{
	struct memdir d = { "domain d.test mailbox\nalias g@d.test g+x@d.test\n", 0 };
	struct policy_row r = { "endless", "foe@outside.test", "g@d.test", RETRY };
	unsigned questions;

	(void)state;
	assert_int_not_equal(ask(&d, &r, &questions), FOUND);
	assert_in_range(questions, 1, POLICY_STEPS_MAX + 1);
}

/* However fast its lookups are, a question has no more time than that. */
static void
test_late(void **state)
{
	static const uint64_t limits[] = { 1, 250, 1000000 };
	const struct error err = { "too late" };
	struct memdir d = { directory, 0 };
	struct lookup_rules rules = { "+", true, 1000 };
	struct policy p;
	struct lookup l;

	(void)state;
	lookup_init(&l);
	policy_init(&p);
	assert_false(policy_is_late(&p, 5, 0));
	for (size_t i = 0; i < COUNT(limits); i++) {
		uint64_t now = 1000;

		policy_start(
		    &p, &l, &rules, slice_str("foe@outside.test"), slice_str("staff@d.test"));
		for (; p.asking; now += 100) {
			if (policy_is_late(&p, now, limits[i])) {
				assert_in_range(now, 1000 + limits[i], 1000 + limits[i] + 100);
				lookup_fail(&l, &err);
			} else {
				memdir_resolve(&d, &l);
			}
			policy_tell(&p);
		}
		assert_int_equal(p.outcome, limits[i] < 1000 ? RETRY : FOUND);
		if (limits[i] < 1000)
			assert_string_equal(p.action, err.text);
	}
	policy_release(&p);
	lookup_release(&l);
}

/* --- the words ----------------------------------------------------------------------------------
 */

#define ASK "request=smtpd_access_policy\n"

static const struct {
	const char *name;
	struct slice in;
	enum take take;
	const char *sender;
	const char *recipient;
} requests[] = {
	{ "as Postfix sends it",
	    BYTES(ASK "protocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=192.0.2.1\n"
		      "sender=a@b.test\nrecipient=c@d.test\nrecipient_count=0\n\n"),
	    TAKEN, "a@b.test", "c@d.test" },
	{ "in another order", BYTES("recipient=c@d.test\nsender=a@b.test\n" ASK "\n"), TAKEN,
	    "a@b.test", "c@d.test" },
	{ "the null sender", BYTES(ASK "sender=\nrecipient=c@d.test\n\n"), TAKEN, "", "c@d.test" },
	{ "no recipient", BYTES(ASK "sender=a@b.test\n\n"), TAKEN, "a@b.test", "" },
	{ "a = in a value", BYTES(ASK "sender=a=b@c.test\n\n"), TAKEN, "a=b@c.test", "" },
	{ "a name without a value", BYTES(ASK "x=\n\n"), TAKEN, "", "" },
	{ "twice", BYTES(ASK "sender=a@b.test\nsender=c@d.test\n\n"), TAKEN, "c@d.test", "" },
	{ "a name that only begins alike", BYTES(ASK "sender_x=a@b.test\n\n"), TAKEN, "", "" },
	{ "not yet all", BYTES(ASK "sender=a@b.test\n"), MORE, NULL, NULL },
	{ "nothing yet", BYTES(""), MORE, NULL, NULL },
	{ "an empty line alone", BYTES("\n"), MALFORMED, NULL, NULL },
	{ "another request", BYTES("request=other\nsender=a@b.test\n\n"), MALFORMED, NULL, NULL },
	{ "no request", BYTES("sender=a@b.test\n\n"), MALFORMED, NULL, NULL },
	{ "a line without =", BYTES(ASK "sender\n\n"), MALFORMED, NULL, NULL },
	{ "a NUL", BYTES(ASK "sender=a\0b\n\n"), TAKEN, NULL, "" },
};

static void
test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		struct slice in = bytes_copy(requests[i].in);
		struct policy_request r;
		size_t used = 0;

		if (policy_take(in, &r, &used) != requests[i].take)
			fail_msg("%s", requests[i].name);
		if (requests[i].take == TAKEN) {
			assert_int_equal(used, in.n);
			if (requests[i].sender != NULL && !slice_is(r.sender, requests[i].sender))
				fail_msg("%s: sender", requests[i].name);
			if (!slice_is(r.recipient, requests[i].recipient))
				fail_msg("%s: recipient", requests[i].name);
		}
		bytes_free(in);
	}
}

/* Of a whole request every beginning is not yet one; and what follows is left alone. */
static void
test_every_prefix(void **state)
{
	static const char text[] = ASK "sender=a@b.test\nrecipient=c@d.test\n\nrequest=";
	size_t whole = strlen(text) - strlen("request="), used;
	struct policy_request r;

	(void)state;
	for (size_t n = 0; n < whole; n++) {
		struct slice part = bytes_copy(slice_of(text, n));

		assert_int_equal(policy_take(part, &r, &used), MORE);
		bytes_free(part);
	}
	assert_int_equal(policy_take(slice_str(text), &r, &used), TAKEN);
	assert_int_equal(used, whole);
}

static void
test_too_long(void **state)
{
	struct policy_request r;
	struct sbuf in;
	size_t used;

	(void)state;
	sbuf_init(&in, 1 << 20);
	sbuf_add_str(&in, ASK "sender=");
	while (in.n < POLICY_REQUEST_MAX - 1)
		sbuf_add_chr(&in, 'x');
	assert_int_equal(policy_take(sbuf_slice(&in), &r, &used), MORE);
	sbuf_add_str(&in, "\n\n");
	assert_int_equal(policy_take(sbuf_slice(&in), &r, &used), TOO_LONG);
	sbuf_release(&in);
}

static void
test_replies(void **state)
{
	static const struct {
		enum outcome outcome;
		const char *text;
		const char *out;
	} replies[] = {
		{ FOUND, "REJECT 5.7.1 no", "action=REJECT 5.7.1 no\n\n" },
		{ NONE, "ignored", "action=DUNNO\n\n" },
		{ RETRY, "", "action=DEFER_IF_PERMIT 4.3.0 try again later\n\n" },
		{ RETRY, "locked\nsender=x", "action=DEFER_IF_PERMIT 4.3.0 locked?sender=x\n\n" },
		{ BAD, "no policy request", "action=DEFER_IF_PERMIT 4.3.0 no policy request\n\n" },
	};
	struct sbuf out;

	(void)state;
	for (size_t i = 0; i < COUNT(replies); i++) {
		size_t full = strlen(replies[i].out);

		for (size_t room = 0; room <= full; room++) {
			sbuf_init(&out, room);
			assert_int_equal(
			    policy_put(&out, replies[i].outcome, slice_str(replies[i].text)),
			    room == full);
			assert_int_equal(out.n, room == full ? full : 0);
			if (room == full)
				assert_string_equal(sbuf_cstr(&out), replies[i].out);
			sbuf_release(&out);
		}
	}
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_failure_is_retry),
		cmocka_unit_test(test_most_is_cheap),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_replies),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
