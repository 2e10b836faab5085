/* SPDX-License-Identifier: ISC
 *
 * Reading objects as records: one by its name, or all of a store in one view.
 */
#include "store/reader.h"

#include <stdlib.h>

#include "mail/rules.h"

void
reader_init(struct reader *rd)
{
	*rd = (struct reader){ 0 };
	sbuf_init(&rd->text, 16 << 20);
}

void
reader_release(struct reader *rd)
{
	free(rd->credential);
	free(rd->target);
	sbuf_release_secret(&rd->text);
	*rd = (struct reader){ 0 };
}

static enum outcome
no_memory(struct error *err)
{
	return error_set(err, RETRY, "no memory for a record");
}

static bool
is_null(struct db_stmt *st, int n)
{
	return db_text(st, n).p == NULL;
}

/* --- domains ---------------------------------------------------------------------------------- */

static enum outcome
take_domain(struct record *r, struct db_stmt *st, struct error *err)
{
	r->name = db_text(st, 0);
	if (!domain_kind_by_name(db_text(st, 1), &r->domain_kind))
		return error_set(err, RETRY, "the store has a domain of unknown kind");
	r->target = db_text(st, 2);
	r->created = db_int(st, 3);
	r->own_delimiters = !is_null(st, 4);
	r->delimiters = db_text(st, 4);
	r->propagate = is_null(st, 5) ? -1 : slice_is(db_text(st, 5), "1");
	r->said = RECORD_DOMAIN_KIND | RECORD_DELIMITERS | RECORD_PROPAGATE;
	return FOUND;
}

/* --- mailboxes -------------------------------------------------------------------------------- */

static bool
more_credentials(struct reader *rd)
{
	size_t size = rd->credentials_size == 0 ? 4 : 2 * rd->credentials_size;
	struct record_credential *more;

	if (rd->r.credentials < rd->credentials_size)
		return true;
	more = realloc(rd->credential, size * sizeof *more);
	if (more == NULL)
		return false;
	rd->credential = more;
	rd->credentials_size = size;
	return true;
}

/* The text may move until the last row is in: till then only the lengths count. */
static struct slice
keep_text(struct reader *rd, struct slice text)
{
	sbuf_add_slice(&rd->text, text);
	return slice_of(NULL, text.n);
}

static enum outcome
take_credential(struct reader *rd, struct db_stmt *st, struct error *err)
{
	struct record_credential *c;

	if (!more_credentials(rd))
		return no_memory(err);
	c = &rd->credential[rd->r.credentials++];
	c->label = keep_text(rd, db_text(st, 0));
	c->hash = keep_text(rd, db_text(st, 1));
	c->services = keep_text(rd, db_text(st, 2));
	c->networks = keep_text(rd, db_text(st, 3));
	c->expires = db_int(st, 4);
	c->created = db_int(st, 5);
	return rd->text.failed ? no_memory(err) : FOUND;
}

static void
find_texts(struct reader *rd)
{
	const char *p = sbuf_cstr(&rd->text);

	for (size_t i = 0; i < rd->r.credentials; i++) {
		struct record_credential *c = &rd->credential[i];
		struct slice *texts[] = { &c->label, &c->hash, &c->services, &c->networks };

		/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
		for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
			texts[t]->p = p;
			p += texts[t]->n;
		}
	}
	rd->r.credential = rd->credential;
}

static enum outcome
take_credentials(struct reader *rd, struct store *s, struct error *err)
{
	struct db_stmt *st =
	    db_prepare(s->db, rd->change != 0 ? Q_undo_credentials : Q_record_credentials);
	enum outcome o;

	sbuf_clear(&rd->text);
	if (rd->change != 0)
		db_bind_int(st, 1, rd->change);
	else
		db_bind_text(st, 1, rd->r.name);
	while ((o = db_step(st, err)) == FOUND) {
		o = take_credential(rd, st, err);
		if (o != FOUND)
			break;
	}
	db_reset(st);
	find_texts(rd);
	return o == NONE ? FOUND : o;
}

