/* SPDX-License-Identifier: ISC
 *
 * Moving a store into another one while it is in use. Both have the same change log, as far as that
 * of the copy goes: so its end says what the copy lacks. Rows are copy.c's business.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "store/copy.h"
#include "store/handle.h"

enum { ROUNDS = 10 };

static const char closed[] = "store close", opened[] = "store open", follows[] = "store follow";

struct pair {
	const struct store_move *m;
	struct db *from, *to; /* NULL: out of reach */
	char from_shown[STORE_SHOWN], to_shown[STORE_SHOWN];
};

/* --- both at once ----------------------------------------------------------------------------- */

/* One that is out of reach may be, when it is the OTHER one and that was said. A standby is none to
 * move from either, though it can be read: it may not know yet how the log of its primary ends. */
static enum outcome
open_one(struct db **out, const char *uri, bool other, struct error *err)
{
	enum outcome o = copy_open(out, uri, err);

	if (o == FOUND)
		return db_takes_changes(*out, err);
	if (o == BAD || !other)
		return o == NONE ? RETRY : o;
	db_free(*out);
	*out = NULL;
	return FOUND;
}

/* Which of them must be there is told by its ends, FROM and TO. */
static enum outcome
pair_open(struct pair *p, const struct store_move *m, bool from, bool to, struct error *err)
{
	enum outcome o;

	*p = (struct pair){ .m = m };
	store_show(m->from, p->from_shown, sizeof p->from_shown);
	store_show(m->to, p->to_shown, sizeof p->to_shown);
	o = open_one(&p->from, m->from, m->force && !from, err);
	if (o == FOUND)
		o = open_one(&p->to, m->to, m->force && !to, err);
	return o;
}

static void
pair_close(struct pair *p)
{
	db_free(p->from);
	db_free(p->to);
}

/* The version is what takes a view, or our turn among those who write. */
static enum outcome
begin_one(struct db *db, enum db_transaction kind, struct error *err)
{
	int version = 0;
	enum outcome o;

	if (db == NULL)
		return FOUND;
	db_arm(db);
	o = db_begin(db, kind, err);
	if (o == FOUND)
		o = db_version(db, &version, err);
	return o == FOUND ? version_check(version, err) : RETRY;
}

/* TO first: we may have to wait for it, and the view of FROM is to be a fresh one. */
static enum outcome
pair_begin(struct pair *p, enum db_transaction from, struct error *err)
{
	enum outcome o = begin_one(p->to, DB_WRITE, err);

	return o == FOUND ? begin_one(p->from, from, err) : o;
}

static void
pair_end(struct pair *p)
{
	if (p->to != NULL)
		db_rollback(p->to);
	if (p->from != NULL)
		db_rollback(p->from);
}

/* --- their logs ------------------------------------------------------------------------------- */

struct last {
	int64_t id; /* 0: nothing was ever changed */
	bool closed;
	char other[STORE_SHOWN]; /* for a move to which store */
};

static void
put_name(char out[STORE_SHOWN], struct slice name)
{
	snprintf(out, STORE_SHOWN, "%.*s", (int)name.n, name.p);
}

static enum outcome
find_last(struct db *db, struct last *out, struct error *err)
{
	struct db_stmt *st = db_prepare(db, Q_change_last);
	enum outcome o = db_step(st, err);

	*out = (struct last){ .id = 0 };
	if (o == FOUND) {
		out->id = db_int(st, 0);
		out->closed = slice_is(db_text(st, 1), closed);
		put_name(out->other, db_text(st, 2));
	}
	db_reset(st);
	return o == FOUND || o == NONE ? FOUND : RETRY;
}

static enum outcome
find_closing(struct db *db, struct store_closed *out, struct error *err)
{
	struct db_stmt *st = db_prepare(db, Q_change_closing);
	enum outcome o = db_step(st, err);

	*out = (struct store_closed){ .since = 0 };
	if (o == FOUND) {
		out->since = db_int(st, 0);
		out->follows = slice_is(db_text(st, 1), follows);
		put_name(out->other, db_text(st, 2));
	}
	db_reset(st);
	return o;
}

