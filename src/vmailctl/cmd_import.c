/* SPDX-License-Identifier: ISC
 *
 * import: other systems' domains, mailboxes and aliases into the store, in one transaction. What
 * they look like is for foreign/, what may be written for the store; here is what happens to each
 * object, and what is told of it.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/foreign.h"
#include "sys/privs.h"
#include "vmailctl/changes.h"
#include "vmailctl/config.h"
#include "vmailctl/guess.h"
#include "vmailctl/intake.h"
#include "vmailctl/jsonl.h"
#include "vmailctl/mended.h"
#include "vmailctl/output.h"
#include "vmailctl/progress.h"
#include "vmailctl/rehash.h"
#include "vmailctl/split.h"
#include "vmailctl/strange.h"

struct import {
	struct ctl *ctl;
	struct foreign_options options;
	const struct format *format;
	struct foreign *foreign;
	struct intake intake;
	bool dry_run;
	bool strict;
	bool keep_clear; /* passwords in the clear stay so */
	size_t count[RECORD_GONE + 1];
	size_t skipped;
	size_t notes;
	struct error err;
};

/* --- what is told ----------------------------------------------------------------------------- */

static const char *
kind_name(enum record_kind kind)
{
	static const char *const names[] = { [RECORD_DOMAIN] = "domain",
		[RECORD_MAILBOX] = "mailbox",
		[RECORD_ALIAS] = "alias",
		[RECORD_MAP] = "map",
		[RECORD_ENTRY] = "entry" };

	return names[kind];
}

static void
put_place(struct sbuf *out, const struct foreign_place *at)
{
	sbuf_add_str(out, at->file);
	if (at->table.n > 0)
		sbuf_printf(out, ":%.*s", (int)at->table.n, at->table.p);
	if (at->line > 0)
		sbuf_printf(out, ":%zu", at->line);
}

static json_t *
json_place(const struct foreign_place *at, json_t *j)
{
	json_object_set_new(j, "file", output_json_text(slice_str(at->file)));
	if (at->table.n > 0)
		json_object_set_new(j, "table", output_json_text(at->table));
	if (at->line > 0)
		json_object_set_new(j, "line", json_integer((json_int_t)at->line));
	return j;
}

static void
say_remark(void *arg, enum foreign_remark remark, const struct foreign_place *at, const char *text)
{
	struct import *im = arg;
	const char *word = remark == REMARK_SKIPPED ? "skipped" : "note";
	struct sbuf place, line;

	im->skipped += remark == REMARK_SKIPPED;
	im->notes += remark == REMARK_NOTE;
	if (im->ctl->json) {
		output_json(
		    im->ctl, json_place(at, json_pack("{s:s, s:o}", "remark", word, "reason",
						output_json_text(slice_str(text)))));
		return;
	}
	sbuf_init(&place, 4096);
	sbuf_init(&line, 16384);
	put_place(&place, at);
	output_put_plain(&line, sbuf_slice(&place));
	sbuf_printf(&line, ": %s: ", word);
	output_put_plain(&line, slice_str(text));
	fprintf(stderr, "%s\n", sbuf_cstr(&line));
	sbuf_release(&place);
	sbuf_release(&line);
}

/* "entry key of transports", "mailbox harry@example.com" */
static void
put_object(struct sbuf *out, const struct record *r)
{
	sbuf_printf(out, "%s %.*s", kind_name(r->kind), (int)r->name.n, r->name.p);
	if (r->kind == RECORD_ENTRY)
		sbuf_printf(out, " of map %.*s", (int)r->map.n, r->map.p);
	if (r->kind == RECORD_DOMAIN && r->domain_kind == DOMAIN_ALIAS && r->target.n > 0)
		sbuf_printf(out, " standing for %.*s", (int)r->target.n, r->target.p);
}

static bool
keep_line(void *arg, const struct change_row *row)
{
	struct sbuf *line = arg;

	sbuf_clear(line);
	changes_put(line, row);
	if (slice_ends(sbuf_slice(line), "\n"))
		sbuf_truncate(line, line->n - 1);
	return true;
}

/* "+ mailbox x", or of what is there what happens to it. */
static void
put_change(struct import *im, struct sbuf *out, enum record_change did, const struct record *r)
{
	struct store *s = im->ctl->store;
	struct error ignored;
	int64_t last;

	if (did != RECORD_ADDED && store_last_change(s, &last, &ignored) == FOUND &&
	    store_changes(s, last - 1, keep_line, out, &ignored) == FOUND)
		return;
	sbuf_clear(out);
	sbuf_add_str(out, did == RECORD_ADDED ? "+ " : did == RECORD_GONE ? "- " : "~ ");
	put_object(out, r);
}

