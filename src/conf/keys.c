/* SPDX-License-Identifier: ISC
 *
 * Every key of the configuration file as a row. The parser, `vmailctl config show` and the manual's
 * check all live on these two tables; what a value may look like is kinds.c's business.
 */
#include "keys.h"

#include <string.h>

#include "base/sbuf.h"

/* clang-format off */
const struct key conf_keys[] = {
	{ .shown = { "store", "string", "\"sqlite:/var/lib/vmaild/vmail.db\"",
	    "where domains, mailboxes, aliases and passwords are kept" },
	  .kind = &kind_store, .offset = offsetof(struct conf, store) },
	{ .shown = { "store-lookup", "string", "\"\"",
	    "the same store, as lookup workers connect to it; empty: as everybody" },
	  .kind = &kind_store_too, .offset = offsetof(struct conf, store_lookup) },
	{ .shown = { "store-login", "string", "\"\"",
	    "the same store, as the worker for logins connects to it; empty: as everybody" },
	  .kind = &kind_store_too, .offset = offsetof(struct conf, store_login) },
	{ .shown = { "user", "string", "\"vmaild\"",
	    "the user the daemon becomes once its sockets are bound" },
	  .kind = &kind_name, .offset = offsetof(struct conf, user) },
	{ .shown = { "recipient-delimiter", "string", "\"+\"",
	    "characters that may begin an address extension, as Postfix's recipient_delimiter" },
	  .kind = &kind_delimiter, .offset = offsetof(struct conf, recipient_delimiter) },
	{ .shown = { "propagate-extensions", "true|false", "true",
	    "whether an alias passes the extension on to its targets" },
	  .kind = &kind_boolean, .offset = offsetof(struct conf, propagate_extensions) },
	{ .shown = { "lookup-workers", "number", "2", "processes that answer lookups (1 to 64)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, lookup_workers),
	  .min = 1, .max = 64 },
	{ .shown = { "lookup-deadline", "milliseconds", "2000",
	    "after so long a lookup is answered with 'try again' (100 to 30000)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, lookup_deadline),
	  .min = 100, .max = 30000 },
	{ .shown = { "answer-memory", "KiB", "16384",
	    "where one worker keeps the answers it gave until the store changes (0: nowhere, to 1048576)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, answer_memory),
	  .min = 0, .max = 1048576 },
	{ .shown = { "store-connections", "number", "2",
	    "connections of one worker to the server of a postgresql: store (1 to 16)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, store_connections),
	  .min = 1, .max = 16 },
	{ .shown = { "max-lag", "seconds", "5",
	    "a standby of such a store that is behind for so long is left for another server, "
	    "0: never (0 to 86400)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, max_lag),
	  .min = 0, .max = 86400 },
	{ .shown = { "serve-stale", "seconds", "0",
	    "for so long after the last server of such a store was lost its last answers are given, "
	    "0: not at all (0 to 604800)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, serve_stale),
	  .min = 0, .max = 604800 },
	{ .shown = { "max-connections", "number", "4096",
	    "clients one worker keeps at the same time (16 to 65536)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, max_connections),
	  .min = 16, .max = 65536 },
	{ .shown = { "max-connections-per-user", "number", "0",
	    "of those, how many may be one local user's but root's, 0: three quarters (0 to 65536)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, max_connections_per_user),
	  .min = 0, .max = 65536 },
	{ .shown = { "max-client-rate", "KiB", "0",
	    "what one connection may send in a second before it is made to wait, 0: any (0 to 1048576)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, max_client_rate),
	  .min = 0, .max = 1048576 },
	{ .shown = { "hash-threads", "number", "0",
	    "passwords hashed at the same time, 0: one per CPU (0 to 64)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, hash_threads),
	  .min = 0, .max = 64 },
	{ .shown = { "hash-memory", "KiB", "65536",
	    "memory one new password hash takes (8 to 1048576)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, hash_memory),
	  .min = 8, .max = 1048576 },
	{ .shown = { "hash-passes", "number", "3", "passes over that memory (1 to 20)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, hash_passes),
	  .min = 1, .max = 20 },
	{ .shown = { "login-deadline", "milliseconds", "8000",
	    "after so long a login is answered with 'try again' "
	    "(500 to 9000; Postfix waits 10 s)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, login_deadline),
	  .min = 500, .max = 9000 },
	{ .shown = { "failure-delay", "milliseconds", "2000",
	    "how long the answer to a wrong password is held back (0 to 5000)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, failure_delay),
	  .min = 0, .max = 5000 },
	{ .shown = { "rehash", "true|false", "true",
	    "whether a password in an older form is hashed anew when its user logs in" },
	  .kind = &kind_boolean, .offset = offsetof(struct conf, rehash) },
	{ .shown = { "remember-logins", "seconds", "60",
	    "for so long the same good login again is not hashed anew, 0: never (0 to 3600)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, remember_logins),
	  .min = 0, .max = 3600 },
	{ .shown = { "record-logins", "seconds", "10",
	    "how often the last logins are written to the store, 0: not at all (0 to 3600)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, record_logins),
	  .min = 0, .max = 3600 },
	{ .shown = { "throttle-user-network", "number", "5",
	    "wrong passwords for one user from one network before it has to wait, "
	    "0: any (0 to 10000)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, throttle_user_network),
	  .min = 0, .max = 10000 },
	{ .shown = { "throttle-network", "number", "20",
	    "wrong passwords from one network, for whomever, before it has to wait, "
	    "0: any (0 to 10000)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, throttle_network),
	  .min = 0, .max = 10000 },
	{ .shown = { "throttle-user", "number", "20",
	    "wrong passwords for one user from networks he never used, before those have to "
	    "wait, 0: any (0 to 10000)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, throttle_user),
	  .min = 0, .max = 10000 },
	{ .shown = { "throttle-longest", "seconds", "900",
	    "the longest wait of one user from one network (1 to 86400)" },
	  .kind = &kind_number, .offset = offsetof(struct conf, throttle_longest),
	  .min = 1, .max = 86400 },
	{ .shown = { "throttle-file", "path", "\"\"",
	    "where wrong passwords are counted; empty: beside the store, or /var/lib/vmaild/throttle" },
	  .kind = &kind_path, .offset = offsetof(struct conf, throttle_file) },
	{ .shown = { "shared-networks", "list", "{ \"127.0.0.0/8\", \"::1\" }",
	    "from there come many people by one address (webmail, a proxy): never throttled as one" },
	  .kind = &kind_networks, .offset = offsetof(struct conf, shared_network) },
	{ .shown = { "mail-user", "string", "\"vmail\"", "the user who owns the mail files" },
	  .kind = &kind_name, .offset = offsetof(struct conf, mail_user) },
	{ .shown = { "mail-home", "string", "\"/var/vmail/%d/%n\"",
	    "a mailbox's home: %u address, %n local part, %d domain, %% percent" },
	  .kind = &kind_template, .offset = offsetof(struct conf, mail_home) },
	{ .shown = { "mail-location", "string", "\"\"",
	    "where in it the mail is, as \"maildir:~/Maildir\"; empty: Dovecot knows" },
	  .kind = &kind_location, .offset = offsetof(struct conf, mail_location) },
	{ .shown = { "log", "stderr|syslog", "stderr", "where log lines go" },
	  .kind = &kind_word, .offset = offsetof(struct conf, log) },
	{ .shown = { "log-level", "error|warning|info|debug", "info",
	    "the least level that is logged" },
	  .kind = &kind_word, .offset = offsetof(struct conf, log_level) },
	{ .shown = { "log-format", "text|logfmt|json", "text",
	    "sentences, or names and values for programs" },
	  .kind = &kind_word, .offset = offsetof(struct conf, log_format) },
	{ .shown = { "log-lookups", "list", "{}",
	    "lookups to log, as \"map=aliases address=*@example.com client=postfix\"; \"*\": all" },
	  .kind = &kind_lookups, .offset = offsetof(struct conf, log_lookups) },
	{ .shown = { "queue-directories", "list", "{ \"/var/spool/postfix\" }",
	    "below those that exist, sockets are bound once more for chrooted Postfix daemons" },
	  .kind = &kind_directories, .offset = offsetof(struct conf, queue_directory) },
	{ .kind = NULL },
};

const struct key conf_listen_keys[] = {
	{ .shown = { "protocol", "socketmap|tcp|policy|auth|userdb|metrics", "",
	    "what is spoken there; every listen section needs it" },
	  .kind = &kind_protocol, .offset = offsetof(struct conf_listener, protocol) },
	{ .shown = { "map", "string", "", "the one map served there, for protocol tcp only" },
	  .kind = &kind_name, .offset = offsetof(struct conf_listener, map) },
	{ .shown = { "mode", "octal", "0660", "permissions of the socket" },
	  .kind = &kind_mode, .offset = offsetof(struct conf_listener, mode), .unix_only = true },
	{ .shown = { "group", "string", "", "group of the socket (default: the daemon's own)" },
	  .kind = &kind_name, .offset = offsetof(struct conf_listener, group), .unix_only = true },
	{ .shown = { "peers", "list", "",
	    "users, and groups as \"@name\", who may connect (default: whom the mode lets)" },
	  .kind = &kind_peers, .offset = offsetof(struct conf_listener, peer), .unix_only = true },
	{ .shown = { "postfix-twin", "true|false", "",
	    "bind it below queue-directories as well (default: true for socketmap and auth)" },
	  .kind = &kind_boolean, .offset = offsetof(struct conf_listener, twin),
	  .unix_only = true },
	{ .kind = NULL },
};
/* clang-format on */

const struct conf_key *
conf_key_at(size_t i)
{
	return i < sizeof conf_keys / sizeof *conf_keys - 1 ? &conf_keys[i].shown : NULL;
}

const struct key *
key_by_name(const struct key *table, const char *wanted)
{
	for (const struct key *k = table; k->shown.name != NULL; k++)
		if (strcmp(k->shown.name, wanted) == 0)
			return k;
	return NULL;
}

void *
key_field(const struct key *key, void *structure)
{
	return (char *)structure + key->offset;
}

void
keys_release(const struct key *table, void *structure)
{
	for (const struct key *k = table; k->shown.name != NULL; k++)
		if (k->kind->release != NULL)
			k->kind->release(key_field(k, structure));
}

bool
conf_put_value(struct sbuf *out, const struct conf *c, size_t i)
{
	return conf_keys[i].kind->put(out, (const char *)c + conf_keys[i].offset);
}

static bool
is_set(const struct key *key, const struct conf_listener *l)
{
	const void *field = (const char *)l + key->offset;

	if (key->unix_only && strncmp(l->address, "unix:", 5) != 0)
		return false;
	return key->kind->release == NULL || *(char *const *)field != NULL;
}

bool
conf_put_listener(struct sbuf *out, const struct conf_listener *l)
{
	sbuf_add_str(out, "listen ");
	put_quoted(out, l->address);
	sbuf_add_str(out, " {");
	for (const struct key *k = conf_listen_keys; k->shown.name != NULL; k++) {
		if (!is_set(k, l))
			continue;
		sbuf_printf(out, "%s%s = ", k == conf_listen_keys ? " " : "  ", k->shown.name);
		k->kind->put(out, (const char *)l + k->offset);
	}
	return sbuf_add_str(out, " }") && !out->failed;
}
