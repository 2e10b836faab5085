/* SPDX-License-Identifier: ISC
 *
 * Pattern aliases: `*` stands for any run of characters, everything else for itself.
 */
#ifndef MAIL_GLOB_H
#define MAIL_GLOB_H

#include <stdbool.h>

#include "base/slice.h"

/* Tell whether TEXT matches PATTERN, in time bounded by the product of their lengths. */
bool glob_match(struct slice pattern, struct slice text);

#endif
