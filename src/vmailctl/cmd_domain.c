/* SPDX-License-Identifier: ISC
 *
 * domain add, list, show, set, remove.
 */
#include <inttypes.h>
#include <string.h>

#include "mail/rules.h"
#include "vmailctl/ask.h"
#include "vmailctl/output.h"
#include "vmailctl/page.h"
#include "vmailctl/split.h"

static const struct column list_columns[] = {
	{ "name", CELL_TEXT },
	{ "kind", CELL_TEXT },
	{ "target", CELL_TEXT },
	{ "mailboxes", CELL_COUNT },
	{ "aliases", CELL_COUNT },
	{ "created", CELL_TIME },
	{ 0 },
};

static const struct column show_columns[] = {
	{ "name", CELL_TEXT },
	{ "kind", CELL_TEXT },
	{ "target", CELL_TEXT },
	{ "mailboxes", CELL_COUNT },
	{ "aliases", CELL_COUNT },
	{ "created", CELL_TIME },
	{ "delimiters", CELL_TEXT },
	{ "propagate", CELL_TEXT },
	{ 0 },
};

/* How a set of delimiters is written: no set can be one of these words, for it has no letters. */
static struct slice
delimiters_text(const struct domain_row *row)
{
	if (!row->own_delimiters)
		return slice_str("default");
	return row->delimiters.n > 0 ? row->delimiters : slice_str("none");
}

static struct slice
propagate_text(const struct domain_row *row)
{
	return slice_str(row->propagate < 0 ? "default" : row->propagate > 0 ? "yes" : "no");
}

/* What is listed, and what of it. */
struct listing {
	struct table table;
	struct page page;
};

static bool
put_domain(void *arg, const struct domain_row *row)
{
	struct listing *l = arg;
	bool more, wanted = page_wants(&l->page, row->name, &more);
	const struct value values[] = {
		{ .text = row->name },
		{ .text = slice_str(domain_kind_name(row->kind)) },
		{ .text = row->target },
		{ .number = row->mailboxes },
		{ .number = row->aliases },
		{ .number = row->created },
		{ .text = delimiters_text(row) },
		{ .text = propagate_text(row) },
	};

	if (wanted && !l->page.count)
		return table_row(&l->table, values) && more;
	return more;
}

static enum exit_code
list_domains(struct ctl *ctl, struct listing *l)
{
	enum outcome o;

	if (!l->page.count)
		table_list(&l->table, ctl, list_columns);
	o = store_domains(ctl->store, slice_str(NULL), put_domain, l, &ctl->err);
	if (!l->page.count)
		return table_end(&l->table, o);
	if (o == RETRY || o == BAD)
		return ctl_fail(ctl, o, "cannot count the domains");
	return page_print_count(ctl, (int64_t)l->page.n);
}

enum exit_code
cmd_domain_list(struct ctl *ctl)
{
	struct listing l;
	enum exit_code e = page_take(&l.page, ctl, true);
	enum outcome o = e == EXIT_DONE ? ctl_store(ctl, STORE_ADMIN) : FOUND;

	if (o != FOUND)
		e = ctl_fail(ctl, o, "cannot list the domains");
	else if (e == EXIT_DONE)
		e = list_domains(ctl, &l);
	page_release(&l.page);
	return e;
}

enum exit_code
cmd_domain_show(struct ctl *ctl)
{
	struct listing one = { .page = { .n = 0 } };
	struct sbuf name;
	enum exit_code e;
	enum outcome o;

	sbuf_init(&name, ADDRESS_MAX);
	o = ctl_named(ctl, rules_domain, ctl->args[0], &name);
	table_record(&one.table, ctl, show_columns, "domain", sbuf_slice(&name));
	if (o == FOUND)
		o = store_domains(ctl->store, sbuf_slice(&name), put_domain, &one, &ctl->err);
	e = table_end(&one.table, o);
	sbuf_release(&name);
	return e;
}

