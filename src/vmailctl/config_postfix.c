/* SPDX-License-Identifier: ISC
 *
 * The lines for main.cf: those that every mail host needs, and below them, commented out, one for
 * every other map of the table of maps. Every line says why it is there, for it will be read again
 * in five years.
 */
#include <string.h>

#include "mail/maps.h"
#include "vmailctl/config.h"
#include "vmailctl/host.h"
#include "vmailctl/listeners.h"

/* clang-format off */

static const char head[] =
	"# Postfix on vmaild: lines for main.cf, made for this host by 'vmailctl config postfix'.\n"
	"# They replace lines of the same name. Then: postfix reload\n"
	"#\n"
	"# A domain of vmaild must not stand in mydestination as well. virtual(8) and local(8) cannot ask\n"
	"# these tables (Postfix refuses socketmap and tcp there): so mail is handed to Dovecot by LMTP\n"
	"# below, and alias_maps stays a file.\n"
	"\n";

static const char no_twin[] =
	"# WARNING: '%s' has no twin below Postfix's queue directory: chrooted daemons (as\n"
	"# Debian runs smtpd and cleanup) cannot reach it. Leave 'postfix-twin = false' out.\n"
	"\n";

static const char other_queue[] =
	"# WARNING: Postfix's queue directory here is '%s', which is not among queue-directories in\n"
	"# vmaild.conf: chrooted daemons cannot reach '%s'.\n"
	"# Write   queue-directories = { \"%s\" }   there and restart vmaild.\n"
	"\n";

static const char delimiter[] =
	"# the same characters as recipient-delimiter in vmaild.conf: both sides split addresses\n"
	"recipient_delimiter = %s\n"
	"\n";

static const char delivery[] =
	"# mail for mailboxes goes to Dovecot, see 'vmailctl config dovecot'; the path is below the queue\n"
	"# directory\n"
	"virtual_transport = lmtp:unix:private/dovecot-lmtp\n"
	"\n";

static const char no_logins[] =
	"# logins: no listener of the configuration has 'protocol = auth'\n";

static const char logins[] =
	"# logins are checked by vmaild itself, which speaks Dovecot's protocol. For mail programs take the '#'\n"
	"# away in master.cf from 'submission' (port 587), 'submissions' (465) and their '-o' lines, but not from\n"
	"# '-o smtpd_sender_restrictions=', which would undo the last of these lines\n"
	"smtpd_sasl_type = dovecot\n"
	"smtpd_sasl_path = %s\n"
	"smtpd_sasl_auth_enable = yes\n"
	"# passwords over TLS only (needs smtpd_tls_cert_file and smtpd_tls_security_level = may)\n"
	"smtpd_tls_auth_only = yes\n"
	"# nobody sends in the name of somebody else: this is what asks smtpd_sender_login_maps\n"
	"smtpd_sender_restrictions = reject_authenticated_sender_login_mismatch\n";

static const char more[] =
	"\n"
	"# ----------------------------------------------------------------------------------------------\n"
	"# From here on only what is needed: take away the '#' in front of a line. Entries are made by\n"
	"# 'vmailctl map set' and are live at once; no postmap. 'proxy:' in front of a table is not needed:\n"
	"# chrooted daemons reach the socket as well.\n";

static const char policy[] =
	"\n"
	"# --- the same lists exactly, in place of those three lines: members of that very list and of lists in\n"
	"# it, and an alias that leads to a closed list is closed too\n";

static const char policy_line[] =
	"# smtpd_recipient_restrictions = reject_non_fqdn_recipient, check_policy_service %s\n";

static const char no_policy[] =
	"# (no listener of vmaild.conf has 'protocol = policy': see vmaild-maps(7), CLOSED LISTS)\n";

/* Maps by what they are for, in the order in which they are printed. The first group is what every mail host
 * needs; what stands in none is printed behind the last, so that none is forgotten. */
