/* SPDX-License-Identifier: ISC
 *
 * Passwords that were found right a moment ago. What is stored is part of what is remembered, so a
 * password that was changed is forgotten with it; whatever else a login depends on is judged anew
 * each time, and needs no part in it.
 */
#include "recall.h"

#include <sodium.h>

#include "clock.h"
#include "sys/log.h"

enum { LOGINS = 4096 };

void
recall_init(struct recall *r, long seconds)
{
	size_t size = remember_size(LOGINS);

	*r = (struct recall){ .seconds = seconds };
	if (seconds == 0)
		return;
	r->memory = sodium_malloc(size);
	r->key = sodium_malloc(REMEMBER_KEY);
	if (r->key != NULL)
		randombytes_buf(r->key, REMEMBER_KEY);
	if (r->memory != NULL && r->key != NULL &&
	    remember_init(&r->table, r->memory, size, r->key))
		return;
	log_warning("logins are not remembered: no memory");
	recall_release(r);
}

void
recall_release(struct recall *r)
{
	sodium_free(r->memory);
	sodium_free(r->key);
	*r = (struct recall){ .seconds = 0 };
}

static bool
tag(const struct recall *r, struct slice user, struct slice hash, struct slice password,
    struct remember_tag *out)
{
	const struct remember_login login = { .user = user,
		.credential = hash,
		.limits = slice_of("", 0),
		.service = slice_of("", 0),
		.network = slice_of("", 0),
		.password = password };

	return r->seconds > 0 && remember_tag(&r->table, &login, out);
}

bool
recall_has(const struct recall *r, struct slice user, struct slice hash, struct slice password)
{
	struct remember_tag t;

	return tag(r, user, hash, password, &t) && remember_has(&r->table, &t, (int64_t)clock_ms());
}

void
recall_keep(struct recall *r, struct slice user, struct slice hash, struct slice password)
{
	int64_t now = (int64_t)clock_ms();
	struct remember_tag t;

	if (tag(r, user, hash, password, &t))
		remember_keep(&r->table, &t, now, now + r->seconds * 1000);
}
