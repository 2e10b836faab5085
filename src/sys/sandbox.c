/* SPDX-License-Identifier: ISC
 *
 * The order in which a process shuts itself in, and its limits. Which system calls are left is
 * sandbox_filter.c's business, which files sandbox_files.c's.
 */
#include "sys/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sandbox_parts.h"
#include "sys/privs.h"

enum { AS_IT_WAS = 0, LARGEST_SHM = 1 << 30 /* bytes: an index of half a terabyte of -wal */ };

/* What watches a program from within reads /proc, traces, and starts processes. */
#ifdef VMAILD_INSTRUMENTED
enum { INSTRUMENTED = 1 };
#else
enum { INSTRUMENTED = 0 };
#endif

static const struct limits {
	bool alone;       /* no process and no thread more */
	rlim_t file_size; /* how long it may make a file */
} limits[SANDBOX_ROLES] = {
	/* clang-format off */
	/* its workers inherit: they write the store, which may grow */
	[SANDBOX_SUPERVISOR] = { false, AS_IT_WAS },
	/* all it writes are the log and, with others, the store's -shm */
	[SANDBOX_LOOKUP] = { true, LARGEST_SHM },
	/* the limit of processes counts threads, and those of the whole user */
	[SANDBOX_AUTH] = { false, AS_IT_WAS },
	/* clang-format on */
};

static void
lower(int resource, rlim_t to)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0 || limit.rlim_max < to)
		return;
	limit.rlim_cur = limit.rlim_max = to;
	(void)setrlimit(resource, &limit); /* to lower one is always allowed */
}

/* A log that is a plain file may be longer than any limit: then there is none. */
static bool
logs_to_file(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode);
}

static void
apply_limits(const struct limits *l)
{
	if (l->alone)
		lower(RLIMIT_NPROC, 0);
	if (l->file_size != AS_IT_WAS && !logs_to_file()) {
		signal(SIGXFSZ, SIG_IGN); /* an error is told, a signal kills */
		lower(RLIMIT_FSIZE, l->file_size);
	}
}

static enum outcome
shut(enum sandbox_role role, const struct sandbox_store *store, bool syslog, struct error *err)
{
	struct error filter;
	enum outcome files, calls;

	if (INSTRUMENTED)
		return error_set(err, NONE,
		    "built with sanitizers: neither system calls nor files are restricted");
	tzset(); /* the time zone is a file */
	apply_limits(&limits[role]);
	files = landlock_enter(role, store, err);
	if (files == RETRY)
		return RETRY;
	calls = filter_enter(
	    role, store->remote, syslog, &filter); /* last: it takes away what the rest needs */
	if (calls == FOUND)
		return files;
	if (calls == NONE && files == NONE) {
		struct error both = *err;

		return error_set(err, NONE, "%.200s; %.200s", both.text, filter.text);
	}
	return error_set(err, calls, "%s", filter.text);
}

enum outcome
sandbox_enter(
    enum sandbox_role role, const struct sandbox_store *store, bool syslog, struct error *err)
{
	privs_harden();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set(err, RETRY, "cannot give up new privileges: %s", strerror(errno));
	return shut(role, store, syslog, err);
}
