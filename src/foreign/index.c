/* SPDX-License-Identifier: ISC
 *
 * An open hash. The first of equal keys counts.
 */
#include "foreign/index.h"

#include <stdlib.h>

void
index_release(struct index *x)
{
	free(x->slot);
	*x = (struct index){ .n = 0 };
}

static size_t
hash(struct slice key)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < key.n; i++)
		h = (h ^ (unsigned char)key.p[i]) * 0x100000001b3u;
	return (size_t)(h ^ h >> 29);
}

static struct index_slot *
slot_of(const struct index *x, struct slice key)
{
	size_t i = hash(key) & (x->size - 1);

	while (x->slot[i].key.p != NULL && !slice_eq(x->slot[i].key, key))
		i = (i + 1) & (x->size - 1);
	return &x->slot[i];
}

bool
index_find(const struct index *x, struct slice key, size_t *value)
{
	const struct index_slot *s = x->size > 0 ? slot_of(x, key) : NULL;

	if (s == NULL || s->key.p == NULL)
		return false;
	*value = s->value;
	return true;
}

static bool
grow(struct index *x)
{
	struct index old = *x;

	x->size = old.size == 0 ? 64 : 2 * old.size;
	x->slot = calloc(x->size, sizeof *x->slot);
	if (x->slot == NULL) {
		*x = old;
		return false;
	}
	for (size_t i = 0; i < old.size; i++)
		if (old.slot[i].key.p != NULL)
			*slot_of(x, old.slot[i].key) = old.slot[i];
	free(old.slot);
	return true;
}

bool
index_add(struct index *x, struct slice key, size_t value)
{
	if (2 * (x->n + 1) > x->size && !grow(x))
		return false;
	*slot_of(x, key) = (struct index_slot){ key, (uint32_t)value };
	x->n++;
	return true;
}
