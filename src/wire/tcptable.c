/* SPDX-License-Identifier: ISC
 *
 * Postfix tcp_table(5).
 */
#include "wire/tcptable.h"

#include "wire/explain.h"

enum { CODE_LENGTH = 4 }; /* "200 " */

static const struct {
	const char *code;
	const char *preset;
} replies[] = {
	[FOUND] = { "200 ", NULL },
	[NONE] = { "500 ", "not found" },
	[RETRY] = { "400 ", "try again later" },
	/* the protocol knows no permanent error, and 500 would say "no such thing" */
	[BAD] = { "400 ", "bad request" },
};

/* Tell whether a byte travels as %XX only. */
static bool
is_coded(char c)
{
	return c <= ' ' || c > '~' || c == '%';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Read the two digits behind a '%'. */
static bool
decode_pair(char *c, struct slice pair)
{
	int high = pair.n == 2 ? hex_digit(pair.p[0]) : -1;
	int low = pair.n == 2 ? hex_digit(pair.p[1]) : -1;

	*c = (char)((unsigned)high << 4 | (unsigned)low);
	return high >= 0 && low >= 0;
}

static bool
decode(struct sbuf *out, struct slice in)
{
	while (in.n > 0) {
		char c = in.p[0];
		bool pair = c == '%';

		if (pair ? !decode_pair(&c, slice_head(slice_tail(in, 1), 2)) : is_coded(c))
			return false;
		if (!sbuf_add_chr(out, c))
			return false;
		in = slice_tail(in, pair ? 3 : 1);
	}
	return true;
}

enum take
tcptable_take(struct slice in, struct sbuf *key, bool *bad_request, size_t *used)
{
	struct slice line = slice_head(in, TCPTABLE_LINE_MAX);
	size_t end;

	if (!slice_chr(line, '\n', &end)) {
		if (line.n < TCPTABLE_LINE_MAX)
			return MORE;
		*used = line.n;
		return TOO_LONG;
	}
	line = slice_head(line, end);
	sbuf_clear(key);
	*bad_request = !slice_starts(line, "get ") || !decode(key, slice_tail(line, 4));
	if (*bad_request)
		sbuf_clear(key);
	*used = end + 1;
	return TAKEN;
}

static bool
encode(struct sbuf *out, struct slice in)
{
	bool fits = true;

	for (size_t i = 0; i < in.n && fits; i++) {
		if (is_coded(in.p[i]))
			fits = sbuf_printf(out, "%%%02X", (unsigned char)in.p[i]);
		else
			fits = sbuf_add_chr(out, in.p[i]);
	}
	return fits;
}

/* Say why the protocol cannot carry VALUE; NULL when it can. */
static const char *
objection(struct slice value)
{
	size_t n = CODE_LENGTH + value.n, at;

	for (size_t i = 0; i < value.n; i++)
		n += is_coded(value.p[i]) ? 2 : 0;
	if (value.n == 0)
		return "the value is empty";
	if (n > TCPTABLE_REPLY_MAX)
		return "the value is too long for a reply";
	if (slice_chr(value, '\0', &at))
		return "the value has a NUL in it";
	return NULL;
}

static bool
put(struct sbuf *out, const char *code, struct slice text)
{
	size_t before = out->n;

	if (sbuf_add_str(out, code) && encode(out, text) && sbuf_add_chr(out, '\n'))
		return true;
	sbuf_truncate(out, before);
	return false;
}

bool
tcptable_put(struct sbuf *out, enum outcome o, struct slice text)
{
	const char *why = o == FOUND ? objection(text) : NULL;
	char room[EXPLAIN_MAX];

	if (why != NULL) {
		put(out, replies[RETRY].code, slice_str(why));
		return false;
	}
	if (o != FOUND)
		text = explain(room, text, replies[o].preset);
	return put(out, replies[o].code, text);
}
