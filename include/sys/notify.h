/* SPDX-License-Identifier: ISC
 *
 * sd_notify(3) and sd_watchdog_enabled(3) without the library: one datagram to $NOTIFY_SOCKET.
 */
#ifndef SYS_NOTIFY_H
#define SYS_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Tell the service manager STATE ("READY=1", ...), without waiting for it. False when it takes none
 * just now, and may later; true also when there is nobody to tell. */
bool notify(const char *state);

/* Forget a watchdog of the environment that waits for another process than this one. To be called
 * by the process that is the service manager's own, before it has children. */
void notify_keep_watchdog(void);

/* Return the milliseconds within which the service manager wants to hear that all is well, here or
 * from our parent; 0 when it does not. */
uint64_t notify_watchdog(void);

#endif
