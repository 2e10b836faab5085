/* SPDX-License-Identifier: ISC
 *
 * The embedded engine: SQLite in WAL mode. The only file that knows its API, and the only place
 * where its codes become outcomes: a row and the end of rows are good, a broken rule is BAD, and
 * everything else is RETRY, whatever it was. Which file it is, is db_file.c's business.
 */
#include "store/db_sqlite.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/db_bus.h"
#include "store/kind.h"
#include "store/store.h"

enum {
	WAIT_MS = 5000,  /* for others' locks, where a call has no limit of its own */
	HASTY_MS = 1000, /* how long nobody waits after somebody waited in vain */
	TIDY_MS = 100,   /* how long it may take to leave */
	OPCODES = 1000,  /* between two looks at the clock */
	CALM_MS = 200,   /* after a change no view is kept for so long */
	WAL_INDEX_VERSION = 3007000,
	WAL_INDEX_REGION = 32768,
	WAL_INDEX_SALT = 32, /* where in it: the first number that tells one log from another */
	WAL_INDEX_DONE = 96, /* frames that were written into the file */
	WAL_INDEX_BEGUN = 128,
	WAL_CHECKPOINT_LOCK = 1,
	CACHE_KIB = 2048,           /* enough, as measured */
	MAPPED = 0x7fff0000,        /* the first 2 GiB: more SQLite never maps */
	UNMAPPED_SHARE = 16,        /* of the file: one in so many may have been added since */
	BULK_CACHE_KIB = 256 * 1024 /* for a transaction of a million changes */
};

static const char *const texts[STATEMENTS] = {
#define Q(name, text) [Q_##name] = (text),
#include "schema/sqlite_queries.h"
#undef Q
};

static const struct {
	int version;
	const char *text;
} migrations[] = {
#define M(version, text) { version, text },
#include "schema/sqlite_migrations.h"
#undef M
};

enum { MIGRATIONS = sizeof migrations / sizeof migrations[0] };

/* Those that go on from one key to the next. */
static const enum statement standing[] = {
#define Q(name, text)
#define QT(name) Q_##name,
#include "schema/sqlite_queries.h"
#undef QT
#undef Q
};

enum { STANDING = sizeof standing / sizeof standing[0] };

/* --- codes ------------------------------------------------------------------------------------ */

static const struct {
	int code;
	bool broken;
	const char *what;
} failures[] = {
	{ SQLITE_BUSY, false, "is locked by another program: try again" },
	{ SQLITE_LOCKED, false, "is locked by another program: try again" },
	{ SQLITE_PROTOCOL, true, "is locked by another program: try again" },
	{ SQLITE_INTERRUPT, false, "took too long to answer: try again" },
	{ SQLITE_NOMEM, false, "could not be read: no memory" },
	{ SQLITE_AUTH, false, "does not let this program do that" },
	{ SQLITE_FULL, false, "could not be written: the disk is full" },
	{ SQLITE_NOTADB, true, "is no store, or a damaged one: restore it from a backup" },
	{ SQLITE_CORRUPT, true, "is damaged: restore it from a backup" },
	{ SQLITE_READONLY, true,
	    "cannot be written: it needs a directory that this user may write" },
	{ SQLITE_CANTOPEN, true,
	    "cannot be opened: it needs a directory that this user may write" },
	{ SQLITE_IOERR, true, "could not be read or written" },
};

/* The message is copied at once: the next call changes it. */
enum outcome
db_failed(struct db *db, int rc, struct error *err)
{
	const char *detail = db->sq == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(db->sq);
	const char *what = "could not be used";
	bool broken = true;

	if ((rc & 0xff) == SQLITE_CONSTRAINT)
		return error_set(
		    err, BAD, "the store '%s' refuses that: %s", db->file.path, detail);
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
		if (failures[i].code == (rc & 0xff)) {
			what = failures[i].what;
			broken = failures[i].broken;
		}
	}
	db->broken |= broken;
	db->damaged |= (rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT;
	return error_set(err, RETRY, "the store '%s' %s (%s)", db->file.path, what, detail);
}

/* --- time ------------------------------------------------------------------------------------- */

