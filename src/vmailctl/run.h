/* SPDX-License-Identifier: ISC
 *
 * Running a command: once, for every line of standard input, for good or only to see what would
 * come of it.
 */
#ifndef VMAILCTL_RUN_H
#define VMAILCTL_RUN_H

#include "vmailctl/cmd.h"

/* Run what the command line asks for. */
enum exit_code run_command(struct ctl *ctl);

/* Tell whether its arguments come from standard input: the command can do that, and - is all that
 * is given. */
bool run_is_many(const struct ctl *ctl);

/* The store was opened: begin the transaction that many lines, or a dry run, are made in. */
enum outcome run_batch_begin(struct ctl *ctl);

#endif
