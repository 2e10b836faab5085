/* SPDX-License-Identifier: ISC
 *
 * Taking changes back: whatever was done, all of it is as before, and to undo that makes it as it
 * was after; what was changed again since is refused.
 */
#include "steps.h"
#include "store/logins.h"
#include "store/record.h"

/* --- what can be done and undone ----------------------------------------------------------------
 */

static enum outcome
add_domain(struct store *s, struct error *err)
{
	return domain_add(s, "new.test", "relay", "", err);
}

static enum outcome
set_domain(struct store *s, struct error *err)
{
	static const struct domain_settings minus = { true, { "-", 1 }, 1, 0 };

	return store_domain_set(s, S("fwd.test"), &minus, err);
}

static enum outcome
remove_domain(struct store *s, struct error *err)
{
	return store_domain_remove(s, S("other.test"), false, err);
}

static enum outcome
remove_all(struct store *s, struct error *err)
{
	enum outcome o = store_domain_remove(s, S("other.test"), false, err);

	return o == FOUND ? store_domain_remove(s, S("example.com"), true, err) : o;
}

static enum outcome
add_user(struct store *s, struct error *err)
{
	return store_mailbox_add(s, S("tom@example.com"), S("{PLAIN}t"), 7, err);
}

static enum outcome
set_password(struct store *s, struct error *err)
{
	return store_mailbox_passwd(s, S("harry@example.com"), S("{PLAIN}two"), err);
}

static enum outcome
first_password(struct store *s, struct error *err)
{
	return store_mailbox_passwd(s, S("sally@example.com"), S("{PLAIN}two"), err);
}

static enum outcome
set_state(struct store *s, struct error *err)
{
	return store_mailbox_state(s, S("harry@example.com"), STATE_SUSPENDED, S("why"), err);
}

static enum outcome
set_quota(struct store *s, struct error *err)
{
	return store_mailbox_quota(s, S("harry@example.com"), 5, err);
}

static enum outcome
remove_user(struct store *s, struct error *err)
{
	return store_mailbox_remove(s, S("harry@example.com"), true, err);
}

/* With app passwords and all that a mailbox can have. */
static enum outcome
put_user(struct store *s, struct error *err)
{
	static const struct record_credential two[] = {
		{ .hash = { "{PLAIN}x", 8 } },
		{ .label = { "phone", 5 },
		    .hash = { "{PLAIN}y", 8 },
		    .services = { "imap", 4 },
		    .networks = { "10.0.0.0/8", 10 },
		    .expires = 99 },
	};
	struct record r = { .kind = RECORD_MAILBOX,
		.name = S("harry@example.com"),
		.said =
		    RECORD_CREDENTIALS | RECORD_HOME | RECORD_MAIL | RECORD_IDS | RECORD_NETWORKS,
		.credential = two,
		.credentials = 2,
		.home = S("/h"),
		.mail = S("maildir:m"),
		.uid = 3,
		.gid = 4,
		.networks = S("::/0") };
	enum record_change did;

	return store_put(s, &r, &did, err);
}

static enum outcome
add_app(struct store *s, struct error *err)
{
	const struct app_password_new p = { .label = S("phone"),
		.secret = S("bcdf-ghjk-mnpq-rstv-wxzb-cdfg"),
		.services = S("imap"),
		.expires = 4000000000 };

	return store_app_password_add(s, S("harry@example.com"), &p, err);
}

static enum outcome
set_places(struct store *s, struct error *err)
{
	const struct mailbox_settings settings = { .home = S("/h"), .uid = 7 };

	return store_mailbox_set(s, S("harry@example.com"), &settings, err);
}

static enum outcome
remove_rich_user(struct store *s, struct error *err)
{
	enum outcome o = put_user(s, err);

	return o == FOUND ? remove_user(s, err) : o;
}

static enum outcome
add_alias(struct store *s, struct error *err)
{
	return alias_add(s, "s*le@example.com", "harry@example.com X@else.test", err);
}

static enum outcome
more_targets(struct store *s, struct error *err)
{
	return alias_add(s, "info@example.com", "x@else.test", err);
}

