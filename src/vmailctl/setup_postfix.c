/* SPDX-License-Identifier: ISC
 *
 * main.cf with the lines that `vmailctl config postfix` prints. Postfix's own postconf edits, on a
 * copy: it keeps comments and order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmailctl/config.h"
#include "vmailctl/host.h"
#include "vmailctl/remains.h"
#include "vmailctl/setup.h"

enum { LINES_MAX = 64, TEXT_MAX = 1 << 20 };

/* "name = value" for postconf -e, one after the other, each ended by a NUL. */
struct lines {
	struct sbuf text;
	size_t at[LINES_MAX];
	size_t n;
};

/* A parameter as it is written or, EXPANDED, with what its $names stand for. */
static bool
get_parameter(struct sbuf *out, const char *directory, const char *name, bool expanded)
{
	const char *argv[7] = { "postconf" };
	size_t n = 1;

	if (directory != NULL) {
		argv[n++] = "-c";
		argv[n++] = directory;
	}
	if (expanded)
		argv[n++] = "-x";
	argv[n++] = "-h";
	argv[n++] = name;
	return host_ask(out, argv);
}

/* Where main.cf is, or should be: without one, postconf knows only what was built in. */
static bool
find_directory(struct sbuf *out, const char *where)
{
	static const char *const built_in[] = { "postconf", "-h", "-d", "config_directory", NULL };

	if (where != NULL)
		return sbuf_add_str(out, where);
	return get_parameter(out, NULL, "config_directory", false) || host_ask(out, built_in);
}

/* --- what to write ------------------------------------------------------------------------------
 */

static bool
is_list(struct slice name)
{
	return slice_ends(name, "_restrictions");
}

/* What stands in the list already stays, behind ours; when ours is there, nothing changes. */
static void
put_list(struct sbuf *out, struct slice ours, struct slice theirs)
{
	if (theirs.n > 0 && memmem(theirs.p, theirs.n, "sender_login_mismatch", 21) != NULL) {
		sbuf_add_slice(out, theirs);
		return;
	}
	sbuf_add_slice(out, ours);
	if (theirs.n > 0)
		sbuf_printf(out, ", %.*s", (int)theirs.n, theirs.p);
}

/* --- who is asked no more ------------------------------------------------------------------------
 */

enum { NAMES_SHOWN = 10 };

/* What a parameter names, and no longer will. */
struct lost {
	struct ctl *ctl;
	struct slice parameter;
	struct sbuf tables;
	struct sbuf domains; /* which are not in the store */
	size_t n;            /* of these */
	bool unread;         /* the store cannot be */
};

/* Take a word off the front; what is in braces is a part of one. */
static struct slice
take_word(struct slice *rest)
{
	struct slice word;
	size_t n = 0, depth = 0;

	while (rest->n > 0 && strchr(" \t,", rest->p[0]) != NULL)
		*rest = slice_tail(*rest, 1);
	for (; n < rest->n && (depth > 0 || strchr(" \t,", rest->p[n]) == NULL); n++) {
		if (rest->p[n] == '{')
			depth++;
		else if (rest->p[n] == '}' && depth > 0)
			depth--;
	}
	word = slice_head(*rest, n);
	*rest = slice_tail(*rest, n);
	return word;
}

static void
note(struct sbuf *list, struct slice word)
{
	sbuf_printf(list, "%s%.*s", list->n > 0 ? ", " : "", (int)word.n, word.p);
}

static bool
is_in_store(struct lost *l, struct slice domain)
{
	struct sbuf typed, folded;
	enum outcome o;

	sbuf_init(&typed, TEXT_MAX);
	sbuf_init(&folded, TEXT_MAX);
	sbuf_add_slice(&typed, domain);
	o = ctl_domain(l->ctl, sbuf_cstr(&typed), &folded);
	l->ctl->err.text[0] = '\0';
	l->unread |= o == RETRY;
	sbuf_release(&folded);
	sbuf_release(&typed);
	return o == FOUND;
}