static const struct group {
	const char *heading;
	const char *maps;
} groups[] = {
	{ NULL, "domains alias-domains mailboxes aliases senders" },
	{ "domains that are not for mailboxes, and who is in them",
	  "relay-domains relay-recipients local-domains local-recipients" },
	{ "by which way mail goes", "transports relayhosts" },
	{ "addresses rewritten, copied, or moved away",
	  "canonical sender-canonical recipient-canonical generic sender-bcc recipient-bcc relocated" },
	{ "who may do what: a value is an action of access(5), such as OK or 'REJECT text'; a line replaces one of\n"
	  "# the same name above, so keep what that one says",
	  "client-access helo-access sender-access sasl-access recipient-access" },
	{ "lists for our own senders and members only: the class is what recipient-access answers for a list\n"
	  "# that 'vmailctl alias set LIST --internal' has closed; all three lines are needed. Where the\n"
	  "# sender must have logged in, write 'reject_sender_login_mismatch, ' before check_sender_access",
	  "members" },
	{ "TLS with other hosts", "tls-policy" },
	{ "for delivery agents that ask: Postfix's own virtual(8) refuses socketmap and tcp, and wants\n"
	  "# 'static:' and a number", "uids gids" },
	{ "and also", "" },
};

/* Where a parameter is not simply the table: what is to be written instead. */
static const struct usage {
	const char *map;
	const char *before, *behind; /* the table */
} usages[] = {
	{ "local-domains", "mydestination = $myhostname, localhost.$mydomain, localhost, ", "" },
	{ "local-recipients", "local_recipient_maps = proxy:unix:passwd.byname, $alias_maps, ", "" },
	{ "client-access", "smtpd_client_restrictions = check_client_access ", "" },
	{ "helo-access", "smtpd_helo_restrictions = check_helo_access ", "" },
	{ "sender-access",
	  "smtpd_sender_restrictions = reject_authenticated_sender_login_mismatch, check_sender_access ", "" },
	{ "sasl-access", "smtpd_data_restrictions = check_sasl_access ", "" },
	{ "recipient-access", "smtpd_recipient_restrictions = check_recipient_access ", "" },
	{ "members", "smtpd_restriction_classes = " MAP_CLOSED_LIST "\n#" MAP_CLOSED_LIST
	  " = check_sender_access ", ", reject" },
};

enum { GROUPS = sizeof groups / sizeof groups[0], USAGES = sizeof usages / sizeof usages[0] };

/* clang-format on */

void
config_put_queue(struct sbuf *out, const struct conf *conf, const char *directory)
{
	if (host_queue_directory(out, directory))
		return;
	sbuf_add_str(out,
	    conf->queue_directory[0] != NULL ? conf->queue_directory[0] : "/var/spool/postfix");
}

/* --- the maps --------------------------------------------------------------------------------- */

/* "socketmap:unix:/run/vmaild.sock:aliases": the listener that serves all maps, else the one for
 * this. */
static bool
put_table(struct sbuf *out, const struct conf *conf, const struct map *map)
{
	const struct conf_listener *l = listener_for(conf, PROTOCOL_SOCKETMAP, NULL);

	if (l != NULL)
		return sbuf_printf(out, "socketmap:%s:%s", l->address, map->name);
	l = listener_for(conf, PROTOCOL_TCP, map->name);
	return l != NULL && sbuf_printf(out, "tcp:%s", listener_where(l));
}

/* "relay_domains = TABLE", or what it is used in. */
static void
put_usage(struct sbuf *out, const struct map *map, const char *table)
{
	for (size_t i = 0; i < USAGES; i++) {
		if (strcmp(usages[i].map, map->name) != 0)
			continue;
		sbuf_printf(out, "%s%s%s\n", usages[i].before, table, usages[i].behind);
		return;
	}
	sbuf_printf(out, "%s = %s\n", map->parameter, table);
}

