/* SPDX-License-Identifier: ISC
 *
 * A journey drawn as a tree of two columns: what was asked, and what came of it.
 */
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmailctl/explain.h"
#include "vmailctl/output.h"
#include "vmailctl/pager.h"

enum { CELL_MAX = 1 << 20, RESULT_MIN = 30 };

struct tree {
	struct libscols_table *table;
	size_t left; /* how wide the first column is: the other has what is left of the terminal */
	bool broken; /* no memory */
};

typedef struct libscols_line line; /* of the tree; NULL is above all of them */

/* --- lines ------------------------------------------------------------------------------------ */

static const char *
text_of(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s != NULL ? s : "";
}

static size_t
result_width(const struct tree *t)
{
	size_t columns = pager_columns();

	return columns > t->left + RESULT_MIN ? columns - t->left - 1 : RESULT_MIN;
}

static size_t
result_size(const struct libscols_column *c, const char *text, void *arg)
{
	size_t n = strlen(text), width = result_width(arg);

	(void)c;
	return n < width ? n : width;
}

/* Fold between words; the library would do it in the middle of one. */
static char *
next_line(const struct libscols_column *c, char *text, void *arg)
{
	size_t n = text_line(text, result_width(arg));

	(void)c;
	if (text[n] == '\0')
		return NULL;
	text[n] = '\0';
	return text + n + 1;
}

/* Two columns for every step that a line stands below the first. */
static void
widen(struct tree *t, const line *parent, const char *what)
{
	size_t n = strlen(what) + 1;

	for (; parent != NULL; parent = scols_line_get_parent(parent))
		n += 2;
	if (n > t->left)
		t->left = n;
}

/* Add a line below PARENT. */
static line *
put(struct tree *t, line *parent, const char *color, const char *what, const char *result)
{
	line *l = scols_table_new_line(t->table, parent);

	widen(t, parent, what);
	if (l == NULL || scols_line_set_data(l, 0, what) != 0 ||
	    scols_line_set_data(l, 1, result) != 0)
		t->broken = true;
	else if (color != NULL)
		scols_line_set_color(l, color);
	return l;
}

/* The same with what was asked in two words. */
static line *
put_pair(struct tree *t, line *parent, const char *color, const char *a, const char *b,
    const char *result)
{
	struct sbuf what;
	line *l;

	sbuf_init(&what, CELL_MAX);
	sbuf_printf(&what, "%s%s%s", a, b[0] != '\0' ? " " : "", b);
	l = put(t, parent, color, sbuf_cstr(&what), result);
	sbuf_release(&what);
	return l;
}

/* --- lookups ------------------------------------------------------------------------------------
 */

static void
put_tried(struct tree *t, line *parent, const json_t *tried)
{
	const json_t *note;
	size_t i;

	json_array_foreach(tried, i, note)
	{
		const char *result = text_of(note, "result");

		if (strcmp(result, "rule") == 0)
			put_pair(t, parent, NULL, text_of(note, "rule"), text_of(note, "subject"),
			    text_of(note, "text"));
		else if (strcmp(result, "skip") != 0)
			put_pair(t, parent, strcmp(result, "hit") == 0 ? "green" : NULL,
			    text_of(note, "row"), text_of(note, "key"), result);
	}
}

/* What an answer was: its value, "none", or why not. */
static const char *
result_of(const json_t *answer)
{
	const char *value = text_of(answer, "value"), *reason = text_of(answer, "reason");

	if (value[0] != '\0')
		return value;
	if (reason[0] != '\0')
		return reason;
	return strcmp(text_of(answer, "outcome"), "none") == 0 ? "nothing"
							       : text_of(answer, "outcome");
}

static void
put_live(struct tree *t, line *parent, const json_t *answer)
{
	const json_t *live = json_object_get(answer, "live");

	if (live == NULL)
		return;
	if (json_is_true(json_object_get(live, "same")))
		put(t, parent, NULL, "the daemon", "says the same");
	else
		put_pair(t, parent, "red", "DIFFERS:", "the daemon says", result_of(live));
}

static void
put_answer(struct tree *t, line *parent, const json_t *answer)
{
	bool found = strcmp(text_of(answer, "outcome"), "found") == 0;
	line *l = put_pair(t, parent, found ? "green" : NULL, text_of(answer, "map"),
	    text_of(answer, "key"), result_of(answer));

	put_tried(t, l, json_object_get(answer, "tried"));
	put_live(t, l, answer);
}

static bool
is_dull(const json_t *answer)
{
	const json_t *live = json_object_get(answer, "live");

	return strcmp(text_of(answer, "outcome"), "none") == 0 &&
	       (live == NULL || json_is_true(json_object_get(live, "same")));
}