static int64_t
now_ms(void)
{
	struct timespec t;

	/* as of the last tick: it is asked for at every question, and a few ms do not matter */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
sqlite_limit(struct db *db, unsigned ms)
{
	db->limit_ms = ms;
}

static void
sqlite_arm(struct db *db)
{
	db->armed_at = now_ms();
}

/* Tell how many milliseconds this call may still wait for others. */
static int64_t
patience(struct db *db)
{
	int64_t now = now_ms();
	int64_t left = db->armed_at + (db->limit_ms > 0 ? db->limit_ms : WAIT_MS) - now;

	if (now < db->hasty_until)
		return 0;
	if (left <= 0)
		db->hasty_until = now + HASTY_MS;
	return left > 0 ? left : 0;
}

/* Somebody else holds a lock: wait a little, or give up (0). */
static int
on_busy(void *arg, int tries)
{
	int64_t left = patience(arg);
	int nap = tries < 8 ? 1 << tries : 200;

	if (left == 0)
		return 0;
	sqlite3_sleep(nap < left ? nap : (int)left);
	return 1;
}

/* The locks of a -wal's index SQLite does not ask on_busy about: it tries for them a hundred times
 * and sleeps in between, for ten seconds in all. With no patience left we do not sleep, and the
 * hundred tries are over at once. */
static int
on_retry(sqlite3_vfs *vfs, int us)
{
	struct db *db = (struct db *)((char *)vfs - offsetof(struct db, vfs));
	int64_t left = patience(db) * 1000;

	return left == 0 ? 0 : db->files->xSleep(db->files, us < left ? us : (int)left);
}

/* A statement is at work: stop it (1) when the call's time is over. */
static int
on_progress(void *arg)
{
	struct db *db = arg;

	return db->limit_ms > 0 && now_ms() - db->armed_at >= db->limit_ms;
}

/* --- roles ------------------------------------------------------------------------------------ */

static const struct {
	const char *table;
	enum store_role least; /* who may read it; what is not named here is for STORE_ADMIN */
	const char *column;    /* only this one */
} grants[] = {
	{ "domain", STORE_LOOKUP, NULL }, { "mailbox", STORE_LOOKUP, NULL },
	{ "alias", STORE_LOOKUP, NULL }, { "alias_target", STORE_LOOKUP, NULL },
	{ "map", STORE_LOOKUP, NULL }, { "entry", STORE_LOOKUP, NULL },
	{ "asked", STORE_LOOKUP, NULL }, /* in no file */
	{ "credential", STORE_LOGIN, NULL }, { "login", STORE_LOGIN, NULL },
	{ "secret", STORE_LOGIN, NULL },
	{ "change", STORE_RECORDER, "id" },   /* the foreign key of a new change looks there */
	{ "change", STORE_RECORDER, "what" }, /* whether the last one closed the store */
	{ "change", STORE_RECORDER, "subject" },
	{ "sqlite_sequence", STORE_RECORDER, NULL }, /* and what it will be called stands there */
};

/* All that STORE_RECORDER may write. */
static const struct {
	int action;
	const char *table;
	const char *column; /* NULL: of the whole row */
} writes[] = {
	{ SQLITE_UPDATE, "credential", "hash" },
	{ SQLITE_INSERT, "login", NULL },
	{ SQLITE_UPDATE, "login", "at" },
	{ SQLITE_DELETE, "login", NULL },
	{ SQLITE_INSERT, "change", NULL },
};

static bool
may_read(enum store_role role, const char *table, const char *column)
{
	for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++)
		if (strcmp(grants[i].table, table) == 0 &&
		    (grants[i].column == NULL || strcmp(grants[i].column, column) == 0))
			return role >= grants[i].least;
	return false;
}

static bool
may_write(enum store_role role, int action, const char *table, const char *column)
{
	for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++)
		if (writes[i].action == action && strcmp(writes[i].table, table) == 0 &&
		    (writes[i].column == NULL || strcmp(writes[i].column, column) == 0))
			return role == STORE_RECORDER;
	return false;
}

/* Tell whether a role writes at all. */
static bool
is_writer(enum store_role role)
{
	return role >= STORE_RECORDER;
}

/* Asked by SQLite for everything a statement would do, when it is prepared. What is not allowed
 * here is denied. */
static int
authorize(void *arg, int action, const char *what, const char *detail, const char *schema,
    const char *trigger)
{
	const struct db *db = arg;
	bool allowed = false;

	(void)schema;
	(void)trigger;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_TRANSACTION:
	case SQLITE_SAVEPOINT:
	case SQLITE_FUNCTION:
		allowed = true;
		break;
	case SQLITE_READ:
		allowed = may_read(db->role, what, detail);
		break;
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		allowed = may_write(db->role, action, what, detail);
		break;
	case SQLITE_PRAGMA:
		allowed = strcmp(what, "user_version") == 0 && detail == NULL;
		break;
	}
	return allowed ? SQLITE_OK : SQLITE_DENY;
}

