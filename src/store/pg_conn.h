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
	unsigned host_ms; /* one host of several is not waited for longer; 0: as the URI says */
};

/* Read URI: postgresql://..., postgres://..., or libpq's keyword form behind "postgresql:". BAD
 * when it cannot be read; no part of it that may be secret is in the text. */
enum outcome pg_place_init(struct pg_place *p, const char *uri, struct error *err);
void pg_place_release(struct pg_place *p);

/* Tell whether a standby is to be read rather than the primary. */
bool pg_place_prefers_standby(const struct pg_place *p);

/* Tell whether there is a password in URI itself. */
bool pg_uri_has_password(const char *uri);

/* Find out what leads to the servers of URI, as store_way. */
void pg_way(const char *uri, struct store_way *out);

/* Tell FN the keywords of URI that lead to its servers, as store_link. */
void pg_link(const char *uri, store_link_fn *fn, void *arg);

/* Tell FN the files of passwords and keys that URI, or its service, names. */
void pg_secrets(const char *uri, store_secret_fn *fn, void *arg);

enum pg_progress { PG_READ, PG_WRITE, PG_DONE, PG_FAILED };

/* Which server will do, beside what the URI says of that. */
enum pg_need {
	PG_READS,  /* as it says */
	PG_WRITES, /* one that can be written to, and no other */
	PG_ALL     /* the same; but when those that answer can only be read, one of them */
};

/* An attempt to connect, host by host. */
struct pg_attempt {
	struct pg_place *place;
	enum pg_need need;
	size_t host; /* the one being tried, of HOSTS in the order of the URI */
	size_t hosts;
	size_t tried;
	bool any;        /* second time round: none is as it should be, so take what there is */
	bool spoke;      /* one of them took us for a client, whatever he said then */
	PGconn *conn;    /* taken over by whoever sees PG_DONE */
	int64_t give_up; /* on this host, in milliseconds of the caller's clock */
	char why[256];   /* why the last one failed */
	enum pg_progress waits; /* for what it waits on this host */
	unsigned silent; /* a bit for each host that did not answer: it is not tried once more */
};

/* The bit of a host in such a set; those behind the last bit are in none. */
unsigned pg_host_bit(size_t host);

/* Begin at the host FIRST (of another attempt, or 0). Like pg_attempt_go it tells what to wait for
 * on the socket of CONN: at most until GIVE_UP, then to call pg_attempt_go. PG_FAILED: none of them
 * will do, and WHY is the reason of the last. NOW in milliseconds. */
enum pg_progress pg_attempt_start(
    struct pg_attempt *a, struct pg_place *place, enum pg_need need, size_t first, int64_t now);

/* The same, for reading, of none of the hosts in the set BUT. */
enum pg_progress pg_attempt_start_but(
    struct pg_attempt *a, struct pg_place *place, size_t first, unsigned but, int64_t now);

enum pg_progress pg_attempt_go(struct pg_attempt *a, int64_t now);

/* Drop an attempt that nobody waits for any more. */
void pg_attempt_stop(struct pg_attempt *a);

#endif
