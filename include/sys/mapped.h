/* SPDX-License-Identifier: ISC
 *
 * A small file as memory, which outlives the process that wrote it.
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

void mapped_close(void *memory, size_t size);

#endif