/* A table, the file of a list, or a domain. */
static void
note_word(struct lost *l, struct slice word)
{
	if (slice_starts(word, "proxy:"))
		word = slice_tail(word, 6);
	if (slice_starts(word, "socketmap:"))
		return;
	if (slice_starts(word, "/") || memchr(word.p, ':', word.n) != NULL)
		note(&l->tables, word);
	else if (slice_ends(l->parameter, "_domains") && !is_in_store(l, word) &&
		 l->n++ < NAMES_SHOWN)
		note(&l->domains, word);
}

static void
say_lost(const struct lost *l)
{
	int n = (int)l->parameter.n;
	char more[64] = "";

	if (l->n > NAMES_SHOWN)
		snprintf(more, sizeof more, " and %zu others", l->n - NAMES_SHOWN);
	if (l->tables.n > 0)
		ctl_warn("%.*s will ask '%s' no more: what is in there must be in the store", n,
		    l->parameter.p, l->tables.p);
	if (l->n > 0)
		ctl_warn("%.*s will name '%s'%s no more, %s: mail is refused for a domain that is "
			 "not in the store",
		    n, l->parameter.p, l->domains.p, more,
		    l->unread ? "and the store cannot be read" : "which the store does not know");
}

/* What is in a list or a table of somebody else should be in the store first. Where a list is that
 * of another parameter, it is told of there. */
static void
warn_of_lost(struct ctl *ctl, const char *directory, struct slice parameter, struct slice theirs)
{
	struct lost l = { .ctl = ctl, .parameter = parameter };
	struct sbuf name, expanded;
	struct slice rest, word;

	if (!(slice_ends(parameter, "_maps") || slice_ends(parameter, "_domains")) ||
	    slice_is(theirs, "$virtual_mailbox_maps") || slice_is(theirs, "$virtual_alias_maps"))
		return;
	sbuf_init(&name, 256);
	sbuf_init(&expanded, TEXT_MAX);
	sbuf_init(&l.tables, TEXT_MAX);
	sbuf_init(&l.domains, TEXT_MAX);
	sbuf_add_slice(&name, parameter);
	get_parameter(&expanded, directory, sbuf_cstr(&name), true);
	rest = sbuf_slice(&expanded);
	while ((word = take_word(&rest)).n > 0)
		note_word(&l, word);
	say_lost(&l);
	sbuf_release(&l.domains);
	sbuf_release(&l.tables);
	sbuf_release(&expanded);
	sbuf_release(&name);
}

/* --- the lines -----------------------------------------------------------------------------------
 */

static void
add_line(struct lines *lines, struct ctl *ctl, const char *directory, struct slice name,
    struct slice value)
{
	struct sbuf theirs, wanted, key;

	sbuf_init(&theirs, TEXT_MAX);
	sbuf_init(&wanted, TEXT_MAX);
	sbuf_init(&key, 256);
	sbuf_add_slice(&key, name);
	get_parameter(&theirs, directory, sbuf_cstr(&key), false);
	if (is_list(name))
		put_list(&wanted, value, sbuf_slice(&theirs));
	else
		sbuf_add_slice(&wanted, value);
	if (!slice_eq(sbuf_slice(&wanted), sbuf_slice(&theirs)) && lines->n < LINES_MAX) {
		warn_of_lost(ctl, directory, name, sbuf_slice(&theirs));
		lines->at[lines->n++] = lines->text.n;
		sbuf_printf(&lines->text, "%s = %s", sbuf_cstr(&key), sbuf_cstr(&wanted));
		sbuf_add_chr(&lines->text, '\0');
	}
	sbuf_release(&key);
	sbuf_release(&wanted);
	sbuf_release(&theirs);
}

/* Those lines of `config postfix` that are no comments and not in force yet. */
static void
gather(struct lines *lines, struct ctl *ctl, const char *directory)
{
	struct sbuf text;
	struct slice rest;

	sbuf_init(&text, TEXT_MAX);
	config_put_postfix(&text, ctl->conf, directory);
	rest = sbuf_slice(&text);
	while (rest.n > 0) {
		struct slice value = slice_cut(&rest, '\n'), name;

		if (value.n == 0 || value.p[0] == '#')
			continue;
		name = slice_trim(slice_cut(&value, '='));
		add_line(lines, ctl, directory, name, slice_trim(value));
	}
	sbuf_release(&text);
}

/* --- editing a copy -----------------------------------------------------------------------------
 */

