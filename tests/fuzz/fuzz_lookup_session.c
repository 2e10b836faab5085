/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a conversation on a lookup listener. The first byte chooses the protocol, the size
 * of the pieces and when the store fails. In pieces or whole, the replies are the same; none is an
 * empty OK.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/memdir.h"
#include "session/lookup_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char directory[] = "domain d.test mailbox\n"
				"domain al.test alias d.test\n"
				"domain h.test local\n"
				"mailbox user@d.test\n"
				"mailbox c@d.test\n"
				"alias a@d.test b@o.test c@d.test\n"
				"alias m@d.test @other.test\n"
				"alias void@d.test\n"
				"alias x@d.test y@d.test\n"
				"alias y@d.test x@d.test\n"
				"alias g@d.test g+g@d.test\n"
				"alias closed@d.test a@d.test x@d.test g@d.test\n"
				"closed closed@d.test\n"
				"alias root a@d.test\n"
				"alias @d.test c@d.test\n";

static void
talk(enum protocol protocol, struct slice data, size_t piece, unsigned fail_at, struct sbuf *out)
{
	struct lookup_rules rules = { "+-", true, 1000 };
	struct memdir d = { directory, fail_at };
	struct lookup_session s;
	struct policy policy;
	struct lookup l;
	struct sbuf in;
	enum want want = WANT_INPUT;

	lookup_init(&l);
	sbuf_init(&in, 1 << 20);
	policy_init(&policy);
	lookup_session_init(&s, protocol, slice_str("aliases"), &rules, &policy);
	while (data.n > 0 && want != WANT_CLOSE) {
		struct slice view;

		sbuf_add_slice(&in, slice_head(data, piece));
		data = slice_tail(data, piece);
		view = sbuf_slice(&in);
		while ((want = lookup_session_step(&s, &l, &view, out)) == WANT_FACTS)
			memdir_resolve(&d, &l);
		sbuf_drop(&in, in.n - view.n);
	}
	lookup_session_release(&s);
	policy_release(&policy);
	lookup_release(&l);
	sbuf_release(&in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sbuf whole, pieces;
	enum protocol protocol;

	if (size < 1 || size > 1 << 16)
		return 0;
	protocol = data[0] & 1 ? PROTOCOL_TCP : PROTOCOL_SOCKETMAP;
	if (data[0] & 1 && data[0] & 128)
		protocol = PROTOCOL_POLICY;
	sbuf_init(&whole, 1 << 22);
	sbuf_init(&pieces, 1 << 22);
	talk(
	    protocol, slice_of((const char *)data + 1, size - 1), size, (data[0] >> 1) & 7, &whole);
	talk(protocol, slice_of((const char *)data + 1, size - 1), (data[0] >> 4) + 1,
	    (data[0] >> 1) & 7, &pieces);
	if (!slice_eq(sbuf_slice(&whole), sbuf_slice(&pieces)))
		abort();
	if (strstr(sbuf_cstr(&whole), "3:OK ,") != NULL ||
	    strstr(sbuf_cstr(&whole), "\n200 \n") != NULL)
		abort();
	sbuf_release(&whole);
	sbuf_release(&pieces);
	return 0;
}
