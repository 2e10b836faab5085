/* SPDX-License-Identifier: ISC
 *
 * The two halves of the sandbox that the kernel keeps.
 */
#ifndef SYS_SANDBOX_PARTS_H
#define SYS_SANDBOX_PARTS_H

#include "sys/sandbox.h"

/* Give up every system call that is not in ROLE's rows, or those of a REMOTE store. FOUND, NONE
 * when this kernel has no filters, RETRY. */
enum outcome filter_enter(enum sandbox_role role, bool remote, bool syslog, struct error *err);

/* Give up every file that is not in ROLE's rows, and connections. FOUND, NONE with a text when this
 * kernel knows less than all of it, RETRY. */
enum outcome landlock_enter(
    enum sandbox_role role, const struct sandbox_store *store, struct error *err);

#endif
