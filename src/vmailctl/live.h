/* SPDX-License-Identifier: ISC
 *
 * The running daemon: connecting to it, and a lookup asked the way Postfix asks.
 */
#ifndef VMAILCTL_LIVE_H
#define VMAILCTL_LIVE_H

#include "base/outcome.h"
#include "base/sbuf.h"
#include "conf/conf.h"
#include "mail/lookup.h"

/* Connect to the first listener of the configuration that speaks PROTOCOL, unix ones before others;
 * RETRY with a text when nobody is there. No wait takes longer than ten seconds. */
enum outcome live_open(int *fd, const struct conf *conf, enum protocol protocol, struct error *err);

/* Send all of S; RETRY with a text when that fails. */
enum outcome live_send(int fd, struct slice s, struct error *err);

/* Ask the first socketmap listener of the configuration, unix ones before others. VALUE is appended
 * the answer for FOUND; RETRY and BAD leave the reason in ERR. */
enum outcome live_lookup(const struct conf *conf, struct slice map, struct slice key,
    struct sbuf *value, struct error *err);

/* Connect to a place; -1 and errno when that fails. Reads and writes there end after seconds. */
int live_connect(const struct conf_endpoint *e);

/* Ask whoever speaks socketmap behind FD. Outcomes as live_lookup. */
enum outcome live_ask(
    int fd, struct slice map, struct slice key, struct sbuf *value, struct error *err);

/* Let L, which has ended, end as it does for a mail server: with RETRY where no reply could carry
 * the value. */
void live_ended(struct lookup *l);

#endif
