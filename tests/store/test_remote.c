/* SPDX-License-Identifier: ISC
 *
 * The pool by which an event loop asks a store on PostgreSQL: who is told what when answers are
 * lost, when we are late ourselves, when a server is silent or behind. Runs beside the server of
 * tests/lib/postgres; libpq's own calls are in our hands, as far as a case wants that.
 */
#include "pool.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <sys/socket.h>

/* --- libpq, as it is on a bad day ------------------------------------------------------------- */

static int lose;        /* the result that is lost, of those with rows: 1 is the next */
static bool lose_rows;  /* and in its place there is one of a statement that has none */
static bool in_standby; /* whatever server it is, ... */
static bool reticent;   /* ... and one of PostgreSQL 13 does not say so */
static unsigned connects;

/* The one behind ours; POSIX has it that a function's address fits. */
static void
find_real(void *out, const char *name)
{
	void *real = dlsym(RTLD_NEXT, name);

	assert_non_null(real);
	memcpy(out, &real, sizeof real);
}

PGresult *
PQgetResult(PGconn *conn)
{
	static PGresult *(*real)(PGconn *);
	PGresult *r;

	if (real == NULL)
		find_real(&real, "PQgetResult");
	r = real(conn);
	if (lose == 0 || PQresultStatus(r) != PGRES_TUPLES_OK || --lose > 0)
		return r;
	PQclear(r);
	return lose_rows ? PQmakeEmptyPGresult(conn, PGRES_COMMAND_OK) : NULL;
}

const char *
PQparameterStatus(const PGconn *conn, const char *name)
{
	static const char *(*real)(const PGconn *, const char *);

	if (real == NULL)
		find_real(&real, "PQparameterStatus");
	if (!in_standby || strcmp(name, "in_hot_standby") != 0)
		return real(conn, name);
	return reticent ? NULL : "on";
}

PGconn *
PQconnectStartParams(const char *const *keyword, const char *const *value, int expand)
{
	static PGconn *(*real)(const char *const *, const char *const *, int);

	if (real == NULL)
		find_real(&real, "PQconnectStartParams");
	connects++;
	return real(keyword, value, expand);
}

/* --- questions -------------------------------------------------------------------------------- */

static void
pool_init(struct pool *p, const char *uri, enum store_role role, size_t lines, unsigned lag)
{
	pool_open_for(p, uri, role, lines, PATIENCE_MS, lag);
}

static void
asked_for(struct asked *a, const char *local)
{
	asked_init(a, "example.com");
	add_candidate(&a->question, ROW_MAILBOX, local, "example.com");
}

/* Until its lines are there: nothing that a case counts is of connecting then. */
static void
warm_up(struct pool *p)
{
	struct asked a;

	asked_for(&a, "harry");
	remote_ask(p->remote, &a.ask);
	asked_wait(p, &a);
	assert_int_equal(a.outcome, FOUND);
	asked_release(&a);
}

/* An answer that libpq had no memory for is nobody's: who asked is answered by another connection,
 * and nobody is given what is the next one's. */
static void
test_lost_answer(void **state)
{
	static const char *const who[] = { "harry", "nobody", "harry", "nobody" };
	enum { N = sizeof who / sizeof who[0] };
	struct fixture *f = *state;

	for (int at = 1; at <= N; at++) {
		struct asked a[N];
		struct pool p;

		pool_init(&p, f->path, STORE_LOOKUP, 1, 0);
		warm_up(&p);
		for (int i = 0; i < N; i++) {
			asked_for(&a[i], who[i]);
			remote_ask(p.remote, &a[i].ask);
		}
		lose = at;
		for (int i = 0; i < N; i++) {
			asked_wait(&p, &a[i]);
			if (a[i].outcome != FOUND || a[i].facts.hit != (who[i][0] == 'h'))
				fail_msg("%d of %d, %s: %s, hit %d, %s", i, at, who[i],
				    outcome_name(a[i].outcome), a[i].facts.hit, a[i].why.text);
			asked_release(&a[i]);
		}
		assert_int_equal(lose, 0);
		remote_free(p.remote);
	}
}

