/* SPDX-License-Identifier: ISC
 *
 * Lookups in the log, for whoever looks for a fault: which ones, and their line. The rules are
 * those of log-lookups; who a client is the kernel says.
 */
#ifndef SERVER_LOOKUP_LOG_H
#define SERVER_LOOKUP_LOG_H

#include <sys/types.h>

#include "base/outcome.h"
#include "base/slice.h"
#include "conf/conf.h"

struct conn;

/* What a lookup must have to be logged; what is empty it need not have. */
struct lookup_log_rule {
	struct slice map;
	struct slice address; /* a pattern with `*`, for the key */
	char network[128];    /* of the client, canonical */
	bool by_user;
	uid_t user; /* who the client is */
};

struct lookup_log {
	struct lookup_log_rule rule[CONF_LIST_MAX]; /* views of the configuration */
	size_t rules;
};

/* Read the rules of C, and look up the users that they name. FOUND, or BAD or RETRY with a text. */
enum outcome lookup_log_find(struct lookup_log *out, const struct conf *c, struct error *err);

/* Log a lookup of KEY in MAP that was answered with O and, if it was FOUND, TEXT, when a rule wants
 * it. */
void lookup_log_tell(const struct lookup_log *log, const struct conn *from, struct slice map,
    struct slice key, enum outcome o, struct slice text);

#endif
