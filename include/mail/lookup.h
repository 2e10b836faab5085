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
#include "mail/trace.h"

enum {
	LOOKUP_STEPS_MAX = 16384,
	LOOKUP_VALUE_MAX = 1 << 20, /* the protocols cap it further down */
	EXPANSION_MAX = 1000 /* Postfix's virtual_alias_expansion_limit and recursion limit */
};

/* What the configuration says about addresses, and the time. Borrowed for the life of the lookup.
 */
struct lookup_rules {
	const char *delimiters; /* recipient-delimiter: a set of characters, may be empty */
	bool propagate;         /* propagate-extensions */
	int64_t now;            /* unix seconds: aliases that expired by then are off */
};

/* What is being asked just now. */
enum lookup_stage {
	STAGE_MAP,          /* a map that is not in the table: did an admin make it */
	STAGE_DOMAIN,       /* a domain list */
	STAGE_RELAY,        /* relay domains and their parents */
	STAGE_MAILBOX,      /* is it a mailbox */
	STAGE_BARE_MAILBOX, /* is it one without its extension, which has an alias of its own */
	STAGE_ALIAS,        /* the ranked question of one alias step */
	STAGE_PATTERN,      /* which patterns of the domain begin like the address */
	STAGE_PATTERN_ROW,  /* the alias of the pattern that matched */
	STAGE_CATCH_ALL,    /* no pattern did */
	STAGE_GRANTS,       /* senders: logins allowed by hand */
	STAGE_OWN_MAILBOX,  /* senders: an alias matched; is it a mailbox as well */
	STAGE_ENTRY,        /* a plain map */
	STAGE_MEMBER        /* is the sender one of ours */
};

struct lookup {
	/* what the caller reads */
	bool asking;
	enum outcome outcome;
	bool timed; /* the outcome may be another one at another time, with nothing changed */
	struct question question;
	struct sbuf value;   /* the answer for FOUND, text for RETRY and BAD */
	struct sbuf results; /* aliases, senders: the addresses in value, each ended by LF */
	bool closed;         /* aliases: what matched is a closed list */
	size_t handed_n;     /* aliases: so many bytes at the end of each local part of results are
				the extension, which was handed on */

	/* what the caller may set, between lookups: who is told of every step */
	struct trace trace;

	/* the resolver's own */
	const struct lookup_rules *rules;
	const struct map *map;
	struct map custom; /* a map that an admin made, once it is known */
	char custom_name[MAP_NAME_MAX + 1];
	enum lookup_stage stage;
	bool ours;    /* begun by lookup_start_ours */
	bool sending; /* the walk of `senders`: what an alias leads to is walked on */
	bool listing; /* recipient-access: of an alias, only whether it is a closed list */
	bool abroad; /* looking in the domain that the address's own stands for, which is in todo */
	struct sbuf key;
	struct address address;
	bool is_address;
	const char *delimiters; /* in force for this address: the domain's own, or the configured */
	char own_delimiters[8];
	bool propagate;
	size_t base_n;         /* length of the folded local part without its extension */
	size_t spelled_base_n; /* the same of the spelled one */
	struct sbuf todo;      /* senders: the addresses to walk, LF ended; walked ones stay */
	size_t todo_at;
	size_t steps;
};

/* Set up once; a lookup may be started again and again. */
void lookup_init(struct lookup *l);
void lookup_release(struct lookup *l);

/* Begin. A key that can match nothing ends NONE at once, a map name that nobody could have given
 * ends BAD. */
void lookup_start(
    struct lookup *l, const struct lookup_rules *rules, struct slice map, struct slice key);

/* Begin with another question: FOUND when ADDRESS is in a domain whose senders are our own. */
void lookup_start_ours(struct lookup *l, const struct lookup_rules *rules, struct slice address);

/* Begin the same lookup anew, as if nothing had been told: the facts were not of one moment. */
void lookup_again(struct lookup *l);

/* End with FOUND and this value, which was the answer before. */
void lookup_assume(struct lookup *l, struct slice value);

/* Hand over the facts for l->question. */
void lookup_tell(struct lookup *l, const struct facts *facts);

/* The store could not look: the lookup ends RETRY with ERR's text. */
void lookup_fail(struct lookup *l, const struct error *err);

#endif
