/* SPDX-License-Identifier: ISC
 *
 * Every kind of value in the configuration file: how it is read, judged, written back and freed.
 * What a value is called and where it goes stands in the tables of keys.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

#include "base/sbuf.h"
#include "base/slice.h"
#include "keys.h"

/* --- text ------------------------------------------------------------------------------------ */

static enum outcome
keep(void *field, const char *text, struct error *err)
{
	char **p = field;

	*p = strdup(text);
	return *p == NULL ? error_set(err, RETRY, "out of memory") : FOUND;
}

static void
release_text(void *field)
{
	char **p = field;

	free(*p);
	*p = NULL;
}

bool
put_quoted(struct sbuf *out, const char *text)
{
	sbuf_add_chr(out, '"');
	for (; *text != '\0'; text++) {
		if (strchr("\"\\$", *text) != NULL)
			sbuf_add_chr(out, '\\');
		sbuf_add_chr(out, *text);
	}
	return sbuf_add_chr(out, '"') && !out->failed;
}

static bool
put_text(struct sbuf *out, const void *field)
{
	return put_quoted(out, *(char *const *)field);
}

static bool
put_word(struct sbuf *out, const void *field)
{
	return sbuf_add_str(out, *(char *const *)field);
}

static bool
is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static bool
has_control(const char *text)
{
	while (*text != '\0')
		if (is_control(*text++))
			return true;
	return false;
}

/* A user, a group or a map. */
static enum outcome
set_name(const struct key *key, void *field, const char *text, struct error *err)
{
	if (text[0] == '\0')
		return error_set(
		    err, BAD, "%s: is empty, leave it out for its default", key->shown.name);
	if (has_control(text) || strpbrk(text, " :/,") != NULL)
		return error_set(err, BAD, "%s: '%s' is not a name", key->shown.name, text);
	return keep(field, text, err);
}

static enum outcome
set_delimiter(const struct key *key, void *field, const char *text, struct error *err)
{
	for (const char *c = text; *c != '\0'; c++) {
		bool alnum = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
			     (*c >= 'A' && *c <= 'Z');

		if (alnum || *c == '@' || *c <= ' ' || *c > '~')
			return error_set(err, BAD,
			    "%s: a letter, a digit, '@', a blank or a byte beyond ASCII cannot "
			    "delimit an extension: use for example \"+\", or \"\" for none",
			    key->shown.name);
	}
	return keep(field, text, err);
}

/* *PERSONAL: whether it is another one for each mailbox. */
static enum outcome
check_letters(const struct key *key, const char *text, bool *personal, struct error *err)
{
	*personal = false;
	for (const char *c = strchr(text, '%'); c != NULL; c = strchr(c + 2, '%')) {
		if (c[1] == '\0' || strchr("und%", c[1]) == NULL)
			return error_set(err, BAD,
			    "%s: '%s' has an unknown '%%%c': there are %%u (address), %%n (local "
			    "part), %%d (domain) and %%%%",
			    key->shown.name, text, c[1] == '\0' ? ' ' : c[1]);
		*personal = *personal || c[1] == 'u' || c[1] == 'n';
	}
	return FOUND;
}

static enum outcome
set_template(const struct key *key, void *field, const char *text, struct error *err)
{
	bool personal;

	if (text[0] != '/' || has_control(text))
		return error_set(
		    err, BAD, "%s: '%s' is not an absolute path", key->shown.name, text);
	if (check_letters(key, text, &personal, err) != FOUND)
		return BAD;
	if (!personal)
		return error_set(err, BAD,
		    "%s: '%s' would give every mailbox the same home: use %%n or %%u",
		    key->shown.name, text);
	return keep(field, text, err);
}

