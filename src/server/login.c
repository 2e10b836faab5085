/* SPDX-License-Identifier: ISC
 *
 * The way of a login: who is it, may he try, is the password right, may he use the service from
 * where he is. An unknown user, one without a password and a wrong password take the same way and
 * the same time; only whoever knows the password is told of anything else. What could not be found
 * out is never taken for a wrong password.
 */
#include "login.h"

#include <sodium.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "auth/app_password.h"
#include "auth/network.h"
#include "clock.h"
#include "loop.h"
#include "mail/address.h"

enum {
	QUEUE_MAX = 256,
	THREADS_MAX = 64,
	SERVICE_MAX = 32,
	STACK = 8192 /* more than any hash function of the loop thread takes */
};

/* --- the ends of the way ---------------------------------------------------------------------- */

static void
end_try_again(struct login *l)
{
	l->outcome = RETRY;
	l->refusal = NULL; /* unknown user or not: he was not refused */
	if (l->try.user.n > 0)
		guard_unheard(&l->worker->guard, &l->try);
	login_end(l);
}

static void
end_wrong(struct login *l)
{
	l->outcome = NONE;
	guard_failed(&l->worker->guard, &l->try, l->tag);
	login_end(l);
}

/* The password is right, but. WHY is told to the user. This was no guess; but who guesses with an
 * old app password in hand is not to begin anew with each use of that. */
static void
end_not_allowed(struct login *l, const char *refusal, struct slice why)
{
	l->outcome = NONE;
	l->refusal = refusal;
	sbuf_add_slice(&l->request.reason, why);
	guard_unheard(&l->worker->guard, &l->try);
	login_end(l);
}

static void
end_welcome(struct login *l)
{
	struct auth_worker *w = l->worker;
	const struct login_record record = {
		.address = sbuf_slice(&l->user),
		.network = sbuf_slice(&l->network),
		.label = l->by->label,
		.service = slice_head(sbuf_slice(&l->request.service), SERVICE_MAX),
		.at = clock_unix_ms() / 1000,
	};

	l->outcome = FOUND;
	guard_succeeded(&w->guard, &l->try);
	recorder_login(w->recorder, &record);
	login_end(l);
}

/* --- the password is right -------------------------------------------------------------------- */

static const char not_from_here[] = "not allowed from this network";

static void
end_unusable(struct login *l, enum credential_use use)
{
	static const struct {
		const char *refusal;
		const char *told;
	} words[] = {
		[CREDENTIAL_EXPIRED] = { "app password expired", "this app password has expired" },
		[CREDENTIAL_OTHER_SERVICE] = { "app password not for this service",
		    "this app password is not for this service" },
		[CREDENTIAL_OTHER_NETWORK] = { "app password not from this network",
		    "this app password is not allowed from this network" },
	};

	end_not_allowed(l, words[use].refusal, slice_str(words[use].told));
}

static enum credential_use
use_of(const struct login *l, const struct credential *c)
{
	return credential_use(c, sbuf_slice(&l->request.service), sbuf_slice(&l->request.remote),
	    clock_unix_ms() / 1000);
}

/* Nobody may know whose the mail files are. Postfix does not ask for them. */
static bool
has_place(struct login *l)
{
	if (l->worker->mail_user || slice_is(sbuf_slice(&l->request.service), "smtp"))
		return true;
	error_set(&l->trouble, RETRY,
	    "nobody is known as the owner of mail files: see mail-user, which is '%s'",
	    l->worker->conf->mail_user);
	return false;
}

static void
opened(struct login *l)
{
	const struct account *a = &l->facts->account;
	enum credential_use use = use_of(l, l->by);

	if (use != CREDENTIAL_GOOD)
		end_unusable(l, use);
	else if (!account_state_serves(a->state, sbuf_slice(&l->request.service)))
		end_not_allowed(l, account_state_name(a->state), sbuf_slice(&a->reason));
	else if (!network_list_has(sbuf_slice(&a->networks), sbuf_slice(&l->request.remote)))
		end_not_allowed(l, not_from_here, slice_str(not_from_here));
	else if (!has_place(l))
		end_try_again(l);
	else
		end_welcome(l);
}

