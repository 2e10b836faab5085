/* SPDX-License-Identifier: ISC
 *
 * The table of maps.
 */
#include "mail/maps.h"

static const struct map maps[] = {
	{ "domains", MAP_DOMAINS, "virtual_mailbox_domains", "domains whose mailboxes live here" },
	{ "alias-domains", MAP_ALIAS_DOMAINS, "virtual_alias_domains",
	  "domains that have aliases only, or stand for another domain" },
	{ "mailboxes", MAP_MAILBOXES, "virtual_mailbox_maps", "which mailboxes exist" },
	{ "aliases", MAP_ALIASES, "virtual_alias_maps",
	  "where an address leads to: aliases, alias domains, catch-alls" },
	{ "senders", MAP_SENDERS, "smtpd_sender_login_maps",
	  "which logins may send as an address" },
};

const struct map *
map_at(size_t i)
{
	return i < sizeof maps / sizeof maps[0] ? &maps[i] : NULL;
}

const struct map *
map_by_name(struct slice name)
{
	const struct map *m;

	for (size_t i = 0; (m = map_at(i)) != NULL; i++)
		if (slice_is(name, m->name))
			return m;
	return NULL;
}
