/* SPDX-License-Identifier: ISC
 *
 * A remote store as a worker's loop uses it: its sockets and its time, as events; and what is to be
 * logged about it.
 */
#ifndef SERVER_REMOTE_SOURCE_H
#define SERVER_REMOTE_SOURCE_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "conf/conf.h"
#include "slab.h"
#include "store/remote.h"

struct remote_source {
	struct remote *remote;
	struct event_base *base;
	struct remote_line_event {
		struct remote_source *source;
		struct event event;
		bool watching;
	} line[REMOTE_LINES];
	struct event tick;
	bool kicked;            /* something was asked since the last tick */
	uint64_t lost_at;       /* remote_now: since when no server answers; 0: one does */
	struct slab_slot *slot; /* where is counted, and ... */
	uint64_t reached, lost; /* ... how much of that was; */
	uint64_t count_at;      /* remote_now: not before then again */
};

/* Begin to connect to the store that CONF has for ROLE (STORE_LOOKUP or STORE_LOGIN). False with a
 * text when that cannot be done. */
struct loop;
bool remote_source_init(struct remote_source *s, struct loop *loop, const struct conf *conf,
    enum store_role role, struct error *err);
void remote_source_release(struct remote_source *s);

/* Ask (see remote_ask); what is asked in one round of the event loop goes out together. */
void remote_source_ask(struct remote_source *s, struct remote_ask *a);

#endif
