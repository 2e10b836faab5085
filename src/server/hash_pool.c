/* SPDX-License-Identifier: ISC
 *
 * Threads that hash passwords. They share two lists with the loop thread, under one lock, and wake
 * it through an eventfd.
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

struct list {
	struct hash_job *first;
	struct hash_job **end;
	size_t n;
};

struct hash_pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct list waiting;
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
}

static void
forget_password(struct hash_job *j)
{
	sodium_free(j->password); /* wipes it */
	j->password = NULL;
	j->password_n = 0;
}

void
hash_job_release(struct hash_job *j)
{
	forget_password(j);
	sbuf_release_secret(&j->hashes);
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

/* Any match counts; one that could not be tried makes a miss uncertain. */
static enum outcome
judge_hashes(struct hash_job *j, const struct password_cost *cost)
{
	struct slice password = slice_of(j->password, j->password_n);
	struct slice rest = sbuf_slice(&j->hashes);
	enum outcome verdict = NONE;
	struct error err;

	while (rest.n > 0) {
		struct slice stored = slice_cut(&rest, '\n');
		enum outcome o = password_verify(stored, password, cost, &err);

		if (o == FOUND)
			return FOUND;
		if (o != NONE) {
			verdict = RETRY;
			j->why = err;
		}
	}
	return verdict;
}

static void
judge(struct hash_job *j, const struct password_cost *cost)
{
	if (clock_ms() >= j->expires)
		j->outcome = error_set(&j->why, RETRY, "it waited too long for its turn");
	else if (j->hashes.n > 0)
		j->outcome = judge_hashes(j, cost);
	else
		j->outcome =
		    password_verify_dummy(slice_of(j->password, j->password_n), cost, &j->why);
	forget_password(j);
}

/* --- threads ---------------------------------------------------------------------------------- */

static void *
run(void *arg)
{
	struct hash_pool *p = arg;
	struct hash_job *j;
	uint64_t one = 1;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		j = list_take(&p->waiting);
		if (j == NULL) {
			pthread_cond_wait(&p->work, &p->lock);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		judge(j, &p->cost);
		pthread_mutex_lock(&p->lock);
		list_append(&p->done, j);
		while (write(p->wake, &one, sizeof one) < 0 && errno == EINTR)
			;
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
hash_pool_new(unsigned threads, size_t queue, const struct password_cost *cost, struct error *err)
{
	struct hash_pool *p = calloc(1, sizeof *p + threads * sizeof p->thread[0]);
	int e = 0;

	if (p == NULL) {
		error_set(err, RETRY, "cannot start the hashing threads: no memory");
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	list_init(&p->waiting);
	list_init(&p->done);
	p->queue = queue;
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

bool
hash_pool_submit(struct hash_pool *p, struct hash_job *j)
{
	bool room;

	pthread_mutex_lock(&p->lock);
	room = p->waiting.n < p->queue;
	if (room) {
		list_append(&p->waiting, j);
		pthread_cond_signal(&p->work);
	}
	pthread_mutex_unlock(&p->lock);
	return room;
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

static void
give_back_all(struct list *l, void (*give_back)(struct hash_job *j))
{
	struct hash_job *j;

	while ((j = list_take(l)) != NULL)
		give_back(j);
}

void
hash_pool_free(struct hash_pool *p, void (*give_back)(struct hash_job *j))
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	give_back_all(&p->waiting, give_back);
	give_back_all(&p->done, give_back);
	if (p->wake >= 0)
		close(p->wake);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
