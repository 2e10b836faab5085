/* SPDX-License-Identifier: ISC
 *
 * What is known of a mailbox apart from its password, and the fields a mail server is told of it.
 */
#ifndef AUTH_ACCOUNT_H
#define AUTH_ACCOUNT_H

#include <stdint.h>

#include "base/account_state.h"
#include "base/outcome.h"
#include "base/sbuf.h"

enum { ACCOUNT_PLACE_MAX = 1000 }; /* bytes of a home or mail location of one's own */

/* One mailbox as the store has it. Owns its text. */
struct account {
	struct sbuf address; /* canonical: also the login name */
	struct sbuf home;    /* empty: by the template */
	int64_t quota;       /* bytes, 0: none */
	int64_t created;     /* unix seconds */
	bool password;       /* has one of its own, app passwords apart */
	enum account_state state;
	struct sbuf reason; /* what its user is told of the state, or empty */
	struct sbuf mail;   /* where the mail is; empty: by the template */
	unsigned uid;       /* in place of the configured ones, or 0 */
	unsigned gid;
	struct sbuf
	    networks; /* CIDRs with commas between: logins from these only; empty: from all */
};

void account_init(struct account *a);
void account_release(struct account *a);
void account_clear(struct account *a);

/* What the configuration says of where mail lives. Templates: %u address, %n local part, %d domain,
 * %% percent. */
struct account_rules {
	const char *home;
	unsigned uid;
	unsigned gid;
	const char *mail; /* "maildir:~/Maildir"; NULL or empty: nothing is told of it */
};

/* Fields of a userdb answer: home (the account's own, or by the template), uid, gid, where the mail
 * is and the quota, both under their Dovecot 2.3 and 2.4 names. The same in a passdb answer, where
 * each has userdb_ in front. Calls FN once per field; absent values, and ids of 0, are left out.
 * False, and FN not called, when a template wants a part of the address that is no safe part of a
 * path (empty, a slash or NUL in it, nothing but dots), or means nothing, or what comes of it is
 * too long: then there is no answer, RETRY. */
typedef void account_field_fn(void *arg, const char *key, struct slice value);
bool account_fields(
    const struct account *a, const struct account_rules *rules, account_field_fn *fn, void *arg);

/* Tell whether it was for want of memory alone that account_fields was false. Needs none. */
bool account_lacks_memory(const struct account *a, const struct account_rules *rules);

/* Name the setting of Dovecot 2.4 for a KEY behind the path of a mail location ("INDEX"); NULL when
 * there is none. All of these keys, one by one; NULL behind the last. */
const char *account_mail_setting(struct slice key);
const char *account_mail_key_at(size_t i);

/* Judge a home and a mail location that somebody typed for one mailbox: FOUND, or BAD with how to
 * write it. They are taken as they are, not as templates. */
enum outcome account_home_check(struct slice home, struct error *err);
enum outcome account_mail_check(struct slice mail, struct error *err);

/* Fields of a passdb answer alone, which never have userdb_ in front: allow_nets, and nologin with
 * a reason for an account whose state does not allow SERVICE. False, and FN not called, without
 * memory. */
bool account_login_fields(
    const struct account *a, struct slice service, account_field_fn *fn, void *arg);

#endif
