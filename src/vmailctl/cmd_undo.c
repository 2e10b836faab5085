/* SPDX-License-Identifier: ISC
 *
 * undo: what was done last, taken back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "vmailctl/ask.h"
#include "vmailctl/changes.h"
#include "vmailctl/when.h"

enum { ASK_FROM = 20 }; /* changes at once that one is asked about */

struct ids {
	int64_t *id;
	size_t n, size;
	bool no_memory;
};

static bool
keep_id(void *arg, int64_t id)
{
	struct ids *ids = arg;
	size_t size = ids->size == 0 ? 64 : 2 * ids->size;
	int64_t *more;

	if (ids->n == ids->size) {
		more = realloc(ids->id, size * sizeof *more);
		ids->no_memory = more == NULL;
		if (more == NULL)
			return false;
		ids->id = more;
		ids->size = size;
	}
	ids->id[ids->n++] = id;
	return true;
}

static enum exit_code
take_number(struct ctl *ctl, const char *typed, int64_t *out)
{
	unsigned long long n = 0;

	if (typed != NULL && (!slice_number(slice_str(typed), INT64_MAX, &n) || n == 0))
		return ctl_usage(ctl, "'%s' is no number of changes", typed);
	*out = (int64_t)n;
	return EXIT_DONE;
}

static enum exit_code
take_choice(struct ctl *ctl, struct undo_choice *choice)
{
	const char *since = ctl_option(ctl, "since");
	bool some = ctl->args[0] != NULL;
	enum exit_code e = take_number(ctl, ctl->args[0], &choice->n);

	if (e == EXIT_DONE)
		e = take_number(ctl, ctl_option(ctl, "id"), &choice->id);
	if (e != EXIT_DONE)
		return e;
	if (some + (since != NULL) + (choice->id != 0) > 1)
		return ctl_usage(ctl, "say one of them: how many, --since or --id");
	if (since != NULL && !when_past(since, time(NULL), &choice->since))
		return ctl_usage(ctl, "'%s' is no time: write it like %s", since, WHEN_PAST_FORMS);
	if (!some && since == NULL)
		choice->n = 1;
	return EXIT_DONE;
}

/* What undoing has written into the log: behind the first, up to the last. */
struct done {
	int64_t before, last;
};

/* Newest first, all or none. */
static enum outcome
take_back(struct ctl *ctl, const struct ids *ids, struct done *done)
{
	bool force = ctl_option(ctl, "force") != NULL, mine = !ctl->batch;
	enum outcome o = mine ? store_batch_begin(ctl->store, &ctl->err) : FOUND;

	if (o != FOUND)
		return o;
	o = store_last_change(ctl->store, &done->before, &ctl->err);
	for (size_t i = 0; o == FOUND && i < ids->n; i++)
		o = store_undo(ctl->store, ids->id[i], force, &ctl->err);
	if (o == FOUND)
		o = store_last_change(ctl->store, &done->last, &ctl->err);
	if (mine && store_batch_end(ctl->store, o == FOUND, o == FOUND ? &ctl->err : NULL) != FOUND)
		o = RETRY;
	return o;
}

static enum outcome
find(struct ctl *ctl, struct undo_choice *choice, struct ids *ids)
{
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o != FOUND)
		return o;
	if (ctl_option(ctl, "anyone") == NULL)
		choice->who = slice_str(ctl->who);
	o = store_undoable(ctl->store, choice, keep_id, ids, &ctl->err);
	if (o == FOUND && ids->no_memory)
		o = error_set(&ctl->err, RETRY, "no memory for so many changes");
	return o;
}

static enum exit_code
undo(struct ctl *ctl, const struct ids *ids)
{
	enum exit_code e = EXIT_DONE;
	struct done done;
	enum outcome o;

	if (ids->n >= ASK_FROM)
		e = ask_on_terminal(ctl, "take back %zu changes?", ids->n);
	if (e != EXIT_DONE)
		return e;
	o = take_back(ctl, ids, &done);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot undo that");
	/* of a dry run they are shown at its end */
	if (!ctl->batch && !ctl->json)
		changes_print(ctl, done.before, done.last);
	return ctl_done(ctl, slice_str(NULL),
	    "took back %zu %s: `vmailctl undo --id %lld` would make that good again", ids->n,
	    ids->n == 1 ? "change" : "changes", (long long)done.last);
}

enum exit_code
cmd_undo(struct ctl *ctl)
{
	struct undo_choice choice = { .n = 0 };
	struct ids ids = { .id = NULL };
	enum exit_code e = take_choice(ctl, &choice);
	enum outcome o;

	if (e != EXIT_DONE)
		return e;
	o = find(ctl, &choice, &ids);
	e = o == FOUND ? undo(ctl, &ids) : ctl_fail(ctl, o, "there is nothing of yours to undo");
	free(ids.id);
	return e;
}
