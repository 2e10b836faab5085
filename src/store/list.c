/* SPDX-License-Identifier: ISC
 *
 * Listings. They are read in pages, each a short view of its own (unless one is held), so that a
 * slow reader of a long list holds nothing up.
 */
#include "store/handle.h"
#include "store/logins.h"

enum { PAGE_ROWS = 500 };

struct listing {
	struct store *s;
	enum statement which;
	struct slice domain; /* or map, or subject: bound where it is not empty */
	struct sbuf key;     /* the page begins behind this one ... */
	int64_t id;          /* ... or this one, in the change log */
	struct sbuf last;    /* the last key that was seen */
	int64_t rows;
	bool enough; /* the callback said so */

	/* hand over the row ST is at: FOUND, or RETRY */
	enum outcome (*give)(struct listing *l, struct db_stmt *st, struct error *err);
	store_domain_fn *domain_fn;
	store_account_fn *account_fn;
	store_alias_fn *alias_fn;
	store_change_fn *change_fn;
	store_map_fn *map_fn;
	store_entry_fn *entry_fn;
	store_idle_fn *idle_fn;
	int64_t since; /* bound where there is an idle_fn */
	void *arg;
	struct account account;
	struct sbuf text;
};

static void
listing_init(struct listing *l, struct store *s, enum statement which, void *arg)
{
	*l = (struct listing){ .s = s, .which = which, .arg = arg };
	sbuf_init(&l->key, QUESTION_TEXT);
	sbuf_init(&l->last, QUESTION_TEXT);
	sbuf_init(&l->text, LOOKUP_VALUE_MAX);
	account_init(&l->account);
}

static void
listing_release(struct listing *l)
{
	sbuf_release(&l->key);
	sbuf_release(&l->last);
	sbuf_release(&l->text);
	account_release(&l->account);
}

/* --- pages ------------------------------------------------------------------------------------ */

/* The log has numbers for keys. */
static bool
is_log(const struct listing *l)
{
	return l->which == Q_changes || l->which == Q_changes_of;
}

static struct db_stmt *
page_stmt(struct listing *l)
{
	struct db_stmt *st = db_prepare(l->s->db, l->which);

	if (is_log(l))
		db_bind_int(st, 1, l->id);
	else
		db_bind_text(st, 1, sbuf_slice(&l->key));
	db_bind_int(st, 2, PAGE_ROWS);
	if (l->domain.n > 0)
		db_bind_text(st, 3, l->domain);
	if (l->idle_fn != NULL)
		db_bind_int(st, 4, l->since);
	return st;
}

static enum outcome
take_row(struct listing *l, struct db_stmt *st, struct error *err)
{
	enum outcome o;

	l->rows++;
	sbuf_clear(&l->last);
	if (is_log(l))
		l->id = db_int(st, 0);
	else if (!sbuf_add_slice(&l->last, db_text(st, 0)))
		return error_set(err, RETRY, "no memory for a listing");
	o = l->give(l, st, err);
	/* the time that the callback took is its own */
	db_arm(l->s->db);
	return o;
}

/* Hand over the rows of one page. FOUND, or RETRY. */
static enum outcome
list_page(struct listing *l, struct error *err)
{
	struct db_stmt *st = page_stmt(l);
	enum outcome o = FOUND;

	while (o == FOUND && !l->enough) {
		o = db_step(st, err);
		if (o == FOUND)
			o = take_row(l, st, err);
	}
	db_reset(st);
	return o == RETRY || o == BAD ? RETRY : FOUND;
}

static bool
turn_page(struct listing *l)
{
	sbuf_clear(&l->key);
	return sbuf_add_slice(&l->key, sbuf_slice(&l->last));
}

static enum outcome
list_pages(struct listing *l, struct error *err)
{
	int64_t before;
	bool mine;
	enum outcome o;

	do {
		before = l->rows;
		o = view_begin(l->s, &mine, err);
		if (o != FOUND)
			return o;
		o = list_page(l, err);
		view_end(l->s, mine);
		if (o == FOUND && !turn_page(l))
			o = error_set(err, RETRY, "no memory for a listing");
	} while (o == FOUND && !l->enough && l->rows - before == PAGE_ROWS);
	if (o != FOUND)
		return o;
	return l->rows > 0 ? FOUND : NONE;
}

