/* SPDX-License-Identifier: ISC
 *
 * Readiness, and the watchdog. Losing a notification is not worth a word: the service manager has
 * its own time limits.
 */
#include "sys/notify.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "environment.h"

bool
notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = path == NULL ? 0 : strlen(path);
	bool sent;
	int fd;

	if (n < 2 || n > sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return true;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@') /* a name in the abstract namespace */
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true;
	/* a manager that does not read must not hold up what it manages */
	sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) >= 0 ||
	       errno != EAGAIN;
	close(fd);
	return sent;
}

void
notify_keep_watchdog(void)
{
	unsigned long long pid;

	if (getenv("WATCHDOG_PID") != NULL &&
	    (!environment_number("WATCHDOG_PID", INT_MAX, &pid) || (pid_t)pid != getpid()))
		unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

uint64_t
notify_watchdog(void)
{
	unsigned long long us;

	return environment_number("WATCHDOG_USEC", UINT64_MAX, &us) ? us / 1000 : 0;
}
