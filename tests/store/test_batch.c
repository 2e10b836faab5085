/* SPDX-License-Identifier: ISC
 *
 * Many changes in one transaction: a refused one leaves the rest, a failure leaves none, and a dry
 * run leaves no trace.
 */
#include "steps.h"
#include "store/record.h"

static enum outcome
domain_there(const char *path, const char *name)
{
	struct store *other = open_at(path, STORE_LOOKUP);
	struct error err = { "" };
	enum outcome o = ask(other, ROW_DOMAIN, "", name, &err);

	store_close(other);
	return o;
}

static void
test_refused_one_leaves_the_rest(void **state)
{
	struct fixture *f = *state;

	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	must(domain_add(f->s, "one.test", "relay", "", &f->err), &f->err, "one");
	assert_int_equal(domain_add(f->s, "one.test", "relay", "", &f->err), BAD);
	assert_int_equal(alias_remove(f->s, "none@example.com", "", &f->err), NONE);
	assert_int_equal(alias_add(f->s, "half@example.com", "half@example.com x", &f->err), BAD);
	must(domain_add(f->s, "two.test", "alias", "example.com", &f->err), &f->err, "two");
	assert_int_equal(domain_there(f->path, "one.test"), NONE);
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "one.test", &f->err), FOUND);
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	assert_int_equal(domain_there(f->path, "one.test"), FOUND);
	assert_int_equal(domain_there(f->path, "two.test"), FOUND);
	assert_int_equal(ask(f->s, ROW_ALIAS, "half", "example.com", &f->err), NONE);
}

static void
test_dry_run_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;

	dump(f->path, &before);
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	must(domain_add(f->s, "one.test", "relay", "", &f->err), &f->err, "one");
	must(store_domain_remove(f->s, S("other.test"), false, &f->err), &f->err, "other");
	must(store_batch_end(f->s, false, &f->err), &f->err, "end");
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	must(domain_add(f->s, "one.test", "relay", "", &f->err), &f->err, "for good");
	sbuf_release(&before);
	sbuf_release(&after);
}

/* The changes of one transaction name the first of them; those of two do not. */
static void
test_changes_belong_together(void **state)
{
	struct fixture *f = *state;
	int64_t id = last_change(f->path);
	struct sbuf out;
	char sql[128];

	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	must(domain_add(f->s, "one.test", "relay", "", &f->err), &f->err, "one");
	must(domain_add(f->s, "two.test", "relay", "", &f->err), &f->err, "two");
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	must(domain_add(f->s, "three.test", "relay", "", &f->err), &f->err, "three");
	must(store_domain_remove(f->s, S("other.test"), true, &f->err), &f->err, "stand-in");
	must(store_domain_remove(f->s, S("example.com"), true, &f->err), &f->err, "all of it");
	sbuf_init(&out, 1 << 10);
	snprintf(sql, sizeof sql,
	    "SELECT DISTINCT batch - %lld FROM change WHERE id > %lld ORDER BY 1", (long long)id,
	    (long long)id);
	raw_rows(f->path, &out, sql);
	assert_string_equal(sbuf_cstr(&out), "1\n3\n4\n5\n");
	sbuf_release(&out);
}

/* After a failure that is nobody's fault nothing more is done, and nothing is kept. */
static void
test_failure_ends_it(void **state)
{
	struct fixture *f = *state;
	struct sbuf before, after;

	dump(f->path, &before);
	/* a row that no program of ours writes, and none understands */
	spoil(f->path, "domain", "domain_kind",
	    "UPDATE domain SET kind = 'odd' WHERE name = 'relay.test'");
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	must(domain_add(f->s, "one.test", "relay", "", &f->err), &f->err, "one");
	assert_int_equal(store_mailbox_add(f->s, S("a@relay.test"), S(""), 0, &f->err), RETRY);
	assert_int_equal(domain_add(f->s, "two.test", "relay", "", &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "earlier change"));
	assert_int_equal(store_batch_end(f->s, true, &f->err), RETRY);
	raw(f->path, "UPDATE domain SET kind = 'relay' WHERE name = 'relay.test'");
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	must(domain_add(f->s, "one.test", "relay", "", &f->err), &f->err, "afterwards");
	sbuf_release(&before);
	sbuf_release(&after);
}

/* A store that another program is writing cannot be had, and the next try can. */
static void
test_locked(void **state)
{
	struct fixture *f = *state;
	struct other other = other_open(f->path);

	other_begin(&other);
	store_deadline(f->s, 50);
	assert_int_equal(store_batch_begin(f->s, &f->err), RETRY);
	other_exec(&other, "ROLLBACK");
	other_close(&other);
	store_deadline(f->s, 0);
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	must(store_batch_end(f->s, false, &f->err), &f->err, "end");
}

