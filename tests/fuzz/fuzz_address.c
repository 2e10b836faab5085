/* SPDX-License-Identifier: ISC
 *
 * Any bytes as an address: what parses prints, and what is printed is its own canonical form.
 */
#include <stdint.h>
#include <stdlib.h>

#include "mail/address.h"
#include "mail/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_canonical(struct slice in)
{
	struct address a, b;
	struct sbuf once, twice;

	sbuf_init(&once, 1 << 16);
	sbuf_init(&twice, 1 << 16);
	if (address_parse(&a, in)) {
		must(address_base(address_local(&a), "+-") <= a.local_n);
		must(address_print(&once, &a));
		if (once.n <= ADDRESS_MAX) {
			must(address_parse(&b, sbuf_slice(&once)));
			must(address_print(&twice, &b));
			must(slice_eq(sbuf_slice(&once), sbuf_slice(&twice)));
		}
	}
	sbuf_release(&once);
	sbuf_release(&twice);
}

/* What the rules let into a store can be found again by its own name. */
static void
check_rules(struct slice in)
{
	struct error err;
	struct address a;
	struct sbuf out;

	sbuf_init(&out, 1 << 16);
	if (rules_mailbox(&out, in, &err) == FOUND) {
		struct sbuf again;

		sbuf_init(&again, 1 << 16);
		must(address_parse(&a, sbuf_slice(&out)) && address_print(&again, &a));
		must(slice_eq(sbuf_slice(&out), sbuf_slice(&again)));
		sbuf_release(&again);
	}
	sbuf_clear(&out);
	rules_alias(&out, in, &err);
	sbuf_clear(&out);
	rules_domain(&out, in, &err);
	sbuf_clear(&out);
	if (rules_targets(&out, &in, 1, &err) == FOUND)
		must(out.n > 1 && out.p[out.n - 1] == '\n');
	sbuf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);

	check_canonical(in);
	check_rules(in);
	return 0;
}
