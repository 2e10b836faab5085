/* SPDX-License-Identifier: ISC
 *
 * Words, names and values of SQL, as dumps write them.
 */
#include "foreign/sql.h"

#include <stdint.h>
#include <string.h>

#include <unistr.h>

enum { DEPTH_MAX = 4, ARGUMENTS_MAX = 3, TAG_MAX = 64 };

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 128;
}

static char
next(const struct sql *l)
{
	return l->rest.n > 0 ? l->rest.p[0] : '\0';
}

void
sql_skip(struct sql *l, size_t n)
{
	for (size_t i = 0; i < n && i < l->rest.n; i++)
		l->line += l->rest.p[i] == '\n';
	l->rest = slice_tail(l->rest, n);
}

/* The same up to END and with it; false, and all of it, when it is not there. */
static bool
skip_past(struct sql *l, struct slice end)
{
	const char *at = l->rest.n > 0 ? memmem(l->rest.p, l->rest.n, end.p, end.n) : NULL;

	sql_skip(l, at != NULL ? (size_t)(at - l->rest.p) + end.n : l->rest.n);
	return at != NULL;
}

void
sql_skip_to(struct sql *l, const char *end)
{
	skip_past(l, slice_str(end));
}

void
sql_skip_blanks(struct sql *l)
{
	for (;;) {
		if (l->rest.n > 0 && strchr(" \t\r\n", l->rest.p[0]) != NULL &&
		    l->rest.p[0] != '\0')
			sql_skip(l, 1);
		else if (slice_starts(l->rest, "--") || slice_starts(l->rest, "#"))
			sql_skip_to(l, "\n");
		else if (slice_starts(l->rest, "/*")) {
			l->cut |= !skip_past(l, slice_str("*/"));
		} else
			return;
	}
}

bool
sql_char(struct sql *l, char c)
{
	sql_skip_blanks(l);
	if (l->rest.n == 0 || l->rest.p[0] != c)
		return false;
	sql_skip(l, 1);
	return true;
}

bool
sql_word(struct sql *l, const char *word)
{
	size_t n = strlen(word);

	sql_skip_blanks(l);
	if (!slice_is_nocase(slice_head(l->rest, n), word) ||
	    (l->rest.n > n && is_word(l->rest.p[n])))
		return false;
	sql_skip(l, n);
	return true;
}

/* --- names ------------------------------------------------------------------------------------ */

static struct slice
take_bare_name(struct sql *l)
{
	struct slice name;
	size_t n = 0;

	while (n < l->rest.n && is_word(l->rest.p[n]))
		n++;
	name = slice_head(l->rest, n);
	sql_skip(l, n);
	return name;
}

static struct slice
take_quoted_name(struct sql *l, char end)
{
	struct slice name = slice_tail(l->rest, 1);
	size_t at;

	if (!slice_chr(name, end, &at)) {
		at = name.n;
		l->cut = true;
	}
	sql_skip(l, at + 2);
	return slice_head(name, at);
}

struct slice
sql_name(struct sql *l)
{
	char c;

	sql_skip_blanks(l);
	c = next(l);
	if (c == '`' && !l->plain)
		l->backslashes = true; /* no other server writes names so */
	if (c == '`' || c == '"')
		return take_quoted_name(l, c);
	return c == '[' ? take_quoted_name(l, ']') : take_bare_name(l);
}

struct slice
sql_table_name(struct sql *l)
{
	struct slice name = sql_name(l);

	while (name.n > 0 && slice_starts(l->rest, ".")) {
		sql_skip(l, 1);
		name = sql_name(l);
	}
	return name;
}

size_t
sql_names(struct sql *l, struct slice *name, size_t max)
{
	size_t n = 0;

	if (!sql_char(l, '('))
		return 0;
	do {
		if (n == max)
			return 0;
		name[n++] = sql_name(l);
	} while (sql_char(l, ','));
	return sql_char(l, ')') ? n : 0;
}

/* --- characters ------------------------------------------------------------------------------- */

/* The number that the first N of S are in base 8 or 16. */
static bool
digits(struct slice s, size_t n, unsigned base, uint32_t *out)
{
	static const char known[] = "0123456789abcdef";

	*out = 0;
	for (size_t i = 0; i < n; i++) {
		const char *at = i < s.n && s.p[i] != '\0'
				     ? strchr(known, s.p[i] | (s.p[i] >= 'A' ? 32 : 0))
				     : NULL;

		if (at == NULL || (unsigned)(at - known) >= base)
			return false;
		*out = *out * base + (uint32_t)(at - known);
	}
	return n > 0;
}

