/* SPDX-License-Identifier: ISC
 *
 * Clients by their user. Names are looked up by the supervisor, once; a worker compares numbers,
 * which the kernel noted when the client connected.
 */
#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "sys/privs.h"

/* As many as a client may be in and still be found by one of them. */
enum { GROUPS_MAX = 1024 };

enum outcome
peers_find(struct peers *out, char *const *names, struct error *err)
{
	*out = (struct peers){ .users = 0 };
	for (; *names != NULL; names++) {
		const char *name = *names;
		struct identity user;
		enum outcome o;

		if (name[0] == '@') {
			o = group_id(&out->group[out->groups++], name + 1, err);
		} else {
			o = identity_of_user(&user, name, err);
			out->user[out->users++] = user.uid;
		}
		if (o != FOUND)
			return o;
	}
	return FOUND;
}

static bool
credentials(int fd, struct ucred *who)
{
	socklen_t n = sizeof *who;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &n) == 0 && n == sizeof *who;
}

bool
peer_of(int fd, uid_t *uid)
{
	struct ucred who;
	bool known = credentials(fd, &who);

	if (known)
		*uid = who.uid;
	return known;
}

static bool
has_group(const struct peers *p, gid_t group)
{
	for (size_t i = 0; i < p->groups; i++)
		if (p->group[i] == group)
			return true;
	return false;
}

static bool
has_user(const struct peers *p, uid_t uid)
{
	for (size_t i = 0; i < p->users; i++)
		if (p->user[i] == uid)
			return true;
	return uid == 0;
}

/* His other groups; a kernel older than 4.13 does not tell them. */
static bool
has_other_group(const struct peers *p, int fd)
{
	gid_t groups[GROUPS_MAX];
	socklen_t n = sizeof groups;

	if (p->groups == 0 || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) != 0)
		return false;
	for (size_t i = 0; i < n / sizeof groups[0]; i++)
		if (has_group(p, groups[i]))
			return true;
	return false;
}

bool
peers_admit(const struct peers *p, int fd)
{
	struct ucred who;

	if (p->users == 0 && p->groups == 0)
		return true;
	return credentials(fd, &who) &&
	       (has_user(p, who.uid) || has_group(p, who.gid) || has_other_group(p, fd));
}

/* --- how often -------------------------------------------------------------------------------- */

static struct crowd_user *
find(const struct crowd *c, uid_t uid)
{
	for (size_t i = 0; i < c->users; i++)
		if (c->at[i].uid == uid)
			return &c->at[i];
	return NULL;
}

static struct crowd_user *
add(struct crowd *c, uid_t uid)
{
	struct crowd_user *at = c->at;

	if (c->users == c->size) {
		at = realloc(at, (c->size + 8) * sizeof *at);
		if (at == NULL)
			return NULL;
		c->at = at;
		c->size += 8;
	}
	at[c->users] = (struct crowd_user){ .uid = uid };
	return &at[c->users++];
}

bool
crowd_join(struct crowd *c, uid_t uid, size_t max)
{
	struct crowd_user *u = find(c, uid);

	if (u == NULL)
		u = add(c, uid);
	if (u == NULL || u->n >= max)
		return false;
	u->n++;
	return true;
}

void
crowd_leave(struct crowd *c, uid_t uid)
{
	struct crowd_user *u = find(c, uid);

	if (u != NULL && --u->n == 0)
		*u = c->at[--c->users];
}

void
crowd_release(struct crowd *c)
{
	free(c->at);
	*c = (struct crowd){ .at = NULL };
}
