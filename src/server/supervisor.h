/* SPDX-License-Identifier: ISC
 *
 * The process above the workers.
 */
#ifndef SERVER_SUPERVISOR_H
#define SERVER_SUPERVISOR_H

#include "generation.h"

struct supervisor_birth {
	const char *file;             /* what is read again */
	const struct identity *owner; /* whom new sockets belong to */
	struct listener_set *given;   /* the sockets that were handed to us; FIRST shares them */
	int channel;                  /* to the keeper */
};

/* Start FIRST, which is taken over, and keep it or a later one going until the keeper ends it;
 * return the exit status. */
int supervise(struct generation *first, const struct supervisor_birth *birth);

#endif
