/* SPDX-License-Identifier: ISC
 *
 * App passwords that come from another store: their hashes can be kept, and verify nothing.
 */
#ifndef VMAILCTL_STRANGE_H
#define VMAILCTL_STRANGE_H

#include "store/record.h"

/* Count the app passwords among the credentials of R that S has never had. */
size_t strange_app_passwords(struct store *s, const struct record *r);

#endif
