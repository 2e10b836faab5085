/* SPDX-License-Identifier: ISC
 *
 * Follow an address step by step as Postfix's cleanup does, to find what would never end or grow
 * too large. Every address met is a node that knows from which one it came; a loop is a node that
 * stands among its own ancestors, unless that one leads to itself as well, which makes Postfix stop
 * there.
 */
#include "mail/rules.h"

#include <stdlib.h>

enum { NODES_MAX = 4 * EXPANSION_MAX, NO_PARENT = NODES_MAX };

struct expand_node {
	size_t at; /* its canonical text in x->text */
	size_t n;
	size_t parent;
	size_t depth;
	bool to_itself;
};

void
expand_init(struct expand *x)
{
	*x = (struct expand){ .asking = false, .outcome = FOUND };
	lookup_init(&x->lookup);
	sbuf_init(&x->text, 16 << 20);
}

void
expand_release(struct expand *x)
{
	lookup_release(&x->lookup);
	sbuf_release(&x->text);
	free(x->node);
	x->node = NULL;
}

static struct slice
text_of(const struct expand *x, const struct expand_node *node)
{
	return slice_of(x->text.p + node->at, node->n);
}

static void
finish(struct expand *x, enum outcome o)
{
	x->asking = false;
	x->outcome = o;
}

/* How much of an address a message repeats, for %.*s. */
static int
shown(struct slice s)
{
	return (int)(s.n < 200 ? s.n : 200);
}

static void
tell(const struct expand *x, enum expand_step step, struct slice to)
{
	if (x->tell != NULL)
		x->tell(x->arg, x, step, to);
}

static void
refuse_loop(struct expand *x, struct slice at)
{
	x->fault = EXPAND_LOOP;
	tell(x, EXPAND_BACK, at);
	finish(x, error_set(&x->why, BAD,
		      "mail to '%.*s' would go round in circles: it leads back there by way "
		      "of other aliases",
		      shown(at), at.p));
}

static void
refuse_growth(struct expand *x)
{
	struct slice start = text_of(x, &x->node[0]);

	x->fault = EXPAND_GROWTH;
	finish(x, error_set(&x->why, BAD,
		      "mail to '%.*s' would never arrive: each step leads to one more, without end",
		      shown(start), start.p));
}

static void
refuse_size(struct expand *x)
{
	struct slice start = text_of(x, &x->node[0]);

	x->fault = EXPAND_SIZE;
	finish(x, error_set(&x->why, BAD,
		      "'%.*s' leads to more than the %d recipients that Postfix takes",
		      shown(start), start.p, EXPANSION_MAX));
}

/* Put canonical TEXT at the end of x->text and make it a node. NULL when there is no room for it.
 */
static struct expand_node *
add_node(struct expand *x, struct slice text, size_t parent)
{
	struct expand_node *node = &x->node[x->n];

	*node = (struct expand_node){ .at = x->text.n, .n = text.n, .parent = parent };
	node->depth = parent == NO_PARENT ? 0 : x->node[parent].depth + 1;
	if (!sbuf_add_slice(&x->text, text))
		return NULL;
	x->n++;
	return node;
}

static struct expand_node *
ancestor_like(struct expand *x, struct slice text)
{
	for (size_t i = x->at; i != NO_PARENT; i = x->node[i].parent)
		if (slice_eq(text_of(x, &x->node[i]), text))
			return &x->node[i];
	return NULL;
}

static void
no_memory(struct expand *x)
{
	finish(x, error_set(&x->why, RETRY, "no memory"));
}

/* Look at one result of the current node: itself, a loop, or a new node to follow. */
static void
take_result(struct expand *x, struct slice canonical)
{
	struct expand_node *here = &x->node[x->at];
	struct expand_node *before = ancestor_like(x, canonical);

	if (before == here)
		here->to_itself = true;
	if (before != NULL && before->to_itself) {
		tell(x, before == here ? EXPAND_ITSELF : EXPAND_STOPS, canonical);
		x->ends++;
	} else if (before != NULL) {
		refuse_loop(x, canonical);
	} else if (x->n == NODES_MAX) {
		refuse_size(x);
	} else if (add_node(x, canonical, x->at) == NULL) {
		no_memory(x);
	} else {
		tell(x, EXPAND_LEADS, canonical);
	}
}

