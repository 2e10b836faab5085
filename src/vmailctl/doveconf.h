/* SPDX-License-Identifier: ISC
 *
 * Dovecot's configuration as doveconf prints it, or as it stands in a file: its settings, and who
 * is asked for logins and for mailboxes.
 */
#ifndef VMAILCTL_DOVECONF_H
#define VMAILCTL_DOVECONF_H

#include "vmailctl/cmd.h"

/* Append what `doveconf -n` prints of FILE (NULL: the usual one), and what it complains of to
 * TROUBLE (NULL: nowhere). False when it is not there, or does not understand. */
bool doveconf_read(struct sbuf *out, struct sbuf *trouble, const char *file);

/* Find a setting of the outermost level, without its quotes; p is NULL when it is at its default.
 */
struct slice doveconf_setting(struct slice conf, const char *name);

/* Does a Dovecot with the configuration FILE (NULL: the usual one) load PLUGIN for the mail of
 * PROTOCOL (NULL: of one of which nothing is said by itself)? */
bool doveconf_loads(const char *file, const char *protocol, const char *plugin);

/* Does it load there imap_quota without quota, so that each session of IMAP ends as it begins? */
bool doveconf_ends_imap(const char *file);

/* Take off the quotes around a value. */
struct slice doveconf_unquoted(struct slice value);

/* A passdb or a userdb. */
struct database {
	bool is_passdb;
	bool nested; /* of one protocol alone */
	bool only_refuses;
	bool for_masters;
	struct slice driver;
	struct slice text; /* its lines, with their ends */
};

/* Find the next one; *REST goes on behind it. False when there is none any more. */
bool doveconf_next(struct slice *rest, struct database *db);

/* Does it hand on what a passdb has said, and know nobody by itself? */
bool database_is_prefetch(const struct database *db);

/* Does it know the users of this host? */
bool database_is_of_system(const struct database *db);

/* Does it ask vmaild, or vmaild's store? CONF is all that doveconf prints. */
bool database_asks_vmaild(const struct database *db, struct ctl *ctl, struct slice conf);

#endif
