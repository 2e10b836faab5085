/* SPDX-License-Identifier: ISC
 *
 * Questions: the first candidate that exists wins; the maps over a real store; views and their
 * moments.
 */
#include "lookups.h"

#include "store/handle.h"

/* --- ranking ---------------------------------------------------------------------------------- */

#define NO_HIT (-1)

struct asked {
	enum row row;
	const char *local;
	const char *domain;
};

#define ALIAS(l, d)                                                                                \
	{                                                                                          \
		ROW_ALIAS, l, d                                                                    \
	}
#define BARE(l, d)                                                                                 \
	{                                                                                          \
		ROW_LOCAL_ALIAS, l, d                                                              \
	}
#define BOX(l, d)                                                                                  \
	{                                                                                          \
		ROW_MAILBOX, l, d                                                                  \
	}
#define DOM(d)                                                                                     \
	{                                                                                          \
		ROW_DOMAIN, "", d                                                                  \
	}

static const struct ranking {
	const char *name;
	struct asked asked[QUESTION_CANDIDATES];
	int rank;
	const char *targets;
	enum domain_kind kind;
	const char *target;
} rankings[] = {
	/* clang-format off */
	{ "nothing asked, nothing found", { { 0 } }, NO_HIT, "", 0, "" },
	{ "an alias, its targets in order and as spelled", { ALIAS("info", "example.com") }, 0,
	  "harry@example.com\nSally@else.test\n", 0, "" },
	{ "no such alias", { ALIAS("nobody", "example.com") }, NO_HIT, "", 0, "" },
	{ "a catch-all", { ALIAS("", "example.com") }, 0, "sally@example.com\n", 0, "" },
	{ "no catch-all", { ALIAS("", "fwd.test") }, NO_HIT, "", 0, "" },
	{ "a mailbox", { BOX("harry", "example.com") }, 0, "", 0, "" },
	{ "no mailbox", { BOX("info", "example.com") }, NO_HIT, "", 0, "" },
	{ "a mailbox domain", { DOM("example.com") }, 0, "", DOMAIN_MAILBOX, "" },
	{ "an alias domain", { DOM("fwd.test") }, 0, "", DOMAIN_ALIAS, "" },
	{ "a relay domain", { DOM("relay.test") }, 0, "", DOMAIN_RELAY, "" },
	{ "a local domain", { DOM("local.test") }, 0, "", DOMAIN_LOCAL, "" },
	{ "a domain that stands for another", { DOM("other.test") }, 0, "", DOMAIN_ALIAS, "example.com" },
	{ "no domain", { DOM("nowhere.test") }, NO_HIT, "", 0, "" },
	{ "a bare name in a local domain", { BARE("root", "local.test") }, 0, "sally+root@example.com\n", 0, "" },
	{ "a bare name in a mailbox domain", { BARE("root", "example.com") }, NO_HIT, "", 0, "" },
	{ "a bare name in a relay domain", { BARE("root", "relay.test") }, NO_HIT, "", 0, "" },
	{ "a bare name in an unknown domain", { BARE("root", "nowhere.test") }, NO_HIT, "", 0, "" },
	{ "no such bare name", { BARE("toor", "local.test") }, NO_HIT, "", 0, "" },
	{ "the first of two", { BOX("harry", "example.com"), ALIAS("harry", "example.com") }, 0, "", 0, "" },
	{ "the other way round", { ALIAS("harry", "example.com"), BOX("harry", "example.com") }, 0,
	  "harry@example.com\ncopy@else.test\n", 0, "" },
	{ "the second, as the first is not there", { ALIAS("sally", "example.com"), BOX("sally", "example.com") }, 1,
	  "", 0, "" },
	{ "a mailbox before the catch-all",
	  { ALIAS("sally", "example.com"), BOX("sally", "example.com"), ALIAS("", "example.com"), DOM("example.com") },
	  1, "", 0, "" },
	{ "the catch-all behind all others",
	  { ALIAS("x+y", "example.com"), ALIAS("x", "example.com"), BOX("x+y", "example.com"), BOX("x", "example.com"),
	    BARE("x+y", "example.com"), BARE("x", "example.com"), ALIAS("", "example.com"), DOM("example.com") },
	  6, "sally@example.com\n", 0, "" },
	{ "the domain, last of all",
	  { ALIAS("x+y", "other.test"), ALIAS("x", "other.test"), BOX("x+y", "other.test"), BOX("x", "other.test"),
	    BARE("x+y", "other.test"), BARE("x", "other.test"), ALIAS("", "other.test"), DOM("other.test") },
	  7, "", DOMAIN_ALIAS, "example.com" },
	{ "nothing of all",
	  { ALIAS("x+y", "n.test"), ALIAS("x", "n.test"), BOX("x+y", "n.test"), BOX("x", "n.test"),
	    BARE("x+y", "n.test"), BARE("x", "n.test"), ALIAS("", "n.test"), DOM("n.test") },
	  NO_HIT, "", 0, "" },
	{ "quotes that would end a text", { BOX("'; DROP TABLE mailbox; --", "example.com") }, NO_HIT, "", 0, "" },
	/* clang-format on */
};

