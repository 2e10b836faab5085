/* SPDX-License-Identifier: ISC
 *
 * A few places for each hash of a name. What is in one counts in the view it was found in, so
 * nothing needs to be thrown away when the store changes.
 */
#include "store/known.h"

#include <stdlib.h>
#include <string.h>

enum {
	SHELVES = 8192,
	SHELF = 4,
	TEXT = 160 /* the name, what it is called in the store, and what it stands for: longer ones
		      are looked up each time */
};

struct place {
	uint64_t view; /* 0: nothing is here */
	enum outcome outcome;
	enum domain_kind kind;
	bool patterns, own_delimiters;
	unsigned char holds;
	signed char propagate;
	char delimiters[8];
	unsigned char asked_n, name_n, target_n;
	char text[TEXT];
};

struct known {
	struct place place[SHELVES][SHELF];
	unsigned turn; /* which place of a full shelf is next to be given to another name */
};

struct known *
known_new(void)
{
	return calloc(1, sizeof(struct known));
}

void
known_free(struct known *k)
{
	free(k);
}

/* FNV-1a. Who chooses names that fall together makes them slow, and nothing else. */
static size_t
shelf_of(struct slice name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (unsigned char)name.p[i]) * 16777619u;
	return (h ^ h >> 16) % SHELVES;
}

/* The place of a name in a view, or NULL. */
static const struct place *
find(const struct known *k, uint64_t view, struct slice name)
{
	const struct place *shelf = k->place[shelf_of(name)];

	for (size_t i = 0; i < SHELF; i++)
		if (shelf[i].view == view &&
		    slice_eq(slice_of(shelf[i].text, shelf[i].asked_n), name))
			return &shelf[i];
	return NULL;
}

/* One that nobody needs any more, or else any. */
static struct place *
room(struct known *k, uint64_t view, struct slice name)
{
	struct place *shelf = k->place[shelf_of(name)];

	for (size_t i = 0; i < SHELF; i++)
		if (shelf[i].view != view)
			return &shelf[i];
	return &shelf[k->turn++ % SHELF];
}

bool
known_find(const struct known *k, uint64_t view, struct slice name, struct domain_facts *out,
    enum outcome *o)
{
	const struct place *p = k == NULL || view == 0 ? NULL : find(k, view, name);

	if (p == NULL)
		return false;
	*o = p->outcome;
	if (p->outcome != FOUND)
		return true;
	out->known = true;
	out->kind = p->kind;
	out->patterns = p->patterns;
	out->holds = p->holds;
	out->own_delimiters = p->own_delimiters;
	out->propagate = p->propagate;
	memcpy(out->delimiters, p->delimiters, sizeof out->delimiters);
	if (sbuf_add(&out->name, p->text + p->asked_n, p->name_n) &&
	    sbuf_add(&out->target, p->text + p->asked_n + p->name_n, p->target_n))
		return true;
	/* without memory nothing is told: half a name would be another domain's */
	sbuf_clear(&out->name);
	sbuf_clear(&out->target);
	return false;
}

void
known_put(struct known *k, uint64_t view, struct slice name, const struct domain_facts *found,
    enum outcome o)
{
	struct place *p;

	if (k == NULL || view == 0 || name.n + found->name.n + found->target.n > sizeof p->text)
		return;
	p = room(k, view, name);
	*p = (struct place){ .view = view,
		.outcome = o,
		.kind = found->kind,
		.patterns = found->patterns,
		.holds = (unsigned char)found->holds,
		.own_delimiters = found->own_delimiters,
		.propagate = found->propagate,
		.asked_n = (unsigned char)name.n,
		.name_n = (unsigned char)found->name.n,
		.target_n = (unsigned char)found->target.n };
	memcpy(p->delimiters, found->delimiters, sizeof p->delimiters);
	memcpy(p->text, name.p, name.n);
	memcpy(p->text + name.n, sbuf_cstr(&found->name), found->name.n);
	memcpy(p->text + name.n + found->name.n, sbuf_cstr(&found->target), found->target.n);
}
