/* SPDX-License-Identifier: ISC
 *
 * Plain maps over real SQLite: making them, their entries and their log, imports that are all or
 * nothing, what the resolver's questions get, and what a lookup worker may read.
 */
#include "lookups.h"
#include "steps.h"

#include <inttypes.h>

/* --- maps and entries for the cases ----------------------------------------------------------- */

static void
make_map(struct store *s, const char *name, const char *search)
{
	struct error err = { "" };
	enum key_search kind;

	assert_true(key_search_by_name(S(search), &kind));
	must(store_map_create(s, S(name), kind, &err), &err, name);
}

static void
set_entry(struct store *s, const char *map, const char *key, const char *value)
{
	struct error err = { "" };

	must(store_entry_set(s, S(map), S(key), S(value), &err), &err, key);
}

static void
furnish(struct store *s)
{
	static const struct {
		const char *map, *key, *value;
	} entries[] = {
		{ "words", "Hello", "world" },
		{ "nets", "192.0.2.0/24", "wide" },
		{ "nets", "192.0.2.128/25", "narrow" },
		{ "nets", "2001:db8::/32", "six" },
		{ "hosts", "192.0.2", "REJECT net" },
		{ "hosts", "2001:0db8:0:0::1", "REJECT six" },
		{ "hosts", "d.test", "REJECT name" },
		{ "moves", "@was.test", "@is.test" },
		{ "transports", ".example.com", "smtp:[gateway.test]" },
		{ "transports", "harry@example.com", "lmtp:unix:private/lmtp" },
		{ "transports", "*", "smtp:[out.test]" },
		{ "relocated", "left@example.com", "left@else.test" },
		{ "relocated", "Root", "root@else.test" },
		{ "relocated", "j\xc3\x96rg", "joerg@else.test" },
		{ "relocated", "@relay.test", "somewhere else" },
		{ "canonical", "old@example.com", "new@example.com" },
		{ "sender-access", "Info@", "HOLD" },
		{ "sender-access", "<>", "DUNNO" },
		{ "senders", "shared@example.com", "harry@example.com" },
		{ "recipient-access", "info@example.com", "REJECT moved" },
		{ "sasl-access", "Joe", "OK" },
		{ "uids", "harry@example.com", "1001" },
	};

	make_map(s, "words", "exact");
	make_map(s, "nets", "network");
	make_map(s, "hosts", "host");
	make_map(s, "moves", "rewrite");
	for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
		set_entry(s, entries[i].map, entries[i].key, entries[i].value);
}

static int
furnished_setup(void **state)
{
	struct fixture *f;

	if (full_setup(state) != 0)
		return -1;
	f = *state;
	furnish(f->s);
	return 0;
}

/* --- changes ---------------------------------------------------------------------------------- */

static enum outcome
create_map(struct store *s, const struct step *step, struct error *err)
{
	enum key_search search = SEARCH_EXACT;

	assert_true(key_search_by_name(S(step->b), &search));
	return store_map_create(s, S(step->a), search, err);
}

static enum outcome
remove_map(struct store *s, const struct step *step, struct error *err)
{
	return store_map_remove(s, S(step->a), err);
}

static enum outcome
set(struct store *s, const struct step *step, struct error *err)
{
	return store_entry_set(s, S(step->a), S(step->b), S(step->c), err);
}

static enum outcome
unset(struct store *s, const struct step *step, struct error *err)
{
	return store_entry_unset(s, S(step->a), S(step->b), err);
}

static enum outcome
get(struct store *s, const struct step *step, struct error *err)
{
	struct sbuf value;
	enum outcome o;

	sbuf_init(&value, 1 << 20);
	o = store_entry(s, S(step->a), S(step->b), &value, err);
	if (o == FOUND)
		assert_string_equal(sbuf_cstr(&value), step->c);
	else
		assert_int_equal(value.n, 0);
	sbuf_release(&value);
	return o;
}

#define MAP(name, search) "{\"name\":\"" name "\",\"search\":\"" search "\",\"created\":T}"
#define ENTRY(map, key, value)                                                                     \
	"{\"map\":\"" map "\",\"key\":\"" key "\",\"value\":\"" value "\",\"created\":T}"

