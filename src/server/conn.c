/* SPDX-License-Identifier: ISC
 *
 * Bytes between a socket and a session. Plain events and our own buffers; a connection that has
 * nothing to say holds none, the loop lends it a pair while it speaks.
 */
#include "conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "loop.h"

enum {
	READ_CHUNK = 4096 - 1,  /* all that one client is given before the others have their turn */
	OUT_FULL = 256 * 1024,  /* no more is read while so much is unsent */
	OUT_MAX = 8192 * 1024,  /* never reached: one chunk's refusals, and one reply */
	SPARE_SIZE = 64 * 1024, /* a bigger buffer is not kept */
	LINGER_S = 2,
	LINGER_READS = 1024 /* who goes on sending is cut off */
};

enum filled { FILLED, FILLED_NOTHING, FILLED_END, FILLED_BROKEN };

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_turn(evutil_socket_t fd, short what, void *arg);
static void on_paced(evutil_socket_t fd, short what, void *arg);

/* --- buffers ---------------------------------------------------------------------------------- */

static void
borrow(struct sbuf *b, struct spares *spares)
{
	size_t max = b->max;

	if (b->p != NULL || spares->n == 0)
		return;
	*b = spares->buffer[--spares->n];
	b->max = max;
}

static void
give_back(struct sbuf *b, struct spares *spares)
{
	size_t max = b->max;

	if (b->n > 0 || b->failed || b->p == NULL)
		return;
	if (spares->n == LOOP_LINE || b->size > SPARE_SIZE) {
		sbuf_release(b);
		return;
	}
	spares->buffer[spares->n++] = *b;
	sbuf_init(b, max);
}

static void
wipe(struct sbuf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p + b->n, b->size - b->n);
}

static void
give_back_both(struct conn *c)
{
	if (c->kind->secret)
		wipe(&c->in);
	give_back(&c->in, &c->loop->spare_in);
	give_back(&c->out, &c->loop->spare_out);
}

/* --- the line ---------------------------------------------------------------------------------
 *
 * Many clients speak at the same time. They are all read from, then served, then answered, so that
 * one's wait for memory is another's time to be read from.
 */

static void
leave_line(struct conn *c)
{
	struct loop *l = c->loop;
	size_t i = 0;

	if (!c->lined)
		return;
	while (l->line[i] != c)
		i++;
	l->line[i] = NULL;
	c->lined = c->unserved = false;
}

/* --- life ------------------------------------------------------------------------------------- */

