/* SPDX-License-Identifier: ISC
 *
 * Taking changes back. The log has an image of each object before and after it was changed: to undo
 * is to make the object be what it was, by the rules of every other change, as long as nobody has
 * changed it since.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/reader.h"

/* The first word of what was done, and the kind of object that it names; entries of maps go by the
 * blank in their subject. */
static const struct {
	const char *nouns; /* of the changes that such an object sees, between blanks */
	enum record_kind kind;
	enum statement image;
} nouns[] = {
	{ " domain ", RECORD_DOMAIN, Q_domain_image },
	{ " user app-password ", RECORD_MAILBOX, Q_mailbox_image },
	{ " alias ", RECORD_ALIAS, Q_alias_image },
	{ " map ", RECORD_MAP, Q_map_image },
	{ " map ", RECORD_ENTRY, Q_entry_image },
};

/* One change that is being taken back. */
struct undo {
	struct store *s;
	int64_t id;
	bool force;
	size_t noun;
	struct sbuf subject;
	struct sbuf what;
	bool created; /* by the change: there was nothing before */
	struct sbuf after, secret_after;
};

/* --- the change ------------------------------------------------------------------------------- */

/* What an older release wrote got the form in which it is looked for now (refold.c). Until then no
 * mail found it: that is nothing to go back to, and nothing that somebody has changed. */
static bool
is_migration(struct slice what)
{
	return slice_ends(what, "migrate");
}

static enum outcome
find_noun(struct undo *u, struct error *err)
{
	const char *what = sbuf_cstr(&u->what);
	char noun[32];
	size_t at;
	bool entry = slice_chr(sbuf_slice(&u->subject), ' ', &at);

	if (is_migration(sbuf_slice(&u->what)))
		return error_set(err, BAD,
		    "change %" PRId64 " (%s) is none that can be undone: it gave what an older "
		    "release wrote the form in which it is found now",
		    u->id, what);
	snprintf(noun, sizeof noun, " %.*s ", (int)strcspn(what, " "), what);
	for (u->noun = 0; u->noun < sizeof nouns / sizeof *nouns; u->noun++)
		if (strstr(nouns[u->noun].nouns, noun) != NULL &&
		    (nouns[u->noun].kind != RECORD_MAP || !entry))
			return FOUND;
	return error_set(err, BAD,
	    "change %" PRId64 " (%s) is none that can be undone; a restore is undone by restoring "
	    "what it kept",
	    u->id, sbuf_cstr(&u->what));
}

static enum outcome
read_secret(struct undo *u, struct error *err)
{
	struct db_stmt *st = db_prepare(u->s->db, Q_undo_secrets);
	enum outcome o;

	db_bind_int(st, 1, u->id);
	o = db_step(st, err);
	if (o == FOUND)
		sbuf_add_slice(&u->secret_after, db_text(st, 1));
	db_reset(st);
	return o;
}

static enum outcome
read_change(struct undo *u, struct error *err)
{
	struct db_stmt *st = db_prepare(u->s->db, Q_change);
	enum outcome o;

	db_bind_int(st, 1, u->id);
	o = db_step(st, err);
	if (o == FOUND) {
		sbuf_add_slice(&u->what, db_text(st, 3));
		sbuf_add_slice(&u->subject, db_text(st, 4));
		u->created = db_text(st, 5).n == 0;
		sbuf_add_slice(&u->after, db_text(st, 6));
	}
	db_reset(st);
	if (o == NONE)
		return error_set(err, NONE, "there is no change %" PRId64, u->id);
	if (o == FOUND)
		o = read_secret(u, err);
	if (u->what.failed || u->subject.failed || u->after.failed || u->secret_after.failed)
		o = error_set(err, RETRY, "no memory for change %" PRId64, u->id);
	return o == FOUND ? find_noun(u, err) : o;
}

