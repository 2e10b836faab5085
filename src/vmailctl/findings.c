/* SPDX-License-Identifier: ISC
 *
 * Findings leave one by one: there may be many.
 */
#include "vmailctl/findings.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "vmailctl/output.h"
#include "vmailctl/pager.h"

enum { INDENT = 9 };

static const struct {
	const char *name;
	const char *color; /* as a terminal wants it */
} severities[SEVERITIES] = {
	[SEVERITY_OK] = { "ok", "\033[32m" },
	[SEVERITY_NOTICE] = { "notice", "\033[36m" },
	[SEVERITY_WARNING] = { "warning", "\033[33m" },
	[SEVERITY_ERROR] = { "error", "\033[31m" },
};

void
findings_init(struct findings *f, struct ctl *ctl, struct json_t *list)
{
	*f = (struct findings){ .ctl = ctl, .list = list };
}

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *
json_or_null(struct slice s)
{
	return s.n > 0 ? output_json_text(s) : json_null();
}

static void
add_json(struct findings *f, const struct finding *one)
{
	json_t *j = json_pack("{s:s, s:s, s:o, s:o, s:o}", "code", one->code, "severity",
	    severities[one->severity].name, "subject", json_or_null(one->subject), "text",
	    output_json_text(one->text), "cure", json_or_null(one->cure));

	if (f->list != NULL) {
		json_array_append_new(f->list, j);
		return;
	}
	fputs(f->rows == 0 ? "[\n" : ",\n", stdout);
	json_dumpf(j, stdout, JSON_COMPACT);
	json_decref(j);
	f->ctl->printed = true;
}

/* --- text ------------------------------------------------------------------------------------- */

/* What somebody stored may move a terminal's cursor: not here. */
static void
put_safe(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		putchar((unsigned char)s.p[i] < ' ' || s.p[i] == 127 ? '?' : s.p[i]);
}

void
findings_wrap(struct slice text, int indent)
{
	size_t width = pager_is_terminal() ? pager_columns() - (size_t)indent - 1 : text.n;
	struct sbuf line;

	sbuf_init(&line, LOOKUP_VALUE_MAX);
	sbuf_add_slice(&line, text);
	for (const char *rest = sbuf_cstr(&line); rest != NULL;) {
		size_t n = text_line(rest, width);

		printf("%*s", indent, "");
		put_safe(slice_of(rest, n));
		putchar('\n');
		rest = rest[n] != '\0' ? rest + n + 1 : NULL;
	}
	sbuf_release(&line);
}

static void
put_severity(enum severity s)
{
	bool colors = output_wants_colors();

	printf("%s%-*s%s", colors ? severities[s].color : "", INDENT, severities[s].name,
	    colors ? "\033[0m" : "");
}

static void
add_text(struct findings *f, const struct finding *one)
{
	put_severity(one->severity);
	printf("%s%s", one->code, one->subject.n > 0 ? ": " : "");
	put_safe(one->subject);
	putchar('\n');
	findings_wrap(one->text, INDENT);
	if (one->cure.n > 0)
		findings_wrap(one->cure, INDENT);
	f->ctl->printed = true;
}

void
findings_add(struct findings *f, const struct finding *one)
{
	if (f->list != NULL || f->ctl->json)
		add_json(f, one);
	else
		add_text(f, one);
	f->rows++;
	f->count[one->severity]++;
}

void
findings_end(struct findings *f)
{
	if (f->list == NULL && f->ctl->json)
		fputs(f->rows == 0 ? "[]\n" : "\n]\n", stdout);
	f->ctl->printed |= f->ctl->json;
	if (!f->ctl->json && isatty(STDERR_FILENO))
		fprintf(stderr, "%zu errors, %zu warnings, %zu notices\n", f->count[SEVERITY_ERROR],
		    f->count[SEVERITY_WARNING], f->count[SEVERITY_NOTICE]);
}
