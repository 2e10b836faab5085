/* SPDX-License-Identifier: ISC
 *
 * Netstrings: decimal length, colon, that many bytes, comma.
 */
#include "wire/netstring.h"

#include <stdint.h>

enum { DIGITS_MAX = 10 };

/* Read "LENGTH:" off the front; *AT is where the payload begins. */
static enum take
take_length(struct slice in, size_t *length, size_t *at)
{
	unsigned long long value = 0;
	size_t i;

	for (i = 0; i < in.n && i < DIGITS_MAX; i++) {
		if (in.p[i] < '0' || in.p[i] > '9')
			break;
		value = value * 10 + (unsigned)(in.p[i] - '0');
	}
	if (i == in.n)
		return MORE;
	/* the second holds on machines of 32 bits only */
	if (i == 0 || in.p[i] != ':' || value > SIZE_MAX - DIGITS_MAX - 2)
		return MALFORMED;
	*length = (size_t)value;
	*at = i + 1;
	return TAKEN;
}

enum take
netstring_take(struct slice in, size_t limit, struct slice *payload, size_t *used)
{
	size_t length, at;
	enum take got = take_length(in, &length, &at);
	struct slice rest;

	if (got != TAKEN)
		return got;
	rest = slice_tail(in, at);
	if (rest.n > length && rest.p[length] != ',')
		return MALFORMED;
	if (rest.n <= length && length <= limit)
		return MORE;
	*payload = slice_head(rest, length <= limit ? length : limit);
	*used = at + length + 1;
	return length <= limit ? TAKEN : TOO_LONG;
}

bool
netstring_put(struct sbuf *out, struct slice payload)
{
	size_t before = out->n;

	if (sbuf_add_number(out, payload.n) && sbuf_add_chr(out, ':') &&
	    sbuf_add_slice(out, payload) && sbuf_add_chr(out, ','))
		return true;
	sbuf_truncate(out, before);
	return false;
}