/* A target alone says what kind it is. */
static enum exit_code
read_kind(struct ctl *ctl, enum domain_kind *kind)
{
	const char *typed = ctl_option(ctl, "kind");
	bool target = ctl_option(ctl, "target") != NULL;

	*kind = target ? DOMAIN_ALIAS : DOMAIN_MAILBOX;
	if (typed != NULL && !domain_kind_by_name(slice_str(typed), kind))
		return ctl_usage(ctl, "there is no kind '%s': take one of %s", typed,
		    argument_words("KIND")->words);
	if (target && *kind != DOMAIN_ALIAS)
		return ctl_usage(ctl, "only an 'alias' domain can stand for another: leave out "
				      "--kind or --target");
	return EXIT_DONE;
}

/* Postfix makes one domain of some and others, so others are taken here as well. */
static void
warn_asked(struct slice name)
{
	struct address a;

	if (domain_parse(&a, name) && domain_as_asked(&a) && !slice_eq(address_domain(&a), name))
		ctl_warn("Postfix asks for '%.*s' as '%.*s': mail from here to a '%.*s' that is "
			 "somebody else's will be taken for it",
		    (int)name.n, name.p, (int)a.domain_n, a.domain, (int)a.domain_n, a.domain);
}

enum exit_code
cmd_domain_add(struct ctl *ctl)
{
	const char *other = ctl_option(ctl, "target");
	enum domain_kind kind;
	struct sbuf name, target;
	enum exit_code e = read_kind(ctl, &kind);
	enum outcome o;

	if (e != EXIT_DONE)
		return e;
	sbuf_init(&name, ADDRESS_MAX);
	sbuf_init(&target, ADDRESS_MAX);
	o = ctl_named(ctl, rules_domain, ctl->args[0], &name);
	if (o == FOUND && other != NULL)
		o = rules_domain(&target, slice_str(other), &ctl->err);
	if (o == FOUND)
		o = store_domain_add(
		    ctl->store, sbuf_slice(&name), kind, sbuf_slice(&target), &ctl->err);
	if (o == FOUND) {
		warn_asked(sbuf_slice(&name));
		e = ctl_done(ctl, sbuf_slice(&name), "added domain '%s'", sbuf_cstr(&name));
	} else {
		e = ctl_fail(ctl, o, "cannot add domain '%s'", ctl->args[0]);
	}
	sbuf_release(&target);
	sbuf_release(&name);
	return e;
}

/* All that is in a domain is more than one may have had in mind. */
static enum exit_code
ask_all(struct ctl *ctl, const struct sbuf *name)
{
	struct store_counts n = { 0 };

	if (ctl_option(ctl, "all") == NULL ||
	    store_count(ctl->store, sbuf_slice(name), &n, &ctl->err) != FOUND ||
	    n.mailboxes + n.aliases == 0)
		return EXIT_DONE; /* what is wrong will be told by the removal */
	return ask_on_terminal(ctl,
	    "remove domain '%s' with %" PRId64 " mailboxes and %" PRId64 " aliases?",
	    sbuf_cstr(name), n.mailboxes, n.aliases);
}

enum exit_code
cmd_domain_remove(struct ctl *ctl)
{
	bool all = ctl_option(ctl, "all") != NULL;
	struct sbuf name;
	enum exit_code e = EXIT_DONE;
	enum outcome o;

	sbuf_init(&name, ADDRESS_MAX);
	o = ctl_named(ctl, rules_domain, ctl->args[0], &name);
	if (o == FOUND)
		e = ask_all(ctl, &name);
	if (e != EXIT_DONE) {
		sbuf_release(&name);
		return e;
	}
	if (o == FOUND)
		o = store_domain_remove(ctl->store, sbuf_slice(&name), all, &ctl->err);
	if (o == FOUND)
		e = ctl_done(ctl, sbuf_slice(&name), "removed domain '%s'", sbuf_cstr(&name));
	else
		e = ctl_fail(ctl, o, "there is no domain '%s'", sbuf_cstr(&name));
	sbuf_release(&name);
	return e;
}

