/* SPDX-License-Identifier: ISC
 *
 * copy: a whole store into another one, at once or while it is in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "sys/privs.h"
#include "vmailctl/place.h"
#include "vmailctl/progress.h"
#include "vmailctl/remains.h"

struct copy {
	const char *from, *to;
	char from_shown[STORE_SHOWN], to_shown[STORE_SHOWN];
};

static const char *
uri_of(const struct ctl *ctl, const char *typed)
{
	return strcmp(typed, "-") == 0 ? ctl_uri(ctl) : typed;
}

static enum outcome
check_typed(struct ctl *ctl)
{
	enum outcome o = FOUND;

	for (int i = 0; i < 2 && o == FOUND; i++)
		if (strcmp(ctl->args[i], "-") != 0)
			o = store_check_uri(ctl->args[i], false, &ctl->err);
	return o;
}

static void
name_both(struct ctl *ctl, struct copy *c)
{
	c->from = uri_of(ctl, ctl->args[0]);
	c->to = uri_of(ctl, ctl->args[1]);
	store_show(c->from, c->from_shown, sizeof c->from_shown);
	store_show(c->to, c->to_shown, sizeof c->to_shown);
}

/* --- at once -----------------------------------------------------------------------------------
 */

/* FROM is looked at first: nobody wants an empty store because of a slip of the pen. */
static enum outcome
check_source(const struct copy *c, struct error *err)
{
	struct store *s;
	enum outcome o = store_open(&s, c->from, STORE_ADMIN, err);

	store_close(s);
	return o == FOUND ? FOUND : RETRY;
}

/* The store is made as `init` makes it. */
static enum outcome
make_target(struct ctl *ctl, const char *uri, bool *made)
{
	struct identity who = { 0 };
	bool root = geteuid() == 0;
	int from, to;
	enum outcome o = FOUND;

	*made = false;
	if (root)
		o = identity_of_user(&who, ctl->conf->user, &ctl->err);
	if (o != FOUND)
		return o;
	return store_make(
	    uri, root ? (int)who.uid : -1, root ? (int)who.gid : -1, made, &from, &to, &ctl->err);
}

/* One at a time may fill the store at PATH, until *FD is closed: who finds that he cannot removes
 * what he has made, and that must be nobody else's by then. */
static enum outcome
lock_target(const char *path, int *fd, struct error *err)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return error_set(err, RETRY, "cannot open '%s': %s", path, strerror(errno));
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return FOUND;
	return error_set(err, RETRY, "another program is copying to '%s' just now", path);
}

static enum outcome
fill(struct ctl *ctl, const struct copy *c)
{
	struct progress bar;
	struct store_progress progress = { progress_store, &bar };
	enum outcome o;

	progress_begin(&bar, "copying rows", 0);
	o = store_copy(c->from, c->to, &progress, &ctl->err);
	progress_end(&bar);
	return o;
}

/* What does not become a copy is not left behind as a store with nothing in it. BAD: somebody has
 * filled it before us. */
static enum outcome
fill_file(struct ctl *ctl, const struct copy *c, const char *path, bool made)
{
	int fd;
	enum outcome o = lock_target(path, &fd, &ctl->err);
	bool locked = o == FOUND;

	if (locked)
		o = fill(ctl, c);
	if (made && locked && o == RETRY)
		remains_drop_database(path);
	else if (made)
		remains_note_database(path, false);
	if (fd >= 0)
		close(fd); /* and not before: it would take SQLite's locks away */
	return o;
}

static enum outcome
make_and_fill(struct ctl *ctl, const struct copy *c)
{
	const char *path = place_of_store(c->to);
	struct store_way way;
	bool new, made;
	enum outcome o;

	store_way(c->to, &way);
	new = !way.remote &&access(path, F_OK) != 0;
	if (new)
		remains_note_database(path, true);
	o = make_target(ctl, c->to, &made);
	if (new && !made)
		remains_note_database(path, false); /* somebody else has made it, if it is there */
	if (o != FOUND && made)
		remains_drop_database(path);
	if (o != FOUND)
		return o;
	return way.remote ? fill(ctl, c) : fill_file(ctl, c, path, made);
}

static enum exit_code
copy_all(struct ctl *ctl, const struct copy *c)
{
	enum outcome o = check_source(c, &ctl->err);

	if (o == FOUND)
		o = make_and_fill(ctl, c);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot copy the store");
	return ctl_done(ctl, slice_str(c->to_shown),
	    "copied the store '%s' to '%s', read both again and found them the same", c->from_shown,
	    c->to_shown);
}

/* --- while it is in use -------------------------------------------------------------------------
 */

static const struct mode {
	const char *option;
	enum outcome (*run)(const struct store_move *m, struct store_moved *out, struct error *err);
	const char *done, *idle;
} modes[] = {
	{ "catch-up", store_catch_up,
	    "brought over what was changed meanwhile; the new store follows, and takes no changes",
	    "nothing was changed meanwhile; the new store follows, and takes no changes" },
	{ "close", store_move_close,
	    "brought over all there is, and neither takes changes now; next: set store to the new "
	    "one, "
	    "reload vmaild, and `vmailctl copy --open`",
	    "brought over all there is; neither takes changes, as before" },
	{ "open", store_move_open, "the new store takes changes now, and the old one none any more",
	    "brought over the last logins; the new store takes changes, as before" },
	{ "cancel", store_move_cancel,
	    "the old store takes changes, and stays; the new one does not follow it any more",
	    "the old store takes changes, as before" },
};

enum { MODES = sizeof modes / sizeof modes[0] };

/* NULL: none was asked for. */
static const struct mode *
find_mode(const struct ctl *ctl, size_t *asked)
{
	const struct mode *mode = NULL;

	*asked = 0;
	for (size_t i = 0; i < MODES; i++) {
		if (ctl_option(ctl, modes[i].option) == NULL)
			continue;
		mode = &modes[i];
		++*asked;
	}
	return mode;
}

static enum exit_code
move(struct ctl *ctl, const struct copy *c, const struct mode *mode)
{
	struct progress bar;
	const struct store_move m = { .from = c->from,
		.to = c->to,
		.actor = &ctl->actor,
		.progress = { progress_store, &bar },
		.compare = ctl_option(ctl, "compare") != NULL,
		.force = ctl_option(ctl, "force") != NULL };
	struct store_moved moved;
	enum outcome o;

	ctl_act(ctl);
	progress_begin(&bar, "copying rows", 0);
	o = mode->run(&m, &moved, &ctl->err);
	progress_end(&bar);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot move the store");
	return ctl_done(ctl, slice_str(c->to_shown), "'%s' to '%s': %s", c->from_shown, c->to_shown,
	    moved.idle ? mode->idle : mode->done);
}

enum exit_code
cmd_copy(struct ctl *ctl)
{
	struct copy c;
	size_t asked;
	const struct mode *mode = find_mode(ctl, &asked);
	enum outcome o;

	if (asked > 1)
		return ctl_usage(ctl, "--catch-up, --close, --open and --cancel: one at a time");
	o = ctl_conf(ctl);
	if (o == FOUND)
		o = check_typed(ctl);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot copy the store");
	name_both(ctl, &c);
	if (strcmp(c.from, c.to) == 0)
		return ctl_usage(ctl, "FROM and TO are the same store");
	return mode != NULL ? move(ctl, &c, mode) : copy_all(ctl, &c);
}
