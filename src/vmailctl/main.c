/* SPDX-License-Identifier: ISC
 *
 * vmailctl, the admin's tool: reads the command line, runs one command, and makes sure that what it
 * printed has arrived. stdout is data, stderr is talk.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmailctl/args.h"
#include "vmailctl/pager.h"
#include "vmailctl/remains.h"
#include "vmailctl/run.h"

/* A caller may have closed one of the three: the store's file must not become our stdout. What
 * stands in for them fails on use, as a closed one does. */
static void
fill_standard_files(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static enum exit_code
run(struct ctl *ctl)
{
	if (ctl->version)
		return cmd_version(ctl);
	if (ctl->help)
		return help_show(ctl, ctl->noun, ctl->command);
	return run_command(ctl);
}

/* An answer that nobody could read is no answer; a change that was made stays made. Who leaves a
 * pager early has read enough. */
static enum exit_code
finish(const struct ctl *ctl, enum exit_code e)
{
	bool written = fflush(stdout) == 0 && !ferror(stdout);
	int why = errno;
	bool paged = pager_is_terminal();

	if (!pager_end()) {
		fputs("vmailctl: cannot run the pager: set PAGER to another, or to cat\n", stderr);
		return ctl->changed ? e : EXIT_AGAIN;
	}
	if (written || (paged && why == EPIPE))
		return e;
	if (why != EPIPE)
		fprintf(stderr, "vmailctl: cannot write to standard output: %s\n", strerror(why));
	return e == EXIT_DONE && !ctl->changed ? EXIT_AGAIN : e;
}

int
main(int argc, char *argv[])
{
	struct ctl ctl;
	enum exit_code e;

	fill_standard_files();
	signal(SIGPIPE, SIG_IGN);
	store_tell_unfinished(remains_note_database);
	setlocale(LC_CTYPE, "");
	ctl_init(&ctl);
	e = args_parse(&ctl, argc, argv);
	if (e == EXIT_DONE)
		e = finish(&ctl, run(&ctl));
	ctl_release(&ctl);
	return (int)e;
}
