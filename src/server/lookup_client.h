/* SPDX-License-Identifier: ISC
 *
 * A client that asks for lookups: what is the same whether the store answers at once or later.
 */
#ifndef SERVER_LOOKUP_CLIENT_H
#define SERVER_LOOKUP_CLIENT_H

#include "conn.h"
#include "lookup_log.h"
#include "session/lookup_session.h"
#include "trouble.h"

struct lookup_client {
	struct conn conn; /* first: the connection's callbacks find us by it */
	struct lookup_session session;
	struct lookup_ear ear;
	const struct lookup_log *log;
};

/* Begin with a client of LOOP that came by FROM; LOG is told of what it asks. conn_start is still
 * to be called. */
void lookup_client_init(struct lookup_client *c, struct loop *loop, const struct listener *from,
    const struct lookup_rules *rules, struct policy *policy, const struct lookup_log *log);

/* Say what the session has noted for the log, if anything. */
void lookup_client_say_note(struct lookup_client *c, struct trouble *unsendable);

/* For conn_kind: every request can be sent anew, so nobody is in the middle of anything. */
bool lookup_client_never(const struct conn *conn);

/* Make room for KIB of answers, with a key that nobody can guess. NULL for none, or, with a
 * warning, without memory. */
struct answers *lookup_client_answers(long kib);

void lookup_client_forget(struct answers *a);

#endif