static enum outcome
run_postconf(const struct lines *lines, const char *directory, struct error *err)
{
	const char *argv[LINES_MAX + 5] = { "postconf", "-c", directory, "-e" };
	struct sbuf out, trouble;
	int status;

	for (size_t i = 0; i < lines->n; i++)
		argv[4 + i] = lines->text.p + lines->at[i];
	sbuf_init(&out, TEXT_MAX);
	sbuf_init(&trouble, TEXT_MAX);
	status = host_run(&out, &trouble, argv);
	if (status != 0)
		error_set(err, RETRY, "postconf cannot edit a copy of main.cf: %.300s",
		    sbuf_cstr(&trouble));
	sbuf_release(&trouble);
	sbuf_release(&out);
	return status == 0 ? FOUND : RETRY;
}

static bool
write_file(const char *path, struct slice text)
{
	FILE *f = fopen(path, "we");
	bool ok = f != NULL && fwrite(text.p, 1, text.n, f) == text.n;

	return f != NULL && fclose(f) == 0 && ok;
}

static enum outcome
edit_in(const char *directory, struct edit *edit, const struct lines *lines, struct error *err)
{
	char path[64];
	enum outcome o = RETRY;

	snprintf(path, sizeof path, "%s/main.cf", directory);
	if (!write_file(path, sbuf_slice(&edit->old)))
		error_set(err, RETRY, "cannot write '%s'", path);
	else
		o = run_postconf(lines, directory, err);
	if (o == FOUND && !edits_read(&edit->now, path))
		o = error_set(err, RETRY, "cannot read '%s'", path);
	unlink(path);
	return o;
}

static enum outcome
edit_copy(struct edit *edit, const struct lines *lines, struct error *err)
{
	char directory[] = "/tmp/vmailctl-XXXXXX";
	enum outcome o;

	remains_hold(true);
	if (mkdtemp(directory) == NULL)
		o = error_set(err, RETRY, "cannot make a directory in /tmp to edit main.cf in");
	else {
		o = edit_in(directory, edit, lines, err);
		rmdir(directory);
	}
	remains_hold(false);
	return o;
}

static enum outcome
plan_in(struct ctl *ctl, const char *directory, struct edits *edits)
{
	struct lines lines = { .n = 0 };
	char path[EDIT_PATH_MAX];
	struct edit *edit;
	enum outcome o = FOUND;

	snprintf(path, sizeof path, "%s/main.cf", directory);
	edit = edits_open(edits, path, false, &ctl->err);
	if (edit == NULL)
		return RETRY;
	sbuf_init(&lines.text, TEXT_MAX);
	gather(&lines, ctl, directory);
	if (lines.text.failed)
		o = error_set(&ctl->err, RETRY, "no memory for the lines of main.cf");
	else if (lines.n > 0)
		o = edit_copy(edit, &lines, &ctl->err);
	sbuf_release(&lines.text);
	return o;
}

enum outcome
setup_postfix(struct ctl *ctl, const char *where, struct edits *edits)
{
	static const char *const version[] = { "postconf", "-h", "-d", "mail_version", NULL };
	struct sbuf directory, said;
	enum outcome o = NONE;

	sbuf_init(&directory, EDIT_PATH_MAX);
	sbuf_init(&said, TEXT_MAX);
	if (host_ask(&said, version) && find_directory(&directory, where))
		o = plan_in(ctl, sbuf_cstr(&directory), edits);
	sbuf_release(&said);
	sbuf_release(&directory);
	return o;
}

enum outcome
setup_verify_postfix(struct ctl *ctl, const char *where)
{
	const char *usual[] = { "postconf", "-n", NULL };
	const char *there[] = { "postconf", "-c", where, "-n", NULL };
	struct sbuf out, trouble;
	int status;

	sbuf_init(&out, TEXT_MAX);
	sbuf_init(&trouble, TEXT_MAX);
	status = host_run(&out, &trouble, where != NULL ? there : usual);
	if (status != 0)
		error_set(&ctl->err, RETRY, "postconf: %.300s", sbuf_cstr(&trouble));
	sbuf_release(&trouble);
	sbuf_release(&out);
	return status == 0 ? FOUND : RETRY;
}
