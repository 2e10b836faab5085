/* SPDX-License-Identifier: ISC
 *
 * export: everything in the store, as JSON lines, CSV, or what Postfix and Dovecot read themselves.
 */
#include <string.h>
#include <unistd.h>

#include "vmailctl/export.h"
#include "vmailctl/jsonl.h"
#include "vmailctl/output.h"

enum { RECORD_TEXT_MAX = 64 << 20 };

/* --- one file -----------------------------------------------------------------------------------
 */

static bool
put_record(void *arg, const struct record *r)
{
	struct export *e = arg;

	for (size_t i = 0; i < r->credentials; i++)
		e->app_passwords += r->credential[i].label.n > 0;
	sbuf_clear(&e->text);
	if (!e->put(e, r)) {
		e->outcome = error_set(&e->ctl->err, RETRY,
		    "cannot export '%.*s': no memory, or no proper text in the store: see "
		    "`vmailctl check`",
		    (int)(r->name.n < 200 ? r->name.n : 200), r->name.p);
		return false;
	}
	fwrite(sbuf_cstr(&e->text), 1, e->text.n, e->out.file);
	return !ferror(e->out.file);
}

enum outcome
export_file(
    struct export *e, const char *where, bool (*put)(struct export *e, const struct record *r))
{
	struct ctl *ctl = e->ctl;
	enum outcome o = outfile_open(&e->out, ctl, where);

	if (o != FOUND)
		return o;
	e->put = put;
	e->outcome = FOUND;
	fwrite(sbuf_cstr(&e->text), 1, e->text.n, e->out.file); /* a head */
	o = store_records(ctl->store, put_record, e, &ctl->err);
	if (o == FOUND)
		o = e->outcome;
	if (o == FOUND)
		return outfile_close(&e->out, true, &ctl->err);
	outfile_close(&e->out, false, NULL);
	return o;
}

void
export_warn_app_passwords(const struct export *e)
{
	if (e->hashes && e->app_passwords > 0)
		ctl_warn(
		    "%zu app passwords are left out: what their hashes are good for is known to "
		    "vmaild alone",
		    e->app_passwords);
}

/* --- JSON lines ---------------------------------------------------------------------------------
 */

static bool
put_jsonl(struct export *e, const struct record *r)
{
	return jsonl_put(&e->text, r, e->hashes);
}

enum outcome
export_jsonl(struct ctl *ctl, const char *where, bool hashes, size_t *left_out)
{
	struct export e = { .ctl = ctl, .hashes = hashes };
	enum outcome o;

	sbuf_init(&e.text, RECORD_TEXT_MAX);
	jsonl_put_head(&e.text);
	o = export_file(&e, where, put_jsonl);
	sbuf_release_secret(&e.text);
	*left_out = e.left_out;
	return o;
}

/* --- CSV ----------------------------------------------------------------------------------------
 */

/* A text that a spreadsheet takes for one cell. */
static void
put_cell(struct sbuf *out, struct slice text)
{
	size_t at;
	bool quoted = slice_chr(text, ',', &at) || slice_chr(text, '"', &at) ||
		      slice_chr(text, '\n', &at) || slice_chr(text, '\r', &at);

	if (out->n > 0 && out->p[out->n - 1] != '\n')
		sbuf_add_chr(out, ',');
	if (!quoted) {
		sbuf_add_slice(out, text);
		return;
	}
	sbuf_add_chr(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			sbuf_add_chr(out, '"');
		sbuf_add_chr(out, text.p[i]);
	}
	sbuf_add_chr(out, '"');
}

static void
put_count(struct sbuf *out, int64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)n);
	put_cell(out, slice_str(n != 0 ? text : ""));
}

static void
put_targets(struct sbuf *out, const struct record *r)
{
	struct sbuf list;

	sbuf_init(&list, RECORD_TEXT_MAX);
	for (size_t i = 0; i < r->n_targets; i++) {
		sbuf_add_str(&list, i > 0 ? "," : "");
		sbuf_add_slice(&list, r->targets[i]);
	}
	out->failed |= list.failed;
	put_cell(out, sbuf_slice(&list));
	sbuf_release(&list);
}

static struct slice
password_of(const struct record *r)
{
	for (size_t i = 0; i < r->credentials; i++)
		if (r->credential[i].label.n == 0)
			return r->credential[i].hash;
	return slice_str(NULL);
}

static const char csv_head[] = "kind,name,type,targets,password,quota,state,reason,home,mail,uid,"
			       "gid,disabled,expires,internal,note,owner,value,networks\n";

