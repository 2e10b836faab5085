/* SPDX-License-Identifier: ISC
 *
 * A view of bytes somebody else owns: pointer and length, no terminator promised.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

/* View N bytes at P. */
static inline struct slice
slice_of(const char *p, size_t n)
{
	return (struct slice){ p, n };
}

/* View a C string without its terminator; NULL gives the empty slice. */
static inline struct slice
slice_str(const char *s)
{
	return slice_of(s, s == NULL ? 0 : strlen(s));
}

/* View the first N bytes (all of them when there are fewer). */
static inline struct slice
slice_head(struct slice s, size_t n)
{
	return slice_of(s.p, n < s.n ? n : s.n);
}

/* View what follows the first N bytes (nothing when there are fewer). */
struct slice slice_tail(struct slice s, size_t n);

/* Compare for the same bytes. */
static inline bool
slice_eq(struct slice a, struct slice b)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): what is nowhere has no bytes */
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Compare byte by byte, as the store orders names: negative, 0 or positive. */
int slice_cmp(struct slice a, struct slice b);

/* Compare with a C string. Most that differ do so in their first byte. */
static inline bool
slice_is(struct slice s, const char *str)
{
	if (s.n == 0 || str == NULL)
		return s.n == 0 && (str == NULL || *str == '\0');
	return *s.p == *str && slice_eq(s, slice_str(str));
}

/* Compare with a C string, ASCII letters of either case alike. */
bool slice_is_nocase(struct slice s, const char *str);

/* Tell whether S begins (ends) with the C string. */
bool slice_starts(struct slice s, const char *prefix);
bool slice_ends(struct slice s, const char *suffix);

/* Tell whether no byte is beyond ASCII. */
static inline bool
slice_is_ascii(struct slice s)
{
	uint64_t seen = 0, piece;
	size_t i;

	for (i = 0; s.n - i >= sizeof piece; i += sizeof piece) {
		memcpy(&piece, s.p + i, sizeof piece);
		seen |= piece;
	}
	for (; i < s.n; i++)
		seen |= (unsigned char)s.p[i];
	return (seen & 0x8080808080808080u) == 0;
}

/* Find the first (last) C; false when there is none, and *AT is left alone. */
static inline bool
slice_chr(struct slice s, char c, size_t *at)
{
	const char *hit = s.n == 0 ? NULL : (const char *)memchr(s.p, c, s.n);

	if (hit == NULL)
		return false;
	*at = (size_t)(hit - s.p);
	return true;
}
bool slice_rchr(struct slice s, char c, size_t *at);

/* Count how often C is there. */
size_t slice_count(struct slice s, char c);

/* Take the part before the first SEP off the front of *REST and return it; the whole of *REST
 * when SEP is not in it. *REST then begins after SEP, or is empty with p == NULL at the end. */
struct slice slice_cut(struct slice *rest, char sep);

/* Strip ASCII blanks (space, tab, CR, LF) from both ends. */
struct slice slice_trim(struct slice s);

/* Read a whole slice as an unsigned decimal number of at most MAX; false for anything else. */
bool slice_number(struct slice s, unsigned long long max, unsigned long long *out);

#endif