/* Hand over the one row of a statement that asks for a KEY. */
static enum outcome
list_one(struct listing *l, struct slice key, struct error *err)
{
	struct db_stmt *st;
	bool mine;
	enum outcome o = view_begin(l->s, &mine, err);

	if (o != FOUND)
		return o;
	st = db_prepare(l->s->db, l->which);
	db_bind_text(st, 1, key);
	o = db_step(st, err);
	if (o == FOUND)
		o = l->give(l, st, err);
	db_reset(st);
	view_end(l->s, mine);
	return o;
}

/* --- rows ------------------------------------------------------------------------------------- */

static enum outcome
give_domain(struct listing *l, struct db_stmt *st, struct error *err)
{
	struct domain_row row = {
		.name = db_text(st, 0),
		.target = db_text(st, 2),
		.mailboxes = db_int(st, 3),
		.aliases = db_int(st, 4),
		.created = db_int(st, 5),
		.delimiters = db_text(st, 6),
		.propagate = -1,
	};
	struct slice propagate = db_text(st, 7);

	row.own_delimiters = row.delimiters.p != NULL;
	if (propagate.p != NULL)
		row.propagate = slice_is(propagate, "1");

	if (!domain_kind_by_name(db_text(st, 1), &row.kind))
		return error_set(err, RETRY, "the store has a domain of unknown kind");
	l->enough = !l->domain_fn(l->arg, &row);
	return FOUND;
}

static enum outcome
give_account(struct listing *l, struct db_stmt *st, struct error *err)
{
	enum outcome o = account_read(st, &l->account, err);

	if (o == FOUND)
		l->enough = !l->account_fn(l->arg, &l->account);
	return o;
}

static enum outcome
give_alias(struct listing *l, struct db_stmt *st, struct error *err)
{
	struct alias_row row = {
		.address = db_text(st, 0),
		.created = db_int(st, 2),
		.settings = {
			.disabled = db_int(st, 3) != 0,
			.expires = db_int(st, 4),
			.internal = db_int(st, 5) != 0,
			.note = db_text(st, 6),
			.owner = db_text(st, 7),
		},
	};

	sbuf_clear(&l->text);
	sbuf_add_slice(&l->text, db_text(st, 1));
	sbuf_add_chr(&l->text, '\n');
	if (l->text.failed)
		return error_set(err, RETRY, "an alias has more targets than fit");
	row.targets = sbuf_slice(&l->text);
	l->enough = !l->alias_fn(l->arg, &row);
	return FOUND;
}

static enum outcome
give_change(struct listing *l, struct db_stmt *st, struct error *err)
{
	struct change_row row = {
		.id = db_int(st, 0),
		.at = db_int(st, 1),
		.who = db_text(st, 2),
		.what = db_text(st, 3),
		.subject = db_text(st, 4),
		.before = db_text(st, 5),
		.after = db_text(st, 6),
		.undoes = db_int(st, 7),
		.batch = db_int(st, 8),
	};

	(void)err;
	l->enough = !l->change_fn(l->arg, &row);
	return FOUND;
}

static enum outcome
give_map(struct listing *l, struct db_stmt *st, struct error *err)
{
	struct map_row row = { .name = db_text(st, 0), .created = db_int(st, 2) };

	if (!key_search_by_name(db_text(st, 1), &row.search))
		return error_set(err, RETRY,
		    "the store has a map with a search that this program does not know");
	l->enough = !l->map_fn(l->arg, &row);
	return FOUND;
}

static enum outcome
give_entry(struct listing *l, struct db_stmt *st, struct error *err)
{
	struct entry_row row = {
		.key = db_text(st, 0),
		.value = db_text(st, 1),
		.created = db_int(st, 2),
	};

	(void)err;
	l->enough = !l->entry_fn(l->arg, &row);
	return FOUND;
}

static enum outcome
give_idle(struct listing *l, struct db_stmt *st, struct error *err)
{
	(void)err;
	l->enough = !l->idle_fn(l->arg, db_text(st, 0), db_int(st, 1));
	return FOUND;
}

/* --- what can be listed -------------------------------------------------------------------------
 */

/* All of it, or the row of NAME alone; that is the end of the listing. */
static enum outcome
list(struct listing *l, struct slice name, struct error *err)
{
	enum outcome o = name.n > 0 ? list_one(l, name, err) : list_pages(l, err);

	listing_release(l);
	return o;
}

