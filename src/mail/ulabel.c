/* SPDX-License-Identifier: ISC
 *
 * Labels that IDNA2008 disallows: folding as UTS 46 does it, by NFKC and the properties of
 * characters in place of its table; and Punycode (RFC 3492), which libidn2 gives out from 2.3.5 on
 * only.
 */
#include "mail/ulabel.h"

#include <errno.h>
#include <stdlib.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

enum {
	ROOM = 256,  /* code points while they are folded; more are no label */
	POINTS = 63, /* of which each needs a byte of the A-label at least */
	IDEOGRAPHIC_STOP = 0x3002,
	JOINER_NOT = 0x200c,
	JOINER = 0x200d
};

/* --- Punycode --------------------------------------------------------------------------------- */

enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS = 72, FIRST = 128 };

static uint32_t
adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta /= first ? DAMP : 2;
	delta += delta / points;
	for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static void
put_digit(struct sbuf *out, uint32_t digit)
{
	sbuf_add_chr(out, (char)(digit < 26 ? 'a' + digit : '0' + digit - 26));
}

static void
put_delta(struct sbuf *out, uint32_t delta, uint32_t bias)
{
	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = k <= bias + T_MIN ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;

		if (delta < t)
			break;
		put_digit(out, t + (delta - t) % (BASE - t));
		delta = (delta - t) / (BASE - t);
	}
	put_digit(out, delta);
}

/* The smallest code point that is not below FLOOR. */
static uint32_t
next_point(const uint32_t *point, size_t n, uint32_t floor)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < n; i++)
		if (point[i] >= floor && point[i] < least)
			least = point[i];
	return least;
}

/* At most POINTS code points up to 0x10ffff: no delta is too large for 32 bits. */
static void
put_punycode(struct sbuf *out, const uint32_t *point, size_t n)
{
	uint32_t basic = 0, done, delta = 0, bias = BIAS, floor = FIRST;

	for (size_t i = 0; i < n; i++)
		if (point[i] < FIRST) {
			sbuf_add_chr(out, (char)point[i]);
			basic++;
		}
	if (basic > 0)
		sbuf_add_chr(out, '-');
	for (done = basic; done < n; floor++, delta++) {
		uint32_t least = next_point(point, n, floor);

		delta += (least - floor) * (done + 1);
		floor = least;
		for (size_t i = 0; i < n; i++) {
			delta += point[i] < floor;
			if (point[i] != floor)
				continue;
			put_delta(out, delta, bias);
			bias = adapt(delta, done + 1, done == basic);
			delta = 0;
			done++;
		}
	}
}

/* --- folding ---------------------------------------------------------------------------------- */

/* Those that are only how something looks, as the selector of an emoji, do not count. */
static bool
is_ignored(ucs4_t c)
{
	return uc_is_property_default_ignorable_code_point(c) && c != JOINER && c != JOINER_NOT;
}

/* Blanks, controls, and what has no meaning of its own: UTS 46 disallows them too. */
static bool
is_disallowed(ucs4_t c)
{
	return c == '.' || c == IDEOGRAPHIC_STOP || uc_is_general_category(c, UC_SEPARATOR) ||
	       uc_is_general_category(c, UC_CONTROL) || uc_is_general_category(c, UC_PRIVATE_USE) ||
	       uc_is_property_not_a_character(c);
}

static bool
casefold(uint32_t *point, size_t *n, bool *no_memory)
{
	uint32_t folded[ROOM];
	size_t room = ROOM;
	uint32_t *result = u32_casefold(point, *n, NULL, UNINORM_NFKC, folded, &room);

	if (result != folded) {
		*no_memory |= result == NULL && errno == ENOMEM;
		free(result);
		return false;
	}
	*n = room;
	u32_cpy(point, folded, room);
	return true;
}

static bool
drop_ignored(uint32_t *point, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		if (is_disallowed(point[i]))
			return false;
		if (!is_ignored(point[i]))
			point[kept++] = point[i];
	}
	*n = kept;
	return kept > 0;
}

static bool
has_odd_hyphens(const uint32_t *point, size_t n)
{
	return point[0] == '-' || point[n - 1] == '-' ||
	       (n > 3 && point[2] == '-' && point[3] == '-');
}

bool
ulabel_to_ascii(struct sbuf *out, struct slice label, bool *no_memory)
{
	uint32_t point[ROOM];
	size_t n = ROOM;
	uint32_t *result = u8_to_u32((const uint8_t *)label.p, label.n, point, &n);

	if (result != point) {
		*no_memory |= result == NULL && errno == ENOMEM;
		free(result);
		return false;
	}
	/* what NFKC makes of a letter may be a capital */
	if (n == 0 || !casefold(point, &n, no_memory) || !drop_ignored(point, &n) ||
	    !casefold(point, &n, no_memory) || n > POINTS || has_odd_hyphens(point, n))
		return false;
	if (next_point(point, n, FIRST) != UINT32_MAX) {
		sbuf_add_str(out, "xn--");
		put_punycode(out, point, n);
	} else {
		for (size_t i = 0; i < n; i++)
			sbuf_add_chr(out, (char)point[i]);
	}
	return !out->failed;
}
