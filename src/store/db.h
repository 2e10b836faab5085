/* SPDX-License-Identifier: ISC
 *
 * One connection to a database, at the height of named statements (schema/ENGINE/queries.sql): what
 * the rest of the room is written in. An engine keeps these promises in files of its own:
 * db_sqlite.c is the embedded one, and the only one that knows SQLite; db_pg.c is PostgreSQL. db.c
 * finds the one that a store is of (db_engine.h).
 *
 * FOUND it is there, or done. NONE no (more) row. RETRY could not look, or could not write. BAD the
 * database holds a rule against it.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdint.h>

#include "base/outcome.h"
#include "base/slice.h"
#include "store/store.h"

/* The names are the same in every engine, only their texts differ (tests/store/test_queries). */
enum statement {
#define Q(name, text) Q_##name,
#include "schema/sqlite_queries.h"
#undef Q
	STATEMENTS
};

enum db_transaction { DB_READ, DB_WRITE };

struct db;
struct db_stmt;

/* --- the connection --------------------------------------------------------------------------- */

/* Tell whether URI names a store of an engine there is: BAD says how to write one. */
enum outcome db_check_uri(const char *uri, struct error *err);

/* Tell whether there is a password in URI, and write what it may be called in texts. */
bool db_has_password(const char *uri);
void db_show(const char *uri, char *out, size_t size);

/* Find out what leads to it, as store_way; *OUT is empty. */
void db_way(const char *uri, struct store_way *out);

/* Tell the way to its server, as store_link. */
bool db_link(const char *uri, store_link_fn *fn, void *arg);
void db_secrets(const char *uri, store_secret_fn *fn, void *arg);

/* Make an unconnected one for the store at URI; what names no engine is the path of an SQLite file.
 * NULL without memory. */
struct db *db_new(const char *uri, enum store_role role);
void db_free(struct db *db);

/* See to it that the connection is there and leads to what the place's name leads to now. FOUND: to
 * a store of ours, of whatever version. NONE: to a database with nothing in it. BAD: to somebody
 * else's. RETRY: to nothing at all. */
enum outcome db_connect(struct db *db, struct error *err);

/* Create the place of an embedded database where there is none, for OWNER and GROUP (-1: leave).
 * *MADE tells whether it is there now for that alone, also when it fails. */
enum outcome db_create(struct db *db, int owner, int group, bool *made, struct error *err);

/* Tell whether TEXT could be in one of its tables at all: a server takes proper UTF-8 alone, and
 * refuses to look for anything else. Names are asked for by whoever connects. */
bool db_can_hold(const struct db *db, struct slice text);

/* Tell whether each question takes a way to another machine and back. */
bool db_is_far(const struct db *db);

/* Tell whether what it is connected to takes changes: FOUND, or RETRY when it is a standby, with
 * what to name instead. */
enum outcome db_takes_changes(struct db *db, struct error *err);

/* Limit how long a call may take: MS in all, or, with 0, as long as it likes but a few seconds of
 * waiting for others. A call that waited in vain makes those of the next second wait for nothing.
 */
void db_limit(struct db *db, unsigned ms);

/* Start the clock of a call. */
void db_arm(struct db *db);

/* --- transactions ----------------------------------------------------------------------------- */

/* Begin. A write transaction holds the lock from here on. */
enum outcome db_begin(struct db *db, enum db_transaction kind, struct error *err);
enum outcome db_commit(struct db *db, struct error *err);

/* Keep read views: db_leave does not end a read transaction then, and db_stay tells whether it
 * still is one of this moment. For an engine that can tell that at no cost; others never stay. */
void db_keep_views(struct db *db);

/* Tell whether the transaction is still there, and what was read in it can be relied upon: SQLite
 * ends it by itself when memory runs out, and then every statement would see a moment of its own.
 */
bool db_has_view(const struct db *db);

/* End a read transaction, or keep its view. */
void db_leave(struct db *db);

/* Tell whether a view was kept, and nobody has changed anything since it was taken. If not, it is
 * let go. LOOK: ask whether something happened to the database's file, too. */
bool db_stay(struct db *db, bool look);

/* Watch the file; who keeps views does already. The descriptor that can be read when something
 * happened to it, or -1; and to take note of what happened. */
void db_watch(struct db *db);
int db_watched(const struct db *db);
void db_stir(struct db *db);

/* Let go of a view that was kept. */
void db_let_go(struct db *db);

/* Bring what lies beside the database into it, if nobody is in the way just now. */
void db_tidy(struct db *db);

/* A number that is another one whenever what can be read may be something else. */
uint64_t db_view(const struct db *db);

/* Leave a transaction without a trace; also right when there is none any more. */
void db_rollback(struct db *db);

/* Keep more of the database in memory while many changes are made. */
void db_bulk(struct db *db, bool on);