enum outcome
store_closed(struct store *s, struct store_closed *out, struct error *err)
{
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	o = find_closing(s->db, out, err);
	view_end(s, mine);
	return o;
}

static enum outcome
log_move(struct pair *p, struct db *db, const char *what, const char *other, struct error *err)
{
	struct db_stmt *st = db_prepare(db, Q_log_move);

	db_bind_int(st, 1, time(NULL));
	db_bind_text(st, 2, slice_str(p->m->actor->who));
	db_bind_text(st, 3, slice_str(what));
	db_bind_text(st, 4, slice_str(other));
	return db_run(st, NULL, err);
}

/* That TO follows FROM is no change of FROM's: its line stands behind all others, and goes before
 * any of them comes. */
static enum outcome
unfollow(struct pair *p, int64_t *was, struct error *err)
{
	return db_run(db_prepare(p->to, Q_move_unfollow), was, err);
}

/* The end of TO's log must be a line of FROM's, which a restored one has lost, and which an edited
 * TO never had; and the keys must be the same, for which a store is another from the day it is
 * made. */
static enum outcome
check_is_copy(struct pair *p, struct last *to, struct error *err)
{
	enum outcome o = find_last(p->to, to, err);

	if (o == FOUND && to->id > 0)
		o = copy_same_change(p->to, p->from, to->id, err);
	if (o == FOUND)
		o = copy_same_secrets(p->to, p->from, err);
	if (o == FOUND || o == RETRY)
		return o;
	return error_set(err, BAD,
	    "the store '%s' is no copy of '%s', or not any more: one of them was edited or "
	    "restored "
	    "(change %" PRId64 "): make a new one with `vmailctl copy`",
	    p->to_shown, p->from_shown, to->id);
}

static enum outcome
check_known(struct pair *p, int64_t after, struct error *err)
{
	struct db_stmt *st = db_prepare(p->from, Q_since_unknown);
	enum outcome o;

	db_bind_int(st, 1, after);
	o = db_step(st, err);
	if (o == FOUND) {
		struct slice what = db_text(st, 1);

		error_set(err, BAD,
		    "change %" PRId64
		    " (%.*s) of the store '%s' is not to be caught up with: copy it "
		    "into a new one",
		    db_int(st, 0), (int)what.n, what.p, p->from_shown);
	}
	db_reset(st);
	return o == FOUND ? BAD : o == NONE ? FOUND : o;
}

/* --- catching up ------------------------------------------------------------------------------ */

/* What no line tells of. A TO that has all lines to the one that closed FROM may be in use by now:
 * what it has learned of logins by itself stays. */
static enum outcome
bring_rest(struct pair *p, const struct last *before, struct store_moved *out, struct error *err)
{
	enum outcome o = copy_logins(p->to, p->from, !before->closed, &out->logins, err);

	if (o == FOUND && p->m->compare)
		o = copy_compare(p->to, p->from, !before->closed, &p->m->progress, err);
	return o;
}

/* In the LAST round the rest as well, so that it is of the same moment as all else. A TO that has
 * the line which closed FROM needs no other. */
static enum outcome
bring(struct pair *p, bool last, struct store_moved *out, struct error *err)
{
	struct last before = { 0 }, now = { 0 };
	enum outcome o = unfollow(p, NULL, err);

	if (o == FOUND)
		o = check_is_copy(p, &before, err);
	if (o == FOUND)
		o = check_known(p, before.id, err);
	if (o == FOUND)
		o = copy_changed(p->to, p->from, before.id, &p->m->progress, err);
	if (o == FOUND)
		o = find_last(p->to, &now, err);
	if (o == FOUND && last)
		o = bring_rest(p, &before, out, err);
	if (o == FOUND && !now.closed)
		o = log_move(p, p->to, follows, p->from_shown, err);
	if (o == FOUND)
		o = db_commit(p->to, err);
	if (o == FOUND)
		out->changes += now.id - before.id;
	return o;
}

