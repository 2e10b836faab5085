/* SPDX-License-Identifier: ISC
 *
 * unix:PATH and inet:HOST:PORT for the programs of the bench.
 */
#ifndef BENCH_ADDRESS_H
#define BENCH_ADDRESS_H

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef int address_use(int fd, const struct sockaddr *address, socklen_t n);

/* Make a non-blocking socket for ADDRESS and use it; -1 with errno. */
static inline int
address_socket(const char *address, address_use *use)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	char host[64], port[8];
	int fd, flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

	if (strncmp(address, "unix:", 5) == 0 && strlen(address + 5) < sizeof un.sun_path) {
		strcpy(un.sun_path, address + 5);
		fd = socket(AF_UNIX, flags, 0);
		if (fd >= 0 && use(fd, (struct sockaddr *)&un, sizeof un) == 0)
			return fd;
	} else if (sscanf(address, "inet:%63[^:]:%7[0-9]", host, port) == 2 &&
		   getaddrinfo(host, port, &hints, &found) == 0) {
		fd = socket(found->ai_family, flags, 0);
		if (fd >= 0 && use(fd, found->ai_addr, found->ai_addrlen) == 0)
			return fd;
	} else
		errno = EINVAL;
	return -1;
}

static int address_backlog;

static inline int
address_bind(int fd, const struct sockaddr *address, socklen_t n)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	return bind(fd, address, n) == 0 && listen(fd, address_backlog) == 0 ? 0 : -1;
}

static inline int
address_listen(const char *address, int backlog)
{
	address_backlog = backlog;
	return address_socket(address, address_bind);
}

static inline int
address_join(int fd, const struct sockaddr *address, socklen_t n)
{
	return connect(fd, address, n) == 0 || errno == EINPROGRESS ? 0 : -1;
}

static inline int
address_connect(const char *address)
{
	return address_socket(address, address_join);
}

#endif
