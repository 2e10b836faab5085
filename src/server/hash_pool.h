/* SPDX-License-Identifier: ISC
 *
 * A bounded number of threads that do nothing but hash passwords, with a bounded queue before them:
 * a storm of logins costs no more memory than a busy minute, and whoever waited too long is told to
 * try again. Origins take turns in the queue.
 */
#ifndef SERVER_HASH_POOL_H
#define SERVER_HASH_POOL_H

#include <stdint.h>

#include "auth/password.h"
#include "base/counter.h"
#include "queue.h"

enum hash_work {
	HASH_VERIFY, /* is the password one of `hashes` */
	HASH_ANEW    /* make `fresh` of it: done when nobody waits to be verified */
};

/* One password to be judged. Filled by the loop thread; a thread of the pool fills the rest. */
struct hash_job {
	struct queued queued; /* first: the queue gives it back */
	struct hash_job *next;
	enum hash_work work;
	uint64_t queued_at; /* clock_ns */
	uint64_t waited;    /* ns, then it was this job's turn */
	uint64_t took;      /* ns, from there */
	uint64_t expires;   /* clock_ms: past it nothing is hashed any more */
	char *password;     /* sodium memory: wiped and freed as soon as it is known to be wrong */
	size_t password_n;
	struct sbuf hashes; /* one a line; none: a dummy is hashed, and the outcome is NONE */

	enum outcome outcome;
	struct error why;  /* of a RETRY */
	bool missed;       /* one of `hashes` at least was compared, and is of another password */
	size_t line;       /* verified: by which of `hashes` */
	struct sbuf fresh; /* HASH_ANEW */
};

void hash_job_init(struct hash_job *j);
void hash_job_release(struct hash_job *j);

/* Copy PASSWORD into guarded memory; false when there is none. */
bool hash_job_password(struct hash_job *j, struct slice password);

/* View the password, while the job has one. */
struct slice hash_job_secret(const struct hash_job *j);

/* Wipe the password. */
void hash_job_forget(struct hash_job *j);

struct hash_pool;

/* Start THREADS threads before a queue of QUEUE jobs; NULL with a text when that fails. COST is
 * copied. WAITING is kept at how many wait. */
struct hash_pool *hash_pool_new(unsigned threads, size_t queue, const struct password_cost *cost,
    struct counter *waiting, struct error *err);

/* The descriptor that becomes readable when jobs are done. */
int hash_pool_fd(const struct hash_pool *p);

/* Queue a job; false when the queue is full. A job of an origin that has many more waiting makes
 * room then: it is done, with RETRY. The pool owns the job until hash_pool_done gives it back. */
bool hash_pool_submit(struct hash_pool *p, struct hash_job *j);

/* Take the jobs that are done, oldest first, linked by `next`. */
struct hash_job *hash_pool_done(struct hash_pool *p);

/* Stop: jobs not begun are given up. Waits for those begun, gives all that are left to GIVE_BACK,
 * frees. */
void hash_pool_free(struct hash_pool *p, void (*give_back)(struct hash_job *j));

#endif
