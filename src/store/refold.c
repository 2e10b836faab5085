/* SPDX-License-Identifier: ISC
 *
 * What an older release stored, in the form that lookups ask for now: local parts and keys in
 * composed letters, keys with domains as Postfix asks for them, and which domains Postfix asks for
 * by another name. A mailbox keeps its home.
 *
 * The log has a line for each name that goes and each that comes, and for what no image shows: a
 * move brings over what the log names. Nothing of it can be undone: no mail found the old names.
 */
#include "mail/rules.h"
#include "store/change.h"

struct refold {
	struct store *s;
	const char *home; /* template */
	store_refold_fn *fn;
	void *arg;
	struct sbuf old; /* the row at hand; the next one is behind it */
	struct sbuf now; /* what it should be called */
};

/* One kind of row: which come behind a name, what the name should be, and how to give it that. */
struct kind {
	enum statement next;
	enum statement image;
	const char *what; /* for the change log */
	enum outcome (*fold)(struct refold *r, struct error *err);
	enum outcome (*rename)(struct refold *r, struct error *err);
};

static enum outcome
run_two(struct refold *r, enum statement which, struct error *err)
{
	struct db_stmt *st = db_prepare(r->s->db, which);

	db_bind_text(st, 1, sbuf_slice(&r->old));
	db_bind_text(st, 2, sbuf_slice(&r->now));
	return db_run(st, NULL, err);
}

/* --- domains ------------------------------------------------------------------------------------
 */

static enum outcome
fold_domain(struct refold *r, struct error *err)
{
	struct address a;

	if (domain_parse(&a, sbuf_slice(&r->old)) && domain_as_asked(&a))
		sbuf_add_slice(&r->now, address_domain(&a));
	else if (!a.no_memory)
		sbuf_add_slice(&r->now, sbuf_slice(&r->old));
	return r->now.n > 0 ? FOUND : error_set(err, RETRY, "no memory for a domain");
}

static enum outcome
ask_domain(struct refold *r, struct error *err)
{
	enum outcome o = domain_check_asked(r->s, sbuf_slice(&r->old), sbuf_slice(&r->now), err);

	return o == FOUND ? run_two(r, Q_refold_domain, err) : o;
}

/* --- mailboxes and aliases ----------------------------------------------------------------------
 */

static enum outcome
fold_address(struct refold *r, struct error *err)
{
	return rules_alias(&r->now, sbuf_slice(&r->old), err);
}

static void
take_home(void *arg, const char *key, struct slice value)
{
	if (slice_is(slice_str(key), "home"))
		sbuf_add_slice(arg, value);
}

/* Where its mail is now. Nothing, if it never had a home. */
static enum outcome
old_home(struct refold *r, struct sbuf *out, struct error *err)
{
	const struct account_rules rules = { .home = r->home };
	struct account account;
	enum outcome o;

	account_init(&account);
	o = store_account(r->s, sbuf_slice(&r->old), &account, err);
	if (o == FOUND && !account_fields(&account, &rules, take_home, out))
		out->failed |= account_lacks_memory(&account, &rules);
	account_release(&account);
	return o == FOUND && out->failed ? error_set(err, RETRY, "no memory for a home") : o;
}

static enum outcome
update_mailbox(struct refold *r, struct slice home, struct error *err)
{
	struct db_stmt *st = db_prepare(r->s->db, Q_refold_mailbox);

	db_bind_text(st, 1, sbuf_slice(&r->old));
	db_bind_text(st, 2, sbuf_slice(&r->now));
	if (home.n > 0)
		db_bind_text(st, 3, home);
	else
		db_bind_null(st, 3);
	return db_run(st, NULL, err);
}

static enum outcome
rename_mailbox(struct refold *r, struct error *err)
{
	struct sbuf home;
	enum outcome o;

	sbuf_init(&home, 4096);
	o = old_home(r, &home, err);
	if (o == FOUND)
		o = update_mailbox(r, sbuf_slice(&home), err);
	if (o == FOUND)
		o = run_two(r, Q_refold_credentials, err);
	if (o == FOUND)
		o = run_two(r, Q_refold_logins, err);
	sbuf_release(&home);
	return o;
}

