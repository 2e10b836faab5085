/* SPDX-License-Identifier: ISC
 *
 * A connection to one of vmaild's auth sockets. It blocks: the helper has a deadline for
 * everything.
 *
 * Every function returns FOUND when it is done, and RETRY with a text naming the socket otherwise.
 */
#ifndef SRC_CHECKPASSWORD_CLIENT_H
#define SRC_CHECKPASSWORD_CLIENT_H

#include "base/outcome.h"
#include "base/sbuf.h"
#include "conf/conf.h"

struct client {
	int fd;
	char path[108]; /* for messages */
	struct sbuf in;
	size_t taken; /* bytes of the line that was handed out last */
};

/* Connect to the first listener of that protocol, among the unix ones of CONF, that lets us in. */
enum outcome client_open(
    struct client *c, const struct conf *conf, enum protocol protocol, struct error *err);

void client_close(struct client *c);

/* Send all of BYTES. */
enum outcome client_send(struct client *c, struct slice bytes, struct error *err);

/* Wait for the next line; *LINE is a view that ends with the next call. */
enum outcome client_line(struct client *c, struct slice *line, struct error *err);

#endif
