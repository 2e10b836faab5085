/* SPDX-License-Identifier: ISC
 *
 * One transaction around a command that is run many times, or whose changes are not kept. Of many
 * lines all are made or none: the ones that are refused are named.
 */
#include "vmailctl/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmailctl/args.h"
#include "vmailctl/changes.h"
#include "vmailctl/output.h"
#include "vmailctl/source.h"

enum { WORDS_MAX = 1024 };

static const char blanks[] = " \t\r\n";

bool
run_is_many(const struct ctl *ctl)
{
	return ctl->command != NULL && ctl->command->many && ctl->n == 1 &&
	       strcmp(ctl->args[0], "-") == 0;
}

enum outcome
run_batch_begin(struct ctl *ctl)
{
	enum outcome o;

	if (ctl->batch || !ctl->command->changes || (!ctl->dry_run && ctl->line == 0))
		return FOUND;
	o = store_batch_begin(ctl->store, &ctl->err);
	if (o == FOUND)
		o = store_last_change(ctl->store, &ctl->before, &ctl->err);
	ctl->batch = o == FOUND;
	return o;
}

/* --- lines --------------------------------------------------------------------------------------
 */

/* Where the double quote that WORD begins with is closed. */
static const char *
closing_quote(const char *word)
{
	const char *p = word + 1;

	for (; *p != '\0' && *p != '"'; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return p;
}

/* Quotes around a whole word are there for its blanks alone: they go, and within them a backslash
 * before a quote or another. Those of an address, which has something behind them, are a part of
 * it. */
static void
unquote(char *word)
{
	const char *from = word + 1, *end;

	if (word[0] != '"')
		return;
	end = closing_quote(word);
	if (end[0] != '"' || end[1] != '\0')
		return;
	for (; from < end; from++) {
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		*word++ = *from;
	}
	*word = '\0';
}

/* Cut LINE into words at blanks; those within double quotes belong to the word. */
static size_t
cut_words(char *line, const char **words)
{
	size_t n = 0;
	bool quoted = false;

	while (*line != '\0' && n < WORDS_MAX) {
		char *word = line;

		words[n++] = word;
		for (; *line != '\0' && (quoted || strchr(blanks, *line) == NULL); line++) {
			if (*line == '\\' && line[1] != '\0')
				line++;
			else if (*line == '"')
				quoted = !quoted;
		}
		if (*line != '\0')
			*line++ = '\0';
		line += strspn(line, blanks);
		unquote(word);
	}
	words[n] = NULL;
	return n;
}

static enum exit_code
run_line(struct ctl *ctl, char *line)
{
	enum exit_code e;

	ctl->err.text[0] = '\0';
	line += strspn(line, blanks);
	if (line[0] == '\0' || line[0] == '#')
		return EXIT_DONE;
	ctl->n = cut_words(line, ctl->args);
	e = args_check_count(ctl);
	return e == EXIT_DONE ? ctl->command->run(ctl) : e;
}

/* The worst that happened. Whoever could not look or write does not try the next line. */
static enum exit_code
run_lines(struct ctl *ctl, char *text)
{
	enum exit_code worst = EXIT_DONE;

	while (worst != EXIT_AGAIN && *text != '\0') {
		char *end = text + strcspn(text, "\n"), *next = end + (*end != '\0');
		enum exit_code e;

		*end = '\0';
		ctl->line++;
		e = run_line(ctl, text);
		worst = e > worst ? e : worst;
		text = next;
	}
	return worst;
}

/* Who has nothing to be done is told that it was done, and of a store that is not there. */
static enum exit_code
begin_without_lines(struct ctl *ctl)
{
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o == FOUND)
		o = run_batch_begin(ctl);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot make the changes");
	return ctl->batch ? EXIT_DONE : ctl_done(ctl, slice_str(NULL), "0 lines, 0 changes");
}

static enum exit_code
run_text(struct ctl *ctl, char *text)
{
	const char **words = calloc(WORDS_MAX + 1, sizeof *words);
	const char **typed = ctl->args;
	enum exit_code e;

	if (words == NULL)
		return ctl_fail(ctl, RETRY, "no memory");
	ctl->args = words;
	e = run_lines(ctl, text);
	if (e == EXIT_DONE && ctl->command->changes && !ctl->batch)
		e = begin_without_lines(ctl);
	ctl->args = typed;
	ctl->n = 1;
	if (ctl->json && ctl->refused != FOUND)
		output_verdict(ctl, ctl->refused, slice_str(NULL), ctl->why.text);
	free(words);
	return e;
}

/* All lines are there before the first is made: from then on nobody else can write to the store,
 * and whoever types them, or has them from a slow program, takes his time. */
static enum exit_code
run_many(struct ctl *ctl)
{
	enum exit_code e;
	struct sbuf text;
	enum outcome o;

	sbuf_init(&text, SOURCE_STDIN_MAX);
	o = source_stdin(&text, &ctl->err);
	if (o == FOUND && memchr(sbuf_cstr(&text), '\0', text.n) != NULL)
		o = error_set(&ctl->err, BAD, "standard input is no text: it has a NUL in it");
	if (o == FOUND && !sbuf_add_chr(&text, '\0'))
		o = error_set(&ctl->err, RETRY, "cannot read standard input: it is too large");
	e = o == FOUND ? run_text(ctl, text.p) : ctl_fail(ctl, o, "cannot read standard input");
	sbuf_release(&text);
	return e;
}

/* --- the end of it ------------------------------------------------------------------------------
 */

static enum exit_code
end_batch(struct ctl *ctl, enum exit_code e)
{
	bool keep = e == EXIT_DONE && !ctl->dry_run;
	size_t lines = ctl->line;
	enum outcome o = FOUND;

	ctl->line = 0;
	if (e == EXIT_DONE)
		o = changes_count(ctl, &ctl->count);
	if (o == FOUND && e == EXIT_DONE && ctl->dry_run)
		o = changes_show(ctl);
	ctl->batch = false;
	if (store_batch_end(ctl->store, keep && o == FOUND, o == FOUND ? &ctl->err : NULL) != FOUND)
		o = RETRY;
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot make the changes");
	if (e != EXIT_DONE) {
		if (lines > 0)
			fputs("vmailctl: nothing was changed\n", stderr);
		return e;
	}
	if (ctl->dry_run)
		return EXIT_DONE;
	return ctl_done(ctl, slice_str(NULL), "%zu lines, %zu changes", lines, ctl->count);
}

enum exit_code
run_command(struct ctl *ctl)
{
	enum exit_code e = run_is_many(ctl) ? run_many(ctl) : ctl->command->run(ctl);

	return ctl->batch ? end_batch(ctl, e) : e;
}
