/* SPDX-License-Identifier: ISC
 *
 * Listening sockets. A unix socket appears under its name with its mode and is given to its group
 * before anybody is let in; a file that a dead daemon left is replaced, a living one is not. Others
 * may write to its directory while we are root: what is given away is held, and looked at, first.
 * Postfix's chrooted daemons see an absolute path below the queue directory, so a twin is bound
 * there.
 */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/log.h"

enum { PARENT_MODE = 0755 };

/* --- the set ---------------------------------------------------------------------------------- */

static struct listener *
find(const struct listener_set *set, const char *name)
{
	for (size_t i = 0; set != NULL && i < set->n; i++)
		if (strcmp(set->at[i].name, name) == 0)
			return &set->at[i];
	return NULL;
}

/* What there is under that name already, be it in use or only lent to us. */
static struct listener *
find_open(const struct listener_set *old, const char *name)
{
	struct listener *l = find(old, name);

	return l != NULL || old == NULL ? l : find(old->lent, name);
}

/* Append L; its descriptor is closed when that fails. */
static enum outcome
add(struct listener_set *set, const struct listener *l, struct error *err)
{
	struct listener *at = set->at;

	if (set->n == set->size) {
		at = realloc(set->at, (set->size + 16) * sizeof *at);
		if (at == NULL) {
			close(l->fd);
			return error_set(err, RETRY, "cannot listen on '%s': no memory", l->name);
		}
		set->at = at;
		set->size += 16;
	}
	at[set->n++] = *l;
	return FOUND;
}

void
listeners_close(struct listener_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		close(set->at[i].fd);
	free(set->at);
	*set = (struct listener_set){ 0 };
}

void
listeners_keep(struct listener_set *set, enum protocol_side side)
{
	for (size_t i = 0; i < set->n; i++) {
		if (protocol_side(set->at[i].protocol) == side)
			continue;
		close(set->at[i].fd);
		set->at[i].fd = -1;
	}
}

/* Tell whether the file under its name is the one we bound. */
static bool
is_there(const struct listener *l)
{
	struct stat st;

	return lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino;
}

void
listeners_unlink(const struct listener_set *set, const struct listener_set *except)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct listener *l = &set->at[i];

		if (l->path[0] == '\0' || l->lent || find(except, l->name) != NULL)
			continue;
		/* root bound it perhaps where we may not write now; the next start replaces it */
		if (is_there(l))
			unlink(l->path);
	}
}

/* --- unix sockets ----------------------------------------------------------------------------- */

static enum outcome
failed(const char *name, const char *what, struct error *err)
{
	return error_set(err, RETRY, "cannot listen on '%s': %s: %s", name, what, strerror(errno));
}

