/* SPDX-License-Identifier: ISC
 *
 * Any bytes as what a server says to vmail-checkpassword: nobody is let in but by an answer that is
 * whole, free of control bytes and for the question that was asked; nobody is refused but by a
 * plain word. The first byte chooses the question. The socket is replaced by the bytes.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "checkpassword/ask.h"
#include "checkpassword/client.h"
#include "checkpassword/guard.h"
#include "wire/authline.h"

#include "../lib/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice said;

enum outcome
client_open(struct client *c, const struct conf *conf, enum protocol protocol, struct error *err)
{
	(void)conf;
	(void)protocol;
	(void)err;
	*c = (struct client){ .fd = -1, .path = "/socket" };
	return FOUND;
}

void
client_close(struct client *c)
{
	(void)c;
}

enum outcome
client_send(struct client *c, struct slice bytes, struct error *err)
{
	(void)c;
	(void)err;
	assert(bytes.n > 0 && bytes.p[bytes.n - 1] == '\n');
	return FOUND;
}

enum outcome
client_line(struct client *c, struct slice *line, struct error *err)
{
	size_t used;

	(void)c;
	if (authline_take(said, line, &used) != TAKEN)
		return error_set(err, RETRY, "the end");
	said = slice_tail(said, used);
	return FOUND;
}

void
guard_lock(const void *p, size_t n)
{
	(void)p;
	(void)n;
}

static void
check_found(const struct answer *a, const struct question *q)
{
	for (int f = 0; f < FIELDS; f++)
		for (size_t i = 0; i < a->field[f].n; i++)
			assert((unsigned char)a->field[f].p[i] >= ' ' && a->field[f].p[i] != 127);
	assert(a->field[FIELD_USER].n > 0);
	assert(!q->place_wanted || (a->field[FIELD_HOME].n > 0 && a->field[FIELD_UID].n > 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct conf conf;
	char secret[] = "harry@example.com\0alohomora";
	struct question q = { .user = slice_of(secret, 17),
		.password = slice_of(secret + 18, 9),
		.secret = secret,
		.secret_size = sizeof secret,
		.service = "imap",
		.remote = "192.0.2.1" };
	struct error err = { "" };
	struct slice copy;
	struct answer a;
	enum outcome o;

	if (size < 1)
		return 0;
	copy = bytes_copy(slice_of((const char *)data + 1, size - 1));
	said = copy;
	q.lookup = data[0] & 1;
	q.place_wanted = data[0] & 2;
	answer_init(&a);
	o = ask(&conf, &q, &a, &err);
	assert(o == FOUND || o == NONE || o == RETRY);
	if (o == FOUND)
		check_found(&a, &q);
	if (o == NONE)
		assert(memmem(copy.p, copy.n, q.lookup ? "NOTFOUND" : "FAIL", q.lookup ? 8 : 4) !=
		       NULL);
	if (o == RETRY)
		assert(err.text[0] != '\0');
	answer_release(&a);
	bytes_free(copy);
	return 0;
}
