/* SPDX-License-Identifier: ISC
 *
 * Milliseconds, and nanoseconds.
 */
#ifndef SERVER_CLOCK_H
#define SERVER_CLOCK_H

#include <stdint.h>
#include <time.h>

enum { NS_PER_MS = 1000000 };

/* Tell the time since some moment in the past: only goes forward. */
static inline uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * NS_PER_MS + (uint64_t)t.tv_nsec;
}

static inline uint64_t
clock_ms(void)
{
	return clock_ns() / NS_PER_MS;
}

/* Tell the time of day since 1970: others know it too, and may set it. */
static inline int64_t
clock_unix_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
