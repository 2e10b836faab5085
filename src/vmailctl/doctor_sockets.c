/* SPDX-License-Identifier: ISC
 *
 * doctor: does vmaild answer on every listener, and can Postfix get there?
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/privs.h"
#include "vmailctl/doctor.h"
#include "vmailctl/listeners.h"
#include "vmailctl/live.h"

enum { GREETING_MAX = 4096 };

/* A name that is nobody's: what is looked at is that there is an answer. */
static const char nobody[] = "vmaild.invalid";

/* --- conversations: each says what is wrong with the answer -------------------------------------
 */

static bool
ask_socketmap(int fd, struct error *err)
{
	struct sbuf value;
	enum outcome o;

	sbuf_init(&value, LOOKUP_VALUE_MAX);
	o = live_ask(fd, slice_str("domains"), slice_str(nobody), &value, err);
	sbuf_release(&value);
	return o == FOUND || o == NONE;
}

/* One line of at most a screen. */
static bool
read_line(int fd, char line[GREETING_MAX], struct error *err)
{
	size_t n = 0;

	while (n < GREETING_MAX - 1 && memchr(line, '\n', n) == NULL) {
		ssize_t got = recv(fd, line + n, GREETING_MAX - 1 - n, 0);

		if (got <= 0) {
			error_set(err, RETRY, "no answer: %s",
			    got == 0 ? "the connection was closed" : strerror(errno));
			return false;
		}
		n += (size_t)got;
	}
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return true;
}

static bool
expect(int fd, const char *const starts[], struct error *err)
{
	char line[GREETING_MAX];

	if (!read_line(fd, line, err))
		return false;
	for (size_t i = 0; starts[i] != NULL; i++)
		if (strncmp(line, starts[i], strlen(starts[i])) == 0)
			return true;
	error_set(err, RETRY, "it answers '%.100s'", line);
	return false;
}

static bool
ask_line(int fd, const char *question, const char *const answers[], struct error *err)
{
	if (send(fd, question, strlen(question), MSG_NOSIGNAL) < 0) {
		error_set(err, RETRY, "cannot ask: %s", strerror(errno));
		return false;
	}
	return expect(fd, answers, err);
}

static bool
ask_tcp(int fd, struct error *err)
{
	static const char *const answers[] = { "200 ", "500 ", NULL };

	return ask_line(fd, "get vmaild.invalid\n", answers, err);
}

static bool
ask_policy(int fd, struct error *err)
{
	static const char *const answers[] = { "action=DUNNO", "action=dunno", NULL };

	return ask_line(fd,
	    "request=smtpd_access_policy\nsender=a@vmaild.invalid\n"
	    "recipient=b@vmaild.invalid\n\n",
	    answers, err);
}

static bool
hear_greeting(int fd, struct error *err)
{
	static const char *const greeting[] = { "VERSION\t1\t", NULL };

	return expect(fd, greeting, err);
}

/* Well or not: what ails the store is for other checks. */
static bool
ask_metrics(int fd, struct error *err)
{
	static const char *const answers[] = { "HTTP/1.0 ", "HTTP/1.1 ", NULL };

	return ask_line(fd, "GET /healthz HTTP/1.0\r\n\r\n", answers, err);
}

static bool
converse(enum protocol protocol, int fd, struct error *err)
{
	static bool (*const talk[PROTOCOLS])(int, struct error *) = {
		[PROTOCOL_SOCKETMAP] = ask_socketmap,
		[PROTOCOL_TCP] = ask_tcp,
		[PROTOCOL_POLICY] = ask_policy,
		[PROTOCOL_AUTH] = hear_greeting,
		[PROTOCOL_USERDB] = hear_greeting,
		[PROTOCOL_METRICS] = ask_metrics,
	};

	return talk[protocol](fd, err);
}

static bool
try_endpoint(const struct conf_endpoint *e, enum protocol protocol, struct error *err)
{
	int fd = live_connect(e);
	bool ok;

	if (fd < 0) {
		error_set(err, RETRY, "cannot connect: %s", strerror(errno));
		return false;
	}
	ok = converse(protocol, fd, err);
	close(fd);
	return ok;
}

/* --- listeners ----------------------------------------------------------------------------------
 */

