/* SPDX-License-Identifier: ISC
 *
 * An open store, and the few steps that every file of this room takes with it.
 */
#ifndef STORE_HANDLE_H
#define STORE_HANDLE_H

#include "store/additions.h"
#include "store/db.h"
#include "store/names.h"

enum store_state { STORE_IDLE, STORE_READING, STORE_WRITING };

/* Many changes in one transaction: a change is a savepoint in it then. */
enum store_batch { BATCH_NONE, BATCH_GOOD, BATCH_BROKEN };

struct store {
	struct db *db;
	enum store_state state;
	enum store_batch batch;
	bool sure;          /* the change under way refuses before it writes: in a batch it needs no
			       savepoint,	  which would cost a third of all the time */
	int64_t first;      /* the first change of this transaction, or 0 */
	int64_t undoing;    /* the change that is being taken back, or 0 */
	bool closed;        /* the last change was refused, for the store moves elsewhere */
	int version;        /* of the schema, as last seen; 0: not yet */
	struct facts facts; /* scratch, kept for its memory */
	struct known *known; /* what is known of domains in the present view, or NULL */
	const struct store_actor *actor;
	struct additions additions;      /* what this batch has put aside */
	struct names names[NAMES_KINDS]; /* in a batch */
	struct sbuf fit;    /* a domain that may have mailboxes, as this transaction has seen */
	struct sbuf stands; /* one that stands for itself, which any alias may be in */
};

/* FOUND when VERSION is this program's; RETRY with what to do. */
enum outcome version_check(int version, struct error *err);

/* Connect and begin; the store is of our version then. Ends with write_end, or store_end for a
 * read. */
enum outcome transaction_begin(struct store *s, enum db_transaction kind, struct error *err);

/* End a write transaction: commit it if O is FOUND, or leave no trace. Returns what came of it. */
enum outcome write_end(struct store *s, enum outcome o, struct error *err);

/* Write what the batch has put aside, before anybody reads or writes what that could be. FOUND, or
 * RETRY and the batch is broken. */
enum outcome batch_show(struct store *s, struct error *err);

/* Hold a view for one call, inside of one that is held already or not. *MINE is for view_end. */
enum outcome view_begin(struct store *s, bool *mine, struct error *err);
void view_end(struct store *s, bool mine);

/* RETRY: what was read in a view is not to be relied upon. */
enum outcome view_lost(struct error *err);

/* Find a domain, and put what is known of it into OUT, which was empty. In a transaction. */
enum outcome domain_find(
    struct store *s, struct slice name, struct domain_facts *out, struct error *err);

/* The same for a domain that Postfix asks for by NAME, which is not its own: that goes into
 * OUT->name. */
enum outcome domain_find_asked(
    struct store *s, struct slice name, struct domain_facts *out, struct error *err);

/* Find an alias, and put what it is into FACTS, which were cleared. In a transaction. */
enum outcome alias_find(
    struct store *s, struct slice address, struct facts *facts, struct error *err);

/* Find a mailbox, in a transaction. */
enum outcome find_account(
    struct store *s, struct slice address, struct account *out, struct error *err);

/* Take a mailbox from the row ST is at: the columns of the statements account, accounts,
 * accounts_of. */
enum outcome account_read(struct db_stmt *st, struct account *out, struct error *err);

#endif