/* --- the password is hashed ------------------------------------------------------------------- */

/* The credentials whose hashes are slow are the lines of the job, in their order. */
static const struct credential *
credential_of_line(const struct login_facts *f, size_t line)
{
	for (size_t i = 0; i < f->credentials; i++)
		if (!app_password_is(f->credential[i].hash) && line-- == 0)
			return &f->credential[i];
	return NULL;
}

/* It is none of those that could be tried. One that could not, or did not fit, may be right, and
 * yet nobody guesses at the others for free. */
static void
end_untried(struct login *l)
{
	bool looked_at = l->job.missed || (l->job.outcome == NONE && l->facts->cut);

	if (!looked_at) {
		end_try_again(l);
		return;
	}
	l->outcome = RETRY;
	guard_failed(&l->worker->guard, &l->try, l->tag);
	login_end(l);
}

static void
verified(struct login *l)
{
	switch (l->job.outcome) {
	case FOUND:
		l->by = credential_of_line(l->facts, l->job.line);
		recall_keep(&l->worker->recall, sbuf_slice(&l->user), l->by->hash,
		    hash_job_secret(&l->job));
		sodium_stackzero(STACK);
		opened(l);
		return;
	case NONE:
		if (l->trouble.text[0] == '\0')
			end_wrong(l);
		else
			end_untried(l);
		return;
	default:
		l->trouble = l->job.why;
		end_untried(l);
		return;
	}
}

/* Those from one network wait behind one another; where it stands for many, or is not known, those
 * for one user. */
static uint64_t
origin(const struct login *l)
{
	struct slice from = l->try.network.n > 0 ? l->try.network : l->try.user;
	uint64_t hash;

	crypto_shorthash(
	    (unsigned char *)&hash, (const unsigned char *)from.p, from.n, l->worker->origin_key);
	return hash;
}

/* Hand it to the pool. With no hash to compare with, a dummy is hashed there. */
static bool
hash(struct login *l)
{
	struct login_facts *f = l->facts;

	for (size_t i = 0; i < f->credentials; i++) {
		if (app_password_is(f->credential[i].hash))
			continue;
		sbuf_add_slice(&l->job.hashes, f->credential[i].hash);
		sbuf_add_chr(&l->job.hashes, '\n');
	}
	if (l->job.hashes.failed || !hash_job_password(&l->job, sbuf_slice(&l->request.password))) {
		error_set(&l->trouble, RETRY, "out of memory");
		return false;
	}
	sbuf_release_secret(&l->request.password);
	l->job.queued.origin = origin(l);
	l->job.expires = l->begun + (uint64_t)l->worker->conf->login_deadline;
	l->hashing = hash_pool_submit(l->worker->pool, &l->job);
	if (l->hashing)
		login_under_way(l);
	else
		error_set(&l->trouble, RETRY, "too many logins are waiting");
	return l->hashing;
}

/* --- what needs no slow hash ------------------------------------------------------------------ */

static bool
is_remembered(const struct login *l, const struct credential *c)
{
	return recall_has(
	    &l->worker->recall, sbuf_slice(&l->user), c->hash, sbuf_slice(&l->request.password));
}

/* One that cannot be tried makes a miss of all the others uncertain. */
static bool
is_app_password(struct login *l, const struct credential *c)
{
	struct slice typed = sbuf_slice(&l->request.password);
	struct error err;
	enum outcome o = NONE;

	if (app_password_looks(typed))
		o = app_password_verify(c->hash, sbuf_slice(&l->facts->app_key), typed, &err);
	if (o == RETRY)
		l->trouble = err;
	return o == FOUND;
}

/* The first that is right and can be used here, or else any that is right. */
static bool
try_at_once(struct login *l)
{
	for (size_t i = 0; i < l->facts->credentials; i++) {
		const struct credential *c = &l->facts->credential[i];

		if (!(app_password_is(c->hash) ? is_app_password(l, c) : is_remembered(l, c)))
			continue;
		l->by = c;
		if (use_of(l, c) == CREDENTIAL_GOOD)
			break;
	}
	return l->by != NULL;
}

