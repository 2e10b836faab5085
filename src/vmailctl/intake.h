/* SPDX-License-Identifier: ISC
 *
 * The files of an import: opened, their format found out, and read into a struct foreign.
 */
#ifndef VMAILCTL_INTAKE_H
#define VMAILCTL_INTAKE_H

#include "foreign/foreign.h"
#include "vmailctl/cmd.h"

struct input;

struct intake {
	struct input *input;
	size_t n;
};

/* Open the N files: each a path, "-" for standard input, or TABLE=PATH. RETRY: one cannot be read.
 */
enum outcome intake_open(struct intake *in, const char *const *file, size_t n, struct error *err);
void intake_close(struct intake *in);

/* Find out their format. FOUND when it is certain, else BAD. */
enum outcome intake_guess(
    struct intake *in, struct foreign *f, const struct format **out, struct error *err);

/* Read them all as the format that F was told to use. */
enum outcome intake_read(struct intake *in, struct foreign *f, struct error *err);

/* The whole of file I, and its name; false behind the last. */
bool intake_text(const struct intake *in, size_t i, const char **name, struct slice *text);

#endif
