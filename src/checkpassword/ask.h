/* SPDX-License-Identifier: ISC
 *
 * The two questions a helper has: is this password right, and where does this user's mail live.
 */
#ifndef SRC_CHECKPASSWORD_ASK_H
#define SRC_CHECKPASSWORD_ASK_H

#include "base/outcome.h"
#include "base/sbuf.h"
#include "conf/conf.h"

struct question {
	bool lookup; /* no password: only where the mail lives */
	struct slice user;
	struct slice password;
	void *secret; /* where both of them stand: wiped as soon as they are sent */
	size_t secret_size;
	const char *service;
	const char *remote; /* the client's address, or NULL */
	bool no_penalty;    /* the caller delays failures itself */
	bool place_wanted;  /* an answer without home, uid and gid is of no use */
};

enum field {
	FIELD_USER,
	FIELD_HOME,
	FIELD_UID,
	FIELD_GID,
	FIELD_MAIL,
	FIELD_QUOTA_RULE,
	FIELD_QUOTA_STORAGE_SIZE,
	FIELDS
};

/* What the server said; an empty field is absent. */
struct answer {
	struct sbuf field[FIELDS];
};

void answer_init(struct answer *a);
void answer_release(struct answer *a);

/* Ask. FOUND: *A is filled, free of control bytes, and uid and gid are numbers. NONE: wrong
 * password or unknown user. RETRY with a text: everything else. */
enum outcome ask(
    const struct conf *conf, const struct question *q, struct answer *a, struct error *err);

#endif
