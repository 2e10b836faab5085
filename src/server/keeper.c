/* SPDX-License-Identifier: ISC
 *
 * Why there is one: the supervisor and its workers are shut in, by filters that a program they
 * started would inherit, and may start none. A newer program needs somebody outside who starts it,
 * and a service manager needs a process that is there before and after. So this one has given up
 * root and everything else, but for the right to start its own program anew; what comes from a
 * client, a configuration or the store does not come here.
 *
 * An upgrade: the supervisor hands its sockets over, the program is started with them, and when
 * that says it serves, the old one is told to leave. Until then nothing has changed, so a program
 * that does not start costs nothing. At the end the keeper becomes the new program itself.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/slice.h"
#include "clock.h"
#include "sys/inherit.h"
#include "sys/log.h"
#include "sys/notify.h"

enum {
	PATIENCE_MS = 60000, /* for a newer program to serve */
	RETRY_MS = 250
};

static const char keeper_variable[] = "VMAILD_KEEPER";         /* the channel to it */
static const char supervisor_variable[] = "VMAILD_SUPERVISOR"; /* who it is, the channel to it */

struct kept {
	pid_t pid; /* 0: none */
	int channel;
};

struct keeper {
	const struct keeper_birth *birth;
	const char *program;
	int signals;
	sigset_t before;
	struct kept now;
	struct kept next; /* the program, started anew */
	struct kept old;  /* has been told to leave */
	uint64_t give_up; /* on the next one, clock_ms */
	struct inheritance handed;
	bool upgrading; /* from the signal until the old one takes no more clients */
	bool again;     /* once more */
	bool reload;    /* when that is over */
	bool ending;
	bool renew; /* become the program that serves */
	int status;
	char unsaid[80]; /* to the service manager */
};

/* --- the service manager ---------------------------------------------------------------------- */

static void
say(struct keeper *k, const char *state)
{
	k->unsaid[0] = '\0';
	if (!notify(state))
		snprintf(k->unsaid, sizeof k->unsaid, "%s", state);
}

static void
say_reloading(struct keeper *k)
{
	char text[sizeof k->unsaid];

	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_ns() / 1000);
	say(k, text);
}

static const uint64_t never = UINT64_MAX;

/* --- an upgrade ------------------------------------------------------------------------------- */

static void
tell(const struct kept *to, char what, char note)
{
	if (to->pid != 0)
		channel_tell(to->channel, what, note, -1);
}

static void
forget(struct kept *one)
{
	if (one->channel >= 0)
		close(one->channel);
	*one = (struct kept){ .channel = -1 };
}

static void
begin_upgrade(struct keeper *k)
{
	if (k->upgrading || k->old.pid != 0) {
		k->again = true;
		return;
	}
	k->again = false;
	k->upgrading = true;
	say_reloading(k);
	k->give_up = clock_ms() + PATIENCE_MS;
	tell(&k->now, TELL_HAND_OVER, 0);
}

/* What came while there was no time for it. */
static void
end_upgrade(struct keeper *k)
{
	k->upgrading = false;
	k->give_up = never;
	inherit_close(&k->handed);
	if (k->reload && !k->ending)
		tell(&k->now, TELL_RELOAD, 0);
	else
		say(k, k->ending ? "STOPPING=1" : "READY=1");
	k->reload = false;
}

static void
give_up(struct keeper *k, const char *why)
{
	if (!k->ending)
		log_error(
		    "'%s' does not take over: %s; the program before it goes on", k->program, why);
	end_upgrade(k);
}

/* In the child. */
static void
become(struct keeper *k, int channel)
{
	char number[32];
	int at = inherit_give(&k->handed, channel);

	snprintf(number, sizeof number, "%d", at);
	if (at >= 0 && setenv(keeper_variable, number, 1) == 0) {
		sigprocmask(SIG_SETMASK, &k->before, NULL);
		execv(k->program, k->birth->argv);
	}
	log_error("cannot start '%s': %s", k->program, strerror(errno));
	_exit(1);
}

static void
start_next(struct keeper *k)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		give_up(k, strerror(errno));
		return;
	}
	log_info("starting '%s' in our place", k->program);
	pid = fork();
	if (pid == 0)
		become(k, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		give_up(k, strerror(errno));
		return;
	}
	k->next = (struct kept){ pid, ends[0] };
}