/* What a record is of: a domain's kind, how a map is searched, the map of an entry. */
static struct slice
type_of(const struct record *r)
{
	switch (r->kind) {
	case RECORD_DOMAIN:
		return slice_str(domain_kind_name(r->domain_kind));
	case RECORD_MAP:
		return slice_str(key_search_name(r->search));
	default:
		return r->map;
	}
}

static bool
put_csv(struct export *e, const struct record *r)
{
	struct sbuf *out = &e->text;
	bool mailbox = r->kind == RECORD_MAILBOX;

	put_cell(out, slice_str(jsonl_kind(r->kind)));
	put_cell(out, r->name);
	put_cell(out, type_of(r));
	if (r->kind == RECORD_DOMAIN)
		put_cell(out, r->target);
	else
		put_targets(out, r);
	put_cell(out, e->hashes ? password_of(r) : slice_str(NULL));
	put_count(out, r->quota);
	put_cell(out, slice_str(mailbox ? account_state_name(r->state) : NULL));
	put_cell(out, r->reason);
	put_cell(out, r->home);
	put_cell(out, r->mail);
	put_count(out, r->uid);
	put_count(out, r->gid);
	put_cell(out, slice_str(r->disabled ? "yes" : NULL));
	put_count(out, r->expires);
	put_cell(out, slice_str(r->internal ? "yes" : NULL));
	put_cell(out, r->note);
	put_cell(out, r->owner);
	put_cell(out, r->value);
	put_cell(out, r->networks);
	return sbuf_add_chr(out, '\n') && !out->failed;
}

enum outcome
export_csv(struct ctl *ctl, const char *where, bool hashes, size_t *left_out)
{
	struct export e = { .ctl = ctl, .hashes = hashes };
	enum outcome o;

	sbuf_init(&e.text, RECORD_TEXT_MAX);
	sbuf_add_str(&e.text, csv_head);
	o = export_file(&e, where, put_csv);
	sbuf_release_secret(&e.text);
	*left_out = e.left_out;
	if (o == FOUND)
		export_warn_app_passwords(&e);
	return o;
}

/* --- the command --------------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	enum outcome (*run)(struct ctl *ctl, const char *where, bool hashes, size_t *left_out);
	bool directory;
	bool no_secrets; /* it has none in any case */
} forms[] = {
	{ "jsonl", export_jsonl, false, false },
	{ "csv", export_csv, false, false },
	{ "postfix", export_postfix, true, true },
	{ "dovecot", export_dovecot, false, false },
};

static enum exit_code
find_form(struct ctl *ctl, size_t *out)
{
	const char *typed = ctl_option(ctl, "format");

	for (*out = 0; *out < sizeof forms / sizeof *forms; ++*out)
		if (typed == NULL || strcmp(forms[*out].name, typed) == 0)
			return EXIT_DONE;
	return ctl_usage(
	    ctl, "there is no format '%s': take one of %s", typed, argument_words("FORM")->words);
}

static bool
goes_to_stdout(const struct ctl *ctl)
{
	const char *where = ctl->args[0];

	return where == NULL || strcmp(where, "-") == 0 || place_is_stdout(where);
}

static enum exit_code
check_place(struct ctl *ctl, size_t form, bool hashes)
{
	bool to_stdout = goes_to_stdout(ctl);

	if (forms[form].directory && to_stdout)
		return ctl_usage(ctl, "name the directory that the files for Postfix go to");
	if (to_stdout && hashes && !forms[form].no_secrets && isatty(STDOUT_FILENO))
		return ctl_usage(ctl,
		    "password hashes are nothing for a screen: name a file, or say --no-hashes");
	return EXIT_DONE;
}

enum exit_code
cmd_export(struct ctl *ctl)
{
	bool hashes = ctl_option(ctl, "no-hashes") == NULL, to_stdout;
	size_t form, left_out = 0;
	enum exit_code e = find_form(ctl, &form);
	enum outcome o;

	if (e == EXIT_DONE)
		e = check_place(ctl, form, hashes);
	if (e != EXIT_DONE)
		return e;
	to_stdout = goes_to_stdout(ctl); /* a file is another one behind it */
	o = ctl_store(ctl, STORE_ADMIN);
	if (o == FOUND)
		o = forms[form].run(ctl, ctl->args[0], hashes, &left_out);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot export the store");
	if (!to_stdout)
		return output_exported(ctl, left_out);
	ctl->printed = true;
	return EXIT_DONE;
}
