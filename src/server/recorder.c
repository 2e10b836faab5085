/* SPDX-License-Identifier: ISC
 *
 * The thread that writes what logins leave behind. What is to be written is one queue, oldest
 * first, with an index beside it by which the same login again is found; a new hash is in no index
 * and is written at once. A store that is a server is opened for each batch, and held while it
 * fails: so the next try begins with the next server.
 */
#include "recorder.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "store/remote.h"
#include "sys/log.h"
#include "trouble.h"

enum {
	BATCH = 500,
	ENTRIES_MAX = 10000,
	INDEX = 4096, /* a power of two */
	RETRY_S = 1,
	RETRY_LAST_MS = 50, /* at the end somebody waits for us */
	PATIENCE_MS = 1000
};

/* In the log of changes. */
static const struct store_actor ourselves = { .who = "vmaild", .rules = { .delimiters = "" } };

/* One thing to be written, with its texts behind it. */
struct entry {
	struct entry *next; /* younger */
	struct entry *bucket;
	bool hash;
	int64_t at;
	struct login_record login; /* a login; or the address and label of a hash */
	struct slice old, fresh;
	size_t size; /* of it all */
	char text[];
};

struct recorder {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	const char *uri;
	long interval;
	unsigned char key[crypto_shorthash_KEYBYTES];

	/* under the lock */
	struct entry *first;
	struct entry **end;
	size_t n;
	struct entry *index[INDEX];
	struct timespec due; /* when the first is to be written; a moment in CLOCK_MONOTONIC */
	bool urgent;
	bool stirred;
	bool stopping;
	uint64_t until; /* stopping: when no more is tried; clock_ms */

	/* the loop thread's */
	struct trouble dropped;

	/* the thread's */
	struct store *store; /* NULL: none as yet; of a server, but for a batch */
	bool remote;
	struct entry *batch[BATCH];
	size_t batched;
	size_t bearable; /* how many logins one transaction gets */
	struct trouble trouble;
};

/* --- entries ---------------------------------------------------------------------------------- */

static char *
put_text(char *at, struct slice *out, struct slice text)
{
	if (text.n > 0)
		memcpy(at, text.p, text.n);
	*out = slice_of(at, text.n);
	return at + text.n;
}

static struct entry *
entry_new(const struct login_record *l, struct slice old, struct slice fresh)
{
	size_t n = l->address.n + l->network.n + l->label.n + l->service.n + old.n + fresh.n;
	struct entry *e = calloc(1, sizeof *e + n);
	char *at;

	if (e == NULL)
		return NULL;
	e->size = sizeof *e + n;
	e->login.at = l->at;
	at = put_text(e->text, &e->login.address, l->address);
	at = put_text(at, &e->login.network, l->network);
	at = put_text(at, &e->login.label, l->label);
	at = put_text(at, &e->login.service, l->service);
	at = put_text(at, &e->old, old);
	put_text(at, &e->fresh, fresh);
	return e;
}

static void
entry_free(struct entry *e)
{
	sodium_memzero(e, e->size);
	free(e);
}

static bool
is_same(const struct login_record *a, const struct login_record *b)
{
	return slice_eq(a->address, b->address) && slice_eq(a->network, b->network) &&
	       slice_eq(a->label, b->label) && slice_eq(a->service, b->service);
}

/* --- the queue: all of it with the lock held ----------------------------------------------------
 */

static struct entry **
bucket_of(struct recorder *r, const struct login_record *l)
{
	uint64_t hash;

	crypto_shorthash(
	    (unsigned char *)&hash, (const unsigned char *)l->address.p, l->address.n, r->key);
	return &r->index[hash % INDEX];
}

static struct entry *
find(struct recorder *r, const struct login_record *l)
{
	struct entry *e = *bucket_of(r, l);

	while (e != NULL && !is_same(&e->login, l))
		e = e->bucket;
	return e;
}

static void
unindex(struct recorder *r, const struct entry *e)
{
	struct entry **at = bucket_of(r, &e->login);

	while (*at != e)
		at = &(*at)->bucket;
	*at = e->bucket;
}

static struct entry *
take_first(struct recorder *r)
{
	struct entry *e = r->first;

	r->first = e->next;
	if (r->first == NULL)
		r->end = &r->first;
	r->n--;
	if (!e->hash)
		unindex(r, e);
	return e;
}

