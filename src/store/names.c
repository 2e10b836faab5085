/* SPDX-License-Identifier: ISC
 *
 * The names that there are, as hashes. Two that share one are no harm: then the second is asked
 * for.
 */
#include "store/names.h"

#include <stdlib.h>

#include "store/change.h"

enum {
	ROOM_MIN = 1024,
	MISSES = 64, /* before all names are read; and again at each doubling */
	WORTH = 64   /* so many names are read as fast as one is asked for */
};

void
names_release(struct names *n)
{
	free(n->hash);
	*n = (struct names){ .hash = NULL };
}

/* FNV-1a; 0 stands for an empty place. */
static uint64_t
hash_of(struct slice name)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (unsigned char)name.p[i]) * 1099511628211u;
	return h != 0 ? h : 1;
}

static size_t
place_of(const uint64_t *table, size_t room, uint64_t h)
{
	size_t i = (h ^ h >> 32) % room;

	while (table[i] != 0 && table[i] != h)
		i = (i + 1) % room;
	return i;
}

static bool
grow(struct names *n)
{
	size_t room = n->room == 0 ? ROOM_MIN : 2 * n->room;
	uint64_t *table = calloc(room, sizeof *table);

	if (table == NULL)
		return false;
	for (size_t i = 0; i < n->room; i++)
		if (n->hash[i] != 0)
			table[place_of(table, room, n->hash[i])] = n->hash[i];
	free(n->hash);
	n->hash = table;
	n->room = room;
	return true;
}

static bool
put(struct names *n, struct slice name)
{
	uint64_t h = hash_of(name);
	size_t i;

	/* NOANALYZER(-Wanalyzer-malloc-leak): it is the table of N, which is the store's */
	if (2 * n->n >= n->room && !grow(n))
		return false;
	i = place_of(n->hash, n->room, h);
	n->n += n->hash[i] == 0;
	n->hash[i] = h;
	return true;
}

/* --- of a store ---------------------------------------------------------------------------------
 */

/* Which there are, and what reads them. */
static const struct {
	enum record_kind kind;
	enum statement all;
} lists[NAMES_KINDS] = { { RECORD_MAILBOX, Q_names_mailboxes }, { RECORD_ALIAS, Q_names_aliases },
	{ RECORD_DOMAIN, Q_names_domains } };

/* NULL: none of that kind are kept. */
static struct names *
names_of(struct store *s, enum record_kind kind)
{
	for (size_t i = 0; i < NAMES_KINDS; i++)
		if (lists[i].kind == kind)
			return &s->names[i];
	return NULL;
}

/* As many as are worth it; if there are more, none is known. */
static enum outcome
read_all(struct store *s, struct names *n, struct error *err)
{
	size_t most = WORTH * n->misses, read = 0, misses = n->misses;
	struct db_stmt *st;
	enum outcome o = batch_show(s, err);

	if (o != FOUND)
		return o;
	st = db_prepare(s->db, lists[n - s->names].all);
	db_bind_int(st, 1, (int64_t)most + 1);
	while ((o = db_step(st, err)) == FOUND && read <= most && put(n, db_text(st, 0)))
		read++;
	db_reset(st);
	if (o == NONE && read <= most)
		n->read = true;
	else
		names_release(n);
	n->misses = n->tried = misses;
	return o == FOUND || o == NONE ? FOUND : RETRY;
}

enum outcome
names_ask(struct store *s, enum record_kind kind, struct slice name, bool *new, struct error *err)
{
	struct names *n = names_of(s, kind);
	enum outcome o = FOUND;

	*new = false;
	if (s->batch != BATCH_GOOD || !db_is_far(s->db) || n == NULL)
		return FOUND;
	if (!n->read && n->misses >= MISSES && n->misses >= 2 * n->tried)
		o = read_all(s, n, err);
	*new = o == FOUND && n->read &&
	       (n->hash == NULL ||
		   n->hash[place_of(n->hash, n->room, hash_of(name))] != hash_of(name));
	return o;
}

bool
names_are_read(struct store *s, enum record_kind kind)
{
	const struct names *n = names_of(s, kind);

	return n != NULL && n->read;
}

void
names_missed(struct store *s, enum record_kind kind)
{
	struct names *n = names_of(s, kind);

	if (n != NULL)
		n->misses++;
}

void
names_add(struct store *s, enum record_kind kind, struct slice name)
{
	struct names *n = names_of(s, kind);

	if (n != NULL && n->read && !put(n, name))
		names_release(n);
}

void
names_forget(struct store *s)
{
	for (size_t i = 0; i < sizeof s->names / sizeof s->names[0]; i++)
		names_release(&s->names[i]);
}
