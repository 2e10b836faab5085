/* SPDX-License-Identifier: ISC
 *
 * Putting and dropping records: the frame that all kinds have in common. What is particular to a
 * kind is in put_KIND.c, and what a map may hold in maps.c.
 */
#include "store/put.h"

#include <stdlib.h>
#include <string.h>

#include "auth/network.h"
#include "mail/rules.h"

/* What a kind does; maps and their entries go their own way. */
struct kind {
	enum statement image;
	const char *add, *set;
	enum outcome (*check)(struct put *p, struct error *err);
	unsigned (*compare)(const struct record *now, const struct record *wanted);
	enum outcome (*write)(struct put *p, struct error *err);
	bool sure; /* once it writes, it refuses no more */
};

static const struct kind kinds[] = {
	[RECORD_DOMAIN] = { Q_domain_image, "domain add", "domain set", put_check_domain,
	    put_compare_domain, put_domain, false },
	[RECORD_MAILBOX] = { Q_mailbox_image, "user add", "user set", put_check_mailbox,
	    put_compare_mailbox, put_mailbox, true },
	[RECORD_ALIAS] = { Q_alias_image, "alias add", "alias set", put_check_alias,
	    put_compare_alias, put_alias, false },
};

/* --- a put ------------------------------------------------------------------------------------ */

static void
put_init(struct put *p, struct store *s, const struct record *r)
{
	*p = (struct put){ .s = s, .wanted = *r };
	sbuf_init(&p->name, QUESTION_TEXT);
	sbuf_init(&p->target, ADDRESS_DOMAIN_MAX);
	sbuf_init(&p->targets, LOOKUP_VALUE_MAX);
	sbuf_init(&p->networks, (r->credentials + 1) * NETWORK_LIST_MAX);
	reader_init(&p->now);
}

static void
put_release(struct put *p)
{
	sbuf_release(&p->name);
	sbuf_release(&p->target);
	sbuf_release(&p->targets);
	sbuf_release(&p->networks);
	free(p->list);
	free(p->credential);
	free(p->merged);
	reader_release(&p->now);
}

/* The word for a change of one thing alone is that of the command which makes it. */
static const char *
name_change(const struct kind *k, const struct put *p)
{
	if (!p->there)
		return k->add;
	switch (p->differs) {
	case RECORD_CREDENTIALS:
		return "user passwd";
	case RECORD_STATE:
		return "user state";
	case RECORD_QUOTA:
		return "user quota";
	}
	return k->set;
}

static void
fill(unsigned said, unsigned bit, void *to, const void *from, size_t n)
{
	if ((said & bit) == 0)
		memcpy(to, from, n);
}

/* What is not said stays as it is, or is as for a new one. */
static void
fill_in(struct record *w, const struct record *now)
{
	/* NOLINTBEGIN(bugprone-sizeof-expression): some of them are pointers, and are filled in as
	 * such */
#define FILL(bit, field) fill(w->said, bit, &w->field, &now->field, sizeof w->field)
	FILL(RECORD_DOMAIN_KIND, domain_kind);
	FILL(RECORD_DOMAIN_KIND, target);
	FILL(RECORD_DELIMITERS, own_delimiters);
	FILL(RECORD_DELIMITERS, delimiters);
	FILL(RECORD_PROPAGATE, propagate);
	FILL(RECORD_QUOTA, quota);
	FILL(RECORD_HOME, home);
	FILL(RECORD_MAIL, mail);
	FILL(RECORD_IDS, uid);
	FILL(RECORD_IDS, gid);
	FILL(RECORD_NETWORKS, networks);
	FILL(RECORD_STATE, state);
	FILL(RECORD_STATE, reason);
	FILL(RECORD_CREDENTIALS, credential);
	FILL(RECORD_CREDENTIALS, credentials);
	FILL(RECORD_TARGETS, targets);
	FILL(RECORD_TARGETS, n_targets);
	FILL(RECORD_DISABLED, disabled);
	FILL(RECORD_EXPIRES, expires);
	FILL(RECORD_INTERNAL, internal);
	FILL(RECORD_NOTE, note);
	FILL(RECORD_OWNER, owner);
#undef FILL
	/* NOLINTEND(bugprone-sizeof-expression) */
}