static enum outcome
fewer_targets(struct store *s, struct error *err)
{
	return alias_remove(s, "info@example.com", "harry@example.com", err);
}

static enum outcome
set_alias(struct store *s, struct error *err)
{
	static const struct alias_settings all = { true, 99, true, { "n", 1 }, { "o", 1 }, 0 };

	return store_alias_set(s, S("info@example.com"), &all, err);
}

static enum outcome
remove_set_alias(struct store *s, struct error *err)
{
	enum outcome o = set_alias(s, err);

	return o == FOUND ? alias_remove(s, "info@example.com", "", err) : o;
}

static enum outcome
remove_bare_alias(struct store *s, struct error *err)
{
	return alias_remove(s, "root", "", err);
}

static enum outcome
make_map(struct store *s, struct error *err)
{
	enum outcome o = store_map_create(s, S("mine"), SEARCH_NETWORK, err);

	return o == FOUND ? store_entry_set(s, S("mine"), S("10.0.0.0/8"), S("REJECT"), err) : o;
}

static enum outcome
remove_map(struct store *s, struct error *err)
{
	enum outcome o = make_map(s, err);

	return o == FOUND ? store_map_remove(s, S("mine"), err) : o;
}

static enum outcome
set_entry(struct store *s, struct error *err)
{
	enum outcome o = store_entry_set(s, S("sasl-access"), S("a b"), S("one"), err);

	return o == FOUND ? store_entry_set(s, S("sasl-access"), S("a b"), S("two"), err) : o;
}

static enum outcome
unset_entry(struct store *s, struct error *err)
{
	enum outcome o = set_entry(s, err);

	return o == FOUND ? store_entry_unset(s, S("sasl-access"), S("a b"), err) : o;
}

static const struct {
	const char *name;
	enum outcome (*act)(struct store *s, struct error *err);
	int64_t transactions;
} acts[] = {
	{ "a domain added", add_domain, 1 },
	{ "a domain set", set_domain, 1 },
	{ "a domain removed", remove_domain, 1 },
	{ "domains with all that is in them", remove_all, 2 },
	{ "a mailbox added", add_user, 1 },
	{ "a password set", set_password, 1 },
	{ "a first password", first_password, 1 },
	{ "a state", set_state, 1 },
	{ "a quota", set_quota, 1 },
	{ "an app password added", add_app, 1 },
	{ "where a mailbox lives", set_places, 1 },
	{ "a mailbox removed", remove_user, 1 },
	{ "everything of a mailbox", put_user, 1 },
	{ "a mailbox with everything removed", remove_rich_user, 2 },
	{ "an alias added", add_alias, 1 },
	{ "a target more", more_targets, 1 },
	{ "a target less", fewer_targets, 1 },
	{ "an alias set", set_alias, 1 },
	{ "an alias with settings removed", remove_set_alias, 2 },
	{ "a bare alias removed", remove_bare_alias, 1 },
	{ "a map and an entry", make_map, 2 },
	{ "a map removed", remove_map, 3 },
	{ "an entry set twice", set_entry, 2 },
	{ "an entry taken out", unset_entry, 3 },
};

/* --- helpers ------------------------------------------------------------------------------------
 */

static enum outcome
undo(struct fixture *f, const struct undo_choice *choice, bool force)
{
	struct ids ids = { .n = 0 };
	enum outcome o = store_undoable(f->s, choice, keep_id, &ids, &f->err);

	if (o != FOUND)
		return o;
	must(store_batch_begin(f->s, &f->err), &f->err, "batch");
	for (size_t i = 0; o == FOUND && i < ids.n; i++)
		o = store_undo(f->s, ids.id[i], force, &f->err);
	if (store_batch_end(f->s, o == FOUND, o == FOUND ? &f->err : NULL) != FOUND)
		return RETRY;
	return o;
}

static enum outcome
undo_last(struct fixture *f, int64_t n)
{
	const struct undo_choice choice = { .n = n };

	return undo(f, &choice, false);
}