static void
set_due(struct timespec *at, long seconds)
{
	clock_gettime(CLOCK_MONOTONIC, at);
	at->tv_sec += seconds;
}

static void
append(struct recorder *r, struct entry *e)
{
	if (r->first == NULL)
		set_due(&r->due, r->interval);
	*r->end = e;
	r->end = &e->next;
	r->n++;
	if (!e->hash) {
		struct entry **bucket = bucket_of(r, &e->login);

		e->bucket = *bucket;
		*bucket = e;
	}
	r->urgent = r->urgent || e->hash || r->n >= BATCH;
	if (r->urgent || r->n == 1)
		pthread_cond_signal(&r->work);
}

/* Append E, and drop the oldest where that is one too many. */
static void
keep(struct recorder *r, struct entry *e)
{
	struct entry *oldest = r->n >= ENTRIES_MAX ? take_first(r) : NULL;

	append(r, e);
	if (oldest == NULL)
		return;
	trouble_log(&r->dropped,
	    "the store cannot be written: the oldest of %d logins to be recorded is dropped",
	    ENTRIES_MAX);
	entry_free(oldest);
}

/* --- the loop thread's side ---------------------------------------------------------------------
 */

void
recorder_login(struct recorder *r, const struct login_record *login)
{
	const struct slice none = slice_of(NULL, 0);
	struct entry *e;

	if (r->interval == 0)
		return;
	pthread_mutex_lock(&r->lock);
	e = find(r, login);
	if (e != NULL)
		e->login.at = login->at;
	else if ((e = entry_new(login, none, none)) != NULL)
		keep(r, e);
	pthread_mutex_unlock(&r->lock);
}

void
recorder_rehash(struct recorder *r, struct slice address, struct slice label, struct slice old,
    struct slice fresh)
{
	const struct login_record whose = { .address = address, .label = label };
	struct entry *e = entry_new(&whose, old, fresh);

	if (e == NULL)
		return; /* at the next login, then */
	e->hash = true;
	pthread_mutex_lock(&r->lock);
	keep(r, e);
	pthread_mutex_unlock(&r->lock);
}

void
recorder_stir(struct recorder *r)
{
	pthread_mutex_lock(&r->lock);
	r->stirred = true;
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
}

/* --- the thread ------------------------------------------------------------------------------- */

static bool
is_due(const struct recorder *r)
{
	struct timespec now;

	if (r->first == NULL)
		return false;
	if (r->urgent || r->stopping)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > r->due.tv_sec ||
	       (now.tv_sec == r->due.tv_sec && now.tv_nsec >= r->due.tv_nsec);
}

/* Until there is something to do. With the lock held, but for what it takes to look at the store.
 */
static void
wait_for_work(struct recorder *r)
{
	while (!is_due(r) && !r->stopping) {
		if (r->stirred && r->store != NULL) {
			r->stirred = false;
			pthread_mutex_unlock(&r->lock);
			store_stir(r->store);
			pthread_mutex_lock(&r->lock);
		} else if (r->first == NULL) {
			pthread_cond_wait(&r->work, &r->lock);
		} else {
			pthread_cond_timedwait(&r->work, &r->lock, &r->due);
		}
	}
}

/* Wait until there is something to do, and take it; nothing is the end. */
static void
take_batch(struct recorder *r)
{
	pthread_mutex_lock(&r->lock);
	wait_for_work(r);
	while (r->first != NULL && r->batched < BATCH)
		r->batch[r->batched++] = take_first(r);
	r->urgent = r->n >= BATCH;
	set_due(&r->due, r->interval);
	pthread_mutex_unlock(&r->lock);
}

/* NONE is a password that was changed meanwhile, which is as good. BAD cannot be mended by trying.
 */
static enum outcome
write_hash(struct store *s, const struct entry *e, struct error *err)
{
	enum outcome o = store_rehash(s, e->login.address, e->login.label, e->old, e->fresh, err);

	if (o == BAD)
		log_warning("a fresh hash cannot be stored: %s", err->text);
	return o == RETRY ? RETRY : FOUND;
}

static enum outcome
write_logins(struct store *s, struct entry *const *entries, size_t n, struct error *err)
{
	struct login_record records[BATCH];
	enum outcome o;

	for (size_t i = 0; i < n; i++)
		records[i] = entries[i]->login;
	o = store_record_logins(s, records, n, err);
	if (o == BAD)
		log_warning("logins cannot be recorded: %s", err->text);
	return o == RETRY ? RETRY : FOUND;
}

