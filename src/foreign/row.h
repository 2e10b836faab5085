/* SPDX-License-Identifier: ISC
 *
 * One row, as what its columns mean.
 */
#ifndef FOREIGN_ROW_H
#define FOREIGN_ROW_H

#include "foreign/objects.h"

enum { BOUND_MAX = 40, HOPS_MAX = 3 };

/* A step of a join: the row of TABLE whose column has the value, and its column AT. */
struct hop {
	const struct table *table;
	const struct index *by_key;
	size_t at;
};

/* The columns of a table that mean something, and what. */
struct binding {
	struct foreign *f;
	const struct table *table;
	struct {
		const struct rule *rule;
		size_t column;
		struct hop hop[HOPS_MAX];
		size_t hops;
	} bound[BOUND_MAX];
	size_t n;
};

struct read_row {
	struct foreign *f;
	struct foreign_place at;
	struct slice value[MEANINGS]; /* p NULL: nothing is said */
	bool asked[MEANINGS];         /* there is a column that would say it */
	int64_t unit;                 /* of a quota */
	const char *between;          /* value and value2 */
	struct slice services;
	bool limited; /* there are columns that say for what it is good */
};

/* Find out which columns of T mean what. False, after a remark, when what must be there is not. */
bool binding_make(
    struct binding *b, struct foreign *f, const struct table *t, const struct table_rule *rule);

/* Read row I. False when it is to be left out; where that is worth a remark, it was made. */
bool row_read(struct read_row *r, const struct binding *b, size_t i);

#endif
