/* SPDX-License-Identifier: ISC
 *
 * The command line, read by the table of commands: words find noun and verb, options are looked for
 * among the command's own and those that every command takes.
 */
#include "vmailctl/args.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vmailctl/guess.h"
#include "vmailctl/run.h"

/* --- nouns and verbs -------------------------------------------------------------------------- */

static enum exit_code
refuse_word(struct ctl *ctl, const char *what, const struct guess *g)
{
	if (g->second != NULL)
		return ctl_usage(ctl, "'%s' could be '%s' or '%s'", g->typed, g->match, g->second);
	if (g->near != NULL)
		return ctl_usage(
		    ctl, "there is no %s '%s': did you mean '%s'?", what, g->typed, g->near);
	return ctl_usage(ctl, "there is no %s '%s'", what, g->typed);
}

enum exit_code
args_noun(struct ctl *ctl, const char *typed, const char **out)
{
	const struct command *c;
	const char *last = "";
	struct guess g;

	guess_init(&g, typed);
	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		if (strcmp(c->noun, last) != 0)
			guess_offer(&g, c->noun, c->verb == NULL ? c->also : NULL);
		last = c->noun;
	}
	if (!guess_sure(&g))
		return refuse_word(ctl, "command", &g);
	*out = g.match;
	return EXIT_DONE;
}

static const struct command *
find_command(const char *noun, const char *verb)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		if (strcmp(c->noun, noun) == 0 && (verb == NULL || strcmp(c->verb, verb) == 0))
			return c;
	return NULL;
}

static bool
stands_behind(const struct command *c, const char *noun)
{
	return c->behind != NULL && strcmp(c->behind, noun) == 0;
}

static const char *
find_behind(const char *noun, const char *word)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		if (stands_behind(c, noun) && strcmp(c->noun, word) == 0)
			return c->noun;
	return NULL;
}

enum exit_code
args_verb(struct ctl *ctl, const char **noun, const char *typed, const struct command **out)
{
	const char *last = "", *other;
	const struct command *c;
	struct guess g;

	guess_init(&g, typed);
	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		if (strcmp(c->noun, *noun) == 0)
			guess_offer(&g, c->verb, c->also);
		else if (stands_behind(c, *noun) && strcmp(c->noun, last) != 0)
			guess_offer(&g, c->noun, NULL);
		last = c->noun;
	}
	if (!guess_sure(&g))
		return refuse_word(ctl, "verb", &g);
	other = find_behind(*noun, g.match);
	*out = other == NULL ? find_command(*noun, g.match) : NULL;
	if (other != NULL)
		*noun = other;
	return EXIT_DONE;
}

const struct command *
args_sole(const char *noun)
{
	const struct command *c = find_command(noun, NULL);

	assert(c != NULL); /* every noun was found in the table */
	return c->verb == NULL ? c : NULL;
}

/* The first two words (or three) find the command, the others are its arguments. */
static enum exit_code
take_word(struct ctl *ctl, const char *word)
{
	enum exit_code e;

	if (ctl->command != NULL) {
		ctl->args[ctl->n++] = word;
		return EXIT_DONE;
	}
	if (ctl->noun != NULL)
		return args_verb(ctl, &ctl->noun, word, &ctl->command);
	e = args_noun(ctl, word, &ctl->noun);
	if (e == EXIT_DONE)
		ctl->command = args_sole(ctl->noun);
	return e;
}

/* --- options ---------------------------------------------------------------------------------- */

/* Walk the options in force: the command's, then everybody's. */
static const struct option *
option_at(const struct ctl *ctl, size_t i)
{
	const struct option *own = ctl->command != NULL ? ctl->command->options : NULL;
	size_t n = 0;

	while (own != NULL && own[n].name != NULL)
		if (n++ == i)
			return &own[i];
	return global_option_at(i - n);
}

static void
set_global(struct ctl *ctl, const struct option *o, const char *value)
{
	switch (o - global_option_at(0)) {
	case GLOBAL_CONFIG:
		ctl->conf_file = value;
		break;
	case GLOBAL_STORE:
		ctl->store_uri = value;
		break;
	case GLOBAL_JSON:
		ctl->json = true;
		break;
	case GLOBAL_DRY_RUN:
		ctl->dry_run = true;
		break;
	case GLOBAL_YES:
		ctl->yes = true;
		break;
	case GLOBAL_HELP:
		ctl->help = true;
		break;
	case GLOBAL_VERSION:
		ctl->version = true;
		break;
	}
}

static void
set_option(struct ctl *ctl, const struct option *o, const char *value)
{
	const struct option *own = ctl->command != NULL ? ctl->command->options : NULL;

	for (size_t i = 0; own != NULL && own[i].name != NULL; i++) {
		if (&own[i] == o) {
			ctl->option[i] = value;
			return;
		}
	}
	set_global(ctl, o, value);
}

const char *
ctl_option(const struct ctl *ctl, const char *name)
{
	const struct option *own = ctl->command->options;

	for (size_t i = 0; own != NULL && own[i].name != NULL; i++)
		if (strcmp(own[i].name, name) == 0)
			return ctl->option[i];
	return NULL;
}

