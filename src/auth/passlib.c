/* SPDX-License-Identifier: ISC
 *
 * The two forms of their own that Python's passlib writes, and so what Mailu and many a script have
 * stored: bcrypt over an HMAC of the password, and PBKDF2 with its parameters in the text.
 */
#include <crypt.h>
#include <errno.h>
#include <limits.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "auth/scheme.h"

/* --- bcrypt-sha256 ---------------------------------------------------------------------------- */

enum { SALT = 22, DIGEST = 31, KEY = 44, SHA256 = 32, ROUNDS_MAX = 15, ROUNDS_MIN = 4 };

/* $bcrypt-sha256$v=2,t=2b,r=12$salt$digest, or the older $bcrypt-sha256$2b,12$salt$digest */
struct bcrypt_sha256 {
	bool keyed; /* the salt is the key of an HMAC; else a bare digest */
	struct slice ident;
	unsigned long long rounds;
	struct slice salt;
	struct slice digest;
};

static bool
read_parameters(struct bcrypt_sha256 *b, struct slice list)
{
	struct slice rounds;

	b->keyed = slice_starts(list, "v=2,t=");
	if (b->keyed)
		list = slice_tail(list, 6);
	b->ident = slice_cut(&list, ',');
	rounds = list;
	if (b->keyed && !slice_starts(rounds, "r="))
		return false;
	if (b->keyed)
		rounds = slice_tail(rounds, 2);
	return (slice_is(b->ident, "2a") || slice_is(b->ident, "2b") || slice_is(b->ident, "2y")) &&
	       slice_number(rounds, ULLONG_MAX, &b->rounds) && b->rounds >= ROUNDS_MIN;
}

static bool
is_crypt_text(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '.' || c == '/'))
			return false;
	}
	return true;
}

static enum flaw
read_bcrypt(struct bcrypt_sha256 *b, struct slice data)
{
	struct slice rest = slice_tail(data, strlen("$bcrypt-sha256$"));

	if (!slice_starts(data, "$bcrypt-sha256$") || !read_parameters(b, slice_cut(&rest, '$')))
		return FLAW_MALFORMED;
	b->salt = slice_cut(&rest, '$');
	b->digest = rest;
	if (b->salt.n != SALT || b->digest.n != DIGEST || !is_crypt_text(b->salt) ||
	    !is_crypt_text(b->digest))
		return FLAW_MALFORMED;
	return b->rounds > ROUNDS_MAX ? FLAW_TOO_COSTLY : FLAW_NONE;
}

static enum flaw
judge_bcrypt_sha256(const struct scheme *s, struct slice data, const struct password_cost *cost)
{
	struct bcrypt_sha256 b;

	(void)s;
	(void)cost;
	return read_bcrypt(&b, data);
}

