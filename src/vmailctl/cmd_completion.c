/* SPDX-License-Identifier: ISC
 *
 * completion: scripts for bash, zsh and fish, made from the table of commands.
 *
 * bash and zsh share the body of their function, fish has a line per word. Names of domains,
 * mailboxes and aliases are asked of vmailctl while one completes; the shell never expands them,
 * since an address may hold a `$(...)`.
 */
#include <stdio.h>
#include <string.h>

#include "vmailctl/output.h"

enum { WORDS_MAX = 4096 };

/* clang-format off */

static const char bash_head[] =
	"# bash completion for vmailctl, made by 'vmailctl completion bash'\n"
	"_vmailctl()\n"
	"{\n"
	"\tlocal w take= noun= verb= n=0 list= from= options files= cur prev head\n"
	"\tlocal -a before with\n"
	"\tread -ra before <<<\"${COMP_LINE:0:COMP_POINT}x\"\n"
	"\tcur=${before[-1]%x} prev=${before[-2]}\n"
	"\tbefore=(\"${before[@]:1:${#before[@]}-2}\")\n";

static const char bash_tail[] =
	"\tif [[ $from == *--match ]]; then list=$(vmailctl \"${with[@]}\" $from \"$cur*\" 2>/dev/null)\n"
	"\telif [[ -n $from ]]; then list=$(vmailctl \"${with[@]}\" $from 2>/dev/null); fi\n"
	"\tif [[ -n $files ]]; then compopt -o default; fi\n"
	"\t# readline takes what follows an @ for a word of its own\n"
	"\thead=${cur%\"${COMP_WORDS[COMP_CWORD]}\"}\n"
	"\tCOMPREPLY=()\n"
	"\twhile read -r w; do\n"
	"\t\t[[ -n $w && $w == \"$cur\"* ]] || continue\n"
	"\t\tCOMPREPLY+=(\"$(printf %q \"${w#\"$head\"}\")\")\n"
	"\tdone <<<\"$list\"\n"
	"}\n"
	"complete -F _vmailctl vmailctl\n";

static const char zsh_head[] =
	"#compdef vmailctl\n"
	"# zsh completion for vmailctl, made by 'vmailctl completion zsh'\n"
	"_vmailctl()\n"
	"{\n"
	"\tlocal w take= noun= verb= n=0 list= from= options files=\n"
	"\tlocal cur=${words[CURRENT]} prev=${words[CURRENT-1]}\n"
	"\tlocal -a before with\n"
	"\tbefore=(\"${(@)words[2,CURRENT-1]}\")\n";

static const char zsh_tail[] =
	"\tif [[ $from == *--match ]]; then list=$(vmailctl \"${with[@]}\" ${=from} \"$cur*\" 2>/dev/null)\n"
	"\telif [[ -n $from ]]; then list=$(vmailctl \"${with[@]}\" ${=from} 2>/dev/null); fi\n"
	"\tif [[ -n $files ]]; then _files; else compadd -- ${(f)list}; fi\n"
	"}\n"
	"if [[ ${funcstack[1]} == _vmailctl ]]; then _vmailctl; else compdef _vmailctl vmailctl; fi\n";

/* From the words before the cursor to noun, verb and the number of arguments: the %s are the options that
 * take a value, the pairs of nouns of which the second counts, and the nouns that have verbs. */
static const char walk[] =
	"\tfor w in \"${before[@]}\"; do\n"
	"\t\tcase $take$w in\n"
	"\t\twith*) with+=(\"$w\"); take= ;;\n"
	"\t\tvalue*) take= ;;\n"
	"\t\t-c|--config|--store) with+=(\"$w\"); take=with ;;\n"
	"\t\t%s) take=value ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*)\tif [[ -z $noun ]]; then noun=$w\n"
	"\t\t\telif [[ -z $verb && ',%s,' == *\",$noun $w,\"* ]]; then noun=$w\n"
	"\t\t\telif [[ -z $verb && ' %s ' == *\" $noun \"* ]]; then verb=$w\n"
	"\t\t\telse n=$((n + 1)); fi ;;\n"
	"\t\tesac\n"
	"\tdone\n";

static const char lines[] =
	"\tif [[ $cur == -* ]]; then list=$options from=; fi\n"
	"\tlist=${list// /$'\\n'}\n";

static const char fish_head[] =
	"# fish completion for vmailctl, made by 'vmailctl completion fish'\n"
	"complete -c vmailctl -f\n";

static const char fish_verb[] =
	"complete -c vmailctl -n '__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from %s'"
	" -a %s -d ";

/* clang-format on */

/* --- lists of words out of the table ---------------------------------------------------------- */

static void
put_word(struct sbuf *out, const char *dashes, const char *word)
{
	sbuf_printf(out, "%s%s%s", out->n > 0 ? " " : "", dashes, word);
}

