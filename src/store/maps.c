/* SPDX-License-Identifier: ISC
 *
 * Plain maps: making them, and their entries. How keys are searched for is mail/keys.h's business.
 */
#include "mail/maps.h"
#include "mail/rules.h"
#include "store/change.h"

/* --- which maps there are -----------------------------------------------------------------------
 */

static enum outcome
no_map(struct slice name, struct error *err)
{
	return error_set(err, NONE,
	    "there is no map '%.*s': see `vmailctl map list`, or make it with "
	    "`vmailctl map create`",
	    (int)(name.n < MAP_NAME_MAX ? name.n : MAP_NAME_MAX), name.p);
}

static enum outcome
own_map(const struct map *map, enum key_search *search, enum map_value *value, struct error *err)
{
	if (!map_has_entries(map))
		return error_set(err, BAD,
		    "map '%s' has no entries of its own: it answers from domains, mailboxes and "
		    "aliases",
		    map->name);
	*search = map->search;
	*value = map->value;
	return FOUND;
}

/* In a transaction. */
static enum outcome
find_map(struct store *s, struct slice name, enum key_search *search, enum map_value *value,
    struct error *err)
{
	const struct map *map = map_by_name(name);
	struct db_stmt *st;
	enum outcome o;

	if (map != NULL)
		return own_map(map, search, value, err);
	if (!map_name_ok(name))
		return no_map(name, err);
	st = db_prepare(s->db, Q_ask_map);
	db_bind_text(st, 1, name);
	o = db_step(st, err);
	if (o == FOUND && !key_search_by_name(db_text(st, 0), search))
		o = error_set(err, RETRY, "map '%.*s' has a search that this program does not know",
		    (int)name.n, name.p);
	db_reset(st);
	*value = *search == SEARCH_REWRITE ? VALUE_ADDRESS : VALUE_TEXT;
	return o == NONE ? no_map(name, err) : o;
}

enum outcome
store_map(struct store *s, struct slice name, enum key_search *search, enum map_value *value,
    struct error *err)
{
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	*search = SEARCH_EXACT;
	o = find_map(s, name, search, value, err);
	view_end(s, mine);
	return o;
}

/* --- reading one entry --------------------------------------------------------------------------
 */

static enum outcome
read_entry(
    struct store *s, struct slice map, struct slice key, struct sbuf *value, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_ask_entry);
	enum outcome o;

	db_bind_text(st, 1, map);
	db_bind_text(st, 2, key);
	o = db_step(st, err);
	if (o == FOUND && !sbuf_add_slice(value, db_text(st, 0)))
		o = error_set(err, RETRY, "no memory for a value");
	db_reset(st);
	return o;
}

enum outcome
store_entry(
    struct store *s, struct slice map, struct slice key, struct sbuf *value, struct error *err)
{
	enum key_search search = SEARCH_EXACT;
	enum map_value kind;
	struct sbuf canonical;
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	sbuf_init(&canonical, QUESTION_TEXT);
	o = find_map(s, map, &search, &kind, err);
	if (o == FOUND)
		o = key_check(&canonical, search, key, err);
	if (o == FOUND)
		o = read_entry(s, map, sbuf_slice(&canonical), value, err);
	sbuf_release(&canonical);
	view_end(s, mine);
	return o;
}

/* --- making and removing maps -------------------------------------------------------------------
 */

static enum outcome
create_map(
    struct store *s, struct slice name, enum key_search search, int64_t created, struct error *err)
{
	struct change c;
	struct db_stmt *st;
	enum outcome o;

	o = change_begin(&c, s, "map create", Q_map_image, name, err);
	if (o == FOUND && change_existed(&c))
		o = error_set(err, BAD, "map '%.*s' already exists", (int)name.n, name.p);
	if (o == FOUND) {
		st = db_prepare(s->db, Q_map_insert);
		db_bind_text(st, 1, name);
		db_bind_text(st, 2, slice_str(key_search_name(search)));
		db_bind_int(st, 3, created != 0 ? created : c.at);
		o = db_run(st, NULL, err);
	}
	return change_end(&c, o, err);
}

enum outcome
store_map_create(struct store *s, struct slice name, enum key_search search, struct error *err)
{
	return map_create(s, name, search, 0, err);
}

enum outcome
map_create(
    struct store *s, struct slice name, enum key_search search, int64_t created, struct error *err)
{
	/* what was there can be had back, whatever it is called */
	enum outcome o = s->undoing != 0 ? rules_map_name(name, err) : rules_new_map(name, err);

	return o == FOUND ? create_map(s, name, search, created, err) : o;
}

enum outcome
store_map_remove(struct store *s, struct slice name, struct error *err)
{
	struct change c;
	enum outcome o;

	if (map_by_name(name) != NULL)
		return error_set(err, BAD,
		    "map '%.*s' is one of the program's own: take out its entries", (int)name.n,
		    name.p);
	o = change_begin(&c, s, "map remove", Q_map_image, name, err);
	if (o == FOUND && !change_existed(&c))
		o = no_map(name, err);
	if (o == FOUND)
		o = change_log_all(&c, Q_log_entries_gone, "map unset", name, err);
	if (o == FOUND)
		o = run_for(s, Q_entries_delete, name, err);
	if (o == FOUND)
		o = run_for(s, Q_map_delete, name, err);
	return change_end(&c, o, err);
}

/* --- changing entries ---------------------------------------------------------------------------
 */

/* One entry, checked and in canonical form. */
struct entry {
	struct slice map;
	struct sbuf subject; /* the map, a blank, the key: what the log calls it */
	struct sbuf value;
};

