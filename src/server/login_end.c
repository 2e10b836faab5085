/* SPDX-License-Identifier: ISC
 *
 * The end of a login: its line in the log, how long the answer is held, the answer, and a fresh
 * hash for a password that was kept in an older form.
 */
#include "login.h"

#include <stdlib.h>

#include "auth/network.h"
#include "clock.h"
#include "loop.h"
#include "mail/address.h"
#include "sys/log.h"

enum { RENEWAL_MS = 30000 /* if there is no idle moment by then, at the next login */ };

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
free_facts(struct login *l)
{
	if (l->facts == NULL)
		return;
	login_facts_release(l->facts);
	free(l->facts);
	l->facts = NULL;
	l->by = NULL;
}

void
login_free(struct login *l)
{
	if (l == NULL)
		return;
	people_forget(&l->ask);
	detach(l);
	login_judged(l);
	event_del(&l->held);
	hash_job_release(&l->job);
	auth_request_release(&l->request);
	sbuf_release(&l->user);
	sbuf_release(&l->network);
	sbuf_release(&l->label);
	free_facts(l);
	free(l);
}

static void
attach(struct login *l, struct auth_conn *c)
{
	l->conn = c;
	l->next = c->logins;
	l->prev = &c->logins;
	if (l->next != NULL)
		l->next->prev = &l->next;
	c->logins = l;
	auth_conn_begun(c);
}

struct login *
login_new(struct auth_conn *c, struct auth_request *r)
{
	struct login *l = calloc(1, sizeof *l);
	struct login_facts *facts = malloc(sizeof *facts);

	if (l == NULL || facts == NULL) {
		free(l);
		free(facts);
		return NULL;
	}
	hash_job_init(&l->job);
	login_facts_init(facts);
	l->facts = facts;
	l->worker = auth_worker_of(c);
	l->begun = clock_ms();
	sbuf_init(&l->user, 2 * ADDRESS_MAX + 64);
	sbuf_init(&l->network, NETWORK_GROUP_MAX);
	sbuf_init(&l->label, CREDENTIAL_LABEL_MAX);
	evtimer_assign(&l->held, l->worker->loop.base, on_held, l);
	l->request = *r;
	auth_request_init(r);
	attach(l, c);
	return l;
}

void
logins_forget(struct auth_conn *c)
{
	while (c->logins != NULL) {
		struct login *l = c->logins;

		/* either takes it out of the list, which has a PREV that is a place in the one
		 * before */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		if (l->hashing)
			detach(l);
		else
			login_free(l);
	}
}

void
login_under_way(struct login *l)
{
	l->rivals = &l->worker->under_way;
	l->rival = *l->rivals;
	if (l->rival != NULL)
		l->rival->rivals = &l->rival;
	*l->rivals = l;
}

void
login_judged(struct login *l)
{
	if (l->rivals == NULL)
		return;
	*l->rivals = l->rival;
	if (l->rival != NULL)
		l->rival->rivals = l->rivals;
	l->rivals = NULL;
}

/* --- the log ---------------------------------------------------------------------------------- */

/* A refusal is one line of a form that vmaild(8) promises and contrib/fail2ban reads. */
static void
say(const struct login *l)
{
	const struct auth_request *r = &l->request;
	struct slice remote = sbuf_slice(&r->remote);
	const char *why = l->refusal != NULL ? l->refusal : "wrong password";
	bool refused = l->outcome == NONE || l->refusal != NULL;
	const struct log_field fields[] = {
		{ .name = "user", .text = slice_of(sbuf_cstr(&r->user), r->user.n) },
		{ .name = "service", .text = slice_of(sbuf_cstr(&r->service), r->service.n) },
		{ .name = "ip", .text = slice_of(sbuf_cstr(&r->remote), r->remote.n) },
		{ .name = "reason",
		    .words = l->outcome == FOUND ? ""
			     : refused           ? why
						 : l->trouble.text },
		{ .name = NULL },
	};
	char user[400], service[400], from[400];

	log_safe(sbuf_slice(&r->user), user, sizeof user);
	log_safe(sbuf_slice(&r->service), service, sizeof service);
	log_safe(remote.n > 0 ? remote : slice_str("unknown"), from, sizeof from);
	if (l->outcome == FOUND)
		log_event(LOG_LEVEL_DEBUG, "login", fields, "login: user '%s', service %s, from %s",
		    user, service, from);
	else if (refused)
		log_event(LOG_LEVEL_INFO, "login refused", fields,
		    "login refused: user '%s', service %s, from %s: %s", user, service, from, why);
	else
		log_event(LOG_LEVEL_WARNING, "login failed", fields,
		    "login failed: user '%s', service %s, from %s: temporary: %s", user, service,
		    from, l->trouble.text);
}

