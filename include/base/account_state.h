/* SPDX-License-Identifier: ISC
 *
 * What an account may do: the same in every map and at every login.
 */
#ifndef BASE_ACCOUNT_STATE_H
#define BASE_ACCOUNT_STATE_H

#include <stdbool.h>

#include "base/slice.h"

enum account_state {
	STATE_ACTIVE,
	STATE_RECEIVE_ONLY, /* gets mail and may read it; may not send */
	STATE_SEND_ONLY,    /* may send; gets no mail */
	STATE_SUSPENDED     /* neither */
};

/* Name a state as vmailctl and the store do ("active", "receive-only", "send-only", "suspended").
 */
const char *account_state_name(enum account_state s);
bool account_state_by_name(struct slice name, enum account_state *out);

/* Tell whether it gets mail, whether it may send, and whether it may log in to a service (smtp and
 * submission are for sending, checkpassword for anything, all others for reading). */
bool account_state_receives(enum account_state s);
bool account_state_sends(enum account_state s);
bool account_state_serves(enum account_state s, struct slice service);

#endif
