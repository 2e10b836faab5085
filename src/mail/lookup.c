/* SPDX-License-Identifier: ISC
 *
 * The resolver. One step of an address, as Postfix asks for it, equal to what Postfix does with a
 * hash: table, except that a catch-all takes no real mailbox and that an alias domain accepts only
 * what resolves in the domain it stands for. `senders` walks on to the mailboxes.
 *
 * Asks questions and is told facts; never looks itself.
 */
#include "mail/lookup.h"

#include <stdio.h>
#include <string.h>

#include "mail/glob.h"
#include "mail/lines.h"

void
lookup_init(struct lookup *l)
{
	*l = (struct lookup){ .asking = false, .outcome = NONE };
	question_init(&l->question);
	sbuf_init(&l->value, LOOKUP_VALUE_MAX);
	sbuf_init(&l->results, LOOKUP_VALUE_MAX);
	sbuf_init(&l->todo, LOOKUP_VALUE_MAX);
	sbuf_init(&l->key, QUESTION_TEXT);
}

void
lookup_release(struct lookup *l)
{
	question_release(&l->question);
	sbuf_release(&l->value);
	sbuf_release(&l->results);
	sbuf_release(&l->todo);
	sbuf_release(&l->key);
}

/* --- telling ---------------------------------------------------------------------------------- */

/* Nothing is told, and nothing done for it, while nobody listens. */
static void
note(const struct lookup *l, enum trace_rule rule, struct slice subject)
{
	if (l->trace.fn != NULL)
		trace_rule(&l->trace, rule, subject);
}

static void
note_alone(const struct lookup *l, enum trace_rule rule)
{
	note(l, rule, slice_of(NULL, 0));
}

/* --- endings ---------------------------------------------------------------------------------- */

static void
finish(struct lookup *l, enum outcome o, const char *text)
{
	l->asking = false;
	l->outcome = o;
	sbuf_clear(&l->value);
	if (text != NULL)
		sbuf_add_str(&l->value, text);
}

/* FOUND with what was gathered in value, unless that did not fit. */
static void
finish_found(struct lookup *l)
{
	if (l->value.failed || l->results.failed)
		finish(l, RETRY, "the result is too long");
	else if (l->value.n == 0)
		finish(l, RETRY, "the result is empty");
	else {
		l->asking = false;
		l->outcome = FOUND;
	}
}

void
lookup_fail(struct lookup *l, const struct error *err)
{
	finish(l, RETRY, err->text);
}

/* --- the address ------------------------------------------------------------------------------ */

static struct slice
folded_base(const struct lookup *l)
{
	return slice_head(address_local(&l->address), l->base_n);
}

static bool
has_extension(const struct lookup *l)
{
	return l->base_n < l->address.local_n;
}

static void
split_address(struct lookup *l)
{
	l->base_n = address_base(address_local(&l->address), l->delimiters);
	l->spelled_base_n = address_base(address_spelled(&l->address), l->delimiters);
}

static bool
take_address(struct lookup *l, struct slice text)
{
	l->delimiters = l->rules->delimiters;
	l->propagate = l->rules->propagate;
	if (!address_parse(&l->address, text))
		return false;
	split_address(l);
	return true;
}

/* A domain that Postfix asks for by another name: the address is to be asked for by its own. */
static bool
adopt_name(struct lookup *l, struct slice name)
{
	if (name.n == 0 || l->abroad)
		return false;
	note(l, TRACE_RENAMED, name);
	memcpy(l->address.domain, name.p, name.n);
	l->address.domain_n = name.n;
	return true;
}

/* What the store knows of the domain: true when the address is to be asked for again, for its
 * domain goes by another name, or has delimiters of its own by which the address is split anew. */
static bool
adopt_domain(struct lookup *l, const struct domain_facts *domain)
{
	bool renamed = l->is_address && adopt_name(l, sbuf_slice(&domain->name));
	size_t before = l->base_n;

	if (domain->propagate >= 0)
		l->propagate = domain->propagate == 1;
	if (!domain->own_delimiters || strcmp(domain->delimiters, l->delimiters) == 0)
		return renamed;
	memcpy(l->own_delimiters, domain->delimiters, sizeof l->own_delimiters);
	l->delimiters = l->own_delimiters;
	if (!l->is_address)
		return true;
	split_address(l);
	if (l->base_n != before)
		note(l, TRACE_OWN_DELIMITERS, slice_str(l->delimiters));
	return renamed || l->base_n != before;
}

