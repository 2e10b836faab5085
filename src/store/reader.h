/* SPDX-License-Identifier: ISC
 *
 * Objects of a store read as records.
 */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "store/change.h"

/* One object, as the row says it is at: its texts are good until the row is left. */
struct reader {
	struct record r;
	struct record_credential *credential;
	size_t credentials_size;
	struct slice *target;
	size_t targets_size;
	struct sbuf text; /* of the credentials */
	int64_t change;   /* what is read is from the image before that change, or 0 */
};

void reader_init(struct reader *rd);
void reader_release(struct reader *rd);

/* Take the record from the row ST is at, by the columns of the statements record_... of its kind
 * (an alias: alias, aliases). FOUND, or RETRY. */
enum outcome reader_take(struct reader *rd, struct store *s, enum record_kind kind,
    struct db_stmt *st, struct error *err);

/* Find one by its canonical name (and map). FOUND: *ST is at it, and is to be reset. */
enum outcome reader_find(struct reader *rd, struct store *s, enum record_kind kind,
    struct slice name, struct slice map, struct db_stmt **st, struct error *err);

/* The same out of the log: as it was before the change ID. */
enum outcome reader_find_before(struct reader *rd, struct store *s, enum record_kind kind,
    int64_t id, struct db_stmt **st, struct error *err);

/* Append the canonical name of the object that R names (for an entry its key). FOUND, or BAD. */
enum outcome record_name(
    struct sbuf *out, struct store *s, const struct record *r, struct error *err);

#endif
