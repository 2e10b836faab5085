/* SPDX-License-Identifier: ISC
 *
 * The table of maps: every name a mail server may put behind the last colon of socketmap:...:NAME.
 * Maps that an admin makes with `vmailctl map create` are not in it; they are searched like the
 * plain ones.
 */
#ifndef MAIL_MAPS_H
#define MAIL_MAPS_H

#include <stdbool.h>

#include "base/slice.h"
#include "mail/keys.h"

enum map_kind {
	MAP_DOMAINS,       /* domains of the mailbox kind */
	MAP_ALIAS_DOMAINS, /* of the alias kind */
	MAP_LOCAL_DOMAINS, /* of the local kind */
	MAP_RELAY_DOMAINS, /* of the relay kind, and below them */
	MAP_MAILBOXES,
	MAP_ALIASES,
	MAP_SENDERS,
	MAP_RECIPIENTS, /* recipient-access: entries, and the closed lists */
	MAP_MEMBERS,    /* who may write to closed lists */
	MAP_GENERIC,    /* plain, but rewriting drops the extension */
	MAP_PLAIN       /* keys and values, by `search` */
};

/* What a value must look like when it is written. */
enum map_value {
	VALUE_TEXT,      /* any single line */
	VALUE_ADDRESS,   /* one address, or `@other` */
	VALUE_BCC,       /* one address */
	VALUE_LOGINS,    /* addresses, comma between */
	VALUE_TRANSPORT, /* transport:nexthop */
	VALUE_ACTION,    /* of access(5) */
	VALUE_TLS,       /* a level, and what goes with it */
	VALUE_NUMBER     /* a uid or gid */
};

struct map {
	const char *name;
	enum map_kind kind;
	enum key_search search; /* how its entries are looked for */
	enum map_value value;
	const char *parameter; /* the main.cf parameter it is made for */
	const char *summary;   /* one line for help and manual */
};

enum { MAP_NAME_MAX = 64 };

/* The restriction class that recipient-access names for a closed list; main.cf says what it does.
 */
#define MAP_CLOSED_LIST "vmaild_closed_list"

/* Find a map by name; NULL when there is none in the table. */
const struct map *map_by_name(struct slice name);

/* Tell whether a map of the table has entries of its own. */
bool map_has_entries(const struct map *map);

/* Tell whether NAME could be that of a map an admin makes: letters, digits, '-', '_' and '.'. */
bool map_name_ok(struct slice name);

/* Tell whether NAME, which may be a map's, is what another file of an export is called (vmailctl,
 * export_postfix.c), or a directory: a store of an earlier release may have such a map. */
bool map_name_is_taken(struct slice name);

/* Tell which one of the table it is, from 0; behind the last for one that is not in it. */
size_t map_number(const struct map *map);

/* Walk the table: the I-th map, NULL behind the last. */
const struct map *map_at(size_t i);

#endif
