/* SPDX-License-Identifier: ISC
 *
 * One login, from the request to the answer: who is it, is the password right, may he use the
 * service, how long is a refusal held. An unknown user, one without a password and a wrong password
 * take the same way and the same time; only whoever knows the password is told of the account's
 * state.
 */
#include <stdlib.h>
#include <unistd.h>

#include "auth_worker.h"
#include "clock.h"
#include "mail/address.h"
#include "sys/log.h"

enum { QUEUE_MAX = 256, THREADS_MAX = 64 };

struct login {
	struct hash_job job; /* first: the pool gives it back */
	struct auth_worker *worker;
	struct auth_conn *conn; /* NULL: gone meanwhile */
	struct login *next;     /* of the same connection */
	struct login **prev;
	struct auth_request request;
	struct account account;
	const char *refusal; /* why, when it is not for a wrong password */
	bool hashing;        /* with the pool just now */
	struct event held;
};

static void on_held(evutil_socket_t fd, short what, void *arg);

/* --- life ------------------------------------------------------------------------------------- */

static void
detach(struct login *l)
{
	if (l->conn == NULL)
		return;
	*l->prev = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	auth_conn_ended(l->conn);
	l->conn = NULL;
}

static void
login_free(struct login *l)
{
	detach(l);
	event_del(&l->held);
	hash_job_release(&l->job);
	auth_request_release(&l->request);
	account_release(&l->account);
	free(l);
}

static struct login *
login_new(struct auth_conn *c, struct auth_request *r)
{
	struct login *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	hash_job_init(&l->job);
	account_init(&l->account);
	l->worker = auth_worker_of(c);
	evtimer_assign(&l->held, l->worker->loop.base, on_held, l);
	l->request = *r;
	auth_request_init(r);
	l->conn = c;
	l->next = c->logins;
	l->prev = &c->logins;
	if (l->next != NULL)
		l->next->prev = &l->next;
	c->logins = l;
	auth_conn_begun(c);
	return l;
}

void
logins_forget(struct auth_conn *c)
{
	while (c->logins != NULL) {
		struct login *l = c->logins;

		if (l->hashing)
			detach(l);
		else
			login_free(l);
	}
}

/* --- the end ---------------------------------------------------------------------------------- */

static void
say(const struct login *l)
{
	const struct auth_request *r = &l->request;
	char user[400], service[400], remote[400];
	const char *why = l->refusal;

	log_safe(sbuf_slice(&r->user), user, sizeof user);
	log_safe(sbuf_slice(&r->service), service, sizeof service);
	log_safe(
	    r->remote.n > 0 ? sbuf_slice(&r->remote) : slice_str("unknown"), remote, sizeof remote);
	if (l->job.outcome == FOUND)
		log_debug("login: user '%s', service %s, from %s", user, service, remote);
	else if (l->job.outcome == NONE)
		log_info("login refused: user '%s', service %s, from %s: %s", user, service, remote,
		    why != NULL ? why : "wrong password");
	else
		log_warning("login failed: user '%s', service %s, from %s: temporary: %s", user,
		    service, remote, l->job.why.text);
}

/* Append the answer. To be followed by conn_serve, unless the caller is `serve` itself. */
static void
finish(struct login *l)
{
	struct auth_conn *c = l->conn;

	if (c != NULL)
		auth_conn_answer(c, &l->request, l->job.outcome, &l->account);
	login_free(l);
}

static void
finish_later(struct login *l)
{
	struct auth_conn *c = l->conn;

	finish(l);
	if (c != NULL)
		conn_serve(&c->conn);
}

static void
on_held(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish_later(arg);
}

/* The password is right: what the account's state does not allow is refused all the same. */
static void
judge_state(struct login *l)
{
	struct auth_request *r = &l->request;

	if (account_state_serves(l->account.state, sbuf_slice(&r->service)))
		return;
	l->job.outcome = NONE;
	l->refusal = account_state_name(l->account.state);
	sbuf_add_slice(&r->reason, sbuf_slice(&l->account.reason));
}

/* The login is good, but nobody knows whose the mail files are. Postfix does not ask for them. */
static void
judge_place(struct login *l)
{
	if (l->worker->mail_user || slice_is(sbuf_slice(&l->request.service), "smtp"))
		return;
	l->job.outcome = error_set(&l->job.why, RETRY,
	    "nobody is known as the owner of mail files: see mail-user, which is '%s'",
	    l->worker->conf->mail_user);
}

