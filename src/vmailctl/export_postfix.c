/* SPDX-License-Identifier: ISC
 *
 * The store as sources of Postfix's own tables: what a mail host needs to go on without vmaild, and
 * what a secondary MX needs to know whom to accept mail for.
 *
 * A hash: table cannot say all. A catch-all of Postfix's takes the mail of real mailboxes too, so
 * in a domain that has one each of them leads to itself; and so does what is nobody on purpose.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "foreign/postmap.h"
#include "mail/maps.h"
#include "mail/rules.h"
#include "vmailctl/export.h"

enum { FILES_MAX = 64, TEXT_MAX = 8 << 20 };

/* A domain of which more must be known than its name. */
struct place {
	char *name;
	char *target; /* the domain it stands for, or NULL */
};

struct places {
	struct place *place;
	size_t n, size;
};

struct table {
	char name[96];
	struct outfile out;
};

struct postfix {
	struct ctl *ctl;
	const char *dir;
	struct table table[FILES_MAX];
	size_t tables;
	struct places guarded;   /* domains with a catch-all or patterns, by name */
	struct places stand_ins; /* domains that stand for others */
	struct lookup lookup;
	struct facts facts;
	struct sbuf text;
	bool odd;        /* the record has a key that no table can have */
	size_t left_out; /* such records, all or in part */
	struct sbuf first;
	size_t unnamed; /* entries of maps that have no file */
	enum outcome outcome;
};

/* --- files --------------------------------------------------------------------------------------
 */

static enum outcome
no_memory(struct postfix *p)
{
	return error_set(&p->ctl->err, RETRY, "no memory for the tables");
}

static enum outcome
open_table(struct postfix *p, struct slice name)
{
	struct table *t = &p->table[p->tables];
	struct sbuf path;
	enum outcome o;

	if (p->tables == FILES_MAX)
		return error_set(
		    &p->ctl->err, RETRY, "more maps than files can be written at once");
	snprintf(t->name, sizeof t->name, "%.*s", (int)name.n, name.p);
	sbuf_init(&path, 8192);
	sbuf_printf(&path, "%s/%s", p->dir, t->name);
	o = path.failed ? no_memory(p) : outfile_open(&t->out, p->ctl, sbuf_cstr(&path));
	sbuf_release(&path);
	if (o != FOUND)
		return o;
	fputs(place_mark, t->out.file);
	p->tables++;
	return FOUND;
}

static FILE *
table(struct postfix *p, const char *name)
{
	enum outcome o;

	for (size_t i = 0; i < p->tables; i++)
		if (strcmp(p->table[i].name, name) == 0)
			return p->table[i].out.file;
	o = open_table(p, slice_str(name));
	if (o == FOUND)
		return p->table[p->tables - 1].out.file;
	p->outcome = o;
	return NULL;
}

static void
write_line(struct postfix *p, const char *name, struct slice key, struct slice value)
{
	FILE *f = table(p, name);

	if (f == NULL)
		return;
	fwrite(key.p, 1, key.n, f);
	fputc('\t', f);
	fwrite(value.p, 1, value.n, f);
	if (fputc('\n', f) == EOF)
		p->outcome = error_set(&p->ctl->err, RETRY, "cannot write '%s/%s'", p->dir, name);
}

/* What postmap would take for a comment, or for another key, is in no table. */
static void
put_line(struct postfix *p, const char *name, struct slice key, struct slice value)
{
	if (postmap_is_key(key))
		write_line(p, name, key, value);
	else
		p->odd = true;
}

static enum outcome
close_tables(struct postfix *p, enum outcome o)
{
	for (size_t i = 0; i < p->tables; i++) {
		enum outcome closed =
		    outfile_close(&p->table[i].out, o == FOUND, o == FOUND ? &p->ctl->err : NULL);

		if (o == FOUND)
			o = closed;
	}
	return o;
}

/* --- what must be known of domains ------------------------------------------------------------ */