/* What is behind AFTER, of DOMAIN unless that is empty; the same. */
static enum outcome
list_after(struct listing *l, struct slice domain, struct slice after, struct error *err)
{
	l->domain = domain;
	if (sbuf_add_slice(&l->key, after))
		return list(l, slice_str(NULL), err);
	listing_release(l);
	return error_set(err, RETRY, "no memory for a listing");
}

enum outcome
store_domains(struct store *s, struct slice name, store_domain_fn *fn, void *arg, struct error *err)
{
	struct listing l;

	listing_init(&l, s, name.n > 0 ? Q_domain : Q_domains, arg);
	l.give = give_domain;
	l.domain_fn = fn;
	return list(&l, name, err);
}

enum outcome
store_accounts(struct store *s, struct slice domain, struct slice after, store_account_fn *fn,
    void *arg, struct error *err)
{
	struct listing l;

	listing_init(&l, s, domain.n > 0 ? Q_accounts_of : Q_accounts, arg);
	l.give = give_account;
	l.account_fn = fn;
	return list_after(&l, domain, after, err);
}

enum outcome
store_idle_mailboxes(struct store *s, struct slice domain, int64_t since, struct slice after,
    store_idle_fn *fn, void *arg, struct error *err)
{
	struct listing l;

	listing_init(&l, s, domain.n > 0 ? Q_idle_of : Q_idle, arg);
	l.give = give_idle;
	l.idle_fn = fn;
	l.since = since;
	return list_after(&l, domain, after, err);
}

enum outcome
store_aliases(struct store *s, struct slice address, struct slice domain, store_alias_fn *fn,
    void *arg, struct error *err)
{
	struct listing l;

	if (address.n == 0)
		return store_aliases_after(s, domain, slice_str(NULL), fn, arg, err);
	listing_init(&l, s, Q_alias, arg);
	l.give = give_alias;
	l.alias_fn = fn;
	return list(&l, address, err);
}

enum outcome
store_aliases_after(struct store *s, struct slice domain, struct slice after, store_alias_fn *fn,
    void *arg, struct error *err)
{
	struct listing l;

	listing_init(&l, s, domain.n > 0 ? Q_aliases_of : Q_aliases, arg);
	l.give = give_alias;
	l.alias_fn = fn;
	return list_after(&l, domain, after, err);
}

enum outcome
store_count(struct store *s, struct slice domain, struct store_counts *out, struct error *err)
{
	bool one = domain.n > 0, mine;
	struct db_stmt *st;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	st = db_prepare(s->db, one ? Q_domain_counts : Q_counts);
	if (one)
		db_bind_text(st, 1, domain);
	o = db_step(st, err);
	if (o == FOUND)
		*out = (struct store_counts){ one ? 1 : db_int(st, 0), db_int(st, !one),
			db_int(st, one ? 1 : 2) };
	db_reset(st);
	view_end(s, mine);
	return o == NONE ? RETRY : o;
}

enum outcome
store_changes_of(struct store *s, struct slice subject, int64_t after_id, store_change_fn *fn,
    void *arg, struct error *err)
{
	struct listing l;

	listing_init(&l, s, subject.n > 0 ? Q_changes_of : Q_changes, arg);
	l.give = give_change;
	l.change_fn = fn;
	l.domain = subject;
	l.id = after_id;
	return list(&l, slice_str(NULL), err);
}

enum outcome
store_changes(struct store *s, int64_t after_id, store_change_fn *fn, void *arg, struct error *err)
{
	return store_changes_of(s, slice_str(NULL), after_id, fn, arg, err);
}

enum outcome
store_maps(struct store *s, store_map_fn *fn, void *arg, struct error *err)
{
	struct listing l;

	listing_init(&l, s, Q_maps, arg);
	l.give = give_map;
	l.map_fn = fn;
	return list(&l, slice_str(NULL), err);
}

enum outcome
store_entries(struct store *s, struct slice map, store_entry_fn *fn, void *arg, struct error *err)
{
	struct listing l;

	listing_init(&l, s, Q_entries, arg);
	l.give = give_entry;
	l.entry_fn = fn;
	l.domain = map;
	return list(&l, slice_str(NULL), err);
}