static void
take_over(struct keeper *k)
{
	k->old = k->now;
	k->now = k->next;
	k->give_up = never;
	k->next = (struct kept){ .channel = -1 };
	k->renew = true;
	tell(&k->old, TELL_LEAVE, 0);
	if (k->ending)
		tell(&k->now, TELL_STOP, SIGTERM);
	if (k->old.pid == 0)
		end_upgrade(k);
}

/* Only when nothing is under way: all that is kept over the change is one supervisor. On failure we
 * go on as we are. */
static void
renew(struct keeper *k)
{
	char text[64];

	k->renew = false;
	if (k->again)
		kill(getpid(), SIGUSR2); /* waits for whoever we are then */
	snprintf(text, sizeof text, "%ld:%d:%s:%s", (long)k->now.pid, k->now.channel,
	    k->birth->syslog ? "syslog" : "stderr", k->birth->format);
	if (fcntl(k->now.channel, F_SETFD, 0) == 0 && setenv(supervisor_variable, text, 1) == 0)
		execv(k->program, k->birth->argv);
	log_warning("cannot become '%s': %s: the old program keeps its supervisor", k->program,
	    strerror(errno));
	(void)fcntl(k->now.channel, F_SETFD, FD_CLOEXEC);
	unsetenv(supervisor_variable);
}

/* --- what happens ----------------------------------------------------------------------------- */

static void
keep_socket(struct keeper *k, int fd, bool ours)
{
	if (fd < 0)
		return;
	if (k->upgrading && k->next.pid == 0 && k->handed.n < INHERIT_MAX)
		k->handed.at[k->handed.n++] = (struct inherited){ fd, ours };
	else
		close(fd);
}

static void
on_now(struct keeper *k, int what, char note, int fd)
{
	switch (what) {
	case SAY_READY:
		say(k, "READY=1");
		break;
	case SAY_RELOADING:
		say_reloading(k);
		break;
	case SAY_STOPPING:
		k->ending = true;
		say(k, "STOPPING=1");
		break;
	case SAY_TURNING:
		if (k->unsaid[0] == '\0')
			notify("WATCHDOG=1");
		break;
	case SAY_SOCKET:
		keep_socket(k, fd, note != 0);
		break;
	case SAY_HANDED_OVER:
		if (k->upgrading && k->next.pid == 0 && k->old.pid == 0 && !k->ending)
			start_next(k);
		break;
	default:
		break;
	}
}

static void
on_message(struct keeper *k, struct kept *from)
{
	char note = 0;
	int fd = -1, what = channel_take(from->channel, &note, &fd);

	if (what == 0) { /* it is ending, and SIGCHLD says how */
		close(from->channel);
		from->channel = -1;
	} else if (from == &k->now) {
		on_now(k, what, note, fd);
	} else if (fd >= 0) {
		close(fd);
	} else if (from == &k->next && what == SAY_READY) {
		take_over(k);
	} else if (from == &k->old && what == SAY_QUIET && k->upgrading) {
		end_upgrade(k);
	}
}

static const char *
how_it_ended(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "it died of signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "it ended with status %d", WEXITSTATUS(status));
	return text;
}

static void
on_end(struct keeper *k, pid_t pid, int status)
{
	char text[80];

	if (pid == k->next.pid) {
		forget(&k->next);
		give_up(k, how_it_ended(status, text, sizeof text));
	} else if (pid == k->old.pid) {
		forget(&k->old);
		if (k->upgrading)
			end_upgrade(k);
	} else if (pid == k->now.pid) {
		forget(&k->now);
		if (status != 0)
			k->status = 1;
		if (WIFSIGNALED(status))
			log_error("the supervisor (process %ld) is gone: %s", (long)pid,
			    how_it_ended(status, text, sizeof text));
	}
}

static void
on_child(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		on_end(k, pid, status);
}

static void
on_signal(struct keeper *k, int number)
{
	switch (number) {
	case SIGCHLD:
		on_child(k);
		break;
	case SIGHUP:
		k->reload = k->upgrading;
		if (!k->upgrading)
			tell(&k->now, TELL_RELOAD, 0);
		break;
	case SIGUSR2:
		if (!k->ending)
			begin_upgrade(k);
		break;
	default:
		k->ending = true;
		tell(&k->now, TELL_STOP, (char)number);
		tell(&k->next, TELL_STOP, (char)number);
		break;
	}
}