static void
print_change(struct import *im, enum record_change did, const struct record *r,
    const struct foreign_place *at)
{
	struct sbuf text;

	sbuf_init(&text, 1 << 16);
	put_change(im, &text, did, r);
	sbuf_add_str(&text, "  (");
	put_place(&text, at);
	printf("%s)\n", sbuf_cstr(&text));
	sbuf_release(&text);
	im->ctl->printed = true;
}

/* A dry run lists what it would do. */
static void
say_change(struct import *im, enum record_change did, const struct record *r,
    const struct foreign_place *at)
{
	static const char *const words[] = {
		[RECORD_ADDED] = "added", [RECORD_CHANGED] = "changed", [RECORD_GONE] = "removed"
	};
	json_t *j;

	if (!im->dry_run || did == RECORD_SAME)
		return;
	if (!im->ctl->json) {
		print_change(im, did, r, at);
		return;
	}
	j = json_pack("{s:s, s:s, s:s%}", "change", words[did], "kind", kind_name(r->kind), "name",
	    r->name.p, r->name.n);
	if (r->kind == RECORD_ENTRY)
		json_object_set_new(j, "map", json_stringn(r->map.p, r->map.n));
	output_json(im->ctl, json_place(at, j));
}

static void
say_sum(struct import *im, bool kept)
{
	const char *would = kept ? "" : "would be ";

	if (im->ctl->json) {
		output_json(
		    im->ctl, json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}",
				 "outcome", kept || im->dry_run ? "done" : "refused", "what",
				 "import", "format", format_name(im->format), "dry_run",
				 im->dry_run, "added", (json_int_t)im->count[RECORD_ADDED],
				 "changed", (json_int_t)im->count[RECORD_CHANGED], "same",
				 (json_int_t)im->count[RECORD_SAME], "removed",
				 (json_int_t)im->count[RECORD_GONE], "skipped",
				 (json_int_t)im->skipped, "notes", (json_int_t)im->notes));
		return;
	}
	printf("%zu %sadded, %zu %schanged, ", im->count[RECORD_ADDED], would,
	    im->count[RECORD_CHANGED], would);
	if (im->count[RECORD_GONE] > 0)
		printf("%zu %sremoved, ", im->count[RECORD_GONE], would);
	printf("%zu the same, %zu skipped, %zu %s\n", im->count[RECORD_SAME], im->skipped,
	    im->notes, im->notes == 1 ? "note" : "notes");
	im->ctl->printed = true;
}

/* --- what is there already -------------------------------------------------------------------- */

struct seen_domain {
	enum domain_kind kind;
	bool stands_for_another;
};

static bool
see_domain(void *arg, const struct record *now)
{
	struct seen_domain *seen = arg;

	seen->kind = now->domain_kind;
	seen->stands_for_another = now->target.n > 0;
	return true;
}

/* A domain that nobody named is made where there is none, and fit for mailboxes where it was for
 * aliases alone; any other that is there was meant to be as it is. */
static enum outcome
put_implied(struct import *im, struct foreign_object *o, enum record_change *did)
{
	struct seen_domain seen = { 0 };
	enum outcome done = store_get(im->ctl->store, &o->record, see_domain, &seen, &im->err);

	*did = RECORD_SAME;
	if (done == FOUND && (seen.kind != DOMAIN_ALIAS || seen.stands_for_another ||
				 o->record.domain_kind != DOMAIN_MAILBOX))
		return FOUND;
	if (done != FOUND && done != NONE)
		return done;
	return store_put(im->ctl->store, &o->record, did, &im->err);
}

static bool
see_nothing(void *arg, const struct record *now)
{
	(void)arg;
	(void)now;
	return false;
}

/* An alias to itself alone is of no use where there is a mailbox of that name. */
static bool
is_mailbox_itself(struct import *im, const struct foreign_object *o)
{
	struct record mailbox = { .kind = RECORD_MAILBOX, .name = o->record.name };

	return o->record.kind == RECORD_ALIAS && o->record.n_targets == 1 &&
	       slice_eq(o->record.targets[0], o->record.name) &&
	       store_get(im->ctl->store, &mailbox, see_nothing, NULL, &im->err) == FOUND;
}

