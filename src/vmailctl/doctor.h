/* SPDX-License-Identifier: ISC
 *
 * What the files of doctor share: the shape of a check's row, and the state of one examination.
 */
#ifndef VMAILCTL_DOCTOR_H
#define VMAILCTL_DOCTOR_H

#include "vmailctl/findings.h"

struct doctor {
	struct ctl *ctl;
	struct findings findings;
	const char *postfix; /* its configuration directory, or NULL: the usual one */
	const char *dovecot; /* its configuration file, or NULL */
	bool has_conf;       /* ctl->conf is loaded */
	bool has_store;      /* ctl->store is open */
	bool is_remote;      /* ... and is on a server */
	bool has_postfix;
	bool has_dovecot;
	bool has_unseen;       /* an ordinary user was not let in somewhere */
	struct sbuf main_cf;   /* every parameter, expanded, as postconf prints it */
	struct sbuf master_cf; /* those that master.cf sets for a service alone */
	struct sbuf dovecot_conf;
	struct sbuf dovecot_version;
	struct sbuf queue; /* Postfix's queue directory */
};

enum doctor_need {
	NEEDS_NOTHING,
	NEEDS_CONF,
	NEEDS_STORE,
	NEEDS_FILE,   /* a store that is one */
	NEEDS_SERVER, /* one that is on a server */
	NEEDS_POSTFIX,
	NEEDS_DOVECOT
};

/* Look; true when all is well, which is said by the row. Whatever is not is reported; false without
 * a report when there is nothing to look at. */
struct check;
typedef bool check_fn(struct doctor *d, const struct check *c);

/* One row of the table in cmd_doctor.c. */
struct check {
	const char *code;
	enum severity severity;
	const char *what; /* what holds when all is well */
	const char *cure;
	enum doctor_need need; /* without that, there is nothing to look at */
	check_fn *run;
};

/* Report what is wrong with SUBJECT (may be empty), as severe as the row says, and return false.
 * Where an ordinary user is not let in, nothing need be wrong: that is reported as
 * doctor_unseen does. */
bool doctor_bad(struct doctor *d, const struct check *c, struct slice subject, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Report that WHAT is for root to see, and return false. */
bool doctor_unseen(struct doctor *d, const struct check *c, struct slice subject, const char *what);

/* The same with a severity, and a cure (NULL: none) of its own. */
bool doctor_say(struct doctor *d, const struct check *c, enum severity severity,
    struct slice subject, const char *cure, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* Find a parameter of Postfix, expanded; p is NULL when there is none. */
struct slice doctor_parameter(const struct doctor *d, const char *name);

/* Find a setting of Dovecot (of the outermost level); p is NULL when it is at its default. */
struct slice doctor_setting(const struct doctor *d, const char *name);

/* Tell whether both name the same characters, in any order. */
bool doctor_same_delimiters(struct slice a, struct slice b);

/* Run a whole examination, with the findings into LIST (NULL: printed). EXIT_DONE when mail would
 * flow, EXIT_NOT when it would not, EXIT_AGAIN when nothing is wrong as far as this user can see.
 */
struct json_t;
enum exit_code doctor_run(
    struct ctl *ctl, const char *postfix, const char *dovecot, struct json_t *list);

/* --- checks (doctor_host.c, _sockets.c, _postfix.c, _dovecot.c, _split.c) ----------------------
 */

check_fn check_configuration;
check_fn check_store;
check_fn check_integrity;
check_fn check_permissions;
check_fn check_roles;
check_fn check_encoding;
check_fn check_secrets;
check_fn check_closed;
check_fn check_clock;
check_fn check_disk;
check_fn check_listeners;
check_fn check_postfix;
check_fn check_running;
check_fn check_queue_disk;
check_fn check_twins;
check_fn check_reach;
check_fn check_tables;
check_fn check_map_names;
check_fn check_transport;
check_fn check_alias_maps;
check_fn check_lmtp;
check_fn check_mydestination;
check_fn check_delimiter;
check_fn check_propagation;
check_fn check_logins;
check_fn check_login_tls;
check_fn check_probe;
check_fn check_dovecot;
check_fn check_dovecot_conf;
check_fn check_dovecot_running;
check_fn check_passdb;
check_fn check_dovecot_reach;
check_fn check_system_users;
check_fn check_dovecot_others;
check_fn check_dovecot_lmtp;
check_fn check_dovecot_delimiter;
check_fn check_dovecot_names;
check_fn check_dovecot_quota;
check_fn check_dovecot_split;
check_fn check_dovecot_domains;
check_fn check_mail_owner;

#endif
