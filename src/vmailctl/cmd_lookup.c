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

enum exit_code
cmd_maps(struct ctl *ctl)
{
	const struct map *m;
	struct table table;

	table_list(&table, ctl, columns);
	for (size_t i = 0; (m = map_at(i)) != NULL; i++) {
		const struct value values[] = {
			{ .text = slice_str(m->name) },
			{ .text = slice_str(m->parameter) },
			{ .text = slice_str(m->summary) },
		};

		if (!table_row(&table, values))
			break;
	}
	return table_end(&table, FOUND);
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
lookup_here(struct ctl *ctl, const struct map *map, struct slice key, struct sbuf *value)
{
	struct lookup l;
	enum outcome o = ctl_store(ctl, STORE_LOOKUP);

	if (o != FOUND)
		return o;
	lookup_init(&l);
	store_deadline(ctl->store, (unsigned)ctl->conf->lookup_deadline);
	lookup_start(&l, &ctl->actor.rules, map, key);
	store_resolve(ctl->store, &l);
	o = l.outcome;
	if (o == FOUND)
		sbuf_add_slice(value, sbuf_slice(&l.value));
	else if (o != NONE)
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
	const struct map *m = map_by_name(map);
	struct sbuf value;
	enum exit_code e;
	enum outcome o;

	if (m == NULL)
		return unknown_map(ctl, ctl->args[0]);
	sbuf_init(&value, LOOKUP_VALUE_MAX);
	if (ctl_option(ctl, "live") == NULL)
		o = lookup_here(ctl, m, key, &value);
	else if ((o = ctl_conf(ctl)) == FOUND)
		o = live_lookup(ctl->conf, map, key, &value, &ctl->err);
	e = answer(ctl, o, &value);
	sbuf_release(&value);
	return e;
}
