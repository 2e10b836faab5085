/* SPDX-License-Identifier: ISC
 *
 * The table of protocols.
 */
#include "base/protocol.h"

#include <string.h>

static const struct {
	const char *name;
	bool lookup;
} protocols[PROTOCOLS] = {
	[PROTOCOL_SOCKETMAP] = { "socketmap", true },
	[PROTOCOL_TCP] = { "tcp", true },
	[PROTOCOL_POLICY] = { "policy", true },
	[PROTOCOL_AUTH] = { "auth", false },
	[PROTOCOL_USERDB] = { "userdb", false },
};

const char *
protocol_name(enum protocol p)
{
	return protocols[p].name;
}

bool
protocol_by_name(const char *name, enum protocol *out)
{
	for (int p = 0; p < PROTOCOLS; p++) {
		if (strcmp(protocols[p].name, name) == 0) {
			*out = (enum protocol)p;
			return true;
		}
	}
	return false;
}

bool
protocol_is_lookup(enum protocol p)
{
	return protocols[p].lookup;
}
