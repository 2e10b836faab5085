/* SPDX-License-Identifier: ISC
 *
 * Memory from the kernel itself: a small file, which outlives the process that wrote it, or a big
 * piece that is no file's.
 */
#ifndef SYS_MAPPED_H
#define SYS_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/outcome.h"

/* Map the file PATH, made when it is not there (mode 0660) and brought to SIZE bytes; what is new
 * in it is zero. RETRY with a text when that cannot be done, or it is no file of ours to write. */
enum outcome mapped_open(void **out, const char *path, size_t size, struct error *err);

/* Map as much as there is of an existing file; *SIZE tells how much. NONE when there is no such
 * file, RETRY when it cannot be mapped. */
enum outcome mapped_existing(void **out, const char *path, size_t *size, struct error *err);

/* Get SIZE bytes of zeroes for what is looked for all over them: in large pages where there are
 * such, for of those the CPU knows where they are. NULL without memory. */
void *mapped_large(size_t size);

void mapped_close(void *memory, size_t size);

#endif