/* How many of the batch are written next, from its end: one hash, or as many logins as the store
 * has shown that it can take in time. */
static size_t
portion(const struct recorder *r)
{
	size_t n = 0;

	if (r->batch[r->batched - 1]->hash)
		return 1;
	while (n < r->bearable && n < r->batched && !r->batch[r->batched - 1 - n]->hash)
		n++;
	return n;
}

static enum outcome
write_portion(struct store *s, struct recorder *r, struct error *err)
{
	size_t n = portion(r);
	struct entry **from = &r->batch[r->batched - n];
	enum outcome o;

	o = (*from)->hash ? write_hash(s, *from, err) : write_logins(s, from, n, err);
	if (o != FOUND) {
		r->bearable = (r->bearable + 1) / 2;
		return o;
	}
	r->bearable = r->bearable * 2 < BATCH ? r->bearable * 2 : BATCH;
	while (n-- > 0)
		entry_free(r->batch[--r->batched]);
	return FOUND;
}

static void
close_store(struct recorder *r)
{
	store_close(r->store);
	r->store = NULL;
}

static enum outcome
try_batch(struct recorder *r, struct error *err)
{
	enum outcome o = FOUND;

	if (r->store == NULL)
		o = store_new(&r->store, r->uri, STORE_RECORDER, err);
	if (o != FOUND)
		return RETRY;
	store_act_as(r->store, &ourselves);
	store_deadline(r->store, PATIENCE_MS);
	while (o == FOUND && r->batched > 0)
		o = write_portion(r->store, r, err);
	/* A server is left alone again. A file stays open: whoever knows it knows another one in
	 * its place, and does not write the old one's log into that. */
	if (o == FOUND && r->remote)
		close_store(r);
	else if (o == FOUND)
		store_tidy(r->store);
	return o;
}

static void
forget_batch(struct recorder *r)
{
	while (r->batched > 0)
		entry_free(r->batch[--r->batched]);
}

/* Wait a moment before the next try; false when there is to be none. */
static bool
pause_or_stop(struct recorder *r)
{
	struct timespec until;
	bool stopping;

	set_due(&until, RETRY_S);
	pthread_mutex_lock(&r->lock);
	while (!r->stopping && pthread_cond_timedwait(&r->work, &r->lock, &until) != ETIMEDOUT)
		;
	stopping = r->stopping;
	pthread_mutex_unlock(&r->lock);
	if (!stopping)
		return true;
	poll(NULL, 0, RETRY_LAST_MS);
	return clock_ms() < r->until;
}

static void *
run(void *arg)
{
	struct recorder *r = arg;
	struct error err;

	for (take_batch(r); r->batched > 0; take_batch(r)) {
		while (try_batch(r, &err) != FOUND) {
			trouble_log(&r->trouble, "logins are recorded later: %s", err.text);
			if (pause_or_stop(r))
				continue;
			log_warning("logins are not recorded: %s (%zu of them)", err.text,
			    r->batched + r->n);
			forget_batch(r);
			return NULL;
		}
	}
	return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

/* Signals are the loop thread's. */
static int
start(struct recorder *r)
{
	sigset_t all, before;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	e = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return e;
}

struct recorder *
recorder_new(const char *uri, long interval, struct error *err)
{
	struct recorder *r = calloc(1, sizeof *r);
	pthread_condattr_t monotonic;
	int e;

	if (r == NULL) {
		error_set(err, RETRY, "cannot start the recorder: no memory");
		return NULL;
	}
	r->uri = uri;
	r->remote = remote_wanted(uri);
	r->interval = interval;
	r->bearable = BATCH;
	r->end = &r->first;
	crypto_shorthash_keygen(r->key);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->work, &monotonic);
	pthread_condattr_destroy(&monotonic);
	e = start(r);
	if (e == 0)
		return r;
	error_set(err, RETRY, "cannot start the recorder: %s", strerror(e));
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->lock);
	free(r);
	return NULL;
}

void
recorder_free(struct recorder *r, uint64_t until)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	r->until = until;
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	close_store(r);
	while (r->first != NULL)
		entry_free(take_first(r));
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