/* Below the home, so it need not name the mailbox. */
static enum outcome
set_location(const struct key *key, void *field, const char *text, struct error *err)
{
	const char *colon = strchr(text, ':');
	bool personal;

	if (text[0] == '\0')
		return keep(field, text, err);
	if (colon == NULL || colon == text || colon[1] == '\0' || has_control(text))
		return error_set(err, BAD,
		    "%s: '%s' is no location: write it as \"maildir:~/Maildir\"", key->shown.name,
		    text);
	if (check_letters(key, text, &personal, err) != FOUND)
		return BAD;
	return keep(field, text, err);
}

enum outcome
absolute(char **out, const char *prefix, const char *path, struct error *err)
{
	struct sbuf joined;
	char *here = NULL;

	if (path[0] != '/' && strncmp(path, "./", 2) != 0)
		return error_set(err, BAD,
		    "'%s%s' is not an absolute path (only './' in front stands for the current "
		    "directory)",
		    prefix, path);
	if (path[0] == '.') {
		path++;
		here = realpath(".", NULL);
		if (here == NULL)
			return error_set(
			    err, BAD, "the current directory cannot be found: %s", strerror(errno));
	}
	sbuf_init(&joined, strlen(prefix) + (here == NULL ? 0 : strlen(here)) + strlen(path));
	sbuf_add_str(&joined, prefix);
	sbuf_add_str(&joined, here);
	sbuf_add_str(&joined, path);
	free(here);
	if (joined.failed) {
		sbuf_release(&joined);
		return error_set(err, RETRY, "out of memory");
	}
	*out = joined.p;
	return FOUND;
}

static enum outcome
set_path(const struct key *key, void *field, const char *text, struct error *err)
{
	struct error why;
	enum outcome o;

	if (text[0] == '\0')
		return keep(field, text, err);
	if (has_control(text))
		return error_set(err, BAD, "%s: is not printable", key->shown.name);
	o = absolute(field, "", text, &why);
	return o == FOUND ? FOUND : error_set(err, o, "%s: %s", key->shown.name, why.text);
}

/* Which engines there are is the store's business: only a file's path is looked at here. */
static enum outcome
set_store(const struct key *key, void *field, const char *text, struct error *err)
{
	static const char sqlite[] = "sqlite:";
	struct slice uri = slice_str(text);
	struct error why;
	enum outcome o;
	size_t colon, slash;

	if (uri.n == 0 || has_control(text))
		return error_set(err, BAD, "%s: is empty or not printable: use \"sqlite:/path\"",
		    key->shown.name);
	if (slice_starts(uri, sqlite))
		o = absolute(field, sqlite, text + strlen(sqlite), &why);
	else if (slice_chr(uri, ':', &colon) && !(slice_chr(uri, '/', &slash) && slash < colon))
		return keep(field, text, err);
	else
		o = absolute(field, "", text, &why);
	return o == FOUND ? o : error_set(err, o, "%s: %s", key->shown.name, why.text);
}

static enum outcome
set_store_too(const struct key *key, void *field, const char *text, struct error *err)
{
	return text[0] == '\0' ? keep(field, text, err) : set_store(key, field, text, err);
}

/* Find the password behind the user of a URI: where it begins and what follows it. */
static bool
find_password(const char *uri, const char **from, const char **to)
{
	const char *user = strstr(uri, "://");
	size_t n = user != NULL ? strcspn(user + 3, "/?") : 0;

	*to = NULL;
	for (size_t i = 0; i < n; i++)
		if (user[3 + i] == '@')
			*to = user + 3 + i;
	*from = *to != NULL ? memchr(user + 3, ':', (size_t)(*to - user - 3)) : NULL;
	return *from != NULL;
}

/* What is shown is pasted into mails: without a password. Of parameters none is shown behind the
 * first that may be one, for there are many ways to write them. */
