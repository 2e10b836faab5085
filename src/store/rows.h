/* SPDX-License-Identifier: ISC
 *
 * Which candidates of a question need not be looked for, on either engine: they do not count in the
 * question's domain, or what that is known to hold has none such. In a header, for it is part of
 * every lookup.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "mail/question.h"

enum { ROWS = ROW_MEMBER + 1 };

static const struct row_kind {
	bool local;      /* counts in domains of the local kind only */
	unsigned held;   /* where the question's domain holds none of these, there is none: */
	unsigned tagged; /* what they are called when the key has a '+' */
} row_kinds[ROWS] = {
	[ROW_ALIAS] = { false, HOLDS_ALIASES, HOLDS_TAGGED_ALIASES },
	[ROW_LOCAL_ALIAS] = { true, 0, 0 },
	[ROW_MAILBOX] = { false, HOLDS_MAILBOXES, HOLDS_TAGGED_MAILBOXES },
	[ROW_DOMAIN] = { false, 0, 0 },
	[ROW_PATTERN] = { false, 0, 0 },
	[ROW_ENTRY] = { false, 0, 0 },
	[ROW_LOCAL_ENTRY] = { true, 0, 0 },
	[ROW_MAP] = { false, 0, 0 },
	[ROW_MEMBER] = { false, 0, 0 },
};

/* Tell whether a row of this kind counts in a domain that is LOCAL or not. */
static inline bool
row_counts(enum row row, bool local)
{
	return local || !row_kinds[row].local;
}

/* Tell whether what D holds is all there is: it may have been asked for by a name that is not its
 * own. */
static inline bool
domain_is_told(const struct domain_facts *d)
{
	return d->known && d->name.n == 0;
}

/* Tell whether no alias of D is switched off, expires or is closed: such an alias is its targets.
 */
static inline bool
aliases_are_plain(const struct domain_facts *d)
{
	return domain_is_told(d) && !(d->holds & HOLDS_SPECIAL_ALIASES);
}

/* Tell whether the question's domain D is known to hold no row such as C, which is one of it. */
static inline bool
row_is_missing(const struct candidate *c, const struct domain_facts *d)
{
	unsigned held = row_kinds[c->row].held;
	size_t at;

	if (held == 0 || !domain_is_told(d))
		return false;
	if (c->key.p[0] == '@' && c->row == ROW_ALIAS)
		held = HOLDS_CATCH_ALL;
	else if (slice_chr(c->key, '+', &at))
		held = row_kinds[c->row].tagged;
	return !(d->holds & held);
}

#endif
