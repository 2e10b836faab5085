/* SPDX-License-Identifier: ISC
 *
 * Getting to a PostgreSQL server: reading what the store's URI says, and trying one host after the
 * other without ever blocking (but for the names of hosts: libpq asks the resolver itself). What is
 * said over the connection is db_pg.c's business.
 *
 * libpq could go through a list of hosts as well, but not leave one that does not answer.
 */
#ifndef STORE_PG_CONN_H
#define STORE_PG_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "base/outcome.h"
#include "store/store.h"

enum { PG_HOSTS_MAX = 16 };

/* A store's URI, read. */
struct pg_place {
	PQconninfoOption *option; /* as libpq read them */
	PQconninfoOption *all; /* with what a service file and the environment add; NULL: not yet */
	char shown[128];       /* for texts: the hosts and the database, never a password */
};

/* Read URI: postgresql://..., postgres://..., or libpq's keyword form behind "postgresql:". BAD
 * when it cannot be read; no part of it that may be secret is in the text. */
enum outcome pg_place_init(struct pg_place *p, const char *uri, struct error *err);
void pg_place_release(struct pg_place *p);

/* Tell whether there is a password in URI itself. */
bool pg_uri_has_password(const char *uri);

/* Find out what leads to the servers of URI, as store_way. */
void pg_way(const char *uri, struct store_way *out);

/* How far an attempt is: it waits until its socket can be read, or written; or it has ended. */
enum pg_progress { PG_READ, PG_WRITE, PG_DONE, PG_FAILED };

/* An attempt to connect, host by host. */
struct pg_attempt {
	struct pg_place *place;
	bool writes; /* only a server that can be written to will do */
	size_t host; /* the one being tried, of HOSTS in the order of the URI */
	size_t hosts;
	size_t tried;
	bool any;         /* second time round: no standby was found, so take what there is, ... */
	unsigned silent;  /* ... but for those that did not answer: a bit for each host */
	unsigned host_ms; /* how long one host is waited for; 0: as the URI says */
	enum pg_progress waits; /* for what */
	PGconn *conn;           /* taken over by whoever sees PG_DONE */
	int64_t give_up;        /* on this host, in milliseconds of the caller's clock */
	char why[256];          /* why the last one failed */
};

/* Begin at the host FIRST (of another attempt, or 0), and wait for each of them HOST_MS (0: as the
 * URI says, or some seconds). Like pg_attempt_go it tells what to wait for
 * on the socket of CONN: at most until GIVE_UP, then to call pg_attempt_go. PG_FAILED: none of them
 * will do, and WHY is the reason of the last. NOW in milliseconds. */
enum pg_progress pg_attempt_start(struct pg_attempt *a, struct pg_place *place, bool writes,
    size_t first, unsigned host_ms, int64_t now);
enum pg_progress pg_attempt_go(struct pg_attempt *a, int64_t now);

/* Drop an attempt that nobody waits for any more. */
void pg_attempt_stop(struct pg_attempt *a);

#endif
