/* SPDX-License-Identifier: ISC
 *
 * Questions are put on standard error and answered on standard input, by people only.
 */
#include "vmailctl/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
is_yes(const char *line)
{
	return strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0;
}

static bool
is_somebody_there(void)
{
	return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

static enum exit_code
ask(const char *question)
{
	char line[16] = "";

	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(line, sizeof line, stdin) != NULL && is_yes(line))
		return EXIT_DONE;
	fputs("nothing was changed\n", stderr);
	return EXIT_NOT;
}

enum exit_code
ask_consent(struct ctl *ctl, const char *fmt, ...)
{
	char question[512];
	va_list ap;

	if (ctl->yes || ctl->dry_run)
		return EXIT_DONE;
	va_start(ap, fmt);
	vsnprintf(question, sizeof question, fmt, ap);
	va_end(ap);
	if (is_somebody_there())
		return ask(question);
	ctl->err.text[0] = '\0'; /* of what was no failure in the end */
	ctl_fail(ctl, BAD, "%s there is nobody to ask: say --yes%s", question,
	    ctl->command->changes ? ", or see with --dry-run" : "");
	return EXIT_USAGE;
}

enum exit_code
ask_on_terminal(struct ctl *ctl, const char *fmt, ...)
{
	char question[512];
	va_list ap;

	if (ctl->yes || ctl->dry_run || ctl->line > 0 || !is_somebody_there())
		return EXIT_DONE;
	va_start(ap, fmt);
	vsnprintf(question, sizeof question, fmt, ap);
	va_end(ap);
	return ask(question);
}