/* Put a character as UTF-8; returns of how many bytes. Half of a pair is none, and becomes what is
 * refused wherever a text is to be UTF-8. */
static size_t
put_utf8(char *to, uint32_t c)
{
	int n = u8_uctomb((uint8_t *)to, c, 4);

	if (n > 0)
		return (size_t)n;
	*to = '\xff';
	return 1;
}

/* --- texts ------------------------------------------------------------------------------------ */

/* What a backslash is in a text: itself; MySQL's; that of E'' and COPY. */
enum escapes { NO_ESCAPES, OF_MYSQL, OF_C };

static char
letter(char c, const char *from, const char *to)
{
	const char *at = c != '\0' ? strchr(from, c) : NULL;

	return at != NULL ? to[at - from] : c;
}

/* \x41, \101, \u00e9, \U000000e9: how many bytes of S that is; 0 when it is none of them. */
static size_t
coded(struct slice s, char *to, size_t *used)
{
	uint32_t c;
	size_t n;

	if (slice_starts(s, "u") || slice_starts(s, "U")) {
		n = s.p[0] == 'u' ? 4 : 8;
		if (!digits(slice_tail(s, 1), n, 16, &c) || c > 0x10ffff)
			return 0;
		*used += put_utf8(to + *used, c);
		return 1 + n;
	}
	if (slice_starts(s, "x")) {
		for (n = 2; n > 0 && !digits(slice_tail(s, 1), n, 16, &c);)
			n--;
		n += n > 0;
	} else {
		for (n = 3; n > 0 && !digits(s, n, 8, &c);)
			n--;
	}
	if (n > 0)
		to[(*used)++] = (char)c;
	return n;
}

/* Put what S, which stands behind a backslash, is; returns how many bytes of it that took. */
static size_t
put_escaped(struct slice s, enum escapes how, char *to, size_t *used)
{
	size_t n = how == OF_C ? coded(s, to, used) : 0;

	if (n > 0)
		return n;
	to[(*used)++] = how == OF_C ? letter(s.p[0], "ntrbfv", "\n\t\r\b\f\v")
				    : letter(s.p[0], "ntrbZ0", "\n\t\r\b\x1a");
	return 1;
}

/* RAW with doubled quotes made one, and backslashes undone. */
static struct slice
cooked(struct sql *l, struct slice raw, char quote, enum escapes how)
{
	char *to = arena_take(l->arena, raw.n + 1);
	size_t used = 0;

	for (size_t i = 0; to != NULL && i < raw.n;) {
		if (how != NO_ESCAPES && raw.p[i] == '\\' && i + 1 < raw.n) {
			i += 1 + put_escaped(slice_tail(raw, i + 1), how, to, &used);
			continue;
		}
		to[used++] = raw.p[i];
		i += raw.p[i] == quote && quote != '\0' ? 2 : 1;
	}
	return slice_of(to, used);
}

static size_t
text_length(struct slice s, char quote, enum escapes how)
{
	size_t i = 1;

	while (i < s.n) {
		if (how != NO_ESCAPES && s.p[i] == '\\')
			i++;
		else if (s.p[i] == quote && i + 1 < s.n && s.p[i + 1] == quote)
			i++;
		else if (s.p[i] == quote)
			break;
		i++;
	}
	return i < s.n ? i : s.n;
}

/* 'text' with quotes doubled, and backslashes where they escape; the cursor stands on the first. */
static struct slice
take_text(struct sql *l, enum escapes how)
{
	char quote = next(l);
	size_t n = text_length(l->rest, quote, how), at;
	struct slice raw = slice_of(l->rest.p + 1, n - (n > 0));

	l->cut |= n == l->rest.n;
	sql_skip(l, n + 1);
	if (!slice_chr(raw, quote, &at) && !(how != NO_ESCAPES && slice_chr(raw, '\\', &at)))
		return raw;
	return cooked(l, raw, quote, how);
}

static enum escapes
usual(const struct sql *l)
{
	return l->backslashes ? OF_MYSQL : NO_ESCAPES;
}

struct slice
sql_unescape(struct sql *l, struct slice raw)
{
	size_t at;

	return slice_chr(raw, '\\', &at) ? cooked(l, raw, '\0', OF_C) : raw;
}

/* 68657840: what these bytes are. */
static bool
take_hex(struct sql *l, struct slice hex, struct slice *out)
{
	char *to = arena_take(l->arena, hex.n / 2 + 1);
	uint32_t c;

	if (hex.n % 2 != 0)
		return false;
	for (size_t i = 0; i < hex.n; i += 2) {
		if (!digits(slice_tail(hex, i), 2, 16, &c))
			return false;
		if (to != NULL)
			to[i / 2] = (char)c;
	}
	*out = slice_of(to, to != NULL ? hex.n / 2 : 0);
	return true;
}

