/* SPDX-License-Identifier: ISC
 *
 * Who may write to closed lists. Follows addresses by the map of aliases, one step after the other.
 */
#include "mail/policy.h"

#include <string.h>

#include "mail/lines.h"

enum { LIST_TEXT = 1 << 20 };

void
policy_init(struct policy *p)
{
	*p = (struct policy){ .asking = false, .outcome = NONE };
	sbuf_init(&p->todo, LIST_TEXT);
	sbuf_init(&p->lists, LIST_TEXT);
	sbuf_init(&p->from, QUESTION_TEXT);
	sbuf_init(&p->to, QUESTION_TEXT);
}

void
policy_release(struct policy *p)
{
	sbuf_release(&p->todo);
	sbuf_release(&p->lists);
	sbuf_release(&p->from);
	sbuf_release(&p->to);
}

/* --- endings ---------------------------------------------------------------------------------- */

static void
finish(struct policy *p, enum outcome o, const char *action)
{
	p->asking = false;
	p->outcome = o;
	p->action = action;
	policy_release(p);
}

static void
refuse(struct policy *p)
{
	finish(p, FOUND, "REJECT 5.7.1 only members may write to this list");
}

/* --- lists of addresses -------------------------------------------------------------------------
 */

/* Take the next of LIST behind *AT. */
static bool
next(const struct sbuf *list, size_t *at, struct slice *item)
{
	struct slice rest = slice_tail(sbuf_slice(list), *at);

	if (rest.n == 0)
		return false;
	*item = slice_cut(&rest, '\n');
	*at += item->n + 1;
	return true;
}

/* Tell whether a member is the sender, whose extensions are his own affair. */
static bool
is_sender(const struct policy *p, const struct address *a)
{
	struct slice one = address_local(a), other = address_local(&p->sender);

	if (!p->has_sender || !slice_eq(address_domain(a), address_domain(&p->sender)))
		return false;
	return slice_eq(slice_head(one, address_base(one, p->delimiters)),
	    slice_head(other, address_base(other, p->delimiters)));
}

/* Look at a member without what the list, having been written to with an extension, has put behind
 * his name: else he would be whoever bears that name. */
static void
take_member(struct policy *p, const struct address *a, size_t handed_n)
{
	struct slice spelled = address_spelled(a);
	struct sbuf text;
	struct address member;

	if (handed_n == 0) {
		p->member |= is_sender(p, a);
		return;
	}
	sbuf_init(&text, QUESTION_TEXT);
	address_put(&text, slice_head(spelled, spelled.n - handed_n), address_domain(a));
	if (address_parse(&member, sbuf_slice(&text)))
		p->member |= is_sender(p, &member);
	p->todo.failed |= text.failed || member.no_memory;
	sbuf_release(&text);
}

/* Put an address behind those to walk, as Postfix would ask for it. */
static void
walk_to(struct policy *p, struct slice text, size_t handed_n)
{
	struct sbuf canonical;
	struct address a;

	sbuf_init(&canonical, QUESTION_TEXT);
	if (address_parse(&a, text) && domain_as_asked(&a) && address_print(&canonical, &a)) {
		take_member(p, &a, handed_n);
		lines_add(&p->todo, sbuf_slice(&canonical));
	}
	p->todo.failed |= a.no_memory || canonical.failed;
	sbuf_release(&canonical);
}

/* --- the walk ----------------------------------------------------------------------------------
 */

static bool
is_stuck(struct policy *p)
{
	if (!p->todo.failed && !p->lists.failed && ++p->steps <= POLICY_STEPS_MAX)
		return false;
	finish(p, RETRY, "the recipient leads to too many others");
	return true;
}

static void walk_on(struct policy *p);

/* Everybody that the next closed list leads to; without one, nobody is in the way any more. */
static void
next_list(struct policy *p)
{
	struct slice list;

	if (!next(&p->lists, &p->lists_at, &list)) {
		finish(p, NONE, NULL);
		return;
	}
	p->stage = POLICY_MEMBERS;
	p->member = false;
	sbuf_clear(&p->todo);
	p->todo_at = 0;
	lines_add(&p->todo, list);
	walk_on(p);
}

