/* SPDX-License-Identifier: ISC
 *
 * Threads that hash passwords. They share a queue and two lists with the loop thread, under one
 * lock, and wake it through an eventfd.
 */
#include "hash_pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"

enum {
	ANEW_MAX = 64, /* what finds no room is done at the next login */
	STACK = 32768  /* hash functions leave what they read on the stack */
};

struct list {
	struct hash_job *first;
	struct hash_job **end;
	size_t n;
};

struct hash_pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct queue waiting;
	struct counter *shown; /* how many those are */
	struct list anew;      /* waits until nobody else does */
	bool renewing;         /* by one thread at a time: a login finds the others free */
	struct list done;
	size_t queue;
	bool stopping;
	int wake; /* eventfd */
	struct password_cost cost;
	unsigned threads;
	pthread_t thread[];
};

/* --- lists ------------------------------------------------------------------------------------ */

static void
list_init(struct list *l)
{
	*l = (struct list){ .end = &l->first };
}

static void
list_append(struct list *l, struct hash_job *j)
{
	j->next = NULL;
	*l->end = j;
	l->end = &j->next;
	l->n++;
}

static struct hash_job *
list_take(struct list *l)
{
	struct hash_job *j = l->first;

	if (j == NULL)
		return NULL;
	l->first = j->next;
	if (l->first == NULL)
		l->end = &l->first;
	l->n--;
	return j;
}

/* --- jobs ------------------------------------------------------------------------------------- */

void
hash_job_init(struct hash_job *j)
{
	*j = (struct hash_job){ .outcome = RETRY };
	sbuf_init(&j->hashes, 64 * PASSWORD_STORED_MAX);
	sbuf_init(&j->fresh, PASSWORD_STORED_MAX);
}

void
hash_job_forget(struct hash_job *j)
{
	sodium_free(j->password); /* wipes it */
	j->password = NULL;
	j->password_n = 0;
}

void
hash_job_release(struct hash_job *j)
{
	hash_job_forget(j);
	sbuf_release_secret(&j->hashes);
	sbuf_release_secret(&j->fresh);
}

bool
hash_job_password(struct hash_job *j, struct slice password)
{
	j->password = sodium_malloc(password.n + 1);
	if (j->password == NULL)
		return false;
	if (password.n > 0)
		memcpy(j->password, password.p, password.n);
	j->password_n = password.n;
	return true;
}

struct slice
hash_job_secret(const struct hash_job *j)
{
	return slice_of(j->password, j->password_n);
}

/* Any match counts; one that could not be tried makes a miss uncertain. A miss takes no less time
 * than an unknown user does: where no line cost what new ones do, a dummy is hashed as well. */
static enum outcome
verify(struct hash_job *j, const struct password_cost *cost)
{
	struct slice rest = sbuf_slice(&j->hashes);
	enum outcome verdict = NONE;
	bool spent = false;
	struct error err;

	for (j->line = 0; rest.n > 0; j->line++) {
		struct slice stored = slice_cut(&rest, '\n');
		enum outcome o = password_verify(stored, hash_job_secret(j), cost, &err);

		if (o == FOUND)
			return FOUND;
		if (o == NONE) {
			j->missed = true;
			spent = spent || !password_needs_rehash(stored, cost);
			continue;
		}
		verdict = RETRY;
		j->why = err;
	}
	if (verdict == NONE && !spent)
		verdict = password_verify_dummy(hash_job_secret(j), cost, &j->why);
	return verdict;
}

static void
work(struct hash_job *j, const struct password_cost *cost)
{
	uint64_t begun = clock_ns();

	j->waited = begun - j->queued_at;
	if (clock_ms() >= j->expires)
		j->outcome = error_set(&j->why, RETRY, "it waited too long for its turn");
	else if (j->work == HASH_ANEW)
		j->outcome = password_hash(&j->fresh, hash_job_secret(j), cost, &j->why);
	else if (j->hashes.n > 0)
		j->outcome = verify(j, cost);
	else
		j->outcome = password_verify_dummy(hash_job_secret(j), cost, &j->why);
	if (j->work == HASH_ANEW || j->outcome != FOUND)
		hash_job_forget(j);
	j->took = clock_ns() - begun;
}

/* --- threads ---------------------------------------------------------------------------------- */

