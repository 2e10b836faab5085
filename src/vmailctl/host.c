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

enum { HOST_MILLISECONDS = 5000, HOST_TEXT_MAX = 4 << 20 };

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

/* Start ARGV with stdout and stderr in pipes, of which FD[0] and FD[1] are our ends. */
static bool
start(pid_t *pid, int fd[2], const char *const argv[])
{
	posix_spawn_file_actions_t files;
	int out[2], trouble[2];
	bool ok;

	if (pipe2(out, O_CLOEXEC) < 0)
		return false;
	if (pipe2(trouble, O_CLOEXEC) < 0) {
		close(out[0]);
		close(out[1]);
		return false;
	}
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, trouble[1], STDERR_FILENO);
	ok = spawn(pid, argv, &files);
	posix_spawn_file_actions_destroy(&files);
	close(out[1]);
	close(trouble[1]);
	fd[0] = out[0];
	fd[1] = trouble[0];
	if (!ok) {
		close(out[0]);
		close(trouble[0]);
	}
	return ok;
}

/* Take what there is to read: 1 more may come, 0 that was all, -1 it is too much. */
static int
read_some(struct sbuf *out, int fd)
{
	char *room = sbuf_room(out, 4096);
	ssize_t n = room != NULL ? read(fd, room, 4096) : -1;

	if (n > 0) {
		out->n += (size_t)n;
		out->p[out->n] = '\0';
	}
	return n > 0 ? 1 : (int)n;
}

/* True when the program has ended its output, false when it takes too long or says too much. */
static bool
read_all(struct sbuf *out, struct sbuf *trouble, const int fd[2])
{
	struct sbuf *into[2] = { out, trouble };
	struct pollfd p[2] = { { .fd = fd[0], .events = POLLIN },
		{ .fd = fd[1], .events = POLLIN } };

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		if (poll(p, 2, HOST_MILLISECONDS) <= 0)
			return false;
		for (int i = 0; i < 2; i++) {
			int more =
			    p[i].fd >= 0 && p[i].revents != 0 ? read_some(into[i], fd[i]) : 1;

			if (more < 0)
				return false;
			if (more == 0)
				p[i].fd = -1;
		}
	}
	return true;
}

int
host_run(struct sbuf *out, struct sbuf *trouble, const char *const argv[])
{
	struct sbuf unheard;
	pid_t pid;
	int fd[2], status = -1;

	if (!start(&pid, fd, argv))
		return -1;
	sbuf_init(&unheard, HOST_TEXT_MAX);
	if (!read_all(out, trouble != NULL ? trouble : &unheard, fd))
		kill(pid, SIGKILL);
	close(fd[0]);
	close(fd[1]);
	waitpid(pid, &status, 0);
	sbuf_release(&unheard);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool
host_ask(struct sbuf *out, const char *const argv[])
{
	struct sbuf text;
	struct slice rest, line;
	bool ok;

	sbuf_init(&text, HOST_TEXT_MAX);
	ok = host_run(&text, NULL, argv) == 0;
	rest = sbuf_slice(&text);
	line = slice_trim(slice_cut(&rest, '\n'));
	ok = ok && line.n > 0 && sbuf_add_slice(out, line);
	sbuf_release(&text);
	return ok;
}

bool
host_queue_directory(struct sbuf *out, const char *directory)
{
	const char *const usual[] = { "postconf", "-h", "queue_directory", NULL };
	const char *const there[] = { "postconf", "-c", directory, "-h", "queue_directory", NULL };

	return host_ask(out, directory != NULL ? there : usual);
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
