/* SPDX-License-Identifier: ISC
 *
 * The table of schemes, and the way from a stored password to the family that can judge it. How a
 * family does that is its own file's business.
 */
#include "auth/password.h"

#include <sodium.h>
#include <string.h>

#include "auth/scheme.h"

const struct password_cost password_default_cost = {
	.memory_kib = 65536,
	.passes = 3,
	.max_memory_kib = 262144,
	.max_passes = 16,
};

struct password_cost
password_cost_of(unsigned memory_kib, unsigned passes)
{
	struct password_cost cost = password_default_cost;

	cost.memory_kib = memory_kib;
	cost.passes = passes;
	if (cost.max_memory_kib < memory_kib)
		cost.max_memory_kib = memory_kib;
	if (cost.max_passes < passes)
		cost.max_passes = passes;
	return cost;
}

static const struct hash md5 = { EVP_md5, 16 };
static const struct hash sha1 = { EVP_sha1, 20 };
static const struct hash sha256 = { EVP_sha256, 32 };
static const struct hash sha512 = { EVP_sha512, 64 };

static const struct scheme schemes[] = {
	{ "ARGON2ID", &family_argon2, CODING_TEXT, NULL, NULL, "$argon2" },
	{ "ARGON2I", &family_argon2, CODING_TEXT, NULL, NULL, NULL },
	{ "ARGON2", &family_argon2, CODING_TEXT, NULL, NULL, NULL },

	{ "CRYPT", &family_crypt, CODING_TEXT, NULL, NULL, "$" },
	{ "BLF-CRYPT", &family_crypt, CODING_TEXT, NULL, NULL, NULL },
	{ "SHA512-CRYPT", &family_crypt, CODING_TEXT, NULL, NULL, NULL },
	{ "SHA256-CRYPT", &family_crypt, CODING_TEXT, NULL, NULL, NULL },
	{ "MD5-CRYPT", &family_crypt, CODING_TEXT, NULL, NULL, NULL },
	{ "DES-CRYPT", &family_crypt, CODING_TEXT, NULL, NULL, NULL },
	{ "MD5", &family_crypt, CODING_TEXT, NULL, "$1$", NULL },

	{ "SSHA", &family_salted, CODING_BASE64, &sha1, NULL, NULL },
	{ "SSHA256", &family_salted, CODING_BASE64, &sha256, NULL, NULL },
	{ "SSHA512", &family_salted, CODING_BASE64, &sha512, NULL, NULL },
	{ "SMD5", &family_salted, CODING_BASE64, &md5, NULL, NULL },
	{ "SHA", &family_digest, CODING_DIGEST, &sha1, NULL, NULL },
	{ "SHA1", &family_digest, CODING_DIGEST, &sha1, NULL, NULL },
	{ "SHA256", &family_digest, CODING_DIGEST, &sha256, NULL, NULL },
	{ "SHA512", &family_digest, CODING_DIGEST, &sha512, NULL, NULL },
	{ "PLAIN-MD5", &family_digest, CODING_DIGEST, &md5, NULL, NULL },
	{ "LDAP-MD5", &family_digest, CODING_DIGEST, &md5, NULL, NULL },
	{ "MD5", &family_digest, CODING_DIGEST, &md5, NULL, NULL },

	{ "PBKDF2", &family_pbkdf2, CODING_TEXT, &sha1, NULL, NULL },
	{ "SCRAM-SHA-1", &family_scram, CODING_TEXT, &sha1, NULL, NULL },
	{ "SCRAM-SHA-256", &family_scram, CODING_TEXT, &sha256, NULL, NULL },

	{ "PLAIN", &family_plain, CODING_TEXT, NULL, NULL, NULL },
	{ "CLEAR", &family_plain, CODING_TEXT, NULL, NULL, NULL },
	{ "CLEARTEXT", &family_plain, CODING_TEXT, NULL, NULL, NULL },
};

enum { SCHEMES = sizeof schemes / sizeof schemes[0] };

/* What a name may carry behind a dot: how the data is coded, whatever the scheme. */
static const struct {
	const char *suffix;
	enum coding coding;
} codings[] = {
	{ "HEX", CODING_HEX },
	{ "B64", CODING_BASE64 },
	{ "BASE64", CODING_BASE64 },
};

enum { CODINGS = sizeof codings / sizeof codings[0] };

