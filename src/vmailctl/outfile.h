/* SPDX-License-Identifier: ISC
 *
 * Files that are there whole or not at all; and devices and pipes, which are written into.
 */
#ifndef VMAILCTL_OUTFILE_H
#define VMAILCTL_OUTFILE_H

#include <stdbool.h>
#include <stdio.h>

#include "vmailctl/place.h"

struct outfile {
	FILE *file;
	char *path;      /* NULL: standard output */
	char *temporary; /* NULL: it is written into what is there */
};

/* Begin PATH, readable for its owner alone; NULL or "-" is standard output. BAD with a text when
 * there is something that an export must not take the place of (vmailctl/place.h), RETRY with one
 * when it cannot be written. */
enum outcome outfile_open(struct outfile *o, struct ctl *ctl, const char *path);

/* End it. If KEEP and all of it could be written, it takes its name now, with what it replaces
 * gone; else there is no trace of it. */
enum outcome outfile_close(struct outfile *o, bool keep, struct error *err);

#endif
