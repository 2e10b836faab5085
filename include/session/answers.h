/* SPDX-License-Identifier: ISC
 *
 * Answers that were given, in a bounded piece of memory, for as long as the store is what it was:
 * each belongs to one view of it, and the first one of another view forgets them all.
 */
#ifndef SESSION_ANSWERS_H
#define SESSION_ANSWERS_H

#include <stdint.h>

#include "base/outcome.h"
#include "base/slice.h"

struct answers;

enum { ANSWERS_LEAST = 65536 };

/* Make a store of answers of SIZE bytes of MEMORY, ANSWERS_LEAST or more, which are zero and stay
 * the caller's. KEY is 16 random bytes: with them nobody can choose what collides. */
struct answers *answers_init(void *memory, size_t size, const unsigned char key[16]);

/* Tell how much memory was given. */
size_t answers_size(const struct answers *a);

/* All of these do nothing without one (NULL). */

/* Say of which VIEW of the store the next answers are: a number that is another one whenever
 * anything may have changed. 0: nothing can be read; nothing is remembered or found then. */
void answers_turn(struct answers *a, uint64_t view);

/* What was answered. */
struct answered {
	enum outcome outcome;
	uint16_t map;      /* its number, as it was given */
	struct slice text; /* until the next answer is added */
};

/* Have the CPU fetch what finding the answer to QUESTION (map, blank, key) will look at, in two
 * steps: the first gives what the second takes, once what it has begun to fetch is there. Neither
 * changes anything. */
uint64_t answers_foresee(const struct answers *a, struct slice question);
void answers_fetch(const struct answers *a, uint64_t foreseen);

/* Find what was answered to this very key of this very map in the present view. If there is
 * nothing, the question is noted for answers_add. FORESEEN: what answers_foresee gave for it, or 0.
 */
bool answers_find(
    struct answers *a, struct slice map, struct slice key, uint64_t foreseen, struct answered *out);

/* Remember an answer in place of what was answered to this key of this map before. */
void answers_keep(
    struct answers *a, struct slice map, struct slice key, const struct answered *answer);

/* Remember the answer to the question noted last, if any; the oldest answers make room for it. One
 * that is long is not remembered. */
void answers_add(struct answers *a, const struct answered *answer);

#endif