static void
data_dump(const char *path, struct sbuf *out)
{
	static const char *const all[] = {
		"SELECT * FROM domain ORDER BY name",
		"SELECT * FROM mailbox ORDER BY address",
		"SELECT mailbox, label, hash, services, networks, expires, created FROM credential "
		"ORDER BY mailbox, label",
		"SELECT * FROM alias ORDER BY address",
		"SELECT address, target, folded, domain FROM alias_target ORDER BY address, "
		"position",
		"SELECT * FROM map ORDER BY name",
		"SELECT * FROM entry ORDER BY map, key",
	};

	sbuf_init(out, 1 << 20);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		raw_rows(path, out, all[i]);
}

/* Age everything, so that what comes back cannot be taken for what is made now. */
static void
age(const char *path)
{
	raw(path, "UPDATE domain SET created = 11; UPDATE mailbox SET created = 12;"
		  "UPDATE credential SET created = 13; UPDATE alias SET created = 14;");
}

/* --- there and back --------------------------------------------------------------------------- */

static void
there_and_back(struct fixture *f, size_t i)
{
	struct undo_choice again = { .n = 0 };
	struct sbuf before, after, now;

	age(f->path);
	data_dump(f->path, &before);
	must(acts[i].act(f->s, &f->err), &f->err, acts[i].name);
	data_dump(f->path, &after);
	/* what was made and removed again leaves things as they were */
	if (acts[i].transactions < 3)
		assert_string_not_equal(sbuf_cstr(&before), sbuf_cstr(&after));

	must(undo_last(f, acts[i].transactions), &f->err, "undo");
	data_dump(f->path, &now);
	assert_string_equal(sbuf_cstr(&now), sbuf_cstr(&before));
	sbuf_release(&now);

	must(store_last_change(f->s, &again.id, &f->err), &f->err, "the undoing");
	must(undo(f, &again, false), &f->err, "undo the undoing");
	data_dump(f->path, &now);
	assert_string_equal(sbuf_cstr(&now), sbuf_cstr(&after));
	sbuf_release(&now);

	must(undo_last(f, acts[i].transactions), &f->err, "undo it again");
	data_dump(f->path, &now);
	assert_string_equal(sbuf_cstr(&now), sbuf_cstr(&before));
	sbuf_release(&now);
	sbuf_release(&before);
	sbuf_release(&after);
}

static void
test_there_and_back(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
		void *state = NULL;

		print_message("# %s\n", acts[i].name);
		assert_int_equal(full_setup(&state), 0);
		there_and_back(state, i);
		teardown(&state);
	}
}

/* Step by step to nothing at all, and then there is nothing to undo. */
static void
test_all_the_way(void **state)
{
	const struct undo_choice all = { .n = 0 };
	struct fixture *f = *state;
	struct sbuf now;

	for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
		acts[i].act(f->s, &f->err);
	must(undo(f, &all, false), &f->err, "all");
	data_dump(f->path, &now);
	assert_string_equal(sbuf_cstr(&now), "");
	assert_int_equal(undo_last(f, 1), NONE);
	assert_non_null(strstr(f->err.text, "nothing to undo"));
	sbuf_release(&now);
}

/* --- what is refused -------------------------------------------------------------------------- */

static void
test_changed_since(void **state)
{
	struct fixture *f = *state;
	int64_t id;
	struct sbuf before, after;

	must(set_quota(f->s, &f->err), &f->err, "quota");
	must(store_last_change(f->s, &id, &f->err), &f->err, "id");
	must(set_password(f->s, &f->err), &f->err, "password");
	dump(f->path, &before);
	assert_int_equal(store_undo(f->s, id, false, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "changed again"));
	assert_non_null(strstr(f->err.text, "user passwd"));
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	must(store_undo(f->s, id, true, &f->err), &f->err, "with force");
	assert_int_equal(store_undo(f->s, id, true, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "undone already"));
	sbuf_release(&before);
	sbuf_release(&after);
}

/* What was changed and changed back is as the change left it. */
static void
test_changed_back(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	must(set_quota(f->s, &f->err), &f->err, "quota");
	must(store_last_change(f->s, &id, &f->err), &f->err, "id");
	must(store_mailbox_quota(f->s, S("harry@example.com"), 9, &f->err), &f->err, "nine");
	assert_int_equal(store_undo(f->s, id, false, &f->err), BAD);
	must(store_mailbox_quota(f->s, S("harry@example.com"), 5, &f->err), &f->err, "five");
	must(store_undo(f->s, id, false, &f->err), &f->err, "undo");
}

