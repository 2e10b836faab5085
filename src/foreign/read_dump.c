/* SPDX-License-Identifier: ISC
 *
 * The dump of a database: of mysqldump, pg_dump (with COPY or with INSERT) and sqlite3's .dump. It
 * is read for its rows alone; statements that bring none are passed over.
 */
#include <string.h>

#include "foreign/read.h"

enum { COLUMNS_MAX = 256, NAME_MAX_BYTES = 256 };

struct lexer {
	const struct source *source;
	struct tables *tables;
	struct slice rest;
	size_t line;
	bool backslashes; /* MySQL: they escape in every text */
};

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 128;
}

static void
skip(struct lexer *l, size_t n)
{
	for (size_t i = 0; i < n && i < l->rest.n; i++)
		l->line += l->rest.p[i] == '\n';
	l->rest = slice_tail(l->rest, n);
}

static void
skip_to(struct lexer *l, const char *end)
{
	const char *at = l->rest.n > 0 ? memmem(l->rest.p, l->rest.n, end, strlen(end)) : NULL;

	skip(l, at != NULL ? (size_t)(at - l->rest.p) + strlen(end) : l->rest.n);
}

/* Blanks and comments. `/ *!` of MySQL is a comment too: nothing in one brings rows. */
static void
skip_blanks(struct lexer *l)
{
	for (;;) {
		if (l->rest.n > 0 && strchr(" \t\r\n", l->rest.p[0]) != NULL &&
		    l->rest.p[0] != '\0')
			skip(l, 1);
		else if (slice_starts(l->rest, "--") || slice_starts(l->rest, "#"))
			skip_to(l, "\n");
		else if (slice_starts(l->rest, "/*"))
			skip_to(l, "*/");
		else
			return;
	}
}

static bool
take_char(struct lexer *l, char c)
{
	skip_blanks(l);
	if (l->rest.n == 0 || l->rest.p[0] != c)
		return false;
	skip(l, 1);
	return true;
}

/* Take a word if it is this one. */
static bool
take_word(struct lexer *l, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(l);
	if (!slice_is_nocase(slice_head(l->rest, n), word) ||
	    (l->rest.n > n && is_word(l->rest.p[n])))
		return false;
	skip(l, n);
	return true;
}

/* --- names ------------------------------------------------------------------------------------ */

static struct slice
take_bare_name(struct lexer *l)
{
	struct slice name;
	size_t n = 0;

	while (n < l->rest.n && is_word(l->rest.p[n]))
		n++;
	name = slice_head(l->rest, n);
	skip(l, n);
	return name;
}

static struct slice
take_quoted_name(struct lexer *l, char end)
{
	struct slice name = slice_tail(l->rest, 1);
	size_t at;

	if (!slice_chr(name, end, &at))
		at = name.n;
	skip(l, at + 2);
	return slice_head(name, at);
}

/* name, "name", `name`, [name]; empty when none is there. */
static struct slice
take_name(struct lexer *l)
{
	char c;

	skip_blanks(l);
	c = l->rest.n > 0 ? l->rest.p[0] : '\0';
	if (c == '`')
		l->backslashes = true; /* nobody else writes names so */
	if (c == '`' || c == '"')
		return take_quoted_name(l, c);
	return c == '[' ? take_quoted_name(l, ']') : take_bare_name(l);
}

/* schema.name: the name. */
static struct slice
take_table_name(struct lexer *l)
{
	struct slice name = take_name(l);

	while (name.n > 0 && slice_starts(l->rest, ".")) {
		skip(l, 1);
		name = take_name(l);
	}
	return name;
}

/* ( a, b, c ): how many; 0 when there is no such list. */
static size_t
take_names(struct lexer *l, struct slice *name)
{
	size_t n = 0;

	if (!take_char(l, '('))
		return 0;
	do {
		if (n == COLUMNS_MAX)
			return 0;
		name[n++] = take_name(l);
	} while (take_char(l, ','));
	return take_char(l, ')') ? n : 0;
}

