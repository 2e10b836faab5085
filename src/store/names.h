/* SPDX-License-Identifier: ISC
 *
 * Which mailboxes, aliases and domains there are, as far as a batch has had a reason to read it:
 * then a new one costs no way to the server and back to find out that it is new. Only for stores
 * that are far.
 *
 * A transaction that writes has the store to itself, so what it has read stays true, but for what
 * it does itself.
 */
#ifndef STORE_NAMES_H
#define STORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outcome.h"
#include "base/slice.h"
#include "store/record.h"

struct store;

enum { NAMES_KINDS = 3 };

/* Of one kind. */
struct names {
	uint64_t *hash; /* those that there are: a table with empty places, which are 0 */
	size_t room, n;
	size_t misses; /* names that were asked for one by one, and are not there */
	size_t tried;  /* at so many of these all names were read last, or were too many */
	bool read;     /* all of them are in it */
};

void names_release(struct names *n);

/* Tell whether the batch of S knows that there is no mailbox, alias or domain NAME, and *NEW says
 * so. When many were asked for in vain, all that there are are read, unless there are many more of
 * those. FOUND or RETRY. */
enum outcome names_ask(
    struct store *s, enum record_kind kind, struct slice name, bool *new, struct error *err);

/* Tell whether all of them were read: then whoever is not new is there, unless two share a hash of
 * 64 bits, on which nothing may depend that cannot be mended. */
bool names_are_read(struct store *s, enum record_kind kind);

/* Take note of what came of asking the store itself, and that NAME is there from now on. */
void names_missed(struct store *s, enum record_kind kind);
void names_add(struct store *s, enum record_kind kind, struct slice name);

/* Know nothing any more. */
void names_forget(struct store *s);

#endif
