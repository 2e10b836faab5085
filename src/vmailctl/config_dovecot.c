/* SPDX-License-Identifier: ISC
 *
 * The lines for Dovecot, by its version and by the way its logins shall go: a row of a table each.
 * The queries of the sql driver are in schema/, and filled in by config_dovecot_sql.c.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/account.h"
#include "sys/privs.h"
#include "vmailctl/config.h"
#include "vmailctl/config_dovecot.h"
#include "vmailctl/doveconf.h"
#include "vmailctl/host.h"
#include "vmailctl/listeners.h"

enum {
	DOVECOT_FIRST_UID = 500, /* its default first_valid_uid */
	DOVECONF_MAX = 4 << 20
};

/* clang-format off */

static const char no_dovecot[] =
	"# There is no Dovecot here to ask for its version: this is for %s.\n";

static const char head[] =
	"# Dovecot %s on vmaild (%s): a file for conf.d, made for this host by 'vmailctl config dovecot'.\n";

static const char system_users[] =
	"# In conf.d/10-auth.conf put a # before '!include auth-system.conf.ext', unless system users\n"
	"# shall have mail here too. Put one before every other passdb and userdb as well: whom they know\n"
	"# could log in with the password that they have.\n";

static const char who_helper[] =
	"# who may log in: vmaild says, the helper carries the question\n";

static const char where[] =
	"\n"
	"# a login brings along where the mail lives; LMTP and doveadm, with no login, ask anew\n"
	"userdb %s{\n"
	"%s"
	"}\n";

static const char helper_path[] =
	"# WARNING: Dovecot cannot pass on a path with a blank or a '%' in it: move the file.\n";

static const char no_socket[] =
	"# WARNING: this needs a unix listener with 'protocol = %s' and 'group = dovecot', and there is\n"
	"# none in vmaild.conf.\n";

static const char no_mail_user[] =
	"\n"
	"# WARNING: there is no user '%s' (mail-user in vmaild.conf) on this host. Make him:\n"
	"# useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin %s\n";

static const char root_mail_user[] =
	"\n"
	"# WARNING: mail-user in vmaild.conf is root: Dovecot refuses to work as root.\n";

static const char small_mail_user[] =
	"\n"
	"# the uid of '%s', who owns the mail\n"
	"first_valid_uid = %lu\n";

static const char lmtp_begin[] =
	"\n"
	"# where Postfix hands mail over (virtual_transport)\n"
	"service lmtp {\n"
	"  unix_listener ";

static const char lmtp_end[] =
	"/private/dovecot-lmtp {\n"
	"    mode = 0600\n"
	"    user = postfix\n"
	"    group = postfix\n"
	"  }\n"
	"}\n";

static const char doveadm[] =
	"\n"
	"# A helper cannot list all users. For doveadm with -A or a pattern, ask vmaild directly:\n"
	"#   doveadm -o auth_socket_path=%s user '*'\n";

static const char who_lua[] =
	"# who may log in: vmaild says, the script asks it. It needs Debian's dovecot-auth-lua and lua-socket.\n";

static const char lua[] =
	"%s lua {\n"
	"  lua_file = " VMAILD_DATADIR "/vmaild.lua\n"
	"  lua_settings {\n"
	"    %s = %s\n"
	"  }\n"
	"}\n";

static const char who_none[] =
	"# delivery by LMTP, and doveadm with its -A, ask vmaild by its userdb socket; nothing is said of logins\n";

static const char who_sql[] =
	"# Dovecot checks the passwords itself, as it finds them in the store.\n"
	"# It knows nothing of app passwords, of throttling, or of better hashes for old ones.\n";

static const char sql_23_file[] =
	"# 'vmailctl config dovecot --passdb sql --sql-file' prints the file that this speaks of:\n";

static const char sql_23[] =
	"%s {\n"
	"  driver = sql\n"
	"  args = /etc/dovecot/vmaild-sql.conf.ext\n"
	"}\n";

static const char username_chars[] =
	"\n"
	"# what is in a name is for vmaild to judge: by itself Dovecot takes letters, digits and .-_@ only,\n"
	"# and mail for any other mailbox bounces\n"
	"auth_username_chars =\n";

