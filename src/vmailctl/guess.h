/* SPDX-License-Identifier: ISC
 *
 * Which of the known words was meant: by the whole word, by its beginning, or nearly.
 */
#ifndef VMAILCTL_GUESS_H
#define VMAILCTL_GUESS_H

#include <stdbool.h>
#include <stddef.h>

/* Offer every known word to one of these, then read what it makes of them. */
struct guess {
	const char *typed;
	bool exact;
	const char *match;  /* the word, or the first that begins so */
	const char *second; /* another that begins so: then it is nobody's abbreviation */
	const char *near;   /* the nearest word, when one is near enough to suggest */
	size_t distance;
};

void guess_init(struct guess *g, const char *typed);

/* Offer WORD; ALSO (may be NULL) holds blank-separated words that are suggested as WORD. */
void guess_offer(struct guess *g, const char *word, const char *also);

/* Tell whether `match` is the one word that was meant. */
bool guess_sure(const struct guess *g);

#endif
