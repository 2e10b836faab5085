/* SPDX-License-Identifier: ISC
 *
 * A file of our own beside Dovecot's, with what `vmailctl config dovecot` prints, and the system
 * users switched off, who would be asked for every login first.
 */
#include <stdio.h>
#include <string.h>

#include "vmailctl/config.h"
#include "vmailctl/host.h"
#include "vmailctl/setup.h"

#define DOVECOT_CONF "/etc/dovecot/dovecot.conf"
#define OUR_INCLUDE  "!include vmaild.conf"

enum { TEXT_MAX = 1 << 20 };

/* --- lines --------------------------------------------------------------------------------------
 */

/* Does the line include NAME, be it with a directory in front? */
static bool
includes(struct slice line, const char *name)
{
	struct slice word = slice_cut(&line, ' ');

	if (!slice_is(word, "!include") && !slice_is(word, "!include_try"))
		return false;
	line = slice_trim(line);
	return slice_is(line, name) ||
	       (slice_ends(line, name) && line.p[line.n - strlen(name) - 1] == '/');
}

static bool
has_include(const struct edit *edit, const char *name)
{
	struct slice rest = sbuf_slice(&edit->now);

	while (rest.n > 0)
		if (includes(slice_trim(slice_cut(&rest, '\n')), name))
			return true;
	return false;
}

/* Put a # in front of every line that includes NAME. */
static bool
comment_out(struct edit *edit, const char *name)
{
	struct sbuf text;
	struct slice rest = sbuf_slice(&edit->now);
	bool ok;

	sbuf_init(&text, 4 << 20);
	while (rest.n > 0) {
		bool ended = memchr(rest.p, '\n', rest.n) != NULL;
		struct slice line = slice_cut(&rest, '\n');

		if (includes(slice_trim(line), name))
			sbuf_add_chr(&text, '#');
		sbuf_add_slice(&text, line);
		if (ended)
			sbuf_add_chr(&text, '\n');
	}
	sbuf_clear(&edit->now);
	ok = !text.failed && (text.n == 0 || sbuf_add_slice(&edit->now, sbuf_slice(&text)));
	sbuf_release(&text);
	return ok;
}

/* --- the plan ------------------------------------------------------------------------------------
 */

static enum outcome
no_memory(struct ctl *ctl)
{
	return error_set(&ctl->err, RETRY, "no memory for Dovecot's configuration");
}

/* Our own file, wholly. */
static enum outcome
plan_ours(struct ctl *ctl, const char *path, struct edits *edits)
{
	struct edit *edit = edits_open(edits, path, true, &ctl->err);

	if (edit == NULL)
		return RETRY;
	sbuf_clear(&edit->now);
	if (config_dovecot_text(ctl, &edit->now) != FOUND)
		return RETRY;
	return edit->now.failed ? no_memory(ctl) : FOUND;
}

static enum outcome
plan_system_users(struct ctl *ctl, const char *path, struct edits *edits)
{
	struct edit *edit = edits_open(edits, path, true, &ctl->err);

	if (edit == NULL)
		return RETRY;
	return comment_out(edit, "auth-system.conf.ext") ? FOUND : no_memory(ctl);
}

/* As Debian has it: files in conf.d, of which the last wins. */
static enum outcome
plan_conf_d(struct ctl *ctl, const char *directory, struct edits *edits)
{
	char path[EDIT_PATH_MAX + 32];
	enum outcome o;

	snprintf(path, sizeof path, "%s/conf.d/99-vmaild.conf", directory);
	o = plan_ours(ctl, path, edits);
	snprintf(path, sizeof path, "%s/conf.d/10-auth.conf", directory);
	return o == FOUND ? plan_system_users(ctl, path, edits) : o;
}

/* One file, which includes ours at its end. */
static enum outcome
plan_include(struct ctl *ctl, const char *directory, struct edit *main, struct edits *edits)
{
	char path[EDIT_PATH_MAX + 32];

	snprintf(path, sizeof path, "%s/vmaild.conf", directory);
	if (!comment_out(main, "auth-system.conf.ext"))
		return no_memory(ctl);
	if (!has_include(main, "vmaild.conf")) {
		if (main->now.n > 0 && main->now.p[main->now.n - 1] != '\n')
			sbuf_add_chr(&main->now, '\n');
		sbuf_add_str(&main->now, OUR_INCLUDE "\n");
	}
	return main->now.failed ? no_memory(ctl) : plan_ours(ctl, path, edits);
}

enum outcome
setup_dovecot(struct ctl *ctl, const char *where, struct edits *edits)
{
	char directory[EDIT_PATH_MAX];
	struct sbuf version;
	struct edit *main;
	bool here;

	sbuf_init(&version, 256);
	here = host_dovecot_version(&version);
	sbuf_release(&version);
	if (!here)
		return NONE;
	main = edits_open(edits, where != NULL ? where : DOVECOT_CONF, false, &ctl->err);
	if (main == NULL)
		return RETRY;
	snprintf(directory, sizeof directory, "%s", main->path);
	*strrchr(directory, '/') = '\0'; /* a path with its links followed has one */
	if (has_include(main, "conf.d/*.conf"))
		return plan_conf_d(ctl, directory, edits);
	return plan_include(ctl, directory, main, edits);
}

enum outcome
setup_verify_dovecot(struct ctl *ctl, const char *where)
{
	const char *argv[] = { "doveconf", "-c", where != NULL ? where : DOVECOT_CONF, "-n", NULL };
	struct sbuf out, trouble;
	int status;

	sbuf_init(&out, TEXT_MAX);
	sbuf_init(&trouble, TEXT_MAX);
	status = host_run(&out, &trouble, argv);
	if (status != 0)
		error_set(&ctl->err, RETRY, "%.300s", sbuf_cstr(&trouble));
	sbuf_release(&trouble);
	sbuf_release(&out);
	return status == 0 ? FOUND : RETRY;
}