void
conn_start(struct conn *c, const struct conn_kind *kind, struct loop *loop, int fd,
    const struct listener *from)
{
	*c = (struct conn){ .kind = kind, .loop = loop, .from = from, .fd = fd };
	sbuf_init(&c->in, kind->in_max);
	sbuf_init(&c->out, OUT_MAX);
	event_assign(&c->readable, loop->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	event_assign(&c->writable, loop->base, fd, EV_WRITE, on_writable, c);
	evtimer_assign(&c->turn, loop->base, on_turn, c);
	evtimer_assign(&c->pace, loop->base, on_paced, c);
	loop_add(loop, c);
}

void
conn_close(struct conn *c)
{
	struct loop *loop = c->loop;

	leave_line(c);
	event_del(&c->readable);
	event_del(&c->writable);
	event_del(&c->turn);
	event_del(&c->pace);
	close(c->fd);
	sbuf_release_secret(&c->in);
	sbuf_release(&c->out);
	loop_remove(loop, c);
	c->kind->free(c);
}

/* --- in and out ------------------------------------------------------------------------------- */

/* Who sent more than a second's worth waits until the rest of it is due; not while we leave, for
 * then all that he has sent is to be answered. */
static void
pace(struct conn *c, size_t n)
{
	uint64_t rate = c->loop->max_rate, now, due, wait;
	struct timeval after;

	if (rate == 0 || c->loop->draining)
		return;
	now = clock_ms();
	due = (now - c->sent_at) * rate / 1000;
	c->sent = (due < c->sent ? c->sent - due : 0) + n;
	c->sent_at = now;
	if (c->sent <= rate)
		return;
	wait = (c->sent - rate) * 1000 / rate + 1;
	after = (struct timeval){ .tv_sec = (time_t)(wait / 1000),
		.tv_usec = (suseconds_t)(wait % 1000 * 1000) };
	c->paced = event_add(&c->pace, &after) == 0;
}

static enum filled
fill(struct conn *c)
{
	size_t room = c->in.max - c->in.n;
	ssize_t n;
	char *p;

	borrow(&c->in, &c->loop->spare_in);
	p = sbuf_room(&c->in, room < READ_CHUNK ? room : READ_CHUNK);
	if (p == NULL || room == 0)
		return FILLED_BROKEN;
	n = read(c->fd, p, room < READ_CHUNK ? room : READ_CHUNK);
	if (n == 0)
		return FILLED_END;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? FILLED_NOTHING : FILLED_BROKEN;
	c->spoke = c->spoke || !c->kind->hello;
	c->in.n += (size_t)n;
	pace(c, (size_t)n);
	sbuf_truncate(&c->in, c->in.n);
	return FILLED;
}

/* False when the client is gone. */
static bool
flush(struct conn *c)
{
	size_t sent = 0;
	bool alive = true;

	while (sent < c->out.n) {
		ssize_t n = send(c->fd, c->out.p + sent, c->out.n - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			alive = errno == EAGAIN;
			break;
		}
		sent += (size_t)n;
	}
	if (sent > 0)
		sbuf_drop(&c->out, sent);
	return alive;
}

bool
conn_roomy(struct conn *c)
{
	if (c->out.n >= OUT_FULL)
		flush(c);
	if (c->out.n >= OUT_FULL)
		c->full = true;
	return !c->full;
}

/* --- what comes next -------------------------------------------------------------------------- */

/* Closing with input unread would reset the connection and may cost the client our last words. */
static void
linger(struct conn *c)
{
	struct timeval limit = { .tv_sec = LINGER_S };

	if (c->ended || c->abrupt || c->loop->draining || shutdown(c->fd, SHUT_WR) < 0) {
		conn_close(c);
		return;
	}
	c->lingering = LINGER_READS;
	c->reading = c->queued = false;
	sbuf_release_secret(&c->in);
	event_del(&c->readable);
	event_del(&c->turn);
	event_del(&c->pace);
	loop_wait(&c->readable, &limit);
}

/* From here on the kernel refuses what a local client would send, and what he has sent is there to
 * be read, up to the end: so nothing is ever taken and not answered. Of TCP he only sees that we
 * are gone. */
static void
stop_listening(struct conn *c)
{
	if (c->deaf || !c->loop->draining || !c->spoke || c->kind->midway(c))
		return;
	c->deaf = true;
	(void)shutdown(c->fd, SHUT_RD);
}

static bool
is_over(const struct conn *c)
{
	if (c->out.n > 0)
		return false;
	if (c->closing)
		return true;
	return c->ended && !c->again && !c->kind->busy(c);
}

static void
watch(struct event *e, bool *pending, bool wanted, unsigned limit)
{
	struct timeval after = { .tv_sec = limit };

	if (wanted == *pending)
		return;
	if (wanted)
		loop_wait(e, limit > 0 ? &after : NULL);
	else
		event_del(e);
	*pending = wanted;
}

/* A timer that is due at once fires behind everything that can be read now: the end of the line. An
 * event made active by hand would be served before the sockets are looked at again. */
static void
queue(struct conn *c)
{
	struct timeval now = { 0 };
	bool wanted = c->again && !c->full && !c->closing;

	if (wanted == c->queued)
		return;
	if (wanted)
		loop_wait(&c->turn, &now);
	else
		event_del(&c->turn);
	c->queued = wanted;
}

/* Send, and go on with what waited for room; false when the connection is of no use any more. */
static bool
advance(struct conn *c)
{
	for (;;) {
		if (!flush(c) || c->out.failed)
			return false;
		if (!c->full || c->out.n > 0)
			break;
		c->full = false;
		if (c->again)
			break;
		if (!c->closing)
			c->kind->serve(c);
	}
	if (c->out.n >= OUT_FULL)
		c->full = true;
	return c->in.n < c->in.max || c->held || c->full || c->closing;
}

void
conn_settle(struct conn *c)
{
	if (!c->unserved)
		leave_line(c);
	if (c->lingering > 0)
		return;
	stop_listening(c);
	if (!advance(c)) {
		conn_close(c);
		return;
	}
	if (is_over(c)) {
		linger(c);
		return;
	}
	watch(&c->readable, &c->reading,
	    !c->ended && !c->closing && !c->paced && !c->full && (!c->held || c->reading), 0);
	watch(&c->writable, &c->writing, c->out.n > 0, c->kind->send_limit);
	queue(c);
	give_back_both(c);
}

/* Tell whether others spoke at the same time and are still to be served. */
static bool
is_last(const struct loop *l)
{
	return event_base_get_num_events(l->base, EVENT_BASE_COUNT_ACTIVE) == 0;
}

/* The line is called behind all that is active already, for what is made active now is served then.
 */
static void
line_up(struct conn *c)
{
	struct loop *l = c->loop;

	if (c->lined)
		return;
	if (l->lined == LOOP_LINE) { /* it is being called */
		conn_settle(c);
		return;
	}
	if (l->lined == 0)
		event_active(&l->call, EV_TIMEOUT, 0);
	c->lined = true;
	l->line[l->lined++] = c;
	if (l->lined == LOOP_LINE)
		conn_call_line(l);
}

static void
serve(struct conn *c)
{
	borrow(&c->out, &c->loop->spare_out);
	c->unserved = false;
	if (!c->closing && !c->full)
		c->kind->serve(c);
}

void
conn_serve(struct conn *c)
{
	serve(c);
	if (c->loop->draining || c->out.n == 0 || c->out.n >= OUT_FULL || is_last(c->loop))
		conn_settle(c);
	else
		line_up(c);
}

/* Who is served is not settled before all are: nobody leaves the line meanwhile but by his end. */
void
conn_call_line(struct loop *l)
{
	for (size_t i = 0; i < l->lined; i++)
		if (l->line[i] != NULL && l->line[i]->unserved)
			l->line[i]->kind->fetch(l->line[i]);
	for (size_t i = 0; i < l->lined; i++) {
		if (l->line[i] == NULL || !l->line[i]->unserved)
			continue;
		serve(l->line[i]);
		l->serving = true;
	}
	l->serving = false;
	for (size_t i = 0; i < l->lined; i++) {
		struct conn *c = l->line[i];

		if (c == NULL)
			continue;
		l->line[i] = NULL;
		c->lined = false;
		conn_settle(c);
	}
	l->lined = 0;
}

static void
serve_soon(struct conn *c)
{
	if (c->kind->foresee == NULL || c->loop->draining || is_last(c->loop)) {
		conn_serve(c);
		return;
	}
	c->unserved = true;
	c->kind->foresee(c);
	line_up(c);
}

static void
on_lingering(struct conn *c, short what)
{
	char rest[4096];
	ssize_t n = 0;

	if (what & EV_READ && --c->lingering > 0)
		n = read(c->fd, rest, sizeof rest);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_close(c);
}

/* Nearly every client waits for his answer. So one whose input is not wanted is listened to until
 * he sends some all the same: to stop before that would be two system calls for each answer. */
static void
turn_away(struct conn *c)
{
	event_del(&c->readable);
	c->reading = false;
}

static void
take_in(struct conn *c)
{
	switch (fill(c)) {
	case FILLED:
		serve_soon(c);
		return;
	case FILLED_NOTHING:
		conn_settle(c);
		return;
	case FILLED_END:
		c->ended = true;
		conn_serve(c);
		return;
	case FILLED_BROKEN:
		conn_close(c);
		return;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	if (c->lingering > 0)
		on_lingering(c, what);
	else if (c->held)
		turn_away(c);
	else
		take_in(c);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	c->queued = false;
	conn_serve(c);
}

static void
on_paced(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	c->paced = false;
	conn_settle(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	c->writing = false;
	if (what & EV_TIMEOUT)
		conn_close(c);
	else
		conn_settle(c);
}

void
conn_drain(struct conn *c)
{
	bool heard = c->reading || c->paced;

	c->paced = false;
	event_del(&c->pace);
	if (c->lingering > 0)
		conn_close(c);
	else if (heard && !c->held)
		take_in(c);
	else
		conn_settle(c);
}

void
conn_drain_silent(struct conn *c)
{
	c->spoke = true;
	conn_drain(c);
}

void
conn_hurry(struct conn *c)
{
	if (c->kind->hurry != NULL)
		c->kind->hurry(c);
	conn_serve(c);
}