/* Make way for a new socket: what a dead daemon left is removed. */
static enum outcome
clear_stale(const char *name, const struct sockaddr_un *sun, struct error *err)
{
	struct stat st;
	int fd, refused;

	if (lstat(sun->sun_path, &st) < 0)
		return errno == ENOENT ? FOUND : failed(name, "cannot look at it", err);
	if (!S_ISSOCK(st.st_mode))
		return error_set(
		    err, BAD, "cannot listen on '%s': there is a file that is no socket", name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return failed(name, "socket", err);
	refused = connect(fd, (const struct sockaddr *)sun, sizeof *sun) < 0 ? errno : 0;
	close(fd);
	if (refused != ECONNREFUSED && refused != ENOENT) {
		if (refused == 0 || refused == EAGAIN)
			return error_set(
			    err, BAD, "another vmaild is listening on '%s': stop it first", name);
		errno = refused;
		return failed(name, "cannot tell whether it is in use", err);
	}
	if (unlink(sun->sun_path) < 0 && errno != ENOENT)
		return failed(name, "cannot remove the old socket", err);
	return FOUND;
}

/* Hand the socket's file, held by FILE, to its owner and group and open it. Changes nothing that is
 * right already. */
static enum outcome
set_access(const char *name, int file, const struct stat *st, const struct conf_listener *conf,
    const struct identity *owner, gid_t group, struct error *err)
{
	uid_t uid = geteuid() == 0 ? owner->uid : (uid_t)-1;
	char path[32];

	if ((st->st_uid != owner->uid || st->st_gid != group) &&
	    fchownat(file, "", uid, group, AT_EMPTY_PATH) < 0)
		return failed(name, "cannot give it to its group", err);
	/* fchmod takes no descriptor of a file that is only held */
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	if ((st->st_mode & 07777) != conf->mode && chmod(path, conf->mode) < 0)
		return failed(name, "cannot set its mode", err);
	return FOUND;
}

/* The file that was there when we last looked; or the one that we have just bound, as far as that
 * can be told: a link would be another file's second name. */
static bool
is_ours(const struct listener *l, const struct stat *st)
{
	if (l->ino != 0)
		return st->st_dev == l->dev && st->st_ino == l->ino;
	return S_ISSOCK(st->st_mode) && st->st_uid == geteuid() && st->st_nlink == 1;
}

/* Give the socket's file away, and remember which one it is. */
static enum outcome
give_away(struct listener *l, const struct conf_listener *conf, const struct identity *owner,
    gid_t group, struct error *err)
{
	int file = open(l->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	enum outcome o;

	if (file < 0)
		return failed(l->name, "cannot look at it", err);
	if (fstat(file, &st) < 0)
		o = failed(l->name, "cannot look at it", err);
	else if (!is_ours(l, &st))
		o = error_set(err, BAD,
		    "cannot listen on '%s': another file was put in its place: look who may write "
		    "to its directory",
		    l->name);
	else {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
		o = set_access(l->name, file, &st, conf, owner, group, err);
	}
	close(file);
	return o;
}

/* A group that is not there is no error for the listeners nobody has asked for. */
static enum outcome
group_of(
    const struct conf_listener *conf, const struct identity *owner, gid_t *gid, struct error *err)
{
	*gid = owner->gid;
	if (conf->group == NULL || group_id(gid, conf->group, err) == FOUND)
		return FOUND;
	if (!conf->builtin)
		return BAD;
	log_info("'%s': there is no group '%s' here: only '%s' may connect", conf->address,
	    conf->group, owner->name);
	*gid = owner->gid;
	return FOUND;
}

static enum outcome
bind_unix(struct listener *l, const struct conf_listener *conf, const struct identity *owner,
    gid_t group, struct error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t before;
	int bound;

	memcpy(sun.sun_path, l->path, strlen(l->path) + 1);
	if (clear_stale(l->name, &sun, err) != FOUND)
		return BAD;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return failed(l->name, "socket", err);
	before = umask(0777 & ~conf->mode);
	bound = bind(l->fd, (const struct sockaddr *)&sun, sizeof sun);
	umask(before);
	if (bound < 0) {
		failed(l->name, "bind", err);
		goto out;
	}
	if (give_away(l, conf, owner, group, err) != FOUND)
		goto out;
	if (listen(l->fd, SOMAXCONN) == 0)
		return FOUND;
	failed(l->name, "listen", err);
out:
	if (l->ino != 0 && is_there(l))
		unlink(l->path);
	close(l->fd);
	return BAD;
}

/* Bind PATH for the listener CONF, or share it when OLD has it. */
static enum outcome
open_unix(struct listener_set *set, const char *path, const struct conf_listener *conf,
    const struct identity *owner, const struct listener_set *old, struct error *err)
{
	struct listener l = { .protocol = conf->protocol };
	struct listener *before;
	gid_t group;

	if (strlen(path) >= sizeof l.path)
		return error_set(err, BAD,
		    "cannot listen on '%s': the path is longer than %zu bytes", path,
		    sizeof l.path - 1);
	snprintf(l.path, sizeof l.path, "%s", path);
	snprintf(l.name, sizeof l.name, "unix:%s", path);
	l.map = slice_str(conf->map);
	if (find(set, l.name) != NULL)
		return error_set(err, BAD, "'%s' is given twice", l.name);
	if (group_of(conf, owner, &group, err) != FOUND ||
	    peers_find(&l.peers, conf->peer, err) != FOUND)
		return BAD;
	before = find_open(old, l.name);
	if (before == NULL || !is_there(before)) {
		if (bind_unix(&l, conf, owner, group, err) != FOUND)
			return BAD;
		return add(set, &l, err);
	}
	l.kept = true;
	l.lent = before->lent;
	l.dev = before->dev;
	l.ino = before->ino;
	if (give_away(&l, conf, owner, group, err) != FOUND)
		return BAD;
	l.fd = dup(before->fd);
	return l.fd < 0 ? failed(l.name, "dup", err) : add(set, &l, err);
}

/* --- twins ------------------------------------------------------------------------------------ */

/* Make the folders of PATH that are missing behind its first KEEP bytes. */
static bool
make_parents(char *path, size_t keep)
{
	mode_t before = umask(0);
	bool made = true;

	for (char *p = path + keep; made && (p = strchr(p, '/')) != NULL; p++) {
		if (p == path + keep)
			continue;
		*p = '\0';
		made = mkdir(path, PARENT_MODE) == 0 || errno == EEXIST;
		*p = '/';
	}
	umask(before);
	return made;
}

static enum outcome
open_twin(struct listener_set *set, const char *queue, const char *path,
    const struct conf_listener *conf, const struct identity *owner, const struct listener_set *old,
    struct error *err)
{
	char twin[4096];
	size_t keep = strlen(queue);
	struct stat st;

	while (keep > 0 && queue[keep - 1] == '/')
		keep--;
	if (stat(queue, &st) < 0 || !S_ISDIR(st.st_mode) || keep == 0)
		return FOUND;
	if ((size_t)snprintf(twin, sizeof twin, "%.*s%s", (int)keep, queue, path) >= sizeof twin)
		return error_set(err, BAD, "'%s': the path below '%s' is too long", path, queue);
	if (!make_parents(twin, keep))
		return failed(twin, "cannot make its folder", err);
	return open_unix(set, twin, conf, owner, old, err);
}

static enum outcome
open_twins(struct listener_set *set, const struct conf *c, const char *path,
    const struct conf_listener *conf, const struct identity *owner, const struct listener_set *old,
    struct error *err)
{
	for (size_t i = 0; conf->twin && c->queue_directory[i] != NULL; i++) {
		if (open_twin(set, c->queue_directory[i], path, conf, owner, old, err) == FOUND)
			continue;
		if (geteuid() == 0)
			return BAD;
		log_warning("%s: chrooted Postfix daemons will not find it", err->text);
	}
	return FOUND;
}

/* --- inet sockets ----------------------------------------------------------------------------- */

static enum outcome
name_inet(struct listener *l, const struct sockaddr *address, socklen_t n, struct error *err)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];
	int e = getnameinfo(
	    address, n, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);

	if (e != 0)
		return error_set(err, BAD, "cannot print an address: %s", gai_strerror(e));
	snprintf(l->name, sizeof l->name,
	    address->sa_family == AF_INET6 ? "inet:[%.64s]:%.16s" : "inet:%.64s:%.16s", host, port);
	return FOUND;
}

