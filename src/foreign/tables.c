/* SPDX-License-Identifier: ISC
 *
 * Tables of text in memory.
 */
#include "foreign/tables.h"

#include <stdlib.h>
#include <string.h>

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
