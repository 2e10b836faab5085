/* SPDX-License-Identifier: ISC
 *
 * Which columns mean what, and what a row says then; values that stand in other tables are looked
 * up there.
 */
#include "foreign/row.h"

#include <string.h>

#include "foreign/convert.h"

#define TEXT(s) (int)((s).n < 200 ? (s).n : 200), (s).p

/* --- joins ------------------------------------------------------------------------------------ */

struct join {
	const struct table *table;
	size_t column;
	struct index index;
	struct join *next;
};

static bool
fill_join(struct join *j)
{
	for (size_t i = 0; i < j->table->rows; i++) {
		struct slice key = table_cell(j->table, i, j->column);
		size_t ignored;

		if (key.p != NULL && !index_find(&j->index, key, &ignored) &&
		    !index_add(&j->index, key, i))
			return false;
	}
	return true;
}

/* The rows of TABLE by COLUMN; made once. */
static const struct index *
join_by(struct foreign *f, const struct table *table, size_t column)
{
	struct join *j;

	for (j = f->join; j != NULL; j = j->next)
		if (j->table == table && j->column == column)
			return &j->index;
	j = arena_take(&f->arena, sizeof *j);
	if (j == NULL)
		return NULL;
	*j = (struct join){ .table = table, .column = column, .next = f->join };
	f->join = j;
	return fill_join(j) ? &j->index : NULL;
}

void
joins_release(struct foreign *f)
{
	for (struct join *j = f->join; j != NULL; j = j->next)
		index_release(&j->index);
	f->join = NULL;
}

/* One hop of `table.key:column`. */
static bool
make_hop(struct hop *h, struct foreign *f, struct slice path)
{
	struct slice column = path, key = slice_cut(&column, ':'), table = slice_cut(&key, '.');
	size_t at;

	h->table = tables_find(&f->tables, table);
	if (h->table == NULL || !table_column(h->table, key, &at) ||
	    !table_column(h->table, column, &h->at))
		return false;
	h->by_key = join_by(f, h->table, at);
	f->no_memory |= h->by_key == NULL;
	return h->by_key != NULL;
}

/* The value behind all hops; p NULL when one leads nowhere. */
static struct slice
follow(const struct hop *hop, size_t hops, struct slice value)
{
	size_t row;

	for (size_t i = 0; i < hops && value.p != NULL; i++) {
		if (!index_find(hop[i].by_key, value, &row))
			return slice_of(NULL, 0);
		value = table_cell(hop[i].table, row, hop[i].at);
	}
	return value;
}

/* --- which columns mean what ------------------------------------------------------------------ */

/* What the admin calls a column: OURS=THEIRS among --columns. */
static struct slice
column_name(const struct foreign *f, const char *ours)
{
	struct slice list = f->options->columns;
	size_t at;

	while (slice_chr(list, '=', &at)) {
		struct slice theirs = slice_cut(&list, ','), name = slice_cut(&theirs, '=');

		if (slice_is(name, ours))
			return theirs;
	}
	return slice_str(ours);
}

static bool
is_taken(const struct binding *b, const struct rule *rule, size_t column)
{
	for (size_t i = 0; b->f->format->guesses && i < b->n; i++)
		if (b->bound[i].column == column || b->bound[i].rule->meaning == rule->meaning)
			return true;
	return false;
}

static bool
bind_hops(struct binding *b, const struct rule *rule)
{
	struct slice path = slice_str(rule->via);

	b->bound[b->n].hops = 0;
	while (path.n > 0 && b->bound[b->n].hops < HOPS_MAX)
		if (!make_hop(
			&b->bound[b->n].hop[b->bound[b->n].hops++], b->f, slice_cut(&path, '/')))
			return false;
	return true;
}

static void
bind_rule(struct binding *b, const struct rule *rule)
{
	size_t column;

	if (b->n == BOUND_MAX ||
	    !table_column(b->table, column_name(b->f, rule->column), &column) ||
	    is_taken(b, rule, column))
		return;
	if (!bind_hops(b, rule)) {
		struct foreign_place at = { b->table->file, b->table->name, 0 };

		remark(b->f, REMARK_SKIPPED, &at,
		    "column '%s' refers to '%s', which is not there: import that table too",
		    rule->column, rule->via);
		return;
	}
	b->bound[b->n].rule = rule;
	b->bound[b->n++].column = column;
}

static bool
has(const struct binding *b, enum meaning meaning)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->bound[i].rule->meaning == meaning)
			return true;
	return false;
}

/* What a row must say to be of any use. */
static bool
is_enough(const struct binding *b, enum makes makes)
{
	switch (makes) {
	case MAKES_DOMAIN:
		return has(b, M_DOMAIN);
	case MAKES_DOMAIN_ALIAS:
		return has(b, M_DOMAIN) && has(b, M_TARGET_DOMAIN);
	case MAKES_ENTRY:
		return has(b, M_KEY) && (has(b, M_VALUE) || has(b, M_SMTP));
	case MAKES_SENDER:
		return has(b, M_KEY);
	default:
		return has(b, M_ADDRESS) || has(b, M_LOCAL) || has(b, M_KEY);
	}
}

static void
bind_all(struct binding *b, struct foreign *f, const struct table *t, const struct table_rule *rule)
{
	*b = (struct binding){ .f = f, .table = t };
	for (const struct rule *r = rule->rule; r != NULL && r->column != NULL; r++)
		bind_rule(b, r);
}

