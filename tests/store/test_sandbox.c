/* SPDX-License-Identifier: ISC
 *
 * What each role of the daemon may and may not do once it has shut itself in: a child for every
 * deed and role, shut in as the daemon's are (a worker twice, for it is the supervisor's child).
 */
#include "fixture.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "sys/sandbox.h"

enum { SHUT_IN = 0, SHUT_IN_LESS = 100, NOT_SHUT_IN, REFUSED_DEED = 1 };

static struct sockaddr_in peer; /* listens in the test itself */
static char unix_peer[108];
static const struct fixture *at;

static char *
below(const char *name)
{
	static char path[108]; /* a socket's, too */

	snprintf(path, sizeof path, "%s/%s", at->dir, name);
	return path;
}

/* --- files ------------------------------------------------------------------------------------ */

static bool
opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
read_passwd(void)
{
	return opens("/etc/passwd", O_RDONLY);
}

static bool
read_ourselves(void)
{
	return opens("/proc/self/maps", O_RDONLY);
}

static bool
list_root(void)
{
	return opens("/", O_RDONLY | O_DIRECTORY);
}

static bool
write_outside(void)
{
	return opens(below("outside"), O_WRONLY | O_CREAT);
}

static bool
cut_outside(void)
{
	return opens(below("there"), O_WRONLY | O_TRUNC);
}

static bool
read_random(void)
{
	return opens("/dev/urandom", O_RDONLY);
}

static bool
read_beside(void)
{
	return opens(at->path, O_RDONLY);
}

static bool
make_beside(void)
{
	const char *path = below("store/vmail.db-journal");

	return opens(path, O_RDWR | O_CREAT) && unlink(path) == 0;
}

static bool
rename_beside(void)
{
	char from[256];

	snprintf(from, sizeof from, "%s", below("store/a"));
	return opens(from, O_RDWR | O_CREAT) && rename(from, below("store/b")) == 0;
}

static bool
carry_out(void)
{
	char from[256];

	snprintf(from, sizeof from, "%s", below("store/c"));
	return opens(from, O_RDWR | O_CREAT) && rename(from, below("c")) == 0;
}

static bool
make_directory(void)
{
	return mkdir(below("store/folder"), 0700) == 0;
}

static bool
make_link(void)
{
	return symlink("/etc/passwd", below("store/link")) == 0;
}

static bool
make_fifo(void)
{
	return mkfifo(below("store/fifo"), 0600) == 0;
}

/* --- the store -------------------------------------------------------------------------------- */

static bool
knows_harry(enum store_role role)
{
	struct store *s = NULL;
	struct account a;
	struct error err;
	enum outcome o;

	account_init(&a);
	o = store_open(&s, at->path, role, &err);
	if (o == FOUND)
		o = store_account(s, S("harry@example.com"), &a, &err);
	account_release(&a);
	store_close(s);
	return o == FOUND;
}

static bool
look_up(void)
{
	struct store *s = NULL;
	struct error err;
	enum outcome o = store_open(&s, at->path, STORE_LOOKUP, &err);

	if (o == FOUND)
		o = store_begin(s, &err);
	store_close(s);
	return o == FOUND;
}

static bool
credentials_by_lookup(void)
{
	return knows_harry(STORE_LOOKUP);
}

static bool
credentials_by_login(void)
{
	return knows_harry(STORE_LOGIN);
}

/* --- connections ------------------------------------------------------------------------------ */

static bool
connects(int family, int type, const void *to, socklen_t n)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, to, n) == 0;
}

static bool
connect_tcp(void)
{
	return connects(AF_INET, SOCK_STREAM, &peer, sizeof peer);
}

static bool
connect_udp(void)
{
	return connects(AF_INET, SOCK_DGRAM, &peer, sizeof peer);
}

static bool
connect_unix(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strcpy(sun.sun_path, unix_peer);
	return connects(AF_UNIX, SOCK_STREAM, &sun, sizeof sun);
}

static bool
new_log(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0;
}

static bool
raw_packets(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

/* --- processes -------------------------------------------------------------------------------- */

static bool
run_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return false;
}