static const char smtputf8[] =
	"\n"
	"# The LMTP of Dovecot %s has no SMTPUTF8: mail to or from an address that is not ASCII comes back\n"
	"# with 5.6.7. See CAVEATS in vmaild-maps(7).\n";

static const char mail_comment[] =
	"\n"
	"# where the mail is; ~ is its home, %s\n";

static const char mail_is_theirs[] =
	"\n"
	"# where the mail is stays as the rest of Dovecot's configuration has it, for mail-location in\n"
	"# vmaild.conf is empty; ~ is its home, %s\n";

#define USUAL_LOCATION "maildir:~/Maildir"

/* Debian 13 takes the domain off there. */
static const char names_24[] =
	"protocol lmtp {\n"
	"  auth_username_format = %{user | lower}\n"
	"}\n";

static const char quota_comment[] =
	"\n"
	"# quotas of 'vmailctl user quota', which users can see; vmaild-dovecot(7), Quotas, says how mail for a\n"
	"# full mailbox is refused by Postfix, and not bounced later\n";

/* A protocol that has a list of its own, or in 2.4 one without braces, does not see what is added to that of all:
 * each is told. To be named twice is the same as once. */
static const char quota_23[] =
	"mail_plugins = $mail_plugins quota\n"
	"# a protocol may have a list of its own: what is added to the one above is not in it\n"
	"protocol imap {\n"
	"  mail_plugins = $mail_plugins quota imap_quota\n"
	"}\n"
	"protocol lmtp {\n"
	"  mail_plugins = $mail_plugins quota\n"
	"}\n"
	"protocol lda {\n"
	"  mail_plugins = $mail_plugins quota\n"
	"}\n"
	"plugin {\n"
	"  quota = count:User quota\n"
	"  quota_vsizes = yes\n"
	"}\n";

static const char quota_24[] =
	"mail_plugins {\n"
	"  quota = yes\n"
	"}\n"
	"# a protocol may have a list of its own: what is added to the one above is not in it\n"
	"protocol imap {\n"
	"  mail_plugins {\n"
	"    quota = yes\n"
	"    imap_quota = yes\n"
	"  }\n"
	"}\n"
	"protocol lmtp {\n"
	"  mail_plugins {\n"
	"    quota = yes\n"
	"  }\n"
	"}\n"
	"protocol lda {\n"
	"  mail_plugins {\n"
	"    quota = yes\n"
	"  }\n"
	"}\n"
	"quota \"User quota\" {\n"
	"}\n";

/* clang-format on */

/* --- parts that every way has ----------------------------------------------------------------- */

/* The mail process becomes the mail user; Dovecot refuses to for small uids. */
static void
put_mail_user(struct sbuf *out, const struct conf *conf)
{
	struct identity id;

	if (identity_of_user(&id, conf->mail_user, NULL) != FOUND)
		sbuf_printf(out, no_mail_user, conf->mail_user, conf->mail_user);
	else if (id.uid == 0)
		sbuf_add_str(out, root_mail_user);
	else if (id.uid < DOVECOT_FIRST_UID)
		sbuf_printf(out, small_mail_user, id.name, (unsigned long)id.uid);
}

static void
put_lmtp(struct sbuf *out, const struct conf *conf, const char *postfix)
{
	sbuf_add_str(out, lmtp_begin);
	config_put_queue(out, conf, postfix);
	sbuf_add_str(out, lmtp_end);
}

static void
put_delimiter(struct sbuf *out, const struct conf *conf)
{
	if (strcmp(conf->recipient_delimiter, "+") != 0)
		sbuf_printf(out, "\n# as in vmaild.conf\nrecipient_delimiter = %s\n",
		    conf->recipient_delimiter);
}

bool
config_dovecot_takes(struct slice name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_@";

	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '\0' || strchr(plain, name.p[i]) == NULL)
			return false;
	return true;
}

/* Find the socket for PROTOCOL that Dovecot may use; "" and a warning when there is none. */
static const char *
socket_for(struct sbuf *out, const struct conf *conf, enum protocol protocol)
{
	const struct conf_listener *l = listener_for_group(conf, protocol, "dovecot");

	if (l != NULL && listener_is_unix(l))
		return listener_where(l);
	sbuf_printf(out, no_socket, protocol_name(protocol));
	return "";
}

/* --- where the mail is ------------------------------------------------------------------------ */

