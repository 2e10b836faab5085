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

/* Bring into TO all lines of FROM's change log behind the change AFTER, and make what they are
 * about what it is in FROM; read that again in both. Of the logins that comes with are those of
 * mailboxes that were changed. Both are in a transaction; whoever calls commits. FOUND, or RETRY.
 */
enum outcome copy_changed(struct db *to, struct db *from, int64_t after,
    const struct store_progress *progress, struct error *err);

/* Read all rows of both, those of LOGINS only if that is set: FOUND, BAD says which are not the
 * same, RETRY. */
enum outcome copy_compare(struct db *to, struct db *from, bool logins,
    const struct store_progress *progress, struct error *err);

/* Bring TO what FROM remembers of logins; *N grows by how many that are. MIRROR: TO has no others
 * then. Else it keeps its own, the later of two times, and no more than belong to a mailbox. */
enum outcome copy_logins(
    struct db *to, struct db *from, bool mirror, int64_t *n, struct error *err);

/* Tell whether both have the same keys: FOUND, BAD, RETRY. */
enum outcome copy_same_secrets(struct db *to, struct db *from, struct error *err);

/* Tell whether both have the change ID, and it is the same in both: FOUND, NONE, RETRY. */
enum outcome copy_same_change(struct db *to, struct db *from, int64_t id, struct error *err);

/* Open a store that is there, of our version. FOUND, BAD, RETRY; *OUT may be there in any case. */
enum outcome copy_open(struct db **out, const char *uri, struct error *err);

/* Put all that is in FROM, which is in a transaction, into a new SQLite store in the file PATH.
 * PATH is as it was, or complete and on the disk. */
enum outcome copy_to_file(
    struct db *from, const char *path, const struct store_progress *progress, struct error *err);

/* Make all that is in TO, which has our schema, be what the SQLite store in the file has, in one
 * transaction. What was there is kept first (unless that is NULL), and nobody writes in between. */
enum outcome copy_from_file(struct db *to, const struct db_intake *in,
    const struct store_progress *progress, struct error *err);

/* Bring what DB leads to, maybe nothing yet, to this program's schema. */
enum outcome bring_up(struct db *db, struct error *err);

#endif