static bool
be_two(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void *
nothing(void *arg)
{
	return arg;
}

static bool
thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static bool
be_two_elsewhere(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool
be_elsewhere(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool
signal_others(void)
{
	return kill(getppid(), 0) == 0;
}

static bool
trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool
look_into_others(void)
{
	char here[8], there[8];
	struct iovec to = { here, sizeof here }, from = { there, sizeof there };

	return process_vm_readv(getppid(), &to, 1, &from, 1, 0) > 0;
}

static bool
write_code(void)
{
	void *p = mmap(
	    NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED;
}

static bool
make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool
lock_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED && mlock(p, 4096) == 0;
}

static bool
limit(void)
{
	struct rlimit l = { 1000, 1000 };

	return setrlimit(RLIMIT_NOFILE, &l) == 0;
}

static bool
limits_read(void)
{
	struct rlimit l;

	return getrlimit(RLIMIT_NOFILE, &l) == 0;
}

static bool
become_root(void)
{
	return setuid(0) == 0;
}

static bool
keep_capabilities(void)
{
	return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0;
}

static bool
io_uring(void)
{
	char parameters[256] = { 0 };

	return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

static bool
program_kernel(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) >= 0 || errno != ENOSYS;
}

static bool
keys(void)
{
	return syscall(SYS_keyctl, 0, -3, 0) >= 0 || errno != ENOSYS;
}

static bool
give_up(void)
{
	abort();
}

/* --- all of them ------------------------------------------------------------------------------ */

enum end { DONE, REFUSED, KILLED, ABORTED };

static const char *const ends[] = { "done", "refused", "killed", "aborted" };

static const struct deed {
	const char *name;
	bool (*fn)(void);
	enum end want[SANDBOX_ROLES]; /* supervisor, lookup worker, auth worker */
} deeds[] = {
	{ "read /etc/passwd", read_passwd, { DONE, REFUSED, REFUSED } },
	{ "read /proc/self/maps", read_ourselves, { DONE, REFUSED, REFUSED } },
	{ "list the root directory", list_root, { DONE, REFUSED, REFUSED } },
	{ "make a file outside of the store", write_outside, { DONE, REFUSED, REFUSED } },
	{ "cut a file outside of the store", cut_outside, { DONE, REFUSED, REFUSED } },
	{ "read /dev/urandom", read_random, { DONE, DONE, DONE } },
	{ "read in the store's directory", read_beside, { DONE, DONE, DONE } },
	{ "make and remove a journal", make_beside, { DONE, DONE, DONE } },
	{ "rename beside the store", rename_beside, { DONE, DONE, DONE } },
	{ "rename out of the store's directory", carry_out, { REFUSED, REFUSED, REFUSED } },
	{ "make a directory in it", make_directory, { DONE, REFUSED, REFUSED } },
	{ "make a link in it", make_link, { REFUSED, REFUSED, REFUSED } },
	{ "make a fifo in it", make_fifo, { REFUSED, REFUSED, REFUSED } },
	{ "look up", look_up, { DONE, DONE, DONE } },
	{ "read credentials as lookups do", credentials_by_lookup, { REFUSED, REFUSED, REFUSED } },
	{ "read credentials as logins do", credentials_by_login, { DONE, DONE, DONE } },
	{ "connect out by TCP", connect_tcp, { DONE, REFUSED, REFUSED } },
	{ "send out by UDP", connect_udp, { DONE, REFUSED, REFUSED } },
	{ "connect to a unix socket", connect_unix, { DONE, REFUSED, REFUSED } },
	{ "a datagram socket, with the log on stderr", new_log, { DONE, REFUSED, REFUSED } },
	{ "raw packets", raw_packets, { REFUSED, REFUSED, REFUSED } },
	{ "run a program", run_program, { REFUSED, KILLED, KILLED } },
	{ "fork", be_two, { DONE, REFUSED, REFUSED } },
	{ "start a thread", thread, { DONE, REFUSED, DONE } },
	{ "fork into a namespace", be_two_elsewhere, { REFUSED, REFUSED, REFUSED } },
	{ "go into a namespace", be_elsewhere, { REFUSED, REFUSED, REFUSED } },
	{ "signal a process that is not ours", signal_others, { REFUSED, REFUSED, REFUSED } },
	{ "trace", trace, { REFUSED, KILLED, KILLED } },
	{ "read another's memory", look_into_others, { REFUSED, KILLED, KILLED } },
	{ "memory to write and run", write_code, { DONE, REFUSED, REFUSED } },
	{ "run what was written", make_code, { DONE, REFUSED, REFUSED } },
	{ "keep memory from being swapped", lock_memory, { DONE, REFUSED, DONE } },
	{ "set limits", limit, { DONE, REFUSED, REFUSED } },
	{ "read limits", limits_read, { DONE, DONE, DONE } },
	{ "become root", become_root, { REFUSED, REFUSED, REFUSED } },
	{ "keep capabilities", keep_capabilities, { REFUSED, REFUSED, REFUSED } },
	{ "io_uring", io_uring, { REFUSED, REFUSED, REFUSED } },
	{ "program the kernel", program_kernel, { REFUSED, REFUSED, REFUSED } },
	{ "use the keyring", keys, { REFUSED, REFUSED, REFUSED } },
	{ "abort", give_up, { ABORTED, ABORTED, ABORTED } },
};

static const char *const roles[] = { "supervisor", "lookup worker", "auth worker" };

/* The ports of the servers that the store is on; NULL: it is a file. */
static const unsigned short *ports;

/* FOUND when all of the sandbox is there. */
static enum outcome
shut_in(enum sandbox_role role, bool syslog, struct error *err)
{
	static const char *const none[] = { NULL };
	const struct sandbox_store store = { .path = ports == NULL ? at->path : NULL,
		.remote = ports != NULL,
		.port = ports,
		.readable = none };
	enum outcome o = sandbox_enter(SANDBOX_SUPERVISOR, &store, syslog, err);

	return o == FOUND && role != SANDBOX_SUPERVISOR ? sandbox_enter(role, &store, syslog, err)
							: o;
}

static int
in_role(enum sandbox_role role, bool syslog, bool (*fn)(void))
{
	pid_t pid = fork();
	struct error err;
	int status;

	if (pid == 0) {
		enum outcome o = shut_in(role, syslog, &err);

		if (o != FOUND)
			_exit(o == NONE ? SHUT_IN_LESS : NOT_SHUT_IN);
		_exit(fn == NULL || fn() ? SHUT_IN : REFUSED_DEED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static enum end
end_of(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGABRT ? ABORTED : KILLED;
	if (WEXITSTATUS(status) > REFUSED_DEED)
		fail_msg("cannot enter the sandbox: status %d", WEXITSTATUS(status));
	return WEXITSTATUS(status) == 0 ? DONE : REFUSED;
}

/* A kernel without all of it, or a build with sanitizers, is tested elsewhere. */
static void
need_all(void)
{
	int status = in_role(SANDBOX_LOOKUP, false, NULL);

	if (WIFEXITED(status) && WEXITSTATUS(status) == SHUT_IN_LESS) {
		print_message("no complete sandbox here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void
test_deeds(void **state)
{
	int wrong = 0;

	at = *state;
	need_all();
	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
		for (int role = 0; role < SANDBOX_ROLES; role++) {
			enum end got = end_of(in_role((enum sandbox_role)role, false, deeds[i].fn));

			if (got == deeds[i].want[role])
				continue;
			print_error("%s: %s: %s, and not %s\n", roles[role], deeds[i].name,
			    ends[got], ends[deeds[i].want[role]]);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* syslogd may be started anew: the way to it stays open, and none to any other server. */
static void
test_syslog(void **state)
{
	at = *state;
	need_all();
	for (int role = SANDBOX_LOOKUP; role < SANDBOX_ROLES; role++) {
		assert_int_equal(end_of(in_role(role, true, new_log)), DONE);
		assert_int_equal(end_of(in_role(role, true, connect_unix)), REFUSED);
		assert_int_equal(end_of(in_role(role, true, connect_udp)), REFUSED);
		assert_int_equal(end_of(in_role(role, true, connect_tcp)), REFUSED);
	}
}

/* A store on a server elsewhere: it can be connected to, and to no other port; its name can be
 * looked up; and nothing else is different. */
static void
test_store_on_a_server(void **state)
{
	const unsigned short its[] = { ntohs(peer.sin_port), 0 }, another[] = { 1, 0 };

	at = *state;
	need_all();
	for (int i = SANDBOX_LOOKUP; i < SANDBOX_ROLES; i++) {
		enum sandbox_role role = (enum sandbox_role)i;

		ports = its;
		assert_int_equal(end_of(in_role(role, false, connect_tcp)), DONE);
		assert_int_equal(end_of(in_role(role, false, connect_unix)), DONE);
		assert_int_equal(end_of(in_role(role, false, read_passwd)), DONE);
		assert_int_equal(end_of(in_role(role, false, read_beside)), REFUSED);
		assert_int_equal(end_of(in_role(role, false, write_outside)), REFUSED);
		assert_int_equal(end_of(in_role(role, false, list_root)), REFUSED);
		assert_int_equal(end_of(in_role(role, false, raw_packets)), REFUSED);
		ports = another;
		assert_int_equal(end_of(in_role(role, false, connect_tcp)), REFUSED);
		ports = NULL;
	}
}

/* Where there is no store, the one that comes may be in a directory that comes with it. */
static void
test_store_to_come(void **state)
{
	struct fixture later = *(struct fixture *)*state;

	at = &later;
	need_all();
	snprintf(later.path, sizeof later.path, "%s/later/vmail.db", later.dir);
	assert_int_equal(end_of(in_role(SANDBOX_LOOKUP, false, write_outside)), DONE);
	assert_int_equal(end_of(in_role(SANDBOX_LOOKUP, false, read_passwd)), REFUSED);
}

/* Stops in between, for the test to change the world. */
static bool
outgrow(void)
{
	return !sandbox_outgrown() && read_beside() && raise(SIGSTOP) == 0 && sandbox_outgrown() &&
	       !read_beside();
}

static void
test_store_elsewhere(void **state)
{
	struct error err;
	char aside[128];
	int status;
	pid_t pid;

	at = *state;
	need_all();
	pid = fork();
	if (pid == 0)
		_exit(shut_in(SANDBOX_LOOKUP, false, &err) != FOUND || !outgrow());
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	snprintf(aside, sizeof aside, "%s", below("aside"));
	assert_int_equal(rename(below("store"), aside), 0);
	assert_int_equal(mkdir(below("store"), 0700), 0);
	assert_true(opens(at->path, O_WRONLY | O_CREAT));
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_store_by_link(void **state)
{
	struct fixture linked = *(struct fixture *)*state;
	char elsewhere[128];

	at = &linked;
	need_all();
	snprintf(elsewhere, sizeof elsewhere, "%s", linked.path);
	assert_int_equal(mkdir(below("links"), 0700), 0);
	snprintf(linked.path, sizeof linked.path, "%s/links/vmail.db", linked.dir);
	assert_int_equal(symlink(elsewhere, linked.path), 0);
	assert_int_equal(end_of(in_role(SANDBOX_LOOKUP, false, look_up)), DONE);
}

/* --- what they try it on ---------------------------------------------------------------------- */

static int
sandbox_setup(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t n = sizeof peer;
	struct fixture *f;
	int fd;

	if (full_setup(state) != 0)
		return -1;
	at = f = *state;
	store_close(f->s); /* a child is no place for this process's connection */
	f->s = NULL;
	if (!opens(below("there"), O_WRONLY | O_CREAT))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(unix_peer, sizeof unix_peer, "%s", below("peer"));
	strcpy(sun.sun_path, unix_peer);
	if (bind(fd, (struct sockaddr *)&sun, sizeof sun) != 0 || listen(fd, 8) != 0)
		return -1;
	peer = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return bind(fd, (struct sockaddr *)&peer, sizeof peer) != 0 || listen(fd, 8) != 0 ||
		       getsockname(fd, (struct sockaddr *)&peer, &n) != 0
		   ? -1
		   : 0;
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, sandbox_setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_deeds),
		CASE(test_syslog),
		CASE(test_store_on_a_server),
		CASE(test_store_to_come),
		CASE(test_store_elsewhere),
		CASE(test_store_by_link),
	};

	if (!is_for_sqlite())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
