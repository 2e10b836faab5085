/* SPDX-License-Identifier: ISC
 *
 * Who is at the other end of a unix socket: whether he may be, and how often.
 */
#ifndef SERVER_PEERS_H
#define SERVER_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/outcome.h"
#include "conf/conf.h"

/* Whom a listener lets in; nobody named: everybody. */
struct peers {
	uid_t user[CONF_LIST_MAX];
	gid_t group[CONF_LIST_MAX];
	size_t users;
	size_t groups;
};

/* Look up NAMES, users and groups as "@name", NULL-ended. FOUND, or BAD or RETRY with a text. */
enum outcome peers_find(struct peers *out, char *const *names, struct error *err);

/* Find out who has connected; false when the kernel does not say. */
bool peer_of(int fd, uid_t *uid);

/* Tell whether who has connected is one of them. Root always is. */
bool peers_admit(const struct peers *p, int fd);

/* How many connections each user has. */
struct crowd {
	struct crowd_user {
		uid_t uid;
		size_t n;
	} * at;
	size_t users;
	size_t size;
};

/* Count one more of UID; false when he has MAX already, or for want of memory. */
bool crowd_join(struct crowd *c, uid_t uid, size_t max);
void crowd_leave(struct crowd *c, uid_t uid);
void crowd_release(struct crowd *c);

#endif
