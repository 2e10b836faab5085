/* SPDX-License-Identifier: ISC
 *
 * Passwords on their way in: asked for on a terminal or read from a pipe, kept in locked memory,
 * wiped.
 */
#ifndef VMAILCTL_SECRET_H
#define VMAILCTL_SECRET_H

#include "base/outcome.h"
#include "base/slice.h"

struct secret {
	char *p; /* sodium memory */
	size_t n;
};

/* Read one line of standard input. BAD when there is none, or one longer than any password. */
enum outcome secret_read(struct secret *out, struct error *err);

/* Ask twice on the terminal that standard input is, with echo off. BAD when the two differ. */
enum outcome secret_ask(struct secret *out, const char *address, struct error *err);

struct slice secret_slice(const struct secret *s);
void secret_free(struct secret *s);

#endif
