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
#include "lookup_log.h"
#include "store/store.h"
#include "supervisor.h"
#include "sys/log.h"

enum { SPARE_FILES = 64 /* the store, pipes, the log */ };

enum outcome
server_check(const struct conf *c, struct error *err)
{
	struct lookup_log lookups;
	struct identity user;
	struct error other;

	if (listeners_check(c, err) != FOUND || guard_check(c, err) != FOUND ||
	    lookup_log_find(&lookups, c, err) != FOUND)
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
	enum outcome o = store_new(&store, c->store, STORE_LOOKUP, &err);

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
	return sandbox_enter(role, conf_store_file(c), slice_is(slice_str(c->log), "syslog"), err);
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
