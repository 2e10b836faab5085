/* SPDX-License-Identifier: ISC
 *
 * A socketmap client: one connection, one question, one answer.
 */
#include "vmailctl/live.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmailctl/listeners.h"
#include "wire/netstring.h"
#include "wire/socketmap.h"

enum {
	LIVE_SECONDS = 10, /* for each wait; Postfix itself would take 100 */
	REQUEST_MAX = 4 << 20
};

/* --- the connection --------------------------------------------------------------------------- */

static int
connect_to(int family, const struct sockaddr *address, socklen_t size)
{
	const struct timeval patience = { .tv_sec = LIVE_SECONDS };
	int saved, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, address, size) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
connect_unix(const struct conf_endpoint *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, e->path, strnlen(e->path, sizeof address.sun_path - 1));
	return connect_to(AF_UNIX, (const struct sockaddr *)&address, sizeof address);
}

static int
connect_inet(const struct conf_endpoint *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int fd = -1;

	errno = EADDRNOTAVAIL;
	if (getaddrinfo(e->host, e->port, &hints, &list) != 0)
		return -1;
	for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next)
		fd = connect_to(a->ai_family, a->ai_addr, a->ai_addrlen);
	freeaddrinfo(list);
	return fd;
}

int
live_connect(const struct conf_endpoint *e)
{
	return e->is_unix ? connect_unix(e) : connect_inet(e);
}

enum outcome
live_open(int *fd, const struct conf *conf, enum protocol protocol, struct error *err)
{
	const struct conf_listener *l = listener_for(conf, protocol, NULL);
	struct conf_endpoint e;
	enum outcome o;

	if (l == NULL)
		return error_set(err, RETRY,
		    "no listener in the configuration speaks %s: add 'listen "
		    "\"unix:/run/vmaild-%s.sock\" { protocol = %s }' and reload vmaild, see "
		    "vmaild.conf(5)",
		    protocol_name(protocol), protocol_name(protocol), protocol_name(protocol));
	o = conf_endpoint(&e, l->address, err);
	if (o != FOUND)
		return RETRY;
	*fd = live_connect(&e);
	if (*fd >= 0)
		return FOUND;
	return error_set(err, RETRY, "cannot ask vmaild at '%s': %s%s", l->address, strerror(errno),
	    errno == EACCES ? ": try as root" : ": does it run?");
}

/* --- the conversation ------------------------------------------------------------------------- */

enum outcome
live_send(int fd, struct slice s, struct error *err)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0)
			return error_set(err, RETRY, "cannot ask vmaild: %s", strerror(errno));
		s = slice_tail(s, (size_t)n);
	}
	return FOUND;
}

static enum outcome
receive(int fd, struct sbuf *in, struct slice *payload, struct error *err)
{
	size_t used;
	enum take t;

	while ((t = netstring_take(sbuf_slice(in), SOCKETMAP_REPLY_MAX, payload, &used)) == MORE) {
		char *room = sbuf_room(in, 4096);
		ssize_t n = room != NULL ? recv(fd, room, 4096, 0) : 0;

		if (n < 0)
			return error_set(err, RETRY, "no answer from vmaild: %s", strerror(errno));
		if (n == 0)
			return error_set(
			    err, RETRY, "vmaild closed the connection without an answer");
		in->n += (size_t)n;
	}
	return t == TAKEN ? FOUND : error_set(err, RETRY, "vmaild's answer is no netstring");
}

static enum outcome
read_reply(struct slice payload, struct sbuf *value, struct error *err)
{
	static const struct {
		const char *word;
		enum outcome outcome;
	} words[] = {
		{ "OK", FOUND },
		{ "NOTFOUND", NONE },
		{ "TEMP", RETRY },
		{ "TIMEOUT", RETRY },
		{ "PERM", BAD },
	};
	struct slice word = slice_cut(&payload, ' ');

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!slice_is(word, words[i].word))
			continue;
		if (words[i].outcome == FOUND)
			sbuf_add_slice(value, payload);
		else if (words[i].outcome != NONE)
			error_set(err, RETRY, "vmaild says: %.*s", (int)payload.n, payload.p);
		return words[i].outcome;
	}
	return error_set(err, RETRY, "vmaild gave an answer of another protocol");
}

enum outcome
live_ask(int fd, struct slice map, struct slice key, struct sbuf *value, struct error *err)
{
	struct sbuf request, framed, in;
	struct slice payload;
	enum outcome o;

	sbuf_init(&request, REQUEST_MAX);
	sbuf_init(&framed, REQUEST_MAX);
	sbuf_init(&in, SOCKETMAP_REPLY_MAX + 8192);
	sbuf_add_slice(&request, map);
	sbuf_add_chr(&request, ' ');
	sbuf_add_slice(&request, key);
	if (request.failed || !netstring_put(&framed, sbuf_slice(&request)))
		o = error_set(err, RETRY, "no memory for the question");
	else
		o = live_send(fd, sbuf_slice(&framed), err);
	if (o == FOUND)
		o = receive(fd, &in, &payload, err);
	if (o == FOUND)
		o = read_reply(payload, value, err);
	sbuf_release(&in);
	sbuf_release(&framed);
	sbuf_release(&request);
	return o;
}

enum outcome
live_lookup(const struct conf *conf, struct slice map, struct slice key, struct sbuf *value,
    struct error *err)
{
	int fd = -1;
	enum outcome o = live_open(&fd, conf, PROTOCOL_SOCKETMAP, err);

	if (o != FOUND)
		return o;
	o = live_ask(fd, map, key, value, err);
	close(fd);
	return o;
}

void
live_ended(struct lookup *l)
{
	const char *why = l->outcome == FOUND ? socketmap_objection(sbuf_slice(&l->value)) : NULL;
	struct error err;

	if (why == NULL)
		return;
	error_set(&err, RETRY, "%s", why);
	lookup_fail(l, &err);
}
