/* SPDX-License-Identifier: ISC
 *
 * Whole conversations on a lookup listener: what Postfix says, what it is told; cut at every byte.
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
#include "session/lookup_session.h"
#include "session/tally.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const char directory[] = "domain d.test mailbox\n"
				"mailbox user@d.test\n"
				"alias a@d.test b@o.test c@o.test\n"
				"alias void@d.test\n"
				"alias list@d.test m@o.test\n"
				"closed list@d.test\n";

#define POLICY(sender, recipient)                                                                  \
	"request=smtpd_access_policy\nsender=" sender "\nrecipient=" recipient "\n\n"
#define REJECTED "action=REJECT 5.7.1 only members may write to this list\n\n"

struct talk {
	const char *name;
	enum protocol protocol;
	const char *in;
	const char *out;
	bool closed;
};

static const struct talk talks[] = {
	{ "found", PROTOCOL_SOCKETMAP, "16:aliases a@d.test,", "21:OK b@o.test, c@o.test,", false },
	{ "not found", PROTOCOL_SOCKETMAP, "16:aliases x@d.test,", "9:NOTFOUND ,", false },
	{ "unknown map", PROTOCOL_SOCKETMAP, "13:aliaz x@d.test,", NULL, true },
	{ "unknown map, well framed", PROTOCOL_SOCKETMAP, "14:aliaz x@d.test,",
	    "16:PERM no such map,", false },
	{ "empty request", PROTOCOL_SOCKETMAP, "0:,", "16:PERM no such map,", false },
	{ "empty key", PROTOCOL_SOCKETMAP, "8:aliases ,", "9:NOTFOUND ,", false },
	{ "three in one go", PROTOCOL_SOCKETMAP,
	    "16:aliases a@d.test,14:domains d.test,21:mailboxes user@d.test,",
	    "21:OK b@o.test, c@o.test,9:OK d.test,14:OK user@d.test,", false },
	{ "an empty value is never sent", PROTOCOL_SOCKETMAP, "19:aliases void@d.test,",
	    "24:TEMP the result is empty,", false },
	{ "not a netstring", PROTOCOL_SOCKETMAP, "get x\n", "", true },
	{ "tcp: found", PROTOCOL_TCP, "get a@d.test\n", "200 b@o.test,%20c@o.test\n", false },
	{ "tcp: coded", PROTOCOL_TCP, "get a%40d.test\n", "200 b@o.test,%20c@o.test\n", false },
	{ "tcp: not found", PROTOCOL_TCP, "get x@d.test\n", NULL, false },
	{ "tcp: two", PROTOCOL_TCP, "get user@d.test\nget a@d.test\n", NULL, false },
	{ "policy: nothing against it", PROTOCOL_POLICY, POLICY("x@y.test", "user@d.test"),
	    "action=DUNNO\n\n", false },
	{ "policy: an outsider to a closed list", PROTOCOL_POLICY,
	    POLICY("x@y.test", "list@d.test"), REJECTED, false },
	{ "policy: three", PROTOCOL_POLICY,
	    POLICY("m@o.test", "list@d.test") POLICY("", "list@d.test")
		POLICY("u@d.test", "list@d.test"),
	    "action=DUNNO\n\n" REJECTED "action=DUNNO\n\n", false },
	{ "policy: no recipient", PROTOCOL_POLICY, POLICY("x@y.test", ""), "action=DUNNO\n\n",
	    false },
	{ "policy: another protocol", PROTOCOL_POLICY, "get x\n\n",
	    "action=DEFER_IF_PERMIT 4.3.0 no policy request\n\n", true },
	{ "tcp: nonsense", PROTOCOL_TCP, "bla\n", NULL, false },
};

/* Feed IN in pieces of PIECE bytes and gather the replies; true when the session closed. */
static bool
talk_counted(const struct talk *t, size_t piece, struct sbuf *out, unsigned fail_at,
    struct tally *tally, const struct lookup_ear *ear)
{
	struct lookup_rules rules = { "+", true, 1000 };
	struct memdir d = { directory, fail_at };
	struct lookup_session s;
	struct policy policy;
	struct lookup l;
	struct sbuf in;
	enum want want = WANT_INPUT;

	lookup_init(&l);
	sbuf_init(&in, 1 << 22);
	policy_init(&policy);
	lookup_session_init(&s, t->protocol, slice_str("aliases"), &rules, &policy);
	s.tally = tally;
	s.ear = ear;
	for (size_t at = 0; t->in[at] != '\0' && want != WANT_CLOSE;) {
		struct slice part = slice_head(slice_str(t->in + at), piece);
		struct slice view;

		sbuf_add_slice(&in, part);
		at += part.n;
		view = sbuf_slice(&in);
		while ((want = lookup_session_step(&s, &l, &view, out)) == WANT_FACTS)
			memdir_resolve(&d, &l);
		sbuf_drop(&in, in.n - view.n);
	}
	lookup_session_release(&s);
	policy_release(&policy);
	lookup_release(&l);
	sbuf_release(&in);
	return want == WANT_CLOSE;
}