/* --- questions -------------------------------------------------------------------------------- */

/* Where the address is being looked for: in its own domain, or in the one that stands behind it. */
static struct slice
place(const struct lookup *l)
{
	return l->abroad ? sbuf_slice(&l->todo) : address_domain(&l->address);
}

static void
ask(struct lookup *l, enum lookup_stage stage)
{
	l->stage = stage;
	l->asking = true;
	if (l->question.text.failed)
		finish(l, RETRY, "no memory for the question");
	else if (++l->steps > LOOKUP_STEPS_MAX)
		finish(l, RETRY, "the address leads through too many steps");
}

static void
begin(struct lookup *l, struct slice domain)
{
	question_clear(&l->question);
	question_set_domain(&l->question, domain);
}

/* Ask for one kind of row by the address and then without its extension. */
static void
add_both(struct lookup *l, enum row row, struct slice domain)
{
	question_add_address(&l->question, row, address_local(&l->address), domain, false);
	if (has_extension(l))
		question_add_address(&l->question, row, folded_base(l), domain, true);
}

static void
add_local(struct lookup *l)
{
	if (!address_is_plain(address_local(&l->address)))
		return;
	question_add_text(&l->question, ROW_LOCAL_ALIAS, address_local(&l->address), false);
	if (has_extension(l))
		question_add_text(&l->question, ROW_LOCAL_ALIAS, folded_base(l), true);
}

/* Everything that may decide one step of an address, the best first. */
static void
ask_alias(struct lookup *l)
{
	size_t forms;

	begin(l, place(l));
	add_both(l, ROW_ALIAS, place(l));
	forms = l->question.n;
	for (size_t i = 0; i < forms; i++)
		question_add_same(&l->question, ROW_MAILBOX, i);
	add_local(l);
	question_add_address(&l->question, ROW_ALIAS, slice_str(""), place(l), false);
	ask(l, STAGE_ALIAS);
}

/* A mailbox; or one that goes by its address without the extension, unless that has an alias of its
 * own. */
static void
ask_mailbox(struct lookup *l)
{
	struct slice domain = address_domain(&l->address);

	begin(l, domain);
	question_add_address(&l->question, ROW_MAILBOX, address_local(&l->address), domain, false);
	if (has_extension(l)) {
		question_add_address(
		    &l->question, ROW_ALIAS, address_local(&l->address), domain, false);
		question_add_address(&l->question, ROW_MAILBOX, folded_base(l), domain, true);
	}
	ask(l, STAGE_MAILBOX);
}

static void
ask_bare_mailbox(struct lookup *l)
{
	begin(l, address_domain(&l->address));
	question_add_address(
	    &l->question, ROW_MAILBOX, folded_base(l), address_domain(&l->address), true);
	ask(l, STAGE_BARE_MAILBOX);
}

static void
ask_own_mailbox(struct lookup *l)
{
	begin(l, address_domain(&l->address));
	add_both(l, ROW_MAILBOX, address_domain(&l->address));
	ask(l, STAGE_OWN_MAILBOX);
}

/* The key is no name of anything: there is no such row, unless we could not even read it. */
static void
finish_unreadable(struct lookup *l)
{
	if (l->address.no_memory) {
		finish(l, RETRY, "no memory for the key");
		return;
	}
	note_alone(l, TRACE_MALFORMED);
	finish(l, NONE, NULL);
}

static void
ask_domain(struct lookup *l)
{
	if (!domain_parse(&l->address, sbuf_slice(&l->key))) {
		finish_unreadable(l);
		return;
	}
	begin(l, address_domain(&l->address));
	ask(l, STAGE_DOMAIN);
}

/* The domain, and each one above it. */
static void
ask_relay(struct lookup *l, struct slice name)
{
	size_t at;

	if (!domain_parse(&l->address, name)) {
		finish_unreadable(l);
		return;
	}
	question_clear(&l->question);
	question_add_text(&l->question, ROW_DOMAIN, address_domain(&l->address), false);
	while (!l->question.text.failed &&
	       slice_chr(l->question.candidate[l->question.n - 1].key, '.', &at))
		question_add_tail(&l->question, at + 1);
	ask(l, STAGE_RELAY);
}

/* What of a plain map may answer the key. */
static void
ask_entries(struct lookup *l, enum lookup_stage stage)
{
	question_clear(&l->question);
	question_set_map(&l->question, slice_str(l->map->name));
	if (!key_candidates(&l->question, l->map->search, sbuf_slice(&l->key),
		l->is_address ? &l->address : NULL, l->delimiters) &&
	    !l->question.text.failed)
		finish(l, NONE, NULL);
	else
		ask(l, stage);
}