/* Follow who took back whom: an undoing that was undone does not count. */
static enum outcome
is_undone(struct store *s, int64_t id, int64_t *by, struct error *err)
{
	enum outcome o;

	*by = 0;
	for (bool undone = true;; undone = !undone) {
		struct db_stmt *st = db_prepare(s->db, Q_change_undone);

		db_bind_int(st, 1, id);
		o = db_step(st, err);
		if (o != FOUND)
			return o == NONE ? FOUND : o;
		id = db_int(st, 0);
		*by = undone ? id : 0;
		db_reset(st);
	}
}

/* Does the change bear on where mail goes? */
static bool
moves_mail(struct slice what)
{
	return slice_starts(what, "alias ") || slice_starts(what, "domain ") ||
	       slice_is(what, "user add") || slice_is(what, "user remove") ||
	       slice_is(what, "store restore");
}

/* Is the row a change of its own, which is still there? One that took a later one back is gone
 * together with that. */
static enum outcome
is_standing(struct store *s, struct db_stmt *st, bool *standing, struct error *err)
{
	int64_t by = 0;
	enum outcome o = FOUND;

	*standing = false;
	if (!moves_mail(db_text(st, 3)) || db_int(st, 7) > s->undoing)
		return FOUND;
	o = is_undone(s, db_int(st, 0), &by, err);
	*standing = by == 0;
	return o;
}

enum outcome
undo_is_whole(struct store *s, bool *whole, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_changes_back);
	bool standing = false;
	enum outcome o;

	db_bind_int(st, 1, INT64_MAX);
	while ((o = db_step(st, err)) == FOUND && db_int(st, 0) > s->undoing) {
		o = is_standing(s, st, &standing, err);
		if (o != FOUND || standing)
			break;
	}
	db_reset(st);
	*whole = !standing;
	return o == NONE ? FOUND : o;
}

/* --- may it be taken back --------------------------------------------------------------------- */

static enum outcome
check_undone(struct undo *u, struct error *err)
{
	int64_t by;
	enum outcome o = is_undone(u->s, u->id, &by, err);

	if (o == FOUND && by != 0)
		o = error_set(err, BAD,
		    "change %" PRId64 " was undone already, by change %" PRId64
		    ": undo that one to have it back",
		    u->id, by);
	return o;
}

/* Is the object still what the change made of it? */
static enum outcome
is_as_left(struct undo *u, bool *same, struct error *err)
{
	struct db_stmt *st = db_prepare(u->s->db, nouns[u->noun].image);
	enum outcome o;

	db_bind_text(st, 1, sbuf_slice(&u->subject));
	o = db_step(st, err);
	if (o == FOUND)
		*same = slice_eq(db_text(st, 0), sbuf_slice(&u->after)) &&
			slice_eq(db_text(st, 1), sbuf_slice(&u->secret_after));
	else
		*same = u->after.n == 0;
	db_reset(st);
	return o == NONE ? FOUND : o;
}

/* An image of an older schema does not look the same, but then there is no later change either. */
static enum outcome
check_untouched(struct undo *u, struct error *err)
{
	struct db_stmt *st;
	bool same = false;
	enum outcome o = is_as_left(u, &same, err);

	if (o != FOUND || same || u->force)
		return o;
	st = db_prepare(u->s->db, Q_change_since);
	db_bind_int(st, 1, u->id);
	db_bind_text(st, 2, slice_str(nouns[u->noun].nouns));
	db_bind_text(st, 3, sbuf_slice(&u->subject));
	o = db_step(st, err);
	if (o == FOUND) {
		struct slice what = db_text(st, 1), who = db_text(st, 2);

		error_set(err, BAD,
		    "'%.200s' was changed again since change %" PRId64 ", by change %" PRId64
		    " (%.*s, %.*s): undo that one first, or say --force",
		    sbuf_cstr(&u->subject), u->id, db_int(st, 0), (int)what.n, what.p, (int)who.n,
		    who.p);
	}
	db_reset(st);
	return o == FOUND ? BAD : o == NONE ? FOUND : o;
}

/* An alias that led here all along would be left as it was; one that was made since is another's.
 */
