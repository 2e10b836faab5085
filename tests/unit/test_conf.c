/* SPDX-License-Identifier: ISC
 *
 * The configuration file: what is read from it, what is refused and in which words, and that what
 * is shown can be read back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sbuf.h"
#include "conf/conf.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static char directory[] = "/tmp/test_conf.XXXXXX";
static char file[64];

static int
make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(file, sizeof file, "%s/x.conf", directory);
	return 0;
}

static int
remove_directory(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(directory);
}

static void
write_bytes(const char *p, size_t n)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static enum outcome
load_text(struct conf **out, const char *text, struct error *err)
{
	write_bytes(text, strlen(text));
	return conf_load(out, file, err);
}

static struct conf *
load(const char *text)
{
	struct conf *c = NULL;
	struct error err = { "" };

	if (load_text(&c, text, &err) != FOUND)
		fail_msg("refused: %s\n%s", err.text, text);
	return c;
}

/* The effective value of a key, or the I-th listener for "listen I", as it would be written. */
static const char *
shown(struct sbuf *out, const struct conf *c, const char *key)
{
	unsigned i;

	sbuf_clear(out);
	if (sscanf(key, "listen %u", &i) == 1) {
		assert_true(i < c->listeners);
		assert_true(conf_put_listener(out, &c->listener[i]));
		return sbuf_cstr(out);
	}
	for (i = 0; conf_key_at(i) != NULL; i++) {
		if (strcmp(conf_key_at(i)->name, key) == 0) {
			assert_true(conf_put_value(out, c, i));
			return sbuf_cstr(out);
		}
	}
	fail_msg("no key '%s'", key);
	return NULL;
}

static void
whole(struct sbuf *out, const struct conf *c)
{
	for (size_t i = 0; conf_key_at(i) != NULL; i++) {
		sbuf_printf(out, "%s = ", conf_key_at(i)->name);
		assert_true(conf_put_value(out, c, i));
		sbuf_add_chr(out, '\n');
	}
	for (size_t i = 0; i < c->listeners; i++) {
		assert_true(conf_put_listener(out, &c->listener[i]));
		sbuf_add_chr(out, '\n');
	}
}

/* --- good files ------------------------------------------------------------------------------ */

#define P20  "/2345678901234567890"
#define P100 P20 P20 P20 P20 P20
#define P107 P100 "/234567"
#define MAP  "listen \"unix:/run/a\" { protocol = socketmap }\n"

