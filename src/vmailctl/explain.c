/* SPDX-License-Identifier: ISC
 *
 * Follows a mail through the maps in the order in which Postfix asks them. Every answer is the
 * resolver's, with what it told on the way; what is added here is which map comes next.
 */
#include "vmailctl/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/policy.h"
#include "vmailctl/listeners.h"
#include "vmailctl/live.h"
#include "vmailctl/output.h"

enum { REWRITES_MAX = 10 }; /* so often does Postfix look an address up in its canonical maps */

/* --- what is told of a lookup ----------------------------------------------------------------- */

static void
take_note(void *arg, const struct trace_note *note)
{
	struct explain *x = arg;
	json_t *j = json_pack("{s:s}", "result", trace_kind_name(note->kind));

	if (note->kind == TRACE_RULE) {
		json_object_set_new(j, "rule", json_string(trace_rule_code(note->rule)));
		json_object_set_new(j, "text", json_string(trace_rule_text(note->rule)));
	} else {
		json_object_set_new(j, "row", json_string(trace_row_name(note->row)));
	}
	if (note->subject.n > 0)
		json_object_set_new(j, note->kind == TRACE_RULE ? "subject" : "key",
		    output_json_text(note->subject));
	json_array_append_new(x->tried, j);
}

/* The code of the rule that came last, "" for none. */
static const char *
last_rule(const json_t *answer, const char *field)
{
	const json_t *tried = json_object_get(answer, "tried");

	for (size_t i = json_array_size(tried); i-- > 0;) {
		const char *rule =
		    json_string_value(json_object_get(json_array_get(tried, i), field));

		if (rule != NULL)
			return rule;
	}
	return "";
}

