/* SPDX-License-Identifier: ISC
 *
 * The table of maps.
 */
#include "mail/maps.h"

#include <stdint.h>

/* clang-format off */
static const struct map maps[] = {
	{ "domains", MAP_DOMAINS, SEARCH_EXACT, VALUE_TEXT, "virtual_mailbox_domains",
	  "domains whose mailboxes live here" },
	{ "alias-domains", MAP_ALIAS_DOMAINS, SEARCH_EXACT, VALUE_TEXT, "virtual_alias_domains",
	  "domains with aliases only, or that stand for another" },
	{ "local-domains", MAP_LOCAL_DOMAINS, SEARCH_EXACT, VALUE_TEXT, "mydestination",
	  "domains that Postfix delivers to system users itself" },
	{ "relay-domains", MAP_RELAY_DOMAINS, SEARCH_DOMAIN, VALUE_TEXT, "relay_domains",
	  "domains taken for another host, and what is below them" },
	{ "mailboxes", MAP_MAILBOXES, SEARCH_ADDRESS, VALUE_TEXT, "virtual_mailbox_maps",
	  "which mailboxes exist and get mail" },
	{ "aliases", MAP_ALIASES, SEARCH_ADDRESS, VALUE_TEXT, "virtual_alias_maps",
	  "where an address leads to: aliases, patterns, alias domains, catch-alls" },
	{ "senders", MAP_SENDERS, SEARCH_ADDRESS, VALUE_LOGINS, "smtpd_sender_login_maps",
	  "which logins may send as an address" },
	{ "recipient-access", MAP_RECIPIENTS, SEARCH_ACCESS, VALUE_ACTION, "check_recipient_access",
	  "what to do with mail for a recipient; which lists are closed" },
	{ "members", MAP_MEMBERS, SEARCH_ADDRESS, VALUE_TEXT, "check_sender_access",
	  "who may write to closed lists: our own domains, and members" },
	{ "relay-recipients", MAP_PLAIN, SEARCH_ADDRESS, VALUE_TEXT, "relay_recipient_maps",
	  "which recipients exist in relay domains" },
	{ "local-recipients", MAP_PLAIN, SEARCH_ADDRESS, VALUE_TEXT, "local_recipient_maps",
	  "which recipients exist in local domains" },
	{ "transports", MAP_PLAIN, SEARCH_TRANSPORT, VALUE_TRANSPORT, "transport_maps",
	  "how mail for an address or a domain is delivered" },
	{ "sender-bcc", MAP_PLAIN, SEARCH_ADDRESS, VALUE_BCC, "sender_bcc_maps",
	  "who gets a copy of what an address sends" },
	{ "recipient-bcc", MAP_PLAIN, SEARCH_ADDRESS, VALUE_BCC, "recipient_bcc_maps",
	  "who gets a copy of what an address receives" },
	{ "relayhosts", MAP_PLAIN, SEARCH_ADDRESS, VALUE_TEXT, "sender_dependent_relayhost_maps",
	  "which host mail of a sender is sent by" },
	{ "canonical", MAP_PLAIN, SEARCH_REWRITE, VALUE_ADDRESS, "canonical_maps",
	  "how addresses are rewritten in every mail" },
	{ "sender-canonical", MAP_PLAIN, SEARCH_REWRITE, VALUE_ADDRESS, "sender_canonical_maps",
	  "how senders are rewritten" },
	{ "recipient-canonical", MAP_PLAIN, SEARCH_REWRITE, VALUE_ADDRESS, "recipient_canonical_maps",
	  "how recipients are rewritten" },
	{ "generic", MAP_GENERIC, SEARCH_REWRITE, VALUE_ADDRESS, "smtp_generic_maps",
	  "how addresses are rewritten in mail that leaves by SMTP" },
	{ "relocated", MAP_PLAIN, SEARCH_ADDRESS, VALUE_TEXT, "relocated_maps",
	  "where people have moved to" },
	{ "uids", MAP_PLAIN, SEARCH_ADDRESS, VALUE_NUMBER, "virtual_uid_maps",
	  "uids of mailboxes, for delivery agents that can ask" },
	{ "gids", MAP_PLAIN, SEARCH_ADDRESS, VALUE_NUMBER, "virtual_gid_maps",
	  "gids of mailboxes, for delivery agents that can ask" },
	{ "client-access", MAP_PLAIN, SEARCH_HOST, VALUE_ACTION, "check_client_access",
	  "what to do with a client, by host name or address" },
	{ "helo-access", MAP_PLAIN, SEARCH_DOMAIN, VALUE_ACTION, "check_helo_access",
	  "what to do with a client, by the name it gives itself" },
	{ "sender-access", MAP_PLAIN, SEARCH_ACCESS, VALUE_ACTION, "check_sender_access",
	  "what to do with mail from a sender" },
	{ "sasl-access", MAP_PLAIN, SEARCH_EXACT, VALUE_ACTION, "check_sasl_access",
	  "what to do with mail of a login" },
	{ "tls-policy", MAP_PLAIN, SEARCH_EXACT, VALUE_TLS, "smtp_tls_policy_maps",
	  "how strictly TLS is wanted with a domain or host" },
};
/* clang-format on */

const struct map *
map_at(size_t i)
{
	return i < sizeof maps / sizeof maps[0] ? &maps[i] : NULL;
}

size_t
map_number(const struct map *map)
{
	size_t n = sizeof maps / sizeof maps[0];
	uintptr_t at = (uintptr_t)map, first = (uintptr_t)maps;

	return at >= first && at < first + sizeof maps ? (at - first) / sizeof maps[0] : n;
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

bool
map_has_entries(const struct map *map)
{
	return map->kind == MAP_PLAIN || map->kind == MAP_GENERIC || map->kind == MAP_RECIPIENTS ||
	       map->kind == MAP_SENDERS;
}

bool
map_name_ok(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '_' || c == '.'))
			return false;
	}
	return name.n > 0 && name.n <= MAP_NAME_MAX;
}

bool
map_name_is_taken(struct slice name)
{
	static const char *const taken[] = { ".", "..", "patterns", "mx-domains", "mx-recipients",
		"mx-patterns" };

	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		if (slice_is(name, taken[i]))
			return true;
	return false;
}
