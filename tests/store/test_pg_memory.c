/* SPDX-License-Identifier: ISC
 *
 * What a connection to PostgreSQL remembers of domains: it makes questions smaller, and no answer
 * is ever older than the last commit, whoever made that, and by whatever SQL. Runs beside the
 * server of tests/lib/postgres; what is sent there is listened to.
 */
#include "pool.h"

#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "store/pg_memory.h"

/* --- libpq, overheard ------------------------------------------------------------------------- */

static bool listening;         /* to the pool: a store that waits asks as well */
static char sent[256];         /* the names of the statements since that was cleared */
static unsigned whole, rest;   /* questions that were asked as such, ever */
static const char *instead_of; /* the database which is reached is another one */

static void
find_real(void *out, const char *name)
{
	void *real = dlsym(RTLD_NEXT, name);

	assert_non_null(real);
	memcpy(out, &real, sizeof real);
}

int
PQsendQueryPrepared(PGconn *conn, const char *name, int n, const char *const *value,
    const int *lengths, const int *formats, int format)
{
	static int (*real)(
	    PGconn *, const char *, int, const char *const *, const int *, const int *, int);
	size_t at = strlen(sent);

	if (real == NULL)
		find_real(&real, "PQsendQueryPrepared");
	if (listening)
		snprintf(sent + at, sizeof sent - at, " %s", name);
	if (strcmp(name, "ask_address") == 0)
		whole++;
	else if (strcmp(name, "ask_domain") != 0)
		rest++;
	return real(conn, name, n, value, lengths, formats, format);
}

PGconn *
PQconnectStartParams(const char *const *keyword, const char *const *value, int expand)
{
	static PGconn *(*real)(const char *const *, const char *const *, int);
	const char *other[64] = { NULL };

	if (real == NULL)
		find_real(&real, "PQconnectStartParams");
	for (int i = 0; keyword[i] != NULL; i++) {
		bool swap = instead_of != NULL && strcmp(keyword[i], "dbname") == 0;

		assert_true(i < 63);
		other[i] = swap ? instead_of : value[i];
	}
	return real(keyword, other, expand);
}

/* --- asking less ------------------------------------------------------------------------------ */

static void
add_keys(struct asked *a, const char *keys)
{
	struct slice list[16], name;
	size_t n = words(list, 16, keys);

	for (size_t i = 0; i < n; i++) {
		name = slice_cut(&list[i], ':');
		assert_true(question_add_text(&a->question,
		    slice_is(name, "alias")  ? ROW_ALIAS
		    : slice_is(name, "bare") ? ROW_LOCAL_ALIAS
					     : ROW_MAILBOX,
		    list[i], false));
	}
}

static void
find_listening(struct pool *p, struct asked *a)
{
	listening = true;
	asked_find(p, a);
	listening = false;
}

/* Ask, and have it be the same as who waits is told. */
static void
find_same(struct fixture *f, struct pool *p, const char *domain, const char *keys)
{
	struct asked a;

	asked_init(&a, domain);
	add_keys(&a, keys);
	find_listening(p, &a);
	asked_same(keys, &a, f->s);
	asked_release(&a);
}

static const char many[] =
    "INSERT INTO domain (name, kind, created, asked) VALUES ('plain.test', 'alias', 1, NULL), "
    "('mail.test', 'mailbox', 1, NULL), ('bare.test', 'mailbox', 1, NULL), ('here.test', 'local', "
    "1, NULL), ('xn--a.test', 'alias', 1, 'other-name.test');"
    "INSERT INTO alias (address, domain, created, disabled) VALUES ('one@plain.test', "
    "'plain.test', "
    "1, 0), ('two@plain.test', 'plain.test', 1, 0), ('a@mail.test', 'mail.test', 1, 0), "
    "('off@mail.test', 'mail.test', 1, 0), ('hollow@plain.test', 'plain.test', 1, 0), "
    "('a@xn--a.test', 'xn--a.test', 1, 0);"
    "INSERT INTO alias_target (address, position, target, folded, domain) SELECT address, n, 'T' "
    "|| "
    "(10 - n) || '@x.test', 't' || (10 - n) || '@x.test', 'x.test' FROM alias, generate_series(1, "
    "3) "
    "n WHERE domain LIKE '%.test' AND address <> 'hollow@plain.test' AND address <> 'x@fwd.test';"
    "INSERT INTO mailbox (address, domain, created) VALUES ('m@mail.test', 'mail.test', 1), "
    "('m@bare.test', 'bare.test', 1);";