static const struct {
	const char *name;
	const char *text;
	const char *key;
	const char *value;
} good[] = {
	{ "a string", "store = \"sqlite:/x.db\"", "store", "\"sqlite:/x.db\"" },
	{ "a string without quotes", "store = sqlite:/x.db", "store", "\"sqlite:/x.db\"" },
	{ "a store on a server", "store = \"postgresql://me@db/x\"", "store",
	    "\"postgresql://me@db/x\"" },
	{ "a password is not shown", "store = \"postgres://me:p:%40@db:5432/x?a=b:c@d\"", "store",
	    "\"postgres://me:...@db:5432/x?a=b:c@d\"" },
	{ "nor as a parameter", "store-lookup = \"postgresql://db/x?password=p&sslmode=require\"",
	    "store-lookup", "\"postgresql://db/x?password=...\"" },
	{ "nor among keywords", "store-login = \"postgresql:host=db password = 'p q' dbname=x\"",
	    "store-login", "\"postgresql:host=db password=...\"" },
	{ "a string in single quotes", "store = 'sqlite:/x.db'", "store", "\"sqlite:/x.db\"" },
	{ "a bare path as store", "store = /x.db", "store", "\"/x.db\"" },
	{ "another engine's URI is the store's business", "store = \"postgresql:///mail\"", "store",
	    "\"postgresql:///mail\"" },
	{ "a quote, a backslash and a dollar", "store = \"/a\\\"\\\\\\${HOME}\"", "store",
	    "\"/a\\\"\\\\\\${HOME}\"" },
	{ "comments of three kinds",
	    "# a\n// b\n/* c\n * d */ store = /x # e\nuser = u /* f */ log = syslog", "log",
	    "syslog" },
	{ "a comment first of all", "#\nuser = u", "user", "\"u\"" },
	{ "a file of one comment", "#", "user", "\"vmaild\"" },
	{ "no comment inside quotes", "store = \"/#a//b/*c\"", "store", "\"/#a//b/*c\"" },
	{ "a quote behind a backslash ends nothing", "store = \"/a\\\"#b\" # c", "store",
	    "\"/a\\\"#b\"" },
	{ "an empty file", "", "lookup-workers", "2" },
	{ "lines that end with CR LF", "user = \"u\"\r\nlookup-workers = 3\r\n", "lookup-workers",
	    "3" },
	{ "user may be root", "user = \"root\"", "user", "\"root\"" },
	{ "a user by number", "user = 1000", "user", "\"1000\"" },
	{ "two delimiters", "recipient-delimiter = \"+-\"", "recipient-delimiter", "\"+-\"" },
	{ "no delimiter", "recipient-delimiter = \"\"", "recipient-delimiter", "\"\"" },
	{ "propagate false", "propagate-extensions = false", "propagate-extensions", "false" },
	{ "propagate yes", "propagate-extensions = yes", "propagate-extensions", "true" },
	{ "least workers", "lookup-workers = 1", "lookup-workers", "1" },
	{ "most workers", "lookup-workers = 64", "lookup-workers", "64" },
	{ "a number is decimal", "hash-memory = 0100", "hash-memory", "100" },
	{ "least lookup deadline", "lookup-deadline = 100", "lookup-deadline", "100" },
	{ "most lookup deadline", "lookup-deadline = 30000", "lookup-deadline", "30000" },
	{ "least connections", "max-connections = 16", "max-connections", "16" },
	{ "most connections", "max-connections = 65536", "max-connections", "65536" },
	{ "most threads", "hash-threads = 64", "hash-threads", "64" },
	{ "least memory", "hash-memory = 8", "hash-memory", "8" },
	{ "most memory", "hash-memory = 1048576", "hash-memory", "1048576" },
	{ "least passes", "hash-passes = 1", "hash-passes", "1" },
	{ "most passes", "hash-passes = 20", "hash-passes", "20" },
	{ "least login deadline", "login-deadline = 500", "login-deadline", "500" },
	{ "most login deadline", "login-deadline = 9000", "login-deadline", "9000" },
	{ "no failure delay", "failure-delay = 0", "failure-delay", "0" },
	{ "most failure delay", "failure-delay = 5000", "failure-delay", "5000" },
	{ "a home by address", "mail-home = \"/m/%u\"", "mail-home", "\"/m/%u\"" },
	{ "where the mail is", "mail-location = \"maildir:~/%d/%n\"", "mail-location",
	    "\"maildir:~/%d/%n\"" },
	{ "where the mail is, left to Dovecot", "mail-location = \"\"", "mail-location", "\"\"" },
	{ "networks", "shared-networks = { \"10.0.0.0/8\", \"fd00::/8\" }", "shared-networks",
	    "{ \"10.0.0.0/8\", \"fd00::/8\" }" },
	{ "no network", "shared-networks = {}", "shared-networks", "{}" },
	{ "a percent in a home", "mail-home = \"/m%%/%n\"", "mail-home", "\"/m%%/%n\"" },
	{ "log to syslog", "log = syslog", "log", "syslog" },
	{ "a level", "log-level = debug", "log-level", "debug" },
	{ "no queue directories", "queue-directories = {}", "queue-directories", "{}" },
	{ "one queue directory without braces", "queue-directories = \"/a\"", "queue-directories",
	    "{ \"/a\" }" },
	{ "two, a comment between", "queue-directories = { \"/a\", # one\n /b }",
	    "queue-directories", "{ \"/a\", \"/b\" }" },
	{ "one more than the default", "queue-directories += { \"/a\" }", "queue-directories",
	    "{ \"/var/spool/postfix\", \"/a\" }" },
	{ "the issue's first listener",
	    "listen \"unix:/run/vmaild.sock\" { protocol = socketmap  mode = 0660  group = postfix "
	    "}",
	    "listen 0",
	    "listen \"unix:/run/vmaild.sock\" { protocol = socketmap  mode = 0660  "
	    "group = \"postfix\"  postfix-twin = true }" },
	{ "the issue's second", "listen \"inet:127.0.0.1:10023\" { protocol = tcp  map = aliases }",
	    "listen 0", "listen \"inet:127.0.0.1:10023\" { protocol = tcp  map = \"aliases\" }" },
	{ "an IPv6 address", "listen \"inet:[::1]:10023\" { protocol = socketmap }", "listen 0",
	    "listen \"inet:[::1]:10023\" { protocol = socketmap }" },
	{ "lookups to log", "log-lookups = { \"map=aliases client=postfix\", 'address=*@a' }",
	    "log-lookups", "{ \"map=aliases client=postfix\", \"address=*@a\" }" },
	{ "all lookups", "log-lookups = { \"*\" }", "log-lookups", "{ \"*\" }" },
	{ "lines for programs", "log-format = json", "log-format", "json" },
	{ "how fast a client may send", "max-client-rate = 64", "max-client-rate", "64" },
	{ "peers", "listen \"unix:/run/a\" { protocol = userdb peers = { dovecot, '@mail' } }",
	    "listen 0",
	    "listen \"unix:/run/a\" { protocol = userdb  mode = 0660  "
	    "peers = { \"dovecot\", \"@mail\" }  postfix-twin = false }" },
	{ "policy has a twin", "listen \"unix:/run/a\" { protocol = policy }", "listen 0",
	    "listen \"unix:/run/a\" { protocol = policy  mode = 0660  postfix-twin = true }" },
	{ "auth has a twin", "listen \"unix:/run/a\" { protocol = auth }", "listen 0",
	    "listen \"unix:/run/a\" { protocol = auth  mode = 0660  postfix-twin = true }" },
	{ "userdb has none", "listen \"unix:/run/a\" { protocol = userdb }", "listen 0",
	    "listen \"unix:/run/a\" { protocol = userdb  mode = 0660  postfix-twin = false }" },
	{ "tcp on a unix socket has none", "listen unix:/run/a { protocol = tcp map = m }",
	    "listen 0",
	    "listen \"unix:/run/a\" { protocol = tcp  map = \"m\"  mode = 0660  "
	    "postfix-twin = false }" },
	{ "a twin of 107 bytes", "queue-directories = { " P100 "1 }\n" MAP, "queue-directories",
	    "{ \"" P100 "1\" }" },
	{ "a twin declined",
	    "listen \"unix:/run/a\" { protocol = socketmap postfix-twin = false mode = 666 }",
	    "listen 0",
	    "listen \"unix:/run/a\" { protocol = socketmap  mode = 0666  postfix-twin = false }" },
	{ "the second of two",
	    MAP "listen \"unix:/run/b\" {\n\tprotocol = auth\n\tmode = 0600\n}\n", "listen 1",
	    "listen \"unix:/run/b\" { protocol = auth  mode = 0600  postfix-twin = true }" },
};

