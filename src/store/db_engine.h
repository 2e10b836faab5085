/* SPDX-License-Identifier: ISC
 *
 * What an engine is: one table of what db.h promises, each function as it is said there. Included
 * by db.c, which finds the engine that a call is for, and by the engines.
 *
 * struct db and struct db_stmt are the engine's own. All that the rest knows of them are the heads
 * below, which stand first in each.
 */
#ifndef STORE_DB_ENGINE_H
#define STORE_DB_ENGINE_H

#include "store/db.h"
#include "store/db_rows.h"

struct engine {
	const char *name; /* the scheme of its URIs */

	/* Tell whether a URI can be read; NULL: all can. */
	enum outcome (*check)(const char *uri, struct error *err);

	/* Tell whether there is a password in a URI; NULL: never. */
	bool (*has_password)(const char *uri);

	/* Write what a URI may be called in texts; NULL: by itself. */
	void (*show)(const char *uri, char *out, size_t size);

	/* Fill in what leads to a URI's servers; NULL: it is a file. */
	void (*way)(const char *uri, struct store_way *out);

	/* Tell FN what leads to them, but not who connects; NULL: it is a file. */
	void (*link)(const char *uri, store_link_fn *fn, void *arg);
	void (*secrets)(const char *uri, store_secret_fn *fn, void *arg);

	/* PLACE is the whole URI for an engine that reads it itself, else what follows the scheme.
	 */
	struct db *(*new)(const char *place, enum store_role role);
	void (*free)(struct db *db);
	enum outcome (*connect)(struct db *db, struct error *err);
	enum outcome (*create)(struct db *db, int owner, int group, bool *made, struct error *err);
	bool (*can_hold)(struct slice text);                             /* NULL: whatever it is */
	enum outcome (*takes_changes)(struct db *db, struct error *err); /* NULL: it does */
	void (*limit)(struct db *db, unsigned ms);
	void (*arm)(struct db *db);

	enum outcome (*begin)(struct db *db, enum db_transaction kind, struct error *err);
	enum outcome (*commit)(struct db *db, struct error *err);
	void (*rollback)(struct db *db);
	void (*keep_views)(struct db *db);
	bool (*has_view)(const struct db *db);
	void (*leave)(struct db *db);
	bool (*stay)(struct db *db, bool look);
	void (*watch)(struct db *db);        /* NULL: there is no file */
	int (*watched)(const struct db *db); /* the same */
	void (*stir)(struct db *db);
	void (*let_go)(struct db *db);
	void (*tidy)(struct db *db); /* NULL: nothing lies beside it */
	uint64_t (*view)(const struct db *db);
	void (*bulk)(struct db *db, bool on);
	enum outcome (*version)(struct db *db, int *version, struct error *err);
	void (*size)(struct db *db, uint64_t *main, uint64_t *log);
	enum outcome (*migrate)(struct db *db, int version, struct error *err);
	enum outcome (*settle)(struct db *db, struct error *err); /* NULL: there is nothing to do */
	enum outcome (*guarded)(
	    struct db *db, struct error *err); /* NULL: there is no such thing */
	enum outcome (*can_hold_all)(struct db *db, struct error *err); /* NULL: it is */

	enum outcome (*copy_out)(struct db *from, const char *path,
	    const struct store_progress *progress, struct error *err);
	enum outcome (*copy_in)(struct db *db, const struct db_intake *in,
	    const struct store_progress *progress, struct error *err);
	enum outcome (*replace)(
	    struct db *db, const char *path, const char *keep, struct error *err);
	bool (*is_damaged)(const struct db *db);
	bool (*is_missing)(const struct db *db);
	const char *(*path)(const struct db *db);
	enum outcome (*integrity)(struct db *db, db_trouble_fn *fn, void *arg, struct error *err);

	struct db_stmt *(*prepare)(struct db *db, enum statement which);
	void (*bind_text)(struct db_stmt *st, int n, struct slice text);
	void (*bind_int)(struct db_stmt *st, int n, int64_t value);
	void (*bind_null)(struct db_stmt *st, int n);
	enum outcome (*step)(struct db_stmt *st, struct error *err);
	void (*reset)(struct db_stmt *st);
	enum outcome (*run)(struct db_stmt *st, int64_t *changes, struct error *err);
	enum outcome (*run_rows)(struct db *db, enum statement which, const struct db_rows *rows,
	    struct error *err); /* NULL: its statement takes the cells of one row */
	enum outcome (*feed)(struct db_stmt *st, struct error *err); /* NULL: as run */
	void (*promise)(
	    struct db *db, const char *what, struct slice subject); /* NULL: it is done */
	enum outcome (*fed)(struct db *db, struct error *err);
	enum outcome (*ask)(struct db *db, const struct question *q, struct facts *facts,
	    struct error *err); /* NULL: row by row, as ask.c does it */
	struct slice (*text)(struct db_stmt *st, int n);
	int64_t (*integer)(struct db_stmt *st, int n);
};

struct db_head {
	const struct engine *engine;
};

struct stmt_head {
	struct db *db;
};

extern const struct engine engine_sqlite;
extern const struct engine engine_pg;

#endif
