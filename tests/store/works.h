/* SPDX-License-Identifier: ISC
 *
 * What is done to a store while things go wrong: works, in steps that are told to be done one by
 * one. Each step can be taken again when it was told to try again.
 */
#ifndef TESTS_STORE_WORKS_H
#define TESTS_STORE_WORKS_H

#include "first.h"
#include "store/record.h"

typedef enum outcome step_fn(struct fixture *f, struct error *err);

struct step {
	step_fn *run;
	const char *map; /* NULL, or where KEY is known from then on */
	const char *key;
};

enum { STEPS_MAX = 16, BATCH = 60 };

struct work {
	const char *name;
	void (*prepare)(struct fixture *f); /* what lies on the disk before */
	const struct step *steps;
	size_t n;
	bool fresh; /* no store is there before */
	bool empty; /* nor is anything in it afterwards */
	bool other; /* it is another one in between: only the end is compared */
	/* look at what else was made, when DONE of the steps are told to be done (may be NULL) */
	void (*look)(struct fixture *f, size_t done);
};

/* --- places ----------------------------------------------------------------------------------- */

/* In memory where that can be: every run begins with all files anew. */
static inline struct fixture *
work_fixture(void)
{
	static const char *const roots[] = { "/dev/shm", "/tmp" };
	struct fixture *f = calloc(1, sizeof *f);

	for (size_t i = 0; i < 2; i++) {
		snprintf(f->dir, sizeof f->dir, "%s/vmaild-store-XXXXXX", roots[i]);
		if (mkdtemp(f->dir) != NULL && chmod(f->dir, 0755) == 0)
			break;
	}
	snprintf(f->path, sizeof f->path, "%s/store/vmail.db", f->dir);
	return f;
}

static inline const char *
place(struct fixture *f, const char *name)
{
	static char path[4][160];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, 160, "%s/%s", f->dir, name);
	return p;
}

/* A handle that looks at nothing before it is asked. */
static inline bool
has_handle(struct fixture *f, struct error *err)
{
	if (f->s == NULL && store_new(&f->s, f->path, STORE_ADMIN, err) == FOUND)
		store_act_as(f->s, &tester);
	return f->s != NULL;
}

static inline enum outcome
leave_store(struct fixture *f, struct error *err)
{
	(void)err;
	store_close(f->s);
	f->s = NULL;
	return FOUND;
}

static inline void
prepare_full(struct fixture *f)
{
	create_at(f->path);
	f->s = open_at(f->path, STORE_ADMIN);
	populate(f->s);
	leave_store(f, NULL);
}

