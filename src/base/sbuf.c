/* SPDX-License-Identifier: ISC
 *
 * Growable bytes with a hard cap. One spare byte is always kept for the terminator of sbuf_cstr.
 * Adding to one that has the room is in the header.
 */
#include "base/sbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
sbuf_init(struct sbuf *b, size_t max)
{
	*b = (struct sbuf){ .max = max };
}

void
sbuf_release(struct sbuf *b)
{
	free(b->p);
	sbuf_init(b, b->max);
}

void
sbuf_release_secret(struct sbuf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->size);
	sbuf_release(b);
}

static bool
fail(struct sbuf *b)
{
	b->failed = true;
	return false;
}

static bool
grow(struct sbuf *b, size_t need)
{
	size_t size = b->size < 64 ? 64 : b->size;
	char *p;

	while (size < need)
		size *= 2;
	if (size > b->max + 1)
		size = b->max + 1;
	p = malloc(size);
	if (p == NULL)
		return fail(b);
	if (b->p != NULL) {
		memcpy(p, b->p, b->n + 1);
		/* not realloc: that could leave a copy of a password behind */
		explicit_bzero(b->p, b->size);
		free(b->p);
	}
	b->p = p;
	b->p[b->n] = '\0';
	b->size = size;
	return true;
}

char *
sbuf_more_room(struct sbuf *b, size_t n)
{
	if (n > b->max - b->n) {
		b->failed = true;
		return NULL;
	}
	if (b->n + n + 1 > b->size && !grow(b, b->n + n + 1))
		return NULL;
	return b->p + b->n;
}

bool
sbuf_add_number(struct sbuf *b, size_t number)
{
	char digits[3 * sizeof number];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	return sbuf_add(b, digits + at, sizeof digits - at);
}

bool
sbuf_printf(struct sbuf *b, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return fail(b);
	to = sbuf_room(b, (size_t)n);
	if (to == NULL)
		return false;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
	return true;
}

void
sbuf_drop(struct sbuf *b, size_t n)
{
	if (n > b->n)
		n = b->n;
	if (n > 0)
		memmove(b->p, b->p + n, b->n - n);
	sbuf_truncate(b, b->n - n);
}
