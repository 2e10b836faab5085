/* SPDX-License-Identifier: ISC
 *
 * What the resolver tells whoever wants to know why: each row it looked for, and each rule that
 * decided. Only told when somebody listens; the answers are the same.
 */
#ifndef MAIL_TRACE_H
#define MAIL_TRACE_H

#include "mail/question.h"

enum trace_kind {
	TRACE_MISS, /* there is no such row */
	TRACE_HIT,  /* there is */
	TRACE_SKIP, /* not looked for: it counts in local domains only */
	TRACE_RULE  /* what that means */
};

enum trace_rule {
	TRACE_MALFORMED,
	TRACE_RENAMED,
	TRACE_OWN_DELIMITERS,
	TRACE_UNKNOWN_DOMAIN,
	TRACE_OUR_DOMAIN,
	TRACE_OTHER_KIND,
	TRACE_DISABLED,
	TRACE_EXPIRED,
	TRACE_TARGETS,
	TRACE_EXTENSION_KEPT,
	TRACE_EXTENSION_DROPPED,
	TRACE_MAILBOX_STAYS,
	TRACE_MAILBOX,
	TRACE_NO_MAIL,
	TRACE_ALIAS_FIRST,
	TRACE_PATTERNS_FIRST,
	TRACE_STANDS_FOR,
	TRACE_RESOLVES,
	TRACE_FOREIGN,
	TRACE_NOBODY,
	TRACE_WALKS,
	TRACE_SENDS,
	TRACE_SENDS_NOT,
	TRACE_ENTRY,
	TRACE_NO_ENTRY,
	TRACE_CLOSED,
	TRACE_OPEN,
	TRACE_MEMBER,
	TRACE_OURS,
	TRACE_STRANGER,
	TRACE_RULES
};

struct trace_note {
	enum trace_kind kind;
	enum row row;         /* of a row */
	enum trace_rule rule; /* of a rule */
	struct slice subject; /* the row's key; what the rule is about, or empty */
	bool bare;            /* of a row: its key has lost the extension */
};

/* Whom to tell; nobody when FN is NULL. A note lives as long as the call. */
typedef void trace_fn(void *arg, const struct trace_note *note);
struct trace {
	trace_fn *fn;
	void *arg;
};

/* Name a rule for programs ("catch-all", ...), and say it in words for people. */
const char *trace_rule_code(enum trace_rule rule);
const char *trace_rule_text(enum trace_rule rule);

/* Name a kind of row ("alias", "mailbox", ...), and what became of it ("hit", "miss", "skip"). */
const char *trace_row_name(enum row row);
const char *trace_kind_name(enum trace_kind kind);

/* Tell of the candidates of Q what FACTS say of them: misses up to the hit, and that one too unless
 * it is only LOOKED_AT. */
void trace_candidates(
    const struct trace *t, const struct question *q, const struct facts *facts, bool looked_at);

/* Tell of a rule. */
void trace_rule(const struct trace *t, enum trace_rule rule, struct slice subject);

#endif