static bool
talk(const struct talk *t, size_t piece, struct sbuf *out, unsigned fail_at)
{
	return talk_counted(t, piece, out, fail_at, NULL, NULL);
}

static void
test_talks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(talks); i++) {
		struct sbuf out;
		bool closed;

		sbuf_init(&out, 1 << 20);
		closed = talk(&talks[i], 1 << 20, &out, 0);
		if (closed != talks[i].closed ||
		    (talks[i].out != NULL && strcmp(sbuf_cstr(&out), talks[i].out) != 0))
			fail_msg("%s: got '%s'%s", talks[i].name, sbuf_cstr(&out),
			    closed ? ", closed" : "");
		sbuf_release(&out);
	}
}

static void
test_one_request(void **state)
{
	static const struct {
		enum protocol protocol;
		const char *in;
		bool one;
	} rows[] = {
		{ PROTOCOL_SOCKETMAP, "16:aliases a@d.test,", true },
		{ PROTOCOL_SOCKETMAP, "16:aliases a@d.test,1", false },
		{ PROTOCOL_SOCKETMAP, "16:aliases a@d.test,16:aliases a@d.test,", false },
		{ PROTOCOL_SOCKETMAP, "16:aliases a@d.test", false },
		{ PROTOCOL_SOCKETMAP, "x", false },
		{ PROTOCOL_TCP, "get a@d.test\n", true },
		{ PROTOCOL_TCP, "get a@d.test\nget", false },
		{ PROTOCOL_TCP, "get a@d", false },
		{ PROTOCOL_POLICY, POLICY("x@y.test", "user@d.test"), false },
	};
	struct lookup_session s;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		lookup_session_init(&s, rows[i].protocol, slice_str("aliases"), NULL, NULL);
		if (lookup_session_is_one(&s, slice_str(rows[i].in)) != rows[i].one)
			fail_msg("row %zu", i);
		lookup_session_release(&s);
	}
}

/* However the bytes are cut, the conversation is the same. */
static void
test_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(talks); i++) {
		struct sbuf whole, cut;

		sbuf_init(&whole, 1 << 20);
		talk(&talks[i], 1 << 20, &whole, 0);
		for (size_t piece = 1; piece < 40; piece++) {
			sbuf_init(&cut, 1 << 20);
			talk(&talks[i], piece, &cut, 0);
			if (!slice_eq(sbuf_slice(&whole), sbuf_slice(&cut)))
				fail_msg("%s: in pieces of %zu", talks[i].name, piece);
			sbuf_release(&cut);
		}
		sbuf_release(&whole);
	}
}

static void
test_store_trouble(void **state)
{
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 1 << 20);
	talk(&talks[0], 1 << 20, &out, 1);
	assert_non_null(strstr(sbuf_cstr(&out), "TEMP the directory is out of order"));
	sbuf_clear(&out);
	talk(&talks[9], 1 << 20, &out, 1);
	assert_int_equal(strncmp(sbuf_cstr(&out), "400 ", 4), 0);
	for (unsigned at = 1; at <= 3; at++) {
		struct talk t = { "policy", PROTOCOL_POLICY, POLICY("x@y.test", "list@d.test"),
			NULL, false };

		sbuf_clear(&out);
		talk(&t, 1 << 20, &out, at);
		assert_string_equal(
		    sbuf_cstr(&out), "action=DEFER_IF_PERMIT 4.3.0 try again later\n\n");
	}
	sbuf_release(&out);
}

/* A megabyte of key: no such row, and the next request is answered as if nothing had been. */
static void
test_long_request(void **state)
{
	static const struct {
		const char *name, *map, *reply;
	} rows[] = {
		{ "of a map", "aliases", "9:NOTFOUND ,21:OK b@o.test, c@o.test," },
		{ "of no map", "alien", "16:PERM no such map,21:OK b@o.test, c@o.test," },
		{ "without a blank", "aliasesaliases", NULL },
	};
	enum { LONG = 200000 }; /* twice what the protocol can carry */
	size_t pieces[] = { 1 << 22, 4096, 11 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t j = 0; j < COUNT(pieces); j++) {
			struct talk t = { rows[i].name, PROTOCOL_SOCKETMAP, NULL, NULL, false };
			struct sbuf in, out;

			sbuf_init(&in, 1 << 22);
			sbuf_init(&out, 1 << 20);
			sbuf_printf(&in, "%zu:%s ", strlen(rows[i].map) + 1 + LONG, rows[i].map);
			for (int n = 0; n < LONG; n++)
				sbuf_add_chr(&in, 'x');
			sbuf_add_str(&in, ",16:aliases a@d.test,");
			t.in = sbuf_cstr(&in);
			assert_false(talk(&t, pieces[j], &out, 0));
			if (rows[i].reply != NULL)
				assert_string_equal(sbuf_cstr(&out), rows[i].reply);
			sbuf_release(&in);
			sbuf_release(&out);
		}
	}
}

