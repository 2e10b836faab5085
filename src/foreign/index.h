/* SPDX-License-Identifier: ISC
 *
 * From a text to a number: which object has this name, which row this key.
 */
#ifndef FOREIGN_INDEX_H
#define FOREIGN_INDEX_H

#include <stdint.h>

#include "base/slice.h"

struct index_slot {
	struct slice key;
	uint32_t value;
};

struct index {
	struct index_slot *slot;
	size_t n;
	size_t size; /* a power of two */
};

void index_release(struct index *x);

/* Find KEY; false when it is not there. */
bool index_find(const struct index *x, struct slice key, size_t *value);

/* Add KEY, which must live as long as the index and is not there yet. False without memory. */
bool index_add(struct index *x, struct slice key, size_t value);

#endif
