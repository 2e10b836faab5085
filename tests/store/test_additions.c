/* SPDX-License-Identifier: ISC
 *
 * New mailboxes, which are written many at a time, and new aliases: whatever happens between them,
 * the store, the log and every answer are as if each had been written at once; and the log's image
 * of each is that which the store itself would give.
 */
#include "steps.h"
#include "store/db.h"
#include "store/image.h"
#include "store/record.h"

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof text - 1                                                              \
	}

enum { MANY = 200 };

/* --- images ----------------------------------------------------------------------------------- */

static const char *const texts[] = {
#define Q(name, text) [Q_##name] = (text),
#include "schema/sqlite_queries.h"
#undef Q
};

static const struct record_credential some[] = {
	{ .label = NAME("zz"), .hash = NAME("{PLAIN}a\"b\\c"), .created = 5 },
	{ .hash = NAME("{PLAIN}one") },
	{ .label = NAME("Phone \"new\""),
	    .hash = NAME("{PLAIN}two"),
	    .networks = NAME("10.0.0.0/8") },
	{ .label = NAME("phone"),
	    .hash = NAME("{PLAIN}\\"),
	    .services = NAME("imap,smtp"),
	    .expires = 9999999999 },
};

static const struct {
	const char *name;
	struct record r;
} images[] = {
	{ "nothing said", { .name = NAME("a@example.com") } },
	{ "everything", { .name = NAME("b@example.com"),
			    .said = RECORD_ALL,
			    .created = 77,
			    .quota = 9223372036854775807,
			    .home = NAME("/srv/b \"x\" \\"),
			    .mail = NAME("mbox:~/\xc3\xa4"),
			    .uid = 4294967294,
			    .gid = 1,
			    .networks = NAME("10.0.0.0/8,2001:db8::/32"),
			    .state = STATE_SEND_ONLY,
			    .reason = NAME("it says \"no\" \\ \xe2\x82\xac"),
			    .credential = some,
			    .credentials = 4 } },
	{ "a gid alone", { .name = NAME("c@example.com"), .said = RECORD_IDS, .gid = 8 } },
	{ "a quoted name", { .name = NAME("\"d \\\" e\"@example.com"),
			       .said = RECORD_CREDENTIALS,
			       .credential = some,
			       .credentials = 1 } },
	{ "a name in UTF-8",
	    { .name = NAME("j\xc3\xbcrg@example.com"), .said = RECORD_QUOTA, .quota = 1 } },
};

enum { IMAGES = sizeof images / sizeof images[0] };

static void
put(struct fixture *f, const struct record *r, enum record_change expected)
{
	enum record_change did = RECORD_GONE;

	must(store_put(f->s, r, &did, &f->err), &f->err, r->name.p);
	assert_int_equal(did, expected);
}

static void
put_images(struct fixture *f)
{
	for (size_t i = 0; i < IMAGES; i++) {
		struct record r = images[i].r;

		r.kind = RECORD_MAILBOX;
		put(f, &r, RECORD_ADDED);
	}
}

static void
check_image(sqlite3 *sq, sqlite3_stmt *logged)
{
	const char *name = (const char *)sqlite3_column_text(logged, 0);
	sqlite3_stmt *st;

	assert_int_equal(sqlite3_prepare_v2(sq, texts[Q_mailbox_image], -1, &st, NULL), SQLITE_OK);
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	for (int i = 0; i < 2; i++) {
		const char *stored = (const char *)sqlite3_column_text(st, i);
		const char *made = (const char *)sqlite3_column_text(logged, i + 1);

		if (stored == NULL || made == NULL)
			assert_ptr_equal(stored, made);
		else
			assert_string_equal(made, stored);
	}
	sqlite3_finalize(st);
}

/* The images of all that was logged behind ID, against what is in the store. */
static void
check_images(const char *path, int64_t id, int expected)
{
	sqlite3 *sq = raw_open(path);
	sqlite3_stmt *st;
	int n = 0;

	assert_int_equal(
	    sqlite3_prepare_v2(sq,
		"SELECT subject, after, secret_after FROM change WHERE id > ?1 ORDER BY id", -1,
		&st, NULL),
	    SQLITE_OK);
	sqlite3_bind_int64(st, 1, id);
	for (; sqlite3_step(st) == SQLITE_ROW; n++)
		check_image(sq, st);
	sqlite3_finalize(st);
	sqlite3_close(sq);
	assert_int_equal(n, expected);
}