/* By what is known of a domain the smallest statement is chosen; and as long as there is little to
 * do it goes to the connection by which the domain was learned. */
static void
test_less(void **state)
{
	static const struct {
		const char *domain, *keys, *sent;
	} rows[] = {
		{ "plain.test",
		    "alias:one@plain.test mailbox:one@plain.test bare:one alias:@plain.test",
		    " ask_target" },
		{ "plain.test",
		    "alias:two+x@plain.test alias:two@plain.test mailbox:two+x@plain.test",
		    " ask_target" },
		{ "plain.test", "alias:no@plain.test", " ask_target" },
		{ "plain.test", "alias:\"\\'@plain.test", " ask_target" },
		{ "plain.test", "alias:@plain.test mailbox:one@plain.test", " ask_moment" },
		{ "plain.test", "", " ask_moment" },
		{ "plain.test", "alias:one@plain.test alias:no@plain.test", " ask_aliases" },
		{ "mail.test", "alias:a@mail.test mailbox:a@mail.test alias:@mail.test",
		    " ask_either" },
		{ "mail.test", "alias:m@mail.test mailbox:m@mail.test", " ask_either" },
		{ "mail.test", "mailbox:m@mail.test alias:m@mail.test", " ask_either" },
		{ "mail.test", "alias:no@mail.test mailbox:no@mail.test", " ask_either" },
		{ "mail.test", "alias:a@mail.test alias:no@mail.test mailbox:m@mail.test",
		    " ask_both" },
		{ "bare.test", "alias:m@bare.test mailbox:m@bare.test alias:@bare.test",
		    " ask_mailboxes" },
		{ "bare.test", "alias:m@bare.test mailbox:m+x@bare.test", " ask_moment" },
		{ "here.test", "alias:root@here.test bare:root", " ask_aliases" },
		{ "plain.test", "bare:root", " ask_moment" },
		{ "other-name.test", "alias:a@xn--a.test alias:b@xn--a.test", " ask_aliases" },
		{ "nowhere.test", "alias:x@nowhere.test mailbox:x@nowhere.test", " ask_both" },
	};
	enum { LINES = 3 };
	struct fixture *f = *state;
	struct remote_state now;
	struct pool p;

	raw(f->path, many);
	pool_open(&p, f->path, LINES);
	do {
		pool_turn(&p);
		remote_look(p.remote, &now);
	} while (now.server[0].primary < LINES);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		do { /* the server may do something by itself, and all is asked again */
			find_same(f, &p, rows[i].domain, "");
			sent[0] = '\0';
			find_same(f, &p, rows[i].domain, rows[i].keys);
		} while (strstr(sent, "ask_address") != NULL);
		if (strcmp(sent, rows[i].sent) != 0)
			fail_msg("%s: %s", rows[i].keys, sent);
	}
	remote_free(p.remote);
}

