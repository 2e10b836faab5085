/* SPDX-License-Identifier: ISC
 *
 * Everything in a store as records: one object each, in one shape. Imports, exports, declarative
 * files, comparisons and copies are all made of them.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/store.h"

enum record_kind { RECORD_DOMAIN, RECORD_MAILBOX, RECORD_ALIAS, RECORD_MAP, RECORD_ENTRY };

/* A password (no label) or an app password (its label). */
struct record_credential {
	struct slice label;
	struct slice hash;     /* {SCHEME}data */
	struct slice services; /* imap,smtp, or empty for any */
	struct slice networks; /* of auth/network.h, or empty for any */
	int64_t expires;       /* 0 for never */
	int64_t created;       /* 0: now */
};

/* Tell whether one is good for some services, from some places or for a time alone. */
static inline bool
record_credential_is_limited(const struct record_credential *c)
{
	return c->services.n > 0 || c->networks.n > 0 || c->expires != 0;
}

/* Which of a record's fields are said. What is not said stays as it is, or is as for a new one. */
enum {
	RECORD_DOMAIN_KIND = 1 << 0, /* with its target */
	RECORD_DELIMITERS = 1 << 1,
	RECORD_PROPAGATE = 1 << 2,
	RECORD_QUOTA = 1 << 3,
	RECORD_HOME = 1 << 4,
	RECORD_MAIL = 1 << 5,
	RECORD_IDS = 1 << 6,
	RECORD_NETWORKS = 1 << 7,
	RECORD_STATE = 1 << 8, /* with its reason */
	RECORD_CREDENTIALS = 1 << 9,
	RECORD_TARGETS = 1 << 10,
	RECORD_DISABLED = 1 << 11,
	RECORD_EXPIRES = 1 << 12,
	RECORD_INTERNAL = 1 << 13,
	RECORD_NOTE = 1 << 14,
	RECORD_OWNER = 1 << 15,
	RECORD_ALL = (1 << 16) - 1
};

struct record {
	enum record_kind kind;
	struct slice name; /* a domain's, an address, a map's name; for an entry its key */
	unsigned said;     /* RECORD_... */
	int64_t created;   /* 0: now. Only for what is new */

	bool force; /* for store_drop: a mailbox even when aliases lead to it */

	/* a domain */
	enum domain_kind domain_kind;
	struct slice target;
	bool own_delimiters;
	struct slice delimiters;
	int propagate; /* 1, 0, or -1: as configured */

	/* a mailbox */
	int64_t quota;
	struct slice home, mail;
	unsigned uid, gid; /* 0: as configured */
	struct slice networks;
	enum account_state state;
	struct slice reason;
	const struct record_credential *credential; /* all that it has */
	size_t credentials;
	bool merge; /* for store_put: others that it has stay */

	/* an alias: all its targets, in their order */
	const struct slice *targets;
	size_t n_targets;
	bool disabled, internal;
	int64_t expires;
	struct slice note, owner;

	/* a map, or an entry of one */
	struct slice map;
	enum key_search search;
	struct slice value;
};

enum record_change { RECORD_SAME, RECORD_ADDED, RECORD_CHANGED, RECORD_GONE };

/* Make the store's object be what R says of it, by the same rules as every other change, and tell
 * in *DID what that took. What has one meaning only is brought into canonical form, where a command
 * would ask for it to be typed again: 192.0.2.5/24 is the network 192.0.2.0/24. FOUND, BAD refused,
 * RETRY. For many, within a batch. */
enum outcome store_put(
    struct store *s, const struct record *r, enum record_change *did, struct error *err);

/* Find what store_put would do: FN is told what is there (or NULL) and what there would be, in
 * canonical form and with all that R does not say filled in; DIFFERS is false when they are the
 * same. */
typedef void store_compare_fn(
    void *arg, const struct record *now, const struct record *wanted, bool differs);
enum outcome store_compare(
    struct store *s, const struct record *r, store_compare_fn *fn, void *arg, struct error *err);

/* Remove the object that R names. NONE when it is not there. */
enum outcome store_drop(struct store *s, const struct record *r, struct error *err);

/* Find an alias that leads to ADDRESS, a mailbox in canonical form that may be gone: FOUND with its
 * name appended to ALIAS, or NONE. In a batch. */
enum outcome store_leads_to(
    struct store *s, struct slice address, struct sbuf *alias, struct error *err);

/* Read the object that R names (its kind, name and map) and hand it to FN with all that is known of
 * it. NONE when it is not there. */
typedef bool store_record_fn(void *arg, const struct record *r);
enum outcome store_get(
    struct store *s, const struct record *r, store_record_fn *fn, void *arg, struct error *err);

/* Hand every object to FN until it returns false, in an order in which they can be put: domains
 * (those that stand for others last), mailboxes, aliases, maps, entries; each kind by name. With
 * their hashes: for STORE_ADMIN. All of one moment, without holding writers up. */
enum outcome store_records(struct store *s, store_record_fn *fn, void *arg, struct error *err);

#endif
