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

enum { LABEL_SHOWN = 24 }; /* no scheme has a longer name */

static const struct hash md5 = { EVP_md5, 16 };
static const struct hash sha1 = { EVP_sha1, 20 };
static const struct hash sha256 = { EVP_sha256, 32 };
static const struct hash sha512 = { EVP_sha512, 64 };

static const struct scheme schemes[] = {
	{ "ARGON2ID", &family_argon2, CODING_TEXT, NULL, NULL, "$argon2" },
	{ "ARGON2I", &family_argon2, CODING_TEXT, NULL, NULL, NULL },
	{ "ARGON2", &family_argon2, CODING_TEXT, NULL, NULL, NULL },

	{ "BCRYPT-SHA256", &family_bcrypt_sha256, CODING_TEXT, NULL, NULL, "$bcrypt-sha256$" },
	{ "PBKDF2", &family_passlib, CODING_TEXT, NULL, "$pbkdf2", "$pbkdf2" },

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

/* Labels are shown, data never: what has no label may be a password somebody stored as it is. So may
 * what begins with a brace: shown is what can hardly be anything but the name of a scheme. */
static struct slice
shown_label(struct slice label)
{
	for (size_t i = 0; i < label.n; i++) {
		char c = label.p[i];
		bool capital = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!capital && c != '-' && c != '.' && c != '_')
			return slice_str("...");
	}
	return label.n <= LABEL_SHOWN ? label : slice_str("...");
}

static enum outcome
unknown_scheme(struct slice label, struct error *err)
{
	if (label.p == NULL)
		return error_set(err, RETRY,
		    "cannot verify a password: what is stored has no {SCHEME} in "
		    "front; set it again");
	label = shown_label(label);
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
ready_parts(struct readied *r, const struct stored *parts, const struct password_cost *cost)
{
	enum coding coding = CODING_TEXT;

	r->scheme = scheme_of(parts, &coding);
	r->label = parts->label;
	sbuf_init(&r->data, PASSWORD_STORED_MAX);
	if (r->scheme == NULL || !scheme_decode(&r->data, coding, r->scheme->hash, parts->data))
		r->flaw = FLAW_MALFORMED;
	else
		r->flaw = r->scheme->family->judge(r->scheme, sbuf_slice(&r->data), cost);
}

static void
ready(struct readied *r, struct slice stored, const struct password_cost *cost)
{
	struct stored parts = stored_split(stored);

	ready_parts(r, &parts, cost);
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
	struct slice label = shown_label(r->label);

	if (r->scheme == NULL && r->label.p == NULL)
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

/* --- what others have stored ------------------------------------------------------------------ */

/* Digests in hex tell what they are by their length; nobody has such a password. */
static const struct {
	size_t n;
	const char *name;
} hex_digests[] = {
	{ 32, "PLAIN-MD5" },
	{ 40, "SHA.HEX" },
	{ 64, "SHA256.HEX" },
	{ 128, "SHA512.HEX" },
};

static const char *
hex_digest(struct slice data)
{
	for (size_t i = 0; i < data.n; i++)
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): 22 digits */
		if (memchr("0123456789abcdefABCDEF", data.p[i], 22) == NULL)
			return NULL;
	for (size_t i = 0; i < sizeof hex_digests / sizeof hex_digests[0]; i++)
		if (hex_digests[i].n == data.n)
			return hex_digests[i].name;
	return NULL;
}

/* What stands in shadow files and databases where nobody may log in. */
static bool
is_no_password(struct slice stored)
{
	return stored.n == 0 || stored.p[0] == '!' || stored.p[0] == '*' || slice_is(stored, "x") ||
	       slice_is_nocase(stored, "{CRYPT}!") || slice_is_nocase(stored, "{CRYPT}*") ||
	       slice_is_nocase(stored, "{CRYPT}x");
}

static struct slice
label_of_bare(struct slice data, struct slice bare)
{
	const struct scheme *s = scheme_of_bare(data);
	const char *hex = hex_digest(data);

	if (s != NULL)
		return slice_str(s->name);
	/* a form that is certain goes before what the caller thinks of the others */
	return hex != NULL ? slice_str(hex) : bare;
}

static enum outcome
put_adopted(struct sbuf *out, const struct scheme *s, const struct stored *parts,
    struct slice decoded, struct error *err)
{
	bool clear = s->family == &family_plain;
	struct slice label = clear ? slice_str("PLAIN") : parts->label;
	const char *why = clear ? unusable(decoded) : NULL;

	if (why != NULL)
		return error_set(err, BAD, "nobody could log in with this password: %s", why);
	sbuf_add_chr(out, '{');
	sbuf_add_slice(out, label);
	sbuf_add_chr(out, '}');
	sbuf_add_slice(out, clear ? decoded : parts->data);
	return out->failed ? error_set(err, RETRY, "no memory for a password") : FOUND;
}

static enum outcome
unknown_form(const struct stored *parts, struct error *err)
{
	if (parts->label.n == 0)
		return error_set(err, BAD,
		    "the form of this password is not known: it has no {SCHEME} and could be a "
		    "hash "
		    "or "
		    "a password in the clear");
	return error_set(err, BAD, "the scheme '{%.*s}' is not known here",
	    (int)shown_label(parts->label).n, shown_label(parts->label).p);
}

enum outcome
password_adopt(struct sbuf *out, struct slice stored, struct slice bare,
    const struct password_cost *cost, struct error *err)
{
	struct stored parts = stored_split(stored);
	struct readied r;
	enum outcome o;

	if (is_no_password(stored) && !slice_is_nocase(bare, "PLAIN"))
		return NONE;
	if (stored.n > PASSWORD_STORED_MAX - 32)
		return error_set(err, BAD, "%zu bytes are no password", stored.n);
	if (parts.label.p == NULL)
		parts.label = label_of_bare(parts.data, bare);
	if (parts.label.n == 0)
		return unknown_form(&parts, err);
	ready_parts(&r, &parts, cost);
	if (r.data.failed)
		o = error_set(err, RETRY, "no memory for a password");
	else if (r.scheme == NULL)
		o = unknown_form(&parts, err);
	else if (r.flaw != FLAW_NONE)
		o = error_set(err, BAD, "what is stored as '{%s}' %s", r.scheme->name,
		    r.flaw == FLAW_TOO_COSTLY ? "costs more to verify than is allowed"
					      : "is malformed");
	else
		o = put_adopted(out, r.scheme, &parts, sbuf_slice(&r.data), err);
	sbuf_release_secret(&r.data);
	return o;
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
