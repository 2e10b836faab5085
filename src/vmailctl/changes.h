/* SPDX-License-Identifier: ISC
 *
 * Changes as lines that a person reads: what would be, or was, added (+), changed (~) and removed
 * (-).
 */
#ifndef VMAILCTL_CHANGES_H
#define VMAILCTL_CHANGES_H

#include "vmailctl/cmd.h"

/* Append the line for a change: "~ user harry@example.com: quota 0 -> 5". */
void changes_put(struct sbuf *out, const struct change_row *row);

/* Count the changes of the transaction under way. */
enum outcome changes_count(struct ctl *ctl, size_t *n);

/* Print those of the transaction under way, which is a dry run. */
enum outcome changes_show(struct ctl *ctl);

/* Print those behind the change AFTER, up to LAST. */
enum outcome changes_print(struct ctl *ctl, int64_t after, int64_t last);

#endif
