/* SPDX-License-Identifier: ISC
 *
 * Memory for what lives as long as an import: taken piece by piece, given back as a whole.
 */
#ifndef FOREIGN_ARENA_H
#define FOREIGN_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct chunk;

/* Bytes that stay where they are until all of them go. */
struct arena {
	struct chunk *last;
	bool failed; /* there was no memory, once or more often: what was made of it is not whole */
};

/* Take N bytes, aligned for anything; NULL without memory. */
void *arena_take(struct arena *a, size_t n);

/* Take a copy of TEXT, or a text that is printed; it ends like a C string. Without memory it is a
 * slice of NULL, which is no text: whoever goes on with it looks at `failed` at the end. */
struct slice arena_keep(struct arena *a, struct slice text);
struct slice arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Wipe all of it and give it back. */
void arena_release(struct arena *a);

#endif