bool
check_listeners(struct doctor *d, const struct check *c)
{
	const struct conf *conf = d->ctl->conf;
	bool ok = true;

	for (size_t i = 0; i < conf->listeners; i++) {
		const struct conf_listener *l = &conf->listener[i];
		struct error err = { "" };
		struct conf_endpoint e;

		if (conf_endpoint(&e, l->address, &err) == FOUND &&
		    try_endpoint(&e, l->protocol, &err))
			continue;
		ok = doctor_bad(
		    d, c, slice_str(l->address), "%s: %s", protocol_name(l->protocol), err.text);
	}
	return ok;
}

/* Those that Postfix uses by a path. */
static bool
is_for_postfix(const struct conf_listener *l)
{
	return listener_is_unix(l) && l->twin && l->protocol != PROTOCOL_USERDB;
}

static bool
try_twin(struct doctor *d, const struct check *c, const struct conf_listener *l)
{
	struct conf_endpoint e = { .is_unix = true };
	struct error err = { "" };
	char path[4096];

	if ((size_t)snprintf(path, sizeof path, "%s%s", sbuf_cstr(&d->queue), listener_where(l)) >=
	    sizeof e.path)
		return doctor_bad(d, c, slice_str(path), "the path is too long for a socket");
	memcpy(e.path, path, strlen(path) + 1);
	return try_endpoint(&e, l->protocol, &err) ||
	       doctor_bad(d, c, slice_str(path), "%s", err.text);
}

bool
check_twins(struct doctor *d, const struct check *c)
{
	const struct conf *conf = d->ctl->conf;
	bool ok = true, any = false;

	for (size_t i = 0; i < conf->listeners; i++) {
		if (!is_for_postfix(&conf->listener[i]))
			continue;
		any |= conf->listener[i].protocol == PROTOCOL_SOCKETMAP;
		ok = try_twin(d, c, &conf->listener[i]) && ok;
	}
	if (!any && listener_for(conf, PROTOCOL_SOCKETMAP, NULL) != NULL &&
	    listener_is_unix(listener_for(conf, PROTOCOL_SOCKETMAP, NULL)))
		return doctor_bad(d, c, slice_str(NULL),
		    "no socketmap listener is bound below the queue directory");
	return ok;
}

/* --- as Postfix's own user ----------------------------------------------------------------------
 */

/* In a child: become Postfix's user, inside ROOT (NULL: of all), and connect. What went wrong is
 * the exit status. */
static void
reach_as(const struct identity *who, const char *root, const char *path)
{
	struct conf_endpoint e = { .is_unix = true };
	struct error err;

	memcpy(e.path, path, strnlen(path, sizeof e.path - 1));
	errno = 0;
	if (privs_enter(root, who, &err) != FOUND)
		_exit(errno != 0 ? errno : EPERM);
	_exit(live_connect(&e) >= 0 ? 0 : errno);
}

static int
reach(const struct identity *who, const char *root, const char *path)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		reach_as(who, root, path);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static bool
try_reach(struct doctor *d, const struct check *c, const struct conf_listener *l,
    const struct identity *who)
{
	int outside = reach(who, NULL, listener_where(l));
	int inside = reach(who, sbuf_cstr(&d->queue), listener_where(l));

	if (outside != 0)
		doctor_bad(d, c, slice_str(l->address), "the user '%s' cannot connect to it: %s",
		    who->name, strerror(outside));
	if (inside != 0)
		doctor_bad(d, c, slice_str(l->address),
		    "the user '%s' cannot connect to it from inside '%s', where Postfix is "
		    "chrooted: %s",
		    who->name, sbuf_cstr(&d->queue), strerror(inside));
	return outside == 0 && inside == 0;
}

bool
check_reach(struct doctor *d, const struct check *c)
{
	const struct conf *conf = d->ctl->conf;
	struct slice owner = doctor_parameter(d, "mail_owner");
	struct identity who;
	struct error err;
	char name[64];
	bool ok = true;

	if (geteuid() != 0)
		return doctor_unseen(
		    d, c, slice_str(NULL), "only root can try what Postfix's user may do");
	snprintf(name, sizeof name, "%.*s", (int)owner.n, owner.p != NULL ? owner.p : "postfix");
	if (identity_of_user(&who, name, &err) != FOUND)
		return doctor_bad(d, c, slice_str(name), "%s", err.text);
	for (size_t i = 0; i < conf->listeners; i++)
		if (is_for_postfix(&conf->listener[i]))
			ok = try_reach(d, c, &conf->listener[i], &who) && ok;
	return ok;
}