/* An alias without a target is a fault of somebody's, for which mail waits: by every statement. */
static void
test_hollow(void **state)
{
	static const char *const keys[] = { "alias:hollow@plain.test",
		"alias:hollow@plain.test alias:one@plain.test" };
	struct fixture *f = *state;
	struct asked a;
	struct pool p;

	raw(f->path, many);
	pool_open(&p, f->path, 1);
	find_same(f, &p, "plain.test", "");
	for (size_t i = 0; i < 2; i++) {
		asked_init(&a, "plain.test");
		add_keys(&a, keys[i]);
		asked_begin(&p, &a);
		asked_wait(&p, &a);
		assert_int_equal(a.outcome, RETRY);
		assert_non_null(strstr(a.why.text, "without a target"));
		asked_release(&a);
	}
	remote_free(p.remote);
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Somebody's SQL, which does not say that anything was changed: the next question sees it, and so
 * do those behind it. */
static void
test_changes(void **state)
{
	static const char *const changes[] = {
		"UPDATE alias_target SET target = 'New@x.test', folded = 'new@x.test' WHERE "
		"address = "
		"'one@plain.test' AND position = 2",
		"DELETE FROM alias WHERE address = 'one@plain.test'",
		"INSERT INTO alias (address, domain, created) VALUES ('one+x@plain.test', "
		"'plain.test', 1); "
		"INSERT INTO alias_target (address, position, target, folded, domain) VALUES "
		"('one+x@plain.test', 1, 'tag@x.test', 'tag@x.test', 'x.test')",
		"UPDATE alias SET disabled = 1 WHERE address = 'one+x@plain.test'",
		"DELETE FROM alias WHERE address = 'one+x@plain.test'",
		"INSERT INTO alias (address, domain, created) VALUES ('@plain.test', 'plain.test', "
		"1); "
		"INSERT INTO alias_target (address, position, target, folded, domain) VALUES "
		"('@plain.test', "
		"1, 'all@x.test', 'all@x.test', 'x.test')",
		"INSERT INTO mailbox (address, domain, created) VALUES ('one@plain.test', "
		"'plain.test', 1)",
		"UPDATE mailbox SET state = 'suspended' WHERE address = 'one@plain.test'",
		"INSERT INTO mailbox (address, domain, created) VALUES ('one+x@plain.test', "
		"'plain.test', "
		"1)",
		"DELETE FROM mailbox WHERE domain = 'plain.test'",
		"UPDATE domain SET kind = 'local', delimiters = '-', propagate = 0 WHERE name = "
		"'plain.test'",
		"UPDATE domain SET kind = 'alias' WHERE name = 'plain.test'",
		"INSERT INTO alias (address, domain, created, prefix) VALUES ('p-*@plain.test', "
		"'plain.test', 1, 'p-')",
		"DELETE FROM alias_target t USING alias a WHERE a.address = t.address AND a.domain "
		"= "
		"'plain.test'; DELETE FROM alias WHERE domain = 'plain.test'",
		"UPDATE domain SET target = 'mail.test' WHERE name = 'plain.test'",
		"DELETE FROM domain WHERE name = 'plain.test'",
		"UPDATE domain SET asked = 'plain.test' WHERE name = 'mail.test'",
		"INSERT INTO domain (name, kind, created) VALUES ('plain.test', 'relay', 1)",
		"TRUNCATE alias_target, alias, mailbox, credential, login, domain",
	};
	static const char keys[] =
	    "alias:one+x@plain.test alias:one@plain.test mailbox:one+x@plain.test "
	    "mailbox:one@plain.test bare:root alias:@plain.test";
	struct fixture *f = *state;
	struct pool p;

	raw(f->path, many);
	pool_open(&p, f->path, 1);
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		/* until it is known, and that is used: no question of what it was like in the last
		 * round is of use any more */
		do {
			sent[0] = '\0';
			find_same(f, &p, "plain.test", keys);
		} while (strstr(sent, "ask_address") != NULL);
		raw(f->path, changes[i]);
		sent[0] = '\0';
		find_same(f, &p, "plain.test", keys);
		if (strstr(sent, " ask_address") == NULL || strstr(sent, " ask_address") == sent)
			fail_msg("%s: %s", changes[i], sent);
		find_same(f, &p, "plain.test", keys);
	}
	remote_free(p.remote);
}

/* What is rolled back never was; what is under way is not yet, and other things may be. */
static void
test_under_way(void **state)
{
	struct fixture *f = *state;
	PGconn *one = pg_raw_open(f->path), *two = pg_raw_open(f->path);
	struct pool p;

	raw(f->path, many);
	pool_open(&p, f->path, 1);
	pg_raw_exec(one, NULL, "BEGIN; DELETE FROM alias_target WHERE address = 'one@plain.test'");
	pg_raw_exec(two, NULL, "BEGIN; UPDATE domain SET propagate = 1 WHERE name = 'plain.test'");
	for (int i = 0; i < 3; i++)
		find_same(f, &p, "plain.test", "alias:one@plain.test");
	pg_raw_exec(two, NULL, "COMMIT");
	for (int i = 0; i < 3; i++)
		find_same(f, &p, "plain.test", "alias:one@plain.test");
	pg_raw_exec(one, NULL, "ROLLBACK; BEGIN; DELETE FROM alias WHERE domain = 'plain.test'");
	for (int i = 0; i < 3; i++)
		find_same(f, &p, "plain.test", "alias:one@plain.test");
	pg_raw_exec(one, NULL, "COMMIT");
	find_same(f, &p, "plain.test", "alias:one@plain.test");
	assert_true(rest > 3);
	PQfinish(one);
	PQfinish(two);
	remote_free(p.remote);
}

/* The same server, and nothing was committed on it: but the database is another one. As after a
 * failover that has lost transactions, the numbers are the same and the rows are not. */