/* --- functions with which SQLite writes a text on one line ------------------------------------ */

/* replace('a\nb','\n',char(10)): what comes in is never longer than what goes. */
static bool
replaced(struct sql *l, struct slice text, struct slice from, struct slice by, struct slice *out)
{
	char *to;
	size_t used = 0;

	if (from.n == 0 || by.n > from.n)
		return false;
	to = arena_take(l->arena, text.n + 1);
	for (size_t i = 0; to != NULL && i < text.n;) {
		bool here = slice_eq(slice_head(slice_tail(text, i), from.n), from);

		if (here && by.n > 0)
			memcpy(to + used, by.p, by.n);
		else if (!here)
			to[used] = text.p[i];
		used += here ? by.n : 1;
		i += here ? from.n : 1;
	}
	*out = slice_of(to, used);
	return true;
}

static bool
char_of(struct sql *l, struct slice number, struct slice *out)
{
	unsigned long long c;
	char *to = arena_take(l->arena, 5);

	if (!slice_number(number, 0x10ffff, &c))
		return false;
	*out = slice_of(to, to != NULL ? put_utf8(to, (uint32_t)c) : 0);
	return true;
}

/* \000a, \u000a, \+00000a, \U0000000a: how many bytes of S, which is behind the backslash; 0: none
 * of them. */
static size_t
unistr_coded(struct slice s, uint32_t *c)
{
	size_t mark = slice_starts(s, "u") || slice_starts(s, "+") || slice_starts(s, "U");
	size_t n = slice_starts(s, "U") ? 8 : slice_starts(s, "+") ? 6 : 4;

	return digits(slice_tail(s, mark), n, 16, c) && *c <= 0x10ffff ? mark + n : 0;
}

static bool
unistr_of(struct sql *l, struct slice text, struct slice *out)
{
	char *to = arena_take(l->arena, text.n + 1);
	size_t used = 0;

	for (size_t i = 0; to != NULL && i < text.n;) {
		struct slice behind = slice_tail(text, i + 1);
		uint32_t c = '\\';
		size_t n = 1;

		if (text.p[i] != '\\') {
			to[used++] = text.p[i++];
			continue;
		}
		if (!slice_starts(behind, "\\"))
			n = unistr_coded(behind, &c);
		if (n == 0)
			return false;
		used += put_utf8(to + used, c);
		i += 1 + n;
	}
	*out = slice_of(to, used);
	return true;
}

static bool take_one(struct sql *l, struct slice *out, unsigned depth);

/* name(value, ...), the cursor behind the name. */
static bool
take_call(struct sql *l, struct slice name, struct slice *out, unsigned depth)
{
	struct slice arg[ARGUMENTS_MAX];
	size_t n = 0;

	if (depth == DEPTH_MAX || !sql_char(l, '('))
		return false;
	do
		if (n == ARGUMENTS_MAX || !take_one(l, &arg[n++], depth + 1))
			return false;
	while (sql_char(l, ','));
	if (!sql_char(l, ')'))
		return false;
	if (slice_is_nocase(name, "replace") && n == 3)
		return replaced(l, arg[0], arg[1], arg[2], out);
	if (slice_is_nocase(name, "char") && n == 1)
		return char_of(l, arg[0], out);
	return slice_is_nocase(name, "unistr") && n == 1 && unistr_of(l, arg[0], out);
}

/* --- values ----------------------------------------------------------------------------------- */

static bool
starts_with_quote(struct slice s, const char *letters)
{
	return s.n > 1 && s.p[1] == '\'' && s.p[0] != '\0' && strchr(letters, s.p[0]) != NULL;
}

/* A word: NULL, TRUE, _utf8mb4'text', a function. */
static bool
take_word_value(struct sql *l, struct slice *out, unsigned depth)
{
	struct slice word = take_bare_name(l);

	*out = slice_of(NULL, 0);
	if (slice_is_nocase(word, "NULL"))
		return true;
	if (slice_is_nocase(word, "TRUE") || slice_is_nocase(word, "FALSE")) {
		*out = word;
		return true;
	}
	if (slice_starts(word, "_")) /* of which character set the text is */
		return depth < DEPTH_MAX && take_one(l, out, depth + 1);
	return take_call(l, word, out, depth);
}