/* Take away what the source says is not there. A domain, only while it stands for another: what one
 * of its own is, is another matter. FOUND, also when there was none. */
static enum outcome
take_away(struct import *im, const struct record *r, enum record_change *did)
{
	struct seen_domain seen = { 0 };
	enum outcome done = store_get(im->ctl->store, r, see_domain, &seen, &im->err);

	if (done != FOUND || (r->kind == RECORD_DOMAIN && !seen.stands_for_another))
		return done == RETRY ? RETRY : FOUND;
	done = store_drop(im->ctl->store, r, &im->err);
	if (done == FOUND)
		*did = RECORD_GONE;
	return done == NONE ? FOUND : done;
}

/* --- putting ---------------------------------------------------------------------------------- */

static enum outcome
put_object_in(struct import *im, struct foreign_object *o, enum record_change *did)
{
	*did = RECORD_SAME;
	if (o->gone)
		return take_away(im, &o->record, did);
	if (o->implied)
		return put_implied(im, o, did);
	/* app passwords that were made here stay */
	o->record.merge = true;
	if (is_mailbox_itself(im, o))
		return take_away(im, &o->record, did);
	return store_put(im->ctl->store, &o->record, did, &im->err);
}

/* It is in the store, and may get no mail all the same. */
static void
note_split(struct import *im, const struct record *r, const struct foreign_place *at)
{
	struct slice shown = slice_head(r->name, 200);
	struct sbuf other;
	char text[1024];

	if (r->kind != RECORD_MAILBOX)
		return;
	sbuf_init(&other, ADDRESS_MAX + 1);
	if (split_is_cut(&other, r->name, slice_str(im->ctl->conf->recipient_delimiter))) {
		snprintf(text, sizeof text, SPLIT_LOST, (int)shown.n, shown.p,
		    (int)(other.n < 200 ? other.n : 200), sbuf_cstr(&other));
		say_remark(im, REMARK_NOTE, at, text);
	}
	sbuf_release(&other);
}

static void
note_name(struct import *im, const struct record *r, const struct foreign_place *at)
{
	char text[512];

	note_split(im, r, at);
	if (r->kind != RECORD_MAILBOX || config_dovecot_takes(r->name))
		return;
	snprintf(text, sizeof text,
	    "mailbox '%.*s' has more in its name than letters, digits and .-_: " CONFIG_NAME_LOST,
	    (int)(r->name.n < 200 ? r->name.n : 200), r->name.p);
	say_remark(im, REMARK_NOTE, at, text);
}

/* What came of one. FOUND, also when it was refused and that is said; RETRY ends it all. */
static enum outcome
note_one(struct import *im, enum outcome done, enum record_change did, const struct record *r,
    const struct foreign_place *at)
{
	if (done == RETRY)
		return RETRY;
	if (done != FOUND) {
		say_remark(im, REMARK_SKIPPED, at, im->err.text);
		return FOUND;
	}
	im->count[did]++;
	say_change(im, did, r, at);
	if (did == RECORD_ADDED)
		note_name(im, r, at);
	return FOUND;
}

/* Where a note is about. */
struct place {
	struct import *im;
	const struct foreign_place *at;
};

static void
say_mended(void *arg, const char *text)
{
	const struct place *p = arg;

	say_remark(p->im, REMARK_NOTE, p->at, text);
}

static void
note_mended(struct import *im, const struct record *r, const struct foreign_place *at)
{
	struct place p = { im, at };

	mended_tell(r, say_mended, &p);
}

static enum outcome
put_one(struct import *im, struct foreign_object *o)
{
	enum record_change did;
	enum outcome done;

	if (!o->gone)
		note_mended(im, &o->record, &o->at);
	im->err.text[0] = '\0';
	done = put_object_in(im, o, &did);
	/* a domain that was there is no object of the source, nor is what is gone */
	if (done == FOUND && (o->implied || o->gone) && did == RECORD_SAME)
		return FOUND;
	return note_one(im, done, did, &o->record, &o->at);
}

static enum outcome
put_objects(struct import *im)
{
	struct foreign_object *o;
	struct progress p;
	enum outcome done = FOUND;
	size_t n = 0;

	while (foreign_object_at(im->foreign, n) != NULL)
		n++;
	progress_begin(&p, im->dry_run ? "trying" : "importing", n);
	for (size_t i = 0; done == FOUND && (o = foreign_object_at(im->foreign, i)) != NULL; i++) {
		done = put_one(im, o);
		progress_at(&p, i + 1);
	}
	progress_end(&p);
	return done;
}