static void
test_another_store(void **state)
{
	struct fixture *f = *state;
	void *more;
	struct fixture *other;
	struct asked a;
	struct pool p;
	char sql[160];

	assert_int_equal(full_setup(&more), 0);
	other = more;
	raw(other->path,
	    "DELETE FROM alias_target WHERE address = 'info@example.com' AND position = 2; "
	    "UPDATE domain SET kind = 'relay' WHERE name = 'fwd.test'; UPDATE alias_target "
	    "SET target = 'X@x.test', folded = 'x@x.test', domain = 'x.test' WHERE address = "
	    "'x@fwd.test'; UPDATE store SET turn = 1000");
	raw(f->path, "UPDATE store SET turn = 1000");
	pool_open(&p, f->path, 1);
	do {
		sent[0] = '\0';
		find_same(f, &p, "fwd.test", "alias:x@fwd.test");
	} while (strcmp(sent, " ask_target") != 0);
	instead_of = strrchr(other->path, '=') + 1;
	snprintf(sql, sizeof sql,
	    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '%s' "
	    "AND query "
	    "LIKE '%%pg_current_snapshot%%' AND pid <> pg_backend_pid()",
	    strrchr(f->path, '=') + 1);
	raw(pg_server(), sql);
	sent[0] = '\0';
	asked_init(&a, "fwd.test");
	add_keys(&a, "alias:x@fwd.test");
	find_listening(&p, &a);
	assert_non_null(strstr(sent, "ask_address"));
	asked_same("another store", &a, other->s);
	assert_int_equal(a.facts.domain.kind, DOMAIN_RELAY);
	asked_release(&a);
	instead_of = NULL;
	remote_free(p.remote);
	teardown(&more);
}

/* Where a table or an index is of another kind its rows may change without a transaction's number.
 */
static void
test_other_kind(void **state)
{
	struct fixture *f = *state;
	struct pool p;

	pg_spoiled = true;
	raw(f->path,
	    "ALTER TABLE mailbox RENAME TO boxes; CREATE VIEW mailbox AS SELECT * FROM boxes; "
	    "GRANT SELECT ON mailbox TO vmaild_lookup");
	pool_open(&p, f->path, 1);
	sent[0] = '\0';
	for (int i = 0; i < 3; i++)
		find_same(f, &p, "example.com", "alias:info@example.com");
	assert_string_equal(sent, " ask_address ask_address ask_address");
	remote_free(p.remote);
}

/* --- edits and lookups at the same time ------------------------------------------------------- */

enum { EDITS = 1000, FLYING = 8 };

struct shared {
	int committed; /* the number of the last edit that was acknowledged */
	int answered;  /* lookups */
};

/* Now it is an alias, now somebody the catch-all is for; and only by its targets, or off. Whatever
 * is mixed with anything older finds nothing, or finds an older number. */
static void
edit(PGconn *conn, int i)
{
	char sql[800];
	const char *address = i % 2 == 0 ? "who@race.test" : "@race.test";

	snprintf(sql, sizeof sql,
	    "BEGIN; DELETE FROM alias WHERE domain = 'race.test' AND prefix IS NULL;"
	    "INSERT INTO alias (address, domain, created, expires) VALUES ('%s', 'race.test', 1, "
	    "%d);"
	    "INSERT INTO alias_target (address, position, target, folded, domain) VALUES ('%s', 1, "
	    "'n%d@x.test', 'n%d@x.test', 'x.test');"
	    "UPDATE domain SET delimiters = '%s' WHERE name = 'race.test'; COMMIT",
	    address, i % 3 == 0 ? 2000000000 : 0, address, i, i, i % 5 < 3 ? "+" : "-");
	pg_raw_exec(conn, NULL, sql);
}

/* Others wait for some lookups between two of them, so that what is learned is also used. */
static void
edit_all(const char *uri, struct shared *s)
{
	PGconn *conn = pg_raw_open(uri);

	for (int i = 1; i <= EDITS; i++) {
		int until = __atomic_load_n(&s->answered, __ATOMIC_SEQ_CST) + i % 7 * 4;

		while (__atomic_load_n(&s->answered, __ATOMIC_SEQ_CST) < until)
			sched_yield();
		edit(conn, i);
		__atomic_store_n(&s->committed, i, __ATOMIC_SEQ_CST);
	}
	PQfinish(conn);
}

struct racer {
	struct asked a; /* first */
	int least;
};

