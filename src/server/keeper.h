/* SPDX-License-Identifier: ISC
 *
 * The first process: what the service manager knows by its number. It passes signals on to the
 * supervisor and the supervisor's state to the service manager, and puts a newer program in the
 * supervisor's place. It reads nothing but signals and the letters below.
 */
#ifndef SERVER_KEEPER_H
#define SERVER_KEEPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "sys/privs.h"

/* What is said between the keeper and a supervisor, whatever version either is of: a message is one
 * of these and what is noted behind it. */
enum {
	TELL_RELOAD = 'H',
	TELL_STOP = 'T',      /* and the number of the signal */
	TELL_HAND_OVER = 'U', /* answered by SAY_SOCKETs and SAY_HANDED_OVER */
	TELL_LEAVE = 'Q',     /* another one has the sockets */

	SAY_READY = 'R',
	SAY_RELOADING = 'L',
	SAY_STOPPING = 'S',
	SAY_TURNING = 'W', /* and so are the workers */
	SAY_SOCKET = 'F',  /* and 1 when it is ours, 0 when it was lent; a descriptor comes along */
	SAY_HANDED_OVER = 'E',
	SAY_QUIET = 'D' /* after TELL_LEAVE: no more clients are taken */
};

/* Tell the other end of CHANNEL; with FD not negative, hand it over as well. False when that cannot
 * be done without waiting. */
bool channel_tell(int channel, char what, char note, int fd);

/* Take the next message: its letter, 0 at the end of the channel, -1 when there is none. *FD is a
 * descriptor that came along, or -1. */
int channel_take(int channel, char *note, int *fd);

struct keeper_birth {
	char **argv;
	pid_t supervisor;
	int channel; /* to it */
	bool syslog;
	char format[8]; /* of log lines, by name */
};

/* Keep that supervisor, and those that take its place, until the last has ended; return the exit
 * status. The caller is the user whom they run as, and owns nothing else. */
int keeper_run(const struct keeper_birth *birth);

/* When this process is a keeper that has become a newer program: fill BIRTH, but for argv. */
bool keeper_renewed(struct keeper_birth *birth);

/* Tell whether this process was started by a keeper to be a supervisor; its end of the channel,
 * else -1. */
bool keeper_started_us(void);
int keeper_channel(void);

#endif