/* 2.3 has the form of mail-location, and its letters. */
static void
put_mail_23(struct sbuf *out, struct slice location)
{
	sbuf_add_str(out, "mail_location = ");
	sbuf_add_slice(out, location);
	sbuf_add_chr(out, '\n');
}

static void
put_setting_24(struct sbuf *out, const char *name, struct slice template)
{
	static const struct {
		char letter;
		const char *variable;
	} parts[] = { { 'u', "%{user}" }, { 'n', "%{user | username}" },
		{ 'd', "%{user | domain}" }, { '%', "%%" } };

	sbuf_printf(out, "%s = ", name);
	for (size_t k = 0; k < template.n; k++) {
		if (template.p[k] != '%' || ++k == template.n) {
			sbuf_add_chr(out, template.p[k]);
			continue;
		}
		for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
			if (parts[i].letter == template.p[k])
				sbuf_add_str(out, parts[i].variable);
	}
	sbuf_add_chr(out, '\n');
}

/* Unless told so, 2.4 looks for the inbox of a maildir elsewhere than 2.3 did. */
static void
put_mail_24(struct sbuf *out, struct slice location)
{
	struct slice driver = slice_cut(&location, ':');

	put_setting_24(out, "mail_driver", driver);
	put_setting_24(out, "mail_path", slice_cut(&location, ':'));
	if (slice_is(driver, "maildir"))
		sbuf_add_str(out, "mail_inbox_path = .\n");
	while (location.n > 0) {
		struct slice value = slice_cut(&location, ':'), key = slice_cut(&value, '=');
		const char *name = account_mail_setting(key);

		if (name != NULL)
			put_setting_24(out, name, value);
	}
}

static struct slice
mail_location(const struct conf *conf)
{
	return slice_str(conf->mail_location[0] != '\0' ? conf->mail_location : USUAL_LOCATION);
}

/* A setting of where the mail is: as we write it when nobody has said, and as Debian ships it,
 * which means the spools of users of the host. */
struct told {
	const char *name; /* NULL: there are no more */
	const char *ours;
	const char *debian;
};

static const struct told told_23[] = {
	{ "mail_location", USUAL_LOCATION, "mbox:~/mail:INBOX=/var/mail/%u" },
	{ NULL, NULL, NULL },
};

static const struct told told_24[] = {
	{ "mail_driver", "maildir", "mbox" },
	{ "mail_path", "~/Maildir", "%{home}/mail" },
	{ "mail_inbox_path", ".", "/var/mail/%{user}" },
	{ NULL, NULL, NULL },
};

/* Has somebody else told this Dovecot where the mail is? Our own file, which is read last, says
 * nothing then, or what is ours, so that it stays what it was when it is written again. */
static bool
has_location(const char *file, const struct told *t)
{
	struct sbuf said;
	bool any = false, ours = true, debian = true;

	sbuf_init(&said, DOVECONF_MAX);
	if (doveconf_read(&said, NULL, file))
		for (; t->name != NULL; t++) {
			struct slice value = doveconf_setting(sbuf_slice(&said), t->name);

			any |= value.n > 0;
			ours &= slice_is(value, t->ours);
			debian &= slice_is(value, t->debian);
		}
	sbuf_release(&said);
	return any && !ours && !debian;
}

/* --- checkpassword ---------------------------------------------------------------------------- */

/* Where it was installed or, for a build that was not, beside this program. */
static void
put_helper_path(struct sbuf *out)
{
	static const char installed[] = VMAILD_LIBEXECDIR "/vmail-checkpassword";
	static const char name[] = "vmail-checkpassword";
	char beside[4096 + sizeof name];
	ssize_t n = readlink("/proc/self/exe", beside, 4096);

	while (n > 0 && beside[n - 1] != '/')
		n--;
	memcpy(beside + (n > 0 ? n : 0), name, sizeof name);
	sbuf_add_str(
	    out, access(installed, X_OK) != 0 && access(beside, X_OK) == 0 ? beside : installed);
}

