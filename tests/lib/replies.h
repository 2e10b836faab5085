/* SPDX-License-Identifier: ISC
 *
 * What a lookup protocol makes of the four outcomes, as rows of a table.
 */
#ifndef TESTS_LIB_REPLIES_H
#define TESTS_LIB_REPLIES_H

#include "base/outcome.h"
#include "base/sbuf.h"

struct reply {
	const char *name;
	enum outcome outcome;
	struct slice text;
	bool carried;
	const char *wire;
};

typedef bool put_fn(struct sbuf *out, enum outcome o, struct slice text);

/* Each is appended to what is there, and nothing else is. */
static inline void
check_replies(put_fn *put, const struct reply *replies, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct reply *r = &replies[i];
		struct sbuf out;
		bool carried;

		sbuf_init(&out, 256);
		sbuf_add_str(&out, "before");
		carried = put(&out, r->outcome, r->text);
		sbuf_drop(&out, 6);
		if (carried != r->carried || !slice_is(sbuf_slice(&out), r->wire))
			fail_msg("%s: got '%s'", r->name, sbuf_cstr(&out));
		sbuf_release(&out);
	}
}

#endif