static void
ask_member(struct lookup *l)
{
	begin(l, address_domain(&l->address));
	add_both(l, ROW_MEMBER, address_domain(&l->address));
	ask(l, STAGE_MEMBER);
}

/* Patterns that begin with the first N bytes of the local part, or with fewer. */
static void
ask_patterns(struct lookup *l, size_t n)
{
	if (n > ADDRESS_LOCAL_MAX)
		n = ADDRESS_LOCAL_MAX;
	begin(l, place(l));
	question_add_text(
	    &l->question, ROW_PATTERN, slice_head(address_local(&l->address), n), false);
	while (n-- > 0)
		question_add_head(&l->question, n);
	ask(l, STAGE_PATTERN);
}

static void
ask_catch_all(struct lookup *l)
{
	begin(l, place(l));
	question_add_address(&l->question, ROW_ALIAS, slice_str(""), place(l), false);
	ask(l, STAGE_CATCH_ALL);
}

/* --- results of an alias ---------------------------------------------------------------------- */

static struct slice
spelled_base(const struct lookup *l)
{
	return slice_head(address_spelled(&l->address), l->spelled_base_n);
}

static struct slice
spelled_extension(const struct lookup *l)
{
	return slice_tail(address_spelled(&l->address), l->spelled_base_n);
}

/* One target: `@other` keeps the local part that was asked for, and a hit on the address without
 * its extension gets the extension back. */
static void
put_target(const struct lookup *l, struct sbuf *out, struct slice target, bool bare)
{
	char local[2 * ADDRESS_MAX];
	struct slice domain, part;
	size_t n;

	if (!bare && slice_rchr(target, '@', &n) && n <= ADDRESS_MAX &&
	    address_is_plain(slice_head(target, n))) {
		sbuf_add_slice(out, target);
		sbuf_add_chr(out, '\n');
		return;
	}
	if (!address_split(local, ADDRESS_MAX, &n, &domain, target)) {
		out->failed = true;
		return;
	}
	part = slice_of(local, n);
	if (n == 0)
		part = bare ? spelled_base(l) : address_spelled(&l->address);
	if (bare && l->propagate) {
		struct slice extension = spelled_extension(l);

		memmove(local, part.p, part.n);
		memcpy(local + part.n, extension.p, extension.n);
		part = slice_of(local, part.n + extension.n);
	}
	address_put(out, part, domain);
	sbuf_add_chr(out, '\n');
}

static void
put_targets(const struct lookup *l, struct sbuf *out, const struct facts *facts, bool bare)
{
	struct slice rest = sbuf_slice(&facts->targets);

	while (rest.n > 0)
		put_target(l, out, slice_cut(&rest, '\n'), bare);
}

/* FOUND with the results as one list, as Postfix wants it. */
static void
finish_results(struct lookup *l)
{
	struct slice rest = sbuf_slice(&l->results);

	sbuf_clear(&l->value);
	while (rest.n > 0) {
		sbuf_add_str(&l->value, l->value.n > 0 ? ", " : "");
		sbuf_add_slice(&l->value, slice_cut(&rest, '\n'));
	}
	finish_found(l);
}

/* --- senders: a walk from an address to the mailboxes it leads to ------------------------------
 */

/* Put each of ADDRESSES (LF ended), in canonical form, behind those still to be walked. What is no
 * address leads nowhere. */
static void
walk_to(struct lookup *l, struct slice addresses)
{
	struct address a;
	struct sbuf canonical;

	sbuf_init(&canonical, QUESTION_TEXT);
	while (addresses.n > 0) {
		sbuf_clear(&canonical);
		if (address_parse(&a, slice_cut(&addresses, '\n')) && address_print(&canonical, &a))
			lines_add(&l->todo, sbuf_slice(&canonical));
		l->todo.failed |= a.no_memory || canonical.failed;
	}
	sbuf_release(&canonical);
}

static void
walk_on(struct lookup *l)
{
	struct slice rest = slice_tail(sbuf_slice(&l->todo), l->todo_at);
	struct slice next;

	while (rest.n > 0) {
		next = slice_cut(&rest, '\n');
		l->todo_at += next.n + 1;
		if (take_address(l, next)) {
			ask_alias(l);
			return;
		}
		l->todo.failed |= l->address.no_memory;
	}
	if (l->todo.failed || l->results.failed)
		finish(l, RETRY, "the address leads to too many others");
	else if (l->results.n == 0)
		finish(l, NONE, NULL);
	else
		finish_results(l);
}

