/* SPDX-License-Identifier: ISC
 *
 * Passwords that were found right a moment ago: auth/remember.h, in memory that is locked and in no
 * core dump.
 */
#ifndef SERVER_RECALL_H
#define SERVER_RECALL_H

#include "auth/remember.h"

struct recall {
	long seconds; /* 0: nothing is remembered */
	struct remember table;
	void *memory;
	unsigned char *key;
};

/* Remember for SECONDS. Without memory for it nothing is remembered, with a warning. */
void recall_init(struct recall *r, long seconds);
void recall_release(struct recall *r); /* wipes */

/* Tell whether PASSWORD is known to be the one that is stored for USER as HASH. */
bool recall_has(
    const struct recall *r, struct slice user, struct slice hash, struct slice password);

/* It is. */
void recall_keep(struct recall *r, struct slice user, struct slice hash, struct slice password);

#endif
