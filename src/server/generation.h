/* SPDX-License-Identifier: ISC
 *
 * One configuration put to work: its listeners and the processes that serve them. SIGHUP builds a
 * new one beside the old, and one pointer is swapped.
 */
#ifndef SERVER_GENERATION_H
#define SERVER_GENERATION_H

#include <stdint.h>
#include <sys/types.h>

#include "worker.h"

/* A place for a process, which may be a new one again and again. */
struct worker {
	enum protocol_side kind;
	unsigned number;
	struct slab_slot
	    *slot;    /* where it counts; NULL without a pid, or where there was no place */
	pid_t pid;    /* 0: none just now */
	int ready_fd; /* gives a byte when it serves, ends when it takes no more clients; -1 */
	bool ready;
	uint64_t started; /* clock_ms */
	uint64_t beat;    /* when its loop was last known to turn */
	bool still;       /* and that this is too long ago was said */
	uint64_t due;     /* without a pid: when to start one */
	unsigned backoff; /* ms to wait when it dies young again */
};

struct generation {
	struct generation *next; /* in the list of those that leave */
	struct conf *conf;
	struct listener_set listeners;
	struct account_rules rules;
	bool mail_user;
	struct lookup_log lookup_log;
	uint64_t kill_at; /* leaving: when patience ends */
	size_t workers;
	struct worker worker[];
};

/* Build one from C and bind its listeners, which it shares with OLD where they are the same. The
 * generation owns C from then on; when it fails, C stays the caller's. */
enum outcome generation_new(struct generation **out, struct conf *c, const struct identity *owner,
    const struct listener_set *old, struct error *err);

/* Close its listeners and free it; its processes are the caller's business. */
void generation_free(struct generation *g);

/* Find the place of process PID; NULL when it is none of this generation. */
struct worker *generation_worker(struct generation *g, pid_t pid);

/* Tell whether every process has reported ready; whether any is left. */
bool generation_ready(const struct generation *g);
bool generation_alive(const struct generation *g);

/* Tell whether none of its processes takes clients any more. */
bool generation_quiet(const struct generation *g);

/* Send a signal to all of its processes. */
void generation_signal(const struct generation *g, int number);

/* "lookup worker 2", for log lines. */
const char *worker_name(const struct worker *w, char *buf, size_t size);

#endif
