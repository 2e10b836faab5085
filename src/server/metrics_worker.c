/* SPDX-License-Identifier: ISC
 *
 * Answers those who watch: /metrics, what all processes have counted, and /healthz, whether a
 * lookup would be answered. Knows no passwords and writes nothing; libevent speaks HTTP.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "loop.h"
#include "metrics_page.h"
#include "store/remote.h"
#include "store/store.h"
#include "sys/log.h"
#include "sys/sandbox.h"
#include "worker.h"

enum {
	PAGE_MAX = 4 << 20,
	HEADERS_MAX = 8192,
	BODY_MAX = 0, /* nobody has anything to tell us */
	PATIENCE_S = 10,
	FORBIDDEN = 403, /* libevent has no name for it */
	PAUSE_MS = 100
};

struct metrics_worker {
	struct loop loop; /* first: so do the other workers */
	const struct listener_set *listeners;
	const struct slab *slab;
	const struct conf *conf;
	struct evhttp *http;
	struct store *store; /* NULL while there is no memory for one */
	struct lookup lookup;
	struct lookup_rules rules;
};

/* --- the store -------------------------------------------------------------------------------- */

/* A lookup like any other, of a domain that nobody has. */
static enum outcome
look(struct metrics_worker *w, struct error *err)
{
	struct lookup *l = &w->lookup;

	w->rules.now = time(NULL);
	lookup_start(l, &w->rules, slice_str("domains"), slice_str("healthz.invalid"));
	store_resolve(w->store, l);
	if (l->outcome == FOUND || l->outcome == NONE)
		return FOUND;
	return error_set(err, RETRY, "%s", sbuf_cstr(&l->value));
}

static enum outcome
ask_store(struct metrics_worker *w, struct error *err)
{
	const struct conf *c = w->conf;

	if (w->store == NULL &&
	    store_new(&w->store, conf_store_for_lookups(c), STORE_LOOKUP, err) != FOUND)
		return RETRY;
	store_deadline(w->store, (unsigned)c->lookup_deadline);
	if (look(w, err) == FOUND)
		return FOUND;
	/* out of this process's reach it stays: another one is asked the next time */
	if (sandbox_outgrown())
		raise(SIGTERM);
	return RETRY;
}

/* Who asks seldom would hold on to a file long after another one was put in its place. */
static void
leave_store(struct metrics_worker *w)
{
	if (remote_wanted(conf_store_for_lookups(w->conf)))
		return;
	store_close(w->store);
	w->store = NULL;
}

/* Those who are to serve do, and what they ask answers. */
static enum outcome
check(struct metrics_worker *w, struct error *err)
{
	const struct slab_top *top = slab_top(w->slab);

	for (int side = SIDE_LOOKUP; side < SIDE_METRICS; side++)
		if (counter_read(&top->wanted[side]) > 0 && counter_read(&top->serving[side]) == 0)
			return error_set(err, RETRY, "no %s worker serves",
			    side == SIDE_LOOKUP ? "lookup" : "auth");
	return ask_store(w, err);
}

/* --- replies ---------------------------------------------------------------------------------- */

static void
on_closed(struct evhttp_connection *c, void *arg)
{
	(void)c;
	loop_let_go(arg);
}

/* One reply, and no more of that client: so its end, be it that all was sent or that he hung up, is
 * the end of what we owe. */

static void
reply(struct metrics_worker *w, struct evhttp_request *r, int code, const char *type,
    struct slice text)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(r);
	bool body = evhttp_request_get_command(r) != EVHTTP_REQ_HEAD;
	char length[24];

	/* libevent says it of bodies that it sends, and would send one for HEAD too */
	snprintf(length, sizeof length, "%zu", text.n);
	if (!body)
		evhttp_add_header(headers, "Content-Length", length);
	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "Connection", "close");
	if (body && evbuffer_add(evhttp_request_get_output_buffer(r), text.p, text.n) != 0)
		code = HTTP_INTERNAL;
	loop_hold(&w->loop);
	evhttp_connection_set_closecb(evhttp_request_get_connection(r), on_closed, &w->loop);
	evhttp_send_reply(r, code, NULL, NULL);
}

/* --- who may ask ------------------------------------------------------------------------------ */

static int
socket_of(struct evhttp_request *r)
{
	struct evhttp_connection *c = evhttp_request_get_connection(r);

	return bufferevent_getfd(evhttp_connection_get_bufferevent(c));
}

/* The listener that a client came by; NULL when he came by TCP. One whose path is not found is
 * taken for one that lets few in, if there is any. */
static const struct listener *
listener_of(const struct metrics_worker *w, int fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNSPEC };
	const struct listener *strict = NULL;
	socklen_t n = sizeof at;

	if (getsockname(fd, (struct sockaddr *)&at, &n) != 0 || at.sun_family != AF_UNIX)
		return NULL;
	for (size_t i = 0; i < w->listeners->n; i++) {
		const struct listener *l = &w->listeners->at[i];

		if (protocol_side(l->protocol) != SIDE_METRICS)
			continue;
		if (strncmp(l->path, at.sun_path, sizeof at.sun_path) == 0)
			return l;
		if (l->peers.users + l->peers.groups > 0)
			strict = l;
	}
	return strict;
}

