/* SPDX-License-Identifier: ISC
 *
 * The words for what the resolver tells of itself. What is told, and when, is in lookup.c.
 */
#include "mail/trace.h"

static const struct {
	const char *code;
	const char *text;
} rules[TRACE_RULES] = {
	[TRACE_MALFORMED] = { "malformed", "this is no address, so nobody can have it" },
	[TRACE_RENAMED] = { "renamed",
	    "Postfix asks for that domain by another name: looked for again, by its own" },
	[TRACE_OWN_DELIMITERS] = { "own-delimiters",
	    "the domain has delimiters of its own: looked for again, split by them" },
	[TRACE_UNKNOWN_DOMAIN] = { "unknown-domain", "the domain is none of ours" },
	[TRACE_OUR_DOMAIN] = { "our-domain", "the domain is of the kind that was asked for" },
	[TRACE_OTHER_KIND] = { "other-kind", "the domain is ours, but of another kind" },
	[TRACE_DISABLED] = { "disabled",
	    "the alias is switched off: it is nobody, and no catch-all takes its mail" },
	[TRACE_EXPIRED] = { "expired",
	    "the alias has expired: it is nobody, and no catch-all takes its mail" },
	[TRACE_TARGETS] = { "targets", "the alias leads to its targets" },
	[TRACE_EXTENSION_KEPT] = { "extension-kept", "the extension goes on with the mail" },
	[TRACE_EXTENSION_DROPPED] = { "extension-dropped",
	    "the extension does not go on: propagate-extensions is off" },
	[TRACE_MAILBOX_STAYS] = { "mailbox-stays",
	    "it is a mailbox: it leads no further, and no catch-all takes its mail" },
	[TRACE_MAILBOX] = { "mailbox", "the mailbox gets mail" },
	[TRACE_NO_MAIL] = { "no-mail", "the mailbox is in a state in which it gets no mail" },
	[TRACE_ALIAS_FIRST] = { "alias-first",
	    "with its extension it is an alias; now for the mailbox without" },
	[TRACE_PATTERNS_FIRST] = { "patterns-first",
	    "the domain has patterns, which come before a catch-all" },
	[TRACE_STANDS_FOR] = { "stands-for", "the domain stands for another: looked for there" },
	[TRACE_RESOLVES] = { "resolves-there", "it is somebody there, so that is where it leads" },
	[TRACE_FOREIGN] = { "not-for-us",
	    "who lives there is not for vmaild to know: taken for somebody" },
	[TRACE_NOBODY] = { "nobody", "there is nobody of that name" },
	[TRACE_WALKS] = { "walks-on", "whoever the alias leads to may send as it" },
	[TRACE_SENDS] = { "may-send", "the mailbox may send" },
	[TRACE_SENDS_NOT] = { "may-not-send",
	    "the mailbox is in a state in which it may not send" },
	[TRACE_ENTRY] = { "entry", "the map has an entry" },
	[TRACE_NO_ENTRY] = { "no-entry", "the map has no entry for it" },
	[TRACE_CLOSED] = { "closed-list", "it is a closed list" },
	[TRACE_OPEN] = { "open", "everybody may write to it" },
	[TRACE_MEMBER] = { "member", "a closed list leads to this sender" },
	[TRACE_OURS] = { "our-sender", "the sender's domain is ours" },
	[TRACE_STRANGER] = { "stranger", "the sender is neither in a domain of ours nor a member" },
};

const char *
trace_rule_code(enum trace_rule rule)
{
	return rules[rule].code;
}

const char *
trace_rule_text(enum trace_rule rule)
{
	return rules[rule].text;
}

const char *
trace_row_name(enum row row)
{
	static const char *const names[] = {
		[ROW_ALIAS] = "alias",
		[ROW_LOCAL_ALIAS] = "local alias",
		[ROW_MAILBOX] = "mailbox",
		[ROW_DOMAIN] = "domain",
		[ROW_PATTERN] = "pattern",
		[ROW_ENTRY] = "entry",
		[ROW_LOCAL_ENTRY] = "local entry",
		[ROW_MAP] = "map",
		[ROW_MEMBER] = "member",
	};

	return names[row];
}

const char *
trace_kind_name(enum trace_kind kind)
{
	static const char *const names[] = { [TRACE_MISS] = "miss",
		[TRACE_HIT] = "hit",
		[TRACE_SKIP] = "skip",
		[TRACE_RULE] = "rule" };

	return names[kind];
}

static bool
is_local_row(enum row row)
{
	return row == ROW_LOCAL_ALIAS || row == ROW_LOCAL_ENTRY;
}

void
trace_candidates(
    const struct trace *t, const struct question *q, const struct facts *facts, bool looked_at)
{
	bool local = facts->domain.known && facts->domain.kind == DOMAIN_LOCAL;

	for (size_t i = 0; i < q->n && !(facts->hit && i > facts->rank); i++) {
		const struct candidate *c = &q->candidate[i];
		struct trace_note note = {
			.kind = TRACE_MISS, .row = c->row, .subject = c->key, .bare = c->bare
		};

		if (facts->hit && i == facts->rank && looked_at)
			break;
		if (facts->hit && i == facts->rank)
			note.kind = TRACE_HIT;
		else if (is_local_row(c->row) && !local)
			note.kind = TRACE_SKIP;
		t->fn(t->arg, &note);
	}
}

void
trace_rule(const struct trace *t, enum trace_rule rule, struct slice subject)
{
	const struct trace_note note = { .kind = TRACE_RULE, .rule = rule, .subject = subject };

	t->fn(t->arg, &note);
}
