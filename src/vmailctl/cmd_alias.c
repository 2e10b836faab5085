/* SPDX-License-Identifier: ISC
 *
 * alias add, list, show, set, remove. What may lead where is for the store to judge.
 */
#include <stdlib.h>
#include <time.h>

#include "mail/rules.h"
#include "vmailctl/output.h"
#include "vmailctl/page.h"
#include "vmailctl/when.h"

static const struct column columns[] = {
	{ "address", CELL_TEXT },
	{ "targets", CELL_LINES },
	{ "disabled", CELL_YES },
	{ "expires", CELL_TIME },
	{ "internal", CELL_YES },
	{ "owner", CELL_TEXT },
	{ "note", CELL_TEXT },
	{ "created", CELL_TIME },
	{ 0 },
};

/* What is listed, and what of it. */
struct listing {
	struct table table;
	struct page page;
};

static bool
put_alias(void *arg, const struct alias_row *row)
{
	struct listing *l = arg;
	bool more, wanted = page_wants(&l->page, row->address, &more);
	const struct value values[] = {
		{ .text = row->address },
		{ .text = row->targets },
		{ .number = row->settings.disabled },
		{ .number = row->settings.expires },
		{ .number = row->settings.internal },
		{ .text = row->settings.owner },
		{ .text = row->settings.note },
		{ .number = row->created },
	};

	if (wanted && !l->page.count)
		return table_row(&l->table, values) && more;
	return more;
}

static enum exit_code
count_aliases(struct ctl *ctl, struct listing *l, struct slice domain)
{
	struct store_counts counts = { 0 };
	enum outcome o;

	if (page_counts_all(&l->page))
		o = store_count(ctl->store, domain, &counts, &ctl->err);
	else
		o = store_aliases_after(
		    ctl->store, domain, page_start(&l->page), put_alias, l, &ctl->err);
	if (o != FOUND && o != NONE)
		return ctl_fail(ctl, o, "cannot count the aliases");
	return page_print_count(
	    ctl, page_counts_all(&l->page) ? counts.aliases : (int64_t)l->page.n);
}

static enum exit_code
list_aliases(struct ctl *ctl, struct listing *l, struct slice domain)
{
	enum outcome o;

	if (l->page.count)
		return count_aliases(ctl, l, domain);
	table_list(&l->table, ctl, columns);
	o = store_aliases_after(ctl->store, domain, page_start(&l->page), put_alias, l, &ctl->err);
	return table_end(&l->table, o);
}

enum exit_code
cmd_alias_list(struct ctl *ctl)
{
	struct listing l;
	struct sbuf domain;
	enum exit_code e = page_take(&l.page, ctl, false);
	enum outcome o;

	sbuf_init(&domain, ADDRESS_MAX);
	if (e == EXIT_DONE) {
		o = ctl_domain(ctl, ctl->args[0], &domain);
		e = o == FOUND ? list_aliases(ctl, &l, sbuf_slice(&domain))
			       : ctl_fail(ctl, o, "cannot list the aliases");
	}
	sbuf_release(&domain);
	page_release(&l.page);
	return e;
}

enum exit_code
cmd_alias_show(struct ctl *ctl)
{
	struct listing one = { .page = { .n = 0 } };
	struct sbuf address;
	enum exit_code e;
	enum outcome o;

	sbuf_init(&address, 2 * ADDRESS_MAX);
	o = ctl_named(ctl, rules_alias, ctl->args[0], &address);
	table_record(&one.table, ctl, columns, "alias", sbuf_slice(&address));
	if (o == FOUND)
		o = store_aliases(
		    ctl->store, sbuf_slice(&address), slice_str(NULL), put_alias, &one, &ctl->err);
	e = table_end(&one.table, o);
	sbuf_release(&address);
	return e;
}

/* What adding and removing have in common: an alias, then targets as they were typed. */
typedef enum outcome alias_change(struct store *s, struct slice address,
    const struct slice *targets, size_t n, struct error *err);

static enum outcome
change_alias(struct ctl *ctl, alias_change *change, struct sbuf *address)
{
	struct slice *targets = calloc(ctl->n, sizeof *targets);
	enum outcome o;

	if (targets == NULL)
		return error_set(&ctl->err, RETRY, "no memory");
	for (size_t i = 1; i < ctl->n; i++)
		targets[i - 1] = slice_str(ctl->args[i]);
	o = ctl_named(ctl, rules_alias, ctl->args[0], address);
	if (o == FOUND)
		o = change(ctl->store, sbuf_slice(address), targets, ctl->n - 1, &ctl->err);
	free(targets);
	return o;
}

