/* SPDX-License-Identifier: ISC
 *
 * What a worker is born with, and the kinds there are.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include "auth/account.h"
#include "conf/conf.h"
#include "listener.h"
#include "lookup_log.h"
#include "slab.h"

struct worker_setup {
	const struct conf *conf;
	const struct listener_set *listeners;
	struct account_rules account_rules;
	bool mail_user; /* known: whose the mail files are */
	const struct lookup_log *lookup_log;
	const struct slab *slab;
	struct slab_slot *slot; /* where it counts */
	int life_fd;            /* reads end of file when the supervisor is gone */
	int ready_fd;  /* gets a byte when it serves, and then each beat; is closed when it takes no
			  more clients */
	unsigned beat; /* ms; 0: none is wanted */
};

/* Serve until told to end; return the exit status. Run in a process of their own. */
int lookup_worker(const struct worker_setup *setup);
int auth_worker(const struct worker_setup *setup);
int metrics_worker(const struct worker_setup *setup);

#endif
