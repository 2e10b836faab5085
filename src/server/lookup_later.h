/* SPDX-License-Identifier: ISC
 *
 * Lookups in a store that answers later: each connection has one under way at the most, as Postfix
 * has, and waits for it while the others are served.
 */
#ifndef SERVER_LOOKUP_LATER_H
#define SERVER_LOOKUP_LATER_H

#include "lookup_log.h"
#include "loop.h"
#include "mail/lookup.h"
#include "remote_source.h"
#include "session/answers.h"
#include "trouble.h"

struct inquiry;

struct later {
	struct remote_source source;
	struct lookup_rules *rules;
	const struct lookup_log *log;
	unsigned deadline;     /* ms for one lookup */
	uint64_t stale_ms;     /* how long old answers are given while no server answers */
	struct answers *stale; /* the answers that were given last; NULL: none are */
	struct inquiry *spare; /* kept for the next */
	size_t spares;
	struct trouble failing;
	struct trouble unsendable;
};

/* Begin. What CONF says of the store, RULES (borrowed) of addresses, LOG of what is to be told.
 * False with a text when the store cannot be used in this way. */
bool later_init(struct later *l, struct loop *loop, const struct conf *conf,
    const struct lookup_log *log, struct lookup_rules *rules, struct error *err);
void later_release(struct later *l);

/* Make a connection of an accepted socket; as loop_accept_fn. */
bool later_accept(struct later *l, struct loop *loop, int fd, const struct listener *from);

#endif