static void
good_files(void **state)
{
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 4096);
	for (size_t i = 0; i < COUNT(good); i++) {
		struct conf *c = load(good[i].text);
		const char *value = shown(&out, c, good[i].key);

		if (strcmp(value, good[i].value) != 0)
			fail_msg("%s: got %s, want %s", good[i].name, value, good[i].value);
		conf_free(c);
	}
	sbuf_release(&out);
}

static void
relative_to_current_directory(void **state)
{
	struct conf *c;
	char *here, *want;

	(void)state;
	here = realpath(".", NULL);
	c = load("store = \"sqlite:./run/x.db\"\n"
		 "listen \"unix:./a\" { protocol = socketmap postfix-twin = false }");
	assert_true(asprintf(&want, "sqlite:%s/run/x.db", here) > 0);
	assert_string_equal(c->store, want);
	free(want);
	assert_true(asprintf(&want, "unix:%s/a", here) > 0);
	assert_string_equal(c->listener[0].address, want);
	free(want);
	free(here);
	conf_free(c);
}

/* --- defaults -------------------------------------------------------------------------------- */

static void
defaults_are_as_described(void **state)
{
	struct conf *c = load("");
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 4096);
	for (size_t i = 0; conf_key_at(i) != NULL; i++)
		assert_string_equal(shown(&out, c, conf_key_at(i)->name), conf_key_at(i)->preset);
	sbuf_release(&out);
	conf_free(c);
}

static void
defaults_by_field(void **state)
{
	struct conf *c = load("");

	(void)state;
	assert_string_equal(c->store, "sqlite:/var/lib/vmaild/vmail.db");
	assert_string_equal(c->user, "vmaild");
	assert_string_equal(c->recipient_delimiter, "+");
	assert_true(c->propagate_extensions);
	assert_int_equal(c->lookup_workers, 2);
	assert_int_equal(c->lookup_deadline, 2000);
	assert_int_equal(c->max_connections, 4096);
	assert_int_equal(c->max_connections_per_user, 0);
	assert_int_equal(c->hash_threads, 0);
	assert_int_equal(c->hash_memory, 65536);
	assert_int_equal(c->hash_passes, 3);
	assert_int_equal(c->login_deadline, 8000);
	assert_int_equal(c->failure_delay, 2000);
	assert_true(c->rehash);
	assert_int_equal(c->remember_logins, 60);
	assert_int_equal(c->record_logins, 10);
	assert_int_equal(c->throttle_user_network, 5);
	assert_int_equal(c->throttle_network, 20);
	assert_int_equal(c->throttle_user, 20);
	assert_int_equal(c->throttle_longest, 900);
	assert_string_equal(c->throttle_file, "");
	assert_string_equal(c->shared_network[0], "127.0.0.0/8");
	assert_string_equal(c->shared_network[1], "::1");
	assert_null(c->shared_network[2]);
	assert_string_equal(c->mail_user, "vmail");
	assert_string_equal(c->mail_location, "");
	assert_string_equal(c->mail_home, "/var/vmail/%d/%n");
	assert_string_equal(c->log, "stderr");
	assert_string_equal(c->log_level, "info");
	assert_string_equal(c->queue_directory[0], "/var/spool/postfix");
	assert_null(c->queue_directory[1]);
	conf_free(c);
}

static void
default_listeners(void **state)
{
	static const struct {
		const char *address;
		enum protocol protocol;
		const char *group;
		bool twin;
	} want[] = {
		{ "unix:/run/vmaild.sock", PROTOCOL_SOCKETMAP, "postfix", true },
		{ "unix:/run/vmaild-auth.sock", PROTOCOL_AUTH, "postfix", true },
		{ "unix:/run/vmaild-dovecot.sock", PROTOCOL_AUTH, "dovecot", false },
		{ "unix:/run/vmaild-userdb.sock", PROTOCOL_USERDB, "dovecot", false },
		{ "unix:/run/vmaild-metrics.sock", PROTOCOL_METRICS, NULL, false },
	};
	struct conf *c = load("user = root");

	(void)state;
	assert_int_equal(c->listeners, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++) {
		const struct conf_listener *l = &c->listener[i];

		assert_string_equal(l->address, want[i].address);
		assert_int_equal(l->protocol, want[i].protocol);
		if (want[i].group == NULL)
			assert_null(l->group);
		else
			assert_string_equal(l->group, want[i].group);
		assert_int_equal(l->twin, want[i].twin);
		assert_int_equal(l->mode, 0660);
		assert_true(l->builtin);
		assert_null(l->map);
	}
	conf_free(c);
}

