/* SPDX-License-Identifier: ISC
 *
 * The addresses of listen sections: "unix:/path", "inet:host:port", "inet:[v6]:port". Names are not
 * resolved here.
 */
#include "conf/conf.h"

#include <string.h>

#include "base/slice.h"

static bool
copy(char *to, size_t size, struct slice s)
{
	if (s.n == 0 || s.n >= size || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return true;
}

static enum outcome
unix_endpoint(struct conf_endpoint *out, struct slice path, struct error *err)
{
	if (!slice_starts(path, "/"))
		return error_set(err, BAD, "'unix:' needs an absolute path");
	if (!copy(out->path, sizeof out->path, path))
		return error_set(err, BAD,
		    "the path is %zu bytes long, and a unix socket's path has at most %zu", path.n,
		    sizeof out->path - 1);
	for (size_t i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] < ' ' || path.p[i] == 0x7f)
			return error_set(err, BAD, "the path is not printable");
	out->is_unix = true;
	return FOUND;
}

/* "host:port" or "[v6]:port"; a bare v6 address is refused, nobody can tell where it ends. */
static bool
split(struct slice at, struct slice *host, struct slice *port)
{
	bool bracketed = slice_starts(at, "[");
	size_t colon;

	if (!slice_rchr(at, ':', &colon))
		return false;
	*host = slice_head(at, colon);
	*port = slice_tail(at, colon + 1);
	if (bracketed) {
		if (!slice_ends(*host, "]"))
			return false;
		*host = slice_head(slice_tail(*host, 1), host->n - 2);
	}
	return slice_chr(*host, ':', &colon) == bracketed;
}

static bool
is_host(struct slice host)
{
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];
		bool alnum =
		    (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!alnum && (c == '\0' || strchr(".-_:%", c) == NULL))
			return false;
	}
	return true;
}

static enum outcome
inet_endpoint(struct conf_endpoint *out, struct slice at, struct error *err)
{
	struct slice host, port;
	unsigned long long n;

	if (!split(at, &host, &port) || !is_host(host) || !copy(out->host, sizeof out->host, host))
		return error_set(err, BAD, "say 'inet:host:port' or 'inet:[v6 address]:port'");
	if (!slice_number(port, 65535, &n) || n == 0 || !copy(out->port, sizeof out->port, port))
		return error_set(err, BAD, "the port must be a number from 1 to 65535");
	return FOUND;
}

enum outcome
conf_endpoint(struct conf_endpoint *out, const char *address, struct error *err)
{
	struct slice s = slice_str(address);

	memset(out, 0, sizeof *out);
	if (slice_starts(s, "unix:"))
		return unix_endpoint(out, slice_tail(s, strlen("unix:")), err);
	if (slice_starts(s, "inet:"))
		return inet_endpoint(out, slice_tail(s, strlen("inet:")), err);
	return error_set(err, BAD, "say 'unix:/path' or 'inet:host:port'");
}
