/* SPDX-License-Identifier: ISC
 *
 * Texts of lines: Postfix's tables, aliases(5), passwd-files and their like. A line that is not of
 * the form is told and left; the others count.
 */
#include "foreign/postmap.h"
#include "foreign/read.h"

static struct table *
begin(struct tables *t, const struct source *s, const char *const *names, size_t n)
{
	struct slice column[8];
	struct table *table;

	for (size_t i = 0; i < n; i++)
		column[i] = slice_str(names[i]);
	table = tables_begin(t, s->file, s->table, column, n);
	if (table != NULL)
		table->is_text = true;
	return table;
}

static enum outcome
end(const struct tables *t, struct error *err)
{
	return t->no_memory ? error_set(err, RETRY, "no memory") : FOUND;
}

/* --- keys and values -------------------------------------------------------------------------- */

static const char *const key_value[] = { "key", "value" };

/* The whole of a logical line, which the entry has in two pieces. */
static struct slice
whole(const struct postmap_entry *e)
{
	if (e->value.n == 0)
		return e->key;
	return slice_of(e->key.p, (size_t)(e->value.p - e->key.p) + e->value.n);
}

/* `name: value`, the name perhaps in quotes. */
static bool
split_alias(struct slice line, struct slice cell[2])
{
	bool quoted = false;

	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '\\')
			i++;
		else if (line.p[i] == '"')
			quoted = !quoted;
		else if (line.p[i] == ':' && !quoted) {
			cell[0] = slice_trim(slice_head(line, i));
			cell[1] = slice_trim(slice_tail(line, i + 1));
			return cell[0].n > 0;
		}
	}
	return false;
}

static bool
split_key(const struct postmap_entry *e, struct slice cell[2])
{
	cell[0] = e->key;
	cell[1] = e->value;
	return e->key.n > 0;
}

static enum outcome
read_logical(struct tables *t, const struct source *s, bool aliases, struct error *err)
{
	struct table *table = begin(t, s, key_value, 2);
	struct postmap p;
	enum outcome o;

	postmap_init(&p);
	o = table != NULL ? postmap_scan(&p, s->text, err) : RETRY;
	t->copy = true; /* of what postmap_release takes away */
	for (size_t i = 0; i < p.n && o == FOUND && !s->names_only; i++) {
		const struct postmap_entry *e = &p.entry[i];
		struct slice cell[2];

		if (aliases ? split_alias(whole(e), cell) : split_key(e, cell))
			table_add(t, table, e->line, cell);
		else if (e->key.n == 0)
			s->say(s->arg, s->file, e->line,
			    "begins with a blank, but there is no line before it to go on");
		else
			s->say(s->arg, s->file, e->line, "there is no ':' behind a name");
	}
	t->copy = false;
	postmap_release(&p);
	return o == FOUND ? end(t, err) : error_set(err, RETRY, "no memory");
}

enum outcome
read_keyvalue(struct tables *t, const struct source *s, struct error *err)
{
	return read_logical(t, s, false, err);
}

enum outcome
read_aliases(struct tables *t, const struct source *s, struct error *err)
{
	return read_logical(t, s, true, err);
}

/* --- fields with a separator ------------------------------------------------------------------ */

static enum outcome
read_fields(struct tables *t, const struct source *s, char separator, const char *const *names,
    size_t n, struct error *err)
{
	struct table *table = begin(t, s, names, n);
	struct slice rest = s->text;
	size_t number = 0;

	while (table != NULL && rest.n > 0 && !s->names_only) {
		struct slice line = slice_trim(slice_cut(&rest, '\n')), cell[8] = { { NULL, 0 } };

		number++;
		if (line.n == 0 || line.p[0] == '#')
			continue;
		for (size_t i = 0; i + 1 < n; i++)
			cell[i] = slice_cut(&line, separator);
		cell[n - 1] = line; /* the last takes all, whatever is in it */
		if (cell[0].n == 0 || cell[1].p == NULL)
			s->say(s->arg, s->file, number, "this is no line of such a file");
		else if (!table_add(t, table, number, cell))
			break;
	}
	return end(t, err);
}

enum outcome
read_passwd(struct tables *t, const struct source *s, struct error *err)
{
	static const char *const names[] = { "user", "password", "uid", "gid", "gecos", "home",
		"shell", "extra" };

	return read_fields(t, s, ':', names, 8, err);
}

enum outcome
read_accounts(struct tables *t, const struct source *s, struct error *err)
{
	static const char *const names[] = { "user", "password", "extra" };

	return read_fields(t, s, '|', names, 3, err);
}

enum outcome
read_colon(struct tables *t, const struct source *s, struct error *err)
{
	return read_fields(t, s, ':', key_value, 2, err);
}
