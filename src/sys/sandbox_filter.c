/* SPDX-License-Identifier: ISC
 *
 * Which system calls each role may make. What is in no row gives ENOSYS, as of an older kernel: the
 * C library then finds another way where it has one, and no later version of it can end a worker.
 * What no worker does unless it is no longer itself ends it, and the supervisor says so.
 *
 * A child has its parent's filter too: what a worker may, the supervisor must be allowed.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox_parts.h"

enum {
	SUPERVISOR = 1 << SANDBOX_SUPERVISOR,
	LOOKUP = 1 << SANDBOX_LOOKUP,
	AUTH = 1 << SANDBOX_AUTH,
	WORKERS = LOOKUP | AUTH,
	ALL = SUPERVISOR | WORKERS,
	WRITERS = SUPERVISOR | AUTH
};

/* --- the rows --------------------------------------------------------------------------------- */

struct allowed {
	unsigned roles;
	const char *const *calls;
};

#define CALLS(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

/* The names of all ports of Linux: those that are not of this one are passed over. */
static const struct allowed allowed[] = {
	/* memory */
	{ ALL, CALLS("brk", "munmap", "mremap", "madvise") },
	{ WRITERS, CALLS("mlock", "mlock2", "munlock") },
	/* being a process: time, signals, the end */
	{ ALL, CALLS("exit", "exit_group", "restart_syscall", "rt_sigaction", "rt_sigprocmask",
		   "rt_sigreturn", "sigreturn", "sigaltstack", "futex", "futex_time64", "rseq",
		   "set_robust_list", "sched_yield", "sched_getaffinity", "getrandom", "sysinfo",
		   "uname", "getrusage", "getcpu") },
	{ ALL, CALLS("clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64",
		   "gettimeofday", "time", "times", "nanosleep", "clock_nanosleep",
		   "clock_nanosleep_time64") },
	{ ALL, CALLS("getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid",
		   "getuid32", "geteuid32", "getgid32", "getegid32", "getresuid", "getresgid") },
	/* waiting */
	{ ALL, CALLS("epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
		   "epoll_pwait2", "poll", "ppoll", "ppoll_time64", "select", "_newselect",
		   "pselect6", "pselect6_time64", "eventfd2", "pipe", "pipe2", "timerfd_create",
		   "timerfd_settime", "timerfd_settime64") },
	/* files: SQLite's, the counts of wrong passwords, the log. Landlock says which. */
	{ ALL, CALLS("open", "openat", "close", "close_range", "read", "pread64", "readv", "write",
		   "pwrite64", "writev", "lseek", "_llseek", "fcntl", "fcntl64", "flock", "dup") },
	{ ALL,
	    CALLS("stat", "stat64", "lstat", "lstat64", "fstat", "fstat64", "newfstatat",
		"fstatat64", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
		"getcwd", "inotify_init1", "inotify_add_watch", "inotify_rm_watch") },
	{ ALL, CALLS("ftruncate", "ftruncate64", "fallocate", "fchmod", "fchown", "fchown32",
		   "unlink", "unlinkat", "rename", "renameat", "renameat2", "fsync", "fdatasync") },
	/* clients */
	{ ALL,
	    CALLS("accept", "accept4", "recvfrom", "recv", "recvmsg", "sendto", "send", "sendmsg",
		"shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername") },
	/* the supervisor: processes, sockets, and what looking up users and hosts may take */
	{ SUPERVISOR,
	    CALLS("wait4", "waitid", "waitpid", "fork", "vfork", "kill", "tgkill", "signalfd4",
		"prlimit64", "setrlimit", "getrlimit", "ugetrlimit", "setpgid", "seccomp",
		"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self") },
	{ SUPERVISOR, CALLS("bind", "listen", "connect", "socketpair", "sendmmsg", "recvmmsg",
			  "recvmmsg_time64") },
	{ SUPERVISOR, CALLS("mkdir", "mkdirat", "chmod", "fchmodat", "fchmodat2", "chown",
			  "chown32", "fchownat", "lchown", "lchown32", "umask", "getdents",
			  "getdents64", "statfs", "statfs64", "fstatfs", "fstatfs64", "dup2",
			  "dup3", "getgroups", "getgroups32", "fadvise64", "set_tid_address") },
	/* libraries that look up users are loaded when they are needed */
	{ SUPERVISOR, CALLS("mmap", "mmap2", "mprotect") },
};

/* No worker begins another program or looks into another process. */
static const char *const fatal[] = { "execve", "execveat", "ptrace", "process_vm_readv",
	"process_vm_writev", "pidfd_getfd", NULL };

#define NAMESPACES                                                                                 \
	((scmp_datum_t)(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
			CLONE_NEWNET | CLONE_NEWCGROUP))

enum {
	SOCKET_TYPE = 0xf, /* the rest are flags */
#if defined(__s390__)
	CLONE_FLAGS = 1
#else
	CLONE_FLAGS = 0
#endif
};

/* Allowed when the bits of MASK in this argument have that value. clone3 is in no row: it hides its
 * flags behind a pointer, and the C library goes back to clone. */
struct narrowed {
	unsigned roles;
	const char *call;
	unsigned argument;
	scmp_datum_t mask;
	scmp_datum_t value;
};

