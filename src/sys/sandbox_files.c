/* SPDX-License-Identifier: ISC
 *
 * Landlock: which files, connections and processes are within reach. What the kernel knows is found
 * out at run time, and the header we were built with may know less: so the rights have rows here.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_parts.h"

enum {
	ABI_REFER = 2,
	ABI_TRUNCATE = 3,
	ABI_NETWORK = 4,
	ABI_DEVICES = 5,
	ABI_SCOPES = 6,
	ABI_WANTED = ABI_SCOPES
};

/* Version 6 of struct landlock_ruleset_attr; older kernels take as much of it as they know. */
struct rules {
	uint64_t files;
	uint64_t network;
	uint64_t scopes;
};

static const uint64_t right_refer = 1u << 13;
static const uint64_t right_truncate = 1u << 14;
static const uint64_t right_device_ioctl = 1u << 15;
static const uint64_t right_connect_tcp = 1u << 1;
enum { SCOPE_ABSTRACT = 1, SCOPE_SIGNAL = 2 };

enum {
	NEVER = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
		LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
		LANDLOCK_ACCESS_FS_MAKE_SYM,
	EVERYTHING = NEVER | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
		     LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
		     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
		     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK,
	IN_STORE = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
		   LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
		   LANDLOCK_ACCESS_FS_MAKE_REG
};

/* What is given up. The next configuration may name any store and any socket, so the supervisor
 * gives up what none can name. */
static const struct row {
	bool store_only;
	uint64_t files;
	uint64_t scopes;
} rows[SANDBOX_ROLES] = {
	[SANDBOX_SUPERVISOR] = { false, NEVER, SCOPE_SIGNAL },
	[SANDBOX_LOOKUP] = { true, EVERYTHING, SCOPE_ABSTRACT | SCOPE_SIGNAL },
	[SANDBOX_AUTH] = { true, EVERYTHING, SCOPE_ABSTRACT | SCOPE_SIGNAL },
};

/* What the libraries of a worker read, where it is there. */
static const char *const readable[] = {
	"/dev/urandom",                   /* SQLite */
	"/sys/devices/system/cpu/online", /* how many threads to hash with */
};

static enum outcome
fail(const char *what, struct error *err)
{
	return error_set(err, RETRY, "landlock: cannot %s: %s", what, strerror(errno));
}

/* --- what was allowed --------------------------------------------------------------------------
 */

/* The directory of the store as it was when its user was shut in: a rule is about the directory,
 * whatever its name is later. */
static struct directory {
	char path[PATH_MAX];
	bool there;
	bool any; /* the one above is allowed as well */
	dev_t dev;
	ino_t ino;
} ours = { .any = true };

static struct directory
within(const char *path)
{
	struct directory d = { .any = false };
	struct stat st;

	snprintf(d.path, sizeof d.path, "%s", path);
	d.there = stat(path, &st) == 0;
	if (d.there) {
		d.dev = st.st_dev;
		d.ino = st.st_ino;
	}
	return d;
}

bool
sandbox_outgrown(void)
{
	struct directory now;

	if (ours.any)
		return false;
	now = within(ours.path);
	return now.there && (!ours.there || now.dev != ours.dev || now.ino != ours.ino);
}

/* --- the rules -------------------------------------------------------------------------------- */

static int
allow_at(int rules, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access = rights, .parent_fd = fd };
	int failed =
	    (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);

	close(fd);
	return failed;
}

/* The last '/' and what follows go; false when nothing would be left. */
static bool
cut(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL || strcmp(path, "/") == 0)
		return false;
	slash[slash == path ? 1 : 0] = '\0';
	return true;
}

/* FOUND also when it is not there, or not for us: who may not see it needs no leave to use it. */
static enum outcome
allow_directory(int rules, const char *path, uint64_t rights, struct error *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || allow_at(rules, fd, rights) == 0)
		return FOUND;
	return fail("allow the store's directory", err);
}

/* Where there is no store yet, its directory may still be put in the place of another one: then
 * the one above is within reach, unless that were everything. */
static enum outcome
allow_above(int rules, char *directory, uint64_t rights, struct error *err)
{
	if (!cut(directory) || strcmp(directory, "/") == 0)
		return FOUND;
	ours.any = true;
	return allow_directory(rules, directory, rights, err);
}

/* The directory of its name, and the one it is in when that is a symbolic link. */
static enum outcome
allow_store(int rules, const char *store, uint64_t rights, struct error *err)
{
	char path[PATH_MAX], target[PATH_MAX];
	bool there = realpath(store, target) != NULL;
	size_t n = strlen(store);

	if (n >= sizeof path)
		return FOUND;
	memcpy(path, store, n + 1);
	cut(path);
	ours = within(path);
	if (allow_directory(rules, path, rights, err) != FOUND)
		return RETRY;
	if (!there)
		return allow_above(rules, path, rights, err);
	cut(target);
	return allow_directory(rules, target, rights, err);
}

