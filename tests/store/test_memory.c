/* SPDX-License-Identifier: ISC
 *
 * Every map, asked typical keys while memory runs out: at each allocation in turn, once or from
 * then on. The answer is the right one or "try again", and never that there is nothing. And a new
 * mailbox that was told to be made is there, and a transaction is taken back whole or not at all.
 *
 * The allocator is replaced for the whole program, libraries and engine included, which a sanitizer
 * does itself: in such a build there is nothing to run.
 */
#include "../lib/shortage.h"
#include "fixture.h"
#include "mail/maps.h"
#include "store/record.h"

#define JOERG "j\303\266rg"
#define SHARP "stra\303\237e.test"

/* --- what is asked ------------------------------------------------------------------------------
 */

/* For every map, and without any one that is the address of nobody. */
static const char *const keys[] = {
	"harry@example.com",
	"Harry+x@Example.COM",
	"info+x@example.com",
	"\"a b\"@example.com",
	"a b@example.com",
	"JO\314\210RG@example.com",
	JOERG "+x@example.com",
	"u@" SHARP,
	"u@strasse.test",
	"sales-" JOERG "@example.com",
	"any@example.com",
	"any@other.test",
	"nobody@closed.test",
	"root@local.test",
	"x@nowhere.test",
	"@example.com",
	"example.com",
	SHARP,
	"fwd.test",
	"local.test",
	"sub.relay.test",
	"192.0.2.1",
	"2001:db8::1",
	"<>",
	"*",
	"[mx.example.com]:25",
	JOERG,
	"harry",
};

struct entry {
	const char *map;
	const char *key;
	const char *value;
};

static const struct entry entries[] = {
	{ "senders", "shared@example.com", "harry@example.com" },
	{ "recipient-access", "any@", "REJECT" },
	{ "relay-recipients", "@example.com", "x" },
	{ "local-recipients", "harry", "x" },
	{ "transports", SHARP, "smtp:one" },
	{ "sender-bcc", "harry@example.com", "copy@else.test" },
	{ "recipient-bcc", JOERG "@example.com", "copy@else.test" },
	{ "relayhosts", "<>", "[h.example]" },
	{ "canonical", JOERG "@example.com", "new@else.test" },
	{ "sender-canonical", "@example.com", "@else.test" },
	{ "recipient-canonical", "harry@example.com", "new@else.test" },
	{ "generic", "harry@example.com", "new@else.test" },
	{ "relocated", "harry@example.com", "elsewhere" },
	{ "uids", "harry@example.com", "1000" },
	{ "gids", "harry@example.com", "1000" },
	{ "client-access", "192.0", "REJECT" },
	{ "helo-access", "relay.test", "REJECT" },
	{ "sender-access", "example.com", "REJECT" },
	{ "sasl-access", JOERG, "REJECT" },
	{ "tls-policy", "[mx.example.com]:25", "encrypt" },
	{ "nets", "192.0.2.0/24", "x" },
	{ "nets", "2001:db8::/32", "x" },
};

static int
memory_setup(void **state)
{
	struct error e = { "" };
	struct alias_settings closed = { .internal = true };
	struct fixture *f;
	struct store *s;

	if (full_setup(state) != 0)
		return -1;
	f = *state;
	s = f->s;
	must(domain_add(s, SHARP, "mailbox", "", &e), &e, "domain");
	must(domain_add(s, "closed.test", "mailbox", "", &e), &e, "domain");
	must(domain_add(s, "l.test", "alias", "", &e), &e, "domain");
	must(mailbox_add(s, "u@" SHARP, "", &e), &e, "mailbox");
	must(mailbox_add(s, JOERG "@example.com", "", &e), &e, "mailbox");
	must(mailbox_add(s, "\"a b\"@example.com", "", &e), &e, "mailbox");
	must(alias_add(s, "sales-*@example.com", "harry@example.com", &e), &e, "pattern");
	must(alias_add(s, "list@example.com", "harry@example.com", &e), &e, "list");
	must(store_alias_set(s, S("list@example.com"), &closed, &e), &e, "list");
	must(store_map_create(s, S("nets"), SEARCH_NETWORK, &e), &e, "map");
	for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
		must(store_entry_set(
			 s, S(entries[i].map), S(entries[i].key), S(entries[i].value), &e),
		    &e, entries[i].key);
	return 0;
}

