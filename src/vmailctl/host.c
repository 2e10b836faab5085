/* SPDX-License-Identifier: ISC
 *
 * Asking postconf and dovecot. They live in sbin, which an ordinary user's PATH may lack.
 */
#include "vmailctl/host.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HOST_MILLISECONDS = 5000, HOST_LINE_MAX = 4096 };

extern char **environ;

static bool
spawn_at(
    pid_t *pid, const char *path, const char *const argv[], const posix_spawn_file_actions_t *files)
{
	return posix_spawnp(pid, path, files, NULL, (char *const *)argv, environ) == 0;
}

static bool
spawn(pid_t *pid, const char *const argv[], const posix_spawn_file_actions_t *files)
{
	static const char *const places[] = { "", "/usr/sbin/", "/usr/local/sbin/" };
	char path[128];

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		snprintf(path, sizeof path, "%s%s", places[i], argv[0]);
		if (spawn_at(pid, path, argv, files))
			return true;
	}
	return false;
}

/* Start ARGV with its stdout in a pipe, of which *FD is our end. */
static bool
start(pid_t *pid, int *fd, const char *const argv[])
{
	posix_spawn_file_actions_t files;
	int pipe_fd[2];
	bool ok;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return false;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, pipe_fd[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	ok = spawn(pid, argv, &files);
	posix_spawn_file_actions_destroy(&files);
	close(pipe_fd[1]);
	if (ok)
		*fd = pipe_fd[0];
	else
		close(pipe_fd[0]);
	return ok;
}

/* True when the program has ended its output, false when it takes too long or says too much. */
static bool
read_all(struct sbuf *out, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char *room;
	ssize_t n;

	while (poll(&p, 1, HOST_MILLISECONDS) > 0 && (room = sbuf_room(out, 512)) != NULL) {
		n = read(fd, room, 512);
		if (n <= 0)
			return n == 0;
		out->n += (size_t)n;
	}
	return false;
}

bool
host_ask(struct sbuf *out, const char *const argv[])
{
	struct sbuf text;
	struct slice rest, line;
	pid_t pid;
	int fd, status = -1;

	if (!start(&pid, &fd, argv))
		return false;
	sbuf_init(&text, HOST_LINE_MAX);
	if (!read_all(&text, fd))
		kill(pid, SIGKILL);
	close(fd);
	waitpid(pid, &status, 0);
	rest = sbuf_slice(&text);
	line = slice_trim(slice_cut(&rest, '\n'));
	if (status == 0)
		sbuf_add_slice(out, line);
	status = line.n > 0 ? status : -1;
	sbuf_release(&text);
	return status == 0;
}

bool
host_queue_directory(struct sbuf *out)
{
	static const char *const argv[] = { "postconf", "-h", "queue_directory", NULL };

	return host_ask(out, argv);
}

bool
host_dovecot_version(struct sbuf *out)
{
	static const char *const argv[] = { "dovecot", "--version", NULL };
	size_t blank;

	if (!host_ask(out, argv))
		return false;
	if (slice_chr(sbuf_slice(out), ' ', &blank))
		sbuf_truncate(out, blank);
	return true;
}
