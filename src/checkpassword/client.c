/* SPDX-License-Identifier: ISC
 *
 * Connecting, sending, reading lines. What they say is left to ask.c.
 */
#include "checkpassword/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/authline.h"

enum { READ_SIZE = 4096 };

/* Connect to a socket file; its descriptor, or -1 with errno set. */
static int
connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int why;

	if (fd < 0)
		return -1;
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	why = errno;
	close(fd);
	errno = why;
	return -1;
}

enum outcome
client_open(struct client *c, const struct conf *conf, enum protocol protocol, struct error *err)
{
	*c = (struct client){ .fd = -1 };
	sbuf_init(&c->in, AUTHLINE_MAX + READ_SIZE);
	error_set(err, RETRY, "the configuration has no unix listener with protocol = %s",
	    protocol_name(protocol));
	for (size_t i = 0; i < conf->listeners && c->fd < 0; i++) {
		const struct conf_listener *l = &conf->listener[i];
		struct conf_endpoint at;

		if (l->protocol != protocol || conf_endpoint(&at, l->address, NULL) != FOUND ||
		    !at.is_unix)
			continue;
		memcpy(c->path, at.path, sizeof c->path);
		c->fd = connect_unix(c->path);
		if (c->fd < 0)
			error_set(
			    err, RETRY, "cannot connect to '%s': %s", c->path, strerror(errno));
	}
	return c->fd < 0 ? RETRY : error_set(err, FOUND, "%s", "");
}

void
client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	sbuf_release(&c->in);
}

enum outcome
client_send(struct client *c, struct slice bytes, struct error *err)
{
	while (bytes.n > 0) {
		ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return error_set(
			    err, RETRY, "cannot write to '%s': %s", c->path, strerror(errno));
		bytes = slice_tail(bytes, n < 0 ? 0 : (size_t)n);
	}
	return FOUND;
}

/* Read what is there, at least one byte. */
static enum outcome
fill(struct client *c, struct error *err)
{
	char *to = sbuf_room(&c->in, READ_SIZE);
	ssize_t n;

	if (to == NULL)
		return error_set(err, RETRY, "no memory for the answer of '%s'", c->path);
	do
		n = read(c->fd, to, READ_SIZE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_set(err, RETRY, "cannot read from '%s': %s", c->path, strerror(errno));
	if (n == 0)
		return error_set(
		    err, RETRY, "'%s' closed the connection without an answer", c->path);
	c->in.n += (size_t)n;
	return FOUND;
}

enum outcome
client_line(struct client *c, struct slice *line, struct error *err)
{
	enum outcome o = FOUND;
	enum take got;

	sbuf_drop(&c->in, c->taken);
	c->taken = 0;
	while ((got = authline_take(sbuf_slice(&c->in), line, &c->taken)) == MORE && o == FOUND)
		o = fill(c, err);
	if (o == FOUND && got != TAKEN)
		o = error_set(err, RETRY, "'%s' sent a line without an end", c->path);
	return o;
}