/* --- our own ---------------------------------------------------------------------------------- */

/* The reader puts "FILE:LINE: " before what is wrong with a line; so does say_remark. */
static void
strip_place(struct import *im)
{
	const char *text = strstr(im->err.text, ": ");

	if (text != NULL)
		memmove(im->err.text, text + 2, strlen(text + 2) + 1);
}

/* They are kept all the same, so that an export of this store can be of all that was imported. */
static void
note_strange(struct import *im, const struct record *r, const struct foreign_place *at)
{
	size_t n = strange_app_passwords(im->ctl->store, r);
	char text[512];

	if (n == 0)
		return;
	snprintf(text, sizeof text,
	    "%zu app password%s of '%.*s' cannot be used here: only the store in which %s made can "
	    "verify %s",
	    n, n == 1 ? "" : "s", (int)(r->name.n < 200 ? r->name.n : 200), r->name.p,
	    n == 1 ? "it was" : "they were", n == 1 ? "it" : "them");
	say_remark(im, REMARK_NOTE, at, text);
}

static enum outcome
put_lines(struct import *im, struct jsonl *j)
{
	struct foreign_place at = { j->name, { NULL, 0 }, 0 };
	enum record_change did = RECORD_SAME;
	enum outcome done = FOUND;
	struct progress p;
	struct record r;
	uint64_t n = 0;

	progress_begin(&p, im->dry_run ? "trying" : "importing", 0);
	while (done == FOUND) {
		enum outcome o = jsonl_next(j, &r, &im->err);

		at.line = j->line;
		if (o == NONE)
			break;
		if (o == FOUND) {
			note_strange(im, &r, &at);
			note_mended(im, &r, &at);
			o = store_put(im->ctl->store, &r, &did, &im->err);
		} else if (o == BAD) {
			strip_place(im);
		}
		done = note_one(im, o, did, &r, &at);
		progress_at(&p, ++n);
	}
	progress_end(&p);
	return done;
}

