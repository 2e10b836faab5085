/* SPDX-License-Identifier: ISC
 *
 * The fields of a record as rows of a table, written and read with jansson.
 */
#include "vmailctl/jsonl.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmailctl/import.h"
#include "vmailctl/when.h"

enum { VERSION = 1 };

static const char head[] = "vmaild";

enum type {
	TYPE_TEXT,
	TYPE_COUNT, /* int64_t */
	TYPE_ID,    /* unsigned */
	TYPE_TIME,  /* int64_t, unix seconds */
	TYPE_YES,   /* bool */
	TYPE_KIND,
	TYPE_STATE,
	TYPE_SEARCH,
	TYPE_DELIMITERS,
	TYPE_PROPAGATE,
	TYPE_TARGETS,
	TYPE_CREDENTIALS
};

struct field {
	enum record_kind kind;
	const char *name;
	enum type type;
	unsigned said;
	size_t at;
};

#define AT(member) offsetof(struct record, member)

/* clang-format off */
static const struct field fields[] = {
	{ RECORD_DOMAIN, "kind", TYPE_KIND, RECORD_DOMAIN_KIND, AT(domain_kind) },
	{ RECORD_DOMAIN, "target", TYPE_TEXT, RECORD_DOMAIN_KIND, AT(target) },
	{ RECORD_DOMAIN, "delimiters", TYPE_DELIMITERS, RECORD_DELIMITERS, AT(delimiters) },
	{ RECORD_DOMAIN, "propagate", TYPE_PROPAGATE, RECORD_PROPAGATE, AT(propagate) },
	{ RECORD_DOMAIN, "created", TYPE_TIME, 0, AT(created) },
	{ RECORD_MAILBOX, "quota", TYPE_COUNT, RECORD_QUOTA, AT(quota) },
	{ RECORD_MAILBOX, "home", TYPE_TEXT, RECORD_HOME, AT(home) },
	{ RECORD_MAILBOX, "mail", TYPE_TEXT, RECORD_MAIL, AT(mail) },
	{ RECORD_MAILBOX, "uid", TYPE_ID, RECORD_IDS, AT(uid) },
	{ RECORD_MAILBOX, "gid", TYPE_ID, RECORD_IDS, AT(gid) },
	{ RECORD_MAILBOX, "networks", TYPE_TEXT, RECORD_NETWORKS, AT(networks) },
	{ RECORD_MAILBOX, "state", TYPE_STATE, RECORD_STATE, AT(state) },
	{ RECORD_MAILBOX, "reason", TYPE_TEXT, RECORD_STATE, AT(reason) },
	{ RECORD_MAILBOX, "credentials", TYPE_CREDENTIALS, RECORD_CREDENTIALS, AT(credential) },
	{ RECORD_MAILBOX, "created", TYPE_TIME, 0, AT(created) },
	{ RECORD_ALIAS, "targets", TYPE_TARGETS, RECORD_TARGETS, AT(targets) },
	{ RECORD_ALIAS, "disabled", TYPE_YES, RECORD_DISABLED, AT(disabled) },
	{ RECORD_ALIAS, "expires", TYPE_TIME, RECORD_EXPIRES, AT(expires) },
	{ RECORD_ALIAS, "internal", TYPE_YES, RECORD_INTERNAL, AT(internal) },
	{ RECORD_ALIAS, "note", TYPE_TEXT, RECORD_NOTE, AT(note) },
	{ RECORD_ALIAS, "owner", TYPE_TEXT, RECORD_OWNER, AT(owner) },
	{ RECORD_ALIAS, "created", TYPE_TIME, 0, AT(created) },
	{ RECORD_MAP, "search", TYPE_SEARCH, 0, AT(search) },
	{ RECORD_MAP, "created", TYPE_TIME, 0, AT(created) },
	{ RECORD_ENTRY, "map", TYPE_TEXT, 0, AT(map) },
	{ RECORD_ENTRY, "value", TYPE_TEXT, 0, AT(value) },
	{ RECORD_ENTRY, "created", TYPE_TIME, 0, AT(created) },
};