/* libevent accepts by itself, so who is not one of the peers is told so, and no more. */
static bool
is_welcome(struct metrics_worker *w, struct evhttp_request *r)
{
	const struct listener *from = listener_of(w, socket_of(r));
	uid_t user;

	if (from == NULL || peers_admit(&from->peers, socket_of(r)))
		return true;
	if (peer_of(socket_of(r), &user))
		trouble_log(&w->loop.unwanted,
		    "'%s': user %lu may not connect: not one of its peers", from->name,
		    (unsigned long)user);
	reply(w, r, FORBIDDEN, "text/plain; charset=utf-8",
	    slice_str("not one of this listener's peers\n"));
	return false;
}

/* --- what is asked ---------------------------------------------------------------------------- */

static void
on_health(struct evhttp_request *r, void *arg)
{
	static const char plain[] = "text/plain; charset=utf-8";
	struct metrics_worker *w = arg;
	struct error err;
	char text[sizeof err.text + 2];
	bool well;

	if (!is_welcome(w, r))
		return;
	well = check(w, &err) == FOUND;
	leave_store(w);
	snprintf(text, sizeof text, "%s\n", well ? "ok" : err.text);
	reply(w, r, well ? HTTP_OK : HTTP_SERVUNAVAIL, plain, slice_str(text));
}

static void
on_metrics(struct evhttp_request *r, void *arg)
{
	static const char prometheus[] = "text/plain; version=0.0.4; charset=utf-8";
	struct metrics_worker *w = arg;
	struct store_report report = { 0 };
	struct error err;
	struct sbuf page;

	if (!is_welcome(w, r))
		return;
	sbuf_init(&page, PAGE_MAX);
	report.up = ask_store(w, &err) == FOUND;
	if (w->store != NULL) {
		report.version = store_found_version(w->store);
		store_size(w->store, &report.main, &report.log);
	}
	leave_store(w);
	if (metrics_page(&page, w->slab, &report, time(NULL)))
		reply(w, r, HTTP_OK, prometheus, sbuf_slice(&page));
	else
		reply(w, r, HTTP_INTERNAL, prometheus, slice_str("# out of memory\n"));
	sbuf_release(&page);
}

static void
on_other(struct evhttp_request *r, void *arg)
{
	if (is_welcome(arg, r))
		reply(arg, r, HTTP_NOTFOUND, "text/plain; charset=utf-8",
		    slice_str("there are /metrics and /healthz\n"));
}

/* --- the worker ------------------------------------------------------------------------------- */

static void
on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	evconnlistener_enable(arg);
}

/* Out of descriptors, most likely: the listener is left alone for a moment. */
static void
on_crowded(struct evconnlistener *l, void *arg)
{
	struct timeval after = { .tv_usec = PAUSE_MS * 1000 };

	(void)arg;
	if (event_base_once(evconnlistener_get_base(l), -1, EV_TIMEOUT, on_pause_over, l, &after) ==
	    0)
		evconnlistener_disable(l);
}

/* libevent closes what it accepts from; the loop closes its own. */
static bool
accept_from(struct metrics_worker *w, const struct listener_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct evhttp_bound_socket *bound;

		if (protocol_side(set->at[i].protocol) != SIDE_METRICS)
			continue;
		bound = evhttp_accept_socket_with_handle(w->http, set->at[i].fd);
		if (bound == NULL)
			return false;
		evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_crowded);
	}
	return true;
}

static bool
init_http(struct metrics_worker *w, const struct listener_set *set, struct error *err)
{
	w->http = evhttp_new(w->loop.base);
	if (w->http == NULL || !accept_from(w, set)) {
		error_set(err, RETRY, "cannot set up HTTP: no memory");
		return false;
	}
	evhttp_set_allowed_methods(w->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(w->http, HEADERS_MAX);
	evhttp_set_max_body_size(w->http, BODY_MAX);
	evhttp_set_timeout(w->http, PATIENCE_S);
	evhttp_set_cb(w->http, "/metrics", on_metrics, w);
	evhttp_set_cb(w->http, "/healthz", on_health, w);
	evhttp_set_gencb(w->http, on_other, w);
	return true;
}

int
metrics_worker(const struct worker_setup *setup)
{
	struct metrics_worker w = {
		.listeners = setup->listeners, .slab = setup->slab, .conf = setup->conf
	};
	struct error err;
	int status = 1;

	lookup_init(&w.lookup);
	w.rules = (struct lookup_rules){ .delimiters = setup->conf->recipient_delimiter,
		.propagate = setup->conf->propagate_extensions };
	if (!loop_init(&w.loop, setup, SIDE_METRICS, NULL, &err)) {
		log_error("%s", err.text);
		goto out;
	}
	if (!init_http(&w, setup->listeners, &err)) {
		log_error("%s", err.text);
	} else {
		loop_run(&w.loop);
		status = 0;
	}
	if (w.http != NULL)
		evhttp_free(w.http);
	loop_release(&w.loop);
out:
	store_close(w.store);
	lookup_release(&w.lookup);
	return status;
}
