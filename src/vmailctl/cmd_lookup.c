/* SPDX-License-Identifier: ISC
 *
 * lookup and maps: what a mail server would be told, by the daemon's own resolver or by the daemon
 * itself.
 */
#include <stdio.h>

#include "mail/maps.h"
#include "vmailctl/guess.h"
#include "vmailctl/live.h"
#include "vmailctl/output.h"

static const struct column columns[] = {
	{ "map", CELL_TEXT },
	{ "parameter", CELL_TEXT },
	{ "summary", CELL_TEXT },
	{ 0 },
};

static void
put_table(struct table *t)
{
	const struct map *m;

	for (size_t i = 0; (m = map_at(i)) != NULL; i++) {
		const struct value values[] = {
			{ .text = slice_str(m->name) },
			{ .text = slice_str(m->parameter) },
			{ .text = slice_str(m->summary) },
		};

		if (!table_row(t, values))
			return;
	}
}

static bool
put_own_map(void *arg, const struct map_row *row)
{
	const struct value values[] = {
		{ .text = row->name },
		{ .text = slice_str(NULL) },
		{ .text = slice_str("made by an admin, see `vmailctl map list`") },
	};

	return table_row(arg, values);
}

enum exit_code
cmd_maps(struct ctl *ctl)
{
	struct table table;
	enum outcome o = FOUND;

	if (ctl_option(ctl, "all") != NULL)
		o = ctl_store(ctl, STORE_ADMIN);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot list the maps");
	table_list(&table, ctl, columns);
	put_table(&table);
	if (ctl->store != NULL)
		o = store_maps(ctl->store, put_own_map, &table, &ctl->err);
	return table_end(&table, o);
}

static enum exit_code
unknown_map(struct ctl *ctl, const char *typed)
{
	const struct map *m;
	struct guess g;

	guess_init(&g, typed);
	for (size_t i = 0; (m = map_at(i)) != NULL; i++)
		guess_offer(&g, m->name, NULL);
	if (g.near != NULL)
		return ctl_usage(ctl, "there is no map '%s': did you mean '%s'?", typed, g.near);
	return ctl_usage(ctl, "there is no map '%s': see `vmailctl maps`", typed);
}

/* The daemon's own way: the same resolver on the same store. */
static enum outcome
lookup_here(struct ctl *ctl, struct slice map, struct slice key, struct sbuf *value)
{
	struct lookup l;
	enum outcome o = ctl_store(ctl, STORE_LOOKUP);

	if (o != FOUND)
		return o;
	lookup_init(&l);
	store_deadline(ctl->store, (unsigned)ctl->conf->lookup_deadline);
	lookup_start(&l, &ctl->actor.rules, map, key);
	store_resolve(ctl->store, &l);
	live_ended(&l);
	o = l.outcome;
	if (o == FOUND && !sbuf_add_slice(value, sbuf_slice(&l.value)))
		o = error_set(&ctl->err, RETRY, "no memory for the value");
	else if (o == RETRY || o == BAD)
		error_set(&ctl->err, o, "%s", sbuf_cstr(&l.value));
	lookup_release(&l);
	return o;
}

static enum exit_code
answer(struct ctl *ctl, enum outcome o, const struct sbuf *value)
{
	const char *map = ctl->args[0], *key = ctl->args[1];

	if (ctl->json)
		output_lookup(
		    ctl, map, key, o, o == FOUND ? sbuf_slice(value) : slice_str(ctl->err.text));
	else if (o == FOUND)
		printf("%s\n", sbuf_cstr(value));
	if (o == NONE)
		return EXIT_NOT;
	return o == FOUND ? EXIT_DONE : ctl_fail(ctl, o, "cannot look '%s' up", key);
}

enum exit_code
cmd_lookup(struct ctl *ctl)
{
	struct slice map = slice_str(ctl->args[0]), key = slice_str(ctl->args[1]);
	struct sbuf value;
	enum exit_code e;
	enum outcome o;

	sbuf_init(&value, LOOKUP_VALUE_MAX);
	if (ctl_option(ctl, "live") == NULL)
		o = lookup_here(ctl, map, key, &value);
	else if ((o = ctl_conf(ctl)) == FOUND)
		o = live_lookup(ctl->conf, map, key, &value, &ctl->err);
	if (o == BAD && map_by_name(map) == NULL)
		e = unknown_map(ctl, ctl->args[0]);
	else
		e = answer(ctl, o, &value);
	sbuf_release(&value);
	return e;
}
