/* SPDX-License-Identifier: ISC
 *
 * Files that are there whole or not at all.
 */
#ifndef VMAILCTL_OUTFILE_H
#define VMAILCTL_OUTFILE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/outcome.h"

struct outfile {
	FILE *file;
	char *path; /* NULL: standard output */
	char *temporary;
};

/* Begin PATH, readable for its owner alone; NULL or "-" is standard output. RETRY with a text. */
enum outcome outfile_open(struct outfile *o, const char *path, struct error *err);

/* End it. If KEEP and all of it could be written, it takes its name now, with what it replaces
 * gone; else there is no trace of it. */
enum outcome outfile_close(struct outfile *o, bool keep, struct error *err);

#endif
