/* SPDX-License-Identifier: ISC
 *
 * The frame of every change, and the change log.
 */
#include "store/change.h"

#include <assert.h>

enum { IMAGE_MAX = 16 << 20 };

/* Take the image of the subject; both stay empty when it does not exist. */
static enum outcome
take_image(struct change *c, struct sbuf *image, struct sbuf *secret, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, c->image);
	enum outcome o;

	db_bind_text(st, 1, c->subject);
	o = db_step(st, err);
	if (o == FOUND) {
		sbuf_add_slice(image, db_text(st, 0));
		sbuf_add_slice(secret, db_text(st, 1));
		if (image->failed || secret->failed || image->n == 0)
			o = error_set(err, RETRY, "no memory for the change log");
	}
	db_reset(st);
	return o == NONE ? FOUND : o;
}

static void
start(
    struct change *c, struct store *s, const char *what, enum statement image, struct slice subject)
{
	assert(s->actor != NULL);
	*c = (struct change){ .s = s, .what = what, .image = image, .subject = subject };
	c->at = time(NULL);
	/* whatever else is changed may be that domain */
	if (image != Q_mailbox_image)
		sbuf_clear(&s->fit);
	if (image != Q_mailbox_image && image != Q_alias_image) {
		sbuf_clear(&s->stands);
		names_forget(s);
	}
	sbuf_init(&c->before, IMAGE_MAX);
	sbuf_init(&c->secret_before, IMAGE_MAX);
}

enum outcome
change_look(struct change *c, struct error *err)
{
	return take_image(c, &c->before, &c->secret_before, err);
}

enum outcome
change_join(struct change *c, struct store *s, const char *what, enum statement image,
    struct slice subject, struct error *err)
{
	start(c, s, what, image, subject);
	return change_look(c, err);
}

enum outcome
change_begin_blind(struct change *c, struct store *s, const char *what, enum statement image,
    struct slice subject, struct error *err)
{
	enum outcome o = transaction_begin(s, DB_WRITE, err);

	start(c, s, what, image, subject);
	return o;
}

enum outcome
change_begin(struct change *c, struct store *s, const char *what, enum statement image,
    struct slice subject, struct error *err)
{
	enum outcome o = transaction_begin(s, DB_WRITE, err);

	/* what is put by other ways than record.c is not counted */
	names_forget(s);
	if (o == FOUND)
		return change_join(c, s, what, image, subject, err);
	*c = (struct change){ .s = s };
	return o;
}

enum outcome
change_begin_known(struct change *c, struct store *s, const char *what, enum statement image,
    const char *noun, struct slice subject, struct error *err)
{
	enum outcome o = change_begin(c, s, what, image, subject, err);

	if (o == FOUND && !change_existed(c))
		return error_set(
		    err, NONE, "there is no %s '%.*s'", noun, (int)subject.n, subject.p);
	return o;
}

bool
change_existed(const struct change *c)
{
	return c->before.n > 0;
}

/* A store that is on its way to another place takes no more changes, so that none is made which
 * does not get there; nor does a copy that is to become that place, for it could be caught up with
 * no more. Which other store it is about is the last line of its log. */
static enum outcome
check_open(struct store *s, struct slice what, struct slice to, struct error *err)
{
	bool follows = slice_is(what, "store follow");

	s->closed = follows || slice_is(what, "store close");
	if (!s->closed)
		return FOUND;
	if (follows)
		return error_set(err, RETRY,
		    "the store takes no changes: it follows '%.*s' until it takes its place "
		    "(`vmailctl copy --close`, then --open), or is let go (`vmailctl copy "
		    "--cancel`); change that one",
		    (int)(to.n < STORE_SHOWN ? to.n : STORE_SHOWN), to.p);
	return error_set(err, RETRY,
	    "the store takes no changes: it moves to '%.*s'; try again when it is there "
	    "(`vmailctl copy --open`), or let it stay (`vmailctl copy --cancel`)",
	    (int)(to.n < STORE_SHOWN ? to.n : STORE_SHOWN), to.p);
}

enum outcome
change_first(struct change *c, int64_t *first, struct error *err)
{
	struct store *s = c->s;
	enum outcome o = FOUND;

	if (s->first == 0) {
		struct db_stmt *st = db_prepare(s->db, Q_next_change);

		if (db_step(st, err) != FOUND)
			return RETRY;
		o = check_open(s, db_text(st, 1), db_text(st, 2), err);
		if (o == FOUND)
			s->first = db_int(st, 0);
		db_reset(st);
	}
	*first = s->first;
	return o;
}

