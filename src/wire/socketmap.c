/* SPDX-License-Identifier: ISC
 *
 * Postfix socketmap_table(5). The framing is left to netstring.
 */
#include "wire/socketmap.h"

#include "wire/explain.h"
#include "wire/netstring.h"

enum { VALUE_MAX = SOCKETMAP_REPLY_MAX - 3 }; /* behind "OK " */

static const struct {
	const char *word;
	const char *preset;
} replies[] = {
	[FOUND] = { "OK", NULL },
	[NONE] = { "NOTFOUND", NULL },
	[RETRY] = { "TEMP", "try again later" },
	[BAD] = { "PERM", "bad request" },
};

enum take
socketmap_take(struct slice in, struct slice *map, struct slice *key, size_t *used)
{
	struct slice payload;
	enum take got = netstring_take(in, SOCKETMAP_REQUEST_MAX, &payload, used);
	size_t blank;

	if (got != TAKEN && got != TOO_LONG)
		return got;
	if (!slice_chr(payload, ' ', &blank))
		blank = got == TAKEN ? payload.n : 0;
	*map = slice_head(payload, blank);
	*key = got == TAKEN ? slice_tail(payload, blank + 1) : slice_of(NULL, 0);
	return got;
}

const char *
socketmap_objection(struct slice value)
{
	size_t at;

	if (value.n == 0)
		return "the value is empty";
	if (value.n > VALUE_MAX)
		return "the value is too long for a reply";
	if (slice_chr(value, '\0', &at))
		return "the value has a NUL in it";
	return NULL;
}

/* Append WORD, a blank and TEXT as one netstring. */
static bool
put(struct sbuf *out, const char *word, struct slice text)
{
	size_t before = out->n;

	if (sbuf_add_number(out, slice_str(word).n + 1 + text.n) && sbuf_add_chr(out, ':') &&
	    sbuf_add_str(out, word) && sbuf_add_chr(out, ' ') && sbuf_add_slice(out, text) &&
	    sbuf_add_chr(out, ','))
		return true;
	sbuf_truncate(out, before);
	return false;
}

bool
socketmap_put(struct sbuf *out, enum outcome o, struct slice text)
{
	const char *why = o == FOUND ? socketmap_objection(text) : NULL;
	char room[EXPLAIN_MAX];

	if (why != NULL) {
		put(out, replies[RETRY].word, slice_str(why));
		return false;
	}
	if (o == NONE)
		text = slice_of(NULL, 0);
	else if (o != FOUND)
		text = explain(room, text, replies[o].preset);
	return put(out, replies[o].word, text);
}