/* Maps that have nothing to say share one line; JSON has them all. */
static void
put_answers(struct tree *t, line *parent, const json_t *answers, bool all)
{
	const json_t *answer;
	struct sbuf dull;
	size_t i;

	sbuf_init(&dull, CELL_MAX);
	json_array_foreach(answers, i, answer)
	{
		if (all || !is_dull(answer))
			put_answer(t, parent, answer);
		else
			sbuf_printf(&dull, "%s%s", dull.n > 0 ? ", " : "", text_of(answer, "map"));
	}
	if (dull.n > 0)
		put(t, parent, NULL, "no entry in", sbuf_cstr(&dull));
	sbuf_release(&dull);
}

/* --- the expansion ------------------------------------------------------------------------------
 */

static const struct {
	const char *word;
	const char *color;
	const char *text;
} ends[] = {
	{ "mailbox", "green", "delivered" },
	{ "relay", "green", "handed on to the host that this domain is relayed to" },
	{ "outside", "green", "leaves this host: the domain is not ours" },
	{ "local", "green", "for Postfix's local(8): users of this host, and alias_maps" },
	{ "relocated", "red", "refused: moved away" },
	{ "nobody", "red", "refused: user unknown" },
	{ "loop", "red", "a loop: Postfix gives up, and the mail is never taken" },
	{ "unknown", "red", "could not be looked up" },
};

static void
put_mailbox(struct tree *t, line *parent, const json_t *mailbox)
{
	const json_t *quota = json_object_get(mailbox, "quota");
	struct sbuf text;

	if (mailbox == NULL)
		return;
	sbuf_init(&text, CELL_MAX);
	sbuf_printf(&text, "%s", text_of(mailbox, "state"));
	if (text_of(mailbox, "reason")[0] != '\0')
		sbuf_printf(&text, " (%s)", text_of(mailbox, "reason"));
	sbuf_printf(&text, ", home %s, ", text_of(mailbox, "home"));
	if (json_is_integer(quota)) {
		sbuf_add_str(&text, "quota ");
		output_put_size(&text, json_integer_value(quota));
	} else {
		sbuf_add_str(&text, "no quota");
	}
	if (!json_is_true(json_object_get(mailbox, "password")))
		sbuf_add_str(&text, ", no password");
	put_pair(t, parent, NULL, "mailbox", text_of(mailbox, "address"), sbuf_cstr(&text));
	sbuf_release(&text);
}

static void
put_end(struct tree *t, line *parent, const json_t *node)
{
	const char *word = text_of(node, "ends"), *transport = text_of(node, "transport");

	put_answers(t, parent, json_object_get(node, "lookups"), false);
	put_mailbox(t, parent, json_object_get(node, "mailbox"));
	if (transport[0] != '\0')
		put(t, parent, NULL, "goes by", transport);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (strcmp(ends[i].word, word) == 0)
			put(t, parent, ends[i].color, "end", ends[i].text);
}

static void
put_node(struct tree *t, line *parent, const json_t *node)
{
	const json_t *leads = json_object_get(node, "leads"), *child;
	const char *result = json_object_get(node, "map") != NULL ? result_of(node) : "";
	line *l = put(t, parent, "bold", text_of(node, "address"),
	    strcmp(result, "nothing") == 0 ? "leads no further" : result);
	size_t i;

	put_tried(t, l, json_object_get(node, "tried"));
	put_live(t, l, node);
	put_end(t, l, node);
	json_array_foreach(leads, i, child) put_node(t, l, child);
}

/* --- the whole ----------------------------------------------------------------------------------
 */

static void
put_domain(struct tree *t, line *root, const json_t *domain)
{
	static const struct {
		const char *class, *text;
	} classes[] = {
		{ "mailbox", "ours: mailboxes live there" },
		{ "alias", "ours: only aliases live there" },
		{ "relay", "taken for another host" },
		{ "local", "Postfix's own (mydestination)" },
		{ "outside", "not ours" },
	};
	const char *target = text_of(domain, "stands_for");
	line *l;

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		if (strcmp(classes[i].class, text_of(domain, "class")) != 0)
			continue;
		l = put_pair(t, root, NULL, "domain", text_of(domain, "name"), classes[i].text);
		if (target[0] != '\0')
			put(t, l, NULL, "stands for", target);
		put_answers(t, l, json_object_get(domain, "lookups"), false);
	}
}

static void
put_extension(struct tree *t, line *root, const json_t *journey)
{
	const json_t *domain = json_object_get(journey, "domain");
	const char *extension = text_of(journey, "extension");
	struct sbuf text;

	if (extension[0] == '\0')
		return;
	sbuf_init(&text, CELL_MAX);
	sbuf_printf(&text, "of %s, split at one of '%s'; aliases %s", text_of(journey, "base"),
	    text_of(domain, "delimiters"),
	    json_is_true(json_object_get(domain, "propagate")) ? "pass it on" : "drop it");
	put_pair(t, root, NULL, "extension", extension, sbuf_cstr(&text));
	sbuf_release(&text);
}

