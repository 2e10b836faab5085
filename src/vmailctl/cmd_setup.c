/* SPDX-License-Identifier: ISC
 *
 * setup: writes what `config postfix` and `config dovecot` print to where it belongs. First it is
 * shown, then asked for, then written with the old kept, then tried; what does not work is taken
 * back.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmailctl/doctor.h"
#include "vmailctl/output.h"
#include "vmailctl/remains.h"
#include "vmailctl/setup.h"

enum { DIFF_MAX = 8 << 20 };

static const struct setup_program programs[] = {
	{ "postfix", "postfix", setup_postfix, setup_verify_postfix, "postfix reload" },
	{ "dovecot", "dovecot", setup_dovecot, setup_verify_dovecot, "doveadm reload" },
};

enum { PROGRAMS = sizeof programs / sizeof *programs };

struct setup {
	struct ctl *ctl;
	struct edits edits;
	bool here[PROGRAMS]; /* it is to be set up, and can be */
};

/* --- what was asked for -------------------------------------------------------------------------
 */

static bool
wanted(const struct ctl *ctl, const struct setup_program *p)
{
	return ctl->n == 0 || strcmp(ctl->args[0], p->name) == 0;
}

static enum exit_code
check_request(struct ctl *ctl)
{
	bool known = ctl->n == 0, talks = isatty(STDIN_FILENO) && !ctl->json;

	for (size_t i = 0; i < PROGRAMS; i++)
		known |= wanted(ctl, &programs[i]);
	if (!known)
		return ctl_usage(
		    ctl, "'%s' cannot be set up: it is postfix or dovecot", ctl->args[0]);
	if (!talks && !ctl->yes && !ctl->dry_run)
		return ctl_usage(ctl,
		    "there is no terminal to ask on: look with --dry-run first, then add --yes");
	return EXIT_DONE;
}

/* --- planning -----------------------------------------------------------------------------------
 */

static enum outcome
plan_one(struct setup *s, size_t i)
{
	const struct setup_program *p = &programs[i];
	enum outcome o = p->plan(s->ctl, ctl_option(s->ctl, p->option), &s->edits);

	s->here[i] = o == FOUND;
	if (o != NONE)
		return o;
	if (s->ctl->n > 0)
		return error_set(&s->ctl->err, NONE, "there is no %s here to set up", p->name);
	ctl_warn("there is no %s here: nothing is set up for it", p->name);
	return FOUND;
}

static enum outcome
plan(struct setup *s)
{
	enum outcome o = FOUND;

	for (size_t i = 0; i < PROGRAMS && o == FOUND; i++)
		if (wanted(s->ctl, &programs[i]))
			o = plan_one(s, i);
	return o;
}

/* --- showing ------------------------------------------------------------------------------------
 */

static void
show(const struct setup *s)
{
	struct sbuf diff;

	for (size_t i = 0; i < s->edits.n && !s->ctl->json; i++) {
		if (!edit_is_change(&s->edits.edit[i]))
			continue;
		sbuf_init(&diff, DIFF_MAX);
		edit_put_diff(&diff, &s->edits.edit[i]);
		fwrite(diff.p, 1, diff.n, stdout);
		sbuf_release(&diff);
	}
	if (edits_count(&s->edits) == 0 && !s->ctl->json)
		puts("nothing is to be changed");
	s->ctl->printed |= !s->ctl->json;
	fflush(stdout);
}

static json_t *
json_edit(const struct edit *edit)
{
	struct sbuf diff;
	json_t *j;

	sbuf_init(&diff, DIFF_MAX);
	edit_put_diff(&diff, edit);
	j = json_pack("{s:o, s:b, s:o, s:o}", "path", output_json_text(slice_str(edit->path)),
	    "new", (int)edit->is_new, "backup",
	    edit->backup[0] != '\0' ? output_json_text(slice_str(edit->backup)) : json_null(),
	    "diff", output_json_text(sbuf_slice(&diff)));
	sbuf_release(&diff);
	return j;
}

static enum exit_code
show_json(struct setup *s, bool written, json_t *findings)
{
	json_t *files = json_array();

	for (size_t i = 0; i < s->edits.n; i++)
		if (edit_is_change(&s->edits.edit[i]))
			json_array_append_new(files, json_edit(&s->edits.edit[i]));
	return output_json(
	    s->ctl, json_pack("{s:o, s:b, s:o}", "files", files, "written", (int)written,
			"findings", findings != NULL ? findings : json_null()));
}

