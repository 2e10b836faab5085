/* SPDX-License-Identifier: ISC
 *
 * What was found out about domains in one view of the store. There are few of them, and every
 * question asks about one.
 */
#ifndef STORE_KNOWN_H
#define STORE_KNOWN_H

#include "mail/question.h"

struct known;

/* NULL without memory; with that, nothing is remembered. */
struct known *known_new(void);
void known_free(struct known *k);

/* Tell what was remembered of the domain NAME in VIEW: FOUND with OUT (which was empty) filled in,
 * or NONE, there was no such domain. False when nothing was. */
bool known_find(const struct known *k, uint64_t view, struct slice name, struct domain_facts *out,
    enum outcome *o);

/* Remember what was found, in the place of something else if need be. */
void known_put(struct known *k, uint64_t view, struct slice name, const struct domain_facts *found,
    enum outcome o);

#endif
