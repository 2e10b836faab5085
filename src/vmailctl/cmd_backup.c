/* SPDX-License-Identifier: ISC
 *
 * backup, restore and check: the store as a whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmailctl/ask.h"
#include "vmailctl/output.h"
#include "vmailctl/progress.h"

static void
show_progress(void *arg, int64_t done, int64_t all)
{
	struct progress *bar = arg;

	bar->total = (uint64_t)all;
	progress_at(bar, (uint64_t)done);
}

/* "sqlite:PATH", or the path alone. */
static const char *
path_of(const char *uri)
{
	const char *colon = strchr(uri, ':');

	return strncmp(uri, "sqlite:", 7) == 0 ? colon + 1 : uri;
}

static bool
same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

enum exit_code
cmd_backup(struct ctl *ctl)
{
	const char *file = ctl->args[0];
	struct progress bar;
	struct store_progress progress = { show_progress, &bar };
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o == FOUND && same_file(file, path_of(ctl_uri(ctl))))
		return ctl_usage(ctl, "'%s' is the store itself", file);
	if (o == FOUND) {
		progress_begin(&bar, "copying pages", 0);
		o = store_backup(ctl->store, file, &progress, &ctl->err);
		progress_end(&bar);
	}
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot back the store up");
	return ctl_done(ctl, slice_str(file), "copied the store to '%s', and read it again", file);
}

/* --- restore ------------------------------------------------------------------------------------
 */

static enum outcome
restore(struct ctl *ctl, const char *from, const char *keep)
{
	struct progress bar;
	struct store_progress progress = { show_progress, &bar };
	enum outcome o;

	progress_begin(&bar, "restoring pages", 0);
	o = store_restore(ctl_uri(ctl), from, keep, &ctl->actor, &progress, &ctl->err);
	progress_end(&bar);
	return o;
}

enum exit_code
cmd_restore(struct ctl *ctl)
{
	const char *file = ctl->args[0];
	enum exit_code e;
	char *keep;
	enum outcome o = ctl_conf(ctl);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot restore the store");
	ctl_act(ctl);
	if (same_file(file, path_of(ctl_uri(ctl))))
		return ctl_usage(ctl, "'%s' is the store itself", file);
	e = ask_consent(ctl, "make the store '%s' what '%s' is?", ctl_uri(ctl), file);
	if (e != EXIT_DONE)
		return e;
	if (asprintf(&keep, "%s.before-restore", path_of(ctl_uri(ctl))) < 0)
		return ctl_fail(ctl, RETRY, "no memory");
	o = restore(ctl, file, keep);
	if (o == FOUND)
		e = ctl_done(ctl, slice_str(file),
		    "restored the store from '%s'; what it was is in '%s'", file, keep);
	else
		e = ctl_fail(ctl, o, "cannot restore the store");
	free(keep);
	return e;
}

/* --- check --------------------------------------------------------------------------------------
 */

static const struct column columns[] = {
	{ "where", CELL_TEXT },
	{ "name", CELL_TEXT },
	{ "trouble", CELL_TEXT },
	{ 0 },
};

static bool
put_trouble(void *arg, struct slice where, struct slice name, const char *text)
{
	const struct value values[] = {
		{ .text = where },
		{ .text = name },
		{ .text = slice_str(text) },
	};

	return table_row(arg, values);
}

/* Trouble is no success: whoever asks in a script reads the exit code. */
enum exit_code
cmd_check(struct ctl *ctl)
{
	struct table table;
	enum exit_code e;
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot check the store");
	table_list(&table, ctl, columns);
	o = store_check(ctl->store, put_trouble, &table, &ctl->err);
	e = table_end(&table, o);
	return e == EXIT_DONE && o == FOUND ? EXIT_NOT : e;
}
