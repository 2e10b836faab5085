/* SPDX-License-Identifier: ISC
 *
 * Listening sockets: bound by the supervisor while it is root, handed on to the workers by fork.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include <sys/types.h>

#include "conf/conf.h"
#include "mail/maps.h"
#include "peers.h"
#include "sys/privs.h"

struct listener {
	int fd;
	char name[128]; /* "unix:/path" or "inet:address:port": what it is bound to */
	char path[108]; /* of a unix socket */
	dev_t dev;      /* and its file, so that nobody else's is removed */
	ino_t ino;
	enum protocol protocol;
	struct slice map; /* PROTOCOL_TCP; a view of the configuration */
	struct peers peers;
	bool kept;       /* taken over from the set before */
	unsigned number; /* by which its connections are counted, see slab.h */
};

struct listener_set {
	struct listener *at;
	size_t n;
	size_t size;
};

/* Judge what can be judged without binding: addresses, groups, maps. FOUND, or BAD with a text. */
enum outcome listeners_check(const struct conf *conf, struct error *err);

/* Bind all that CONF names, twins below the queue directories included, into SET (which is empty).
 * What OLD (may be NULL) has bound already is shared with it. The files belong to OWNER. On
 * anything but FOUND nothing is left behind. */
enum outcome listeners_open(struct listener_set *set, const struct conf *conf,
    const struct identity *owner, const struct listener_set *old, struct error *err);

/* Close the sockets and free the set. */
void listeners_close(struct listener_set *set);

/* Remove the socket files that are still ours, but for those that are in EXCEPT (may be NULL) as
 * well. */
void listeners_unlink(const struct listener_set *set, const struct listener_set *except);

#endif
