/* SPDX-License-Identifier: ISC
 *
 * Matching of pattern aliases. A `*` that matched too little is tried again one byte further, and
 * only the last one is, which is enough: no recursion, no regular expressions.
 */
#include "mail/glob.h"

bool
glob_match(struct slice pattern, struct slice text)
{
	size_t p = 0, t = 0, star = 0, resume = 0;
	bool starred = false;

	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			starred = true;
			star = p++;
			resume = t;
		} else if (p < pattern.n && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (starred) {
			p = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}
