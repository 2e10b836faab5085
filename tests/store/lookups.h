/* SPDX-License-Identifier: ISC
 *
 * Whole lookups over a real store, as rows of a table.
 */
#ifndef TESTS_STORE_LOOKUPS_H
#define TESTS_STORE_LOOKUPS_H

#include "fixture.h"

struct looked_up {
	const char *map;
	const char *key;
	enum outcome outcome;
	const char *value;
};

static inline void
check_lookup(struct store *s, struct lookup *l, const struct looked_up *row)
{
	lookup_start(l, &tester.rules, S(row->map), S(row->key));
	store_resolve(s, l);
	if (l->asking || l->outcome != row->outcome ||
	    strcmp(sbuf_cstr(&l->value), row->value) != 0)
		fail_msg("%s:%s is %s '%s'", row->map, row->key, outcome_name(l->outcome),
		    sbuf_cstr(&l->value));
}

static inline void
check_lookups(struct store *s, const struct looked_up *rows, size_t n)
{
	struct lookup l;

	lookup_init(&l);
	for (size_t i = 0; i < n; i++)
		check_lookup(s, &l, &rows[i]);
	lookup_release(&l);
}

#endif