static enum outcome
check_leads_here(struct undo *u, struct error *err)
{
	struct db_stmt *st = db_prepare(u->s->db, Q_undo_leads_here);
	enum outcome o;

	db_bind_text(st, 1, domain_of(sbuf_slice(&u->subject)));
	db_bind_text(st, 2, sbuf_slice(&u->subject));
	db_bind_int(st, 3, u->id);
	o = db_step(st, err);
	if (o == FOUND) {
		struct slice alias = db_text(st, 0);

		error_set(err, BAD,
		    "alias '%.*s' leads to '%s' since then: remove that target first, or say "
		    "--force",
		    (int)(alias.n < 200 ? alias.n : 200), alias.p, sbuf_cstr(&u->subject));
	}
	db_reset(st);
	return o == FOUND ? BAD : o == NONE ? FOUND : o;
}

/* --- taking it back --------------------------------------------------------------------------- */

static enum outcome
drop(struct undo *u, struct error *err)
{
	struct record r = {
		.kind = nouns[u->noun].kind, .name = sbuf_slice(&u->subject), .force = true
	};

	enum outcome o = FOUND;

	/* the map, a blank, the key */
	if (r.kind == RECORD_ENTRY)
		r.map = slice_cut(&r.name, ' ');
	if (r.kind == RECORD_MAILBOX && !u->force)
		o = check_leads_here(u, err);
	return o != FOUND ? o : store_drop(u->s, &r, err);
}

static enum outcome
put_back(struct undo *u, struct error *err)
{
	enum record_change did;
	struct reader rd;
	struct db_stmt *st;
	enum outcome o;

	reader_init(&rd);
	o = reader_find_before(&rd, u->s, nouns[u->noun].kind, u->id, &st, err);
	if (o == FOUND) {
		o = store_put(u->s, &rd.r, &did, err);
		db_reset(st);
	}
	reader_release(&rd);
	return o;
}

static enum outcome
take_back(struct undo *u, struct error *err)
{
	enum outcome o = read_change(u, err);

	if (o == FOUND)
		o = check_undone(u, err);
	if (o == FOUND)
		o = check_untouched(u, err);
	if (o != FOUND)
		return o;
	u->s->undoing = u->id;
	o = u->created ? drop(u, err) : put_back(u, err);
	u->s->undoing = 0;
	/* with --force: what is to go is gone */
	return o == NONE && u->force ? FOUND : o == NONE ? BAD : o;
}

enum outcome
store_undo(struct store *s, int64_t id, bool force, struct error *err)
{
	struct undo u = { .s = s, .id = id, .force = force };
	bool mine = s->batch == BATCH_NONE;
	enum outcome o = mine ? store_batch_begin(s, err) : batch_show(s, err);

	if (o != FOUND)
		return o;
	sbuf_init(&u.subject, QUESTION_TEXT);
	sbuf_init(&u.what, 4096);
	sbuf_init(&u.after, 16 << 20);
	sbuf_init(&u.secret_after, 16 << 20);
	o = take_back(&u, err);
	/* what was read may be what a lack of memory made of it */
	if (o != RETRY && !db_has_view(s->db))
		o = view_lost(err);
	sbuf_release(&u.subject);
	sbuf_release(&u.what);
	sbuf_release(&u.after);
	sbuf_release_secret(&u.secret_after);
	if (mine && store_batch_end(s, o == FOUND, o == FOUND ? err : NULL) != FOUND)
		o = RETRY;
	return o;
}

/* --- which ------------------------------------------------------------------------------------ */

struct search {
	struct store *s;
	const struct undo_choice *choice;
	store_undo_fn *fn;
	void *arg;
	int64_t batch; /* the transaction that is being taken back, or 0 */
	int64_t taken; /* how many were */
	int64_t changes;
};

