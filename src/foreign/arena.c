/* SPDX-License-Identifier: ISC
 *
 * Memory that is taken piece by piece and given back as a whole.
 */
#include "foreign/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 18, ALIGN = 16 };

struct chunk {
	struct chunk *before;
	size_t n, size;
};

/* What comes first in a chunk's bytes is aligned as whatever malloc gives. */
enum { CHUNK_HEAD = (sizeof(struct chunk) + ALIGN - 1) / ALIGN * ALIGN };

void *
arena_take(struct arena *a, size_t n)
{
	struct chunk *c = a->last;
	size_t want = (n + ALIGN - 1) / ALIGN * ALIGN;

	if (c == NULL || c->size - c->n < want) {
		size_t size = want > CHUNK ? want : CHUNK;

		c = malloc(CHUNK_HEAD + size);
		if (c == NULL) {
			a->failed = true;
			return NULL;
		}
		*c = (struct chunk){ .before = a->last, .size = size };
		a->last = c;
	}
	c->n += want;
	return (char *)c + CHUNK_HEAD + c->n - want;
}

struct slice
arena_keep(struct arena *a, struct slice text)
{
	char *p = arena_take(a, text.n + 1);

	if (p == NULL)
		return slice_of(NULL, 0);
	if (text.n > 0)
		memcpy(p, text.p, text.n);
	p[text.n] = '\0';
	return slice_of(p, text.n);
}

struct slice
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	int n;
	char *p;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	p = n >= 0 ? arena_take(a, (size_t)n + 1) : NULL;
	if (p != NULL)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return slice_of(p, p != NULL ? (size_t)n : 0);
}

/* Passwords were in there. */
void
arena_release(struct arena *a)
{
	while (a->last != NULL) {
		struct chunk *c = a->last;

		a->last = c->before;
		explicit_bzero(c, CHUNK_HEAD + c->size);
		free(c);
	}
}
