/* SPDX-License-Identifier: ISC
 *
 * Passes on the names of files that are being made. What a signal ends has no time to look them up,
 * and signals are the program's business: so it is told in advance.
 */
#include "store/unfinished.h"

#include "store/store.h"

static store_unfinished_fn *told;

void
store_tell_unfinished(store_unfinished_fn *fn)
{
	told = fn;
}

void
unfinished_begin(const char *path)
{
	if (told != NULL)
		told(path, true);
}

void
unfinished_end(const char *path)
{
	if (told != NULL)
		told(path, false);
}
