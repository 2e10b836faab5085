/* SPDX-License-Identifier: ISC
 *
 * CSV and TSV with a line of column names: as RFC 4180 has it, and as `mysql --batch` and psql's
 * \copy write it.
 */
#include <string.h>

#include "foreign/read.h"

enum { COLUMNS_MAX = 256 };

struct cursor {
	struct tables *tables;
	struct slice rest;
	size_t line;
	char separator;
};

static struct slice
first_line(struct slice text)
{
	return slice_cut(&text, '\n');
}

/* A tab separates before a semicolon, and that before a comma. */
static char
separator_of(struct slice line)
{
	static const char known[] = "\t;,";
	size_t at;

	for (size_t i = 0; known[i] != '\0'; i++)
		if (slice_chr(line, known[i], &at))
			return known[i];
	return ',';
}

/* --- one cell --------------------------------------------------------------------------------- */

static char
escaped(char c)
{
	static const char from[] = "ntr0bfv", to[] = "\n\t\r\0\b\f\v";
	const char *at = c != '\0' ? strchr(from, c) : NULL;

	return at != NULL ? to[at - from] : c;
}

/* Undo the backslashes of a TSV's cell. */
static struct slice
unescape(struct tables *t, struct slice raw)
{
	char *to = arena_take(t->arena, raw.n + 1);
	size_t n = 0;

	for (size_t i = 0; to != NULL && i < raw.n; i++) {
		if (raw.p[i] == '\\' && i + 1 < raw.n)
			to[n++] = escaped(raw.p[++i]);
		else
			to[n++] = raw.p[i];
	}
	t->no_memory |= to == NULL;
	return slice_of(to, n);
}

static struct slice
bare_cell(struct cursor *c, struct slice raw)
{
	size_t at;

	if (raw.n > 0 && raw.p[raw.n - 1] == '\r')
		raw.n--;
	if (c->separator != '\t')
		return raw.n > 0 ? raw : slice_of(NULL, 0);
	if (slice_is(raw, "\\N") || slice_is(raw, "NULL"))
		return slice_of(NULL, 0);
	return slice_chr(raw, '\\', &at) ? unescape(c->tables, raw) : raw;
}

/* `"..."` with the quotes in it doubled; the cursor stands behind the first. */
static struct slice
quoted_cell(struct cursor *c)
{
	struct slice raw = c->rest;
	char *to;
	size_t n = 0, i = 0;

	while (i < raw.n && (raw.p[i] != '"' || (i + 1 < raw.n && raw.p[i + 1] == '"'))) {
		c->line += raw.p[i] == '\n';
		i += raw.p[i] == '"' ? 2 : 1;
	}
	to = arena_take(c->tables->arena, i + 1);
	for (size_t k = 0; to != NULL && k < i; k++) {
		to[n++] = raw.p[k];
		k += raw.p[k] == '"';
	}
	c->tables->no_memory |= to == NULL;
	c->rest = slice_tail(raw, i + 1);
	return slice_of(to, n);
}

/* Take a cell off the front; *LAST: the line ends with it. */
static struct slice
take_cell(struct cursor *c, bool *last)
{
	struct slice cell = { NULL, 0 }, raw;
	size_t n = 0;
	bool quoted = slice_starts(c->rest, "\"");

	if (quoted) {
		c->rest = slice_tail(c->rest, 1);
		cell = quoted_cell(c);
	}
	while (n < c->rest.n && c->rest.p[n] != c->separator && c->rest.p[n] != '\n')
		n++;
	raw = slice_head(c->rest, n);
	*last = n == c->rest.n || c->rest.p[n] == '\n';
	c->line += n < c->rest.n && c->rest.p[n] == '\n';
	c->rest = slice_tail(c->rest, n + 1);
	return quoted ? cell : bare_cell(c, raw);
}

/* Take a line into CELL, which has room for COLUMNS_MAX; returns how many there were. */
static size_t
take_line(struct cursor *c, struct slice *cell)
{
	size_t n = 0;
	bool last = false;

	while (!last) {
		struct slice one = take_cell(c, &last);

		if (n < COLUMNS_MAX)
			cell[n] = one;
		n++;
	}
	return n;
}

/* --- the file --------------------------------------------------------------------------------- */

/* Names that the caller gives in place of a first line; 0 when there are none. */
static size_t
given_columns(struct slice given, struct slice *name)
{
	size_t n = 0, at;

	if (slice_chr(given, '=', &at))
		return 0;
	while (given.n > 0 && n < COLUMNS_MAX)
		name[n++] = slice_cut(&given, ',');
	return n;
}

static void
read_rows(struct cursor *c, const struct source *s, struct table *table)
{
	while (c->rest.n > 0 && !c->tables->no_memory) {
		struct slice cell[COLUMNS_MAX];
		size_t line = c->line, n = take_line(c, cell);

		if (n == 1 && cell[0].n == 0)
			continue;
		if (n == table->columns)
			table_add(c->tables, table, line, cell);
		else
			s->say(
			    s->arg, s->file, line, "it has not as many cells as there are columns");
	}
}

enum outcome
read_delimited(struct tables *t, const struct source *s, struct error *err)
{
	struct cursor c = { .tables = t, .rest = s->text, .line = 1 };
	struct slice name[COLUMNS_MAX];
	struct table *table;
	size_t n;

	if (slice_starts(c.rest, "\xef\xbb\xbf"))
		c.rest = slice_tail(c.rest, 3);
	c.separator = separator_of(first_line(c.rest));
	n = given_columns(s->columns, name);
	if (n == 0)
		n = take_line(&c, name);
	if (n > COLUMNS_MAX)
		return error_set(err, BAD, "it has more than %d columns", COLUMNS_MAX);
	table = tables_begin(t, s->file, s->table, name, n);
	if (table != NULL) {
		table->is_text = true;
		if (!s->names_only)
			read_rows(&c, s, table);
	}
	return t->no_memory ? error_set(err, RETRY, "no memory") : FOUND;
}

bool
looks_delimited(struct slice text)
{
	struct slice line = slice_trim(first_line(text));
	size_t at;

	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr("_-\"\t;, ", c) != NULL) ||
		    c == '\0')
			return false;
	}
	return slice_chr(line, '\t', &at) || slice_chr(line, ';', &at) || slice_chr(line, ',', &at);
}
