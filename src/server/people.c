/* SPDX-License-Identifier: ISC
 *
 * Questions about people, to either kind of store.
 */
#include "people.h"

#include "loop.h"

/* --- at once ---------------------------------------------------------------------------------- */

struct page {
	const struct person *person;
	size_t told;
};

static bool
tell(void *arg, const struct account *a)
{
	struct page *page = arg;

	page->person->tell(page->person->arg, sbuf_slice(&a->address));
	return ++page->told < page->person->most;
}

static enum outcome
ask_file(struct store *s, const struct person *p, struct error *err)
{
	struct page page = { .person = p };

	switch (p->want) {
	case PERSON_LOGIN:
		return store_find_login(s, p->address, p->network, p->facts, err);
	case PERSON_ACCOUNT:
		return store_account(s, p->address, p->account, err);
	case PERSON_LIST:
	case PERSON_WANTS:
		break;
	}
	return store_accounts(s, slice_str(""), p->address, tell, &page, err);
}

/* Each piece of a list is of a moment of its own: that may take its time. */
static enum outcome
ask_now(struct people *p, const struct people_ask *a, struct error *err)
{
	struct source *s = &p->source;
	enum outcome o = source_begin(s, err);

	source_watch(s, p->loop->base);
	if (o == FOUND)
		o = source_ask(s, err);
	if (o == FOUND)
		o = ask_file(s->store, &a->person, err);
	if (a->person.want == PERSON_LIST)
		source_end(s);
	return source_report(s, o, a->what, err);
}

/* --- later ------------------------------------------------------------------------------------ */

static void
on_answer(struct remote_ask *r, enum outcome o, const struct error *err)
{
	struct people_ask *a = (struct people_ask *)r;
	struct people *p = a->people;

	a->waiting = false;
	if (o != FOUND && o != NONE) {
		o = RETRY;
		counter_add(p->failures, 1);
		if (a->what != NULL)
			trouble_log(&p->trouble, "'%s': told to try again: %s", a->what, err->text);
	}
	a->done(a, o, err);
}

static void
ask_later(struct people *p, struct people_ask *a, unsigned ms)
{
	a->remote = (struct remote_ask){ .person = &a->person,
		.until = remote_now() + (ms > 0 && ms < p->deadline ? ms : p->deadline),
		.done = on_answer };
	a->people = p;
	a->waiting = true;
	remote_source_ask(&p->remote, &a->remote);
}

/* --- the whole -------------------------------------------------------------------------------- */

bool
people_ask(struct people *p, struct people_ask *a, unsigned ms, enum outcome *o, struct error *err)
{
	if (p->loop->hurried) {
		*o = error_set(err, RETRY, "this worker is leaving");
		return true;
	}
	if (!p->later) {
		*o = ask_now(p, a, err);
		return true;
	}
	ask_later(p, a, ms);
	return false;
}

void
people_forget(struct people_ask *a)
{
	if (a->waiting)
		remote_forget(a->people->remote.remote, &a->remote);
	a->waiting = false;
}

void
people_rest(struct people *p)
{
	if (!p->later)
		source_end(&p->source);
}

bool
people_init(struct people *p, struct loop *loop, const struct conf *conf, struct error *err)
{
	const char *uri = conf_store_for_logins(conf);

	*p = (struct people){ .later = remote_wanted(uri),
		.loop = loop,
		.deadline = (unsigned)conf->lookup_deadline,
		.failures = &loop->slot->store_failures };
	if (p->later)
		return remote_source_init(&p->remote, loop, conf, STORE_LOGIN, err);
	source_init(&p->source, uri, STORE_LOGIN, p->deadline, p->failures);
	source_watch(&p->source, loop->base);
	return true;
}

void
people_tell_stirred(struct people *p, void (*stirred)(void *arg), void *arg)
{
	p->source.stirred = stirred;
	p->source.arg = arg;
}

void
people_release(struct people *p)
{
	if (p->later)
		remote_source_release(&p->remote);
	else
		source_release(&p->source);
}
