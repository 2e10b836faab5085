/* SPDX-License-Identifier: ISC
 *
 * Many passwords in the clear, hashed by several threads.
 */
#include "vmailctl/rehash.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "vmailctl/progress.h"

enum { THREADS_MAX = 4 };

struct work {
	struct rehash_job *job;
	size_t n;
	const struct password_cost *cost;
	bool dry;
	atomic_size_t next;
	atomic_size_t done;
	atomic_bool stop;
};

static void
do_one(const struct work *w, struct rehash_job *j)
{
	j->outcome = password_check(j->address, j->clear, &j->err);
	if (j->outcome != FOUND)
		return;
	if (j->before.n > 0 && password_verify(j->before, j->clear, w->cost, NULL) == FOUND) {
		sbuf_add_slice(&j->hash, j->before);
		return;
	}
	if (w->dry)
		sbuf_add_str(&j->hash, "{PLAIN}a dry run");
	else
		j->outcome = password_hash(&j->hash, j->clear, w->cost, &j->err);
}

/* Take jobs until there are none; whoever waits for the others draws the bar. */
static void *
work_on(void *arg)
{
	struct work *w = arg;
	size_t i;

	while (!atomic_load(&w->stop) && (i = atomic_fetch_add(&w->next, 1)) < w->n) {
		do_one(w, &w->job[i]);
		if (w->job[i].outcome == RETRY)
			atomic_store(&w->stop, true);
		atomic_fetch_add(&w->done, 1);
	}
	return NULL;
}

static void
work_here(struct work *w)
{
	struct progress p;
	size_t i;

	progress_begin(&p, "hashing", w->n);
	while (!atomic_load(&w->stop) && (i = atomic_fetch_add(&w->next, 1)) < w->n) {
		do_one(w, &w->job[i]);
		if (w->job[i].outcome == RETRY)
			atomic_store(&w->stop, true);
		progress_at(&p, atomic_fetch_add(&w->done, 1) + 1);
	}
	progress_end(&p);
}

static size_t
threads_for(size_t jobs)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = processors > 1 ? (size_t)processors : 1;

	n = n < THREADS_MAX ? n : THREADS_MAX;
	return n < jobs ? n : jobs;
}

enum outcome
rehash(
    struct rehash_job *job, size_t n, const struct password_cost *cost, bool dry, struct error *err)
{
	struct work w = { .job = job, .n = n, .cost = cost, .dry = dry };
	pthread_t thread[THREADS_MAX];
	size_t threads = 0, wanted = threads_for(n);

	for (size_t i = 0; i < n; i++)
		sbuf_init(&job[i].hash, PASSWORD_STORED_MAX);
	/* one thread is this one; with fewer than wanted it only takes longer */
	while (threads + 1 < wanted && pthread_create(&thread[threads], NULL, work_on, &w) == 0)
		threads++;
	work_here(&w);
	for (size_t i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	for (size_t i = 0; i < n; i++)
		if (job[i].outcome == RETRY)
			return error_set(err, RETRY, "%s", job[i].err.text);
	return FOUND;
}
