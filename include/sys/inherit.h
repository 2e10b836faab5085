/* SPDX-License-Identifier: ISC
 *
 * Sockets that are handed to a program when it is started: sd_listen_fds(3) without the library,
 * and the giving side of it.
 */
#ifndef SYS_INHERIT_H
#define SYS_INHERIT_H

#include <stdbool.h>
#include <stddef.h>

enum { INHERIT_MAX = 512 };

struct inheritance {
	size_t n;
	struct inherited {
		int fd;
		bool ours; /* opened by a program of ours, which hands its sockets on for good */
	} at[INHERIT_MAX];
};

/* Take what LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES say is for this process, and forget the
 * three, lest children take it for theirs. The descriptors are closed on exec from then on. */
void inherit_take(struct inheritance *from);

/* When the process begins: close whatever else whoever started it had open. */
void inherit_drop_rest(void);

/* In a process that is about to exec: put the descriptors of WHAT, and KEPT behind them, where the
 * next program looks for them, and say so in its environment. Returns KEPT's new number, or -1. */
int inherit_give(const struct inheritance *what, int kept);

/* Close what is in it. */
void inherit_close(struct inheritance *what);

#endif