/* Walk on to the same local part in another domain. */
static void
walk_to_domain(struct lookup *l, struct slice domain)
{
	struct sbuf there;

	sbuf_init(&there, QUESTION_TEXT);
	address_put(&there, address_local(&l->address), domain);
	l->todo.failed |= there.failed;
	lines_add(&l->todo, sbuf_slice(&there));
	sbuf_release(&there);
}

static void
walk_targets(struct lookup *l, const struct facts *facts, bool bare)
{
	struct sbuf targets;

	sbuf_init(&targets, LOOKUP_VALUE_MAX);
	put_targets(l, &targets, facts, bare);
	l->todo.failed |= targets.failed;
	walk_to(l, sbuf_slice(&targets));
	sbuf_release(&targets);
}

/* --- what the facts mean: addresses -------------------------------------------------------------
 */

static bool
is_off(const struct lookup *l, const struct facts *facts)
{
	bool expired = facts->expires != 0 && facts->expires <= l->rules->now;

	if (facts->disabled)
		note_alone(l, TRACE_DISABLED);
	else if (expired)
		note_alone(l, TRACE_EXPIRED);
	return facts->disabled || expired;
}

/* It resolves in the domain that its own stands for: that is where it leads. */
static void
finish_abroad(struct lookup *l)
{
	if (l->listing) {
		finish(l, NONE, NULL);
		return;
	}
	note(l, TRACE_RESOLVES, place(l));
	address_put(&l->results, address_spelled(&l->address), place(l));
	sbuf_add_chr(&l->results, '\n');
	finish_results(l);
}

static void
take_targets(struct lookup *l, const struct facts *facts, bool bare)
{
	l->closed = facts->internal;
	l->handed_n = bare && l->propagate ? spelled_extension(l).n : 0;
	note_alone(l, TRACE_TARGETS);
	if (bare)
		note(l, l->propagate ? TRACE_EXTENSION_KEPT : TRACE_EXTENSION_DROPPED,
		    spelled_extension(l));
	put_targets(l, &l->results, facts, bare);
	finish_results(l);
}

/* For senders: whoever an alias leads to. */
static void
take_way(struct lookup *l, const struct facts *facts, bool bare)
{
	if (!is_off(l, facts)) {
		note_alone(l, TRACE_WALKS);
		walk_targets(l, facts, bare);
	}
	ask_own_mailbox(l);
}

/* Is it a closed list? */
static void
take_list(struct lookup *l, const struct facts *facts)
{
	note_alone(l, facts->internal ? TRACE_CLOSED : TRACE_OPEN);
	if (facts->internal)
		finish(l, FOUND, MAP_CLOSED_LIST);
	else
		finish(l, NONE, NULL);
}

/* An alias matched: its targets are the answer, or, for senders, the way on. One that is off leads
 * nowhere, and no catch-all takes its mail. */
static void
take_alias(struct lookup *l, const struct facts *facts, bool bare)
{
	if (l->sending)
		take_way(l, facts, bare);
	else if (is_off(l, facts))
		finish(l, NONE, NULL);
	else if (l->listing)
		take_list(l, facts);
	else if (l->abroad)
		finish_abroad(l);
	else
		take_targets(l, facts, bare);
}

static void
take_sender(struct lookup *l, const struct facts *facts)
{
	struct slice key = l->question.candidate[facts->rank].key;

	note(l, account_state_sends(facts->state) ? TRACE_SENDS : TRACE_SENDS_NOT, key);
	if (account_state_sends(facts->state))
		lines_add(&l->results, key);
}

/* A mailbox leads no further. */
static void
take_mailbox(struct lookup *l, const struct facts *facts)
{
	if (l->sending) {
		take_sender(l, facts);
		walk_on(l);
	} else if (l->abroad && account_state_receives(facts->state)) {
		finish_abroad(l);
	} else {
		note(l, l->abroad ? TRACE_NO_MAIL : TRACE_MAILBOX_STAYS,
		    slice_str(account_state_name(facts->state)));
		finish(l, NONE, NULL);
	}
}

