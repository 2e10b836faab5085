/* SPDX-License-Identifier: ISC
 *
 * The names that Dovecot's LMTP makes of the names of mailboxes.
 */
#include "vmailctl/split.h"

static bool
is_among(char c, struct slice set)
{
	size_t at;

	return slice_chr(set, c, &at);
}

/* No character at which one may split needs quotes, so what is left of a quoted name keeps them. */
bool
split_is_cut(struct sbuf *other, struct slice address, struct slice delimiters)
{
	size_t at = 0, end;

	if (!slice_rchr(address, '@', &end))
		return false;
	while (at < end && !is_among(address.p[at], delimiters))
		at++;
	if (at == end)
		return false;
	sbuf_add_slice(other, slice_head(address, at));
	if (at > 0 && address.p[0] == '"')
		sbuf_add_chr(other, '"');
	sbuf_add_slice(other, slice_tail(address, end));
	return true;
}

bool
split_lacking(struct sbuf *out, struct slice own, struct slice theirs)
{
	bool lacks = false;

	for (size_t i = 0; i < own.n; i++) {
		if (is_among(own.p[i], theirs))
			continue;
		sbuf_add_chr(out, own.p[i]);
		lacks = true;
	}
	return lacks;
}
