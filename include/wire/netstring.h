/* SPDX-License-Identifier: ISC
 *
 * Netstrings, the framing of socketmap: 5:hello,
 */
#ifndef WIRE_NETSTRING_H
#define WIRE_NETSTRING_H

#include "base/sbuf.h"
#include "wire/take.h"

/* Take one netstring off the front of IN: *PAYLOAD is a view of it, *USED counts its bytes with
 * framing. MORE when it is not all there yet. TOO_LONG when its length is over LIMIT: then *USED is
 * the whole length to skip, framing included, of which only part may be in IN, and *PAYLOAD is what
 * of the payload is there (at most LIMIT bytes). MALFORMED when no more bytes could make it one. */
enum take netstring_take(struct slice in, size_t limit, struct slice *payload, size_t *used);

/* Append one netstring. */
bool netstring_put(struct sbuf *out, struct slice payload);

#endif
