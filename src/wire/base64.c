/* SPDX-License-Identifier: ISC
 *
 * Base64 in groups: three bytes are four letters.
 */
#include "wire/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Code one to three bytes as four letters. */
static void
encode_group(char letters[4], struct slice in)
{
	unsigned long bits = 0;

	for (size_t i = 0; i < 3; i++)
		bits = bits << 8 | (i < in.n ? (unsigned char)in.p[i] : 0);
	for (size_t i = 0; i < 4; i++)
		letters[i] = i <= in.n ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
}

bool
base64_encode(struct sbuf *out, struct slice in)
{
	size_t before = out->n;
	char letters[4];

	for (; in.n > 0; in = slice_tail(in, 3)) {
		encode_group(letters, slice_head(in, 3));
		if (!sbuf_add(out, letters, sizeof letters)) {
			sbuf_truncate(out, before);
			return false;
		}
	}
	return true;
}

/* Decode four letters, of which the last may be padding; 0 when they are none that the coder makes.
 */
static size_t
decode_group(char bytes[3], const char *letters)
{
	size_t n = letters[3] != '=' ? 3 : letters[2] != '=' ? 2 : 1;
	unsigned long stray = (1UL << (24 - 8 * n)) - 1, bits = 0;

	for (size_t i = 0; i < 4; i++) {
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): 64 letters */
		const char *at = i <= n ? memchr(alphabet, letters[i], 64) : alphabet;

		if (at == NULL)
			return 0;
		bits = bits << 6 | (unsigned long)(at - alphabet);
	}
	if ((bits & stray) != 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(bits >> (16 - 8 * i) & 255);
	return n;
}

bool
base64_decode(struct sbuf *out, struct slice in)
{
	size_t before = out->n, n = 3;
	char bytes[3];

	if (in.n % 4 != 0)
		return false;
	for (; in.n > 0; in = slice_tail(in, 4)) {
		/* a group cut short by padding is the last one */
		n = n == 3 ? decode_group(bytes, in.p) : 0;
		if (n == 0 || !sbuf_add(out, bytes, n)) {
			sbuf_truncate(out, before);
			return false;
		}
	}
	return true;
}
