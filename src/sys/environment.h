/* SPDX-License-Identifier: ISC
 *
 * What a service manager says by environment variables.
 */
#ifndef SYS_ENVIRONMENT_H
#define SYS_ENVIRONMENT_H

#include <stdlib.h>

#include "base/slice.h"

/* Read the number of variable NAME, which is to be MAX at most; false when there is none. */
static inline bool
environment_number(const char *name, unsigned long long max, unsigned long long *out)
{
	const char *text = getenv(name);

	return text != NULL && slice_number(slice_str(text), max, out);
}

#endif