static const struct step changes[] = {
	/* clang-format off */
	{ "a map", create_map, "My.map_1-x", "domain", "", FOUND, NULL,
	  "map create|My.map_1-x|-|" MAP("My.map_1-x", "domain") "\n" },
	{ "its name is taken as it is written", create_map, "Words", "exact", "", FOUND, NULL,
	  "map create|Words|-|" MAP("Words", "exact") "\n" },
	{ "a map goes with its entries", remove_map, "nets", "", "", FOUND, NULL,
	  "map unset|nets 192.0.2.0/24|" ENTRY("nets", "192.0.2.0/24", "wide") "|-\n"
	  "map unset|nets 192.0.2.128/25|" ENTRY("nets", "192.0.2.128/25", "narrow") "|-\n"
	  "map unset|nets 2001:db8::/32|" ENTRY("nets", "2001:db8::/32", "six") "|-\n"
	  "map remove|nets|" MAP("nets", "network") "|-\n" },

	{ "an entry", set, "words", "Bye", "Moon", FOUND, NULL,
	  "map set|words bye|-|" ENTRY("words", "bye", "Moon") "\n" },
	{ "an entry of a map of the program's", set, "transports", "D.test", "smtp:[x.test]:25", FOUND, NULL,
	  "map set|transports d.test|-|" ENTRY("transports", "d.test", "smtp:[x.test]:25") "\n" },
	{ "a key with blanks", set, "words", "a  b", "c", FOUND, NULL,
	  "map set|words a  b|-|" ENTRY("words", "a  b", "c") "\n" },
	{ "a key that needs quotes", set, "relocated", "a b@d.test", "c", FOUND, NULL,
	  "map set|relocated \"a b\"@d.test|-|" ENTRY("relocated", "\\\"a b\\\"@d.test", "c") "\n" },
	{ "a value of several words, trimmed", set, "words", "a", " \t b  c \t", FOUND, NULL,
	  "map set|words a|-|" ENTRY("words", "a", "b  c") "\n" },
	{ "another value", set, "words", "HELLO", "moon", FOUND, NULL,
	  "map set|words hello|" ENTRY("words", "hello", "world") "|" ENTRY("words", "hello", "moon") "\n" },
	{ "the value it has", set, "words", "HELLO", "world", FOUND, NULL, "" },
	{ "the value it has, but for blanks", set, "words", "hello", " world ", FOUND, NULL, "" },
	{ "grants, in canonical form", set, "senders", "info@example.com", "Harry@Example.com ,, sally@example.com,",
	  FOUND, NULL,
	  "map set|senders info@example.com|-|"
	  ENTRY("senders", "info@example.com", "harry@example.com, sally@example.com") "\n" },
	{ "the longest value", set, "words", "long", NULL, FOUND, NULL, NULL },

	{ "an entry goes", unset, "words", "HELLO", "", FOUND, NULL,
	  "map unset|words hello|" ENTRY("words", "hello", "world") "|-\n" },
	{ "a network goes", unset, "nets", "192.0.2.0/24", "", FOUND, NULL,
	  "map unset|nets 192.0.2.0/24|" ENTRY("nets", "192.0.2.0/24", "wide") "|-\n" },

	{ "reading", get, "words", "hello", "world", FOUND, NULL, "" },
	{ "reading in another spelling", get, "words", "hELLO", "world", FOUND, NULL, "" },
	{ "reading a bare name", get, "relocated", "J\xc3\xb6rg", "joerg@else.test", FOUND, NULL, "" },
	{ "reading a network", get, "nets", "192.0.2.128/25", "narrow", FOUND, NULL, "" },
	{ "reading an address in another form", get, "hosts", "2001:DB8::1", "REJECT six", FOUND, NULL, "" },
	/* clang-format on */
};

