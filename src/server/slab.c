/* SPDX-License-Identifier: ISC
 *
 * The shared counters: their memory, and adding to them.
 */
#include "slab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define US 1000ull
#define MS 1000000ull
#define S  1000000000ull

const uint64_t slab_times[SLAB_TIMES] = { 10 * US, 20 * US, 50 * US, 100 * US, 200 * US, 500 * US,
	1 * MS, 2 * MS, 5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS, 200 * MS, 500 * MS, 1 * S,
	2 * S, 5 * S, 10 * S };

const uint64_t slab_questions[SLAB_QUESTIONS] = { 0, 1, 2, 3, 4, 6, 8, 16, 64 };

/* --- the memory ------------------------------------------------------------------------------- */

static size_t
stride(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (sizeof(struct slab_slot) + page - 1) / page * page;
}

static unsigned char *
place(const struct slab *s, size_t i)
{
	return s->memory + (i + 1) * s->stride;
}

static size_t
size(const struct slab *s)
{
	return (SLAB_SLOTS + 1) * s->stride;
}

enum outcome
slab_init(struct slab *s, struct error *err)
{
	void *memory;

	*s = (struct slab){ .stride = stride() };
	memory = mmap(NULL, size(s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return error_set(err, RETRY, "no memory to count in: %s", strerror(errno));
	s->memory = memory;
	return FOUND;
}

void
slab_release(struct slab *s)
{
	if (s->memory != NULL)
		munmap(s->memory, size(s));
	s->memory = NULL;
}

struct slab_top *
slab_top(const struct slab *s)
{
	return (struct slab_top *)s->memory;
}

const struct slab_slot *
slab_slot_at(const struct slab *s, size_t i)
{
	return (const struct slab_slot *)place(s, i);
}

/* --- listeners -------------------------------------------------------------------------------- */

static unsigned
number_of(struct slab *s, const struct listener *l)
{
	struct slab_listener *at = s->listener;

	for (unsigned i = 0; i < s->listeners; i++)
		if (strcmp(at[i].name, l->name) == 0 && at[i].protocol == l->protocol)
			return i;
	if (s->listeners == SLAB_LISTENERS)
		return SLAB_LISTENERS - 1;
	at[s->listeners].protocol = l->protocol;
	snprintf(at[s->listeners].name, sizeof at->name, "%s",
	    s->listeners == SLAB_LISTENERS - 1 ? "other" : l->name);
	return s->listeners++;
}

void
slab_number(struct slab *s, struct listener_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		set->at[i].number = number_of(s, &set->at[i]);
}

/* --- slots ------------------------------------------------------------------------------------ */

struct slab_slot *
slab_take(struct slab *s)
{
	for (size_t i = 0; i < SLAB_SLOTS; i++) {
		if (s->taken[i])
			continue;
		s->taken[i] = true;
		return (struct slab_slot *)place(s, i);
	}
	return NULL;
}

void
slab_give_back(struct slab *s, struct slab_slot *slot)
{
	if (slot == NULL)
		return;
	counter_set(&slot->hash_waiting, 0);
	counter_set(&slot->store.servers, 0);
	counter_set(&slot->store.behind, 0);
	for (size_t i = 0; i < REMOTE_SERVERS; i++) {
		counter_set(&slot->store.primary[i], 0);
		counter_set(&slot->store.standby[i], 0);
	}
	for (size_t i = 0; i < SLAB_LISTENERS; i++)
		counter_set(&slot->connected[i], 0);
	s->taken[((unsigned char *)slot - s->memory) / s->stride - 1] = false;
}

struct slab_slot *
slab_enter(const struct slab *s, struct slab_slot *slot)
{
	static struct slab_slot uncounted;
	unsigned char *mine = (unsigned char *)slot, *end = s->memory + size(s);

	if (slot == NULL) {
		munmap(s->memory, size(s));
		return &uncounted;
	}
	munmap(s->memory, (size_t)(mine - s->memory));
	if (mine + s->stride < end)
		munmap(mine + s->stride, (size_t)(end - mine) - s->stride);
	return slot;
}

void
slab_watch(const struct slab *s)
{
	mprotect(s->memory, size(s), PROT_READ);
}

/* --- counting --------------------------------------------------------------------------------- */

static void
count_time(struct slab_times *t, uint64_t ns)
{
	counter_bucket(t->bucket, slab_times, SLAB_TIMES, ns);
	counter_add(&t->sum, ns);
}

void
slab_connected(struct slab_slot *slot, unsigned number)
{
	counter_add(&slot->connected[number], 1);
	counter_add(&slot->connections[number], 1);
}

void
slab_disconnected(struct slab_slot *slot, unsigned number)
{
	counter_set(&slot->connected[number], counter_read(&slot->connected[number]) - 1);
}

void
slab_asked(struct slab_slot *slot, uint64_t questions)
{
	counter_bucket(slot->questions, slab_questions, SLAB_QUESTIONS, questions);
	counter_add(&slot->questions_sum, questions);
}

void
slab_took(struct slab_slot *slot, uint64_t ns)
{
	count_time(&slot->lookups, ns);
}

void
slab_hashed(struct slab_slot *slot, const struct hash_job *j)
{
	if (j->took == 0) /* crowded out */
		return;
	count_time(&slot->hash_waits, j->waited);
	count_time(&slot->hashes, j->took);
}

/* --- logins ----------------------------------------------------------------------------------- */

enum { LOGIN_OK, LOGIN_TEMPORARY, LOGIN_WRONG };

const char *const slab_login_words[SLAB_LOGINS] = {
	[LOGIN_OK] = "ok",
	[LOGIN_TEMPORARY] = "temporary",
	[LOGIN_WRONG] = "wrong password",
	"unknown user",
	"no password is set",
	"throttled",
	"throttled with others",
	"suspended",
	"receive-only",
	"send-only",
	"not allowed from this network",
	"app password expired",
	"app password not for this service",
	"app password not from this network",
};

static size_t
login_number(enum outcome o, const char *refusal)
{
	if (o == FOUND)
		return LOGIN_OK;
	if (refusal == NULL)
		return o == NONE ? LOGIN_WRONG : LOGIN_TEMPORARY;
	for (size_t i = LOGIN_WRONG; i < SLAB_LOGINS; i++)
		if (strcmp(slab_login_words[i], refusal) == 0)
			return i;
	return LOGIN_TEMPORARY;
}

void
slab_login(struct slab_slot *slot, enum outcome o, const char *refusal)
{
	counter_add(&slot->logins[login_number(o, refusal)], 1);
}