static enum outcome
catch_up_once(struct pair *p, bool last, struct store_moved *out, struct error *err)
{
	enum outcome o = pair_begin(p, DB_READ, err);

	if (o == FOUND)
		o = bring(p, last, out, err);
	pair_end(p);
	return o;
}

/* Each round is shorter than the one before, for what is changed meanwhile is less. */
static enum outcome
catch_up(struct pair *p, struct store_moved *out, struct error *err)
{
	enum outcome o = FOUND;
	int64_t before = -1;

	for (int i = 0; i < ROUNDS && o == FOUND && out->changes != before; i++) {
		before = out->changes;
		o = catch_up_once(p, false, out, err);
	}
	return o == FOUND ? catch_up_once(p, true, out, err) : o;
}

enum outcome
store_catch_up(const struct store_move *m, struct store_moved *out, struct error *err)
{
	struct pair p;
	enum outcome o = pair_open(&p, m, true, true, err);

	*out = (struct store_moved){ 0 };
	if (o == FOUND)
		o = catch_up(&p, out, err);
	out->idle = out->changes == 0 && out->logins == 0;
	pair_close(&p);
	return o;
}

/* --- no more changes -------------------------------------------------------------------------- */

/* Whoever changes something holds the lock until it is acknowledged: so all that was is in the log
 * before this line, and nothing comes behind it. */
static enum outcome
close_from(struct pair *p, struct store_moved *out, struct error *err)
{
	struct last last = { 0 };
	enum outcome o = begin_one(p->from, DB_WRITE, err);

	if (o == FOUND)
		o = find_last(p->from, &last, err);
	out->idle = o == FOUND && last.closed;
	if (o == FOUND && !last.closed)
		o = log_move(p, p->from, closed, p->to_shown, err);
	if (o == FOUND)
		o = db_commit(p->from, err);
	db_rollback(p->from);
	return o == FOUND ? FOUND : RETRY;
}

static enum outcome
bring_last(struct pair *p, struct store_moved *out, struct error *err)
{
	struct error why = { "" };
	enum outcome o = catch_up_once(p, false, out, &why);

	if (o == FOUND)
		return FOUND;
	return error_set(err, o,
	    "%.400s; '%s' takes no changes now: do this again, or let it go on with `vmailctl copy "
	    "--cancel`",
	    why.text, p->from_shown);
}

enum outcome
store_move_close(const struct store_move *m, struct store_moved *out, struct error *err)
{
	struct pair p;
	enum outcome o = pair_open(&p, m, true, true, err);

	*out = (struct store_moved){ 0 };
	if (o == FOUND)
		o = catch_up(&p, out, err);
	if (o == FOUND)
		o = close_from(&p, out, err);
	if (o == FOUND)
		o = bring_last(&p, out, err);
	pair_close(&p);
	return o;
}

/* --- changes again ---------------------------------------------------------------------------- */

/* Others may have been copied too: only one of them takes changes when all is done. */
static enum outcome
check_meant(struct pair *p, const struct last *from, struct error *err)
{
	if (strncmp(from->other, p->to_shown, sizeof from->other - 1) == 0)
		return FOUND;
	return error_set(err, BAD,
	    "the store '%s' was closed for a move to '%s', not to '%s': name that one, as before",
	    p->from_shown, from->other, p->to_shown);
}

static enum outcome
check_complete(struct pair *p, const struct last *from, struct error *err)
{
	enum outcome o = FOUND;

	if (!from->closed)
		return error_set(err, BAD,
		    "the store '%s' still takes changes: first `vmailctl copy --close`",
		    p->from_shown);
	o = check_meant(p, from, err);
	if (o == FOUND)
		o = copy_same_change(p->to, p->from, from->id, err);
	if (o == NONE)
		o = error_set(err, BAD,
		    "the store '%s' has not all that is in '%s': first `vmailctl copy --close` "
		    "again",
		    p->to_shown, p->from_shown);
	return o;
}

