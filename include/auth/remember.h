/* SPDX-License-Identifier: ISC
 *
 * Good logins of the last few moments, so that the same one again need not be hashed anew. Only a
 * keyed hash is kept of each: over the password and over all that the login depended on, so that
 * after a change of any of it the old one matches nothing.
 *
 * A table in memory of the caller's, who locks it and gives the key. When it is full, the one of a
 * few that ends first goes.
 */
#ifndef AUTH_REMEMBER_H
#define AUTH_REMEMBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { REMEMBER_KEY = 32, REMEMBER_TAG = 16 };

struct remember {
	struct remember_entry *entry; /* in the caller's memory */
	size_t buckets;
	const unsigned char *key; /* REMEMBER_KEY bytes, the caller's */
};

/* What a login depended on. */
struct remember_login {
	struct slice user;       /* canonical */
	struct slice credential; /* the stored hash itself */
	struct slice limits;     /* whatever else must not change: state, services, networks */
	struct slice service;
	struct slice network; /* where it matters, or empty */
	struct slice password;
};

struct remember_tag {
	unsigned char bytes[REMEMBER_TAG];
};

/* How much memory N logins take, N at least. */
size_t remember_size(size_t n);

/* Start with nothing in SIZE bytes of MEMORY. False when that is too small for any. */
bool remember_init(
    struct remember *r, void *memory, size_t size, const unsigned char key[REMEMBER_KEY]);

/* Make the tag of a login. False when there is no telling: it must be verified then, and must not
 * be kept. */
bool remember_tag(
    const struct remember *r, const struct remember_login *l, struct remember_tag *out);

/* Tell whether that login was good a moment ago. NOW counts in any unit, from any moment on, and
 * never runs back. */
bool remember_has(const struct remember *r, const struct remember_tag *tag, int64_t now);

/* Keep it from NOW until UNTIL. */
void remember_keep(struct remember *r, const struct remember_tag *tag, int64_t now, int64_t until);

/* Forget all of them. */
void remember_forget(struct remember *r);

#endif
