/* SPDX-License-Identifier: ISC
 *
 * What is known of other systems, as tables: which of their tables make what of ours, and what
 * their columns mean. The makers (make.c) know meanings, and no system.
 */
#ifndef FOREIGN_SCHEMA_H
#define FOREIGN_SCHEMA_H

#include "foreign/read.h"

enum meaning {
	M_NONE,
	M_ADDRESS, /* whole, or without its domain */
	M_LOCAL,
	M_DOMAIN,
	M_TARGET_DOMAIN,
	M_TARGETS,
	M_KIND,  /* of a domain, in words */
	M_RELAY, /* yes: a domain that is taken for another host */
	M_TRANSPORT,
	M_SMTP, /* the host that a relayed domain's mail goes to */
	M_PASSWORD,
	M_CRYPT, /* a password that is crypt(3)'s where it says nothing itself */
	M_CLEAR, /* the same, in the clear */
	M_QUOTA, /* ARG: its unit, where it says none */
	M_HOME,  /* a directory; several columns are joined */
	M_MAIL,  /* a location as Dovecot writes it, or a path as Postfix does */
	M_UID,
	M_GID,
	M_NETWORKS,
	M_EXTRA,  /* extra fields of a passwd-file */
	M_ACTIVE, /* no: switched off */
	M_SENDS,
	M_SEND_ONLY,
	M_DISABLED, /* yes: switched off */
	M_FORWARD,  /* yes: mail goes to the targets */
	M_KEEP,     /* yes: and stays in the mailbox too */
	M_WILDCARD, /* yes: the address is an SQL pattern */
	M_INTERNAL,
	M_PERMANENT, /* yes: it does not expire */
	M_EXPIRES,
	M_CREATED,
	M_NOTE,
	M_OWNER,
	M_LABEL,
	M_ID,
	M_SERVICE, /* yes: good for service ARG */
	M_MAP,
	M_KEY,
	M_VALUE,
	M_VALUE2,    /* stands behind the value, with a blank (or ARG) between */
	M_LOGINS,    /* who may send as the address */
	M_LEAVE,     /* the row is left out where the value is one of ARG */
	M_LEAVE_YES, /* or where it is a yes: ARG says what it is */
	M_LEAVE_SET, /* or where there is any */
	MEANINGS
};

struct rule {
	const char *column;
	enum meaning meaning;
	const char *arg;
	const char *via; /* table.key:column[/table.key:column]: the value stands there */
};

enum makes {
	MAKES_NOTHING, /* others look into it */
	MAKES_DOMAIN,
	MAKES_DOMAIN_ALIAS,
	MAKES_MAILBOX,
	MAKES_ALIAS,
	MAKES_APP_PASSWORD,
	MAKES_ENTRY,  /* of map ARG, or of M_MAP */
	MAKES_SENDER, /* an entry of the map of senders, of many rows */
	MAKES_VIRTUAL,
	MAKES_VMAILBOX,
	MAKES_QUOTA,  /* of a mailbox that another table has */
	MAKES_ACCESS, /* the state ARG of one */
	MAKES_REMARK  /* there is no place for it here: ARG says what it is */
};

struct table_rule {
	const char *table; /* its names, with | between; "*" for any */
	enum makes makes;
	const char *arg;
	const struct rule *rule;
};

struct file_rule {
	const char *file;
	read_fn *read; /* NULL: it is known, and not carried over */
	const char *table;
};

struct format {
	const char *name;
	const char *summary;
	const char *sign; /* how it can be told: table.column that are there, !table.column that are
			     not; for a text, the names that its file has */
	read_fn *read;    /* NULL: tables, of whatever kind the text is */
	const struct file_rule *file;
	const struct table_rule *table;
	bool first_counts; /* of two lines for one key, as with postmap */
	bool closed;       /* domains have a table of their own: no other is made */
	bool guesses;      /* the first column that is there takes a meaning, and only one */
};

extern const struct format formats[];
extern const size_t formats_n;

/* Find what a table makes in a format; NULL when it has no use for it. */
const struct table_rule *schema_find(const struct format *f, struct slice table);

#endif
