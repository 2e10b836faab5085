/* SPDX-License-Identifier: ISC
 *
 * A store of its own for every case, in a directory that goes away with it; and a second, raw
 * connection to look behind the store's back and to spoil it.
 *
 * The store is an SQLite file, or, with VMAILD_TEST_STORE set (tests/lib/postgres does), a database
 * on that PostgreSQL server. What is about the file says so by sqlite_only().
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mail/address.h"
#include "store/logins.h"
#include "store/store.h"

#include "fixture_pg.h"

enum { NOBODY = 65534 };

struct fixture {
	char dir[64];
	/* DIR/store/vmail.db (the inner directory is made by the store), or the URI of a database
	 */
	char path[128];
	struct store *s;
	struct error err;
};

static const struct store_actor tester = { "tester", { "+", true, 0 }, NULL };

#define S(text) slice_str(text)

/* --- one store -------------------------------------------------------------------------------- */

static inline int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

/* For a case, or (first in main) for a whole program. */
static inline void
sqlite_only(void)
{
	if (pg_server() != NULL)
		skip();
}

static inline bool
is_for_sqlite(void)
{
	if (pg_server() == NULL)
		return true;
	print_message("1..1\nok 1 # SKIP this is about the SQLite file\n");
	return false;
}

/* An outer directory that everybody may enter, and nothing in it yet (but maybe in a database). */
static inline int
place_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/tmp/vmaild-store-XXXXXX");
	if (mkdtemp(f->dir) == NULL || chmod(f->dir, 0755) != 0)
		return -1;
	snprintf(f->path, sizeof f->path, "%s/store/vmail.db", f->dir);
	*state = f;
	return pg_server() == NULL || pg_take(f->path, sizeof f->path) ? 0 : -1;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	if (is_pg(f->path))
		pg_give_back(f->path);
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static inline int
bare_setup(void **state)
{
	int status = place_setup(state);

	if (status == 0 && pg_server() != NULL)
		pg_bare(((struct fixture *)*state)->path);
	return status;
}

/* Every step of a case that must work says why when it does not. */
static inline void
must(enum outcome o, const struct error *err, const char *what)
{
	if (o != FOUND)
		fail_msg("%s: %s: %s", what, outcome_name(o), err->text);
}

static inline void
create_at(const char *path)
{
	struct error err = { "" };
	int from, to;

	must(store_create(path, -1, -1, &from, &to, &err), &err, "create");
}

static inline struct store *
open_at(const char *path, enum store_role role)
{
	struct error err = { "" };
	struct store *s = NULL;

	must(store_open(&s, path, role, &err), &err, "open");
	store_act_as(s, &tester);
	return s;
}

/* An empty store, open for changes. */
static inline int
empty_setup(void **state)
{
	struct fixture *f;

	if (place_setup(state) != 0)
		return -1;
	f = *state;
	create_at(f->path);
	if (is_pg(f->path))
		pg_ready[pg_number(f->path)] = true;
	f->s = open_at(f->path, STORE_ADMIN);
	return 0;
}

/* --- changes in short ------------------------------------------------------------------------- */

static inline enum outcome
domain_add(
    struct store *s, const char *name, const char *kind, const char *target, struct error *err)
{
	enum domain_kind k;

	assert_true(domain_kind_by_name(S(kind), &k));
	return store_domain_add(s, S(name), k, S(target), err);
}

/* Split TEXT at blanks. */
static inline size_t
words(struct slice *out, size_t max, const char *text)
{
	struct slice rest = S(text);
	size_t n = 0;

	while (rest.n > 0) {
		assert_true(n < max);
		out[n++] = slice_cut(&rest, ' ');
	}
	return n;
}

static inline enum outcome
alias_add(struct store *s, const char *address, const char *targets, struct error *err)
{
	struct slice list[64] = { { NULL, 0 } };
	size_t n = words(list, 64, targets);

	return store_alias_add(s, S(address), list, n, err);
}

static inline enum outcome
alias_remove(struct store *s, const char *address, const char *targets, struct error *err)
{
	struct slice list[64] = { { NULL, 0 } };
	size_t n = words(list, 64, targets);

	return store_alias_remove(s, S(address), list, n, err);
}