/* VALUE is what was joined to the option (NULL: nothing); else the next word is taken. */
static enum exit_code
take_value(struct ctl *ctl, const struct option *o, const char *value, char **argv[])
{
	if (o->argument == NULL) {
		if (value != NULL)
			return ctl_usage(ctl, "option '--%s' takes no value", o->name);
		set_option(ctl, o, "");
		return EXIT_DONE;
	}
	if (value == NULL)
		value = *++*argv;
	if (value == NULL) {
		--*argv;
		return ctl_usage(ctl, "option '--%s' needs %s", o->name, o->argument);
	}
	set_option(ctl, o, value);
	return EXIT_DONE;
}

static enum exit_code
refuse_option(struct ctl *ctl, const struct guess *g)
{
	if (g->second != NULL)
		return ctl_usage(
		    ctl, "'--%s' could be '--%s' or '--%s'", g->typed, g->match, g->second);
	if (g->near != NULL)
		return ctl_usage(
		    ctl, "unknown option '--%s': did you mean '--%s'?", g->typed, g->near);
	if (ctl->command == NULL)
		return ctl_usage(
		    ctl, "unknown option '--%s': options of a command come after it", g->typed);
	return ctl_usage(ctl, "unknown option '--%s'", g->typed);
}

static enum exit_code
take_long(struct ctl *ctl, const char *text, char **argv[])
{
	char name[64];
	const char *value = strchr(text, '=');
	size_t n = value != NULL ? (size_t)(value - text) : strlen(text);
	const struct option *o;
	struct guess g;

	/* a name too long to be one is cut: it is unknown either way */
	n = n < sizeof name ? n : sizeof name - 1;
	memcpy(name, text, n);
	name[n] = '\0';
	guess_init(&g, name);
	for (size_t i = 0; (o = option_at(ctl, i)) != NULL; i++)
		guess_offer(&g, o->name, NULL);
	if (!guess_sure(&g))
		return refuse_option(ctl, &g);
	for (size_t i = 0; (o = option_at(ctl, i)) != NULL; i++)
		if (strcmp(o->name, g.match) == 0)
			break;
	assert(o != NULL); /* a sure guess is one of them */
	return take_value(ctl, o, value != NULL ? value + 1 : NULL, argv);
}

/* -c FILE, -cFILE; switches may be joined: -hc FILE. */
static enum exit_code
take_letters(struct ctl *ctl, const char *letters, char **argv[])
{
	enum exit_code e = EXIT_DONE;

	while (e == EXIT_DONE && *letters != '\0') {
		const struct option *o;
		size_t i = 0;

		while ((o = option_at(ctl, i)) != NULL && o->letter != *letters)
			i++;
		if (o == NULL)
			return ctl_usage(ctl, "unknown option '-%c'", *letters);
		letters++;
		if (o->argument != NULL)
			return take_value(ctl, o, *letters != '\0' ? letters : NULL, argv);
		e = take_value(ctl, o, NULL, argv);
	}
	return e;
}

/* --- the whole line --------------------------------------------------------------------------- */

enum exit_code
args_check_count(struct ctl *ctl)
{
	struct slice rest = slice_str(ctl->command->arguments);
	size_t n = 0;

	while (rest.n > 0) {
		struct slice word = slice_cut(&rest, ' ');

		if (n >= ctl->n && word.p[0] != '[')
			return ctl_usage(
			    ctl, "%.*s is missing", (int)strcspn(word.p, ". "), word.p);
		if (slice_ends(word, "...") || slice_ends(word, "...]"))
			return EXIT_DONE;
		n++;
	}
	if (ctl->n > n)
		return ctl_usage(ctl, "too many arguments: %zu", ctl->n);
	return EXIT_DONE;
}

static enum exit_code
check_whole(struct ctl *ctl)
{
	if (ctl->help || ctl->version)
		return EXIT_DONE;
	if (ctl->noun == NULL)
		return ctl_usage(ctl, "which command?");
	if (ctl->command == NULL)
		return ctl_usage(ctl, "'%s' needs a verb", ctl->noun);
	if (ctl->dry_run && !ctl->command->changes && !ctl->command->plans)
		return ctl_usage(ctl, "there is nothing to see with --dry-run: this command "
				      "changes no domain, mailbox, alias or map");
	if (run_is_many(ctl))
		return EXIT_DONE;
	return args_check_count(ctl);
}

enum exit_code
args_parse(struct ctl *ctl, int argc, char *argv[])
{
	enum exit_code e = EXIT_DONE;
	bool words = false;

	ctl->args = calloc((size_t)argc + 1, sizeof *ctl->args);
	if (ctl->args == NULL)
		return EXIT_AGAIN;
	for (argv += argc > 0; e == EXIT_DONE && *argv != NULL; argv++) {
		const char *a = *argv;

		if (words || a[0] != '-' || a[1] == '\0')
			e = take_word(ctl, a);
		else if (strcmp(a, "--") == 0)
			words = true;
		else if (a[1] == '-')
			e = take_long(ctl, a + 2, &argv);
		else
			e = take_letters(ctl, a + 1, &argv);
	}
	return e == EXIT_DONE ? check_whole(ctl) : e;
}
