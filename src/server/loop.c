/* SPDX-License-Identifier: ISC
 *
 * The frame of a worker. Accepting never spins: out of descriptors or full, a listener is left
 * alone for a moment, and the other workers may take from it.
 */
#include "loop.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "sys/log.h"

enum {
	ACCEPT_PAUSE_MS = 100,
	SILENT_MS = 1000, /* who is about to speak has spoken by then, also on a busy machine */
	DRAIN_S = 3,
	HURRY_MS = 1000, /* for last words to be sent; all of it less than the supervisor waits */
};

/* --- connections ------------------------------------------------------------------------------ */

void
loop_hold(struct loop *l)
{
	l->count++;
}

void
loop_let_go(struct loop *l)
{
	l->count--;
	if (l->draining && l->count == 0)
		event_base_loopbreak(l->base);
}

void
loop_add(struct loop *l, struct conn *c)
{
	c->next = l->conns;
	c->prev = &l->conns;
	if (c->next != NULL)
		c->next->prev = &c->next;
	l->conns = c;
	loop_hold(l);
	slab_connected(l->slot, c->from->number);
	c->user = l->newcomer.user;
	c->counted = l->newcomer.counted;
}

void
loop_remove(struct loop *l, struct conn *c)
{
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	slab_disconnected(l->slot, c->from->number);
	if (c->counted)
		crowd_leave(&l->crowd, c->user);
	loop_let_go(l);
}

/* A gate or a connection that waits for nothing would be deaf for ever. */
void
loop_wait(struct event *e, const struct timeval *after)
{
	if (event_add(e, after) == 0)
		return;
	log_error("no memory to wait for events with: leaving");
	_exit(EXIT_FAILURE);
}

/* --- accepting -------------------------------------------------------------------------------- */

static void
pause_gate(struct gate *g, const char *why)
{
	struct timeval after = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };

	trouble_log(
	    &g->loop->crowded, "'%s': no more connections for a moment: %s", g->from->name, why);
	event_del(&g->acceptable);
	loop_wait(&g->pause, &after);
}

static void
on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct gate *g = arg;

	(void)fd;
	(void)what;
	loop_wait(&g->acceptable, NULL);
}

/* Answers are small and waited for; a peer that vanished is to be noticed one day. */
static void
tune_inet(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

/* Let a local client in: whether he is one of the listener's peers, and has not too many already.
 * Who is not is gone at once, and holds up nobody who waits behind him. */
static bool
is_welcome(struct gate *g, int fd)
{
	struct loop *l = g->loop;
	uid_t user;

	l->newcomer = (struct newcomer){ .counted = false };
	if (g->from->path[0] == '\0' || !peer_of(fd, &user))
		return g->from->path[0] == '\0';
	if (!peers_admit(&g->from->peers, fd)) {
		trouble_log(&l->unwanted, "'%s': user %lu may not connect: not one of its peers",
		    g->from->name, (unsigned long)user);
		return false;
	}
	if (user == 0)
		return true;
	if (!crowd_join(&l->crowd, user, l->max_per_user)) {
		trouble_log(&l->greedy, "'%s': user %lu has %zu connections already: turned away",
		    g->from->name, (unsigned long)user, l->max_per_user);
		return false;
	}
	l->newcomer = (struct newcomer){ .user = user, .counted = true };
	return true;
}

/* Take one connection, and no more, so that a burst is shared among the workers: the kernel tells
 * of the next one at once, whoever of us is there to hear it. */
static void
on_acceptable(evutil_socket_t listening, short what, void *arg)
{
	struct gate *g = arg;
	struct loop *l = g->loop;
	int fd;

	(void)what;
	if (l->count >= l->max) {
		pause_gate(g, "max-connections is reached");
		return;
	}
	fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno != EINTR && errno != ECONNABORTED && errno != EAGAIN)
			pause_gate(g, strerror(errno));
		return;
	}
	if (!is_welcome(g, fd)) {
		close(fd);
		return;
	}
	if (g->from->path[0] == '\0')
		tune_inet(fd);
	if (!l->accept(l, fd, g->from)) {
		close(fd);
		if (l->newcomer.counted)
			crowd_leave(&l->crowd, l->newcomer.user);
		pause_gate(g, "out of memory");
	}
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Whoever has not spoken by now is not in a hurry. */
static void
close_silent(struct loop *l)
{
	struct conn *next;

	for (struct conn *c = l->conns; c != NULL; c = next) {
		next = c->next;
		if (!c->spoke)
			conn_drain_silent(c);
	}
}

/* Whoever has sent something is not left without an answer: not taken and not answered is what he
 * cannot tell from taken and lost. */
static void
hurry(struct loop *l)
{
	struct timeval rest = { .tv_sec = HURRY_MS / 1000, .tv_usec = HURRY_MS % 1000 * 1000 };
	struct conn *next;

	l->hurried = true;
	log_info("%zu connections are still busy: told to try again", l->count);
	loop_wait(l->leave, &rest);
	for (struct conn *c = l->conns; c != NULL; c = next) {
		next = c->next;
		conn_hurry(c);
	}
}

static void
on_leave(evutil_socket_t fd, short what, void *arg)
{
	struct timeval rest = { .tv_sec = DRAIN_S - 1, .tv_usec = 1000000 - SILENT_MS * 1000 };
	struct loop *l = arg;

	(void)fd;
	(void)what;
	if (!l->late) {
		l->late = true;
		close_silent(l);
		loop_wait(l->leave, &rest);
		return;
	}
	if (!l->hurried) {
		hurry(l);
		return;
	}
	log_info("%zu connections were still busy: closed", l->count);
	event_base_loopbreak(l->base);
}

