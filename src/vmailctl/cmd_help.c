/* SPDX-License-Identifier: ISC
 *
 * help and version.
 */
#include <stdio.h>

#include "vmailctl/args.h"

enum exit_code
cmd_help(struct ctl *ctl)
{
	const struct command *c = NULL;
	const char *noun = NULL;
	enum exit_code e = EXIT_DONE;

	if (ctl_option(ctl, "all") != NULL) {
		help_print_all();
		return EXIT_DONE;
	}
	if (ctl->n > 0) {
		e = args_noun(ctl, ctl->args[0], &noun);
		c = e == EXIT_DONE ? args_sole(noun) : NULL;
	}
	if (e == EXIT_DONE && ctl->n > 1 && c == NULL)
		e = args_verb(ctl, noun, ctl->args[1], &c);
	if (e == EXIT_DONE)
		help_print(noun, c);
	return e;
}

enum exit_code
cmd_version(struct ctl *ctl)
{
	(void)ctl;
	puts("vmailctl " VMAILD_VERSION);
	return EXIT_DONE;
}
