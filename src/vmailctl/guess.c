/* SPDX-License-Identifier: ISC
 *
 * Abbreviations, and the nearest word by the count of slips: a letter too many, too few, wrong, or
 * two swapped.
 */
#include "vmailctl/guess.h"

#include <string.h>

#include "base/slice.h"

enum { WORD_MAX = 31 };

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment distance, by three rows of its table: this one and the two before. */
static size_t
slips(const char *a, const char *b)
{
	size_t row[3][WORD_MAX + 1] = { 0 };
	size_t na = strlen(a), nb = strlen(b);
	size_t *two = row[0], *one = row[1], *now = row[2], *spare;

	if (na > WORD_MAX || nb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= nb; j++)
		one[j] = j;
	for (size_t i = 1; i <= na; i++) {
		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			now[j] =
			    least(one[j] + 1, now[j - 1] + 1, one[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], two[j - 2] + 1, now[j]);
		}
		spare = two;
		two = one;
		one = now;
		now = spare;
	}
	return one[nb];
}

void
guess_init(struct guess *g, const char *typed)
{
	/* one slip in a short word, two in a longer one: more is another word */
	*g = (struct guess){ .typed = typed, .distance = strlen(typed) < 4 ? 2 : 3 };
}

static bool
among(const char *typed, const char *also)
{
	struct slice rest = slice_str(also);

	while (rest.n > 0)
		if (slice_is(slice_cut(&rest, ' '), typed))
			return true;
	return false;
}

void
guess_offer(struct guess *g, const char *word, const char *also)
{
	size_t d = among(g->typed, also) ? 0 : slips(g->typed, word);

	if (g->typed[0] == '\0')
		return;
	if (d < g->distance) {
		g->near = word;
		g->distance = d;
	}
	if (g->exact || strncmp(word, g->typed, strlen(g->typed)) != 0)
		return;
	g->exact = strcmp(word, g->typed) == 0;
	/* a command may have an option of the same name as everybody's */
	if (g->match != NULL && !g->exact) {
		if (strcmp(g->match, word) != 0)
			g->second = word;
		return;
	}
	g->match = word;
}

bool
guess_sure(const struct guess *g)
{
	return g->match != NULL && (g->exact || g->second == NULL);
}
