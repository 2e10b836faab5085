/* SPDX-License-Identifier: ISC
 *
 * Single values as other systems write them.
 */
#ifndef FOREIGN_CONVERT_H
#define FOREIGN_CONVERT_H

#include <stdint.h>

#include "base/slice.h"

/* 1, t, true, y, yes, on; anything else is no. */
bool convert_yes(struct slice text);

/* Bytes: 5G, 1024M, 20971520, 10000000S,500C (Courier), in units of UNIT where none is said.
 * Nothing, 0, less than 0, and `unlimited' are none: 0. False when it is no size. */
bool convert_size(struct slice text, int64_t unit, int64_t *out);

/* Unix seconds of 2026-01-31[T]12:34:56 or of a plain number; UTC unless an offset is said. What is
 * no time, before 1971 or in the far future (9999-12-31), is 0. */
int64_t convert_time(struct slice text);

/* Take the next of a list with commas or white space between, quoted strings in one piece; false
 * behind the last. */
bool convert_next(struct slice *list, struct slice *out);

/* The value of a passwd-file's extra field, `userdb_quota_rule=...`; false when it is not there. */
bool convert_extra(struct slice extra, const char *name, struct slice *out);

#endif
