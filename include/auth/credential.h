/* SPDX-License-Identifier: ISC
 *
 * One of the secrets that open a mailbox, and what it is good for.
 */
#ifndef AUTH_CREDENTIAL_H
#define AUTH_CREDENTIAL_H

#include <stdint.h>

#include "base/outcome.h"
#include "base/sbuf.h"

enum { CREDENTIAL_LABEL_MAX = 64, CREDENTIAL_SERVICE_MAX = 32, CREDENTIAL_SERVICES_MAX = 200 };

/* Borrowed views. */
struct credential {
	struct slice label;    /* empty: the mailbox's own password; else an app password */
	struct slice hash;     /* {SCHEME}data */
	struct slice services; /* imap,smtp; empty: all */
	struct slice networks; /* of the form of auth/network.h; empty: all */
	int64_t expires;       /* from then on it is good for nothing; unix seconds, 0: never */
};

enum credential_use {
	CREDENTIAL_GOOD,
	CREDENTIAL_EXPIRED,
	CREDENTIAL_OTHER_SERVICE,
	CREDENTIAL_OTHER_NETWORK
};

/* Tell whether it may be used for SERVICE, by a client at the address REMOTE, at NOW. Not whether a
 * password is right. `smtp` and `submission` are one service. */
enum credential_use credential_use(
    const struct credential *c, struct slice service, struct slice remote, int64_t now);

/* Append the canonical form of a list of services that somebody typed: imap,smtp. BAD when a word
 * is no name of a service (letters, digits, - and _), or there are too many; none appends nothing.
 */
enum outcome credential_services_check(struct sbuf *out, struct slice text, struct error *err);

/* Tell whether a word can name a service. */
bool credential_is_service(struct slice word);

/* Judge a label of an app password: printable, no blanks at its ends, CREDENTIAL_LABEL_MAX bytes at
 * most, not empty. */
enum outcome credential_label_check(struct slice label, struct error *err);

#endif
