/* SPDX-License-Identifier: ISC
 *
 * What lies beside a store while it is restored: the file that what it was is kept in, and the lock
 * that lets one restore at a time get there. Nothing that has a name already is overwritten.
 */
#ifndef STORE_KEEP_H
#define STORE_KEEP_H

#include "base/outcome.h"

/* Give the first of NAME, NAME-1, NAME-2 and so on that nothing can be lost by taking: no file has
 * it, nor does one have it as its log. NULL without memory; the caller frees it. */
char *keep_name(const char *name);

/* Take that name, by an empty file. FOUND with the name in *OUT, which keep_end frees; RETRY. */
enum outcome keep_begin(char **out, const char *name, struct error *err);

/* Give the name back when nothing was kept. Returns KEPT when something was, for the caller to
 * free; else NULL. KEPT may be NULL. */
char *keep_end(char *kept);

/* Be the only one who restores by way of the file STAGE. FOUND; RETRY when somebody else is. */
struct keep_lock {
	char *path;
	int fd;
};
enum outcome keep_lock(struct keep_lock *lock, const char *stage, struct error *err);
void keep_unlock(struct keep_lock *lock);

#endif