/* --- asking -------------------------------------------------------------------------------------
 */

struct answer {
	enum outcome outcome;
	char value[256];
};

/* Look KEY up in MAP, with a lookup that has no memory yet. */
static struct answer
look_up(struct store *s, const char *map, const char *key)
{
	struct answer a;
	struct lookup l;

	lookup_init(&l);
	lookup_start(&l, &tester.rules, S(map), S(key));
	store_resolve(s, &l);
	a.outcome = l.outcome;
	snprintf(a.value, sizeof a.value, "%s", l.outcome == FOUND ? l.value.p : "");
	lookup_release(&l);
	return a;
}

/* Let each allocation fail in turn, until the lookup needs none of them. */
static unsigned
sweep(struct store *s, const char *map, const char *key, const struct answer *right, bool lasting)
{
	for (unsigned at = 1;; at++) {
		struct answer got;

		shortage_begin(at, lasting);
		got = look_up(s, map, key);
		shortage_end();
		if (got.outcome != RETRY &&
		    (got.outcome != right->outcome || strcmp(got.value, right->value) != 0))
			fail_msg("%s:%s without allocation %u%s: %s '%s', and not %s '%s'", map,
			    key, at, lasting ? " and those behind" : "", outcome_name(got.outcome),
			    got.value, outcome_name(right->outcome), right->value);
		if (shortage.seen < at)
			return at - 1;
	}
}

/* Afterwards, with memory again, the store is as good as before. */
static unsigned
check_key(struct store *s, const char *map, const char *key, bool *found)
{
	struct answer right = look_up(s, map, key), after;
	unsigned n;

	if (right.outcome == RETRY)
		fail_msg("%s:%s with all the memory: try again", map, key);
	*found |= right.outcome == FOUND;
	n = sweep(s, map, key, &right, false) + sweep(s, map, key, &right, true);
	after = look_up(s, map, key);
	if (after.outcome != right.outcome || strcmp(after.value, right.value) != 0)
		fail_msg("%s:%s afterwards: %s", map, key, outcome_name(after.outcome));
	return n;
}

static void
check_map(struct store *s, const char *map)
{
	unsigned allocations = 0;
	bool found = false;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		allocations += check_key(s, map, keys[i], &found);
	if (!found || allocations == 0)
		fail_msg("%s: a poor set of keys", map);
}

static void
test_every_map(void **state)
{
	struct fixture *f = *state;
	const struct map *map;

	if (!shortage_replaced)
		skip();
	for (size_t i = 0; (map = map_at(i)) != NULL; i++)
		check_map(f->s, map->name);
	check_map(f->s, "nets");
}

/* A store that was only just opened has statements to prepare as well. */
static void
test_first_question(void **state)
{
	static const char *const asked[][2] = {
		{ "mailboxes", "harry@example.com" },
		{ "aliases", "sales-1@example.com" },
		{ "aliases", "harry@other.test" },
		{ "domains", "strasse.test" },
		{ "senders", "info@example.com" },
		{ "transports", "x@" SHARP },
		{ "nets", "192.0.2.1" },
		{ "members", "harry@example.com" },
	};
	struct fixture *f = *state;

	if (!shortage_replaced)
		skip();
	for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
		struct answer right = look_up(f->s, asked[i][0], asked[i][1]);

		assert_int_equal(right.outcome, FOUND);
		for (unsigned at = 1;; at++) {
			struct store *s = open_at(f->path, STORE_LOOKUP);
			struct answer got;

			shortage_begin(at, at % 2 == 0);
			got = look_up(s, asked[i][0], asked[i][1]);
			shortage_end();
			store_close(s);
			if (got.outcome != RETRY &&
			    (got.outcome != FOUND || strcmp(got.value, right.value) != 0))
				fail_msg("%s:%s without allocation %u: %s", asked[i][0],
				    asked[i][1], at, outcome_name(got.outcome));
			if (shortage.seen < at)
				break;
		}
	}
}