/* Find the version of the schema. In a read transaction the view is taken by this. */
enum outcome db_version(struct db *db, int *version, struct error *err);

/* The version this program was built with. */
int db_version_built(void);

/* Tell how many bytes the database takes, and what is still to be written back to it. */
void db_size(struct db *db, uint64_t *main, uint64_t *log);

/* Take the schema from VERSION - 1 to VERSION, in a transaction of its own; nothing is done when
 * somebody else was faster. */
enum outcome db_migrate(struct db *db, int version, struct error *err);

/* Give each role its rights on the tables, where the engine keeps such. NONE with a text: it is as
 * good as it can be made by this user. */
enum outcome db_settle(struct db *db, struct error *err);

/* Tell whether there are the roles for that; NONE with a text if not. */
enum outcome db_guarded(struct db *db, struct error *err);

/* Tell whether every text that is proper UTF-8 can be in its tables; NONE with a text if not. */
enum outcome db_can_hold_all(struct db *db, struct error *err);

/* --- whole databases -------------------------------------------------------------------------- */

/* Copy all that is in FROM, as it is at one moment and while others write, into a new file PATH,
 * for its owner alone. PATH is as it was, or complete and on the disk. */
enum outcome db_copy_out(
    struct db *from, const char *path, const struct store_progress *progress, struct error *err);

/* What is to be copied into a database. */
struct db_intake {
	const char *path; /* of the file */
	const char *keep; /* where what was there goes first: a name that is ours to write over */
	/* Called in a transaction in which DB is what will be replaced and nothing else, for what
	 * is to be written into the file for its sake; maybe more than once. */
	enum outcome (*ready)(void *arg, struct db *db, struct error *err);
	void *arg;
};

/* Make all that is in DB be what is in the file, in one transaction: whoever reads sees the old or
 * the new. Nothing is lost in between. */
enum outcome db_copy_in(struct db *db, const struct db_intake *in,
    const struct store_progress *progress, struct error *err);

/* Where there is no database, or a damaged one: let the file PATH take its place. What was there,
 * with its log, is called KEEP from then on; a log without its file gets a name of its own. */
enum outcome db_replace(struct db *db, const char *path, const char *keep, struct error *err);

/* Read the file PATH from beginning to end, and change nothing. FOUND when it is whole,
 * BAD when it is not, RETRY when it could not be read. */
enum outcome db_is_whole(const char *path, struct error *err);

/* Tell whether the file was seen to be damaged, or is not there. */
bool db_is_damaged(const struct db *db);
bool db_is_missing(const struct db *db);

/* Give the path of an embedded database, or NULL. */
const char *db_path(const struct db *db);

/* Look through the whole file and call FN for what is wrong with it. FOUND when it could be looked
 * through. */
typedef bool db_trouble_fn(void *arg, struct slice table, struct slice text);
enum outcome db_integrity(struct db *db, db_trouble_fn *fn, void *arg, struct error *err);

/* --- statements ------------------------------------------------------------------------------- */

/* Take a statement to bind and step. Never NULL: what goes wrong here or in a bind is told by the
 * step. One statement cannot be used twice at the same time. */
struct db_stmt *db_prepare(struct db *db, enum statement which);

/* Bind parameter N (from 1). Texts must live until the statement is reset; an empty one is no NULL.
 */
void db_bind_text(struct db_stmt *st, int n, struct slice text);
void db_bind_int(struct db_stmt *st, int n, int64_t value);
void db_bind_null(struct db_stmt *st, int n);

/* FOUND: a row, its columns can be read until the next step. NONE: no more; this resets, as RETRY
 * and BAD do. */
enum outcome db_step(struct db_stmt *st, struct error *err);

/* Be done with a statement before its last row. */
void db_reset(struct db_stmt *st);

/* Run a statement that gives no row: FOUND when it is done. *CHANGES (may be NULL): rows it
 * changed. */
enum outcome db_run(struct db_stmt *st, int64_t *changes, struct error *err);

/* Run one of many like it: FOUND when it is done or will be. db_fed, or the next statement of any
 * other kind, tells whether all of them were. */
enum outcome db_feed(struct db_stmt *st, struct error *err);
enum outcome db_fed(struct db *db, struct error *err);

/* Say that what was fed up to here, which is the change WHAT of SUBJECT, counts as done. If the
 * database refuses any of it after all, whoever comes next is told RETRY, with this name: it is no
 * refusal of his. */
void db_promise(struct db *db, const char *what, struct slice subject);

/* Answer a whole question in one statement, in a transaction: FOUND with all its facts, as
 * store_ask tells them. NONE: this engine has none for that, and nothing was asked. */
enum outcome db_ask(
    struct db *db, const struct question *q, struct facts *facts, struct error *err);

/* Read column N (from 0) of the row; an empty slice for NULL. */
struct slice db_text(struct db_stmt *st, int n);
int64_t db_int(struct db_stmt *st, int n);

#endif
