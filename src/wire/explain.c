/* SPDX-License-Identifier: ISC
 *
 * Explanations for clients.
 */
#include "wire/explain.h"

struct slice
explain(char room[EXPLAIN_MAX], struct slice text, const char *preset)
{
	if (text.n == 0)
		text = slice_str(preset);
	text = slice_head(text, EXPLAIN_MAX);
	for (size_t i = 0; i < text.n; i++)
		room[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
	return slice_of(room, text.n);
}
