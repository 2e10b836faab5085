/* SPDX-License-Identifier: ISC
 *
 * From a configuration to a daemon: binds while it is root, then becomes nobody in particular, and
 * leaves the rest to the supervisor.
 */
#include "server/server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"
#include "store/store.h"
#include "supervisor.h"
#include "sys/log.h"

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
	struct identity user;
	struct error other;

	if (check_uris(c, err) != FOUND || listeners_check(c, err) != FOUND ||
	    guard_check(c, err) != FOUND)
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

	log_level_by_name(c->log_level, &level);
	log_open(name, slice_is(slice_str(c->log), "syslog"), level);
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
drop(const struct identity *owner, const struct conf *c, struct error *err)
{
	struct error fewer;

	if (server_files(c, &fewer) != FOUND)
		log_warning("%s", fewer.text);
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

	store_way(uri, &way);
	if (way.remote) {
		store.remote = true;
		store.port = way.port;
		store.readable = way.readable;
	}
	return sandbox_enter(role, &store, slice_is(slice_str(c->log), "syslog"), err);
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

int
server_run(struct conf *c, const char *file)
{
	struct generation *first;
	struct identity owner;
	struct error err;

	if (find_owner(&owner, c, &err) != FOUND ||
	    generation_new(&first, c, &owner, NULL, &err) != FOUND) {
		log_error("%s", err.text);
		conf_free(c);
		return 1;
	}
	if (drop(&owner, c, &err) != FOUND || shut_in(c, &err) != FOUND) {
		log_error("%s", err.text);
		listeners_unlink(&first->listeners, NULL);
		generation_free(first);
		return 1;
	}
	check_store(c);
	return supervise(first, &owner, file);
}