/* Those of a credential. */
static const struct {
	const char *name;
	enum type type;
	size_t at;
} parts[] = {
	{ "label", TYPE_TEXT, offsetof(struct record_credential, label) },
	{ "hash", TYPE_TEXT, offsetof(struct record_credential, hash) },
	{ "services", TYPE_TEXT, offsetof(struct record_credential, services) },
	{ "networks", TYPE_TEXT, offsetof(struct record_credential, networks) },
	{ "expires", TYPE_TIME, offsetof(struct record_credential, expires) },
	{ "created", TYPE_TIME, offsetof(struct record_credential, created) },
};
/* clang-format on */

enum { FIELDS = sizeof fields / sizeof *fields, PARTS = sizeof parts / sizeof *parts };

static const char *const kinds[] = { [RECORD_DOMAIN] = "domain",
	[RECORD_MAILBOX] = "mailbox",
	[RECORD_ALIAS] = "alias",
	[RECORD_MAP] = "map",
	[RECORD_ENTRY] = "entry" };

const char *
jsonl_kind(enum record_kind kind)
{
	return kinds[kind];
}

/* --- writing ------------------------------------------------------------------------------------
 */

static json_t *
text_of(struct slice s)
{
	return json_stringn(s.p != NULL ? s.p : "", s.n);
}

/* No time beyond WHEN_LAST can be read again: an earlier release took such, for which the last that
 * can be stands. */
static json_t *
time_of(int64_t at)
{
	char text[32];
	struct tm tm;
	time_t when = (time_t)(at < WHEN_LAST ? at : WHEN_LAST);

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_integer(at);
	return json_string(text);
}

/* A field that is as for a new object is left out: NULL. */
static json_t *
simple_value(enum type type, const void *at)
{
	const struct slice *text = at;
	const int64_t *number = at;

	switch (type) {
	case TYPE_TEXT:
		return text->n > 0 ? text_of(*text) : NULL;
	case TYPE_COUNT:
		return *number != 0 ? json_integer(*number) : NULL;
	case TYPE_TIME:
		return *number != 0 ? time_of(*number) : NULL;
	case TYPE_ID:
		return *(const unsigned *)at != 0 ? json_integer(*(const unsigned *)at) : NULL;
	case TYPE_YES:
		return *(const bool *)at ? json_true() : NULL;
	case TYPE_KIND:
		return json_string(domain_kind_name(*(const enum domain_kind *)at));
	case TYPE_SEARCH:
		return json_string(key_search_name(*(const enum key_search *)at));
	case TYPE_STATE:
		return *(const enum account_state *)at != STATE_ACTIVE
			   ? json_string(account_state_name(*(const enum account_state *)at))
			   : NULL;
	case TYPE_PROPAGATE:
		return *(const int *)at >= 0 ? json_boolean(*(const int *)at) : NULL;
	default:
		return NULL;
	}
}

static json_t *
targets_of(const struct record *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_targets; i++)
		json_array_append_new(list, text_of(r->targets[i]));
	if (json_array_size(list) == r->n_targets)
		return list;
	json_decref(list);
	return NULL;
}

static bool
add(json_t *object, const char *name, json_t *value, bool *ok)
{
	if (value != NULL)
		*ok = json_object_set_new_nocheck(object, name, value) == 0 && *ok;
	return value != NULL;
}

static json_t *
credential_of(const struct record_credential *c, bool *ok)
{
	json_t *j = json_object();

	for (size_t i = 0; i < PARTS; i++)
		add(j, parts[i].name, simple_value(parts[i].type, (const char *)c + parts[i].at),
		    ok);
	*ok = *ok && json_object_get(j, "hash") != NULL;
	return j;
}

static json_t *
credentials_of(const struct record *r, bool *ok)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->credentials; i++)
		*ok = json_array_append_new(list, credential_of(&r->credential[i], ok)) == 0 && *ok;
	return list;
}

/* Tell whether the field is there to be written. */
static bool
is_set(const struct field *f, const struct record *r, bool hashes)
{
	const void *at = (const char *)r + f->at;

	switch (f->type) {
	case TYPE_TEXT:
		return ((const struct slice *)at)->n > 0;
	case TYPE_DELIMITERS:
		return r->own_delimiters;
	case TYPE_CREDENTIALS:
		return hashes && (r->said & RECORD_CREDENTIALS) != 0;
	default:
		return true;
	}
}