enum exit_code
cmd_alias_add(struct ctl *ctl)
{
	struct sbuf address;
	enum exit_code e;
	enum outcome o;

	sbuf_init(&address, 2 * ADDRESS_MAX);
	o = change_alias(ctl, store_alias_add, &address);
	if (o == FOUND)
		e = ctl_done(ctl, sbuf_slice(&address), "added to alias '%s'", sbuf_cstr(&address));
	else
		e = ctl_fail(ctl, o, "cannot add alias '%s'", ctl->args[0]);
	sbuf_release(&address);
	return e;
}

enum exit_code
cmd_alias_remove(struct ctl *ctl)
{
	struct sbuf address;
	enum exit_code e;
	enum outcome o;

	sbuf_init(&address, 2 * ADDRESS_MAX);
	o = change_alias(ctl, store_alias_remove, &address);
	if (o == FOUND)
		e = ctl_done(ctl, sbuf_slice(&address),
		    ctl->n > 1 ? "removed from alias '%s'" : "removed alias '%s'",
		    sbuf_cstr(&address));
	else
		e = ctl_fail(ctl, o, "there is no alias '%s'", sbuf_cstr(&address));
	sbuf_release(&address);
	return e;
}

/* --- set -------------------------------------------------------------------------------------- */

static enum exit_code
check_settings(struct ctl *ctl)
{
	static const char *const pairs[][2] = { { "disable", "enable" }, { "internal", "open" } };
	bool any = ctl_option(ctl, "expires") != NULL || ctl_option(ctl, "note") != NULL ||
		   ctl_option(ctl, "owner") != NULL;

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		bool yes = ctl_option(ctl, pairs[i][0]) != NULL;
		bool no = ctl_option(ctl, pairs[i][1]) != NULL;

		if (yes && no)
			return ctl_usage(
			    ctl, "--%s and --%s contradict each other", pairs[i][0], pairs[i][1]);
		any = any || yes || no;
	}
	if (!any)
		return ctl_usage(ctl, "what is to be set? name one of the options");
	return EXIT_DONE;
}

static enum exit_code
take_expiry(struct ctl *ctl, struct alias_settings *settings)
{
	const char *typed = ctl_option(ctl, "expires");
	int64_t now = time(NULL);

	if (typed == NULL)
		return EXIT_DONE;
	if (!when_parse(typed, now, &settings->expires))
		return ctl_usage(ctl, "'%s' is no time: write it like %s", typed, WHEN_FORMS);
	if (settings->expires != 0 && settings->expires <= now)
		ctl_warn("'%s' is past: the alias is off from now on", typed);
	return EXIT_DONE;
}

static void
take_switch(
    struct ctl *ctl, const char *on, const char *off, unsigned which, bool *value, unsigned *only)
{
	if (ctl_option(ctl, on) == NULL && ctl_option(ctl, off) == NULL)
		return;
	*value = ctl_option(ctl, on) != NULL;
	*only |= which;
}

static void
take_text(struct ctl *ctl, const char *option, unsigned which, struct slice *value, unsigned *only)
{
	const char *typed = ctl_option(ctl, option);

	if (typed == NULL)
		return;
	*value = slice_str(typed);
	*only |= which;
}

/* What is not named stays as it is. */
static void
take_settings(struct ctl *ctl, struct alias_settings *s)
{
	take_switch(ctl, "disable", "enable", ALIAS_SET_DISABLED, &s->disabled, &s->only);
	take_switch(ctl, "internal", "open", ALIAS_SET_INTERNAL, &s->internal, &s->only);
	take_text(ctl, "note", ALIAS_SET_NOTE, &s->note, &s->only);
	take_text(ctl, "owner", ALIAS_SET_OWNER, &s->owner, &s->only);
	if (ctl_option(ctl, "expires") != NULL)
		s->only |= ALIAS_SET_EXPIRES;
}

enum exit_code
cmd_alias_set(struct ctl *ctl)
{
	struct alias_settings wanted = { 0 };
	struct sbuf address;
	enum exit_code e = check_settings(ctl);
	enum outcome o;

	if (e == EXIT_DONE)
		e = take_expiry(ctl, &wanted);
	if (e != EXIT_DONE)
		return e;
	take_settings(ctl, &wanted);
	sbuf_init(&address, 2 * ADDRESS_MAX);
	o = ctl_named(ctl, rules_alias, ctl->args[0], &address);
	if (o == FOUND)
		o = store_alias_set(ctl->store, sbuf_slice(&address), &wanted, &ctl->err);
	if (o == FOUND)
		e = ctl_done(ctl, sbuf_slice(&address), "set alias '%s'", sbuf_cstr(&address));
	else
		e = ctl_fail(ctl, o, "there is no alias '%s'", sbuf_cstr(&address));
	sbuf_release(&address);
	return e;
}
