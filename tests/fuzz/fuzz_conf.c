/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a configuration file, and as the address of a listener. What is taken is shown, and
 * what is shown is taken again and means the same; what is refused has a reason, of one line.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file that is nowhere, with this in it. */
static int
file_of(char path[64], const void *bytes, size_t n)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);

	assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static enum outcome
load(struct conf **out, const void *bytes, size_t n)
{
	struct error err = { "" };
	char path[64];
	int fd = file_of(path, bytes, n);
	enum outcome o = conf_load(out, path, &err);

	close(fd);
	assert(o == FOUND || o == BAD);
	assert((o == FOUND) == (err.text[0] == '\0'));
	for (const char *c = err.text; *c != '\0'; c++)
		assert((unsigned char)*c >= ' ' && *c != 0x7f);
	return o;
}

static void
show(struct sbuf *out, const struct conf *c)
{
	sbuf_init(out, 1 << 20);
	for (size_t i = 0; conf_key_at(i) != NULL; i++) {
		sbuf_printf(out, "%s = ", conf_key_at(i)->name);
		assert(conf_put_value(out, c, i));
		sbuf_add_chr(out, '\n');
	}
	for (size_t i = 0; i < c->listeners; i++) {
		assert(conf_put_listener(out, &c->listener[i]));
		sbuf_add_chr(out, '\n');
	}
}

static void
check_file(const uint8_t *data, size_t size)
{
	struct conf *c = NULL, *again = NULL;
	struct sbuf once, twice;

	if (load(&c, data, size) != FOUND) {
		assert(c == NULL);
		return;
	}
	show(&once, c);
	assert(load(&again, once.p, once.n) == FOUND);
	show(&twice, again);
	assert(slice_eq(sbuf_slice(&once), sbuf_slice(&twice)));
	sbuf_release(&once);
	sbuf_release(&twice);
	conf_free(c);
	conf_free(again);
}

static void
check_endpoint(const uint8_t *data, size_t size)
{
	struct error err = { "" };
	struct conf_endpoint e;
	char text[256];

	if (size >= sizeof text)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (conf_endpoint(&e, text, &err) != FOUND)
		assert(err.text[0] != '\0');
	else if (e.is_unix)
		assert(e.path[0] != '\0' && memchr(e.path, '\0', sizeof e.path) != NULL);
	else
		assert(e.host[0] != '\0' && e.port[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 1 << 14)
		return 0;
	check_file(data, size);
	check_endpoint(data, size);
	return 0;
}
