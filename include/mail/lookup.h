/* SPDX-License-Identifier: ISC
 *
 * The resolver: one key looked up in one map, without I/O.
 *
 *	lookup_start(&l, &rules, map, key);
 *	while (l.asking)
 *		ask the store for l.question, then lookup_tell(&l, &facts), or lookup_fail(&l, &err)
 *	... l.outcome, l.value
 *
 * Every lookup ends after a bounded number of questions (LOOKUP_STEPS_MAX, reached by `senders`
 *only).
 */
#ifndef MAIL_LOOKUP_H
#define MAIL_LOOKUP_H

#include "mail/address.h"
#include "mail/maps.h"
#include "mail/question.h"

enum {
	LOOKUP_STEPS_MAX = 2048,
	LOOKUP_VALUE_MAX = 1 << 20, /* the protocols cap it further down */
	EXPANSION_MAX = 1000 /* Postfix's virtual_alias_expansion_limit and recursion limit */
};

/* What the configuration says about addresses. Borrowed for the life of the lookup. */
struct lookup_rules {
	const char *delimiters; /* recipient-delimiter: a set of characters, may be empty */
	bool propagate;         /* propagate-extensions */
};

/* How far an address is taken: one step, as Postfix asks, or to its mailboxes. */
enum lookup_stage {
	STAGE_DOMAIN,       /* a domain list */
	STAGE_MAILBOX,      /* is it a mailbox */
	STAGE_ALIAS,        /* the ranked question of one alias step */
	STAGE_ALIAS_DOMAIN, /* does it resolve in the domain that its domain stands for */
	STAGE_SENDER,       /* senders: the same question, on the way to the mailboxes */
	STAGE_OWN_MAILBOX   /* senders: an alias matched; is it a mailbox as well */
};

struct lookup {
	/* what the caller reads */
	bool asking;
	enum outcome outcome;
	struct question question;
	struct sbuf value;   /* the answer for FOUND, text for RETRY and BAD */
	struct sbuf results; /* aliases, senders: the addresses in value, each ended by LF */

	/* the resolver's own */
	const struct lookup_rules *rules;
	const struct map *map;
	enum lookup_stage stage;
	struct address address;
	size_t base_n;         /* length of the folded local part without its extension */
	size_t spelled_base_n; /* the same of the spelled one */
	struct sbuf todo;      /* senders: the addresses to walk, LF ended; walked ones stay */
	size_t todo_at;
	size_t steps;
};

/* Set up once; a lookup may be started again and again. */
void lookup_init(struct lookup *l);
void lookup_release(struct lookup *l);

/* Begin. An unknown map (NULL) ends BAD at once, a key that can match nothing ends NONE. */
void lookup_start(struct lookup *l, const struct lookup_rules *rules, const struct map *map,
		  struct slice key);

/* Hand over the facts for l->question. */
void lookup_tell(struct lookup *l, const struct facts *facts);

/* The store could not look: the lookup ends RETRY with ERR's text. */
void lookup_fail(struct lookup *l, const struct error *err);

#endif