bool
makes_sense(const struct foreign *f, const struct table *t, const struct table_rule *rule)
{
	struct binding b = { .f = (struct foreign *)f, .table = t };

	for (const struct rule *r = rule->rule; r != NULL && r->column != NULL; r++) {
		size_t column;

		if (r->via == NULL && b.n < BOUND_MAX &&
		    table_column(t, column_name(f, r->column), &column) &&
		    !is_taken(&b, r, column)) {
			b.bound[b.n].rule = r;
			b.bound[b.n++].column = column;
		}
	}
	return is_enough(&b, rule->makes) &&
	       (rule->makes != MAKES_ALIAS || has(&b, M_TARGETS) || !f->format->guesses);
}

bool
binding_make(
    struct binding *b, struct foreign *f, const struct table *t, const struct table_rule *rule)
{
	struct foreign_place at = { t->file, t->name, 0 };

	if (rule->makes == MAKES_NOTHING)
		return false;
	bind_all(b, f, t, rule);
	if (is_enough(b, rule->makes))
		return true;
	remark(f, REMARK_SKIPPED, &at,
	    "table '%.*s' has not the columns that it should have: see --columns", TEXT(t->name));
	return false;
}

/* --- a row ------------------------------------------------------------------------------------ */

static bool
is_among(const char *words, struct slice value)
{
	struct slice rest = slice_str(words);

	while (rest.n > 0)
		if (slice_eq(slice_cut(&rest, ' '), value))
			return true;
	return false;
}

/* `sender=sender-bcc rcpt=recipient-bcc` */
static struct slice
translated(const char *words, struct slice value)
{
	struct slice rest = slice_str(words);

	while (rest.n > 0) {
		struct slice to = slice_cut(&rest, ' '), from = slice_cut(&to, '=');

		if (slice_eq(from, value))
			return to;
	}
	return slice_of(NULL, 0);
}

static void
add_service(struct read_row *r, const char *name, struct slice value)
{
	struct slice before = r->services;

	r->limited = true;
	if (!convert_yes(value))
		return;
	r->services = before.n > 0
			  ? arena_printf(&r->f->arena, "%.*s,%s", (int)before.n, before.p, name)
			  : slice_str(name);
}

static struct slice
join_path(struct read_row *r, struct slice before, struct slice more)
{
	if (before.p == NULL || before.n == 0 || slice_starts(more, "/"))
		return more;
	return arena_printf(&r->f->arena, "%.*s%s%.*s", (int)before.n, before.p,
	    slice_ends(before, "/") ? "" : "/", (int)more.n, more.p);
}

static int64_t
unit_of(const char *arg)
{
	if (arg == NULL)
		return 1;
	return arg[0] == 'K' ? 1 << 10 : 1 << 20;
}

/* Take what one column says. False when the row is to be left out. */
static bool
take_value(struct read_row *r, const struct rule *rule, struct slice value)
{
	struct slice *to = &r->value[rule->meaning];

	switch (rule->meaning) {
	case M_LEAVE:
		return value.p == NULL || value.n == 0 || !is_among(rule->arg, value);
	case M_LEAVE_YES:
	case M_LEAVE_SET:
		if (rule->meaning == M_LEAVE_YES ? !convert_yes(value) : value.n == 0)
			return true;
		remark(r->f, REMARK_NOTE, &r->at, "%s", rule->arg);
		return false;
	case M_SERVICE:
		add_service(r, rule->arg, value);
		return true;
	case M_HOME:
		if (value.n > 0)
			*to = join_path(r, *to, value);
		return true;
	case M_QUOTA:
		r->unit = unit_of(rule->arg);
		break;
	case M_VALUE2:
		r->between = rule->arg;
		break;
	case M_KIND:
		if (rule->arg != NULL)
			value = slice_tail(slice_str(rule->arg), 1);
		break;
	case M_MAP:
		value = translated(rule->arg, value);
		break;
	case M_KEY:
		if (rule->arg != NULL && value.n > 0)
			value =
			    arena_printf(&r->f->arena, "%s%.*s", rule->arg, (int)value.n, value.p);
		break;
	case M_INTERNAL:
		if (rule->arg != NULL)
			value = slice_str(is_among(rule->arg, value) ? "1" : "0");
		break;
	default:
		break;
	}
	if (to->p == NULL || to->n == 0)
		*to = value;
	return true;
}

static bool
is_computed(const struct rule *rule, struct slice value)
{
	return slice_is(value, "\001computed") && rule->meaning != M_CREATED &&
	       rule->meaning != M_PASSWORD && rule->meaning != M_CRYPT;
}

/* What a row is of use without. */
static bool
is_remark(enum meaning meaning)
{
	return meaning == M_NOTE || meaning == M_OWNER || meaning == M_LABEL;
}

/* Of a value that is not in the text. False when the row is of no use then. */
static bool
go_without(struct read_row *r, const struct rule *rule)
{
	if (is_remark(rule->meaning))
		remark(r->f, REMARK_NOTE, &r->at,
		    "its '%s' is computed when the statement runs, and is not carried over",
		    rule->column);
	else
		remark(r->f, REMARK_SKIPPED, &r->at,
		    "its '%s' is computed when the statement runs: dump the table itself",
		    rule->column);
	return is_remark(rule->meaning);
}

bool
row_read(struct read_row *r, const struct binding *b, size_t i)
{
	*r = (struct read_row){ .f = b->f, .unit = 1, .between = "" };
	r->at.file = b->table->file;
	r->at.table = b->table->is_text ? slice_of(NULL, 0) : b->table->name;
	r->at.line = b->table->line[i];
	for (size_t k = 0; k < b->n; k++) {
		const struct rule *rule = b->bound[k].rule;
		struct slice value = table_cell(b->table, i, b->bound[k].column);

		if (is_computed(rule, value)) {
			if (!go_without(r, rule))
				return false;
			continue;
		}
		r->asked[rule->meaning] = true;
		value = follow(b->bound[k].hop, b->bound[k].hops, value);
		if (!take_value(r, rule, value))
			return false;
	}
	return true;
}
