/* SPDX-License-Identifier: ISC
 *
 * How far something long has come: a bar with its rate, on stderr, when that is a terminal.
 * How far something has come, for whoever waits at a terminal.
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
#include <time.h>

struct progress {
	const char *what; /* "copying", "importing" */
	const char *unit; /* what the rate is of ("records"), or NULL: no rate */
	bool shown;       /* stderr is a terminal */
	bool drawn;
	struct timespec begun, last;
};

/* Start one; nothing shows unless standard error is a terminal. */
void progress_start(struct progress *p, const char *what, const char *unit);

/* Draw it anew, ten times a second at most. ALL 0: nobody knows how much it will be. */
void progress_step(struct progress *p, int64_t done, int64_t all);

/* Wipe it away. */
void progress_end(struct progress *p);

#endif
