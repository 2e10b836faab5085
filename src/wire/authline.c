/* SPDX-License-Identifier: ISC
 *
 * Lines, fields and escapes of Dovecot's auth protocols. What a field means is left to the session.
 */
#include "wire/authline.h"

enum { ESCAPE = '\001' };

static const struct {
	char byte;
	char letter;
} escapes[] = { { '\0', '0' }, { ESCAPE, '1' }, { '\t', 't' }, { '\r', 'r' }, { '\n', 'n' } };

enum { ESCAPES = sizeof escapes / sizeof escapes[0] };

enum take
authline_take(struct slice in, struct slice *line, size_t *used)
{
	struct slice seen = slice_head(in, AUTHLINE_MAX);
	size_t end;

	if (slice_chr(seen, '\n', &end)) {
		*line = slice_head(seen, end);
		*used = end + 1;
		return TAKEN;
	}
	if (seen.n < AUTHLINE_MAX)
		return MORE;
	*used = seen.n;
	return TOO_LONG;
}

bool
authline_field(struct slice *rest, struct slice *field)
{
	if (rest->p == NULL)
		return false;
	*field = slice_cut(rest, '\t');
	return true;
}

/* The byte that LETTER behind an escape stands for. */
static char
unescaped(char letter)
{
	for (size_t i = 0; i < ESCAPES; i++)
		if (escapes[i].letter == letter)
			return escapes[i].byte;
	return letter;
}

/* The letter that stands for BYTE behind an escape; 0 when BYTE needs none. */
static char
escaped(char byte)
{
	for (size_t i = 0; i < ESCAPES; i++)
		if (escapes[i].byte == byte)
			return escapes[i].letter;
	return 0;
}

static bool
undo(struct sbuf *out, size_t before)
{
	sbuf_truncate(out, before);
	return false;
}

bool
authline_unescape(struct sbuf *out, struct slice field)
{
	size_t before = out->n;

	for (size_t i = 0; i < field.n; i++) {
		char c = field.p[i];

		if (c == ESCAPE) {
			if (++i == field.n)
				break;
			c = unescaped(field.p[i]);
		}
		if (!sbuf_add_chr(out, c))
			return undo(out, before);
	}
	return true;
}

bool
authline_escape(struct sbuf *out, struct slice text)
{
	size_t before = out->n;

	for (size_t i = 0; i < text.n; i++) {
		char pair[2] = { ESCAPE, escaped(text.p[i]) };

		if (!(pair[1] == 0 ? sbuf_add_chr(out, text.p[i]) : sbuf_add(out, pair, 2)))
			return undo(out, before);
	}
	return true;
}

bool
authline_add(struct sbuf *out, const char *key, struct slice value)
{
	size_t before = out->n;

	if (sbuf_printf(out, "\t%s=", key) && authline_escape(out, value))
		return true;
	return undo(out, before);
}