/* --- writing ------------------------------------------------------------------------------------
 */

static bool
confirmed(const struct setup *s)
{
	size_t n = edits_count(&s->edits);
	char answer[16] = "";

	if (s->ctl->yes)
		return true;
	fprintf(stderr, "write %zu file%s, and keep the old beside the new? [y/N] ", n,
	    n == 1 ? "" : "s");
	return fgets(answer, sizeof answer, stdin) != NULL &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}

static enum outcome
verify(const struct setup *s)
{
	enum outcome o = FOUND;

	for (size_t i = 0; i < PROGRAMS && o == FOUND; i++)
		if (s->here[i])
			o = programs[i].verify(s->ctl, ctl_option(s->ctl, programs[i].option));
	return o;
}

static enum outcome
take_back(struct setup *s)
{
	struct error why = s->ctl->err, more = { "" };

	if (edits_undo(&s->edits, &more) == FOUND)
		error_set(&s->ctl->err, RETRY, "nothing was changed, for %.440s", why.text);
	else
		s->ctl->err = more;
	return RETRY;
}

/* Does what was written work, and does nobody want us to stop? */
static enum outcome
try_out(const struct setup *s, enum outcome before)
{
	struct error why;

	if (before == FOUND && verify(s) != FOUND) {
		why = s->ctl->err;
		return error_set(&s->ctl->err, RETRY, "it would not work: %.400s", why.text);
	}
	s->ctl->err.text[0] = '\0';
	return remains_is_ending() ? error_set(&s->ctl->err, RETRY, "it was interrupted") : FOUND;
}

/* Whoever interrupts us must not leave a configuration that nobody has tried: he has to wait until
 * it is in force, or taken back. */
static enum outcome
write_edits(struct setup *s)
{
	enum outcome before = verify(s), o;

	/* what was broken before is not for us to mend, nor a reason to stop */
	s->ctl->err.text[0] = '\0';
	remains_hold(true);
	o = edits_write(&s->edits, &s->ctl->err);
	if (o == FOUND && try_out(s, before) != FOUND)
		o = take_back(s);
	if (o != FOUND && remains_is_ending())
		fprintf(stderr, "vmailctl: %s\n", s->ctl->err.text);
	s->ctl->changed = o == FOUND;
	remains_hold(false);
	return o;
}

static void
tell(const struct setup *s)
{
	if (s->ctl->json)
		return;
	for (size_t i = 0; i < s->edits.n; i++) {
		const struct edit *edit = &s->edits.edit[i];

		if (edit->written)
			printf("wrote %s%s%s\n", edit->path,
			    edit->is_new ? "" : ", the old one is in ", edit->backup);
	}
	for (size_t i = 0; i < PROGRAMS; i++)
		if (s->here[i])
			printf("now: %s\n", programs[i].reload);
	putchar('\n');
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static enum exit_code
examine(struct setup *s, bool written)
{
	struct ctl *ctl = s->ctl;
	json_t *findings = ctl->json ? json_array() : NULL;

	doctor_run(ctl, ctl_option(ctl, "postfix"), ctl_option(ctl, "dovecot"), findings);
	return ctl->json ? show_json(s, written, findings) : EXIT_DONE;
}

static enum exit_code
carry_out(struct setup *s)
{
	bool some = edits_count(&s->edits) > 0;
	enum outcome o;

	show(s);
	if (s->ctl->dry_run)
		return s->ctl->json ? show_json(s, false, NULL) : EXIT_DONE;
	if (some && !confirmed(s)) {
		fputs("vmailctl: nothing was changed\n", stderr);
		return EXIT_NOT;
	}
	if (some) {
		o = write_edits(s);
		if (o != FOUND)
			return ctl_fail(s->ctl, o, "cannot write the configuration");
		tell(s);
	}
	return examine(s, some);
}

enum exit_code
cmd_setup(struct ctl *ctl)
{
	struct setup *s;
	enum exit_code e = check_request(ctl);
	enum outcome o;

	if (e != EXIT_DONE)
		return e;
	o = ctl_conf(ctl);
	s = o == FOUND ? calloc(1, sizeof *s) : NULL;
	if (s == NULL)
		return ctl_fail(ctl, RETRY, "no memory to set anything up");
	s->ctl = ctl;
	edits_init(&s->edits);
	o = plan(s);
	e = o == FOUND ? carry_out(s) : ctl_fail(ctl, o, "cannot plan the changes");
	edits_release(&s->edits);
	free(s);
	return e;
}