static void
test_images_by_themselves(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	sqlite_only(); /* it is asked behind its back */
	id = last_change(f->path);
	put_images(f);
	check_images(f->path, id, IMAGES);
}

static void
test_images_of_many(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	sqlite_only(); /* it is asked behind its back */
	id = last_change(f->path);
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	put_images(f);
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	check_images(f->path, id, IMAGES);
}

static const char *const texts_pg[] = {
#define Q(name, text) [Q_##name] = (text),
#define QC(name)
#include "schema/postgresql_queries.h"
#undef QC
#undef Q
};

static const struct slice targets[] = { NAME("harry@example.com"), NAME("Sally@Else.test"),
	NAME("\"a \\ b\"@else.test"), NAME("j\xc3\xbcrg@else.test") };

static const struct record aliases[] = {
	{ .name = NAME("one@example.com"),
	    .said = RECORD_TARGETS,
	    .targets = targets,
	    .n_targets = 1 },
	{ .name = NAME("all@example.com"),
	    .said = RECORD_ALL,
	    .created = 77,
	    .targets = targets,
	    .n_targets = 4,
	    .disabled = true,
	    .internal = true,
	    .expires = 9999999999,
	    .note = NAME("it says \"no\" \\ \xe2\x82\xac"),
	    .owner = NAME("sally") },
	{ .name = NAME("bare"), .said = RECORD_TARGETS, .targets = targets + 1, .n_targets = 1 },
};

/* What the store itself gives for an alias, and what was logged of it. */
static void
check_alias_image(const struct fixture *f, const char *name)
{
	const char *query = is_pg(f->path) ? texts_pg[Q_alias_image] : texts[Q_alias_image];
	const char *parameter = strstr(query, is_pg(f->path) ? "$1" : "?1");
	struct sbuf made, stored;
	char sql[1024];

	sbuf_init(&made, 4096);
	sbuf_init(&stored, 4096);
	snprintf(
	    sql, sizeof sql, "%.*s'%s'%s", (int)(parameter - query), query, name, parameter + 2);
	raw_rows(f->path, &stored, sql);
	snprintf(
	    sql, sizeof sql, "SELECT after, secret_after FROM change WHERE subject = '%s'", name);
	raw_rows(f->path, &made, sql);
	assert_true(made.n > 100);
	assert_string_equal(sbuf_cstr(&made), sbuf_cstr(&stored));
	sbuf_release(&made);
	sbuf_release(&stored);
}

static void
test_images_of_aliases(void **state)
{
	enum { ALIASES = sizeof aliases / sizeof aliases[0] };
	struct fixture *f = *state;

	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	for (size_t i = 0; i < ALIASES; i++) {
		struct record r = aliases[i];

		r.kind = RECORD_ALIAS;
		put(f, &r, RECORD_ADDED);
		put(f, &r, RECORD_SAME);
	}
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	for (size_t i = 0; i < ALIASES; i++)
		check_alias_image(f, aliases[i].name.p);
}

/* Of two spellings of one target there is one, in the store and in the log. */
static void
test_one_target_twice(void **state)
{
	static const struct slice twice[] = { NAME("Harry@example.com"), NAME("harry@example.com"),
		NAME("sally@example.com") };
	const struct record r = { .kind = RECORD_ALIAS,
		.name = NAME("twice@example.com"),
		.said = RECORD_TARGETS,
		.targets = twice,
		.n_targets = 3 };
	struct fixture *f = *state;

	put(f, &r, RECORD_ADDED);
	check_alias_image(f, "twice@example.com");
}

