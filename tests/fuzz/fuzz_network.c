/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a list of networks, and behind the first LF a client's address. The canonical form
 * of a list is its own canonical form and has the same members; an address is in the network that
 * it counts for.
 */
#include <stdint.h>
#include <stdlib.h>

#include "auth/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_group(struct slice remote)
{
	struct sbuf group;

	sbuf_init(&group, NETWORK_GROUP_MAX);
	if (!network_group(&group, remote))
		abort();
	if (group.n > 0 && !network_list_has(sbuf_slice(&group), remote))
		abort();
	if (group.n == 0 && network_list_has(slice_str("0.0.0.0/0,::/0"), remote))
		abort();
	sbuf_release(&group);
}

/* Nobody gets in or is kept out by the mending. */
static void
check_mended(struct slice list, struct slice remote)
{
	struct sbuf once, twice;
	struct error err = { "" };

	sbuf_init(&once, NETWORK_LIST_MAX);
	sbuf_init(&twice, NETWORK_LIST_MAX);
	if (network_list_mend(&once, list, &err) == FOUND &&
	    (network_list_check(&twice, sbuf_slice(&once), &err) != FOUND ||
		!slice_eq(sbuf_slice(&once), sbuf_slice(&twice)) ||
		(once.n > 0 &&
		    network_list_has(list, remote) != network_list_has(sbuf_slice(&once), remote))))
		abort();
	sbuf_release(&once);
	sbuf_release(&twice);
}

static void
check_list(struct slice list, struct slice remote)
{
	struct sbuf once, twice;
	struct error err = { "" };

	sbuf_init(&once, NETWORK_LIST_MAX);
	sbuf_init(&twice, NETWORK_LIST_MAX);
	if (network_list_check(&once, list, &err) == FOUND) {
		if (network_list_check(&twice, sbuf_slice(&once), &err) != FOUND ||
		    !slice_eq(sbuf_slice(&once), sbuf_slice(&twice)))
			abort();
		if (once.n > 0 &&
		    network_list_has(list, remote) != network_list_has(sbuf_slice(&once), remote))
			abort();
	} else if (once.n > 0 || err.text[0] == '\0') {
		abort();
	}
	sbuf_release(&once);
	sbuf_release(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice remote = slice_of((const char *)data, size);
	struct slice list = slice_cut(&remote, '\n');

	check_group(remote);
	check_list(list, remote);
	check_mended(list, remote);
	return 0;
}
