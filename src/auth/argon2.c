/* SPDX-License-Identifier: ISC
 *
 * Argon2 by libsodium. Its string verification answers "wrong" when it found no memory, so most
 * hashes are computed and compared here; and none is begun before its price is known and there is
 * room for it.
 */
#include <errno.h>
#include <sodium.h>

#include "auth/scheme.h"

enum { TAG_MAX = 128 };

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

static enum outcome
read_and_price(struct argon2 *a, const struct scheme *s, struct slice data,
    const struct password_cost *cost, struct error *err)
{
	size_t at;

	if (slice_chr(data, '\0', &at) || !read_argon2(a, data))
		return scheme_malformed(s, err);
	if (a->memory_kib > cost->max_memory_kib || a->passes > cost->max_passes)
		return scheme_too_costly(s, err);
	return FOUND;
}

/* Salt and tag of any length that libsodium takes, but whole base64. */
enum outcome
scheme_argon2_form(
    const struct scheme *s, struct slice data, const struct password_cost *cost, struct error *err)
{
	unsigned char bytes[TAG_MAX];
	size_t n = 0;
	struct argon2 a;
	enum outcome o = read_and_price(&a, s, data, cost, err);

	if (o == FOUND &&
	    (a.memory_kib < 8 * a.lanes || !decode(bytes, sizeof bytes, &n, a.salt) || n < 8 ||
		!decode(bytes, sizeof bytes, &n, a.tag) || n < crypto_pwhash_BYTES_MIN))
		o = scheme_malformed(s, err);
	return o;
}

enum outcome
scheme_argon2(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	unsigned char salt[crypto_pwhash_SALTBYTES], tag[TAG_MAX];
	size_t salt_n = 0, tag_n = 0;
	struct argon2 a;
	enum outcome o = read_and_price(&a, s, data, cost, err);

	if (o != FOUND)
		return o;
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
