/* SPDX-License-Identifier: ISC
 *
 * The file in which the public views are handed to others: an SQLite database of its own that is
 * complete, or is not there. What is put into it is publish.c's business.
 */
#ifndef STORE_PUBLISHED_H
#define STORE_PUBLISHED_H

#include <stddef.h>

#include "base/outcome.h"
#include "base/slice.h"

/* Statements of schema/ENGINE/published.sql. */
enum published_text {
#define Q(name, text) PUBLISHED_##name,
#include "schema/sqlite_published.h"
#undef Q
	PUBLISHED_TEXTS
};

struct published;

/* Begin a file that will stand at PATH, for GROUP (-1: for that of the file it replaces, or its
 * directory's choice). BAD when something else than such a file lies there. */
enum outcome published_new(struct published **out, const char *path, int group, struct error *err);

/* Run a statement that makes something. */
enum outcome published_make(struct published *p, enum published_text which, struct error *err);

/* Run an insert with a value for each of its parameters; those without a text are NULL. */
enum outcome published_row(struct published *p, enum published_text which,
    const struct slice *values, size_t n, struct error *err);

/* Put the file at its place, on the disk and in one step. To be followed by published_free, as
 * everything else is: without this it leaves nothing behind. */
enum outcome published_keep(struct published *p, struct error *err);

void published_free(struct published *p);

#endif