static const struct step refusals[] = {
	/* clang-format off */
	{ "a map again", create_map, "words", "exact", "", BAD, "map 'words' already exists", NULL },
	{ "a map of the program's", create_map, "aliases", "exact", "", BAD, "is a map already: see `vmailctl maps`", NULL },
	{ "a plain map of the program's", create_map, "transports", "exact", "", BAD, "is a map already", NULL },
	{ "a map without a name", create_map, "", "exact", "", BAD, "letters, digits", NULL },
	{ "a name with a blank", create_map, "a b", "exact", "", BAD, "letters, digits", NULL },
	{ "a name with a colon", create_map, "a:b", "exact", "", BAD, "letters, digits", NULL },
	{ "a name with an umlaut", create_map, "\xc3\xb6", "exact", "", BAD, "letters, digits", NULL },
	{ "a name that is too long", create_map,
	  "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm", "exact", "", BAD, "at most 64", NULL },
	{ "a name of an export's file: patterns", create_map, "patterns", "exact", "", BAD, "writes a file for each map", NULL },
	{ "a name of an export's file: mx-domains", create_map, "mx-domains", "exact", "", BAD, "writes a file for each map", NULL },
	{ "a name of an export's file: mx-recipients", create_map, "mx-recipients", "exact", "", BAD, "writes a file for each map", NULL },
	{ "a name of an export's file: mx-patterns", create_map, "mx-patterns", "exact", "", BAD, "writes a file for each map", NULL },
	{ "a name of a directory: .", create_map, ".", "exact", "", BAD, "writes a file for each map", NULL },
	{ "a name of a directory: ..", create_map, "..", "exact", "", BAD, "writes a file for each map", NULL },
	{ "no map to remove", remove_map, "nothing", "", "", NONE, "`vmailctl map create`", NULL },
	{ "no name of a map to remove", remove_map, "a b", "", "", NONE, "there is no map 'a b'", NULL },
	{ "removing what is the program's", remove_map, "transports", "", "", BAD, "take out its entries", NULL },

	{ "no such map", set, "nothing", "a", "b", NONE, "there is no map 'nothing'", NULL },
	{ "no name of a map", set, "a b", "a", "b", NONE, "there is no map 'a b'", NULL },
	{ "a map without entries", set, "aliases", "a@example.com", "b@example.com", BAD,
	  "answers from domains, mailboxes and aliases", NULL },
	{ "members", set, "members", "a@example.com", "OK", BAD, "has no entries of its own", NULL },
	{ "no key", set, "words", "", "b", BAD, "the key is empty", NULL },
	{ "a key of two lines", set, "words", "a\nb", "c", BAD, "control characters", NULL },
	{ "a key that is no UTF-8", set, "words", "\xff", "c", BAD, "is not proper UTF-8", NULL },
	{ "a key that is no network", set, "nets", "d.test", "c", BAD, "write it like '192.0.2.0/24'", NULL },
	{ "a network by a host in it", set, "nets", "192.0.2.99/24", "c", BAD, "write '192.0.2.0/24'", NULL },
	{ "a network where hosts are", set, "hosts", "192.0.2.0/24", "c", BAD, "searched by network", NULL },
	{ "no value", set, "words", "a", "", BAD, "the value is empty", NULL },
	{ "a value of blanks", set, "words", "a", " \t", BAD, "the value is empty", NULL },
	{ "a value of two lines", set, "words", "a", "b\nc", BAD, "control characters", NULL },
	{ "a value that Postfix cannot take", set, "words", "a", NULL, BAD, "Postfix takes at most 99997", NULL },
	{ "no address where one is wanted", set, "canonical", "a@example.com", "b", BAD, "has no domain", NULL },
	{ "two addresses where one is wanted", set, "canonical", "a@example.com", "b@c.test, d@e.test", BAD,
	  "is not one address", NULL },
	{ "the same in a map of the admin's", set, "moves", "a@example.com", "b@c.test, d@e.test", BAD,
	  "is not one address", NULL },
	{ "a whole domain for a bcc", set, "sender-bcc", "a@example.com", "@b.test", BAD,
	  "is not one address that mail could be sent to", NULL },
	{ "two addresses for a bcc", set, "recipient-bcc", "a@example.com", "b@c.test d@e.test", BAD, "is not one address",
	  NULL },
	{ "a transport in upper case", set, "transports", "d.test", "SMTP:x", BAD, "lower case", NULL },
	{ "a uid that is no number", set, "uids", "harry@example.com", "vmail", BAD, "write a number", NULL },
	{ "a gid that is too large", set, "gids", "harry@example.com", "4294967295", BAD, "write a number", NULL },
	{ "a login that is none", set, "senders", "a@example.com", "harry", BAD, "has no domain", NULL },
	{ "nobody", set, "senders", "a@example.com", ", ,", BAD, "names nobody", NULL },

	{ "no such entry", unset, "words", "bye", "", NONE, "map 'words' has no key 'bye'", NULL },
	{ "no such entry, whatever its parents have", unset, "hosts", "192.0.2.7", "", NONE, "has no key", NULL },
	{ "no such map to take from", unset, "nothing", "a", "", NONE, "there is no map 'nothing'", NULL },
	{ "an entry of a map without any", unset, "aliases", "info@example.com", "", BAD, "no entries of its own", NULL },
	{ "a network to take out by a host in it", unset, "nets", "192.0.2.1/24", "", BAD, "write '192.0.2.0/24'", NULL },
	{ "no key to take out", unset, "words", "", "", BAD, "the key is empty", NULL },

	{ "reading what is not there", get, "words", "bye", "", NONE, "", NULL },
	{ "reading from no map", get, "nothing", "a", "", NONE, "there is no map 'nothing'", NULL },
	{ "reading from a map without entries", get, "mailboxes", "a", "", BAD, "no entries of its own", NULL },
	{ "reading a network by a host in it", get, "nets", "192.0.2.200/25", "", BAD, "write '192.0.2.128/25'", NULL },
	{ "reading no network", get, "nets", "d.test", "", BAD, "is no network", NULL },
	/* clang-format on */
};

/* A row whose value is NULL is about the longest there is, or one byte more. */
static void
run_rows(const struct step *steps, size_t n, size_t longest)
{
	static char value[100000];
	static char logged[101000];

	memset(value, 'x', longest);
	value[longest] = '\0';
	snprintf(logged, sizeof logged, "map set|words long|-|" ENTRY("words", "long", "%s") "\n",
	    value);
	for (size_t i = 0; i < n; i++) {
		struct step step = steps[i];

		if (step.c == NULL) {
			step.c = value;
			step.logged = logged;
		}
		run_steps(&step, 1, furnish);
	}
}