/* The same for who waits: rows that libpq lost are not "there are none". */
static void
test_lost_rows(void **state)
{
	struct fixture *f = *state;
	struct account account;
	unsigned at = 0;

	account_init(&account);
	lose_rows = true;
	do {
		struct store *s = open_at(f->path, STORE_LOGIN);
		struct error err = { "" };
		enum outcome o;

		lose = (int)++at;
		o = store_account(s, S("harry@example.com"), &account, &err);
		if (lose == 0 ? o == NONE : o != FOUND)
			fail_msg("result %u lost: %s: %s", at, outcome_name(o), err.text);
		store_close(s);
	} while (lose == 0);
	assert_true(at > 1);
	lose = 0;
	lose_rows = false;
	account_release(&account);
}

/* --- time ------------------------------------------------------------------------------------- */

/* We stood still for longer than a server is waited for, and longer than the question has time; but
 * the answer is there. */
static void
test_late_ourselves(void **state)
{
	struct fixture *f = *state;
	struct asked a;
	struct pool p;

	pool_init(&p, f->path, STORE_LOOKUP, 1, 0);
	warm_up(&p);
	asked_for(&a, "harry");
	a.ask.until = remote_now() + PATIENCE_MS;
	remote_ask(p.remote, &a.ask);
	remote_send(p.remote);
	assert_int_equal(poll(p.fd, REMOTE_LINES, LATEST_MS), 1);
	while (remote_now() <= a.ask.until)
		poll(NULL, 0, 10);
	remote_tick(p.remote);
	assert_true(a.done);
	assert_string_equal(a.why.text, "");
	assert_int_equal(a.outcome, FOUND);
	assert_true(a.facts.hit);
	asked_release(&a);
	remote_free(p.remote);
}

struct pair {
	struct asked a; /* first */
	struct asked *other;
	struct pool *pool;
};

static void
done_with_both(struct remote_ask *ask, enum outcome o, const struct error *err)
{
	struct pair *p = (struct pair *)ask;

	asked_done(ask, o, err);
	remote_forget(p->pool->remote, &p->other->ask);
	memset(p->other, 0xdd, sizeof *p->other);
}

/* Who is told that nobody can be asked may go away, and with him all else that he has asked. */
static void
test_forget_others(void **state)
{
	struct pair p = { .other = malloc(sizeof *p.other) };
	struct pool pool;
	struct asked last;

	(void)state;
	pool_init(&pool, "postgresql://127.0.0.1:1/x", STORE_LOOKUP, 1, 0);
	p.pool = &pool;
	asked_for(&p.a, "harry");
	asked_for(p.other, "sally");
	asked_for(&last, "nobody");
	asked_release(p.other);
	p.a.ask.done = done_with_both;
	remote_ask(pool.remote, &p.a.ask);
	remote_ask(pool.remote, &p.other->ask);
	remote_ask(pool.remote, &last.ask);
	asked_wait(&pool, &last);
	assert_true(p.a.done);
	assert_int_equal(last.outcome, RETRY);
	free(p.other);
	asked_release(&p.a);
	asked_release(&last);
	remote_free(pool.remote);
}

