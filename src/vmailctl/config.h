/* SPDX-License-Identifier: ISC
 *
 * The lines that Postfix and Dovecot need on this host, as text to paste.
 */
#ifndef VMAILCTL_CONFIG_H
#define VMAILCTL_CONFIG_H

#include <stdbool.h>

#include "base/sbuf.h"
#include "conf/conf.h"

/* Append main.cf lines for CONF. */
void config_put_postfix(struct sbuf *out, const struct conf *conf);

/* Append the lines for the Dovecot of this host. CONF_FILE is what -c named, or NULL; ODD_NAME a
 * mailbox whose name Dovecot would not take, or empty. */
void config_put_dovecot(
    struct sbuf *out, const struct conf *conf, const char *conf_file, struct slice odd_name);

/* Append what `config dovecot` prints. */
struct ctl;
enum outcome config_dovecot_text(struct ctl *ctl, struct sbuf *out);

/* Tell whether Dovecot takes NAME for a user's with its default auth_username_chars. */
bool config_dovecot_takes(struct slice name);

/* Append Postfix's queue directory: as postconf says, else the first of queue-directories, else
 * Postfix's own default. */
void config_put_queue(struct sbuf *out, const struct conf *conf);

#endif