enum outcome
change_write(struct change *c, struct db_stmt *st, struct error *err)
{
	return c->s->batch == BATCH_NONE ? db_run(st, NULL, err) : db_feed(st, err);
}

static enum outcome
bind_batch(struct change *c, struct db_stmt *log, int n, struct error *err)
{
	int64_t first;
	enum outcome o = change_first(c, &first, err);

	if (o == FOUND)
		db_bind_int(log, n, first);
	return o;
}

static enum outcome
log_change(struct change *c, const struct sbuf *after, const struct sbuf *secret, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, Q_log);

	/* lines are in the order of the changes */
	if (additions_write(c->s, err) != FOUND)
		return RETRY;
	db_bind_int(st, 1, c->at);
	db_bind_text(st, 2, slice_str(c->s->actor->who));
	db_bind_text(st, 3, slice_str(c->what));
	db_bind_text(st, 4, c->subject);
	if (c->s->undoing != 0)
		db_bind_int(st, 5, c->s->undoing);
	else
		db_bind_null(st, 5);
	if (bind_batch(c, st, 6, err) != FOUND)
		return RETRY;
	bind_optional(st, 7, sbuf_slice(&c->before));
	bind_optional(st, 8, sbuf_slice(after));
	bind_optional(st, 9, sbuf_slice(&c->secret_before));
	bind_optional(st, 10, sbuf_slice(secret));
	c->logged = true;
	return change_write(c, st, err);
}

enum outcome
change_log_made(struct change *c, const struct sbuf *image, struct error *err)
{
	const struct sbuf none = { .p = NULL };

	c->idle = true;
	return log_change(c, image, &none, err);
}

static enum outcome
log_difference(struct change *c, struct error *err)
{
	struct sbuf after, secret;
	enum outcome o;

	sbuf_init(&after, IMAGE_MAX);
	sbuf_init(&secret, IMAGE_MAX);
	o = take_image(c, &after, &secret, err);
	if (o == FOUND && (c->unseen || !slice_eq(sbuf_slice(&c->before), sbuf_slice(&after)) ||
			      !slice_eq(sbuf_slice(&c->secret_before), sbuf_slice(&secret))))
		o = log_change(c, &after, &secret, err);
	sbuf_release(&after);
	sbuf_release_secret(&secret);
	return o;
}

enum outcome
change_leave(struct change *c, enum outcome o, struct error *err)
{
	if (o == FOUND && !c->idle)
		o = log_difference(c, err);
	sbuf_release(&c->before);
	sbuf_release_secret(&c->secret_before);
	return o;
}

enum outcome
change_end(struct change *c, enum outcome o, struct error *err)
{
	if (c->s->state != STORE_WRITING)
		return o;
	o = change_leave(c, o, err);
	o = write_end(c->s, o, err);
	if (o == FOUND && c->logged && c->s->batch != BATCH_NONE)
		db_promise(c->s->db, c->what, c->subject);
	return o;
}

enum outcome
change_log_all(
    struct change *c, enum statement log, const char *what, struct slice name, struct error *err)
{
	struct db_stmt *st = db_prepare(c->s->db, log);

	db_bind_int(st, 1, c->at);
	db_bind_text(st, 2, slice_str(c->s->actor->who));
	db_bind_text(st, 3, slice_str(what));
	db_bind_text(st, 4, name);
	if (bind_batch(c, st, 5, err) != FOUND)
		return RETRY;
	return db_run(st, NULL, err);
}

struct slice
domain_of(struct slice address)
{
	size_t at;

	return slice_rchr(address, '@', &at) ? slice_tail(address, at + 1) : slice_str("");
}

void
bind_optional(struct db_stmt *st, int n, struct slice text)
{
	if (text.n > 0)
		db_bind_text(st, n, text);
	else
		db_bind_null(st, n);
}

enum outcome
no_mailbox(struct slice address, struct error *err)
{
	return error_set(err, NONE, "there is no mailbox '%s'", address.p);
}

enum outcome
domain_need(struct store *s, struct slice name, struct domain_facts *out, struct error *err)
{
	enum outcome o = domain_find(s, name, out, err);

	if (o == NONE)
		o = error_set(err, BAD,
		    "domain '%s' is not in the store: add it first with `vmailctl domain add %s`",
		    name.p, name.p);
	return o;
}

enum outcome
run_for(struct store *s, enum statement which, struct slice text, struct error *err)
{
	struct db_stmt *st = db_prepare(s->db, which);

	db_bind_text(st, 1, text);
	return db_run(st, NULL, err);
}
