/* SPDX-License-Identifier: ISC
 *
 * A file that is mapped can be cut short by somebody else (a backup that is copied over it). Who
 * then reads what was behind the cut gets a signal, of which a process dies. This one does not: it
 * reads zeros, and is told that they mean nothing.
 */
#ifndef STORE_DB_BUS_H
#define STORE_DB_BUS_H

#include <stdbool.h>

/* Be ready for it, for all files that this process has mapped. False when that cannot be done: then
 * nothing should be mapped that others may cut. */
bool bus_catch(void);

/* Tell how often it has happened. */
unsigned bus_hits(void);

#endif
