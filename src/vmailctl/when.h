/* SPDX-License-Identifier: ISC
 *
 * Moments as an admin writes them.
 */
#ifndef VMAILCTL_WHEN_H
#define VMAILCTL_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#define WHEN_FORMS "2030-12-31, 2030-12-31T18:00, +30d, +12h or never"

/* Read one of WHEN_FORMS, dates by the clock of this host and the others from NOW on, as unix
 * seconds; `never` is 0. False when it is none of them. */
bool when_parse(const char *text, int64_t now, int64_t *out);

#define WHEN_AGO "2030-12-31, 2030-12-31T18:00, 30d, 12h or 10m ago"

/* Read one of WHEN_AGO, as when_parse does, spans back from NOW. */
bool when_ago(const char *text, int64_t now, int64_t *out);

#endif