enum outcome
password_setup(struct error *err)
{
	if (sodium_init() < 0)
		return error_set(err, RETRY, "cannot start libsodium: no randomness");
	return FOUND;
}

/* Say why PASSWORD could never log anybody in; NULL when it could. Dovecot and the checkpassword
 * interface draw these lines. */
static const char *
unusable(struct slice password)
{
	if (password.n == 0)
		return "it is empty";
	if (password.n > PASSWORD_MAX)
		return "it is too long";
	for (size_t i = 0; i < password.n; i++)
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): five bytes */
		if (memchr("\0\001\t\r\n", password.p[i], 5) != NULL)
			return "it has a tab, a line break or another control character in it";
	return NULL;
}

enum outcome
password_check(struct slice address, struct slice password, struct error *err)
{
	size_t room = address.n < PASSWORD_MAX ? PASSWORD_MAX - address.n : 0;
	const char *why = unusable(password);

	if (why != NULL)
		return error_set(err, BAD, "cannot use this password: %s; choose another", why);
	if (password.n > room)
		return error_set(err, BAD,
		    "cannot use this password: it is too long; choose one of at most %zu bytes",
		    room);
	return FOUND;
}

enum outcome
password_hash(
    struct sbuf *out, struct slice password, const struct password_cost *cost, struct error *err)
{
	char text[crypto_pwhash_STRBYTES];
	const char *why = unusable(password);
	enum outcome o = FOUND;