static bool
add_place(struct places *list, struct slice name, struct slice target)
{
	struct place *more, *to;

	if (list->n == list->size) {
		list->size = list->size == 0 ? 64 : 2 * list->size;
		more = realloc(list->place, list->size * sizeof *more);
		if (more == NULL)
			return false;
		list->place = more;
	}
	to = &list->place[list->n++];
	to->name = strndup(name.p, name.n);
	/* NOANALYZER(-Wanalyzer-malloc-leak): free_places knows all of list->place */
	to->target = target.n > 0 ? strndup(target.p, target.n) : NULL;
	/* NOANALYZER(-Wanalyzer-malloc-leak): the same */
	return to->name != NULL && (target.n == 0 || to->target != NULL);
}

static void
free_places(struct places *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->place[i].name);
		free(list->place[i].target);
	}
	free(list->place);
}

static int
compare(const void *key, const void *place)
{
	return slice_cmp(
	    *(const struct slice *)key, slice_str(((const struct place *)place)->name));
}

/* They came in order. */
static bool
is_guarded(const struct postfix *p, struct slice address)
{
	struct slice domain;
	size_t at;

	if (p->guarded.n == 0 || !slice_rchr(address, '@', &at))
		return false;
	domain = slice_tail(address, at + 1);
	return bsearch(&domain, p->guarded.place, p->guarded.n, sizeof *p->guarded.place,
		   compare) != NULL;
}

/* --- domains ---------------------------------------------------------------------------------- */

/* Ask whether the domain has a catch-all, or patterns. */
static bool
takes_all(struct postfix *p, struct slice name)
{
	struct question q;
	bool ok, takes = false;

	question_init(&q);
	facts_clear(&p->facts);
	ok = question_set_domain(&q, name) &&
	     question_add_address(&q, ROW_ALIAS, slice_str(""), name, false) &&
	     store_ask(p->ctl->store, &q, &p->facts, &p->ctl->err) == FOUND;
	if (ok)
		takes = p->facts.hit || p->facts.domain.patterns;
	else
		p->outcome = no_memory(p);
	question_release(&q);
	return takes;
}

static void
put_domain(struct postfix *p, const struct record *r)
{
	static const char *const files[] = { [DOMAIN_MAILBOX] = "domains",
		[DOMAIN_ALIAS] = "alias-domains",
		[DOMAIN_RELAY] = "relay-domains",
		[DOMAIN_LOCAL] = "local-domains" };
	bool ok = true;

	put_line(p, files[r->domain_kind], r->name, r->name);
	if (r->domain_kind != DOMAIN_LOCAL)
		put_line(p, "mx-domains", r->name, r->name);
	if (r->target.n > 0) {
		sbuf_printf(&p->text, "@%.*s", (int)r->name.n, r->name.p);
		sbuf_printf(&p->text, "@%.*s", (int)r->target.n, r->target.p);
		put_line(p, "aliases", slice_head(sbuf_slice(&p->text), r->name.n + 1),
		    slice_tail(sbuf_slice(&p->text), r->name.n + 1));
		ok = add_place(&p->stand_ins, r->name, r->target);
	} else if (takes_all(p, r->name)) {
		ok = add_place(&p->guarded, r->name, r->target);
	}
	if (!ok)
		p->outcome = no_memory(p);
}

/* --- addresses -------------------------------------------------------------------------------- */

/* Whom a secondary MX accepts mail for: the address, and the same in what stands for its domain.
 * PUT writes one of them. */
static void
put_recipients(
    struct postfix *p, struct slice address, void (*put)(struct postfix *p, struct slice address))
{
	struct slice domain;
	size_t at;

	if (!slice_rchr(address, '@', &at))
		return;
	domain = slice_tail(address, at + 1);
	put(p, address);
	for (size_t i = 0; i < p->stand_ins.n; i++) {
		const struct place *other = &p->stand_ins.place[i];

		if (!slice_is(domain, other->target))
			continue;
		sbuf_clear(&p->text);
		sbuf_add_slice(&p->text, slice_head(address, at + 1));
		sbuf_add_str(&p->text, other->name);
		put(p, sbuf_slice(&p->text));
	}
}

static void
put_recipient(struct postfix *p, struct slice address)
{
	put_line(p, "mx-recipients", address, slice_str("x"));
}