/* Hash functions leave what they read on the stack. */
static bool
opens_at_once(struct login *l)
{
	bool opens = try_at_once(l);

	sodium_stackzero(STACK);
	return opens;
}

/* --- may he try ------------------------------------------------------------------------------- */

/* To be told to try again is what serves an owner best who is on a strange network while somebody
 * guesses at his password: his program keeps the password, and gets in when the wait is over. He
 * who guesses learns that he is found out, and not one password more. The log tells the two apart
 * as far as can be told: nobody is to be banned for what others tried. */
static void
end_unheard(struct login *l, const char *refusal)
{
	l->outcome = RETRY;
	l->refusal = refusal;
	login_end(l);
}

/* Count the user's other passwords that are being looked at, each once: a program opens five
 * connections with the one it has, and who guesses tries another one each time. There are no more
 * of them than fit into the queue and the line. */
static void
count_under_way(struct login *l)
{
	uint32_t *n = l->try.under_way;

	memset(n, 0, sizeof l->try.under_way);
	l->twin = false;
	for (const struct login *o = l->worker->under_way; o != NULL; o = o->rival) {
		bool here = slice_eq(o->try.network, l->try.network);

		if (o->in_line)
			continue;
		if (o->tag == l->tag)
			l->twin = l->twin || here;
		if (o->tag == l->tag || o->twin || !slice_eq(o->try.user, l->try.user))
			continue;
		n[THROTTLE_USER_NETWORK] += here;
		n[THROTTLE_USER] += !o->try.known;
	}
}

static void
go_on(struct login *l)
{
	if (opens_at_once(l))
		opened(l);
	else if (!hash(l))
		end_try_again(l);
}

/* Nobody overtakes those in line. */
static struct throttle_answer
ask(struct login *l)
{
	if (login_has_line(l) && !l->stood)
		return (struct throttle_answer){ .verdict = THROTTLE_WAIT };
	count_under_way(l);
	return guard_ask(&l->worker->guard, &l->try);
}

static void
judge(struct login *l)
{
	static const char by_himself[] = "throttled", by_others[] = "throttled with others";
	struct throttle_answer a = ask(l);

	switch (a.verdict) {
	case THROTTLE_LET:
		login_heard(l);
		go_on(l);
		return;
	case THROTTLE_WAIT:
		if (!login_stand_in_line(l, a.ms))
			end_unheard(l, by_others);
		return;
	case THROTTLE_REFUSE:
		end_unheard(l, a.by == THROTTLE_USER_NETWORK ? by_himself : by_others);
		return;
	}
}

void
login_turn(struct login *l)
{
	judge(l);
}

/* --- who is it -------------------------------------------------------------------------------- */

/* Fill user and network. FOUND: it can be somebody. NONE: user is what was typed, and it is nobody.
 */
static enum outcome
name(struct login *l)
{
	struct slice typed = sbuf_slice(&l->request.user);
	enum outcome o = auth_canonical(&l->user, typed, &l->trouble);

	if (o == NONE)
		sbuf_add_slice(&l->user, typed);
	network_group(&l->network, sbuf_slice(&l->request.remote));
	if (l->user.failed || l->network.failed)
		return error_set(&l->trouble, RETRY, "out of memory");
	return o;
}

static void
prepare_try(struct login *l)
{
	l->try.user = sbuf_slice(&l->user);
	l->try.network = guard_network(
	    &l->worker->guard, sbuf_slice(&l->request.remote), sbuf_slice(&l->network));
	l->try.known = l->facts->known;
	l->tag = guard_tag(&l->worker->guard, l->try.user, sbuf_slice(&l->request.password));
}

