/* SPDX-License-Identifier: ISC
 *
 * A complaint that may be due ten thousand times a second, and is worth one line.
 */
#ifndef SERVER_TROUBLE_H
#define SERVER_TROUBLE_H

#include <stdint.h>

struct trouble {
	uint64_t said;        /* when it was last logged; 0: never */
	unsigned long unsaid; /* how often it was not, since then */
};

/* Log a warning, unless this trouble was logged within the last second: then only count it, for the
 * next. */
void trouble_log(struct trouble *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
