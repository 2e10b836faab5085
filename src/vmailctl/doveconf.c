/* SPDX-License-Identifier: ISC
 *
 * Dovecot's configuration: what doctor and setup read in it. What they make of that is theirs.
 */
#include "vmailctl/doveconf.h"

#include <stdio.h>
#include <string.h>

#include "vmailctl/host.h"
#include "vmailctl/listeners.h"

bool
doveconf_read(struct sbuf *out, struct sbuf *trouble, const char *file)
{
	const char *usual[] = { "doveconf", "-n", NULL };
	const char *named[] = { "doveconf", "-c", file, "-n", NULL };

	return host_run(out, trouble, file != NULL ? named : usual) == 0;
}

struct slice
doveconf_unquoted(struct slice s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return slice_of(s.p + 1, s.n - 2);
	return s;
}

struct slice
doveconf_setting(struct slice conf, const char *name)
{
	while (conf.n > 0) {
		struct slice value = slice_cut(&conf, '\n'), word;

		if (value.n == 0 || value.p[0] == ' ')
			continue;
		word = slice_trim(slice_cut(&value, '='));
		if (value.p != NULL && slice_is(word, name))
			return doveconf_unquoted(slice_trim(value));
	}
	return slice_str(NULL);
}

/* --- plugins ---------------------------------------------------------------------------------- */

enum { PLUGINS_MAX = 1 << 16 };

static bool
read_plugins(struct sbuf *out, const char *file, const char *protocol)
{
	const char *argv[8] = { "doveconf" };
	char filter[64];
	size_t n = 1;

	if (file != NULL) {
		argv[n++] = "-c";
		argv[n++] = file;
	}
	if (protocol != NULL) {
		snprintf(filter, sizeof filter, "protocol=%s", protocol);
		argv[n++] = "-f";
		argv[n++] = filter;
	}
	argv[n++] = "-h";
	argv[n++] = "mail_plugins";
	return host_run(out, NULL, argv) == 0;
}

static bool
has_word(struct slice line, const char *word)
{
	while (line.n > 0)
		if (slice_is(slice_cut(&line, ' '), word))
			return true;
	return false;
}

bool
doveconf_loads(const char *file, const char *protocol, const char *plugin)
{
	struct sbuf said;
	struct slice rest;
	bool loads = false, listed = false, adds = false;

	sbuf_init(&said, PLUGINS_MAX);
	read_plugins(&said, file, protocol);
	rest = sbuf_slice(&said);
	while (rest.n > 0 && !listed) {
		struct slice value = slice_cut(&rest, '\n'), line = value, name;

		name = slice_trim(slice_cut(&value, '='));
		listed = slice_is(name, plugin) || (value.p == NULL && has_word(line, plugin));
		loads = listed && (value.p == NULL || slice_is(slice_trim(value), "yes"));
		adds |= value.p != NULL;
	}
	sbuf_release(&said);
	/* in 2.4 a list with braces, "quota = yes", is added to that of all */
	if (!listed && adds && protocol != NULL)
		return doveconf_loads(file, NULL, plugin);
	return loads;
}

bool
doveconf_ends_imap(const char *file)
{
	return doveconf_loads(file, "imap", "imap_quota") && !doveconf_loads(file, "imap", "quota");
}

/* --- passdbs and userdbs ------------------------------------------------------------------------
 */

/* A line without its blanks and, if it is one of a file, without its comment. */
static struct slice
bare(struct slice line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
			line.n = i;
	return slice_trim(line);
}

/* "passdb {" or, of 2.4, "passdb NAME {", where the name is the driver too. */
static bool
opens(struct slice line, struct database *db)
{
	struct slice name;

	if (!slice_ends(line, "{") ||
	    !(slice_starts(line, "passdb") || slice_starts(line, "userdb")))
		return false;
	name = slice_tail(slice_head(line, line.n - 1), 6);
	if (name.n > 0 && name.p[0] != ' ' && name.p[0] != '\t')
		return false;
	*db = (struct database){ .is_passdb = line.p[0] == 'p', .driver = slice_trim(name) };
	return true;
}

static void
note_line(struct database *db, struct slice value)
{
	struct slice key = slice_trim(slice_cut(&value, '='));

	if (slice_starts(key, "passdb_") || slice_starts(key, "userdb_"))
		key = slice_tail(key, 7);
	value = slice_trim(value);
	if (slice_is(key, "driver"))
		db->driver = value;
	else if (slice_is(key, "deny"))
		db->only_refuses = slice_is(value, "yes");
	else if (slice_is(key, "master"))
		db->for_masters = slice_is(value, "yes");
}

/* A line of the block, in which so many others are open. Returns how many there are behind it. */
static size_t
inside(struct database *db, size_t open, struct slice line)
{
	if (slice_starts(line, "}"))
		return open - 1;
	if (open == 1)
		note_line(db, line);
	return open + slice_ends(line, "{");
}

bool
doveconf_next(struct slice *rest, struct database *db)
{
	const char *start = NULL;
	size_t open = 0;

	while (rest->n > 0) {
		const char *at = rest->p;
		struct slice line = slice_cut(rest, '\n'), text = bare(line);

		if (open > 0)
			open = inside(db, open, text);
		else if (opens(text, db)) {
			start = at;
			open = 1;
			db->nested = at[0] == ' ' || at[0] == '\t';
		}
		if (start != NULL && open == 0) {
			at = rest->p != NULL ? rest->p : line.p + line.n;
			db->text = slice_of(start, (size_t)(at - start));
			return true;
		}
	}
	return false;
}

bool
database_is_prefetch(const struct database *db)
{
	return slice_is(db->driver, "prefetch");
}

bool
database_is_of_system(const struct database *db)
{
	static const char *const drivers[] = { "pam", "passwd", "shadow", "bsdauth", "nss" };

	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
		if (slice_is(db->driver, drivers[i]))
			return true;
	return false;
}

static bool
holds(const struct database *db, const char *word)
{
	return word[0] != '\0' && memmem(db->text.p, db->text.n, word, strlen(word)) != NULL;
}

/* By the helper, by a script or a socket that names our listener, or by the public views, in the
 * store itself or in a published file. */
bool
database_asks_vmaild(const struct database *db, struct ctl *ctl, struct slice conf)
{
	const char *uri = ctl_uri(ctl);
	const char *store = strncmp(uri, "sqlite:", 7) == 0 ? uri + 7 : uri;

	if (holds(db, "vmail-checkpassword") || holds(db, "vmaild"))
		return true;
	for (size_t i = 0; i < ctl->conf->listeners; i++) {
		const struct conf_listener *l = &ctl->conf->listener[i];
		enum protocol asked = db->is_passdb ? PROTOCOL_AUTH : PROTOCOL_USERDB;

		if (l->protocol == asked && holds(db, listener_where(l)))
			return true;
	}
	/* of 2.4 the file stands outside of the block */
	return holds(db, store) || holds(db, "v1_login") || holds(db, "v1_user") ||
	       (slice_is(db->driver, "sql") &&
		   slice_is(doveconf_setting(conf, "sqlite_path"), store));
}