/* Say why mail does not arrive; the first reason is the one that counts. */
static void __attribute__((format(printf, 2, 3))) blame(struct explain *x, const char *fmt, ...)
{
	va_list ap;

	if (x->why[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(x->why, sizeof x->why, fmt, ap);
	va_end(ap);
}

static const char *
field_of_value(enum outcome o)
{
	return o == FOUND ? "value" : "reason";
}

/* What the daemon says to the same question. */
static void
ask_daemon(struct explain *x, json_t *j, const struct lookup *l, const char *map, struct slice key)
{
	struct error err = { "" };
	struct sbuf value;
	enum outcome o;
	bool same;

	sbuf_init(&value, LOOKUP_VALUE_MAX);
	o = live_lookup(x->ctl->conf, slice_str(map), key, &value, &err);
	same =
	    o == l->outcome && (o != FOUND || slice_eq(sbuf_slice(&value), sbuf_slice(&l->value)));
	json_object_set_new(
	    j, "live", json_pack("{s:s, s:b}", "outcome", outcome_name(o), "same", same));
	if (o != NONE)
		json_object_set_new(json_object_get(j, "live"), field_of_value(o),
		    output_json_text(o == FOUND ? sbuf_slice(&value) : slice_str(err.text)));
	x->differs += !same;
	sbuf_release(&value);
}

/* What came of a finished lookup, as JSON. */
static json_t *
answer_of(struct explain *x, struct lookup *l, const char *map, struct slice key)
{
	json_t *j;

	live_ended(l);
	j = json_pack("{s:s, s:o, s:s}", "map", map, "key", output_json_text(key), "outcome",
	    outcome_name(l->outcome));
	if (l->outcome != NONE)
		json_object_set_new(
		    j, field_of_value(l->outcome), output_json_text(sbuf_slice(&l->value)));
	json_object_set_new(j, "tried", x->tried);
	x->tried = json_array();
	if (l->outcome == RETRY)
		blame(x, "%s could not be looked up: %s", map, sbuf_cstr(&l->value));
	x->retry |= l->outcome == RETRY;
	if (x->live)
		ask_daemon(x, j, l, map, key);
	return j;
}

/* Put J behind the others of LIST, which owns it then. Without memory nothing can be told for sure.
 */
static json_t *
append(struct explain *x, json_t *list, json_t *j)
{
	if (json_array_append_new(list, j) == 0)
		return j;
	x->retry = true;
	return NULL;
}

/* Look KEY up in MAP, put the answer behind the others in LIST, and return it. */
static json_t *
look_up(struct explain *x, json_t *list, const char *map, struct slice key)
{
	json_t *j;

	lookup_start(&x->lookup, &x->ctl->actor.rules, slice_str(map), key);
	store_resolve(x->ctl->store, &x->lookup);
	j = answer_of(x, &x->lookup, map, key);
	return append(x, list, j);
}

static bool
is_found(const struct explain *x)
{
	return x->lookup.outcome == FOUND;
}

static json_t *
new_list(json_t *owner, const char *name)
{
	json_t *list = json_array();

	return json_object_set_new(owner, name, list) == 0 ? list : NULL;
}

/* --- domains ------------------------------------------------------------------------------------
 */

static bool
ask_domain(struct explain *x, struct slice domain, struct facts *facts)
{
	struct question q;
	enum outcome o = RETRY;

	question_init(&q);
	if (question_set_domain(&q, domain))
		o = store_ask(x->ctl->store, &q, facts, &x->ctl->err);
	question_release(&q);
	x->retry |= o != FOUND;
	return o == FOUND;
}

static const char *
class_of(const struct domain_facts *d)
{
	return d->known ? domain_kind_name(d->kind) : "outside";
}

/* The lists by which Postfix finds the class of a domain, in its order. */
static void
add_domain(struct explain *x, struct slice domain, const struct domain_facts *d)
{
	static const char *const lists[] = { "local-domains", "alias-domains", "domains",
		"relay-domains" };
	const struct lookup_rules *rules = &x->ctl->actor.rules;
	const char *delimiters = d->own_delimiters ? d->delimiters : rules->delimiters;
	json_t *j = json_pack("{s:o, s:s, s:o, s:b}", "name", output_json_text(domain), "class",
	    class_of(d), "delimiters", output_json_text(slice_str(delimiters)), "propagate",
	    (int)(d->propagate < 0 ? rules->propagate : d->propagate == 1));
	json_t *asked = new_list(j, "lookups");

	if (d->target.n > 0)
		json_object_set_new(j, "stands_for", output_json_text(sbuf_slice(&d->target)));
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		look_up(x, asked, lists[i], domain);
		if (is_found(x))
			break;
	}
	/* below a relay domain the list is what decides */
	if (!d->known && is_found(x))
		json_object_set_new(j, "class", json_string("relay"));
	json_object_set_new(x->journey, "domain", j);
}

static bool
is_relayed(struct explain *x, struct slice domain, const struct domain_facts *d)
{
	if (d->known)
		return d->kind == DOMAIN_RELAY;
	lookup_start(&x->lookup, &x->ctl->actor.rules, slice_str("relay-domains"), domain);
	store_resolve(x->ctl->store, &x->lookup);
	json_array_clear(x->tried);
	x->retry |= x->lookup.outcome == RETRY;
	return is_found(x);
}

/* --- ends ---------------------------------------------------------------------------------------
 */

static json_t *
json_home(const struct ctl *ctl, const struct account *a)
{
	struct sbuf home;
	json_t *j;

	sbuf_init(&home, 4 * ADDRESS_MAX);
	ctl_put_home(&home, ctl, a);
	j = home.n > 0 ? output_json_text(sbuf_slice(&home)) : json_null();
	sbuf_release(&home);
	return j;
}

static void
add_mailbox(struct explain *x, json_t *end, struct slice address)
{
	struct account a;
	json_t *j;

	account_init(&a);
	if (store_account(x->ctl->store, address, &a, &x->ctl->err) == FOUND) {
		j = json_pack("{s:o, s:s, s:o, s:b}", "address", output_json_text(address), "state",
		    account_state_name(a.state), "home", json_home(x->ctl, &a), "password",
		    (int)a.password);
		json_object_set_new(j, "quota", a.quota > 0 ? json_integer(a.quota) : json_null());
		if (a.reason.n > 0)
			json_object_set_new(j, "reason", output_json_text(sbuf_slice(&a.reason)));
		json_object_set_new(end, "mailbox", j);
	}
	account_release(&a);
}

static void
end_with(struct explain *x, json_t *end, const char *how, bool good)
{
	json_object_set_new(end, "ends", json_string(how));
	x->ends += good;
	x->bad_ends += !good;
}

/* The mailbox that is there and gets no mail: its address has lost the extension, perhaps. */
static void
add_silent_mailbox(struct explain *x, json_t *end, const json_t *answer)
{
	const json_t *note;
	size_t i;

	json_array_foreach(json_object_get(answer, "tried"), i, note)
	{
		const char *row = json_string_value(json_object_get(note, "row"));
		const char *result = json_string_value(json_object_get(note, "result"));

		if (row != NULL && strcmp(row, "mailbox") == 0 && strcmp(result, "hit") == 0)
			add_mailbox(
			    x, end, slice_str(json_string_value(json_object_get(note, "key"))));
	}
}

/* In a domain of mailboxes. */
static void
end_in_mailbox(struct explain *x, json_t *end, json_t *asked, struct slice address)
{
	json_t *answer = look_up(x, asked, "mailboxes", address);

	if (is_found(x)) {
		add_mailbox(x, end, sbuf_slice(&x->lookup.value));
		end_with(x, end, "mailbox", true);
	} else {
		blame(x, "'%s': %s", json_string_value(json_object_get(end, "address")),
		    last_rule(answer, "text"));
		add_silent_mailbox(x, end, answer);
		end_with(x, end, "nobody", false);
	}
}

static void
end_by_class(struct explain *x, json_t *end, json_t *asked, struct slice address)
{
	struct slice rest;
	struct facts facts;
	size_t at = 0;

	facts_init(&facts);
	slice_rchr(address, '@', &at);
	rest = slice_tail(address, at + 1);
	if (!ask_domain(x, rest, &facts)) {
		end_with(x, end, "unknown", false);
	} else if (is_relayed(x, rest, &facts.domain)) {
		look_up(x, asked, "relay-recipients", address);
		end_with(x, end, "relay", true);
	} else if (!facts.domain.known) {
		end_with(x, end, "outside", true);
	} else if (facts.domain.kind == DOMAIN_MAILBOX) {
		end_in_mailbox(x, end, asked, address);
	} else if (facts.domain.kind == DOMAIN_LOCAL) {
		look_up(x, asked, "local-recipients", address);
		end_with(x, end, "local", true);
	} else {
		blame(x, "'%s': %s", json_string_value(json_object_get(end, "address")),
		    trace_rule_text(TRACE_NOBODY));
		end_with(x, end, "nobody", false);
	}
	facts_release(&facts);
}

/* Without asking in the name of the mail: a step that finds nothing here is none. */
static bool
has_wildcard(struct explain *x)
{
	lookup_start(&x->lookup, &x->ctl->actor.rules, slice_str("transports"), slice_str("*"));
	store_resolve(x->ctl->store, &x->lookup);
	json_array_clear(x->tried);
	return x->lookup.outcome != NONE;
}

/* Postfix's wildcard goes before virtual_transport and all its like, too. */
static void
ask_transport(struct explain *x, json_t *end, json_t *asked, struct slice address)
{
	look_up(x, asked, "transports", address);
	if (x->lookup.outcome == NONE && has_wildcard(x))
		look_up(x, asked, "transports", slice_str("*"));
	if (is_found(x))
		json_object_set_new(
		    end, "transport", output_json_text(sbuf_slice(&x->lookup.value)));
}

/* A recipient that leads no further: what Postfix does with it. */
static void
add_end(struct explain *x, json_t *end, struct slice address)
{
	json_t *asked = new_list(end, "lookups");

	look_up(x, asked, "relocated", address);
	if (is_found(x)) {
		blame(x, "'%s' has moved to %s", json_string_value(json_object_get(end, "address")),
		    sbuf_cstr(&x->lookup.value));
		end_with(x, end, "relocated", false);
		return;
	}
	ask_transport(x, end, asked, address);
	end_by_class(x, end, asked, address);
}

/* --- the expansion ------------------------------------------------------------------------------
 */

static json_t *
new_node(struct explain *x, json_t *parent, struct slice address)
{
	json_t *leads = json_object_get(parent, "leads");
	json_t *j = json_pack("{s:o}", "address", output_json_text(address));

	if (parent == NULL) {
		json_object_set_new(x->journey, "expansion", j);
		return j;
	}
	if (leads == NULL)
		leads = new_list(parent, "leads");
	return append(x, leads, j);
}

static void
add_node(struct explain *x, json_t *parent, struct slice address)
{
	/* NOLINTBEGIN(bugprone-sizeof-expression): an array of pointers */
	json_t **more =
	    x->nodes % 64 != 0 ? x->node : realloc(x->node, (x->nodes + 64) * sizeof *x->node);
	/* NOLINTEND(bugprone-sizeof-expression) */

	if (more == NULL) {
		x->retry = true;
		return;
	}
	x->node = more;
	x->node[x->nodes++] = new_node(x, parent, address);
}

/* A node was looked up. When that gave nothing, it is what Postfix delivers to. */
static void
node_done(struct explain *x, json_t *node, struct slice address)
{
	json_t *answer = answer_of(x, &x->expand.lookup, "aliases", address);
	const char *rule = last_rule(answer, "rule");

	json_object_update(node, answer);
	json_decref(answer);
	if (x->expand.lookup.outcome == FOUND)
		return;
	if (strcmp(rule, "disabled") == 0 || strcmp(rule, "expired") == 0)
		blame(x, "'%s': %s", json_string_value(json_object_get(node, "address")),
		    last_rule(node, "text"));
	if (x->expand.lookup.outcome == NONE)
		add_end(x, node, address);
}

static void
node_told(void *arg, const struct expand *e, enum expand_step step, struct slice to)
{
	struct explain *x = arg;
	json_t *here = e->at < x->nodes ? x->node[e->at] : NULL;

	if (here == NULL)
		return;
	switch (step) {
	case EXPAND_LEADS:
		add_node(x, here, to);
		break;
	case EXPAND_ITSELF:
	case EXPAND_STOPS:
		add_end(x, new_node(x, here, to), to);
		break;
	case EXPAND_BACK:
		json_object_set_new(new_node(x, here, to), "ends", json_string("loop"));
		break;
	case EXPAND_DONE:
		node_done(x, here, to);
		break;
	}
}

/* As Postfix's cleanup repeats it. */
static void
add_expansion(struct explain *x, struct slice address)
{
	add_node(x, NULL, address);
	x->expand.tell = node_told;
	x->expand.arg = x;
	x->expand.lookup.trace = (struct trace){ take_note, x };
	expand_start(&x->expand, &x->ctl->actor.rules, address);
	store_expand(x->ctl->store, &x->expand);
	if (x->expand.outcome == BAD)
		blame(x, "%s", x->expand.why.text);
	x->retry |= x->expand.outcome == RETRY;
}

/* --- before the expansion -----------------------------------------------------------------------
 */

/* Actions of access(5) that keep a mail out. */
static bool
keeps_out(struct slice action)
{
	static const char *const words[] = { "REJECT", "DEFER", "DEFER_IF_PERMIT",
		"DEFER_IF_REJECT", "DISCARD" };
	struct slice word = slice_cut(&action, ' ');
	unsigned long long code;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_is_nocase(word, words[i]))
			return true;
	return slice_number(word, 599, &code) && code >= 400;
}