/* OFF is what keeps the line from being in force: "#", or nothing. */
static void
put_map(struct sbuf *out, const struct conf *conf, const struct map *map, const char *off)
{
	struct sbuf table;

	sbuf_init(&table, 512);
	if (put_table(&table, conf, map)) {
		sbuf_printf(out, "# %s\n%s", map->summary, off);
		put_usage(out, map, sbuf_cstr(&table));
	} else {
		sbuf_printf(out, "# %s: no listener of the configuration serves '%s'\n# %s =\n",
		    map->summary, map->name, map->parameter);
	}
	sbuf_release(&table);
}

static bool
has_map(const struct group *group, const char *name)
{
	struct slice rest = slice_str(group->maps);

	while (rest.n > 0)
		if (slice_is(slice_cut(&rest, ' '), name))
			return true;
	return false;
}

/* The last group is that of the maps that have none. */
static size_t
group_of(const struct map *map)
{
	for (size_t i = 0; i < GROUPS; i++)
		if (has_map(&groups[i], map->name))
			return i;
	return GROUPS - 1;
}

/* The maps of group I in the order of the table. */
static void
put_group(struct sbuf *out, const struct conf *conf, size_t i)
{
	const char *heading = groups[i].heading;
	const struct map *map;

	for (size_t k = 0; (map = map_at(k)) != NULL; k++) {
		if (group_of(map) != i)
			continue;
		if (heading != NULL)
			sbuf_printf(out, "\n# --- %s\n", heading);
		heading = NULL;
		put_map(out, conf, map, groups[i].heading != NULL ? "#" : "");
	}
}

static void
put_maps(struct sbuf *out, const struct conf *conf)
{
	put_group(out, conf, 0);
	sbuf_printf(out, delimiter, conf->recipient_delimiter);
}

static void
put_policy(struct sbuf *out, const struct conf *conf)
{
	const struct conf_listener *l = listener_for(conf, PROTOCOL_POLICY, NULL);

	sbuf_add_str(out, policy);
	if (l == NULL)
		sbuf_add_str(out, no_policy);
	else
		sbuf_printf(out, policy_line, l->address);
}

static void
put_more(struct sbuf *out, const struct conf *conf)
{
	sbuf_add_str(out, more);
	for (size_t i = 1; i < GROUPS; i++) {
		put_group(out, conf, i);
		if (has_map(&groups[i], "members"))
			put_policy(out, conf);
	}
}

/* --- sockets and chroots ---------------------------------------------------------------------- */

static bool
is_listed(const struct conf *conf, const char *directory)
{
	for (size_t i = 0; conf->queue_directory[i] != NULL; i++)
		if (strcmp(conf->queue_directory[i], directory) == 0)
			return true;
	return false;
}

/* Chrooted daemons see a socket only below the queue directory: the twin that vmaild binds. */
static void
put_chroot_warning(
    struct sbuf *out, const struct conf *conf, const struct conf_listener *l, const char *directory)
{
	struct sbuf queue;

	if (l == NULL || !listener_is_unix(l))
		return;
	sbuf_init(&queue, 4096);
	if (!l->twin)
		sbuf_printf(out, no_twin, l->address);
	else if (host_queue_directory(&queue, directory) && !is_listed(conf, sbuf_cstr(&queue)))
		sbuf_printf(out, other_queue, sbuf_cstr(&queue), l->address, sbuf_cstr(&queue));
	sbuf_release(&queue);
}

void
config_put_postfix(struct sbuf *out, const struct conf *conf, const char *directory)
{
	const struct conf_listener *maps = listener_for(conf, PROTOCOL_SOCKETMAP, NULL);
	const struct conf_listener *auth = listener_for(conf, PROTOCOL_AUTH, NULL);

	sbuf_add_str(out, head);
	put_chroot_warning(out, conf, maps, directory);
	put_maps(out, conf);
	sbuf_add_str(out, delivery);
	put_chroot_warning(out, conf, auth, directory);
	if (auth == NULL)
		sbuf_add_str(out, no_logins);
	else
		sbuf_printf(
		    out, logins, listener_is_unix(auth) ? listener_where(auth) : auth->address);
	put_more(out, conf);
}