static const struct record fresh = { .propagate = -1 };

static enum outcome
complete(struct put *p, struct error *err)
{
	enum outcome o;

	fill_in(&p->wanted, p->there ? &p->now.r : &fresh);
	o = put_check_room(p, err);
	if (o == FOUND)
		o = put_check_limits(p, err);
	return o == FOUND ? put_check_places(p, err) : o;
}

/* *ST is the row that is there, if there is one. */
static enum outcome
find_now(struct put *p, struct db_stmt **st, struct error *err)
{
	struct slice name = sbuf_slice(&p->name), none = slice_str("");
	enum record_kind kind = p->wanted.kind;
	bool new;
	enum outcome o = names_ask(p->s, kind, name, &new, err);

	if (o != FOUND || new)
		return o == FOUND ? NONE : o;
	o = reader_find(&p->now, p->s, kind, name, none, st, err);
	if (o == NONE && (kind == RECORD_MAILBOX || kind == RECORD_ALIAS))
		names_missed(p->s, kind);
	return o;
}

/* In a transaction. The row that is there stays open until all is written: its texts are used. */
static enum outcome
make_so(struct put *p, const struct kind *k, struct error *err)
{
	struct db_stmt *st = NULL;
	enum outcome o;

	o = additions_have(&p->s->additions, sbuf_slice(&p->name)) ? batch_show(p->s, err) : FOUND;
	if (o != FOUND)
		return o;
	o = find_now(p, &st, err);
	if (o != FOUND && o != NONE)
		return o;
	p->there = o == FOUND;
	o = p->there && p->wanted.merge ? put_merge_mailbox(p, err) : FOUND;
	if (o == FOUND)
		o = complete(p, err);
	p->differs = p->there ? k->compare(&p->now.r, &p->wanted) : p->wanted.said;
	p->change.what = name_change(k, p);
	p->change.idle = p->there && p->differs == 0;
	if (o == FOUND && p->there && !p->change.idle)
		o = change_look(&p->change, err);
	if (o == FOUND && !p->change.idle)
		o = k->write(p, err);
	if (o == FOUND && !p->there)
		names_add(p->s, p->wanted.kind, sbuf_slice(&p->name));
	if (st != NULL)
		db_reset(st);
	return o;
}

static enum outcome
put_one(struct put *p, enum record_change *did, struct error *err)
{
	const struct kind *k = &kinds[p->wanted.kind];
	enum outcome o = record_name(&p->name, p->s, &p->wanted, err);

	if (o == FOUND)
		o = k->check(p, err);
	if (o != FOUND)
		return o;
	p->s->sure = k->sure;
	o = change_begin_blind(&p->change, p->s, k->set, k->image, sbuf_slice(&p->name), err);
	if (o == FOUND)
		o = make_so(p, k, err);
	o = change_end(&p->change, o, err);
	p->s->sure = false;
	*did = !p->there ? RECORD_ADDED : p->change.logged ? RECORD_CHANGED : RECORD_SAME;
	return o;
}

/* --- maps ------------------------------------------------------------------------------------- */

struct seen_map {
	bool there;
	enum key_search search;
};

static bool
see_map(void *arg, const struct record *r)
{
	struct seen_map *seen = arg;

	seen->there = true;
	seen->search = r->search;
	return true;
}

