/* SPDX-License-Identifier: ISC
 *
 * Rows put aside for a statement that takes many at once: their cells, and the texts of all of them
 * in one piece of memory.
 */
#include "store/db_rows.h"

#include <stdlib.h>

enum { TEXT_MAX = 64 << 20 };

void
db_rows_init(struct db_rows *r, size_t width)
{
	*r = (struct db_rows){ .width = width };
	sbuf_init(&r->text, TEXT_MAX);
}

void
db_rows_release(struct db_rows *r)
{
	free(r->cell);
	sbuf_release_secret(&r->text);
	db_rows_init(r, r->width);
}

void
db_rows_clear(struct db_rows *r)
{
	r->n = 0;
	r->failed = false;
	sbuf_clear(&r->text);
}

/* Behind one that found no memory there is none: what follows would stand in the wrong column. */
static void
add_cell(struct db_rows *r, struct db_cell cell)
{
	size_t room = r->room == 0 ? 64 * r->width : 2 * r->room;
	struct db_cell *more;

	if (r->failed)
		return;
	if (r->n == r->room) {
		more = realloc(r->cell, room * sizeof *more);
		if (more == NULL) {
			r->failed = true;
			return;
		}
		r->cell = more;
		r->room = room;
	}
	r->cell[r->n++] = cell;
}

void
db_rows_text(struct db_rows *r, struct slice text)
{
	add_cell(r, (struct db_cell){ DB_TEXT, (int64_t)text.n, r->text.n });
	r->failed |= !sbuf_add_slice(&r->text, text);
}

void
db_rows_optional(struct db_rows *r, struct slice text)
{
	if (text.n > 0)
		db_rows_text(r, text);
	else
		db_rows_null(r);
}

void
db_rows_int(struct db_rows *r, int64_t number)
{
	add_cell(r, (struct db_cell){ DB_INT, number, 0 });
}

void
db_rows_null(struct db_rows *r)
{
	add_cell(r, (struct db_cell){ DB_NULL, 0, 0 });
}

size_t
db_rows_n(const struct db_rows *r)
{
	return r->n / r->width;
}

struct slice
db_rows_cell(const struct db_rows *r, size_t row, size_t column)
{
	const struct db_cell *c = &r->cell[row * r->width + column];

	return c->n > 0 ? slice_of(r->text.p + c->at, (size_t)c->n) : slice_str("");
}
