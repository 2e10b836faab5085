/* SPDX-License-Identifier: ISC
 *
 * Looking at all of a store for what may be wrong with it. What a row means is for the caller to
 * judge.
 */
#include "store/handle.h"

static const struct {
	enum statement statement;
	bool timed; /* it wants to know a time */
} scans[] = {
	[SCAN_TARGETS] = { Q_lint_targets, true },
	[SCAN_STEPS] = { Q_lint_steps, false },
	[SCAN_LOCAL_STEPS] = { Q_lint_local_steps, false },
	[SCAN_EXTERNAL] = { Q_lint_external, false },
	[SCAN_EXPIRED] = { Q_lint_expired, true },
	[SCAN_HIDDEN] = { Q_lint_hidden, true },
	[SCAN_CATCH_ALL_HIDES] = { Q_lint_catch_all_hides, false },
	[SCAN_CATCH_ALL_ALONE] = { Q_lint_catch_all_alone, false },
	[SCAN_CATCH_ALL_NEVER] = { Q_lint_catch_all_never, false },
	[SCAN_MISPLACED] = { Q_lint_misplaced, false },
	[SCAN_BARE] = { Q_lint_bare, false },
	[SCAN_ENTRIES] = { Q_lint_entries, false },
	[SCAN_DOMAINS] = { Q_lint_domains, false },
	[SCAN_MAILBOX_DOMAINS] = { Q_lint_mailbox_domains, false },
	[SCAN_DOTS] = { Q_lint_dots, false },
	[SCAN_ALL_DOMAINS] = { Q_lint_all_domains, false },
	[SCAN_ALL_MAILBOXES] = { Q_lint_all_mailboxes, false },
	[SCAN_ALL_ALIASES] = { Q_lint_all_aliases, false },
	[SCAN_HASHES] = { Q_lint_hashes, false },
	[SCAN_LIMITED] = { Q_lint_limited, false },
	[SCAN_UNUSED] = { Q_lint_unused, true },
};

static enum outcome
scan(struct store *s, enum store_scan which, int64_t at, store_scan_fn *fn, void *arg,
    struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, scans[which].statement);
	enum outcome o;

	if (scans[which].timed)
		db_bind_int(st, 1, at);
	while ((o = db_step(st, err)) == FOUND) {
		const struct scan_row row = { .subject = db_text(st, 0),
			.detail = db_text(st, 1),
			.more = db_text(st, 2),
			.number = db_int(st, 3) };

		if (!fn(arg, &row)) {
			db_reset(st);
			return FOUND;
		}
		db_arm(s->db);
	}
	return o == NONE ? FOUND : RETRY;
}

enum outcome
store_scan(struct store *s, enum store_scan which, int64_t at, store_scan_fn *fn, void *arg,
    struct error *err)
{
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	o = scan(s, which, at, fn, arg, err);
	view_end(s, mine);
	return o;
}

/* --- single questions ------------------------------------------------------------------------- */

/* The first row of a statement that takes at most one text. */
static enum outcome
first_row(struct store *s, enum statement which, struct slice key, struct sbuf *text,
    int64_t *number, struct error *err)
{
	struct db_stmt *st;
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	st = db_prepare(s->db, which);
	if (key.n > 0)
		db_bind_text(st, 1, key);
	o = db_step(st, err);
	if (o == FOUND && text != NULL && !sbuf_add_slice(text, db_text(st, 0)))
		o = error_set(err, RETRY, "no memory");
	if (o == FOUND && number != NULL)
		*number = db_int(st, 0);
	db_reset(st);
	view_end(s, mine);
	return o;
}

enum outcome
store_taken(struct store *s, struct slice address, struct error *err)
{
	return first_row(s, Q_alike, address, NULL, NULL, err);
}

enum outcome
store_newest(struct store *s, int64_t *at, struct error *err)
{
	return first_row(s, Q_newest, slice_str(NULL), NULL, at, err);
}

enum outcome
store_quick_check(struct store *s, struct error *err)
{
	struct sbuf said;
	enum outcome o;

	sbuf_init(&said, QUESTION_TEXT);
	o = first_row(s, Q_quick_check, slice_str(NULL), &said, NULL, err);
	if (o == FOUND && !slice_is(sbuf_slice(&said), "ok"))
		o = error_set(err, BAD, "the store is damaged: %.400s", sbuf_cstr(&said));
	sbuf_release(&said);
	return o == NONE ? RETRY : o;
}