static struct slice
take_number(struct sql *l)
{
	struct slice number;
	size_t n = 0;

	for (; n < l->rest.n; n++) {
		char c = l->rest.p[n];
		bool sign = (c == '+' || c == '-') &&
			    (n == 0 || l->rest.p[n - 1] == 'e' || l->rest.p[n - 1] == 'E');

		if (!is_word(c) && c != '.' && !sign)
			break;
	}
	number = slice_head(l->rest, n);
	sql_skip(l, n);
	return number;
}

static bool
take_one(struct sql *l, struct slice *out, unsigned depth)
{
	char c;

	sql_skip_blanks(l);
	c = next(l);
	if (starts_with_quote(l->rest, "eE")) {
		sql_skip(l, 1);
		*out = take_text(l, OF_C);
		return true;
	}
	if (starts_with_quote(l->rest, "xX")) {
		sql_skip(l, 1);
		return take_hex(l, take_text(l, NO_ESCAPES), out);
	}
	if (starts_with_quote(l->rest, "bBnN")) {
		sql_skip(l, 1);
		c = '\'';
	}
	if (c == '\'' || c == '"') { /* in the place of a value the second is MySQL's */
		*out = take_text(l, usual(l));
		return true;
	}
	if (slice_starts(l->rest, "0x")) {
		sql_skip(l, 2);
		return take_hex(l, take_bare_name(l), out);
	}
	if (c != '\0' && strchr("+-.0123456789", c) != NULL) {
		*out = take_number(l);
		return true;
	}
	return is_word(c) && take_word_value(l, out, depth);
}

/* ::character varying(80), COLLATE "C": what says of which type a value is. */
static void
skip_type(struct sql *l)
{
	if (!slice_starts(l->rest, "::") && !sql_word(l, "COLLATE"))
		return;
	for (;;) {
		char c;

		sql_skip_blanks(l);
		c = next(l);
		if (c == '(') {
			sql_skip_to(l, ")");
		} else if (c == '"') {
			take_quoted_name(l, c);
		} else if (c != '\0' && (is_word(c) || strchr(":.[]", c) != NULL)) {
			sql_skip(l, 1);
		} else {
			return;
		}
	}
}

static bool
at_end_of_value(struct sql *l)
{
	sql_skip_blanks(l);
	return l->rest.n == 0 || (next(l) != '\0' && strchr(",);", next(l)) != NULL);
}

void
sql_skip_value(struct sql *l)
{
	size_t depth = 0;

	while (l->rest.n > 0) {
		char c;

		sql_skip_blanks(l);
		c = next(l);
		if (l->rest.n == 0 || (depth == 0 && (c == ',' || c == ')')) || c == ';')
			return;
		if (c == '\'' || c == '"') {
			take_text(l, usual(l));
			continue;
		}
		depth += c == '(';
		depth -= c == ')';
		sql_skip(l, 1);
	}
}

bool
sql_value(struct sql *l, struct slice *out)
{
	struct sql before;

	sql_skip_blanks(l);
	before = *l;
	if (take_one(l, out, 0)) {
		sql_skip_blanks(l);
		skip_type(l);
		if (at_end_of_value(l))
			return true;
	}
	before.cut |= l->cut;
	*l = before;
	sql_skip_value(l);
	*out = slice_of(NULL, 0);
	return false;
}

/* --- statements ------------------------------------------------------------------------------- */

/* $$ ... $$, $_$ ... $_$; false when the dollar is no such thing. */
static bool
skip_dollars(struct sql *l)
{
	struct slice tag;
	size_t n;

	if (!slice_chr(slice_head(slice_tail(l->rest, 1), TAG_MAX), '$', &n))
		return false;
	tag = slice_head(l->rest, n + 2);
	for (size_t i = 0; i < tag.n; i++)
		if (!is_word(tag.p[i]))
			return false;
	sql_skip(l, tag.n);
	l->cut |= !skip_past(l, tag);
	return true;
}

bool
sql_skip_statement(struct sql *l, const char *word)
{
	bool found = false;

	for (;;) {
		char c;

		sql_skip_blanks(l);
		c = next(l);
		if (l->rest.n == 0) {
			l->cut = true;
			return found;
		}
		if (c == '\'')
			take_text(l, usual(l));
		else if (c == '"' || c == '`')
			take_quoted_name(l, c);
		else if (c == '$' && skip_dollars(l))
			continue;
		else if (is_word(c))
			found |= slice_is_nocase(take_bare_name(l), word != NULL ? word : "");
		else
			sql_skip(l, 1);
		if (c == ';')
			return found;
	}
}
