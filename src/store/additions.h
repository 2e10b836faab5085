/* SPDX-License-Identifier: ISC
 *
 * New mailboxes that are put aside, to be written many at a time: each with its credentials and its
 * line in the change log. Whoever reads or writes anything else of the store has them written
 * first.
 */
#ifndef STORE_ADDITIONS_H
#define STORE_ADDITIONS_H

#include "store/db_rows.h"
#include "store/record.h"

enum { ADDITIONS_MAX = 64 };

struct change;

struct additions {
	struct db_rows mailbox, credential, change;
	uint32_t hash[ADDITIONS_MAX]; /* of each address */
	struct sbuf image, secret;    /* for the log; kept for their memory */
};

void additions_init(struct additions *a);
void additions_release(struct additions *a);

/* Put the mailbox aside that W tells all of, as the change C. What W does not say of times is now.
 * In a transaction; in none of many changes it is written at once. FOUND, BAD or RETRY. */
enum outcome additions_put(struct change *c, const struct record *w, struct error *err);

/* Tell whether ADDRESS is among those put aside. */
bool additions_have(const struct additions *a, struct slice address);

/* Write what was put aside, if there is anything. */
enum outcome additions_write(struct store *s, struct error *err);

/* Forget it. */
void additions_drop(struct additions *a);

#endif
