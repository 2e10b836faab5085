/* SPDX-License-Identifier: ISC
 *
 * What all processes count, in memory that they share. The supervisor maps it before the first of
 * them is born and hands each a slot of its own; a slot has one writer, and keeps its counts when
 * that dies or leaves, so that the sums over all slots never go back. A worker can reach no slot
 * but its own; the metrics worker can read them all and write none.
 */
#ifndef SERVER_SLAB_H
#define SERVER_SLAB_H

#include <stdbool.h>

#include "base/protocol.h"
#include "hash_pool.h"
#include "listener.h"
#include "session/tally.h"
#include "store/remote.h"

enum {
	SLAB_SLOTS = 256,     /* three times as many as one generation has */
	SLAB_LISTENERS = 128, /* of all generations; the last stands for what found no place */
	SLAB_TIMES = 19,      /* bounds of the histograms of times */
	SLAB_QUESTIONS = 9    /* and of that of questions */
};

/* The bounds: nanoseconds from 10 us to 10 s, in steps of 1, 2, 5; and questions. */
extern const uint64_t slab_times[SLAB_TIMES];
extern const uint64_t slab_questions[SLAB_QUESTIONS];

struct slab_times {
	struct counter bucket[SLAB_TIMES + 1];
	struct counter sum; /* ns */
};

/* How a login ended: the words of vmaild(8), see slab_login_words. */
enum { SLAB_LOGINS = 14 };
extern const char *const slab_login_words[SLAB_LOGINS];

/* Of a store that is a server, or several: at this moment, but for the last two. */
struct slab_store {
	struct counter servers;                 /* that its URI names */
	struct counter primary[REMOTE_SERVERS]; /* connections in use, by the place of the server */
	struct counter standby[REMOTE_SERVERS];
	struct counter behind;  /* ms */
	struct counter reached; /* connections, ever */
	struct counter lost;
};

/* What one worker counts. */
struct slab_slot {
	struct tally tally;
	struct slab_times lookups; /* those that asked the store */
	struct counter questions[SLAB_QUESTIONS + 1];
	struct counter questions_sum;
	struct counter store_failures;
	struct slab_store store;
	struct counter logins[SLAB_LOGINS];
	struct counter hash_waiting; /* at this moment */
	struct slab_times hash_waits;
	struct slab_times hashes;
	struct counter connected[SLAB_LISTENERS]; /* at this moment, by number of the listener */
	struct counter connections[SLAB_LISTENERS];
};

/* What the supervisor counts. */
struct slab_top {
	struct counter started; /* unix seconds */
	struct counter generation;
	struct counter refused; /* reloads after which the old configuration stayed */
	struct counter wanted[PROTOCOL_SIDES];
	struct counter serving[PROTOCOL_SIDES];
	struct counter restarts[PROTOCOL_SIDES];
};

struct slab_listener {
	char name[sizeof((struct listener *)0)->name];
	enum protocol protocol;
};

/* The supervisor's own, and by fork everybody's: only `memory` is shared. */
struct slab {
	unsigned char *memory;
	size_t stride; /* of the top, and of each slot */
	bool taken[SLAB_SLOTS];
	struct slab_listener listener[SLAB_LISTENERS];
	unsigned listeners;
};

/* --- the supervisor's side -------------------------------------------------------------------- */

/* Map it; RETRY with a text when there is no memory. */
enum outcome slab_init(struct slab *s, struct error *err);
void slab_release(struct slab *s);

struct slab_top *slab_top(const struct slab *s);

/* Number the listeners of a set; the same name has the same number in every set. */
void slab_number(struct slab *s, struct listener_set *set);

/* Hand out a slot; NULL when all are taken: then what its process does goes uncounted. */
struct slab_slot *slab_take(struct slab *s);

/* The process of SLOT (may be NULL) is dead: what it had at the moment it has no more. */
void slab_give_back(struct slab *s, struct slab_slot *slot);

/* --- a worker's side -------------------------------------------------------------------------- */

/* In a process just born: give up what is not SLOT. Returns SLOT, or one of its own in place of
 * NULL. */
struct slab_slot *slab_enter(const struct slab *s, struct slab_slot *slot);

/* In the metrics worker: give up writing. */
void slab_watch(const struct slab *s);

/* The I-th of SLAB_SLOTS. */
const struct slab_slot *slab_slot_at(const struct slab *s, size_t i);

/* A client of listener NUMBER has come, or gone. */
void slab_connected(struct slab_slot *slot, unsigned number);
void slab_disconnected(struct slab_slot *slot, unsigned number);

/* A lookup asked the store so many questions; it took NS. */
void slab_asked(struct slab_slot *slot, uint64_t questions);
void slab_took(struct slab_slot *slot, uint64_t ns);

/* A job is back from the hashing pool. */
void slab_hashed(struct slab_slot *slot, const struct hash_job *j);

/* A login has ended; REFUSAL as in struct login. */
void slab_login(struct slab_slot *slot, enum outcome o, const char *refusal);

#endif
