/* SPDX-License-Identifier: ISC
 *
 * A queue in which origins take turns: whoever comes from where a thousand others wait already
 * waits behind those, and nobody else does. Knows nothing of threads or passwords.
 */
#ifndef SERVER_QUEUE_H
#define SERVER_QUEUE_H

#include <stddef.h>
#include <stdint.h>

/* To be the first member of what waits. */
struct queued {
	uint64_t origin;
	struct queued *next; /* the next of the same origin */
	/* of an origin's first: */
	struct queued *turn; /* the first of the origin whose turn is next */
	struct queued *last; /* the last of this origin */
	size_t n;            /* how many of this origin */
};

struct queue {
	struct queued *first; /* whose turn it is */
	struct queued **end;
	size_t n; /* of all origins */
};

void queue_init(struct queue *q);

/* Append W, whose origin is set. */
void queue_put(struct queue *q, struct queued *w);

/* Take the oldest of the origin whose turn it is; NULL when nobody waits. */
struct queued *queue_take(struct queue *q);

/* Take out the youngest of the origin with the most, to make room for one more of ORIGIN. NULL when
 * that would not be fairer: nobody has more than ORIGIN will have then. */
struct queued *queue_crowd_out(struct queue *q, uint64_t origin);

#endif