static void
test_changes(void **state)
{
	(void)state;
	run_rows(changes, sizeof changes / sizeof changes[0], 99997);
}

static void
test_refusals(void **state)
{
	(void)state;
	run_rows(refusals, sizeof refusals / sizeof refusals[0], 99998);
}

/* --- imports ---------------------------------------------------------------------------------- */

struct import {
	const char *const *lines; /* key, value, key, value, NULL */
	size_t given;
};

static bool
next_line(void *arg, struct slice *key, struct slice *value)
{
	struct import *in = arg;
	const char *const *at = in->lines + 2 * in->given;

	if (at[0] == NULL)
		return false;
	*key = S(at[0]);
	*value = S(at[1]);
	in->given++;
	return true;
}

static enum outcome
import(struct fixture *f, const char *map, const char *const *lines, size_t *given)
{
	struct import in = { lines, 0 };
	enum outcome o = store_entries_set(f->s, S(map), next_line, &in, &f->err);

	*given = in.given;
	return o;
}

/* The same value again, at another time: not even that time is written down. */
static void
test_same_is_no_change(void **state)
{
	static const char *const lines[] = { "hello", "world", NULL };
	struct fixture *f = *state;
	struct sbuf before, after;
	size_t given;

	raw(f->path, "UPDATE entry SET created = 1");
	dump(f->path, &before);
	set_entry(f->s, "words", "HELLO", " world");
	set_entry(f->s, "nets", "2001:DB8:0::/32", "six");
	must(import(f, "words", lines, &given), &f->err, "import");
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	sbuf_release(&before);
	sbuf_release(&after);
}

static void
test_import(void **state)
{
	static const char *const lines[] = { "Hello", "moon", "a", "1", "b", "2", "A", "3", "hello",
		"moon", NULL };
	struct fixture *f = *state;
	int64_t id = last_change(f->path);
	size_t given;

	must(import(f, "words", lines, &given), &f->err, "import");
	assert_int_equal(given, 5);
	check_log(f->path, id,
	    "map set|words hello|" ENTRY("words", "hello", "world") "|" ENTRY("words", "hello",
		"moon") "\n"
			"map set|words a|-|" ENTRY("words", "a",
			    "1") "\n"
				 "map set|words b|-|" ENTRY("words", "b",
				     "2") "\n"
					  "map set|words a|" ENTRY("words", "a", "1") "|" ENTRY(
					      "words", "a", "3") "\n");
	id = last_change(f->path);
	must(import(f, "words", lines + 4, &given), &f->err, "what is there by now");
	check_log(f->path, id, "");
}

static void
test_import_of_nothing(void **state)
{
	static const char *const lines[] = { NULL };
	struct fixture *f = *state;
	int64_t id = last_change(f->path);
	size_t given;

	must(import(f, "words", lines, &given), &f->err, "import");
	check_log(f->path, id, "");
	assert_int_equal(import(f, "nothing", lines, &given), NONE);
}

/* One line that is refused, wherever it stands, and nothing of the others is there; nor is anything
 * asked of whoever gives the lines after that. */
static void
test_import_is_all_or_nothing(void **state)
{
	static const char *const bad[][2] = { { "", "x" }, { "x", "" }, { "\xff", "x" },
		{ "x", "a\nb" } };
	struct fixture *f = *state;
	struct sbuf before, after;
	size_t given;

	dump(f->path, &before);
	for (size_t i = 0; i < 4 * 3; i++) {
		const char *lines[] = { "a", "1", "b", "2", "hello", "moon", NULL };

		lines[i / 4 * 2] = bad[i % 4][0];
		lines[i / 4 * 2 + 1] = bad[i % 4][1];
		f->err.text[0] = '\0';
		assert_int_equal(import(f, "words", lines, &given), BAD);
		assert_int_equal(given, i / 4 + 1);
		assert_true(f->err.text[0] != '\0');
		dump(f->path, &after);
		assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
		sbuf_release(&after);
	}
	sbuf_release(&before);
	/* and the store is none the worse for it */
	set_entry(f->s, "words", "a", "1");
}

/* Somebody reads while lines come in: he sees all of them or none. */
struct watched {
	struct import in;
	struct store *reader;
};

static enum outcome
peek(struct store *s, const char *key)
{
	struct error err = { "" };
	struct sbuf value;
	enum outcome o;

	sbuf_init(&value, 1 << 17);
	o = store_entry(s, S("words"), S(key), &value, &err);
	sbuf_release(&value);
	return o;
}

static bool
next_watched(void *arg, struct slice *key, struct slice *value)
{
	struct watched *w = arg;

	assert_int_equal(peek(w->reader, "a"), NONE);
	return next_line(&w->in, key, value);
}

