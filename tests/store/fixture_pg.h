/* SPDX-License-Identifier: ISC
 *
 * The fixture's half for PostgreSQL: a database of its own for every store of a test, on the server
 * that tests/lib/postgres started, and raw statements in it. Included by fixture.h alone.
 */
#ifndef TESTS_STORE_FIXTURE_PG_H
#define TESTS_STORE_FIXTURE_PG_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sbuf.h"

enum { PG_STORES = 8 };

/* The server, or NULL: then the tests run on SQLite. */
static inline const char *
pg_server(void)
{
	return getenv("VMAILD_TEST_STORE");
}

/* For a program that is about such a server: false, and the plan of its tests, where there is none.
 */
static inline bool
pg_wanted(void)
{
	if (pg_server() != NULL)
		return true;
	puts("1..1\nok 1 # SKIP this is about a PostgreSQL server");
	return false;
}

static inline bool
is_pg(const char *path)
{
	return strncmp(path, "postgresql:", 11) == 0;
}

static inline void
pg_quiet(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

static inline PGconn *
pg_raw_open(const char *uri)
{
	PGconn *conn = PQconnectdb(uri + 11);

	if (PQstatus(conn) != CONNECTION_OK)
		fail_msg("%s: %s", uri, PQerrorMessage(conn));
	PQsetNoticeProcessor(conn, pg_quiet, NULL);
	PQclear(PQexec(conn, "SET search_path = vmaild, public"));
	return conn;
}

/* As SQLite writes it. */
static inline const char *
pg_cell(const PGresult *r, int row, int i)
{
	enum { BOOLEAN = 16 };
	const char *text = PQgetvalue(r, row, i);

	if (PQgetisnull(r, row, i))
		return "-";
	return PQftype(r, i) != BOOLEAN ? text : text[0] == 't' ? "1" : "0";
}

/* Run statements; the rows of the last are appended to OUT, when that is wanted. */
static inline void
pg_raw_exec(PGconn *conn, struct sbuf *out, const char *sql)
{
	PGresult *r = PQexec(conn, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(conn));
	for (int row = 0; out != NULL && row < PQntuples(r); row++) {
		for (int i = 0; i < PQnfields(r); i++) {
			sbuf_add_str(out, i > 0 ? "|" : "");
			sbuf_add_str(out, pg_cell(r, row, i));
		}
		sbuf_add_chr(out, '\n');
	}
	PQclear(r);
}

static inline void
pg_raw(const char *uri, struct sbuf *out, const char *sql)
{
	PGconn *conn = pg_raw_open(uri);

	pg_raw_exec(conn, out, sql);
	PQfinish(conn);
}

/* Which of our databases are in use, made, and have a store in them. Each is made once, and its
 * rows, which is quicker than its tables, go for the next case. */
static bool pg_used[PG_STORES];
static bool pg_made[PG_STORES];
static bool pg_ready[PG_STORES];
static bool pg_spoiled; /* a case did more than change rows */

/* What the tests' own SQL has of SQLite's functions. */
static const char pg_functions[] =
    "CREATE FUNCTION public.printf(f text, n bigint) RETURNS text LANGUAGE sql AS $$ SELECT "
    "regexp_replace(f, '%0\\d+d', lpad(n::text, substring(f from '%0(\\d+)d')::integer, '0')) $$;"
    "CREATE FUNCTION public.json_extract(j text, p text) RETURNS text LANGUAGE sql AS $$ SELECT "
    "jsonb_path_query_first(j::jsonb, p::jsonpath) #>> '{}' $$;"
    "CREATE FUNCTION public.strftime(f text, t text) RETURNS text LANGUAGE sql AS $$ SELECT "
    "extract(epoch FROM t::timestamptz)::bigint::text $$;";

static inline bool
pg_take(char *uri, size_t size)
{
	char sql[96];
	int i = 0;

	while (i < PG_STORES && pg_used[i])
		i++;
	if (i == PG_STORES)
		return false;
	pg_used[i] = true;
	snprintf(sql, sizeof sql, "CREATE DATABASE t%d_%d", (int)getpid(), i);
	if (!pg_made[i])
		pg_raw(pg_server(), NULL, sql);
	(void)snprintf(uri, size, "%s dbname=t%d_%d", pg_server(), (int)getpid(), i);
	if (!pg_made[i])
		pg_raw(uri, NULL, pg_functions);
	pg_made[i] = true;
	return true;
}

static inline int
pg_number(const char *uri)
{
	return atoi(strrchr(uri, '_') + 1);
}

/* Have nothing at all in it. */
static inline void
pg_bare(const char *uri)
{
	if (pg_ready[pg_number(uri)])
		pg_raw(uri, NULL, "DROP SCHEMA IF EXISTS vmaild CASCADE");
	pg_ready[pg_number(uri)] = false;
}

static inline void
pg_give_back(const char *uri)
{
	char version[64];

	(void)snprintf(
	    version, sizeof version, "UPDATE store SET version = %d", store_schema_version());
	if (pg_ready[pg_number(uri)] && !pg_spoiled) {
		pg_raw(uri, NULL,
		    "DELETE FROM login; DELETE FROM credential; DELETE FROM alias_target; DELETE "
		    "FROM alias; DELETE FROM mailbox; DELETE FROM domain; DELETE FROM entry; "
		    "DELETE "
		    "FROM map; DELETE FROM change; DELETE FROM secret WHERE name <> "
		    "'app-password'");
		pg_raw(uri, NULL, version);
	} else {
		pg_raw(uri, NULL, "DROP SCHEMA IF EXISTS vmaild CASCADE");
	}
	pg_ready[pg_number(uri)] &= !pg_spoiled;
	pg_spoiled = false;
	pg_used[pg_number(uri)] = false;
}

#endif
