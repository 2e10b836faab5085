/* SPDX-License-Identifier: ISC
 *
 * The file's text, made ready for libconfuse.
 */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include "base/outcome.h"
#include "base/sbuf.h"

enum { SOURCE_MAX = 1 << 20 };

/* Append the text of FILE (NULL: of the default file, or nothing when that does not exist), with
 * blanks in place of comments. *CLOSED: nobody can read it but its owner and its group. BAD or
 * RETRY when it cannot be had. */
enum outcome source_read(struct sbuf *text, const char *file, bool *closed, struct error *err);

#endif
