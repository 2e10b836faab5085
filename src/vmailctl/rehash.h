/* SPDX-License-Identifier: ISC
 *
 * Many passwords in the clear, hashed by several threads.
 */
#ifndef VMAILCTL_REHASH_H
#define VMAILCTL_REHASH_H

#include "auth/password.h"

struct rehash_job {
	struct slice address;
	struct slice clear;
	struct slice before; /* the hash that there is already, or empty: if it is of this password
				it stays */
	struct sbuf hash;
	enum outcome outcome; /* FOUND, or BAD: nobody could log in with it */
	struct error err;
};

/* Hash all of them, as many at once as there are processors (at most 4: each takes the memory that
 * COST says). If DRY, what would have to be hashed anew gets a hash that is none, for nothing of it
 * is kept. RETRY: one could not be; *ERR says why. */
enum outcome rehash(struct rehash_job *job, size_t n, const struct password_cost *cost, bool dry,
    struct error *err);

#endif
