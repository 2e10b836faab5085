/* SPDX-License-Identifier: ISC
 *
 * Asking whether something that is not easily mended is meant.
 */
#ifndef VMAILCTL_ASK_H
#define VMAILCTL_ASK_H

#include "vmailctl/cmd.h"

/* Ask on the terminal, unless --yes was given. EXIT_DONE for a yes. Without a terminal, and without
 * --yes, it is said that --yes is needed: EXIT_USAGE. EXIT_NOT for a no. */
enum exit_code ask_consent(struct ctl *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, where somebody who is not there is taken for a yes. */
enum exit_code ask_on_terminal(struct ctl *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
