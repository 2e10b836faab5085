/* SPDX-License-Identifier: ISC
 *
 * The whole way of an import: files into tables, tables into objects. What a format is stands in
 * formats.c, what a row makes in make.c, how objects come together in settle.c.
 */
#include "foreign/foreign.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "foreign/objects.h"

#define TEXT(s) (int)((s).n < 200 ? (s).n : 200), (s).p

enum { SCRATCH = 1 << 20 };

struct foreign *
foreign_new(const struct foreign_options *options)
{
	struct foreign *f = calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	f->options = options;
	f->tables.arena = &f->arena;
	sbuf_init(&f->scratch, SCRATCH);
	return f;
}

static void
clear_tables(struct foreign *f)
{
	joins_release(f);
	tables_release(&f->tables);
	f->tables.arena = &f->arena;
	f->open = NULL;
}

void
foreign_free(struct foreign *f)
{
	if (f == NULL)
		return;
	clear_tables(f);
	for (size_t i = 0; i < CLASSES; i++) {
		free(f->class[i].object);
		index_release(&f->class[i].by_name);
	}
	index_release(&f->off);
	sbuf_release_secret(&f->scratch);
	arena_release(&f->arena);
	free(f);
}

void
foreign_use(struct foreign *f, const struct format *format)
{
	clear_tables(f);
	f->format = format;
}

struct slice
foreign_keep(struct foreign *f, struct slice text)
{
	return arena_keep(&f->arena, text);
}

void *
foreign_take(struct foreign *f, size_t n)
{
	return arena_take(&f->arena, n);
}

enum outcome
foreign_is_whole(const struct foreign *f, struct error *err)
{
	if (f->no_memory || f->tables.no_memory || f->arena.failed)
		return error_set(err, RETRY, "no memory for all of it");
	return FOUND;
}

void
remark(struct foreign *f, enum foreign_remark kind, const struct foreign_place *at, const char *fmt,
    ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	f->options->say(f->options->arg, kind, at, text);
}

/* --- names of files --------------------------------------------------------------------------- */

static struct slice
base_name(const char *file)
{
	struct slice name = slice_str(file);
	size_t at;

	return slice_rchr(name, '/', &at) ? slice_tail(name, at + 1) : name;
}

/* `mailbox.tsv` is the table mailbox, and so is `vmail.mailbox.csv`. */
static struct slice
table_of_file(const char *file)
{
	struct slice name = base_name(file);
	size_t at;

	if (slice_rchr(name, '.', &at) && at > 0)
		name = slice_head(name, at);
	if (slice_rchr(name, '.', &at))
		name = slice_tail(name, at + 1);
	return name;
}

