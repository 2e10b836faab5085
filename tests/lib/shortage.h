/* SPDX-License-Identifier: ISC
 *
 * An allocator that fails when it is told to, in place of the whole program's, libraries and engine
 * included. A sanitizer does that itself: in such a build there is nothing to run. For one file of
 * a program.
 */
#ifndef TESTS_LIB_SHORTAGE_H
#define TESTS_LIB_SHORTAGE_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static struct {
	bool armed;
	bool lasting;  /* all that follow fail too */
	unsigned at;   /* the allocation that fails, from 1 */
	unsigned seen; /* since it was armed */
} shortage;

/* Let the allocation AT from now on fail (1 is the next), and if LASTING all behind it. */
static inline void
shortage_begin(unsigned at, bool lasting)
{
	shortage.at = at;
	shortage.lasting = lasting;
	shortage.seen = 0;
	shortage.armed = true;
}

static inline void
shortage_end(void)
{
	shortage.armed = false;
}

#ifndef __SANITIZE_ADDRESS__

static bool
is_short(void)
{
	if (!shortage.armed)
		return false;
	shortage.seen++;
	return shortage.lasting ? shortage.seen >= shortage.at : shortage.seen == shortage.at;
}

/* glibc's own, under the names that it keeps for whoever replaces the others */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static void *
no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

void *
malloc(size_t n)
{
	return is_short() ? no_memory() : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return is_short() ? no_memory() : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return is_short() ? no_memory() : __libc_realloc(p, n);
}

static const bool shortage_replaced = true;

#else
static const bool shortage_replaced = false;
#endif

#endif
