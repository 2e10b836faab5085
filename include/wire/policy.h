/* SPDX-License-Identifier: ISC
 *
 * Postfix's policy delegation protocol: lines `name=value`, ended by an empty one; back comes
 * `action=...` and an empty line.
 */
#ifndef WIRE_POLICY_H
#define WIRE_POLICY_H

#include "base/outcome.h"
#include "base/sbuf.h"
#include "wire/take.h"

enum { POLICY_REQUEST_MAX = 32768 };

/* What of a request is used: views of its bytes, empty where it does not say. Of two lines with one
 * name the last counts. */
struct policy_request {
	struct slice sender;
	struct slice recipient;
};

/* Take one request. MORE until its empty line is there. TOO_LONG when that cannot come any more,
 * MALFORMED for a request that is none: no `request=smtpd_access_policy`, a line without a `=`. */
enum take policy_take(struct slice in, struct policy_request *r, size_t *used);

/* Append the reply: FOUND the action that TEXT is (one line), NONE that there is nothing to say
 * (DUNNO), RETRY and BAD to try again, with TEXT as explanation. False when it does not fit. */
bool policy_put(struct sbuf *out, enum outcome o, struct slice text);

#endif