static const struct file_rule *
file_rule(const struct format *format, struct slice name)
{
	for (const struct file_rule *r = format->file; r != NULL && r->file != NULL; r++)
		if (slice_is(name, r->file))
			return r;
	return NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void
say_of_line(void *arg, const char *file, size_t line, const char *text)
{
	struct foreign *f = arg;
	struct foreign_place at = { file, { NULL, 0 }, line };

	remark(f, REMARK_SKIPPED, &at, "%s", text);
}

static void
say_nothing(void *arg, const char *file, size_t line, const char *text)
{
	(void)arg;
	(void)file;
	(void)line;
	(void)text;
}

static bool
wants_table(void *arg, struct slice table)
{
	return foreign_wants(arg, table);
}

bool
foreign_wants(const struct foreign *f, struct slice table)
{
	return f->format == NULL || schema_find(f->format, table) != NULL;
}

static enum outcome
read_file_of_set(struct foreign *f, struct source *s, struct error *err)
{
	struct slice name = s->table.n > 0 ? s->table : base_name(s->file);
	const struct file_rule *r = file_rule(f->format, name);
	struct foreign_place at = { s->file, { NULL, 0 }, 0 };

	if (r != NULL && r->read != NULL) {
		s->table = slice_str(r->table);
		return r->read(&f->tables, s, err);
	}
	remark(f, REMARK_NOTE, &at, "not carried over: %s",
	    r != NULL ? r->table : "no file that is known");
	return FOUND;
}

static enum outcome
read_tables(struct foreign *f, struct source *s, struct error *err)
{
	if (looks_like_dump(s->text))
		return read_dump(&f->tables, s, err);
	if (s->table.n == 0)
		s->table = table_of_file(s->file);
	if (!f->format->guesses && schema_find(f->format, s->table) == NULL)
		return error_set(err, BAD,
		    "'%.*s' is no table of %s that is carried over: NAME=FILE says which it is",
		    TEXT(s->table), f->format->summary);
	return read_delimited(&f->tables, s, err);
}

enum outcome
foreign_text(
    struct foreign *f, const char *file, struct slice table, struct slice text, struct error *err)
{
	struct source s = { .file = file, .table = table, .text = text };

	s.columns = f->options->columns;
	s.say = say_of_line;
	s.wants = wants_table;
	s.arg = f;
	if (f->format->file != NULL)
		return read_file_of_set(f, &s, err);
	if (f->format->read == NULL)
		return read_tables(f, &s, err);
	if (table.n == 0)
		s.table = slice_str(f->format->name);
	return f->format->read(&f->tables, &s, err);
}

bool
foreign_table(struct foreign *f, const char *file, struct slice name, const struct slice *column,
    size_t columns)
{
	f->open = tables_begin(&f->tables, file, name, column, columns);
	return f->open != NULL;
}

bool
foreign_row(struct foreign *f, size_t line, const struct slice *cell)
{
	bool ok;

	f->tables.copy = true;
	ok = f->open != NULL && table_add(&f->tables, f->open, line, cell);
	f->tables.copy = false;
	return ok;
}

/* --- which format it is ----------------------------------------------------------------------- */

static bool
is_named(const char *names, struct slice name)
{
	struct slice rest = slice_str(names);

	while (rest.n > 0)
		if (slice_eq(slice_cut(&rest, ' '), name))
			return true;
	return false;
}

/* The format whose files are called so. */
static const struct format *
format_of_file(const char *file)
{
	struct slice name = base_name(file);

	for (size_t i = 0; i < formats_n; i++)
		if (!format_is_tables(&formats[i]) && formats[i].sign != NULL &&
		    (is_named(formats[i].sign, name) || file_rule(&formats[i], name) != NULL))
			return &formats[i];
	return NULL;
}

static struct slice
first_line(struct slice text)
{
	struct slice line = { NULL, 0 };

	while (text.n > 0) {
		line = slice_trim(slice_cut(&text, '\n'));
		if (line.n > 0 && line.p[0] != '#')
			break;
	}
	return line;
}

/* user:{SCHEME}... or user:$6$..., or all the seven colons of a passwd-file. */
static bool
looks_like_passwd(struct slice line)
{
	struct slice rest = line, user = slice_cut(&rest, ':');
	size_t at;

	if (rest.p == NULL || slice_chr(user, ' ', &at))
		return false;
	return slice_starts(rest, "{") || slice_starts(rest, "$") || slice_count(line, ':') >= 6;
}

static const struct format *
format_of_text(const char *file, struct slice text)
{
	struct slice line = first_line(text);
	const struct format *f = format_of_file(file);

	if (f != NULL)
		return f;
	if (slice_starts(line, "{\""))
		return format_by_name("vmaild");
	return looks_like_passwd(line) ? format_by_name("passwd-file") : NULL;
}

/* By its first line, or, where that is one word, by what the file is called. */
static bool
is_delimited(const char *file, struct slice text)
{
	struct slice name = slice_str(file);

	return format_of_file(file) == NULL &&
	       (looks_delimited(text) || slice_ends(name, ".csv") || slice_ends(name, ".tsv"));
}

void
foreign_guess(struct foreign *f, const char *file, struct slice table, struct slice text)
{
	struct source s = { .file = file, .table = table, .text = text };
	struct error ignored;
	const struct format *is;

	s.names_only = true;
	s.columns = f->options->columns;
	s.say = say_nothing;
	if (looks_like_dump(text)) {
		read_dump(&f->tables, &s, &ignored);
		return;
	}
	if (is_delimited(file, text)) {
		if (table.n == 0)
			s.table = table_of_file(file);
		read_delimited(&f->tables, &s, &ignored);
		return;
	}
	is = format_of_text(file, text);
	if (is == NULL && first_line(text).n == 0) {
		f->empty_file = file;
	} else if (is == NULL) {
		f->unknown_file = file;
	} else if (f->guess == NULL) {
		f->guess = is;
		f->guess_file = file;
	} else if (f->guess != is) {
		f->other = is;
		f->other_file = file;
	}
}

/* `table.column` */
static bool
has_column(struct foreign *f, struct slice sign)
{
	struct slice column = sign, table = slice_cut(&column, '.');
	size_t at;

	for (size_t i = 0; i < f->tables.n; i++)
		if (slice_eq(f->tables.table[i].name, table) &&
		    table_column(&f->tables.table[i], column, &at))
			return true;
	return false;
}

static bool
has_sign(struct foreign *f, const struct format *format)
{
	struct slice rest = slice_str(format->sign);

	while (rest.n > 0) {
		struct slice sign = slice_cut(&rest, ' ');
		bool not = slice_starts(sign, "!");

		if (has_column(f, slice_tail(sign, not )) == not )
			return false;
	}
	return format->sign != NULL;
}

/* What a table of its own is for: its name says it, or, in a file of one table, its columns. */
static const struct table_rule *
rule_for(struct foreign *f, const struct table *t)
{
	const struct table_rule *r = schema_find(f->format, t->name);

	if (r != NULL || !f->format->guesses || !t->is_text)
		return r;
	/* an alias has targets, and then a mailbox a password; only then may it be a mere list */
	for (r = f->format->table; r->table != NULL; r++)
		if (r->makes == MAKES_ALIAS && makes_sense(f, t, r))
			return r;
	for (r = f->format->table; r->table != NULL; r++)
		if (r->makes != MAKES_DOMAIN && makes_sense(f, t, r))
			return r;
	r = f->format->table;
	return makes_sense(f, t, r) ? r : NULL;
}

/* Whether any of the tables is one that somebody could have made for himself. */
static bool
has_own_tables(struct foreign *f, const struct format *format)
{
	const struct format *before = f->format;
	bool found = false;

	f->format = format;
	for (size_t i = 0; i < f->tables.n && !found; i++) {
		const struct table_rule *r = rule_for(f, &f->tables.table[i]);

		found =
		    r != NULL && r->makes != MAKES_DOMAIN && makes_sense(f, &f->tables.table[i], r);
	}
	f->format = before;
	return found;
}

static const struct format *
format_of_tables(struct foreign *f)
{
	const struct format *own = format_by_name("tables");

	for (size_t i = 0; i < formats_n; i++)
		if (format_is_tables(&formats[i]) && has_sign(f, &formats[i]))
			return &formats[i];
	return has_own_tables(f, own) ? own : NULL;
}

static enum outcome
refuse_mixture(struct error *err, const char *one, const char *format, const char *other,
    const char *other_format)
{
	return error_set(err, BAD,
	    "'%s' looks like %s and '%s' like %s: import one after the other, or say with --from "
	    "what all of them are",
	    one, format, other, other_format);
}

enum outcome
foreign_guessed(struct foreign *f, const struct format **out, struct error *err)
{
	const char *tables = f->tables.n > 0 ? f->tables.table[0].file : NULL;
	const char *unknown = f->unknown_file;

	if (f->empty_file != NULL)
		return error_set(err, BAD, "there is nothing in '%s'", f->empty_file);
	*out = tables != NULL ? format_of_tables(f) : f->guess;
	if (unknown == NULL && *out == NULL)
		unknown = tables;
	if (unknown != NULL || *out == NULL)
		return error_set(err, BAD,
		    "it is not certain what '%s' is: say it with --from, see `vmailctl formats`",
		    unknown != NULL ? unknown : "this");
	if (f->other != NULL)
		return refuse_mixture(
		    err, f->guess_file, f->guess->name, f->other_file, f->other->name);
	if (tables != NULL && f->guess != NULL)
		return refuse_mixture(err, tables, (*out)->name, f->guess_file, f->guess->name);
	return FOUND;
}

/* --- objects ---------------------------------------------------------------------------------- */

struct object *
object_find(struct foreign *f, enum class class, struct slice name)
{
	size_t at;

	return index_find(&f->class[class].by_name, name, &at) ? f->class[class].object[at] : NULL;
}

static bool
make_room(struct class_of *c)
{
	size_t room = c->room == 0 ? 64 : 2 * c->room;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	void *more = c->n < c->room ? c->object : realloc(c->object, room * sizeof *c->object);

	if (more == NULL)
		return false;
	c->object = more;
	if (c->n == c->room)
		c->room = room;
	return true;
}

struct object *
object_new(struct foreign *f, enum class class, enum record_kind kind, struct slice name,
    const struct foreign_place *at)
{
	struct class_of *c = &f->class[class];
	struct object *o = arena_take(&f->arena, sizeof *o);

	name = arena_keep(&f->arena, name);
	if (o == NULL || name.p == NULL || !make_room(c) || !index_add(&c->by_name, name, c->n)) {
		f->no_memory = true;
		return NULL;
	}
	*o = (struct object){ .hash = { NULL, 0 } };
	o->made.record.kind = kind;
	o->made.record.name = name;
	o->made.record.propagate = -1;
	o->made.at = *at;
	c->object[c->n++] = o;
	return o;
}

bool
items_have(const struct items *items, struct slice text)
{
	for (const struct item *i = items->first; i != NULL; i = i->next)
		if (slice_eq(i->text, text))
			return true;
	return false;
}

void
items_add(struct foreign *f, struct items *to, struct slice text, const struct foreign_place *at)
{
	struct item *item;

	if (items_have(to, text))
		return;
	item = arena_take(&f->arena, sizeof *item);
	if (item == NULL)
		return;
	*item = (struct item){ text, *at, NULL };
	if (to->last != NULL)
		to->last->next = item;
	else
		to->first = item;
	to->last = item;
	to->n++;
}

struct foreign_object *
foreign_object_at(struct foreign *f, size_t i)
{
	for (size_t class = 0; class < CLASSES; class ++) {
		struct class_of *c = &f->class[class];

		if (i < c->n)
			return &c->object[i]->made;
		i -= c->n;
	}
	return NULL;
}

/* --- all of it -------------------------------------------------------------------------------- */

/* In the order of the format's table, whatever that of the files is: mailboxes before what is said
 * of them. */
static size_t
make_tables(struct foreign *f)
{
	size_t used = 0;

	for (const struct table_rule *r = f->format->table; r->table != NULL; r++)
		for (size_t i = 0; i < f->tables.n; i++)
			if (rule_for(f, &f->tables.table[i]) == r) {
				make_table(f, &f->tables.table[i], r);
				used++;
			}
	return used;
}

static void
remark_unused(struct foreign *f)
{
	for (size_t i = 0; i < f->tables.n; i++) {
		const struct table *t = &f->tables.table[i];
		struct foreign_place at = { t->file, { NULL, 0 }, 0 };

		if (t->is_text && rule_for(f, t) == NULL)
			remark(f, REMARK_SKIPPED, &at,
			    "nothing in its columns says what it is: NAME=FILE or --columns does");
	}
}

enum outcome
foreign_settle(struct foreign *f, struct error *err)
{
	size_t used = make_tables(f);

	if (f->format->guesses)
		remark_unused(f);
	settle_objects(f);
	if (foreign_is_whole(f, err) != FOUND)
		return RETRY;
	if (used == 0 && f->format->file == NULL)
		return error_set(err, BAD, "there is nothing in it that %s has", f->format->name);
	clear_tables(f);
	return FOUND;
}