static enum outcome
take_mailbox(struct reader *rd, struct store *s, struct db_stmt *st, struct error *err)
{
	struct record *r = &rd->r;

	r->name = db_text(st, 0);
	r->quota = db_int(st, 1);
	r->created = db_int(st, 2);
	r->home = db_text(st, 3);
	r->mail = db_text(st, 4);
	r->uid = (unsigned)db_int(st, 5);
	r->gid = (unsigned)db_int(st, 6);
	r->networks = db_text(st, 7);
	if (!account_state_by_name(db_text(st, 8), &r->state))
		return error_set(err, RETRY,
		    "the store has a mailbox in a state that this program does not know");
	r->reason = db_text(st, 9);
	r->said = RECORD_QUOTA | RECORD_HOME | RECORD_MAIL | RECORD_IDS | RECORD_NETWORKS |
		  RECORD_STATE | RECORD_CREDENTIALS;
	return take_credentials(rd, s, err);
}

/* --- aliases ---------------------------------------------------------------------------------- */

static bool
more_targets(struct reader *rd)
{
	size_t size = rd->targets_size == 0 ? 16 : 2 * rd->targets_size;
	struct slice *more;

	if (rd->r.n_targets < rd->targets_size)
		return true;
	more = realloc(rd->target, size * sizeof *more);
	if (more == NULL)
		return false;
	rd->target = more;
	rd->targets_size = size;
	return true;
}

static enum outcome
take_alias(struct reader *rd, struct db_stmt *st, struct error *err)
{
	struct record *r = &rd->r;
	struct slice targets = db_text(st, 1);

	r->name = db_text(st, 0);
	while (targets.n > 0) {
		if (!more_targets(rd))
			return no_memory(err);
		rd->target[r->n_targets++] = slice_cut(&targets, '\n');
	}
	r->targets = rd->target;
	r->created = db_int(st, 2);
	r->disabled = db_int(st, 3) != 0;
	r->expires = db_int(st, 4);
	r->internal = db_int(st, 5) != 0;
	r->note = db_text(st, 6);
	r->owner = db_text(st, 7);
	r->said = RECORD_TARGETS | RECORD_DISABLED | RECORD_EXPIRES | RECORD_INTERNAL |
		  RECORD_NOTE | RECORD_OWNER;
	return FOUND;
}

/* --- maps ------------------------------------------------------------------------------------- */

static enum outcome
take_map(struct record *r, struct db_stmt *st, struct error *err)
{
	r->name = db_text(st, 0);
	if (!key_search_by_name(db_text(st, 1), &r->search))
		return error_set(err, RETRY,
		    "the store has a map with a search that this program does not know");
	r->created = db_int(st, 2);
	return FOUND;
}

static enum outcome
take_entry(struct record *r, struct db_stmt *st)
{
	r->map = db_text(st, 0);
	r->name = db_text(st, 1);
	r->value = db_text(st, 2);
	r->created = db_int(st, 3);
	return FOUND;
}

/* --- one -------------------------------------------------------------------------------------- */

enum outcome
reader_take(struct reader *rd, struct store *s, enum record_kind kind, struct db_stmt *st,
    struct error *err)
{
	rd->r = (struct record){ .kind = kind };
	switch (kind) {
	case RECORD_DOMAIN:
		return take_domain(&rd->r, st, err);
	case RECORD_MAILBOX:
		return take_mailbox(rd, s, st, err);
	case RECORD_ALIAS:
		return take_alias(rd, st, err);
	case RECORD_MAP:
		return take_map(&rd->r, st, err);
	case RECORD_ENTRY:
		break;
	}
	return take_entry(&rd->r, st);
}

enum outcome
reader_find(struct reader *rd, struct store *s, enum record_kind kind, struct slice name,
    struct slice map, struct db_stmt **st, struct error *err)
{
	static const enum statement one[] = {
		[RECORD_DOMAIN] = Q_record_domain,
		[RECORD_MAILBOX] = Q_record_mailbox,
		[RECORD_ALIAS] = Q_alias,
		[RECORD_MAP] = Q_record_map,
		[RECORD_ENTRY] = Q_record_entry,
	};
	enum outcome o;

	*st = db_prepare(s->db, one[kind]);
	db_bind_text(*st, 1, kind == RECORD_ENTRY ? map : name);
	if (kind == RECORD_ENTRY)
		db_bind_text(*st, 2, name);
	o = db_step(*st, err);
	if (o == FOUND)
		o = reader_take(rd, s, kind, *st, err);
	if (o != FOUND)
		db_reset(*st);
	return o;
}