/* Each login is told and counted once, as what its client learns of it. */
static void
tell(const struct login *l)
{
	say(l);
	slab_login(l->worker->loop.slot, l->outcome, l->refusal);
}

/* --- a fresh hash ----------------------------------------------------------------------------- */

static bool
deserves_renewal(const struct login *l)
{
	return l->outcome == FOUND && l->worker->conf->rehash && l->job.password != NULL &&
	       password_needs_rehash(l->by->hash, &l->worker->cost);
}

/* From here on it is nobody's login, but a job for an idle moment, with the old hash as the only
 * one of its `hashes`. */
static void
renew(struct login *l)
{
	sbuf_clear(&l->job.hashes);
	sbuf_add_slice(&l->job.hashes, l->by->hash);
	sbuf_add_slice(&l->label, l->by->label);
	free_facts(l);
	detach(l);
	l->job.work = HASH_ANEW;
	l->job.expires = clock_ms() + RENEWAL_MS;
	l->hashing =
	    !l->job.hashes.failed && !l->label.failed && hash_pool_submit(l->worker->pool, &l->job);
	if (!l->hashing)
		login_free(l);
}

void
login_renewed(struct login *l)
{
	if (l->job.outcome == FOUND)
		recorder_rehash(l->worker->recorder, sbuf_slice(&l->user), sbuf_slice(&l->label),
		    sbuf_slice(&l->job.hashes), sbuf_slice(&l->job.fresh));
	login_free(l);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void
answer(struct login *l)
{
	event_del(&l->held); /* who is hurried may still have been held */
	if (l->conn != NULL)
		auth_conn_answer(
		    l->conn, &l->request, l->outcome, l->facts == NULL ? NULL : &l->facts->account);
	if (deserves_renewal(l))
		renew(l);
	else
		login_free(l);
}

static void
on_held(evutil_socket_t fd, short what, void *arg)
{
	struct login *l = arg;
	struct auth_conn *c = l->conn;

	(void)fd;
	(void)what;
	if (l->in_line) {
		login_leave_line(l);
		login_turn(l);
	} else {
		answer(l);
	}
	if (c != NULL)
		conn_serve(&c->conn);
}

/* How many more milliseconds the answer is to be held: a refusal as configured. That is counted
 * from the beginning, so that the time does not tell how long the hashing took. */
static int64_t
hold_ms(const struct login *l)
{
	bool refusal = l->outcome == NONE || l->refusal != NULL;
	int64_t delay = refusal && !l->request.no_delay ? l->worker->conf->failure_delay : 0;

	return delay - (int64_t)(clock_ms() - l->begun);
}

void
login_end(struct login *l)
{
	int64_t ms = hold_ms(l);
	struct timeval after = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	sbuf_release_secret(&l->request.password);
	if (!deserves_renewal(l))
		hash_job_forget(&l->job);
	if (l->outcome != FOUND)
		free_facts(l); /* a thousand refusals may be held */
	if (!l->told)
		tell(l);
	if (l->conn != NULL && ms > 0)
		loop_wait(&l->held, &after);
	else
		answer(l);
}

/* As it looks to its client. What was found out so far stays for the judgement. */
static void
tell_hurried(struct login *l)
{
	const char *refusal = l->refusal;
	struct error trouble = l->trouble;

	l->outcome = RETRY;
	l->refusal = NULL;
	error_set(&l->trouble, RETRY, "this worker is leaving");
	tell(l);
	l->refusal = refusal;
	l->trouble = trouble;
	l->told = true;
}

/* What is with the pool is judged on, for nobody: a wrong password stays one. */
static void
hurry(struct login *l)
{
	if (!l->hashing && !l->ask.waiting && !l->in_line) {
		answer(l);
		return;
	}
	people_forget(&l->ask);
	tell_hurried(l);
	auth_conn_answer(l->conn, &l->request, RETRY, NULL);
	if (l->hashing)
		detach(l);
	else
		login_free(l);
}

void
logins_hurry(struct auth_conn *c)
{
	while (c->logins != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who is freed leaves the list */
		hurry(c->logins);
}