/* Another search would read the keys that are there in another way. */
static enum outcome
put_map(struct store *s, const struct record *r, enum record_change *did, struct error *err)
{
	struct seen_map seen = { 0 };
	enum outcome o = store_get(s, r, see_map, &seen, err);

	if (o != FOUND && o != NONE)
		return o;
	*did = RECORD_ADDED;
	if (!seen.there)
		return map_create(s, r->name, r->search, r->created, err);
	*did = RECORD_SAME;
	if (seen.search == r->search)
		return FOUND;
	return error_set(err, BAD,
	    "map '%.*s' is searched as '%s', not as '%s': remove the map first", (int)r->name.n,
	    r->name.p, key_search_name(seen.search), key_search_name(r->search));
}

/* --- comparing ----------------------------------------------------------------------------------
 */

static bool
same_value(const struct record *now, const struct record *w)
{
	return w->kind == RECORD_MAP ? now->search == w->search : slice_eq(now->value, w->value);
}

/* The value as the map would have it. */
static enum outcome
check_entry(struct put *p, struct error *err)
{
	enum key_search search;
	enum map_value kind;
	enum outcome o = store_map(p->s, p->wanted.map, &search, &kind, err);

	if (o == FOUND)
		o = rules_value(&p->targets, kind, p->wanted.value, err);
	p->wanted.value = sbuf_slice(&p->targets);
	return o == NONE ? BAD : o;
}

static enum outcome
check_wanted(struct put *p, struct error *err)
{
	switch (p->wanted.kind) {
	case RECORD_MAP:
		return FOUND;
	case RECORD_ENTRY:
		return check_entry(p, err);
	default:
		return kinds[p->wanted.kind].check(p, err);
	}
}

static bool
differs(const struct put *p)
{
	const struct record *now = &p->now.r, *w = &p->wanted;

	if (!p->there)
		return true;
	if (w->kind == RECORD_MAP || w->kind == RECORD_ENTRY)
		return !same_value(now, w);
	return kinds[w->kind].compare(now, w) != 0;
}

static enum outcome
compare_one(struct put *p, store_compare_fn *fn, void *arg, struct error *err)
{
	struct db_stmt *st;
	enum outcome o;

	o = reader_find(
	    &p->now, p->s, p->wanted.kind, sbuf_slice(&p->name), p->wanted.map, &st, err);
	if (o != FOUND && o != NONE)
		return o;
	p->there = o == FOUND;
	p->wanted.name = sbuf_slice(&p->name);
	o = complete(p, err);
	if (o == FOUND)
		fn(arg, p->there ? &p->now.r : NULL, &p->wanted, differs(p));
	db_reset(st);
	return o;
}

enum outcome
store_compare(
    struct store *s, const struct record *r, store_compare_fn *fn, void *arg, struct error *err)
{
	struct put p;
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	put_init(&p, s, r);
	o = record_name(&p.name, s, r, err);
	if (o == FOUND)
		o = check_wanted(&p, err);
	if (o == FOUND)
		o = compare_one(&p, fn, arg, err);
	put_release(&p);
	view_end(s, mine);
	return o;
}

/* --- put and drop ----------------------------------------------------------------------------- */

enum outcome
store_put(struct store *s, const struct record *r, enum record_change *did, struct error *err)
{
	struct put p;
	enum outcome o;

	*did = RECORD_SAME;
	if (r->kind == RECORD_MAP)
		return put_map(s, r, did, err);
	if (r->kind == RECORD_ENTRY)
		return entry_put(s, r->map, r->name, r->value, r->created, did, err);
	put_init(&p, s, r);
	o = put_one(&p, did, err);
	put_release(&p);
	return o;
}

enum outcome
store_drop(struct store *s, const struct record *r, struct error *err)
{
	switch (r->kind) {
	case RECORD_DOMAIN:
		return store_domain_remove(s, r->name, false, err);
	case RECORD_MAILBOX:
		return store_mailbox_remove(s, r->name, r->force, err);
	case RECORD_ALIAS:
		return store_alias_remove(s, r->name, NULL, 0, err);
	case RECORD_MAP:
		return store_map_remove(s, r->name, err);
	case RECORD_ENTRY:
		break;
	}
	return store_entry_unset(s, r->map, r->name, err);
}
