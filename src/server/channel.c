/* SPDX-License-Identifier: ISC
 *
 * Messages of two bytes, and perhaps a descriptor, between keeper and supervisor.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper.h"

union one_descriptor {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

bool
channel_tell(int channel, char what, char note, int fd)
{
	char bytes[2] = { what, note };
	struct iovec data = { bytes, sizeof bytes };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
	union one_descriptor along = { { 0 } };
	struct cmsghdr *c;

	if (fd >= 0) {
		m.msg_control = &along;
		m.msg_controllen = sizeof along;
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	return sendmsg(channel, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof bytes;
}

int
channel_take(int channel, char *note, int *fd)
{
	char bytes[2] = { 0 };
	struct iovec data = { bytes, sizeof bytes };
	union one_descriptor along;
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &along,
		.msg_controllen = sizeof along };
	ssize_t n = recvmsg(channel, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;

	*fd = -1;
	if (n < 0)
		return errno == ECONNRESET ? 0 : -1;
	if (n == 0)
		return 0;
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(fd, CMSG_DATA(c), sizeof *fd);
	*note = bytes[1];
	return (unsigned char)bytes[0];
}
