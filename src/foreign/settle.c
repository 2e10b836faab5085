/* SPDX-License-Identifier: ISC
 *
 * When all rows are seen: which objects there are in the end, and what they show.
 */
#include <stdlib.h>

#include "foreign/objects.h"
#include "mail/rules.h"

#define TEXT(s) (int)((s).n < 200 ? (s).n : 200), (s).p

static struct slice
domain_of(struct slice address)
{
	size_t at;

	return slice_rchr(address, '@', &at) ? slice_tail(address, at + 1) : slice_str("");
}

static bool
is_off(const struct foreign *f, struct slice name)
{
	size_t ignored;

	return index_find(&f->off, domain_of(name), &ignored);
}

/* --- domains that nobody named ---------------------------------------------------------------- */

/* Where domains have a table of their own, and it was there, that is all of them. */
static bool
implies_domains(const struct foreign *f)
{
	return !f->format->closed || f->class[CLASS_DOMAIN].n == 0;
}

/* See to it that there is a domain for an object in it, fit for KIND. */
static void
imply(struct foreign *f, const struct object *o, struct slice name, enum domain_kind kind)
{
	struct object *d = object_find(f, CLASS_DOMAIN, name);
	struct object *alias = object_find(f, CLASS_DOMAIN_ALIAS, name);

	if (name.n == 0 || (alias != NULL && !alias->made.gone))
		return;
	if (d == NULL) {
		d = object_new(f, CLASS_DOMAIN, RECORD_DOMAIN, name, &o->made.at);
		if (d == NULL)
			return;
		d->made.implied = true;
		d->made.record.domain_kind = kind;
	}
	d->made.record.said = RECORD_DOMAIN_KIND;
	if (d->made.implied && kind == DOMAIN_MAILBOX)
		d->made.record.domain_kind = kind;
}

/* --- mailboxes -------------------------------------------------------------------------------- */

static void
put_credentials(struct foreign *f, struct object *o)
{
	struct record_credential *list;
	size_t n = 0;

	if (o->no_login)
		o->made.clear = slice_of(NULL, 0);
	if (o->no_login || (o->hash.p == NULL && o->apps == 0))
		return;
	list = arena_take(&f->arena, (o->apps + 1) * sizeof *list);
	if (list == NULL)
		return;
	if (o->hash.p != NULL)
		list[n++] = (struct record_credential){ .label = { "", 0 }, .hash = o->hash };
	for (const struct app_password *a = o->app; a != NULL; a = a->next)
		list[n++] = a->credential;
	o->made.record.credential = list;
	o->made.record.credentials = n;
	o->made.record.said |= RECORD_CREDENTIALS;
}

static void
settle_mailbox(struct foreign *f, struct object *o)
{
	struct record *r = &o->made.record;

	put_credentials(f, o);
	if (is_off(f, r->name)) {
		r->state = STATE_SUSPENDED;
		r->said |= RECORD_STATE;
	}
	if (implies_domains(f))
		imply(f, o, domain_of(r->name), DOMAIN_MAILBOX);
}

/* --- aliases ---------------------------------------------------------------------------------- */

/* An address that leads to itself alone keeps a catch-all from it elsewhere; here mailboxes need no
 * such thing. */
static bool
is_mere_self(struct foreign *f, const struct object *o)
{
	if (o->items.n != 1 || object_find(f, CLASS_MAILBOX, o->made.record.name) == NULL)
		return false;
	sbuf_clear(&f->scratch);
	return rules_mailbox(&f->scratch, o->items.first->text, NULL) == FOUND &&
	       slice_eq(sbuf_slice(&f->scratch), o->made.record.name);
}

static void
put_targets(struct foreign *f, struct object *o)
{
	struct slice *list = arena_take(&f->arena, o->items.n * sizeof *list);
	size_t n = 0;

	if (list == NULL)
		return;
	for (const struct item *i = o->items.first; i != NULL; i = i->next)
		list[n++] = i->text;
	o->made.record.targets = list;
	o->made.record.n_targets = n;
	o->made.record.said |= RECORD_TARGETS;
}

/* Where all of its rows are switched off, so is the alias, and keeps what it led to; else it leads
 * to what the others say. */
static void
settle_rows(struct foreign *f, struct object *o)
{
	struct record *r = &o->made.record;

	if (o->items.n == 0 && o->off.n > 0) {
		o->items = o->off;
		r->disabled = true;
		return;
	}
	for (const struct item *i = o->off.first; i != NULL; i = i->next)
		if (!items_have(&o->items, i->text))
			remark(f, REMARK_NOTE, &i->at,
			    "'%.*s', to which '%.*s' led, is switched off and left out",
			    TEXT(i->text), TEXT(r->name));
}

