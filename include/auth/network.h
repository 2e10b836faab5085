/* SPDX-License-Identifier: ISC
 *
 * Networks as text: the lists that say from where somebody may log in, and the network that an
 * address counts for when logins are counted or remembered.
 */
#ifndef AUTH_NETWORK_H
#define AUTH_NETWORK_H

#include "base/outcome.h"
#include "base/sbuf.h"

enum { NETWORK_LIST_MAX = 1000, NETWORK_GROUP_MAX = 64 };

/* Append the canonical form of a list that somebody typed (addresses and CIDRs, v4 and v6, with
 * commas or blanks between): 192.0.2.0/24,2001:db8::/32. FOUND; nothing is appended for an empty
 * list. BAD when it is none, or longer than NETWORK_LIST_MAX, with what to write. */
enum outcome network_list_check(struct sbuf *out, struct slice text, struct error *err);

/* The same for a list that another system or an earlier release has kept: the bits of a host behind
 * the prefix, 192.0.2.5/24, do not count there and are cut off, and are no reason for BAD. */
enum outcome network_list_mend(struct sbuf *out, struct slice text, struct error *err);

/* Tell whether the client's address REMOTE is in a list, of either of these forms. An empty list
 * means everywhere; a REMOTE that is no address is in no other list, and neither is anybody in a
 * list that cannot be read. ::ffff:192.0.2.1 counts as 192.0.2.1, and a zone (%eth0) does not
 * count. */
bool network_list_has(struct slice list, struct slice remote);

/* Append the network that REMOTE counts for: the /24 of a v4 address; the /48 of a v6 address,
 * which is the most that one customer is commonly given, so that nobody has many of them. Nothing
 * for what is no address (a unix socket, no word of it). At most NETWORK_GROUP_MAX bytes. False
 * without memory. */
bool network_group(struct sbuf *out, struct slice remote);

#endif
