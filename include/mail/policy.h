/* SPDX-License-Identifier: ISC
 *
 * May SENDER write to RECIPIENT? The one question that is about two addresses, and so for none of
 * the maps: who of outside may write to a closed list are its own members, and those of lists that
 * are its members.
 *
 *	policy_start(&p, &lookup, &rules, sender, recipient);
 *	while (p.asking)
 *		run the lookup until it has ended, then policy_tell(&p)
 *	... p.outcome, p.action
 *
 * A list is closed to whoever it is written to by: an alias that leads to closed lists is closed by
 * each of them, but for what stands inside of a closed list, that list alone decides.
 */
#ifndef MAIL_POLICY_H
#define MAIL_POLICY_H

#include <stdint.h>

#include "mail/lookup.h"

enum { POLICY_STEPS_MAX = 4 * EXPANSION_MAX };

struct policy {
	bool asking;
	enum outcome outcome; /* NONE: nothing against it. FOUND: the action. RETRY */
	const char *action;   /* for FOUND; for RETRY why, which lives as long as the lookup */

	struct lookup *lookup; /* the caller's */
	const struct lookup_rules *rules;
	struct address sender;  /* as Postfix asks for it */
	bool has_sender;        /* it is an address at all */
	const char *delimiters; /* of his domain, or as configured: where his extension begins */
	char own_delimiters[8];
	enum policy_stage { POLICY_SENDER, POLICY_LISTS, POLICY_MEMBERS } stage;
	struct sbuf todo;  /* addresses to walk, LF ended; walked ones stay */
	size_t todo_at;    /* the next of them */
	struct sbuf lists; /* the closed lists that are in the way, LF ended */
	size_t lists_at;
	bool member; /* of the list at hand */
	size_t steps;
	struct sbuf from, to; /* the question, to begin it anew */
	uint64_t since;       /* when policy_is_late was first asked of it; 0: not yet */
};

void policy_init(struct policy *p);
void policy_release(struct policy *p);

/* Begin with LOOKUP, which is this question's until it has ended. */
void policy_start(struct policy *p, struct lookup *lookup, const struct lookup_rules *rules,
    struct slice sender, struct slice recipient);

/* Begin the same question anew, as if nothing had been told: the facts were not of one moment. */
void policy_again(struct policy *p);

/* Go on behind the end of a lookup: with another one, or with the outcome. */
void policy_tell(struct policy *p);

/* Tell whether the question has been under way for LIMIT by now, a moment of any clock that is not
 * 0. Its time runs from the first of these calls. Then let the lookup fail, and the question ends.
 */
bool policy_is_late(struct policy *p, uint64_t now, uint64_t limit);

#endif
