/* SPDX-License-Identifier: ISC
 *
 * What a name looks like to somebody who does not look closely.
 */
#ifndef MAIL_ALIKE_H
#define MAIL_ALIKE_H

#include "base/sbuf.h"

/* Append the canonical ADDRESS (or domain, or `@domain`) without its accents and other marks, in
 * canonical form again: "müller@d" gives "muller@d". False when it has none, or it cannot be told.
 */
bool alike_plain(struct sbuf *out, struct slice address);

/* Append the canonical ADDRESS (or domain, or `@domain`) with its domain in letters instead of
 * A-labels, folded: "xn--mller-kva.test" gives "müller.test". False when that is how it is written,
 * or it cannot be told. */
bool alike_letters(struct sbuf *out, struct slice address);

#endif