/* When FROM is out of reach, TO's own log is all that can be asked. */
static enum outcome
open_to(struct pair *p, struct store_moved *out, struct error *err)
{
	struct last from = { 0 }, to = { 0 };
	int64_t followed = 0;
	enum outcome o = p->from != NULL ? find_last(p->from, &from, err) : FOUND;

	if (o == FOUND && p->from != NULL)
		o = check_complete(p, &from, err);
	if (o == FOUND)
		o = unfollow(p, &followed, err);
	if (o == FOUND)
		o = find_last(p->to, &to, err);
	out->idle = followed == 0 && (!to.closed || (p->from != NULL && to.id != from.id));
	if (o == FOUND && !out->idle)
		o = log_move(p, p->to, opened, p->from_shown, err);
	if (o == FOUND && p->from != NULL)
		o = copy_logins(p->to, p->from, false, &out->logins, err);
	return o == FOUND ? db_commit(p->to, err) : o;
}

enum outcome
store_move_open(const struct store_move *m, struct store_moved *out, struct error *err)
{
	struct pair p;
	enum outcome o = pair_open(&p, m, false, true, err);

	*out = (struct store_moved){ 0 };
	if (o == FOUND)
		o = pair_begin(&p, DB_READ, err);
	if (o == FOUND)
		o = open_to(&p, out, err);
	pair_end(&p);
	pair_close(&p);
	return o;
}

/* TO is held meanwhile, so that nobody opens it. */
static enum outcome
check_not_opened(struct pair *p, const struct last *from, struct error *err)
{
	struct last to = { 0 };
	enum outcome o = check_meant(p, from, err);

	if (o == FOUND)
		o = find_last(p->to, &to, err);
	if (o != FOUND || to.id <= from->id)
		return o;
	return error_set(err, BAD,
	    "the store '%s' has changes of its own, '%s' lacks them: move it back with `vmailctl "
	    "copy "
	    "--catch-up` and --close",
	    p->to_shown, p->from_shown);
}

/* A TO that follows another one is that one's business. */
static enum outcome
let_go(struct pair *p, struct store_moved *out, struct error *err)
{
	struct store_closed closing;
	int64_t followed = 0;
	enum outcome o = find_closing(p->to, &closing, err);

	if (o == NONE || (o == FOUND && !closing.follows))
		return FOUND;
	if (o == FOUND && strncmp(closing.other, p->from_shown, sizeof closing.other - 1) != 0)
		return error_set(err, BAD,
		    "the store '%s' follows '%s', not '%s': name that one, as before", p->to_shown,
		    closing.other, p->from_shown);
	if (o == FOUND)
		o = unfollow(p, &followed, err);
	out->idle &= followed == 0;
	return o;
}

static enum outcome
open_from(struct pair *p, const struct last *from, struct error *err)
{
	enum outcome o = p->to != NULL ? check_not_opened(p, from, err) : FOUND;

	return o == FOUND ? log_move(p, p->from, opened, p->to_shown, err) : o;
}

static enum outcome
stay(struct pair *p, struct store_moved *out, struct error *err)
{
	struct last from = { 0 };
	enum outcome o = find_last(p->from, &from, err);

	out->idle = o == FOUND && !from.closed;
	if (o == FOUND && from.closed)
		o = open_from(p, &from, err);
	if (o == FOUND && p->to != NULL)
		o = let_go(p, out, err);
	if (o == FOUND)
		o = db_commit(p->from, err);
	return o == FOUND && p->to != NULL ? db_commit(p->to, err) : o;
}

enum outcome
store_move_cancel(const struct store_move *m, struct store_moved *out, struct error *err)
{
	struct pair p;
	enum outcome o = pair_open(&p, m, true, false, err);

	*out = (struct store_moved){ 0 };
	if (o == FOUND)
		o = pair_begin(&p, DB_WRITE, err);
	if (o == FOUND)
		o = stay(&p, out, err);
	pair_end(&p);
	pair_close(&p);
	return o;
}
