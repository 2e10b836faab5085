/* SPDX-License-Identifier: ISC
 *
 * The configuration file as one typed struct. With no file at all, the defaults run a mail host.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/outcome.h"
#include "base/protocol.h"

#define CONF_DEFAULT_FILE "/etc/vmaild/vmaild.conf"

enum { CONF_LISTENERS_MAX = 32, CONF_LIST_MAX = 8 };

struct conf_listener {
	char *address; /* "unix:/path" or "inet:host:port", "inet:[v6]:port" */
	enum protocol protocol;
	char *map;                     /* PROTOCOL_TCP: the one map served there */
	unsigned mode;                 /* unix: permission bits */
	char *group;                   /* unix: its group, or NULL for the daemon's own */
	char *peer[CONF_LIST_MAX + 1]; /* unix: users, and groups as "@name"; NULL-ended */
	bool twin;                     /* unix: bind it below Postfix's queue directories as well */
	bool builtin;                  /* from the defaults: a missing group is no error */
};

struct conf {
	char *store;                   /* store */
	char *store_lookup;            /* store-lookup, or empty: as store */
	char *store_login;             /* store-login, or empty: as store */
	bool closed;                   /* only its owner and his group can read the file */
	char *user;                    /* user */
	char *recipient_delimiter;     /* recipient-delimiter */
	bool propagate_extensions;     /* propagate-extensions */
	long lookup_workers;           /* lookup-workers */
	long lookup_deadline;          /* lookup-deadline, milliseconds */
	long answer_memory;            /* answer-memory, KiB, per worker; 0: none */
	long store_connections;        /* store-connections, per lookup worker */
	long max_lag;                  /* max-lag, seconds; 0: any */
	long serve_stale;              /* serve-stale, seconds; 0: not at all */
	long max_connections;          /* max-connections, per worker */
	long max_connections_per_user; /* max-connections-per-user; 0: three quarters */
	long max_client_rate;          /* max-client-rate, KiB a second; 0: any */
	long hash_threads;             /* hash-threads; 0: one per CPU */
	long hash_memory;              /* hash-memory, KiB */
	long hash_passes;              /* hash-passes */
	long login_deadline;           /* login-deadline, milliseconds */
	long failure_delay;            /* failure-delay, milliseconds */
	bool rehash;                   /* rehash: older hashes, at login */
	long remember_logins;          /* remember-logins, seconds; 0: never */
	long record_logins;            /* record-logins, seconds; 0: never */
	long throttle_user_network;    /* throttle-user-network; 0: not counted */
	long throttle_network;         /* throttle-network; 0: not counted */
	long throttle_user;            /* throttle-user; 0: not counted */
	long throttle_longest;         /* throttle-longest, seconds */
	char *throttle_file;           /* throttle-file; empty: conf_throttle_file */
	char *shared_network[CONF_LIST_MAX + 1];  /* shared-networks, NULL-ended */
	char *mail_user;                          /* mail-user: owns the mail files */
	char *mail_home;                          /* mail-home: template with %u %n %d */
	char *mail_location;                      /* mail-location: template, or empty */
	char *log;                                /* log: "stderr" or "syslog" */
	char *log_level;                          /* log-level: error, warning, info, debug */
	char *log_format;                         /* log-format: text, logfmt, json */
	char *log_lookups[CONF_LIST_MAX + 1];     /* log-lookups: rules, NULL-ended */
	char *queue_directory[CONF_LIST_MAX + 1]; /* queue-directories, NULL-ended */
	struct conf_listener listener[CONF_LISTENERS_MAX];
	size_t listeners;
};

/* One row per key: feeds the parser, `vmailctl config show` and the manual's check. */
struct conf_key {
	const char *name;
	const char *value;  /* what it takes: "string", "number", "true|false", "list", a unit */
	const char *preset; /* the default, as one would write it */
	const char *help;
};
const struct conf_key *conf_key_at(size_t i); /* NULL behind the last */

/* Read FILE. FILE NULL: the default file, or plain defaults when that does not exist. BAD with
 * 'file:line: what' when it cannot be used; *OUT is untouched then. */
enum outcome conf_load(struct conf **out, const char *file, struct error *err);
void conf_free(struct conf *c);

/* The URIs that workers connect with: of their own, or that of the store. */
const char *conf_store_for_lookups(const struct conf *c);
const char *conf_store_for_logins(const struct conf *c);

/* The path of the file that the store is; NULL when it is none. */
const char *conf_store_file(const struct conf *c);

/* Append the path of the file that failed logins are counted in: as throttle-file says, or beside
 * the store, or where the store would be by default when it is no file. False without memory. */
struct sbuf;
bool conf_throttle_file(struct sbuf *out, const struct conf *c);

/* Append the effective value of the I-th key as one would write it; for `vmailctl config show`. */
bool conf_put_value(struct sbuf *out, const struct conf *c, size_t i);
bool conf_put_listener(struct sbuf *out, const struct conf_listener *l);

/* Split an address as of `listen`: *PATH for unix; *HOST and *PORT for inet (views into S made by
 * the caller's buffers). BAD with a text when it is neither. */
struct conf_endpoint {
	bool is_unix;
	char path[108];
	char host[64];
	char port[8];
};
enum outcome conf_endpoint(struct conf_endpoint *out, const char *address, struct error *err);

#endif