static bool
put_store(struct sbuf *out, const void *field)
{
	const char *uri = *(char *const *)field, *rest = uri;
	const char *from, *to, *parameter;
	struct sbuf shown;
	bool ok;

	if (!slice_starts(slice_str(uri), "postgres"))
		return put_quoted(out, uri);
	sbuf_init(&shown, 65536);
	if (find_password(uri, &from, &to)) {
		sbuf_add(&shown, uri, (size_t)(from - uri));
		sbuf_add_str(&shown, ":...");
		rest = to;
	}
	parameter = strstr(rest, "password");
	sbuf_add(&shown, rest, parameter != NULL ? (size_t)(parameter - rest) : strlen(rest));
	sbuf_add_str(&shown, parameter != NULL ? "password=..." : "");
	ok = !shown.failed && put_quoted(out, sbuf_cstr(&shown));
	sbuf_release(&shown);
	return ok;
}

/* The words are those of the row's own description: "one|two". */
static enum outcome
set_word(const struct key *key, void *field, const char *text, struct error *err)
{
	struct slice words = slice_str(key->shown.value);

	while (words.n > 0)
		if (slice_is(slice_cut(&words, '|'), text))
			return keep(field, text, err);
	return error_set(
	    err, BAD, "%s: '%s' is none of %s", key->shown.name, text, key->shown.value);
}

const struct kind kind_name = { .set = set_name, .put = put_text, .release = release_text };
const struct kind kind_word = { .set = set_word, .put = put_word, .release = release_text };
const struct kind kind_store = { .set = set_store, .put = put_store, .release = release_text };
const struct kind kind_store_too = {
	.set = set_store_too, .put = put_store, .release = release_text
};
const struct kind kind_delimiter = {
	.set = set_delimiter, .put = put_text, .release = release_text
};
const struct kind kind_path = { .set = set_path, .put = put_text, .release = release_text };
const struct kind kind_template = { .set = set_template, .put = put_text, .release = release_text };
const struct kind kind_location = { .set = set_location, .put = put_text, .release = release_text };

/* --- numbers and choices --------------------------------------------------------------------- */

static enum outcome
set_number(const struct key *key, void *field, const char *text, struct error *err)
{
	unsigned long long n;

	if (!slice_number(slice_str(text), (unsigned long long)key->max, &n) || (long)n < key->min)
		return error_set(err, BAD, "%s: '%s' is not a number from %ld to %ld",
		    key->shown.name, text, key->min, key->max);
	*(long *)field = (long)n;
	return FOUND;
}

static bool
put_number(struct sbuf *out, const void *field)
{
	return sbuf_printf(out, "%ld", *(const long *)field);
}

static enum outcome
set_boolean(const struct key *key, void *field, const char *text, struct error *err)
{
	int b = cfg_parse_boolean(text);

	if (b < 0)
		return error_set(
		    err, BAD, "%s: '%s' is neither true nor false", key->shown.name, text);
	*(bool *)field = b != 0;
	return FOUND;
}

static bool
put_boolean(struct sbuf *out, const void *field)
{
	return sbuf_add_str(out, *(const bool *)field ? "true" : "false");
}

static enum outcome
set_mode(const struct key *key, void *field, const char *text, struct error *err)
{
	size_t n = strspn(text, "01234567");

	if (n == 0 || n > 4 || text[n] != '\0' || strtoul(text, NULL, 8) > 0777)
		return error_set(err, BAD, "%s: '%s' is not an octal mode from 0 to 0777",
		    key->shown.name, text);
	*(unsigned *)field = (unsigned)strtoul(text, NULL, 8);
	return FOUND;
}

static bool
put_mode(struct sbuf *out, const void *field)
{
	return sbuf_printf(out, "%04o", *(const unsigned *)field);
}

static enum outcome
set_protocol(const struct key *key, void *field, const char *text, struct error *err)
{
	if (!protocol_by_name(text, field))
		return error_set(
		    err, BAD, "%s: '%s' is none of %s", key->shown.name, text, key->shown.value);
	return FOUND;
}

static bool
put_protocol(struct sbuf *out, const void *field)
{
	return sbuf_add_str(out, protocol_name(*(const enum protocol *)field));
}

