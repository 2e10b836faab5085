/* SPDX-License-Identifier: ISC
 *
 * log: who changed what, and when.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mail/glob.h"
#include "vmailctl/changes.h"

#include "vmailctl/output.h"
#include "vmailctl/pattern.h"
#include "vmailctl/when.h"

enum { FOLLOW_MS = 500, LINE_TEXT_MAX = 8 << 20 };

/* The columns of a table; JSON has those behind as well. */
static const struct column plain_columns[] = {
	{ "id", CELL_COUNT },
	{ "at", CELL_TIME },
	{ "who", CELL_TEXT },
	{ "what", CELL_TEXT },
	{ "subject", CELL_TEXT },
	{ "before", CELL_JSON },
	{ "after", CELL_JSON },
	{ 0 },
};

static const struct column json_columns[] = {
	{ "id", CELL_COUNT },
	{ "at", CELL_TIME },
	{ "who", CELL_TEXT },
	{ "what", CELL_TEXT },
	{ "subject", CELL_TEXT },
	{ "before", CELL_JSON },
	{ "after", CELL_JSON },
	{ "undoes", CELL_SIZE },
	{ "batch", CELL_COUNT },
	{ 0 },
};

/* What is asked for. */
struct filter {
	struct slice who;
	struct slice what;
	const char *typed; /* the pattern, which may be that of a map, too */
	struct pattern match;
	int64_t since, until;
	int64_t last; /* that was seen */
	size_t skip;  /* of those that are wanted, before the last so many */
	struct table *table;
	struct sbuf line; /* without a table */
};

/* "user" is all that begins so: "user add", "user passwd". */
static bool
is_what(struct slice what, struct slice wanted)
{
	return wanted.n == 0 || slice_eq(what, wanted) ||
	       (what.n > wanted.n && what.p[wanted.n] == ' ' &&
		   slice_eq(slice_head(what, wanted.n), wanted));
}

static bool
matches(struct filter *f, struct slice subject)
{
	return f->typed == NULL || glob_match(slice_str(f->typed), subject) ||
	       pattern_match(&f->match, subject);
}

static bool
is_wanted(struct filter *f, const struct change_row *row)
{
	return (f->who.n == 0 || slice_eq(row->who, f->who)) && is_what(row->what, f->what) &&
	       (f->since == 0 || row->at >= f->since) && (f->until == 0 || row->at < f->until) &&
	       matches(f, row->subject);
}

/* Tell whether to print a change that was read. */
static bool
is_shown(struct filter *f, const struct change_row *row)
{
	f->last = row->id;
	if (!is_wanted(f, row))
		return false;
	if (f->skip == 0)
		return true;
	f->skip--;
	return false;
}

static bool
put_row(struct table *table, const struct change_row *row)
{
	const struct value values[] = {
		{ .number = row->id },
		{ .number = row->at },
		{ .text = row->who },
		{ .text = row->what },
		{ .text = row->subject },
		{ .text = row->before },
		{ .text = row->after },
		{ .number = row->undoes },
		{ .number = row->batch },
	};

	return table_row(table, values);
}

