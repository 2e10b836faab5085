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
	for (size_t i = 1; e == EXIT_DONE && i < ctl->n && c == NULL; i++)
		e = args_verb(ctl, &noun, ctl->args[i], &c);
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