static void
check_ranking(struct store *s, const struct ranking *r)
{
	struct question q;
	struct facts facts;
	struct error err = { "" };

	question_init(&q);
	facts_init(&facts);
	sbuf_add_str(&facts.targets, "left over from before\n");
	if (r->asked[0].domain != NULL)
		assert_true(question_set_domain(&q, S(r->asked[0].domain)));
	for (size_t i = 0; i < QUESTION_CANDIDATES && r->asked[i].domain != NULL; i++)
		add_candidate(&q, r->asked[i].row, r->asked[i].local, r->asked[i].domain);
	must(store_ask(s, &q, &facts, &err), &err, r->name);
	if (facts.hit != (r->rank != NO_HIT) || (facts.hit && (int)facts.rank != r->rank))
		fail_msg("'%s': hit %d, rank %zu", r->name, facts.hit, facts.rank);
	assert_string_equal(sbuf_cstr(&facts.targets), r->targets);
	assert_int_equal(facts.kind, r->kind);
	assert_string_equal(sbuf_cstr(&facts.domain.target), r->target);
	facts_release(&facts);
	question_release(&q);
}

static void
test_rankings(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);

	for (size_t i = 0; i < sizeof rankings / sizeof rankings[0]; i++)
		check_ranking(s, &rankings[i]);
	must(store_begin(s, &f->err), &f->err, "begin");
	for (size_t i = 0; i < sizeof rankings / sizeof rankings[0]; i++)
		check_ranking(s, &rankings[i]);
	store_end(s);
	store_close(s);
}

/* --- whole lookups ---------------------------------------------------------------------------- */

static const struct looked_up lookups[] = {
	{ "domains", "Example.COM", FOUND, "example.com" },
	{ "domains", "nowhere.test", NONE, "" },
	{ "alias-domains", "other.test", FOUND, "other.test" },
	{ "mailboxes", "harry+tag@example.com", FOUND, "harry@example.com" },
	{ "mailboxes", "nobody@example.com", NONE, "" },
	{ "aliases", "info@example.com", FOUND, "harry@example.com, Sally@else.test" },
	{ "aliases", "info+x@example.com", FOUND, "harry+x@example.com, Sally+x@else.test" },
	{ "aliases", "sally@example.com", NONE, "" },
	{ "aliases", "sally+tag@example.com", NONE, "" },
	{ "aliases", "anybody@example.com", FOUND, "sally@example.com" },
	{ "aliases", "harry@other.test", FOUND, "harry@example.com" },
	{ "aliases", "root@local.test", FOUND, "sally+root@example.com" },
	{ "aliases", "root@relay.test", NONE, "" },
	{ "senders", "info@example.com", FOUND, "harry@example.com" },
	{ "nosuchmap", "info@example.com", BAD, "no such map" },
};

static void
test_lookups(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);

	check_lookups(s, lookups, sizeof lookups / sizeof lookups[0]);
	store_close(s);
}

/* --- views ------------------------------------------------------------------------------------ */

static void
test_edit_is_seen_at_once(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);

	assert_int_equal(ask_mailbox(s, "tom", "example.com"), NONE);
	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "tom");
	assert_int_equal(ask_mailbox(s, "tom", "example.com"), FOUND);
	must(store_mailbox_remove(f->s, S("tom@example.com"), false, &f->err), &f->err, "no tom");
	assert_int_equal(ask_mailbox(s, "tom", "example.com"), NONE);
	store_close(s);
}

/* A view is of the moment of store_begin: neither of an earlier one nor of the first question in
 * it. */
static void
test_view_is_of_its_beginning(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);

	must(mailbox_add(f->s, "before@example.com", "", &f->err), &f->err, "before");
	must(store_begin(s, &f->err), &f->err, "begin");
	must(mailbox_add(f->s, "after@example.com", "", &f->err), &f->err, "after");
	assert_int_equal(ask_mailbox(s, "before", "example.com"), FOUND);
	assert_int_equal(ask_mailbox(s, "after", "example.com"), NONE);
	store_end(s);
	assert_int_equal(ask_mailbox(s, "after", "example.com"), FOUND);
	store_close(s);
}