static bool
take_access(struct explain *x, json_t *list, const char *map, struct slice key)
{
	look_up(x, list, map, key);
	if (!is_found(x) || !keeps_out(sbuf_slice(&x->lookup.value)))
		return true;
	blame(x, "%s says '%s'", map, sbuf_cstr(&x->lookup.value));
	return false;
}

/* What the policy server would say, who sees both addresses. NULL: nothing against it. */
static const char *
ask_policy(struct explain *x, json_t *access, struct slice address, struct slice from)
{
	struct policy p;
	const char *action = NULL;
	json_t *j;

	policy_init(&p);
	policy_start(&p, &x->lookup, &x->ctl->actor.rules, from, address);
	while (p.asking) {
		store_resolve(x->ctl->store, &x->lookup);
		policy_tell(&p);
	}
	x->retry |= p.outcome == RETRY;
	if (p.outcome == FOUND)
		action = p.action;
	j = json_pack("{s:s, s:o}", "outcome", outcome_name(p.outcome), "tried", x->tried);
	x->tried = json_array();
	if (p.outcome != NONE)
		json_object_set_new(j, p.outcome == FOUND ? "action" : "reason",
		    output_json_text(slice_str(p.action)));
	json_object_set_new(access, "policy", j);
	policy_release(&p);
	return action;
}

