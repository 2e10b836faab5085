/* SPDX-License-Identifier: ISC
 *
 * The dump of a database: of mysqldump, pg_dump (with COPY or with INSERT) and sqlite3's .dump. It
 * is read for its rows alone. Statements that bring none are passed over; of a table that is
 * wanted, what brings or changes rows and cannot be read is told, and so is a file that ends too
 * early.
 */
#include <string.h>
#include <strings.h>

#include "foreign/read.h"
#include "foreign/sql.h"

enum { COLUMNS_MAX = 256, NAME_MAX_BYTES = 256 };

struct reader {
	const struct source *source;
	struct tables *tables;
	struct sql sql;
	size_t statement; /* the line in which it begins */
	size_t open;      /* that of a transaction that has not ended, or 0 */
	bool told_cut;
};

/* A row. */
struct values {
	struct slice cell[COLUMNS_MAX];
	size_t n;
	size_t line;
};

static void
say(struct reader *r, size_t line, const char *text)
{
	r->source->say(r->source->arg, r->source->file, line, text);
}

/* Once: it is one thing, whatever else is then missing. */
static void
say_cut(struct reader *r, size_t line, const char *text)
{
	if (!r->told_cut)
		say(r, line, text);
	r->told_cut = true;
}

static void
skip_statement(struct reader *r)
{
	sql_skip_statement(&r->sql, NULL);
}

/* Tell that rows of a wanted table cannot be had, from LINE to the end of the statement. */
static void
refuse(struct reader *r, size_t line, const char *text)
{
	/* it may be the end of the file that makes no sense */
	skip_statement(r);
	if (!r->sql.cut)
		say(r, line, text);
}

/* --- tables ----------------------------------------------------------------------------------- */

