/* SPDX-License-Identifier: ISC
 *
 * Postfix socketmap_table(5): "NAME key" in a netstring, one status word back.
 */
#ifndef WIRE_SOCKETMAP_H
#define WIRE_SOCKETMAP_H

#include "base/outcome.h"
#include "base/sbuf.h"
#include "wire/take.h"

enum {
	SOCKETMAP_REQUEST_MAX = 10000 + 256, /* Postfix's largest key, and a map name */
	SOCKETMAP_REPLY_MAX = 100000         /* Postfix refuses more */
};

/* Take one request: MAP ends at the first blank, everything behind it is KEY (both views of IN).
 * A payload without a blank is all MAP, with an empty KEY. Outcomes as netstring_take; TOO_LONG
 * fills MAP when its end is in sight and leaves it empty otherwise. */
enum take socketmap_take(struct slice in, struct slice *map, struct slice *key, size_t *used);

/* Say why the protocol cannot carry VALUE: it is empty, too long, or has a NUL in it; NULL when it
 * can. */
const char *socketmap_objection(struct slice value);

/* Append the reply to one request. TEXT is the value for FOUND, an explanation for RETRY and BAD.
 * A value that the protocol cannot carry leaves as TEMP, and false is returned so that the caller
 * can log which map and key it was. */
bool socketmap_put(struct sbuf *out, enum outcome o, struct slice text);

#endif