static enum outcome
bind_inet(struct listener *l, const struct addrinfo *ai, struct error *err)
{
	int on = 1;

	l->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return failed(l->name, "socket", err);
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* localhost may be both an IPv4 and an IPv6 address: each has its own socket */
	if (ai->ai_family == AF_INET6)
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(l->fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(l->fd, SOMAXCONN) == 0)
		return FOUND;
	failed(l->name, "bind", err);
	close(l->fd);
	return BAD;
}

static enum outcome
open_inet_one(struct listener_set *set, const struct addrinfo *ai, const struct conf_listener *conf,
    const struct listener_set *old, struct error *err)
{
	struct listener l = { .protocol = conf->protocol };
	struct listener *before;

	if (name_inet(&l, ai->ai_addr, ai->ai_addrlen, err) != FOUND)
		return BAD;
	l.map = slice_str(conf->map);
	if (find(set, l.name) != NULL)
		return error_set(err, BAD, "'%s' is given twice", l.name);
	before = find_open(old, l.name);
	if (before == NULL)
		return bind_inet(&l, ai, err) == FOUND ? add(set, &l, err) : BAD;
	l.kept = true;
	l.lent = before->lent;
	l.fd = dup(before->fd);
	return l.fd < 0 ? failed(l.name, "dup", err) : add(set, &l, err);
}

static enum outcome
open_inet(struct listener_set *set, const struct conf_endpoint *ep,
    const struct conf_listener *conf, const struct listener_set *old, struct error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	enum outcome o = FOUND;
	int e = getaddrinfo(ep->host, ep->port, &hints, &list);

	if (e != 0)
		return error_set(
		    err, BAD, "cannot listen on '%s': %s", conf->address, gai_strerror(e));
	for (const struct addrinfo *ai = list; o == FOUND && ai != NULL; ai = ai->ai_next)
		o = open_inet_one(set, ai, conf, old, err);
	freeaddrinfo(list);
	return o;
}

/* --- handed to us ------------------------------------------------------------------------------
 */

static int
option_of(int fd, int option)
{
	int value = -1;
	socklen_t n = sizeof value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 ? value : -1;
}