/* A port that takes everybody in, and says nothing. */
static int
listen_silently(unsigned short *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

/* Who wants a standby and has none takes what there is; but a server that said nothing when it was
 * asked to be a standby is not waited for once more. */
static void
test_silent_once(void **state)
{
	struct fixture *f = *state;
	char uri[512], *host = strstr(f->path, "host="), *end = strchr(host, ' ');
	unsigned short port;
	int fd = listen_silently(&port), taken = 0;
	struct pool p;

	snprintf(uri, sizeof uri,
	    "postgresql:host=127.0.0.1,%.*s%s port=%u,5432 target_session_attrs=prefer-standby",
	    (int)(end - host - 5), host + 5, end, port);
	pool_init(&p, uri, STORE_LOOKUP, 1, 0);
	while (strstr(p.told, "server 2 of") == NULL)
		pool_turn(&p);
	for (int one; (one = accept(fd, NULL, NULL)) >= 0; taken++)
		close(one);
	assert_int_equal(taken, 1 + 1); /* and libpq when it was asked what the URI says */
	remote_free(p.remote);
	close(fd);
}

/* A standby that is behind, and no other server: to look for one has sense now and then. */
static void
lone_and_behind(void **state)
{
	static const char lagging[] =
	    "CREATE FUNCTION vmaild.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT "
	    "true'; CREATE FUNCTION vmaild.pg_is_wal_replay_paused() RETURNS boolean LANGUAGE sql "
	    "AS 'SELECT true'";
	enum { LOOKED_AT_MS = 4000, OFTEN = 5 };
	struct fixture *f = *state;
	struct remote_state now;
	uint64_t begin;
	unsigned before;
	struct pool p;

	pg_spoiled = true;
	raw(f->path, lagging);
	in_standby = true;
	pool_init(&p, f->path, STORE_LOOKUP, 1, 1);
	while (strstr(p.told, "has not followed") == NULL)
		pool_turn(&p);
	begin = remote_now();
	before = connects;
	while (remote_now() - begin < LOOKED_AT_MS)
		pool_turn(&p);
	if (connects - before > OFTEN)
		fail_msg("looked for another server %u times", connects - before);
	remote_look(p.remote, &now);
	assert_int_equal(now.servers, 1);
	assert_int_equal(now.server[0].standby, 1);
	assert_int_equal(now.server[0].primary, 0);
	assert_true(now.behind >= LOOKED_AT_MS);
	raw(f->path, "DROP FUNCTION vmaild.pg_is_in_recovery(); DROP FUNCTION "
		     "vmaild.pg_is_wal_replay_paused()");
	while (strstr(p.told, "follows its primary again") == NULL)
		pool_turn(&p);
	in_standby = false;
	remote_free(p.remote);
}

static void
test_lone_and_behind(void **state)
{
	lone_and_behind(state);
}

/* The same of a server that does not say that it is a standby before it is asked. */
static void
test_reticent(void **state)
{
	reticent = true;
	lone_and_behind(state);
	reticent = false;
}

/* A standby that has read all it got, but says how much more its primary has: it is behind until it
 * has read so much, though there is more by then. */
static void
test_told_late(void **state)
{
	static const char standby[] =
	    "CREATE FUNCTION vmaild.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT "
	    "true'; CREATE FUNCTION vmaild.pg_is_wal_replay_paused() RETURNS boolean LANGUAGE sql "
	    "AS 'SELECT false'; CREATE TABLE vmaild.pg_stat_wal_receiver AS SELECT 'streaming' AS "
	    "status, '0/100'::pg_lsn AS latest_end_lsn, now() AS last_msg_send_time, now() AS "
	    "last_msg_receipt_time, '0/100'::pg_lsn AS read; CREATE FUNCTION "
	    "vmaild.pg_last_wal_replay_lsn() RETURNS pg_lsn LANGUAGE sql AS 'SELECT read FROM "
	    "vmaild.pg_stat_wal_receiver'; GRANT SELECT ON vmaild.pg_stat_wal_receiver TO PUBLIC";
	static const struct {
		const char *now, *told;
	} steps[] = {
		{ "read = read", "has not followed" }, /* no message yet */
		{ "last_msg_receipt_time = last_msg_send_time + '1ms'",
		    "follows its primary again" },
		{ "latest_end_lsn = '0/200'", "has not followed" },
		{ "latest_end_lsn = '0/300', read = '0/1f0'", NULL },
		{ "latest_end_lsn = '0/400', read = '0/200'", "follows its primary again" },
	};
	struct fixture *f = *state;
	char sql[200];
	struct pool p;

	pg_spoiled = true;
	raw(f->path, standby);
	in_standby = true;
	pool_init(&p, f->path, STORE_LOOKUP, 1, 1000);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		uint64_t begin = remote_now();

		p.told[0] = '\0';
		snprintf(
		    sql, sizeof sql, "UPDATE vmaild.pg_stat_wal_receiver SET %s", steps[i].now);
		raw(f->path, sql);
		while (steps[i].told != NULL ? strstr(p.told, steps[i].told) == NULL
					     : remote_now() - begin < 1000)
			pool_turn(&p);
		if (steps[i].told == NULL)
			assert_string_equal(p.told, "");
	}
	in_standby = false;
	remote_free(p.remote);
}

