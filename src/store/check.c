/* SPDX-License-Identifier: ISC
 *
 * Looking through a store for what should not be: damage, rows that lead nowhere, and whatever is
 * not in the form in which lookups ask for it. Aliases that make no sense are for others to find.
 */
#include <stdio.h>

#include "auth/network.h"
#include "mail/rules.h"
#include "store/logins.h"
#include "store/reader.h"

struct check {
	struct store *s;
	store_trouble_fn *fn;
	void *arg;
	bool any;
	bool enough;
	struct sbuf canonical;
	struct sbuf list;
	enum outcome outcome;
};

static bool
found(struct check *c, struct slice where, struct slice name, const char *text)
{
	c->any = true;
	c->enough = c->enough || !c->fn(c->arg, where, name, text);
	return !c->enough;
}

static bool
trouble_of_file(void *arg, struct slice table, struct slice text)
{
	char line[512];

	snprintf(line, sizeof line, "%.*s", (int)text.n, text.p);
	return found(arg, table, slice_str(NULL), line);
}

/* --- records ------------------------------------------------------------------------------------
 */

static struct slice
where(const struct record *r)
{
	static const char *const names[] = { "domain", "mailbox", "alias", "map", "entry" };

	return slice_str(names[r->kind]);
}

/* What a rule makes of a text must be the text. */
static void
compare(struct check *c, const struct record *r, enum outcome o, struct slice stored,
    const struct error *why)
{
	char line[700];

	if (o == RETRY) {
		c->outcome = RETRY;
	} else if (o != FOUND) {
		found(c, where(r), r->name, why->text);
	} else if (!slice_eq(sbuf_slice(&c->canonical), stored)) {
		snprintf(line, sizeof line, "'%.*s' should be '%.*s'",
		    (int)(stored.n < 300 ? stored.n : 300), stored.p,
		    (int)(c->canonical.n < 300 ? c->canonical.n : 300), sbuf_cstr(&c->canonical));
		found(c, where(r), r->name, line);
	}
}

static void
check_name(struct check *c, const struct record *r)
{
	struct error why = { "" };
	enum outcome o;

	sbuf_clear(&c->canonical);
	o = r->kind == RECORD_MAP ? rules_map_name(r->name, &why)
				  : record_name(&c->canonical, c->s, r, &why);
	if (r->kind == RECORD_MAP)
		sbuf_add_slice(&c->canonical, r->name);
	compare(c, r, o, r->name, &why);
}

static void
check_target(struct check *c, const struct record *r)
{
	struct error why = { "" };
	enum outcome o;

	if (r->target.n == 0)
		return;
	sbuf_clear(&c->canonical);
	o = rules_domain(&c->canonical, r->target, &why);
	compare(c, r, o, r->target, &why);
}

static void
check_targets(struct check *c, const struct record *r)
{
	struct error why = { "" };
	enum outcome o;

	sbuf_clear(&c->list);
	for (size_t i = 0; i < r->n_targets; i++) {
		sbuf_add_slice(&c->list, r->targets[i]);
		sbuf_add_chr(&c->list, '\n');
	}
	if (c->list.failed) {
		c->outcome = RETRY;
		return;
	}
	sbuf_clear(&c->canonical);
	o = rules_targets(&c->canonical, r->targets, r->n_targets, &why);
	compare(c, r, o, sbuf_slice(&c->list), &why);
}

static void
check_hashes(struct check *c, const struct record *r)
{
	static const char known[] = "{";

	for (size_t i = 0; i < r->credentials; i++)
		if (!slice_starts(r->credential[i].hash, known))
			found(c, where(r), r->name,
			    "a password hash does not say of which scheme it is");
}

static void
check_number(struct check *c, const struct record *r)
{
	char line[200];

	if (r->credentials <= CREDENTIALS_MAX)
		return;
	snprintf(line, sizeof line,
	    "it has %zu passwords, and a login looks at %d only: remove those that nobody uses",
	    r->credentials, CREDENTIALS_MAX);
	found(c, where(r), r->name, line);
}

/* LABEL is that of the app password it is about; empty: the mailbox, or its own password. */
static void
found_at(struct check *c, const struct record *r, struct slice label, const struct error *why)
{
	char line[700];

	if (label.n == 0) {
		found(c, where(r), r->name, why->text);
		return;
	}
	snprintf(line, sizeof line, "app password '%.*s': %s", (int)(label.n < 64 ? label.n : 64),
	    label.p, why->text);
	found(c, where(r), r->name, line);
}

/* Earlier releases kept what an import said, as it was. */
static void
check_list(struct check *c, const struct record *r, struct slice label, struct slice networks)
{
	struct error why = { "" };
	enum outcome o;

	sbuf_clear(&c->canonical);
	o = network_list_check(&c->canonical, networks, &why);
	if (o == RETRY)
		c->outcome = RETRY;
	else if (o != FOUND)
		found_at(c, r, label, &why);
}