static bool
wanted(const struct reader *r, struct slice name)
{
	char folded[NAME_MAX_BYTES];

	if (r->source->wants == NULL)
		return true;
	if (name.n > sizeof folded)
		return false;
	for (size_t i = 0; i < name.n; i++)
		folded[i] = (char)(name.p[i] | (name.p[i] >= 'A' && name.p[i] <= 'Z' ? 32 : 0));
	return r->source->wants(r->source->arg, slice_of(folded, name.n));
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
table_for(struct reader *r, struct slice name, const struct slice *column, size_t n)
{
	for (size_t i = 0; i < r->tables->n; i++) {
		struct table *t = &r->tables->table[i];

		if (t->file == r->source->file && same_name(t->name, name) &&
		    has_columns(t, column, n))
			return t;
	}
	return n > 0 ? tables_begin(r->tables, r->source->file, name, column, n) : NULL;
}

/* The same for a table whose rows come now. */
static struct table *
table_of_rows(struct reader *r, struct slice name, const struct slice *column, size_t n)
{
	struct table *table = table_for(r, name, column, n);

	if (table == NULL && !r->tables->no_memory)
		say(r, r->statement,
		    "rows of a table of which nobody said what its columns are called");
	return table;
}

static void
add_row(struct reader *r, struct table *table, const struct values *row)
{
	if (table == NULL || r->source->names_only)
		return;
	if (row->n == table->columns)
		table_add(r->tables, table, row->line, row->cell);
	else
		say(r, row->line, "this row has not as many values as the table has columns");
}

/* --- INSERT ----------------------------------------------------------------------------------- */

static void
take_cell(struct reader *r, struct slice *cell)
{
	if (!sql_value(&r->sql, cell))
		*cell = slice_str("\001computed");
}

/* ( v, v, v ); false when that is not what stands there. */
static bool
take_row(struct reader *r, struct values *row)
{
	sql_skip_blanks(&r->sql);
	row->n = 0;
	row->line = r->sql.line;
	if (!sql_char(&r->sql, '('))
		return false;
	do {
		if (row->n == COLUMNS_MAX)
			return false;
		take_cell(r, &row->cell[row->n++]);
	} while (sql_char(&r->sql, ','));
	return sql_char(&r->sql, ')');
}

/* What may stand behind the rows: nothing that brings others. */
static void
end_insert(struct reader *r)
{
	static const char *const words[] = { "ON", "RETURNING", "AS" };
	size_t line;

	if (sql_char(&r->sql, ';'))
		return;
	line = r->sql.line;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (sql_word(&r->sql, words[i])) {
			skip_statement(r);
			return;
		}
	refuse(r, line, "what stands here, behind a row, is not understood");
}

static void
take_rows(struct reader *r, struct table *table)
{
	struct values row;

	do {
		if (!take_row(r, &row)) {
			if (r->sql.rest.n == 0)
				say_cut(r, row.line, "the file ends in the middle of this row");
			refuse(r, row.line,
			    "this row is not understood: it is left out, and what follows it in "
			    "its statement");
			return;
		}
		add_row(r, table, &row);
	} while (!r->tables->no_memory && sql_char(&r->sql, ','));
	end_insert(r);
}

/* SET a = v, b = v: one row. */
static void
take_assignments(struct reader *r, struct slice name)
{
	struct slice column[COLUMNS_MAX];
	struct values row = { .n = 0, .line = r->statement };

	do {
		if (row.n == COLUMNS_MAX)
			break;
		column[row.n] = sql_name(&r->sql);
		if (column[row.n].n == 0 || !sql_char(&r->sql, '='))
			break;
		take_cell(r, &row.cell[row.n++]);
		if (!sql_char(&r->sql, ',')) {
			add_row(r, table_of_rows(r, name, column, row.n), &row);
			end_insert(r);
			return;
		}
	} while (!r->tables->no_memory);
	refuse(r, r->statement, "this row is not understood: it is left out");
}

/* What may stand between INSERT or REPLACE and the table. */
static void
pass_modifiers(struct reader *r)
{
	while (sql_word(&r->sql, "LOW_PRIORITY") || sql_word(&r->sql, "HIGH_PRIORITY") ||
	       sql_word(&r->sql, "DELAYED") || sql_word(&r->sql, "IGNORE"))
		;
	if (sql_word(&r->sql, "OR"))
		sql_name(&r->sql);
	sql_word(&r->sql, "INTO");
}

/* [INTO] name [(columns)] [OVERRIDING ... VALUE] VALUES (...), (...) or SET ... */
static void
take_insert(struct reader *r)
{
	struct slice column[COLUMNS_MAX], name;
	struct sql before;
	size_t n;

	pass_modifiers(r);
	name = sql_table_name(&r->sql);
	if (!wanted(r, name)) {
		skip_statement(r);
		return;
	}
	before = r->sql;
	n = sql_names(&r->sql, column, COLUMNS_MAX);
	if (n == 0)
		r->sql = before;
	if (sql_word(&r->sql, "OVERRIDING")) {
		sql_name(&r->sql);
		sql_word(&r->sql, "VALUE");
	}
	if (sql_word(&r->sql, "VALUES") || sql_word(&r->sql, "VALUE"))
		take_rows(r, table_of_rows(r, name, column, n));
	else if (sql_word(&r->sql, "SET"))
		take_assignments(r, name);
	else
		refuse(r, r->statement,
		    "rows that do not stand in the statement: dump the table itself");
}

/* --- what changes rows that are there --------------------------------------------------------- */

static bool
has_rows(const struct reader *r, struct slice name)
{
	for (size_t i = 0; i < r->tables->n; i++)
		if (r->tables->table[i].rows > 0 && same_name(r->tables->table[i].name, name))
			return true;
	return false;
}

static void
take_change(struct reader *r)
{
	struct slice name;

	pass_modifiers(r);
	sql_word(&r->sql, "FROM");
	name = sql_table_name(&r->sql);
	if (wanted(r, name) && has_rows(r, name))
		refuse(r, r->statement,
		    "this statement changes rows that were read before it, and is not "
		    "understood: dump the table itself");
	else
		skip_statement(r);
}

/* --- CREATE ----------------------------------------------------------------------------------- */

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

/* [IF NOT EXISTS] name ( column type ..., ... ) */
static void
take_create_table(struct reader *r)
{
	struct sql *l = &r->sql;
	struct slice column[COLUMNS_MAX], name;
	size_t n = 0;

	if (sql_word(l, "IF") && sql_word(l, "NOT"))
		sql_word(l, "EXISTS");
	name = sql_table_name(l);
	if (sql_char(l, '('))
		do {
			bool quoted;
			struct slice word;

			sql_skip_blanks(l);
			quoted = l->rest.n > 0 && l->rest.p[0] != '\0' &&
				 strchr("`\"[", l->rest.p[0]) != NULL;
			word = sql_name(l);
			if (word.n > 0 && n < COLUMNS_MAX && (quoted || !is_constraint(word)))
				column[n++] = word;
			sql_skip_value(l);
		} while (sql_char(l, ','));
	if (n > 0 && wanted(r, name))
		table_for(r, name, column, n);
	skip_statement(r);
}

/* What is done by a trigger or a function is no part of the dump: its statements go up to an END.
 */
static void
skip_routine(struct reader *r)
{
	bool more = sql_skip_statement(&r->sql, "BEGIN");

	while (more && r->sql.rest.n > 0) {
		more = !sql_word(&r->sql, "END");
		skip_statement(r);
	}
}

static void
take_create(struct reader *r)
{
	static const char *const words[] = { "OR", "REPLACE", "GLOBAL", "LOCAL", "TEMPORARY",
		"TEMP", "UNLOGGED" };
	struct sql *l = &r->sql;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		sql_word(l, words[i]);
	if (sql_word(l, "TABLE"))
		take_create_table(r);
	else if (sql_word(l, "TRIGGER") || sql_word(l, "FUNCTION") || sql_word(l, "PROCEDURE"))
		skip_routine(r);
	else
		skip_statement(r);
}

/* DELIMITER ;; of mysql: what stands between this and the next are routines. */
static void
take_delimiter(struct reader *r)
{
	struct slice rest = r->sql.rest;

	if (!slice_is(slice_trim(slice_cut(&rest, '\n')), ";")) {
		sql_skip_to(&r->sql, "\nDELIMITER");
		r->sql.cut |= r->sql.rest.n == 0;
	}
	sql_skip_to(&r->sql, "\n");
}

/* --- COPY ------------------------------------------------------------------------------------- */

static void
copy_row(struct reader *r, struct table *table, struct slice line, size_t number)
{
	struct values row = { .n = 0, .line = number };

	while (line.p != NULL && row.n < COLUMNS_MAX) {
		struct slice raw = slice_cut(&line, '\t');

		row.cell[row.n++] =
		    slice_is(raw, "\\N") ? slice_of(NULL, 0) : sql_unescape(&r->sql, raw);
	}
	add_row(r, table, &row);
}

/* Lines up to one that is \. */
static void
take_lines(struct reader *r, struct table *table)
{
	size_t at;

	while (slice_chr(r->sql.rest, '\n', &at) && !r->tables->no_memory) {
		struct slice line = slice_cut(&r->sql.rest, '\n');
		size_t number = r->sql.line++;

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (slice_is(line, "\\."))
			return;
		if (table != NULL && !r->source->names_only)
			copy_row(r, table, line, number);
	}
	if (slice_is(slice_trim(r->sql.rest), "\\."))
		sql_skip(&r->sql, r->sql.rest.n);
	else
		say_cut(r, r->sql.line, "the file ends in the middle of the rows of a table");
	sql_skip(&r->sql, r->sql.rest.n);
}

/* name (columns) FROM stdin; and then lines. */
static void
take_copy(struct reader *r)
{
	struct slice column[COLUMNS_MAX], name = sql_table_name(&r->sql);
	struct table *table = NULL;
	bool want = wanted(r, name);
	size_t n = sql_names(&r->sql, column, COLUMNS_MAX);

	if (!sql_word(&r->sql, "FROM") || !sql_word(&r->sql, "stdin")) {
		if (want && name.n > 0)
			refuse(r, r->statement, "rows that stand in another file");
		else
			skip_statement(r);
		return;
	}
	if (want && !sql_char(&r->sql, ';')) {
		refuse(r, r->statement, "rows in a form that is not understood");
	} else if (want) {
		table = table_of_rows(r, name, column, n);
	} else {
		skip_statement(r);
	}
	sql_skip_to(&r->sql, "\n");
	take_lines(r, table);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void
take_begin(struct reader *r)
{
	r->open = r->statement;
	skip_statement(r);
}

static void
take_start(struct reader *r)
{
	if (sql_word(&r->sql, "TRANSACTION"))
		take_begin(r);
	else
		skip_statement(r);
}

static void
take_end(struct reader *r)
{
	r->open = 0;
	skip_statement(r);
}

/* sqlite3 ends so what it could not read to the end. */
static void
take_rollback(struct reader *r)
{
	say(r, r->statement,
	    "ROLLBACK: whatever wrote this dump could not read all of the database");
	take_end(r);
}

static void
take_statement(struct reader *r)
{
	static const struct {
		const char *word;
		void (*take)(struct reader *r);
	} rows[] = {
		{ "INSERT", take_insert },
		{ "REPLACE", take_insert },
		{ "COPY", take_copy },
		{ "CREATE", take_create },
		{ "UPDATE", take_change },
		{ "DELETE", take_change },
		{ "DELIMITER", take_delimiter },
		{ "BEGIN", take_begin },
		{ "START", take_start },
		{ "COMMIT", take_end },
		{ "END", take_end },
		{ "ROLLBACK", take_rollback },
	};

	r->statement = r->sql.line;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (sql_word(&r->sql, rows[i].word)) {
			rows[i].take(r);
			return;
		}
	skip_statement(r);
}

/* Whether there is a statement more: lines of a backslash are for psql, \restrict and \connect. */
static bool
next_statement(struct sql *l)
{
	for (;;) {
		sql_skip_blanks(l);
		if (slice_starts(l->rest, "\xef\xbb\xbf"))
			sql_skip(l, 3);
		else if (slice_starts(l->rest, "\\"))
			sql_skip_to(l, "\n");
		else
			return l->rest.n > 0;
	}
}

static bool
has(struct slice text, const char *what)
{
	return text.n > 0 && memmem(text.p, text.n, what, strlen(what)) != NULL;
}

/* Programs that write dumps say at the end that this is it. */
static void
look_for_end(struct reader *r)
{
	static const struct {
		const char *first, *last;
	} programs[] = {
		{ "-- MySQL dump ", "-- Dump completed" },
		{ "-- MariaDB dump ", "-- Dump completed" },
		{ "-- PostgreSQL database dump\n", "-- PostgreSQL database dump complete" },
	};
	struct slice text = r->source->text, head = slice_head(text, 4096);

	if (r->sql.cut)
		say_cut(r, r->statement, "the file ends in the middle of what begins in this line");
	if (r->open > 0)
		say_cut(r, r->open,
		    "the file ends before the transaction does that begins in this line");
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
		if (has(head, programs[i].first) && !has(text, programs[i].last))
			say_cut(r, r->sql.line,
			    "the file ends here without the line that ends such a dump: some of "
			    "it may be missing");
}

enum outcome
read_dump(struct tables *t, const struct source *s, struct error *err)
{
	struct reader r = { .source = s, .tables = t };
	struct slice head = slice_head(s->text, 4096);

	r.sql = (struct sql){ .arena = t->arena, .rest = s->text, .line = 1 };
	r.sql.backslashes = has(head, "MySQL dump") || has(head, "MariaDB dump");
	r.sql.plain = slice_starts(s->text, "PRAGMA ");
	while (!t->no_memory && next_statement(&r.sql)) {
		take_statement(&r);
		t->no_memory |= t->arena->failed;
	}
	if (t->no_memory)
		return error_set(err, RETRY, "no memory");
	look_for_end(&r);
	return FOUND;
}

bool
looks_like_dump(struct slice text)
{
	struct sql l = { .rest = slice_head(text, 65536), .line = 1 };
	static const char *const words[] = { "CREATE", "INSERT", "COPY", "DROP", "SET", "BEGIN",
		"PRAGMA", "LOCK", "USE", "REPLACE", "SELECT", "ALTER", "START" };

	while (next_statement(&l) && sql_char(&l, ';'))
		;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (sql_word(&l, words[i]))
			return has(text, ";");
	return false;
}
