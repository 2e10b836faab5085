/* SPDX-License-Identifier: ISC
 *
 * map create, remove, set, get, unset, list, import: maps of keys and values, the program's and
 * those that an admin makes. How a key is found is for mail/keys.h, what a value may be for
 * mail/rules.h.
 */
#include <stdio.h>

#include "mail/maps.h"
#include "mail/rules.h"
#include "vmailctl/ask.h"
#include "vmailctl/guess.h"
#include "vmailctl/import.h"
#include "vmailctl/output.h"

enum { SHOWN = 80 }; /* bytes of what was typed that a warning repeats */

/* --- list ------------------------------------------------------------------------------------- */

static const struct column map_columns[] = {
	{ "map", CELL_TEXT },
	{ "search", CELL_TEXT },
	{ "parameter", CELL_TEXT },
	{ 0 },
};

static const struct column entry_columns[] = {
	{ "key", CELL_TEXT },
	{ "value", CELL_TEXT },
	{ "created", CELL_TIME },
	{ 0 },
};

static bool
put_map(void *arg, const struct map_row *row)
{
	const struct value values[] = {
		{ .text = row->name },
		{ .text = slice_str(key_search_name(row->search)) },
		{ .text = slice_str(NULL) },
	};

	return table_row(arg, values);
}

static bool
put_entry(void *arg, const struct entry_row *row)
{
	const struct value values[] = {
		{ .text = row->key },
		{ .text = row->value },
		{ .number = row->created },
	};

	return table_row(arg, values);
}

static void
put_named_maps(struct table *t)
{
	const struct map *m;
	bool more = true;

	for (size_t i = 0; more && (m = map_at(i)) != NULL; i++) {
		const struct value values[] = {
			{ .text = slice_str(m->name) },
			{ .text = slice_str(key_search_name(m->search)) },
			{ .text = slice_str(m->parameter) },
		};

		if (map_has_entries(m))
			more = table_row(t, values);
	}
}

static enum exit_code
list_maps(struct ctl *ctl)
{
	struct table table;
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot list the maps");
	table_list(&table, ctl, map_columns);
	o = store_maps(ctl->store, put_map, &table, &ctl->err);
	put_named_maps(&table);
	return table_end(&table, o);
}

/* Open the store, and find out how the map of the first argument is searched, and what its values
 * are. */
static enum outcome
find_map_of(struct ctl *ctl, enum key_search *search, enum map_value *value)
{
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	*search = SEARCH_EXACT;
	*value = VALUE_TEXT;
	if (o == FOUND)
		o = store_map(ctl->store, slice_str(ctl->args[0]), search, value, &ctl->err);
	return o;
}

static enum outcome
find_map(struct ctl *ctl, enum key_search *search)
{
	enum map_value value;

	return find_map_of(ctl, search, &value);
}

/* What went wrong with the map of the first argument; where it may be a slip, which was meant. */
static enum exit_code
fail_map(struct ctl *ctl, enum outcome o)
{
	const struct map *m;
	struct guess g;

	guess_init(&g, ctl->args[0]);
	for (size_t i = 0; (m = map_at(i)) != NULL; i++)
		if (map_has_entries(m))
			guess_offer(&g, m->name, NULL);
	if (o == NONE && g.near != NULL)
		error_set(
		    &ctl->err, o, "there is no map '%s': did you mean '%s'?", ctl->args[0], g.near);
	return ctl_fail(ctl, o, "cannot find map '%s'", ctl->args[0]);
}

static enum exit_code
list_entries(struct ctl *ctl)
{
	enum key_search search;
	struct table table;
	enum outcome o = find_map(ctl, &search);

	if (o != FOUND)
		return fail_map(ctl, o);
	table_list(&table, ctl, entry_columns);
	o = store_entries(ctl->store, slice_str(ctl->args[0]), put_entry, &table, &ctl->err);
	return table_end(&table, o);
}

enum exit_code
cmd_map_list(struct ctl *ctl)
{
	return ctl->n > 0 ? list_entries(ctl) : list_maps(ctl);
}

/* --- create, remove --------------------------------------------------------------------------- */

enum exit_code
cmd_map_create(struct ctl *ctl)
{
	const char *name = ctl->args[0], *typed = ctl_option(ctl, "search");
	enum key_search search = SEARCH_EXACT;
	enum outcome o;

	if (typed != NULL && !key_search_by_name(slice_str(typed), &search))
		return ctl_usage(ctl, "there is no search '%s': take one of %s", typed,
		    argument_words("SEARCH")->words);
	o = ctl_store(ctl, STORE_ADMIN);
	if (o == FOUND)
		o = store_map_create(ctl->store, slice_str(name), search, &ctl->err);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot create map '%s'", name);
	return ctl_done(
	    ctl, slice_str(name), "created map '%s'; in Postfix: socketmap:...:%s", name, name);
}

static bool
count_entry(void *arg, const struct entry_row *row)
{
	(void)row;
	++*(size_t *)arg;
	return true;
}

static enum exit_code
ask_entries(struct ctl *ctl, const char *name)
{
	size_t n = 0;

	store_entries(ctl->store, slice_str(name), count_entry, &n, &ctl->err);
	return n == 0 ? EXIT_DONE
		      : ask_on_terminal(ctl, "remove map '%s' with %zu entries?", name, n);
}