static void
own_listeners_replace_the_default_ones(void **state)
{
	struct conf *c = load(MAP);

	(void)state;
	assert_int_equal(c->listeners, 1);
	assert_false(c->listener[0].builtin);
	conf_free(c);
}

static void
no_default_file_is_no_error(void **state)
{
	struct conf *c = NULL;
	struct error err;

	(void)state;
	if (access(CONF_DEFAULT_FILE, F_OK) == 0)
		skip();
	assert_int_equal(conf_load(&c, NULL, &err), FOUND);
	assert_int_equal(c->listeners, 5);
	conf_free(c);
}

/* --- bad files ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *text;
	const char *want; /* the message behind the file's name */
} bad[] = {
	{ "unknown key", "user = u\nusers = u", ":2: no such option 'users'" },
	{ "unknown key below comments", "# a\n\n/* b\nc */\n# d\nusers = u",
	    ":6: no such option 'users'" },
	{ "unknown key in a listen section", "listen \"unix:/a\" {\n\tfoo = 1\n}",
	    ":2: no such option 'foo'" },
	{ "a key nobody may use", "\"|\" = 1", ":1: this is not understood" },
	{ "a key without a name", "\"\" = 1", ":1: this is not understood" },
	{ "no equal sign", "user \"u\"", ":1: missing equal sign" },
	{ "a list for a string", "user = { a }", ":1: unexpected token '{'" },
	{ "a section for a string", "user { }", ":1: missing equal sign" },
	{ "an unclosed string", "\nuser = \"u\n\n", ":2: this string has no end" },
	{ "a backslash before the end", "user = \"u\\", ":1: this string has no end" },
	{ "nothing behind the equal sign", "user = # u\n", ":2: premature end of file" },
	{ "an unclosed section", MAP "listen \"unix:/a\" {\nprotocol = auth\n",
	    ":2: this section or list has no end" },
	{ "an unclosed list in a section", "listen \"unix:/a\" {\nprotocol = { auth }",
	    ":1: this section or list has no end" },
	{ "an unclosed comment", "user = u\n /* no more", ":2: this comment has no end" },
	{ "a closing brace too many", "}", ":1: unexpected closing brace" },
	{ "a key twice", "user = a\nuser = b", ":2: user: is set twice" },
	{ "a key twice in a section", "listen \"unix:/a\" { mode = 0600 mode = 0666 }",
	    ":1: mode: is set twice" },

	{ "an empty store", "store = \"\"", ":1: store: is empty" },
	{ "a store without a path", "store = \"sqlite:\"",
	    ":1: store: 'sqlite:' is not an absolute path" },
	{ "a relative store", "store = \"sqlite:vmail.db\"",
	    ":1: store: 'sqlite:vmail.db' is not an absolute path" },
	{ "a relative bare path", "store = \"vmail.db\"",
	    ":1: store: 'vmail.db' is not an absolute path" },
	{ "a relative bare path with a colon", "store = \"a/b:c\"",
	    ":1: store: 'a/b:c' is not an absolute path" },
	{ "a store with a line end", "store = \"/a\\n\"", ":1: store: is empty or not printable" },
	{ "an empty user", "user = ''", ":1: user: is empty" },
	{ "a user with a blank", "user = \"a b\"", ":1: user: 'a b' is not a name" },
	{ "a letter as delimiter", "recipient-delimiter = \"+x\"",
	    ":1: recipient-delimiter: a letter, a digit" },
	{ "a digit as delimiter", "recipient-delimiter = 5", ":1: recipient-delimiter: a letter" },
	{ "an @ as delimiter", "recipient-delimiter = \"@\"", ":1: recipient-delimiter: a letter" },
	{ "a blank as delimiter", "recipient-delimiter = \"+ \"",
	    ":1: recipient-delimiter: a letter" },
	{ "half a character as delimiter", "recipient-delimiter = \"\303\"",
	    ":1: recipient-delimiter: a letter" },
	{ "a plus without quotes", "recipient-delimiter = +\nuser = u",
	    ":2: recipient-delimiter: a letter" },
	{ "neither true nor false", "propagate-extensions = maybe",
	    ":1: propagate-extensions: 'maybe' is neither true nor false" },
	{ "a word for a number", "lookup-workers = many",
	    ":1: lookup-workers: 'many' is not a number from 1 to 64" },
	{ "an empty number", "lookup-workers = ''", ":1: lookup-workers: '' is not a number" },
	{ "a number and a unit", "lookup-workers = 2s", ":1: lookup-workers: '2s' is not" },
	{ "a negative number", "lookup-workers = -1", ":1: lookup-workers: '-1' is not" },
	{ "a number beyond all numbers", "lookup-workers = 99999999999999999999",
	    ":1: lookup-workers: '99999999999999999999' is not" },
	{ "no workers", "lookup-workers = 0", ":1: lookup-workers: '0' is not" },
	{ "too many workers", "lookup-workers = 65", ":1: lookup-workers: '65' is not" },
	{ "too short a lookup deadline", "lookup-deadline = 99", "number from 100 to 30000" },
	{ "too long a lookup deadline", "lookup-deadline = 30001", "number from 100 to 30000" },
	{ "too few connections", "max-connections = 15", "number from 16 to 65536" },
	{ "too many connections", "max-connections = 65537", "number from 16 to 65536" },
	{ "too many threads", "hash-threads = 65", "number from 0 to 64" },
	{ "too little memory", "hash-memory = 7", "number from 8 to 1048576" },
	{ "too much memory", "hash-memory = 1048577", "number from 8 to 1048576" },
	{ "no pass", "hash-passes = 0", "number from 1 to 20" },
	{ "too many passes", "hash-passes = 21", "number from 1 to 20" },
	{ "too short a login deadline", "login-deadline = 499", "number from 500 to 9000" },
	{ "too long a login deadline", "login-deadline = 9001", "number from 500 to 9000" },
	{ "too long a delay", "failure-delay = 5001", "number from 0 to 5000" },
	{ "an unknown % letter", "mail-home = \"/m/%x\"",
	    ":1: mail-home: '/m/%x' has an unknown '%x'" },
	{ "a % at the end", "mail-home = \"/m/%n%\"", ":1: mail-home: '/m/%n%' has an unknown" },
	{ "a relative home", "mail-home = \"m/%n\"", ":1: mail-home: 'm/%n' is not an absolute" },
	{ "one home for all", "mail-home = \"/m/%d\"", "would give every mailbox the same home" },
	{ "a location without a format", "mail-location = \"~/Maildir\"",
	    ":1: mail-location: '~/Maildir' is no location: write" },
	{ "a location without a path", "mail-location = \"maildir:\"", "is no location: write" },
	{ "an unknown % letter in a location", "mail-location = \"maildir:/m/%h\"",
	    ":1: mail-location: 'maildir:/m/%h' has an unknown '%h'" },
	{ "neither true nor false", "rehash = perhaps", "'perhaps' is neither true nor false" },
	{ "remembered for a day", "remember-logins = 86400", "number from 0 to 3600" },
	{ "recorded once a day", "record-logins = 86400", "number from 0 to 3600" },
	{ "too many wrong passwords", "throttle-user = 10001", "number from 0 to 10000" },
	{ "no wait at all", "throttle-longest = 0", "number from 1 to 86400" },
	{ "counts somewhere", "throttle-file = \"counts\"", "not an absolute path" },
	{ "a network that is none", "shared-networks = { localhost }",
	    ":1: shared-networks: 'localhost' is no network: write" },
	{ "a lookup by what it has not", "log-lookups = { \"colour=red\" }",
	    ":1: log-lookups: 'colour=red' does not say which: write" },
	{ "a lookup by half a condition", "log-lookups = { \"map=\" }", "'map=' does not say" },
	{ "a lookup by two blanks", "log-lookups = { \"map=a  client=b\" }", "does not say" },
	{ "a lookup by nothing", "log-lookups = { \"\" }", "'' does not say" },
	{ "another format", "log-format = xml", "'xml' is none of text|logfmt|json" },
	{ "a network twice", "shared-networks = { \"::1\", \"::1\" }", "'::1' is named twice" },
	{ "an unknown place to log", "log = \"/var/log/x\"",
	    ":1: log: '/var/log/x' is none of stderr|syslog" },
	{ "an unknown level", "log-level = loud", "is none of error|warning|info|debug" },
	{ "half a level", "log-level = \"error|warning\"", "is none of error|warning|info|debug" },
	{ "a relative queue directory", "queue-directories = { spool }",
	    ":1: queue-directories: 'spool' is not an absolute path" },
	{ "a queue directory twice", "queue-directories = { /a,\n/b, /a }",
	    ":2: queue-directories: '/a' is named twice" },
	{ "nine queue directories", "queue-directories = { /1, /2, /3, /4, /5, /6, /7, /8, /9 }",
	    ":1: queue-directories: more than 8 of them" },

	{ "a listener without an address", "listen { protocol = auth }", ":1: missing title" },
	{ "an address of no kind", "listen \"/run/a\" { protocol = auth }",
	    ":1: listen '/run/a': say 'unix:/path' or 'inet:host:port'" },
	{ "a relative socket", "listen \"unix:run/a\" { protocol = auth }",
	    ":1: listen 'unix:run/a': 'unix:run/a' is not an absolute path" },
	{ "a path too long for a socket", "listen \"unix:" P107 "8\" {\nprotocol = userdb\n}",
	    "': the path is 108 bytes long, and a unix socket's path has at most 107" },
	{ "no port", "listen \"inet:localhost\" { protocol = auth }", ": say 'inet:host:port'" },
	{ "port 0", "listen \"inet:localhost:0\" { protocol = auth }", ": the port must be" },
	{ "port 65536", "listen \"inet:localhost:65536\" { protocol = auth }",
	    ": the port must be" },
	{ "no protocol", "\nlisten \"unix:/a\" { mode = 0600 }",
	    ":2: listen 'unix:/a': needs a protocol: socketmap|tcp|policy|auth|userdb" },
	{ "an unknown protocol", "listen \"unix:/a\" {\nprotocol = smtp\n}",
	    ":2: protocol: 'smtp' is none of socketmap|tcp|policy|auth|userdb" },
	{ "tcp without a map", "listen \"inet:localhost:1\" { protocol = tcp }",
	    ":1: listen 'inet:localhost:1': protocol tcp needs a map" },
	{ "socketmap with a map", "listen \"unix:/a\" { protocol = socketmap map = aliases }",
	    ":1: listen 'unix:/a': map is for protocol tcp only" },
	{ "an empty map", "listen \"unix:/a\" { protocol = tcp map = '' }", ":1: map: is empty" },
	{ "a mode that is not octal", "listen \"unix:/a\" { mode = 0680 }",
	    ":1: mode: '0680' is not an octal mode from 0 to 0777" },
	{ "a mode with a setuid bit", "listen \"unix:/a\" { mode = 4755 }", "'4755' is not an" },
	{ "a mode for inet", "listen \"inet:localhost:1\" { protocol = auth mode = 0600 }",
	    "mode, group, peers and postfix-twin are for unix sockets only" },
	{ "a group for inet", "listen \"inet:localhost:1\" { protocol = auth group = g }",
	    "mode, group, peers and postfix-twin are for unix sockets only" },
	{ "peers for inet", "listen \"inet:localhost:1\" { protocol = auth peers = { a } }",
	    "mode, group, peers and postfix-twin are for unix sockets only" },
	{ "a peer without a name", "listen \"unix:/a\" { peers = { '' } }",
	    ":1: peers: '' is neither a user nor, with an '@' in front, a group" },
	{ "a group without a name", "listen \"unix:/a\" { peers = { a, '@' } }",
	    ":1: peers: '@' is neither a user" },
	{ "an address for a peer", "listen \"unix:/a\" { peers = { 'a@b' } }",
	    ":1: peers: 'a@b' is neither a user" },
	{ "nine peers", "listen \"unix:/a\" { peers = { a, b, c, d, e, f, g, h, i } }",
	    ":1: peers: more than 8 of them" },
	{ "a peer twice", "listen \"unix:/a\" { peers = { a, '@a', a } }",
	    ":1: peers: 'a' is named twice" },
	{ "a twin for inet", "listen \"inet:localhost:1\" { protocol = auth postfix-twin = on }",
	    "mode, group, peers and postfix-twin are for unix sockets only" },
	{ "a twin for userdb", "listen \"unix:/a\" { protocol = userdb postfix-twin = true }",
	    "postfix-twin is for socketmap, policy and auth only" },
	{ "the same title twice", MAP MAP, ":2: found duplicate title 'unix:/run/a'" },
	{ "a twin of 108 bytes", "queue-directories = { " P100 "12 }\n" MAP,
	    ":2: listen 'unix:/run/a': its twin below '" },
	{ "a twin that would not fit", "queue-directories = { " P107 " }\n" MAP,
	    ":2: listen 'unix:/run/a': its twin below '" },
	{ "a default listener's twin that would not fit", "queue-directories = { " P107 " }",
	    ": listen 'unix:/run/vmaild.sock': its twin below '" },
	{ "the first mistake is the one told", "users = u\nlookup-workers = 0", ":1: no such" },
	{ "a message stays on one line", "user = \"a\\nb\"", ":1: user: 'a?b' is not a name" },
};

