/* SPDX-License-Identifier: ISC
 *
 * What the store keeps in another form than a record has it, where that may not be what somebody
 * meant: to be told, for nothing is refused for it.
 */
#ifndef VMAILCTL_MENDED_H
#define VMAILCTL_MENDED_H

#include "store/record.h"

typedef void mended_fn(void *arg, const char *text);

/* Tell FN of each such thing in R. */
void mended_tell(const struct record *r, mended_fn *fn, void *arg);

#endif