/* What its address says it is; false when that is nothing a listen section can name. */
static bool
name_inherited(struct listener *l)
{
	struct sockaddr_storage any = { 0 };
	const struct sockaddr_un *sun = (const struct sockaddr_un *)&any;
	socklen_t n = sizeof any;
	struct error err;
	struct stat st;

	if (option_of(l->fd, SO_TYPE) != SOCK_STREAM || option_of(l->fd, SO_ACCEPTCONN) != 1 ||
	    getsockname(l->fd, (struct sockaddr *)&any, &n) != 0)
		return false;
	if (any.ss_family != AF_UNIX)
		return name_inet(l, (const struct sockaddr *)&any, n, &err) == FOUND;
	if (sun->sun_path[0] != '/')
		return false;
	snprintf(l->path, sizeof l->path, "%.*s", (int)sizeof l->path - 1, sun->sun_path);
	snprintf(l->name, sizeof l->name, "unix:%s", l->path);
	/* without its file it is of no use to anybody, and is bound anew */
	if (lstat(l->path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return true;
}

void
listeners_inherit(struct listener_set *set, struct inheritance *from)
{
	struct error err;

	for (size_t i = 0; i < from->n; i++) {
		struct listener l = { .fd = from->at[i].fd, .lent = !from->at[i].ours };

		if (!name_inherited(&l)) {
			log_warning("descriptor %d that was handed to us is no listening stream "
				    "socket with an address: not used",
			    l.fd);
			close(l.fd);
			continue;
		}
		/* each of several workers may be woken for one client */
		(void)fcntl(l.fd, F_SETFL, O_NONBLOCK);
		if (add(set, &l, &err) != FOUND)
			log_warning("%s", err.text);
	}
	set->lent = set;
	from->n = 0;
}

void
listeners_settle(struct listener_set *set, const struct listener_set *now)
{
	size_t kept = 0;

	listeners_unlink(set, now);
	for (size_t i = 0; i < set->n; i++) {
		if (set->at[i].lent)
			set->at[kept++] = set->at[i];
		else
			close(set->at[i].fd);
	}
	set->n = kept;
}

void
listeners_say_unused(const struct listener_set *now)
{
	for (size_t i = 0; now->lent != NULL && i < now->lent->n; i++)
		if (find(now, now->lent->at[i].name) == NULL)
			log_warning("the service manager holds '%s' open, and there is no such "
				    "listener: who connects there waits in vain",
			    now->lent->at[i].name);
}

static void
bequeath(const struct listener *l, struct inheritance *what)
{
	if (what->n < INHERIT_MAX)
		what->at[what->n++] = (struct inherited){ l->fd, !l->lent };
}

void
listeners_bequeath(const struct listener_set *set, struct inheritance *what)
{
	for (size_t i = 0; i < set->n; i++)
		bequeath(&set->at[i], what);
	for (size_t i = 0; set->lent != NULL && i < set->lent->n; i++)
		if (find(set, set->lent->at[i].name) == NULL)
			bequeath(&set->lent->at[i], what);
}

/* --- all of them ------------------------------------------------------------------------------ */

static enum outcome
check_one(const struct conf_listener *conf, struct error *err)
{
	struct conf_endpoint ep;
	struct peers peers;
	gid_t gid;

	if (conf_endpoint(&ep, conf->address, err) != FOUND)
		return BAD;
	if (ep.is_unix && conf->group != NULL && !conf->builtin &&
	    group_id(&gid, conf->group, err) != FOUND)
		return BAD;
	if (peers_find(&peers, conf->peer, err) != FOUND)
		return BAD;
	if (conf->protocol == PROTOCOL_TCP &&
	    (conf->map == NULL || !map_name_ok(slice_str(conf->map))))
		return error_set(err, BAD, "listener '%s': '%s' is no name of a map", conf->address,
		    conf->map == NULL ? "" : conf->map);
	return FOUND;
}

enum outcome
listeners_check(const struct conf *c, struct error *err)
{
	for (size_t i = 0; i < c->listeners; i++)
		if (check_one(&c->listener[i], err) != FOUND)
			return BAD;
	return c->listeners > 0 ? FOUND : error_set(err, BAD, "there is no listener");
}

static enum outcome
open_one(struct listener_set *set, const struct conf *c, const struct conf_listener *conf,
    const struct identity *owner, const struct listener_set *old, struct error *err)
{
	struct conf_endpoint ep;

	if (conf_endpoint(&ep, conf->address, err) != FOUND)
		return BAD;
	if (!ep.is_unix)
		return open_inet(set, &ep, conf, old, err);
	if (open_unix(set, ep.path, conf, owner, old, err) != FOUND)
		return BAD;
	return open_twins(set, c, ep.path, conf, owner, old, err);
}

/* Remove what this set has bound itself: it is given up. */
static void
give_up(struct listener_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->at[i].kept)
			set->at[i].path[0] = '\0';
	listeners_unlink(set, NULL);
	listeners_close(set);
}

enum outcome
listeners_open(struct listener_set *set, const struct conf *c, const struct identity *owner,
    const struct listener_set *old, struct error *err)
{
	enum outcome o = listeners_check(c, err);

	set->lent = old == NULL ? NULL : old->lent;
	for (size_t i = 0; o == FOUND && i < c->listeners; i++)
		o = open_one(set, c, &c->listener[i], owner, old, err);
	if (o != FOUND)
		give_up(set);
	return o;
}
