/* SPDX-License-Identifier: ISC
 *
 * Keys of plain maps: one canonical text for each, and what to search for when Postfix asks for
 * one.
 *
 * Postfix sends pattern-type maps only the whole key; which parts of it are tried, and in what
 * order, is what it would do itself with a hash: table of that kind.
 */
#ifndef MAIL_KEYS_H
#define MAIL_KEYS_H

#include "mail/address.h"
#include "mail/question.h"

enum key_search {
	SEARCH_EXACT,     /* the key alone */
	SEARCH_ADDRESS,   /* user+ext@d, user@d, (local: user+ext, user), @d */
	SEARCH_REWRITE,   /* the same; the value is an address that takes the extension along */
	SEARCH_DOMAIN,    /* d and its parents */
	SEARCH_TRANSPORT, /* user+ext@d, user@d, d, .parents; `*` by itself only */
	SEARCH_ACCESS,    /* user+ext@d, user@d, d, parents, user+ext@, user@ */
	SEARCH_HOST, /* a host name and its parents, or an address and its shorter prefixes by octet
		      */
	SEARCH_NETWORK, /* an address in the smallest network that has it: a.b.c.d/n */
	SEARCHES
};

/* Name a search as `vmailctl map create --search` does. */
const char *key_search_name(enum key_search s);
bool key_search_by_name(struct slice name, enum key_search *out);

/* Append the canonical text of a key: addresses and domains folded as everywhere, `@d`, `user@` and
 * `.d` too, anything else case-folded. False when no row can have it (then *NO_MEMORY tells whether
 * that is certain). */
bool key_fold(struct sbuf *out, struct slice text, bool *no_memory);

/* The same for a key that is written, by the rules of the map's search: a network has its size, and
 * no bits of a host in it. FOUND, or BAD with what to do. */
enum outcome key_check(
    struct sbuf *out, enum key_search search, struct slice typed, struct error *err);

/* Append what to look for, best first, as rows of MAP. A is the address that KEY was parsed into,
 * or NULL when it is none: then what is behind its last `@`, and what stands in front, are looked
 * for all the same, as far as a row can have them. An extension begins at one of DELIMITERS. False
 * when nothing can match. */
bool key_candidates(struct question *q, enum key_search search, struct slice key,
    const struct address *a, const char *delimiters);

#endif