const struct kind kind_number = { .set = set_number, .put = put_number };
const struct kind kind_boolean = { .set = set_boolean, .put = put_boolean };
const struct kind kind_mode = { .set = set_mode, .put = put_mode };
const struct kind kind_protocol = { .set = set_protocol, .put = put_protocol };

/* --- lists ----------------------------------------------------------------------------------- */

static enum outcome
add_text(const struct key *key, void *field, const char *text, struct error *err)
{
	char **list = field;
	size_t n = 0;

	for (; list[n] != NULL; n++)
		if (strcmp(list[n], text) == 0)
			return error_set(
			    err, BAD, "%s: '%s' is named twice", key->shown.name, text);
	if (n == CONF_LIST_MAX)
		return error_set(
		    err, BAD, "%s: more than %d of them", key->shown.name, CONF_LIST_MAX);
	return keep(&list[n], text, err);
}

static enum outcome
add_directory(const struct key *key, void *field, const char *text, struct error *err)
{
	if (text[0] != '/' || has_control(text))
		return error_set(
		    err, BAD, "%s: '%s' is not an absolute path", key->shown.name, text);
	return add_text(key, field, text, err);
}

/* Whether it is a network indeed is for those to say who can read one. */
static enum outcome
add_network(const struct key *key, void *field, const char *text, struct error *err)
{
	if (text[0] == '\0' || text[strspn(text, "0123456789abcdefABCDEF.:/")] != '\0')
		return error_set(err, BAD,
		    "%s: '%s' is no network: write it as \"192.0.2.0/24\" or \"2001:db8::/32\"",
		    key->shown.name, text);
	return add_text(key, field, text, err);
}

/* A user, or a group behind an '@'. Whether there is one the host knows. */
static enum outcome
add_peer(const struct key *key, void *field, const char *text, struct error *err)
{
	const char *name = text[0] == '@' ? text + 1 : text;

	if (name[0] == '\0' || has_control(name) || strpbrk(name, " :/,@") != NULL)
		return error_set(err, BAD,
		    "%s: '%s' is neither a user nor, with an '@' in front, a group",
		    key->shown.name, text);
	return add_text(key, field, text, err);
}

/* What a client or a map is called the others know. */
static bool
is_condition(struct slice word)
{
	struct slice value = word, name = slice_cut(&value, '=');

	return value.n > 0 &&
	       (slice_is(name, "map") || slice_is(name, "address") || slice_is(name, "client"));
}

static enum outcome
add_lookups(const struct key *key, void *field, const char *text, struct error *err)
{
	struct slice rest = slice_str(text);
	bool good = rest.n > 0 && !has_control(text);

	while (rest.n > 0 && good && strcmp(text, "*") != 0)
		good = is_condition(slice_cut(&rest, ' '));
	if (!good)
		return error_set(err, BAD,
		    "%s: '%s' does not say which: write it as \"map=aliases "
		    "address=*@example.com client=postfix\", or \"*\" for all",
		    key->shown.name, text);
	return add_text(key, field, text, err);
}

static bool
put_list(struct sbuf *out, const void *field)
{
	char *const *list = field;

	sbuf_add_str(out, "{");
	for (size_t n = 0; list[n] != NULL; n++) {
		sbuf_add_str(out, n == 0 ? " " : ", ");
		put_quoted(out, list[n]);
	}
	return sbuf_add_str(out, list[0] == NULL ? "}" : " }") && !out->failed;
}

static void
release_list(void *field)
{
	char **list = field;

	for (; *list != NULL; list++)
		release_text(list);
}

const struct kind kind_directories = {
	.set = add_directory, .put = put_list, .release = release_list, .list = true
};
const struct kind kind_peers = {
	.set = add_peer, .put = put_list, .release = release_list, .list = true
};
const struct kind kind_lookups = {
	.set = add_lookups, .put = put_list, .release = release_list, .list = true
};
const struct kind kind_networks = {
	.set = add_network, .put = put_list, .release = release_list, .list = true
};