static void
test_end_without_begin(void **state)
{
	struct fixture *f = *state;

	store_end(f->s);
	must(store_begin(f->s, &f->err), &f->err, "begin");
	store_end(f->s);
	store_end(f->s);
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), FOUND);
}

/* While a view is held, others write; the writer does not wait, and the log can be cut short again
 * afterwards. */
static void
test_view_does_not_stop_writers(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct sbuf out;

	must(store_begin(s, &f->err), &f->err, "begin");
	store_deadline(f->s, 1000);
	must(mailbox_add(f->s, "tom@example.com", "", &f->err), &f->err, "tom");
	store_end(s);
	store_close(s);
	sqlite_only();
	sbuf_init(&out, 1000);
	raw_rows(f->path, &out, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_string_equal(sbuf_cstr(&out), "0|0|0\n");
	sbuf_release(&out);
}

/* --- what should not be ----------------------------------------------------------------------- */

static void
test_alias_without_targets(void **state)
{
	struct fixture *f = *state;

	raw(f->path, "DELETE FROM alias_target WHERE address IN ('info@example.com', 'root')");
	assert_int_equal(ask(f->s, ROW_ALIAS, "info", "example.com", &f->err), RETRY);
	assert_int_equal(ask(f->s, ROW_LOCAL_ALIAS, "root", "local.test", &f->err), RETRY);
	assert_int_equal(ask(f->s, ROW_ALIAS, "", "example.com", &f->err), FOUND);
}

static void
check_targets(struct fixture *f, const char *address, const char *wanted)
{
	struct question q;
	struct facts facts;

	question_init(&q);
	facts_init(&facts);
	question_set_domain(&q, S("example.com"));
	question_add_text(&q, ROW_ALIAS, S(address), false);
	must(store_ask(f->s, &q, &facts, &f->err), &f->err, address);
	assert_string_equal(sbuf_cstr(&facts.targets), wanted);
	facts_release(&facts);
	question_release(&q);
}

/* What should never be NULL is, for somebody was at the schema: that is no row that is not there.
 */
static void
test_rows_without_a_text(void **state)
{
	struct fixture *f = *state;

	sqlite_only();
	raw(f->path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = "
		     "replace(sql, ' NOT NULL', '') WHERE name IN ('mailbox', 'alias_target')");
	raw(f->path, "PRAGMA ignore_check_constraints = ON;"
		     "UPDATE mailbox SET state = NULL WHERE address = 'sally@example.com';"
		     "UPDATE alias_target SET target = NULL "
		     "WHERE address = 'harry@example.com' AND position = 1");
	assert_int_equal(ask(f->s, ROW_MAILBOX, "sally", "example.com", &f->err), RETRY);
	assert_int_equal(ask(f->s, ROW_MAILBOX, "harry", "example.com", &f->err), FOUND);
	assert_int_equal(ask(f->s, ROW_MAILBOX, "info", "example.com", &f->err), NONE);
	check_targets(f, "harry@example.com", "\ncopy@else.test\n");
}

static void
test_domain_of_unknown_kind(void **state)
{
	struct fixture *f = *state;

	spoil(f->path, "domain", "domain_kind",
	    "UPDATE domain SET kind = 'virtual' WHERE name = 'fwd.test'");
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "fwd.test", &f->err), RETRY);
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "relay.test", &f->err), FOUND);
}

/* More targets than any answer can hold: no answer, not half of one. */
static void
test_too_many_targets_to_hold(void **state)
{
	struct fixture *f = *state;

	raw(f->path,
	    "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
	    "INSERT INTO alias_target SELECT 'root', i, printf('%0900d', i) || '@else.test', "
	    "printf('%0900d', i) || '@else.test', 'else.test' FROM n");
	assert_int_equal(ask(f->s, ROW_LOCAL_ALIAS, "root", "local.test", &f->err), RETRY);
}

/* --- statements that stand
 * ------------------------------------------------------------------------
 */

static void
step(struct db_stmt *st, enum outcome wanted, const char *text)
{
	struct error err;

	assert_int_equal(db_step(st, &err), wanted);
	if (wanted == FOUND)
		assert_true(slice_is(db_text(st, 0), text));
}

/* One is not begun anew for each key: what was not read of the last must not be taken for the
 * next's, and what there is no key for has no rows. */
