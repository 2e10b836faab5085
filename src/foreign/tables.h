/* SPDX-License-Identifier: ISC
 *
 * What the readers of this room fill and the makers read: tables of text, in memory.
 */
#ifndef FOREIGN_TABLES_H
#define FOREIGN_TABLES_H

#include <stdint.h>

#include "foreign/arena.h"
#include "foreign/foreign.h"
#include "foreign/index.h"

struct table {
	struct slice name; /* folded */
	const char *file;
	bool is_text;         /* lines are lines of a text */
	struct slice *column; /* folded */
	size_t columns;
	struct slice *cell; /* rows * columns */
	uint32_t *line;
	size_t rows;
	size_t room;
};

/* A set of tables; each has its own memory for rows. */
struct tables {
	struct arena *arena;
	struct table *table;
	size_t n;
	size_t room;
	bool copy;      /* cells are copied; else they live as long as the arena */
	bool no_memory; /* no more is to be read */
};

/* Begin a table; NULL without memory. Its name and columns are folded and kept. */
struct table *tables_begin(struct tables *t, const char *file, struct slice name,
    const struct slice *column, size_t columns);

/* Find the first table of that name. */
struct table *tables_find(struct tables *t, struct slice name);

/* Add a row to TABLE. */
bool table_add(struct tables *t, struct table *table, size_t line, const struct slice *cell);

/* Find a column; false when there is none. */
bool table_column(const struct table *table, struct slice name, size_t *at);

struct slice table_cell(const struct table *table, size_t row, size_t column);

void tables_release(struct tables *t);

#endif