static void
test_leads_here(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	must(add_user(f->s, &f->err), &f->err, "tom");
	must(store_last_change(f->s, &id, &f->err), &f->err, "id");
	must(alias_add(f->s, "to@example.com", "tom@example.com", &f->err), &f->err, "to tom");
	assert_int_equal(store_undo(f->s, id, false, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "'to@example.com'"));
	must(undo_last(f, 2), &f->err, "both");
}

static void
test_none(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_undo(f->s, 4711, false, &f->err), NONE);
	assert_non_null(strstr(f->err.text, "4711"));
}

/* --- which ------------------------------------------------------------------------------------ */

static void
test_mine_alone(void **state)
{
	struct fixture *f = *state;
	struct store_actor other = tester;
	struct undo_choice mine = { .who = S("tester"), .n = 1 };

	other.who = "somebody";
	must(set_quota(f->s, &f->err), &f->err, "mine");
	store_act_as(f->s, &other);
	must(add_domain(f->s, &f->err), &f->err, "another's");
	store_act_as(f->s, &tester);
	must(undo(f, &mine, false), &f->err, "mine");
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "new.test", &f->err), FOUND);
	mine.who = S("nobody");
	assert_int_equal(undo(f, &mine, false), NONE);
}

static void
test_since(void **state)
{
	struct fixture *f = *state;
	struct undo_choice since = { .since = 1000 };

	raw(f->path, "UPDATE change SET at = 999");
	must(set_quota(f->s, &f->err), &f->err, "quota");
	must(add_domain(f->s, &f->err), &f->err, "domain");
	must(undo(f, &since, false), &f->err, "since");
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "new.test", &f->err), NONE);
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), FOUND);
	assert_int_equal(undo(f, &since, false), NONE);
}

/* Any change of a transaction stands for all of it. */
static void
test_whole_transactions(void **state)
{
	struct fixture *f = *state;
	struct undo_choice one = { .n = 0 };

	must(remove_domain(f->s, &f->err), &f->err, "stand-in");
	must(store_last_change(f->s, &one.id, &f->err), &f->err, "id");
	must(store_domain_remove(f->s, S("example.com"), true, &f->err), &f->err, "all");
	one.id += 2;
	must(undo(f, &one, false), &f->err, "by one in the middle");
	assert_int_equal(ask_mailbox(f->s, "harry", "example.com"), FOUND);
	assert_int_equal(ask(f->s, ROW_ALIAS, "info", "example.com", &f->err), FOUND);
	assert_int_equal(ask(f->s, ROW_DOMAIN, "", "other.test", &f->err), NONE);
}

/* The log says what took back what, and keeps no hash in its images. */
static void
test_log(void **state)
{
	struct fixture *f = *state;
	int64_t id;
	struct sbuf out;

	must(set_password(f->s, &f->err), &f->err, "password");
	must(store_last_change(f->s, &id, &f->err), &f->err, "id");
	must(undo_last(f, 1), &f->err, "undo");
	sbuf_init(&out, 1 << 12);
	raw_rows(f->path, &out,
	    "SELECT what, subject, undoes - id FROM change ORDER BY id DESC LIMIT 1");
	assert_string_equal(sbuf_cstr(&out), "user passwd|harry@example.com|-1\n");
	sbuf_clear(&out);
	raw_rows(f->path, &out,
	    "SELECT count(*) FROM change WHERE before LIKE '%PLAIN%' OR after LIKE '%PLAIN%'");
	assert_string_equal(sbuf_cstr(&out), "0\n");
	sbuf_release(&out);
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		CASE(test_all_the_way),
		CASE(test_changed_since),
		CASE(test_changed_back),
		CASE(test_leads_here),
		CASE(test_none),
		CASE(test_mine_alone),
		CASE(test_since),
		CASE(test_whole_transactions),
		CASE(test_log),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