static void
lose_patience(struct keeper *k)
{
	k->give_up = never;
	if (k->next.pid != 0)
		kill(k->next.pid, SIGKILL);
	else if (k->upgrading)
		give_up(k, "the one before it hands no sockets over");
}

static void
on_time(struct keeper *k)
{
	if (clock_ms() >= k->give_up)
		lose_patience(k);
	if (k->unsaid[0] != '\0' && notify(k->unsaid))
		k->unsaid[0] = '\0';
	if (k->upgrading || k->ending || k->old.pid != 0 || k->now.pid == 0 || k->unsaid[0] != '\0')
		return;
	if (k->renew)
		renew(k);
	else if (k->again)
		begin_upgrade(k);
}

/* --- the loop --------------------------------------------------------------------------------- */

static int
next_wake(const struct keeper *k)
{
	uint64_t now = clock_ms();

	if (k->unsaid[0] != '\0')
		return RETRY_MS;
	if (k->give_up == never)
		return -1;
	return now >= k->give_up ? 0 : (int)(k->give_up - now);
}

/* One thing at a time, for then another one may be who; signals first, whoever has much to say. */
static void
wait_and_handle(struct keeper *k)
{
	struct pollfd fds[] = { { .fd = k->signals, .events = POLLIN },
		{ .fd = k->now.channel, .events = POLLIN },
		{ .fd = k->next.channel, .events = POLLIN },
		{ .fd = k->old.channel, .events = POLLIN } };
	struct signalfd_siginfo info;

	if (poll(fds, sizeof fds / sizeof *fds, next_wake(k)) < 0)
		return;
	if (fds[0].revents != 0 && read(k->signals, &info, sizeof info) == sizeof info)
		on_signal(k, (int)info.ssi_signo);
	else if (fds[1].revents != 0)
		on_message(k, &k->now);
	else if (fds[2].revents != 0)
		on_message(k, &k->next);
	else if (fds[3].revents != 0)
		on_message(k, &k->old);
}

static bool
init_signals(struct keeper *k)
{
	static const int heard[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof heard / sizeof *heard; i++)
		sigaddset(&set, heard[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigemptyset(&k->before);
	k->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return k->signals >= 0;
}

int
keeper_run(const struct keeper_birth *birth)
{
	struct keeper k = { .birth = birth,
		.program = (const char *)getauxval(AT_EXECFN),
		.now = { birth->supervisor, birth->channel },
		.next = { .channel = -1 },
		.give_up = never,
		.old = { .channel = -1 } };

	log_role("keeper");
	if (!init_signals(&k)) {
		log_error("cannot set up signals: %s", strerror(errno));
		return 1; /* the supervisor sees the end of the channel, and leaves */
	}
	on_child(&k); /* who ended before we listened */
	for (on_time(&k); k.now.pid != 0 || k.next.pid != 0 || k.old.pid != 0; on_time(&k))
		wait_and_handle(&k);
	return k.status;
}

/* --- beginning in the middle ------------------------------------------------------------------ */

/* Tell whether FD can be one, and keep it to ourselves. */
static bool
is_channel(int fd)
{
	int type = 0;
	socklen_t n = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET &&
	       fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

bool
keeper_renewed(struct keeper_birth *birth)
{
	const char *text = getenv(supervisor_variable);
	char log[8];
	long pid;
	bool read;

	if (text == NULL)
		return false;
	/* NOLINTBEGIN(cert-err34-c): our own words, from the program before this one */
	read =
	    sscanf(text, "%ld:%d:%7[a-z]:%7[a-z]", &pid, &birth->channel, log, birth->format) >= 3;
	/* NOLINTEND(cert-err34-c) */
	unsetenv(supervisor_variable);
	if (!read || !is_channel(birth->channel))
		return false;
	birth->supervisor = (pid_t)pid;
	birth->syslog = strcmp(log, "syslog") == 0;
	return true;
}

bool
keeper_started_us(void)
{
	return getenv(keeper_variable) != NULL;
}

int
keeper_channel(void)
{
	const char *text = getenv(keeper_variable);
	unsigned long long channel;
	bool found = text != NULL && slice_number(slice_str(text), INT_MAX, &channel);

	unsetenv(keeper_variable);
	return found && is_channel((int)channel) ? (int)channel : -1;
}
