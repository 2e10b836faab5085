/* SPDX-License-Identifier: ISC
 *
 * The lines for Dovecot 2.3, and what there is for 2.4, which can no longer run a checkpassword
 * program.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/privs.h"
#include "vmailctl/config.h"
#include "vmailctl/host.h"
#include "vmailctl/listeners.h"

enum {
	DOVECOT_FIRST_UID = 500,      /* its default first_valid_uid */
	DOVECOT_HASH_KIB = 200 * 1024 /* what its 256 MiB for auth processes leave to a hash */
};

/* clang-format off */

static const char no_dovecot[] =
	"# There is no Dovecot here to ask for its version: this is for 2.3.\n";

static const char head[] =
	"# Dovecot %s on vmaild: a file for conf.d, made for this host by 'vmailctl config dovecot'.\n";

static const char who[] =
	"# In conf.d/10-auth.conf put a # before '!include auth-system.conf.ext', unless system users\n"
	"# shall have mail here too.\n"
	"\n"
	"# who may log in: vmaild says, the helper carries the question\n";

static const char where[] =
	"\n"
	"# a login brings along where the mail lives; LMTP and doveadm, with no login, ask anew\n"
	"userdb {\n"
	"  driver = prefetch\n"
	"}\n";

static const char helper_path[] =
	"# WARNING: Dovecot cannot pass on a path with a blank or a '%' in it: move the file.\n";

static const char helper_socket[] =
	"# WARNING: the helper needs a unix listener with 'protocol = %s' and 'group = dovecot', and\n"
	"# there is none in vmaild.conf.\n";

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

static const char memory[] =
	"\n"
	"# hash-memory in vmaild.conf is %ld KiB. vmaild has that memory; a Dovecot that checks such a\n"
	"# password itself would call it wrong under its usual limit of 256 MiB.\n"
	"service auth {\n"
	"  vsz_limit = %ldM\n"
	"}\n";

static const char doveadm[] =
	"\n"
	"# A helper cannot list all users. For doveadm with -A or a pattern, ask vmaild directly:\n"
	"#   doveadm -o auth_socket_path=%s user '*'\n";

static const char quota[] =
	"\n"
	"# Quotas of 'vmailctl user add --quota' count only with the quota plugin switched on:\n"
	"# mail_plugins = $mail_plugins quota\n"
	"# plugin {\n"
	"#   quota = count:User quota\n"
	"#   quota_vsizes = yes\n"
	"# }\n";

static const char username_chars[] =
	"\n"
	"# '%.*s' has more in it than letters, digits and .-_, which is all that Dovecot takes by itself.\n"
	"# What is in a name is for vmaild to judge:\n"
	"auth_username_chars =\n";

static const char smtputf8_23[] =
	"\n"
	"# The LMTP of Dovecot 2.3 has no SMTPUTF8: mail to or from an address that is not ASCII comes back\n"
	"# with 5.6.7. See CAVEATS in vmaild-maps(7).\n";

static const char head_24[] =
	"#\n"
	"# NOT COMPLETE: Dovecot 2.4 has no checkpassword any more, and this release of vmaild has no other\n"
	"# way to check its logins. IMAP and POP3 with vmaild need Dovecot 2.3. What works with 2.4 is\n"
	"# delivery by LMTP, and doveadm (its -A as well): they ask vmaild by its userdb socket.\n";

static const char no_userdb_24[] =
	"# But no unix listener of the configuration has 'protocol = userdb'.\n";

static const char mail_23[] =
	"\n"
	"# below each home, which is %s\n"
	"mail_location = maildir:~/Maildir\n";

static const char mail_24[] =
	"\n"
	"auth_socket_path = %s\n"
	"\n"
	"# below each home, which is %s\n"
	"mail_driver = maildir\n"
	"mail_path = ~/Maildir\n";

/* clang-format on */

/* --- parts that both versions take ------------------------------------------------------------ */

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
put_lmtp(struct sbuf *out, const struct conf *conf)
{
	sbuf_add_str(out, lmtp_begin);
	config_put_queue(out, conf);
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

static bool
is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 127)
			return false;
	return true;
}

static void
put_names(struct sbuf *out, struct slice odd_name)
{
	if (odd_name.n > 0)
		sbuf_printf(out, username_chars, (int)odd_name.n, odd_name.p);
}

static const struct conf_listener *
unix_listener(const struct conf *conf, enum protocol protocol)
{
	const struct conf_listener *l = listener_for(conf, protocol, NULL);

	return l != NULL && listener_is_unix(l) ? l : NULL;
}

/* --- 2.3 -------------------------------------------------------------------------------------- */

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

/* The helper runs as Dovecot's user and knows unix sockets only. */
static void
put_socket_warning(struct sbuf *out, const struct conf *conf, enum protocol protocol)
{
	if (unix_listener(conf, protocol) == NULL)
		sbuf_printf(out, helper_socket, protocol_name(protocol));
}

static void
put_auth(struct sbuf *out, const struct conf *conf, const char *conf_file)
{
	sbuf_add_str(out, who);
	put_helper(out, "passdb", conf_file);
	put_socket_warning(out, conf, PROTOCOL_AUTH);
	sbuf_add_str(out, where);
	put_helper(out, "userdb", conf_file);
	put_socket_warning(out, conf, PROTOCOL_USERDB);
}

static void
put_dovecot_23(
    struct sbuf *out, const struct conf *conf, const char *conf_file, struct slice odd_name)
{
	const struct conf_listener *userdb = unix_listener(conf, PROTOCOL_USERDB);

	put_auth(out, conf, conf_file);
	put_names(out, odd_name);
	sbuf_printf(out, mail_23, conf->mail_home);
	put_mail_user(out, conf);
	put_lmtp(out, conf);
	if (!is_ascii(odd_name))
		sbuf_add_str(out, smtputf8_23);
	put_delimiter(out, conf);
	if (conf->hash_memory > DOVECOT_HASH_KIB)
		sbuf_printf(out, memory, conf->hash_memory, conf->hash_memory / 1024 * 2 + 256);
	if (userdb != NULL)
		sbuf_printf(out, doveadm, listener_where(userdb));
	sbuf_add_str(out, quota);
}

/* --- 2.4 -------------------------------------------------------------------------------------- */

static void
put_dovecot_24(struct sbuf *out, const struct conf *conf, struct slice odd_name)
{
	const struct conf_listener *userdb = unix_listener(conf, PROTOCOL_USERDB);

	sbuf_add_str(out, head_24);
	if (userdb == NULL) {
		sbuf_add_str(out, no_userdb_24);
		return;
	}
	put_names(out, odd_name);
	sbuf_printf(out, mail_24, listener_where(userdb), conf->mail_home);
	put_mail_user(out, conf);
	put_lmtp(out, conf);
	put_delimiter(out, conf);
}

void
config_put_dovecot(
    struct sbuf *out, const struct conf *conf, const char *conf_file, struct slice odd_name)
{
	struct sbuf version;

	sbuf_init(&version, 64);
	if (!host_dovecot_version(&version)) {
		sbuf_clear(&version);
		sbuf_add_str(&version, "2.3");
		sbuf_add_str(out, no_dovecot);
	}
	sbuf_printf(out, head, sbuf_cstr(&version));
	if (slice_starts(sbuf_slice(&version), "2.3"))
		put_dovecot_23(out, conf, conf_file, odd_name);
	else
		put_dovecot_24(out, conf, odd_name);
	sbuf_release(&version);
}