enum exit_code
cmd_map_remove(struct ctl *ctl)
{
	const char *name = ctl->args[0];
	enum exit_code e = EXIT_DONE;
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o == FOUND)
		e = ask_entries(ctl, name);
	if (e != EXIT_DONE)
		return e;
	if (o == FOUND)
		o = store_map_remove(ctl->store, slice_str(name), &ctl->err);
	if (o != FOUND)
		return ctl_fail(ctl, o, "there is no map '%s'", name);
	return ctl_done(ctl, slice_str(name), "removed map '%s' with its entries", name);
}

/* --- entries ---------------------------------------------------------------------------------- */

static void
warn_of_doubt(enum map_value kind, struct slice key, struct slice value)
{
	struct slice word;

	if (rules_value_is_doubtful(kind, slice_trim(value), &word))
		ctl_warn("'%.*s' for '%.*s' is no action of access(5): unless main.cf has a "
			 "restriction class of that name, smtpd refuses such mail for now (451)",
		    (int)(word.n < SHOWN ? word.n : SHOWN), word.p,
		    (int)(key.n < SHOWN ? key.n : SHOWN), key.p);
}

enum exit_code
cmd_map_set(struct ctl *ctl)
{
	struct slice map = slice_str(ctl->args[0]), key = slice_str(ctl->args[1]);
	struct slice value = slice_str(ctl->args[2]);
	enum key_search search;
	enum map_value kind;
	enum outcome o = find_map_of(ctl, &search, &kind);

	if (o != FOUND)
		return fail_map(ctl, o);
	o = store_entry_set(ctl->store, map, key, value, &ctl->err);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot set '%s' in map '%s'", ctl->args[1], ctl->args[0]);
	warn_of_doubt(kind, key, value);
	return ctl_done(ctl, key, "set '%s' in map '%s'", ctl->args[1], ctl->args[0]);
}

enum exit_code
cmd_map_unset(struct ctl *ctl)
{
	struct slice map = slice_str(ctl->args[0]), key = slice_str(ctl->args[1]);
	enum key_search search;
	enum outcome o = find_map(ctl, &search);

	if (o != FOUND)
		return fail_map(ctl, o);
	o = store_entry_unset(ctl->store, map, key, &ctl->err);
	if (o != FOUND)
		return ctl_fail(ctl, o, "map '%s' has no key '%s'", ctl->args[0], ctl->args[1]);
	return ctl_done(ctl, key, "took '%s' out of map '%s'", ctl->args[1], ctl->args[0]);
}

enum exit_code
cmd_map_get(struct ctl *ctl)
{
	const char *map = ctl->args[0], *key = ctl->args[1];
	enum key_search search;
	struct sbuf value;
	enum exit_code e = EXIT_DONE;
	enum outcome o = find_map(ctl, &search);

	if (o != FOUND)
		return fail_map(ctl, o);
	sbuf_init(&value, LOOKUP_VALUE_MAX);
	o = store_entry(ctl->store, slice_str(map), slice_str(key), &value, &ctl->err);
	if (o != FOUND)
		e = ctl_fail(ctl, o, "map '%s' has no key '%s'", map, key);
	else if (ctl->json)
		output_lookup(ctl, map, key, o, sbuf_slice(&value));
	else
		printf("%s\n", sbuf_cstr(&value));
	sbuf_release(&value);
	return e;
}

/* --- import ----------------------------------------------------------------------------------- */

struct entries {
	const struct postmap *from;
	size_t given;
};

static bool
next_entry(void *arg, struct slice *key, struct slice *value)
{
	struct entries *e = arg;

	if (e->given == e->from->n)
		return false;
	*key = e->from->entry[e->given].key;
	*value = e->from->entry[e->given].value;
	e->given++;
	return true;
}

static enum outcome
import(struct ctl *ctl, struct postmap *p, const char *file)
{
	struct entries e = { .from = p };
	enum outcome o;

	o = store_entries_set(ctl->store, slice_str(ctl->args[0]), next_entry, &e, &ctl->err);
	if (o == BAD && e.given > 0)
		import_name_line(&ctl->err, file, p->entry[e.given - 1].line);
	return o;
}

enum exit_code
cmd_map_import(struct ctl *ctl)
{
	const char *map = ctl->args[0], *file = ctl->args[1];
	enum key_search search;
	enum map_value kind;
	struct postmap p;
	enum exit_code e = EXIT_DONE;
	enum outcome o = find_map_of(ctl, &search, &kind);

	if (o != FOUND)
		return fail_map(ctl, o);
	postmap_init(&p);
	o = import_read(&p, file, search, &ctl->err);
	/* of a map that somebody made to be searched exactly, keys may be anything */
	if (o == FOUND && (search != SEARCH_EXACT || map_by_name(slice_str(map)) != NULL))
		o = import_check_patterns(&p, file, &ctl->err);
	if (o == FOUND)
		o = import(ctl, &p, file);
	for (size_t i = 0; o == FOUND && i < p.n; i++)
		warn_of_doubt(kind, p.entry[i].key, p.entry[i].value);
	if (o != FOUND)
		e = ctl_fail(ctl, o, "cannot import '%s'", import_name(file));
	else if (!ctl->dry_run) /* else what would have changed is printed at the end */
		output_set(ctl, slice_str(map), p.n);
	postmap_release(&p);
	return e;
}
