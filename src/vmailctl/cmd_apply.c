/* SPDX-License-Identifier: ISC
 *
 * apply and diff: the store and a file of records, compared, and the one made like the other.
 *
 * What a record in the file does not say is as for a new object; but passwords that it does not
 * name stay, so that a file without secrets can be kept where others read it.
 */
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/rules.h"
#include "vmailctl/ask.h"
#include "vmailctl/changes.h"
#include "vmailctl/config.h"
#include "vmailctl/import.h"
#include "vmailctl/jsonl.h"
#include "vmailctl/mended.h"
#include "vmailctl/output.h"
#include "vmailctl/progress.h"
#include "vmailctl/source.h"
#include "vmailctl/split.h"
#include "vmailctl/strange.h"

enum { LINE_TEXT_MAX = 64 << 20, TEXT_MAX = 1 << 30, KINDS = RECORD_ENTRY + 1, ORPHANS_NAMED = 10 };

/* What an apply is about to do, or a diff has found. */
struct plan {
	struct ctl *ctl;
	struct source source;
	struct progress bar;
	size_t records;
	size_t added, changed, removed;
	size_t strange;       /* app passwords of another store */
	size_t odd;           /* new mailboxes with names that Dovecot may not take */
	struct sbuf odd_name; /* the first of them */
	size_t cut;           /* new mailboxes whose names Dovecot cuts */
	struct sbuf cut_name; /* the first of them, */
	struct sbuf cut_to;   /* and what is left of it */
	bool present[KINDS];  /* kinds that the file has; a store has all */
	size_t orphans;       /* mailboxes that are removed, and aliases lead there */
	bool quiet;           /* lines are counted, not printed */
	size_t at;            /* the line of the file, 0 in a store */
	bool again;           /* it was looked at before, and what is to be told is told */
	struct sbuf names;    /* "KIND NAME" of all that is in the file, each ended by NUL */
	struct sbuf lines;    /* where each of those is, a size_t */
	const char **name;    /* the same, sorted */
	size_t n;
	struct sbuf now, wanted, line, key;
	struct sbuf later;       /* records that were refused, as JSON lines, to be tried again */
	struct sbuf later_lines; /* where those are */
	struct sbuf again_lines; /* where those are that are being tried again */
	size_t refused;          /* where the last one is that was refused */
	struct sbuf maps;        /* those that the file has: "SEARCH NAME", each ended by NUL */
	struct sbuf waiting;     /* entries whose map came behind them, or did not, as JSON lines */
	struct sbuf waiting_lines; /* where those are */
	bool last;                 /* they are being compared, and no map can come any more */
	bool keep;                 /* what is not in the file */
	crypto_generichash_state sum;
	unsigned char digest[crypto_generichash_BYTES]; /* of all that would change, in its order */
	enum outcome outcome;
};

static void
plan_init(struct plan *p, struct ctl *ctl)
{
	*p = (struct plan){ .ctl = ctl };
	sbuf_init(&p->names, TEXT_MAX);
	sbuf_init(&p->now, LINE_TEXT_MAX);
	sbuf_init(&p->wanted, LINE_TEXT_MAX);
	sbuf_init(&p->line, LINE_TEXT_MAX);
	sbuf_init(&p->key, LINE_TEXT_MAX);
	sbuf_init(&p->later, TEXT_MAX);
	sbuf_init(&p->lines, TEXT_MAX);
	sbuf_init(&p->later_lines, TEXT_MAX);
	sbuf_init(&p->again_lines, TEXT_MAX);
	sbuf_init(&p->maps, TEXT_MAX);
	sbuf_init(&p->waiting, TEXT_MAX);
	sbuf_init(&p->waiting_lines, TEXT_MAX);
	sbuf_init(&p->odd_name, LINE_TEXT_MAX);
	sbuf_init(&p->cut_name, LINE_TEXT_MAX);
	sbuf_init(&p->cut_to, LINE_TEXT_MAX);
	crypto_generichash_init(&p->sum, NULL, 0, sizeof p->digest);
}

