/* SPDX-License-Identifier: ISC
 *
 * The pager is a child that reads what was our stdout; ours leads to it.
 */
#include "vmailctl/pager.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t pager; /* 0: none was started */

bool
pager_is_terminal(void)
{
	return pager > 0 || isatty(STDOUT_FILENO);
}

unsigned
pager_columns(void)
{
	struct winsize size;

	/* behind a pager, stderr is what still is the terminal */
	if ((ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ||
		ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0) &&
	    size.ws_col > 0)
		return size.ws_col;
	return 80;
}

size_t
text_line(const char *text, size_t width)
{
	size_t n = strlen(text), end = n;

	if (n <= width)
		return n;
	for (size_t i = 0; i < n && (i <= width || end == n); i++)
		if (text[i] == ' ')
			end = i;
	return end;
}

/* What the admin chose, or less where there is one; NULL for none. */
static const char *
program(void)
{
	const char *name = getenv("PAGER");

	if (name == NULL)
		return "if command -v less >/dev/null; then exec less; else exec cat; fi";
	return name[0] == '\0' || strcmp(name, "cat") == 0 ? NULL : name;
}

static void
become(const char *name, const int ends[2])
{
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	close(ends[1]);
	setenv("LESS", "FRX", 0); /* leave at once when it fits, keep colours, keep the screen */
	execl("/bin/sh", "sh", "-c", name, (char *)NULL);
	_exit(127);
}

void
pager_start(void)
{
	const char *name = program();
	int ends[2];

	if (pager > 0 || name == NULL || !isatty(STDOUT_FILENO) || pipe(ends) != 0)
		return;
	fflush(stdout);
	pager = fork();
	if (pager == 0)
		become(name, ends);
	if (pager > 0) {
		dup2(ends[1], STDOUT_FILENO);
		signal(SIGINT, SIG_IGN); /* it is for the pager, and we must not leave before it */
	}
	close(ends[0]);
	close(ends[1]);
}

bool
pager_end(void)
{
	int status = 0;

	if (pager <= 0)
		return true;
	close(STDOUT_FILENO);
	while (waitpid(pager, &status, 0) < 0 && errno == EINTR)
		continue;
	/* what a shell says of a program that is not there or cannot be run */
	return !WIFEXITED(status) || WEXITSTATUS(status) < 126;
}