/* A change on a line of its own, for whoever watches. */
static bool
put_line(struct filter *f, const struct change_row *row)
{
	char when[32];
	struct tm tm;
	time_t at = (time_t)row->at;

	sbuf_clear(&f->line);
	if (localtime_r(&at, &tm) == NULL ||
	    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		when[0] = '\0';
	sbuf_printf(
	    &f->line, "%lld %s %.*s ", (long long)row->id, when, (int)row->who.n, row->who.p);
	changes_put(&f->line, row);
	fwrite(f->line.p, 1, f->line.n, stdout);
	return fflush(stdout) == 0;
}

static bool
put_change(void *arg, const struct change_row *row)
{
	struct filter *f = arg;

	if (!is_shown(f, row))
		return true;
	return f->table != NULL ? put_row(f->table, row) : put_line(f, row);
}

/* --- following ----------------------------------------------------------------------------------
 */

static bool
put_json_line(void *arg, const struct change_row *row)
{
	struct filter *f = arg;
	struct table one;
	bool more;

	if (!is_shown(f, row))
		return true;
	table_record(&one, f->table->ctl, json_columns, "change", row->subject);
	more = put_row(&one, row);
	table_end(&one, FOUND);
	return more && fflush(stdout) == 0;
}

/* Until it is interrupted, or nobody reads any more. */
static enum exit_code
follow(struct ctl *ctl, struct filter *f, struct slice name)
{
	const struct timespec nap = { 0, FOLLOW_MS * 1000000L };
	struct table table = { .ctl = ctl };
	enum outcome o;

	f->table = ctl->json ? &table : NULL;
	do {
		o = store_changes_of(ctl->store, name, f->last,
		    ctl->json ? put_json_line : put_change, f, &ctl->err);
		nanosleep(&nap, NULL);
	} while ((o == FOUND || o == NONE) && !ferror(stdout));
	f->table = NULL;
	ctl->printed = true;
	return o == RETRY ? ctl_fail(ctl, o, "cannot read the log") : EXIT_DONE;
}

/* --- the command --------------------------------------------------------------------------------
 */

static enum exit_code
take_time(struct ctl *ctl, const char *option, int64_t *out)
{
	const char *typed = ctl_option(ctl, option);

	if (typed == NULL || when_past(typed, time(NULL), out))
		return EXIT_DONE;
	return ctl_usage(ctl, "'%s' is no time: write it like %s", typed, WHEN_PAST_FORMS);
}

static enum exit_code
take_number(struct ctl *ctl, const char *option, int64_t *out)
{
	const char *typed = ctl_option(ctl, option);
	unsigned long long n = 0;

	if (typed != NULL && !slice_number(slice_str(typed), INT64_MAX, &n))
		return ctl_usage(ctl, "'%s' is no number of a change", typed);
	*out = (int64_t)n;
	return EXIT_DONE;
}

static enum exit_code
take_filter(struct ctl *ctl, struct filter *f, int64_t *last)
{
	enum exit_code e = take_number(ctl, "after", &f->last);

	f->who = slice_str(ctl_option(ctl, "who"));
	f->what = slice_str(ctl_option(ctl, "what"));
	f->typed = ctl_option(ctl, "match");
	if (e == EXIT_DONE)
		e = take_number(ctl, "last", last);
	if (e == EXIT_DONE && *last == 0 && ctl_option(ctl, "last") != NULL)
		e = ctl_usage(ctl, "'%s' is no number of changes", ctl_option(ctl, "last"));
	if (e == EXIT_DONE)
		e = take_time(ctl, "since", &f->since);
	return e == EXIT_DONE ? take_time(ctl, "until", &f->until) : e;
}

/* In the log a name is in canonical form; what is none is looked for as it is. */
static void
put_name(struct sbuf *out, struct slice typed)
{
	if (name_fold_whole(out, typed, true))
		return;
	sbuf_clear(out);
	sbuf_add_slice(out, typed);
}

static bool
count_wanted(void *arg, const struct change_row *row)
{
	struct filter *f = arg;

	f->skip += is_wanted(f, row);
	return true;
}

static bool
wants_all(const struct filter *f, struct slice name)
{
	return name.n == 0 && f->who.n == 0 && f->what.n == 0 && f->typed == NULL &&
	       f->since == 0 && f->until == 0;
}

/* Begin before the last N. Where some are not wanted, those that are must be counted first. */
static enum outcome
begin_at_last(struct ctl *ctl, struct filter *f, struct slice name, size_t n)
{
	int64_t from = 0;
	enum outcome o;

	if (wants_all(f, name)) {
		o = store_change_before(ctl->store, (int64_t)n, &from, &ctl->err);
		f->last = from > f->last ? from : f->last;
	} else {
		o = store_changes_of(ctl->store, name, f->last, count_wanted, f, &ctl->err);
		f->skip -= f->skip < n ? f->skip : n;
	}
	return o == NONE ? FOUND : o;
}

static enum exit_code
print_log(struct ctl *ctl, struct filter *f, int64_t last)
{
	struct table table;
	struct sbuf name;
	enum exit_code e;
	enum outcome o = FOUND;

	sbuf_init(&name, 4 * ADDRESS_MAX);
	if (ctl->args[0] != NULL)
		put_name(&name, slice_str(ctl->args[0]));
	if (last > 0)
		o = begin_at_last(ctl, f, sbuf_slice(&name), (size_t)last);
	if (o == FOUND && ctl_option(ctl, "follow") != NULL) {
		e = follow(ctl, f, sbuf_slice(&name));
	} else {
		table_list(&table, ctl, ctl->json ? json_columns : plain_columns);
		f->table = &table;
		if (o == FOUND)
			o = store_changes_of(
			    ctl->store, sbuf_slice(&name), f->last, put_change, f, &ctl->err);
		f->table = NULL;
		e = table_end(&table, o);
	}
	sbuf_release(&name);
	return e;
}

enum exit_code
cmd_log(struct ctl *ctl)
{
	struct filter f = { .table = NULL };
	int64_t last = 0;
	enum exit_code e = take_filter(ctl, &f, &last);
	enum outcome o;

	if (e != EXIT_DONE)
		return e;
	o = ctl_store(ctl, STORE_ADMIN);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot read the log");
	sbuf_init(&f.line, LINE_TEXT_MAX);
	pattern_init(&f.match, f.typed, true);
	e = print_log(ctl, &f, last);
	pattern_release(&f.match);
	sbuf_release(&f.line);
	return e;
}

enum outcome
log_print(struct ctl *ctl, int64_t after)
{
	struct filter f = { .last = after };
	struct table table;
	enum outcome o;

	table_list(&table, ctl, json_columns);
	f.table = &table;
	o = store_changes(ctl->store, after, put_change, &f, &ctl->err);
	return table_end(&table, o) == EXIT_DONE ? FOUND : RETRY;
}