static void
put_field(json_t *object, const struct field *f, const struct record *r, bool *ok)
{
	const void *at = (const char *)r + f->at;
	bool added;

	switch (f->type) {
	case TYPE_TARGETS:
		added = add(object, f->name, targets_of(r), ok);
		break;
	case TYPE_CREDENTIALS:
		added = add(object, f->name, credentials_of(r, ok), ok);
		break;
	case TYPE_DELIMITERS:
		added = add(object, f->name, text_of(r->delimiters), ok);
		break;
	case TYPE_TEXT:
		added = add(object, f->name, text_of(*(const struct slice *)at), ok);
		break;
	default:
		add(object, f->name, simple_value(f->type, at), ok);
		added = true;
		break;
	}
	*ok = *ok && added;
}

static int
append(const char *text, size_t n, void *out)
{
	return sbuf_add(out, text, n) ? 0 : -1;
}

bool
jsonl_put(struct sbuf *out, const struct record *r, bool hashes)
{
	json_t *j = json_object();
	bool ok = json_object_set_new_nocheck(j, kinds[r->kind], text_of(r->name)) == 0;

	for (size_t i = 0; ok && i < FIELDS; i++)
		if (fields[i].kind == r->kind && is_set(&fields[i], r, hashes))
			put_field(j, &fields[i], r, &ok);
	ok = ok && json_dump_callback(j, append, out, JSON_COMPACT) == 0;
	json_decref(j);
	return sbuf_add_chr(out, '\n') && ok;
}

