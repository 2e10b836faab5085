/* SPDX-License-Identifier: ISC
 *
 * A piece of a long list: which names, how many of them, from where on.
 */
#ifndef VMAILCTL_PAGE_H
#define VMAILCTL_PAGE_H

#include "vmailctl/cmd.h"
#include "vmailctl/pattern.h"

/* The options of every list that may be long. */
#define PAGE_OPTIONS                                                                               \
	{ "names", 0, NULL, "print the names alone, one a line" },                                 \
	    { "match", 0, "GLOB", "only the names that match: 'info@*'" },                         \
	    { "after", 0, "NAME", "begin behind that name" },                                      \
	    { "limit", 0, "N", "print so many at most" },                                          \
	{                                                                                          \
		"count", 0, NULL, "print how many there are, and nothing else"                     \
	}

struct page {
	struct pattern match;
	struct sbuf after; /* where to begin */
	size_t limit;      /* 0: none */
	size_t n;          /* that were wanted */
	bool count;
};

/* Read the options; names without an '@' are DOMAINS, or not. EXIT_DONE, or why not was said. */
enum exit_code page_take(struct page *p, struct ctl *ctl, bool domains);
void page_release(struct page *p);

/* Where the store is to begin: nothing before it can match. */
struct slice page_start(const struct page *p);

/* Tell whether NAME is wanted; *MORE is cleared when nothing behind it is. */
bool page_wants(struct page *p, struct slice name, bool *more);

/* Tell whether all there are are counted, which the store can do at once. */
bool page_counts_all(const struct page *p);

/* Print a number as the whole answer. */
enum exit_code page_print_count(struct ctl *ctl, int64_t n);

#endif
