/* SPDX-License-Identifier: ISC
 *
 * The process above the workers.
 */
#ifndef SERVER_SUPERVISOR_H
#define SERVER_SUPERVISOR_H

#include "generation.h"

/* Start FIRST, which is taken over, and keep it or a later one going until a signal ends it; return
 * the exit status. FILE is what SIGHUP reads again, and OWNER whom new sockets belong to. */
int supervise(struct generation *first, const struct identity *owner, const char *file);

#endif