static void
plan_release(struct plan *p)
{
	source_close(&p->source);
	sbuf_release(&p->names);
	free(p->name);
	sbuf_release_secret(&p->now);
	sbuf_release_secret(&p->wanted);
	sbuf_release(&p->line);
	sbuf_release(&p->key);
	sbuf_release_secret(&p->later);
	sbuf_release(&p->lines);
	sbuf_release(&p->later_lines);
	sbuf_release(&p->again_lines);
	sbuf_release(&p->maps);
	sbuf_release(&p->waiting);
	sbuf_release(&p->waiting_lines);
	sbuf_release(&p->odd_name);
	sbuf_release(&p->cut_name);
	sbuf_release(&p->cut_to);
}

static enum outcome
no_memory(struct plan *p)
{
	return error_set(&p->ctl->err, RETRY, "no memory for so many records");
}

static bool
add_line(struct sbuf *lines, size_t line)
{
	return sbuf_add(lines, &line, sizeof line);
}

static size_t
line_of(const struct sbuf *lines, size_t i)
{
	size_t line;

	memcpy(&line, lines->p + i * sizeof line, sizeof line);
	return line;
}

/* --- names ------------------------------------------------------------------------------------ */

static bool
put_key(struct sbuf *out, const struct record *r)
{
	sbuf_printf(out, "%d ", (int)r->kind);
	if (r->kind == RECORD_ENTRY)
		sbuf_printf(out, "%.*s ", (int)r->map.n, r->map.p);
	sbuf_add_slice(out, r->name);
	return sbuf_add_chr(out, '\0') && !out->failed;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t
line_of_name(const struct plan *p, const char *name)
{
	size_t i = 0;

	for (const char *at = p->names.p; at < name; at += strlen(at) + 1)
		i++;
	return line_of(&p->lines, i);
}

/* ONE and OTHER are the same name, in no order. */
static enum outcome
refuse_twice(struct plan *p, const char *one, const char *other)
{
	const char *first = one < other ? one : other, *second = one < other ? other : one;

	error_set(&p->ctl->err, BAD, "'%.300s' is in line %zu already: leave one of them out",
	    first + 2, line_of_name(p, first));
	import_name_line(&p->ctl->err, p->source.file, line_of_name(p, second));
	return BAD;
}

/* What is in the file twice could not both be so. */
static enum outcome
check_twice(struct plan *p)
{
	for (size_t i = 1; i < p->n; i++)
		if (strcmp(p->name[i - 1], p->name[i]) == 0)
			return refuse_twice(p, p->name[i - 1], p->name[i]);
	return FOUND;
}

static enum outcome
sort_names(struct plan *p)
{
	size_t n = 0;

	p->name = calloc(p->records + 1, sizeof *p->name);
	if (p->name == NULL)
		return no_memory(p);
	for (size_t at = 0; at < p->names.n; at += strlen(p->names.p + at) + 1)
		p->name[n++] = p->names.p + at;
	p->n = n;
	qsort(p->name, n, sizeof *p->name, compare_names);
	return check_twice(p);
}

static bool
is_in_file(struct plan *p, const struct record *r)
{
	const char *key;

	sbuf_clear(&p->key);
	if (!put_key(&p->key, r)) {
		p->outcome = no_memory(p);
		return true;
	}
	key = sbuf_cstr(&p->key);
	return bsearch(&key, p->name, p->n, sizeof *p->name, compare_names) != NULL;
}

/* --- comparing -------------------------------------------------------------------------------- */

static const char *const nouns[] = { "domain", "user", "alias", "map", "map" };

/* Passwords that the file says nothing of stay, and are in neither image. */
static bool
put_image(struct sbuf *out, const struct record *r, const struct record *wanted)
{
	struct record shown = *r;

	shown.created = 0;
	if (wanted != NULL && (wanted->said & RECORD_CREDENTIALS) == 0)
		shown.said &= ~(unsigned)RECORD_CREDENTIALS;
	sbuf_clear(out);
	return jsonl_put(out, &shown, true);
}

static void
add_to_digest(struct plan *p, struct slice text)
{
	uint64_t n = text.n;

	crypto_generichash_update(&p->sum, (const unsigned char *)&n, sizeof n);
	if (n > 0)
		crypto_generichash_update(&p->sum, (const unsigned char *)text.p, text.n);
}

/* One line for what is in one of the two, or different in both. */
static void
show(struct plan *p, const struct record *now, const struct record *wanted)
{
	const struct record *r = now != NULL ? now : wanted;
	/* cppcheck-suppress nullPointerRedundantCheck ; one of the two is given */
	struct change_row row = { .what = slice_str(nouns[r->kind]), .subject = r->name };
	bool ok = true;

	sbuf_clear(&p->key);
	/* cppcheck-suppress nullPointerRedundantCheck ; one of the two is given */
	if (r->kind == RECORD_ENTRY) {
		sbuf_printf(
		    &p->key, "%.*s %.*s", (int)r->map.n, r->map.p, (int)r->name.n, r->name.p);
		row.subject = sbuf_slice(&p->key);
	}
	sbuf_clear(&p->now);
	sbuf_clear(&p->wanted);
	sbuf_clear(&p->line);
	if (now != NULL)
		ok = put_image(&p->now, now, wanted);
	if (wanted != NULL)
		ok = put_image(&p->wanted, wanted, wanted) && ok;
	row.before = sbuf_slice(&p->now);
	row.after = sbuf_slice(&p->wanted);
	add_to_digest(p, row.what);
	add_to_digest(p, row.subject);
	add_to_digest(p, row.before);
	add_to_digest(p, row.after);
	if (!p->quiet)
		changes_put(&p->line, &row);
	if (!ok || p->line.failed)
		p->outcome = no_memory(p);
	if (!p->quiet)
		fwrite(sbuf_cstr(&p->line), 1, p->line.n, stdout);
}

static void
note_split(struct plan *p, struct slice name)
{
	struct slice delimiters = slice_str(p->ctl->conf->recipient_delimiter);

	sbuf_clear(&p->line);
	if (!split_is_cut(&p->line, name, delimiters) || p->cut++ > 0)
		return;
	sbuf_add_slice(&p->cut_name, name);
	sbuf_add_slice(&p->cut_to, sbuf_slice(&p->line));
}

static void
note_name(struct plan *p, const struct record *added)
{
	if (added->kind != RECORD_MAILBOX)
		return;
	if (!config_dovecot_takes(added->name) && p->odd++ == 0)
		sbuf_add_slice(&p->odd_name, added->name);
	note_split(p, added->name);
}

static void
note(void *arg, const struct record *now, const struct record *wanted, bool differs)
{
	struct plan *p = arg;

	p->present[wanted->kind] = true;
	p->records++;
	if (!put_key(&p->names, wanted) || !add_line(&p->lines, p->at))
		p->outcome = no_memory(p);
	if (!differs)
		return;
	if (now == NULL) {
		p->added++;
		note_name(p, wanted);
	} else {
		p->changed++;
	}
	show(p, now, wanted);
}

/* What the file does not say of an object is as for a new one. */
static struct record
complete(const struct record *r)
{
	struct record all = *r;

	all.said |= RECORD_ALL & ~(unsigned)RECORD_CREDENTIALS;
	return all;
}

/* A line of a file, or a whole store, which has none. */
struct place {
	const char *file;
	size_t line;
};

static void
warn_mended(void *arg, const char *text)
{
	const struct place *at = arg;

	if (at->line > 0)
		ctl_warn("%s:%zu: %s", at->file, at->line, text);
	else
		ctl_warn("%s: %s", at->file, text);
}

/* --- entries of maps that the file itself makes -------------------------------------------------
 */

static enum outcome
note_map(struct plan *p, const struct record *r)
{
	sbuf_printf(&p->maps, "%d %.*s", (int)r->search, (int)r->name.n, r->name.p);
	return sbuf_add_chr(&p->maps, '\0') && !p->maps.failed ? FOUND : no_memory(p);
}

static bool
find_map(const struct plan *p, struct slice name, enum key_search *search)
{
	for (size_t at = 0; at < p->maps.n;) {
		struct slice rest = slice_str(p->maps.p + at), number = slice_cut(&rest, ' ');
		unsigned long long n;

		at += number.n + 1 + rest.n + 1;
		if (!slice_eq(rest, name) || !slice_number(number, INT_MAX, &n))
			continue;
		*search = (enum key_search)n;
		return true;
	}
	return false;
}

static bool
is_there(void *arg, const struct record *r)
{
	(void)arg;
	(void)r;
	return false;
}

static enum outcome
keep_waiting(struct plan *p, const struct record *r)
{
	return add_line(&p->waiting_lines, p->at) && jsonl_put(&p->waiting, r, true) ? FOUND
										     : no_memory(p);
}

/* One that the store refuses to compare, for there is no such map yet: it is judged by the rules of
 * the map that there will be, and told under the key that it will have. */
static enum outcome
compare_new(struct plan *p, const struct record *r, struct error *err)
{
	struct record all = complete(r), map = { .kind = RECORD_MAP, .name = r->map };
	enum key_search search;
	struct error ignored;
	struct sbuf key, value;
	enum outcome o;

	if (store_get(p->ctl->store, &map, is_there, NULL, &ignored) == FOUND)
		return BAD;
	if (!find_map(p, r->map, &search))
		return p->last ? BAD : keep_waiting(p, r);
	sbuf_init(&key, LINE_TEXT_MAX);
	sbuf_init(&value, LINE_TEXT_MAX);
	o = key_check(&key, search, r->name, err);
	if (o == FOUND)
		o = rules_value(&value, VALUE_TEXT, r->value, err);
	all.name = sbuf_slice(&key);
	all.value = sbuf_slice(&value);
	if (o == FOUND) {
		err->text[0] = '\0';
		note(p, NULL, &all, true);
	}
	sbuf_release(&value);
	sbuf_release(&key);
	return o;
}

static enum outcome
compare(void *arg, const struct record *r, size_t line, struct error *err)
{
	struct plan *p = arg;
	struct place at = { import_name(p->source.file), line };
	struct record all = complete(r);
	enum outcome o;

	p->at = p->last ? line_of(&p->waiting_lines, line - 1) : line;
	p->strange += strange_app_passwords(p->ctl->store, r);
	if (!p->again && !p->last)
		mended_tell(r, warn_mended, &at);
	o = store_compare(p->ctl->store, &all, note, p, err);
	progress_at(&p->bar, p->records);
	if (o == FOUND && r->kind == RECORD_MAP)
		o = note_map(p, r);
	if (o == BAD && r->kind == RECORD_ENTRY)
		o = compare_new(p, r, err);
	if (o == BAD && p->last && p->at > 0)
		import_name_line(err, p->source.file, p->at);
	return o == FOUND ? p->outcome : o;
}

/* Now all maps are known that the file has. */
static enum outcome
compare_waiting(struct plan *p)
{
	struct source again = { .file = NULL, .text = p->waiting };
	enum outcome o;

	if (p->waiting.n == 0)
		return FOUND;
	sbuf_init(&p->waiting, TEXT_MAX);
	p->last = true;
	o = source_each(&again, compare, p, &p->ctl->err);
	p->last = false;
	sbuf_release(&again.text);
	if (o == BAD)
		error_set(&p->ctl->err, BAD, "'%s' has entries that are refused",
		    import_name(p->source.file));
	return o;
}

static bool
find_removed(void *arg, const struct record *r)
{
	struct plan *p = arg;

	if (!p->present[r->kind] || is_in_file(p, r))
		return p->outcome == FOUND;
	p->removed++;
	if (!p->keep)
		show(p, r, NULL);
	return p->outcome == FOUND;
}

/* Compare the source, which is open, with the store. */
static enum outcome
compare_all(struct plan *p)
{
	struct ctl *ctl = p->ctl;
	enum outcome o;

	progress_begin(&p->bar, "comparing", 0);
	for (size_t k = 0; k < KINDS; k++)
		p->present[k] = p->source.store != NULL;
	o = source_each(&p->source, compare, p, &ctl->err);
	if (o == FOUND)
		o = compare_waiting(p);
	if (o == FOUND)
		o = sort_names(p);
	if (o == FOUND)
		o = store_records(ctl->store, find_removed, p, &ctl->err);
	progress_end(&p->bar);
	crypto_generichash_final(&p->sum, p->digest, sizeof p->digest);
	return o == FOUND ? p->outcome : o;
}

static enum outcome
make_plan(struct plan *p, const char *file)
{
	struct ctl *ctl = p->ctl;
	enum outcome o = source_open(&p->source, file, &ctl->err);

	if (o == FOUND)
		o = compare_all(p);
	ctl->printed = !p->quiet;
	return o;
}

/* --- diff ------------------------------------------------------------------------------------- */

static enum exit_code
print_counts(struct ctl *ctl, const struct plan *p)
{
	return output_counts(ctl, p->added, p->changed, p->keep ? 0 : p->removed);
}

enum exit_code
cmd_diff(struct ctl *ctl)
{
	struct plan p;
	enum exit_code e = EXIT_DONE;
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot compare the store");
	plan_init(&p, ctl);
	p.quiet = ctl->json;
	o = make_plan(&p, ctl->args[0]);
	if (o != FOUND)
		e = ctl_fail(ctl, o, "cannot compare the store");
	else if (ctl->json)
		print_counts(ctl, &p);
	if (o == FOUND && p.added + p.changed + p.removed > 0)
		e = EXIT_NOT;
	plan_release(&p);
	return e;
}

/* --- apply ------------------------------------------------------------------------------------ */

/* What is refused now may be right when others have been made: it is tried again behind them. */
static enum outcome
put_or_keep(struct plan *p, const struct record *r, struct error *err)
{
	struct record all = complete(r);
	enum record_change did;
	enum outcome o = store_put(p->ctl->store, &all, &did, err);

	progress_at(&p->bar, ++p->records);
	if (o != BAD)
		return o;
	p->refused = p->at;
	return add_line(&p->later_lines, p->at) && jsonl_put(&p->later, r, true) ? FOUND
										 : no_memory(p);
}

static enum outcome
put_record(void *arg, const struct record *r, size_t line, struct error *err)
{
	struct plan *p = arg;

	p->at = p->again_lines.n > 0 ? line_of(&p->again_lines, line - 1) : line;
	return put_or_keep(p, r, err);
}

/* Again and again, as long as there is less left each time; what is left then is refused. */
static enum outcome
put_later(struct plan *p)
{
	struct error *err = &p->ctl->err;
	size_t left = SIZE_MAX;
	enum outcome o = FOUND;

	while (o == FOUND && p->later.n > 0 && p->later.n < left) {
		struct source again = { .file = "-", .text = p->later };

		left = p->later.n;
		sbuf_init(&p->later, TEXT_MAX);
		sbuf_release(&p->again_lines);
		p->again_lines = p->later_lines;
		sbuf_init(&p->later_lines, TEXT_MAX);
		o = source_each(&again, put_record, p, err);
		sbuf_release_secret(&again.text);
	}
	if (o != FOUND || p->later.n == 0)
		return o;
	/* err says why the last one is refused */
	if (p->refused > 0)
		import_name_line(err, p->source.file, p->refused);
	return BAD;
}

/* A list of what is not in the file, as JSON lines: the store is not changed while it is read. */
static bool
keep_removed(void *arg, const struct record *r)
{
	struct plan *p = arg;
	struct record name = { .kind = r->kind, .name = r->name, .map = r->map };

	if (!p->present[r->kind] || is_in_file(p, r))
		return p->outcome == FOUND;
	name.domain_kind = r->domain_kind;
	name.target = r->target;
	if (!jsonl_put(&p->now, &name, false))
		p->outcome = no_memory(p);
	return p->outcome == FOUND;
}

/* When something goes, one after the other. */
enum turn {
	DROP_CONTENTS,
	DROP_STAND_INS, /* before what they stand for, which may become something else */
	DROP_THE_REST,  /* behind all that is put: domains and maps, which are empty by now */
};

struct dropping {
	struct plan *p;
	enum turn turn;
};

static enum turn
turn_of(const struct record *r)
{
	if (r->kind == RECORD_DOMAIN)
		return r->target.n > 0 ? DROP_STAND_INS : DROP_THE_REST;
	return r->kind == RECORD_MAP ? DROP_THE_REST : DROP_CONTENTS;
}

static enum outcome
drop_record(void *arg, const struct record *r, size_t line, struct error *err)
{
	struct dropping *d = arg;
	struct record name = *r;
	enum outcome o;

	(void)line;
	if (turn_of(r) != d->turn)
		return FOUND;
	name.force = true;
	o = store_drop(d->p->ctl->store, &name, err);
	return o == NONE ? FOUND : o;
}

static enum outcome
drop_all(struct plan *p, const struct sbuf *list, enum turn turn)
{
	struct dropping d = { p, turn };
	struct source again = { .file = NULL, .text = *list };
	enum outcome o;

	if (list->n == 0)
		return FOUND;
	o = source_each(&again, drop_record, &d, &p->ctl->err);
	/* why is said by now, of each */
	if (o == BAD)
		error_set(&p->ctl->err, BAD, "not all can be removed that is not in '%s'",
		    import_name(p->source.file));
	return o;
}

/* A mailbox is gone, and something leads there all the same: what the file says is done, but
 * whoever looks at the plan sees only half of it. */
static enum outcome
warn_of_alias(void *arg, const struct record *r, size_t line, struct error *err)
{
	struct plan *p = arg;
	struct sbuf alias;
	enum outcome o;

	(void)line;
	if (r->kind != RECORD_MAILBOX)
		return FOUND;
	sbuf_init(&alias, QUESTION_TEXT);
	o = store_leads_to(p->ctl->store, r->name, &alias, err);
	if (o == FOUND && p->orphans++ < ORPHANS_NAMED)
		ctl_warn("alias '%s' leads to mailbox '%.*s', which is removed", sbuf_cstr(&alias),
		    (int)r->name.n, r->name.p);
	sbuf_release(&alias);
	return o == NONE ? FOUND : o;
}

static enum outcome
warn_of_aliases(struct plan *p, const struct sbuf *list)
{
	struct source again = { .file = NULL, .text = *list };
	enum outcome o = FOUND;

	if (list->n > 0)
		o = source_each(&again, warn_of_alias, p, &p->ctl->err);
	if (p->orphans > ORPHANS_NAMED)
		ctl_warn("and so it is with %zu more: vmailctl lint names them",
		    p->orphans - ORPHANS_NAMED);
	return o;
}

/* What goes makes room for what comes, and domains go when they are empty. */
static enum outcome
carry_out(struct plan *p)
{
	struct ctl *ctl = p->ctl;
	struct sbuf list;
	enum outcome o = FOUND;

	sbuf_clear(&p->now);
	if (!p->keep)
		o = store_records(ctl->store, keep_removed, p, &ctl->err);
	if (o == FOUND)
		o = p->outcome;
	list = p->now;
	sbuf_init(&p->now, LINE_TEXT_MAX);
	if (o == FOUND)
		o = drop_all(p, &list, DROP_CONTENTS);
	if (o == FOUND)
		o = drop_all(p, &list, DROP_STAND_INS);
	if (o == FOUND)
		o = source_each(&p->source, put_record, p, &ctl->err);
	if (o == FOUND)
		o = put_later(p);
	if (o == FOUND)
		o = drop_all(p, &list, DROP_THE_REST);
	if (o == FOUND)
		o = warn_of_aliases(p, &list);
	sbuf_release(&list);
	return o;
}

/* In the transaction: what was shown, and consented to, is still what would be done. */
static enum outcome
check_plan(struct plan *p)
{
	struct ctl *ctl = p->ctl;
	struct plan again;
	enum outcome o;

	plan_init(&again, ctl);
	again.source = p->source;
	again.keep = p->keep;
	again.quiet = true;
	again.again = true;
	o = compare_all(&again);
	if (o == FOUND && memcmp(again.digest, p->digest, sizeof p->digest) != 0)
		o = error_set(&ctl->err, RETRY,
		    "the store, or the file, was changed since the plan was made, and other things "
		    "would change now: nothing was done; look at the plan once more");
	again.source = (struct source){ 0 }; /* it is P's */
	plan_release(&again);
	return o;
}

static enum outcome
make_so(struct plan *p)
{
	struct ctl *ctl = p->ctl;
	bool mine = !ctl->batch;
	enum outcome o = mine ? store_batch_begin(ctl->store, &ctl->err) : FOUND;

	if (o != FOUND)
		return o;
	if (mine)
		o = check_plan(p);
	p->records = 0;
	progress_begin(&p->bar, "applying", p->n);
	if (o == FOUND)
		o = carry_out(p);
	progress_end(&p->bar);
	if (mine && store_batch_end(ctl->store, o == FOUND, o == FOUND ? &ctl->err : NULL) != FOUND)
		o = RETRY;
	return o;
}

static enum exit_code
ask(struct ctl *ctl, const struct plan *p)
{
	size_t removed = p->keep ? 0 : p->removed;

	if (removed > 0)
		return ask_consent(
		    ctl, "add %zu, change %zu and REMOVE %zu?", p->added, p->changed, removed);
	return ask_on_terminal(ctl, "add %zu and change %zu?", p->added, p->changed);
}

static enum exit_code
apply(struct ctl *ctl, struct plan *p)
{
	enum exit_code e = EXIT_DONE;
	enum outcome o = make_plan(p, ctl->args[0]);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot apply '%s'", ctl->args[0]);
	if (p->keep && p->removed > 0)
		ctl_warn("%zu objects are not in '%s' and stay: --prune removes them", p->removed,
		    import_name(ctl->args[0]));
	if (p->odd > 0)
		ctl_warn("new mailboxes with more in their names than letters, digits and .-_: "
			 "%zu, and '%s' is the first; " CONFIG_NAME_LOST "; " CONFIG_NAME_CURE,
		    p->odd, sbuf_cstr(&p->odd_name));
	if (p->cut > 0)
		ctl_warn("new mailboxes with a delimiter in their names: %zu; " SPLIT_LOST
			 "; " SPLIT_CURE,
		    p->cut, (int)p->cut_name.n, sbuf_cstr(&p->cut_name), (int)p->cut_to.n,
		    sbuf_cstr(&p->cut_to));
	if (p->strange > 0)
		ctl_warn(
		    "%zu app passwords in '%s' cannot be used here: only the store in which they "
		    "were made can verify them",
		    p->strange, import_name(ctl->args[0]));
	if (p->added + p->changed + (p->keep ? 0 : p->removed) > 0) {
		e = ask(ctl, p);
		if (e == EXIT_DONE)
			o = make_so(p);
	}
	if (e != EXIT_DONE)
		return e;
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot apply '%s'", ctl->args[0]);
	ctl->changed = !ctl->dry_run;
	return ctl->dry_run ? EXIT_DONE : print_counts(ctl, p);
}

enum exit_code
cmd_apply(struct ctl *ctl)
{
	struct plan p;
	enum exit_code e;
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot apply '%s'", ctl->args[0]);
	plan_init(&p, ctl);
	p.keep = ctl_option(ctl, "prune") == NULL;
	p.quiet = ctl->json || ctl->dry_run;
	e = apply(ctl, &p);
	plan_release(&p);
	return e;
}