/* Is there a socket of PROTOCOL that Dovecot's user can use? */
static bool
dovecot_reaches(const struct conf *conf, const struct identity *who, enum protocol protocol)
{
	for (size_t i = 0; i < conf->listeners; i++) {
		const struct conf_listener *l = &conf->listener[i];

		if (l->protocol == protocol && listener_is_unix(l) &&
		    reach(who, NULL, listener_where(l)) == 0)
			return true;
	}
	return false;
}

/* A helper or a script carries the questions; a passdb that reads the store itself needs no socket.
 */
bool
check_dovecot_reach(struct doctor *d, const struct check *c)
{
	static const enum protocol needed[] = { PROTOCOL_AUTH, PROTOCOL_USERDB };
	struct slice owner = doctor_setting(d, "default_internal_user");
	struct identity who;
	struct error err;
	char name[64];
	bool ok = true;

	if (strstr(sbuf_cstr(&d->dovecot_conf), "vmail-checkpassword") == NULL &&
	    strstr(sbuf_cstr(&d->dovecot_conf), ".lua") == NULL)
		return false;
	if (geteuid() != 0)
		return doctor_unseen(
		    d, c, slice_str(NULL), "only root can try what Dovecot's user may do");
	snprintf(name, sizeof name, "%.*s", (int)owner.n, owner.n > 0 ? owner.p : "");
	if (identity_of_user(&who, owner.n > 0 ? name : "dovecot", &err) != FOUND)
		return doctor_bad(d, c, slice_str(name), "%s", err.text);
	for (size_t i = 0; i < 2; i++)
		if (!dovecot_reaches(d->ctl->conf, &who, needed[i]))
			ok = doctor_bad(d, c, slice_str(protocol_name(needed[i])),
			    "the user '%s' can connect to no unix listener with 'protocol = %s'",
			    who.name, protocol_name(needed[i]));
	return ok;
}

/* --- LMTP ---------------------------------------------------------------------------------------
 */

/* "lmtp:unix:private/dovecot-lmtp" (a path below the queue directory), "lmtp:inet:host:port",
 * "lmtp:host:port", "lmtp:host". */
static bool
lmtp_endpoint(const struct doctor *d, struct slice nexthop, struct conf_endpoint *e)
{
	struct error err;
	char text[4096];

	if (slice_starts(nexthop, "unix:")) {
		struct slice path = slice_tail(nexthop, 5);

		*e = (struct conf_endpoint){ .is_unix = true };
		return (size_t)snprintf(text, sizeof text, "%s%s%.*s",
			   slice_starts(path, "/") ? "" : sbuf_cstr(&d->queue),
			   slice_starts(path, "/") ? "" : "/", (int)path.n,
			   path.p) < sizeof e->path &&
		       memcpy(e->path, text, strlen(text) + 1) != NULL;
	}
	if (slice_starts(nexthop, "inet:"))
		nexthop = slice_tail(nexthop, 5);
	snprintf(text, sizeof text, "inet:%.*s%s", (int)nexthop.n, nexthop.p,
	    memchr(nexthop.p, ':', nexthop.n) == NULL ? ":24" : "");
	return conf_endpoint(e, text, &err) == FOUND;
}

bool
check_lmtp(struct doctor *d, const struct check *c)
{
	static const char *const ready[] = { "220", NULL };
	struct slice transport = doctor_parameter(d, "virtual_transport");
	struct conf_endpoint e;
	struct error err = { "" };
	int fd;
	bool ok;

	if (!slice_starts(transport, "lmtp:"))
		return doctor_say(d, c, SEVERITY_NOTICE, transport, NULL,
		    "mail for mailboxes is not handed over by LMTP: whoever takes it was not "
		    "tried");
	if (!lmtp_endpoint(d, slice_tail(transport, 5), &e))
		return doctor_bad(d, c, transport, "this is no place to hand mail to");
	fd = live_connect(&e);
	if (fd < 0)
		return doctor_bad(d, c, transport, "cannot connect: %s", strerror(errno));
	ok = expect(fd, ready, &err);
	close(fd);
	return ok || doctor_bad(d, c, transport, "%s", err.text);
}
