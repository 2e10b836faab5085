/* SPDX-License-Identifier: ISC
 *
 * Postfix's policy delegation protocol.
 */
#include "wire/policy.h"

#include <string.h>

#include "wire/explain.h"

/* Find the empty line; *N gets the length of what stands before it. */
static bool
find_end(struct slice in, size_t *n)
{
	for (size_t at = 0, end; slice_chr(slice_tail(in, at), '\n', &end); at += end + 1) {
		if (end == 0) {
			*n = at;
			return true;
		}
	}
	return false;
}

/* Take one line; false when it is none. */
static bool
take_line(struct policy_request *r, struct slice line, bool *asks)
{
	struct slice name = slice_cut(&line, '=');

	if (line.p == NULL)
		return false;
	if (slice_is(name, "request"))
		*asks = slice_is(line, "smtpd_access_policy");
	else if (slice_is(name, "sender"))
		r->sender = line;
	else if (slice_is(name, "recipient"))
		r->recipient = line;
	return true;
}

enum take
policy_take(struct slice in, struct policy_request *r, size_t *used)
{
	struct slice lines;
	bool asks = false;
	size_t n;

	*r = (struct policy_request){ slice_str(""), slice_str("") };
	*used = in.n;
	if (!find_end(slice_head(in, POLICY_REQUEST_MAX), &n))
		return in.n < POLICY_REQUEST_MAX ? MORE : TOO_LONG;
	lines = slice_head(in, n);
	while (lines.n > 0)
		if (!take_line(r, slice_cut(&lines, '\n'), &asks))
			return MALFORMED;
	*used = n + 1;
	return asks ? TAKEN : MALFORMED;
}

static bool
put(struct sbuf *out, const char *action, struct slice text)
{
	size_t before = out->n;

	sbuf_add_str(out, "action=");
	sbuf_add_str(out, action);
	sbuf_add_slice(out, text);
	if (sbuf_add_str(out, "\n\n") && !out->failed)
		return true;
	sbuf_truncate(out, before);
	return false;
}

bool
policy_put(struct sbuf *out, enum outcome o, struct slice text)
{
	char room[EXPLAIN_MAX];

	switch (o) {
	case FOUND:
		return put(out, "", text);
	case NONE:
		return put(out, "DUNNO", slice_str(""));
	case RETRY:
	case BAD:
		break;
	}
	return put(out, "DEFER_IF_PERMIT 4.3.0 ", explain(room, text, "try again later"));
}