/* Look for the address in the domain that its own stands for. */
static void
go_abroad(struct lookup *l, struct slice there)
{
	note(l, TRACE_STANDS_FOR, there);
	l->abroad = true;
	/* there its own delimiters count, as they will when Postfix asks for what is answered here
	 */
	l->delimiters = l->rules->delimiters;
	split_address(l);
	sbuf_clear(&l->todo);
	sbuf_add_slice(&l->todo, there);
	if (l->todo.failed)
		finish(l, RETRY, "no memory for the domain");
	else
		ask_alias(l);
}

/* Nothing takes the address as it is. */
static void
take_nothing(struct lookup *l, const struct domain_facts *domain)
{
	if (l->sending) {
		if (domain->target.n > 0)
			walk_to_domain(l, sbuf_slice(&domain->target));
		walk_on(l);
	} else if (l->abroad && !domain->known) {
		finish(l, RETRY, "the domain that this domain stands for is missing");
	} else if (l->abroad && (domain->kind == DOMAIN_RELAY || domain->kind == DOMAIN_LOCAL)) {
		/* who lives there is not for us to know: accept, as Postfix would */
		note_alone(l, TRACE_FOREIGN);
		finish_abroad(l);
	} else if (!l->abroad && domain->target.n > 0) {
		go_abroad(l, sbuf_slice(&domain->target));
	} else {
		note_alone(l, domain->known ? TRACE_NOBODY : TRACE_UNKNOWN_DOMAIN);
		finish(l, NONE, NULL);
	}
}

/* The last candidate of an alias question is the catch-all; patterns come before it. */
static bool
is_catch_all(const struct lookup *l, const struct facts *facts)
{
	return facts->rank == l->question.n - 1;
}

static void
patterns_first(struct lookup *l)
{
	note_alone(l, TRACE_PATTERNS_FIRST);
	ask_patterns(l, l->address.local_n);
}

static void
tell_alias(struct lookup *l, const struct facts *facts)
{
	const struct candidate *c = &l->question.candidate[facts->rank];

	if (adopt_domain(l, &facts->domain))
		ask_alias(l);
	else if (facts->hit && c->row == ROW_MAILBOX)
		take_mailbox(l, facts);
	else if (facts->hit && !is_catch_all(l, facts))
		take_alias(l, facts, c->bare);
	else if (facts->domain.patterns)
		patterns_first(l);
	else if (facts->hit)
		take_alias(l, facts, false);
	else
		take_nothing(l, &facts->domain);
}

/* Of the patterns with one beginning, the longest that matches. */
static struct slice
best_pattern(const struct lookup *l, struct slice patterns)
{
	struct slice best = slice_of(NULL, 0);
	char local[ADDRESS_MAX];
	struct slice domain;
	size_t n;

	while (patterns.n > 0) {
		struct slice one = slice_cut(&patterns, '\n');

		if (one.n > best.n && address_split(local, sizeof local, &n, &domain, one) &&
		    glob_match(slice_of(local, n), address_local(&l->address)))
			best = one;
	}
	return best;
}

/* Which patterns were looked at; the rows that were asked for are only what they begin with. */
static void
note_patterns(const struct lookup *l, struct slice patterns, struct slice best)
{
	while (l->trace.fn != NULL && patterns.n > 0) {
		struct trace_note n = { .kind = TRACE_MISS, .row = ROW_PATTERN };

		n.subject = slice_cut(&patterns, '\n');
		if (slice_eq(n.subject, best))
			n.kind = TRACE_HIT;
		l->trace.fn(l->trace.arg, &n);
	}
}

static void
tell_pattern(struct lookup *l, const struct facts *facts)
{
	struct slice best = best_pattern(l, sbuf_slice(&facts->targets));
	size_t n = facts->hit ? l->question.candidate[facts->rank].key.n : 0;

	note_patterns(l, sbuf_slice(&facts->targets), best);
	if (best.n > 0) {
		question_clear(&l->question);
		question_add_text(&l->question, ROW_ALIAS, best, false);
		ask(l, STAGE_PATTERN_ROW);
	} else if (n > 0) {
		ask_patterns(l, n - 1);
	} else {
		ask_catch_all(l);
	}
}

static void
tell_pattern_row(struct lookup *l, const struct facts *facts)
{
	if (facts->hit)
		take_alias(l, facts, false);
	else
		finish(l, RETRY, "a pattern is gone while it was being looked up");
}

static void
tell_catch_all(struct lookup *l, const struct facts *facts)
{
	if (facts->hit)
		take_alias(l, facts, false);
	else
		take_nothing(l, &facts->domain);
}

static void
tell_own_mailbox(struct lookup *l, const struct facts *facts)
{
	if (facts->hit)
		take_sender(l, facts);
	walk_on(l);
}

