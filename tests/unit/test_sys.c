/* SPDX-License-Identifier: ISC
 *
 * Log lines, readiness, and users: each against the real thing, with what changes a process for
 * good done in a child.
 */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/inherit.h"
#include "sys/log.h"
#include "sys/mapped.h"
#include "sys/notify.h"
#include "sys/privs.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define TEN(x)   x x x x x x x x x x

/* --- log_safe -------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *in;
	size_t n;
	size_t size; /* of the buffer, 0: plenty */
	const char *want;
} safe[] = {
	{ "plain text", "harry+tag@example.com", 21, 0, "harry+tag@example.com" },
	{ "nothing", "", 0, 0, "" },
	{ "a blank stays", "a b", 3, 0, "a b" },
	{ "quotes and a backslash", "'\"\\", 3, 0, "\\x27\\x22\\x5c" },
	{ "a line end", "a\nwarning: b", 12, 0, "a\\x0awarning: b" },
	{ "a NUL and a DEL", "\0\x7f", 2, 0, "\\x00\\x7f" },
	{ "beyond ASCII", "\303\274", 2, 0, "\\xc3\\xbc" },
	{ "80 bytes", TEN("12345678"), 80, 0, TEN("12345678") },
	{ "81 bytes", TEN("12345678") "9", 81, 0, TEN("12345678") "..." },
	{ "80 bytes, escaped", TEN("\1\1\1\1\1\1\1\1"), 80, 0,
	    TEN("\\x01\\x01\\x01\\x01\\x01\\x01\\x01\\x01") },
	{ "a buffer it just fits in", "abc", 3, 4, "abc" },
	{ "a buffer too small for all of it", "abc", 3, 3, "ab" },
	{ "no half escapes", "a\nb", 3, 4, "a" },
	{ "a buffer for one byte", "abc", 3, 1, "" },
};

static void
safe_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(safe); i++) {
		char buf[512];
		size_t size = safe[i].size == 0 ? sizeof buf : safe[i].size;

		memset(buf, '!', sizeof buf);
		assert_ptr_equal(log_safe(slice_of(safe[i].in, safe[i].n), buf, size), buf);
		if (strcmp(buf, safe[i].want) != 0)
			fail_msg("%s: got \"%s\", want \"%s\"", safe[i].name, buf, safe[i].want);
		if (size < sizeof buf)
			assert_int_equal(buf[size], '!');
	}
}

static void
level_names(void **state)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	enum log_level level = LOG_LEVEL_DEBUG;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_true(log_level_by_name(names[i], &level));
		assert_int_equal(level, i);
	}
	assert_false(log_level_by_name("loud", &level));
	assert_false(log_level_by_name("", &level));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

/* --- lines on stderr ------------------------------------------------------------------------- */

struct capture {
	int pipe[2];
	int stderr_was;
};

/* From here to captured() stderr is a pipe; JOURNAL says whether it passes for the journal's. */
static void
capture(struct capture *c, bool journal)
{
	struct stat st;
	char stream[64];

	assert_int_equal(pipe(c->pipe), 0);
	assert_int_equal(fstat(c->pipe[1], &st), 0);
	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino + !journal);
	setenv("JOURNAL_STREAM", stream, 1);
	c->stderr_was = dup(2);
	dup2(c->pipe[1], 2);
	close(c->pipe[1]);
}

