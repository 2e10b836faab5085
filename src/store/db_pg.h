/* SPDX-License-Identifier: ISC
 *
 * What the files of the PostgreSQL engine share: db_pg.c, which answers, pg_talk.c, which talks to
 * the server, and what copies whole stores.
 */
#ifndef STORE_DB_PG_H
#define STORE_DB_PG_H

#include "store/db_engine.h"
#include "store/pg_ask.h"
#include "store/pg_conn.h"

enum {
	PG_PARAMETERS = 16, /* of a statement */
	PG_TRAIN = 24,      /* requests in one round trip */
	PG_FED_MAX = 256    /* requests that may be under way */
};

/* What a statement is bound to, as libpq takes it: texts go as the bytes they are, numbers in
 * digits. */
struct pg_values {
	const char *value[PG_PARAMETERS];
	int length[PG_PARAMETERS];
	int format[PG_PARAMETERS]; /* 1: as it is */
	char digits[PG_PARAMETERS][24];
	int n;
};

struct db_stmt {
	struct stmt_head head;
	enum statement which;
	bool known; /* prepared on this connection */
	bool ran;   /* the rows at hand are its */
	int wrong;  /* number of a parameter that cannot be sent, or 0 */
	int cursor; /* its number while there may be more rows behind those at hand; 0 */
	int row;
	PGresult *rows;
	struct pg_values values;
};

enum pg_transaction {
	PG_CLOSED,
	PG_WANTED, /* begun as far as the caller can see: BEGIN goes with the first statement */
	PG_OPEN
};

/* A change that counts as done, though it was only sent. */
struct pg_promise {
	int end;         /* how many requests were fed by then */
	char shown[160]; /* what it is called in texts */
};

struct db {
	struct db_head head;
	enum store_role role;
	struct pg_place place;
	PGconn *conn;       /* NULL while unconnected */
	bool ours;          /* it leads to a store */
	bool empty;         /* it leads to a database without one */
	bool asks[PG_ASKS]; /* which statements for whole questions are prepared on this connection
			     */
	bool broken;        /* it has seen something that a new connection may not see */
	bool reads;  /* it leads to where nothing can be written, for there was nothing better */
	size_t host; /* the one that connecting begins with */

	unsigned limit_ms;
	int64_t armed_at; /* when the call began, in milliseconds */
	int64_t retry_at; /* not before then is a server looked for again */
	unsigned pause_ms;
	char why[256]; /* it was not found */

	enum pg_transaction open;
	enum db_transaction kind;
	char lock_limit[40];
	int fed;      /* requests that were sent and not asked about yet */
	int promises; /* what those of them are that count as done */
	struct pg_promise promise[PG_FED_MAX];
	int owed; /* ends of transactions whose answer nobody has waited for */
	int cursors;
	uint64_t view;

	struct db_stmt stmt[STATEMENTS];
};

/* --- one round trip -----------------------------------------------------------------------------
 */

/* One request of those that go together: a text, or a named statement of the connection (to be
 * prepared, or with its values to be run). */
struct pg_request {
	const char *text;
	const char *name;
	const struct pg_values *values;
	PGresult *result; /* freed by pg_train_clear */
};

struct pg_train {
	struct pg_request request[PG_TRAIN];
	size_t n;
};

/* Append a request, to be changed. */
struct pg_request *pg_add(struct pg_train *t, const char *text);

/* Send them all and wait for what comes back, until the call's time is over. FOUND when every one
 * of them was done, else what became of the first that was not: BAD for a rule of the database,
 * or RETRY; those behind it were not done either then. Without its end the connection is gone. */
enum outcome pg_run(struct db *db, struct pg_train *t, struct error *err);

/* Send one of many requests, and ask how all of them went. pg_run asks first. */
enum outcome pg_feed(struct db *db, const struct pg_request *r, struct error *err);
enum outcome pg_fed(struct db *db, struct error *err);

/* Take what was fed for done, as db_promise. */
void pg_promise(struct db *db, const char *what, struct slice subject);

/* Free what came back. */
void pg_train_clear(struct pg_train *t);

/* Send a text whose answer nobody waits for. */
void pg_post(struct db *db, const char *text);

/* --- the connection ------------------------------------------------------------------------------
 */

/* The clock of all that waits, in milliseconds. */
int64_t pg_now(void);

/* Look for a server, begin with DB->host, and make the connection what all others are. FOUND, or
 * RETRY. */
enum outcome pg_reach(struct db *db, struct error *err);

/* Tell whether the connection still leads to a server, as far as can be seen from here. */
bool pg_is_alive(struct db *db);

/* Let go of the connection; the rows at hand stay. */
void pg_lose(struct db *db);

/* Of pg_roles.c, for the engine's table. */
enum outcome pg_settle(struct db *db, struct error *err);
enum outcome pg_guarded(struct db *db, struct error *err);

/* Tell whether RESULT, which is no failure, has rows: LEAST of them at the least. RETRY when it is
 * of another kind: a libpq that had no memory for rows may say that all is well without any. */
enum outcome pg_rows(struct db *db, const PGresult *result, int least, struct error *err);

/* Explain what came back in ERR: BAD for a rule of the database, else RETRY. */
enum outcome pg_failed(struct db *db, const PGresult *result, struct error *err);

#endif