/* Readers see nothing of it until its end, and are not held up. */
static void
test_lookups_go_on(void **state)
{
	struct fixture *f = *state;
	struct store *reader = open_at(f->path, STORE_LOOKUP);
	char name[64];

	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "user%d@example.com", i);
		must(mailbox_add(f->s, name, "", &f->err), &f->err, name);
	}
	assert_int_equal(ask_mailbox(reader, "user7", "example.com"), NONE);
	assert_int_equal(ask_mailbox(reader, "harry", "example.com"), FOUND);
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	assert_int_equal(ask_mailbox(reader, "user7", "example.com"), FOUND);
	store_close(reader);
}

static enum record_change
put_alias(struct fixture *f, const char *prefix, int i)
{
	const struct slice target = S("harry@example.com");
	enum record_change did;
	char name[64];

	snprintf(name, sizeof name, "%s%04d@example.com", prefix, i);
	must(store_put(f->s,
		 &(struct record){ .kind = RECORD_ALIAS,
		     .name = S(name),
		     .said = RECORD_TARGETS,
		     .targets = &target,
		     .n_targets = 1 },
		 &did, &f->err),
	    &f->err, name);
	return did;
}

/* So many are there that a server's names are not worth asking for: who is there is known all the
 * same. */
static void
test_more_than_are_known(void **state)
{
	enum { MANY = 4300, NEW = 100 };
	struct fixture *f = *state;

	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	for (int i = 0; i < MANY; i++)
		put_alias(f, "many", i);
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
	must(store_batch_begin(f->s, &f->err), &f->err, "begin again");
	for (int i = 0; i < NEW; i++)
		assert_int_equal(put_alias(f, "fresh", i), RECORD_ADDED);
	for (int i = 0; i < MANY; i += MANY / 10 - 1)
		assert_int_equal(put_alias(f, "many", i), RECORD_SAME);
	must(store_batch_end(f->s, true, &f->err), &f->err, "end again");
}

static enum outcome
put_to(struct fixture *f, const char *name, const char *target)
{
	const struct slice to = S(target);
	enum record_change did;

	return store_put(f->s,
	    &(struct record){ .kind = RECORD_ALIAS,
		.name = S(name),
		.said = RECORD_TARGETS,
		.targets = &to,
		.n_targets = 1 },
	    &did, &f->err);
}

/* A batch that knows all names sees what goes in circles as well: also by way of an extension, and
 * where an alias stands before the mailbox that an address is. */
static void
test_circles_among_known(void **state)
{
	static const struct {
		const char *name, *target;
		enum outcome outcome;
	} rows[] = {
		{ "out@example.com", "friend@elsewhere.test", FOUND },
		{ "plain@example.com", "sally@example.com", FOUND },
		{ "one@example.com", "two@example.com", FOUND },
		{ "two@example.com", "one@example.com", BAD },
		{ "sally@example.com", "sally@example.com", FOUND },
		{ "loop@example.com", "back+x@example.com", FOUND },
		{ "back@example.com", "loop@example.com", BAD },
		{ "list@example.com", "ring@example.com", FOUND },
		{ "ring@example.com", "list+x@example.com", BAD },
		{ "@fwd.test", "@example.com", FOUND },
		{ "a@relay.test", "a@other.test", FOUND },
	};
	struct fixture *f = *state;

	must(mailbox_add(f->s, "list+x@example.com", "", &f->err), &f->err, "mailbox");
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	for (int i = 0; i < 200; i++)
		put_alias(f, "known", i);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum outcome o = put_to(f, rows[i].name, rows[i].target);

		if (o != rows[i].outcome)
			fail_msg("%s: %s, %s", rows[i].name, outcome_name(o), f->err.text);
	}
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
}

/* Where there is no mailbox at all, nobody is taken for one. */
static void
test_circles_without_mailboxes(void **state)
{
	struct fixture *f = *state;

	must(domain_add(f->s, "fwd.test", "alias", "", &f->err), &f->err, "domain");
	must(domain_add(f->s, "there.test", "alias", "", &f->err), &f->err, "domain");
	must(store_batch_begin(f->s, &f->err), &f->err, "begin");
	for (int i = 0; i < 200; i++) {
		char name[64], target[64];

		snprintf(name, sizeof name, "a%d@fwd.test", i);
		snprintf(target, sizeof target, "nobody%d@fwd.test", i);
		must(put_to(f, name, target), &f->err, name);
	}
	must(put_to(f, "@fwd.test", "any@there.test"), &f->err, "catch-all");
	assert_int_equal(put_to(f, "@there.test", "any@fwd.test"), BAD);
	must(store_batch_end(f->s, true, &f->err), &f->err, "end");
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_refused_one_leaves_the_rest),
		CASE(test_dry_run_leaves_no_trace),
		CASE(test_changes_belong_together),
		CASE(test_failure_ends_it),
		CASE(test_locked),
		CASE(test_lookups_go_on),
		CASE(test_more_than_are_known),
		CASE(test_circles_among_known),
		cmocka_unit_test_setup_teardown(
		    test_circles_without_mailboxes, empty_setup, teardown),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