static void
test_standing_statements(void **state)
{
	struct fixture *f = *state;
	struct db_stmt *targets, *mailbox;
	struct sbuf busy;

	sqlite_only();
	must(store_begin(f->s, &f->err), &f->err, "begin");
	targets = db_prepare(f->s->db, Q_ask_targets);
	mailbox = db_prepare(f->s->db, Q_ask_mailbox);
	for (int i = 0; i < 3; i++) {
		db_bind_text(targets, 1, S("info@example.com"));
		step(targets, FOUND, "harry@example.com");
		db_reset(targets);
		db_bind_text(targets, 1, S("nobody@example.com"));
		step(targets, NONE, NULL);
		step(targets, NONE, NULL);
		db_bind_text(mailbox, 1, S("sally@example.com"));
		step(mailbox, FOUND, "active");
		db_reset(mailbox);
		db_bind_text(mailbox, 1, S("info@example.com"));
		step(mailbox, NONE, NULL);
		db_bind_text(targets, 1, S("harry@example.com"));
		step(targets, FOUND, "harry@example.com");
		step(targets, FOUND, "copy@else.test");
		step(targets, NONE, NULL);
	}
	store_end(f->s);
	/* nothing is held any more */
	sbuf_init(&busy, 100);
	raw_rows(f->path, &busy, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_string_equal(sbuf_cstr(&busy), "0|0|0\n");
	sbuf_release(&busy);
}

/* However the rows were written. */
static void
test_targets_in_their_order(void **state)
{
	struct fixture *f = *state;

	raw(f->path,
	    "WITH RECURSIVE n (i) AS (SELECT 19 UNION ALL SELECT i - 3 FROM n WHERE i > 12) "
	    "INSERT INTO alias_target SELECT 'info@example.com', i, 't' || i || '@else.test', "
	    "'t' || i || '@else.test', 'else.test' FROM n");
	check_targets(f, "info@example.com",
	    "harry@example.com\nSally@else.test\n"
	    "t10@else.test\nt13@else.test\nt16@else.test\nt19@else.test\n");
}

/* --- people ----------------------------------------------------------------------------------- */

static void
test_account(void **state)
{
	struct fixture *f = *state;
	struct account a;
	struct sbuf hashes;

	account_init(&a);
	sbuf_init(&hashes, 4096);
	must(find_login(f->s, "harry@example.com", &a, &hashes, &f->err), &f->err, "harry");
	assert_string_equal(sbuf_cstr(&a.address), "harry@example.com");
	assert_string_equal(sbuf_cstr(&a.home), "");
	assert_string_equal(sbuf_cstr(&hashes), "{PLAIN}one\n");
	assert_true(a.password);
	assert_true(a.created > 0);

	must(find_login(f->s, "sally@example.com", &a, &hashes, &f->err), &f->err, "sally");
	assert_string_equal(sbuf_cstr(&hashes), "");
	assert_false(a.password);

	assert_int_equal(find_login(f->s, "no@example.com", &a, &hashes, &f->err), NONE);
	assert_int_equal(store_account(f->s, S("no@example.com"), &a, &f->err), NONE);
	assert_int_equal(store_account(f->s, S("info@example.com"), &a, &f->err), NONE);

	raw(f->path, "UPDATE mailbox SET home = '/h', quota = 7 WHERE address LIKE 'sally%';"
		     "INSERT INTO credential (mailbox, label, hash, created) VALUES ("
		     "'sally@example.com', 'phone', 'b', 1);"
		     "INSERT INTO credential (mailbox, label, hash, created) VALUES ("
		     "'sally@example.com', 'laptop', 'a', 1)");
	must(store_account(f->s, S("sally@example.com"), &a, &f->err), &f->err, "sally");
	assert_string_equal(sbuf_cstr(&a.home), "/h");
	assert_int_equal(a.quota, 7);
	assert_false(a.password); /* these are app passwords */
	must(find_login(f->s, "sally@example.com", &a, &hashes, &f->err), &f->err, "sally");
	assert_string_equal(sbuf_cstr(&hashes), "a\nb\n");
	account_release(&a);
	sbuf_release(&hashes);
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_rankings),
		CASE(test_lookups),
		CASE(test_edit_is_seen_at_once),
		CASE(test_view_is_of_its_beginning),
		CASE(test_end_without_begin),
		CASE(test_view_does_not_stop_writers),
		CASE(test_alias_without_targets),
		CASE(test_rows_without_a_text),
		CASE(test_domain_of_unknown_kind),
		CASE(test_too_many_targets_to_hold),
		CASE(test_standing_statements),
		CASE(test_targets_in_their_order),
		CASE(test_account),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
