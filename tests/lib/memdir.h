/* SPDX-License-Identifier: ISC
 *
 * A directory in memory, for tests and fuzzers: answers the resolver's questions from a text.
 */
#ifndef TESTS_MEMDIR_H
#define TESTS_MEMDIR_H

#include "mail/lookup.h"

/* Lines, fields separated by one blank:
 *
 *	domain NAME KIND [TARGET]           stands for TARGET
 *	asked NAME DOMAIN                   Postfix asks for DOMAIN by NAME
 *	delimiters NAME SET                 of a domain
 *	propagate NAME 0|1                  of a domain
 *	mailbox ADDRESS [STATE]
 *	alias ADDRESS TARGET...
 *	pattern PREFIX@DOMAIN ADDRESS       an alias whose local part has a `*` behind PREFIX
 *	disabled ADDRESS                    of an alias
 *	expires ADDRESS SECONDS             of an alias
 *	closed ADDRESS                      of an alias: a closed list
 *	member ADDRESS                      one that a closed list leads to
 *	map NAME SEARCH                     one that the admin made
 *	entry MAP KEY VALUE
 */
struct memdir {
	const char *text;
	unsigned fail_at; /* the N-th question from now on cannot be looked up; 0: all can */
};

/* Answer one question: FOUND with *FACTS, or RETRY. */
enum outcome memdir_ask(
    struct memdir *d, const struct question *q, struct facts *facts, struct error *err);

/* Run a started lookup to its end. */
void memdir_resolve(struct memdir *d, struct lookup *l);

#endif