bool
jsonl_put_head(struct sbuf *out)
{
	return sbuf_printf(out, "{\"%s\":%d}\n", head, VERSION);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static enum outcome
wrong(struct error *err, const char *field, const char *what)
{
	return error_set(err, BAD, "'%s' must be %s", field, what);
}

static enum outcome
take_text(const json_t *j, struct slice *out, const char *field, struct error *err)
{
	if (!json_is_string(j))
		return wrong(err, field, "a text");
	*out = slice_of(json_string_value(j), json_string_length(j));
	return FOUND;
}

static enum outcome
take_number(const json_t *j, int64_t max, int64_t *out, const char *field, struct error *err)
{
	if (!json_is_integer(j) || json_integer_value(j) < 0 || json_integer_value(j) > max)
		return wrong(err, field, "a number that is not negative");
	*out = json_integer_value(j);
	return FOUND;
}

static enum outcome
take_seconds(const json_t *j, int64_t *out, const char *field, struct error *err)
{
	if (json_integer_value(j) > WHEN_LAST)
		return error_set(err, BAD,
		    "'%s' is beyond the year 9999: it must be in seconds since 1970, and looks "
		    "like milliseconds",
		    field);
	return take_number(j, WHEN_LAST, out, field, err);
}

/* What is no day, or no time of one, is another one when it is printed again. 0 is no time, but
 * stands for none: whoever writes that day does not mean that. */
static bool
parse_time(const char *text, int64_t *out)
{
	static const char form[] = "%Y-%m-%dT%H:%M:%SZ";
	struct tm tm = { 0 };
	const char *end = strptime(text, form, &tm);
	char again[32];

	if (end == NULL || *end != '\0')
		return false;
	*out = timegm(&tm);
	return *out > 0 && *out <= WHEN_LAST && strftime(again, sizeof again, form, &tm) > 0 &&
	       strcmp(again, text) == 0;
}

/* As we write it, or unix seconds. */
static enum outcome
take_time(const json_t *j, int64_t *out, const char *field, struct error *err)
{
	if (json_is_integer(j))
		return take_seconds(j, out, field, err);
	if (!json_is_string(j) || !parse_time(json_string_value(j), out))
		return wrong(err, field,
		    "a time like \"2030-12-31T18:00:00Z\", later than the beginning of 1970");
	return FOUND;
}

static enum outcome
take_id(const json_t *j, unsigned *out, const char *field, struct error *err)
{
	int64_t number = 0;
	enum outcome o = take_number(j, UINT_MAX - 1, &number, field, err);

	*out = (unsigned)number;
	return o;
}

static enum outcome
take_yes(const json_t *j, bool *out, const char *field, struct error *err)
{
	if (!json_is_boolean(j))
		return wrong(err, field, "true or false");
	*out = json_is_true(j);
	return FOUND;
}

/* One of the words that a kind, a state or a search can be. */
static enum outcome
take_word(const json_t *j, enum type type, struct record *r, const char *field, struct error *err)
{
	struct slice word;
	enum outcome o = take_text(j, &word, field, err);
	bool known;

	if (o != FOUND)
		return o;
	if (type == TYPE_KIND)
		known = domain_kind_by_name(word, &r->domain_kind);
	else if (type == TYPE_STATE)
		known = account_state_by_name(word, &r->state);
	else
		known = key_search_by_name(word, &r->search);
	if (known)
		return FOUND;
	return error_set(
	    err, BAD, "there is no %s '%.*s'", field, (int)(word.n < 80 ? word.n : 80), word.p);
}

static enum outcome
take_targets(struct jsonl *in, const json_t *j, struct record *r, struct error *err)
{
	size_t n = json_array_size(j);
	enum outcome o = FOUND;

	if (!json_is_array(j))
		return wrong(err, "targets", "a list");
	free(in->target);
	in->target = calloc(n + 1, sizeof *in->target);
	if (in->target == NULL)
		return error_set(err, RETRY, "no memory");
	for (size_t i = 0; o == FOUND && i < n; i++)
		o = take_text(json_array_get(j, i), &in->target[i], "targets", err);
	r->targets = in->target;
	r->n_targets = n;
	return o;
}

static enum outcome
take_part(const char *name, const json_t *j, struct record_credential *c, struct error *err)
{
	for (size_t i = 0; i < PARTS; i++) {
		void *at = (char *)c + parts[i].at;

		if (strcmp(parts[i].name, name) != 0)
			continue;
		return parts[i].type == TYPE_TEXT ? take_text(j, at, name, err)
						  : take_time(j, at, name, err);
	}
	return error_set(err, BAD, "a credential has no field '%.80s'", name);
}

static enum outcome
take_credential(json_t *j, struct record_credential *c, struct error *err)
{
	const char *name;
	enum outcome o = FOUND;
	json_t *value;

	if (!json_is_object(j))
		return wrong(err, "credentials", "a list of objects");
	json_object_foreach(j, name, value)
	{
		o = take_part(name, value, c, err);
		if (o != FOUND)
			break;
	}
	return o;
}

static enum outcome
take_credentials(struct jsonl *in, const json_t *j, struct record *r, struct error *err)
{
	size_t n = json_array_size(j);
	enum outcome o = FOUND;

	if (!json_is_array(j))
		return wrong(err, "credentials", "a list");
	free(in->credential);
	in->credential = calloc(n + 1, sizeof *in->credential);
	if (in->credential == NULL)
		return error_set(err, RETRY, "no memory");
	for (size_t i = 0; o == FOUND && i < n; i++)
		o = take_credential(json_array_get(j, i), &in->credential[i], err);
	r->credential = in->credential;
	r->credentials = n;
	return o;
}

static enum outcome
take_propagate(const json_t *j, int *out, struct error *err)
{
	bool yes = false;
	enum outcome o = take_yes(j, &yes, "propagate", err);

	*out = yes;
	return o;
}

static enum outcome
take_value(
    struct jsonl *in, const struct field *f, const json_t *j, struct record *r, struct error *err)
{
	void *at = (char *)r + f->at;

	switch (f->type) {
	case TYPE_TEXT:
		return take_text(j, at, f->name, err);
	case TYPE_COUNT:
		return take_number(j, INT64_MAX, at, f->name, err);
	case TYPE_TIME:
		return take_time(j, at, f->name, err);
	case TYPE_ID:
		return take_id(j, at, f->name, err);
	case TYPE_YES:
		return take_yes(j, at, f->name, err);
	case TYPE_KIND:
	case TYPE_STATE:
	case TYPE_SEARCH:
		return take_word(j, f->type, r, f->name, err);
	case TYPE_DELIMITERS:
		r->own_delimiters = true;
		return take_text(j, at, f->name, err);
	case TYPE_PROPAGATE:
		return take_propagate(j, at, err);
	case TYPE_TARGETS:
		return take_targets(in, j, r, err);
	case TYPE_CREDENTIALS:
		break;
	}
	return take_credentials(in, j, r, err);
}

static enum outcome
take_field(struct jsonl *in, const char *name, const json_t *j, struct record *r, struct error *err)
{
	for (size_t i = 0; i < FIELDS; i++) {
		if (fields[i].kind != r->kind || strcmp(fields[i].name, name) != 0)
			continue;
		r->said |= fields[i].said;
		return take_value(in, &fields[i], j, r, err);
	}
	return error_set(err, BAD, "%s has no field '%.80s'", kinds[r->kind], name);
}

/* An entry names its map: so its own name is looked for first. */
static bool
find_kind(const json_t *j, struct record *r)
{
	static const enum record_kind order[] = { RECORD_ENTRY, RECORD_DOMAIN, RECORD_MAILBOX,
		RECORD_ALIAS, RECORD_MAP };

	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		r->kind = order[i];
		if (json_object_get(j, kinds[r->kind]) != NULL)
			return true;
	}
	return false;
}