/* --- what the facts mean: mailboxes and domains -------------------------------------------------
 */

static void
finish_key(struct lookup *l, struct slice value)
{
	sbuf_add_slice(&l->value, value);
	finish_found(l);
}

static void
tell_bare_mailbox(struct lookup *l, const struct facts *facts)
{
	bool receives = facts->hit && account_state_receives(facts->state);

	if (facts->hit)
		note(l, receives ? TRACE_MAILBOX : TRACE_NO_MAIL,
		    slice_str(account_state_name(facts->state)));
	else
		note_alone(l, TRACE_NOBODY);
	if (receives)
		finish_key(l, l->question.candidate[facts->rank].key);
	else
		finish(l, NONE, NULL);
}

static void
mailbox_behind_alias(struct lookup *l)
{
	note_alone(l, TRACE_ALIAS_FIRST);
	ask_bare_mailbox(l);
}

static void
tell_mailbox(struct lookup *l, const struct facts *facts)
{
	if (adopt_domain(l, &facts->domain))
		ask_mailbox(l);
	else if (!facts->hit || l->question.candidate[facts->rank].row == ROW_MAILBOX)
		tell_bare_mailbox(l, facts);
	else if (is_off(l, facts))
		finish(l, NONE, NULL);
	else
		mailbox_behind_alias(l);
}

static enum domain_kind
wanted_kind(enum map_kind map)
{
	switch (map) {
	case MAP_ALIAS_DOMAINS:
	case MAP_ALIASES: /* a bare domain, where main.cf leaves virtual_alias_domains at its
			     default */
		return DOMAIN_ALIAS;
	case MAP_LOCAL_DOMAINS:
		return DOMAIN_LOCAL;
	default:
		return DOMAIN_MAILBOX;
	}
}

static void
tell_domain(struct lookup *l, const struct facts *facts)
{
	if (facts->domain.known && facts->domain.kind == wanted_kind(l->map->kind)) {
		note(l, TRACE_OUR_DOMAIN, slice_str(domain_kind_name(facts->domain.kind)));
		finish_key(l, l->question.domain);
	} else if (facts->domain.known) {
		note(l, TRACE_OTHER_KIND, slice_str(domain_kind_name(facts->domain.kind)));
		finish(l, NONE, NULL);
	} else {
		note_alone(l, TRACE_UNKNOWN_DOMAIN);
		finish(l, NONE, NULL);
	}
}

static void
tell_relay(struct lookup *l, const struct facts *facts)
{
	struct slice name = l->question.candidate[facts->rank].key;
	bool itself = facts->rank == 0 && l->steps == 1;
	size_t at;

	if (facts->hit && facts->kind == DOMAIN_RELAY) {
		finish_key(l, name);
	} else if (!facts->hit || itself || !slice_chr(name, '.', &at)) {
		finish(l, NONE, NULL);
	} else {
		/* a parent of another kind says nothing of what is below it: look above that one */
		ask_relay(l, slice_tail(name, at + 1));
	}
}

/* --- what the facts mean: plain maps ------------------------------------------------------------
 */

static void
take_rewrite(struct lookup *l, const struct facts *facts)
{
	/* Postfix's propagate_unmatched_extensions names canonical, and not generic */
	l->propagate = l->propagate && l->map->kind != MAP_GENERIC;
	put_target(
	    l, &l->results, sbuf_slice(&facts->value), l->question.candidate[facts->rank].bare);
	finish_results(l);
}

/* The same for a key that is no address, which has its extension all the same. Postfix itself puts
 * a local part in front of `@other`. */
static void
take_rewrite_of_text(struct lookup *l, struct slice value, bool bare)
{
	char local[ADDRESS_MAX];
	struct sbuf own, joined;
	struct slice domain;
	size_t n;

	sbuf_init(&own, QUESTION_TEXT);
	sbuf_init(&joined, QUESTION_TEXT);
	if (bare && l->propagate && l->map->kind != MAP_GENERIC &&
	    sbuf_room(&own, l->key.n) != NULL &&
	    address_split(own.p, l->key.n, &own.n, &domain, sbuf_slice(&l->key)) &&
	    address_split(local, sizeof local, &n, &domain, value) && n > 0) {
		struct slice spelled = sbuf_slice(&own);

		sbuf_add(&joined, local, n);
		sbuf_add_slice(&joined, slice_tail(spelled, address_base(spelled, l->delimiters)));
		address_put(&l->value, sbuf_slice(&joined), domain);
		finish_found(l);
	} else {
		finish_key(l, value);
	}
	if (own.failed || joined.failed)
		finish(l, RETRY, "no memory for the key");
	sbuf_release(&own);
	sbuf_release(&joined);
}