/* The next job of all; NULL when there is nothing to do. The lock is held. */
static struct hash_job *
next_job(struct hash_pool *p)
{
	struct hash_job *j = (struct hash_job *)queue_take(&p->waiting);

	counter_set(p->shown, p->waiting.n);
	if (j != NULL || p->renewing)
		return j;
	j = list_take(&p->anew);
	p->renewing = j != NULL;
	return j;
}

/* The lock is held. */
static void
give(struct hash_pool *p, struct hash_job *j)
{
	uint64_t one = 1;

	if (j->work == HASH_ANEW)
		p->renewing = false;
	list_append(&p->done, j);
	while (write(p->wake, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static void *
run(void *arg)
{
	struct hash_pool *p = arg;
	struct hash_job *j;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		j = next_job(p);
		if (j == NULL) {
			pthread_cond_wait(&p->work, &p->lock);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		work(j, &p->cost);
		sodium_stackzero(STACK);
		pthread_mutex_lock(&p->lock);
		give(p, j);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are the loop thread's. */
static int
start_thread(struct hash_pool *p)
{
	sigset_t all, before;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	e = pthread_create(&p->thread[p->threads], NULL, run, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (e == 0)
		p->threads++;
	return e;
}

struct hash_pool *
hash_pool_new(unsigned threads, size_t queue, const struct password_cost *cost,
    struct counter *waiting, struct error *err)
{
	struct hash_pool *p = calloc(1, sizeof *p + threads * sizeof p->thread[0]);
	int e = 0;

	if (p == NULL) {
		error_set(err, RETRY, "cannot start the hashing threads: no memory");
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	queue_init(&p->waiting);
	list_init(&p->anew);
	list_init(&p->done);
	p->queue = queue;
	p->shown = waiting;
	p->cost = *cost;
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake < 0)
		e = errno;
	while (e == 0 && p->threads < threads)
		e = start_thread(p);
	if (e != 0) {
		error_set(err, RETRY, "cannot start the hashing threads: %s", strerror(e));
		hash_pool_free(p, NULL);
		return NULL;
	}
	return p;
}

/* --- the loop thread's side ------------------------------------------------------------------- */

int
hash_pool_fd(const struct hash_pool *p)
{
	return p->wake;
}

/* Find room for one more that waits to be verified. The lock is held. */
static bool
make_room(struct hash_pool *p, uint64_t origin)
{
	struct hash_job *j;

	if (p->waiting.n < p->queue)
		return true;
	j = (struct hash_job *)queue_crowd_out(&p->waiting, origin);
	if (j == NULL)
		return false;
	hash_job_forget(j);
	j->outcome = error_set(&j->why, RETRY, "too many logins are waiting");
	give(p, j);
	return true;
}

/* The lock is held. */
static bool
submit(struct hash_pool *p, struct hash_job *j)
{
	if (j->work == HASH_ANEW) {
		if (p->anew.n >= ANEW_MAX)
			return false;
		list_append(&p->anew, j);
		return true;
	}
	if (!make_room(p, j->queued.origin))
		return false;
	queue_put(&p->waiting, &j->queued);
	counter_set(p->shown, p->waiting.n);
	return true;
}

bool
hash_pool_submit(struct hash_pool *p, struct hash_job *j)
{
	bool taken;

	j->queued_at = clock_ns();
	pthread_mutex_lock(&p->lock);
	taken = submit(p, j);
	if (taken)
		pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	return taken;
}

struct hash_job *
hash_pool_done(struct hash_pool *p)
{
	struct hash_job *first;
	uint64_t count;

	while (read(p->wake, &count, sizeof count) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&p->lock);
	first = p->done.first;
	list_init(&p->done);
	pthread_mutex_unlock(&p->lock);
	return first;
}

void
hash_pool_free(struct hash_pool *p, void (*give_back)(struct hash_job *j))
{
	struct hash_job *j;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	/* without who takes them back it is a pool that was never given one
	 * NOLINTBEGIN(clang-analyzer-core.CallAndMessage) */
	while ((j = (struct hash_job *)queue_take(&p->waiting)) != NULL)
		give_back(j);
	while ((j = list_take(&p->anew)) != NULL)
		give_back(j);
	while ((j = list_take(&p->done)) != NULL)
		give_back(j);
	/* NOLINTEND(clang-analyzer-core.CallAndMessage) */
	if (p->wake >= 0)
		close(p->wake);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
