/* SPDX-License-Identifier: ISC
 *
 * What may be written into a store: each refusal says what to do instead.
 */
#ifndef MAIL_RULES_H
#define MAIL_RULES_H

#include "mail/lookup.h"

enum {
	RULES_TARGETS_MAX = EXPANSION_MAX,
	RULES_VALUE_MAX = 99997 /* what socketmap can carry behind "OK " */
};

/* Judge a name as typed and append its canonical form to OUT. FOUND, or BAD with a text. */
enum outcome rules_domain(struct sbuf *out, struct slice typed, struct error *err);
enum outcome rules_mailbox(struct sbuf *out, struct slice typed, struct error *err);

/* The left side of an alias: an address, `@domain` (the catch-all), or a bare local part. */
enum outcome rules_alias(struct sbuf *out, struct slice typed, struct error *err);

/* The same for one that is to be made: a bare local part is no pattern, and not meant as a name
 * when it looks like one. */
enum outcome rules_new_alias(struct sbuf *out, struct slice typed, struct error *err);

/* The right side: N targets as typed, each an address, or one single `@domain`. Appends them to
 * OUT, each ended by LF, the same one twice only once. Refused: none at all, no address, over-long
 * ones, `@other` in a list, too many for Postfix. */
enum outcome rules_targets(
    struct sbuf *out, const struct slice *typed, size_t n, struct error *err);

/* Tell whether a canonical alias is a pattern (`*` in its local part, which needs no quotes), and
 * how many bytes of it come before the first `*`. */
bool rules_is_pattern(struct slice alias, size_t *prefix);

/* Judge the value of an entry of MAP's kind and append it as it will be handed out. Refused: empty
 * ones, more than one line, more than a protocol can carry, no address where one is wanted, more
 * than one for a bcc, transport names that Postfix could not know, a host alone where a transport
 * is wanted, TLS levels that there are not. */
enum outcome rules_value(
    struct sbuf *out, enum map_value kind, struct slice typed, struct error *err);

/* Tell whether a value is right only if main.cf has a restriction class of that name: an action
 * that access(5) does not know, nor smtpd by itself. *WORD is set to it then. */
bool rules_value_is_doubtful(enum map_value kind, struct slice value, struct slice *word);

/* Judge a note on an alias, the reason of a state (which a user is told), a domain's own
 * delimiters. */
enum outcome rules_note(struct slice typed, struct error *err);
enum outcome rules_reason(struct slice typed, struct error *err);
enum outcome rules_delimiters(struct slice typed, struct error *err);

/* Judge the services that an app password is good for (imap,smtp). */
enum outcome rules_services(struct slice typed, struct error *err);

/* Judge the name of a map that an admin has made, and that of one to be made: what an export calls
 * a file of its own is none any more. */
enum outcome rules_map_name(struct slice typed, struct error *err);
enum outcome rules_new_map(struct slice typed, struct error *err);

/* What follows an address from step to step as Postfix does, to find what would never end.
 *
 *	expand_start(&x, &rules, address);
 *	while (x.asking)
 *		ask for x.lookup.question, then expand_tell(&x, &facts)
 *	... x.outcome: FOUND when it ends well, BAD with x.why
 *
 * Refused: a loop longer than an address that leads to itself, an address that grows with every
 *step, more than EXPANSION_MAX recipients or steps. To be run on a store as it will be after the
 *change, for every alias that was written; `@domain` is tried with an address that nobody has. */
enum expand_fault {
	EXPAND_FINE,
	EXPAND_LOOP,   /* an address leads back to itself by way of others */
	EXPAND_GROWTH, /* each step leads to one more */
	EXPAND_SIZE    /* too many recipients */
};

/* What may be told of each step to whoever wants to know why. AT is the node that is being looked
 * up; node 0 is the start. */
enum expand_step {
	EXPAND_LEADS,  /* to a new node, which is the last one now */
	EXPAND_ITSELF, /* to itself: it stays a recipient */
	EXPAND_STOPS,  /* back to one that leads to itself, where Postfix stops */
	EXPAND_BACK,   /* back to one that does not: a loop */
	EXPAND_DONE    /* it was looked up, and x->lookup holds the answer; its results come next */
};

struct expand;
typedef void expand_fn(void *arg, const struct expand *x, enum expand_step step, struct slice to);

struct expand {
	bool asking;
	enum outcome outcome;
	enum expand_fault fault; /* for BAD */
	struct error why;
	struct lookup lookup;

	/* what the caller may set, between runs: who is told of every step */
	expand_fn *tell;
	void *arg;

	const struct lookup_rules *rules;
	struct expand_node *node; /* every address met, in the order it was met */
	size_t n;
	size_t at;   /* the one being looked up */
	size_t ends; /* how many lead no further */
	struct sbuf text;
};

void expand_init(struct expand *x);
void expand_release(struct expand *x);
void expand_start(struct expand *x, const struct lookup_rules *rules, struct slice address);
void expand_tell(struct expand *x, const struct facts *facts);
void expand_fail(struct expand *x, const struct error *err);

/* View the canonical text of node I: for tests, which look on. */
struct slice expand_address(const struct expand *x, size_t i);

#endif