/* Is the recipient a closed list, by whatever way an address leads to one? */
static void
find_list(struct lookup *l)
{
	note_alone(l, TRACE_NO_ENTRY);
	l->listing = true;
	ask_alias(l);
}

static void
no_entry(struct lookup *l)
{
	note_alone(l, TRACE_NO_ENTRY);
	finish(l, NONE, NULL);
}

static void
take_entry(struct lookup *l, const struct facts *facts)
{
	note_alone(l, TRACE_ENTRY);
	if (l->map->search == SEARCH_REWRITE && l->is_address)
		take_rewrite(l, facts);
	else if (l->map->search == SEARCH_REWRITE)
		take_rewrite_of_text(
		    l, sbuf_slice(&facts->value), l->question.candidate[facts->rank].bare);
	else
		finish_key(l, sbuf_slice(&facts->value));
}

static void
tell_entry(struct lookup *l, const struct facts *facts)
{
	/* only where the address decides is its domain in the question */
	if (adopt_domain(l, &facts->domain))
		ask_entries(l, l->stage);
	else if (!facts->hit && l->is_address && l->map->kind == MAP_RECIPIENTS)
		find_list(l);
	else if (!facts->hit)
		no_entry(l);
	else
		take_entry(l, facts);
}

/* Whoever is in a domain of ours, or stands in a closed list himself. That he is who he says is for
 * smtpd_sender_login_maps to see to. */
static void
tell_member(struct lookup *l, const struct facts *facts)
{
	bool ours = facts->domain.known && facts->domain.kind != DOMAIN_RELAY;
	bool itself = facts->hit && !l->question.candidate[facts->rank].bare;

	if (!ours && !itself && adopt_domain(l, &facts->domain) && !l->ours) {
		ask_member(l);
		return;
	}
	note_alone(l, facts->hit ? TRACE_MEMBER : ours ? TRACE_OURS : TRACE_STRANGER);
	if (facts->hit || ours)
		finish_key(l, slice_str("OK"));
	else
		finish(l, NONE, NULL);
}

/* The store knows a map by that name, and how it is searched. */
static void
tell_map(struct lookup *l, const struct facts *facts)
{
	if (!facts->hit)
		finish(l, BAD, "no such map");
	else if (!key_search_by_name(sbuf_slice(&facts->value), &l->custom.search))
		finish(l, RETRY, "a map with a search that this program does not know");
	else
		ask_entries(l, STAGE_ENTRY);
}

/* Logins that the admin allowed, besides those that the address leads to. */
static void
tell_grants(struct lookup *l, const struct facts *facts)
{
	struct slice rest = sbuf_slice(&facts->value);

	if (adopt_domain(l, &facts->domain)) {
		ask_entries(l, l->stage);
		return;
	}
	while (facts->hit && rest.n > 0) {
		struct slice login = slice_trim(slice_cut(&rest, ','));

		if (login.n > 0)
			lines_add(&l->results, login);
	}
	if (l->is_address) {
		address_print(&l->todo, &l->address);
		sbuf_add_chr(&l->todo, '\n');
	}
	walk_on(l);
}

/* Of patterns more is told later; and a catch-all is asked for once more behind them. */
static void
note_candidates(const struct lookup *l, const struct facts *facts)
{
	bool early = l->stage == STAGE_ALIAS && facts->domain.patterns && facts->hit &&
		     is_catch_all(l, facts);

	if (l->trace.fn != NULL && l->stage != STAGE_PATTERN)
		trace_candidates(&l->trace, &l->question, facts, early);
}

void
lookup_tell(struct lookup *l, const struct facts *facts)
{
	static void (*const tell[])(struct lookup *, const struct facts *) = {
		[STAGE_MAP] = tell_map,
		[STAGE_DOMAIN] = tell_domain,
		[STAGE_RELAY] = tell_relay,
		[STAGE_MAILBOX] = tell_mailbox,
		[STAGE_BARE_MAILBOX] = tell_bare_mailbox,
		[STAGE_ALIAS] = tell_alias,
		[STAGE_PATTERN] = tell_pattern,
		[STAGE_PATTERN_ROW] = tell_pattern_row,
		[STAGE_CATCH_ALL] = tell_catch_all,
		[STAGE_GRANTS] = tell_grants,
		[STAGE_OWN_MAILBOX] = tell_own_mailbox,
		[STAGE_ENTRY] = tell_entry,
		[STAGE_MEMBER] = tell_member,
	};

	l->timed |= facts->expires != 0 || l->stage == STAGE_MEMBER;
	note_candidates(l, facts);
	tell[l->stage](l, facts);
}

