/* SPDX-License-Identifier: ISC
 *
 * New mailboxes, many at a time. They were judged, so what the database has against one of them is
 * no refusal of it: among many changes it ends them all.
 */
#include "store/additions.h"

#include "store/change.h"
#include "store/image.h"

enum { IMAGE_MAX = 16 << 20 };

void
additions_init(struct additions *a)
{
	db_rows_init(&a->mailbox, 11);
	db_rows_init(&a->credential, 7);
	db_rows_init(&a->change, 8);
	sbuf_init(&a->image, IMAGE_MAX);
	sbuf_init(&a->secret, IMAGE_MAX);
}

void
additions_release(struct additions *a)
{
	db_rows_release(&a->mailbox);
	db_rows_release(&a->credential);
	db_rows_release(&a->change);
	sbuf_release(&a->image);
	sbuf_release_secret(&a->secret);
}

void
additions_drop(struct additions *a)
{
	db_rows_clear(&a->mailbox);
	db_rows_clear(&a->credential);
	db_rows_clear(&a->change);
}

/* --- putting aside ---------------------------------------------------------------------------- */

static void
add_id(struct db_rows *r, unsigned id)
{
	if (id != 0)
		db_rows_int(r, id);
	else
		db_rows_null(r);
}

/* The columns of the statement mailboxes_add. */
static void
add_mailbox(struct db_rows *r, const struct record *w)
{
	db_rows_text(r, w->name);
	db_rows_text(r, domain_of(w->name));
	db_rows_int(r, w->created);
	db_rows_int(r, w->quota);
	db_rows_optional(r, w->home);
	db_rows_optional(r, w->mail);
	add_id(r, w->uid);
	add_id(r, w->gid);
	db_rows_optional(r, w->networks);
	db_rows_text(r, slice_str(account_state_name(w->state)));
	db_rows_optional(r, w->reason);
}

/* Those of credentials_add. */
static void
add_credential(struct db_rows *r, struct slice mailbox, const struct record_credential *c)
{
	db_rows_text(r, mailbox);
	db_rows_text(r, c->label);
	db_rows_text(r, c->hash);
	db_rows_optional(r, c->services);
	db_rows_optional(r, c->networks);
	db_rows_int(r, c->expires);
	db_rows_int(r, c->created);
}

/* Those of log_added. */
static void
add_change(struct additions *a, const struct change *c, int64_t first)
{
	struct db_rows *r = &a->change;

	db_rows_int(r, c->at);
	db_rows_text(r, slice_str(c->s->actor->who));
	db_rows_text(r, slice_str(c->what));
	db_rows_text(r, c->subject);
	if (c->s->undoing != 0)
		db_rows_int(r, c->s->undoing);
	else
		db_rows_null(r);
	db_rows_int(r, first);
	db_rows_text(r, sbuf_slice(&a->image));
	db_rows_optional(r, sbuf_slice(&a->secret));
}

static enum outcome
add_image(struct additions *a, const struct record *w, struct error *err)
{
	sbuf_clear(&a->image);
	sbuf_clear(&a->secret);
	image_mailbox(&a->image, &a->secret, w);
	if (a->image.failed || a->secret.failed)
		return error_set(err, RETRY, "no memory for the change log");
	return FOUND;
}

static uint32_t
hash(struct slice text)
{
	uint32_t h = 0x811c9dc5;

	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (unsigned char)text.p[i]) * 0x01000193;
	return h;
}

static enum outcome
put_aside(struct change *c, const struct record *w, struct error *err)
{
	struct additions *a = &c->s->additions;
	int64_t first;
	enum outcome o = change_first(c, &first, err);

	if (o == FOUND)
		o = add_image(a, w, err);
	if (o != FOUND)
		return o;
	a->hash[db_rows_n(&a->mailbox)] = hash(w->name);
	add_mailbox(&a->mailbox, w);
	for (size_t i = 0; i < w->credentials; i++)
		add_credential(&a->credential, w->name, &w->credential[i]);
	add_change(a, c, first);
	c->logged = true;
	return FOUND;
}

enum outcome
additions_put(struct change *c, const struct record *w, struct error *err)
{
	struct store *s = c->s;
	enum outcome o = put_aside(c, w, err);

	if (o == FOUND &&
	    (s->batch == BATCH_NONE || db_rows_n(&s->additions.mailbox) == ADDITIONS_MAX))
		o = additions_write(s, err);
	return o;
}

bool
additions_have(const struct additions *a, struct slice address)
{
	size_t n = db_rows_n(&a->mailbox);
	uint32_t h = n > 0 ? hash(address) : 0;

	for (size_t i = 0; i < n; i++)
		if (a->hash[i] == h && slice_eq(db_rows_cell(&a->mailbox, i, 0), address))
			return true;
	return false;
}

/* --- writing ---------------------------------------------------------------------------------- */

enum outcome
additions_write(struct store *s, struct error *err)
{
	struct additions *a = &s->additions;
	enum outcome o;

	if (db_rows_n(&a->mailbox) == 0 && !a->mailbox.failed)
		return FOUND;
	o = db_run_rows(s->db, Q_mailboxes_add, &a->mailbox, err);
	if (o == FOUND)
		o = db_run_rows(s->db, Q_credentials_add, &a->credential, err);
	if (o == FOUND)
		o = db_run_rows(s->db, Q_log_added, &a->change, err);
	additions_drop(a);
	return o == BAD && s->batch != BATCH_NONE ? RETRY : o;
}
