/* SPDX-License-Identifier: ISC
 *
 * The images in the change log, compared field by field.
 */
#include "vmailctl/changes.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmailctl/output.h"

enum { LINE_TEXT_MAX = 8 << 20, VALUE_SHOWN = 200 };

/* --- one change ------------------------------------------------------------------------------- */

static json_t *
load(struct slice image)
{
	return image.n > 0 ? json_loadb(image.p, image.n, 0, NULL) : NULL;
}

static void
put_value(struct sbuf *out, const json_t *value)
{
	char *text;

	if (value == NULL || json_is_null(value)) {
		sbuf_add_str(out, "none");
	} else if (json_is_string(value)) {
		sbuf_printf(out, "'%.*s'", VALUE_SHOWN, json_string_value(value));
	} else {
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		if (text != NULL)
			sbuf_printf(out, "%.*s", VALUE_SHOWN, text);
		free(text);
	}
}

static bool
has(const json_t *list, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_equal(json_array_get(list, i), value))
			return true;
	return false;
}

/* What was put into a list, and what was taken out. */
static void
put_list(struct sbuf *out, const json_t *before, const json_t *after)
{
	size_t begin = out->n;

	for (size_t i = 0; i < json_array_size(before); i++)
		if (!has(after, json_array_get(before, i))) {
			sbuf_add_str(out, " -");
			put_value(out, json_array_get(before, i));
		}
	for (size_t i = 0; i < json_array_size(after); i++)
		if (!has(before, json_array_get(after, i))) {
			sbuf_add_str(out, " +");
			put_value(out, json_array_get(after, i));
		}
	if (out->n == begin)
		sbuf_add_str(out, " in another order");
}

static void
put_difference(struct sbuf *out, const char *name, const json_t *before, const json_t *after,
    const char **separator)
{
	if (json_equal(before, after))
		return;
	sbuf_add_str(out, *separator);
	*separator = ", ";
	if (strcmp(name, "credentials") == 0) {
		sbuf_add_str(out, "passwords");
	} else if (json_is_array(after) || json_is_array(before)) {
		sbuf_add_str(out, name);
		put_list(out, before, after);
	} else {
		sbuf_printf(out, "%s ", name);
		put_value(out, before);
		sbuf_add_str(out, " -> ");
		put_value(out, after);
	}
}

static void
put_differences(struct sbuf *out, const struct change_row *row)
{
	json_t *before = load(row->before), *after = load(row->after), *value;
	const char *name, *separator = ": ";

	json_object_foreach(after, name, value)
	{
		put_difference(out, name, json_object_get(before, name), value, &separator);
	}
	/* what is as for a new object may be left out */
	json_object_foreach(before, name, value)
	{
		if (json_object_get(after, name) == NULL)
			put_difference(out, name, value, NULL, &separator);
	}
	/* the one thing that images do not show */
	if (separator[0] == ':')
		sbuf_add_str(out, ": password");
	json_decref(before);
	json_decref(after);
}

/* What is new is shown by what it leads to, or what it is worth. */
static void
put_new(struct sbuf *out, struct slice image)
{
	static const char *const telling[] = { "targets", "target", "value" };
	json_t *j = load(image);

	for (size_t i = 0; i < sizeof telling / sizeof *telling; i++) {
		const json_t *value = json_object_get(j, telling[i]);

		if (value == NULL || json_is_null(value))
			continue;
		sbuf_add_str(out, " -> ");
		put_value(out, value);
	}
	json_decref(j);
}

void
changes_put(struct sbuf *out, const struct change_row *row)
{
	struct slice noun = row->what;
	char sign = row->before.n == 0 ? '+' : row->after.n == 0 ? '-' : '~';

	noun = slice_cut(&noun, ' ');
	sbuf_printf(
	    out, "%c %.*s %.*s", sign, (int)noun.n, noun.p, (int)row->subject.n, row->subject.p);
	if (sign == '~')
		put_differences(out, row);
	else if (sign == '+')
		put_new(out, row->after);
	sbuf_add_chr(out, '\n');
}

/* --- all of a transaction --------------------------------------------------------------------- */

static bool
count(void *arg, const struct change_row *row)
{
	(void)row;
	++*(size_t *)arg;
	return true;
}

enum outcome
changes_count(struct ctl *ctl, size_t *n)
{
	enum outcome o;

	*n = 0;
	o = store_changes(ctl->store, ctl->before, count, n, &ctl->err);
	return o == NONE ? FOUND : o;
}

struct printing {
	struct sbuf line;
	int64_t last;
};

static bool
print_line(void *arg, const struct change_row *row)
{
	struct printing *p = arg;

	if (row->id > p->last)
		return false;
	sbuf_clear(&p->line);
	changes_put(&p->line, row);
	return fwrite(sbuf_cstr(&p->line), 1, p->line.n, stdout) == p->line.n;
}

enum outcome
changes_print(struct ctl *ctl, int64_t after, int64_t last)
{
	struct printing p = { .last = last };
	enum outcome o;

	sbuf_init(&p.line, LINE_TEXT_MAX);
	o = store_changes(ctl->store, after, print_line, &p, &ctl->err);
	sbuf_release(&p.line);
	ctl->printed = true;
	return o;
}

enum outcome
changes_show(struct ctl *ctl)
{
	enum outcome o;

	if (ctl->json)
		return log_print(ctl, ctl->before);
	o = changes_print(ctl, ctl->before, INT64_MAX);
	if (o == NONE)
		fputs("nothing would change\n", stderr);
	return o == NONE ? FOUND : o;
}