/* --- beginnings ---------------------------------------------------------------------------------
 */

static void
start_address(struct lookup *l)
{
	if (!l->is_address)
		finish_unreadable(l);
	else if (l->map->kind == MAP_MAILBOXES)
		ask_mailbox(l);
	else if (l->map->kind == MAP_MEMBERS)
		ask_member(l);
	else
		ask_alias(l);
}

/* A map that is not in the table: the store may know it. */
static void
start_custom(struct lookup *l, struct slice name)
{
	if (!map_name_ok(name)) {
		finish(l, BAD, "no such map");
		return;
	}
	memcpy(l->custom_name, name.p, name.n);
	l->custom_name[name.n] = '\0';
	l->custom = (struct map){ .name = l->custom_name, .kind = MAP_PLAIN };
	l->map = &l->custom;
	question_clear(&l->question);
	question_add_text(&l->question, ROW_MAP, name, false);
	ask(l, STAGE_MAP);
}

static void
start(struct lookup *l)
{
	size_t at;

	switch (l->map->kind) {
	case MAP_DOMAINS:
	case MAP_ALIAS_DOMAINS:
	case MAP_LOCAL_DOMAINS:
		ask_domain(l);
		break;
	case MAP_RELAY_DOMAINS:
		ask_relay(l, sbuf_slice(&l->key));
		break;
	case MAP_MAILBOXES:
	case MAP_ALIASES:
		/* a bare domain comes where main.cf leaves virtual_*_domains at its default */
		if (slice_chr(sbuf_slice(&l->key), '@', &at))
			start_address(l);
		else
			ask_domain(l);
		break;
	case MAP_SENDERS:
		l->sending = true;
		ask_entries(l, STAGE_GRANTS);
		break;
	case MAP_MEMBERS:
		start_address(l);
		break;
	case MAP_RECIPIENTS:
	case MAP_GENERIC:
	case MAP_PLAIN:
		ask_entries(l, STAGE_ENTRY);
		break;
	}
}

/* Forget the last lookup, and take the key of this one. False when it has ended with that. */
static bool
take_key(struct lookup *l, const struct lookup_rules *rules, struct slice map, struct slice key)
{
	l->rules = rules;
	l->map = map_by_name(map);
	l->steps = 0;
	l->todo_at = l->handed_n = 0;
	l->ours = l->sending = l->listing = l->abroad = l->closed = l->timed = false;
	sbuf_clear(&l->value);
	sbuf_clear(&l->results);
	sbuf_clear(&l->todo);
	sbuf_clear(&l->key);
	sbuf_add_slice(&l->key, key);
	l->is_address = take_address(l, key);
	if (!l->key.failed && (l->is_address || !l->address.no_memory))
		return true;
	finish(l, RETRY, "no memory for the key");
	return false;
}

void
lookup_start(struct lookup *l, const struct lookup_rules *rules, struct slice map, struct slice key)
{
	if (!take_key(l, rules, map, key))
		return;
	if (l->map != NULL)
		start(l);
	else
		start_custom(l, map);
}

void
lookup_start_ours(struct lookup *l, const struct lookup_rules *rules, struct slice address)
{
	if (!take_key(l, rules, slice_str("members"), address))
		return;
	l->ours = true;
	if (!l->is_address) {
		finish(l, NONE, NULL);
		return;
	}
	begin(l, address_domain(&l->address));
	ask(l, STAGE_MEMBER);
}

void
lookup_again(struct lookup *l)
{
	char map[MAP_NAME_MAX + 1];
	struct sbuf key = l->key; /* ours now: the lookup takes a copy */

	sbuf_init(&l->key, QUESTION_TEXT);
	snprintf(map, sizeof map, "%s", l->map->name);
	if (l->ours)
		lookup_start_ours(l, l->rules, sbuf_slice(&key));
	else
		lookup_start(l, l->rules, slice_str(map), sbuf_slice(&key));
	sbuf_release(&key);
}

void
lookup_assume(struct lookup *l, struct slice value)
{
	sbuf_clear(&l->value);
	sbuf_add_slice(&l->value, value);
	finish_found(l);
}
