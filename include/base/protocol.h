/* SPDX-License-Identifier: ISC
 *
 * The protocols a listener can speak, by the words the configuration file uses.
 */
#ifndef BASE_PROTOCOL_H
#define BASE_PROTOCOL_H

#include <stdbool.h>

enum protocol {
	PROTOCOL_SOCKETMAP, /* Postfix socketmap_table(5) */
	PROTOCOL_TCP,       /* Postfix tcp_table(5), one map per listener */
	PROTOCOL_POLICY,    /* Postfix's policy delegation: may this sender write to that list */
	PROTOCOL_AUTH,      /* Dovecot auth-client: passwords */
	PROTOCOL_USERDB,    /* Dovecot auth-userdb: where a mailbox lives, and the list of all */
	PROTOCOLS
};

/* Name a protocol as the configuration file does. */
const char *protocol_name(enum protocol p);

/* Find a protocol by that name; false when there is none. */
bool protocol_by_name(const char *name, enum protocol *out);

/* Tell whether a protocol asks for maps (a lookup worker) or for people (the auth worker). */
bool protocol_is_lookup(enum protocol p);

#endif