static void
test_import_at_once(void **state)
{
	static const char *const lines[] = { "a", "1", "b", "2", "c", "3", NULL };
	struct fixture *f = *state;
	struct watched w = { { lines, 0 }, open_at(f->path, STORE_LOOKUP) };

	must(store_entries_set(f->s, S("words"), next_watched, &w, &f->err), &f->err, "import");
	assert_int_equal(peek(w.reader, "a"), FOUND);
	assert_int_equal(peek(w.reader, "c"), FOUND);
	store_close(w.reader);
}

/* --- listing ---------------------------------------------------------------------------------- */

struct seen {
	struct sbuf text;
	int rows;
	int enough; /* stop after so many; 0 for never */
};

static bool
see_map(void *arg, const struct map_row *row)
{
	struct seen *seen = arg;

	assert_true(row->created > 0);
	sbuf_printf(
	    &seen->text, "%.*s %s\n", (int)row->name.n, row->name.p, key_search_name(row->search));
	return ++seen->rows != seen->enough;
}

static bool
see_entry(void *arg, const struct entry_row *row)
{
	struct seen *seen = arg;

	assert_true(row->created > 0);
	sbuf_printf(&seen->text, "%.*s=%.*s\n", (int)row->key.n, row->key.p, (int)row->value.n,
	    row->value.p);
	return ++seen->rows != seen->enough;
}

static void
check_entries(
    struct fixture *f, const char *map, int enough, enum outcome expected, const char *text)
{
	struct seen seen = { .enough = enough };

	sbuf_init(&seen.text, 1 << 20);
	assert_int_equal(store_entries(f->s, S(map), see_entry, &seen, &f->err), expected);
	assert_string_equal(sbuf_cstr(&seen.text), text);
	sbuf_release(&seen.text);
}

static void
test_listing(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .enough = 0 };

	sbuf_init(&seen.text, 1 << 20);
	assert_int_equal(store_maps(f->s, see_map, &seen, &f->err), FOUND);
	assert_string_equal(
	    sbuf_cstr(&seen.text), "hosts host\nmoves rewrite\nnets network\nwords exact\n");
	sbuf_release(&seen.text);
	check_entries(
	    f, "nets", 0, FOUND, "192.0.2.0/24=wide\n192.0.2.128/25=narrow\n2001:db8::/32=six\n");
	check_entries(f, "nets", 2, FOUND, "192.0.2.0/24=wide\n192.0.2.128/25=narrow\n");
	check_entries(f, "generic", 0, NONE, "");
	check_entries(f, "nothing", 0, NONE, "");
	check_entries(f, "", 0, NONE, "");
}

static void
test_listing_no_maps(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .enough = 0 };

	assert_int_equal(store_maps(f->s, see_map, &seen, &f->err), NONE);
	assert_int_equal(seen.rows, 0);
}

/* Longer than a page, and not mixed up with what comes before and behind it in the table. */
static void
test_listing_pages(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .enough = 0 };

	raw(f->path,
	    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1202) "
	    "INSERT INTO entry SELECT 'words', printf('key%05d', i), CAST(i AS TEXT), 1 FROM n "
	    "UNION ALL "
	    "SELECT 'word', printf('key%05d', i), CAST(i AS TEXT), 1 FROM n UNION ALL "
	    "SELECT 'wordss', printf('key%05d', i), CAST(i AS TEXT), 1 FROM n");
	sbuf_init(&seen.text, 1 << 20);
	assert_int_equal(store_entries(f->s, S("words"), see_entry, &seen, &f->err), FOUND);
	assert_int_equal(seen.rows, 1 + 1203);
	assert_true(slice_starts(sbuf_slice(&seen.text), "hello=world\nkey00000=0\nkey00001=1\n"));
	assert_true(slice_ends(sbuf_slice(&seen.text), "\nkey01202=1202\n"));
	sbuf_release(&seen.text);
}

/* --- which maps there are --------------------------------------------------------------------- */

