/* SPDX-License-Identifier: ISC
 *
 * Copying a store row by row, as the rows are: with the change log, logins and secrets. Which
 * columns there are is schema/'s business, and tests/store/test_copy sees to it that none is left
 * out.
 */
#include "store/copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/handle.h"

enum { TELL_EVERY = 1000 };

/* In the order in which they can be filled. SINCE: the rows that the change log names behind a
 * change. KINDS: of each column, t for a text, i for a number. */
static const struct table {
	const char *name;
	enum statement read, since, put, clear;
	const char *kinds;
} tables[] = {
	{ "domain", Q_copy_domain, Q_since_domain, Q_copy_domain_put, Q_copy_domain_clear,
	    "tttitit" },
	{ "mailbox", Q_copy_mailbox, Q_since_mailbox, Q_copy_mailbox_put, Q_copy_mailbox_clear,
	    "tttiittt"
	    "iit" },
	{ "credential", Q_copy_credential, Q_since_credential, Q_copy_credential_put,
	    Q_copy_credential_clear, "tttitti" },
	{ "alias", Q_copy_alias, Q_since_alias, Q_copy_alias_put, Q_copy_alias_clear, "ttiiiittt" },
	{ "alias_target", Q_copy_alias_target, Q_since_alias_target, Q_copy_alias_target_put,
	    Q_copy_alias_target_clear, "tittt" },
	{ "map", Q_copy_map, Q_since_map, Q_copy_map_put, Q_copy_map_clear, "tti" },
	{ "entry", Q_copy_entry, Q_since_entry, Q_copy_entry_put, Q_copy_entry_clear, "ttti" },
	{ "change", Q_copy_change, Q_since_change, Q_copy_change_put, Q_copy_change_clear,
	    "iittttttt"
	    "ii" },
	{ "login", Q_copy_login, Q_since_login, Q_copy_login_put, Q_copy_login_clear, "tttti" },
	{ "secret", Q_copy_secret, Q_copy_secret, Q_copy_secret_put, Q_copy_secret_clear, "tt" },
};

/* By their places in the table. */
enum { CHANGES = 7, LOGINS = 8, SECRETS = 9, TABLES = sizeof tables / sizeof tables[0] };

/* Which rows: all of them, or those of the lines behind a change. */
enum { ALL = -1 };

/* How far it has come: each row is written once and read again once. ALL is 0 when nobody knows. */
struct tally {
	const struct store_progress *progress;
	int64_t done, all;
};

static void
count_one(struct tally *t)
{
	t->done++;
	if (t->progress == NULL || t->progress->fn == NULL || t->done % TELL_EVERY != 0)
		return;
	t->progress->fn(
	    t->progress->arg, t->all > 0 && t->done > t->all ? t->all : t->done, t->all);
}

