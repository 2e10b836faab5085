/* SPDX-License-Identifier: ISC
 *
 * Names come in order, so a pattern that does not begin with * has a beginning and an end in the
 * list.
 */
#include "vmailctl/page.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "vmailctl/output.h"

/* The largest text before all that begin with the prefix, or near enough: one that is its
 * beginning. */
static bool
start_at_prefix(struct page *p)
{
	struct slice prefix = pattern_prefix(&p->match);

	if (prefix.n < 2 || p->after.n > 0)
		return true;
	return sbuf_add_slice(&p->after, slice_head(prefix, prefix.n - 1));
}

enum exit_code
page_take(struct page *p, struct ctl *ctl, bool domains)
{
	const char *limit = ctl_option(ctl, "limit");
	unsigned long long n = 0;

	*p = (struct page){ .count = ctl_option(ctl, "count") != NULL };
	pattern_init(&p->match, ctl_option(ctl, "match"), domains);
	sbuf_init(&p->after, 4 * ADDRESS_MAX);
	if (limit != NULL && (!slice_number(slice_str(limit), SIZE_MAX, &n) || n == 0))
		return ctl_usage(ctl, "'%s' is no number of rows", limit);
	p->limit = (size_t)n;
	name_fold(&p->after, slice_str(ctl_option(ctl, "after")), domains);
	if (p->match.glob.failed)
		return ctl_usage(ctl, "'--match' is too long to match a name");
	if (p->after.failed)
		return ctl_usage(ctl, "'--after' is too long to be a name");
	start_at_prefix(p);
	return EXIT_DONE;
}

void
page_release(struct page *p)
{
	pattern_release(&p->match);
	sbuf_release(&p->after);
}

struct slice
page_start(const struct page *p)
{
	return sbuf_slice(&p->after);
}

/* Behind all that begin so? */
static bool
is_past(struct slice prefix, struct slice name)
{
	size_t n = name.n < prefix.n ? name.n : prefix.n;
	int d = n > 0 ? memcmp(name.p, prefix.p, n) : 0;

	return d > 0;
}

bool
page_wants(struct page *p, struct slice name, bool *more)
{
	*more = true;
	/* where the store cannot begin there by itself */
	if (p->after.n > 0 && slice_cmp(name, sbuf_slice(&p->after)) <= 0)
		return false;
	if (pattern_given(&p->match) && !pattern_match(&p->match, name)) {
		*more = !is_past(pattern_prefix(&p->match), name);
		return false;
	}
	if (p->limit > 0 && p->n == p->limit) {
		*more = false;
		return false;
	}
	p->n++;
	*more = p->limit == 0 || p->n < p->limit;
	return true;
}

bool
page_counts_all(const struct page *p)
{
	return p->count && !pattern_given(&p->match) && p->after.n == 0 && p->limit == 0;
}

enum exit_code
page_print_count(struct ctl *ctl, int64_t n)
{
	if (ctl->json)
		return output_json(ctl, json_pack("{s:I}", "count", (json_int_t)n));
	printf("%" PRId64 "\n", n);
	ctl->printed = true;
	return EXIT_DONE;
}