/* A closed list lets in whom the policy server does, where the configuration has one; else our own
 * senders and the members of any closed list. */
static bool
is_let_in(struct explain *x, json_t *access, json_t *list, struct slice address, struct slice from)
{
	const char *against = ask_policy(x, access, address, from);

	if (listener_for(x->ctl->conf, PROTOCOL_POLICY, NULL) != NULL)
		return against == NULL;
	look_up(x, list, "members", from);
	return is_found(x);
}

/* recipient-access: its entries, and the closed lists. Whom those let in is asked of FROM. */
static bool
may_write(struct explain *x, json_t *access, json_t *list, struct slice address, struct slice from)
{
	bool may = take_access(x, list, "recipient-access", address);

	if (!is_found(x) || !slice_is(sbuf_slice(&x->lookup.value), MAP_CLOSED_LIST))
		return may;
	json_object_set_new(x->journey, "closed_list", json_true());
	if (from.p == NULL || is_let_in(x, access, list, address, from))
		return true;
	blame(x, "'%s' is a closed list, and the sender is neither one of ours nor a member",
	    json_string_value(json_object_get(x->journey, "address")));
	return false;
}

/* Who is FROM to Postfix, and may he write to the address? */
static bool
add_sender(struct explain *x, struct slice address, struct slice from)
{
	json_t *j = json_object(), *asked = new_list(j, "lookups");
	bool may = true;

	if (from.p != NULL) {
		may = take_access(x, asked, "sender-access", from);
		look_up(x, asked, "sender-canonical", from);
		look_up(x, asked, "sender-bcc", from);
		look_up(x, asked, "senders", from);
		if (is_found(x))
			json_object_set_new(
			    j, "logins", output_json_text(sbuf_slice(&x->lookup.value)));
	}
	may = may_write(x, j, asked, address, from) && may;
	if (from.p != NULL)
		json_object_set_new(j, "sender", output_json_text(from));
	json_object_set_new(j, "may", json_boolean(may));
	json_object_set_new(x->journey, "access", j);
	return may;
}

