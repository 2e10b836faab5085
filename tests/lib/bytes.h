/* SPDX-License-Identifier: ISC
 *
 * Bytes for tests: literals that may hold NULs, and copies on the heap of exactly their size, so
 * that the address sanitizer sees a codec that reads one byte too far.
 */
#ifndef TESTS_LIB_BYTES_H
#define TESTS_LIB_BYTES_H

#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

/* Initialise a struct slice from a string literal, terminator left out. */
/* clang-format off */
#define BYTES(literal) { (literal), sizeof(literal) - 1 }
/* clang-format on */

/* Count the rows of a table. */
#define ROWS(table) (sizeof(table) / sizeof(table)[0])

/* Copy S; to be given back by bytes_free. */
static inline struct slice
bytes_copy(struct slice s)
{
	char *p = malloc(s.n == 0 ? 1 : s.n);

	if (p == NULL)
		abort();
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

static inline void
bytes_free(struct slice s)
{
	free((void *)s.p);
}

#endif