static void
bad_files(void **state)
{
	static struct conf untouched;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct conf *c = &untouched;
		struct error err = { "" };

		if (load_text(&c, bad[i].text, &err) != BAD)
			fail_msg("%s: not refused", bad[i].name);
		if (c != &untouched)
			fail_msg("%s: the result was touched", bad[i].name);
		if (strncmp(err.text, file, strlen(file)) != 0 ||
		    strstr(err.text + strlen(file), bad[i].want) == NULL)
			fail_msg("%s: got \"%s\", want \"%s\"", bad[i].name, err.text, bad[i].want);
		assert_int_equal(conf_load(&c, file, NULL), BAD);
	}
}

static void
an_address_twice_by_another_name(void **state)
{
	struct conf *c = NULL;
	struct error err;
	char *here, *text;

	(void)state;
	here = realpath(".", NULL);
	assert_true(asprintf(&text,
			"listen \"unix:./a\" { protocol = userdb }\n"
			"listen \"unix:%s/a\" { protocol = userdb }\n",
			here) > 0);
	assert_int_equal(load_text(&c, text, &err), BAD);
	assert_non_null(strstr(err.text, ":2: listen 'unix:"));
	assert_non_null(strstr(err.text, "this address has a listen section already"));
	free(text);
	free(here);
}

