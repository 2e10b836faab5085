/* SPDX-License-Identifier: ISC
 *
 * Plain and salted digests: one hash of the password, with what salts it standing behind the hash.
 * Far too cheap to make new ones of; here so that what was imported goes on working.
 */
#include <sodium.h>

#include "auth/scheme.h"

static bool
compute(unsigned char *out, const struct hash *hash, struct slice password, struct slice salt)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, hash->type(), NULL) == 1 &&
		  EVP_DigestUpdate(ctx, password.p, password.n) == 1 &&
		  EVP_DigestUpdate(ctx, salt.p, salt.n) == 1 &&
		  EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static enum outcome
verify(const struct scheme *s, struct slice stored, struct slice salt, struct slice password,
    struct error *err)
{
	unsigned char computed[EVP_MAX_MD_SIZE];
	enum outcome o;

	if (!compute(computed, s->hash, password, salt))
		return scheme_unavailable(s, err);
	o = scheme_compare(stored, computed, s->hash->n);
	sodium_memzero(computed, sizeof computed);
	return o;
}

enum outcome
scheme_digest_form(
    const struct scheme *s, struct slice data, const struct password_cost *cost, struct error *err)
{
	(void)cost;
	return data.n == s->hash->n ? FOUND : scheme_malformed(s, err);
}

enum outcome
scheme_salted_form(
    const struct scheme *s, struct slice data, const struct password_cost *cost, struct error *err)
{
	(void)cost;
	return data.n > s->hash->n ? FOUND : scheme_malformed(s, err);
}

enum outcome
scheme_digest(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	if (scheme_digest_form(s, data, cost, err) != FOUND)
		return RETRY;
	return verify(s, data, slice_of("", 0), password, err);
}

enum outcome
scheme_salted(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	if (scheme_salted_form(s, data, cost, err) != FOUND)
		return RETRY;
	return verify(s, slice_head(data, s->hash->n), slice_tail(data, s->hash->n), password, err);
}