/* What is counted for a store that has no directory here, or shall not be counted in that. */
static enum outcome
allow_beside(int rules, const char *file, uint64_t rights, struct error *err)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof path, "%s", file) >= sizeof path || !cut(path))
		return FOUND;
	return allow_directory(rules, path, rights, err);
}

static enum outcome
allow_reading(int rules, const char *path, struct error *err)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE;
	struct stat st;

	if (fd < 0)
		return FOUND;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		rights |= LANDLOCK_ACCESS_FS_READ_DIR;
	return allow_at(rules, fd, rights) == 0 ? FOUND : fail("allow what libraries read", err);
}

static enum outcome
allow_readable(int rules, struct error *err)
{
	enum outcome o = FOUND;

	for (size_t i = 0; i < sizeof readable / sizeof *readable && o == FOUND; i++)
		o = allow_reading(rules, readable[i], err);
	return o;
}

/* --- a store elsewhere ------------------------------------------------------------------------ */

/* How hosts are found by their names, certificates by theirs, and who somebody is. Directories
 * where a file is replaced by a new one now and then, for a rule is about what is there now. */
static const char *const names[] = { "/etc", "/run/systemd/resolve", "/run/resolvconf",
	"/usr/lib/ssl", "/usr/share/ca-certificates", "/usr/share/zoneinfo" };

enum { DNS = 53 };

static enum outcome
allow_port(int rules, unsigned short port, struct error *err)
{
	struct {
		uint64_t rights;
		uint64_t port;
	} rule = { right_connect_tcp, port };
	enum { NET_PORT = 2 }; /* LANDLOCK_RULE_NET_PORT, which our header may not know */

	if (syscall(SYS_landlock_add_rule, rules, NET_PORT, &rule, 0) != 0)
		return fail("allow the store's port", err);
	return FOUND;
}

static enum outcome
allow_ports(int rules, const unsigned short *port, struct error *err)
{
	enum outcome o = allow_port(rules, DNS, err);

	for (; *port != 0 && o == FOUND; port++)
		o = allow_port(rules, *port, err);
	return o;
}

static enum outcome
allow_remote(int rules, const struct sandbox_store *store, bool ports, struct error *err)
{
	enum outcome o = FOUND;

	for (size_t i = 0; i < sizeof names / sizeof *names && o == FOUND; i++)
		o = allow_reading(rules, names[i], err);
	for (const char *const *p = store->readable; *p != NULL && o == FOUND; p++)
		o = allow_reading(rules, *p, err);
	return o == FOUND && ports ? allow_ports(rules, store->port, err) : o;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* As much of the row as this kernel knows. */
static struct rules
known(const struct row *row, int abi, const struct sandbox_store *store, size_t *size)
{
	struct rules r = { .files = row->files };

	*size = abi >= ABI_SCOPES    ? sizeof r
		: abi >= ABI_NETWORK ? offsetof(struct rules, scopes)
				     : offsetof(struct rules, network);
	if (row->store_only && abi >= ABI_REFER)
		r.files |= right_refer;
	if (row->store_only && abi >= ABI_TRUNCATE)
		r.files |= right_truncate;
	if (row->store_only && abi >= ABI_DEVICES)
		r.files |= right_device_ioctl;
	if (row->store_only && abi >= ABI_NETWORK && !(store->remote && store->port[0] == 0))
		r.network = right_connect_tcp;
	if (abi >= ABI_SCOPES)
		r.scopes = row->scopes;
	return r;
}

static enum outcome
restrict_to(int rules, const struct row *row, const struct rules *handled,
    const struct sandbox_store *store, struct error *err)
{
	uint64_t rights = IN_STORE | (handled->files & right_truncate);

	if (row->store_only && allow_readable(rules, err) != FOUND)
		return RETRY;
	if (row->store_only && store->path != NULL &&
	    allow_store(rules, store->path, rights, err) != FOUND)
		return RETRY;
	if (row->store_only && store->beside != NULL &&
	    allow_beside(rules, store->beside, rights, err) != FOUND)
		return RETRY;
	if (row->store_only && store->remote &&
	    allow_remote(rules, store, handled->network != 0, err) != FOUND)
		return RETRY;
	if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return fail("restrict ourselves", err);
	return FOUND;
}

enum outcome
landlock_enter(enum sandbox_role role, const struct sandbox_store *store, struct error *err)
{
	int abi = (int)syscall(
	    SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);
	enum outcome o;
	size_t size;
	struct rules r;
	int rules;

	if (abi < 1)
		return error_set(err, NONE,
		    "this kernel has no landlock: a worker can reach every file that its user may "
		    "(5.13 is wanted, or lsm=landlock)");
	r = known(&rows[role], abi, store, &size);
	rules = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	if (rules < 0)
		return fail("make rules", err);
	o = restrict_to(rules, &rows[role], &r, store, err);
	close(rules);
	if (o != FOUND || abi >= ABI_WANTED)
		return o;
	return error_set(err, NONE,
	    "the landlock of this kernel (version %d) lacks what newer ones have (version %d)", abi,
	    ABI_WANTED);
}
