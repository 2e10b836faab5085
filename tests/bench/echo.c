/* SPDX-License-Identifier: ISC
 *
 * The limit: a socketmap server that looks nothing up. It reads a request, and says OK and the key.
 * Plain libevent events and buffers of its own, as vmaild's; what vmaild costs more is the lookup.
 *
 *	echo unix:PATH | inet:HOST:PORT
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"

enum { IN_MAX = 4096, OUT_MAX = 2 * IN_MAX, BACKLOG = 4096 };

struct peer {
	struct event event;
	size_t n;
	char in[IN_MAX];
};

static struct event_base *base;

static void
drop(struct peer *p)
{
	event_del(&p->event);
	close(event_get_fd(&p->event));
	free(p);
}

/* Take one request off the front of what came in: how many bytes it had, 0 for not whole yet, -1
 * for nonsense. The key is behind the blank. */
static long
take(const char *in, size_t n, const char **key, size_t *key_n)
{
	size_t length = 0, i = 0;
	const char *blank;

	while (i < n && in[i] >= '0' && in[i] <= '9' && length < IN_MAX)
		length = 10 * length + (size_t)(in[i++] - '0');
	if (i == n)
		return 0;
	if (in[i] != ':' || length > IN_MAX)
		return -1;
	if (n < i + length + 2)
		return 0;
	blank = memchr(in + i + 1, ' ', length);
	if (blank == NULL || in[i + 1 + length] != ',')
		return -1;
	*key = blank + 1;
	*key_n = length - (size_t)(blank + 1 - (in + i + 1));
	return (long)(i + length + 2);
}

static void
on_input(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	ssize_t got = read(fd, p->in + p->n, sizeof p->in - p->n);
	size_t used = 0, out_n = 0, key_n;
	char out[OUT_MAX];
	const char *key;
	long one;

	(void)what;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		drop(p);
		return;
	}
	p->n += (size_t)got;
	while ((one = take(p->in + used, p->n - used, &key, &key_n)) > 0) {
		out_n += (size_t)snprintf(
		    out + out_n, sizeof out - out_n, "%zu:OK %.*s,", key_n + 3, (int)key_n, key);
		used += (size_t)one;
	}
	p->n -= used;
	memmove(p->in, p->in + used, p->n);
	if (one < 0 || (out_n > 0 && write(fd, out, out_n) != (ssize_t)out_n))
		drop(p);
}

static void
on_client(evutil_socket_t fd, short what, void *arg)
{
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
	struct peer *p;

	(void)what;
	(void)arg;
	if (client < 0)
		return;
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* no matter on unix */
	p = malloc(sizeof *p);
	if (p == NULL) {
		close(client);
		return;
	}
	p->n = 0;
	event_assign(&p->event, base, client, EV_READ | EV_PERSIST, on_input, p);
	event_add(&p->event, NULL);
}

int
main(int argc, char *argv[])
{
	struct event listener;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: echo unix:PATH | inet:HOST:PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	fd = address_listen(argv[1], BACKLOG);
	base = event_base_new();
	if (fd < 0 || base == NULL) {
		fprintf(stderr, "echo: cannot listen on '%s': %s\n", argv[1], strerror(errno));
		return 1;
	}
	event_assign(&listener, base, fd, EV_READ | EV_PERSIST, on_client, NULL);
	event_add(&listener, NULL);
	puts("ready");
	fflush(stdout);
	event_base_dispatch(base);
	return 0;
}
