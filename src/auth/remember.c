/* SPDX-License-Identifier: ISC
 *
 * A table of tags. A tag stands in one of the few places that its first bytes name.
 */
#include "auth/remember.h"

#include <sodium.h>
#include <string.h>

enum { WAYS = 4 };

struct remember_entry {
	struct remember_tag tag;
	int64_t until; /* 0: none */
};

size_t
remember_size(size_t n)
{
	return (n / WAYS + 1) * WAYS * sizeof(struct remember_entry);
}

bool
remember_init(struct remember *r, void *memory, size_t size, const unsigned char key[REMEMBER_KEY])
{
	r->entry = memory;
	r->buckets = size / (WAYS * sizeof(struct remember_entry));
	r->key = key;
	if (r->buckets == 0)
		return false;
	remember_forget(r);
	return true;
}

void
remember_forget(struct remember *r)
{
	sodium_memzero(r->entry, r->buckets * WAYS * sizeof(struct remember_entry));
}

/* With its length in front, so that no two logins make one run of bytes. */
static bool
add(crypto_generichash_state *state, struct slice part)
{
	uint64_t n = part.n;

	return crypto_generichash_update(state, (const unsigned char *)&n, sizeof n) == 0 &&
	       crypto_generichash_update(state, (const unsigned char *)part.p, part.n) == 0;
}

bool
remember_tag(const struct remember *r, const struct remember_login *l, struct remember_tag *out)
{
	crypto_generichash_state state;
	bool ok = crypto_generichash_init(&state, r->key, REMEMBER_KEY, REMEMBER_TAG) == 0 &&
		  add(&state, l->user) && add(&state, l->credential) && add(&state, l->limits) &&
		  add(&state, l->service) && add(&state, l->network) && add(&state, l->password) &&
		  crypto_generichash_final(&state, out->bytes, REMEMBER_TAG) == 0;

	sodium_memzero(&state, sizeof state);
	return ok;
}

static struct remember_entry *
bucket_of(const struct remember *r, const struct remember_tag *tag)
{
	uint64_t at;

	memcpy(&at, tag->bytes, sizeof at);
	return r->entry + at % r->buckets * WAYS;
}

static bool
is_it(const struct remember_entry *e, const struct remember_tag *tag, int64_t now)
{
	return e->until > now && sodium_memcmp(e->tag.bytes, tag->bytes, REMEMBER_TAG) == 0;
}

bool
remember_has(const struct remember *r, const struct remember_tag *tag, int64_t now)
{
	const struct remember_entry *bucket = bucket_of(r, tag);
	bool found = false;

	for (size_t i = 0; i < WAYS; i++)
		found |= is_it(bucket + i, tag, now);
	return found;
}

/* Where it stands already; else the place that ends first, which may have ended long ago. */
static struct remember_entry *
place_for(struct remember_entry *bucket, const struct remember_tag *tag, int64_t now)
{
	struct remember_entry *first = bucket;

	for (size_t i = 0; i < WAYS; i++) {
		if (is_it(bucket + i, tag, now))
			return bucket + i;
		if (bucket[i].until < first->until)
			first = bucket + i;
	}
	return first;
}

void
remember_keep(struct remember *r, const struct remember_tag *tag, int64_t now, int64_t until)
{
	struct remember_entry *e = place_for(bucket_of(r, tag), tag, now);

	e->tag = *tag;
	e->until = until;
}