static enum outcome
take_fields(struct jsonl *in, struct record *r, struct error *err)
{
	json_t *j = in->json, *value;
	const char *name;
	enum outcome o = FOUND;

	*r = (struct record){ .propagate = -1 };
	if (!find_kind(j, r))
		return error_set(err, BAD,
		    "there is no \"domain\", \"mailbox\", \"alias\", \"map\" or \"entry\" in it");
	json_object_foreach(j, name, value)
	{
		if (strcmp(name, kinds[r->kind]) == 0)
			o = take_text(value, &r->name, name, err);
		else
			o = take_field(in, name, value, r, err);
		if (o != FOUND)
			return o;
	}
	/* a target says what kind it is */
	if (r->target.n > 0 && json_object_get(j, "kind") == NULL)
		r->domain_kind = DOMAIN_ALIAS;
	return FOUND;
}

static enum outcome
take_head(const json_t *j, struct error *err)
{
	const json_t *version = json_object_get(j, head);

	if (json_is_integer(version) && json_integer_value(version) <= VERSION)
		return NONE;
	return error_set(err, BAD,
	    "it was written by a newer vmaild: this program reads up to version %d", VERSION);
}

static enum outcome
take_line(struct jsonl *in, struct slice line, struct record *r, struct error *err)
{
	json_error_t why;

	json_decref(in->json);
	in->json = NULL;
	line = slice_trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return NONE;
	in->json = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &why);
	if (in->json == NULL)
		return error_set(err, BAD, "it is no JSON: %s", why.text);
	if (!json_is_object(in->json))
		return error_set(err, BAD, "it is no object: write one a line");
	if (json_object_get(in->json, head) != NULL)
		return take_head(in->json, err);
	return take_fields(in, r, err);
}

/* --- the file -----------------------------------------------------------------------------------
 */

enum outcome
jsonl_open(struct jsonl *j, const char *file, struct error *err)
{
	*j = (struct jsonl){ .name = file };
	j->file = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	if (j->file == NULL)
		return error_set(err, RETRY, "cannot read '%s': %s", file, strerror(errno));
	return FOUND;
}

enum outcome
jsonl_next(struct jsonl *j, struct record *out, struct error *err)
{
	ssize_t n;
	enum outcome o;

	errno = 0;
	while ((n = getline(&j->text, &j->size, j->file)) >= 0) {
		j->line++;
		o = take_line(j, slice_of(j->text, (size_t)n), out, err);
		if (o == BAD)
			import_name_line(err, j->name, j->line);
		if (o != NONE)
			return o;
	}
	if (ferror(j->file) || !feof(j->file))
		return error_set(
		    err, RETRY, "cannot read '%s': %s", import_name(j->name), strerror(errno));
	return NONE;
}

void
jsonl_close(struct jsonl *j)
{
	if (j->file != NULL && j->file != stdin)
		fclose(j->file);
	json_decref(j->json);
	free(j->text);
	free(j->credential);
	free(j->target);
	*j = (struct jsonl){ 0 };
}
