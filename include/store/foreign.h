/* SPDX-License-Identifier: ISC
 *
 * An SQLite file that belongs to somebody else, read for its rows.
 */
#ifndef STORE_FOREIGN_H
#define STORE_FOREIGN_H

#include "base/outcome.h"
#include "base/slice.h"

struct foreign_db;

/* Tell whether the first bytes of a file say that it is one. */
bool foreign_db_is(struct slice head);

/* Open the file at PATH read-only; nothing in it can run. RETRY when it cannot be read, BAD when it
 * is no database, or a store of ours. */
enum outcome foreign_db_open(struct foreign_db **out, const char *path, struct error *err);
void foreign_db_close(struct foreign_db *db);

/* Walk its tables, each with its columns. */
typedef bool foreign_table_fn(
    void *arg, struct slice name, const struct slice *column, size_t columns);
enum outcome foreign_db_tables(
    struct foreign_db *db, foreign_table_fn *fn, void *arg, struct error *err);

/* Walk the rows of table NAME as texts, in the order of its columns; p NULL for NULL. LINE is the
 * row's number in its table. Until FN returns false. */
typedef bool foreign_row_fn(void *arg, size_t line, const struct slice *cell);
enum outcome foreign_db_rows(
    struct foreign_db *db, struct slice name, foreign_row_fn *fn, void *arg, struct error *err);

#endif
