/* SPDX-License-Identifier: ISC
 *
 * Making an object be what a record says, a file per kind. What has been asked for is brought into
 * canonical form first, then compared with what is there, and only what differs is written.
 */
#ifndef STORE_PUT_H
#define STORE_PUT_H

#include "store/reader.h"

/* A put under way. */
struct put {
	struct store *s;
	struct record wanted; /* canonical; what is not said is filled in from what is there */
	struct sbuf name;
	struct sbuf target;                   /* of a domain */
	struct sbuf targets;                  /* of an alias, each ended by LF */
	struct slice *list;                   /* the same */
	struct sbuf networks;                 /* of a mailbox, and then of its passwords */
	struct record_credential *credential; /* the passwords, canonical */
	struct record_credential *merged;     /* with those that stay */
	struct reader now;                    /* what is there, */
	bool there;                           /* if it is */
	unsigned differs;                     /* RECORD_... of what is said and is not so yet */
	struct change change;
};

/* Judge what P->wanted says and bring it into canonical form. FOUND, BAD, RETRY. */
enum outcome put_check_domain(struct put *p, struct error *err);
enum outcome put_check_mailbox(struct put *p, struct error *err);
enum outcome put_check_alias(struct put *p, struct error *err);

/* Add to the credentials that are wanted those that are there and were not spoken of. FOUND, RETRY.
 */
enum outcome put_merge_mailbox(struct put *p, struct error *err);

/* Judge the whole of a mailbox, with all that stays: whether its app passwords are too many. FOUND,
 * BAD. */
enum outcome put_check_room(const struct put *p, struct error *err);

/* Judge whether its own password has limits, unless that is there already. FOUND, BAD. */
enum outcome put_check_limits(const struct put *p, struct error *err);

/* Judge where its mail is, unless it is there already. FOUND, BAD. */
enum outcome put_check_places(const struct put *p, struct error *err);

/* Find what differs from what is there. */
unsigned put_compare_domain(const struct record *now, const struct record *wanted);
unsigned put_compare_mailbox(const struct record *now, const struct record *wanted);
unsigned put_compare_alias(const struct record *now, const struct record *wanted);

/* Write it. */
enum outcome put_domain(struct put *p, struct error *err);
enum outcome put_mailbox(struct put *p, struct error *err);
enum outcome put_alias(struct put *p, struct error *err);

#endif
