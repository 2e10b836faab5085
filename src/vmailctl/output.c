/* SPDX-License-Identifier: ISC
 *
 * Tables by libsmartcols, JSON by jansson. Colour is bold headings, on a terminal only and never
 * with NO_COLOR set.
 */
#include "vmailctl/output.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <unistr.h>
#include <uniwidth.h>

#include "vmailctl/pager.h"
#include "vmailctl/when.h"

enum { CELL_MAX = 4 << 20, TEXT_MAX = 8 << 20, PIECE_ROWS = 1000 };

/* --- cells as text ---------------------------------------------------------------------------- */

void
output_put_size(struct sbuf *out, int64_t bytes)
{
	static const char units[] = " KMGTPE";
	size_t unit = 0;

	while (bytes % 1024 == 0 && units[unit + 1] != '\0') {
		bytes /= 1024;
		unit++;
	}
	sbuf_printf(out, "%" PRId64, bytes);
	if (unit > 0)
		sbuf_add_chr(out, units[unit]);
}

void
output_put_time(struct sbuf *out, int64_t at, bool utc)
{
	char text[64];
	struct tm tm;
	time_t when = (time_t)(at < WHEN_LAST ? at : WHEN_LAST);

	if ((utc ? gmtime_r(&when, &tm) : localtime_r(&when, &tm)) == NULL)
		return;
	strftime(text, sizeof text, utc ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d %H:%M:%S", &tm);
	sbuf_add_str(out, text);
}

static void
put_lines(struct sbuf *out, struct slice lines)
{
	while (lines.n > 0) {
		sbuf_add_slice(out, slice_cut(&lines, '\n'));
		if (lines.n > 0)
			sbuf_add_str(out, ", ");
	}
}

/* What a table shows of a value; "-" for nothing, so that every row has as many words. */
static void
put_cell(struct sbuf *out, enum cell cell, const struct value *v)
{
	switch (cell) {
	case CELL_TEXT:
	case CELL_JSON:
		sbuf_add_slice(out, v->text);
		break;
	case CELL_COUNT:
		sbuf_printf(out, "%" PRId64, v->number);
		break;
	case CELL_SIZE:
		if (v->number > 0)
			output_put_size(out, v->number);
		break;
	case CELL_ID:
		if (v->number > 0)
			sbuf_printf(out, "%" PRId64, v->number);
		break;
	case CELL_TIME:
		if (v->number != 0)
			output_put_time(out, v->number, false);
		break;
	case CELL_YES:
		sbuf_add_str(out, v->number != 0 ? "yes" : "no");
		break;
	case CELL_LINES:
		put_lines(out, v->text);
		break;
	}
	if (out->n == 0)
		sbuf_add_chr(out, '-');
}

/* --- somebody else's text ----------------------------------------------------------------------
 */

static bool
is_control(ucs4_t c)
{
	return c < ' ' || (c >= 0x7f && c < 0xa0);
}

/* What is no UTF-8 becomes question marks, and so do controls, which a terminal would obey, unless
 * they are to stay. */
static void
put_characters(struct sbuf *out, struct slice s, bool controls)
{
	while (s.n > 0) {
		ucs4_t c;
		int n = u8_mbtoucr(&c, (const uint8_t *)s.p, s.n);

		if (n > 0 && (controls || !is_control(c)))
			sbuf_add_slice(out, slice_head(s, (size_t)n));
		else
			sbuf_add_chr(out, '?');
		s = slice_tail(s, n > 0 ? (size_t)n : 1);
	}
}

/* --- cells as JSON ---------------------------------------------------------------------------- */

json_t *
output_json_text(struct slice s)
{
	json_t *j = json_stringn(s.p != NULL ? s.p : "", s.n);
	struct sbuf text;

	if (j != NULL)
		return j;
	sbuf_init(&text, TEXT_MAX);
	put_characters(&text, s, true);
	j = json_stringn(sbuf_cstr(&text), text.n);
	sbuf_release(&text);
	return j;
}

void
output_put_plain(struct sbuf *out, struct slice s)
{
	put_characters(out, s, false);
}

static json_t *
json_lines(struct slice lines)
{
	json_t *list = json_array();

	while (lines.n > 0)
		json_array_append_new(list, output_json_text(slice_cut(&lines, '\n')));
	return list;
}

static json_t *
json_time(int64_t at)
{
	struct sbuf text;
	json_t *j;

	sbuf_init(&text, 64);
	output_put_time(&text, at, true);
	j = output_json_text(sbuf_slice(&text));
	sbuf_release(&text);
	return j;
}

static json_t *
json_cell(enum cell cell, const struct value *v)
{
	switch (cell) {
	case CELL_COUNT:
		return json_integer(v->number);
	case CELL_SIZE:
	case CELL_ID:
		return v->number > 0 ? json_integer(v->number) : json_null();
	case CELL_TIME:
		return v->number != 0 ? json_time(v->number) : json_null();
	case CELL_YES:
		return json_boolean(v->number != 0);
	case CELL_LINES:
		return json_lines(v->text);
	case CELL_JSON:
		return v->text.n > 0 ? json_loadb(v->text.p, v->text.n, JSON_DECODE_ANY, NULL)
				     : json_null();
	case CELL_TEXT:
		break;
	}
	return v->text.n > 0 ? output_json_text(v->text) : json_null();
}

static void
print_json(struct ctl *ctl, json_t *j)
{
	if (j != NULL)
		json_dumpf(j, stdout, JSON_COMPACT);
	json_decref(j);
	ctl->printed = true;
}

static bool
json_row(struct table *t, const struct value *values)
{
	json_t *row = json_object();

	if (!t->record)
		fputs(t->rows == 0 ? "[\n" : ",\n", stdout);
	for (size_t i = 0; i < t->columns; i++)
		json_object_set_new(
		    row, t->column[i].name, json_cell(t->column[i].cell, &values[i]));
	print_json(t->ctl, row);
	return row != NULL;
}

/* --- tables ----------------------------------------------------------------------------------- */

static bool
is_right(enum cell cell)
{
	return cell == CELL_COUNT || cell == CELL_SIZE;
}

/* Fold a long text between words, not in the middle of one as the library would. It wants to know
 * the width before it knows those of the other columns: they are taken to need what they mostly do.
 */
static size_t
folded_width(void)
{
	enum { OTHERS = 54, LEAST = 26 };
	size_t columns = pager_columns();

	return columns > OTHERS + LEAST ? columns - OTHERS : LEAST;
}

static size_t
folded_size(const struct libscols_column *c, const char *text, void *arg)
{
	size_t n = strlen(text), width = folded_width();

	(void)c;
	(void)arg;
	return n < width ? n : width;
}

static char *
next_line(const struct libscols_column *c, char *text, void *arg)
{
	size_t n = text_line(text, folded_width());

	(void)c;
	(void)arg;
	if (text[n] == '\0')
		return NULL;
	text[n] = '\0';
	return text + n + 1;
}

static void
add_column(struct libscols_table *scols, const char *name, int flags)
{
	struct libscols_column *c = scols_table_new_column(scols, name, 0, flags);

	if (c == NULL)
		return;
	scols_cell_set_color(scols_column_get_header(c), "bold");
	if (flags & SCOLS_FL_WRAP)
		scols_column_set_wrapfunc(c, folded_size, next_line, NULL);
}

bool
output_wants_colors(void)
{
	const char *no_color = getenv("NO_COLOR");

	return pager_is_terminal() && (no_color == NULL || no_color[0] == '\0');
}

void
output_colors(struct libscols_table *scols)
{
	if (!pager_is_terminal())
		return;
	scols_table_set_termforce(scols, SCOLS_TERMFORCE_ALWAYS);
	scols_table_set_termwidth(scols, pager_columns());
	scols_table_enable_colors(scols, output_wants_colors());
}

static struct libscols_table *
new_scols(const struct table *t)
{
	struct libscols_table *scols = scols_new_table();

	if (scols == NULL)
		return NULL;
	output_colors(scols);
	scols_table_enable_noheadings(scols, t->record);
	if (t->record) {
		add_column(scols, "", 0);
		add_column(scols, "", 0);
		return scols;
	}
	for (size_t i = 0; i < t->columns; i++) {
		enum cell cell = t->column[i].cell;
		bool fold = cell == CELL_TEXT && i == t->columns - 1 && pager_is_terminal();

		add_column(scols, t->column[i].name,
		    (is_right(cell) ? SCOLS_FL_RIGHT : 0) |
			(cell == CELL_JSON ? SCOLS_FL_TRUNC : 0) | (fold ? SCOLS_FL_WRAP : 0));
	}
	return scols;
}

static bool
set_cell(struct libscols_line *line, size_t at, enum cell cell, const struct value *v)
{
	struct sbuf text;
	bool ok;

	sbuf_init(&text, CELL_MAX);
	put_cell(&text, cell, v);
	ok = !text.failed && scols_line_set_data(line, at, sbuf_cstr(&text)) == 0;
	sbuf_release(&text);
	return ok;
}

/* --- JSON that is too wide ----------------------------------------------------------------------
 */

static const char cut_mark[] = "...";

static size_t
text_width(const char *text)
{
	int n = text != NULL ? u8_strwidth((const uint8_t *)text, "UTF-8") : 0;

	return n > 0 ? (size_t)n : 0;
}

static size_t
column_width(const struct table *t, size_t at)
{
	size_t widest = text_width(t->column[at].name);

	for (size_t i = 0; i < scols_table_get_nlines(t->scols); i++) {
		size_t n = text_width(scols_line_get_column_data(
		    scols_table_get_line(t->scols, i), scols_table_get_column(t->scols, at)));

		widest = n > widest ? n : widest;
	}
	return widest;
}

/* How wide the whole table is when no JSON is wider than LIMIT. */
static size_t
width_within(const struct table *t, const size_t *width, size_t limit)
{
	size_t sum = t->columns - 1;

	for (size_t i = 0; i < t->columns; i++)
		sum += t->column[i].cell == CELL_JSON && width[i] > limit ? limit : width[i];
	return sum;
}

/* As much as the other columns leave, but some in any case. */
static size_t
json_width(const struct table *t)
{
	enum { COLUMNS_MAX = 16, LEAST = 5 };
	size_t width[COLUMNS_MAX], room = pager_columns(), limit = room;

	if (t->columns > COLUMNS_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i < t->columns; i++)
		width[i] = column_width(t, i);
	while (limit > LEAST && width_within(t, width, limit) > room)
		limit--;
	return width_within(t, width, SIZE_MAX) <= room ? SIZE_MAX : limit;
}

static void
cut_cell(struct table *t, struct libscols_line *line, size_t at)
{
	const char *whole = scols_line_get_column_data(line, scols_table_get_column(t->scols, at));
	struct sbuf text;
	size_t n = 0, width = 0;

	if (text_width(whole) <= t->json_width)
		return;
	sbuf_init(&text, CELL_MAX);
	while (width + strlen(cut_mark) < t->json_width) {
		do
			n++;
		while (((unsigned char)whole[n] & 0xc0) == 0x80); /* a letter of several bytes */
		sbuf_clear(&text);
		sbuf_add(&text, whole, n);
		width = text_width(sbuf_cstr(&text));
	}
	sbuf_add_str(&text, cut_mark);
	t->cut |= scols_line_set_data(line, at, sbuf_cstr(&text)) == 0;
	sbuf_release(&text);
}

/* The library would cut as well, but nobody could tell. */
static void
cut_json(struct table *t)
{
	if (t->record || !pager_is_terminal())
		return;
	if (t->json_width == 0)
		t->json_width = json_width(t);
	for (size_t i = 0; i < scols_table_get_nlines(t->scols); i++)
		for (size_t at = 0; at < t->columns; at++)
			if (t->column[at].cell == CELL_JSON)
				cut_cell(t, scols_table_get_line(t->scols, i), at);
}

/* A list without end goes out in pieces, in the widths of the first. */
static void
print_piece(struct table *t)
{
	cut_json(t);
	scols_print_table(t->scols);
	for (size_t i = 0; i < t->columns; i++) {
		struct libscols_column *c = scols_table_get_column(t->scols, i);

		scols_column_set_whint(c, (double)scols_column_get_width(c));
	}
	scols_table_enable_noheadings(t->scols, 1);
	scols_table_remove_lines(t->scols);
	t->ctl->printed = true;
}

static bool
list_row(struct table *t, const struct value *values)
{
	struct libscols_line *line = scols_table_new_line(t->scols, NULL);
	bool ok = line != NULL;

	for (size_t i = 0; ok && i < t->columns; i++)
		ok = set_cell(line, i, t->column[i].cell, &values[i]);
	if (ok && (t->rows + 1) % PIECE_ROWS == 0)
		print_piece(t);
	return ok;
}

static bool
record_line(struct table *t, const char *name, enum cell cell, const struct value *v)
{
	struct libscols_line *line = scols_table_new_line(t->scols, NULL);

	return line != NULL && scols_line_set_data(line, 0, name) == 0 &&
	       set_cell(line, 1, cell, v);
}

/* A list inside a record gets a line for each of its texts. */
static bool
record_lines(struct table *t, const char *name, struct slice lines)
{
	bool ok = true;

	while (ok && lines.n > 0) {
		struct value v = { .text = slice_cut(&lines, '\n') };

		ok = record_line(t, name, CELL_TEXT, &v);
		name = "";
	}
	return ok;
}

static bool
record_row(struct table *t, const struct value *values)
{
	bool ok = true;

	for (size_t i = 0; ok && i < t->columns; i++) {
		const struct column *c = &t->column[i];

		ok = c->cell == CELL_LINES ? record_lines(t, c->name, values[i].text)
					   : record_line(t, c->name, c->cell, &values[i]);
	}
	return ok;
}

static void
start(struct table *t, struct ctl *ctl, const struct column *columns)
{
	t->ctl = ctl;
	t->column = columns;
	while (columns[t->columns].name != NULL)
		t->columns++;
	if (ctl->json || t->names)
		return;
	t->scols = new_scols(t);
	t->broken = t->scols == NULL;
}

void
table_list(struct table *t, struct ctl *ctl, const struct column *columns)
{
	*t = (struct table){ .names = ctl_option(ctl, "names") != NULL };
	if (!ctl->json && !t->names)
		pager_start();
	start(t, ctl, columns);
}

void
table_record(struct table *t, struct ctl *ctl, const struct column *columns, const char *what,
    struct slice subject)
{
	*t = (struct table){ .record = true, .what = what, .subject = subject };
	start(t, ctl, columns);
}

static bool
add_row(struct table *t, const struct value *values)
{
	if (t->broken || ferror(stdout))
		return false;
	if (t->ctl->json)
		return json_row(t, values);
	if (t->names) {
		t->ctl->printed = true;
		return printf("%.*s\n", (int)values[0].text.n, values[0].text.p) > 0;
	}
	return t->record ? record_row(t, values) : list_row(t, values);
}

bool
table_row(struct table *t, const struct value *values)
{
	t->broken = !add_row(t, values);
	t->rows++;
	return !t->broken;
}

static void
print_rest(struct table *t)
{
	if (t->ctl->json)
		fputs(t->record ? "\n" : t->rows == 0 ? "[]\n" : "\n]\n", stdout);
	else if (t->scols != NULL && scols_table_get_nlines(t->scols) > 0) {
		cut_json(t);
		scols_print_table(t->scols);
	}
	if (t->cut)
		printf("What ends in %s is longer: `| cat` or --json shows all of it.\n", cut_mark);
	t->ctl->printed = true;
}

enum exit_code
table_end(struct table *t, enum outcome o)
{
	enum exit_code e = EXIT_DONE;

	/* when nobody reads stdout any more, the end of main says so */
	if (o == RETRY || o == BAD)
		e = ctl_fail(t->ctl, o, "cannot read the store");
	else if (o == NONE && t->record)
		e = ctl_fail(t->ctl, NONE, "there is no %s '%.*s'", t->what, (int)t->subject.n,
		    t->subject.p);
	else if (t->broken && !ferror(stdout))
		e = ctl_fail(t->ctl, RETRY, "no memory for the table");
	else
		print_rest(t);
	scols_unref_table(t->scols);
	return e;
}

/* --- single things ---------------------------------------------------------------------------- */

enum exit_code
output_text(struct ctl *ctl, const char *key, struct slice text)
{
	if (!ctl->json) {
		fwrite(text.p, 1, text.n, stdout);
		ctl->printed = true;
		return EXIT_DONE;
	}
	return output_json(ctl, json_pack("{s:o}", key, output_json_text(text)));
}

/* Have PRINT write to FD in place of stdout. */
static bool
print_into(int fd, void (*print)(void *arg), void *arg)
{
	int ours = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	bool ok;

	if (ours < 0)
		return false;
	ok = fflush(stdout) == 0 && dup2(fd, STDOUT_FILENO) >= 0;
	if (ok)
		print(arg);
	ok = fflush(stdout) == 0 && ok;
	ok = dup2(ours, STDOUT_FILENO) >= 0 && ok;
	close(ours);
	return ok;
}

static bool
read_back(struct sbuf *out, int fd)
{
	off_t n = lseek(fd, 0, SEEK_END);
	char *room = n >= 0 && n < TEXT_MAX ? sbuf_room(out, (size_t)n) : NULL;

	if (room == NULL || pread(fd, room, (size_t)n, 0) != n)
		return false;
	out->n += (size_t)n;
	return true;
}

enum exit_code
output_printed(struct ctl *ctl, void (*print)(void *arg), void *arg)
{
	struct sbuf text;
	enum exit_code e;
	int fd;

	if (!ctl->json) {
		print(arg);
		return EXIT_DONE;
	}
	sbuf_init(&text, TEXT_MAX);
	fd = memfd_create("text", MFD_CLOEXEC);
	if (fd >= 0 && print_into(fd, print, arg) && read_back(&text, fd))
		e = output_text(ctl, "text", sbuf_slice(&text));
	else
		e = ctl_fail(ctl, RETRY, "no memory for the text");
	if (fd >= 0)
		close(fd);
	sbuf_release(&text);
	return e;
}

enum exit_code
output_json(struct ctl *ctl, struct json_t *j)
{
	ctl->printed = true;
	if (j == NULL)
		return ctl_fail(ctl, RETRY, "no memory for JSON");
	print_json(ctl, j);
	putchar('\n');
	return EXIT_DONE;
}

static json_t *
verdict(struct ctl *ctl, enum outcome o, struct slice subject, const char *text)
{
	static const char *const words[] = {
		[FOUND] = "done", [NONE] = "not found", [RETRY] = "try again", [BAD] = "refused"
	};
	json_t *j = json_pack("{s:s}", "outcome", words[o]);
	struct sbuf name;

	sbuf_init(&name, 64);
	command_name(&name, ctl->command);
	json_object_set_new(j, "what", output_json_text(sbuf_slice(&name)));
	if (subject.n > 0)
		json_object_set_new(j, "subject", output_json_text(subject));
	if (text[0] != '\0')
		json_object_set_new(j, "reason", output_json_text(slice_str(text)));
	sbuf_release(&name);
	return j;
}

void
output_verdict(struct ctl *ctl, enum outcome o, struct slice subject, const char *text)
{
	output_json(ctl, verdict(ctl, o, subject, text));
}

void
output_set(struct ctl *ctl, struct slice map, size_t n)
{
	json_t *j;

	ctl->changed = true;
	if (!ctl->json) {
		printf("set %zu %s in map '%.*s'\n", n, n == 1 ? "entry" : "entries", (int)map.n,
		    map.p);
		return;
	}
	j = verdict(ctl, FOUND, map, "");
	json_object_set_new(j, "entries", json_integer((json_int_t)n));
	output_json(ctl, j);
}

enum exit_code
output_exported(struct ctl *ctl, size_t left_out)
{
	const char *file = ctl->args[0];
	json_t *j;

	if (!ctl->json)
		return EXIT_DONE;
	j = verdict(ctl, FOUND, slice_str(file), "");
	json_object_set_new(j, "left_out", json_integer((json_int_t)left_out));
	return output_json(ctl, j);
}

enum exit_code
output_restored(struct ctl *ctl, const char *file, const char *kept)
{
	json_t *j;

	if (!ctl->json && kept != NULL)
		return ctl_done(ctl, slice_str(file),
		    "restored the store from '%s'; what it was is in '%s'", file, kept);
	if (!ctl->json)
		return ctl_done(ctl, slice_str(file),
		    "restored the store from '%s'; there was none before", file);
	ctl->changed = true;
	j = verdict(ctl, FOUND, slice_str(file), "");
	if (kept != NULL)
		json_object_set_new(j, "kept", output_json_text(slice_str(kept)));
	return output_json(ctl, j);
}

void
output_lookup(struct ctl *ctl, const char *map, const char *key, enum outcome o, struct slice text)
{
	json_t *j = json_pack("{s:s, s:o, s:o}", "outcome", outcome_name(o), "map",
	    output_json_text(slice_str(map)), "key", output_json_text(slice_str(key)));

	if (o == FOUND)
		json_object_set_new(j, "value", output_json_text(text));
	else if (o != NONE)
		json_object_set_new(j, "reason", output_json_text(text));
	output_json(ctl, j);
}

enum exit_code
output_counts(struct ctl *ctl, size_t added, size_t changed, size_t removed)
{
	if (ctl->json)
		return output_json(ctl,
		    json_pack("{s:s, s:I, s:I, s:I}", "outcome", "done", "added", (json_int_t)added,
			"changed", (json_int_t)changed, "removed", (json_int_t)removed));
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "added %zu, changed %zu, removed %zu\n", added, changed, removed);
	return EXIT_DONE;
}
