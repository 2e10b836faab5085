/* SPDX-License-Identifier: ISC
 *
 * The four outcomes of everything that can be asked or done, and the text that explains one.
 *
 * "No such thing" and "could not look" never share a value: a mail is bounced for NONE and kept
 * for RETRY. Anything unexpected is RETRY.
 */
#ifndef BASE_OUTCOME_H
#define BASE_OUTCOME_H

enum outcome {
	FOUND, /* it is there; for a change: it is done */
	NONE,  /* it is certainly not there; for a password: it is wrong */
	RETRY, /* nobody knows just now: ask again later */
	BAD    /* the request itself is wrong; for a change: refused */
};

struct error {
	char text[512];
};

/* Write the explanation (E may be NULL) and return O, so that `return error_set(...)` reads well.
 * Lower case, no full stop: what failed, on what (in single quotes), and what to do. */
enum outcome error_set(struct error *e, enum outcome o, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef STATIC_ANALYSIS /* whoever reads one file at a time cannot know that it is O that comes     \
			  back */
#define error_set(e, o, ...) ((void)error_set(e, o, __VA_ARGS__), (o))
#endif

/* Name an outcome for logs and tests: "found", "none", "retry", "bad". */
const char *outcome_name(enum outcome o);

#endif
