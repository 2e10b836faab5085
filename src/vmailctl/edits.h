/* SPDX-License-Identifier: ISC
 *
 * Changes to other programs' configuration files, all or none: planned and shown first, the old
 * kept beside the new, each replaced in one step.
 */
#ifndef VMAILCTL_EDITS_H
#define VMAILCTL_EDITS_H

#include <sys/stat.h>

#include "base/outcome.h"
#include "base/sbuf.h"

enum { EDITS_MAX = 8, EDIT_PATH_MAX = 4096 };

struct edit {
	char path[EDIT_PATH_MAX];        /* links followed */
	char backup[EDIT_PATH_MAX + 64]; /* of the old text, once it was written; "" before */
	bool is_new;                     /* there was no such file */
	bool written;
	struct stat st;
	struct sbuf old;
	struct sbuf now; /* to be changed by the caller */
};

struct edits {
	struct edit edit[EDITS_MAX];
	size_t n;
};

void edits_init(struct edits *e);
void edits_release(struct edits *e);

/* Read the file PATH to be changed (once: a second call gives the same). One that is not there is
 * empty, and is made when NEW is set. NULL with ERR when it cannot be read. */
struct edit *edits_open(struct edits *e, const char *path, bool new, struct error *err);

/* Read a whole file in place of what is in OUT. */
bool edits_read(struct sbuf *out, const char *path);

bool edit_is_change(const struct edit *edit);
size_t edits_count(const struct edits *e); /* of those that are */

/* Append the change as `diff -u` shows it. */
void edit_put_diff(struct sbuf *out, const struct edit *edit);

/* Write all of them: the old text of each is copied to PATH.vmaild-TIME first. RETRY: nothing was
 * changed; so it is when a file is not what was read any more. */
enum outcome edits_write(struct edits *e, struct error *err);

/* Take back what edits_write did, but in a file that somebody has edited since. The copies stay. */
enum outcome edits_undo(struct edits *e, struct error *err);

#endif
