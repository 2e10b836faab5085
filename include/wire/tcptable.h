/* SPDX-License-Identifier: ISC
 *
 * Postfix tcp_table(5): "get KEY" lines with %XX coding, three-digit answers.
 */
#ifndef WIRE_TCPTABLE_H
#define WIRE_TCPTABLE_H

#include "base/outcome.h"
#include "base/sbuf.h"
#include "wire/take.h"

enum {
	TCPTABLE_LINE_MAX =
	    32768, /* a request line; three coded bytes for each of a 10000-byte key */
	TCPTABLE_REPLY_MAX = 4095 /* Postfix reads 4096 with the newline */
};

/* Take one request line ending in LF. KEY receives the decoded key (cleared first). A line that is
 * whole but no `get`, or not properly coded, is TAKEN with *BAD_REQUEST set: answer 400 and go on.
 * TOO_LONG: the line passed TCPTABLE_LINE_MAX without an end; *USED is what may be dropped of it;
 * answer 400 and close. */
enum take tcptable_take(struct slice in, struct sbuf *key, bool *bad_request, size_t *used);

/* Append the reply line. FOUND 200, NONE 500, RETRY and BAD 400: tcp_table has no permanent error.
 * TEXT is coded. A value that does not fit or is empty leaves as 400, and false is returned. */
bool tcptable_put(struct sbuf *out, enum outcome o, struct slice text);

#endif
