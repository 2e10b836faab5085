/* SPDX-License-Identifier: ISC
 *
 * Reading a configuration where it can do no harm.
 */
#ifndef SERVER_REHEARSAL_H
#define SERVER_REHEARSAL_H

#include "base/outcome.h"

/* Load and judge FILE (NULL: as conf_load) in a process of its own, and wait for it. FOUND: we can
 * do the same; RETRY or BAD with a text, also when that process did not survive it. */
enum outcome rehearse(const char *file, struct error *err);

#endif
