/* SPDX-License-Identifier: ISC
 *
 * Labels of domains that IDNA2008 disallows, and DNS and the rules of UTS 46 have all the same:
 * emoji and other symbols. libidn2 makes no A-label of them.
 */
#ifndef MAIL_ULABEL_H
#define MAIL_ULABEL_H

#include <stdbool.h>

#include "base/sbuf.h"

/* Append the A-label of one U-label, folded first. False when it is none by UTS 46 either; without
 * memory *NO_MEMORY is set as well. */
bool ulabel_to_ascii(struct sbuf *out, struct slice label, bool *no_memory);

#endif