/* SQLite ends a transaction when memory runs out. What is asked in the same view afterwards is not
 * answered by another moment: two steps of one lookup would not fit each other. */
static void
test_view_is_lost(void **state)
{
	struct fixture *f = *state;
	struct error e = { "" };
	struct store *s;

	if (!shortage_replaced)
		skip();
	for (unsigned at = 1;; at++) {
		struct answer got;

		must(store_entry_unset(f->s, S("uids"), S("harry@example.com"), &e), &e, "delete");
		s = open_at(f->path, STORE_LOOKUP);
		store_keep_views(s);
		must(store_begin(s, &e), &e, "begin");
		shortage_begin(at, false);
		look_up(s, "uids", "harry@example.com");
		shortage_end();
		must(store_entry_set(f->s, S("uids"), S("harry@example.com"), S("1"), &e), &e,
		    "set");
		got = look_up(s, "uids", "harry@example.com");
		store_end(s);
		store_close(s);
		if (got.outcome == FOUND)
			fail_msg("without allocation %u: a change is seen in an older view", at);
		if (shortage.seen < at)
			break;
	}
}

static void
test_one_more(void **state)
{
	struct fixture *f = *state;
	struct error e = { "" };
	bool short_of_any = true;

	if (!shortage_replaced)
		skip();
	for (unsigned at = 1; short_of_any; at++) {
		struct store *s = open_at(f->path, STORE_ADMIN);
		struct record r = { .kind = RECORD_MAILBOX, .said = RECORD_QUOTA, .quota = 7 };
		enum record_change did;
		enum outcome o;
		char name[40];

		snprintf(name, sizeof name, "new%u@example.com", at);
		r.name = S(name);
		shortage_begin(at, at % 2 == 0);
		o = store_put(s, &r, &did, &e);
		shortage_end();
		short_of_any = shortage.seen >= at;
		store_close(s);
		if (o != RETRY && look_up(f->s, "mailboxes", name).outcome != o)
			fail_msg("without allocation %u: told to be made, and is not there", at);
	}
}

/* --- taking back --------------------------------------------------------------------------------
 */

/* As `vmailctl undo` does it. */
static enum outcome
undo_last(struct store *s, struct error *err)
{
	const struct undo_choice choice = { .n = 1 };
	struct ids ids = { .n = 0 };
	enum outcome o = store_batch_begin(s, err);
	bool ok;

	if (o != FOUND)
		return o;
	o = store_undoable(s, &choice, keep_id, &ids, err);
	for (size_t i = 0; o == FOUND && i < ids.n; i++)
		o = store_undo(s, ids.id[i], false, err);
	ok = store_batch_end(s, o == FOUND, o == FOUND ? err : NULL) == FOUND;
	return ok ? o : RETRY;
}

static int
undo_setup(void **state)
{
	struct error e = { "" };
	struct fixture *f;
	char command[400];

	if (full_setup(state) != 0)
		return -1;
	f = *state;
	must(store_batch_begin(f->s, &e), &e, "batch");
	must(alias_remove(f->s, "info@example.com", "Sally@Else.test", &e), &e, "alias");
	must(store_mailbox_quota(f->s, S("sally@example.com"), 1 << 30, &e), &e, "quota");
	must(store_batch_end(f->s, true, &e), &e, "batch");
	store_close(f->s);
	f->s = NULL;
	snprintf(command, sizeof command, "cp %s %s/base.db", f->path, f->dir);
	return system(command);
}

static void
put_base_back(struct fixture *f)
{
	char command[400];

	snprintf(command, sizeof command, "cp %s/base.db %s", f->dir, f->path);
	assert_int_equal(system(command), 0);
}

/* SQLite ends a transaction when memory runs out, even for a text that is read: nothing of it may
 * be done then, whatever comes behind. */