/* Does the row begin (from its end) a transaction that is to be taken back? */
static enum outcome
is_wanted(struct search *q, struct db_stmt *st, bool *wanted, struct error *err)
{
	const struct undo_choice *c = q->choice;
	int64_t by = 0;
	enum outcome o = FOUND;

	*wanted = false;
	if (c->id != 0) {
		*wanted = true;
		return FOUND;
	}
	if (db_int(st, 7) != 0 || (c->who.n > 0 && !slice_eq(db_text(st, 2), c->who)))
		return FOUND;
	if (slice_is(db_text(st, 3), "store restore"))
		return error_set(err, BAD,
		    "change %" PRId64 " restored the store: nothing before it can be undone this "
		    "way",
		    db_int(st, 0));
	/* that it was closed or opened on its way to another place changed nothing in it */
	if (slice_starts(db_text(st, 3), "store ") || is_migration(db_text(st, 3)))
		return FOUND;
	o = is_undone(q->s, db_int(st, 0), &by, err);
	*wanted = o == FOUND && by == 0;
	return o;
}

/* *GO_ON is cleared behind the last row that matters. */
static enum outcome
take_row(struct search *q, struct db_stmt *st, bool *go_on, struct error *err)
{
	const struct undo_choice *c = q->choice;
	int64_t batch = db_int(st, 8);
	bool wanted = batch == q->batch;
	enum outcome o = FOUND;

	if (!wanted && ((c->n > 0 && q->taken == c->n) || db_int(st, 1) < c->since ||
			   (c->id != 0 && q->taken > 0))) {
		*go_on = false;
		return FOUND;
	}
	if (!wanted) {
		q->batch = 0;
		o = is_wanted(q, st, &wanted, err);
		q->taken += wanted;
	}
	if (o != FOUND || !wanted)
		return o;
	q->batch = batch;
	q->changes++;
	*go_on = q->fn(q->arg, db_int(st, 0));
	return FOUND;
}

/* Where to begin, going back: behind the last change of the transaction that ID is of. */
static enum outcome
find_start(struct search *q, int64_t *start, struct error *err)
{
	int64_t batch = 0, last = q->choice->id;
	struct db_stmt *st;
	enum outcome o;

	*start = INT64_MAX;
	if (last == 0)
		return FOUND;
	for (*start = last;; ++*start) {
		st = db_prepare(q->s->db, Q_change);
		db_bind_int(st, 1, *start);
		o = db_step(st, err);
		if (o == FOUND && batch == 0)
			batch = db_int(st, 8);
		else if (o == FOUND && batch != db_int(st, 8))
			break;
		db_reset(st);
		if (o != FOUND)
			break;
	}
	db_reset(st);
	if (batch == 0 && o == NONE)
		return error_set(err, NONE, "there is no change %" PRId64, last);
	return o == NONE ? FOUND : o;
}

enum outcome
store_undoable(struct store *s, const struct undo_choice *choice, store_undo_fn *fn, void *arg,
    struct error *err)
{
	struct search q = { .s = s, .choice = choice, .fn = fn, .arg = arg };
	struct db_stmt *st;
	bool mine, go_on = true;
	int64_t start;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	o = find_start(&q, &start, err);
	if (o == FOUND) {
		st = db_prepare(s->db, Q_changes_back);
		db_bind_int(st, 1, start);
		while (go_on && (o = db_step(st, err)) == FOUND) {
			o = take_row(&q, st, &go_on, err);
			if (o != FOUND)
				break;
		}
		db_reset(st);
		if (o == NONE)
			o = FOUND;
	}
	view_end(s, mine);
	if (o == FOUND && q.changes == 0)
		o = error_set(err, NONE, "there is nothing to undo");
	return o;
}

/* --- the log's end ---------------------------------------------------------------------------- */

enum outcome
store_change_before(struct store *s, int64_t n, int64_t *id, struct error *err)
{
	struct db_stmt *st;
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	*id = 0;
	if (o != FOUND)
		return o;
	st = db_prepare(s->db, Q_change_before_last);
	db_bind_int(st, 1, n);
	o = db_step(st, err);
	if (o == FOUND)
		*id = db_int(st, 0);
	db_reset(st);
	view_end(s, mine);
	return o == NONE ? FOUND : o;
}

enum outcome
store_last_change(struct store *s, int64_t *id, struct error *err)
{
	return store_change_before(s, 0, id, err);
}
