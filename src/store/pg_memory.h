/* SPDX-License-Identifier: ISC
 *
 * What one connection to a server remembers of domains, so that most questions can leave that out;
 * and when it is still true.
 *
 * What a statement sees is what was committed before its snapshot (pg_current_snapshot): two with
 * the same snapshot see the same rows, and any commit in between, by whatever program and by
 * whatever SQL, has taken a number and makes another one. (A standby does not tell in its
 * snapshots what is under way. Where something is, there is no telling them apart, and nothing is
 * remembered.) So each answer brings its snapshot along: if that is the one in which the domain was
 * learned, both are of one moment; if not, the answer is thrown away and all is asked again.
 * Nothing is ever taken to be true because it was a moment ago.
 *
 * The numbers are one server's: after a failover, or when another server was restored from a
 * backup, the same ones may mean other rows. So the memory is a connection's, and goes with it; and
 * each answer names the process that gave it, for a pooler in between may have changed that.
 */
#ifndef STORE_PG_MEMORY_H
#define STORE_PG_MEMORY_H

#include "mail/question.h"

struct pg_memory;

/* Of which moment an answer is. */
struct pg_at {
	struct slice snapshot; /* as the server writes it: XMIN:XMAX:XIP,... */
	int64_t server;        /* its process */
};

/* NULL without memory; with that, nothing is remembered. */
struct pg_memory *pg_memory_new(void);
void pg_memory_free(struct pg_memory *m);

/* Tell what is known of the domain NAME: in which view, with OUT (which was empty) filled in; 0
 * when nothing is. Whether that is still true tells the answer to what is asked by it. */
uint64_t pg_memory_find(struct pg_memory *m, struct slice name, struct domain_facts *out);

/* Tell whether what was known in VIEW counts AT the moment of an answer. When it does, FOUND with
 * the store's own number of it; otherwise NONE. */
enum outcome pg_memory_confirm(
    struct pg_memory *m, uint64_t view, const struct pg_at *at, int64_t *moment);

/* Tell whether it is worth to ask about the domain NAME, of which nothing is known. */
bool pg_memory_wants(struct pg_memory *m, struct slice name);

/* NAME was asked about: that is answered by pg_memory_learn or pg_memory_miss, in the order of the
 * questions. */
void pg_memory_expect(struct pg_memory *m, struct slice name);

/* Take the answer: what was found of the domain NAME (or that there is none: not FOUND->known) AT a
 * moment, whose number in the store is MOMENT. */
void pg_memory_learn(struct pg_memory *m, struct slice name, const struct pg_at *at, int64_t moment,
    const struct domain_facts *found);
void pg_memory_miss(struct pg_memory *m);

#endif