/* Every answer counts once, for the map that was asked and by what it was. */
static void
test_counted(void **state)
{
	static const struct {
		const char *name;
		enum protocol protocol;
		const char *in;
		size_t map;
		enum outcome outcome;
		uint64_t n;
		unsigned fail_at;
	} rows[] = {
		{ "found", PROTOCOL_SOCKETMAP, "16:aliases a@d.test,16:aliases a@d.test,", 5, FOUND,
		    2, 0 },
		{ "not found", PROTOCOL_SOCKETMAP, "16:aliases x@d.test,", 5, NONE, 1, 0 },
		{ "an empty key", PROTOCOL_SOCKETMAP, "8:aliases ,", 5, NONE, 1, 0 },
		{ "store trouble", PROTOCOL_SOCKETMAP, "14:domains d.test,", 0, RETRY, 1, 1 },
		{ "no such map", PROTOCOL_SOCKETMAP, "14:aliaz x@d.test,", TALLY_OTHER, BAD, 1, 0 },
		{ "tcp", PROTOCOL_TCP, "get a@d.test\n", 5, FOUND, 1, 0 },
		{ "tcp: nonsense", PROTOCOL_TCP, "bla\n", TALLY_OTHER, BAD, 1, 0 },
		{ "policy", PROTOCOL_POLICY, POLICY("x@y.test", "list@d.test"), TALLY_POLICY, FOUND,
		    1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct talk t = { rows[i].name, rows[i].protocol, rows[i].in, NULL, false };
		struct tally tally = { 0 };
		uint64_t all = 0;
		struct sbuf out;

		sbuf_init(&out, 1 << 20);
		talk_counted(&t, 1 << 20, &out, rows[i].fail_at, &tally, NULL);
		for (size_t j = 0; j < TALLY_MAPS; j++)
			for (size_t o = 0; o <= BAD; o++)
				all += counter_read(&tally.answered[j][o]);
		if (all != rows[i].n ||
		    counter_read(&tally.answered[rows[i].map][rows[i].outcome]) != rows[i].n)
			fail_msg("%s: %d counted", rows[i].name, (int)all);
		sbuf_release(&out);
	}
}

/* The table of maps has room among those that are counted. */
/* What an ear has heard, in one text. */
struct heard {
	struct lookup_ear ear; /* first: it is found by it */
	struct sbuf text;
};

static void
hear(const struct lookup_ear *ear, struct slice map, struct slice key, enum outcome o,
    struct slice text)
{
	struct heard *h = (struct heard *)ear;

	sbuf_add_slice(&h->text, map);
	sbuf_add_chr(&h->text, ' ');
	sbuf_add_slice(&h->text, key);
	sbuf_printf(&h->text, ": %s ", outcome_name(o));
	sbuf_add_slice(&h->text, text);
	sbuf_add_chr(&h->text, '\n');
}

/* Whoever listens hears of each lookup once, and of what is no request at all nothing. */
static void
test_heard(void **state)
{
	static const struct {
		struct talk talk;
		const char *heard;
	} rows[] = {
		{ { "two", PROTOCOL_SOCKETMAP, "16:aliases a@d.test,16:aliases X@d.test,", NULL,
		      false },
		    "aliases a@d.test: found b@o.test, c@o.test\naliases X@d.test: none \n" },
		{ { "no such map", PROTOCOL_SOCKETMAP, "6:a b c ,", NULL, false },
		    "a b c : bad no such map\n" },
		{ { "tcp", PROTOCOL_TCP, "nonsense\nget a%40d.test\n", NULL, false },
		    "aliases a@d.test: found b@o.test, c@o.test\n" },
		{ { "policy", PROTOCOL_POLICY,
		      POLICY("x@y.test", "list@d.test") POLICY("x@y.test", "a@d.test"), NULL,
		      false },
		    "policy list@d.test: found REJECT 5.7.1 only members may write to this list\n"
		    "policy a@d.test: none \n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t piece = 1; piece < 200; piece += 66) {
			struct heard h = { .ear = { hear } };
			struct sbuf out;

			sbuf_init(&h.text, 1 << 16);
			sbuf_init(&out, 1 << 16);
			talk_counted(&rows[i].talk, piece, &out, 0, NULL, &h.ear);
			if (strcmp(sbuf_cstr(&h.text), rows[i].heard) != 0)
				fail_msg("%s: %s", rows[i].talk.name, sbuf_cstr(&h.text));
			sbuf_release(&h.text);
			sbuf_release(&out);
		}
	}
}

static void
test_maps_have_numbers(void **state)
{
	size_t n = 0;

	(void)state;
	for (; map_at(n) != NULL; n++)
		assert_int_equal(map_number(map_at(n)), n);
	assert_in_range(n, 1, TALLY_POLICY);
	assert_int_equal(map_number(NULL), n);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_one_request),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_store_trouble),
		cmocka_unit_test(test_long_request),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_heard),
		cmocka_unit_test(test_maps_have_numbers),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
