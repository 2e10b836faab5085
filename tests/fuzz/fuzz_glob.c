/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a pattern and, behind the first LF, a text: the same is matched as by a table of all
 * beginnings of both, which is plainly right and slow.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>

#include "mail/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LONGEST = 128 };

static bool
matches(struct slice pattern, struct slice text)
{
	static bool table[LONGEST + 1][LONGEST + 1];

	for (size_t p = 0; p <= pattern.n; p++) {
		bool star = p > 0 && pattern.p[p - 1] == '*';

		for (size_t t = 0; t <= text.n; t++) {
			if (p == 0)
				table[p][t] = t == 0;
			else if (star)
				table[p][t] = table[p - 1][t] || (t > 0 && table[p][t - 1]);
			else
				table[p][t] = t > 0 && table[p - 1][t - 1] &&
					      pattern.p[p - 1] == text.p[t - 1];
		}
	}
	return table[pattern.n][text.n];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct slice pattern = slice_cut(&text, '\n');
	bool got;

	if (size > 1 << 12)
		return 0;
	got = glob_match(pattern, text);
	if (pattern.n <= LONGEST && text.n <= LONGEST)
		assert(got == matches(pattern, text));
	return 0;
}