/* A list that names the address itself stops Postfix there, wherever in the list that stands: so
 * look for that first. */
static void
take_results(struct expand *x, bool themselves)
{
	struct slice rest = sbuf_slice(&x->lookup.results);
	struct sbuf canonical;
	struct address a = { .no_memory = false };

	sbuf_init(&canonical, QUESTION_TEXT);
	while (rest.n > 0 && x->outcome == FOUND) {
		struct slice result = slice_cut(&rest, '\n');
		bool itself;

		sbuf_clear(&canonical);
		if (result.n > ADDRESS_MAX || (!address_parse(&a, result) && !a.no_memory)) {
			refuse_growth(x);
			break;
		}
		if (a.no_memory || !address_print(&canonical, &a)) {
			no_memory(x);
			break;
		}
		itself = slice_eq(sbuf_slice(&canonical), text_of(x, &x->node[x->at]));
		if (itself == themselves)
			take_result(x, sbuf_slice(&canonical));
	}
	sbuf_release(&canonical);
}

/* Take what the finished lookup of the current node gave. */
static void
take(struct expand *x)
{
	tell(x, EXPAND_DONE, text_of(x, &x->node[x->at]));
	switch (x->lookup.outcome) {
	case FOUND:
		take_results(x, true);
		take_results(x, false);
		break;
	case NONE:
		x->ends++;
		break;
	case RETRY:
	case BAD:
		finish(x, error_set(&x->why, RETRY, "%s", sbuf_cstr(&x->lookup.value)));
		break;
	}
	if (x->outcome == FOUND && x->ends > EXPANSION_MAX)
		refuse_size(x);
}

static void
look_up(struct expand *x)
{
	struct expand_node *here = &x->node[x->at];

	if (here->depth >= EXPANSION_MAX)
		refuse_growth(x);
	else
		lookup_start(&x->lookup, x->rules, slice_str("aliases"), text_of(x, here));
}

/* Look up node after node, until one has to ask, or all are through, or one is refused. */
static void
run(struct expand *x)
{
	while (x->outcome == FOUND && !x->lookup.asking) {
		take(x);
		if (x->outcome != FOUND || ++x->at == x->n)
			break;
		look_up(x);
	}
	x->asking = x->outcome == FOUND && x->at < x->n;
}

/* `@domain` leads where an address leads that has no row of its own, and a pattern where one does
 * that it matches. */
static bool
start_text(struct sbuf *out, struct slice address)
{
	size_t prefix;

	if (address.n > 0 && address.p[0] == '@')
		sbuf_add_str(out, "no.such.user.in.this.domain");
	if (!rules_is_pattern(address, &prefix))
		return sbuf_add_slice(out, address);
	for (size_t i = 0; i < address.n; i++) {
		if (address.p[i] == '*')
			sbuf_add_str(out, "no.such.match");
		else
			sbuf_add_chr(out, address.p[i]);
	}
	return !out->failed;
}

void
expand_start(struct expand *x, const struct lookup_rules *rules, struct slice address)
{
	struct sbuf start;

	x->rules = rules;
	x->n = x->at = x->ends = 0;
	x->outcome = FOUND;
	x->fault = EXPAND_FINE;
	sbuf_clear(&x->text);
	if (x->node == NULL)
		x->node = calloc(NODES_MAX, sizeof *x->node);
	sbuf_init(&start, QUESTION_TEXT);
	if (x->node == NULL || !start_text(&start, address) ||
	    add_node(x, sbuf_slice(&start), NO_PARENT) == NULL) {
		no_memory(x);
	} else {
		look_up(x);
		run(x);
	}
	sbuf_release(&start);
}

void
expand_tell(struct expand *x, const struct facts *facts)
{
	lookup_tell(&x->lookup, facts);
	run(x);
}

void
expand_fail(struct expand *x, const struct error *err)
{
	lookup_fail(&x->lookup, err);
	run(x);
}

struct slice
expand_address(const struct expand *x, size_t i)
{
	return text_of(x, &x->node[i]);
}