static enum outcome
rename_alias(struct refold *r, struct error *err)
{
	struct db_stmt *st = db_prepare(r->s->db, Q_refold_alias);
	struct slice now = sbuf_slice(&r->now);
	size_t prefix;
	enum outcome o;

	db_bind_text(st, 1, sbuf_slice(&r->old));
	db_bind_text(st, 2, now);
	if (rules_is_pattern(now, &prefix))
		db_bind_text(st, 3, slice_head(now, prefix));
	else
		db_bind_null(st, 3);
	o = db_run(st, NULL, err);
	return o == FOUND ? run_two(r, Q_refold_alias_targets, err) : o;
}

/* --- entries of plain maps: the name is the map, a blank, and the key ---------------------------
 */

static enum outcome
fold_entry(struct refold *r, struct error *err)
{
	struct slice key = sbuf_slice(&r->old);
	struct slice map = slice_cut(&key, ' ');
	enum key_search search = SEARCH_EXACT;
	enum map_value value;
	enum outcome o = store_map(r->s, map, &search, &value, err);

	if (o != FOUND)
		return o == RETRY ? o : BAD;
	sbuf_add_slice(&r->now, map);
	sbuf_add_chr(&r->now, ' ');
	return key_check(&r->now, search, key, err);
}

static enum outcome
rename_entry(struct refold *r, struct error *err)
{
	return run_two(r, Q_refold_entry, err);
}

/* --- one row ------------------------------------------------------------------------------------
 */

static void
tell(struct refold *r, const char *how, struct slice what)
{
	struct sbuf text;

	sbuf_init(&text, 8192);
	sbuf_printf(&text, "'%.*s' %s '", (int)r->old.n, r->old.p, how);
	sbuf_add_slice(&text, what);
	sbuf_add_chr(&text, '\'');
	r->fn(r->arg, sbuf_cstr(&text));
	sbuf_release(&text);
}

/* Rename the row at hand, in a transaction of its own: one object goes, another one comes. */
static enum outcome
rename_row(struct refold *r, const struct kind *kind, struct error *err)
{
	struct change gone, come = { .s = r->s };
	enum outcome o;

	o = change_begin(&gone, r->s, kind->what, kind->image, sbuf_slice(&r->old), err);
	if (o == FOUND)
		o = change_join(&come, r->s, kind->what, kind->image, sbuf_slice(&r->now), err);
	if (o == FOUND)
		o = db_run(db_prepare(r->s->db, Q_defer_foreign_keys), NULL, err);
	if (o == FOUND)
		o = kind->rename(r, err);
	o = change_leave(&gone, o, err);
	return change_end(&come, o, err);
}

/* A domain keeps its name. */
static enum outcome
mark_domain(struct refold *r, const struct kind *kind, struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin(&c, r->s, kind->what, kind->image, sbuf_slice(&r->old), err);
	c.unseen = true;
	if (o == FOUND)
		o = kind->rename(r, err);
	return change_end(&c, o, err);
}

/* What cannot be helped is told, and the rest goes on. */
static enum outcome
refold_row(struct refold *r, const struct kind *kind, struct error *err)
{
	enum outcome o;

	sbuf_clear(&r->now);
	o = kind->fold(r, err);
	if (o == FOUND && slice_eq(sbuf_slice(&r->old), sbuf_slice(&r->now)))
		return FOUND;
	if (o == FOUND)
		o = kind->fold == fold_domain ? mark_domain(r, kind, err)
					      : rename_row(r, kind, err);
	if (o == RETRY || r->now.failed)
		return RETRY;
	if (o == FOUND && kind->fold == fold_domain)
		tell(r, "is what Postfix asks for as", sbuf_slice(&r->now));
	else if (o == FOUND)
		tell(r, "is now called", sbuf_slice(&r->now));
	else
		tell(r, "stays as it is, where no mail finds it:", slice_str(err->text));
	return FOUND;
}

static enum outcome
next_row(struct refold *r, enum statement which, struct error *err)
{
	struct db_stmt *st;
	struct sbuf next;
	bool mine;
	enum outcome o = view_begin(r->s, &mine, err);

	if (o != FOUND)
		return RETRY;
	sbuf_init(&next, 4 * QUESTION_TEXT);
	st = db_prepare(r->s->db, which);
	db_bind_text(st, 1, sbuf_slice(&r->old));
	o = db_step(st, err);
	if (o == FOUND) {
		sbuf_add_slice(&next, db_text(st, 0));
		sbuf_clear(&r->old);
		sbuf_add_slice(&r->old, sbuf_slice(&next));
		if (next.failed || r->old.failed)
			o = error_set(err, RETRY, "no memory for a name");
	}
	db_reset(st);
	view_end(r->s, mine);
	sbuf_release(&next);
	return o;
}

