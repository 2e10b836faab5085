/* SPDX-License-Identifier: ISC
 *
 * Addresses in one canonical form, so that every spelling of one address meets one row.
 *
 * Canonical: local part case-folded (full Unicode folding, as smtpd does it) in composed letters
 * (NFC), and quoted only where it must be; domain in lower-case A-labels, no trailing dot.
 * `"a b"@D.test` and the raw key `a b@d.test` are the same address; `"a\"b"@d` and the raw `a"b@d`
 * too.
 *
 * Postfix folds the U-labels of a domain before it asks for them, which changes some names into
 * others: it asks for `straße.test` as `strasse.test`. What it asks for is domain_as_asked; the
 * canonical name stays the one that DNS has.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>

#include "base/sbuf.h"

enum {
	ADDRESS_MAX = 1000,     /* Postfix refuses longer results */
	ADDRESS_LOCAL_MAX = 64, /* RFC 5321, for what we store ourselves */
	ADDRESS_DOMAIN_MAX = 255
};

/* One address, taken apart: the local part unquoted, both parts folded; and the unquoted local part
 * as it was spelled, for results that keep it. */
struct address {
	char local[ADDRESS_MAX + 1];
	char domain[ADDRESS_DOMAIN_MAX + 1];
	char spelled[ADDRESS_MAX + 1];
	size_t local_n;
	size_t domain_n;
	size_t spelled_n;
	bool no_memory; /* parsing failed for want of memory, not because of the text */
};

/* Take TEXT apart: split at the last `@`, unquote a local part that is one complete quoted string
 * and would be quoted the same way again, fold. False when it can match no row: no `@`, no domain,
 * too long, a NUL or LF, bytes that are no UTF-8, a domain that is none. An empty local part (`@d`,
 * `""@d`) is well formed here. */
bool address_parse(struct address *a, struct slice text);

/* View the parts. */
struct slice address_local(const struct address *a);
struct slice address_domain(const struct address *a);
struct slice address_spelled(const struct address *a);

/* Take TEXT apart without folding: the unquoted local part into LOCAL (at most SIZE bytes, *N
 * used), *DOMAIN a view of what follows the last `@`. False when there is no `@` or it does not
 * fit. */
bool address_split(char *local, size_t size, size_t *n, struct slice *domain, struct slice text);

/* Tell whether a local part needs no quotes. */
bool address_is_plain(struct slice local);

/* Append LOCAL@DOMAIN, quoting LOCAL where it is no dot-string. */
bool address_put(struct sbuf *out, struct slice local, struct slice domain);

/* Append the canonical text of a whole address. */
bool address_print(struct sbuf *out, const struct address *a);

/* Read a bare domain name into a->domain alone. False as address_parse; no_memory tells why. */
bool domain_parse(struct address *a, struct slice text);

/* Turn the domain of A into the one that Postfix asks for when it is written in U-labels: itself
 * but for a sharp s or a final sigma. False without memory (no_memory is set). */
bool domain_as_asked(struct address *a);

/* Fold a bare domain name into OUT (cleared first): lower-case A-labels, trailing dot dropped,
 * `[...]` kept as it is. False when it is no domain name. */
bool domain_fold(struct sbuf *out, struct slice text);

/* Tell how long LOCAL is without its extension: split at the leftmost of DELIMITERS. LOCAL.n when
 * there is none or it is the first byte, and for the names Postfix never splits (postmaster,
 * mailer-daemon, double-bounce; with `-` among the delimiters owner-... and ...-request), in any
 * case. */
size_t address_base(struct slice local, const char *delimiters);

/* Rewrite TEXT (one address as an admin typed it) into OUT as a forwarding target: quoting and
 * domain canonical, the spelling of the local part kept. `@domain` stays as it is, folded. False
 * when it is no address that Postfix could deliver to; without memory, OUT is marked failed as
 * well. */
bool address_target(struct sbuf *out, struct slice text);

#endif
