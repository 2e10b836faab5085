/* SPDX-License-Identifier: ISC
 *
 * Who we are, who we become, and what others may see of our memory.
 */
#include "sys/privs.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/slice.h"

/* Room for one line of passwd or group: a group with a thousand members still fits. */
enum { ENTRY_MAX = 64 * 1024 };

/* How the C library says that somebody is not there, instead of saying nothing. */
static bool
is_missing(int code)
{
	return code == 0 || code == ENOENT || code == ESRCH;
}

/* The largest uid and gid; the number above it means "leave as it is" to chown and setresuid. */
static const unsigned long long id_max = 0xfffffffe;

static bool
is_number(const char *name, unsigned long long *id)
{
	return slice_number(slice_str(name), id_max, id);
}

enum outcome
identity_of_user(struct identity *out, const char *name, struct error *err)
{
	char entry[ENTRY_MAX];
	struct passwd pw, *found = NULL;
	unsigned long long id;
	int code;

	code = is_number(name, &id) ? getpwuid_r((uid_t)id, &pw, entry, sizeof entry, &found)
				    : getpwnam_r(name, &pw, entry, sizeof entry, &found);
	if (found == NULL && !is_missing(code))
		return error_set(
		    err, RETRY, "cannot look up the user '%s': %s", name, strerror(code));
	if (found == NULL)
		return error_set(err, BAD,
		    "there is no user '%s': name another one in the configuration, or make it "
		    "with useradd --system --user-group --shell /usr/sbin/nologin '%s'",
		    name, name);
	if (strlen(pw.pw_name) >= sizeof out->name)
		return error_set(err, BAD, "the name of the user '%s' is too long", pw.pw_name);
	*out = (struct identity){ .uid = pw.pw_uid, .gid = pw.pw_gid };
	memcpy(out->name, pw.pw_name, strlen(pw.pw_name) + 1);
	return FOUND;
}

enum outcome
group_id(gid_t *out, const char *name, struct error *err)
{
	char entry[ENTRY_MAX];
	struct group gr, *found = NULL;
	unsigned long long id;
	int code;

	if (is_number(name, &id)) { /* needs no name: a socket can belong to any number */
		*out = (gid_t)id;
		return FOUND;
	}
	code = getgrnam_r(name, &gr, entry, sizeof entry, &found);
	if (found == NULL && !is_missing(code))
		return error_set(
		    err, RETRY, "cannot look up the group '%s': %s", name, strerror(code));
	if (found == NULL)
		return error_set(err, BAD,
		    "there is no group '%s': name another one in the configuration, or make it "
		    "with groupadd --system '%s'",
		    name, name);
	*out = gr.gr_gid;
	return FOUND;
}

/* libpq looks there for a password file and for certificates: those of root are not for him. */
static enum outcome
set_home(const struct identity *who, struct error *err)
{
	char entry[ENTRY_MAX];
	struct passwd pw, *found = NULL;

	(void)getpwuid_r(who->uid, &pw, entry, sizeof entry, &found);
	if ((found != NULL ? setenv("HOME", pw.pw_dir, 1) : unsetenv("HOME")) != 0)
		return error_set(err, RETRY, "cannot set HOME: %s", strerror(errno));
	return FOUND;
}

enum outcome
privs_drop(const struct identity *who, struct error *err)
{
	bool root = geteuid() == 0;
	enum outcome o = privs_enter(NULL, who, err);

	return o == FOUND && root && who->uid != 0 ? set_home(who, err) : o;
}

enum outcome
privs_enter(const char *root, const struct identity *who, struct error *err)
{
	if (geteuid() != 0 || who->uid == 0)
		return FOUND;
	/* the groups are looked up outside, where they are */
	if (initgroups(who->name, who->gid) != 0 || setresgid(who->gid, who->gid, who->gid) != 0 ||
	    (root != NULL && (chroot(root) != 0 || chdir("/") != 0)) ||
	    setresuid(who->uid, who->uid, who->uid) != 0)
		return error_set(
		    err, RETRY, "cannot become the user '%s': %s", who->name, strerror(errno));
	if (setuid(0) == 0)
		return error_set(
		    err, BAD, "became the user '%s', but root is within reach still", who->name);
	return FOUND;
}

void
privs_harden(void)
{
	const struct rlimit none = { 0, 0 };

	/* Either is a second line of defence: nothing to be done where the kernel refuses. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
}

enum outcome
privs_files(unsigned long want, struct error *err)
{
	struct rlimit limit, more;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return error_set(
		    err, RETRY, "cannot read the limit of open files: %s", strerror(errno));
	more = (struct rlimit){ want, want }; /* only root may, and not always */
	if (limit.rlim_max < want && setrlimit(RLIMIT_NOFILE, &more) == 0)
		return FOUND;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return error_set(
		    err, RETRY, "cannot raise the limit of open files: %s", strerror(errno));
	if (limit.rlim_max >= want)
		return FOUND;
	return error_set(err, BAD,
	    "%lu open files are needed, and no more than %lu are allowed: raise the limit "
	    "(systemd: LimitNOFILE=) or lower max-connections",
	    want, (unsigned long)limit.rlim_max);
}