static inline enum outcome
mailbox_add(struct store *s, const char *address, const char *hash, struct error *err)
{
	return store_mailbox_add(s, S(address), S(hash), 0, err);
}

/* One of everything. */
static inline void
populate(struct store *s)
{
	struct error e = { "" };

	must(domain_add(s, "example.com", "mailbox", "", &e), &e, "domain");
	must(domain_add(s, "fwd.test", "alias", "", &e), &e, "domain");
	must(domain_add(s, "other.test", "alias", "example.com", &e), &e, "domain");
	must(domain_add(s, "relay.test", "relay", "", &e), &e, "domain");
	must(domain_add(s, "local.test", "local", "", &e), &e, "domain");
	must(mailbox_add(s, "harry@example.com", "{PLAIN}one", &e), &e, "mailbox");
	must(mailbox_add(s, "sally@example.com", "", &e), &e, "mailbox");
	must(
	    alias_add(s, "info@example.com", "harry@example.com Sally@Else.test", &e), &e, "alias");
	must(
	    alias_add(s, "harry@example.com", "harry@example.com copy@else.test", &e), &e, "alias");
	must(alias_add(s, "@example.com", "sally@example.com", &e), &e, "alias");
	must(alias_add(s, "x@fwd.test", "sally@example.com", &e), &e, "alias");
	must(alias_add(s, "root", "sally+root@example.com", &e), &e, "alias");
}

static inline int
full_setup(void **state)
{
	struct fixture *f;

	if (empty_setup(state) != 0)
		return -1;
	f = *state;
	populate(f->s);
	return 0;
}

/* --- asking in short -------------------------------------------------------------------------- */

/* Add a candidate of any kind of row: what its key is depends on that. */
static inline void
add_candidate(struct question *q, enum row row, const char *local, const char *domain)
{
	if (row == ROW_DOMAIN)
		assert_true(question_add_text(q, row, S(domain), false));
	else if (row == ROW_LOCAL_ALIAS)
		assert_true(question_add_text(q, row, S(local), false));
	else
		assert_true(question_add_address(q, row, S(local), S(domain), false));
}

/* Ask for one row. Returns the outcome, or NONE when it is FOUND that there is no such row. */
static inline enum outcome
ask(struct store *s, enum row row, const char *local, const char *domain, struct error *err)
{
	struct question q;
	struct facts facts;
	enum outcome o;

	question_init(&q);
	facts_init(&facts);
	assert_true(question_set_domain(&q, S(domain)));
	add_candidate(&q, row, local, domain);
	o = store_ask(s, &q, &facts, err);
	assert_int_not_equal(o, NONE);
	if (o == FOUND && !facts.hit)
		o = NONE;
	facts_release(&facts);
	question_release(&q);
	return o;
}

static inline enum outcome
ask_mailbox(struct store *s, const char *local, const char *domain)
{
	struct error err;

	return ask(s, ROW_MAILBOX, local, domain, &err);
}

/* What a login is told: the account, and one hash a line. */
static inline enum outcome
find_login(struct store *s, const char *address, struct account *out, struct sbuf *hashes,
    struct error *err)
{
	struct login_facts facts;
	enum outcome o;

	login_facts_init(&facts);
	o = store_find_login(s, S(address), S(""), &facts, err);
	sbuf_clear(hashes);
	for (size_t i = 0; i < facts.credentials; i++) {
		sbuf_add_slice(hashes, facts.credential[i].hash);
		sbuf_add_chr(hashes, '\n');
	}
	account_release(out);
	*out = facts.account;
	account_init(&facts.account);
	login_facts_release(&facts);
	return o;
}

/* --- behind its back -------------------------------------------------------------------------- */

