/* SPDX-License-Identifier: ISC
 *
 * Descriptors from 3 on, their number in LISTEN_FDS, for whom in LISTEN_PID, what they are called
 * in LISTEN_FDNAMES. The names are only asked whose a socket is: what it is, it knows itself.
 */
#include "sys/inherit.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "environment.h"

enum { FIRST = 3 };

static const char our_name[] = "vmaild.own";

/* --- taking ----------------------------------------------------------------------------------- */

/* The next of NAMES, which may be NULL. */
static bool
take_name(const char **names)
{
	const char *name = *names;
	size_t n;

	if (name == NULL)
		return false;
	n = strcspn(name, ":");
	*names = name[n] == ':' ? name + n + 1 : NULL;
	return n == sizeof our_name - 1 && memcmp(name, our_name, n) == 0;
}

void
inherit_take(struct inheritance *from)
{
	const char *names = getenv("LISTEN_FDNAMES");
	unsigned long long pid, n;

	from->n = 0;
	if (environment_number("LISTEN_PID", INT_MAX, &pid) && (pid_t)pid == getpid() &&
	    environment_number("LISTEN_FDS", INHERIT_MAX, &n)) {
		for (; from->n < n; from->n++) {
			int fd = FIRST + (int)from->n;

			from->at[from->n] = (struct inherited){ fd, take_name(&names) };
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		}
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

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
inherit_drop_rest(void)
{
	unsigned long long pid, n = 0;

	if (environment_number("LISTEN_PID", INT_MAX, &pid) && (pid_t)pid == getpid())
		(void)environment_number("LISTEN_FDS", INHERIT_MAX, &n);
	close_from(FIRST + (int)n);
}

/* --- giving ----------------------------------------------------------------------------------- */

/* A copy that is out of the way, and then, in its place, one that outlives exec. */
static bool
move(int fd, int to)
{
	return fd >= 0 && dup2(fd, to) == to;
}

static int
out_of_the_way(int fd, size_t n)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, FIRST + (int)n + 1);
}

static bool
say(const struct inheritance *what)
{
	char number[32], pid[32];
	struct sbuf names;
	bool said;

	sbuf_init(&names, INHERIT_MAX * sizeof our_name);
	for (size_t i = 0; i < what->n; i++)
		sbuf_printf(
		    &names, "%s%s", i == 0 ? "" : ":", what->at[i].ours ? our_name : "lent");
	snprintf(number, sizeof number, "%zu", what->n);
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	said = !names.failed && setenv("LISTEN_FDNAMES", sbuf_cstr(&names), 1) == 0 &&
	       setenv("LISTEN_FDS", number, 1) == 0 && setenv("LISTEN_PID", pid, 1) == 0;
	sbuf_release(&names);
	return said;
}

int
inherit_give(const struct inheritance *what, int kept)
{
	int to = FIRST + (int)what->n, away[INHERIT_MAX];

	kept = out_of_the_way(kept, what->n);
	for (size_t i = 0; i < what->n; i++)
		away[i] = out_of_the_way(what->at[i].fd, what->n);
	for (size_t i = 0; i < what->n; i++)
		if (!move(away[i], FIRST + (int)i))
			return -1;
	return move(kept, to) && say(what) ? to : -1;
}

void
inherit_close(struct inheritance *what)
{
	for (size_t i = 0; i < what->n; i++)
		close(what->at[i].fd);
	what->n = 0;
}
