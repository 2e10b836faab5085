/* SPDX-License-Identifier: ISC
 *
 * One connection of the pool, without waiting: connecting, setting up, and questions in a pipeline.
 * Where it leads, and what becomes of the questions when it breaks, is the pool's business.
 */
#ifndef STORE_PG_LINE_H
#define STORE_PG_LINE_H

#include <stdint.h>

#include "store/pg_ask.h"
#include "store/pg_conn.h"
#include "store/remote.h"

enum { PG_LINE_DEPTH = 256 };

struct pg_line {
	struct pg_attempt attempt; /* connecting */
	PGconn *conn;              /* connected, else NULL */
	size_t host;               /* to which of the URI's servers */
	enum store_role role;
	enum pg_line_state { PG_DOWN, PG_CONNECTING, PG_SETTING_UP, PG_READY } state;
	bool wants_read, wants_write;
	bool unsynced;            /* what was asked since the last mark is not sent off yet */
	unsigned syncs;           /* marks whose echo is to come */
	unsigned steps;           /* of the setting up that were answered */
	bool between;             /* a result was taken, and the nothing behind it was not */
	struct pg_memory *memory; /* of domains; NULL: nothing is remembered here */
	bool has_pulse;           /* it can be asked whether it follows, ... */
	bool pulse_flies;
	bool standby; /* ... and said then what it is, which before PostgreSQL 14 it does not
		       * by itself */
	bool behind;  /* a standby that may not know the latest */
	uint64_t behind_since; /* remote_now */
	uint64_t goal;         /* how far it has to read to be behind no more */
	uint64_t
	    oldest; /* ms: for how long it may have been behind before it was asked, at the most */
	uint64_t heard; /* remote_now: since when we wait for a sign of life */
	struct remote_ask *flying[PG_LINE_DEPTH]; /* a ring; NULL: nobody waits for it any more */
	size_t first, n;
};

/* Begin to connect as ROLE, with the server FIRST of the URI's, and with none of the set BUT; each
 * statement may take MS. RETRY when none can be had. */
enum outcome pg_line_open(struct pg_line *l, struct pg_place *place, enum store_role role,
    size_t first, unsigned but, unsigned ms, struct error *err);
void pg_line_close(struct pg_line *l);

/* Tell whether one question more may be asked, ask it, and send off what was asked. BAD: this one
 * cannot be asked; NONE: nor need it be, for nobody is called that. The line is as it was. */
bool pg_line_has_room(const struct pg_line *l);
enum outcome pg_line_ask(
    struct pg_line *l, struct pg_ask *scratch, struct remote_ask *a, struct error *err);
enum outcome pg_line_flush(struct pg_line *l, struct error *err);

/* Ask a standby whether it follows its primary, with the next flush. */
enum outcome pg_line_feel_pulse(struct pg_line *l, struct error *err);

/* Take what came, and send what can be sent. Answers that came call `done`; a question that was
 * given up by the server for another one's sake is handed to AGAIN. RETRY: it is of no use any
 * more, and what flies on it is still there. */
typedef void pg_line_again_fn(void *arg, struct remote_ask *a);
enum outcome pg_line_go_on(
    struct pg_line *l, unsigned ms, pg_line_again_fn *again, void *arg, struct error *err);

/* Take the oldest question off a line that broke; NULL when there is none. */
struct remote_ask *pg_line_take(struct pg_line *l);

/* The socket to be watched, or -1. */
int pg_line_socket(const struct pg_line *l);

/* Tell whether it is time to go on, though nothing came: a server that is being tried is given up.
 */
bool pg_line_is_due(const struct pg_line *l, uint64_t now);

/* Tell whether something has come that pg_line_go_on was not called for yet. */
bool pg_line_is_readable(const struct pg_line *l);

/* Tell whether the server is a standby; one that does not say so: whether it was, when it was asked
 * last. */
bool pg_line_is_standby(const struct pg_line *l);

#endif
