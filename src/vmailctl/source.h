/* SPDX-License-Identifier: ISC
 *
 * Records out of a file, whatever it is: JSON lines, or a store (a backup).
 */
#ifndef VMAILCTL_SOURCE_H
#define VMAILCTL_SOURCE_H

#include "store/record.h"
#include "vmailctl/cmd.h"

enum { SOURCE_STDIN_MAX = 1 << 30 };

struct source {
	const char *file;    /* NULL: TEXT is no file's, and no line of it is named */
	struct store *store; /* it is one */
	struct sbuf text;    /* of standard input or a pipe, which can be read but once */
	bool in_memory;      /* FILE is in TEXT, as it is where there is no name, or "-" */
};

/* Read standard input to its end, behind what is in OUT. RETRY with a text. */
enum outcome source_stdin(struct sbuf *out, struct error *err);

/* Find out what FILE is ("-": JSON lines on standard input). RETRY with a text. */
enum outcome source_open(struct source *s, const char *file, struct error *err);
void source_close(struct source *s);

/* Hand every record to FN with the line it is in (0 in a store), until it gives RETRY. A line that
 * is refused, by the reader or by FN (BAD), is named on stderr; then BAD is the end of it. */
typedef enum outcome source_fn(void *arg, const struct record *r, size_t line, struct error *err);
enum outcome source_each(struct source *s, source_fn *fn, void *arg, struct error *err);

#endif
