/* SPDX-License-Identifier: ISC
 *
 * All that is in a store, from one database into another, whatever their engines.
 */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include "store/db.h"

/* Make all rows of TO be those of FROM, and read both again to see that they are. Both are in a
 * transaction; whoever calls commits. FOUND, or RETRY. */
enum outcome copy_rows(
    struct db *to, struct db *from, const struct store_progress *progress, struct error *err);

/* Put all that is in FROM, which is in a transaction, into a new SQLite store in the file PATH.
 * PATH is as it was, or complete and on the disk. */
enum outcome copy_to_file(
    struct db *from, const char *path, const struct store_progress *progress, struct error *err);

/* Make all that is in TO, which has our schema, be what the SQLite store in the file PATH has, in
 * one transaction. What was there goes into the file KEEP (may be NULL) first, and nobody writes in
 * between. */
enum outcome copy_from_file(struct db *to, const char *path, const char *keep,
    const struct store_progress *progress, struct error *err);

/* Bring what DB leads to, maybe nothing yet, to this program's schema. */
enum outcome bring_up(struct db *db, struct error *err);

#endif
