/* SPDX-License-Identifier: ISC
 *
 * What a scheme of stored passwords is, and the families that verify them. One row per scheme
 * stands in password.c, one file per family beside it.
 */
#ifndef AUTH_SCHEME_H
#define AUTH_SCHEME_H

#include <openssl/evp.h>

#include "auth/password.h"

/* No stored form may ask for more rounds of anything: about a second's work. */
enum { SCHEME_ROUNDS_MAX = 1000000 };

/* How the data of a scheme is written, where its name has no .HEX or .B64 behind it. */
enum coding {
	CODING_TEXT,
	CODING_BASE64,
	CODING_HEX,
	CODING_DIGEST /* hex when it is twice as long as the digest, else base64 */
};

struct hash {
	const EVP_MD *(*type)(void);
	size_t n; /* bytes */
};

struct scheme;

/* What is wrong with stored data, before any of it is computed. */
enum flaw { FLAW_NONE, FLAW_MALFORMED, FLAW_TOO_COSTLY };

/* Judge DATA, which is what stands behind {SCHEME}, decoded. */
typedef enum flaw scheme_judge_fn(
    const struct scheme *s, struct slice data, const struct password_cost *cost);

/* Judge PASSWORD by DATA, in which there is no flaw. Outcomes as password_verify; PASSWORD holds no
 * NUL. */
typedef enum outcome scheme_verify_fn(const struct scheme *s, struct slice data,
    struct slice password, const struct password_cost *cost, struct error *err);

struct family {
	scheme_judge_fn *judge;
	scheme_verify_fn *verify;
};

struct scheme {
	const char *name;
	const struct family *family;
	enum coding coding;
	const struct hash *hash;
	const char *begins; /* the row is only meant where the text begins so */
	const char *bare;   /* text that begins so is this scheme even without {SCHEME} */
};

extern const struct family family_argon2;
extern const struct family family_bcrypt_sha256;
extern const struct family family_passlib;
extern const struct family family_crypt;
extern const struct family family_digest;
extern const struct family family_salted;
extern const struct family family_pbkdf2;
extern const struct family family_scram;
extern const struct family family_plain;

/* Tell whether an argon2 text is argon2id and costs as much as a new hash, or more. */
bool argon2_is_current(struct slice data, const struct password_cost *cost);

/* FOUND when both are the same N bytes, NONE otherwise; takes equally long wherever they differ. */
enum outcome scheme_compare(struct slice stored, const void *computed, size_t n);

/* The ways to end in RETRY. None of them may quote the stored data. */
enum outcome scheme_malformed(const struct scheme *s, struct error *err);
enum outcome scheme_too_costly(const struct scheme *s, struct error *err);
enum outcome scheme_no_memory(const struct scheme *s, struct error *err);
enum outcome scheme_unavailable(const struct scheme *s, struct error *err);

/* Tell whether that much memory could be had just now, and some to spare. */
bool scheme_room(unsigned long long kib);

/* Append DATA decoded. False when it is not so coded, or does not fit. HASH matters to
 * CODING_DIGEST only. */
bool scheme_decode(
    struct sbuf *out, enum coding coding, const struct hash *hash, struct slice data);

#endif