static inline sqlite3 *
raw_open(const char *path)
{
	sqlite3 *sq;

	assert_int_equal(sqlite3_open_v2(path, &sq, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	return sq;
}

static inline void
raw_exec(sqlite3 *sq, const char *sql)
{
	char *text = NULL;

	if (sqlite3_exec(sq, sql, NULL, NULL, &text) != SQLITE_OK)
		fail_msg("%s: %s", sql, text);
}

static inline void
raw(const char *path, const char *sql)
{
	sqlite3 *sq;

	if (is_pg(path)) {
		pg_raw(path, NULL, sql);
		return;
	}
	sq = raw_open(path);
	raw_exec(sq, sql);
	sqlite3_close(sq);
}

static inline int
add_value(void *arg, int n, char **values, char **names)
{
	struct sbuf *out = arg;

	(void)names;
	for (int i = 0; i < n; i++) {
		sbuf_add_str(out, i > 0 ? "|" : "");
		sbuf_add_str(out, values[i] == NULL ? "-" : values[i]);
	}
	sbuf_add_chr(out, '\n');
	return 0;
}

/* Append the rows of a statement, one a line, columns parted by |. */
static inline void
raw_rows(const char *path, struct sbuf *out, const char *sql)
{
	char *text = NULL;
	sqlite3 *sq;

	if (is_pg(path)) {
		pg_raw(path, out, sql);
		return;
	}
	sq = raw_open(path);
	if (sqlite3_exec(sq, sql, add_value, out, &text) != SQLITE_OK)
		fail_msg("%s: %s", sql, text);
	sqlite3_close(sq);
}

/* Another one who writes, for as long as he likes. */
struct other {
	sqlite3 *sq;
	PGconn *pg;
};

static inline struct other
other_open(const char *path)
{
	if (is_pg(path))
		return (struct other){ .pg = pg_raw_open(path) };
	return (struct other){ .sq = raw_open(path) };
}

static inline void
other_exec(const struct other *o, const char *sql)
{
	if (o->pg != NULL)
		pg_raw_exec(o->pg, NULL, sql);
	else
		raw_exec(o->sq, sql);
}

/* Begin to write: nobody else can until he commits. */
static inline void
other_begin(const struct other *o)
{
	if (o->pg != NULL)
		pg_raw_exec(o->pg, NULL, "BEGIN; SELECT 1 FROM store FOR UPDATE");
	else
		raw_exec(o->sq, "BEGIN IMMEDIATE");
}

/* Tell whether a rule of the schema is against it. */
static inline bool
other_is_refused(const struct other *o, const char *sql)
{
	bool refused;
	PGresult *r;

	if (o->sq != NULL)
		return (sqlite3_exec(o->sq, sql, NULL, NULL, NULL) & 0xff) == SQLITE_CONSTRAINT;
	r = PQexec(o->pg, sql);
	refused = PQresultStatus(r) == PGRES_FATAL_ERROR &&
		  PQresultErrorField(r, PG_DIAG_SQLSTATE)[0] == '2';
	PQclear(r);
	return refused;
}

static inline void
other_close(struct other *o)
{
	if (o->pg != NULL)
		PQfinish(o->pg);
	else
		sqlite3_close(o->sq);
}

/* Write a row that the CHECK called RULE of TABLE would not let through. */
static inline void
spoil(const char *path, const char *table, const char *rule, const char *sql)
{
	char all[1024];

	pg_spoiled = true;
	if (is_pg(path))
		snprintf(
		    all, sizeof all, "ALTER TABLE %s DROP CONSTRAINT %s; %s", table, rule, sql);
	else
		snprintf(all, sizeof all, "PRAGMA ignore_check_constraints = ON; %s", sql);
	raw(path, all);
}

/* Everything that is in the store, to see that nothing has changed. */
static inline void
dump(const char *path, struct sbuf *out)
{
	static const char *const tables[] = { "domain", "mailbox", "credential", "alias",
		"alias_target", "map", "entry", "change", "login", "secret" };

	sbuf_init(out, 64 << 20);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		char sql[64];

		snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2", tables[i]);
		raw_rows(path, out, sql);
	}
}

/* --- other users ------------------------------------------------------------------------------ */

typedef int child_fn(struct fixture *f);

/* Run FN in a child, as nobody when AS_NOBODY; its return value is the child's exit status. */
static inline int
in_child(struct fixture *f, child_fn *fn, int as_nobody)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (as_nobody &&
		    (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
			_exit(99);
		_exit(fn(f));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* What store_undoable names. */
struct ids {
	int64_t id[64];
	size_t n;
};

static inline bool
keep_id(void *arg, int64_t id)
{
	struct ids *ids = arg;

	assert_true(ids->n < 64);
	ids->id[ids->n++] = id;
	return true;
}

static inline void
need_root(void)
{
	if (geteuid() != 0)
		skip();
}

#endif