/* Look the next address up; when there is none left, go to the next list, or say that the sender
 * was not among the members of this one. */
static void
walk_on(struct policy *p)
{
	struct slice address;

	if (p->member)
		next_list(p);
	else if (is_stuck(p))
		return;
	else if (next(&p->todo, &p->todo_at, &address))
		lookup_start(p->lookup, p->rules, slice_str("aliases"), address);
	else if (p->stage == POLICY_MEMBERS)
		refuse(p);
	else
		next_list(p);
}

/* The address that was looked up is an alias: a closed list in the way, or the way on. */
static void
take_alias(struct policy *p)
{
	struct slice results = sbuf_slice(&p->lookup->results);

	if (p->lookup->closed && p->stage == POLICY_LISTS) {
		lines_add(&p->lists, sbuf_slice(&p->lookup->key));
		return;
	}
	while (results.n > 0)
		walk_to(p, slice_cut(&results, '\n'), p->lookup->handed_n);
	if (p->stage == POLICY_LISTS)
		p->member = false;
}

/* The domain that was asked for may have delimiters of its own. */
static void
take_delimiters(struct policy *p)
{
	const struct lookup *l = p->lookup;

	if (l->is_address && l->delimiters == l->own_delimiters) {
		memcpy(p->own_delimiters, l->own_delimiters, sizeof p->own_delimiters);
		p->delimiters = p->own_delimiters;
	}
}

static void
take(struct policy *p)
{
	if (p->lookup->outcome == RETRY || p->lookup->outcome == BAD)
		finish(p, RETRY, sbuf_cstr(&p->lookup->value));
	else if (p->stage == POLICY_SENDER && p->lookup->outcome == FOUND)
		finish(p, NONE, NULL);
	else {
		if (p->stage == POLICY_SENDER) {
			take_delimiters(p);
			p->stage = POLICY_LISTS;
		} else if (p->lookup->outcome == FOUND) {
			take_alias(p);
		}
		walk_on(p);
	}
}

/* What can be answered without the store is answered here, a bounded number of times. */
static void
run(struct policy *p)
{
	while (p->asking && !p->lookup->asking)
		take(p);
}

void
policy_tell(struct policy *p)
{
	run(p);
}

bool
policy_is_late(struct policy *p, uint64_t now, uint64_t limit)
{
	if (!p->asking)
		return false;
	if (p->since == 0)
		p->since = now;
	return now - p->since >= limit;
}

void
policy_again(struct policy *p)
{
	struct slice sender = sbuf_slice(&p->from);

	sbuf_clear(&p->todo);
	sbuf_clear(&p->lists);
	p->todo_at = p->lists_at = p->steps = 0;
	p->member = false;
	p->asking = true;
	p->stage = POLICY_SENDER;
	p->delimiters = p->rules->delimiters;
	lookup_start_ours(p->lookup, p->rules, sender);
	p->has_sender = address_parse(&p->sender, sender) && p->sender.local_n > 0;
	p->has_sender = p->has_sender && domain_as_asked(&p->sender);
	walk_to(p, sbuf_slice(&p->to), 0);
	p->member = false;
	if (p->sender.no_memory || p->todo.failed || p->from.failed || p->to.failed)
		finish(p, RETRY, "no memory for the addresses");
	run(p);
}

void
policy_start(struct policy *p, struct lookup *lookup, const struct lookup_rules *rules,
    struct slice sender, struct slice recipient)
{
	p->lookup = lookup;
	p->rules = rules;
	p->since = 0;
	sbuf_clear(&p->from);
	sbuf_clear(&p->to);
	sbuf_add_slice(&p->from, sender);
	sbuf_add_slice(&p->to, recipient);
	policy_again(p);
}
