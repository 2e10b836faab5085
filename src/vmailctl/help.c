/* SPDX-License-Identifier: ISC
 *
 * Help, all of it made from the table of commands.
 */
#include <stdio.h>
#include <string.h>

#include "vmailctl/cmd.h"
#include "vmailctl/pager.h"

enum { LINE_MAX_BYTES = 4096, NAME_WIDTH = 34 };

void
command_name(struct sbuf *out, const struct command *c)
{
	sbuf_add_str(out, c->noun);
	if (c->verb != NULL) {
		sbuf_add_chr(out, ' ');
		sbuf_add_str(out, c->verb);
	}
}

static void
put_option(struct sbuf *out, const struct option *o)
{
	sbuf_printf(out, "--%s", o->name);
	if (o->argument != NULL)
		sbuf_printf(out, " %s", o->argument);
}

static void
put_syntax(struct sbuf *out, const struct command *c)
{
	command_name(out, c);
	for (const struct option *o = c->options; o != NULL && o->name != NULL; o++) {
		sbuf_add_str(out, " [");
		put_option(out, o);
		sbuf_add_chr(out, ']');
	}
	if (c->arguments != NULL)
		sbuf_printf(out, " %s", c->arguments);
}

void
help_usage(struct sbuf *out, const struct command *c)
{
	sbuf_add_str(out, "usage: vmailctl ");
	put_syntax(out, c);
}

/* Tell whether a command is one of a noun's, in its own right or with another noun between. */
static bool
is_choice(const struct command *c, const char *noun)
{
	return noun == NULL || strcmp(noun, c->noun) == 0 ||
	       (c->behind != NULL && strcmp(noun, c->behind) == 0);
}

void
help_choices(struct sbuf *out, const char *noun)
{
	const struct command *c;
	const char *last = "", *separator = "";

	if (noun != NULL)
		sbuf_printf(out, "the verbs of '%s' are ", noun);
	else
		sbuf_add_str(out, "the commands are ");
	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		const char *word = noun != NULL && strcmp(noun, c->noun) == 0 ? c->verb : c->noun;

		if (!is_choice(c, noun) || strcmp(word, last) == 0)
			continue;
		sbuf_printf(out, "%s%s", separator, word);
		separator = ", ";
		last = word;
	}
}

/* --- --help ----------------------------------------------------------------------------------- */

/* Two columns; on a terminal the right one is folded into what is left of its width. */
static void
print_row(const struct sbuf *left, const char *right)
{
	int indent = 2 + NAME_WIDTH + 2;
	size_t width = SIZE_MAX, n;

	if (pager_is_terminal() && pager_columns() > (unsigned)indent + 20)
		width = pager_columns() - (unsigned)indent;
	n = text_line(right, width);
	printf("  %-*s  %.*s\n", NAME_WIDTH, sbuf_cstr(left), (int)n, right);
	while (right[n] != '\0') {
		right += n + 1;
		n = text_line(right, width);
		printf("%*s%.*s\n", indent, "", (int)n, right);
	}
}

static void
print_option(const struct option *o)
{
	struct sbuf left;

	sbuf_init(&left, LINE_MAX_BYTES);
	if (o->letter != '\0')
		sbuf_printf(&left, "-%c, ", o->letter);
	put_option(&left, o);
	print_row(&left, o->help);
	sbuf_release(&left);
}

static void
print_globals(void)
{
	const struct option *o;

	puts("\nwith every command:");
	for (size_t i = 0; (o = global_option_at(i)) != NULL; i++)
		print_option(o);
}

static void
print_command(const struct command *c)
{
	struct sbuf usage;

	sbuf_init(&usage, LINE_MAX_BYTES);
	help_usage(&usage, c);
	printf("%s\n\n%s\n", sbuf_cstr(&usage), c->summary);
	sbuf_release(&usage);
	if (c->detail != NULL)
		puts(c->detail);
	if (c->options != NULL)
		puts("\noptions:");
	for (const struct option *o = c->options; o != NULL && o->name != NULL; o++)
		print_option(o);
	print_globals();
	printf("\nexample:\n  %s\n", c->example);
}

static void
print_commands(const char *noun)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		struct sbuf left;

		if (!is_choice(c, noun))
			continue;
		sbuf_init(&left, LINE_MAX_BYTES);
		command_name(&left, c);
		if (c->arguments != NULL)
			sbuf_printf(&left, " %s", c->arguments);
		print_row(&left, c->summary);
		sbuf_release(&left);
	}
}

void
help_print(const char *noun, const struct command *c)
{
	pager_start();
	if (c != NULL) {
		print_command(c);
		return;
	}
	if (noun != NULL) {
		printf("usage: vmailctl %s VERB ...\n\n", noun);
		print_commands(noun);
	} else {
		puts("usage: vmailctl COMMAND ...\n\nthe domains, mailboxes and aliases of "
		     "vmaild\n");
		print_commands(NULL);
	}
	print_globals();
	puts(
	    "\nCommands, verbs and options may be shortened as long as it is clear what is meant.\n"
	    "More of one of them: vmailctl COMMAND --help");
}

/* --- the table as it is ----------------------------------------------------------------------- */

static void
print_fields(const char *kind, const struct command *c, const struct option *o)
{
	struct sbuf line;

	sbuf_init(&line, LINE_MAX_BYTES);
	sbuf_printf(&line, "%s\t", kind);
	if (c != NULL)
		command_name(&line, c);
	sbuf_add_chr(&line, '\t');
	if (o != NULL)
		put_option(&line, o);
	/* cppcheck-suppress nullPointer ; one of the two is given */
	else if (c->arguments != NULL)
		sbuf_add_str(&line, c->arguments);
	/* cppcheck-suppress nullPointer ; the same */
	printf("%s\t%s\n", sbuf_cstr(&line), o != NULL ? o->help : c->summary);
	sbuf_release(&line);
}

void
help_print_all(void)
{
	const struct command *c;
	const struct option *o;

	for (size_t i = 0; (o = global_option_at(i)) != NULL; i++)
		print_fields("global", NULL, o);
	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		print_fields("command", c, NULL);
		for (o = c->options; o != NULL && o->name != NULL; o++)
			print_fields("option", c, o);
	}
}
