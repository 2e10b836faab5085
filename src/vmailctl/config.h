/* SPDX-License-Identifier: ISC
 *
 * The lines that Postfix and Dovecot need on this host, as text to paste.
 */
#ifndef VMAILCTL_CONFIG_H
#define VMAILCTL_CONFIG_H

#include "base/sbuf.h"
#include "conf/conf.h"

/* Append main.cf lines for CONF, and for the main.cf in DIRECTORY (NULL: the usual one). */
void config_put_postfix(struct sbuf *out, const struct conf *conf, const char *directory);

/* What the lines for Dovecot shall be for. */
struct dovecot_wish {
	const char *version;      /* "2.3" or "2.4"; NULL: that of this host */
	const char *passdb;       /* how logins go; NULL: the best of that version */
	bool sql_file;            /* the file of queries that 2.3 keeps apart, alone */
	const char *conf_file;    /* what -c named, or NULL */
	const char *dovecot_file; /* the configuration of Dovecot, or NULL: the usual one */
	const char *postfix;      /* the directory of main.cf, or NULL: the usual one */
	const char *store;        /* the store's URI */
	bool beyond_ascii;        /* there is a mailbox whose name is */
};

/* Append the lines for Dovecot. BAD, with what there is, for a version or a passdb that there is
 * not. */
enum outcome config_put_dovecot(
    struct sbuf *out, const struct conf *conf, const struct dovecot_wish *wish, struct error *err);

/* Append what `config dovecot` prints. */
struct ctl;
enum outcome config_dovecot_text(struct ctl *ctl, struct sbuf *out);

/* Tell whether Dovecot takes NAME for a user's with its default auth_username_chars; and what to
 * say of one that it does not. */
bool config_dovecot_takes(struct slice name);
#define CONFIG_NAME_LOST                                                                           \
	"unless its auth_username_chars allows them, Dovecot bounces mail for such names and "     \
	"refuses their logins"
#define CONFIG_NAME_CURE "`vmailctl doctor` looks for that, and `vmailctl setup dovecot` sets it"

/* Append the queue directory of the Postfix in DIRECTORY (NULL: the usual one): as postconf says,
 * else the first of queue-directories, else Postfix's own default. */
void config_put_queue(struct sbuf *out, const struct conf *conf, const char *directory);

#endif