/* The resolver itself says whether the mailbox has an alias, in whatever way. */
static bool
has_alias(struct postfix *p, struct slice address)
{
	struct lookup *l = &p->lookup;

	lookup_start(l, &p->ctl->actor.rules, slice_str("aliases"), address);
	store_resolve(p->ctl->store, l);
	if (l->outcome == RETRY || l->outcome == BAD)
		p->outcome = error_set(&p->ctl->err, RETRY, "%.400s", sbuf_cstr(&l->value));
	return l->outcome == FOUND;
}

static void
put_mailbox(struct postfix *p, const struct record *r)
{
	bool gets = account_state_receives(r->state);

	if (gets) {
		put_line(p, "mailboxes", r->name, r->name);
		put_recipients(p, r->name, put_recipient);
	}
	if (is_guarded(p, r->name) && !has_alias(p, r->name))
		put_line(p, "aliases", r->name, r->name);
}

/* `*` is any text, all else itself. */
static void
put_expression(struct postfix *p, const char *file, struct slice pattern, struct slice value)
{
	struct sbuf expression;

	sbuf_init(&expression, 4 * ADDRESS_MAX);
	sbuf_add_str(&expression, "/^");
	for (size_t i = 0; i < pattern.n; i++) {
		char c = pattern.p[i];

		if (c == '*')
			sbuf_add_str(&expression, ".*");
		else if (strchr("\\/.[](){}^$+?|", c) != NULL)
			sbuf_printf(&expression, "\\%c", c);
		else
			sbuf_add_chr(&expression, c);
	}
	sbuf_add_str(&expression, "$/");
	write_line(p, file, sbuf_slice(&expression), value);
	if (expression.failed)
		p->outcome = no_memory(p);
	sbuf_release(&expression);
}

static void
put_pattern_recipient(struct postfix *p, struct slice pattern)
{
	put_expression(p, "mx-patterns", pattern, slice_str("x"));
}

static void
put_pattern(struct postfix *p, const struct record *r, struct slice targets)
{
	struct sbuf value;

	sbuf_init(&value, TEXT_MAX);
	for (size_t i = 0; i < targets.n; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): that has no length */
		sbuf_printf(&value, targets.p[i] == '$' ? "$$" : "%c", targets.p[i]);
	put_expression(p, "patterns", r->name, sbuf_slice(&value));
	if (value.failed)
		p->outcome = no_memory(p);
	sbuf_release(&value);
	put_recipients(p, r->name, put_pattern_recipient);
}

static bool
is_off(const struct record *r, int64_t now)
{
	return r->disabled || (r->expires != 0 && r->expires <= now);
}

/* A mailbox that gets mail was written down before. */
static bool
is_told(struct postfix *p, struct slice address)
{
	struct account mailbox;
	bool told;
	enum outcome o;

	account_init(&mailbox);
	o = store_account(p->ctl->store, address, &mailbox, &p->ctl->err);
	told = o == FOUND && account_state_receives(mailbox.state);
	if (o == RETRY)
		p->outcome = o;
	account_release(&mailbox);
	return told;
}

static void
put_alias(struct postfix *p, const struct record *r)
{
	struct sbuf targets;
	size_t prefix;

	if (is_off(r, p->ctl->actor.rules.now)) {
		if (is_guarded(p, r->name) && !rules_is_pattern(r->name, &prefix) &&
		    r->name.p[0] != '@')
			put_line(p, "aliases", r->name, r->name);
		return;
	}
	sbuf_init(&targets, TEXT_MAX);
	for (size_t i = 0; i < r->n_targets; i++) {
		sbuf_add_str(&targets, i > 0 ? ", " : "");
		sbuf_add_slice(&targets, r->targets[i]);
	}
	if (targets.failed)
		p->outcome = no_memory(p);
	else if (rules_is_pattern(r->name, &prefix))
		put_pattern(p, r, sbuf_slice(&targets));
	else
		put_line(p, "aliases", r->name, sbuf_slice(&targets));
	if (!rules_is_pattern(r->name, &prefix) && !is_told(p, r->name))
		put_recipients(p, r->name, put_recipient);
	sbuf_release(&targets);
}