/* What bcrypt is given in place of the password: no NUL in it, and shorter than its 72 bytes. */
static bool
make_key(char key[KEY + 1], const struct bcrypt_sha256 *b, struct slice password)
{
	unsigned char hash[SHA256];
	bool ok = b->keyed
		      ? HMAC(EVP_sha256(), b->salt.p, (int)b->salt.n,
			    (const unsigned char *)password.p, password.n, hash, NULL) != NULL
		      : EVP_Digest(password.p, password.n, hash, NULL, EVP_sha256(), NULL) == 1;

	if (ok)
		sodium_bin2base64(key, KEY + 1, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
	sodium_memzero(hash, sizeof hash);
	return ok;
}

static enum outcome
compute(const struct scheme *s, const struct bcrypt_sha256 *b, const char *key, struct error *err)
{
	struct crypt_data *space = calloc(1, sizeof *space);
	struct slice computed;
	struct sbuf setting;
	enum outcome o;

	if (space == NULL)
		return scheme_no_memory(s, err);
	sbuf_init(&setting, PASSWORD_STORED_MAX);
	sbuf_printf(&setting, "$%.*s$%02llu$%.*s%.*s", (int)b->ident.n, b->ident.p, b->rounds,
	    (int)b->salt.n, b->salt.p, (int)b->digest.n, b->digest.p);
	computed = slice_str(crypt_rn(key, sbuf_cstr(&setting), space, (int)sizeof *space));
	if (computed.p == NULL)
		o = errno == ENOMEM ? scheme_no_memory(s, err) : scheme_malformed(s, err);
	else
		o = scheme_compare(sbuf_slice(&setting), computed.p, computed.n);
	sbuf_release_secret(&setting);
	sodium_memzero(space, sizeof *space);
	free(space);
	return o;
}

static enum outcome
verify_bcrypt_sha256(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	struct bcrypt_sha256 b;
	char key[KEY + 1];
	enum outcome o;

	(void)cost;
	if (read_bcrypt(&b, data) != FLAW_NONE)
		return scheme_malformed(s, err);
	if (make_key(key, &b, password))
		o = compute(s, &b, key, err);
	else
		o = scheme_unavailable(s, err);
	sodium_memzero(key, sizeof key);
	return o;
}

const struct family family_bcrypt_sha256 = { judge_bcrypt_sha256, verify_bcrypt_sha256 };

/* --- pbkdf2 ----------------------------------------------------------------------------------- */

static const struct {
	const char *prefix;
	const EVP_MD *(*type)(void);
	size_t n;
} digests[] = {
	{ "$pbkdf2$", EVP_sha1, 20 },
	{ "$pbkdf2-sha1$", EVP_sha1, 20 },
	{ "$pbkdf2-sha256$", EVP_sha256, 32 },
	{ "$pbkdf2-sha512$", EVP_sha512, 64 },
};

enum { DIGESTS = sizeof digests / sizeof digests[0], BYTES = 256 };

/* $pbkdf2-sha256$29000$salt$key */
struct pbkdf2 {
	size_t digest;
	unsigned long long rounds;
	unsigned char salt[BYTES];
	size_t salt_n;
	unsigned char key[BYTES];
	size_t key_n;
};

/* Base64 without padding, and a dot in place of the plus. */
static bool
decode(unsigned char *to, size_t *n, struct slice text)
{
	char plus[2 * BYTES];

	if (text.n > sizeof plus)
		return false;
	for (size_t i = 0; i < text.n; i++)
		plus[i] = text.p[i] == '.' ? '+' : text.p[i];
	return sodium_base642bin(to, BYTES, plus, text.n, NULL, n, NULL,
		   sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0;
}

static enum flaw
read_pbkdf2(struct pbkdf2 *p, struct slice data)
{
	struct slice rest;

	*p = (struct pbkdf2){ .digest = 0 };
	while (p->digest < DIGESTS && !slice_starts(data, digests[p->digest].prefix))
		p->digest++;
	if (p->digest == DIGESTS)
		return FLAW_MALFORMED;
	rest = slice_tail(data, strlen(digests[p->digest].prefix));
	if (!slice_number(slice_cut(&rest, '$'), ULLONG_MAX, &p->rounds) || p->rounds == 0 ||
	    !decode(p->salt, &p->salt_n, slice_cut(&rest, '$')) ||
	    !decode(p->key, &p->key_n, rest) || p->key_n != digests[p->digest].n)
		return FLAW_MALFORMED;
	return p->rounds > SCHEME_ROUNDS_MAX ? FLAW_TOO_COSTLY : FLAW_NONE;
}

static enum flaw
judge_passlib(const struct scheme *s, struct slice data, const struct password_cost *cost)
{
	struct pbkdf2 p;
	enum flaw flaw = read_pbkdf2(&p, data);

	(void)s;
	(void)cost;
	sodium_memzero(&p, sizeof p);
	return flaw;
}

static enum outcome
verify_passlib(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	unsigned char computed[EVP_MAX_MD_SIZE];
	struct pbkdf2 p;
	enum outcome o;

	(void)cost;
	if (read_pbkdf2(&p, data) != FLAW_NONE)
		return scheme_malformed(s, err);
	if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n, p.salt, (int)p.salt_n, (int)p.rounds,
		digests[p.digest].type(), (int)p.key_n, computed) == 1)
		o = scheme_compare(slice_of((char *)p.key, p.key_n), computed, p.key_n);
	else
		o = scheme_unavailable(s, err);
	sodium_memzero(computed, sizeof computed);
	sodium_memzero(&p, sizeof p);
	return o;
}

const struct family family_passlib = { judge_passlib, verify_passlib };