/* --- values ----------------------------------------------------------------------------------- */

static size_t
text_length(const struct lexer *l, bool backslashes)
{
	const struct slice s = l->rest;
	size_t i = 1;

	while (i < s.n) {
		if (backslashes && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '\'' && i + 1 < s.n && s.p[i + 1] == '\'')
			i++;
		else if (s.p[i] == '\'')
			break;
		i++;
	}
	return i < s.n ? i : s.n;
}

static char
escaped(char c)
{
	static const char from[] = "ntrbZ0", to[] = "\n\t\r\b\x1a";
	const char *at = c != '\0' ? strchr(from, c) : NULL;

	return at != NULL ? to[at - from] : c;
}

/* 'text' with quotes doubled, and backslashes where they escape; the lexer stands on the first. */
static struct slice
take_text(struct lexer *l, bool backslashes)
{
	size_t n = text_length(l, backslashes), used = 0, at;
	struct slice raw = slice_of(l->rest.p + 1, n - (n > 0));
	char *to;

	skip(l, n + 1);
	if (!slice_chr(raw, '\'', &at) && !(backslashes && slice_chr(raw, '\\', &at)))
		return raw;
	to = arena_take(l->tables->arena, raw.n + 1);
	for (size_t i = 0; to != NULL && i < raw.n; i++) {
		if (backslashes && raw.p[i] == '\\' && i + 1 < raw.n)
			to[used++] = escaped(raw.p[++i]);
		else {
			to[used++] = raw.p[i];
			i += raw.p[i] == '\'';
		}
	}
	l->tables->no_memory |= to == NULL;
	return slice_of(to, used);
}

/* Pass over anything up to the comma or bracket that ends a value. */
static void
skip_expression(struct lexer *l)
{
	size_t depth = 0;

	while (l->rest.n > 0) {
		char c;

		skip_blanks(l);
		c = l->rest.n > 0 ? l->rest.p[0] : '\0';
		if (l->rest.n == 0 || (depth == 0 && (c == ',' || c == ')')) || c == ';')
			return;
		if (c == '\'') {
			take_text(l, l->backslashes);
			continue;
		}
		depth += c == '(';
		depth -= c == ')';
		skip(l, 1);
	}
}

/* A value that is computed when the statement is run is not in the text. */
static struct slice
take_value(struct lexer *l, bool *computed)
{
	struct slice value;
	char c;

	skip_blanks(l);
	if (slice_starts(l->rest, "E'") || slice_starts(l->rest, "e'")) {
		skip(l, 1);
		return take_text(l, true);
	}
	if (take_word(l, "_binary") || take_word(l, "_utf8mb4"))
		skip_blanks(l);
	if (l->rest.n > 1 && l->rest.p[1] == '\'' && strchr("bBnN", l->rest.p[0]) != NULL)
		skip(l, 1);
	c = l->rest.n > 0 ? l->rest.p[0] : '\0';
	if (c == '\'') {
		value = take_text(l, l->backslashes);
	} else {
		size_t n = 0;

		while (n < l->rest.n &&
		       (is_word(l->rest.p[n]) || strchr("+-.", l->rest.p[n]) != NULL) &&
		       l->rest.p[n] != '\0')
			n++;
		value = slice_head(l->rest, n);
		skip(l, n);
		skip_blanks(l);
		*computed |= slice_starts(l->rest, "(") || n == 0;
		if (slice_is_nocase(value, "NULL"))
			value = slice_of(NULL, 0);
	}
	skip_expression(l); /* ::text and the like */
	return value;
}

/* ( v, v, v ); false when that is not what stands there. */
static bool
take_row(struct lexer *l, struct table *table)
{
	struct slice cell[COLUMNS_MAX];
	bool computed = false;
	size_t n = 0, line;

	if (!take_char(l, '('))
		return false;
	line = l->line;
	do {
		if (n == COLUMNS_MAX)
			return false;
		computed = false;
		cell[n++] = take_value(l, &computed);
		if (computed && table != NULL)
			cell[n - 1] = slice_str("\001computed");
	} while (take_char(l, ','));
	if (!take_char(l, ')'))
		return false;
	if (table == NULL || l->source->names_only)
		return true;
	if (n == table->columns)
		return table_add(l->tables, table, line, cell);
	l->source->say(l->source->arg, l->source->file, line,
	    "this row has not as many values as the table has columns");
	return true;
}