/* Dovecot cuts the line at every blank and replaces %letters. */
static void
put_helper(struct sbuf *out, const char *database, const char *conf_file)
{
	char *path = conf_file != NULL ? realpath(conf_file, NULL) : NULL;

	sbuf_printf(out, "%s {\n  driver = checkpassword\n  args = ", database);
	put_helper_path(out);
	if (path != NULL && strcmp(path, CONF_DEFAULT_FILE) != 0)
		sbuf_printf(out, " -c %s", path);
	sbuf_add_str(out, "\n}\n");
	if (path != NULL && strpbrk(path, " %") != NULL)
		sbuf_add_str(out, helper_path);
	free(path);
}

static void
put_checkpassword(struct sbuf *out, const struct dovecot *d)
{
	const char *userdb;

	put_helper(out, "passdb", d->conf_file);
	socket_for(out, d->conf, PROTOCOL_AUTH);
	sbuf_printf(out, where, "", "  driver = prefetch\n");
	put_helper(out, "userdb", d->conf_file);
	userdb = socket_for(out, d->conf, PROTOCOL_USERDB);
	if (userdb[0] != '\0')
		sbuf_printf(out, doveadm, userdb);
}

/* --- lua -------------------------------------------------------------------------------------- */

static void
put_lua(struct sbuf *out, const struct dovecot *d)
{
	sbuf_printf(out, lua, "passdb", "auth", socket_for(out, d->conf, PROTOCOL_AUTH));
	sbuf_printf(out, where, "prefetch ", "");
	sbuf_printf(out, lua, "userdb", "userdb", socket_for(out, d->conf, PROTOCOL_USERDB));
}

/* --- sql -------------------------------------------------------------------------------------- */

static void
put_sql_23(struct sbuf *out, const struct dovecot *d)
{
	dovecot_put_needs(out, d);
	sbuf_add_str(out, sql_23_file);
	sbuf_printf(out, sql_23, "passdb");
	sbuf_printf(out, where, "", "  driver = prefetch\n");
	sbuf_printf(out, sql_23, "userdb");
	dovecot_put_memory(out, d);
}

static void
put_sql_24(struct sbuf *out, const struct dovecot *d)
{
	dovecot_put_needs(out, d);
	dovecot_put_connection(out, d);
	sbuf_add_str(out, "passdb sql {\n  query = ");
	dovecot_put_query(out, d, DOVECOT_PASSDB);
	sbuf_add_str(out, "\n}\n");
	sbuf_printf(out, where, "prefetch ", "");
	sbuf_add_str(out, "userdb sql {\n  query = ");
	dovecot_put_query(out, d, DOVECOT_USERDB);
	sbuf_add_str(out, "\n  iterate_query = ");
	dovecot_put_query(out, d, DOVECOT_ITERATE);
	sbuf_add_str(out, "\n}\n");
	dovecot_put_memory(out, d);
}

/* --- no logins -------------------------------------------------------------------------------- */

static void
put_none(struct sbuf *out, const struct dovecot *d)
{
	const char *userdb = socket_for(out, d->conf, PROTOCOL_USERDB);

	if (userdb[0] != '\0')
		sbuf_printf(out, "auth_socket_path = %s\n", userdb);
}

/* --- the table -------------------------------------------------------------------------------- */

/* The first of a version is what is taken when nobody says. */
static const struct dovecot_way ways[] = {
	{ "2.3", "checkpassword", true, who_helper, put_checkpassword },
	{ "2.3", "sql", true, who_sql, put_sql_23 },
	{ "2.3", "none", false, who_none, put_none },
	{ "2.4", "lua", true, who_lua, put_lua },
	{ "2.4", "sql", true, who_sql, put_sql_24 },
	{ "2.4", "none", false, who_none, put_none },
};

enum { WAYS = sizeof ways / sizeof ways[0] };

/* What both versions ask for, each in its own words. */
static const struct {
	const char *version;
	void (*put_mail)(struct sbuf *out, struct slice location);
	const struct told *told;
	const char *lmtp;
	const char *quota;
} words[] = {
	{ "2.3", put_mail_23, told_23, "", quota_23 },
	{ "2.4", put_mail_24, told_24, names_24, quota_24 },
};

enum { VERSIONS = sizeof words / sizeof words[0] };

