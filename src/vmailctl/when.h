/* SPDX-License-Identifier: ISC
 *
 * Moments as an admin writes them.
 */
#ifndef VMAILCTL_WHEN_H
#define VMAILCTL_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* The end of the year 9999: beyond it a date is written in no form that is read again. */
#define WHEN_LAST INT64_C(253402300799)

#define WHEN_FORMS "2030-12-31, 2030-12-31T18:00, +30d, +12h, +10m or never"

/* Read one of WHEN_FORMS, dates by the clock of this host and the others from NOW on, as unix
 * seconds; `never` is 0. False when it is none of them. */
bool when_parse(const char *text, int64_t now, int64_t *out);

#define WHEN_PAST_FORMS "2026-12-31, 2026-12-31T18:00, 90d, 12h or 10m"

/* Read one of WHEN_PAST_FORMS, the last three as spans back from NOW. False when it is none. */
bool when_past(const char *text, int64_t now, int64_t *out);

#endif
