/* SPDX-License-Identifier: ISC
 *
 * Any bytes as what another system left behind, in every format: the first line names the format
 * and, behind a blank, the table. What comes out are objects with names, and remarks with a place;
 * and the same bytes are guessed at without being taken in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "foreign/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
say(void *arg, enum foreign_remark remark, const struct foreign_place *at, const char *text)
{
	size_t *lines = arg;

	must(remark == REMARK_NOTE || remark == REMARK_SKIPPED);
	must(at->file != NULL && text[0] != '\0');
	must(at->line <= *lines);
}

static void
check_object(const struct foreign_object *o)
{
	const struct record *r = &o->record;

	must(r->name.n > 0 && o->at.file != NULL);
	if (o->gone)
		return;
	for (size_t i = 0; i < r->credentials; i++)
		must(slice_starts(r->credential[i].hash, "{"));
	for (size_t i = 0; i < r->n_targets; i++)
		must(r->targets[i].n > 0);
	if (r->kind == RECORD_ENTRY)
		must(r->map.n > 0 && r->value.n > 0);
}

static void
take_in(const struct foreign_options *options, const struct format *format, struct slice table,
    struct slice text)
{
	struct foreign *f = foreign_new(options);
	const struct format *guess;
	struct foreign_object *o;
	struct error err = { "" };
	enum outcome done;

	must(f != NULL);
	foreign_guess(f, "file", table, text);
	must((foreign_guessed(f, &guess, &err) == FOUND) == (err.text[0] == '\0'));
	foreign_use(f, format);
	err.text[0] = '\0';
	done = foreign_text(f, "file", table, text, &err);
	if (done == FOUND)
		done = foreign_settle(f, &err);
	must(done != RETRY && (done == FOUND) == (err.text[0] == '\0'));
	for (size_t i = 0; done == FOUND && (o = foreign_object_at(f, i)) != NULL; i++)
		check_object(o);
	foreign_free(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct slice table = slice_cut(&text, '\n'), name = slice_cut(&table, ' ');
	size_t lines = 1;
	struct foreign_options options = { .domain = { "d.test", 6 },
		.base = { "/base", 5 },
		.map = { "transports", 10 },
		.cost = password_default_cost,
		.say = say,
		.arg = &lines };
	char word[32] = "";
	const struct format *format;

	if (name.n >= sizeof word || text.p == NULL)
		return 0;
	memcpy(word, name.p, name.n);
	/* what is taken is judged by the same limits, and what is hashed anew costs next to nothing */
	options.cost.memory_kib = 8;
	options.cost.passes = 1;
	format = format_by_name(word);
	if (format == NULL || format_is_ours(format))
		return 0;
	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	lines++;
	if (table.p == NULL)
		table = slice_of(NULL, 0);
	take_in(&options, format, table, text);
	options.passwords = slice_of("PLAIN", 5);
	take_in(&options, format, table, text);
	return 0;
}
