/* SPDX-License-Identifier: ISC
 *
 * Lists of lines. They are short: what is looked for is looked for from the start.
 */
#include "mail/lines.h"

bool
lines_have(const struct sbuf *lines, struct slice line)
{
	struct slice rest = sbuf_slice(lines);

	while (rest.n > 0)
		if (slice_eq(slice_cut(&rest, '\n'), line))
			return true;
	return false;
}

void
lines_add(struct sbuf *lines, struct slice line)
{
	if (lines_have(lines, line))
		return;
	sbuf_add_slice(lines, line);
	sbuf_add_chr(lines, '\n');
}