/* --- people ----------------------------------------------------------------------------------- */

struct person_asked {
	struct remote_ask ask; /* first */
	bool done;
	enum outcome outcome;
	struct sbuf list;
};

static void
person_done(struct remote_ask *ask, enum outcome o, const struct error *err)
{
	struct person_asked *a = (struct person_asked *)ask;

	if (o == RETRY)
		print_message("# %s\n", err->text);
	a->done = true;
	a->outcome = o;
}

static void
listed(void *arg, struct slice address)
{
	struct person_asked *a = arg;

	sbuf_add_slice(&a->list, address);
	sbuf_add_chr(&a->list, '\n');
}

static enum outcome
ask_person(struct pool *p, struct person_asked *a, struct person *person)
{
	a->done = false;
	sbuf_clear(&a->list);
	person->tell = listed;
	person->arg = a;
	a->ask = (struct remote_ask){
		.person = person, .until = remote_now() + LATEST_MS, .done = person_done
	};
	remote_ask(p->remote, &a->ask);
	while (!a->done)
		pool_turn(p);
	return a->outcome;
}

static void
same_account(const struct account *a, const struct account *b)
{
	assert_true(slice_eq(sbuf_slice(&a->address), sbuf_slice(&b->address)));
	assert_true(slice_eq(sbuf_slice(&a->home), sbuf_slice(&b->home)));
	assert_true(slice_eq(sbuf_slice(&a->mail), sbuf_slice(&b->mail)));
	assert_true(slice_eq(sbuf_slice(&a->reason), sbuf_slice(&b->reason)));
	assert_true(slice_eq(sbuf_slice(&a->networks), sbuf_slice(&b->networks)));
	assert_true(a->quota == b->quota && a->created == b->created);
	assert_true(a->password == b->password && a->state == b->state);
	assert_true(a->uid == b->uid && a->gid == b->gid);
}

static void
same_login(const struct login_facts *a, const struct login_facts *b)
{
	same_account(&a->account, &b->account);
	assert_int_equal(a->known, b->known);
	assert_true(slice_eq(sbuf_slice(&a->app_key), sbuf_slice(&b->app_key)));
	assert_int_equal(a->credentials, b->credentials);
	for (size_t i = 0; i < a->credentials; i++) {
		const struct credential *x = &a->credential[i], *y = &b->credential[i];

		assert_true(slice_eq(x->label, y->label) && slice_eq(x->hash, y->hash));
		assert_true(
		    slice_eq(x->services, y->services) && slice_eq(x->networks, y->networks));
		assert_true(x->expires == y->expires);
	}
}

/* One who has all that one can have. */
static void
equip(struct fixture *f)
{
	raw(f->path,
	    "UPDATE mailbox SET home = '/h', quota = 7, uid = 1001, gid = 1002, mail = "
	    "'maildir:~/M', networks = '10.0.0.0/8', state = 'suspended', reason = 'why' WHERE "
	    "address = 'harry@example.com';"
	    "DELETE FROM credential WHERE mailbox = 'harry@example.com';"
	    "INSERT INTO credential (mailbox, label, hash, services, networks, expires, created) "
	    "VALUES "
	    "('harry@example.com', 'phone', '{X}p', 'imap', '::/0', 12, 1), "
	    "('harry@example.com', '', '{X}own', NULL, NULL, 0, 1), "
	    "('harry@example.com', 'Laptop', '{X}l', NULL, NULL, 0, 1);"
	    "INSERT INTO login (mailbox, network, label, service, at) VALUES "
	    "('harry@example.com', '192.0.2.0', '', 'imap', 5)");
}

