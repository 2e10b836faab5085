/* SPDX-License-Identifier: ISC
 *
 * Environment, ids and exec, in Dovecot's manner and in the classic one.
 */
#include "checkpassword/handover.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The variable each field travels in. */
static const char *const variables[FIELDS] = {
	[FIELD_USER] = "USER",
	[FIELD_HOME] = "HOME",
	[FIELD_UID] = "userdb_uid",
	[FIELD_GID] = "userdb_gid",
	[FIELD_MAIL] = "userdb_mail",
	[FIELD_QUOTA_RULE] = "userdb_quota_rule",
	[FIELD_QUOTA_STORAGE_SIZE] = "userdb_quota_storage_size",
};

/* Set the variables of FIRST to LAST that the answer has, and unset the others. */
static bool
set_fields(const struct answer *a, enum field first, enum field last)
{
	for (enum field f = first; f <= last; f++) {
		const char *value = sbuf_cstr(&a->field[f]);

		if ((*value == '\0' ? unsetenv(variables[f]) : setenv(variables[f], value, 1)) != 0)
			return false;
	}
	return true;
}

/* Name in EXTRA what the reply program is to pass on besides USER and HOME. */
static bool
set_extra(const struct answer *a)
{
	struct sbuf names;
	bool done;

	sbuf_init(&names, 256);
	for (enum field f = FIELD_UID; f < FIELDS; f++)
		if (a->field[f].n > 0)
			sbuf_printf(&names, "%s%s", names.n > 0 ? " " : "", variables[f]);
	done = !names.failed && setenv("EXTRA", sbuf_cstr(&names), 1) == 0;
	sbuf_release(&names);
	return done;
}

static enum outcome
run(char *const *program, const struct guard *g, struct error *err)
{
	guard_release(g);
	execvp(program[0], program);
	return error_set(err, RETRY, "cannot run '%s': %s", program[0], strerror(errno));
}

static enum outcome
no_environment(struct error *err)
{
	return error_set(err, RETRY, "cannot set the environment: %s", strerror(errno));
}

enum outcome
handover_dovecot(const struct answer *a, bool lookup, const struct guard *g, char *const *program,
    struct error *err)
{
	if (!set_fields(a, FIELD_USER, FIELDS - 1) || !set_extra(a))
		return no_environment(err);
	/* "found" of a lookup, against "may log in" of a password */
	if (lookup && setenv("AUTHORIZED", "2", 1) != 0)
		return no_environment(err);
	return run(program, g, err);
}

static unsigned
id_of(const struct sbuf *field)
{
	return (unsigned)strtoul(sbuf_cstr(field), NULL, 10);
}

/* Become the user, unless that is who we are. */
static enum outcome
become(const char *user, uid_t uid, gid_t gid, struct error *err)
{
	if (uid == 0 || gid == 0)
		return error_set(err, RETRY, "'%s' would run as root: see mail-user", user);
	if (geteuid() != 0) {
		if (getuid() == uid && geteuid() == uid)
			return FOUND;
		return error_set(err, RETRY, "only root can become uid %u, and this is uid %u",
		    (unsigned)uid, (unsigned)geteuid());
	}
	/* no other group has a mailbox among its members, whatever a directory says of such names
	 */
	if (setgroups(1, &gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
		return error_set(
		    err, RETRY, "cannot become uid %u: %s", (unsigned)uid, strerror(errno));
	return FOUND;
}

enum outcome
handover_classic(
    const struct answer *a, const struct guard *g, char *const *program, struct error *err)
{
	const char *home = sbuf_cstr(&a->field[FIELD_HOME]);
	enum outcome o = become(sbuf_cstr(&a->field[FIELD_USER]), id_of(&a->field[FIELD_UID]),
	    id_of(&a->field[FIELD_GID]), err);

	if (o != FOUND)
		return o;
	if (chdir(home) != 0)
		return error_set(err, RETRY, "cannot change to '%s': %s", home, strerror(errno));
	if (!set_fields(a, FIELD_USER, FIELD_HOME) || setenv("SHELL", "/bin/sh", 1) != 0)
		return no_environment(err);
	return run(program, g, err);
}
