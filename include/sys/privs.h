/* SPDX-License-Identifier: ISC
 *
 * Users, groups, dropping root, and keeping secrets out of core dumps.
 */
#ifndef SYS_PRIVS_H
#define SYS_PRIVS_H

#include <sys/types.h>

#include "base/outcome.h"

struct identity {
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* Look up a user by name or number. BAD with a text (which says how to make him) when there is
 * none. */
enum outcome identity_of_user(struct identity *out, const char *name, struct error *err);

/* Look up a group by name or number. */
enum outcome group_id(gid_t *out, const char *name, struct error *err);

/* Become that user for good, with his supplementary groups and his HOME. Nothing to do, and FOUND,
 * when we are not root or the user is root himself. */
enum outcome privs_drop(const struct identity *who, struct error *err);

/* The same, and see nothing outside of the directory ROOT from then on (NULL: of all). */
enum outcome privs_enter(const char *root, const struct identity *who, struct error *err);

/* No core dumps, no ptrace by others; raise the limit of open files to what is allowed, at least
 * WANT. */
void privs_harden(void);
enum outcome privs_files(unsigned long want, struct error *err);

#endif