static void
start_racer(struct pool *p, struct racer *r, const struct shared *s)
{
	r->least = __atomic_load_n(&s->committed, __ATOMIC_SEQ_CST);
	r->a.ask.until = remote_now() + LATEST_MS;
	asked_begin(p, &r->a);
}

static void
check_racer(const struct racer *r)
{
	const char *text = sbuf_cstr(&r->a.facts.targets);
	int got = text[0] == 'n' ? atoi(text + 1) : -1;
	bool alias = r->a.facts.rank == 0;

	must(r->a.outcome, &r->a.why, "a racer");
	if (!r->a.facts.hit || got < r->least || alias != (got % 2 == 0) ||
	    (r->a.facts.expires != 0) != (got % 3 == 0) ||
	    r->a.facts.domain.delimiters[0] != (got % 5 < 3 ? '+' : '-'))
		fail_msg("after edit %d: hit %d, rank %zu, '%s', expires %lld, delimiters '%s'",
		    r->least, r->a.facts.hit, r->a.facts.rank, text, (long long)r->a.facts.expires,
		    r->a.facts.domain.delimiters);
}

static void
race(struct pool *p, struct racer *r, struct shared *s)
{
	int turns = 0;

	for (int i = 0; i < FLYING; i++)
		start_racer(p, &r[i], s);
	while (__atomic_load_n(&s->committed, __ATOMIC_SEQ_CST) < EDITS || turns++ < 3) {
		remote_send(p->remote);
		pool_turn(p);
		for (int i = 0; i < FLYING; i++) {
			if (!r[i].a.done)
				continue;
			check_racer(&r[i]);
			__atomic_add_fetch(&s->answered, 1, __ATOMIC_SEQ_CST);
			start_racer(p, &r[i], s);
		}
	}
	for (int i = 0; i < FLYING; i++)
		asked_wait(p, &r[i].a);
}

static void
test_race(void **state)
{
	struct shared *s =
	    mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct fixture *f = *state;
	struct racer r[FLYING];
	struct pool p;
	PGconn *conn = pg_raw_open(f->path);
	pid_t pid;
	int status;

	assert_true(s != MAP_FAILED);
	raw(f->path, "INSERT INTO domain (name, kind, created) VALUES ('race.test', 'alias', 1)");
	edit(conn, 0);
	PQfinish(conn);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* he would wait for us for ever */
		edit_all(f->path, s);
		_exit(0);
	}
	assert_true(pid > 0);
	for (int i = 0; i < FLYING; i++) {
		asked_init(&r[i].a, "race.test");
		add_keys(&r[i].a, "alias:who@race.test mailbox:who@race.test alias:@race.test");
	}
	rest = whole = 0;
	pool_open(&p, f->path, 2);
	race(&p, r, s);
	print_message("# %d answers; asked %u times as a whole, %u times for the rest\n",
	    s->answered, whole, rest);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(rest > EDITS / 10);
	for (int i = 0; i < FLYING; i++)
		asked_release(&r[i].a);
	remote_free(p.remote);
	munmap(s, sizeof *s);
}

/* --- views ------------------------------------------------------------------------------------ */

static bool
learn(struct pg_memory *m, const char *name, const char *snapshot, int64_t server, int64_t moment)
{
	struct domain_facts found = { .known = true, .propagate = -1 };
	const struct pg_at at = { S(snapshot), server };

	if (!pg_memory_wants(m, S(name)))
		return false;
	sbuf_init(&found.name, 1);
	sbuf_init(&found.target, 1);
	pg_memory_expect(m, S(name));
	pg_memory_learn(m, S(name), &at, moment, &found);
	return true;
}

static uint64_t
find(struct pg_memory *m, const char *name)
{
	struct domain_facts out = { .known = false };
	uint64_t view;

	sbuf_init(&out.name, ADDRESS_DOMAIN_MAX);
	sbuf_init(&out.target, ADDRESS_DOMAIN_MAX);
	view = pg_memory_find(m, S(name), &out);
	assert_int_equal(out.known, view != 0);
	sbuf_release(&out.name);
	sbuf_release(&out.target);
	return view;
}

static enum outcome
confirm(struct pg_memory *m, uint64_t view, const char *snapshot, int64_t server)
{
	const struct pg_at at = { S(snapshot), server };
	int64_t moment = 0;
	enum outcome o = pg_memory_confirm(m, view, &at, &moment);

	assert_int_equal(moment, o == FOUND ? 77 : 0);
	return o;
}

