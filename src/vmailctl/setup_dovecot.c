/* SPDX-License-Identifier: ISC
 *
 * A file of our own beside Dovecot's, with what `vmailctl config dovecot` prints, and everybody
 * else switched off who would be asked for logins and mailboxes.
 */
#include <stdio.h>
#include <string.h>

#include "vmailctl/config.h"
#include "vmailctl/doveconf.h"
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

/* --- who is asked for logins ---------------------------------------------------------------------
 */

/* Files of Debian's with a passdb and a userdb in them. Those of masters, of who is denied, and of
 * tokens are not among them: vmaild has none of these. */
static const char *const login_files[] = { "auth-system.conf.ext", "auth-sql.conf.ext",
	"auth-ldap.conf.ext", "auth-passwdfile.conf.ext", "auth-checkpassword.conf.ext",
	"auth-static.conf.ext", "auth-dict.conf.ext", "auth-vpopmail.conf.ext",
	"auth-lua.conf.ext" };

static bool
stays(const struct database *db)
{
	return db->only_refuses || db->for_masters || slice_is(db->driver, "oauth2");
}

/* Users of another database log in no more. Those of this host were never meant to be in the store.
 */
static void
warn_of(struct slice what, const struct edit *edit)
{
	ctl_warn("Dovecot will ask '%.*s' of %s no more: whoever is in there must be in the store",
	    (int)what.n, what.p, edit->path);
}

static bool
includes_logins(struct slice line, const struct edit *edit)
{
	for (size_t i = 0; i < sizeof login_files / sizeof *login_files; i++) {
		if (!includes(line, login_files[i]))
			continue;
		if (i > 0)
			warn_of(slice_str(login_files[i]), edit);
		return true;
	}
	return false;
}

static bool
is_of_others(const struct database *db, struct ctl *ctl)
{
	return db->is_passdb && !database_is_of_system(db) &&
	       !database_asks_vmaild(db, ctl, slice_str(NULL));
}

/* Take a line with its end off the front. */
static struct slice
take_line(struct slice *rest)
{
	size_t end;
	struct slice line = slice_chr(*rest, '\n', &end) ? slice_head(*rest, end + 1) : *rest;

	*rest = slice_tail(*rest, line.n);
	return line;
}

/* Copy lines, with a # before those that include logins. */
static void
put_lines(struct sbuf *out, const struct edit *edit, struct slice lines)
{
	while (lines.n > 0) {
		struct slice line = take_line(&lines);

		if (includes_logins(slice_trim(line), edit))
			sbuf_add_chr(out, '#');
		sbuf_add_slice(out, line);
	}
}

static void
put_commented(struct sbuf *out, struct slice lines)
{
	while (lines.n > 0) {
		sbuf_add_chr(out, '#');
		sbuf_add_slice(out, take_line(&lines));
	}
}

/* Put a # before all that says in this file who is asked for logins and mailboxes: our own file
 * says both. */
static bool
take_logins_out(struct ctl *ctl, struct edit *edit)
{
	struct slice rest = sbuf_slice(&edit->now), lines = rest;
	struct database db;
	struct sbuf text;
	bool ok;

	sbuf_init(&text, 4 << 20);
	while (doveconf_next(&rest, &db)) {
		put_lines(&text, edit, slice_of(lines.p, (size_t)(db.text.p - lines.p)));
		lines = rest;
		if (stays(&db)) {
			sbuf_add_slice(&text, db.text);
			continue;
		}
		put_commented(&text, db.text);
		if (is_of_others(&db, ctl))
			warn_of(db.driver, edit);
	}
	put_lines(&text, edit, lines);
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
plan_logins(struct ctl *ctl, const char *path, struct edits *edits)
{
	struct edit *edit = edits_open(edits, path, true, &ctl->err);

	if (edit == NULL)
		return RETRY;
	return take_logins_out(ctl, edit) ? FOUND : no_memory(ctl);
}

/* As Debian has it: files in conf.d, of which the last wins. */
static enum outcome
plan_conf_d(struct ctl *ctl, const char *directory, struct edit *main, struct edits *edits)
{
	char path[EDIT_PATH_MAX + 32];
	enum outcome o;

	if (!take_logins_out(ctl, main))
		return no_memory(ctl);
	snprintf(path, sizeof path, "%s/conf.d/99-vmaild.conf", directory);
	o = plan_ours(ctl, path, edits);
	snprintf(path, sizeof path, "%s/conf.d/10-auth.conf", directory);
	return o == FOUND ? plan_logins(ctl, path, edits) : o;
}

/* One file, which includes ours at its end. */
static enum outcome
plan_include(struct ctl *ctl, const char *directory, struct edit *main, struct edits *edits)
{
	char path[EDIT_PATH_MAX + 32];

	snprintf(path, sizeof path, "%s/vmaild.conf", directory);
	if (!take_logins_out(ctl, main))
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
		return plan_conf_d(ctl, directory, main, edits);
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
	if (status == 0 && doveconf_ends_imap(argv[2]))
		return error_set(&ctl->err, RETRY,
		    "Dovecot would load imap_quota without quota in 'protocol imap', and end each "
		    "IMAP session as it begins");
	return status == 0 ? FOUND : RETRY;
}
