/* SPDX-License-Identifier: ISC
 *
 * Passwords: which can be set, how they are hashed, whether one is right.
 *
 * Stored form: {SCHEME}data, as Dovecot writes it.
 */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "base/outcome.h"
#include "base/sbuf.h"

enum {
	PASSWORD_MAX = 490, /* with the name it must fit checkpassword's 512 bytes */
	PASSWORD_STORED_MAX = 1024
};

/* How much a new hash costs, and what a stored one may cost at the most. */
struct password_cost {
	unsigned memory_kib;     /* argon2id m */
	unsigned passes;         /* argon2id t */
	unsigned max_memory_kib; /* a stored hash that wants more is a temporary failure */
	unsigned max_passes;
};

/* The cost used when the configuration says nothing: argon2id, 64 MiB, t=3, as doveadm. */
extern const struct password_cost password_default_cost;

/* The same with another price of new hashes; what a stored one may cost is raised to that, at
 * least.
 */
struct password_cost password_cost_of(unsigned memory_kib, unsigned passes);

/* Once per process, before anything else here; RETRY when the library cannot start. */
enum outcome password_setup(struct error *err);

/* Judge whether PASSWORD could ever log ADDRESS in: FOUND, or BAD with what to do. Refused: empty,
 * with \001 TAB CR LF or NUL in it, longer than PASSWORD_MAX together with the name. */
enum outcome password_check(struct slice address, struct slice password, struct error *err);

/* Append the stored form of PASSWORD to OUT, always {ARGON2ID}. RETRY when there is no memory for
 * it, BAD when it could never log anybody in or COST is none. */
enum outcome password_hash(
    struct sbuf *out, struct slice password, const struct password_cost *cost, struct error *err);

/* FOUND: it is this password. NONE: it is not, or nobody could ever have set it. RETRY: no memory,
 * a malformed or unknown stored form, or one that would cost more than COST allows: never mistaken
 * for a wrong password. The explanation names the scheme, never what is stored. */
enum outcome password_verify(struct slice stored, struct slice password,
    const struct password_cost *cost, struct error *err);

/* Judge STORED before it is kept: BAD when it could never log anybody in, being of no known scheme,
 * malformed, or dearer than COST allows. What is stored is never quoted. */
enum outcome password_stored_check(
    struct slice stored, const struct password_cost *cost, struct error *err);

/* Tell whether STORED, which somebody logged in with, should be replaced by a fresh hash: all but
 * argon2id of at least COST. */
bool password_needs_rehash(struct slice stored, const struct password_cost *cost);
/* Judge a password as another system stores it, and append it as it is stored here: {SCHEME}data
 * that password_verify can judge. What has no {SCHEME} and does not tell by its text what it is, is
 * taken as BARE, the name of a scheme ("" where that is not known). FOUND; {PLAIN} stands for
 * whatever the other system kept in the clear. NONE: it is a mark that nobody can log in. BAD: no
 * password could ever be verified by it, or nobody knows how; nothing of it is repeated. */
enum outcome password_adopt(struct sbuf *out, struct slice stored, struct slice bare,
    const struct password_cost *cost, struct error *err);

/* Spend what a verification against a fresh hash would, and answer NONE: for unknown users. */
enum outcome password_verify_dummy(
    struct slice password, const struct password_cost *cost, struct error *err);

#endif
