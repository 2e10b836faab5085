/* SPDX-License-Identifier: ISC
 *
 * Tables of text in memory, and the memory itself.
 */
#include "foreign/tables.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- memory ----------------------------------------------------------------------------------- */

enum { CHUNK = 1 << 18, ALIGN = 16 };

struct chunk {
	struct chunk *before;
	size_t n, size;
};

/* What comes first in a chunk's bytes is aligned as whatever malloc gives. */
enum { CHUNK_HEAD = (sizeof(struct chunk) + ALIGN - 1) / ALIGN * ALIGN };

void *
arena_take(struct arena *a, size_t n)
{
	struct chunk *c = a->last;
	size_t want = (n + ALIGN - 1) / ALIGN * ALIGN;

	if (c == NULL || c->size - c->n < want) {
		size_t size = want > CHUNK ? want : CHUNK;

		c = malloc(CHUNK_HEAD + size);
		if (c == NULL)
			return NULL;
		*c = (struct chunk){ .before = a->last, .size = size };
		a->last = c;
	}
	c->n += want;
	return (char *)c + CHUNK_HEAD + c->n - want;
}

struct slice
arena_keep(struct arena *a, struct slice text)
{
	char *p = arena_take(a, text.n + 1);

	if (p == NULL)
		return slice_of(NULL, 0);
	if (text.n > 0)
		memcpy(p, text.p, text.n);
	p[text.n] = '\0';
	return slice_of(p, text.n);
}

struct slice
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	int n;
	char *p;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	p = n >= 0 ? arena_take(a, (size_t)n + 1) : NULL;
	if (p != NULL)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return slice_of(p, p != NULL ? (size_t)n : 0);
}

/* Passwords were in there. */
void
arena_release(struct arena *a)
{
	while (a->last != NULL) {
		struct chunk *c = a->last;

		a->last = c->before;
		explicit_bzero(c, CHUNK_HEAD + c->size);
		free(c);
	}
}

/* --- tables ----------------------------------------------------------------------------------- */

/* Names of tables and columns are compared without regard to case, as databases do. */
static struct slice
keep_folded(struct arena *a, struct slice text)
{
	struct slice kept = arena_keep(a, slice_trim(text));
	char *p = (char *)kept.p;

	for (size_t i = 0; p != NULL && i < kept.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] += 'a' - 'A';
	return kept;
}

static struct table *
new_table(struct tables *t)
{
	if (t->n == t->room) {
		size_t room = t->room == 0 ? 16 : 2 * t->room;
		void *more = realloc(t->table, room * sizeof *t->table);

		if (more == NULL)
			return NULL;
		t->table = more;
		t->room = room;
	}
	t->table[t->n] = (struct table){ .rows = 0 };
	return &t->table[t->n++];
}

struct table *
tables_begin(struct tables *t, const char *file, struct slice name, const struct slice *column,
    size_t columns)
{
	struct table *table = new_table(t);

	if (table != NULL) {
		table->file = file;
		table->name = keep_folded(t->arena, name);
		table->column = arena_take(t->arena, (columns + 1) * sizeof *table->column);
	}
	if (table == NULL || table->name.p == NULL || table->column == NULL) {
		t->no_memory = true;
		return NULL;
	}
	for (table->columns = 0; table->columns < columns; table->columns++)
		table->column[table->columns] = keep_folded(t->arena, column[table->columns]);
	return table;
}

struct table *
tables_find(struct tables *t, struct slice name)
{
	for (size_t i = 0; i < t->n; i++)
		if (slice_eq(t->table[i].name, name))
			return &t->table[i];
	return NULL;
}

static bool
grow(struct table *table)
{
	size_t room = table->room == 0 ? 16 : 2 * table->room;
	void *cells = realloc(table->cell, room * (table->columns + 1) * sizeof *table->cell);
	void *lines;

	if (cells == NULL)
		return false;
	table->cell = cells;
	lines = realloc(table->line, room * sizeof *table->line);
	if (lines == NULL)
		return false;
	table->line = lines;
	table->room = room;
	return true;
}

bool
table_add(struct tables *t, struct table *table, size_t line, const struct slice *cell)
{
	struct slice *to;

	if (table->rows == table->room && !grow(table)) {
		t->no_memory = true;
		return false;
	}
	to = &table->cell[table->rows * table->columns];
	for (size_t i = 0; i < table->columns; i++)
		to[i] = t->copy && cell[i].p != NULL ? arena_keep(t->arena, cell[i]) : cell[i];
	table->line[table->rows++] = (uint32_t)line;
	return true;
}

bool
table_column(const struct table *table, struct slice name, size_t *at)
{
	for (*at = 0; *at < table->columns; ++*at)
		if (slice_eq(table->column[*at], name))
			return true;
	return false;
}

struct slice
table_cell(const struct table *table, size_t row, size_t column)
{
	return table->cell[row * table->columns + column];
}

void
tables_release(struct tables *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->table[i].cell);
		free(t->table[i].line);
	}
	free(t->table);
	*t = (struct tables){ .n = 0 };
}
