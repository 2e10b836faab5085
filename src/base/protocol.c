/* SPDX-License-Identifier: ISC
 *
 * The table of protocols.
 */
#include "base/protocol.h"

#include <string.h>

static const struct {
	const char *name;
	enum protocol_side side;
} protocols[PROTOCOLS] = {
	[PROTOCOL_SOCKETMAP] = { "socketmap", SIDE_LOOKUP },
	[PROTOCOL_TCP] = { "tcp", SIDE_LOOKUP },
	[PROTOCOL_POLICY] = { "policy", SIDE_LOOKUP },
	[PROTOCOL_AUTH] = { "auth", SIDE_AUTH },
	[PROTOCOL_USERDB] = { "userdb", SIDE_AUTH },
	[PROTOCOL_METRICS] = { "metrics", SIDE_METRICS },
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

enum protocol_side
protocol_side(enum protocol p)
{
	return protocols[p].side;
}
