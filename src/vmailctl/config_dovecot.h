/* SPDX-License-Identifier: ISC
 *
 * What the two files about Dovecot's configuration share.
 */
#ifndef VMAILCTL_CONFIG_DOVECOT_H
#define VMAILCTL_CONFIG_DOVECOT_H

#include "base/sbuf.h"
#include "conf/conf.h"

struct dovecot;
struct dovecot_engine;

/* One way for logins to go, in the words of one version. */
struct dovecot_way {
	const char *version; /* "2.3" */
	const char *name;    /* as --passdb says it */
	bool logins;         /* it says who may log in */
	const char *intro;
	void (*put)(struct sbuf *out, const struct dovecot *d);
};

struct dovecot {
	const struct conf *conf;
	const char *conf_file;    /* what -c named, or NULL */
	const char *dovecot_file; /* its configuration, or NULL for the usual one */
	const char *postfix;      /* the directory of main.cf, or NULL */
	bool is_here;             /* it is the Dovecot of this host */
	const char *store;        /* its URI */
	bool beyond_ascii;        /* there is a mailbox whose name is */
	const struct dovecot_way *way;
	const struct dovecot_engine *engine; /* for the sql driver */
};

/* Find out what the sql driver has to be for the store of D. */
const struct dovecot_engine *dovecot_engine_of(const struct dovecot *d);

/* Append what is to be known of that driver, as comments; and, for 2.4, where the store is. */
void dovecot_put_needs(struct sbuf *out, const struct dovecot *d);
void dovecot_put_connection(struct sbuf *out, const struct dovecot *d);

/* Append the memory that each service needs which checks passwords. */
void dovecot_put_memory(struct sbuf *out, const struct dovecot *d);

enum dovecot_query { DOVECOT_PASSDB, DOVECOT_USERDB, DOVECOT_ITERATE };

/* Append a query for Dovecot's sql driver, in the words of its version. */
void dovecot_put_query(struct sbuf *out, const struct dovecot *d, enum dovecot_query which);

/* Append the file of queries that Dovecot 2.3 keeps apart. */
void dovecot_put_sql_file(struct sbuf *out, const struct dovecot *d);

#endif