/* Rewrite ADDRESS by one map, until that changes nothing any more. */
static void
rewrite(struct explain *x, json_t *list, const char *map, struct sbuf *address)
{
	struct sbuf next;
	struct address a;

	sbuf_init(&next, QUESTION_TEXT);
	for (int i = 0; i < REWRITES_MAX; i++) {
		look_up(x, list, map, sbuf_slice(address));
		sbuf_clear(&next);
		if (!is_found(x) || !address_parse(&a, sbuf_slice(&x->lookup.value)) ||
		    !address_print(&next, &a) || slice_eq(sbuf_slice(&next), sbuf_slice(address)))
			break;
		sbuf_clear(address);
		sbuf_add_slice(address, sbuf_slice(&next));
	}
	sbuf_release(&next);
}

static void
add_rewriting(struct explain *x, struct sbuf *address)
{
	json_t *list = new_list(x->journey, "rewriting");

	rewrite(x, list, "recipient-canonical", address);
	rewrite(x, list, "canonical", address);
	look_up(x, list, "recipient-bcc", sbuf_slice(address));
	if (is_found(x))
		json_object_set_new(
		    x->journey, "copy", output_json_text(sbuf_slice(&x->lookup.value)));
}

static void
add_senders(struct explain *x, struct slice address)
{
	json_t *list = new_list(x->journey, "sending");
	json_t *who = new_list(x->journey, "senders");
	struct slice rest;

	look_up(x, list, "senders", address);
	rest = is_found(x) ? sbuf_slice(&x->lookup.results) : slice_str(NULL);
	while (rest.n > 0)
		json_array_append_new(who, output_json_text(slice_cut(&rest, '\n')));
}

/* --- the whole ----------------------------------------------------------------------------------
 */

void
explain_init(struct explain *x, struct ctl *ctl, bool live)
{
	*x = (struct explain){ .ctl = ctl, .live = live };
	lookup_init(&x->lookup);
	x->lookup.trace = (struct trace){ take_note, x };
	expand_init(&x->expand);
	x->journey = json_object();
	x->tried = json_array();
}

void
explain_release(struct explain *x)
{
	lookup_release(&x->lookup);
	expand_release(&x->expand);
	json_decref(x->journey);
	json_decref(x->tried);
	free(x->node);
}

/* The address as it is split in its domain. */
static void
add_address(struct explain *x, const struct address *a, const struct domain_facts *d)
{
	const char *delimiters = d->own_delimiters ? d->delimiters : x->ctl->actor.rules.delimiters;
	size_t base = address_base(address_local(a), delimiters);
	struct sbuf text;

	sbuf_init(&text, QUESTION_TEXT);
	address_print(&text, a);
	json_object_set_new(x->journey, "address", output_json_text(sbuf_slice(&text)));
	sbuf_clear(&text);
	address_put(&text, slice_head(address_local(a), base), address_domain(a));
	json_object_set_new(x->journey, "base", output_json_text(sbuf_slice(&text)));
	json_object_set_new(x->journey, "extension",
	    base < a->local_n ? output_json_text(slice_tail(address_local(a), base)) : json_null());
	sbuf_release(&text);
}