static void
test_undo(void **state)
{
	struct fixture *f = *state;
	struct error e = { "" };
	struct sbuf before, after, now;
	bool short_of_any = true;
	struct store *s;

	if (!shortage_replaced)
		skip();
	dump(f->path, &before);
	s = open_at(f->path, STORE_ADMIN);
	must(undo_last(s, &e), &e, "undo");
	store_close(s);
	dump(f->path, &after);
	put_base_back(f);
	for (unsigned at = 1; short_of_any; at++) {
		enum outcome o;

		s = open_at(f->path, STORE_ADMIN);
		shortage_begin(at, false);
		o = undo_last(s, &e);
		shortage_end();
		short_of_any = shortage.seen >= at;
		store_close(s);
		dump(f->path, &now);
		/* when it was done is no part of the difference */
		if ((o == FOUND && now.n != after.n) || o == NONE || o == BAD ||
		    (o == RETRY && !slice_eq(sbuf_slice(&now), sbuf_slice(&before))))
			fail_msg("without allocation %u: %s: %s, and what is there is not that", at,
			    outcome_name(o), e.text);
		if (o == FOUND)
			put_base_back(f);
		sbuf_release(&now);
	}
	sbuf_release(&before);
	sbuf_release(&after);
}

/* --- what an older release stored ---------------------------------------------------------------
 */

#define OLD_JOERG "jo\314\210rg"

static int
older_setup(void **state)
{
	struct fixture *f;
	char command[400];

	if (empty_setup(state) != 0)
		return -1;
	f = *state;
	raw(f->path,
	    "INSERT INTO domain (name, kind, created) VALUES ('d.test', 'mailbox', 1);"
	    "INSERT INTO mailbox (address, domain, created) VALUES ('" OLD_JOERG
	    "@d.test', 'd.test', 1);"
	    "INSERT INTO alias (address, domain, created) VALUES ('to@d.test', 'd.test', 1);"
	    "INSERT INTO alias_target VALUES ('to@d.test', 1, '" OLD_JOERG "@d.test', '" OLD_JOERG
	    "@d.test', 'd.test');");
	store_close(f->s);
	f->s = NULL;
	snprintf(command, sizeof command, "cp %s %s/base.db", f->path, f->dir);
	return system(command);
}

static void
ignore_line(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

/* Whoever is told that it is done has it: under the new name, and with its mail where it was. */
static void
test_refold(void **state)
{
	struct fixture *f = *state;
	struct error e = { "" };
	bool short_of_any = true;
	struct sbuf now;

	if (!shortage_replaced)
		skip();
	sbuf_init(&now, 4096);
	for (unsigned at = 1; short_of_any; at++) {
		struct store *s;
		enum outcome o;

		put_base_back(f);
		s = open_at(f->path, STORE_ADMIN);
		shortage_begin(at, false);
		o = store_refold(s, "/var/%d/%n", ignore_line, NULL, &e);
		shortage_end();
		short_of_any = shortage.seen >= at;
		if (o == RETRY)
			o = store_refold(s, "/var/%d/%n", ignore_line, NULL, &e);
		must(o, &e, "refold");
		store_close(s);
		sbuf_clear(&now);
		raw_rows(f->path, &now,
		    "SELECT address, home FROM mailbox UNION ALL SELECT address, folded FROM "
		    "alias_target");
		if (!slice_is(sbuf_slice(&now),
			JOERG "@d.test|/var/d.test/" OLD_JOERG "\nto@d.test|" JOERG "@d.test\n"))
			fail_msg("without allocation %u: %s", at, sbuf_cstr(&now));
	}
	sbuf_release(&now);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_map, memory_setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_question, memory_setup, teardown),
		cmocka_unit_test_setup_teardown(test_view_is_lost, memory_setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_more, memory_setup, teardown),
		cmocka_unit_test_setup_teardown(test_undo, undo_setup, teardown),
		cmocka_unit_test_setup_teardown(test_refold, older_setup, teardown),
	};

	if (!is_for_sqlite())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
