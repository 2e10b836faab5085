/* SPDX-License-Identifier: ISC
 *
 * Answers lie one behind the other in a ring, the newest overwriting the oldest. A table leads from
 * the hash of map and key to the place in the ring: a few bits of the hash choose one shelf of it,
 * a few others stand beside the places there. What it leads to is compared in full, so that a table
 * that leads astray costs a lookup and never gives a wrong answer.
 */
#include "session/answers.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
	LINE = 64,         /* of the CPU's memory */
	ANSWER_MAX = 1024, /* a question, and a text; what is longer is rare */
	ANSWER_USUAL = 80, /* with its head: how many the table has places for */
	ALIGNMENT = 8,
	SHELF = 4, /* places, in one line of the CPU's memory */
	MARK_BITS = 16
};

/* Where an answer begins, in ALIGNMENTs ever written, and in front of that a mark of its hash. The
 * first is big enough for a hundred years of as many answers as a CPU can give. */
typedef uint64_t place;

struct answer {
	uint64_t hash;
	uint16_t question_n;
	uint16_t text_n;
	uint16_t outcome;
	uint16_t map;
	char bytes[]; /* question, text */
};

struct answers {
	uint64_t view; /* of all that is remembered, and the present one if it is not 0 */
	bool readable;
	uint64_t begin; /* bytes ever written when that view began */
	uint64_t end;   /* and by now; its place in the ring is the remainder */
	size_t whole;   /* with this, and the shelves */
	size_t size;
	size_t shelves; /* a power of two */
	unsigned char key[crypto_shorthash_KEYBYTES];
	place (*shelf)[SHELF]; /* behind this in memory, and the ring behind it */
	unsigned char *ring;
	bool noted;        /* a question: */
	size_t question_n; /* map, a blank, key */
	uint64_t hash;
	unsigned char question[ANSWER_MAX];
};

/* What lies in front of the shelves, of which none is to lie across two lines. */
enum { HEAD = (sizeof(struct answers) + 63) / 64 * 64 };

struct answers *
answers_init(void *memory, size_t size, const unsigned char key[16])
{
	struct answers *a = memory;
	unsigned char *end = (unsigned char *)memory + size;

	assert(size >= ANSWERS_LEAST);
	a->whole = size;
	a->shelves = 1;
	while (a->shelves * SHELF * ANSWER_USUAL < size)
		a->shelves *= 2;
	a->shelf = (place(*)[SHELF])((unsigned char *)memory + HEAD);
	a->ring = (unsigned char *)(a->shelf + a->shelves);
	a->size = (size_t)(end - a->ring) / ALIGNMENT * ALIGNMENT;
	memcpy(a->key, key, sizeof a->key);
	a->begin = a->end = a->size; /* so that a place of 0 is none */
	return a;
}

size_t
answers_size(const struct answers *a)
{
	return a->whole;
}

void
answers_turn(struct answers *a, uint64_t view)
{
	if (a == NULL)
		return;
	a->readable = view != 0;
	if (!a->readable || a->view == view)
		return;
	a->view = view;
	a->begin = a->end;
}

/* --- finding ---------------------------------------------------------------------------------- */

static void
put(unsigned char *out, struct slice s)
{
	if (s.n > 0)
		memcpy(out, s.p, s.n);
}

static uint64_t
hash_of(const struct answers *a, const void *question, size_t n)
{
	uint64_t hash;

	crypto_shorthash((unsigned char *)&hash, question, n, a->key);
	return hash;
}

/* Note the question, and its hash unless it is known; false when it is longer than what is
 * remembered. */
static bool
note(struct answers *a, struct slice map, struct slice key, uint64_t hash)
{
	if (map.n >= ANSWER_MAX || key.n >= ANSWER_MAX || map.n + 1 + key.n > ANSWER_MAX)
		return false;
	put(a->question, map);
	a->question[map.n] = ' '; /* of which no map's name has one */
	put(a->question + map.n + 1, key);
	a->question_n = map.n + 1 + key.n;
	a->hash = hash != 0 ? hash : hash_of(a, a->question, a->question_n);
	return true;
}

static place *
shelf_of(const struct answers *a, uint64_t hash)
{
	return a->shelf[hash & (a->shelves - 1)];
}

static uint64_t
place_at(place p)
{
	return (p & (UINT64_MAX >> MARK_BITS)) * ALIGNMENT;
}

static place
place_of(uint64_t at, uint64_t hash)
{
	return at / ALIGNMENT | hash >> (64 - MARK_BITS) << (64 - MARK_BITS);
}