static void
check_labels(struct check *c, const struct record *r)
{
	for (size_t i = 0; i < r->credentials; i++) {
		struct slice label = r->credential[i].label;
		struct error why = { "" };

		if (label.n > 0 && credential_label_check(label, &why) != FOUND)
			found_at(c, r, label, &why);
	}
}

static void
check_networks(struct check *c, const struct record *r)
{
	check_list(c, r, slice_str(""), r->networks);
	for (size_t i = 0; i < r->credentials; i++)
		check_list(c, r, r->credential[i].label, r->credential[i].networks);
}

static void
check_places(struct check *c, const struct record *r)
{
	struct error why = { "" };

	if (r->home.n > 0 && account_home_check(r->home, &why) != FOUND)
		found(c, where(r), r->name, why.text);
	if (r->mail.n > 0 && account_mail_check(r->mail, &why) != FOUND)
		found(c, where(r), r->name, why.text);
}

static void
check_value(struct check *c, const struct record *r)
{
	enum key_search search;
	enum map_value value;
	struct error why = { "" };
	enum outcome o = store_map(c->s, r->map, &search, &value, &why);

	if (o != FOUND) /* its name has told already */
		return;
	sbuf_clear(&c->canonical);
	o = rules_value(&c->canonical, value, r->value, &why);
	compare(c, r, o, r->value, &why);
}

static bool
check_record(void *arg, const struct record *r)
{
	struct check *c = arg;

	check_name(c, r);
	switch (r->kind) {
	case RECORD_DOMAIN:
		check_target(c, r);
		break;
	case RECORD_MAILBOX:
		check_hashes(c, r);
		check_number(c, r);
		check_labels(c, r);
		check_networks(c, r);
		check_places(c, r);
		break;
	case RECORD_ALIAS:
		check_targets(c, r);
		break;
	case RECORD_MAP:
		break;
	case RECORD_ENTRY:
		check_value(c, r);
		break;
	}
	return !c->enough && c->outcome == FOUND;
}

/* --- what records do not tell ----------------------------------------------------------------- */

/* Mailboxes of domains that have none. */
static enum outcome
check_kinds(struct check *c, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_check_mailboxes);
	enum outcome o = FOUND;

	while (!c->enough && (o = db_step(st, err)) == FOUND)
		found(c, slice_str("mailbox"), db_text(st, 0),
		    "its domain is of a kind that has no mailboxes");
	db_reset(st);
	return o == NONE ? FOUND : o;
}

/* By these an alias is found from its targets, and a pattern from its beginning. */
static enum outcome
check_columns(struct check *c, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_check_targets);
	enum outcome o = FOUND;

	while (!c->enough && (o = db_step(st, err)) == FOUND) {
		struct address a;
		struct slice folded = db_text(st, 2);

		sbuf_clear(&c->canonical);
		if (!address_parse(&a, db_text(st, 1)))
			continue; /* the rules have told */
		if (a.local_n > 0) {
			address_print(&c->canonical, &a);
		} else {
			sbuf_add_chr(&c->canonical, '@');
			sbuf_add_slice(&c->canonical, address_domain(&a));
		}
		if (!slice_eq(sbuf_slice(&c->canonical), folded))
			found(c, slice_str("alias"), db_text(st, 0),
			    "a target is not indexed in its canonical form");
	}
	db_reset(st);
	return o == NONE ? FOUND : o;
}

static enum outcome
check_prefixes(struct check *c, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_check_prefixes);
	enum outcome o = FOUND;

	while (!c->enough && (o = db_step(st, err)) == FOUND) {
		struct slice name = db_text(st, 0), prefix = db_text(st, 1);
		size_t n = 0;
		bool pattern = rules_is_pattern(name, &n);

		if (pattern != (prefix.p != NULL) ||
		    (pattern && !slice_eq(prefix, slice_head(name, n))))
			found(c, slice_str("alias"), name,
			    "the beginning of the pattern is not indexed as it is");
	}
	db_reset(st);
	return o == NONE ? FOUND : o;
}

enum outcome
store_check(struct store *s, store_trouble_fn *fn, void *arg, struct error *err)
{
	struct check c = { .s = s, .fn = fn, .arg = arg };
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	sbuf_init(&c.canonical, LOOKUP_VALUE_MAX);
	sbuf_init(&c.list, LOOKUP_VALUE_MAX);
	o = db_integrity(s->db, trouble_of_file, &c, err);
	if (o == FOUND && !c.enough)
		o = store_records(s, check_record, &c, err);
	if (o == FOUND && c.outcome != FOUND)
		o = error_set(err, RETRY, "no memory to check the store");
	if (o == FOUND)
		o = check_kinds(&c, err);
	if (o == FOUND)
		o = check_columns(&c, err);
	if (o == FOUND)
		o = check_prefixes(&c, err);
	sbuf_release(&c.canonical);
	sbuf_release(&c.list);
	view_end(s, mine);
	if (o != FOUND)
		return c.any && db_is_damaged(s->db) ? FOUND : o;
	return c.any ? FOUND : NONE;
}