static sqlite3_file *main_file(struct db *db);
static void find_index(struct db *db);
static bool is_as_known(struct db *db);

/* Tell whether something that was read stood in no file any more. */
static bool
is_cut(const struct db *db)
{
	return db->keeping && db->bus_hits != bus_hits();
}

/* --- connecting ------------------------------------------------------------------------------- */

/* The platform's own files, with a sleep that knows our limits. */
static bool
take_files(struct db *db)
{
	/* nobody asks how much memory SQLite takes, and to count it costs a lock for each piece; of
	 * no effect once it was started */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	db->files = sqlite3_vfs_find(NULL);
	if (db->files == NULL)
		return false;
	snprintf(db->name, sizeof db->name, "vmaild-%p", (void *)db);
	db->vfs = *db->files;
	db->vfs.pNext = NULL;
	db->vfs.zName = db->name;
	db->vfs.xSleep = on_retry;
	return sqlite3_vfs_register(&db->vfs, 0) == SQLITE_OK;
}

static struct db *
sqlite_new(const char *place, enum store_role role)
{
	struct db *db = calloc(1, sizeof *db);
	if (db == NULL || !db_file_init(&db->file, place)) {
		free(db);
		return NULL;
	}
	if (!take_files(db)) {
		db_file_release(&db->file);
		free(db);
		return NULL;
	}
	db->head.engine = &engine_sqlite;
	db->role = role;
	for (int i = 0; i < STATEMENTS; i++)
		db->stmt[i].head.db = db;
	for (size_t i = 0; i < STANDING; i++)
		db->stmt[standing[i]].standing = true;
	return db;
}

/* Let go of the connection. Only in an ORDERLY way may what the -wal holds be written into the file
 * by the last to leave: never into one that is damaged, or not the one the -wal was written for. */
static void
disconnect(struct db *db, bool orderly)
{
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(db->stmt[i].st);
		db->stmt[i].st = NULL;
	}
	if (db->sq != NULL && !orderly)
		sqlite3_db_config(db->sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	sqlite3_close(db->sq);
	db->sq = NULL;
	db->index = NULL;
	db->view++;
	db->ours = db->broken = db->kept = db->writing = db->starved = false;
}

/* Tell whether what the -wal holds is this file's. */
static bool
is_orderly(const struct db *db)
{
	return db->ours && !db->broken && db_file_is_same(&db->file);
}

