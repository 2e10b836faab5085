/* SPDX-License-Identifier: ISC
 *
 * A number that one writes and anybody may read at the same time, from another process too. Adding
 * costs what it costs to add: there is one writer, so nothing is locked.
 */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct counter {
	_Atomic uint64_t n;
};

/* Read it. */
static inline uint64_t
counter_read(const struct counter *c)
{
	return atomic_load_explicit(&c->n, memory_order_relaxed);
}

/* Give it a value; for what goes up and down. Its writer's only, as the two below. */
static inline void
counter_set(struct counter *c, uint64_t n)
{
	atomic_store_explicit(&c->n, n, memory_order_relaxed);
}

/* Add N to it; with NULL nobody counts. */
static inline void
counter_add(struct counter *c, uint64_t n)
{
	if (c != NULL)
		counter_set(c, counter_read(c) + n);
}

/* A histogram's buckets are counters, one more than it has bounds: count VALUE in the first whose
 * bound, which ascend, it does not pass, or in the last. */
static inline void
counter_bucket(struct counter *bucket, const uint64_t *bound, size_t bounds, uint64_t value)
{
	size_t i = 0;

	while (i < bounds && value > bound[i])
		i++;
	counter_add(&bucket[i], 1);
}

#endif
