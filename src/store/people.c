/* SPDX-License-Identifier: ISC
 *
 * One mailbox, as a userdb lookup asks for it. What a login asks is in logins.c.
 */
#include "store/people.h"

#include <stdlib.h>

#include "store/handle.h"

static int64_t
number_of(struct slice column)
{
	return column.n == 0 ? 0 : strtoll(column.p, NULL, 10);
}

enum outcome
account_take(struct account *out, const struct slice column[ACCOUNT_COLUMNS], struct error *err)
{
	account_clear(out);
	sbuf_add_slice(&out->address, column[0]);
	sbuf_add_slice(&out->home, column[1]);
	out->quota = number_of(column[2]);
	out->created = number_of(column[3]);
	out->password = number_of(column[4]) != 0;
	if (!account_state_by_name(column[5], &out->state))
		return error_set(err, RETRY,
		    "the store has a mailbox in a state that this program does not know");
	sbuf_add_slice(&out->reason, column[6]);
	sbuf_add_slice(&out->mail, column[7]);
	out->uid = (unsigned)number_of(column[8]);
	out->gid = (unsigned)number_of(column[9]);
	sbuf_add_slice(&out->networks, column[10]);
	if (out->address.failed || out->home.failed || out->reason.failed || out->mail.failed ||
	    out->networks.failed)
		return error_set(err, RETRY, "no memory for a mailbox");
	return FOUND;
}

enum outcome
account_read(struct db_stmt *st, struct account *out, struct error *err)
{
	struct slice column[ACCOUNT_COLUMNS];

	for (int i = 0; i < ACCOUNT_COLUMNS; i++)
		column[i] = db_text(st, i);
	return account_take(out, column, err);
}

enum outcome
find_account(struct store *s, struct slice address, struct account *out, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, Q_account);
	enum outcome o;

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
