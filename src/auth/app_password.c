/* SPDX-License-Identifier: ISC
 *
 * App passwords, and their hash: BLAKE2b of the letters alone, keyed with the store's key.
 */
#include "auth/app_password.h"

#include <sodium.h>
#include <string.h>

enum { GROUP = 4, HASH = 32, KEY = APP_PASSWORD_KEY / 2 };

#define SCHEME "{VMAILD-APP}"

/* Consonants, so that no words come of it, and none that looks like a digit. */
static const char letters[] = "bcdfghjkmnpqrstvwxz";

enum { LETTERS = sizeof letters - 1 };

/* Divide a number of N bytes, the first counting most, by D; what is left over is returned. */
static unsigned
divide(unsigned char *number, size_t n, unsigned d)
{
	unsigned left = 0;

	for (size_t i = 0; i < n; i++) {
		left = left << 8 | number[i];
		number[i] = (unsigned char)(left / d);
		left %= d;
	}
	return left;
}

/* The random bytes are one number, of which as many digits to the base of LETTERS are taken: it is
 * so much larger than these that none of them is likelier than another. */
void
app_password_make(char out[APP_PASSWORD_SIZE], const unsigned char random[APP_PASSWORD_RANDOM])
{
	unsigned char number[APP_PASSWORD_RANDOM];
	char *p = out;

	memcpy(number, random, sizeof number);
	for (unsigned i = 0; i < APP_PASSWORD_LETTERS; i++) {
		if (i > 0 && i % GROUP == 0)
			*p++ = '-';
		*p++ = letters[divide(number, sizeof number, LETTERS)];
	}
	*p = '\0';
	sodium_memzero(number, sizeof number);
}

/* Take the letters out of what somebody typed; false when there is anything else in it. */
static bool
read_letters(char out[APP_PASSWORD_LETTERS], struct slice typed)
{
	size_t n = 0;

	for (size_t i = 0; i < typed.n; i++) {
		char c = typed.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == '-' || c == ' ')
			continue;
		if (n == APP_PASSWORD_LETTERS || memchr(letters, c, LETTERS) == NULL)
			return false;
		out[n++] = c;
	}
	return n == APP_PASSWORD_LETTERS;
}

bool
app_password_looks(struct slice typed)
{
	char plain[APP_PASSWORD_LETTERS];
	bool looks = read_letters(plain, typed);

	sodium_memzero(plain, sizeof plain);
	return looks;
}

static bool
starts_nocase(struct slice text, const char *start)
{
	return slice_is_nocase(slice_head(text, strlen(start)), start);
}

bool
app_password_is(struct slice stored)
{
	return starts_nocase(stored, SCHEME);
}

/* FOUND: OUT is the hash. NONE: what was typed is no app password. RETRY: the key is no key. */
static enum outcome
compute(unsigned char out[HASH], struct slice key, struct slice typed, struct error *err)
{
	unsigned char bytes[KEY];
	char plain[APP_PASSWORD_LETTERS];
	size_t n = 0;
	enum outcome o = NONE;

	if (key.n != APP_PASSWORD_KEY ||
	    sodium_hex2bin(bytes, sizeof bytes, key.p, key.n, NULL, &n, NULL) != 0 || n != KEY)
		return error_set(err, RETRY,
		    "the store has no key for app passwords: restore its table 'secret' from a "
		    "backup");
	if (read_letters(plain, typed)) {
		crypto_generichash(
		    out, HASH, (const unsigned char *)plain, sizeof plain, bytes, sizeof bytes);
		o = FOUND;
	}
	sodium_memzero(plain, sizeof plain);
	sodium_memzero(bytes, sizeof bytes);
	return o;
}

enum outcome
app_password_hash(struct sbuf *out, struct slice key, struct slice secret, struct error *err)
{
	unsigned char hash[HASH];
	char text[sodium_base64_ENCODED_LEN(HASH, sodium_base64_VARIANT_ORIGINAL)];
	enum outcome o = compute(hash, key, secret, err);

	if (o == NONE)
		return error_set(
		    err, BAD, "an app password is made by the program, and this is none");
	if (o != FOUND)
		return o;
	sodium_bin2base64(text, sizeof text, hash, HASH, sodium_base64_VARIANT_ORIGINAL);
	if (!sbuf_printf(out, SCHEME "%s", text))
		o = error_set(err, RETRY, "no memory for the hash of an app password");
	sodium_memzero(text, sizeof text);
	sodium_memzero(hash, sizeof hash);
	return o;
}

enum outcome
app_password_verify(struct slice stored, struct slice key, struct slice typed, struct error *err)
{
	struct slice text = slice_tail(stored, strlen(SCHEME));
	unsigned char right[HASH], hash[HASH];
	size_t n = 0;
	enum outcome o;

	if (!app_password_is(stored) ||
	    sodium_base642bin(
		right, HASH, text.p, text.n, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    n != HASH)
		return error_set(err, RETRY,
		    "cannot verify an app password: what is stored of it is malformed; make "
		    "another one");
	o = compute(hash, key, typed, err);
	if (o == FOUND && sodium_memcmp(hash, right, HASH) != 0)
		o = NONE;
	sodium_memzero(hash, sizeof hash);
	return o;
}