/* --- statements ------------------------------------------------------------------------------- */

static bool
wanted(const struct lexer *l, struct slice name)
{
	char folded[NAME_MAX_BYTES];

	if (l->source->wants == NULL)
		return true;
	if (name.n > sizeof folded)
		return false;
	for (size_t i = 0; i < name.n; i++)
		folded[i] = (char)(name.p[i] | (name.p[i] >= 'A' && name.p[i] <= 'Z' ? 32 : 0));
	return l->source->wants(l->source->arg, slice_of(folded, name.n));
}

static bool
same_name(struct slice a, struct slice b)
{
	return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* Whether a table has these columns; with none given, any will do. */
static bool
has_columns(const struct table *t, const struct slice *column, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (n != t->columns || !same_name(t->column[i], column[i]))
			return false;
	return true;
}

/* The table of that name whose rows have these columns, begun where there is none. */
static struct table *
table_for(struct lexer *l, struct slice name, const struct slice *column, size_t n)
{
	for (size_t i = 0; i < l->tables->n; i++) {
		struct table *t = &l->tables->table[i];

		if (t->file == l->source->file && same_name(t->name, name) &&
		    has_columns(t, column, n))
			return t;
	}
	return n > 0 ? tables_begin(l->tables, l->source->file, name, column, n) : NULL;
}

static void
skip_statement(struct lexer *l)
{
	while (l->rest.n > 0) {
		char c;

		skip_blanks(l);
		c = l->rest.n > 0 ? l->rest.p[0] : ';';
		if (c == '\'')
			take_text(l, l->backslashes);
		else if (c == '"' || c == '`')
			take_quoted_name(l, c);
		else if (slice_starts(l->rest, "$$")) {
			skip(l, 2);
			skip_to(l, "$$");
		} else
			skip(l, 1);
		if (c == ';')
			return;
	}
}

/* INTO name [(columns)] VALUES (...), (...) */
static void
take_insert(struct lexer *l)
{
	struct slice column[COLUMNS_MAX], name;
	struct table *table = NULL;
	size_t n, line = l->line;

	if (!take_word(l, "INTO")) {
		skip_statement(l);
		return;
	}
	name = take_table_name(l);
	n = take_names(l, column);
	if (wanted(l, name)) {
		table = table_for(l, name, column, n);
		if (table == NULL && !l->tables->no_memory)
			l->source->say(l->source->arg, l->source->file, line,
			    "rows of a table of which nobody said what its columns are called");
	}
	if (take_word(l, "VALUES"))
		do
			if (!take_row(l, table))
				break;
		while (!l->tables->no_memory && take_char(l, ','));
	skip_statement(l);
}

/* Whether an item of CREATE TABLE is no column. */
static bool
is_constraint(struct slice word)
{
	static const char *const words[] = { "PRIMARY", "KEY", "UNIQUE", "CONSTRAINT", "INDEX",
		"FOREIGN", "CHECK", "FULLTEXT", "SPATIAL", "EXCLUDE", "LIKE" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (slice_is_nocase(word, words[i]))
			return true;
	return false;
}

/* TABLE [IF NOT EXISTS] name ( column type ..., ... ) */
static void
take_create(struct lexer *l)
{
	struct slice column[COLUMNS_MAX], name;
	size_t n = 0;

	if (!take_word(l, "TABLE")) {
		skip_statement(l);
		return;
	}
	if (take_word(l, "IF") && take_word(l, "NOT"))
		take_word(l, "EXISTS");
	name = take_table_name(l);
	if (take_char(l, '('))
		do {
			bool quoted;
			struct slice word;

			skip_blanks(l);
			quoted = l->rest.n > 0 && strchr("`\"[", l->rest.p[0]) != NULL;
			word = take_name(l);
			if (word.n > 0 && n < COLUMNS_MAX && (quoted || !is_constraint(word)))
				column[n++] = word;
			skip_expression(l);
		} while (take_char(l, ','));
	if (n > 0 && wanted(l, name))
		table_for(l, name, column, n);
	skip_statement(l);
}

/* --- COPY ------------------------------------------------------------------------------------- */

static struct slice
copy_cell(struct lexer *l, struct slice raw)
{
	char *to;
	size_t used = 0, at;

	if (slice_is(raw, "\\N"))
		return slice_of(NULL, 0);
	if (!slice_chr(raw, '\\', &at))
		return raw;
	to = arena_take(l->tables->arena, raw.n + 1);
	for (size_t i = 0; to != NULL && i < raw.n; i++) {
		bool escape = raw.p[i] == '\\' && i + 1 < raw.n;

		to[used++] = escape ? escaped(raw.p[++i]) : raw.p[i];
	}
	l->tables->no_memory |= to == NULL;
	return slice_of(to, used);
}

static void
copy_row(struct lexer *l, struct table *table, struct slice line, size_t number)
{
	struct slice cell[COLUMNS_MAX];
	size_t n = 0;

	while (line.p != NULL && n < COLUMNS_MAX)
		cell[n++] = copy_cell(l, slice_cut(&line, '\t'));
	if (n == table->columns)
		table_add(l->tables, table, number, cell);
	else
		l->source->say(l->source->arg, l->source->file, number,
		    "this row has not as many values as the table has columns");
}

/* name (columns) FROM stdin; and then lines up to one that is \. */
static void
take_copy(struct lexer *l)
{
	struct slice column[COLUMNS_MAX], name = take_table_name(l);
	struct table *table = NULL;
	size_t n = take_names(l, column);

	if (wanted(l, name))
		table = table_for(l, name, column, n);
	skip_statement(l);
	skip_to(l, "\n");
	while (l->rest.n > 0 && !l->tables->no_memory) {
		struct slice rest = l->rest, line = slice_cut(&rest, '\n');
		size_t number = l->line;

		l->line++;
		l->rest = rest;
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (slice_is(line, "\\."))
			return;
		if (table != NULL && !l->source->names_only)
			copy_row(l, table, line, number);
	}
}

enum outcome
read_dump(struct tables *t, const struct source *s, struct error *err)
{
	struct lexer l = { .source = s, .tables = t, .rest = s->text, .line = 1 };
	struct slice head = slice_head(s->text, 4096);

	l.backslashes = memmem(head.p, head.n, "MySQL dump", 10) != NULL ||
			memmem(head.p, head.n, "MariaDB dump", 12) != NULL;
	for (skip_blanks(&l); l.rest.n > 0 && !t->no_memory; skip_blanks(&l)) {
		bool replace = take_word(&l, "REPLACE");

		if (replace || take_word(&l, "INSERT")) {
			if (!take_word(&l, "IGNORE") && take_word(&l, "OR"))
				take_name(&l);
			take_insert(&l);
		} else if (take_word(&l, "CREATE")) {
			take_create(&l);
		} else if (take_word(&l, "COPY")) {
			take_copy(&l);
		} else {
			skip_statement(&l);
		}
	}
	return t->no_memory ? error_set(err, RETRY, "no memory") : FOUND;
}

bool
looks_like_dump(struct slice text)
{
	struct lexer l = { .rest = slice_head(text, 65536), .line = 1 };
	static const char *const words[] = { "CREATE", "INSERT", "COPY", "DROP", "SET", "BEGIN",
		"PRAGMA", "LOCK", "USE", "REPLACE", "SELECT", "ALTER", "START" };

	while (take_char(&l, ';'))
		;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (take_word(&l, words[i]))
			return memmem(text.p, text.n, ";", 1) != NULL;
	return false;
}
