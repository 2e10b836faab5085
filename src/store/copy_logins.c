/* SPDX-License-Identifier: ISC
 *
 * What is remembered of logins, from one store into another: no line of the change log tells of it,
 * so both are read from beginning to end, side by side. What differs is put aside and written when
 * nobody reads, for what a reader sees of a row that is written before him is anybody's guess.
 */
#include "store/copy.h"

#include "store/db_rows.h"
#include "store/logins.h"

enum { KEYS = 4, AT = 4, COLUMNS = 5, PIECE = 5000 };

struct walk {
	struct db *to;
	struct db_stmt *here, *there; /* the rows of TO, and of FROM */
	enum outcome o_here, o_there;
	bool mirror;
	struct db_rows differ; /* what is to be written; without a time: what is to go */
	int64_t n;
};

static bool
is_good(enum outcome o)
{
	return o == FOUND || o == NONE;
}

/* --- looking ---------------------------------------------------------------------------------- */

static int
key_cmp(struct db_stmt *a, struct db_stmt *b)
{
	int cmp = 0;

	for (int i = 0; i < KEYS && cmp == 0; i++)
		cmp = slice_cmp(db_text(a, i), db_text(b, i));
	return cmp;
}

static void
put_aside(struct walk *w, struct db_stmt *row, bool gone)
{
	for (int i = 0; i < KEYS; i++)
		db_rows_text(&w->differ, db_text(row, i));
	if (gone)
		db_rows_null(&w->differ);
	else
		db_rows_int(&w->differ, db_int(row, AT));
}

static bool
is_older(const struct walk *w)
{
	int64_t here = db_int(w->here, AT), there = db_int(w->there, AT);

	return w->mirror ? here != there : here < there;
}

/* What comes first of the two, and one step behind it. */
static void
step(struct walk *w, struct error *err)
{
	int cmp = w->o_here != FOUND ? 1 : w->o_there != FOUND ? -1 : key_cmp(w->here, w->there);

	if (cmp < 0 && w->mirror)
		put_aside(w, w->here, true);
	if (cmp > 0 || (cmp == 0 && is_older(w)))
		put_aside(w, w->there, false);
	if (cmp <= 0)
		w->o_here = db_step(w->here, err);
	if (cmp >= 0)
		w->o_there = db_step(w->there, err);
}

/* Both behind the last row that was written; from the beginning when none was. */
static struct db_stmt *
reading(struct db *db, const struct db_rows *done)
{
	struct db_stmt *st = db_prepare(db, Q_logins_behind);
	size_t n = db_rows_n(done);

	for (size_t i = 0; i < KEYS; i++)
		db_bind_text(st, (int)i + 1, n > 0 ? db_rows_cell(done, n - 1, i) : slice_str(""));
	return st;
}

/* Put aside what differs next, behind what was put aside before. FOUND: there may be more. */
static enum outcome
look(struct walk *w, struct db *from, struct error *err)
{
	struct db_rows done = w->differ;
	enum outcome o;

	db_rows_init(&w->differ, COLUMNS);
	w->here = reading(w->to, &done);
	w->there = reading(from, &done);
	w->o_here = db_step(w->here, err);
	w->o_there = is_good(w->o_here) ? db_step(w->there, err) : RETRY;
	while (is_good(w->o_here) && is_good(w->o_there) &&
	       (w->o_here == FOUND || w->o_there == FOUND) && db_rows_n(&w->differ) < PIECE)
		step(w, err);
	o = !is_good(w->o_here) || !is_good(w->o_there) ? RETRY
	    : w->o_here == FOUND || w->o_there == FOUND ? FOUND
							: NONE;
	db_reset(w->here);
	db_reset(w->there);
	db_rows_release(&done);
	if (w->differ.failed || w->differ.text.failed)
		return error_set(err, RETRY, "no memory for logins");
	return o;
}

/* --- writing ---------------------------------------------------------------------------------- */

static struct db_stmt *
prepare_for(struct walk *w, enum statement which, size_t row)
{
	struct db_stmt *st = db_prepare(w->to, which);

	for (size_t i = 0; i < KEYS; i++)
		db_bind_text(st, (int)i + 1, db_rows_cell(&w->differ, row, i));
	return st;
}

/* A mailbox or an app password that is no more in TO has no logins. */
static enum outcome
merge(struct walk *w, size_t row, struct error *err)
{
	struct db_stmt *st = prepare_for(w, Q_login_record, row);
	int64_t changes = 0;
	enum outcome o;

	db_bind_int(st, AT + 1, w->differ.cell[row * COLUMNS + AT].n);
	o = db_run(st, &changes, err);
	if (o != FOUND || changes == 0)
		return o;
	w->n++;
	st = db_prepare(w->to, Q_login_prune);
	db_bind_text(st, 1, db_rows_cell(&w->differ, row, 0));
	db_bind_int(st, 2, LOGINS_KEPT);
	return db_run(st, NULL, err);
}

static enum outcome
write_row(struct walk *w, size_t row, struct error *err)
{
	const struct db_cell *at = &w->differ.cell[row * COLUMNS + AT];
	struct db_stmt *st;

	if (!w->mirror)
		return merge(w, row, err);
	st = prepare_for(w, at->kind == DB_NULL ? Q_login_drop : Q_login_set, row);
	if (at->kind != DB_NULL)
		db_bind_int(st, AT + 1, at->n);
	w->n++;
	return db_run(st, NULL, err);
}

static enum outcome
write_all(struct walk *w, struct error *err)
{
	enum outcome o = FOUND;

	for (size_t row = 0; row < db_rows_n(&w->differ) && o == FOUND; row++)
		o = write_row(w, row, err);
	return o;
}

static enum outcome
walk(struct db *to, struct db *from, bool mirror, int64_t *n, struct error *err)
{
	struct walk w = { .to = to, .mirror = mirror };
	enum outcome more = FOUND, o = FOUND;

	db_rows_init(&w.differ, COLUMNS);
	while (o == FOUND && more == FOUND) {
		more = look(&w, from, err);
		o = more == RETRY ? RETRY : write_all(&w, err);
	}
	db_rows_release(&w.differ);
	*n = w.n;
	return o == FOUND ? FOUND : RETRY;
}

enum outcome
copy_logins(struct db *to, struct db *from, bool mirror, int64_t *n, struct error *err)
{
	int64_t written, left = 0;
	enum outcome o = walk(to, from, mirror, &written, err);

	if (o == FOUND && mirror && written > 0)
		o = walk(to, from, mirror, &left, err);
	if (o == FOUND && left > 0)
		return error_set(err, RETRY,
		    "%lld logins are not what they should be: nothing was copied", (long long)left);
	*n += written;
	return o;
}