static enum outcome
put_files(struct import *im)
{
	enum outcome done = FOUND;
	struct slice text;
	const char *name;

	for (size_t i = 0; done == FOUND && intake_text(&im->intake, i, &name, &text); i++) {
		struct jsonl j = { .name = name };

		if (text.n == 0)
			continue;
		if (foreign_db_is(text))
			return error_set(
			    &im->err, BAD, "'%s' is a database, and no export of vmaild's", name);
		j.file = fmemopen((void *)(uintptr_t)text.p, text.n, "r");
		if (j.file == NULL)
			return error_set(&im->err, RETRY, "no memory");
		done = put_lines(im, &j);
		jsonl_close(&j);
	}
	return done;
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum outcome
put_all(struct import *im)
{
	return format_is_ours(im->format) ? put_files(im) : put_objects(im);
}

/* A dry run is in a transaction from the moment that the store was opened. */
static enum outcome
begin(struct import *im)
{
	struct ctl *ctl = im->ctl;

	return ctl->batch ? FOUND : store_batch_begin(ctl->store, &ctl->err);
}

static enum exit_code
put_in_batch(struct import *im)
{
	struct ctl *ctl = im->ctl;
	enum outcome o = begin(im);
	bool keep = false;

	if (o == FOUND) {
		o = put_all(im);
		keep = o == FOUND && !im->dry_run && !(im->strict && im->skipped > 0);
		if (o != FOUND)
			error_set(&ctl->err, o, "%s", im->err.text);
		ctl->batch = false;
		if (store_batch_end(ctl->store, keep, o == FOUND ? &ctl->err : NULL) != FOUND &&
		    o == FOUND)
			o = RETRY;
		ctl->changed |= keep && o == FOUND;
	}
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot write to the store: nothing was changed");
	say_sum(im, keep);
	if (im->strict && im->skipped > 0 && !im->dry_run)
		return ctl_fail(
		    ctl, BAD, "nothing was changed: %zu would have been skipped", im->skipped);
	return im->skipped > 0 ? EXIT_NOT : EXIT_DONE;
}

/* --- passwords in the clear ------------------------------------------------------------------- */

static void
set_password(struct import *im, struct foreign_object *o, struct slice hash)
{
	struct record *r = &o->record;
	struct record_credential *list =
	    foreign_take(im->foreign, (r->credentials + 1) * sizeof *list);

	if (list == NULL)
		return;
	list[0] = (struct record_credential){ .label = { "", 0 }, .hash = hash };
	for (size_t i = 0; i < r->credentials; i++)
		list[i + 1] = r->credential[i];
	r->credential = list;
	r->credentials++;
	r->said |= RECORD_CREDENTIALS;
}

/* The hash that a mailbox has now. */
struct seen_password {
	struct import *im;
	struct slice hash;
};

static bool
see_password(void *arg, const struct record *now)
{
	struct seen_password *seen = arg;

	for (size_t i = 0; i < now->credentials; i++)
		if (now->credential[i].label.n == 0)
			seen->hash = foreign_keep(seen->im->foreign, now->credential[i].hash);
	return true;
}

static enum outcome
add_job(struct import *im, struct rehash_job *job, struct foreign_object *o)
{
	struct seen_password seen = { .im = im };
	enum outcome done =
	    store_get(im->ctl->store, &o->record, see_password, &seen, &im->ctl->err);

	*job = (struct rehash_job){ .address = o->record.name, .clear = o->clear };
	job->before = seen.hash;
	return done == NONE ? FOUND : done;
}

static void
take_hash(struct import *im, struct foreign_object *o, const struct rehash_job *job)
{
	struct slice kept = foreign_keep(im->foreign, sbuf_slice(&job->hash));

	if (job->outcome == FOUND)
		set_password(im, o, kept);
	else
		say_remark(im, REMARK_SKIPPED, &o->at, job->err.text);
}

static enum outcome
hash_clear(struct import *im, size_t n)
{
	struct rehash_job *job = calloc(n, sizeof *job);
	struct foreign_object *o;
	size_t at = 0;
	enum outcome done = FOUND;

	if (job == NULL)
		return error_set(&im->ctl->err, RETRY, "no memory");
	for (size_t i = 0; done == FOUND && (o = foreign_object_at(im->foreign, i)) != NULL; i++)
		if (o->clear.n > 0)
			done = add_job(im, &job[at++], o);
	if (done == FOUND)
		done = rehash(job, n, &im->options.cost, im->dry_run, &im->ctl->err);
	at = 0;
	for (size_t i = 0; done == FOUND && (o = foreign_object_at(im->foreign, i)) != NULL; i++)
		if (o->clear.n > 0)
			take_hash(im, o, &job[at++]);
	for (size_t i = 0; i < n; i++)
		sbuf_release_secret(&job[i].hash);
	free(job);
	return done;
}

/* {PLAIN}, as it was there. */
static enum outcome
keep_clear(struct import *im)
{
	enum outcome done = FOUND;
	struct foreign_object *o;
	struct sbuf text;

	sbuf_init(&text, PASSWORD_STORED_MAX);
	for (size_t i = 0; done == FOUND && (o = foreign_object_at(im->foreign, i)) != NULL; i++) {
		if (o->clear.n == 0)
			continue;
		sbuf_clear(&text);
		sbuf_add_str(&text, "{PLAIN}");
		if (!sbuf_add_slice(&text, o->clear))
			done = error_set(&im->ctl->err, RETRY, "no memory");
		set_password(im, o, foreign_keep(im->foreign, sbuf_slice(&text)));
	}
	sbuf_release_secret(&text);
	return done;
}

static enum outcome
settle_clear(struct import *im)
{
	struct foreign_object *o;
	size_t n = 0;

	if (format_is_ours(im->format))
		return FOUND;
	for (size_t i = 0; (o = foreign_object_at(im->foreign, i)) != NULL; i++)
		n += o->clear.n > 0;
	if (n == 0)
		return FOUND;
	return im->keep_clear ? keep_clear(im) : hash_clear(im, n);
}

/* --- the command ------------------------------------------------------------------------------ */

static bool
id_of_name(struct slice name, bool group, unsigned *id)
{
	char text[256];
	struct identity who = { .uid = 0 };
	struct error ignored;
	gid_t gid = 0;

	if (snprintf(text, sizeof text, "%.*s", (int)name.n, name.p) >= (int)sizeof text)
		return false;
	if (group ? group_id(&gid, text, &ignored) != FOUND
		  : identity_of_user(&who, text, &ignored) != FOUND)
		return false;
	*id = group ? (unsigned)gid : (unsigned)who.uid;
	return true;
}

static void
take_options(struct import *im)
{
	struct ctl *ctl = im->ctl;
	struct foreign_options *o = &im->options;

	o->domain = slice_str(ctl_option(ctl, "domain"));
	o->passwords = slice_str(ctl_option(ctl, "passwords"));
	o->base = slice_str(ctl_option(ctl, "base"));
	o->columns = slice_str(ctl_option(ctl, "columns"));
	o->map = slice_str(ctl_option(ctl, "map"));
	o->id = id_of_name;
	o->say = say_remark;
	o->arg = im;
	im->dry_run = ctl->dry_run;
	im->strict = ctl_option(ctl, "strict") != NULL;
	im->keep_clear = ctl_option(ctl, "keep-clear") != NULL;
}

static enum exit_code
take_format(struct import *im)
{
	const char *typed = ctl_option(im->ctl, "from");
	const struct format *f;
	struct guess g;

	if (typed == NULL)
		return EXIT_DONE;
	guess_init(&g, typed);
	for (size_t i = 0; (f = format_at(i)) != NULL; i++)
		guess_offer(&g, format_name(f), NULL);
	if (guess_sure(&g)) {
		im->format = format_by_name(g.match);
		return EXIT_DONE;
	}
	if (g.near != NULL)
		return ctl_usage(
		    im->ctl, "there is no format '%s': did you mean '%s'?", typed, g.near);
	return ctl_usage(im->ctl, "there is no format '%s': see `vmailctl formats`", typed);
}

static enum exit_code
check_options(struct import *im)
{
	bool needs_map = im->format != NULL && strcmp(format_name(im->format), "postfix-map") == 0;

	if (needs_map && im->options.map.n == 0)
		return ctl_usage(
		    im->ctl, "--map says which map the entries are for: see `vmailctl maps`");
	return EXIT_DONE;
}

static enum outcome
set_costs(struct import *im)
{
	struct password_cost *cost = &im->options.cost;
	enum outcome o = ctl_store(im->ctl, STORE_ADMIN);

	if (o == FOUND)
		o = password_setup(&im->ctl->err);
	*cost = password_default_cost;
	if (o == FOUND) {
		cost->memory_kib = (unsigned)im->ctl->conf->hash_memory;
		cost->passes = (unsigned)im->ctl->conf->hash_passes;
	}
	return o;
}

static enum outcome
read_all(struct import *im)
{
	struct error *err = &im->ctl->err;
	enum outcome o = FOUND;

	im->foreign = foreign_new(&im->options);
	if (im->foreign == NULL)
		return error_set(err, RETRY, "no memory");
	if (im->format == NULL)
		o = intake_guess(&im->intake, im->foreign, &im->format, err);
	if (o != FOUND)
		return o;
	if (format_is_ours(im->format))
		return FOUND;
	foreign_use(im->foreign, im->format);
	o = intake_read(&im->intake, im->foreign, err);
	if (o == FOUND)
		o = foreign_settle(im->foreign, err);
	return o;
}

static enum exit_code
run(struct import *im)
{
	struct ctl *ctl = im->ctl;
	enum outcome o = set_costs(im);

	if (o == FOUND)
		o = intake_open(&im->intake, ctl->args, ctl->n, &ctl->err);
	if (o == FOUND)
		o = read_all(im);
	if (o == FOUND)
		o = settle_clear(im);
	if (o == FOUND)
		o = foreign_is_whole(im->foreign, &ctl->err);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot import");
	return put_in_batch(im);
}

enum exit_code
cmd_import(struct ctl *ctl)
{
	struct import im = { .ctl = ctl };
	enum exit_code e;

	privs_harden();
	take_options(&im);
	e = take_format(&im);
	if (e == EXIT_DONE)
		e = check_options(&im);
	if (e == EXIT_DONE)
		e = run(&im);
	foreign_free(im.foreign);
	intake_close(&im.intake);
	return e;
}

/* --- formats ---------------------------------------------------------------------------------- */

enum exit_code
cmd_formats(struct ctl *ctl)
{
	static const struct column columns[] = {
		{ "format", CELL_TEXT },
		{ "of", CELL_TEXT },
		{ 0 },
	};
	const struct format *f;
	struct table table;
	bool more = true;

	table_list(&table, ctl, columns);
	for (size_t i = 0; more && (f = format_at(i)) != NULL; i++) {
		const struct value values[] = {
			{ .text = slice_str(format_name(f)) },
			{ .text = slice_str(format_summary(f)) },
		};

		more = table_row(&table, values);
	}
	return table_end(&table, FOUND);
}