static const char *
captured(struct capture *c, char *buf, size_t size)
{
	ssize_t n;

	dup2(c->stderr_was, 2);
	close(c->stderr_was);
	n = read(c->pipe[0], buf, size - 1);
	close(c->pipe[0]);
	assert_true(n >= 0);
	buf[n] = '\0';
	unsetenv("JOURNAL_STREAM");
	log_role("");
	log_open("vmaild", false, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	return buf;
}

static void
lines_for_the_journal(void **state)
{
	struct capture c;
	char buf[4096];

	(void)state;
	capture(&c, true);
	log_open("vmaild", false, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_info("ready");
	log_role("lookup");
	log_error("no %s", "luck");
	log_warning("two\nlines");
	log_event(LOG_LEVEL_DEBUG, "much", NULL, "too much");
	assert_string_equal(captured(&c, buf, sizeof buf), "vmaild: ready\n"
							   "vmaild[lookup]: error: no luck\n"
							   "vmaild[lookup]: warning: two?lines\n");
}

static void
lines_for_a_terminal_have_the_time_in_front(void **state)
{
	struct capture c;
	char buf[256], stamp[64], rest[64];

	(void)state;
	capture(&c, false);
	log_open("vmaild", false, LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	log_event(LOG_LEVEL_DEBUG, "x", NULL, "x");
	captured(&c, buf, sizeof buf);
	assert_int_equal(sscanf(buf, "%63[-0-9T:.+] %63[^\n]", stamp, rest), 2);
	assert_int_equal(strlen(stamp), strlen("2024-01-31T23:59:59.000+0000"));
	assert_string_equal(rest, "vmaild: debug: x");
}

/* An event with all kinds of fields, and a line without any, in each format. */
static const struct {
	enum log_format format;
	const char *want; /* N: the process */
} programs[] = {
	{ LOG_FORMAT_TEXT, "vmaild[auth worker]: warning: said to people\n"
			   "vmaild[auth worker]: \"no\" =\\?\303\274\n" },
	{ LOG_FORMAT_LOGFMT,
	    "level=warning program=vmaild role=\"auth worker\" pid=N msg=\"an event\" "
	    "user=harry@example.com odd=\"a=\\\\x22b\\\\x22\\\\x0a\\\\xc3\" why=\"it is so\" n=-7\n"
	    "level=info program=vmaild role=\"auth worker\" pid=N "
	    "msg=\"\\\"no\\\" =\\\\?\\\\xc3\\\\xbc\"\n" },
	{ LOG_FORMAT_JSON,
	    "{\"level\":\"warning\",\"program\":\"vmaild\",\"role\":\"auth worker\",\"pid\":N,"
	    "\"msg\":\"an event\",\"user\":\"harry@example.com\","
	    "\"odd\":\"a=\\\\x22b\\\\x22\\\\x0a\\\\xc3\",\"why\":\"it is so\",\"n\":-7}\n"
	    "{\"level\":\"info\",\"program\":\"vmaild\",\"role\":\"auth worker\",\"pid\":N,"
	    "\"msg\":\"\\\"no\\\" =\\\\?\\\\xc3\\\\xbc\"}\n" },
};

static void
hide_process(char *text)
{
	for (char *at = text; (at = strstr(at, "pid")) != NULL; at++) {
		size_t n;

		at += strcspn(at, "0123456789");
		n = strspn(at, "0123456789");
		assert_int_equal(strtol(at, NULL, 10), getpid());
		*at = 'N';
		memmove(at + 1, at + n, strlen(at + n) + 1);
	}
}

static void
lines_for_programs(void **state)
{
	const struct log_field fields[] = {
		{ .name = "user", .text = slice_str("harry@example.com") },
		{ .name = "odd", .text = slice_str("a=\"b\"\n\303") },
		{ .name = "why", .words = "it is so" },
		{ .name = "left out", .words = "" },
		{ .name = "left out", .text = slice_str("") },
		{ .name = "n", .number = -7 },
		{ .name = NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(programs); i++) {
		struct capture c;
		char buf[4096];

		capture(&c, true);
		log_open("vmaild", false, LOG_LEVEL_INFO, programs[i].format);
		log_role("auth worker");
		log_event(LOG_LEVEL_WARNING, "an event", fields, "said to %s", "people");
		log_info("\"no\" =\\\n\303\274");
		captured(&c, buf, sizeof buf);
		hide_process(buf);
		assert_string_equal(buf, programs[i].want);
	}
}

/* However long its parts are, a line is whole, and one write. */
static void
lines_for_programs_are_cut_and_ended(void **state)
{
	char text[2000], buf[8192];
	struct log_field fields[40];
	struct capture c;

	(void)state;
	memset(text, '"', sizeof text);
	text[sizeof text - 1] = '\0';
	for (size_t i = 0; i < COUNT(fields); i++)
		fields[i] = (struct log_field){ .name = "name", .words = text + i * 49 };
	fields[COUNT(fields) - 1].name = NULL;
	for (size_t i = 0; i < COUNT(fields); i++) {
		capture(&c, false);
		log_open("vmaild", false, LOG_LEVEL_INFO, LOG_FORMAT_JSON);
		log_event(LOG_LEVEL_INFO, text, fields + i, "x");
		captured(&c, buf, sizeof buf);
		assert_true(strlen(buf) <= 4096);
		assert_true(strncmp(buf, "{\"time\":\"", 9) == 0);
		assert_string_equal(buf + strlen(buf) - 3, "\"}\n");
	}
}

static void
format_names(void **state)
{
	static const char *const names[] = { "text", "logfmt", "json" };
	enum log_format format = LOG_FORMAT_TEXT;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(log_format_by_name(names[i], &format));
		assert_int_equal(format, i);
	}
	assert_false(log_format_by_name("xml", &format));
	assert_int_equal(format, LOG_FORMAT_JSON);
}

static void
a_level_hides_those_below_it(void **state)
{
	struct capture c;
	char buf[256];

	(void)state;
	capture(&c, true);
	log_open("vmaild", false, LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	log_warning("w");
	log_info("i");
	log_error("e");
	assert_string_equal(captured(&c, buf, sizeof buf), "vmaild: error: e\n");
}

static void
a_long_line_is_cut_and_ended(void **state)
{
	struct capture c;
	char buf[8192], text[4000];

	(void)state;
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	capture(&c, true);
	log_open(
	    "an identity of more than thirty-one bytes", false, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_role("and a role of more than thirty-one bytes");
	log_warning("%s", text);
	captured(&c, buf, sizeof buf);
	assert_true(strlen(buf) > 1000 && strlen(buf) < 1200);
	assert_ptr_equal(strchr(buf, '\n'), buf + strlen(buf) - 1);
}

/* --- notify ---------------------------------------------------------------------------------- */

/* Bind a datagram socket, tell it READY=1 through its NAME as in $NOTIFY_SOCKET. */
static void
tell(const char *name, size_t n)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char got[64];

	memcpy(at.sun_path, name, n);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	notify("READY=1");
	assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), 7);
	assert_memory_equal(got, "READY=1", 7);
	unsetenv("NOTIFY_SOCKET");
	notify("READY=1");
	assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), -1);
	close(fd);
}

