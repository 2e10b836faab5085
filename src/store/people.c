/* SPDX-License-Identifier: ISC
 *
 * One mailbox, as a userdb lookup asks for it. What a login asks is in logins.c.
 */
#include "store/handle.h"

enum outcome
account_read(struct db_stmt *st, struct account *out, struct error *err)
{
	account_clear(out);
	sbuf_add_slice(&out->address, db_text(st, 0));
	sbuf_add_slice(&out->home, db_text(st, 1));
	out->quota = db_int(st, 2);
	out->created = db_int(st, 3);
	out->password = db_int(st, 4) != 0;
	if (!account_state_by_name(db_text(st, 5), &out->state))
		return error_set(err, RETRY,
		    "the store has a mailbox in a state that this program does not know");
	sbuf_add_slice(&out->reason, db_text(st, 6));
	sbuf_add_slice(&out->mail, db_text(st, 7));
	out->uid = (unsigned)db_int(st, 8);
	out->gid = (unsigned)db_int(st, 9);
	sbuf_add_slice(&out->networks, db_text(st, 10));
	if (out->address.failed || out->home.failed || out->reason.failed || out->mail.failed ||
	    out->networks.failed)
		return error_set(err, RETRY, "no memory for a mailbox");
	return FOUND;
}

enum outcome
find_account(struct store *s, struct slice address, struct account *out, struct error *err)
{
	struct db_stmt *st;
	enum outcome o;

	if (!db_can_hold(s->db, address))
		return NONE;
	st = db_prepare(s->db, Q_account);
	db_bind_text(st, 1, address);
	o = db_step(st, err);
	if (o == FOUND)
		o = account_read(st, out, err);
	db_reset(st);
	return o;
}

enum outcome
store_account(struct store *s, struct slice address, struct account *out, struct error *err)
{
	bool mine;
	enum outcome o = view_begin(s, &mine, err);

	if (o != FOUND)
		return o;
	o = find_account(s, address, out, err);
	view_end(s, mine);
	return o;
}
