/* SPDX-License-Identifier: ISC
 *
 * Names and patterns of names as they are typed, brought into the form that names have in the
 * store.
 */
#ifndef VMAILCTL_PATTERN_H
#define VMAILCTL_PATTERN_H

#include "base/sbuf.h"

/* Append the canonical form of a whole address, or of a domain if it may be one (DOMAINS). False
 * when it is neither, and then there may be some of it in OUT. */
bool name_fold_whole(struct sbuf *out, struct slice typed, bool domains);

/* The same for what may be a piece of one: that has its letters folded, and stays as it is if they
 * cannot be. */
void name_fold(struct sbuf *out, struct slice typed, bool domains);

struct pattern {
	struct sbuf glob;
	struct sbuf name; /* that is compared, with its domain in letters */
	bool letters;     /* beyond ASCII, which an international domain has in another form */
};

/* Take a pattern as typed, NULL for none. */
void pattern_init(struct pattern *p, const char *typed, bool domains);
void pattern_release(struct pattern *p);

bool pattern_given(const struct pattern *p);

/* View what each name that matches begins with; nothing when that cannot be told. */
struct slice pattern_prefix(const struct pattern *p);

/* Tell whether a canonical name matches. A pattern with letters beyond ASCII is compared with the
 * letters of a domain, too. */
bool pattern_match(struct pattern *p, struct slice name);

#endif
