/* SPDX-License-Identifier: ISC
 *
 * Rows put aside for a statement that takes many at once: it reads them from the table `pending`,
 * whose columns are called c0, c1 and so on. To run a statement costs more than what it does to one
 * row.
 */
#ifndef STORE_DB_ROWS_H
#define STORE_DB_ROWS_H

#include "base/sbuf.h"
#include "store/db.h"

enum { DB_ROWS_COLUMNS = 12 };

struct db_cell {
	enum { DB_NULL, DB_INT, DB_TEXT } kind;
	int64_t n; /* the number, or how long the text is */
	size_t at; /* where the text begins */
};

struct db_rows {
	size_t width; /* columns: DB_ROWS_COLUMNS at most */
	struct db_cell *cell;
	size_t n, room; /* cells */
	struct sbuf text;
	bool failed; /* there was no memory for a cell */
};

/* Start without rows, of WIDTH cells each. What is in them may be secret. */
void db_rows_init(struct db_rows *r, size_t width);
void db_rows_release(struct db_rows *r);

/* Drop all rows; the memory is kept. */
void db_rows_clear(struct db_rows *r);

/* Add the next cell. What goes wrong is told by db_run_rows. */
void db_rows_text(struct db_rows *r, struct slice text);
void db_rows_optional(struct db_rows *r, struct slice text); /* NULL for an empty one */
void db_rows_int(struct db_rows *r, int64_t number);
void db_rows_null(struct db_rows *r);

/* Count the rows. */
size_t db_rows_n(const struct db_rows *r);

/* View the text of a cell. */
struct slice db_rows_cell(const struct db_rows *r, size_t row, size_t column);

/* Run a statement that takes all rows. FOUND when it is done with them; otherwise with none. */
enum outcome db_run_rows(
    struct db *db, enum statement which, const struct db_rows *rows, struct error *err);

#endif
