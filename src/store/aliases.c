/* SPDX-License-Identifier: ISC
 *
 * Changing aliases and their targets.
 */
#include <assert.h>

#include "mail/rules.h"
#include "store/change.h"

/* --- targets ---------------------------------------------------------------------------------- */

enum outcome
target_fold(struct sbuf *out, struct slice target, struct error *err)
{
	struct address a;

	if (address_parse(&a, target)) {
		if (a.local_n > 0) {
			address_print(out, &a);
		} else {
			sbuf_add_chr(out, '@');
			sbuf_add_slice(out, address_domain(&a));
		}
	} else if (!a.no_memory) {
		return NONE;
	}
	if (out->failed || out->n == 0)
		return error_set(err, RETRY, "no memory for a target");
	return FOUND;
}

static enum outcome
insert_target(struct change *c, struct slice target, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_target_insert);
	struct sbuf folded;
	enum outcome o;

	sbuf_init(&folded, QUESTION_TEXT);
	o = target_fold(&folded, target, err);
	assert(o != NONE); /* the rules have passed it */
	if (o == FOUND) {
		db_bind_text(st, 1, c->subject);
		db_bind_text(st, 2, target);
		db_bind_text(st, 3, sbuf_slice(&folded));
		db_bind_text(st, 4, domain_of(sbuf_slice(&folded)));
		o = change_write(c, st, err);
	}
	sbuf_release(&folded);
	return o;
}

enum outcome
alias_insert_targets(struct change *c, struct slice targets, struct error *err)
{
	enum outcome o = FOUND;

	while (o == FOUND && targets.n > 0)
		o = insert_target(c, slice_cut(&targets, '\n'), err);
	return o;
}

/* Count the targets, those of them that stand for a whole domain, and the bytes of the list. */
static enum outcome
count_targets(struct change *c, int64_t *all, int64_t *whole, int64_t *bytes, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_target_counts);

	db_bind_text(st, 1, c->subject);
	if (db_step(st, err) != FOUND)
		return RETRY;
	*all = db_int(st, 0);
	*whole = db_int(st, 1);
	*bytes = db_int(st, 2);
	db_reset(st);
	return FOUND;
}

static enum outcome
check_counts(const char *address, int64_t all, int64_t whole, int64_t bytes, struct error *err)
{
	if (bytes > RULES_VALUE_MAX)
		return error_set(err, BAD,
		    "the targets of alias '%s' would be %lld bytes long: Postfix takes a list of "
		    "at "
		    "most %d, so make lists of lists",
		    address, (long long)bytes, RULES_VALUE_MAX);
	if (all > RULES_TARGETS_MAX)
		return error_set(err, BAD,
		    "alias '%s' would have %lld targets: Postfix expands to at most %d", address,
		    (long long)all, RULES_TARGETS_MAX);
	if (whole > 0 && all > 1)
		return error_set(err, BAD,
		    "alias '%s' has a target that stands for a whole domain, which must be the "
		    "only "
		    "one: remove the alias first, or add to another",
		    address);
	return FOUND;
}

/* The rules for a list of targets, where they meet those that were there before. */
enum outcome
alias_check_together(struct change *c, const char *address, struct error *err)
{
	int64_t all, whole, bytes;
	enum outcome o = count_targets(c, &all, &whole, &bytes, err);

	return o == FOUND ? check_counts(address, all, whole, bytes, err) : o;
}

enum outcome
alias_check_new(const char *address, const struct slice *targets, size_t n, struct error *err)
{
	int64_t whole = 0, bytes = 0;

	for (size_t i = 0; i < n; i++) {
		whole += targets[i].p[0] == '@';
		bytes += (int64_t)targets[i].n + 2;
	}
	return check_counts(address, (int64_t)n, whole, bytes, err);
}

/* --- adding ----------------------------------------------------------------------------------- */

enum outcome
alias_check_domain(struct store *s, const struct sbuf *address, struct error *err)
{
	struct slice name = domain_of(sbuf_slice(address));
	struct domain_facts *domain = &s->facts.domain;
	size_t prefix;
	enum outcome o;

	if (name.n == 0 || slice_eq(name, sbuf_slice(&s->stands)))
		return FOUND;
	facts_clear(&s->facts);
	o = domain_need(s, name, domain, err);
	sbuf_clear(&s->stands);
	/* without memory it is asked for again */
	if (o == FOUND && domain->target.n == 0)
		sbuf_add_slice(&s->stands, name);
	if (o != FOUND || domain->target.n == 0)
		return o;
	if (address->p[0] == '@' || rules_is_pattern(sbuf_slice(address), &prefix))
		return error_set(err, BAD,
		    "domain '%s' stands for '%s': add the catch-all or pattern there, as '%.*s%s'",
		    name.p, sbuf_cstr(&domain->target), (int)(address->n - name.n), address->p,
		    sbuf_cstr(&domain->target));
	return FOUND;
}

enum outcome
alias_insert(struct change *c, int64_t created, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_alias_insert);
	struct slice domain = domain_of(c->subject);
	size_t prefix;

	db_bind_text(st, 1, c->subject);
	if (domain.n > 0)
		db_bind_text(st, 2, domain);
	else
		db_bind_null(st, 2);
	db_bind_int(st, 3, created);
	if (rules_is_pattern(c->subject, &prefix))
		db_bind_text(st, 4, slice_head(c->subject, prefix));
	else
		db_bind_null(st, 4);
	return change_write(c, st, err);
}