static const struct narrowed narrowed[] = {
	{ WORKERS, "mmap", 2, PROT_EXEC, 0 },
	{ WORKERS, "mmap2", 2, PROT_EXEC, 0 },
	{ WORKERS, "mprotect", 2, PROT_EXEC, 0 },
	{ SUPERVISOR, "clone", CLONE_FLAGS, NAMESPACES, 0 },
	{ AUTH, "clone", CLONE_FLAGS, NAMESPACES | CLONE_THREAD, CLONE_THREAD },
	{ WORKERS, "prlimit64", 2, ~(scmp_datum_t)0, 0 }, /* reading them */
	{ ALL, "ioctl", 1, 0xffffffff, FIONREAD },
	{ SUPERVISOR, "prctl", 0, 0xffffffff, PR_SET_NAME },
	{ SUPERVISOR, "prctl", 0, 0xffffffff, PR_SET_DUMPABLE },
	{ SUPERVISOR, "prctl", 0, 0xffffffff, PR_SET_NO_NEW_PRIVS },
	{ SUPERVISOR, "prctl", 0, 0xffffffff, PR_SET_SECCOMP },
	{ SUPERVISOR, "prctl", 0, 0xffffffff, PR_GET_SECCOMP },
	{ SUPERVISOR, "socket", 0, 0xffffffff, AF_UNIX },
	{ SUPERVISOR, "socket", 0, 0xffffffff, AF_INET },
	{ SUPERVISOR, "socket", 0, 0xffffffff, AF_INET6 },
	{ SUPERVISOR, "socket", 0, 0xffffffff, AF_NETLINK },
};

/* Where the store is a server elsewhere: a worker finds it by its name and connects to it. Landlock
 * says which ports. */
static const struct allowed for_remote[] = {
	{ WORKERS, CALLS("connect", "bind", "sendmmsg", "recvmmsg", "recvmmsg_time64", "getdents",
		       "getdents64") },
};

static const struct narrowed sockets_for_remote[] = {
	{ WORKERS, "socket", 0, 0xffffffff, AF_UNIX },
	{ WORKERS, "socket", 0, 0xffffffff, AF_INET },
	{ WORKERS, "socket", 0, 0xffffffff, AF_INET6 },
	{ WORKERS, "socket", 0, 0xffffffff, AF_NETLINK },
};

/* --- the filter ------------------------------------------------------------------------------- */

/* Zero, or a negative error number. */
static int
allow(scmp_filter_ctx f, const char *call, unsigned conditions, const struct scmp_arg_cmp *which)
{
	int number = seccomp_syscall_resolve_name(call);

	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, number, conditions, which);
}

static int
add_allowed(scmp_filter_ctx f, unsigned role, const struct allowed *rows, size_t n)
{
	int e = 0;

	for (size_t i = 0; i < n; i++)
		for (const char *const *c = rows[i].calls; *c != NULL && e == 0; c++)
			e = (rows[i].roles & role) != 0 ? allow(f, *c, 0, NULL) : 0;
	return e;
}

static int
add_narrowed(scmp_filter_ctx f, unsigned role, const struct narrowed *rows, size_t many)
{
	int e = 0;

	for (size_t i = 0; i < many && e == 0; i++) {
		const struct narrowed *n = &rows[i];
		struct scmp_arg_cmp which =
		    SCMP_CMP(n->argument, SCMP_CMP_MASKED_EQ, n->mask, n->value);

		if ((n->roles & role) != 0)
			e = allow(f, n->call, 1, &which);
	}
	return e;
}

/* A worker's own end by abort(3), and its way back to a syslogd that was started anew: datagrams
 * reach no server of any other kind. */
static int
add_own(scmp_filter_ctx f, bool syslog)
{
	const struct scmp_arg_cmp self = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
	const struct scmp_arg_cmp datagrams[] = { SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
		SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_TYPE, SOCK_DGRAM) };
	int e = allow(f, "tgkill", 1, &self);

	if (e == 0 && syslog)
		e = allow(f, "socket", 2, datagrams);
	return e == 0 && syslog ? allow(f, "connect", 0, NULL) : e;
}

static int
add_fatal(scmp_filter_ctx f)
{
	int e = 0;

	for (const char *const *c = fatal; *c != NULL && e == 0; c++) {
		int number = seccomp_syscall_resolve_name(*c);

		if (number != __NR_SCMP_ERROR)
			e = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, number, 0);
	}
	return e;
}

#define ROWS(table) (table), sizeof(table) / sizeof *(table)

static int
fill(scmp_filter_ctx f, enum sandbox_role role, bool remote, bool syslog)
{
	int e = add_allowed(f, 1u << role, ROWS(allowed));

	if (e == 0)
		e = add_narrowed(f, 1u << role, ROWS(narrowed));
	if (e == 0 && remote)
		e = add_allowed(f, 1u << role, ROWS(for_remote));
	if (e == 0 && remote)
		e = add_narrowed(f, 1u << role, ROWS(sockets_for_remote));
	if (e == 0 && role != SANDBOX_SUPERVISOR)
		e = add_own(f, syslog);
	if (e == 0 && role != SANDBOX_SUPERVISOR)
		e = add_fatal(f);
	return e;
}

enum outcome
filter_enter(enum sandbox_role role, bool remote, bool syslog, struct error *err)
{
	scmp_filter_ctx f;
	int e;

	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 && errno == EINVAL)
		return error_set(
		    err, NONE, "this kernel has no seccomp filters: every system call is allowed");
	f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (f == NULL)
		return error_set(err, RETRY, "seccomp: no memory");
	/* kernels before 5.16 slow down whoever has a filter, hashing most of all */
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_SSB, 1);
	e = fill(f, role, remote, syslog);
	if (e == 0)
		e = seccomp_load(f);
	seccomp_release(f);
	if (e != 0)
		return error_set(err, RETRY, "seccomp: %s", strerror(-e));
	return FOUND;
}