static void
put_policy(struct tree *t, line *parent, const json_t *policy)
{
	const char *action = text_of(policy, "action");
	line *l;

	if (policy == NULL)
		return;
	l = put(t, parent, NULL, "policy server",
	    action[0] != '\0' ? action : "has nothing against it");
	put_tried(t, l, json_object_get(policy, "tried"));
}

static void
put_access(struct tree *t, line *root, const json_t *journey)
{
	const json_t *access = json_object_get(journey, "access");
	const char *sender = text_of(access, "sender"), *logins = text_of(access, "logins");
	bool may = json_is_true(json_object_get(access, "may"));
	line *l;

	if (sender[0] == '\0')
		l = put(t, root, may ? NULL : "red", "access",
		    !may ? "refused"
		    : json_is_true(json_object_get(journey, "closed_list"))
			? "a closed list: for our own senders and its members only"
			: "open to everybody");
	else
		l = put_pair(t, root, may ? "green" : "red", "from", sender,
		    may ? "may write to it" : "may not write to it");
	if (logins[0] != '\0')
		put(t, l, NULL, "must have logged in as", logins);
	put_policy(t, l, json_object_get(access, "policy"));
	put_answers(t, l, json_object_get(access, "lookups"), false);
}

static void
put_rewriting(struct tree *t, line *root, const json_t *journey)
{
	const char *copy = text_of(journey, "copy");

	put_answers(t, root, json_object_get(journey, "rewriting"), false);
	if (copy[0] != '\0')
		put(t, root, NULL, "a copy goes to", copy);
}

static void
put_senders(struct tree *t, line *root, const json_t *journey)
{
	const json_t *senders = json_object_get(journey, "senders"), *one;
	struct sbuf text;
	line *l;
	size_t i;

	sbuf_init(&text, CELL_MAX);
	json_array_foreach(senders, i, one)
	    sbuf_printf(&text, "%s%s", i > 0 ? ", " : "", json_string_value(one));
	l = put(t, root, NULL, "may send as it", text.n > 0 ? sbuf_cstr(&text) : "nobody");
	put_answers(t, l, json_object_get(journey, "sending"), true);
	sbuf_release(&text);
}

static void
put_verdict(struct tree *t, line *root, const json_t *journey)
{
	const char *word = text_of(journey, "outcome");
	json_int_t n = json_integer_value(json_object_get(journey, "recipients"));
	json_int_t differs = json_integer_value(json_object_get(journey, "differs"));
	char text[64];

	snprintf(text, sizeof text, "to %lld recipient%s", (long long)n, n == 1 ? "" : "s");
	if (strcmp(word, "delivered") == 0)
		put(t, root, "green", word, text);
	else
		put(t, root, "red", word, text_of(journey, "reason"));
	if (differs > 0)
		put(t, root, "red", "the daemon differs",
		    "it answers otherwise than the store would: does it use this store and "
		    "configuration?");
}

static void
put_journey(struct tree *t, const json_t *journey)
{
	line *root = put(t, NULL, "bold",
	    text_of(journey,
		journey != NULL && json_object_get(journey, "address") ? "address" : "typed"),
	    "");

	if (json_object_get(journey, "domain") != NULL) {
		put_domain(t, root, json_object_get(journey, "domain"));
		put_extension(t, root, journey);
		put_access(t, root, journey);
		put_rewriting(t, root, journey);
		put_node(t,
		    put(t, root, NULL, "expansion", "as Postfix repeats virtual_alias_maps"),
		    json_object_get(journey, "expansion"));
		put_senders(t, root, journey);
	}
	put_verdict(t, root, journey);
}

static bool
tree_init(struct tree *t)
{
	struct libscols_column *result;

	*t = (struct tree){ .table = scols_new_table() };
	if (t->table == NULL)
		return false;
	output_colors(t->table);
	scols_table_enable_noheadings(t->table, 1);
	t->broken = scols_table_new_column(t->table, "", 0, SCOLS_FL_TREE) == NULL;
	result = scols_table_new_column(t->table, "", 0, pager_is_terminal() ? SCOLS_FL_WRAP : 0);
	t->broken |= result == NULL;
	if (result != NULL && pager_is_terminal())
		scols_column_set_wrapfunc(result, result_size, next_line, t);
	return true;
}

enum exit_code
explain_print(struct ctl *ctl, const json_t *journey)
{
	struct tree t;

	pager_start();
	if (!tree_init(&t))
		return ctl_fail(ctl, RETRY, "no memory for the tree");
	put_journey(&t, journey);
	if (!t.broken)
		scols_print_table(t.table);
	ctl->printed = true;
	scols_unref_table(t.table);
	return t.broken ? ctl_fail(ctl, RETRY, "no memory for the tree") : EXIT_DONE;
}
