/* SPDX-License-Identifier: ISC
 *
 * The frame of every change: a write transaction, the image of the object before and after, and the
 * line in the log between begin and commit.
 */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include <time.h>

#include "store/handle.h"

struct change {
	struct store *s;
	const char *what;     /* "domain add", ... */
	struct slice subject; /* canonical; borrowed */
	enum statement image; /* what makes the object's image */
	int64_t at;
	struct sbuf before; /* empty when it does not exist */
	struct sbuf secret_before;
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

/* The same as a part of a write transaction that somebody else begins and ends. */
enum outcome change_join(struct change *c, struct store *s, const char *what, enum statement image,
    struct slice subject, struct error *err);
enum outcome change_leave(struct change *c, enum outcome o, struct error *err);

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

/* Find out whether a domain may be here that Postfix asks for by ASKED, maybe its own NAME: BAD when
 * that leads to another domain, which has that name or is asked for by it. */
enum outcome domain_check_asked(
    struct store *s, struct slice name, struct slice asked, struct error *err);

/* Append the canonical form of a target, by which two spellings are one. NONE when it is none. */
enum outcome target_fold(struct sbuf *out, struct slice target, struct error *err);

/* Run a statement that is bound to one text and gives no row. */
enum outcome run_for(struct store *s, enum statement which, struct slice text, struct error *err);

/* Find out whether mail to an alias would still arrive (mail/rules.h, struct expand), as the store
 * is in this transaction: for one alias, or for all that lead into a domain. FOUND, BAD with the
 * reason, RETRY. */
enum outcome loops_check_alias(struct store *s, struct slice address, struct error *err);
enum outcome loops_check_domain(struct store *s, struct slice name, struct error *err);

#endif
