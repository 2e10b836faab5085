/* SPDX-License-Identifier: ISC
 *
 * Argon2 by libsodium. Its string verification answers "wrong" when it found no memory, so most
 * hashes are computed and compared here; and none is begun before its price is known and there is
 * room for it.
 */
#include <errno.h>
#include <sodium.h>

#include "auth/scheme.h"

enum { TAG_MAX = 128, SALT_MIN = 8 };

static const struct {
	const char *name;
	int algorithm;
	unsigned passes_min; /* what crypto_pwhash wants of it */
} variants[] = {
	{ "argon2id", crypto_pwhash_ALG_ARGON2ID13, crypto_pwhash_argon2id_OPSLIMIT_MIN },
	{ "argon2i", crypto_pwhash_ALG_ARGON2I13, crypto_pwhash_argon2i_OPSLIMIT_MIN },
};

enum { VARIANTS = sizeof variants / sizeof variants[0] };

/* $argon2id$v=19$m=65536,t=3,p=1$salt$tag */
struct argon2 {
	size_t variant;
	unsigned long long memory_kib;
	unsigned long long passes;
	unsigned long long lanes;
	struct slice salt; /* these two in base64 without padding */
	struct slice tag;
};

static bool
read_variant(struct slice name, size_t *variant)
{
	for (*variant = 0; *variant < VARIANTS; ++*variant)
		if (slice_is(name, variants[*variant].name))
			return true;
	return false;
}

/* Take KEY=number off the front of *LIST. */
static bool
read_number(struct slice *list, const char *key, unsigned long long *n)
{
	struct slice number = slice_cut(list, ','), word = slice_cut(&number, '=');

	return slice_is(word, key) && slice_number(number, UINT32_MAX, n) && *n > 0;
}

static bool
read_costs(struct argon2 *a, struct slice list)
{
	return read_number(&list, "m", &a->memory_kib) && read_number(&list, "t", &a->passes) &&
	       read_number(&list, "p", &a->lanes) && list.p == NULL;
}

static bool
read_argon2(struct argon2 *a, struct slice rest)
{
	if (slice_cut(&rest, '$').n != 0 || !read_variant(slice_cut(&rest, '$'), &a->variant) ||
	    !slice_is(slice_cut(&rest, '$'), "v=19") || !read_costs(a, slice_cut(&rest, '$')))
		return false;
	a->salt = slice_cut(&rest, '$');
	a->tag = slice_cut(&rest, '$');
	return a->tag.n > 0 && rest.p == NULL;
}

static bool
decode(unsigned char *to, size_t size, size_t *n, struct slice text)
{
	return sodium_base642bin(to, size, text.p, text.n, NULL, n, NULL,
		   sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0;
}

/* What a letter of base64 stands for; -1 for any other. */
static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* How many bytes TEXT decodes to; 0 when decode() would not. That takes the same time whatever the
 * bytes are, as for a password it must; here it would be a tenth of the time of an import. */
static size_t
decoded_size(struct slice text)
{
	static const int stray[] = { 0, 63, 15,
		3 }; /* bits of the last letter that are none of a byte */
	int last = 0;

	for (size_t i = 0; i < text.n && last >= 0; i++)
		last = value_of(text.p[i]);
	if (last < 0 || text.n % 4 == 1 || (last & stray[text.n % 4]) != 0)
		return 0;
	return text.n / 4 * 3 + text.n % 4 * 3 / 4;
}

/* The shape that crypto_pwhash can compute; it fails for want of memory only, and says so. */
static bool
is_plain(const struct argon2 *a, size_t salt_n, size_t tag_n)
{
	return a->lanes == 1 && a->passes >= variants[a->variant].passes_min &&
	       a->memory_kib >= crypto_pwhash_MEMLIMIT_MIN / 1024 &&
	       salt_n == crypto_pwhash_SALTBYTES && tag_n >= crypto_pwhash_BYTES_MIN;
}

static enum outcome
verify_plain(const struct scheme *s, const struct argon2 *a, const unsigned char *salt,
    struct slice tag, struct slice password, struct error *err)
{
	unsigned char computed[TAG_MAX];
	enum outcome o;

	if (crypto_pwhash(computed, tag.n, password.p, password.n, salt, a->passes,
		(size_t)a->memory_kib * 1024, variants[a->variant].algorithm) != 0)
		return scheme_no_memory(s, err);
	o = scheme_compare(tag, computed, tag.n);
	sodium_memzero(computed, sizeof computed);
	return o;
}

/* Every other shape. A mismatch sets errno, a malformed string leaves it alone; want of memory
 * looks like a mismatch, which is why the caller made sure of it. TEXT is followed by a NUL. */
static enum outcome
verify_odd(const struct scheme *s, struct slice text, struct slice password, struct error *err)
{
	errno = 0;
	if (crypto_pwhash_str_verify(text.p, password.p, password.n) == 0)
		return FOUND;
	return errno == EINVAL ? NONE : scheme_malformed(s, err);
}

/* As Argon2 wants it: as much memory as there is work for the lanes, and no tag or salt that is
 * nothing to speak of. */
static bool
is_sound(const struct argon2 *a)
{
	return a->memory_kib / 8 >= a->lanes && decoded_size(a->salt) >= SALT_MIN &&
	       decoded_size(a->tag) >= crypto_pwhash_BYTES_MIN;
}

static enum flaw
judge(const struct scheme *s, struct slice data, const struct password_cost *cost)
{
	struct argon2 a;
	size_t at;

	(void)s;
	if (slice_chr(data, '\0', &at) || !read_argon2(&a, data))
		return FLAW_MALFORMED;
	if (a.memory_kib > cost->max_memory_kib || a.passes > cost->max_passes)
		return FLAW_TOO_COSTLY;
	return is_sound(&a) ? FLAW_NONE : FLAW_MALFORMED;
}

static enum outcome
verify(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	unsigned char salt[crypto_pwhash_SALTBYTES], tag[TAG_MAX];
	size_t salt_n = 0, tag_n = 0;
	enum outcome o;
	struct argon2 a;

	(void)cost;
	if (!read_argon2(&a, data))
		return scheme_malformed(s, err);
	if (!scheme_room(a.memory_kib))
		return scheme_no_memory(s, err);
	if (decode(salt, sizeof salt, &salt_n, a.salt) && decode(tag, sizeof tag, &tag_n, a.tag) &&
	    is_plain(&a, salt_n, tag_n))
		o = verify_plain(s, &a, salt, slice_of((char *)tag, tag_n), password, err);
	else
		o = verify_odd(s, data, password, err);
	sodium_memzero(tag, sizeof tag);
	return o;
}

const struct family family_argon2 = { judge, verify };

bool
argon2_is_current(struct slice data, const struct password_cost *cost)
{
	struct argon2 a;

	return read_argon2(&a, data) &&
	       variants[a.variant].algorithm == crypto_pwhash_ALG_ARGON2ID13 &&
	       a.memory_kib >= cost->memory_kib && a.passes >= cost->passes;
}
