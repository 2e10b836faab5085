/* SPDX-License-Identifier: ISC
 *
 * From a configuration to a daemon: a keeper that gives up root at once, and a supervisor that
 * binds while it is root, then becomes nobody in particular; the rest is theirs.
 */
#include "server/server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guard.h"
#include "keeper.h"
#include "lookup_log.h"
#include "store/store.h"
#include "supervisor.h"
#include "sys/log.h"
#include "sys/notify.h"

enum { SPARE_FILES = 64 /* the store, pipes, the log */ };

/* The engines are the store's, and what may stand in the file depends on who can read it. */
static enum outcome
check_uris(const struct conf *c, struct error *err)
{
	const char *const uris[] = { c->store, conf_store_for_lookups(c),
		conf_store_for_logins(c) };

	for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++)
		if (store_check_uri(uris[i], c->closed, err) != FOUND)
			return BAD;
	return FOUND;
}

enum outcome
server_check(const struct conf *c, struct error *err)
{
	struct lookup_log lookups;
	struct identity user;
	struct error other;

	if (check_uris(c, err) != FOUND || listeners_check(c, err) != FOUND ||
	    guard_check(c, err) != FOUND || lookup_log_find(&lookups, c, err) != FOUND)
		return BAD;
	/* anybody else runs it as himself */
	if (geteuid() == 0 && identity_of_user(&user, c->user, &other) != FOUND)
		return error_set(err, BAD, "%s", other.text);
	return FOUND;
}

void
server_log_open(const struct conf *c, const char *name)
{
	enum log_level level = LOG_LEVEL_INFO;
	enum log_format format = LOG_FORMAT_TEXT;

	log_level_by_name(c->log_level, &level);
	log_format_by_name(c->log_format, &format);
	log_open(name, slice_is(slice_str(c->log), "syslog"), level, format);
}

static enum outcome
find_owner(struct identity *owner, const struct conf *c, struct error *err)
{
	struct error other;
	char number[32];

	if (geteuid() == 0)
		return identity_of_user(owner, c->user, err);
	snprintf(number, sizeof number, "%lu", (unsigned long)geteuid());
	if (identity_of_user(owner, number, &other) != FOUND) {
		*owner = (struct identity){ .uid = geteuid() };
		snprintf(owner->name, sizeof owner->name, "%s", number);
	}
	owner->gid = getegid();
	if (strcmp(owner->name, c->user) != 0)
		log_info("not started by root: running as '%s', not as '%s'", owner->name, c->user);
	return FOUND;
}

/* With a store that cannot be read we run all the same: mail waits, and comes when it is mended. */
static void
check_store(const struct conf *c)
{
	struct store *store = NULL;
	struct error err;
	enum outcome o = store_new(&store, conf_store_for_lookups(c), STORE_LOOKUP, &err);

	if (o == FOUND) {
		store_deadline(store, (unsigned)c->lookup_deadline);
		o = store_begin(store, &err);
		store_end(store);
	}
	if (o != FOUND)
		log_warning("%s; until then every lookup is told to try again", err.text);
	store_close(store);
}

enum outcome
server_files(const struct conf *c, struct error *err)
{
	return privs_files(
	    (unsigned long)c->max_connections + CONF_LISTENERS_MAX + SPARE_FILES, err);
}

/* From here on there is no root any more. */
static enum outcome
drop(const struct identity *owner, struct error *err)
{
	if (privs_drop(owner, err) != FOUND)
		return RETRY;
	privs_harden();
	return FOUND;
}

enum outcome
server_shut_in(enum sandbox_role role, const struct conf *c, struct error *err)
{
	const char *uri =
	    role == SANDBOX_AUTH ? conf_store_for_logins(c) : conf_store_for_lookups(c);
	struct sandbox_store store = { .path = conf_store_file(c) };
	struct store_way way;
	struct sbuf counts;
	enum outcome o;

	sbuf_init(&counts, PATH_MAX);
	if (role == SANDBOX_AUTH && conf_throttle_file(&counts, c))
		store.beside = sbuf_cstr(&counts);
	store_way(uri, &way);
	if (way.remote) {
		store.remote = true;
		store.port = way.port;
		store.readable = way.readable;
	}
	o = sandbox_enter(role, &store, slice_is(slice_str(c->log), "syslog"), err);
	sbuf_release(&counts);
	return o;
}

