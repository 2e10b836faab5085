/* SPDX-License-Identifier: ISC
 *
 * Whole stores from one engine into the other and back: with VMAILD_TEST_STORE, else from file to
 * file. Nothing is left out, nothing is left behind when it fails; and when they are in use
 * meanwhile, no change is lost.
 */
#include <signal.h>
#include <sys/resource.h>

#include "store/record.h"

#include "steps.h"

/* A store with all there can be in one. */
static int
rich_setup(void **state)
{
	static const struct alias_settings closed = { .expires = 4000000000,
		.internal = true,
		.note = { "for \"all\" \\ \xc3\xa4", 14 },
		.owner = { "sally", 5 } };
	const struct login_record login = { S("harry@example.com"), S("192.0.2.0/24"), S(""),
		S("imap"), 1700000000 };
	struct store *recorder;
	struct fixture *f;

	if (full_setup(state) != 0)
		return -1;
	f = *state;
	must(store_alias_set(f->s, S("info@example.com"), &closed, &f->err), &f->err, "set");
	must(mailbox_add(f->s, "h\xc3\xa4rry@example.com", "{PLAIN}two", &f->err), &f->err,
	    "mailbox");
	must(store_map_create(f->s, S("words"), SEARCH_EXACT, &f->err), &f->err, "map");
	must(store_entry_set(f->s, S("words"), S("a"), S("b c"), &f->err), &f->err, "entry");
	must(store_undo(f->s, 3, false, &f->err), &f->err, "undo");
	recorder = open_at(f->path, STORE_RECORDER);
	must(store_record_logins(recorder, &login, 1, &f->err), &f->err, "login");
	store_close(recorder);
	return 0;
}

/* What dump() sees, but whether it follows another one, by the names of the columns: the engines do
 * not have them in the same order. */
static void
dump_named(const char *path, struct sbuf *out)
{
	static const char *const rows[] = {
		"SELECT name, kind, target, created, delimiters, propagate, asked FROM domain "
		"ORDER BY "
		"1",
		"SELECT address, domain, home, quota, created, state, reason, mail, uid, gid, "
		"networks "
		"FROM mailbox ORDER BY 1",
		"SELECT mailbox, label, hash, created, services, networks, expires FROM credential "
		"ORDER "
		"BY 1, 2",
		"SELECT address, domain, created, disabled, expires, internal, prefix, note, owner "
		"FROM "
		"alias ORDER BY 1",
		"SELECT address, position, target, folded, domain FROM alias_target ORDER BY 1, 2",
		"SELECT name, search, created FROM map ORDER BY 1",
		"SELECT map, key, value, created FROM entry ORDER BY 1, 2",
		"SELECT id, at, who, what, subject, before, after, secret_before, secret_after, "
		"undoes, "
		"batch FROM change WHERE what <> 'store follow' ORDER BY 1",
		"SELECT mailbox, network, label, service, at FROM login ORDER BY 1, 2, 3, 4",
		"SELECT name, value FROM secret ORDER BY 1",
	};

	sbuf_init(out, 1 << 20);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		raw_rows(path, out, rows[i]);
}

static void
check_same(const char *a, const char *b)
{
	struct sbuf x, y;

	dump_named(a, &x);
	dump_named(b, &y);
	assert_true(x.n > 1000);
	assert_string_equal(sbuf_cstr(&x), sbuf_cstr(&y));
	sbuf_release(&x);
	sbuf_release(&y);
}

static void
file_in(const struct fixture *f, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", f->dir, name);
}

static void
test_there_and_back(void **state)
{
	struct fixture *f = *state, *other = NULL;
	char back[128];

	assert_int_equal(empty_setup((void **)&other), 0);
	file_in(f, "back/vmail.db", back, sizeof back);
	must(store_copy(f->path, other->path, NULL, &f->err), &f->err, "there");
	check_same(f->path, other->path);
	create_at(back);
	must(store_copy(other->path, back, NULL, &f->err), &f->err, "back");
	check_same(f->path, back);
	/* the next change is called what it would be called here */
	must(domain_add(f->s, "next.test", "relay", "", &f->err), &f->err, "here");
	must(domain_add(other->s, "next.test", "relay", "", &f->err), &f->err, "there");
	assert_int_equal(last_change(f->path), last_change(other->path));
	teardown((void **)&other);
}