static void
drain(struct loop *l)
{
	struct timeval limit = { .tv_usec = SILENT_MS * 1000 };
	struct conn *next;

	if (l->draining)
		return;
	l->draining = true;
	l->end_at = clock_ms() + DRAIN_S * 1000 + HURRY_MS;
	for (size_t i = 0; i < l->gates; i++) {
		event_del(&l->gate[i].acceptable);
		event_del(&l->gate[i].pause);
		/* our copy: where nobody else has one, clients are to see at once that it is closed
		 */
		close(l->gate[i].from->fd);
	}
	event_del(&l->beat);
	close(l->ready_fd);
	loop_wait(l->leave, &limit);
	for (struct conn *c = l->conns; c != NULL; c = next) {
		next = c->next;
		conn_drain(c);
	}
	if (l->count == 0)
		event_base_loopbreak(l->base);
}

static void
on_term(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	drain(arg);
}

static void
on_life(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	if (!l->draining)
		log_warning("the supervisor is gone: leaving");
	event_del(l->life);
	drain(l);
}

/* --- the beat --------------------------------------------------------------------------------- */

static void
put_off_beat(struct loop *l)
{
	struct timeval after = { .tv_sec = l->beat_ms / 1000,
		.tv_usec = (suseconds_t)(l->beat_ms % 1000) * 1000 };

	if (l->beat_ms > 0)
		event_add(&l->beat, &after);
}

/* A full pipe is one whose other end stands still: nothing is lost on it. */
static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	if (write(l->ready_fd, "b", 1) < 0 && errno != EAGAIN)
		return;
	put_off_beat(l);
}

/* --- the frame -------------------------------------------------------------------------------- */

static void
init_gates(struct loop *l, const struct listener_set *set, enum protocol_side side)
{
	for (size_t i = 0; i < set->n; i++) {
		struct gate *g = &l->gate[l->gates];

		if (l->accept == NULL || protocol_side(set->at[i].protocol) != side)
			continue;
		*g = (struct gate){ .loop = l, .from = &set->at[i] };
		event_assign(
		    &g->acceptable, l->base, g->from->fd, EV_READ | EV_PERSIST, on_acceptable, g);
		evtimer_assign(&g->pause, l->base, on_pause_over, g);
		loop_wait(&g->acceptable, NULL);
		l->gates++;
	}
}

static void
on_call(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_call_line(arg);
}

static bool
init_events(struct loop *l, const struct worker_setup *setup)
{
	sigset_t set;

	l->term = evsignal_new(l->base, SIGTERM, on_term, l);
	l->life = event_new(l->base, setup->life_fd, EV_READ | EV_PERSIST, on_life, l);
	l->leave = evtimer_new(l->base, on_leave, l);
	event_assign(&l->call, l->base, -1, 0, on_call, l);
	evtimer_assign(&l->beat, l->base, on_beat, l);
	if (l->term == NULL || l->life == NULL || l->leave == NULL ||
	    event_add(l->term, NULL) != 0 || event_add(l->life, NULL) != 0)
		return false;
	/* from now on to be told to leave is no death */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return true;
}

bool
loop_init(struct loop *l, const struct worker_setup *setup, enum protocol_side side,
    loop_accept_fn *accept, struct error *err)
{
	*l = (struct loop){ .accept = accept,
		.ready_fd = setup->ready_fd,
		.beat_ms = setup->beat,
		.slot = setup->slot };
	l->max = (size_t)setup->conf->max_connections;
	l->max_per_user = (size_t)setup->conf->max_connections_per_user;
	if (l->max_per_user == 0)
		l->max_per_user = l->max - l->max / 4;
	l->max_rate = (uint64_t)setup->conf->max_client_rate * 1024;
	l->base = event_base_new();
	l->gate = calloc(setup->listeners->n + 1, sizeof *l->gate);
	if (l->base == NULL || event_base_priority_init(l->base, LOOP_PRIORITIES) != 0 ||
	    l->gate == NULL || !init_events(l, setup)) {
		error_set(err, RETRY, "cannot set up the event loop: %s", strerror(errno));
		loop_release(l);
		return false;
	}
	init_gates(l, setup->listeners, side);
	return true;
}

void
loop_run(struct loop *l)
{
	if (write(l->ready_fd, "r", 1) != 1)
		log_warning("cannot tell the supervisor that we are ready: %s", strerror(errno));
	put_off_beat(l);
	event_base_dispatch(l->base);
}

static void
free_event(struct event *e)
{
	if (e != NULL)
		event_free(e);
}

void
loop_disconnect(struct loop *l)
{
	while (l->conns != NULL)
		conn_close(l->conns);
}

void
loop_release(struct loop *l)
{
	loop_disconnect(l);
	for (size_t i = 0; i < l->gates; i++) {
		event_del(&l->gate[i].acceptable);
		event_del(&l->gate[i].pause);
	}
	free(l->gate);
	crowd_release(&l->crowd);
	free_event(l->term);
	free_event(l->life);
	free_event(l->leave);
	if (event_initialized(&l->beat))
		event_del(&l->beat);
	if (l->base != NULL)
		event_base_free(l->base);
	while (l->spare_in.n > 0)
		sbuf_release_secret(&l->spare_in.buffer[--l->spare_in.n]);
	while (l->spare_out.n > 0)
		sbuf_release(&l->spare_out.buffer[--l->spare_out.n]);
	*l = (struct loop){ .draining = false };
}