/* An older kernel gives what it has, and is said to: once, for the workers are told the same. */
static enum outcome
shut_in(const struct conf *c, struct error *err)
{
	struct error less;
	enum outcome o = server_shut_in(SANDBOX_SUPERVISOR, c, &less);

	if (o == RETRY)
		return error_set(err, RETRY, "cannot shut the daemon in: %s", less.text);
	if (o == NONE)
		log_warning("sandbox: %s", less.text);
	return FOUND;
}

/* What was handed to us is somebody else's still. */
static void
give_up(struct generation *g, const struct listener_set *given)
{
	listeners_unlink(&g->listeners, given);
	generation_free(g);
}

/* The sockets are bound as root, where we are, or were handed to us. */
static int
run_supervisor(struct conf *c, const struct supervisor_birth *birth)
{
	struct generation *first;
	struct error err;

	prctl(PR_SET_NAME, "vmaild-super");
	if (generation_new(&first, c, birth->owner, birth->given, &err) != FOUND) {
		log_error("%s", err.text);
		conf_free(c);
		return 1;
	}
	if (drop(birth->owner, &err) != FOUND || shut_in(c, &err) != FOUND) {
		log_error("%s", err.text);
		give_up(first, birth->given);
		return 1;
	}
	check_store(c);
	return supervise(first, birth);
}

/* Who keeps the supervisor needs no more than to be its user. */
static bool
become_keeper(const struct identity *owner)
{
	struct error err;

	if (drop(owner, &err) != FOUND) {
		log_error("%s", err.text);
		return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		return true;
	log_error("cannot give up new privileges: %s", strerror(errno));
	return false;
}

static int
run_keeper(struct conf *c, const struct identity *owner, struct keeper_birth *birth)
{
	bool ready = become_keeper(owner);

	birth->syslog = slice_is(slice_str(c->log), "syslog");
	snprintf(birth->format, sizeof birth->format, "%s", c->log_format);
	conf_free(c);
	return ready ? keeper_run(birth) : 1;
}

/* Be both, by fork. */
static int
run_both(struct conf *c, char **argv, struct supervisor_birth *birth, struct listener_set *given)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0 ||
	    (pid = fork()) < 0) {
		log_error("cannot start: %s", strerror(errno));
		conf_free(c);
		return 1;
	}
	close(ends[pid == 0 ? 0 : 1]);
	if (pid == 0) {
		birth->channel = ends[1];
		return run_supervisor(c, birth);
	}
	listeners_close(given);
	return run_keeper(c, birth->owner,
	    &(struct keeper_birth){ .argv = argv, .supervisor = pid, .channel = ends[0] });
}

int
server_run(struct conf *c, const char *file, char **argv)
{
	struct listener_set given = { 0 };
	struct inheritance handed;
	struct identity owner;
	struct supervisor_birth birth = {
		.file = file, .owner = &owner, .given = &given, .channel = keeper_channel()
	};
	struct error err, fewer;
	int status;

	inherit_take(&handed);
	listeners_inherit(&given, &handed);
	if (server_files(c, &fewer) != FOUND)
		log_warning("%s", fewer.text);
	if (find_owner(&owner, c, &err) != FOUND) {
		log_error("%s", err.text);
		conf_free(c);
		status = 1;
	} else if (birth.channel >= 0) {
		status = run_supervisor(c, &birth);
	} else {
		notify_keep_watchdog();
		status = run_both(c, argv, &birth, &given);
	}
	listeners_close(&given);
	return status;
}

bool
server_resume(char **argv, int *status)
{
	struct keeper_birth birth = { .argv = argv };
	enum log_format format = LOG_FORMAT_TEXT;

	if (!keeper_renewed(&birth)) {
		if (!keeper_started_us())
			inherit_drop_rest();
		return false;
	}
	log_format_by_name(birth.format, &format);
	log_open("vmaild", birth.syslog, LOG_LEVEL_INFO, format);
	privs_harden();
	*status = keeper_run(&birth);
	return true;
}
