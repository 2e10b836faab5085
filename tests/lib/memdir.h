/* SPDX-License-Identifier: ISC
 *
 * A directory in memory, for tests and fuzzers: answers the resolver's questions from a text.
 */
#ifndef TESTS_MEMDIR_H
#define TESTS_MEMDIR_H

#include "mail/lookup.h"

struct memdir {
	const char *text; /* lines "domain NAME KIND [TARGET]", "mailbox ADDRESS", "alias ADDRESS
			     TARGET..." */
	unsigned fail_at; /* the N-th question from now on cannot be looked up; 0: all can */
};

/* Answer one question: FOUND with *FACTS, or RETRY. */
enum outcome memdir_ask(struct memdir *d, const struct question *q, struct facts *facts,
			struct error *err);

/* Run a started lookup to its end. */
void memdir_resolve(struct memdir *d, struct lookup *l);

#endif