static bool
is_outside(const struct explain *x)
{
	const json_t *domain = json_object_get(x->journey, "domain");

	return strcmp(json_string_value(json_object_get(domain, "class")), "outside") == 0;
}

static const char *
verdict(struct explain *x, bool may)
{
	if (x->retry)
		return "unknown";
	if (!may)
		return "refused";
	if (x->expand.outcome == BAD)
		return "stuck";
	if (is_outside(x) && x->nodes == 1 && x->ends == 1)
		return "outside";
	if (x->ends == 0)
		return "refused";
	return x->bad_ends > 0 ? "partly" : "delivered";
}

static enum outcome
finish(struct explain *x, bool may)
{
	const char *word = verdict(x, may);

	if (strcmp(word, "outside") == 0)
		blame(x,
		    "the domain is not in the store: Postfix takes such mail from its own clients "
		    "only");
	json_object_set_new(x->journey, "recipients", json_integer((json_int_t)x->ends));
	json_object_set_new(x->journey, "outcome", json_string(word));
	if (x->why[0] != '\0')
		json_object_set_new(x->journey, "reason", output_json_text(slice_str(x->why)));
	if (x->live)
		json_object_set_new(x->journey, "differs", json_integer((json_int_t)x->differs));
	if (x->retry)
		return error_set(&x->ctl->err, RETRY, "%s", x->why);
	return strcmp(word, "delivered") == 0 ? FOUND : NONE;
}

/* Follow the parsed address A, which FROM (canonical; nobody in particular: p is NULL) writes to.
 */
static enum outcome
follow(struct explain *x, const struct address *a, struct slice from)
{
	struct facts facts;
	struct sbuf address;
	bool may = false;

	facts_init(&facts);
	sbuf_init(&address, QUESTION_TEXT);
	address_print(&address, a);
	if (ask_domain(x, address_domain(a), &facts)) {
		add_address(x, a, &facts.domain);
		add_domain(x, address_domain(a), &facts.domain);
		may = add_sender(x, sbuf_slice(&address), from);
		add_rewriting(x, &address);
		add_expansion(x, sbuf_slice(&address));
		add_senders(x, sbuf_slice(&address));
	} else {
		blame(x, "%s", x->ctl->err.text);
	}
	sbuf_release(&address);
	facts_release(&facts);
	return finish(x, may);
}

static enum outcome
refuse(struct explain *x, const struct address *a)
{
	if (a->no_memory)
		return error_set(&x->ctl->err, RETRY, "no memory for the address");
	json_object_set_new(x->journey, "outcome", json_string("refused"));
	json_object_set_new(x->journey, "reason", json_string(trace_rule_text(TRACE_MALFORMED)));
	return NONE;
}

/* Postfix's own word for the sender of bounces is "<>". */
static enum outcome
read_sender(struct sbuf *out, const char *typed, struct error *err)
{
	struct address a;

	if (typed[0] == '\0' || strcmp(typed, "<>") == 0)
		sbuf_add_str(out, "<>");
	else if (!address_parse(&a, slice_str(typed)) || !address_print(out, &a))
		return error_set(
		    err, BAD, "'%s' is no address: write it as user@domain, or <>", typed);
	return FOUND;
}

/* One message that nobody is there, not one for each question. */
static enum outcome
reach_daemon(struct explain *x)
{
	struct sbuf value;
	enum outcome o;

	sbuf_init(&value, LOOKUP_VALUE_MAX);
	o = live_lookup(
	    x->ctl->conf, slice_str("domains"), slice_str("vmaild.invalid"), &value, &x->ctl->err);
	sbuf_release(&value);
	return o == RETRY || o == BAD ? RETRY : FOUND;
}

enum outcome
explain_run(struct explain *x, const char *address, const char *from)
{
	struct address a;
	struct sbuf sender;
	enum outcome o = FOUND;

	sbuf_init(&sender, QUESTION_TEXT);
	if (x->live)
		o = reach_daemon(x);
	json_object_set_new(x->journey, "typed", output_json_text(slice_str(address)));
	if (o == FOUND && from != NULL)
		o = read_sender(&sender, from, &x->ctl->err);
	if (o == FOUND && address_parse(&a, slice_str(address)))
		o = follow(x, &a, from != NULL ? sbuf_slice(&sender) : slice_str(NULL));
	else if (o == FOUND)
		o = refuse(x, &a);
	sbuf_release(&sender);
	return o;
}
