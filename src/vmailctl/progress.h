/* SPDX-License-Identifier: ISC
 *
 * How far something long has come: a bar with its rate, on stderr, when that is a terminal.
 */
#ifndef VMAILCTL_PROGRESS_H
#define VMAILCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* "importing" */
	uint64_t total;   /* 0: nobody knows */
	int64_t began;    /* milliseconds of a clock that only goes forward */
	int64_t shown;    /* when it was last drawn */
	bool on;
};

/* Begin. Nothing is drawn in the first half second, and nothing at all but on a terminal. */
void progress_begin(struct progress *p, const char *what, uint64_t total);

/* DONE of them are. To be called as often as one likes. */
void progress_at(struct progress *p, uint64_t done);

/* The same as a call of the store tells it (store_progress); ARG is the struct progress. */
void progress_store(void *arg, int64_t done, int64_t all);

/* Wipe it away. */
void progress_end(struct progress *p);

#endif
