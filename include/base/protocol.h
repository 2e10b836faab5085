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
	PROTOCOL_METRICS,   /* HTTP: how we are doing, in the format of Prometheus */
	PROTOCOLS
};

/* Name a protocol as the configuration file does. */
const char *protocol_name(enum protocol p);

/* Find a protocol by that name; false when there is none. */
bool protocol_by_name(const char *name, enum protocol *out);

/* Who answers a protocol: each is a kind of worker. */
enum protocol_side { SIDE_LOOKUP, SIDE_AUTH, SIDE_METRICS, PROTOCOL_SIDES };

/* Tell whether a protocol asks for maps, for people, or how we are doing. */
enum protocol_side protocol_side(enum protocol p);

#endif
