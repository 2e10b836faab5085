/* SPDX-License-Identifier: ISC
 *
 * sd_notify(3) without the library: one datagram to $NOTIFY_SOCKET.
 */
#ifndef SYS_NOTIFY_H
#define SYS_NOTIFY_H

/* Tell the service manager STATE ("READY=1", ...); silently nothing when there is none. */
void notify(const char *state);

#endif
