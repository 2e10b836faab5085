/* SPDX-License-Identifier: ISC
 *
 * The public views, copied out of one moment of the store into a file for others. They are listed
 * here, with what is copied by which statement; what they hold is schema/'s business.
 */
#include "store/handle.h"
#include "store/published.h"

enum { COLUMNS_MAX = 19, INDEXES_MAX = 2 };

/* One row: a view, and the table it becomes. */
static const struct view {
	enum statement rows;
	enum published_text table;
	enum published_text row;
	size_t columns;
	bool secret; /* only for whoever asks for the hashes */
	size_t indexes;
	enum published_text index[INDEXES_MAX];
} views[] = {
	{ Q_published_domains, PUBLISHED_domain, PUBLISHED_domain_row, 4, false, 0, { 0 } },
	{ Q_published_users, PUBLISHED_user, PUBLISHED_user_row, 18, false, 1,
	    { PUBLISHED_user_by_domain } },
	{ Q_published_logins, PUBLISHED_login, PUBLISHED_login_row, 19, true, 1,
	    { PUBLISHED_login_by_domain } },
	{ Q_published_aliases, PUBLISHED_alias, PUBLISHED_alias_row, 9, false, 2,
	    { PUBLISHED_alias_by_domain, PUBLISHED_alias_by_target } },
};

static enum outcome
copy_rows(struct store *s, const struct view *v, struct published *p, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, v->rows);
	struct slice values[COLUMNS_MAX];
	enum outcome o;

	db_bind_text(st, 1, slice_str(""));
	while ((o = db_step(st, err)) == FOUND) {
		for (size_t i = 0; i < v->columns; i++)
			values[i] = db_text(st, (int)i);
		o = published_row(p, v->row, values, v->columns, err);
		if (o != FOUND)
			break;
	}
	db_reset(st);
	return o == NONE ? FOUND : o;
}

static enum outcome
copy_view(struct store *s, const struct view *v, struct published *p, struct error *err)
{
	enum outcome o = published_make(p, v->table, err);

	if (o == FOUND)
		o = copy_rows(s, v, p, err);
	for (size_t i = 0; o == FOUND && i < v->indexes; i++)
		o = published_make(p, v->index[i], err);
	return o;
}

static enum outcome
copy_all(struct store *s, bool hashes, struct published *p, struct error *err)
{
	static const enum published_text first[] = { PUBLISHED_open, PUBLISHED_begin,
		PUBLISHED_mark };
	enum outcome o = FOUND;

	for (size_t i = 0; o == FOUND && i < sizeof first / sizeof first[0]; i++)
		o = published_make(p, first[i], err);
	for (size_t i = 0; o == FOUND && i < sizeof views / sizeof views[0]; i++)
		if (hashes || !views[i].secret)
			o = copy_view(s, &views[i], p, err);
	return o == FOUND ? published_make(p, PUBLISHED_commit, err) : o;
}

enum outcome
store_publish(struct store *s, const char *path, int group, bool hashes, struct error *err)
{
	struct published *p;
	bool mine;
	enum outcome o = published_new(&p, path, group, err);

	if (o != FOUND)
		return o;
	o = view_begin(s, &mine, err);
	if (o == FOUND) {
		o = copy_all(s, hashes, p, err);
		view_end(s, mine);
	}
	if (o == FOUND)
		o = published_keep(p, err);
	published_free(p);
	return o == BAD ? RETRY : o;
}
