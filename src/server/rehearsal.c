/* SPDX-License-Identifier: ISC
 *
 * Reading a configuration where it can do no harm: out of memory, libconfuse (3.3) aborts, ends the
 * process or follows a null pointer in nearly every place where it asks for some, and the C
 * library's user database has such a place as well. A child is our copy, its heap and its limits:
 * what it survives, we do. Nor is it waited for without end: what is no plain file may never say
 * anything, and workers die meanwhile.
 */
#include "rehearsal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "conf/conf.h"
#include "server/server.h"

enum { PATIENCE_MS = 10000 };

/* In the child: what went wrong is written to FD. */
static int
perform(const char *file, int fd)
{
	struct error err = { "" };
	struct conf *c = NULL;
	enum outcome o = conf_load(&c, file, &err);

	if (o == FOUND)
		o = server_check(c, &err);
	if (o != FOUND && write(fd, err.text, strlen(err.text)) < 0)
		return RETRY;
	return (int)o;
}

/* Wait for bytes or the end until that moment; false when there were none. */
static bool
in_time(int fd, uint64_t end)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now = clock_ms();

	return now < end && poll(&p, 1, (int)(end - now)) != 0;
}

/* False when it took too long. */
static bool
hear(int fd, struct error *err)
{
	uint64_t end = clock_ms() + PATIENCE_MS;
	size_t n = 0;
	ssize_t got = -1;

	do {
		if (!in_time(fd, end))
			break;
		got = read(fd, err->text + n, sizeof err->text - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0 || (got < 0 && errno == EINTR));
	err->text[n] = '\0';
	return got == 0;
}

static enum outcome
judge(int status, struct error *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == FOUND)
		return FOUND;
	if (err->text[0] != '\0')
		return BAD;
	return error_set(err, RETRY, "reading it ended a process (%s %d): out of memory, perhaps",
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* What is not there is conf_load's to judge. */
static bool
is_plain(const char *file)
{
	struct stat st;

	return stat(file, &st) != 0 || S_ISREG(st.st_mode);
}

enum outcome
rehearse(const char *file, struct error *err)
{
	const char *name = file == NULL ? CONF_DEFAULT_FILE : file;
	int ends[2], status = 0;
	pid_t pid;

	if (!is_plain(name))
		return error_set(
		    err, BAD, "'%s' is no plain file: it cannot be read a second time", name);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set(err, RETRY, "cannot read it: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		_exit(perform(file, ends[1]));
	close(ends[1]);
	if (pid < 0) {
		error_set(err, RETRY, "cannot start a process to read it: %s", strerror(errno));
	} else {
		if (!hear(ends[0], err)) {
			kill(pid, SIGKILL);
			error_set(
			    err, RETRY, "reading it took longer than %d s", PATIENCE_MS / 1000);
		}
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	return pid < 0 ? RETRY : judge(status, err);
}
