/* SPDX-License-Identifier: ISC
 *
 * The journey of one mail, told by the resolver itself and kept as one JSON value; printing it is
 * for others.
 */
#ifndef VMAILCTL_EXPLAIN_H
#define VMAILCTL_EXPLAIN_H

#include <jansson.h>

#include "mail/rules.h"
#include "vmailctl/cmd.h"

struct explain {
	struct ctl *ctl; /* its store is open */
	bool live;       /* ask the daemon as well */
	struct lookup lookup;
	struct expand expand;
	json_t *journey;
	json_t *tried; /* what the running lookup has told so far */
	json_t **node; /* of the expansion, by number; they belong to the journey */
	size_t nodes;
	size_t ends;     /* where the mail comes to rest */
	size_t bad_ends; /* where it does not */
	size_t differs;  /* how often the daemon said something else */
	bool retry;      /* something could not be looked up */
	char why[512];   /* the first reason against */
};

void explain_init(struct explain *x, struct ctl *ctl, bool live);
void explain_release(struct explain *x);

/* Follow mail to ADDRESS, as typed, and find out whether FROM (NULL: nobody in particular) may
 * write to it. FOUND: it arrives everywhere. NONE: not everywhere, or nowhere. RETRY: nobody knows
 * just now. BAD: FROM is no address. x->journey tells all, with these outcomes as "outcome":
 * "delivered", "partly", "refused", "stuck", "outside", "unknown". */
enum outcome explain_run(struct explain *x, const char *address, const char *from);

/* Print a journey as a tree. */
enum exit_code explain_print(struct ctl *ctl, const json_t *journey);

#endif