static enum outcome
refold_kind(struct refold *r, const struct kind *kind, struct error *err)
{
	enum outcome o;

	sbuf_clear(&r->old);
	while ((o = next_row(r, kind->next, err)) == FOUND)
		if (refold_row(r, kind, err) != FOUND)
			return RETRY;
	return o == NONE ? FOUND : RETRY;
}

/* --- what stands in other rows ------------------------------------------------------------------
 */

/* Of two that are one now, one goes. */
static enum outcome
refold_target(struct refold *r, struct slice target, int64_t *changes, struct error *err)
{
	struct db_stmt *st;
	enum outcome o;

	*changes = 0;
	sbuf_clear(&r->now);
	o = target_fold(&r->now, target, err);
	if (o != FOUND)
		return o == NONE ? FOUND : o;
	st = db_prepare(r->s->db, Q_refold_target);
	db_bind_text(st, 1, sbuf_slice(&r->old));
	db_bind_text(st, 2, target);
	db_bind_text(st, 3, sbuf_slice(&r->now));
	return db_run(st, changes, err);
}

/* The targets of an alias, in the form by which they are found. */
static enum outcome
refold_targets_of(struct refold *r, struct error *err)
{
	struct change c;
	enum outcome o =
	    change_join(&c, r->s, "alias migrate", Q_alias_image, sbuf_slice(&r->old), err);

	facts_clear(&r->s->facts);
	if (o == FOUND)
		o = alias_find(r->s, sbuf_slice(&r->old), &r->s->facts, err);
	for (struct slice rest = sbuf_slice(&r->s->facts.targets); o == FOUND && rest.n > 0;) {
		int64_t changes;

		o = refold_target(r, slice_cut(&rest, '\n'), &changes, err);
		c.unseen |= changes > 0;
	}
	c.idle = !c.unseen;
	return change_leave(&c, o, err);
}

static enum outcome
refold_targets(struct refold *r, struct error *err)
{
	enum outcome o = transaction_begin(r->s, DB_WRITE, err);

	if (o != FOUND)
		return o;
	sbuf_clear(&r->old);
	while ((o = next_row(r, Q_refold_next_targets, err)) == FOUND)
		if ((o = refold_targets_of(r, err)) != FOUND)
			break;
	return write_end(r->s, o == NONE ? FOUND : RETRY, err);
}

/* The logins that `senders` names: written again, they are in canonical form. */
static enum outcome
refold_senders(struct refold *r, struct error *err)
{
	struct slice map = slice_str("senders");
	struct sbuf value;
	enum outcome o;

	sbuf_init(&value, LOOKUP_VALUE_MAX);
	sbuf_clear(&r->old);
	while ((o = next_row(r, Q_refold_next_senders, err)) == FOUND) {
		sbuf_clear(&value);
		o = store_entry(r->s, map, sbuf_slice(&r->old), &value, err);
		if (o == FOUND)
			o = store_entry_set(
			    r->s, map, sbuf_slice(&r->old), sbuf_slice(&value), err);
		if (o == RETRY)
			break;
	}
	sbuf_release(&value);
	return o == NONE ? FOUND : RETRY;
}

enum outcome
store_refold(struct store *s, const char *home, store_refold_fn *fn, void *arg, struct error *err)
{
	static const struct kind kinds[] = {
		{ Q_refold_next_domain, Q_domain_image, "domain migrate", fold_domain, ask_domain },
		{ Q_refold_next_mailbox, Q_mailbox_image, "user migrate", fold_address,
		    rename_mailbox },
		{ Q_refold_next_alias, Q_alias_image, "alias migrate", fold_address, rename_alias },
		{ Q_refold_next_entry, Q_entry_image, "map migrate", fold_entry, rename_entry },
	};
	struct refold r = { .s = s, .home = home, .fn = fn, .arg = arg };
	enum outcome o = FOUND;

	sbuf_init(&r.old, 4 * QUESTION_TEXT);
	sbuf_init(&r.now, 4 * QUESTION_TEXT);
	for (size_t i = 0; o == FOUND && i < sizeof kinds / sizeof *kinds; i++)
		o = refold_kind(&r, &kinds[i], err);
	if (o == FOUND)
		o = refold_targets(&r, err);
	if (o == FOUND)
		o = refold_senders(&r, err);
	sbuf_release(&r.old);
	sbuf_release(&r.now);
	return o;
}
