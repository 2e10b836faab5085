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
#include "sys/inherit.h"
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
	bool lent;       /* the service manager's: its file is not ours to remove */
	unsigned number; /* by which its connections are counted, see slab.h */
};

struct listener_set {
	struct listener *at;
	size_t n;
	size_t size;
	/* what the service manager has open for us, used or not: each set has it from the one
	 * before */
	const struct listener_set *lent;
};

/* Judge what can be judged without binding: addresses, groups, maps. FOUND, or BAD with a text. */
enum outcome listeners_check(const struct conf *conf, struct error *err);

/* Find out what the sockets are that were handed to us, and take them out of FROM: a set to share
 * with. What is no listening socket is closed, and said. */
void listeners_inherit(struct listener_set *set, struct inheritance *from);

/* The sockets handed to us of which NOW made use are NOW's: close ours in SET, and remove the files
 * of those that are used no more. What is lent stays, and is said when nobody serves it. */
void listeners_settle(struct listener_set *set, const struct listener_set *now);
void listeners_say_unused(const struct listener_set *now);

/* Append what a next program of ours may go on with to WHAT; the descriptors stay the set's. */
void listeners_bequeath(const struct listener_set *set, struct inheritance *what);

/* Bind all that CONF names, twins below the queue directories included, into SET (which is empty).
 * What OLD (may be NULL) has bound already is shared with it. The files belong to OWNER. On
 * anything but FOUND nothing is left behind. */
enum outcome listeners_open(struct listener_set *set, const struct conf *conf,
    const struct identity *owner, const struct listener_set *old, struct error *err);

/* Close the sockets and free the set. */
void listeners_close(struct listener_set *set);

/* Close those of other sides: a worker has no use for them, and who owns it is to have none. */
void listeners_keep(struct listener_set *set, enum protocol_side side);

/* Remove the socket files that are still ours, but for those that are in EXCEPT (may be NULL) as
 * well. */
void listeners_unlink(const struct listener_set *set, const struct listener_set *except);

#endif
