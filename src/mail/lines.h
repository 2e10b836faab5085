/* SPDX-License-Identifier: ISC
 *
 * Addresses in one text, each ended by LF and there only once: what a walk has still to see, and
 * what it has seen.
 */
#ifndef MAIL_LINES_H
#define MAIL_LINES_H

#include "base/sbuf.h"

bool lines_have(const struct sbuf *lines, struct slice line);

/* Append LINE, unless it is there. */
void lines_add(struct sbuf *lines, struct slice line);

#endif