/* Every byte that a text can have, as SQLite quotes it. */
static void
test_image_text(void **state)
{
	sqlite3 *sq;
	sqlite3_stmt *st;
	char all[256];
	struct sbuf made;

	(void)state;
	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	assert_int_equal(sqlite3_open(":memory:", &sq), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(sq, "SELECT json_quote(?1)", -1, &st, NULL), SQLITE_OK);
	sqlite3_bind_text(st, 1, all, 255, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	sbuf_init(&made, 4096);
	image_text(&made, slice_of(all, 255));
	assert_string_equal(sbuf_cstr(&made), (const char *)sqlite3_column_text(st, 0));
	sbuf_release(&made);
	sqlite3_finalize(st);
	sqlite3_close(sq);
}

/* --- what happens between them ---------------------------------------------------------------- */

static struct record
mailbox(char *name, int i, int64_t quota)
{
	snprintf(name, 64, "user%04d@example.com", i);
	return (struct record){ .kind = RECORD_MAILBOX,
		.name = slice_str(name),
		.said = RECORD_QUOTA,
		.quota = quota };
}

static void
put_many(struct fixture *f, int from, int to)
{
	char name[64];

	for (int i = from; i < to; i++) {
		struct record r = mailbox(name, i, 1);

		put(f, &r, RECORD_ADDED);
	}
}

static void
expect_rows(struct fixture *f, const char *sql, const char *expected)
{
	struct sbuf out;

	sbuf_init(&out, 1 << 20);
	raw_rows(f->path, &out, sql);
	assert_string_equal(sbuf_cstr(&out), expected);
	sbuf_release(&out);
}

/* The same one again: as it is, changed, and not at all. */
static void
test_same_again(void **state)
{
	struct fixture *f = *state;
	char name[64];
	struct record r = mailbox(name, 3, 1);

	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	put_many(f, 0, 5);
	put(f, &r, RECORD_SAME);
	r = mailbox(name, 7, 1);
	put(f, &r, RECORD_ADDED);
	r.quota = 2;
	put(f, &r, RECORD_CHANGED);
	put(f, &r, RECORD_SAME);
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	expect_rows(f, "SELECT what, subject FROM change ORDER BY id DESC LIMIT 3",
	    "user quota|user0007@example.com\nuser add|user0007@example.com\n"
	    "user add|user0004@example.com\n");
}

/* Lines of the log stand in the order of the changes, and belong to one transaction. */
static void
test_order(void **state)
{
	struct fixture *f = *state;
	int64_t id = last_change(f->path);
	const struct record sally = { .kind = RECORD_MAILBOX,
		.name = NAME("sally@example.com"),
		.said = RECORD_QUOTA,
		.quota = 4 };
	char sql[200];

	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	put_many(f, 0, 1);
	must(domain_add(f->s, "new.test", "relay", "", &f->err), &f->err, "domain");
	put_many(f, 1, 2);
	must(
	    alias_add(f->s, "late@example.com", "user0001@example.com", &f->err), &f->err, "alias");
	must(store_mailbox_quota(f->s, S("harry@example.com"), 9, &f->err), &f->err, "quota");
	put_many(f, 2, 3);
	put(f, &sally, RECORD_CHANGED);
	put_many(f, 3, 4);
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	snprintf(sql, sizeof sql,
	    "SELECT what, subject, batch - %lld FROM change WHERE id > %lld ORDER BY id",
	    (long long)id, (long long)id);
	expect_rows(f, sql,
	    "user add|user0000@example.com|1\ndomain add|new.test|1\n"
	    "user add|user0001@example.com|1\nalias add|late@example.com|1\n"
	    "user quota|harry@example.com|1\nuser add|user0002@example.com|1\n"
	    "user quota|sally@example.com|1\nuser add|user0003@example.com|1\n");
}

static bool
count(void *arg, const struct account *row)
{
	(void)row;
	++*(int *)arg;
	return true;
}

/* Whoever asks in between is told of them. */
static void
test_seen_at_once(void **state)
{
	struct fixture *f = *state;
	struct store_counts counts;
	int n = 0;

	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	put_many(f, 0, 3);
	assert_int_equal(ask_mailbox(f->s, "user0002", "example.com"), FOUND);
	put_many(f, 3, 4);
	must(store_count(f->s, S("example.com"), &counts, &f->err), &f->err, "count");
	assert_int_equal(counts.mailboxes, 6);
	put_many(f, 4, 5);
	must(
	    store_accounts(f->s, S("example.com"), S("user"), count, &n, &f->err), &f->err, "list");
	assert_int_equal(n, 5);
	put_many(f, 5, 6);
	must(
	    store_mailbox_remove(f->s, S("user0005@example.com"), false, &f->err), &f->err, "gone");
	put_many(f, 5, 6);
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	assert_int_equal(ask_mailbox(f->s, "user0005", "example.com"), FOUND);
}

/* A domain that was fit for them when the first came may be so no more. */
static void
test_domain_changes_between(void **state)
{
	struct fixture *f = *state;
	struct record r = {
		.kind = RECORD_DOMAIN, .name = NAME("new.test"), .said = RECORD_DOMAIN_KIND
	};
	struct record in = { .kind = RECORD_MAILBOX, .name = NAME("a@new.test") };
	enum record_change did;

	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	put(f, &r, RECORD_ADDED);
	put(f, &in, RECORD_ADDED);
	must(store_mailbox_remove(f->s, in.name, false, &f->err), &f->err, "remove");
	r.domain_kind = DOMAIN_RELAY;
	put(f, &r, RECORD_CHANGED);
	assert_int_equal(store_put(f->s, &in, &did, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "kind relay"));
	must(store_domain_remove(f->s, r.name, false, &f->err), &f->err, "domain");
	assert_int_equal(store_put(f->s, &in, &did, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "not in the store"));
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
}

/* Many at a time, all of them, and a dry run leaves none. */
static void
test_many(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;
	int64_t id;

	sqlite_only(); /* it is asked behind its back */
	id = last_change(f->path);
	dump(f->path, &before);
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	put_many(f, 0, MANY);
	must(store_batch_end(f->s, false, &f->err), &f->err, "end");
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	put_many(f, 0, MANY);
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	expect_rows(f, "SELECT count(*) FROM mailbox WHERE address GLOB 'user*'", "200\n");
	check_images(f->path, id, MANY);
	sbuf_release(&before);
	sbuf_release(&after);
}

/* What the database refuses is nobody's row any more: nothing is kept, and that is told. */
static void
test_refused_late(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;

	raw(f->path, "CREATE UNIQUE INDEX planted ON mailbox (quota) WHERE quota > 0");
	dump(f->path, &before);
	for (int all = 0; all < 2; all++) {
		must(store_batch_begin(f->s, &f->err), &f->err, "begin");
		put_many(f, 0, 2);
		if (all == 0)
			assert_int_equal(ask_mailbox(f->s, "user0000", "example.com"), RETRY);
		assert_int_equal(store_batch_end(f->s, true, &f->err), RETRY);
		dump(f->path, &after);
		assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
		sbuf_release(&after);
	}
	sbuf_release(&before);
}

/* --- credentials that stay -------------------------------------------------------------------- */

static void
test_merge(void **state)
{
	static const struct record_credential first[] = { { .hash = NAME("{PLAIN}one") },
		{ .label = NAME("phone"), .hash = NAME("{PLAIN}app"), .services = NAME("imap") } };
	static const struct record_credential other[] = { { .hash = NAME("{PLAIN}other") } };
	static const char sql[] = "SELECT label, hash, services FROM credential WHERE mailbox = "
				  "'a@example.com' ORDER BY 1";
	struct fixture *f = *state;
	struct record r = { .kind = RECORD_MAILBOX,
		.name = NAME("a@example.com"),
		.said = RECORD_CREDENTIALS,
		.credential = first,
		.credentials = 2 };

	put(f, &r, RECORD_ADDED);
	r.credential = other;
	r.credentials = 1;
	r.merge = true;
	put(f, &r, RECORD_CHANGED);
	expect_rows(f, sql, "|{PLAIN}other|-\nphone|{PLAIN}app|imap\n");
	put(f, &r, RECORD_SAME);
	r.credentials = 0;
	put(f, &r, RECORD_SAME);
	r.merge = false;
	put(f, &r, RECORD_CHANGED);
	expect_rows(f, sql, "");
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_images_by_themselves),
		CASE(test_images_of_many),
		CASE(test_images_of_aliases),
		CASE(test_one_target_twice),
		cmocka_unit_test(test_image_text),
		CASE(test_same_again),
		CASE(test_order),
		CASE(test_seen_at_once),
		CASE(test_domain_changes_between),
		CASE(test_many),
		CASE(test_refused_late),
		CASE(test_merge),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
