/* SPDX-License-Identifier: ISC
 *
 * How a successful helper ends: it becomes the program it was given.
 */
#ifndef SRC_CHECKPASSWORD_HANDOVER_H
#define SRC_CHECKPASSWORD_HANDOVER_H

#include "checkpassword/ask.h"
#include "checkpassword/guard.h"

/* Become PROGRAM with A in the environment, as Dovecot's reply program reads it: the ids stay ours,
 * since it checks them, and travel by name. Returns only when that failed: RETRY. */
enum outcome handover_dovecot(const struct answer *a, bool lookup, const struct guard *g,
    char *const *program, struct error *err);

/* Become PROGRAM as the user of A, at home. Returns only when that failed: RETRY. */
enum outcome handover_classic(
    const struct answer *a, const struct guard *g, char *const *program, struct error *err);

#endif
