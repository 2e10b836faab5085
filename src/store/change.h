/* SPDX-License-Identifier: ISC
 *
 * The frame of every change: a write transaction, the image of the object before and after, and the
 * line in the log between begin and commit.
 */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include <time.h>

#include "store/handle.h"
#include "store/record.h"

struct change {
	struct store *s;
	const char *what;     /* "domain add", ... */
	struct slice subject; /* canonical; borrowed */
	enum statement image; /* what makes the object's image */
	int64_t at;
	struct sbuf before; /* empty when it does not exist */
	struct sbuf secret_before;
	bool idle;   /* nothing was changed: there is nothing to compare */
	bool unseen; /* what was changed is in no image: the log says that it was, all the same */
	bool logged; /* something is different, and the log says so */
};

/* Begin a change of SUBJECT. FOUND, or RETRY; change_end is due in both cases. */
enum outcome change_begin(struct change *c, struct store *s, const char *what, enum statement image,
    struct slice subject, struct error *err);

/* The same for a SUBJECT that must exist: NONE when there is no such NOUN. */
enum outcome change_begin_known(struct change *c, struct store *s, const char *what,
    enum statement image, const char *noun, struct slice subject, struct error *err);

/* Tell whether the subject existed when the change began. */
bool change_existed(const struct change *c);

/* End it: with FOUND log and commit (unless nothing is different: then nothing is logged either),
 * with any other O leave no trace. Returns what came of it. */
enum outcome change_end(struct change *c, enum outcome o, struct error *err);

/* The same for a subject that is looked at in another way: change_look takes the
 * image of what is there, if that is to be changed. */
enum outcome change_begin_blind(struct change *c, struct store *s, const char *what,
    enum statement image, struct slice subject, struct error *err);
enum outcome change_look(struct change *c, struct error *err);

/* The same as a part of a write transaction that somebody else begins and ends. */
enum outcome change_join(struct change *c, struct store *s, const char *what, enum statement image,
    struct slice subject, struct error *err);
enum outcome change_leave(struct change *c, enum outcome o, struct error *err);

/* Write the line of C, which has made what was not there: IMAGE is what the store would give for
 * it. There is nothing to compare then. */
enum outcome change_log_made(struct change *c, const struct sbuf *image, struct error *err);

/* Run a statement that writes for C, whose rules were looked at before: in a batch together with
 * what comes next, which tells when it failed. */
enum outcome change_write(struct change *c, struct db_stmt *st, struct error *err);

/* Find the first change of this transaction, by which all of them name it. RETRY also when the
 * store takes no changes, for it is being moved: so this comes before every line of the log. */
enum outcome change_first(struct change *c, int64_t *first, struct error *err);

/* Write a line for every object of domain NAME that STATEMENT (log_..._gone) finds. */
enum outcome change_log_all(
    struct change *c, enum statement log, const char *what, struct slice name, struct error *err);

/* View the domain of a canonical address, or nothing for a bare name. */
struct slice domain_of(struct slice address);

/* Bind a text, or NULL for an empty one. */
void bind_optional(struct db_stmt *st, int n, struct slice text);

/* Say that a mailbox is not there: NONE. ADDRESS ends like a C string. */
enum outcome no_mailbox(struct slice address, struct error *err);

/* Find a domain that must be there, as domain_find; BAD says how to add it. NAME ends like a C
 * string. */
enum outcome domain_need(
    struct store *s, struct slice name, struct domain_facts *out, struct error *err);

/* Find out whether a domain may be here that Postfix asks for by ASKED, maybe its own NAME: BAD
 * when that leads to another domain, which has that name or is asked for by it. */
enum outcome domain_check_asked(
    struct store *s, struct slice name, struct slice asked, struct error *err);

/* Append the canonical form of a target, by which two spellings are one. NONE when it is none. */
enum outcome target_fold(struct sbuf *out, struct slice target, struct error *err);

/* Run a statement that is bound to one text and gives no row. */
enum outcome run_for(struct store *s, enum statement which, struct slice text, struct error *err);

/* The pieces of which changes of domains and aliases are made. Each FOUND, or BAD with the reason:
 * that TARGET (folded) may be stood for by the domain NAME; a row for the domain itself, if Postfix
 * can tell it from all others; that a domain has no mailboxes, and
 * nothing in it that would mean nothing if it stood for another; that the domain of an alias is
 * there and may have it; a row for the alias itself; its targets, each ended by LF, behind those
 * that it has; what becomes of them all together, as the store has them or of
 * N of a new one, no two of which are one. */
enum outcome domain_check_target(
    struct store *s, const char *name, const struct sbuf *target, struct error *err);
enum outcome domain_insert(struct change *c, enum domain_kind kind, struct slice target,
    int64_t created, struct error *err);
enum outcome domain_check_no_mailboxes(struct store *s, struct slice name, struct error *err);
enum outcome domain_check_can_stand_in(struct store *s, struct slice name, struct error *err);
enum outcome alias_check_domain(struct store *s, const struct sbuf *address, struct error *err);
enum outcome alias_insert(struct change *c, int64_t created, struct error *err);
enum outcome alias_insert_targets(struct change *c, struct slice targets, struct error *err);
enum outcome alias_check_together(struct change *c, const char *address, struct error *err);
enum outcome alias_check_new(
    const char *address, const struct slice *targets, size_t n, struct error *err);

/* The same of mailboxes: that their domain is there and has such; that a hash can be kept. */
enum outcome mailbox_check_domain(struct store *s, const struct sbuf *address, struct error *err);
enum outcome mailbox_check_hash(struct store *s, struct slice hash, struct error *err);

/* Make a map that was created at some time (0: now). */
enum outcome map_create(
    struct store *s, struct slice name, enum key_search search, int64_t created, struct error *err);

/* Give a key of a map a value as a change of its own, created AT (0: now). *CHANGE tells what it
 * took: one of enum record_change. */
enum outcome entry_put(struct store *s, struct slice map, struct slice key, struct slice value,
    int64_t created, enum record_change *did, struct error *err);

/* Find out whether mail to an alias would still arrive (mail/rules.h, struct expand), as the store
 * is in this transaction: for one alias, or for all that lead into a domain. FOUND, BAD with the
 * reason, RETRY. */
enum outcome loops_check_alias(struct store *s, struct slice address, struct error *err);
enum outcome loops_check_domain(struct store *s, struct slice name, struct error *err);

/* While a change is being taken back: tell in *WHOLE whether addresses lead then where they led
 * before it, for all that was done to them since was taken back too. FOUND, RETRY. */
enum outcome undo_is_whole(struct store *s, bool *whole, struct error *err);

#endif