static void
notify_by_path(void **state)
{
	char directory[] = "/tmp/test_sys.XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/notify", directory);
	tell(path, strlen(path));
	unlink(path);
	rmdir(directory);
}

static void
notify_by_abstract_name(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof name, "@vmaild/test_sys/%ld", (long)getpid());
	tell(name, strlen(name));
}

static void
notify_nobody(void **state)
{
	static const char *const names[] = { "", "/", "@", "relative", "/nowhere/at/all",
		TEN("/2345678901") };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		notify("READY=1");
	}
	unsetenv("NOTIFY_SOCKET");
}

/* A manager that reads nothing holds nobody up. */
static void
notify_does_not_wait(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t size;
	char name[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), told = 0;

	(void)state;
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			   (size_t)snprintf(name, sizeof name, "@vmaild/full/%ld", (long)getpid()));
	memcpy(at.sun_path + 1, name + 1, strlen(name) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	while (notify("READY=1"))
		assert_true(++told < 1000000);
	assert_int_equal(recv(fd, name, sizeof name, MSG_DONTWAIT), 7);
	assert_true(notify("READY=1"));
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

static const struct {
	const char *usec;
	const char *pid; /* "ours": this process */
	uint64_t want;
} watchdogs[] = {
	{ NULL, NULL, 0 },
	{ "30000000", NULL, 30000 },
	{ "30000000", "ours", 30000 },
	{ "30000000", "1", 0 },
	{ "30000000", "", 0 },
	{ "soon", "ours", 0 },
	{ "-1", "ours", 0 },
};

static void
set(const char *name, const char *value)
{
	char ours[32];

	snprintf(ours, sizeof ours, "%ld", (long)getpid());
	if (value == NULL)
		unsetenv(name);
	else
		setenv(name, strcmp(value, "ours") == 0 ? ours : value, 1);
}

static void
watchdog_of_this_process(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(watchdogs); i++) {
		set("WATCHDOG_USEC", watchdogs[i].usec);
		set("WATCHDOG_PID", watchdogs[i].pid);
		notify_keep_watchdog();
		assert_null(getenv("WATCHDOG_PID"));
		assert_int_equal(notify_watchdog(), watchdogs[i].want);
	}
	unsetenv("WATCHDOG_USEC");
}

