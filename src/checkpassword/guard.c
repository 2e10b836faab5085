/* SPDX-License-Identifier: ISC
 *
 * First and last acts of the helper. None of them may fail the login: each does what it can.
 */
#include "checkpassword/guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "wire/checkpw.h"

/* Far below the patience of Postfix (10 s for a login) and Dovecot, neither of which would ever end
 * a helper that hangs. */
enum { DEADLINE_SECONDS = 8 };

static void
close_from(int first)
{
	if (close_range((unsigned)first, ~0U, 0) == 0)
		return;
	/* a kernel older than 5.9 */
	for (int fd = first, end = (int)sysconf(_SC_OPEN_MAX); fd < end; fd++)
		close(fd);
}

void
guard_descriptors(int first)
{
	int fd;

	close_from(first);
	/* else a socket would become somebody's standard error */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}

static void
on_alarm(int signal)
{
	static const char text[] = "vmail-checkpassword: no answer in time\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);

	(void)signal;
	(void)ignored;
	_exit(CHECKPW_TEMPORARY);
}

void
guard_deadline(void)
{
	struct sigaction act = { .sa_handler = on_alarm };
	sigset_t only;

	sigemptyset(&act.sa_mask);
	sigaction(SIGALRM, &act, NULL);
	/* the caller may have blocked it */
	sigemptyset(&only);
	sigaddset(&only, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	alarm(DEADLINE_SECONDS);
}

void
guard_secrets(struct guard *g)
{
	struct rlimit none;

	prctl(PR_SET_DUMPABLE, 0);
	if (getrlimit(RLIMIT_CORE, &g->core) != 0)
		g->core = (struct rlimit){ 0, 0 };
	none = (struct rlimit){ 0, g->core.rlim_max };
	setrlimit(RLIMIT_CORE, &none);
}

void
guard_lock(const void *p, size_t n)
{
	if (p != NULL)
		mlock(p, n);
}

void
guard_release(const struct guard *g)
{
	alarm(0);
	setrlimit(RLIMIT_CORE, &g->core);
}