static void
settle_alias(struct foreign *f, struct object *o)
{
	struct record *r = &o->made.record;

	settle_rows(f, o);
	if (o->items.n == 0 || is_mere_self(f, o)) {
		if (o->items.n == 0 && !o->has_said)
			remark(f, REMARK_NOTE, &o->made.at, "'%.*s' leads nowhere", TEXT(r->name));
		/* where it leads may be said elsewhere */
		o->dropped = o->items.n == 0 && (o->unknown || !f->targets);
		o->made.gone = true;
		return;
	}
	put_targets(f, o);
	if (is_off(f, r->name)) {
		r->disabled = true;
		r->said |= RECORD_DISABLED;
	}
	if (implies_domains(f))
		imply(f, o, domain_of(r->name), DOMAIN_ALIAS);
}

/* --- entries ---------------------------------------------------------------------------------- */

/* Where mailboxes are, a transport for the whole domain keeps the mail from them, unless it leads
 * to them itself. Elsewhere it may have been asked for those who are no system users
 * (fallback_transport_maps), or been the way to the mailboxes. */
static void
warn_of_transport(struct foreign *f, const struct object *o)
{
	const struct record *r = &o->made.record;
	const struct object *d;

	if (!slice_is(r->map, "transports"))
		return;
	d = object_find(f, CLASS_DOMAIN, r->name);
	if (d != NULL && d->made.record.domain_kind == DOMAIN_MAILBOX)
		remark(f, REMARK_NOTE, &o->made.at,
		    "all mail for '%.*s' will go to '%.*s', and none to its mailboxes by "
		    "virtual_transport: if that is not meant, `vmailctl map unset transports %.*s`",
		    TEXT(r->name), TEXT(r->value), TEXT(r->name));
}

static void
settle_entry(struct foreign *f, struct object *o)
{
	if (!o->made.gone)
		warn_of_transport(f, o);
	if (o->items.n == 0)
		return;
	sbuf_clear(&f->scratch);
	for (const struct item *i = o->items.first; i != NULL; i = i->next) {
		sbuf_add_str(&f->scratch, f->scratch.n > 0 ? ", " : "");
		sbuf_add_slice(&f->scratch, i->text);
	}
	f->no_memory |= f->scratch.failed;
	o->made.record.value = arena_keep(&f->arena, sbuf_slice(&f->scratch));
}

/* --- all -------------------------------------------------------------------------------------- */

static void
drop_marked(struct class_of *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (!c->object[i]->dropped)
			c->object[n++] = c->object[i];
	c->n = n;
}

/* Elsewhere an alias domain may stand among the domains too. */
static void
drop_doubles(struct foreign *f)
{
	struct class_of *aliases = &f->class[CLASS_DOMAIN_ALIAS];

	for (size_t i = 0; i < aliases->n; i++) {
		struct object *d =
		    object_find(f, CLASS_DOMAIN, aliases->object[i]->made.record.name);

		if (d != NULL && !aliases->object[i]->made.gone)
			d->dropped = true;
	}
}

/* One that stands for another no longer, and has addresses of its own. */
static void
settle_own_domains(struct foreign *f)
{
	struct class_of *aliases = &f->class[CLASS_DOMAIN_ALIAS];

	for (size_t i = 0; i < aliases->n; i++) {
		struct object *o = aliases->object[i];
		struct object *d = object_find(f, CLASS_DOMAIN, o->made.record.name);

		if (!o->made.gone || d == NULL)
			continue;
		o->dropped = true;
		d->made.implied = false;
	}
}

/* Names without a domain are for domains of the local kind: the one that was told is one, unless
 * there is more in it. */
static void
imply_local(struct foreign *f)
{
	struct foreign_place at = { "--domain", { NULL, 0 }, 0 };
	struct object *d;

	if (!f->bare_names || f->options->domain.n == 0)
		return;
	sbuf_clear(&f->scratch);
	if (rules_domain(&f->scratch, f->options->domain, NULL) != FOUND ||
	    object_find(f, CLASS_DOMAIN, sbuf_slice(&f->scratch)) != NULL)
		return;
	d = object_new(f, CLASS_DOMAIN, RECORD_DOMAIN, sbuf_slice(&f->scratch), &at);
	if (d == NULL)
		return;
	d->made.implied = true;
	d->made.record.domain_kind = DOMAIN_LOCAL;
	d->made.record.said = RECORD_DOMAIN_KIND;
}

void
settle_objects(struct foreign *f)
{
	struct class_of *c = f->class;

	drop_doubles(f);
	for (size_t i = 0; i < c[CLASS_MAILBOX].n; i++)
		settle_mailbox(f, c[CLASS_MAILBOX].object[i]);
	for (size_t i = 0; i < c[CLASS_ALIAS].n; i++)
		settle_alias(f, c[CLASS_ALIAS].object[i]);
	for (size_t i = 0; i < c[CLASS_ENTRY].n; i++)
		settle_entry(f, c[CLASS_ENTRY].object[i]);
	imply_local(f);
	settle_own_domains(f);
	/* the indexes count places: nothing is looked up from here on */
	for (size_t i = 0; i < CLASSES; i++)
		drop_marked(&c[i]);
}