enum outcome
reader_find_before(struct reader *rd, struct store *s, enum record_kind kind, int64_t id,
    struct db_stmt **st, struct error *err)
{
	static const enum statement before[] = {
		[RECORD_DOMAIN] = Q_undo_domain,
		[RECORD_MAILBOX] = Q_undo_mailbox,
		[RECORD_ALIAS] = Q_undo_alias,
		[RECORD_MAP] = Q_undo_map,
		[RECORD_ENTRY] = Q_undo_entry,
	};
	enum outcome o;

	*st = db_prepare(s->db, before[kind]);
	db_bind_int(*st, 1, id);
	o = db_step(*st, err);
	rd->change = id;
	if (o == FOUND)
		o = reader_take(rd, s, kind, *st, err);
	rd->change = 0;
	if (o != FOUND)
		db_reset(*st);
	return o;
}

static enum outcome
entry_name(struct sbuf *out, struct store *s, const struct record *r, struct error *err)
{
	enum key_search search;
	enum map_value kind;
	enum outcome o = store_map(s, r->map, &search, &kind, err);

	return o == FOUND ? key_check(out, search, r->name, err) : o == NONE ? BAD : o;
}

enum outcome
record_name(struct sbuf *out, struct store *s, const struct record *r, struct error *err)
{
	switch (r->kind) {
	case RECORD_DOMAIN:
		return rules_domain(out, r->name, err);
	case RECORD_MAILBOX:
		return rules_mailbox(out, r->name, err);
	case RECORD_ALIAS:
		return rules_alias(out, r->name, err);
	case RECORD_MAP:
		return sbuf_add_slice(out, r->name) ? FOUND : no_memory(err);
	case RECORD_ENTRY:
		break;
	}
	return entry_name(out, s, r, err);
}

static enum outcome
get(struct store *s, const struct record *r, struct slice name, store_record_fn *fn, void *arg,
    struct error *err)
{
	struct reader rd;
	struct db_stmt *st;
	enum outcome o;

	reader_init(&rd);
	o = reader_find(&rd, s, r->kind, name, r->map, &st, err);
	if (o == FOUND) {
		fn(arg, &rd.r);
		db_reset(st);
	}
	reader_release(&rd);
	return o;
}

enum outcome
store_get(
    struct store *s, const struct record *r, store_record_fn *fn, void *arg, struct error *err)
{
	struct sbuf name;
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	sbuf_init(&name, QUESTION_TEXT);
	o = record_name(&name, s, r, err);
	if (o == FOUND)
		o = get(s, r, sbuf_slice(&name), fn, arg, err);
	sbuf_release(&name);
	view_end(s, mine);
	return o;
}

/* --- all -------------------------------------------------------------------------------------- */

static const struct {
	enum record_kind kind;
	enum statement statement;
} passes[] = {
	{ RECORD_DOMAIN, Q_record_domains },
	{ RECORD_DOMAIN, Q_record_stand_ins },
	{ RECORD_MAILBOX, Q_record_mailboxes },
	{ RECORD_ALIAS, Q_aliases },
	{ RECORD_MAP, Q_maps },
	{ RECORD_ENTRY, Q_record_entries },
};

static struct db_stmt *
start_pass(struct store *s, enum statement which)
{
	struct db_stmt *st = db_prepare(s->db, which);

	/* pages elsewhere: here one that has no end */
	if (which == Q_aliases || which == Q_maps) {
		db_bind_text(st, 1, slice_str(""));
		db_bind_int(st, 2, -1);
	}
	return st;
}

/* *ENOUGH is set when FN has had it. */
static enum outcome
pass(struct store *s, size_t i, store_record_fn *fn, void *arg, bool *enough, struct error *err)
{
	struct db_stmt *st = start_pass(s, passes[i].statement);
	struct reader rd;
	enum outcome o = FOUND;

	reader_init(&rd);
	while (o == FOUND && !*enough) {
		o = db_step(st, err);
		if (o == FOUND)
			o = reader_take(&rd, s, passes[i].kind, st, err);
		if (o == FOUND)
			*enough = !fn(arg, &rd.r);
	}
	db_reset(st);
	reader_release(&rd);
	return o == NONE ? FOUND : o;
}

enum outcome
store_records(struct store *s, store_record_fn *fn, void *arg, struct error *err)
{
	bool mine, enough = false;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	for (size_t i = 0; o == FOUND && i < sizeof passes / sizeof *passes; i++)
		o = pass(s, i, fn, arg, &enough, err);
	view_end(s, mine);
	return o;
}