/* Of a map that is called like another file here there is none: its keys would be taken for those
 * of the other, as for recipients. */
static void
put_map(const struct record *r)
{
	if (map_name_is_taken(r->name))
		ctl_warn("map '%.*s' is left out, for that is no name for a file of its own: make "
			 "one with another name, and move its entries there",
		    (int)r->name.n, r->name.p);
}

static void
put_entry(struct postfix *p, const struct record *r)
{
	char name[MAP_NAME_MAX + 1];

	if (map_name_is_taken(r->map)) {
		p->unnamed++;
		return;
	}
	snprintf(name, sizeof name, "%.*s", (int)r->map.n, r->map.p);
	put_line(p, name, r->name, r->value);
}

static void
leave_out(struct postfix *p, struct slice name)
{
	if (p->left_out++ == 0)
		sbuf_add_slice(&p->first, name);
	if (p->first.failed)
		p->outcome = no_memory(p);
}

static bool
put_record(void *arg, const struct record *r)
{
	struct postfix *p = arg;

	sbuf_clear(&p->text);
	p->odd = false;
	switch (r->kind) {
	case RECORD_DOMAIN:
		put_domain(p, r);
		break;
	case RECORD_MAILBOX:
		put_mailbox(p, r);
		break;
	case RECORD_ALIAS:
		put_alias(p, r);
		break;
	case RECORD_ENTRY:
		put_entry(p, r);
		break;
	case RECORD_MAP:
		put_map(r);
		break;
	}
	if (p->odd)
		leave_out(p, r->name);
	return p->outcome == FOUND;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Those that Postfix is told of are there, whatever is in them. */
static void
open_known(struct postfix *p)
{
	static const char *const known[] = { "domains", "alias-domains", "relay-domains",
		"local-domains", "mailboxes", "aliases", "patterns", "mx-domains", "mx-recipients",
		"mx-patterns" };

	for (size_t i = 0; p->outcome == FOUND && i < sizeof known / sizeof *known; i++) {
		/* no map of the admin's has the name of a file of these */
		assert(map_by_name(slice_str(known[i])) != NULL ||
		       map_name_is_taken(slice_str(known[i])));
		table(p, known[i]);
	}
}

static void
init(struct postfix *p, struct ctl *ctl, const char *dir)
{
	*p = (struct postfix){ .ctl = ctl, .dir = dir };
	sbuf_init(&p->text, TEXT_MAX);
	sbuf_init(&p->first, TEXT_MAX);
	lookup_init(&p->lookup);
	facts_init(&p->facts);
}

static void
release(struct postfix *p)
{
	free_places(&p->guarded);
	free_places(&p->stand_ins);
	lookup_release(&p->lookup);
	facts_release(&p->facts);
	sbuf_release(&p->text);
	sbuf_release(&p->first);
}

static void
warn(const struct postfix *p)
{
	if (p->left_out > 0)
		ctl_warn("%zu records are left out, the first is '%s': a key in a table for "
			 "postmap neither begins with '#' or a blank nor has one outside double "
			 "quotes; such an address gets no mail, or its catch-all does",
		    p->left_out, sbuf_cstr(&p->first));
}

enum outcome
export_postfix(struct ctl *ctl, const char *where, bool hashes, size_t *left_out)
{
	struct postfix *p = calloc(1, sizeof *p);
	enum outcome o = FOUND;

	(void)hashes;
	*left_out = 0;
	if (p == NULL)
		return error_set(&ctl->err, RETRY, "no memory");
	init(p, ctl, where);
	if (mkdir(where, 0755) != 0 && errno != EEXIST)
		o = error_set(
		    &ctl->err, RETRY, "cannot make the directory '%s': %s", where, strerror(errno));
	if (o == FOUND) {
		open_known(p);
		o = p->outcome;
	}
	if (o == FOUND)
		o = store_records(ctl->store, put_record, p, &ctl->err);
	if (o == FOUND)
		o = p->outcome;
	o = close_tables(p, o);
	if (o == FOUND)
		warn(p);
	*left_out = p->left_out + p->unnamed;
	release(p);
	free(p);
	return o;
}
