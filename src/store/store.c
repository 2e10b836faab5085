/* SPDX-License-Identifier: ISC
 *
 * Opening, closing, and holding a view of a store. Questions are in ask.c, people.c and list.c,
 * changes in change.c and the files named for what they change.
 */
#include "store/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/handle.h"
#include "store/known.h"

enum outcome
store_check_uri(const char *uri, bool closed, struct error *err)
{
	char shown[STORE_SHOWN];
	enum outcome o = db_check_uri(uri, err);

	if (o != FOUND || closed || !db_has_password(uri))
		return o;
	store_show(uri, shown, sizeof shown);
	return error_set(err, BAD,
	    "there is a password in the URI of the store '%s', where others can read it: put it "
	    "into "
	    "~/.pgpass of the user who connects, or let nobody else read the configuration file",
	    shown);
}

void
store_show(const char *uri, char *out, size_t size)
{
	db_show(uri, out, size);
}

void
store_way(const char *uri, struct store_way *out)
{
	memset(out, 0, sizeof *out);
	db_way(uri, out);
}

bool
store_link(const char *uri, store_link_fn *fn, void *arg)
{
	return db_link(uri, fn, arg);
}

void
store_secrets(const char *uri, store_secret_fn *fn, void *arg)
{
	db_secrets(uri, fn, arg);
}

int
store_schema_version(void)
{
	return db_version_built();
}

enum outcome
store_guarded(struct store *s, struct error *err)
{
	return db_guarded(s->db, err);
}

enum outcome
store_can_hold_all(struct store *s, struct error *err)
{
	return db_can_hold_all(s->db, err);
}

int
store_found_version(const struct store *s)
{
	return s->version;
}

void
store_size(struct store *s, uint64_t *main, uint64_t *log)
{
	db_size(s->db, main, log);
}

enum outcome
version_check(int version, struct error *err)
{
	int built = db_version_built();

	if (version < built)
		return error_set(err, RETRY,
		    "the store's schema is of version %d, this program's of version %d: run "
		    "`vmailctl migrate`",
		    version, built);
	if (version > built)
		return error_set(err, RETRY,
		    "the store's schema is of version %d, this program knows up to %d: it was made "
		    "by a newer vmaild, use that one",
		    version, built);
	return FOUND;
}

/* --- opening ---------------------------------------------------------------------------------- */

enum outcome
store_new(struct store **out, const char *uri, enum store_role role, struct error *err)
{
	struct store *s;
	enum outcome o = db_check_uri(uri, err);

	*out = NULL;
	if (o != FOUND)
		return o;
	s = calloc(1, sizeof *s);
	if (s != NULL)
		s->db = db_new(uri, role);
	if (s == NULL || s->db == NULL) {
		free(s);
		return error_set(err, RETRY, "cannot open the store '%s': no memory", uri);
	}
	facts_init(&s->facts);
	additions_init(&s->additions);
	sbuf_init(&s->fit, ADDRESS_DOMAIN_MAX);
	sbuf_init(&s->stands, ADDRESS_DOMAIN_MAX);
	*out = s;
	return FOUND;
}

enum outcome
store_open(struct store **out, const char *uri, enum store_role role, struct error *err)
{
	enum outcome o = store_new(out, uri, role, err);

	if (o == FOUND)
		o = store_begin(*out, err);
	if (o == FOUND) {
		store_end(*out);
		return FOUND;
	}
	store_close(*out);
	*out = NULL;
	return o;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	db_free(s->db);
	names_forget(s);
	facts_release(&s->facts);
	additions_release(&s->additions);
	sbuf_release(&s->fit);
	sbuf_release(&s->stands);
	known_free(s->known);
	free(s);
}

void
store_deadline(struct store *s, unsigned ms)
{
	db_limit(s->db, ms);
}

void
store_act_as(struct store *s, const struct store_actor *actor)
{
	s->actor = actor;
}

/* --- transactions ----------------------------------------------------------------------------- */

enum outcome
batch_show(struct store *s, struct error *err)
{
	if (additions_write(s, err) == FOUND)
		return FOUND;
	s->batch = BATCH_BROKEN;
	return RETRY;
}

/* One change of a batch. After a failure that is nobody's fault the database may have ended the
 * whole transaction: nothing more is done in it then. */
static enum outcome
batch_step_begin(struct store *s, struct error *err)
{
	if (s->batch == BATCH_BROKEN)
		return error_set(err, RETRY, "an earlier change of the same transaction failed");
	db_arm(s->db);
	if (!s->sure && batch_show(s, err) != FOUND)
		return RETRY;
	if (!s->sure && db_feed(db_prepare(s->db, Q_savepoint), err) != FOUND) {
		s->batch = BATCH_BROKEN;
		return RETRY;
	}
	s->state = STORE_WRITING;
	return FOUND;
}

