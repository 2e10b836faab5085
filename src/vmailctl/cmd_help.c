/* SPDX-License-Identifier: ISC
 *
 * help and version.
 */
#include "vmailctl/args.h"
#include "vmailctl/output.h"

struct topic {
	const char *noun;
	const struct command *command;
};

static void
print_topic(void *arg)
{
	const struct topic *t = arg;

	help_print(t->noun, t->command);
}

static void
print_all(void *arg)
{
	(void)arg;
	help_print_all();
}

enum exit_code
help_show(struct ctl *ctl, const char *noun, const struct command *c)
{
	struct topic t = { .noun = noun, .command = c };

	return output_printed(ctl, print_topic, &t);
}

enum exit_code
cmd_help(struct ctl *ctl)
{
	const struct command *c = NULL;
	const char *noun = NULL;
	enum exit_code e = EXIT_DONE;

	if (ctl_option(ctl, "all") != NULL)
		return output_printed(ctl, print_all, NULL);
	if (ctl->n > 0) {
		e = args_noun(ctl, ctl->args[0], &noun);
		c = e == EXIT_DONE ? args_sole(noun) : NULL;
	}
	for (size_t i = 1; e == EXIT_DONE && i < ctl->n && c == NULL; i++)
		e = args_verb(ctl, &noun, ctl->args[i], &c);
	return e == EXIT_DONE ? help_show(ctl, noun, c) : e;
}

enum exit_code
cmd_version(struct ctl *ctl)
{
	return output_text(ctl, "text", slice_str("vmailctl " VMAILD_VERSION "\n"));
}