/* Append "'lua', 'sql' or 'none'". */
static void
put_choices(struct sbuf *out, const char *version)
{
	const struct dovecot_way *last = NULL, *first = NULL;

	for (const struct dovecot_way *w = ways; w < ways + WAYS; w++) {
		if (strcmp(w->version, version) != 0)
			continue;
		first = first == NULL ? w : first;
		if (last != NULL)
			sbuf_printf(out, "%s'%s'", last == first ? "" : ", ", last->name);
		last = w;
	}
	if (last != NULL)
		sbuf_printf(out, " or '%s'", last->name);
}

static enum outcome
find_way(const struct dovecot_way **out, const char *version, const char *name, struct error *err)
{
	struct sbuf choices;
	bool known = false;

	for (const struct dovecot_way *w = ways; w < ways + WAYS; w++) {
		if (strcmp(w->version, version) != 0)
			continue;
		known = true;
		if (name == NULL || strcmp(w->name, name) == 0) {
			*out = w;
			return FOUND;
		}
	}
	if (!known)
		return error_set(err, BAD,
		    "there are no lines for Dovecot '%s': for 2.3 and 2.4 there are", version);
	sbuf_init(&choices, 256);
	put_choices(&choices, version);
	error_set(err, BAD, "Dovecot %s has no way '%s' to vmaild: take %s", version, name,
	    sbuf_cstr(&choices));
	sbuf_release(&choices);
	return BAD;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

/* What is installed decides, unless a version is WANTED. Dovecot's releases after 2.4 are taken for
 * one, those before 2.3 for that. */
static const char *
choose_version(struct sbuf *found, const char *wanted)
{
	if (!host_dovecot_version(found))
		sbuf_clear(found);
	if (wanted != NULL)
		return wanted;
	if (found->n == 0)
		return words[0].version;
	for (size_t i = 0; i < VERSIONS; i++)
		if (slice_starts(sbuf_slice(found), words[i].version))
			return words[i].version;
	return words[strcmp(sbuf_cstr(found), words[0].version) < 0 ? 0 : VERSIONS - 1].version;
}

static void
put_file(struct sbuf *out, const struct dovecot *d)
{
	size_t v = 0;

	while (strcmp(words[v].version, d->way->version) != 0)
		v++;
	sbuf_printf(out, head, d->way->version, d->way->name);
	if (d->way->logins)
		sbuf_add_str(out, system_users);
	sbuf_printf(out, "\n%s", d->way->intro);
	d->way->put(out, d);
	sbuf_add_str(out, username_chars);
	if (d->is_here && d->conf->mail_location[0] == '\0' &&
	    has_location(d->dovecot_file, words[v].told))
		sbuf_printf(out, mail_is_theirs, d->conf->mail_home);
	else {
		sbuf_printf(out, mail_comment, d->conf->mail_home);
		words[v].put_mail(out, mail_location(d->conf));
	}
	put_mail_user(out, d->conf);
	put_lmtp(out, d->conf, d->postfix);
	sbuf_add_str(out, words[v].lmtp);
	if (d->beyond_ascii)
		sbuf_printf(out, smtputf8, d->way->version);
	put_delimiter(out, d->conf);
	sbuf_add_str(out, quota_comment);
	sbuf_add_str(out, words[v].quota);
}

enum outcome
config_put_dovecot(
    struct sbuf *out, const struct conf *conf, const struct dovecot_wish *wish, struct error *err)
{
	struct dovecot d = { .conf = conf,
		.conf_file = wish->conf_file,
		.dovecot_file = wish->dovecot_file,
		.beyond_ascii = wish->beyond_ascii };
	struct sbuf found;
	const char *version;
	enum outcome o;

	sbuf_init(&found, 64);
	version = choose_version(&found, wish->version);
	d.is_here = wish->version == NULL && found.n > 0;
	d.store = wish->store;
	d.postfix = wish->postfix;
	d.engine = dovecot_engine_of(&d);
	o = find_way(&d.way, version, wish->passdb, err);
	if (o == FOUND && wish->sql_file && d.way->put != put_sql_23)
		o = error_set(err, BAD,
		    "Dovecot reads a file of queries only in version 2.3, by --passdb sql");
	if (o == FOUND && found.n == 0 && wish->version == NULL)
		sbuf_printf(out, no_dovecot, version);
	if (o == FOUND && wish->sql_file)
		dovecot_put_sql_file(out, &d);
	else if (o == FOUND)
		put_file(out, &d);
	sbuf_release(&found);
	return o;
}
