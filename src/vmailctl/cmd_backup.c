/* SPDX-License-Identifier: ISC
 *
 * backup, restore and check: the store as a whole.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmailctl/ask.h"
#include "vmailctl/output.h"
#include "vmailctl/place.h"
#include "vmailctl/progress.h"

/* Beside a server nothing can be kept. */
static bool
is_file(const char *uri)
{
	struct store_way way;

	store_way(uri, &way);
	return !way.remote;
}

static enum outcome
backup(struct ctl *ctl, const char *path)
{
	struct progress bar;
	struct store_progress progress = { progress_store, &bar };
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o != FOUND)
		return o;
	progress_begin(&bar, "copying pages", 0);
	o = store_backup(ctl->store, path, &progress, &ctl->err);
	progress_end(&bar);
	return o;
}

enum exit_code
cmd_backup(struct ctl *ctl)
{
	const char *file = ctl->args[0];
	struct place_found place = { 0 };
	enum outcome o = ctl_conf(ctl);

	if (o == FOUND)
		o = place_look(ctl, file, &place_of_backup, &place);
	if (o == FOUND)
		o = backup(ctl, place.path);
	free(place.path);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot back the store up");
	return ctl_done(ctl, slice_str(file), "copied the store to '%s', and read it again", file);
}

/* --- restore ------------------------------------------------------------------------------------
 */

static enum exit_code
restore(struct ctl *ctl, const char *from, const char *keep)
{
	struct progress bar;
	struct store_progress progress = { progress_store, &bar };
	enum exit_code e;
	enum outcome o;
	char *kept;

	progress_begin(&bar, "restoring pages", 0);
	o = store_restore(ctl_uri(ctl), from, keep, &ctl->actor, &progress, &kept, &ctl->err);
	progress_end(&bar);
	e = o == FOUND ? output_restored(ctl, from, kept)
		       : ctl_fail(ctl, o, "cannot restore the store");
	free(kept);
	return e;
}

/* What a restore would find and leave. */
struct outlook {
	struct store_counts now, then;
	int version; /* of the backup's schema */
	const char *keep;
};

/* There can be anything, or nothing: that is what a restore is for. */
static void
count_now(struct ctl *ctl, struct store_counts *now)
{
	struct error err = { "" };
	struct store *s;
	enum outcome o = store_open(&s, ctl_uri(ctl), STORE_ADMIN, &err);

	*now = (struct store_counts){ 0 };
	if (o == FOUND)
		o = store_count(s, slice_str(""), now, &err);
	store_close(s);
	if (o != FOUND)
		ctl_warn("what is there now cannot be counted: %s", err.text);
}

static json_t *
json_counts(const struct store_counts *c)
{
	return json_pack("{s:I, s:I, s:I}", "domains", (json_int_t)c->domains, "mailboxes",
	    (json_int_t)c->mailboxes, "aliases", (json_int_t)c->aliases);
}

static enum exit_code
print_json(struct ctl *ctl, const struct outlook *l)
{
	json_t *j = json_pack("{s:s, s:s, s:b, s:i, s:i, s:o, s:o}", "outcome", "done", "what",
	    "restore", "dry_run", 1, "version", l->version, "becomes", store_schema_version(),
	    "now", json_counts(&l->now), "then", json_counts(&l->then));

	json_object_set_new(j, "file", output_json_text(slice_str(ctl->args[0])));
	json_object_set_new(j, "kept", output_json_text(slice_str(l->keep)));
	return output_json(ctl, j);
}

static enum exit_code
print_table(struct ctl *ctl, const struct outlook *l)
{
	static const struct column counted[] = {
		{ "what", CELL_TEXT },
		{ "now", CELL_COUNT },
		{ "then", CELL_COUNT },
		{ 0 },
	};
	const struct value rows[][3] = {
		{ { .text = slice_str("domains") }, { .number = l->now.domains },
		    { .number = l->then.domains } },
		{ { .text = slice_str("mailboxes") }, { .number = l->now.mailboxes },
		    { .number = l->then.mailboxes } },
		{ { .text = slice_str("aliases") }, { .number = l->now.aliases },
		    { .number = l->then.aliases } },
	};
	struct table table;

	table_list(&table, ctl, counted);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		table_row(&table, rows[i]);
	return table_end(&table, FOUND);
}

static enum exit_code
print_text(struct ctl *ctl, const struct outlook *l)
{
	printf("'%s' is a whole store of schema version %d", ctl->args[0], l->version);
	if (l->version < store_schema_version())
		printf(", and would be brought to version %d", store_schema_version());
	printf(".\n'%s' would be what it is; what is there now would be kept in '%s'.\n",
	    ctl->store_shown, l->keep);
	return print_table(ctl, l);
}

static enum exit_code
look(struct ctl *ctl, struct outlook *l)
{
	char *free_name = store_keep_name(l->keep);
	enum exit_code e;

	if (free_name == NULL)
		return ctl_fail(ctl, RETRY, "no memory");
	l->keep = free_name;
	count_now(ctl, &l->now);
	e = ctl->json ? print_json(ctl, l) : print_text(ctl, l);
	free(free_name);
	return e;
}

static enum exit_code
look_or_restore(struct ctl *ctl, struct outlook *l)
{
	const char *file = ctl->args[0];
	enum exit_code e;

	if (ctl->dry_run)
		return look(ctl, l);
	e = ask_consent(ctl, "make the store '%s' what '%s' is?", ctl->store_shown, file);
	return e == EXIT_DONE ? restore(ctl, file, l->keep) : e;
}

/* The backup is read before anybody is asked whether he wants it. */
enum exit_code
cmd_restore(struct ctl *ctl)
{
	const char *file = ctl->args[0];
	struct outlook l = { .keep = NULL };
	enum exit_code e;
	char *keep;
	enum outcome o = ctl_conf(ctl);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot restore the store");
	ctl_act(ctl);
	if (place_is_same_file(file, place_of_store(ctl_uri(ctl))))
		return ctl_usage(ctl, "'%s' is the store itself", file);
	o = store_look(file, &l.version, &l.then, &ctl->err);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot restore the store");
	if (asprintf(&keep, "%s.before-restore",
		is_file(ctl_uri(ctl)) ? place_of_store(ctl_uri(ctl)) : file) < 0)
		return ctl_fail(ctl, RETRY, "no memory");
	l.keep = keep;
	e = look_or_restore(ctl, &l);
	free(keep);
	return e;
}

/* --- check --------------------------------------------------------------------------------------
 */

static const struct column columns[] = {
	{ "where", CELL_TEXT },
	{ "name", CELL_TEXT },
	{ "trouble", CELL_TEXT },
	{ 0 },
};

static bool
put_trouble(void *arg, struct slice where, struct slice name, const char *text)
{
	const struct value values[] = {
		{ .text = where },
		{ .text = name },
		{ .text = slice_str(text) },
	};

	return table_row(arg, values);
}

/* Trouble is no success: whoever asks in a script reads the exit code. */
enum exit_code
cmd_check(struct ctl *ctl)
{
	struct table table;
	enum exit_code e;
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot check the store");
	table_list(&table, ctl, columns);
	o = store_check(ctl->store, put_trouble, &table, &ctl->err);
	e = table_end(&table, o);
	return e == EXIT_DONE && o == FOUND ? EXIT_NOT : e;
}
