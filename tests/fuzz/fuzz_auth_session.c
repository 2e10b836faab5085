/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a conversation on an auth or userdb listener. The first byte chooses the protocol
 * and the size of the pieces. In pieces or whole, the same is answered, in whole lines.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "session/auth_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct account_rules rules = {
	.home = "/v/%d/%n", .mail = "maildir:~/%u", .uid = 5000, .gid = 5000
};

/* Somebody or nobody, as the sum of the name's bytes has it. */
static enum outcome
judge(const struct auth_request *r, struct account *a)
{
	unsigned sum = 0;

	for (size_t i = 0; i < r->user.n; i++)
		sum += (unsigned char)r->user.p[i];
	sbuf_add_slice(&a->address, sbuf_slice(&r->user));
	a->quota = sum;
	return (enum outcome)(sum % (BAD + 1));
}

static bool
answer(struct auth_session *s, struct sbuf *out)
{
	struct auth_request r = s->request;
	struct account a;
	enum outcome o;
	bool ok;

	auth_request_init(&s->request);
	account_init(&a);
	o = judge(&r, &a);
	if (r.ask == AUTH_ASK_LIST)
		ok = auth_session_list_user(&r, sbuf_slice(&r.service), out) &&
		     auth_session_list_end(&r, o, out);
	else
		ok = auth_session_answer(s, &r, o, o == FOUND ? &a : NULL, &rules, out);
	account_release(&a);
	auth_request_release(&r);
	return ok;
}

/* Show the session all of IN, moved to memory of exactly its size; false when it has had enough. */
static bool
show(struct auth_session *s, struct sbuf *in, struct sbuf *out)
{
	char *copy = malloc(in->n == 0 ? 1 : in->n);
	struct slice view;
	enum auth_want want;

	if (copy == NULL)
		abort();
	memcpy(copy, sbuf_cstr(in), in->n);
	view = slice_of(copy, in->n);
	do
		want = auth_session_step(s, &view, out);
	while (want == AUTH_WANT_ANSWER && answer(s, out));
	sbuf_drop(in, in->n - view.n);
	free(copy);
	return want == AUTH_WANT_INPUT;
}

static void
talk(enum protocol protocol, struct slice data, size_t piece, struct sbuf *out)
{
	static const unsigned char cookie[16];
	struct auth_session s;
	struct sbuf in;
	bool open = true;

	sbuf_init(&in, 1 << 20);
	auth_session_init(&s, protocol);
	auth_session_greet(&s, 1, 2, cookie, out);
	while (data.n > 0 && open) {
		sbuf_add_slice(&in, slice_head(data, piece));
		data = slice_tail(data, piece);
		open = show(&s, &in, out);
	}
	auth_session_release(&s);
	sbuf_release(&in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sbuf whole, pieces;
	enum protocol protocol;
	struct slice said;

	if (size < 1 || size > 1 << 16)
		return 0;
	said = slice_of((const char *)data + 1, size - 1);
	protocol = data[0] & 1 ? PROTOCOL_USERDB : PROTOCOL_AUTH;
	sbuf_init(&whole, 1 << 24);
	sbuf_init(&pieces, 1 << 24);
	talk(protocol, said, size, &whole);
	talk(protocol, said, (size_t)(data[0] >> 1) + 1, &pieces);
	if (!slice_eq(sbuf_slice(&whole), sbuf_slice(&pieces)))
		abort();
	if (whole.failed || whole.p[whole.n - 1] != '\n' || strlen(whole.p) != whole.n)
		abort();
	sbuf_release(&whole);
	sbuf_release(&pieces);
	return 0;
}