/* Judged: a refusal waits, all else is told at once. */
static void
judged(struct login *l)
{
	long delay = l->worker->conf->failure_delay;
	struct timeval after = { .tv_sec = delay / 1000, .tv_usec = delay % 1000 * 1000 };

	l->hashing = false;
	if (l->job.outcome == FOUND)
		judge_state(l);
	if (l->job.outcome == FOUND)
		judge_place(l);
	say(l);
	if (l->conn != NULL && l->job.outcome == NONE && !l->request.no_delay && delay > 0)
		event_add(&l->held, &after);
	else
		finish_later(l);
}

static void
on_hashed(evutil_socket_t fd, short what, void *arg)
{
	struct auth_worker *w = arg;
	struct hash_job *next;

	(void)fd;
	(void)what;
	for (struct hash_job *j = hash_pool_done(w->pool); j != NULL; j = next) {
		next = j->next;
		judged((struct login *)j);
	}
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* Fill account and hashes; leaves them empty, with the reason, when nobody can be logged in. */
static enum outcome
find_user(struct login *l, struct error *err)
{
	struct source *s = &l->worker->source;
	struct sbuf address;
	enum outcome o;

	sbuf_init(&address, 2 * ADDRESS_MAX + 64);
	o = auth_canonical(&address, sbuf_slice(&l->request.user), err);
	if (o == FOUND) {
		o = source_begin(s, err);
		if (o == FOUND)
			o = source_ask(s, err);
		if (o == FOUND)
			o = store_login(
			    s->store, sbuf_slice(&address), &l->account, &l->job.hashes, err);
		o = source_report(s, o, NULL, err);
	}
	sbuf_release(&address);
	return o;
}

static void
fail(struct login *l, const char *why)
{
	l->job.outcome = error_set(&l->job.why, RETRY, "%s", why);
	say(l);
	finish(l);
}

void
login_begin(struct auth_conn *c, struct auth_request *r)
{
	struct login *l = login_new(c, r);
	struct error err;

	if (l == NULL) {
		auth_conn_answer(c, r, RETRY, NULL);
		return;
	}
	l->job.expires = clock_ms() + (uint64_t)l->worker->conf->login_deadline;
	switch (find_user(l, &err)) {
	case FOUND:
		l->refusal = l->job.hashes.n == 0 ? "no password is set" : NULL;
		break;
	case NONE:
		l->refusal = "unknown user";
		sbuf_clear(&l->job.hashes);
		break;
	default:
		fail(l, err.text);
		return;
	}
	if (!hash_job_password(&l->job, sbuf_slice(&l->request.password))) {
		fail(l, "out of memory");
		return;
	}
	sbuf_release_secret(&l->request.password);
	l->hashing = hash_pool_submit(l->worker->pool, &l->job);
	if (!l->hashing)
		fail(l, "too many logins are waiting");
}

/* --- the pool --------------------------------------------------------------------------------- */

static unsigned
threads(const struct conf *c)
{
	long n = c->hash_threads > 0 ? c->hash_threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

enum outcome
logins_init(struct auth_worker *w, struct error *err)
{
	struct password_cost cost = password_default_cost;

	cost.memory_kib = (unsigned)w->conf->hash_memory;
	cost.passes = (unsigned)w->conf->hash_passes;
	if (cost.max_memory_kib < cost.memory_kib)
		cost.max_memory_kib = cost.memory_kib;
	if (cost.max_passes < cost.passes)
		cost.max_passes = cost.passes;
	w->pool = hash_pool_new(threads(w->conf), QUEUE_MAX, &cost, err);
	if (w->pool == NULL)
		return RETRY;
	event_assign(
	    &w->hashed, w->loop.base, hash_pool_fd(w->pool), EV_READ | EV_PERSIST, on_hashed, w);
	event_add(&w->hashed, NULL);
	return FOUND;
}

static void
give_back(struct hash_job *j)
{
	login_free((struct login *)j);
}

void
logins_release(struct auth_worker *w)
{
	if (w->pool == NULL)
		return;
	event_del(&w->hashed);
	hash_pool_free(w->pool, give_back);
	w->pool = NULL;
}