static enum outcome
add_alias(
    struct store *s, const struct sbuf *address, const struct sbuf *targets, struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin(&c, s, "alias add", Q_alias_image, sbuf_slice(address), err);
	if (o == FOUND)
		o = alias_check_domain(s, address, err);
	if (o == FOUND && !change_existed(&c))
		o = alias_insert(&c, c.at, err);
	if (o == FOUND)
		o = alias_insert_targets(&c, sbuf_slice(targets), err);
	if (o == FOUND)
		o = alias_check_together(&c, sbuf_cstr(address), err);
	if (o == FOUND)
		o = loops_check_alias(s, sbuf_slice(address), err);
	return change_end(&c, o, err);
}

enum outcome
store_alias_add(
    struct store *s, struct slice address, const struct slice *targets, size_t n, struct error *err)
{
	struct sbuf canonical, list;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	sbuf_init(&list, LOOKUP_VALUE_MAX);
	o = rules_new_alias(&canonical, address, err);
	if (o == FOUND)
		o = rules_targets(&list, targets, n, err);
	if (o == FOUND)
		o = add_alias(s, &canonical, &list, err);
	sbuf_release(&canonical);
	sbuf_release(&list);
	return o;
}

/* --- removing --------------------------------------------------------------------------------- */

static enum outcome
no_target(const char *address, struct slice target, struct error *err)
{
	return error_set(err, NONE, "alias '%s' has no target '%.*s'", address,
	    (int)(target.n < 200 ? target.n : 200), target.p);
}

static enum outcome
delete_target(struct change *c, const char *address, struct slice target, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_target_delete);
	struct sbuf folded;
	int64_t changes = 0;
	enum outcome o;

	sbuf_init(&folded, QUESTION_TEXT);
	o = target_fold(&folded, target, err);
	if (o == FOUND) {
		db_bind_text(st, 1, c->subject);
		db_bind_text(st, 2, sbuf_slice(&folded));
		db_bind_text(st, 3, domain_of(sbuf_slice(&folded)));
		o = db_run(st, &changes, err);
	}
	if (o == NONE || (o == FOUND && changes == 0))
		o = no_target(address, target, err);
	sbuf_release(&folded);
	return o;
}

/* An alias without targets is none. */
static enum outcome
delete_if_empty(struct change *c, struct error *err)
{
	int64_t left, whole, bytes;
	enum outcome o = count_targets(c, &left, &whole, &bytes, err);

	if (o != FOUND)
		return o;
	return left == 0 ? run_for(c->s, Q_alias_delete, c->subject, err) : FOUND;
}

static enum outcome
remove_targets(struct store *s, const struct sbuf *address, const struct slice *targets, size_t n,
    struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin_known(
	    &c, s, "alias remove", Q_alias_image, "alias", sbuf_slice(address), err);
	for (size_t i = 0; o == FOUND && i < n; i++)
		o = delete_target(&c, sbuf_cstr(address), targets[i], err);
	if (o == FOUND)
		o = n > 0 ? delete_if_empty(&c, err)
			  : run_for(s, Q_alias_delete, sbuf_slice(address), err);
	/* it may have kept a catch-all from the address */
	if (o == FOUND)
		o = loops_check_alias(s, sbuf_slice(address), err);
	return change_end(&c, o, err);
}

enum outcome
store_alias_remove(
    struct store *s, struct slice address, const struct slice *targets, size_t n, struct error *err)
{
	struct sbuf canonical;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	o = rules_alias(&canonical, address, err);
	if (o == FOUND)
		o = remove_targets(s, &canonical, targets, n, err);
	sbuf_release(&canonical);
	return o;
}

/* --- settings -----------------------------------------------------------------------------------
 */

/* NULL leaves the number as it is. */
static void
bind_if(struct db_stmt *st, int n, bool wanted, int64_t number)
{
	if (wanted)
		db_bind_int(st, n, number);
	else
		db_bind_null(st, n);
}

static enum outcome
update_alias(struct change *c, const struct alias_settings *settings, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_alias_set);
	unsigned only = settings->only == 0 ? ~0u : settings->only;

	db_bind_text(st, 1, c->subject);
	bind_if(st, 2, only & ALIAS_SET_DISABLED, settings->disabled);
	bind_if(st, 3, only & ALIAS_SET_EXPIRES, settings->expires);
	bind_if(st, 4, only & ALIAS_SET_INTERNAL, settings->internal);
	bind_optional(st, 5, settings->note);
	bind_optional(st, 6, settings->owner);
	db_bind_int(st, 7, (only & ALIAS_SET_NOTE) != 0);
	db_bind_int(st, 8, (only & ALIAS_SET_OWNER) != 0);
	return db_run(st, NULL, err);
}

static enum outcome
set_alias(struct store *s, const struct sbuf *address, const struct alias_settings *settings,
    struct error *err)
{
	struct change c;
	enum outcome o;

	o = change_begin_known(
	    &c, s, "alias set", Q_alias_image, "alias", sbuf_slice(address), err);
	if (o == FOUND)
		o = update_alias(&c, settings, err);
	/* a note makes no loop, not even of one that is there */
	if (o == FOUND && (settings->only == 0 || (settings->only & ALIAS_SET_DISABLED) != 0))
		o = loops_check_alias(s, sbuf_slice(address), err);
	return change_end(&c, o, err);
}

enum outcome
store_alias_set(
    struct store *s, struct slice address, const struct alias_settings *settings, struct error *err)
{
	struct sbuf canonical;
	enum outcome o;

	sbuf_init(&canonical, QUESTION_TEXT);
	o = rules_alias(&canonical, address, err);
	if (o == FOUND && settings->note.n > 0)
		o = rules_note(settings->note, err);
	if (o == FOUND && settings->owner.n > 0)
		o = rules_note(settings->owner, err);
	if (o == FOUND)
		o = set_alias(s, &canonical, settings, err);
	sbuf_release(&canonical);
	return o;
}