/* Whoever is asked for is told of in the words of the call that waits. */
static void
test_people(void **state)
{
	static const char *const addresses[] = { "harry@example.com", "sally@example.com",
		"nobody@example.com", "no\xfftext@example.com" };
	static const char *const networks[] = { "192.0.2.0", "198.51.100.0", "" };
	struct fixture *f = *state;
	struct person_asked a = { .done = false };
	struct login_facts now, later;
	struct pool p;

	equip(f);
	sbuf_init(&a.list, 1 << 20);
	login_facts_init(&now);
	login_facts_init(&later);
	pool_init(&p, f->path, STORE_LOGIN, 2, 0);
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		for (size_t k = 0; k < sizeof networks / sizeof networks[0]; k++) {
			struct person who = { .want = PERSON_LOGIN,
				.address = S(addresses[i]),
				.network = S(networks[k]),
				.facts = &later };
			enum outcome o = i == 3 ? NONE
						: store_find_login(f->s, S(addresses[i]),
						      S(networks[k]), &now, &f->err);

			assert_int_equal(ask_person(&p, &a, &who), o);
			if (o == FOUND)
				same_login(&now, &later);
			who.want = PERSON_ACCOUNT;
			who.account = &later.account;
			assert_int_equal(ask_person(&p, &a, &who), o);
			if (o == FOUND)
				same_account(&now.account, &later.account);
		}
	}
	login_facts_release(&now);
	login_facts_release(&later);
	sbuf_release(&a.list);
	remote_free(p.remote);
}

static bool
add_row(void *arg, const struct account *row)
{
	listed(arg, sbuf_slice(&row->address));
	return true;
}

/* In pieces of any size it is the same list. */
static void
test_list(void **state)
{
	struct fixture *f = *state;
	struct person_asked all = { .done = false }, a = { .done = false };
	struct pool p;

	sbuf_init(&all.list, 1 << 20);
	sbuf_init(&a.list, 1 << 20);
	raw(f->path, "INSERT INTO mailbox (address, domain, created) SELECT 'u' || n || "
		     "'@example.com', 'example.com', 1 FROM generate_series(1, 40) n");
	must(store_accounts(f->s, S(""), S(""), add_row, &all, &f->err), &f->err, "list");
	pool_init(&p, f->path, STORE_LOGIN, 1, 0);
	for (size_t most = 1; most < 50; most += 12) {
		struct sbuf whole, after;
		struct person who = { .want = PERSON_LIST, .most = most };

		sbuf_init(&whole, 1 << 20);
		sbuf_init(&after, 1000);
		while (ask_person(&p, &a, &who) == FOUND) {
			struct slice rest = sbuf_slice(&a.list);

			sbuf_add_slice(&whole, rest);
			sbuf_clear(&after);
			while (rest.n > 0) {
				sbuf_clear(&after);
				sbuf_add_slice(&after, slice_cut(&rest, '\n'));
			}
			who.address = sbuf_slice(&after);
		}
		assert_int_equal(a.outcome, NONE);
		assert_string_equal(sbuf_cstr(&whole), sbuf_cstr(&all.list));
		sbuf_release(&whole);
		sbuf_release(&after);
	}
	sbuf_release(&all.list);
	sbuf_release(&a.list);
	remote_free(p.remote);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lost_answer, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_rows, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_ourselves, full_setup, teardown),
		cmocka_unit_test(test_forget_others),
		cmocka_unit_test_setup_teardown(test_silent_once, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_lone_and_behind, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_reticent, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_told_late, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_people, full_setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, full_setup, teardown),
	};

	if (!pg_wanted())
		return 0;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