static bool
is_first_of_noun(size_t i)
{
	return i == 0 || strcmp(command_at(i - 1)->noun, command_at(i)->noun) != 0;
}

static void
put_nouns(struct sbuf *out, bool with_verbs_only)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		if (is_first_of_noun(i) && (c->verb != NULL || !with_verbs_only))
			put_word(out, "", c->noun);
}

/* The verbs of a noun, and the nouns that may stand behind it. */
static void
put_verbs(struct sbuf *out, const char *noun)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		if (strcmp(c->noun, noun) == 0)
			put_word(out, "", c->verb);
		else if (c->behind != NULL && strcmp(c->behind, noun) == 0 && is_first_of_noun(i))
			put_word(out, "", c->noun);
	}
}

/* "user app-password": nouns of which the second counts. */
static void
put_pairs(struct sbuf *out)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		if (c->behind != NULL && is_first_of_noun(i))
			sbuf_printf(out, "%s%s %s", out->n > 0 ? "," : "", c->behind, c->noun);
}

static void
put_options(struct sbuf *out, const struct option *o)
{
	for (; o != NULL && o->name != NULL; o++)
		put_word(out, "--", o->name);
}

/* "[TARGET...]": TARGET, and whether it may come again. */
static const struct argument_words *
words_of(struct slice argument, bool *repeats)
{
	char name[32];
	struct slice s = argument;

	*repeats = slice_ends(s, "...") || slice_ends(s, "...]");
	if (s.p[0] == '[')
		s = slice_of(s.p + 1, s.n - 2);
	if (*repeats)
		s.n -= 3;
	snprintf(name, sizeof name, "%.*s", (int)s.n, s.p);
	return argument_words(name);
}

static bool
is_file(const struct argument_words *w)
{
	return w != NULL && w->words == NULL && w->command == NULL;
}

/* --- bash and zsh ----------------------------------------------------------------------------- */

static void
print_words(const char *pattern, const char *variable, const struct sbuf *words)
{
	printf("\t%s) %s='%s' ;;\n", pattern, variable, sbuf_cstr(words));
}

static void
print_source(const char *pattern, const struct argument_words *w)
{
	if (w->words != NULL)
		printf("\t%s) list='%s' ;;\n", pattern, w->words);
	else if (!is_file(w))
		printf("\t%s) from='%s' ;;\n", pattern, w->command);
	else
		printf("\t%s) files=1 ;;\n", pattern);
}

static void
print_arguments(const struct command *c)
{
	struct slice rest = slice_str(c->arguments);
	const struct argument_words *w;
	char pattern[96];
	bool repeats;

	for (unsigned n = 0; rest.n > 0; n++) {
		w = words_of(slice_cut(&rest, ' '), &repeats);
		snprintf(pattern, sizeof pattern, repeats ? "'%s %s '*" : "'%s %s %u'", c->noun,
		    c->verb != NULL ? c->verb : "", n);
		if (w != NULL)
			print_source(pattern, w);
	}
}

static void
print_positions(void)
{
	const struct command *c;
	struct sbuf words;
	char pattern[96];

	sbuf_init(&words, WORDS_MAX);
	put_nouns(&words, false);
	puts("\tcase \"$noun $verb $n\" in");
	print_words("'  0'", "list", &words);
	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		if (is_first_of_noun(i) && c->verb != NULL) {
			snprintf(pattern, sizeof pattern, "'%s  0'", c->noun);
			sbuf_clear(&words);
			put_verbs(&words, c->noun);
			print_words(pattern, "list", &words);
		}
		print_arguments(c);
	}
	puts("\tesac");
	sbuf_release(&words);
}

static void
print_option_names(void)
{
	const struct command *c;
	struct sbuf words;
	char pattern[96];

	sbuf_init(&words, WORDS_MAX);
	put_options(&words, global_option_at(0));
	printf("\toptions='%s '\n\tcase \"$noun $verb\" in\n", sbuf_cstr(&words));
	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		if (c->options == NULL)
			continue;
		snprintf(
		    pattern, sizeof pattern, "'%s %s'", c->noun, c->verb != NULL ? c->verb : "");
		sbuf_clear(&words);
		put_options(&words, c->options);
		print_words(pattern, "options+", &words);
	}
	puts("\tesac");
	sbuf_release(&words);
}

static void
print_option_values(void)
{
	const struct command *c;
	char pattern[64];

	puts("\tcase $prev in\n\t-c|--config) list= from= files=1 ;;\n\t--store) list= from= ;;");
	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		for (const struct option *o = c->options; o != NULL && o->name != NULL; o++) {
			const struct argument_words *w;

			if (o->argument == NULL)
				continue;
			w = argument_words(o->argument);
			snprintf(pattern, sizeof pattern, "--%s", o->name);
			if (w != NULL)
				print_source(pattern, w);
			else
				printf("\t%s) list= from= ;;\n", pattern);
		}
	}
	puts("\tesac");
}