static void
test_kinds(void **state)
{
	static const struct {
		const char *name;
		enum outcome outcome;
		enum key_search search;
		enum map_value value;
	} rows[] = {
		{ "words", FOUND, SEARCH_EXACT, VALUE_TEXT },
		{ "nets", FOUND, SEARCH_NETWORK, VALUE_TEXT },
		{ "moves", FOUND, SEARCH_REWRITE, VALUE_ADDRESS },
		{ "transports", FOUND, SEARCH_TRANSPORT, VALUE_TRANSPORT },
		{ "recipient-access", FOUND, SEARCH_ACCESS, VALUE_ACTION },
		{ "senders", FOUND, SEARCH_ADDRESS, VALUE_LOGINS },
		{ "aliases", BAD, 0, 0 },
		{ "domains", BAD, 0, 0 },
		{ "Words", NONE, 0, 0 },
		{ "", NONE, 0, 0 },
		{ "a b", NONE, 0, 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum key_search search = SEARCH_EXACT;
		enum map_value value = VALUE_TEXT;
		enum outcome o = store_map(f->s, S(rows[i].name), &search, &value, &f->err);

		if (o != rows[i].outcome ||
		    (o == FOUND && (search != rows[i].search || value != rows[i].value)))
			fail_msg("'%s': %s, %d, %d", rows[i].name, outcome_name(o), search, value);
	}
}

/* --- questions -------------------------------------------------------------------------------- */

static const struct asked {
	const char *name;
	const char *domain;
	const char *map;
	enum row row;
	const char *key;
	bool hit;
	const char *value;
} questions[] = {
	{ "an entry", "", "words", ROW_ENTRY, "hello", true, "world" },
	{ "no entry of that map", "", "nets", ROW_ENTRY, "hello", false, "" },
	{ "keys are canonical when they come here", "", "words", ROW_ENTRY, "Hello", false, "" },
	{ "an entry of no map", "", "", ROW_ENTRY, "hello", false, "" },
	{ "a bare name in a local domain", "local.test", "relocated", ROW_LOCAL_ENTRY, "root", true,
	    "root@else.test" },
	{ "in a mailbox domain", "example.com", "relocated", ROW_LOCAL_ENTRY, "root", false, "" },
	{ "in an unknown domain", "nowhere.test", "relocated", ROW_LOCAL_ENTRY, "root", false, "" },
	{ "in no domain", "", "relocated", ROW_LOCAL_ENTRY, "root", false, "" },
	{ "the same as a plain entry", "example.com", "relocated", ROW_ENTRY, "root", true,
	    "root@else.test" },
	{ "a map", "", "", ROW_MAP, "nets", true, "network" },
	{ "no map of the admin's", "", "", ROW_MAP, "aliases", false, "" },
	{ "a map's name is exact", "", "", ROW_MAP, "Nets", false, "" },
	{ "patterns that begin so", "example.com", "", ROW_PATTERN, "sales-", true,
	    "sales-*-eu@example.com\nsales-*@example.com\n" },
	{ "that begin with nothing", "example.com", "", ROW_PATTERN, "", true,
	    "*-end@example.com\n" },
	{ "that begin otherwise", "example.com", "", ROW_PATTERN, "sales", false, "" },
	{ "in another domain", "fwd.test", "", ROW_PATTERN, "sales-", false, "" },
	{ "a member of a closed list", "else.test", "", ROW_MEMBER, "sally@else.test", true, "" },
	{ "of one that is not closed", "else.test", "", ROW_MEMBER, "copy@else.test", false, "" },
	{ "of none", "else.test", "", ROW_MEMBER, "tom@else.test", false, "" },
};

static void
check_question(struct store *s, const struct asked *a)
{
	struct question q;
	struct facts facts;
	struct error err = { "" };
	const struct sbuf *got = a->row == ROW_PATTERN ? &facts.targets : &facts.value;

	question_init(&q);
	facts_init(&facts);
	sbuf_add_str(&facts.value, "left over from before");
	sbuf_add_str(&facts.domain.target, "left.test");
	assert_true(question_set_domain(&q, S(a->domain)) && question_set_map(&q, S(a->map)));
	assert_true(question_add_text(&q, a->row, S("nobody@nowhere.test"), false));
	assert_true(question_add_text(&q, a->row, S(a->key), false));
	must(store_ask(s, &q, &facts, &err), &err, a->name);
	if (facts.hit != a->hit || (a->hit && facts.rank != 1) ||
	    strcmp(sbuf_cstr(got), a->value) != 0)
		fail_msg(
		    "%s: hit %d, rank %zu, '%s'", a->name, facts.hit, facts.rank, sbuf_cstr(got));
	assert_string_equal(sbuf_cstr(&facts.domain.target), "");
	facts_release(&facts);
	question_release(&q);
}

static void
add_patterns_and_lists(struct fixture *f)
{
	static const struct alias_settings closed = { .internal = true };

	must(alias_add(f->s, "sales-*@example.com", "harry@example.com", &f->err), &f->err,
	    "pattern");
	must(alias_add(f->s, "sales-*-eu@example.com", "sally@example.com", &f->err), &f->err,
	    "pattern");
	must(alias_add(f->s, "*-end@example.com", "end@else.test", &f->err), &f->err, "pattern");
	must(store_alias_set(f->s, S("info@example.com"), &closed, &f->err), &f->err, "closed");
}

static void
test_questions(void **state)
{
	struct fixture *f = *state;
	struct store *s;

	add_patterns_and_lists(f);
	s = open_at(f->path, STORE_LOOKUP);
	for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
		check_question(s, &questions[i]);
	must(store_begin(s, &f->err), &f->err, "begin");
	for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
		check_question(s, &questions[i]);
	store_end(s);
	store_close(s);
}

/* A question about one domain may have another one as a candidate. */
static void
test_two_domains(void **state)
{
	struct fixture *f = *state;
	struct question q;
	struct facts facts;

	question_init(&q);
	facts_init(&facts);
	assert_true(question_set_domain(&q, S("other.test")));
	assert_true(question_add_text(&q, ROW_DOMAIN, S("relay.test"), false));
	must(store_ask(f->s, &q, &facts, &f->err), &f->err, "ask");
	assert_true(facts.hit);
	assert_int_equal(facts.kind, DOMAIN_RELAY);
	assert_true(facts.domain.known);
	assert_int_equal(facts.domain.kind, DOMAIN_ALIAS);
	assert_string_equal(sbuf_cstr(&facts.domain.target), "example.com");
	facts_release(&facts);
	question_release(&q);
}

/* --- whole lookups ---------------------------------------------------------------------------- */

static const struct looked_up lookups[] = {
	{ "words", "HELLO", FOUND, "world" },
	{ "words", "bye", NONE, "" },
	{ "nets", "192.0.2.7", FOUND, "wide" },
	{ "nets", "192.0.2.200", FOUND, "narrow" },
	{ "nets", "2001:db8:ffff::1", FOUND, "six" },
	{ "nets", "198.51.100.1", NONE, "" },
	{ "nets", "mx.d.test", NONE, "" },
	{ "hosts", "192.0.2.99", FOUND, "REJECT net" },
	{ "hosts", "192.0.20.1", NONE, "" },
	{ "hosts", "2001:db8::1", FOUND, "REJECT six" },
	{ "hosts", "2001:db8::2", NONE, "" },
	{ "hosts", "MX.D.test", FOUND, "REJECT name" },
	{ "moves", "Joe+x@was.test", FOUND, "Joe+x@is.test" },
	{ "transports", "Harry+x@example.com", FOUND, "lmtp:unix:private/lmtp" },
	{ "transports", "sally@example.com", NONE, "" },
	{ "transports", "sally@mx.example.com", FOUND, "smtp:[gateway.test]" },
	{ "transports", "*", FOUND, "smtp:[out.test]" },
	{ "relocated", "left+x@example.com", FOUND, "left@else.test" },
	{ "relocated", "root@local.test", FOUND, "root@else.test" },
	{ "relocated", "J\xc3\x96RG@local.test", FOUND, "joerg@else.test" },
	{ "relocated", "root@example.com", NONE, "" },
	{ "relocated", "anybody@relay.test", FOUND, "somewhere else" },
	{ "canonical", "Old+X@example.com", FOUND, "new+X@example.com" },
	{ "sender-access", "info+x@anywhere.test", FOUND, "HOLD" },
	{ "sender-access", "<>", FOUND, "DUNNO" },
	{ "sender-access", "joe@anywhere.test", NONE, "" },
	{ "senders", "shared@example.com", FOUND, "harry@example.com, sally@example.com" },
	{ "recipient-access", "info@example.com", FOUND, "REJECT moved" },
	{ "sasl-access", "JOE", FOUND, "OK" },
	{ "uids", "harry+x@example.com", FOUND, "1001" },
	{ "relay-domains", "mx.relay.test", FOUND, "relay.test" },
	{ "nothing", "a", BAD, "no such map" },
	{ "a b", "a", BAD, "no such map" },
};

static void
test_lookups(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);

	check_lookups(s, lookups, sizeof lookups / sizeof lookups[0]);
	store_close(s);
}