static void
entry_init(struct entry *e, struct slice map)
{
	e->map = map;
	sbuf_init(&e->subject, QUESTION_TEXT);
	sbuf_init(&e->value, LOOKUP_VALUE_MAX);
}

static void
entry_release(struct entry *e)
{
	sbuf_release(&e->subject);
	sbuf_release(&e->value);
}

static struct slice
entry_key(const struct entry *e)
{
	return slice_tail(sbuf_slice(&e->subject), e->map.n + 1);
}

static enum outcome
entry_take_key(struct entry *e, enum key_search search, struct slice key, struct error *err)
{
	sbuf_clear(&e->subject);
	sbuf_add_slice(&e->subject, e->map);
	if (!sbuf_add_chr(&e->subject, ' ') || e->subject.failed)
		return error_set(err, RETRY, "no memory");
	return key_check(&e->subject, search, key, err);
}

static enum outcome
entry_take(struct entry *e, enum key_search search, enum map_value kind, struct slice key,
    struct slice value, struct error *err)
{
	enum outcome o = entry_take_key(e, search, key, err);

	sbuf_clear(&e->value);
	return o == FOUND ? rules_value(&e->value, kind, value, err) : o;
}

static enum outcome
put_entry(struct store *s, const struct entry *e, int64_t at, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_entry_set);

	db_bind_text(st, 1, e->map);
	db_bind_text(st, 2, entry_key(e));
	db_bind_text(st, 3, sbuf_slice(&e->value));
	db_bind_int(st, 4, at);
	return db_run(st, NULL, err);
}

/* The same value again is no change. */
static enum outcome
is_there(struct store *s, const struct entry *e, bool *same, struct error *err)
{
	struct sbuf now;
	enum outcome o;

	sbuf_init(&now, LOOKUP_VALUE_MAX);
	o = read_entry(s, e->map, entry_key(e), &now, err);
	*same = o == FOUND && slice_eq(sbuf_slice(&now), sbuf_slice(&e->value));
	sbuf_release(&now);
	return o == NONE ? FOUND : o;
}

enum outcome
store_entries_set(
    struct store *s, struct slice map, store_entry_next *next, void *arg, struct error *err)
{
	enum key_search search = SEARCH_EXACT;
	enum map_value kind = VALUE_TEXT;
	struct slice key, value;
	struct entry e;
	enum outcome o;

	entry_init(&e, map);
	o = transaction_begin(s, DB_WRITE, err);
	if (o == FOUND)
		o = find_map(s, map, &search, &kind, err);
	while (o == FOUND && next(arg, &key, &value)) {
		struct change c;
		bool same = false;

		o = entry_take(&e, search, kind, key, value, err);
		if (o == FOUND)
			o = is_there(s, &e, &same, err);
		if (o != FOUND || same)
			continue;
		o = change_join(&c, s, "map set", Q_entry_image, sbuf_slice(&e.subject), err);
		if (o == FOUND)
			o = put_entry(s, &e, c.at, err);
		o = change_leave(&c, o, err);
	}
	if (s->state == STORE_WRITING)
		o = write_end(s, o, err);
	entry_release(&e);
	return o;
}

enum outcome
entry_put(struct store *s, struct slice map, struct slice key, struct slice value, int64_t created,
    enum record_change *did, struct error *err)
{
	enum key_search search = SEARCH_EXACT;
	enum map_value kind = VALUE_TEXT;
	struct change c;
	struct entry e;
	enum outcome o = store_map(s, map, &search, &kind, err);

	if (o != FOUND)
		return o == NONE ? BAD : o;
	entry_init(&e, map);
	o = entry_take(&e, search, kind, key, value, err);
	if (o == FOUND) {
		bool same = false;

		o = change_begin(&c, s, "map set", Q_entry_image, sbuf_slice(&e.subject), err);
		if (o == FOUND)
			o = is_there(s, &e, &same, err);
		if (o == FOUND && !same)
			o = put_entry(s, &e, created != 0 ? created : c.at, err);
		*did = same ? RECORD_SAME : change_existed(&c) ? RECORD_CHANGED : RECORD_ADDED;
		o = change_end(&c, o, err);
	}
	entry_release(&e);
	return o;
}

struct one_entry {
	struct slice key, value;
	bool given;
};

static bool
next_of_one(void *arg, struct slice *key, struct slice *value)
{
	struct one_entry *one = arg;

	*key = one->key;
	*value = one->value;
	one->given = !one->given;
	return one->given;
}

enum outcome
store_entry_set(
    struct store *s, struct slice map, struct slice key, struct slice value, struct error *err)
{
	struct one_entry one = { key, value, false };

	return store_entries_set(s, map, next_of_one, &one, err);
}

static enum outcome
delete_entry(struct change *c, const struct entry *e, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_entry_delete);

	db_bind_text(st, 1, e->map);
	db_bind_text(st, 2, entry_key(e));
	return db_run(st, NULL, err);
}

enum outcome
store_entry_unset(struct store *s, struct slice map, struct slice key, struct error *err)
{
	enum key_search search;
	enum map_value kind;
	struct change c;
	struct entry e;
	enum outcome o = store_map(s, map, &search, &kind, err);

	if (o != FOUND)
		return o;
	entry_init(&e, map);
	o = entry_take_key(&e, search, key, err);
	if (o == FOUND) {
		o = change_begin(&c, s, "map unset", Q_entry_image, sbuf_slice(&e.subject), err);
		if (o == FOUND && !change_existed(&c))
			o = error_set(err, NONE, "map '%.*s' has no key '%.*s'", (int)map.n, map.p,
			    (int)entry_key(&e).n, entry_key(&e).p);
		if (o == FOUND)
			o = delete_entry(&c, &e, err);
		o = change_end(&c, o, err);
	}
	entry_release(&e);
	return o;
}