/* The same, with the last changes in the -wal alone. */
static inline void
prepare_busy(struct fixture *f)
{
	sqlite3 *sq;

	prepare_full(f);
	assert_int_equal(sqlite3_open(f->path, &sq), SQLITE_OK);
	sqlite3_db_config(sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	raw_exec(sq, "UPDATE mailbox SET quota = 4711");
	sqlite3_close(sq);
}

/* --- edits ------------------------------------------------------------------------------------ */

#define EDIT(name, call)                                                                           \
	static inline enum outcome name(struct fixture *f, struct error *err)                      \
	{                                                                                          \
		return has_handle(f, err) ? (call) : RETRY;                                        \
	}

EDIT(edit_domain, domain_add(f->s, "new.test", "mailbox", "", err))
EDIT(edit_mailbox, mailbox_add(f->s, "tom@example.com", "{PLAIN}three", err))
EDIT(edit_alias, alias_add(f->s, "team@example.com", "tom@example.com harry@example.com", err))
EDIT(edit_password, store_mailbox_passwd(f->s, S("tom@example.com"), S("{PLAIN}four"), err))
EDIT(edit_quota, store_mailbox_quota(f->s, S("sally@example.com"), 1 << 30, err))
EDIT(edit_entry, store_entry_set(f->s, S("transports"), S("new.test"), S("smtp:one"), err))
EDIT(edit_remove, store_domain_remove(f->s, S("other.test"), true, err))
EDIT(edit_rehash,
    store_rehash(f->s, S("harry@example.com"), S(""), S("{PLAIN}one"), S("{PLAIN}1"), err))

static inline enum outcome
edit_logins(struct fixture *f, struct error *err)
{
	const struct login_record records[] = {
		{ S("harry@example.com"), S("192.0.2.0/24"), S(""), S("imap"), 1700000001 },
		{ S("sally@example.com"), S("2001:db8::/64"), S(""), S("smtp"), 1700000002 },
	};

	return has_handle(f, err) ? store_record_logins(f->s, records, 2, err) : RETRY;
}

/* Take the last change back. */
static inline enum outcome
edit_undo(struct fixture *f, struct error *err)
{
	int64_t id;

	if (!has_handle(f, err) || store_last_change(f->s, &id, err) != FOUND)
		return RETRY;
	return store_undo(f->s, id, false, err);
}

static inline enum outcome
put_one(struct store *s, unsigned i, struct error *err)
{
	char name[40], target[40];
	struct slice targets[1];
	struct record r = { .kind = i % 3 == 2 ? RECORD_ALIAS : RECORD_MAILBOX };
	enum record_change did;

	snprintf(name, sizeof name, "put%03u@example.com", i);
	snprintf(target, sizeof target, "put%03u@example.com", i - i % 3);
	targets[0] = S(target);
	r.name = S(name);
	r.said = r.kind == RECORD_ALIAS ? RECORD_TARGETS : RECORD_QUOTA;
	r.quota = i;
	r.targets = targets;
	r.n_targets = 1;
	return store_put(s, &r, &did, err);
}

/* Many in one transaction, as an import does it. */
static inline enum outcome
edit_batch(struct fixture *f, struct error *err)
{
	enum outcome o, end;

	if (!has_handle(f, err))
		return RETRY;
	o = store_batch_begin(f->s, err);
	if (o != FOUND)
		return o;
	for (unsigned i = 0; i < BATCH && o == FOUND; i++)
		o = put_one(f->s, i, err);
	end = store_batch_end(f->s, o == FOUND, o == FOUND ? err : NULL);
	return o == FOUND ? end : o;
}

/* One alone, with all that it comes with. */
EDIT(edit_put, put_one(f->s, 300, err))

static const struct step edits[] = {
	{ edit_domain, NULL, NULL },
	{ edit_mailbox, "mailboxes", "tom@example.com" },
	{ edit_alias, "aliases", "team@example.com" },
	{ leave_store, NULL, NULL },
	{ edit_password, NULL, NULL },
	{ edit_quota, NULL, NULL },
	{ edit_undo, NULL, NULL },
	{ edit_rehash, NULL, NULL },
	{ edit_put, "mailboxes", "put300@example.com" },
	{ edit_logins, NULL, NULL },
	{ edit_entry, NULL, NULL },
	{ edit_remove, NULL, NULL },
	{ leave_store, NULL, NULL },
};

static const struct step import[] = {
	{ edit_batch, "mailboxes", "put000@example.com" },
	{ leave_store, NULL, NULL },
};

/* --- the schema ------------------------------------------------------------------------------- */

static inline enum outcome
work_init(struct fixture *f, struct error *err)
{
	int from, to;

	return store_create(f->path, -1, -1, &from, &to, err);
}

static inline void
prepare_nothing(struct fixture *f)
{
	(void)f;
}

static inline void
prepare_first(struct fixture *f)
{
	assert_int_equal(mkdir(place(f, "store"), 0770), 0);
	make_first(f->path);
	raw(f->path,
	    "DELETE FROM alias WHERE address = 'odd-*@fwd.test';" /* no pattern then, and one now */
	    "DELETE FROM alias_target WHERE address = 'odd-*@fwd.test';"
	    "INSERT INTO domain VALUES ('xn--strae-oqa.test', 'mailbox', NULL, 1);"
	    "INSERT INTO mailbox VALUES ('jo\314\210rg@example.com', 'example.com', NULL, 0, 1),"
	    "  ('u\314\210@xn--strae-oqa.test', 'xn--strae-oqa.test', NULL, 0, 1)");
}

static inline enum outcome
work_migrate(struct fixture *f, struct error *err)
{
	int from, to;

	return store_migrate(f->path, &from, &to, err);
}

static inline void
hear_nothing(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

EDIT(work_refold, store_refold(f->s, "/home/%u@%d", hear_nothing, NULL, err))

static const struct step init[] = { { work_init, NULL, NULL } };
static const struct step migration[] = {
	{ work_migrate, NULL, NULL },
	{ work_refold, NULL, NULL },
	{ leave_store, NULL, NULL },
};

/* --- copies ----------------------------------------------------------------------------------- */

static inline long
number_in(const char *path, const char *sql)
{
	struct sbuf out;
	long n;

	sbuf_init(&out, 100);
	raw_rows(path, &out, sql);
	n = atol(sbuf_cstr(&out));
	sbuf_release(&out);
	return n;
}

static inline void
must_be_whole(const char *path)
{
	struct sbuf out;

	sbuf_init(&out, 1 << 16);
	raw_rows(path, &out, "PRAGMA integrity_check");
	if (strcmp(sbuf_cstr(&out), "ok\n") != 0)
		fail_msg("'%s' is damaged: %s", path, sbuf_cstr(&out));
	sbuf_release(&out);
}

/* A backup of a store with harry, and with nina, whom the other store does not have. */
static inline void
make_backup(struct fixture *f)
{
	char store[128];
	struct error err = { "" };

	strcpy(store, f->path);
	snprintf(f->path, sizeof f->path, "%s/other/vmail.db", f->dir);
	prepare_full(f);
	f->s = open_at(f->path, STORE_ADMIN);
	must(mailbox_add(f->s, "nina@example.com", "", &err), &err, "nina");
	must(store_backup(f->s, place(f, "backup.db"), NULL, &err), &err, "backup");
	leave_store(f, NULL);
	remove(f->path);
	remove(place(f, "other"));
	strcpy(f->path, store);
}

static const char NINA[] = "SELECT count(*) FROM mailbox WHERE address = 'nina@example.com'";

/* An older backup lies where the new one goes. */
static inline void
prepare_backup(struct fixture *f)
{
	make_backup(f);
	prepare_busy(f);
}

EDIT(work_backup, store_backup(f->s, place(f, "backup.db"), NULL, err))

/* The old one or the new one. */
static inline void
look_backup(struct fixture *f, size_t done)
{
	const char *path = place(f, "backup.db");

	must_be_whole(path);
	if (done > 0)
		assert_int_equal(number_in(path, NINA), 0);
	if (number_in(path, NINA) == 0)
		assert_int_equal(
		    number_in(path, "SELECT count(*) FROM mailbox WHERE quota = 4711"), 2);
}

static inline enum outcome
work_restore(struct fixture *f, struct error *err)
{
	char *kept;
	enum outcome o = store_restore(
	    f->path, place(f, "backup.db"), place(f, "before.db"), &tester, NULL, &kept, err);

	free(kept);
	return o;
}

/* When the store is another one, the old one is in the other file; and the backup is as it was. */
static inline void
look_restored(struct fixture *f, size_t done)
{
	const char *keep = place(f, "before.db");
	long nina = number_in(f->path, NINA);

	must_be_whole(place(f, "backup.db"));
	if (done > 0)
		assert_int_equal(nina, 1);
	if (nina == 0)
		return;
	must_be_whole(keep);
	assert_int_equal(number_in(keep, "SELECT count(*) FROM mailbox WHERE quota = 4711"), 2);
}

/* What lies in the store's place is none. */
static inline void
prepare_damaged(struct fixture *f)
{
	char junk[4096];
	int fd;

	make_backup(f);
	assert_int_equal(mkdir(place(f, "store"), 0770), 0);
	memset(junk, 'x', sizeof junk);
	fd = open(f->path, O_WRONLY | O_CREAT, 0660);
	for (int i = 0; i < 4; i++)
		assert_int_equal(write(fd, junk, sizeof junk), sizeof junk);
	close(fd);
}

static inline void
look_replaced(struct fixture *f, size_t done)
{
	must_be_whole(place(f, "backup.db"));
	if (done > 0)
		assert_int_equal(number_in(f->path, NINA), 1);
}

EDIT(work_publish, store_publish(f->s, place(f, "views.db"), -1, true, err))

static inline void
prepare_views(struct fixture *f)
{
	struct error err = { "" };

	prepare_full(f);
	f->s = open_at(f->path, STORE_ADMIN);
	must(store_publish(f->s, place(f, "views.db"), -1, true, &err), &err, "views");
	must(edit_mailbox(f, &err), &err, "one more");
	leave_store(f, NULL);
}

static inline void
look_views(struct fixture *f, size_t done)
{
	const char *path = place(f, "views.db");

	must_be_whole(path);
	assert_in_range(number_in(path, "SELECT count(*) FROM v1_user"), done > 0 ? 3 : 2, 3);
}

static const struct step backup[] = { { work_backup, NULL, NULL }, { leave_store, NULL, NULL } };
static const struct step restoring[] = { { work_restore, NULL, NULL } };
static const struct step publishing[] = { { work_publish, NULL, NULL },
	{ leave_store, NULL, NULL } };

#define STEPS(list) (list), sizeof(list) / sizeof(list)[0]

static const struct work works[] = {
	{ "edits", prepare_busy, STEPS(edits), false, false, false, NULL },
	{ "an import", prepare_full, STEPS(import), false, false, false, NULL },
	{ "a new store", prepare_nothing, STEPS(init), true, true, true, NULL },
	{ "a migration", prepare_first, STEPS(migration), false, false, true, NULL },
	{ "a backup", prepare_backup, STEPS(backup), false, false, false, look_backup },
	{ "a restore", prepare_backup, STEPS(restoring), false, false, false, look_restored },
	{ "a restore over a damaged store", prepare_damaged, STEPS(restoring), true, false, true,
	    look_replaced },
	{ "the views' file", prepare_views, STEPS(publishing), false, false, false, look_views },
};

enum { WORKS = sizeof works / sizeof works[0] };

/* --- states ----------------------------------------------------------------------------------- */

/* All that is told apart; the secrets of a store are random. */
static inline void
state_of(const char *path, struct sbuf *out)
{
	static const char *const tables[] = { "domain", "mailbox", "credential", "alias",
		"alias_target", "map", "entry", "login", "change WHERE what <> 'store restore'",
		/* one that failed when the store was another already is done twice: it counts on */
		"(SELECT at, who, subject, after FROM change WHERE what = 'store restore')" };
	sqlite3 *sq = raw_open(path);

	sbuf_init(out, 64 << 20);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		char sql[128], *text = NULL;

		snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2", tables[i]);
		if (sqlite3_exec(sq, sql, add_value, out, &text) != SQLITE_OK)
			fail_msg("%s: %s", sql, text);
	}
	sqlite3_close(sq);
	assert_false(out->failed);
}

#endif