static enum outcome
count_all(struct db *from, struct tally *t, struct error *err)
{
	struct db_stmt *st = db_prepare(from, Q_copy_count);
	enum outcome o = db_step(st, err);

	if (o == FOUND)
		t->all = 2 * db_int(st, 0);
	db_reset(st);
	return o == FOUND ? FOUND : RETRY;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void
bind_row(struct db_stmt *to, struct db_stmt *from, const char *kinds)
{
	for (int i = 0; kinds[i] != '\0'; i++) {
		struct slice text = db_text(from, i);

		if (text.p == NULL)
			db_bind_null(to, i + 1);
		else if (kinds[i] == 'i')
			db_bind_int(to, i + 1, db_int(from, i));
		else
			db_bind_text(to, i + 1, text);
	}
}

/* Take the statement that reads a table's rows, of all or behind a change. */
static struct db_stmt *
reading(struct db *db, const struct table *t, int64_t after)
{
	struct db_stmt *st = db_prepare(db, after == ALL ? t->read : t->since);

	if (after != ALL && t->since != t->read)
		db_bind_int(st, 1, after);
	return st;
}

static enum outcome
copy_table(struct db *to, struct db *from, const struct table *t, int64_t after,
    struct tally *tally, struct error *err)
{
	struct db_stmt *st = reading(from, t, after);
	enum outcome o;

	while ((o = db_step(st, err)) == FOUND) {
		struct db_stmt *put = db_prepare(to, t->put);

		bind_row(put, st, t->kinds);
		o = db_feed(put, err);
		if (o != FOUND)
			break;
		count_one(tally);
	}
	db_reset(st);
	return o == NONE ? db_fed(to, err) : RETRY;
}

static enum outcome
clear(struct db *to, struct error *err)
{
	enum outcome o = FOUND;

	for (int i = TABLES; i-- > 0 && o == FOUND;)
		o = db_run(db_prepare(to, tables[i].clear), NULL, err);
	return o;
}

/* --- reading again ---------------------------------------------------------------------------- */

static bool
same_row(struct db_stmt *a, struct db_stmt *b, const char *kinds)
{
	for (int i = 0; kinds[i] != '\0'; i++) {
		struct slice x = db_text(a, i), y = db_text(b, i);

		if ((x.p == NULL) != (y.p == NULL) || !slice_eq(x, y))
			return false;
	}
	return true;
}

static enum outcome
compare_rows(struct db_stmt *to, struct db_stmt *from, const struct table *t, struct tally *tally,
    struct error *err)
{
	enum outcome a, b;

	for (int64_t row = 1;; row++) {
		a = db_step(to, err);
		b = a == FOUND || a == NONE ? db_step(from, err) : RETRY;
		if (a == NONE && b == NONE)
			return FOUND;
		if ((a != FOUND && a != NONE) || (b != FOUND && b != NONE))
			return RETRY;
		if (a != b || !same_row(to, from, t->kinds))
			return error_set(err, BAD,
			    "row %lld of table '%s' is not what it should be: nothing was copied",
			    (long long)row, t->name);
		count_one(tally);
	}
}

/* BAD: they are not the same. */
static enum outcome
compare_table(struct db *to, struct db *from, const struct table *t, int64_t after,
    struct tally *tally, struct error *err)
{
	struct db_stmt *a = reading(to, t, after), *b = reading(from, t, after);
	enum outcome o = compare_rows(a, b, t, tally, err);

	db_reset(a);
	db_reset(b);
	return o;
}

static void
tell_end(const struct tally *t)
{
	if (t->progress != NULL && t->progress->fn != NULL)
		t->progress->fn(t->progress->arg, t->all, t->all);
}

enum outcome
copy_rows(struct db *to, struct db *from, const struct store_progress *progress, struct error *err)
{
	struct tally tally = { .progress = progress };
	enum outcome o = count_all(from, &tally, err);

	if (o == FOUND)
		o = clear(to, err);
	for (size_t i = 0; i < TABLES && o == FOUND; i++)
		o = copy_table(to, from, &tables[i], ALL, &tally, err);
	for (size_t i = 0; i < TABLES && o == FOUND; i++)
		o = compare_table(to, from, &tables[i], ALL, &tally, err);
	if (o == FOUND)
		tell_end(&tally);
	return o == FOUND ? FOUND : RETRY;
}

/* --- what was changed ------------------------------------------------------------------------- */

/* What the lines behind AFTER are about makes room for what it is now: what belongs to others goes
 * first, and domains last. */
static enum outcome
make_room(struct db *to, int64_t after, struct error *err)
{
	static const enum statement steps[] = { Q_since_alias_clear, Q_since_mailbox_clear,
		Q_since_entry_clear, Q_since_map_clear, Q_since_domain_loosen,
		Q_since_domain_clear };
	enum outcome o = FOUND;

	for (size_t i = 0; i < sizeof steps / sizeof steps[0] && o == FOUND; i++) {
		struct db_stmt *st = db_prepare(to, steps[i]);

		db_bind_int(st, 1, after);
		o = db_run(st, NULL, err);
	}
	return o;
}

/* The lines come first: both stores then know by their own logs which rows it is about. */
enum outcome
copy_changed(struct db *to, struct db *from, int64_t after, const struct store_progress *progress,
    struct error *err)
{
	struct tally tally = { .progress = progress };
	enum outcome o = copy_table(to, from, &tables[CHANGES], after, &tally, err);

	if (o == FOUND)
		o = make_room(to, after, err);
	for (size_t i = 0; i < TABLES && o == FOUND; i++)
		if (i != CHANGES && i != SECRETS)
			o = copy_table(to, from, &tables[i], after, &tally, err);
	for (size_t i = 0; i < TABLES && o == FOUND; i++)
		o = compare_table(to, from, &tables[i], after, &tally, err);
	return o == FOUND ? FOUND : RETRY;
}

enum outcome
copy_compare(struct db *to, struct db *from, bool logins, const struct store_progress *progress,
    struct error *err)
{
	struct tally tally = { .progress = progress };
	enum outcome o = FOUND;

	for (size_t i = 0; i < TABLES && o == FOUND; i++)
		if (logins || i != LOGINS)
			o = compare_table(to, from, &tables[i], ALL, &tally, err);
	return o;
}

enum outcome
copy_same_secrets(struct db *to, struct db *from, struct error *err)
{
	struct tally tally = { .progress = NULL };

	return compare_table(to, from, &tables[SECRETS], ALL, &tally, err);
}

enum outcome
copy_same_change(struct db *to, struct db *from, int64_t id, struct error *err)
{
	struct db_stmt *a = db_prepare(to, Q_change_whole), *b = db_prepare(from, Q_change_whole);
	enum outcome x, y = RETRY;

	db_bind_int(a, 1, id);
	db_bind_int(b, 1, id);
	x = db_step(a, err);
	if (x == FOUND || x == NONE)
		y = db_step(b, err);
	if (x == FOUND && y == FOUND && !same_row(a, b, tables[CHANGES].kinds))
		y = NONE;
	db_reset(a);
	db_reset(b);
	if (x != FOUND && x != NONE)
		return RETRY;
	return y == FOUND || y == NONE ? (x == FOUND ? y : NONE) : RETRY;
}

/* --- files ------------------------------------------------------------------------------------ */

enum outcome
bring_up(struct db *db, struct error *err)
{
	int version = 0;
	enum outcome o = db_version(db, &version, err);

	if (o == FOUND && version > db_version_built())
		o = version_check(version, err);
	for (int v = version + 1; o == FOUND && v <= db_version_built(); v++)
		o = db_migrate(db, v, err);
	return o;
}

/* A new store in a directory that nobody else can enter. */
struct fresh {
	char *dir, *path;
	struct db *db;
};

static enum outcome
fresh_make(struct fresh *f, const char *beside, struct error *err)
{
	enum outcome o;
	bool made;

	if (asprintf(&f->dir, "%s.XXXXXX", beside) < 0)
		f->dir = NULL;
	if (f->dir == NULL || mkdtemp(f->dir) == NULL)
		return error_set(err, RETRY, "cannot make a directory beside '%s'", beside);
	if (asprintf(&f->path, "%s/vmail.db", f->dir) < 0)
		f->path = NULL;
	f->db = f->path != NULL ? db_new(f->path, STORE_ADMIN) : NULL;
	if (f->db == NULL)
		return error_set(err, RETRY, "no memory");
	db_arm(f->db);
	o = db_create(f->db, -1, -1, &made, err);
	if (o == FOUND)
		o = db_connect(f->db, err);
	return o == FOUND || o == NONE ? bring_up(f->db, err) : o;
}

static void
fresh_remove(struct fresh *f)
{
	static const char *const beside[] = { "", "-wal", "-shm" };

	db_free(f->db);
	for (size_t i = 0; f->path != NULL && i < sizeof beside / sizeof *beside; i++) {
		char name[4200];

		if ((size_t)snprintf(name, sizeof name, "%s%s", f->path, beside[i]) < sizeof name)
			unlink(name);
	}
	if (f->dir != NULL)
		rmdir(f->dir);
	free(f->path);
	free(f->dir);
}

static enum outcome
fill(struct db *to, struct db *from, const struct store_progress *progress, struct error *err)
{
	enum outcome o = db_begin(to, DB_WRITE, err);

	if (o != FOUND)
		return o;
	db_bulk(to, true);
	o = copy_rows(to, from, progress, err);
	if (o == FOUND)
		o = db_commit(to, err);
	db_rollback(to);
	db_bulk(to, false);
	return o;
}

/* The new store is copied once more, by its own engine: that sees to it that it is whole, and on
 * the disk. */
enum outcome
copy_to_file(
    struct db *from, const char *path, const struct store_progress *progress, struct error *err)
{
	struct fresh f = { NULL, NULL, NULL };
	enum outcome o = fresh_make(&f, path, err);

	if (o == FOUND)
		o = fill(f.db, from, progress, err);
	if (o == FOUND)
		o = db_copy_out(f.db, path, NULL, err);
	fresh_remove(&f);
	return o == FOUND ? FOUND : RETRY;
}

static enum outcome
replace_rows(struct db *to, struct db *from, const struct db_intake *in,
    const struct store_progress *progress, struct error *err)
{
	int version = 0;
	enum outcome o = db_begin(to, DB_WRITE, err);

	/* what takes our turn */
	if (o == FOUND)
		o = db_version(to, &version, err);
	if (o == FOUND && in->keep != NULL)
		o = copy_to_file(to, in->keep, NULL, err);
	if (o == FOUND && in->ready != NULL)
		o = in->ready(in->arg, to, err);
	if (o == FOUND)
		o = db_begin(from, DB_READ, err);
	if (o == FOUND)
		o = copy_rows(to, from, progress, err);
	if (o == FOUND)
		o = db_commit(to, err);
	db_rollback(to);
	return o == FOUND ? FOUND : RETRY;
}

enum outcome
copy_from_file(struct db *to, const struct db_intake *in, const struct store_progress *progress,
    struct error *err)
{
	struct db *from = db_new(in->path, STORE_ADMIN);
	enum outcome o;

	if (from == NULL)
		return error_set(err, RETRY, "no memory");
	db_arm(from);
	o = db_connect(from, err);
	if (o == FOUND)
		o = replace_rows(to, from, in, progress, err);
	db_rollback(from);
	db_free(from);
	return o == FOUND ? FOUND : RETRY;
}

/* --- stores ----------------------------------------------------------------------------------- */

enum outcome
copy_open(struct db **out, const char *uri, struct error *err)
{
	int version = 0;
	enum outcome o = db_check_uri(uri, err);

	*out = o == FOUND ? db_new(uri, STORE_ADMIN) : NULL;
	if (o == FOUND && *out == NULL)
		return error_set(err, RETRY, "no memory");
	if (o != FOUND)
		return o;
	db_arm(*out);
	o = db_connect(*out, err);
	if (o == FOUND)
		o = db_version(*out, &version, err);
	return o == FOUND ? version_check(version, err) : RETRY;
}

/* What is there would be lost. */
static enum outcome
check_empty(struct db *to, const char *uri, struct error *err)
{
	struct db_stmt *st = db_prepare(to, Q_copy_count);
	char shown[STORE_SHOWN];
	enum outcome o = db_step(st, err);
	bool empty = o == FOUND && db_int(st, 0) <= 1; /* its key for app passwords */

	db_reset(st);
	if (o != FOUND || empty)
		return o == FOUND ? FOUND : RETRY;
	store_show(uri, shown, sizeof shown);
	return error_set(
	    err, BAD, "there is something in the store '%s': give one that is new", shown);
}

/* What FROM was closed for goes on without this copy: it takes changes, as one of a store that
 * follows another does. Where it is the one that was meant it has the line, as the move wants it.
 */
static enum outcome
reopen(struct db *to, const char *uri, struct error *err)
{
	struct db_stmt *st = db_prepare(to, Q_copy_reopen);
	char shown[STORE_SHOWN];

	store_show(uri, shown, sizeof shown);
	db_bind_text(st, 1, slice_str(shown));
	return db_run(st, NULL, err);
}

static enum outcome
copy_into_empty(struct db *to, const char *uri, struct db *from,
    const struct store_progress *progress, struct error *err)
{
	int version = 0;
	enum outcome o = db_begin(to, DB_WRITE, err);

	if (o == FOUND)
		o = db_version(to, &version, err);
	if (o == FOUND)
		o = check_empty(to, uri, err);
	if (o == FOUND)
		o = copy_rows(to, from, progress, err);
	if (o == FOUND)
		o = reopen(to, uri, err);
	if (o == FOUND)
		o = db_commit(to, err);
	db_rollback(to);
	return o;
}

enum outcome
store_copy(const char *from_uri, const char *to_uri, const struct store_progress *progress,
    struct error *err)
{
	struct db *from = NULL, *to = NULL;
	enum outcome o = copy_open(&from, from_uri, err);

	if (o == FOUND)
		o = copy_open(&to, to_uri, err);
	if (o == FOUND)
		o = db_begin(from, DB_READ, err);
	if (o == FOUND)
		o = copy_into_empty(to, to_uri, from, progress, err);
	if (from != NULL)
		db_rollback(from);
	db_free(from);
	db_free(to);
	return o == NONE ? RETRY : o;
}
