/* SPDX-License-Identifier: ISC
 *
 * The store, for those who log people in and for the admin who looks after them: credentials, what
 * is remembered of logins, and the app passwords. Outcomes as in store/store.h.
 */
#ifndef STORE_LOGINS_H
#define STORE_LOGINS_H

#include "auth/credential.h"
#include "store/store.h"

/* --- one login: STORE_LOGIN, STORE_RECORDER, STORE_ADMIN -------------------------------------- */

enum { CREDENTIALS_MAX = 64, LOGINS_KEPT = 32 };

/* All that a login depends on, of one moment. */
struct login_facts {
	struct account account;
	struct credential credential[CREDENTIALS_MAX]; /* its own password first, if it has one */
	size_t credentials;
	bool cut;            /* it has more of them: what is none of these may be right */
	bool known;          /* somebody logged in to it from that network before */
	struct sbuf app_key; /* for auth/app_password.h; secret */
	struct sbuf text;    /* what the credentials point into; secret */
};

void login_facts_init(struct login_facts *f);
void login_facts_release(struct login_facts *f); /* wipes */

/* Find the mailbox ADDRESS (canonical) with its credentials. NETWORK is of network_group. FOUND
 * also when it has none, or more than fit; NONE: there is no such mailbox; RETRY: could not look.
 */
enum outcome store_find_login(struct store *s, struct slice address, struct slice network,
    struct login_facts *out, struct error *err);

/* --- what logins leave behind: STORE_RECORDER, STORE_ADMIN ------------------------------------ */

/* Put NEW in the place of the hash OLD of a credential, as the change 'user rehash' of whomever
 * store_act_as named. FOUND: done. NONE: it is another one by now, or gone; nothing was done. BAD:
 * the store takes no changes, for it is being moved. */
enum outcome store_rehash(struct store *s, struct slice address, struct slice label,
    struct slice old, struct slice new, struct error *err);

struct login_record {
	struct slice address; /* canonical */
	struct slice network; /* of network_group */
	struct slice label;   /* of the credential */
	struct slice service;
	int64_t at; /* unix seconds */
};

/* Record N good logins in one transaction, which is no change and is in no log. Those of mailboxes
 * or app passwords that are no more are passed over; of each mailbox the last LOGINS_KEPT kinds
 * (network, label, service) are kept, and the last of every label. RETRY: none was recorded, try
 * them all again. */
enum outcome store_record_logins(
    struct store *s, const struct login_record *records, size_t n, struct error *err);

/* --- looking at logins: STORE_ADMIN ----------------------------------------------------------- */

struct login_row {
	struct slice address;
	struct slice network;
	struct slice label;
	struct slice service;
	int64_t at;
};
typedef bool store_login_fn(void *arg, const struct login_row *row);

/* What is kept of the logins of a mailbox, the latest first. NONE: nothing. */
enum outcome store_logins(
    struct store *s, struct slice address, store_login_fn *fn, void *arg, struct error *err);

/* The last login of a mailbox; *AT is 0 for none. FOUND or RETRY. */
enum outcome store_last_login(
    struct store *s, struct slice address, int64_t *at, struct error *err);

/* The mailboxes into which nobody logged in since T, and that are older than T themselves, in
 * address order; AFTER as store_accounts. AT is that of the last login, 0 for none. */
typedef bool store_idle_fn(void *arg, struct slice address, int64_t at);
enum outcome store_idle_mailboxes(struct store *s, struct slice domain, int64_t since,
    struct slice after, store_idle_fn *fn, void *arg, struct error *err);

/* --- app passwords: STORE_ADMIN --------------------------------------------------------------- */

enum { APP_PASSWORDS_MAX = 32 };

struct app_password_row {
	struct slice label;
	struct slice services;
	struct slice networks;
	int64_t expires;
	int64_t created;
	int64_t used; /* 0: never */
};
typedef bool store_app_password_fn(void *arg, const struct app_password_row *row);

enum outcome store_app_passwords(
    struct store *s, struct slice address, store_app_password_fn *fn, void *arg, struct error *err);

/* Add one; SERVICES and NETWORKS as typed, or empty. SECRET is the password itself: it is hashed
 * with the store's key. BAD when the label is taken, or there are APP_PASSWORDS_MAX. */
struct app_password_new {
	struct slice label;
	struct slice secret;
	struct slice services;
	struct slice networks;
	int64_t expires;
};
enum outcome store_app_password_add(
    struct store *s, struct slice address, const struct app_password_new *p, struct error *err);

/* Tell whether ADDRESS has in this store, or ever had, an app password whose hash is HASH: FOUND or
 * NONE. The hash of any other is good for nothing here, as only the key of the store in which it
 * was made can verify it. */
enum outcome store_app_password_known(
    struct store *s, struct slice address, struct slice hash, struct error *err);

/* Revoke one, and forget from where it was used. NONE: no such mailbox, or none of that label. */
enum outcome store_app_password_remove(
    struct store *s, struct slice address, struct slice label, struct error *err);

/* --- where a mailbox lives: STORE_ADMIN ------------------------------------------------------- */

/* What differs from the configuration. */
struct mailbox_settings {
	struct slice home; /* empty: by the template */
	struct slice mail; /* maildir:~/Maildir; empty: by the template */
	int64_t uid;       /* 0: as configured */
	int64_t gid;
	struct slice networks; /* logins from these only, as typed; empty: from all */
	unsigned only;         /* MAILBOX_SET_... of those that change; 0 for all of them */
};

#define STORE_ID_MAX 4294967294LL

enum {
	MAILBOX_SET_HOME = 1,
	MAILBOX_SET_MAIL = 2,
	MAILBOX_SET_UID = 4,
	MAILBOX_SET_GID = 8,
	MAILBOX_SET_NETWORKS = 16
};

enum outcome store_mailbox_set(struct store *s, struct slice address,
    const struct mailbox_settings *settings, struct error *err);

#endif
