/* SPDX-License-Identifier: ISC
 *
 * The resolver. One step of an address, as Postfix asks for it, equal to what Postfix does with a
 * hash: table, except that a catch-all takes no real mailbox and that an alias domain accepts only
 * what resolves in the domain it stands for. `senders` walks on to the mailboxes.
 *
 * Asks questions and is told facts; never looks itself.
 */
#include "mail/lookup.h"

#include <string.h>

void
lookup_init(struct lookup *l)
{
	*l = (struct lookup){ .asking = false, .outcome = NONE };
	question_init(&l->question);
	sbuf_init(&l->value, LOOKUP_VALUE_MAX);
	sbuf_init(&l->results, LOOKUP_VALUE_MAX);
	sbuf_init(&l->todo, LOOKUP_VALUE_MAX);
}

void
lookup_release(struct lookup *l)
{
	question_release(&l->question);
	sbuf_release(&l->value);
	sbuf_release(&l->results);
	sbuf_release(&l->todo);
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

/* --- questions -------------------------------------------------------------------------------- */

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

/* Ask for one kind of row by the address and then without its extension. */
static void
ask_both(struct lookup *l, enum row row, struct slice domain)
{
	question_add(&l->question, row, address_local(&l->address), domain, false);
	if (has_extension(l))
		question_add(&l->question, row, folded_base(l), domain, true);
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

/* Everything that may decide one step of an address in DOMAIN, the best first. */
static void
ask_alias(struct lookup *l, enum lookup_stage stage, struct slice domain)
{
	question_clear(&l->question);
	ask_both(l, ROW_ALIAS, domain);
	ask_both(l, ROW_MAILBOX, domain);
	if (address_is_plain(address_local(&l->address)))
		ask_both(l, ROW_LOCAL_ALIAS, domain);
	question_add(&l->question, ROW_ALIAS, slice_str(""), domain, false);
	question_add(&l->question, ROW_DOMAIN, slice_str(""), domain, false);
	ask(l, stage);
}

static void
ask_mailbox(struct lookup *l, enum lookup_stage stage)
{
	question_clear(&l->question);
	ask_both(l, ROW_MAILBOX, address_domain(&l->address));
	ask(l, stage);
}

/* The key is no name of anything: there is no such row, unless we could not even read it. */
static void
finish_unreadable(struct lookup *l)
{
	if (l->address.no_memory)
		finish(l, RETRY, "no memory for the key");
	else
		finish(l, NONE, NULL);
}

static void
ask_domain(struct lookup *l, struct slice key)
{
	question_clear(&l->question);
	if (!domain_parse(&l->address, key)) {
		finish_unreadable(l);
		return;
	}
	question_add(&l->question, ROW_DOMAIN, slice_str(""), address_domain(&l->address), false);
	ask(l, STAGE_DOMAIN);
}

static bool
take_address(struct lookup *l, struct slice text)
{
	if (!address_parse(&l->address, text))
		return false;
	l->base_n = address_base(address_local(&l->address), l->rules->delimiters);
	l->spelled_base_n = address_base(address_spelled(&l->address), l->rules->delimiters);
	return true;
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

	if (!address_split(local, ADDRESS_MAX, &n, &domain, target)) {
		out->failed = true;
		return;
	}
	part = slice_of(local, n);
	if (n == 0)
		part = bare ? spelled_base(l) : address_spelled(&l->address);
	if (bare && l->rules->propagate) {
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

static bool
list_has(const struct sbuf *list, struct slice item)
{
	struct slice rest = sbuf_slice(list);

	while (rest.n > 0)
		if (slice_eq(slice_cut(&rest, '\n'), item))
			return true;
	return false;
}

static void
list_add(struct sbuf *list, struct slice item)
{
	if (list_has(list, item))
		return;
	sbuf_add_slice(list, item);
	sbuf_add_chr(list, '\n');
}

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
			list_add(&l->todo, sbuf_slice(&canonical));
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
			ask_alias(l, STAGE_SENDER, address_domain(&l->address));
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

/* --- what the facts mean, stage by stage ------------------------------------------------------ */

static void
tell_domain(struct lookup *l, const struct facts *facts)
{
	/* a bare domain reaches the address maps where main.cf leaves virtual_*_domains at its
	 * default */
	bool wants_alias = l->map->search == MAP_ALIAS_DOMAINS || l->map->search == MAP_ALIASES;
	enum domain_kind kind = wants_alias ? DOMAIN_ALIAS : DOMAIN_MAILBOX;

	if (!facts->hit || facts->kind != kind) {
		finish(l, NONE, NULL);
		return;
	}
	sbuf_add_slice(&l->value, l->question.candidate[0].key);
	finish_found(l);
}

static void
tell_mailbox(struct lookup *l, const struct facts *facts)
{
	if (!facts->hit) {
		finish(l, NONE, NULL);
		return;
	}
	sbuf_add_slice(&l->value, l->question.candidate[facts->rank].key);
	finish_found(l);
}

/* The domain stands for another one: look whether the address resolves there. */
static void
ask_alias_domain(struct lookup *l, const struct facts *facts)
{
	sbuf_clear(&l->todo);
	sbuf_add_slice(&l->todo, sbuf_slice(&facts->target));
	if (l->todo.failed)
		finish(l, RETRY, "no memory for the domain");
	else
		ask_alias(l, STAGE_ALIAS_DOMAIN, sbuf_slice(&l->todo));
}

static void
tell_alias(struct lookup *l, const struct facts *facts)
{
	const struct candidate *c = &l->question.candidate[facts->rank];

	if (!facts->hit) {
		finish(l, NONE, NULL);
		return;
	}
	switch (c->row) {
	case ROW_ALIAS:
	case ROW_LOCAL_ALIAS:
		put_targets(l, &l->results, facts, c->bare);
		finish_results(l);
		break;
	case ROW_DOMAIN:
		if (facts->target.n > 0) {
			ask_alias_domain(l, facts);
			break;
		}
		/* fallthrough */
	case ROW_MAILBOX:
		finish(l, NONE, NULL);
		break;
	}
}

static void
tell_alias_domain(struct lookup *l, const struct facts *facts)
{
	const struct candidate *c = &l->question.candidate[facts->rank];

	if (!facts->hit) {
		finish(l, RETRY, "the domain that this domain stands for is missing");
		return;
	}
	/* who lives in a relay or local domain is not for us to know: accept, as Postfix would */
	if (c->row == ROW_DOMAIN && facts->kind != DOMAIN_RELAY && facts->kind != DOMAIN_LOCAL) {
		finish(l, NONE, NULL);
		return;
	}
	address_put(&l->results, address_spelled(&l->address), sbuf_slice(&l->todo));
	sbuf_add_chr(&l->results, '\n');
	finish_results(l);
}

static void
tell_sender(struct lookup *l, const struct facts *facts)
{
	const struct candidate *c = &l->question.candidate[facts->rank];

	if (!facts->hit) {
		walk_on(l);
		return;
	}
	switch (c->row) {
	case ROW_ALIAS:
	case ROW_LOCAL_ALIAS:
		walk_targets(l, facts, c->bare);
		ask_mailbox(l, STAGE_OWN_MAILBOX);
		break;
	case ROW_MAILBOX:
		list_add(&l->results, c->key);
		walk_on(l);
		break;
	case ROW_DOMAIN:
		if (facts->target.n > 0) {
			struct sbuf there;

			sbuf_init(&there, QUESTION_TEXT);
			address_put(&there, address_local(&l->address), sbuf_slice(&facts->target));
			l->todo.failed |= there.failed;
			list_add(&l->todo, sbuf_slice(&there));
			sbuf_release(&there);
		}
		walk_on(l);
		break;
	}
}

static void
tell_own_mailbox(struct lookup *l, const struct facts *facts)
{
	if (facts->hit)
		list_add(&l->results, l->question.candidate[facts->rank].key);
	walk_on(l);
}

void
lookup_tell(struct lookup *l, const struct facts *facts)
{
	switch (l->stage) {
	case STAGE_DOMAIN:
		tell_domain(l, facts);
		break;
	case STAGE_MAILBOX:
		tell_mailbox(l, facts);
		break;
	case STAGE_ALIAS:
		tell_alias(l, facts);
		break;
	case STAGE_ALIAS_DOMAIN:
		tell_alias_domain(l, facts);
		break;
	case STAGE_SENDER:
		tell_sender(l, facts);
		break;
	case STAGE_OWN_MAILBOX:
		tell_own_mailbox(l, facts);
		break;
	}
}

static void
start_address(struct lookup *l, struct slice key)
{
	if (!take_address(l, key)) {
		finish_unreadable(l);
		return;
	}
	if (l->map->search == MAP_MAILBOXES) {
		ask_mailbox(l, STAGE_MAILBOX);
		return;
	}
	if (l->map->search == MAP_ALIASES) {
		ask_alias(l, STAGE_ALIAS, address_domain(&l->address));
		return;
	}
	address_print(&l->todo, &l->address);
	sbuf_add_chr(&l->todo, '\n');
	walk_on(l);
}

void
lookup_start(struct lookup *l, const struct lookup_rules *rules, const struct map *map,
	     struct slice key)
{
	size_t at;

	l->rules = rules;
	l->map = map;
	l->steps = 0;
	l->todo_at = 0;
	sbuf_clear(&l->value);
	sbuf_clear(&l->results);
	sbuf_clear(&l->todo);
	if (map == NULL)
		finish(l, BAD, "no such map");
	else if (map->search == MAP_DOMAINS || map->search == MAP_ALIAS_DOMAINS)
		ask_domain(l, key);
	else if (slice_chr(key, '@', &at))
		start_address(l, key);
	else if (map->search == MAP_SENDERS)
		finish(l, NONE, NULL);
	else
		ask_domain(l, key);
}