static enum outcome
batch_step_end(struct store *s, enum outcome o, struct error *err)
{
	bool kept = o == FOUND, ok = o != RETRY;

	if (ok && !s->sure && !kept)
		ok = db_run(db_prepare(s->db, Q_rollback_to), NULL, NULL) == FOUND;
	if (ok && !s->sure)
		ok = db_feed(db_prepare(s->db, Q_release), kept ? err : NULL) == FOUND;
	if (!ok) {
		s->batch = BATCH_BROKEN;
		return RETRY;
	}
	return o;
}

enum outcome
transaction_begin(struct store *s, enum db_transaction kind, struct error *err)
{
	int version = 0;
	enum outcome o;

	assert(s->state == STORE_IDLE);
	s->closed = false;
	if (s->batch != BATCH_NONE)
		return batch_step_begin(s, err);
	db_arm(s->db);
	if (kind == DB_READ && store_stay(s, true))
		return FOUND;
	db_let_go(s->db);
	o = db_connect(s->db, err);
	if (o == FOUND)
		o = db_begin(s->db, kind, err);
	/* also what takes the view, so that no answer is older than this call */
	if (o == FOUND)
		o = db_version(s->db, &version, err);
	s->version = version;
	if (o == FOUND)
		o = version_check(version, err);
	if (o != FOUND) {
		db_rollback(s->db);
		return RETRY;
	}
	s->first = 0;
	sbuf_clear(&s->fit);
	sbuf_clear(&s->stands);
	s->state = kind == DB_WRITE ? STORE_WRITING : STORE_READING;
	return FOUND;
}

enum outcome
write_end(struct store *s, enum outcome o, struct error *err)
{
	assert(s->state == STORE_WRITING);
	s->state = STORE_IDLE;
	/* what was looked at may be what a lack of memory made of it */
	if (o != RETRY && !db_has_view(s->db))
		o = view_lost(err);
	if (s->batch != BATCH_NONE)
		return batch_step_end(s, o, err);
	if (o == FOUND)
		o = db_commit(s->db, err);
	db_rollback(s->db);
	return o;
}

enum outcome
store_begin(struct store *s, struct error *err)
{
	return transaction_begin(s, DB_READ, err);
}

void
store_end(struct store *s)
{
	if (s->state != STORE_READING)
		return;
	s->state = STORE_IDLE;
	db_leave(s->db);
}

void
store_keep_views(struct store *s)
{
	db_keep_views(s->db);
	if (s->known == NULL)
		s->known = known_new();
}

void
store_watch(struct store *s)
{
	db_watch(s->db);
}

int
store_watched(const struct store *s)
{
	return db_watched(s->db);
}

void
store_stir(struct store *s)
{
	if (s->state == STORE_IDLE && s->batch == BATCH_NONE)
		db_stir(s->db);
}

bool
store_stay(struct store *s, bool look)
{
	if (s->state != STORE_IDLE || s->batch != BATCH_NONE || !db_stay(s->db, look))
		return false;
	s->state = STORE_READING;
	return true;
}

void
store_rest(struct store *s)
{
	if (s->state == STORE_IDLE && s->batch == BATCH_NONE)
		db_let_go(s->db);
}

void
store_tidy(struct store *s)
{
	if (s->state == STORE_IDLE && s->batch == BATCH_NONE)
		db_tidy(s->db);
}

uint64_t
store_view(const struct store *s)
{
	return db_view(s->db);
}

enum outcome
store_batch_begin(struct store *s, struct error *err)
{
	enum outcome o;

	assert(s->batch == BATCH_NONE);
	o = transaction_begin(s, DB_WRITE, err);
	if (o != FOUND)
		return o;
	s->state = STORE_IDLE;
	s->batch = BATCH_GOOD;
	db_bulk(s->db, true);
	return FOUND;
}

enum outcome
store_batch_end(struct store *s, bool keep, struct error *err)
{
	enum outcome o = FOUND;

	assert(s->batch != BATCH_NONE && s->state == STORE_IDLE);
	if (s->batch == BATCH_GOOD)
		o = additions_write(s, err);
	else if (keep)
		o = error_set(
		    err, RETRY, "a change of the transaction failed: nothing was changed");
	additions_drop(&s->additions);
	names_forget(s);
	s->batch = BATCH_NONE;
	if (keep && o == FOUND)
		o = db_commit(s->db, err);
	db_rollback(s->db);
	db_bulk(s->db, false);
	return o == BAD ? RETRY : o; /* what was fed last may be told of here */
}

enum outcome
view_begin(struct store *s, bool *mine, struct error *err)
{
	*mine = s->state == STORE_IDLE && s->batch == BATCH_NONE;
	if (*mine)
		return store_begin(s, err);
	db_arm(s->db);
	if (!db_has_view(s->db))
		return view_lost(err);
	return batch_show(s, err);
}

enum outcome
view_lost(struct error *err)
{
	return error_set(err, RETRY,
	    "the view of the store was lost: no memory, or somebody cut the file short");
}

void
view_end(struct store *s, bool mine)
{
	if (mine)
		store_end(s);
}
