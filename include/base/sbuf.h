/* SPDX-License-Identifier: ISC
 *
 * Bytes we own: a buffer that grows up to a hard cap.
 *
 * A failed append (cap reached, no memory) leaves the contents as they were and marks the buffer
 * `failed`; the mark stays until clear. So a run of appends is checked once, at its end.
 */
#ifndef BASE_SBUF_H
#define BASE_SBUF_H

#include "base/slice.h"

struct sbuf {
	char *p;
	size_t n;    /* bytes in use */
	size_t size; /* bytes allocated */
	size_t max;  /* n never passes this */
	bool failed; /* an append did not fit since the last clear */
};

/* Start empty, with nothing allocated, never to hold more than MAX bytes. */
void sbuf_init(struct sbuf *b, size_t max);

/* Give the memory back; the buffer is empty and usable again. */
void sbuf_release(struct sbuf *b);

/* Give the memory back after overwriting all of it. For buffers that held a password. */
void sbuf_release_secret(struct sbuf *b);

/* Cut the contents to their first N bytes. */
static inline void
sbuf_truncate(struct sbuf *b, size_t n)
{
	if (n < b->n)
		b->n = n;
	if (b->p != NULL)
		b->p[b->n] = '\0';
}

/* Empty the buffer and forget a failure; the memory is kept. */
static inline void
sbuf_clear(struct sbuf *b)
{
	b->failed = false;
	sbuf_truncate(b, 0);
}

/* sbuf_room where the memory does not suffice. */
char *sbuf_more_room(struct sbuf *b, size_t n);

/* Make room for N more bytes at p + n and return that place, or NULL. */
static inline char *
sbuf_room(struct sbuf *b, size_t n)
{
	if (n <= b->max - b->n && n < b->size - b->n)
		return b->p + b->n;
	return sbuf_more_room(b, n);
}

/* Append; false when it did not fit (see `failed` above). */
static inline bool
sbuf_add(struct sbuf *b, const void *p, size_t n)
{
	char *to = sbuf_room(b, n);

	if (to == NULL)
		return false;
	if (n > 0)
		/* what is nowhere has no bytes:
		 * NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
		memcpy(to, p, n);
	b->n += n;
	b->p[b->n] = '\0';
	return true;
}

static inline bool
sbuf_add_slice(struct sbuf *b, struct slice s)
{
	return sbuf_add(b, s.p, s.n);
}

static inline bool
sbuf_add_str(struct sbuf *b, const char *s)
{
	return sbuf_add_slice(b, slice_str(s));
}

static inline bool
sbuf_add_chr(struct sbuf *b, char c)
{
	return sbuf_add(b, &c, 1);
}

bool sbuf_add_number(struct sbuf *b, size_t number);
bool sbuf_printf(struct sbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Drop the first N bytes. */
void sbuf_drop(struct sbuf *b, size_t n);

/* View the contents; the view ends with the next change. */
static inline struct slice
sbuf_slice(const struct sbuf *b)
{
	return slice_of(b->p, b->n);
}

/* The contents as a C string (a terminator is kept behind them), "" when nothing was ever added. */
static inline const char *
sbuf_cstr(const struct sbuf *b)
{
	return b->p == NULL ? "" : b->p;
}

#endif