/* What is there is not written over. */
static void
test_not_empty(void **state)
{
	struct fixture *f = *state, *other = NULL;
	struct sbuf before, after;

	assert_int_equal(full_setup((void **)&other), 0);
	dump_named(other->path, &before);
	assert_int_equal(store_copy(f->path, other->path, NULL, &f->err), BAD);
	assert_non_null(strstr(f->err.text, "something in the store"));
	dump_named(other->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
	teardown((void **)&other);
}

/* A row that the other one does not take: nothing is there then. */
static void
test_all_or_nothing(void **state)
{
	struct fixture *f = *state, *other = NULL;
	struct sbuf before, after;

	assert_int_equal(empty_setup((void **)&other), 0);
	spoil(f->path, "mailbox", "mailbox_state",
	    "UPDATE mailbox SET state = 'odd' WHERE address LIKE 'sally%'");
	dump_named(other->path, &before);
	assert_int_equal(store_copy(f->path, other->path, NULL, &f->err), RETRY);
	dump_named(other->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
	teardown((void **)&other);
}

static void
restore(struct fixture *f, const char *file, const char *keep)
{
	char *kept;

	must(store_restore(f->path, file, keep, &tester, NULL, &kept, &f->err), &f->err, "restore");
	assert_string_equal(kept, keep);
	free(kept);
}

/* A backup is an SQLite store, whatever it was made of, and comes back as what it was. */
static void
test_backup_and_restore(void **state)
{
	struct fixture *f = *state;
	char file[128], keep[128];
	struct sbuf before, after;

	file_in(f, "backup.db", file, sizeof file);
	file_in(f, "keep.db", keep, sizeof keep);
	must(store_backup(f->s, file, NULL, &f->err), &f->err, "backup");
	check_same(f->path, file);
	must(domain_add(f->s, "later.test", "relay", "", &f->err), &f->err, "later");
	dump_named(f->path, &before);
	restore(f, file, keep);
	dump_named(keep, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	/* the numbers go on behind those that were given since the backup */
	sbuf_clear(&before);
	sbuf_clear(&after);
	raw_rows(keep, &before, "SELECT 1 + max(id) FROM change");
	raw_rows(f->path, &after, "SELECT max(id) FROM change WHERE what = 'store restore'");
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
	raw(f->path, "DELETE FROM change WHERE what = 'store restore'");
	check_same(f->path, file);
}

#define ONE "bcdf-ghjk-mnpq-rstv-wxzb-cdfg"
#define TWO "zzzz-ghjk-mnpq-rstv-wxzb-cdfg"

/* --- moving --------------------------------------------------------------------------------------
 */

typedef enum outcome move_fn(
    const struct store_move *m, struct store_moved *out, struct error *err);

static enum outcome
move(move_fn *fn, const char *from, const char *to, struct store_moved *moved, struct error *err)
{
	const struct store_move m = { .from = from, .to = to, .actor = &tester, .compare = true };
	struct store_moved ignored;

	err->text[0] = '\0';
	return fn(&m, moved != NULL ? moved : &ignored, err);
}

static void
catch_up(const char *from, const char *to)
{
	struct error err = { "" };

	must(move(store_catch_up, from, to, NULL, &err), &err, "catch up");
	check_same(from, to);
}

/* Three stores: the first is copied to the second, and that to an SQLite file. */
struct three {
	struct fixture *f, *other;
	char file[128];
};

static void
three_begin(struct three *t, struct fixture *f)
{
	struct error err = { "" };

	*t = (struct three){ .f = f };
	assert_int_equal(empty_setup((void **)&t->other), 0);
	file_in(f, "third/vmail.db", t->file, sizeof t->file);
	create_at(t->file);
	must(store_copy(f->path, t->other->path, NULL, &err), &err, "copy");
	must(store_copy(t->other->path, t->file, NULL, &err), &err, "copy on");
}

static void
three_end(struct three *t)
{
	teardown((void **)&t->other);
}

static enum outcome
record_login(const char *path, const char *address, const char *network, int64_t at)
{
	const struct login_record login = { S(address), S(network), S(""), S("imap"), at };
	struct store *recorder = open_at(path, STORE_RECORDER);
	struct error err = { "" };
	enum outcome o = store_record_logins(recorder, &login, 1, &err);

	store_close(recorder);
	return o;
}

/* --- every change there is ----------------------------------------------------------------------
 */

static enum outcome
edit_domain_add(struct store *s, struct error *err)
{
	return domain_add(s, "new.test", "mailbox", "", err);
}

static enum outcome
edit_domain_set(struct store *s, struct error *err)
{
	const struct domain_settings settings = {
		.own_delimiters = true, .delimiters = S("-"), .propagate = 0
	};

	return store_domain_set(s, S("example.com"), &settings, err);
}

/* One of the domains that stand for it, and one that is asked for by another name. */
static enum outcome
edit_domain_asked(struct store *s, struct error *err)
{
	enum outcome o = domain_add(s, "xn--strae-oqa.test", "mailbox", "", err);

	return o == FOUND ? domain_add(s, "stands.test", "alias", "xn--strae-oqa.test", err) : o;
}

/* In one go: what a domain stands for goes, and the domain stands for another one. */
static enum outcome
edit_domain_again(struct store *s, struct error *err)
{
	enum outcome o = store_domain_remove(s, S("stands.test"), true, err);

	if (o == FOUND)
		o = store_domain_remove(s, S("xn--strae-oqa.test"), true, err);
	if (o == FOUND)
		o = domain_add(s, "stands.test", "alias", "fwd.test", err);
	return o;
}

static enum outcome
edit_domain_remove(struct store *s, struct error *err)
{
	enum outcome o = mailbox_add(s, "one@new.test", "{PLAIN}x", err);

	if (o == FOUND)
		o = alias_add(s, "two@new.test", "one@new.test a@b.test", err);
	return o == FOUND ? store_domain_remove(s, S("new.test"), true, err) : o;
}

static enum outcome
edit_mailbox_add(struct store *s, struct error *err)
{
	return mailbox_add(s, "new@example.com", "{PLAIN}new", err);
}

static enum outcome
edit_mailbox_set(struct store *s, struct error *err)
{
	const struct mailbox_settings settings = { .home = S("/else/where"),
		.mail = S("maildir:~/m"),
		.uid = 5000,
		.gid = 6000,
		.networks = S("192.0.2.0/24") };
	enum outcome o = store_mailbox_set(s, S("new@example.com"), &settings, err);

	if (o == FOUND)
		o = store_mailbox_quota(s, S("new@example.com"), 1000000, err);
	if (o == FOUND)
		o = store_mailbox_passwd(s, S("harry@example.com"), S("{PLAIN}other"), err);
	return o == FOUND ? store_mailbox_state(
				s, S("harry@example.com"), STATE_SUSPENDED, S("gone \"away\""), err)
			  : o;
}

static enum outcome
edit_rehash(struct store *s, struct error *err)
{
	return store_rehash(
	    s, S("harry@example.com"), S(""), S("{PLAIN}other"), S("{PLAIN}same"), err);
}

static enum outcome
edit_app_password(struct store *s, struct error *err)
{
	const struct app_password_new p = {
		.label = S("phone"), .secret = S(ONE), .services = S("imap"), .expires = 4000000000
	};
	enum outcome o = store_app_password_add(s, S("harry@example.com"), &p, err);
	struct app_password_new second = p;

	second.label = S("tablet");
	second.secret = S(TWO);
	return o == FOUND ? store_app_password_add(s, S("harry@example.com"), &second, err) : o;
}

static enum outcome
edit_app_password_remove(struct store *s, struct error *err)
{
	return store_app_password_remove(s, S("harry@example.com"), S("phone"), err);
}

static enum outcome
edit_mailbox_remove(struct store *s, struct error *err)
{
	return store_mailbox_remove(s, S("sally@example.com"), true, err);
}

static enum outcome
edit_alias_add(struct store *s, struct error *err)
{
	enum outcome o = alias_add(s, "info@example.com", "harry@example.com z@else.test", err);

	if (o == FOUND)
		o = alias_remove(s, "info@example.com", "sally@else.test", err);
	return o == FOUND ? alias_add(s, "team*@example.com", "harry@example.com", err) : o;
}

static enum outcome
edit_alias_set(struct store *s, struct error *err)
{
	const struct alias_settings settings = { .disabled = true, .note = S("\xc3\xa4 note") };

	return store_alias_set(s, S("info@example.com"), &settings, err);
}

static enum outcome
edit_alias_remove(struct store *s, struct error *err)
{
	return store_alias_remove(s, S("root"), NULL, 0, err);
}

static enum outcome
edit_map(struct store *s, struct error *err)
{
	enum outcome o = store_map_create(s, S("more"), SEARCH_EXACT, err);

	if (o == FOUND)
		o = store_entry_set(s, S("more"), S("two words"), S("a value"), err);
	if (o == FOUND)
		o = store_entry_set(s, S("more"), S("more"), S("same name"), err);
	return o == FOUND ? store_entry_set(s, S("words"), S("a"), S("c"), err) : o;
}

static enum outcome
edit_map_unset(struct store *s, struct error *err)
{
	enum outcome o = store_entry_unset(s, S("more"), S("two words"), err);

	if (o == FOUND)
		o = store_map_remove(s, S("words"), err);
	return o == FOUND ? store_map_create(s, S("words"), SEARCH_EXACT, err) : o;
}

static enum outcome
edit_undo(struct store *s, struct error *err)
{
	int64_t id;
	enum outcome o = store_last_change(s, &id, err);

	return o == FOUND ? store_undo(s, id, false, err) : o;
}

static enum outcome
edit_batch(struct store *s, struct error *err)
{
	const struct record r = { .kind = RECORD_MAILBOX,
		.name = S("put@example.com"),
		.said = RECORD_QUOTA,
		.quota = 7 };
	enum record_change did;
	enum outcome o = store_batch_begin(s, err);

	if (o == FOUND)
		o = store_put(s, &r, &did, err);
	if (o == FOUND)
		o = mailbox_add(s, "second@example.com", "", err);
	if (o == FOUND)
		o = store_mailbox_remove(s, S("second@example.com"), true, err);
	return store_batch_end(s, o == FOUND, err);
}

typedef enum outcome edit_fn(struct store *s, struct error *err);

static const struct {
	const char *name;
	edit_fn *edit;
} edits[] = {
	{ "domain add", edit_domain_add },
	{ "domain set", edit_domain_set },
	{ "domain asked", edit_domain_asked },
	{ "mailbox add", edit_mailbox_add },
	{ "mailbox set", edit_mailbox_set },
	{ "rehash", edit_rehash },
	{ "app-password add", edit_app_password },
	{ "app-password remove", edit_app_password_remove },
	{ "alias add", edit_alias_add },
	{ "alias set", edit_alias_set },
	{ "alias remove", edit_alias_remove },
	{ "undo", edit_undo },
	{ "map", edit_map },
	{ "map unset", edit_map_unset },
	{ "mailbox remove", edit_mailbox_remove },
	{ "domain again", edit_domain_again },
	{ "domain remove", edit_domain_remove },
	{ "batch", edit_batch },
};

enum { EDITS = sizeof edits / sizeof edits[0] };

static void
edit(struct store *s, size_t i)
{
	struct error err = { "" };

	must(edits[i].edit(s, &err), &err, edits[i].name);
}

/* One after the other, each brought over by itself. */
static void
test_catch_up_step_by_step(void **state)
{
	struct three t;

	three_begin(&t, *state);
	for (size_t i = 0; i < EDITS; i++) {
		print_message("# %s\n", edits[i].name);
		edit(t.f->s, i);
		catch_up(t.f->path, t.other->path);
		catch_up(t.other->path, t.file);
	}
	three_end(&t);
}

/* All at once, with logins, of which no line of the log tells; and again, which does nothing. */
static void
test_catch_up_at_once(void **state)
{
	struct store_moved moved;
	struct three t;

	three_begin(&t, *state);
	for (size_t i = 0; i < EDITS; i++)
		edit(t.f->s, i);
	assert_int_equal(
	    record_login(t.f->path, "harry@example.com", "192.0.2.0/24", 1800000000), FOUND);
	assert_int_equal(
	    record_login(t.f->path, "h\xc3\xa4rry@example.com", "198.51.100.0/24", 5), FOUND);
	catch_up(t.f->path, t.other->path);
	catch_up(t.other->path, t.file);
	must(move(store_catch_up, t.f->path, t.other->path, &moved, &t.f->err), &t.f->err, "again");
	assert_true(moved.idle);
	assert_int_equal(moved.changes + moved.logins, 0);
	check_same(t.f->path, t.file);
	three_end(&t);
}

/* Logins alone, new ones, later ones, and those that are remembered no more. */
static void
test_catch_up_logins(void **state)
{
	struct store_moved moved;
	struct three t;

	three_begin(&t, *state);
	record_login(t.f->path, "harry@example.com", "192.0.2.0/24", 1800000000);
	record_login(t.f->path, "sally@example.com", "192.0.2.0/24", 1800000000);
	raw(t.f->path, "DELETE FROM login WHERE mailbox = 'harry@example.com' AND at < 1700000001");
	must(
	    move(store_catch_up, t.f->path, t.other->path, &moved, &t.f->err), &t.f->err, "logins");
	assert_int_equal(moved.changes, 0);
	assert_true(moved.logins >= 2);
	check_same(t.f->path, t.other->path);
	catch_up(t.other->path, t.file);
	raw(t.f->path, "DELETE FROM login");
	catch_up(t.f->path, t.other->path);
	catch_up(t.other->path, t.file);
	three_end(&t);
}

/* --- bad days -----------------------------------------------------------------------------------
 */

/* Who is refused leaves TO as it is. */
static void
check_refused(const char *from, const char *to, const char *says)
{
	struct error err;
	struct sbuf before, after;

	dump_named(to, &before);
	assert_int_equal(move(store_catch_up, from, to, NULL, &err), BAD);
	if (strstr(err.text, says) == NULL)
		fail_msg("it says: %s", err.text);
	assert_int_equal(move(store_move_close, from, to, NULL, &err), BAD);
	dump_named(to, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
}

static void
test_to_was_edited(void **state)
{
	struct three t;

	three_begin(&t, *state);
	must(domain_add(t.other->s, "mine.test", "relay", "", &t.f->err), &t.f->err, "elsewhere");
	check_refused(t.f->path, t.other->path, "is no copy of");
	/* and also when FROM has a change of the same number by now */
	must(domain_add(t.f->s, "mine.test", "relay", "", &t.f->err), &t.f->err, "here");
	raw(t.f->path, "UPDATE change SET at = at + 1 WHERE subject = 'mine.test'");
	check_refused(t.f->path, t.other->path, "is no copy of");
	/* FROM was not closed by all this */
	must(domain_add(t.f->s, "next.test", "relay", "", &t.f->err), &t.f->err, "next");
	three_end(&t);
}

static void
test_no_copy(void **state)
{
	struct fixture *f = *state, *other = NULL;

	assert_int_equal(empty_setup((void **)&other), 0);
	if (is_pg(other->path))
		raw(other->path, "UPDATE secret SET value = 'another'");
	check_refused(f->path, other->path, "is no copy of");
	teardown((void **)&other);
}

/* Its log may even be longer than it was. */
static void
test_from_was_restored(void **state)
{
	char file[128], keep[128];
	struct three t;

	three_begin(&t, *state);
	file_in(t.f, "backup.db", file, sizeof file);
	file_in(t.f, "keep.db", keep, sizeof keep);
	must(store_backup(t.f->s, file, NULL, &t.f->err), &t.f->err, "backup");
	restore(t.f, file, keep);
	check_refused(t.f->path, t.other->path, "(store restore)");
	three_end(&t);
}

/* What was written past the log is found when everything is read. */
static void
test_past_the_log(void **state)
{
	struct three t;

	three_begin(&t, *state);
	raw(t.f->path, "UPDATE mailbox SET quota = 99 WHERE address = 'harry@example.com'");
	check_refused(t.f->path, t.other->path, "of table 'mailbox'");
	three_end(&t);
}

/* Enough for somebody to be told how far it has come, before it is done. */
static void
add_many(struct store *s, const char *prefix)
{
	struct error err = { "" };

	must(store_batch_begin(s, &err), &err, "batch");
	for (int i = 0; i < 400; i++) {
		char address[64];

		snprintf(address, sizeof address, "%s%d@example.com", prefix, i);
		must(mailbox_add(s, address, "{PLAIN}x", &err), &err, "many");
	}
	must(store_batch_end(s, true, &err), &err, "batch");
}

static void
die(void *arg, int64_t done, int64_t all)
{
	(void)arg;
	(void)done;
	(void)all;
	_exit(7);
}

/* For a child, which has but one fixture. */
static const char *child_to;

static int
catch_up_and_die(struct fixture *f)
{
	const struct store_move m = {
		.from = f->path, .to = child_to, .actor = &tester, .progress = { die, NULL }
	};
	struct store_moved moved;

	store_catch_up(&m, &moved, &f->err);
	return 0;
}

/* The file cannot grow. */
static int
catch_up_without_room(struct fixture *f)
{
	const struct rlimit little = { 100000, 100000 };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &little) != 0)
		return 1;
	return move(store_catch_up, f->path, child_to, NULL, &f->err) == RETRY ? 7 : 2;
}

static void
check_fails(struct fixture *f, child_fn *fn, const char *to)
{
	struct sbuf before, after;

	child_to = to;
	dump_named(to, &before);
	assert_int_equal(in_child(f, fn, false), 7);
	dump_named(to, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
}

static void
test_half_way(void **state)
{
	struct three t;

	three_begin(&t, *state);
	add_many(t.f->s, "many");
	check_fails(t.f, catch_up_and_die, t.other->path);
	check_fails(t.f, catch_up_and_die, t.file);
	check_fails(t.f, catch_up_without_room, t.file);
	catch_up(t.f->path, t.other->path);
	catch_up(t.f->path, t.file);
	three_end(&t);
}

struct meanwhile {
	struct fixture *f;
	const char *to; /* of which the connections are ended */
	size_t n;
};

static void
edit_meanwhile(void *arg, int64_t done, int64_t all)
{
	struct meanwhile *m = arg;

	(void)done;
	(void)all;
	if (m->n < EDITS)
		edit(m->f->s, m->n++);
}

/* FROM is changed all the time: each copy is of one moment, and in the end all is there. */
static void
test_edited_meanwhile(void **state)
{
	struct fixture *f = *state, *other = NULL;
	struct meanwhile meanwhile = { .f = f };
	struct store_move m = {
		.from = f->path, .actor = &tester, .progress = { edit_meanwhile, &meanwhile }
	};
	struct store_moved moved;

	assert_int_equal(empty_setup((void **)&other), 0);
	m.to = other->path;
	add_many(f->s, "many");
	must(store_copy(f->path, other->path, &m.progress, &f->err), &f->err, "copy");
	assert_in_range(meanwhile.n, 1, EDITS - 1);
	while (meanwhile.n < EDITS) {
		char prefix[16];

		snprintf(prefix, sizeof prefix, "more%zu-", meanwhile.n);
		add_many(f->s, prefix);
		must(store_catch_up(&m, &moved, &f->err), &f->err, "catch up");
	}
	catch_up(f->path, other->path);
	teardown((void **)&other);
}

static void
cut_connections(void *arg, int64_t done, int64_t all)
{
	struct meanwhile *m = arg;

	(void)done;
	(void)all;
	if (m->n++ == 0)
		raw(m->to, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
			   "current_database() AND pid <> pg_backend_pid()");
}

/* The server loses us while it is written to. */
static void
test_target_dies(void **state)
{
	struct meanwhile meanwhile = { .f = *state };
	struct store_move m = { .actor = &tester, .progress = { cut_connections, &meanwhile } };
	struct store_moved moved;
	struct sbuf before, after;
	struct three t;

	if (pg_server() == NULL)
		skip();
	three_begin(&t, *state);
	meanwhile.to = t.other->path;
	m.from = t.f->path;
	m.to = t.other->path;
	add_many(t.f->s, "many");
	dump_named(t.other->path, &before);
	assert_int_equal(store_catch_up(&m, &moved, &t.f->err), RETRY);
	dump_named(t.other->path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
	catch_up(t.f->path, t.other->path);
	three_end(&t);
}

/* --- the end of it ------------------------------------------------------------------------------
 */

/* Nothing that is in the log can be done; what is read, and last logins, are as ever. */
static void
check_closed(const char *path)
{
	struct store *s = open_at(path, STORE_ADMIN), *recorder = open_at(path, STORE_RECORDER);
	struct error err = { "" };
	struct sbuf before, after;

	dump_named(path, &before);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(edits[i].edit(s, &err), RETRY);
	assert_non_null(strstr(err.text, "takes no changes: it moves to"));
	assert_int_equal(store_batch_begin(s, &err), FOUND);
	assert_int_equal(domain_add(s, "batch.test", "relay", "", &err), RETRY);
	assert_int_equal(store_batch_end(s, true, &err), RETRY);
	assert_int_equal(store_undo(s, 5, true, &err), RETRY);
	assert_int_equal(store_rehash(recorder, S("harry@example.com"), S(""), S("{PLAIN}one"),
			     S("{PLAIN}fresh"), &err),
	    BAD);
	dump_named(path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	assert_int_equal(ask_mailbox(s, "harry", "example.com"), FOUND);
	sbuf_release(&before);
	sbuf_release(&after);
	store_close(s);
	store_close(recorder);
}

static void
check_takes_changes(const char *path, const char *domain)
{
	struct store *s = open_at(path, STORE_ADMIN);
	struct error err = { "" };

	must(domain_add(s, domain, "relay", "", &err), &err, "a change");
	store_close(s);
}

static void
test_close_and_open(void **state)
{
	struct store_moved moved;
	struct sbuf rows;
	struct three t;

	three_begin(&t, *state);
	edit(t.f->s, 0);
	assert_int_equal(move(store_move_open, t.f->path, t.file, &moved, &t.f->err), BAD);
	must(move(store_move_close, t.f->path, t.file, &moved, &t.f->err), &t.f->err, "close");
	assert_int_equal(moved.changes, 2);
	check_same(t.f->path, t.file);
	check_closed(t.f->path);
	check_closed(t.file);
	must(move(store_move_close, t.f->path, t.file, &moved, &t.f->err), &t.f->err, "again");
	assert_true(moved.idle);
	/* the daemon goes on with the old one for a moment */
	assert_int_equal(record_login(t.f->path, "harry@example.com", "203.0.113.0/24", 7), FOUND);
	assert_int_equal(record_login(t.f->path, "harry@example.com", "192.0.2.0/24", 8), FOUND);
	/* and with the new one in another; closing it once more does not forget that */
	assert_int_equal(record_login(t.file, "sally@example.com", "192.0.2.0/24", 6), FOUND);
	must(move(store_move_close, t.f->path, t.file, &moved, &t.f->err), &t.f->err, "once more");
	must(move(store_move_open, t.f->path, t.file, &moved, &t.f->err), &t.f->err, "open");
	assert_false(moved.idle);
	check_closed(t.f->path);
	check_takes_changes(t.file, "next.test");
	/* what comes late comes too, and what is known better stays */
	assert_int_equal(record_login(t.f->path, "sally@example.com", "203.0.113.0/24", 9), FOUND);
	assert_int_equal(record_login(t.file, "harry@example.com", "203.0.113.0/24", 10), FOUND);
	must(move(store_move_open, t.f->path, t.file, &moved, &t.f->err), &t.f->err, "open again");
	assert_true(moved.idle);
	assert_int_equal(moved.logins, 1);
	sbuf_init(&rows, 4096);
	raw_rows(t.file, &rows, "SELECT mailbox, at FROM login ORDER BY at");
	assert_string_equal(sbuf_cstr(&rows),
	    "sally@example.com|6\nsally@example.com|9\nharry@example.com|10\n"
	    "harry@example.com|1700000000\n");
	sbuf_release(&rows);
	assert_int_equal(move(store_move_cancel, t.f->path, t.file, &moved, &t.f->err), BAD);
	three_end(&t);
}

/* It stays after all; and is moved another time. */
static void
test_cancel(void **state)
{
	struct store_moved moved;
	struct three t;

	three_begin(&t, *state);
	must(move(store_move_close, t.f->path, t.other->path, NULL, &t.f->err), &t.f->err, "close");
	must(move(store_move_cancel, t.f->path, t.other->path, &moved, &t.f->err), &t.f->err,
	    "cancel");
	assert_false(moved.idle);
	check_takes_changes(t.f->path, "stays.test");
	check_closed(t.other->path);
	assert_int_equal(move(store_move_open, t.f->path, t.other->path, &moved, &t.f->err), BAD);
	must(move(store_move_cancel, t.f->path, t.other->path, &moved, &t.f->err), &t.f->err,
	    "again");
	assert_true(moved.idle);
	catch_up(t.f->path, t.other->path);
	three_end(&t);
}

/* A copy of one that was closed takes changes, unless it is at the place that it was closed for. */
static void
test_copy_of_closed(void **state)
{
	static const char *const beside[] = { "", "-wal", "-shm" };
	struct three t;
	char fourth[128], name[160];

	three_begin(&t, *state);
	must(move(store_move_close, t.f->path, t.file, NULL, &t.f->err), &t.f->err, "close");
	file_in(t.f, "fourth/vmail.db", fourth, sizeof fourth);
	create_at(fourth);
	must(store_copy(t.f->path, fourth, NULL, &t.f->err), &t.f->err, "elsewhere");
	check_takes_changes(fourth, "free.test");
	check_closed(t.f->path);
	for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
		snprintf(name, sizeof name, "%s%s", t.file, beside[i]);
		assert_true(unlink(name) == 0 || beside[i][0] != '\0');
	}
	create_at(t.file);
	must(store_copy(t.f->path, t.file, NULL, &t.f->err), &t.f->err, "there again");
	check_closed(t.file);
	must(move(store_move_open, t.f->path, t.file, NULL, &t.f->err), &t.f->err, "open");
	check_takes_changes(t.file, "moved.test");
	three_end(&t);
}

/* Nothing can be changed in it, or it could be caught up with no more. */
static void
check_follows(const char *path)
{
	struct store *s = open_at(path, STORE_ADMIN);
	struct store_closed closed;
	struct error err = { "" };
	struct sbuf before, after;

	dump(path, &before);
	assert_int_equal(domain_add(s, "mistake.test", "relay", "", &err), RETRY);
	assert_non_null(strstr(err.text, "takes no changes: it follows"));
	assert_int_equal(store_closed(s, &closed, &err), FOUND);
	assert_true(closed.follows);
	dump(path, &after);
	assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	sbuf_release(&before);
	sbuf_release(&after);
	store_close(s);
}

/* From the first time that it is caught up with a copy takes no changes, until it is opened. */
static void
test_follows(void **state)
{
	const struct fixture *f = *state;
	struct store_moved moved;
	struct error err = { "" };
	struct three t;

	three_begin(&t, *state);
	for (size_t i = 6; i < 9; i++) {
		catch_up(f->path, t.other->path);
		check_follows(t.other->path);
		edit(t.f->s, i);
	}
	/* a copy of a copy is a store like any other until it follows, too */
	catch_up(t.other->path, t.file);
	check_follows(t.file);
	must(move(store_move_close, f->path, t.other->path, &moved, &err), &err, "close");
	check_closed(t.other->path);
	must(move(store_catch_up, f->path, t.other->path, &moved, &err), &err, "once more");
	check_closed(t.other->path);
	must(move(store_move_open, f->path, t.other->path, &moved, &err), &err, "open");
	check_takes_changes(t.other->path, "there.test");
	/* and on the way back */
	catch_up(t.other->path, f->path);
	check_follows(f->path);
	check_takes_changes(t.other->path, "more.test");
	must(move(store_move_close, t.other->path, f->path, &moved, &err), &err, "close");
	must(move(store_move_open, t.other->path, f->path, &moved, &err), &err, "open");
	check_takes_changes(f->path, "here.test");
	three_end(&t);
}

/* What follows is let go by the one it follows, or opened when that is gone. */
static void
test_let_go(void **state)
{
	const struct fixture *f = *state;
	struct store_move m = { .from = "/nowhere/vmail.db", .actor = &tester, .force = true };
	struct store_moved moved;
	struct error err = { "" };
	struct three t;

	three_begin(&t, *state);
	catch_up(f->path, t.other->path);
	catch_up(f->path, t.file);
	assert_int_equal(move(store_move_cancel, t.file, t.other->path, &moved, &err), BAD);
	assert_non_null(strstr(err.text, "name that one"));
	check_follows(t.other->path);
	must(move(store_move_cancel, f->path, t.other->path, &moved, &err), &err, "let go");
	assert_false(moved.idle);
	must(move(store_move_cancel, f->path, t.other->path, &moved, &err), &err, "again");
	assert_true(moved.idle);
	catch_up(f->path, t.other->path);
	must(move(store_move_cancel, f->path, t.other->path, &moved, &err), &err, "and again");
	check_takes_changes(t.other->path, "own.test");
	check_takes_changes(f->path, "stays.test");
	assert_int_equal(move(store_catch_up, f->path, t.other->path, &moved, &err), BAD);
	m.to = t.file;
	must(store_move_open(&m, &moved, &err), &err, "open");
	assert_false(moved.idle);
	check_takes_changes(t.file, "there.test");
	three_end(&t);
}

/* What was left behind knows all but what was changed since, and can be moved back to. */
static void
test_move_back(void **state)
{
	struct three t;

	three_begin(&t, *state);
	must(move(store_move_close, t.f->path, t.file, NULL, &t.f->err), &t.f->err, "close");
	must(move(store_move_open, t.f->path, t.file, NULL, &t.f->err), &t.f->err, "open");
	check_takes_changes(t.file, "there.test");
	catch_up(t.file, t.f->path);
	must(move(store_move_close, t.file, t.f->path, NULL, &t.f->err), &t.f->err, "close there");
	check_closed(t.file);
	must(move(store_move_open, t.file, t.f->path, NULL, &t.f->err), &t.f->err, "open here");
	check_takes_changes(t.f->path, "here.test");
	three_end(&t);
}

/* The other one is gone for good: only with force, and what is there says what may be done. */
static void
test_other_is_gone(void **state)
{
	struct store_move m = { .from = "/nowhere/vmail.db", .actor = &tester };
	struct store_moved moved;
	struct three t;

	three_begin(&t, *state);
	must(move(store_move_close, t.f->path, t.file, NULL, &t.f->err), &t.f->err, "close");
	m.to = t.file;
	assert_int_equal(store_move_open(&m, &moved, &t.f->err), RETRY);
	m.force = true;
	must(store_move_open(&m, &moved, &t.f->err), &t.f->err, "open");
	check_takes_changes(t.file, "there.test");
	m = (struct store_move){ .from = t.f->path, .to = "/nowhere/vmail.db", .actor = &tester };
	assert_int_equal(store_move_cancel(&m, &moved, &t.f->err), RETRY);
	m.force = true;
	must(store_move_cancel(&m, &moved, &t.f->err), &t.f->err, "cancel");
	check_takes_changes(t.f->path, "here.test");
	three_end(&t);
}

/* Each column of each table is among those that are copied. */
static void
test_no_column_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct sbuf out;

	sqlite_only(); /* the other has no others */
	sbuf_init(&out, 1 << 10);
	raw_rows(f->path, &out,
	    "SELECT m.name, count(*) FROM sqlite_schema m, pragma_table_info(m.name) WHERE m.type "
	    "= "
	    "'table' AND m.name NOT LIKE 'sqlite%' GROUP BY m.name ORDER BY m.name");
	assert_string_equal(sbuf_cstr(&out),
	    "alias|9\nalias_target|5\nchange|11\ncredential|8\ndomain|7\nentry|4\nlogin|5\n"
	    "mailbox|11\nmap|3\nsecret|2\n");
	sbuf_release(&out);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_empty, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_backup_and_restore, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_catch_up_step_by_step, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_catch_up_at_once, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_catch_up_logins, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_to_was_edited, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_copy, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_from_was_restored, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_past_the_log, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_way, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_edited_meanwhile, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_target_dies, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_and_open, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy_of_closed, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_follows, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_let_go, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_move_back, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_is_gone, rich_setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_column_is_left_out, empty_setup, teardown),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