	if (why != NULL)
		return error_set(err, BAD, "cannot hash this password: %s; choose another", why);
	if (cost->memory_kib < crypto_pwhash_MEMLIMIT_MIN / 1024 || cost->passes < 1)
		return error_set(err, BAD,
		    "cannot hash a password with %u KiB and %u passes: raise them",
		    cost->memory_kib, cost->passes);
	if (crypto_pwhash_str_alg(text, password.p, password.n, cost->passes,
		(size_t)cost->memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return error_set(err, RETRY,
		    "cannot hash a password: no %u KiB of memory; free some or lower the cost",
		    cost->memory_kib);
	if (!sbuf_printf(out, "{ARGON2ID}%s", text))
		o = error_set(err, RETRY, "cannot hash a password: no memory; free some");
	sodium_memzero(text, sizeof text);
	return o;
}

/* A stored password taken apart: {LABEL}data. No label: label.p is NULL. */
struct stored {
	struct slice label; /* NAME or NAME.SUFFIX */
	struct slice data;
};

static struct stored
stored_split(struct slice text)
{
	struct slice inner = slice_tail(text, 1);
	size_t end;

	if (!slice_starts(text, "{") || !slice_chr(inner, '}', &end))
		return (struct stored){ slice_of(NULL, 0), text };
	return (struct stored){ slice_head(inner, end), slice_tail(inner, end + 1) };
}

static const struct scheme *
scheme_by_name(struct slice name, struct slice data)
{
	for (const struct scheme *s = schemes; s < schemes + SCHEMES; s++)
		if (slice_is_nocase(name, s->name) &&
		    (s->begins == NULL || slice_starts(data, s->begins)))
			return s;
	return NULL;
}

static const struct scheme *
scheme_of_bare(struct slice data)
{
	for (const struct scheme *s = schemes; s < schemes + SCHEMES; s++)
		if (s->bare != NULL && slice_starts(data, s->bare))
			return s;
	return NULL;
}

static bool
coding_by_suffix(struct slice suffix, enum coding *coding)
{
	for (size_t i = 0; i < CODINGS; i++) {
		if (slice_is_nocase(suffix, codings[i].suffix)) {
			*coding = codings[i].coding;
			return true;
		}
	}
	return false;
}

/* Find the row for a stored password, and how its data is coded; NULL when there is none. */
static const struct scheme *
scheme_of(const struct stored *stored, enum coding *coding)
{
	struct slice suffix = stored->label, name = slice_cut(&suffix, '.');
	const struct scheme *s = stored->label.p == NULL ? scheme_of_bare(stored->data)
							 : scheme_by_name(name, stored->data);

	if (s == NULL)
		return NULL;
	*coding = s->coding;
	if (suffix.p != NULL && !coding_by_suffix(suffix, coding))
		return NULL;
	return s;
}

/* Labels are shown, data never: what has no label may be a password somebody stored as it is. */
static enum outcome
unknown_scheme(struct slice label, struct error *err)
{
	if (label.p == NULL)
		return error_set(err, RETRY,
		    "cannot verify a password: what is stored has no {SCHEME} in "
		    "front; set it again");
	label = slice_head(label, 64);
	return error_set(err, RETRY,
	    "cannot verify a password: the scheme '{%.*s}' is not known here; set it again",
	    (int)label.n, label.p);
}

/* A stored password made ready to be judged. */
struct readied {
	const struct scheme *scheme; /* NULL: there is none for it */
	struct slice label;
	struct sbuf data;
	enum flaw flaw;
};

static void
ready(struct readied *r, struct slice stored, const struct password_cost *cost)
{
	struct stored parts = stored_split(stored);
	enum coding coding = CODING_TEXT;

	r->scheme = scheme_of(&parts, &coding);
	r->label = parts.label;
	sbuf_init(&r->data, PASSWORD_STORED_MAX);
	if (r->scheme == NULL || !scheme_decode(&r->data, coding, r->scheme->hash, parts.data))
		r->flaw = FLAW_MALFORMED;
	else
		r->flaw = r->scheme->family->judge(r->scheme, sbuf_slice(&r->data), cost);
}

static enum outcome
verify(
    struct readied *r, struct slice password, const struct password_cost *cost, struct error *err)
{
	if (r->scheme == NULL)
		return unknown_scheme(r->label, err);
	if (r->flaw == FLAW_TOO_COSTLY)
		return scheme_too_costly(r->scheme, err);
	if (r->flaw == FLAW_MALFORMED)
		return scheme_malformed(r->scheme, err);
	return r->scheme->family->verify(r->scheme, sbuf_slice(&r->data), password, cost, err);
}

enum outcome
password_verify(
    struct slice stored, struct slice password, const struct password_cost *cost, struct error *err)
{
	struct readied r;
	enum outcome o;

	if (unusable(password) != NULL)
		return NONE;
	ready(&r, stored, cost);
	o = verify(&r, password, cost, err);
	sbuf_release_secret(&r.data);
	return o;
}

static enum outcome
refuse_stored(const struct readied *r, struct error *err)
{
	struct slice label = slice_head(r->label, 64);

	if (r->scheme == NULL && label.p == NULL)
		return error_set(err, BAD,
		    "a password hash has no {SCHEME} in front, and does not tell its scheme by "
		    "itself: write it like {SHA512-CRYPT}$6$...");
	if (r->scheme == NULL)
		return error_set(err, BAD,
		    "a password hash is of the scheme '{%.*s}', which is not known here: set a new "
		    "password instead",
		    (int)label.n, label.p);
	if (r->flaw == FLAW_TOO_COSTLY)
		return error_set(err, BAD,
		    "a password hash of scheme '{%s}' costs more than is allowed: set a new "
		    "password instead",
		    r->scheme->name);
	return error_set(err, BAD,
	    "a password hash of scheme '{%s}' is malformed: see that all of it was copied",
	    r->scheme->name);
}

enum outcome
password_stored_check(struct slice stored, const struct password_cost *cost, struct error *err)
{
	struct readied r;
	enum outcome o = FOUND;

	ready(&r, stored, cost);
	if (r.data.failed)
		o = error_set(err, RETRY, "no memory for a password hash");
	else if (r.scheme == NULL || r.flaw != FLAW_NONE)
		o = refuse_stored(&r, err);
	sbuf_release_secret(&r.data);
	return o;
}

bool
password_needs_rehash(struct slice stored, const struct password_cost *cost)
{
	struct stored parts = stored_split(stored);
	enum coding coding;
	const struct scheme *s = scheme_of(&parts, &coding);

	return s == NULL || s->family != &family_argon2 || coding != CODING_TEXT ||
	       !argon2_is_current(parts.data, cost);
}

enum outcome
password_verify_dummy(struct slice password, const struct password_cost *cost, struct error *err)
{
	static const unsigned char salt[crypto_pwhash_SALTBYTES] = "nobody's salt";
	unsigned char hash[32];
	int failed;

	if (unusable(password) != NULL)
		return NONE;
	failed = crypto_pwhash(hash, sizeof hash, password.p, password.n, salt, cost->passes,
	    (size_t)cost->memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13);
	sodium_memzero(hash, sizeof hash);
	if (failed)
		return error_set(err, RETRY,
		    "cannot verify a password: no %u KiB of memory; free some or hash "
		    "fewer at once",
		    cost->memory_kib);
	return NONE;
}
