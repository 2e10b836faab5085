/* SPDX-License-Identifier: ISC
 *
 * The lines for main.cf: one per map of the table of maps, then delivery and logins. Every line
 * says why it is there, for it will be read again in five years.
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
	"# logins are checked by vmaild itself, which speaks Dovecot's protocol\n"
	"smtpd_sasl_type = dovecot\n"
	"smtpd_sasl_path = %s\n"
	"smtpd_sasl_auth_enable = yes\n"
	"# passwords over TLS only (needs smtpd_tls_cert_file and smtpd_tls_security_level = may)\n"
	"smtpd_tls_auth_only = yes\n"
	"# nobody sends in the name of somebody else: this is what asks smtpd_sender_login_maps\n"
	"smtpd_sender_restrictions = reject_authenticated_sender_login_mismatch\n";

/* clang-format on */

void
config_put_queue(struct sbuf *out, const struct conf *conf)
{
	if (host_queue_directory(out))
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

static void
put_map(struct sbuf *out, const struct conf *conf, const struct map *map)
{
	struct sbuf table;

	sbuf_init(&table, 512);
	if (put_table(&table, conf, map))
		sbuf_printf(
		    out, "# %s\n%s = %s\n", map->summary, map->parameter, sbuf_cstr(&table));
	else
		sbuf_printf(out, "# %s: no listener of the configuration serves '%s'\n# %s =\n",
		    map->summary, map->name, map->parameter);
	sbuf_release(&table);
}

static void
put_maps(struct sbuf *out, const struct conf *conf)
{
	const struct map *map;

	for (size_t i = 0; (map = map_at(i)) != NULL; i++)
		put_map(out, conf, map);
	sbuf_printf(out, delimiter, conf->recipient_delimiter);
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
put_chroot_warning(struct sbuf *out, const struct conf *conf, const struct conf_listener *l)
{
	struct sbuf queue;

	if (l == NULL || !listener_is_unix(l))
		return;
	sbuf_init(&queue, 4096);
	if (!l->twin)
		sbuf_printf(out, no_twin, l->address);
	else if (host_queue_directory(&queue) && !is_listed(conf, sbuf_cstr(&queue)))
		sbuf_printf(out, other_queue, sbuf_cstr(&queue), l->address, sbuf_cstr(&queue));
	sbuf_release(&queue);
}

void
config_put_postfix(struct sbuf *out, const struct conf *conf)
{
	const struct conf_listener *maps = listener_for(conf, PROTOCOL_SOCKETMAP, NULL);
	const struct conf_listener *auth = listener_for(conf, PROTOCOL_AUTH, NULL);

	sbuf_add_str(out, head);
	put_chroot_warning(out, conf, maps);
	put_maps(out, conf);
	sbuf_add_str(out, delivery);
	put_chroot_warning(out, conf, auth);
	if (auth == NULL)
		sbuf_add_str(out, no_logins);
	else
		sbuf_printf(
		    out, logins, listener_is_unix(auth) ? listener_where(auth) : auth->address);
}
