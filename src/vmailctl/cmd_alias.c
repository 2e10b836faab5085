/* SPDX-License-Identifier: ISC
 *
 * alias add, list, show, remove. What may lead where is for the store to judge.
 */
#include <stdlib.h>

#include "mail/rules.h"
#include "vmailctl/output.h"

static const struct column columns[] = {
	{ "address", CELL_TEXT },
	{ "targets", CELL_LINES },
	{ "created", CELL_TIME },
	{ 0 },
};

static bool
put_alias(void *arg, const struct alias_row *row)
{
	const struct value values[] = {
		{ .text = row->address },
		{ .text = row->targets },
		{ .number = row->created },
	};

	return table_row(arg, values);
}

enum exit_code
cmd_alias_list(struct ctl *ctl)
{
	struct table table;
	struct sbuf domain;
	enum exit_code e;
	enum outcome o;

	sbuf_init(&domain, ADDRESS_MAX);
	o = ctl_domain(ctl, ctl->args[0], &domain);
	if (o == FOUND) {
		table_list(&table, ctl, columns);
		o = store_aliases(
		    ctl->store, slice_str(NULL), sbuf_slice(&domain), put_alias, &table, &ctl->err);
		e = table_end(&table, o);
	} else {
		e = ctl_fail(ctl, o, "cannot list the aliases");
	}
	sbuf_release(&domain);
	return e;
}

enum exit_code
cmd_alias_show(struct ctl *ctl)
{
	struct table table;
	struct sbuf address;
	enum exit_code e;
	enum outcome o;

	sbuf_init(&address, 2 * ADDRESS_MAX);
	o = ctl_named(ctl, rules_alias, ctl->args[0], &address);
	table_record(&table, ctl, columns, "alias", sbuf_slice(&address));
	if (o == FOUND)
		o = store_aliases(ctl->store, sbuf_slice(&address), slice_str(NULL), put_alias,
		    &table, &ctl->err);
	e = table_end(&table, o);
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
