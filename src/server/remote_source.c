/* SPDX-License-Identifier: ISC
 *
 * Events for a remote store.
 */
#include "remote_source.h"

#include "loop.h"
#include "sys/log.h"

enum {
	PATIENCE_PART = 3, /* of the deadline: a silent server leaves time to ask another */
	COUNT_MS = 200
};

static void
count(struct remote_source *s)
{
	struct slab_store *to = &s->slot->store;
	struct remote_state now;

	s->count_at = remote_now() + COUNT_MS;
	remote_look(s->remote, &now);
	counter_set(&to->servers, now.servers);
	for (size_t i = 0; i < REMOTE_SERVERS; i++) {
		counter_set(&to->primary[i], now.server[i].primary);
		counter_set(&to->standby[i], now.server[i].standby);
	}
	counter_set(&to->behind, now.behind);
	counter_add(&to->reached, now.reached - s->reached);
	counter_add(&to->lost, now.lost - s->lost);
	s->reached = now.reached;
	s->lost = now.lost;
}

/* When a server is asked much there is a tick for each burst: what changes seldom is not counted in
 * each. */
static void
tick(struct remote_source *s)
{
	struct timeval after = { 0 };
	unsigned ms;

	s->kicked = false;
	ms = remote_tick(s->remote);
	if (remote_now() >= s->count_at)
		count(s);
	if (s->kicked) /* answers have led to questions */
		return;
	after.tv_sec = ms / 1000;
	after.tv_usec = (suseconds_t)(ms % 1000) * 1000;
	loop_wait(&s->tick, &after);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tick(arg);
}

/* The events of a source lie in a row: which of them it is tells the line. */
static void
on_line(evutil_socket_t fd, short what, void *arg)
{
	struct remote_line_event *e = arg;

	(void)fd;
	(void)what;
	remote_ready(e->source->remote, (size_t)(e - e->source->line));
	tick(e->source);
}

static void
watch(void *arg, size_t line, int fd, bool readable, bool writable)
{
	struct remote_source *s = arg;
	struct remote_line_event *e = &s->line[line];
	short what = EV_PERSIST;

	if (e->watching)
		event_del(&e->event);
	e->watching = fd >= 0 && (readable || writable);
	if (!e->watching)
		return;
	what |= (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	event_assign(&e->event, s->base, fd, what, on_line, e);
	loop_wait(&e->event, NULL);
}

static void
tell(void *arg, enum remote_news news, const char *text)
{
	struct remote_source *s = arg;

	if (news == REMOTE_LOST)
		s->lost_at = remote_now();
	if (news == REMOTE_ASKED)
		s->lost_at = 0;
	if (news == REMOTE_ASKED || news == REMOTE_FOLLOWS)
		log_info("%s", text);
	else
		log_warning("%s", text);
}

bool
remote_source_init(struct remote_source *s, struct loop *loop, const struct conf *conf,
    enum store_role role, struct error *err)
{
	struct remote_setup setup = { .uri = role == STORE_LOOKUP ? conf_store_for_lookups(conf)
								  : conf_store_for_logins(conf),
		.role = role,
		.lines = (size_t)conf->store_connections,
		.patience = (unsigned)conf->lookup_deadline / PATIENCE_PART,
		.lag = (unsigned)conf->max_lag * 1000,
		.watch = watch,
		.tell = tell,
		.arg = s };

	*s = (struct remote_source){ .base = loop->base, .slot = loop->slot };
	for (size_t i = 0; i < REMOTE_LINES; i++)
		s->line[i].source = s;
	if (remote_new(&s->remote, &setup, err) != FOUND)
		return false;
	evtimer_assign(&s->tick, s->base, on_tick, s);
	tick(s);
	return true;
}

void
remote_source_release(struct remote_source *s)
{
	if (s->remote == NULL)
		return;
	event_del(&s->tick);
	remote_free(s->remote);
	s->remote = NULL;
}

/* What is made active now is served behind all that is active already: the end of this round. */
void
remote_source_ask(struct remote_source *s, struct remote_ask *a)
{
	remote_ask(s->remote, a);
	if (!s->kicked)
		event_active(&s->tick, EV_TIMEOUT, 0);
	s->kicked = true;
}