/* What was set a moment ago is there, and what was taken out is not, with no reload of anything. */
static void
test_edit_is_seen_at_once(void **state)
{
	static const struct looked_up before = { "words", "bye", NONE, "" };
	static const struct looked_up after = { "words", "bye", FOUND, "moon" };
	static const struct looked_up gone = { "words", "bye", BAD, "no such map" };
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct lookup l;

	lookup_init(&l);
	check_lookup(s, &l, &before);
	set_entry(f->s, "words", "bye", "moon");
	check_lookup(s, &l, &after);
	must(store_entry_unset(f->s, S("words"), S("bye"), &f->err), &f->err, "unset");
	check_lookup(s, &l, &before);
	must(store_map_remove(f->s, S("words"), &f->err), &f->err, "remove");
	check_lookup(s, &l, &gone);
	lookup_release(&l);
	store_close(s);
}

/* --- closed lists -------------------------------------------------------------------------------
 */

/* However an address leads to a closed list: the list is closed. */
static void
test_closed_lists(void **state)
{
	static const struct looked_up rows[] = {
		{ "recipient-access", "Team@example.com", FOUND, MAP_CLOSED_LIST },
		{ "recipient-access", "team+x@example.com", FOUND, MAP_CLOSED_LIST },
		{ "recipient-access", "team@other.test", FOUND, MAP_CLOSED_LIST },
		{ "recipient-access", "team+x@other.test", FOUND, MAP_CLOSED_LIST },
		{ "recipient-access", "staff@local.test", FOUND, MAP_CLOSED_LIST },
		{ "recipient-access", "staff@example.com", NONE, "" },
		{ "recipient-access", "room-1@example.com", FOUND, MAP_CLOSED_LIST },
		{ "recipient-access", "room-1@other.test", FOUND, MAP_CLOSED_LIST },
		{ "recipient-access", "room-open@example.com", NONE, "" },
		{ "recipient-access", "harry@example.com", NONE, "" },
		{ "recipient-access", "harry@other.test", NONE, "" },
		{ "recipient-access", "sally@other.test", NONE, "" },
		{ "recipient-access", "anybody@example.com", NONE, "" },
		{ "recipient-access", "anybody@fwd.test", FOUND, MAP_CLOSED_LIST },
		{ "recipient-access", "x@fwd.test", NONE, "" },
		{ "recipient-access", "x@relay.test", NONE, "" },
		{ "recipient-access", "x@nowhere.test", NONE, "" },
		{ "members", "Harry@example.com", FOUND, "OK" },
		{ "members", "friend+x@else.test", FOUND, "OK" },
		{ "members", "foe@else.test", NONE, "" },
		{ "members", "any@relay.test", NONE, "" },
	};
	static const struct alias_settings closed = { .internal = true };
	static const char *const lists[] = { "team@example.com", "staff", "room-*@example.com",
		"@fwd.test" };
	struct fixture *f = *state;
	struct store *s;
	struct lookup l;

	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		must(alias_add(f->s, lists[i], "harry@example.com friend@else.test", &f->err),
		    &f->err, lists[i]);
		must(store_alias_set(f->s, S(lists[i]), &closed, &f->err), &f->err, lists[i]);
	}
	must(alias_add(f->s, "room-open@example.com", "harry@example.com", &f->err), &f->err,
	    "open");
	s = open_at(f->path, STORE_LOOKUP);
	lookup_init(&l);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_lookup(s, &l, &rows[i]);
	lookup_release(&l);
	store_close(s);
}