static bool
is_marked(place p, uint64_t hash)
{
	return (p ^ hash) >> (64 - MARK_BITS) == 0;
}

/* What lies there, if it is the answer to the question noted. */
static const struct answer *
look(const struct answers *a, place p)
{
	uint64_t at = place_at(p);
	const struct answer *answer;

	if (!is_marked(p, a->hash) || at < a->begin || a->end - at > a->size)
		return NULL;
	answer = (const struct answer *)(a->ring + at % a->size);
	if (answer->hash != a->hash || answer->question_n != a->question_n ||
	    memcmp(answer->bytes, a->question, a->question_n) != 0)
		return NULL;
	return answer;
}

static const struct answer *
find(const struct answers *a)
{
	const place *shelf = shelf_of(a, a->hash);
	const struct answer *answer = NULL;

	for (size_t i = 0; i < SHELF && answer == NULL; i++)
		answer = look(a, shelf[i]);
	return answer;
}

bool
answers_find(
    struct answers *a, struct slice map, struct slice key, uint64_t foreseen, struct answered *out)
{
	const struct answer *answer;

	if (a == NULL)
		return false;
	a->noted = a->readable && note(a, map, key, foreseen);
	if (!a->noted)
		return false;
	answer = find(a);
	if (answer == NULL)
		return false;
	a->noted = false;
	out->outcome = (enum outcome)answer->outcome;
	out->map = answer->map;
	out->text = slice_of(answer->bytes + answer->question_n, answer->text_n);
	return true;
}

uint64_t
answers_foresee(const struct answers *a, struct slice question)
{
	uint64_t hash;

	if (a == NULL || question.n > ANSWER_MAX)
		return 0;
	hash = hash_of(a, question.p, question.n);
	__builtin_prefetch(shelf_of(a, hash));
	return hash;
}

/* What an answer usually has lies in two lines. */
void
answers_fetch(const struct answers *a, uint64_t foreseen)
{
	const place *shelf;

	if (a == NULL || foreseen == 0)
		return;
	shelf = shelf_of(a, foreseen);
	for (size_t i = 0; i < SHELF; i++) {
		const unsigned char *answer = a->ring + place_at(shelf[i]) % a->size;

		if (!is_marked(shelf[i], foreseen))
			continue;
		__builtin_prefetch(answer);
		__builtin_prefetch(answer + LINE);
	}
}

/* --- remembering ------------------------------------------------------------------------------ */

/* Take N bytes of the ring, in one piece. */
static struct answer *
room(struct answers *a, size_t n, uint64_t *at)
{
	size_t left = a->size - a->end % a->size;

	n = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (left < n)
		a->end += left;
	*at = a->end;
	a->end += n;
	return (struct answer *)(a->ring + *at % a->size);
}

/* The oldest of a shelf makes room. */
static void
put_on_shelf(struct answers *a, uint64_t at)
{
	place *shelf = shelf_of(a, a->hash);
	size_t oldest = 0;

	for (size_t i = 1; i < SHELF; i++)
		if (place_at(shelf[i]) < place_at(shelf[oldest]))
			oldest = i;
	shelf[oldest] = place_of(at, a->hash);
}

void
answers_add(struct answers *a, const struct answered *given)
{
	struct answer *answer;
	uint64_t at;

	if (a == NULL || !a->noted || given->text.n > ANSWER_MAX)
		return;
	a->noted = false;
	answer = room(a, sizeof *answer + a->question_n + given->text.n, &at);
	put_on_shelf(a, at);
	answer->hash = a->hash;
	answer->question_n = (uint16_t)a->question_n;
	answer->text_n = (uint16_t)given->text.n;
	answer->outcome = (uint16_t)given->outcome;
	answer->map = given->map;
	put((unsigned char *)answer->bytes, slice_of((const char *)a->question, a->question_n));
	put((unsigned char *)answer->bytes + a->question_n, given->text);
}

static void
forget(struct answers *a)
{
	place *shelf = shelf_of(a, a->hash);

	for (size_t i = 0; i < SHELF; i++)
		if (look(a, shelf[i]) != NULL)
			shelf[i] = 0;
}

void
answers_keep(struct answers *a, struct slice map, struct slice key, const struct answered *given)
{
	const struct answer *before;

	if (a == NULL)
		return;
	a->noted = a->readable && note(a, map, key, 0);
	before = a->noted ? find(a) : NULL;
	if (before != NULL && before->outcome == given->outcome &&
	    slice_eq(slice_of(before->bytes + before->question_n, before->text_n), given->text))
		a->noted = false;
	else if (before != NULL)
		forget(a);
	answers_add(a, given);
}