/* --- inherit --------------------------------------------------------------------------------- */

static const struct {
	const char *pid; /* "ours": this process */
	const char *number;
	size_t want;
} handed[] = {
	{ NULL, NULL, 0 },
	{ NULL, "1", 0 },
	{ "ours", NULL, 0 },
	{ "ours", "0", 0 },
	{ "ours", "2", 2 },
	{ "ours", "513", 0 }, /* one more than INHERIT_MAX */
	{ "ours", "-1", 0 },
	{ "ours", "many", 0 },
	{ "1", "2", 0 },
};

static void
inherited_is_what_is_for_us(void **state)
{
	struct inheritance from;

	(void)state;
	for (size_t i = 0; i < COUNT(handed); i++) {
		set("LISTEN_PID", handed[i].pid);
		set("LISTEN_FDS", handed[i].number);
		/* without names, or with some, nothing is ours */
		set("LISTEN_FDNAMES", i % 2 == 0 ? NULL : "vmaild.owner:x:");
		inherit_take(&from);
		assert_int_equal(from.n, handed[i].want);
		for (size_t k = 0; k < from.n; k++) {
			assert_int_equal(from.at[k].fd, 3 + k);
			assert_false(from.at[k].ours);
		}
		assert_null(getenv("LISTEN_PID"));
		assert_null(getenv("LISTEN_FDS"));
		assert_null(getenv("LISTEN_FDNAMES"));
	}
}

/* In a child, for descriptors from 3 on are overwritten: an exit status. */
static int
give_and_take(void)
{
	struct inheritance what = { .n = 3 }, got;
	struct stat was[4], is;
	int fd[4];

	for (int i = 0; i < 4; i++) {
		/* the other way round, and where they are to go: none may be lost */
		fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		fstat(fd[i], &was[i]);
	}
	for (int i = 0; i < 3; i++)
		what.at[i] = (struct inherited){ fd[3 - i], i != 1 };
	if (inherit_give(&what, fd[0]) != 6)
		return 1;
	for (int i = 3; i <= 6; i++)
		if (fcntl(i, F_GETFD) != 0)
			return 2;
	inherit_take(&got);
	for (int i = 0; i < 3; i++)
		if (got.n != 3 || got.at[i].fd != 3 + i || got.at[i].ours != (i != 1) ||
		    fcntl(3 + i, F_GETFD) != FD_CLOEXEC || fstat(3 + i, &is) != 0 ||
		    is.st_ino != was[3 - i].st_ino)
			return 3;
	return fstat(6, &is) == 0 && is.st_ino == was[0].st_ino ? 0 : 4;
}