/* --- what should not be -------------------------------------------------------------------------
 */

static void
test_search_of_a_later_release(void **state)
{
	static const struct looked_up row = { "words", "hello", RETRY,
		"a map with a search that this program does not know" };
	struct fixture *f = *state;
	struct seen seen = { .enough = 0 };
	enum key_search search;
	enum map_value value;
	struct lookup l;

	raw(f->path, "UPDATE map SET search = 'backwards' WHERE name = 'words'");
	lookup_init(&l);
	check_lookup(f->s, &l, &row);
	lookup_release(&l);
	assert_int_equal(store_map(f->s, S("words"), &search, &value, &f->err), RETRY);
	assert_int_equal(store_entry_set(f->s, S("words"), S("a"), S("b"), &f->err), RETRY);
	sbuf_init(&seen.text, 1000);
	assert_int_equal(store_maps(f->s, see_map, &seen, &f->err), RETRY);
	sbuf_release(&seen.text);
}

/* A lookup worker reads maps and changes nothing: every change is RETRY, with no trace. */
static void
test_lookup_role(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	static const struct alias_settings off = { .disabled = true };
	static const struct domain_settings plain = { .propagate = 0 };
	struct sbuf before, after;

	dump(f->path, &before);
	assert_int_equal(store_map_create(s, S("new"), SEARCH_EXACT, &f->err), RETRY);
	assert_int_equal(store_map_remove(s, S("words"), &f->err), RETRY);
	assert_int_equal(store_entry_set(s, S("words"), S("a"), S("b"), &f->err), RETRY);
	assert_int_equal(store_entry_unset(s, S("words"), S("hello"), &f->err), RETRY);
	assert_int_equal(store_alias_set(s, S("info@example.com"), &off, &f->err), RETRY);
	assert_int_equal(store_domain_set(s, S("example.com"), &plain, &f->err), RETRY);
	assert_int_equal(
	    store_mailbox_state(s, S("harry@example.com"), STATE_SUSPENDED, S(""), &f->err), RETRY);
	assert_int_equal(store_mailbox_quota(s, S("harry@example.com"), 7, &f->err), RETRY);
	dump(f->path, &after);
	assert_string_equal(sbuf_cstr(&after), sbuf_cstr(&before));
	assert_int_equal(peek(s, "hello"), FOUND);
	sbuf_release(&before);
	sbuf_release(&after);
	store_close(s);
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, furnished_setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_refusals),
		CASE(test_same_is_no_change),
		CASE(test_import),
		CASE(test_import_of_nothing),
		CASE(test_import_is_all_or_nothing),
		CASE(test_import_at_once),
		CASE(test_listing),
		cmocka_unit_test_setup_teardown(test_listing_no_maps, full_setup, teardown),
		CASE(test_listing_pages),
		CASE(test_kinds),
		CASE(test_questions),
		CASE(test_two_domains),
		CASE(test_lookups),
		CASE(test_edit_is_seen_at_once),
		CASE(test_closed_lists),
		CASE(test_search_of_a_later_release),
		CASE(test_lookup_role),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
