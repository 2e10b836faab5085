/* SPDX-License-Identifier: ISC
 *
 * One mailbox, as a userdb lookup asks for it. What a login asks is in logins.c.
 */
#include "store/people.h"

#include "store/handle.h"

enum outcome
account_take(struct account *out, const struct account_row *row, struct error *err)
{
	account_clear(out);
	sbuf_add_slice(&out->address, row->address);
	sbuf_add_slice(&out->home, row->home);
	out->quota = row->quota;
	out->created = row->created;
	out->password = row->password != 0;
	if (!account_state_by_name(row->state, &out->state))
		return error_set(err, RETRY,
		    "the store has a mailbox in a state that this program does not know");
	sbuf_add_slice(&out->reason, row->reason);
	sbuf_add_slice(&out->mail, row->mail);
	out->uid = (unsigned)row->uid;
	out->gid = (unsigned)row->gid;
	sbuf_add_slice(&out->networks, row->networks);
	if (out->address.failed || out->home.failed || out->reason.failed || out->mail.failed ||
	    out->networks.failed)
		return error_set(err, RETRY, "no memory for a mailbox");
	return FOUND;
}

enum outcome
account_read(struct db_stmt *st, struct account *out, struct error *err)
{
	const struct account_row row = {
		.address = db_text(st, 0),
		.home = db_text(st, 1),
		.quota = db_int(st, 2),
		.created = db_int(st, 3),
		.password = db_int(st, 4),
		.state = db_text(st, 5),
		.reason = db_text(st, 6),
		.mail = db_text(st, 7),
		.uid = db_int(st, 8),
		.gid = db_int(st, 9),
		.networks = db_text(st, 10),
	};

	return account_take(out, &row, err);
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
