/* SPDX-License-Identifier: ISC
 *
 * Long output on a terminal, page by page. Whether stdout is a terminal is asked here and nowhere
 * else, for behind a pager it still leads to one.
 */
#ifndef VMAILCTL_PAGER_H
#define VMAILCTL_PAGER_H

#include <stdbool.h>
#include <stddef.h>

/* Tell whether a human reads stdout. */
bool pager_is_terminal(void);

/* How many columns that terminal has. */
unsigned pager_columns(void);

/* How much of TEXT goes on a line of WIDTH: to the last blank that fits, or else to the first. */
size_t text_line(const char *text, size_t width);

/* Send stdout through $PAGER, or less, from here on. Does nothing where stdout is no terminal,
 * where PAGER is empty or "cat", where no pager can be started, and the second time. */
void pager_start(void);

/* Wait until the pager has been left, once stdout has been flushed. False when it could not be run:
 * nobody has seen anything then. */
bool pager_end(void);

#endif