static void
listen_sections_have_a_limit(void **state)
{
	struct conf *c = NULL;
	struct error err;
	struct sbuf text;

	(void)state;
	sbuf_init(&text, 8192);
	for (int i = 1; i <= CONF_LISTENERS_MAX; i++)
		sbuf_printf(&text, "listen \"inet:localhost:%d\" { protocol = auth }\n", i);
	conf_free(load(sbuf_cstr(&text)));
	sbuf_add_str(&text, MAP);
	assert_int_equal(load_text(&c, sbuf_cstr(&text), &err), BAD);
	assert_non_null(strstr(err.text, ":33: more than 32 listen sections"));
	sbuf_release(&text);
}

static void
files_that_cannot_be_read(void **state)
{
	static char big[(1 << 20) + 1];
	struct conf *c = NULL;
	struct error err;

	(void)state;
	unlink(file);
	assert_int_equal(conf_load(&c, file, &err), BAD);
	assert_non_null(strstr(err.text, "cannot open '"));
	assert_int_equal(conf_load(&c, directory, &err), BAD);
	assert_non_null(strstr(err.text, "cannot read '"));
	write_bytes("user = u\0", 9);
	assert_int_equal(conf_load(&c, file, &err), BAD);
	assert_non_null(strstr(err.text, "' is not a text file"));
	memset(big, ' ', sizeof big);
	write_bytes(big, sizeof big);
	assert_int_equal(conf_load(&c, file, &err), BAD);
	assert_non_null(strstr(err.text, "' is larger than 1048576 bytes"));
	write_bytes(big, sizeof big - 1);
	assert_int_equal(conf_load(&c, file, &err), FOUND);
	conf_free(c);
}