/* --- set -------------------------------------------------------------------------------------- */

static enum exit_code
check_settings(struct ctl *ctl, int *propagate)
{
	static const char *const words[] = { "no", "yes", "default" };
	static const int values[] = { 0, 1, -1 };
	const char *typed = ctl_option(ctl, "propagate");

	if (typed == NULL && ctl_option(ctl, "delimiters") == NULL)
		return ctl_usage(ctl, "what is to be set? name --delimiters or --propagate");
	if (typed == NULL)
		return EXIT_DONE;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(words[i], typed) == 0) {
			*propagate = values[i];
			return EXIT_DONE;
		}
	}
	return ctl_usage(ctl, "'--propagate %s': say yes, no or default", typed);
}

static void
take_delimiters(struct ctl *ctl, struct domain_settings *settings)
{
	const char *typed = ctl_option(ctl, "delimiters");

	if (typed == NULL)
		return;
	settings->only |= DOMAIN_SET_DELIMITERS;
	settings->own_delimiters = strcmp(typed, "default") != 0;
	if (settings->own_delimiters && strcmp(typed, "none") != 0)
		settings->delimiters = slice_str(typed);
}

/* Which of the delimiters that count there now Dovecot has not, and the other way round. */
static bool
warn_of_row(void *arg, const struct domain_row *row)
{
	const struct ctl *ctl = arg;
	struct slice theirs = slice_str(ctl->conf->recipient_delimiter);
	struct sbuf chars;

	if (row->kind != DOMAIN_MAILBOX || !row->own_delimiters)
		return true;
	sbuf_init(&chars, ADDRESS_MAX);
	if (split_lacking(&chars, row->delimiters, theirs))
		ctl_warn("'%.*s' splits at '%s', and " SPLIT_DOMAIN_LOST "; " SPLIT_DOMAIN_CURE,
		    (int)row->name.n, row->name.p, sbuf_cstr(&chars));
	sbuf_clear(&chars);
	if (split_lacking(&chars, theirs, row->delimiters))
		ctl_warn("'%.*s' does not split at '%s', and Dovecot's LMTP does so all the same: "
			 "mail for a mailbox with that in its name goes to that of what is before "
			 "it, or bounces; " SPLIT_CURE,
		    (int)row->name.n, row->name.p, sbuf_cstr(&chars));
	sbuf_release(&chars);
	return true;
}

static void
warn_of_split(struct ctl *ctl, struct slice name)
{
	struct error ignored;

	if (ctl_option(ctl, "delimiters") != NULL)
		store_domains(ctl->store, name, warn_of_row, ctl, &ignored);
}

enum exit_code
cmd_domain_set(struct ctl *ctl)
{
	struct domain_settings settings = { .propagate = -1 };
	struct sbuf name;
	enum exit_code e = check_settings(ctl, &settings.propagate);
	enum outcome o;

	if (e != EXIT_DONE)
		return e;
	take_delimiters(ctl, &settings);
	if (ctl_option(ctl, "propagate") != NULL)
		settings.only |= DOMAIN_SET_PROPAGATE;
	sbuf_init(&name, ADDRESS_MAX);
	o = ctl_named(ctl, rules_domain, ctl->args[0], &name);
	if (o == FOUND)
		o = store_domain_set(ctl->store, sbuf_slice(&name), &settings, &ctl->err);
	if (o == FOUND) {
		warn_of_split(ctl, sbuf_slice(&name));
		e = ctl_done(ctl, sbuf_slice(&name), "set domain '%s'", sbuf_cstr(&name));
	} else {
		e = ctl_fail(ctl, o, "there is no domain '%s'", sbuf_cstr(&name));
	}
	sbuf_release(&name);
	return e;
}
