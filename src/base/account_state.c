/* SPDX-License-Identifier: ISC
 *
 * The table of account states.
 */
#include "base/account_state.h"

static const struct {
	const char *name;
	bool receives, sends;
} states[] = {
	[STATE_ACTIVE] = { "active", true, true },
	[STATE_RECEIVE_ONLY] = { "receive-only", true, false },
	[STATE_SEND_ONLY] = { "send-only", false, true },
	[STATE_SUSPENDED] = { "suspended", false, false },
};

const char *
account_state_name(enum account_state s)
{
	return states[s].name;
}

bool
account_state_by_name(struct slice name, enum account_state *out)
{
	for (size_t s = 0; s < sizeof states / sizeof states[0]; s++) {
		if (slice_is(name, states[s].name)) {
			*out = (enum account_state)s;
			return true;
		}
	}
	return false;
}

bool
account_state_receives(enum account_state s)
{
	return states[s].receives;
}

bool
account_state_sends(enum account_state s)
{
	return states[s].sends;
}

/* What vmail-checkpassword is for may be either, when its caller does not say. */
bool
account_state_serves(enum account_state s, struct slice service)
{
	bool sending = slice_is(service, "smtp") || slice_is(service, "submission");

	if (slice_is(service, "checkpassword"))
		return account_state_sends(s) && account_state_receives(s);
	return sending ? account_state_sends(s) : account_state_receives(s);
}