/* Also shows that a broken file leaves nothing behind in libconfuse's scanner, which is global. */
static void
every_prefix_is_taken_or_refused_in_silence(void **state)
{
	static const char text[] =
	    "# c\nstore = \"sqlite:/a\\\"b\" /* d */ user = 'x'\n"
	    "queue-directories += { /a, \"/b\" }\n"
	    "listen \"unix:/a\" { protocol = tcp map = m # e\n mode = 0600 }\n";
	int out = dup(1), err = dup(2);
	FILE *talk = tmpfile();
	unsigned loaded = 0;
	long said;

	(void)state;
	assert_non_null(talk);
	fflush(NULL);
	dup2(fileno(talk), 1);
	dup2(fileno(talk), 2);
	for (size_t n = 0; n < sizeof text; n++) {
		struct conf *c = NULL;
		struct error why;

		write_bytes(text, n);
		loaded += conf_load(&c, file, &why) == FOUND;
		conf_free(c);
	}
	fflush(NULL);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	said = lseek(fileno(talk), 0, SEEK_END);
	fclose(talk);
	assert_int_equal(said, 0);
	assert_true(loaded > 5);
	conf_free(load(text));
}

/* --- beside the store ------------------------------------------------------------------------- */

static void
where_the_throttle_file_is(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
		{ "", "/var/lib/vmaild/vmail.db-throttle" },
		{ "store = \"/srv/m.db\"", "/srv/m.db-throttle" },
		{ "store = \"postgresql:host=db\"", "/var/lib/vmaild/throttle" },
		{ "throttle-file = \"/srv/counts\"", "/srv/counts" },
		{ "store = \"postgresql:host=db\"\nthrottle-file = \"/srv/counts\"",
		    "/srv/counts" },
	};
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 4096);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conf *c = load(rows[i].text);

		sbuf_clear(&out);
		assert_true(conf_throttle_file(&out, c));
		assert_string_equal(sbuf_cstr(&out), rows[i].want);
		conf_free(c);
	}
	sbuf_release(&out);
}

/* --- there and back -------------------------------------------------------------------------- */

static void
what_is_shown_can_be_read_back(void **state)
{
	static const char *const texts[] = {
		"",
		MAP,
		"store = \"/a\\\"b\\\\c\\${HOME}'#d//e\"\nrecipient-delimiter = \"\\\"\\\\$\"\n"
		"queue-directories = { \"/a b\", '/c\"d' }\nmail-home = \"/m/%d/%%/%u\"\n"
		"log = syslog\nlog-level = error\npropagate-extensions = off\n"
		"listen \"unix:/a b\" { protocol = userdb mode = 7 group = g }\n"
		"listen \"unix:/c$\" { protocol = tcp map = m }\n"
		"listen \"inet:[::1]:1\" { protocol = tcp map = m }\n",
		"queue-directories = {}\nhash-memory = 8\n",
	};
	struct sbuf before, after;

	(void)state;
	sbuf_init(&before, 8192);
	sbuf_init(&after, 8192);
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct conf *c = load(texts[i]);

		sbuf_clear(&before);
		whole(&before, c);
		conf_free(c);
		c = load(sbuf_cstr(&before));
		sbuf_clear(&after);
		whole(&after, c);
		conf_free(c);
		assert_string_equal(sbuf_cstr(&before), sbuf_cstr(&after));
	}
	sbuf_release(&before);
	sbuf_release(&after);
}

