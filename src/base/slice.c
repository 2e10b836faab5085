/* SPDX-License-Identifier: ISC
 *
 * Views of bytes: comparing, cutting, finding. Allocates nothing. What every lookup does many times
 * is in the header.
 */
#include "base/slice.h"

#include <string.h>

struct slice
slice_tail(struct slice s, size_t n)
{
	if (n >= s.n)
		return slice_of(s.p == NULL ? NULL : s.p + s.n, 0);
	return slice_of(s.p + n, s.n - n);
}

int
slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return d != 0 ? d : (a.n > b.n) - (a.n < b.n);
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
slice_is_nocase(struct slice s, const char *str)
{
	if (strlen(str) != s.n)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (lower(s.p[i]) != lower(str[i]))
			return false;
	return true;
}

bool
slice_starts(struct slice s, const char *prefix)
{
	return slice_is(slice_head(s, strlen(prefix)), prefix);
}

bool
slice_ends(struct slice s, const char *suffix)
{
	size_t n = strlen(suffix);

	return n <= s.n && slice_is(slice_tail(s, s.n - n), suffix);
}

bool
slice_rchr(struct slice s, char c, size_t *at)
{
	const char *hit = s.n == 0 ? NULL : memrchr(s.p, c, s.n);

	if (hit == NULL)
		return false;
	*at = (size_t)(hit - s.p);
	return true;
}

size_t
slice_count(struct slice s, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == c;
	return n;
}

struct slice
slice_cut(struct slice *rest, char sep)
{
	struct slice head = *rest;
	size_t at;

	if (!slice_chr(*rest, sep, &at)) {
		*rest = slice_of(NULL, 0);
		return head;
	}
	*rest = slice_of(rest->p + at + 1, rest->n - at - 1);
	return slice_head(head, at);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice
slice_trim(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = slice_tail(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool
slice_number(struct slice s, unsigned long long max, unsigned long long *out)
{
	unsigned long long v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)((unsigned char)s.p[i] - '0');

		if (digit > 9 || v > (max - digit) / 10 || digit > max)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}