static void
what_is_given_is_taken(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(give_and_take());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- users and groups ------------------------------------------------------------------------ */

static void
users(void **state)
{
	struct identity who;
	struct error err = { "" };

	(void)state;
	assert_int_equal(identity_of_user(&who, "root", &err), FOUND);
	assert_int_equal(who.uid, 0);
	assert_int_equal(who.gid, 0);
	assert_string_equal(who.name, "root");
	assert_int_equal(identity_of_user(&who, "0", &err), FOUND);
	assert_string_equal(who.name, "root");
	assert_int_equal(identity_of_user(&who, "no-such-user", &err), BAD);
	assert_non_null(strstr(err.text, "there is no user 'no-such-user'"));
	assert_non_null(strstr(err.text, "useradd"));
	assert_int_equal(identity_of_user(&who, "", &err), BAD);
	assert_int_equal(identity_of_user(&who, "4000000000", &err), BAD);
	assert_int_equal(identity_of_user(&who, "4294967295", &err), BAD);
	assert_string_equal(who.name, "root");
}

static void
groups(void **state)
{
	struct error err = { "" };
	struct group *mail = getgrnam("mail");
	gid_t gid = 7;

	(void)state;
	assert_int_equal(group_id(&gid, "no-such-group", &err), BAD);
	assert_non_null(strstr(err.text, "there is no group 'no-such-group'"));
	assert_int_equal(gid, 7);
	assert_int_equal(group_id(&gid, "root", &err), FOUND);
	assert_int_equal(gid, 0);
	assert_int_equal(group_id(&gid, "4711", &err), FOUND);
	assert_int_equal(gid, 4711);
	assert_int_equal(group_id(&gid, "4294967295", &err), BAD);
	assert_int_equal(group_id(&gid, "-1", &err), BAD);
	if (mail != NULL) {
		assert_int_equal(group_id(&gid, "mail", &err), FOUND);
		assert_int_equal(gid, mail->gr_gid);
	}
}

/* --- what changes a process for good --------------------------------------------------------- */

/* Run it in a child; its result is what the child exits with. */
static int
in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
become_nobody(void)
{
	struct identity who;
	struct error err;
	gid_t groups_left[64], root = 0;
	int n;

	if (setgroups(1, &root) != 0)
		return 6;
	if (identity_of_user(&who, "nobody", &err) != FOUND || privs_drop(&who, &err) != FOUND)
		return 1;
	if (getuid() != who.uid || geteuid() != who.uid || getgid() != who.gid)
		return 2;
	n = getgroups(COUNT(groups_left), groups_left);
	for (int i = 0; i < n; i++)
		if (groups_left[i] == 0)
			return 3;
	if (setuid(0) == 0 || seteuid(0) == 0)
		return 4;
	/* once dropped there is nothing more to do */
	return privs_drop(&who, &err) == FOUND ? 0 : 5;
}

static void
root_is_dropped_for_good(void **state)
{
	(void)state;
	if (geteuid() != 0 || getpwnam("nobody") == NULL)
		skip();
	assert_int_equal(in_child(become_nobody), 0);
}

static int
stay_root(void)
{
	struct identity root = { .uid = 0, .gid = 0, .name = "root" };
	uid_t before = geteuid();

	return privs_drop(&root, NULL) == FOUND && geteuid() == before ? 0 : 1;
}

static void
root_may_stay_root(void **state)
{
	(void)state;
	assert_int_equal(in_child(stay_root), 0);
}

static int
harden(void)
{
	struct rlimit core;

	privs_harden();
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 1;
	return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 ? 0 : 2;
}

static void
memory_is_kept_from_others(void **state)
{
	(void)state;
	assert_int_equal(in_child(harden), 0);
}

static int
open_files(void)
{
	struct rlimit limit, after;
	struct error err = { "" };

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 16;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (privs_files(17, &err) != FOUND)
		return 1;
	getrlimit(RLIMIT_NOFILE, &after);
	if (after.rlim_cur != limit.rlim_max)
		return 2;
	/* beyond what any kernel allows */
	if (privs_files(1UL << 40, &err) != BAD || strstr(err.text, "1099511627776 open") == NULL)
		return 3;
	getrlimit(RLIMIT_NOFILE, &after);
	return after.rlim_cur == limit.rlim_max ? 0 : 4;
}

static void
the_limit_of_open_files_is_raised(void **state)
{
	(void)state;
	assert_int_equal(in_child(open_files), 0);
}

/* --- memory that is a file -------------------------------------------------------------------- */

static void
a_mapped_file_is_kept(void **state)
{
	char directory[] = "/tmp/test_sys_XXXXXX", path[64];
	void *memory, *again;
	struct error err;
	size_t size;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/map", directory);
	assert_int_equal(mapped_existing(&memory, path, &size, &err), NONE);
	assert_int_equal(mapped_open(&memory, path, 8192, &err), FOUND);
	assert_int_equal(((char *)memory)[8191], 0);
	strcpy(memory, "kept");
	assert_int_equal(mapped_existing(&again, path, &size, &err), FOUND);
	assert_int_equal(size, 8192);
	assert_string_equal(again, "kept");
	mapped_close(again, size);
	mapped_close(memory, 8192);
	assert_int_equal(truncate(path, 5), 0);
	assert_int_equal(mapped_open(&memory, path, 4096, &err), FOUND);
	assert_string_equal(memory, "kept");
	mapped_close(memory, 4096);
	unlink(path);
	rmdir(directory);
}

static void
what_is_no_file_is_not_mapped(void **state)
{
	char directory[] = "/tmp/test_sys_XXXXXX", path[64], other[64];
	void *memory;
	struct error err;
	size_t size;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/map", directory);
	snprintf(other, sizeof other, "%s/other", directory);
	assert_int_equal(mapped_open(&memory, directory, 4096, &err), RETRY);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(mapped_open(&memory, path, 4096, &err), RETRY);
	assert_int_equal(mapped_existing(&memory, path, &size, &err), RETRY);
	unlink(path);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(mapped_open(&memory, path, 4096, &err), RETRY);
	assert_int_not_equal(access(other, F_OK), 0);
	unlink(path);
	close(creat(path, 0600)); /* empty: there is nothing to map */
	assert_int_equal(mapped_existing(&memory, path, &size, &err), RETRY);
	assert_int_equal(link(path, other), 0);
	assert_int_equal(mapped_open(&memory, path, 4096, &err), RETRY);
	unlink(path);
	unlink(other);
	rmdir(directory);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(safe_text),
		cmocka_unit_test(level_names),
		cmocka_unit_test(lines_for_the_journal),
		cmocka_unit_test(lines_for_a_terminal_have_the_time_in_front),
		cmocka_unit_test(lines_for_programs),
		cmocka_unit_test(lines_for_programs_are_cut_and_ended),
		cmocka_unit_test(format_names),
		cmocka_unit_test(a_level_hides_those_below_it),
		cmocka_unit_test(a_long_line_is_cut_and_ended),
		cmocka_unit_test(notify_by_path),
		cmocka_unit_test(notify_by_abstract_name),
		cmocka_unit_test(notify_nobody),
		cmocka_unit_test(notify_does_not_wait),
		cmocka_unit_test(watchdog_of_this_process),
		cmocka_unit_test(inherited_is_what_is_for_us),
		cmocka_unit_test(what_is_given_is_taken),
		cmocka_unit_test(users),
		cmocka_unit_test(groups),
		cmocka_unit_test(root_is_dropped_for_good),
		cmocka_unit_test(root_may_stay_root),
		cmocka_unit_test(memory_is_kept_from_others),
		cmocka_unit_test(the_limit_of_open_files_is_raised),
		cmocka_unit_test(a_mapped_file_is_kept),
		cmocka_unit_test(what_is_no_file_is_not_mapped),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