/* It is known who that is. NONE leaves the facts empty: nobody's password is right then. */
static void
found(struct login *l, enum outcome o)
{
	if (o == RETRY) {
		end_try_again(l);
		return;
	}
	l->trouble.text[0] = '\0';
	if (l->facts->cut)
		error_set(&l->trouble, RETRY,
		    "it has more than %d passwords, and this is none of the first: remove those "
		    "that nobody uses",
		    CREDENTIALS_MAX);
	l->refusal = o == NONE ? "unknown user" : NULL;
	if (o == FOUND && l->facts->credentials == 0)
		l->refusal = "no password is set";
	prepare_try(l);
	judge(l);
}

static void
on_found(struct people_ask *a, enum outcome o, const struct error *err)
{
	struct login *l = (struct login *)((char *)a - offsetof(struct login, ask));
	struct auth_conn *c = l->conn;

	if (o == RETRY)
		l->trouble = *err;
	found(l, o);
	conn_serve(&c->conn);
}

void
login_begin(struct auth_conn *c, struct auth_request *r)
{
	struct login *l = login_new(c, r);
	enum outcome o;

	if (l == NULL) {
		auth_conn_answer(c, r, RETRY, NULL);
		return;
	}
	/* a name that is nobody's is not looked up, and would go the whole way */
	if (l->worker->loop.hurried)
		o = error_set(&l->trouble, RETRY, "this worker is leaving");
	else
		o = name(l);
	l->ask.person = (struct person){ .want = PERSON_LOGIN,
		.address = sbuf_slice(&l->user),
		.network = sbuf_slice(&l->network),
		.facts = l->facts };
	l->ask.done = on_found;
	if (o != FOUND || people_ask(&l->worker->people, &l->ask,
			      (unsigned)l->worker->conf->login_deadline, &o, &l->trouble))
		found(l, o);
}

/* --- the pool --------------------------------------------------------------------------------- */

/* A login was verified, or a good one's password was hashed anew. */
static void
hashed(struct login *l)
{
	struct auth_conn *c = l->conn;

	l->hashing = false;
	login_judged(l);
	slab_hashed(l->worker->loop.slot, &l->job);
	if (l->job.work == HASH_ANEW) {
		login_renewed(l);
		return;
	}
	verified(l);
	if (c != NULL)
		conn_serve(&c->conn);
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
		hashed((struct login *)j);
	}
}

static unsigned
threads(const struct conf *c)
{
	long n = c->hash_threads > 0 ? c->hash_threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

static void
read_cost(struct password_cost *cost, const struct conf *c)
{
	*cost = password_default_cost;
	cost->memory_kib = (unsigned)c->hash_memory;
	cost->passes = (unsigned)c->hash_passes;
	if (cost->max_memory_kib < cost->memory_kib)
		cost->max_memory_kib = cost->memory_kib;
	if (cost->max_passes < cost->passes)
		cost->max_passes = cost->passes;
}

static void
on_stirred(void *arg)
{
	struct auth_worker *w = arg;

	recorder_stir(w->recorder);
}

enum outcome
logins_init(struct auth_worker *w, struct error *err)
{
	read_cost(&w->cost, w->conf);
	crypto_shorthash_keygen(w->origin_key);
	recall_init(&w->recall, w->conf->remember_logins);
	if (guard_init(&w->guard, w->conf, err) != FOUND)
		return RETRY;
	w->recorder = recorder_new(conf_store_for_logins(w->conf), w->conf->record_logins, err);
	if (w->recorder == NULL)
		return RETRY;
	people_tell_stirred(&w->people, on_stirred, w);
	w->pool =
	    hash_pool_new(threads(w->conf), QUEUE_MAX, &w->cost, &w->loop.slot->hash_waiting, err);
	if (w->pool == NULL)
		return RETRY;
	event_assign(
	    &w->hashed, w->loop.base, hash_pool_fd(w->pool), EV_READ | EV_PERSIST, on_hashed, w);
	loop_wait(&w->hashed, NULL);
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
	if (w->pool != NULL) {
		event_del(&w->hashed);
		hash_pool_free(w->pool, give_back);
		w->pool = NULL;
	}
	recorder_free(w->recorder, w->loop.end_at);
	w->recorder = NULL;
	recall_release(&w->recall);
	guard_release(&w->guard);
}