/* If others are reading all the time, it is the next one's turn. */
static void
sqlite_tidy(struct db *db)
{
	if (!is_orderly(db) || !is_writer(db->role))
		return;
	db_limit(db, TIDY_MS);
	db_arm(db);
	sqlite3_wal_checkpoint_v2(db->sq, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

static void
sqlite_free(struct db *db)
{
	if (db == NULL)
		return;
	sqlite_tidy(db);
	disconnect(db, is_orderly(db));
	sqlite3_vfs_unregister(&db->vfs);
	db_file_release(&db->file);
	free(db);
}

/* Do not believe what stands in the file. */
static void
harden(sqlite3 *sq)
{
	static const struct {
		int option;
		int on;
	} options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
	};

	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		sqlite3_db_config(sq, options[i].option, options[i].on, (int *)NULL);
	sqlite3_limit(sq, SQLITE_LIMIT_ATTACHED, 0);
}

/* SQLite has the whole file unmapped before it looks at what others have committed, for the sake of
 * systems whose mappings go stale when a file is cut and grows again. Here they do not, and at a
 * thousand commits a second most of the time would go into it and into the page faults behind it.
 * So the file stays mapped, until much of it is not; till then that is read as where nothing is. */
static int
keep_mapped(sqlite3_file *file, sqlite3_int64 at, void *page)
{
	struct db *db = (struct db *)((char *)file->pMethods - offsetof(struct db, methods));
	sqlite3_int64 size = 0;

	if (page == NULL) {
		if (file->pMethods->xFileSize(file, &size) == SQLITE_OK && size >= db->mapped &&
		    size - db->mapped <= db->mapped / UNMAPPED_SHARE)
			return SQLITE_OK;
		db->mapped = size;
	}
	return db->unfetch(file, at, page);
}

/* For whoever reads the same file all day, and nothing else: pages are read where the kernel has
 * them. What is checked when a page is read would then be checked at every look at it. */
static void
map_file(struct db *db)
{
	sqlite3_file *file = main_file(db);
	char sql[80];

	db->bus_hits = bus_hits();
	if (file == NULL || file->pMethods->iVersion < 3 || !bus_catch())
		return;
	snprintf(sql, sizeof sql, "PRAGMA cell_size_check = OFF; PRAGMA mmap_size = %d", MAPPED);
	sqlite3_exec(db->sq, sql, NULL, NULL, NULL);
	db->mapped = 0;
	db->methods = *file->pMethods;
	db->unfetch = db->methods.xUnfetch;
	db->methods.xUnfetch = keep_mapped;
	file->pMethods = &db->methods;
}

static enum outcome
configure(struct db *db, struct error *err)
{
	static const char *const settings[] = {
		"PRAGMA temp_store = MEMORY",
		"PRAGMA cell_size_check = ON",
		"PRAGMA synchronous = FULL",
	};

	int rc;

	sqlite3_extended_result_codes(db->sq, 1);
	harden(db->sq);
	sqlite3_busy_handler(db->sq, on_busy, db);
	sqlite3_progress_handler(db->sq, OPCODES, on_progress, db);
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		rc = sqlite3_exec(db->sq, settings[i], NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			return db_failed(db, rc, err);
	}
	rc = db_tables_register(db->sq, db);
	if (rc != SQLITE_OK)
		return db_failed(db, rc, err);
	db_bulk(db, false);
	if (db->keeping)
		map_file(db);
	return FOUND;
}

enum outcome
db_number(struct db *db, const char *sql, int64_t *out, struct error *err)
{
	sqlite3_stmt *st = NULL;
	enum outcome o = FOUND;
	int rc = sqlite3_prepare_v2(db->sq, sql, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	else
		o = db_failed(db, rc, err);
	sqlite3_finalize(st);
	return o;
}

static enum outcome
identify(struct db *db, struct error *err)
{
	int64_t application = 0, version = 0, objects = 0;

	if (db_number(db, "PRAGMA application_id", &application, err) != FOUND ||
	    db_number(db, "PRAGMA user_version", &version, err) != FOUND ||
	    db_number(db, "SELECT count(*) FROM sqlite_schema", &objects, err) != FOUND)
		return RETRY;
	if (application == STORE_MARK)
		return FOUND;
	if (application == 0 && version == 0 && objects == 0)
		return error_set(err, NONE,
		    "'%s' has nothing in it: make a store with `vmailctl init`", db->file.path);
	return error_set(err, BAD,
	    "'%s' is the database of another program: give the path of vmaild's store",
	    db->file.path);
}

/* A copy made as a backup may have lost the mode. When others are at it now, that can wait. */
static int
write_ahead(struct db *db)
{
	return sqlite3_exec(db->sq, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
}

/* Tell whether it is a file without a log: a backup. Reads it as nobody else may: any other way
 * would take the log for its own, or drop our locks. */
static bool
is_alone(struct db *db)
{
	sqlite3_file *file = main_file(db);
	char head[STORE_HEAD];

	return file != NULL && file->pMethods->xRead(file, head, sizeof head, 0) == SQLITE_OK &&
	       store_file_of(slice_of(head, sizeof head)) == STORE_FILE_BACKUP;
}

/* A log beside such a file is that of the one which was there before, and SQLite would read it into
 * this one; an index alone, as it lies beside an empty log, tells of pages that this one has not.
 * Who had that one open puts it aside; but perhaps nobody had, or he has not yet seen. */
static enum outcome
shed_log(struct db *db, struct error *err)
{
	enum outcome o = FOUND;
	int lock;

	if (!is_alone(db) || !db_file_has_log(&db->file))
		return FOUND;
	lock = db_file_lock(&db->file, err);
	if (lock < 0)
		return RETRY;
	/* whoever was here before us may have begun a log of its own */
	if (is_alone(db))
		o = db_file_put_aside(&db->file, err);
	close(lock);
	return o;
}

static enum outcome
open_file(struct db *db, struct error *err)
{
	int flags = is_writer(db->role) ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	int rc = sqlite3_open_v2(db->file.path, &db->sq, flags | SQLITE_OPEN_NOMUTEX, db->name);
	enum outcome o;

	if (rc != SQLITE_OK)
		return db_failed(db, rc, err);
	o = shed_log(db, err);
	return o == FOUND ? configure(db, err) : o;
}

static enum outcome
sqlite_connect(struct db *db, struct error *err)
{
	enum outcome o;

	/* an old connection keeps its file's inode from being given to another one: so look first
	 */
	db_file_look(&db->file);
	db->broken |= is_cut(db);
	if (db->ours && !db->broken && is_as_known(db))
		return FOUND;
	o = db_file_take(&db->file, is_writer(db->role), err);
	if (o != FOUND) {
		db->broken |= o == NONE;
		return o;
	}
	disconnect(db, false);
	o = open_file(db, err);
	if (o == FOUND)
		o = identify(db, err);
	if (o == RETRY || o == BAD) {
		disconnect(db, false);
		return o;
	}
	db_file_note(&db->file);
	if (db->watching)
		db_file_watch(&db->file);
	if (db->keeping)
		find_index(db);
	db->ours = o == FOUND;
	if (o == FOUND && db->role == STORE_ADMIN)
		write_ahead(db);
	db->alone = is_alone(db);
	if (db->role != STORE_ADMIN)
		sqlite3_set_authorizer(db->sq, authorize, db);
	return o;
}

/* A new file: give it a first page, in the mode we want. */
static enum outcome
start_file(void *arg, struct error *err)
{
	struct db *db = arg;
	enum outcome o;
	int rc;

	disconnect(db, false);
	o = open_file(db, err);
	if (o == FOUND) {
		rc = write_ahead(db);
		if (rc != SQLITE_OK)
			o = db_failed(db, rc, err);
	}
	disconnect(db, true);
	return o;
}

static enum outcome
sqlite_create(struct db *db, int owner, int group, bool *made, struct error *err)
{
	return db_file_create(&db->file, owner, group, start_file, db, made, err);
}

/* --- statements ------------------------------------------------------------------------------- */

static int
make_statement(struct db *db, struct db_stmt *st, const char *text)
{
	int rc = sqlite3_prepare_v3(db->sq, text, -1, SQLITE_PREPARE_PERSISTENT, &st->st, NULL);

	st->key = sqlite3_column_count(st->st) - 1;
	return rc;
}

static struct db_stmt *
sqlite_prepare(struct db *db, enum statement which)
{
	struct db_stmt *st = &db->stmt[which];

	st->rc = db->sq == NULL ? SQLITE_CANTOPEN : SQLITE_OK;
	if (st->rc == SQLITE_OK && st->st == NULL)
		st->rc = make_statement(db, st, texts[which]);
	assert(st->st == NULL || st->standing || !sqlite3_stmt_busy(st->st));
	return st;
}

static void
bound(struct db_stmt *st, int rc)
{
	if (st->rc == SQLITE_OK)
		st->rc = rc;
}

static void
sqlite_bind_text(struct db_stmt *st, int n, struct slice text)
{
	const char *p = text.n == 0 ? "" : text.p;

	if (st->rc != SQLITE_OK)
		return;
	if (st->standing)
		st->head.db->asked = slice_of(p, text.n);
	else if (text.n > INT_MAX)
		bound(st, SQLITE_TOOBIG);
	else
		bound(st, sqlite3_bind_text(st->st, n, p, (int)text.n, SQLITE_STATIC));
}

static void
sqlite_bind_int(struct db_stmt *st, int n, int64_t value)
{
	if (st->rc == SQLITE_OK)
		bound(st, sqlite3_bind_int64(st->st, n, value));
}

static void
sqlite_bind_null(struct db_stmt *st, int n)
{
	if (st->rc == SQLITE_OK)
		bound(st, sqlite3_bind_null(st->st, n));
}

/* Tell whether the transaction that writes is gone. SQLite rolls it back by itself when memory runs
 * out, and what came behind would be written at once, each statement for itself. */
static bool
is_lost(const struct db *db)
{
	return db->writing && (db->starved || sqlite3_get_autocommit(db->sq));
}

/* Within a view that is only read, one that stands is left as it is for the next key. */
static void
sqlite_reset(struct db_stmt *st)
{
	struct db *db = st->head.db;

	if (!st->standing || db->writing || db->sq == NULL || sqlite3_get_autocommit(db->sq))
		sqlite3_reset(st->st);
}

/* They are part of the view: as long as one of them is under way, it does not end. */
static void
end_standing(struct db *db)
{
	for (size_t i = 0; i < STANDING; i++)
		sqlite3_reset(db->stmt[standing[i]].st);
	db->asked.p = NULL;
}

/* What was left of the rows of the key before is nobody's. */
static int
step(struct db_stmt *st)
{
	int rc;

	do
		rc = sqlite3_step(st->st);
	while (rc == SQLITE_ROW && st->standing && st->head.db->asked.p != NULL);
	return rc;
}

/* One that stands has a row of NULLs where nothing matches. */
static bool
is_row(const struct db_stmt *st)
{
	return !st->standing || sqlite3_column_type(st->st, st->key) != SQLITE_NULL;
}

static enum outcome
sqlite_step(struct db_stmt *st, struct error *err)
{
	struct db *db = st->head.db;
	enum outcome o = NONE;
	int rc;

	if (is_lost(db)) {
		db_reset(st);
		return error_set(err, RETRY,
		    "a transaction of the store '%s' was lost: nothing of it was done, try again",
		    db->file.path);
	}
	rc = st->rc == SQLITE_OK ? step(st) : st->rc;
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		db->hasty_until = 0;
	if (rc == SQLITE_ROW && is_row(st))
		return FOUND;
	if (rc == SQLITE_ROW) {
		db_reset(st);
		return NONE;
	}
	if (rc != SQLITE_DONE)
		o = db_failed(db, rc, err);
	db->asked.p = NULL;
	sqlite3_reset(st->st);
	return o;
}

static enum outcome
sqlite_run(struct db_stmt *st, int64_t *changes, struct error *err)
{
	struct db *db = st->head.db;
	enum outcome o = db_step(st, err);

	assert(o != FOUND);
	if (o != NONE)
		return o;
	if (changes != NULL)
		*changes = sqlite3_changes64(db->sq);
	return FOUND;
}

static struct slice
sqlite_text(struct db_stmt *st, int n)
{
	struct db *db = st->head.db;
	const char *p = (const char *)sqlite3_column_text(st->st, n);

	/* it would be taken for NULL */
	if (p == NULL && db->writing && sqlite3_errcode(db->sq) == SQLITE_NOMEM)
		db->starved = true;
	return slice_of(p, p == NULL ? 0 : (size_t)sqlite3_column_bytes(st->st, n));
}

static int64_t
sqlite_int(struct db_stmt *st, int n)
{
	return sqlite3_column_int64(st->st, n);
}

/* --- views that are kept -------------------------------------------------------------------------
 *
 * To begin a read transaction takes locks on the file, twice two system calls. A view may be kept
 * instead, as long as the header of the wal-index stays what it was when the view was taken: every
 * commit changes it (a counter, the end of the log, checksums), and it lies in memory that we have
 * mapped anyway. The format is a part of SQLite's documented one (walformat), of this one version.
 */

static sqlite3_file *
main_file(struct db *db)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(db->sq, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
	    file == NULL || file->pMethods == NULL)
		return NULL;
	return file;
}

static uint32_t
number_at(const struct db *db, size_t at)
{
	uint32_t n;

	memcpy(&n, db->index + at, sizeof n);
	return n;
}

static struct checkpoint
checkpoint_now(const struct db *db)
{
	return (struct checkpoint){ .log = number_at(db, WAL_INDEX_SALT),
		.begun = number_at(db, WAL_INDEX_BEGUN),
		.done = number_at(db, WAL_INDEX_DONE) };
}

/* Tell whether somebody holds the lock of a checkpoint. */
static bool
is_being_written(struct db *db)
{
	sqlite3_file *file = main_file(db);
	int rc;

	if (file == NULL)
		return false;
	rc = file->pMethods->xShmLock(
	    file, WAL_CHECKPOINT_LOCK, 1, SQLITE_SHM_LOCK | SQLITE_SHM_SHARED);
	if (rc == SQLITE_OK)
		file->pMethods->xShmLock(
		    file, WAL_CHECKPOINT_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
	return rc == SQLITE_BUSY;
}

static bool
is_equal(struct checkpoint a, struct checkpoint b)
{
	return a.log == b.log && a.begun == b.begun && a.done == b.done;
}

/* Tell whether the file seen is the one we read, and nobody wrote to it but a checkpoint. That is
 * no reason to begin anew, and lasts so long after an import that nobody could be answered if it
 * were. But in its shadow there may have been somebody else: nothing that was read is kept. */
static bool
is_as_known(struct db *db)
{
	struct checkpoint now, before = db->checkpoint;
	bool written = db_file_is_written(&db->file);

	if (!db_file_is_taken(&db->file))
		return false;
	if (db->index == NULL)
		return !written;
	db->checkpoint = now = checkpoint_now(db);
	if (!written)
		return true;
	if (is_equal(now, before) && (now.begun <= now.done || !is_being_written(db)))
		return false;
	db_file_accept(&db->file);
	sqlite3_db_release_memory(db->sq);
	db->view++;
	return true;
}

/* Find the header, once the connection has mapped it. */
static void
find_index(struct db *db)
{
	sqlite3_file *file = main_file(db);
	void volatile *region = NULL;
	char mode[8] = "";
	uint32_t version;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db->sq, "PRAGMA journal_mode", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		snprintf(mode, sizeof mode, "%s", (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	if (strcmp(mode, "wal") != 0 || file == NULL || file->pMethods->iVersion < 2 ||
	    file->pMethods->xShmMap(file, 0, WAL_INDEX_REGION, 0, &region) != SQLITE_OK ||
	    region == NULL)
		return;
	memcpy(&version, (const void *)region, sizeof version);
	if (version != WAL_INDEX_VERSION)
		return;
	db->index = (const unsigned char *)region;
	db->checkpoint = checkpoint_now(db);
}

/* Remember the header as it is before a transaction begins. */
static void
note_index(struct db *db)
{
	unsigned char now[WAL_INDEX_HEADER];

	if (db->index == NULL) {
		db->view++;
		return;
	}
	memcpy(now, db->index, sizeof now);
	if (memcmp(now, db->seen, sizeof now) != 0) {
		memcpy(db->seen, now, sizeof now);
		db->calm_at = now_ms() + CALM_MS;
		db->view++;
	}
}

/* Somebody has committed since just before the view was taken. */
static bool
is_outdated(const struct db *db)
{
	return db->index == NULL || memcmp(db->seen, db->index, sizeof db->seen) != 0;
}

static void
sqlite_keep_views(struct db *db)
{
	db->keeping = db->watching = true;
	db->broken = true; /* a connection made before does not know how */
}

static bool
sqlite_has_view(const struct db *db)
{
	return db->sq != NULL && !sqlite3_get_autocommit(db->sq) && !is_lost(db) && !is_cut(db);
}

static void
sqlite_leave(struct db *db)
{
	db->kept = db->keeping && !db->broken && db_has_view(db) && !is_outdated(db) &&
		   db->armed_at >= db->calm_at;
	if (db->kept)
		return;
	/* nothing was written: what matters is that the view is let go, and a rollback does that
	 * too */
	db_commit(db, NULL);
	db_rollback(db);
}

static void
sqlite_watch(struct db *db)
{
	if (db->watching)
		return;
	db->watching = true;
	if (db->ours)
		db_file_watch(&db->file);
}

static int
sqlite_watched(const struct db *db)
{
	return db_file_watched(&db->file);
}

/* Somebody has written to the file, and it was no checkpoint: another store that has a log may have
 * been copied over it. As long as one of us holds the index of the old one, which says how many
 * pages there are, whoever comes takes the new one for damaged. */
static void
yield_to_copy(struct db *db)
{
	db_let_go(db);
	db_file_look(&db->file);
	if (!db->alone && !is_as_known(db))
		disconnect(db, false);
}

/* Another file in our file's place has the log of ours beside it, and whoever opens it first would
 * have that read into it. We know whose the log is: so it is put aside at once. A file without a
 * log that was copied over ours is ours by its inode: while we hold what was there for as long as
 * we read with a log, nobody could begin one for it. */
static void
sqlite_stir(struct db *db)
{
	struct error err;

	db_file_stir(&db->file);
	if (!db->ours)
		return;
	if (db_file_is_same(&db->file) && (db->alone || !is_alone(db))) {
		yield_to_copy(db);
		return;
	}
	db->broken = true;
	db_let_go(db);
	db_arm(db);
	(void)sqlite_connect(db, &err); /* the next question tells what is wrong */
}

static bool
sqlite_stay(struct db *db, bool look)
{
	if (!db->kept)
		return false;
	if (look)
		db_file_stir(&db->file);
	if (!is_outdated(db) && !db_file_is_restless(&db->file)) {
		db->kept = false; /* it is in use */
		return true;
	}
	db_let_go(db);
	return false;
}

static void
sqlite_let_go(struct db *db)
{
	if (!db->kept)
		return;
	db->kept = false;
	db_commit(db, NULL);
	db_rollback(db);
}

static uint64_t
sqlite_view(const struct db *db)
{
	return db->view;
}

static uint64_t
bytes_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void
sqlite_size(struct db *db, uint64_t *main, uint64_t *log)
{
	*main = bytes_of(db->file.path);
	*log = bytes_of(db->file.wal);
}

/* --- transactions ----------------------------------------------------------------------------- */

static enum outcome
sqlite_begin(struct db *db, enum db_transaction kind, struct error *err)
{
	enum statement begin = kind == DB_WRITE ? Q_begin_write : Q_begin_read;
	enum outcome o;

	note_index(db);
	o = db_run(db_prepare(db, begin), NULL, err);
	db->writing = o == FOUND && kind == DB_WRITE;
	db->starved = false;
	return o;
}

static enum outcome
sqlite_commit(struct db *db, struct error *err)
{
	enum outcome o;

	end_standing(db);
	o = db_run(db_prepare(db, Q_commit), NULL, err);
	if (o == FOUND)
		db->writing = false;
	return o;
}

static void
sqlite_rollback(struct db *db)
{
	db->writing = db->starved = false;
	end_standing(db);
	/* a failure may have ended the transaction already; and should even this fail, the
	 * connection is not to be trusted any more */
	if (db->sq != NULL && !sqlite3_get_autocommit(db->sq) &&
	    db_run(db_prepare(db, Q_rollback), NULL, NULL) != FOUND)
		db->broken = true;
}

static void
sqlite_bulk(struct db *db, bool on)
{
	char sql[64];

	/* no answer depends on it: what goes wrong here is only slow */
	snprintf(sql, sizeof sql, "PRAGMA cache_size = -%d", on ? BULK_CACHE_KIB : CACHE_KIB);
	sqlite3_exec(db->sq, sql, NULL, NULL, NULL);
}

static enum outcome
sqlite_version(struct db *db, int *version, struct error *err)
{
	struct db_stmt *st = db_prepare(db, Q_version);
	enum outcome o = db_step(st, err);

	if (o == NONE)
		return error_set(
		    err, RETRY, "the store '%s' does not tell its version", db->file.path);
	if (o == FOUND) {
		*version = (int)db_int(st, 0);
		db_reset(st);
		/* a commit came between the header that was noted and this view: what is remembered
		 * of the one is not to be mixed with the other */
		db->view += db->index != NULL && is_outdated(db);
	}
	return o;
}

/* --- migrations ------------------------------------------------------------------------------- */

static enum outcome
apply(struct db *db, int version, struct error *err)
{
	int reached = 0;
	enum outcome o;

	for (size_t i = 0; i < MIGRATIONS; i++) {
		int rc = SQLITE_OK;

		if (migrations[i].version == version)
			rc = sqlite3_exec(db->sq, migrations[i].text, NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			return db_failed(db, rc, err);
	}
	o = db_version(db, &reached, err);
	assert(o != FOUND || reached == version);
	return o == FOUND ? db_commit(db, err) : o;
}

static enum outcome
sqlite_migrate(struct db *db, int version, struct error *err)
{
	int now = 0;
	enum outcome o = db_begin(db, DB_WRITE, err);

	if (o == FOUND)
		o = db_version(db, &now, err);
	if (o == FOUND && now < version)
		o = apply(db, version, err);
	db_rollback(db);
	db->ours |= o == FOUND; /* a new one has become a store by this */
	/* a rule that the data breaks is no mistake of whoever asked */
	return o == BAD ? RETRY : o;
}

const struct engine engine_sqlite = {
	.name = "sqlite",
	.new = sqlite_new,
	.free = sqlite_free,
	.connect = sqlite_connect,
	.create = sqlite_create,
	.limit = sqlite_limit,
	.arm = sqlite_arm,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.keep_views = sqlite_keep_views,
	.has_view = sqlite_has_view,
	.leave = sqlite_leave,
	.stay = sqlite_stay,
	.watch = sqlite_watch,
	.watched = sqlite_watched,
	.stir = sqlite_stir,
	.let_go = sqlite_let_go,
	.tidy = sqlite_tidy,
	.view = sqlite_view,
	.bulk = sqlite_bulk,
	.version = sqlite_version,
	.size = sqlite_size,
	.migrate = sqlite_migrate,
	.copy_out = sqlite_copy_out,
	.copy_in = sqlite_copy_in,
	.replace = sqlite_replace,
	.is_damaged = sqlite_is_damaged,
	.is_missing = sqlite_is_missing,
	.path = sqlite_path,
	.integrity = sqlite_integrity,
	.prepare = sqlite_prepare,
	.bind_text = sqlite_bind_text,
	.bind_int = sqlite_bind_int,
	.bind_null = sqlite_bind_null,
	.step = sqlite_step,
	.reset = sqlite_reset,
	.run = sqlite_run,
	.run_rows = sqlite_run_rows,
	.text = sqlite_text,
	.integer = sqlite_int,
};
