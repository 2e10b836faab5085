/* SPDX-License-Identifier: ISC
 *
 * Reading a configuration where it can do no harm: out of memory, libconfuse (3.3) aborts, ends the
 * process or follows a null pointer in nearly every place where it asks for some, and the C
 * library's user database has such a place as well. A child is our copy, its heap and its limits:
 * what it survives, we do.
 */
#include "rehearsal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/conf.h"
#include "server/server.h"

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

static void
hear(int fd, struct error *err)
{
	size_t n = 0;
	ssize_t got;

	do {
		got = read(fd, err->text + n, sizeof err->text - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0 || (got < 0 && errno == EINTR));
	err->text[n] = '\0';
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

enum outcome
rehearse(const char *file, struct error *err)
{
	int ends[2], status = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set(err, RETRY, "cannot read it: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		_exit(perform(file, ends[1]));
	close(ends[1]);
	if (pid < 0) {
		error_set(err, RETRY, "cannot start a process to read it: %s", strerror(errno));
	} else {
		hear(ends[0], err);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	return pid < 0 ? RETRY : judge(status, err);
}
