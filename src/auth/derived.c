/* SPDX-License-Identifier: ISC
 *
 * Keys derived by PBKDF2: the scheme of that name, and what SCRAM stores.
 */
#include <limits.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "auth/scheme.h"

struct derived {
	unsigned long long rounds;
	struct sbuf salt;
	struct sbuf key;
};

typedef bool read_fn(struct derived *d, const struct scheme *s, struct slice data);
typedef bool derive_fn(
    unsigned char *key, const struct scheme *s, const struct derived *d, struct slice password);

static bool
read_rounds(struct derived *d, struct slice text)
{
	return slice_number(text, ULLONG_MAX, &d->rounds) && d->rounds > 0;
}

/* $1$salt$rounds$hex, the salt taken as it is written */
static bool
read_pbkdf2(struct derived *d, const struct scheme *s, struct slice data)
{
	struct slice rest = slice_tail(data, 3), salt = slice_cut(&rest, '$');

	(void)s;
	return slice_starts(data, "$1$") && sbuf_add_slice(&d->salt, salt) &&
	       read_rounds(d, slice_cut(&rest, '$')) &&
	       scheme_decode(&d->key, CODING_HEX, NULL, rest);
}

/* rounds,salt,StoredKey,ServerKey: the first key is enough to tell a password, but both must be
 * there */
static bool
read_scram(struct derived *d, const struct scheme *s, struct slice data)
{
	struct slice rest = data;
	struct sbuf server_key;
	bool ok;

	sbuf_init(&server_key, PASSWORD_STORED_MAX);
	ok = read_rounds(d, slice_cut(&rest, ',')) &&
	     scheme_decode(&d->salt, CODING_BASE64, NULL, slice_cut(&rest, ',')) &&
	     scheme_decode(&d->key, CODING_BASE64, NULL, slice_cut(&rest, ',')) &&
	     scheme_decode(&server_key, CODING_BASE64, NULL, rest) && server_key.n == s->hash->n;
	sbuf_release_secret(&server_key);
	return ok;
}

static bool
derive_pbkdf2(
    unsigned char *key, const struct scheme *s, const struct derived *d, struct slice password)
{
	return PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)d->salt.p,
		   (int)d->salt.n, (int)d->rounds, s->hash->type(), (int)s->hash->n, key) == 1;
}

static bool
derive_scram(
    unsigned char *key, const struct scheme *s, const struct derived *d, struct slice password)
{
	static const unsigned char label[] = "Client Key";
	unsigned char salted[EVP_MAX_MD_SIZE], client[EVP_MAX_MD_SIZE];
	bool ok = derive_pbkdf2(salted, s, d, password) &&
		  HMAC(s->hash->type(), salted, (int)s->hash->n, label, sizeof label - 1, client,
		      NULL) != NULL &&
		  EVP_Digest(client, s->hash->n, key, NULL, s->hash->type(), NULL) == 1;

	sodium_memzero(salted, sizeof salted);
	sodium_memzero(client, sizeof client);
	return ok;
}

static enum outcome
verify(const struct scheme *s, const struct derived *d, struct slice password, derive_fn *derive,
    struct error *err)
{
	unsigned char key[EVP_MAX_MD_SIZE];
	enum outcome o;

	if (d->key.n != s->hash->n)
		return scheme_malformed(s, err);
	if (d->rounds > SCHEME_ROUNDS_MAX)
		return scheme_too_costly(s, err);
	if (!derive(key, s, d, password))
		return scheme_unavailable(s, err);
	o = scheme_compare(sbuf_slice(&d->key), key, s->hash->n);
	sodium_memzero(key, sizeof key);
	return o;
}

static enum outcome
check_form(const struct scheme *s, struct slice data, read_fn *read, struct error *err)
{
	struct derived d = { .rounds = 0 };
	enum outcome o = FOUND;

	sbuf_init(&d.salt, PASSWORD_STORED_MAX);
	sbuf_init(&d.key, PASSWORD_STORED_MAX);
	if (!read(&d, s, data) || d.key.n != s->hash->n)
		o = scheme_malformed(s, err);
	else if (d.rounds > SCHEME_ROUNDS_MAX)
		o = scheme_too_costly(s, err);
	sbuf_release(&d.salt);
	sbuf_release_secret(&d.key);
	return o;
}

enum outcome
scheme_pbkdf2_form(
    const struct scheme *s, struct slice data, const struct password_cost *cost, struct error *err)
{
	(void)cost;
	return check_form(s, data, read_pbkdf2, err);
}

enum outcome
scheme_scram_form(
    const struct scheme *s, struct slice data, const struct password_cost *cost, struct error *err)
{
	(void)cost;
	return check_form(s, data, read_scram, err);
}

static enum outcome
read_and_verify(const struct scheme *s, struct slice data, struct slice password, read_fn *read,
    derive_fn *derive, struct error *err)
{
	struct derived d = { .rounds = 0 };
	enum outcome o;

	sbuf_init(&d.salt, PASSWORD_STORED_MAX);
	sbuf_init(&d.key, PASSWORD_STORED_MAX);
	if (read(&d, s, data))
		o = verify(s, &d, password, derive, err);
	else
		o = scheme_malformed(s, err);
	sbuf_release(&d.salt);
	sbuf_release_secret(&d.key);
	return o;
}

enum outcome
scheme_pbkdf2(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	(void)cost;
	return read_and_verify(s, data, password, read_pbkdf2, derive_pbkdf2, err);
}

enum outcome
scheme_scram(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	(void)cost;
	return read_and_verify(s, data, password, read_scram, derive_scram, err);
}