/* The options that take a value: the word behind one is no argument. */
static void
put_value_pattern(struct sbuf *out)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		for (const struct option *o = c->options; o != NULL && o->name != NULL; o++)
			if (o->argument != NULL)
				sbuf_printf(out, "%s--%s", out->n > 0 ? "|" : "", o->name);
}

static void
print_body(void)
{
	struct sbuf nouns, pairs, values;

	sbuf_init(&nouns, WORDS_MAX);
	sbuf_init(&pairs, WORDS_MAX);
	sbuf_init(&values, WORDS_MAX);
	put_nouns(&nouns, true);
	put_pairs(&pairs);
	put_value_pattern(&values);
	printf(walk, sbuf_cstr(&values), sbuf_cstr(&pairs), sbuf_cstr(&nouns));
	print_positions();
	print_option_values();
	print_option_names();
	fputs(lines, stdout);
	sbuf_release(&values);
	sbuf_release(&pairs);
	sbuf_release(&nouns);
}

static void
print_bash(void)
{
	fputs(bash_head, stdout);
	print_body();
	fputs(bash_tail, stdout);
}

static void
print_zsh(void)
{
	fputs(zsh_head, stdout);
	print_body();
	fputs(zsh_tail, stdout);
}

/* --- fish ------------------------------------------------------------------------------------- */

/* Text in a fish string: only \ and ' are special there. */
static void
print_quoted(const char *text)
{
	putchar('\'');
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '\'')
			putchar('\\');
		putchar(*text);
	}
	putchar('\'');
}

static void
print_fish_condition(const struct command *c)
{
	printf("complete -c vmailctl -n '__fish_seen_subcommand_from %s", c->noun);
	if (c->verb != NULL)
		printf("; and __fish_seen_subcommand_from %s", c->verb);
	putchar('\'');
}

static void
print_fish_words(const struct argument_words *w)
{
	if (w->words != NULL)
		printf(" -a '%s'", w->words);
	else if (!is_file(w))
		printf(" -a '(vmailctl %s%s 2>/dev/null)'", w->command,
		    slice_ends(slice_str(w->command), "--match") ? " (commandline -ct)\"*\"" : "");
	else
		fputs(" -F", stdout);
}

static void
print_fish_option(const struct option *o)
{
	const struct argument_words *w = o->argument != NULL ? argument_words(o->argument) : NULL;

	printf(" -l %s", o->name);
	if (o->letter != '\0')
		printf(" -s %c", o->letter);
	if (o->argument != NULL)
		fputs(is_file(w) ? " -r" : " -x", stdout);
	if (w != NULL)
		print_fish_words(w);
	fputs(" -d ", stdout);
	print_quoted(o->help);
	putchar('\n');
}

static void
print_fish_command(size_t i)
{
	const struct command *c = command_at(i);
	struct slice rest = slice_str(c->arguments);
	struct sbuf verbs;
	bool repeats;

	sbuf_init(&verbs, WORDS_MAX);
	if (c->verb == NULL) {
		printf("complete -c vmailctl -n __fish_use_subcommand -a %s -d ", c->noun);
	} else {
		if (is_first_of_noun(i))
			printf("complete -c vmailctl -n __fish_use_subcommand -a %s\n", c->noun);
		put_verbs(&verbs, c->noun);
		printf(fish_verb, c->noun, sbuf_cstr(&verbs), c->verb);
	}
	print_quoted(c->summary);
	putchar('\n');
	while (rest.n > 0) {
		const struct argument_words *w = words_of(slice_cut(&rest, ' '), &repeats);

		if (w == NULL)
			continue;
		print_fish_condition(c);
		print_fish_words(w);
		putchar('\n');
	}
	for (const struct option *o = c->options; o != NULL && o->name != NULL; o++) {
		print_fish_condition(c);
		print_fish_option(o);
	}
	sbuf_release(&verbs);
}

static void
print_fish(void)
{
	const struct option *o;

	fputs(fish_head, stdout);
	for (size_t i = 0; (o = global_option_at(i)) != NULL; i++) {
		fputs("complete -c vmailctl", stdout);
		print_fish_option(o);
	}
	for (size_t i = 0; command_at(i) != NULL; i++)
		print_fish_command(i);
}

/* ---------------------------------------------------------------------------------------------- */

struct shell {
	const char *name;
	void (*print)(void);
};

static void
print_shell(void *arg)
{
	const struct shell *shell = arg;

	shell->print();
}

enum exit_code
cmd_completion(struct ctl *ctl)
{
	struct shell shells[] = { { "bash", print_bash }, { "zsh", print_zsh },
		{ "fish", print_fish } };

	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		if (strcmp(shells[i].name, ctl->args[0]) == 0)
			return output_printed(ctl, print_shell, &shells[i]);
	return ctl_usage(ctl, "there is no completion for '%s': take one of %s", ctl->args[0],
	    argument_words("SHELL")->words);
}