static void
showing_into_a_full_buffer_fails(void **state)
{
	struct conf *c = load("");
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 10);
	assert_false(conf_put_value(&out, c, 0));
	sbuf_clear(&out);
	assert_false(conf_put_listener(&out, &c->listener[0]));
	sbuf_release(&out);
	conf_free(c);
}

static void
every_key_is_described(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; conf_key_at(i) != NULL; i++) {
		assert_true(strlen(conf_key_at(i)->help) > 5);
		assert_true(strlen(conf_key_at(i)->value) > 1);
		assert_true(strlen(conf_key_at(i)->preset) > 0);
	}
	assert_null(conf_key_at(i + 1));
}

/* Read from the top of the source tree, where `make check` runs. What is in it behind the # is
 * looked at by tests/lib/docs.sh. */
static void
the_sample_sets_nothing(void **state)
{
	static char sample[1 << 16];
	FILE *f = fopen("contrib/vmaild.conf", "r");
	struct conf *c;

	(void)state;
	if (f == NULL)
		skip();
	sample[fread(sample, 1, sizeof sample - 1, f)] = '\0';
	fclose(f);
	c = load(sample);
	assert_int_equal(c->listeners, 5);
	assert_true(c->listener[0].builtin);
	conf_free(c);
}

/* --- addresses ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *address;
	const char *host; /* or the path; NULL: refused */
	const char *port; /* NULL: a unix socket */
} endpoints[] = {
	{ "a unix socket", "unix:/run/a.sock", "/run/a.sock", NULL },
	{ "a colon in a path", "unix:/a:b", "/a:b", NULL },
	{ "the longest path", "unix:" P107, P107, NULL },
	{ "one byte more", "unix:" P107 "8", NULL, NULL },
	{ "no path", "unix:", NULL, NULL },
	{ "a relative path", "unix:./a", NULL, NULL },
	{ "a line end in a path", "unix:/a\nb", NULL, NULL },
	{ "an IPv4 address", "inet:127.0.0.1:25", "127.0.0.1", "25" },
	{ "a name", "inet:mail-1.example.com:65535", "mail-1.example.com", "65535" },
	{ "an IPv6 address", "inet:[fe80::1%eth0]:1", "fe80::1%eth0", "1" },
	{ "an IPv6 address without brackets", "inet:::1:25", NULL, NULL },
	{ "brackets around nothing", "inet:[]:25", NULL, NULL },
	{ "brackets around a name", "inet:[localhost]:25", NULL, NULL },
	{ "an unclosed bracket", "inet:[::1:25", NULL, NULL },
	{ "only a bracket", "inet:[:25", NULL, NULL },
	{ "no host", "inet::25", NULL, NULL },
	{ "no port", "inet:localhost:", NULL, NULL },
	{ "a port by name", "inet:localhost:smtp", NULL, NULL },
	{ "a port with zeros before it", "inet:localhost:000000000025", NULL, NULL },
	{ "a blank in a host", "inet:local host:25", NULL, NULL },
	{ "another family", "local:/a", NULL, NULL },
	{ "nothing", "", NULL, NULL },
};

static void
addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(endpoints); i++) {
		struct conf_endpoint at;
		struct error err = { "" };
		enum outcome o = conf_endpoint(&at, endpoints[i].address, &err);

		if (o != (endpoints[i].host == NULL ? BAD : FOUND))
			fail_msg("%s: %s %s", endpoints[i].name, outcome_name(o), err.text);
		if (o == BAD) {
			assert_true(err.text[0] != '\0');
			continue;
		}
		assert_int_equal(at.is_unix, endpoints[i].port == NULL);
		assert_string_equal(at.is_unix ? at.path : at.host, endpoints[i].host);
		if (!at.is_unix)
			assert_string_equal(at.port, endpoints[i].port);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_files),
		cmocka_unit_test(relative_to_current_directory),
		cmocka_unit_test(defaults_are_as_described),
		cmocka_unit_test(defaults_by_field),
		cmocka_unit_test(default_listeners),
		cmocka_unit_test(own_listeners_replace_the_default_ones),
		cmocka_unit_test(no_default_file_is_no_error),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(an_address_twice_by_another_name),
		cmocka_unit_test(listen_sections_have_a_limit),
		cmocka_unit_test(files_that_cannot_be_read),
		cmocka_unit_test(every_prefix_is_taken_or_refused_in_silence),
		cmocka_unit_test(where_the_throttle_file_is),
		cmocka_unit_test(what_is_shown_can_be_read_back),
		cmocka_unit_test(showing_into_a_full_buffer_fails),
		cmocka_unit_test(every_key_is_described),
		cmocka_unit_test(the_sample_sets_nothing),
		cmocka_unit_test(addresses),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