/* Whichever of them it is that differs, the view is over, and does not come again. */
static void
test_views(void **state)
{
	static const struct {
		const char *snapshot;
		int64_t server;
		bool same;
	} rows[] = {
		{ "700:700:", 1, true },
		{ "701:701:", 1, false },
		{ "700:701:700", 1, false },
		{ "700:701:", 1, false },
		{ "700:700:", 2, false }, /* a pooler has given the line to another server */
		{ "70:700:", 1, false },
		{ "", 1, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pg_memory *m = pg_memory_new();
		uint64_t view;

		assert_int_equal(find(m, "a.test"), 0);
		assert_true(learn(m, "a.test", "700:700:", 1, 77));
		view = find(m, "a.test");
		assert_int_not_equal(view, 0);
		assert_int_equal(find(m, "b.test"), 0);
		assert_int_equal(confirm(m, view, rows[i].snapshot, rows[i].server),
		    rows[i].same ? FOUND : NONE);
		assert_int_equal(find(m, "a.test") != 0, rows[i].same);
		if (!rows[i].same) {
			assert_false(learn(m, "a.test", "700:700:", 1, 77));
			assert_true(learn(m, "a.test", "700:700:", 1, 77));
			assert_int_equal(confirm(m, view, "700:700:", 1), NONE);
			assert_int_equal(confirm(m, find(m, "a.test"), "700:700:", 1), FOUND);
		}
		pg_memory_free(m);
	}
}

/* A snapshot that does not tell all, or more than we keep, is none to remember by. */
static void
test_snapshots(void **state)
{
	char xip[400] = "5:900:";
	const struct {
		const char *snapshot;
		bool tells;
	} rows[] = {
		{ "5:5:", true },
		{ "5:9:6", true },
		{ "5:9:6,7", true },
		{ "5:9:", false }, /* a standby's, when something is under way */
		{ "", false },
		{ ":", false },
		{ "::", false },
		{ xip, false },
	};

	(void)state;
	for (int i = 0; i < 90; i++)
		strcat(xip, i == 0 ? "100" : ",101");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pg_memory *m = pg_memory_new();

		assert_true(learn(m, "a.test", rows[i].snapshot, 1, 77));
		assert_int_equal(find(m, "a.test") != 0, rows[i].tells);
		pg_memory_free(m);
	}
}

/* What is learned and never used is learned ever more seldom; and at once again when it is of use.
 */
static void
test_of_no_use(void **state)
{
	struct pg_memory *m = pg_memory_new();
	unsigned learned = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		char snapshot[32];

		snprintf(snapshot, sizeof snapshot, "%d:%d:", i, i);
		learned += learn(m, "a.test", snapshot, 1, 77);
	}
	assert_in_range(learned, 100, 200);
	while (!learn(m, "a.test", "10000:10000:", 1, 77))
		;
	for (int i = 0; i < 3; i++)
		assert_int_equal(confirm(m, find(m, "a.test"), "10000:10000:", 1), FOUND);
	assert_int_equal(confirm(m, find(m, "a.test"), "10001:10001:", 1), NONE);
	assert_true(learn(m, "a.test", "10001:10001:", 1, 77));
	pg_memory_free(m);
}

/* A domain is asked about once at a time, and some at the same time; seldom, when that fails. */
static void
test_lessons(void **state)
{
	struct pg_memory *m = pg_memory_new();
	char name[300] = "long.";
	int n = 0;

	(void)state;
	memset(name + 5, 'x', 200);
	assert_false(pg_memory_wants(m, S(name)));
	assert_true(pg_memory_wants(m, S("a.test")));
	pg_memory_expect(m, S("a.test"));
	assert_false(pg_memory_wants(m, S("a.test")));
	for (;; n++) {
		snprintf(name, sizeof name, "d%d.test", n);
		if (!pg_memory_wants(m, S(name)))
			break;
		pg_memory_expect(m, S(name));
	}
	assert_in_range(n, 2, 50);
	pg_memory_miss(m);
	for (n = 0; !pg_memory_wants(m, S("a.test")); n++)
		;
	assert_in_range(n, 10, 100);
	pg_memory_free(m);
}

int
main(int argc, char **argv)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, full_setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_less),
		CASE(test_hollow),
		CASE(test_changes),
		CASE(test_under_way),
		CASE(test_another_store),
		CASE(test_other_kind),
		CASE(test_race),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_of_no_use),
		cmocka_unit_test(test_lessons),
	};

	if (!pg_wanted())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
