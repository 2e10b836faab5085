/* SPDX-License-Identifier: ISC
 *
 * Answers lie one behind the other in a ring, the newest overwriting the oldest. A table leads from
 * the hash of map and key to the place in the ring; what it leads to is compared in full, so that a
 * table that leads astray costs a lookup and never gives a wrong answer.
 */
#include "session/answers.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
	ANSWER_MAX = 1024,  /* a question, and a text; what is longer is rare */
	ANSWER_USUAL = 128, /* with its head: how many the table has places for */
	ALIGNMENT = 8
};

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
	size_t size;
	size_t places; /* a power of two */
	unsigned char key[crypto_shorthash_KEYBYTES];
	uint64_t *place; /* where an answer begins, in bytes ever written */
	unsigned char *ring;
	bool noted;        /* a question: */
	size_t question_n; /* map, a blank, key */
	uint64_t hash;
	unsigned char question[ANSWER_MAX];
};

struct answers *
answers_new(size_t size, const unsigned char key[16])
{
	struct answers *a = calloc(1, sizeof *a);

	assert(size >= ANSWERS_LEAST);
	if (a == NULL)
		return NULL;
	a->size = size / ALIGNMENT * ALIGNMENT;
	a->places = 1;
	while (a->places * ANSWER_USUAL < size)
		a->places *= 2;
	a->place = calloc(a->places, sizeof *a->place);
	a->ring = malloc(a->size);
	if (a->place == NULL || a->ring == NULL) {
		answers_free(a);
		return NULL;
	}
	memcpy(a->key, key, sizeof a->key);
	a->begin = a->end = a->size; /* so that a place of 0 is none */
	return a;
}

void
answers_free(struct answers *a)
{
	if (a == NULL)
		return;
	free(a->place);
	free(a->ring);
	free(a);
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

/* Note the question; false when it is longer than what is remembered. */
static bool
note(struct answers *a, struct slice map, struct slice key)
{
	if (map.n >= ANSWER_MAX || key.n >= ANSWER_MAX || map.n + 1 + key.n > ANSWER_MAX)
		return false;
	put(a->question, map);
	a->question[map.n] = ' '; /* of which no map's name has one */
	put(a->question + map.n + 1, key);
	a->question_n = map.n + 1 + key.n;
	crypto_shorthash((unsigned char *)&a->hash, a->question, a->question_n, a->key);
	return true;
}

static const struct answer *
find(const struct answers *a)
{
	uint64_t at = a->place[a->hash & (a->places - 1)];
	const struct answer *answer;

	if (at < a->begin || a->end - at > a->size)
		return NULL;
	answer = (const struct answer *)(a->ring + at % a->size);
	if (answer->hash != a->hash || answer->question_n != a->question_n ||
	    memcmp(answer->bytes, a->question, a->question_n) != 0)
		return NULL;
	return answer;
}

bool
answers_find(struct answers *a, struct slice map, struct slice key, struct answered *out)
{
	const struct answer *answer;

	if (a == NULL)
		return false;
	a->noted = a->readable && note(a, map, key);
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

void
answers_add(struct answers *a, const struct answered *given)
{
	struct answer *answer;

	if (a == NULL || !a->noted || given->text.n > ANSWER_MAX)
		return;
	a->noted = false;
	answer = room(a, sizeof *answer + a->question_n + given->text.n,
	    &a->place[a->hash & (a->places - 1)]);
	answer->hash = a->hash;
	answer->question_n = (uint16_t)a->question_n;
	answer->text_n = (uint16_t)given->text.n;
	answer->outcome = (uint16_t)given->outcome;
	answer->map = given->map;
	put((unsigned char *)answer->bytes, slice_of((const char *)a->question, a->question_n));
	put((unsigned char *)answer->bytes + a->question_n, given->text);
}
