/* SPDX-License-Identifier: ISC
 *
 * The pool: which line leads to which server, who is asked what, and what becomes of a question
 * when its line breaks. Reading twice does no harm, so a question that got no answer is asked of
 * the next server as long as it has time.
 *
 * Servers stand in the order of the URI; the first that can be reached is used. While a line leads
 * to a later one, a scout tries those before it now and then, and takes the line's place. Where a
 * standby is preferred, the primary comes behind all standbys, and before those that are behind.
 */
#include "store/remote.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/db_pg.h"
#include "store/pg_line.h"

enum {
	TRIES_MAX = 4,        /* a question on which servers die is given up */
	RECONNECT_MS = 5,     /* servers that take us and drop us shall not cost a whole CPU */
	BACK_OFF_MIN_MS = 50, /* when no server at all can be reached: */
	BACK_OFF_MAX_MS = 2000,
	SCOUT_MS = 10000,   /* while the server in use is none of the best, and ... */
	SCOUT_MIN_MS = 500, /* ... when it has just turned out to be behind */
	PULSE_MS = 500,
	BUSY_TICK_MS = 20,
	IDLE_TICK_MS = 500
};

struct leg {
	struct pg_line line;
	size_t first;        /* the server to try first */
	unsigned missed;     /* how often in turn none could be reached */
	uint64_t retry_at;   /* down: not to be opened before then */
	bool asked;          /* its server was asked whether it is behind, ... */
	bool judged;         /* ... and is used from now on, whatever it said */
	unsigned passed;     /* servers that are not used, for they were behind; */
	uint64_t pass_until; /* by then one that is not is found, or ... */
	bool any;            /* ... whichever there is will do */
	unsigned gone;       /* the server that was lost last: not the one to find */
	bool leaving;        /* asked no more, and closed when all is answered */
	int watched;         /* socket, or -1 */
	bool watched_read, watched_write;
};

struct remote {
	struct remote_setup setup;
	struct pg_place place;
	size_t servers; /* that the URI names, as far as we know */
	struct pg_ask scratch;
	struct leg leg[REMOTE_LINES]; /* the last is the scout */
	size_t turn;                  /* who is asked next */
	struct remote_ask *waiting;   /* in their order; asked when a line has room */
	struct remote_ask **last;
	struct remote_ask *ending; /* of these: still to be looked at whether their time is over */
	uint64_t scout_at;
	unsigned scout_pause; /* ms, and then the next scout goes; more, when ... */
	size_t scouts;        /* ... so many have come back with nothing */
	unsigned scout_but; /* servers that it need not try: the last ones have found them behind */
	uint64_t pulse_at;
	uint64_t seed;
	uint64_t reached, lost;   /* lines, ever */
	bool up, behind;          /* as was told last, */
	size_t host, host_behind; /* and of which server */
	struct error why;         /* the last that went wrong */
};

bool
remote_wanted(const char *uri)
{
	struct store_way way;

	store_way(uri, &way);
	return way.remote;
}

uint64_t
remote_now(void)
{
	return (uint64_t)pg_now();
}

static struct leg *
scout(struct remote *r)
{
	return &r->leg[r->setup.lines];
}

/* --- those who wait --------------------------------------------------------------------------- */

static void
append(struct remote *r, struct remote_ask *a)
{
	a->next = NULL;
	*r->last = a;
	r->last = &a->next;
}

/* Behind it others were asked later: it goes first. */
static void
put_back(void *arg, struct remote_ask *a)
{
	struct remote *r = arg;

	a->next = r->waiting;
	if (r->waiting == NULL)
		r->last = &a->next;
	r->waiting = a;
}

static struct remote_ask *
take_first(struct remote *r)
{
	struct remote_ask *a = r->waiting;

	r->waiting = a->next;
	if (r->waiting == NULL)
		r->last = &r->waiting;
	return a;
}

static void
give_up(struct remote_ask *a, const char *why)
{
	struct error err;

	a->done(a, error_set(&err, RETRY, "%s", why), &err);
}

/* --- lines ------------------------------------------------------------------------------------ */

static void
watch(struct remote *r, struct leg *g)
{
	struct pg_line *l = &g->line;
	int fd = pg_line_socket(l);

	/* while it connects, libpq may have closed one socket and opened another of the same number
	 */
	if (l->state != PG_CONNECTING && fd == g->watched && l->wants_read == g->watched_read &&
	    l->wants_write == g->watched_write)
		return;
	g->watched = fd;
	g->watched_read = l->wants_read;
	g->watched_write = l->wants_write;
	r->setup.watch(r->setup.arg, (size_t)(g - r->leg), fd, l->wants_read, l->wants_write);
}

static void
unwatch(struct remote *r, struct leg *g)
{
	if (g->watched >= 0)
		r->setup.watch(r->setup.arg, (size_t)(g - r->leg), -1, false, false);
	g->watched = -1;
	g->watched_read = g->watched_write = false;
}

static bool
in_use(const struct leg *g)
{
	return g->line.state == PG_READY && g->judged;
}

/* Whichever line leads to the server HOST and is in use; NULL: none does. */
static const struct leg *
leg_to(const struct remote *r, size_t host)
{
	for (size_t i = 0; i < r->setup.lines; i++)
		if (in_use(&r->leg[i]) && r->leg[i].line.host == host)
			return &r->leg[i];
	return NULL;
}

static void tell(struct remote *r, enum remote_news news, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
tell(struct remote *r, enum remote_news news, const char *fmt, ...)
{
	char text[700];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	r->setup.tell(r->setup.arg, news, text);
}

static const struct leg *
first_ready(const struct remote *r)
{
	for (size_t i = 0; i < r->setup.lines; i++)
		if (in_use(&r->leg[i]))
			return &r->leg[i];
	return NULL;
}

/* A line was lost, or has reached a server: whether any can be asked, and which. */
static void
tell_state(struct remote *r)
{
	const struct leg *g = first_ready(r);
	bool was = r->up;

	r->up = g != NULL;
	if (!r->up && was) {
		r->behind = false;
		tell(r, REMOTE_LOST, "no server of the store '%s' can be asked: %s", r->place.shown,
		    r->why.text);
	}
	if (g == NULL || (was && leg_to(r, r->host) != NULL))
		return;
	r->host = g->line.host;
	tell(r, REMOTE_ASKED, "the store is asked of server %zu of '%s'%s", g->line.host + 1,
	    r->place.shown, pg_line_is_standby(&g->line) ? ", a standby" : "");
}

static uint64_t
chance(struct remote *r, uint64_t below)
{
	r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
	return (r->seed >> 33) % (below + 1);
}

/* Another server's turn, soon: lines that are lost together try different ones first. When none can
 * be reached, a pause that grows, and is another one in each worker. */
static void
move_on(struct remote *r, struct leg *g, enum pg_line_state was)
{
	uint64_t pause = BACK_OFF_MIN_MS;

	g->retry_at = remote_now() + RECONNECT_MS;
	if (r->servers > 0)
		g->first = (g->line.host + 1 + (size_t)(g - r->leg)) % r->servers;
	if (was == PG_READY)
		g->missed = 0;
	else
		g->missed++;
	for (unsigned i = 1; i < g->missed && pause < BACK_OFF_MAX_MS; i++)
		pause *= 2;
	if (g->missed > 0)
		g->retry_at += pause / 2 + chance(r, pause / 2);
}

static bool
is_scout(struct remote *r, const struct leg *g)
{
	return g == scout(r);
}

/* Those that come back with nothing go more and more seldom. */
static void
rest_scout(struct remote *r)
{
	scout(r)->retry_at = UINT64_MAX;
	r->scout_at = remote_now() + r->scout_pause;
	if (r->scouts++ >= r->servers)
		r->scout_pause = 2 * r->scout_pause < SCOUT_MS ? 2 * r->scout_pause : SCOUT_MS;
}

/* None but those that are behind was found in time. */
static void
settle(struct leg *g)
{
	g->passed = 0;
	g->any = true;
	g->retry_at = 0;
}

/* A line is of no use any more: what flew on it waits again. */
static void
lose(struct remote *r, struct leg *g, const struct error *err)
{
	struct remote_ask *back[PG_LINE_DEPTH];
	enum pg_line_state was = g->line.state;
	bool left = g->leaving;
	size_t n = 0;

	if (err != NULL) {
		r->why = *err;
		r->lost++;
	}
	while ((back[n] = pg_line_take(&g->line)) != NULL)
		if (++n == PG_LINE_DEPTH)
			break;
	unwatch(r, g);
	pg_line_close(&g->line);
	while (n-- > 0)
		put_back(r, back[n]);
	g->leaving = g->asked = g->judged = false;
	if (is_scout(r, g)) {
		rest_scout(r);
		if (err != NULL)
			r->scout_but = 0;
		if (left) /* the next line's turn */
			r->scout_at = 0;
		return;
	}
	tell_state(r);
	if (was == PG_READY)
		g->gone = pg_host_bit(g->line.host);
	if (was != PG_READY && g->passed != 0)
		settle(g);
	else
		move_on(r, g, was);
}

static void
open_line(struct remote *r, struct leg *g)
{
	unsigned but = is_scout(r, g) ? r->scout_but : 0;
	struct error err;

	if (g->passed != 0)
		but = g->passed | g->gone;
	if (pg_line_open(&g->line, &r->place, r->setup.role, g->first, but, r->setup.patience,
		&err) != FOUND)
		lose(r, g, &err);
	else
		watch(r, g);
	r->servers = g->line.attempt.hosts;
}

/* --- which server ----------------------------------------------------------------------------- */

static bool
is_behind(const struct remote *r, const struct pg_line *l)
{
	return l->behind && r->setup.lag > 0 && remote_now() - l->behind_since >= r->setup.lag;
}

/* A primary, where a standby is preferred and there may be one. */
static bool
is_second_choice(const struct remote *r, const struct pg_line *l)
{
	return r->servers > 1 && !pg_line_is_standby(l) && pg_place_prefers_standby(&r->place);
}

/* The smaller, the better: its place in the URI, unless it is behind, or of the other kind. */
static size_t
rank(const struct remote *r, const struct pg_line *l)
{
	return l->host + (is_second_choice(r, l) ? PG_HOSTS_MAX : 0) +
	       (is_behind(r, l) ? 2 * PG_HOSTS_MAX : 0);
}

static struct leg *
worst(struct remote *r)
{
	struct leg *found = NULL;

	for (size_t i = 0; i < r->setup.lines; i++) {
		struct leg *g = &r->leg[i];

		if (in_use(g) && rank(r, &g->line) > 0 &&
		    (found == NULL || rank(r, &g->line) > rank(r, &found->line)))
			found = g;
	}
	return found;
}

/* The scout has reached a server. If it stands before the worst in use they change places, and what
 * still flies to the worse one is waited for. If it is behind, the next scout goes to another: one
 * that wants a standby would come to it again and again. */
static void
change_places(struct remote *r)
{
	struct leg *good = scout(r), *bad = worst(r), old;

	if (bad == NULL || good->line.behind || rank(r, &good->line) >= rank(r, &bad->line)) {
		r->scout_but = good->line.behind ? r->scout_but | pg_host_bit(good->line.host) : 0;
		lose(r, good, NULL);
		return;
	}
	r->scout_but = 0;
	r->scouts = 0;
	unwatch(r, good);
	unwatch(r, bad);
	good->judged = true;
	old = *bad;
	*bad = *good;
	*good = old;
	bad->missed = 0;
	good->leaving = true;
	tell_state(r);
	watch(r, bad);
	watch(r, good);
}

/* Since when one has been behind that is so when it is asked first is not known: for too long,
 * unless what it has read last was committed not so long ago. */
static void
assume_worst(const struct remote *r, struct pg_line *l)
{
	uint64_t now = remote_now();

	if (l->behind && l->oldest >= r->setup.lag)
		l->behind_since = now > r->setup.lag ? now - r->setup.lag : 0;
}

/* A set of servers. */
static bool
is_everybody(const struct remote *r, unsigned set)
{
	size_t i = 0;

	while (i < r->servers && (set & pg_host_bit(i)) != 0)
		i++;
	return i == r->servers;
}

/* Look for another server than this one, which is behind. Whoever asks waits meanwhile: so not for
 * long, and not for the server that was just lost. */
static bool
pass_over(struct remote *r, struct leg *g)
{
	uint64_t now = remote_now();

	if (g->passed == 0)
		g->pass_until = now + r->setup.patience;
	g->passed |= pg_host_bit(g->line.host);
	if (g->any || now >= g->pass_until || is_everybody(r, g->passed | g->gone))
		return false;
	g->first = g->line.host;
	g->missed = 0;
	g->retry_at = 0;
	g->asked = false;
	unwatch(r, g);
	pg_line_close(&g->line);
	return true;
}

/* It knows whether its server is behind. */
static void
admit(struct remote *r, struct leg *g)
{
	assume_worst(r, &g->line);
	if (is_behind(r, &g->line) && pass_over(r, g))
		return;
	g->judged = true;
	g->any = false;
	g->passed = g->gone = 0;
	g->missed = 0;
	tell_state(r);
}

/* --- life ------------------------------------------------------------------------------------- */

enum outcome
remote_new(struct remote **out, const struct remote_setup *setup, struct error *err)
{
	struct remote *r = calloc(1, sizeof *r);
	enum outcome o;

	*out = NULL;
	if (r == NULL)
		return error_set(err, RETRY, "no memory for the store's connections");
	o = pg_place_init(&r->place, setup->uri, err);
	if (o != FOUND) {
		free(r);
		return o;
	}
	assert(setup->lines > 0);
	r->setup = *setup;
	r->place.host_ms = setup->patience; /* who does not answer shall leave time for another */
	r->scout_pause = SCOUT_MS;
	if (r->setup.lines > REMOTE_LINES - 1)
		r->setup.lines = REMOTE_LINES - 1;
	pg_ask_init(&r->scratch);
	r->last = &r->waiting;
	r->seed = remote_now() ^ (uint64_t)(uintptr_t)r;
	for (size_t i = 0; i <= r->setup.lines; i++)
		r->leg[i].watched = -1;
	rest_scout(r);
	error_set(&r->why, RETRY, "it was not reached yet");
	*out = r;
	return FOUND;
}

void
remote_free(struct remote *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i <= r->setup.lines; i++) {
		unwatch(r, &r->leg[i]);
		pg_line_close(&r->leg[i].line);
	}
	pg_ask_release(&r->scratch);
	pg_place_release(&r->place);
	free(r);
}

/* --- asking ----------------------------------------------------------------------------------- */

void
remote_ask(struct remote *r, struct remote_ask *a)
{
	a->tries = 0;
	a->whole = false;
	append(r, a);
}

static bool
has_room(const struct leg *g)
{
	return g->judged && !g->leaving && pg_line_has_room(&g->line);
}

/* Of lines that have nothing to do, always the same one for a domain: each remembers its own. */
static struct leg *
usual_way(struct remote *r, const struct remote_ask *a)
{
	struct slice name = a->question == NULL ? slice_str("") : a->question->domain;
	struct leg *g;
	unsigned sum = 0;

	for (size_t i = 0; i < name.n; i++)
		sum = sum * 31 + (unsigned char)name.p[i];
	g = &r->leg[sum % r->setup.lines];
	return name.n > 0 && has_room(g) && g->line.n == 0 ? g : NULL;
}

/* Servers need not know the same at the same time: the questions of one lookup go the same way. */
static struct leg *
way_for(struct remote *r, const struct remote_ask *a)
{
	struct leg *usual;

	if (a->line > 0 && a->line <= r->setup.lines && has_room(&r->leg[a->line - 1]))
		return &r->leg[a->line - 1];
	usual = usual_way(r, a);
	if (usual != NULL)
		return usual;
	for (size_t i = 0; i < r->setup.lines; i++) {
		struct leg *g = &r->leg[(r->turn + i) % r->setup.lines];

		if (has_room(g)) {
			r->turn = (size_t)(g - r->leg) + 1;
			return g;
		}
	}
	return NULL;
}

static void
ask_waiting(struct remote *r)
{
	enum outcome o;
	struct error err;
	struct leg *g;

	while (r->waiting != NULL && (g = way_for(r, r->waiting)) != NULL) {
		struct remote_ask *a = take_first(r);

		a->line = (size_t)(g - r->leg) + 1;
		if (a->tries++ >= (a->whole ? TRIES_MAX + 1 : TRIES_MAX)) {
			give_up(a, "no server of the store answers this");
			continue;
		}
		o = pg_line_ask(&g->line, &r->scratch, a, &err);
		if (o == BAD) {
			give_up(a, err.text);
		} else if (o == NONE) {
			a->done(a, NONE, &err);
		} else if (o != FOUND) {
			put_back(r, a);
			lose(r, g, &err);
		}
	}
}

void
remote_send(struct remote *r)
{
	struct error err;

	ask_waiting(r);
	for (size_t i = 0; i <= r->setup.lines; i++) {
		struct leg *g = &r->leg[i];

		if (!g->line.unsynced)
			continue;
		if (pg_line_flush(&g->line, &err) != FOUND)
			lose(r, g, &err);
		else
			watch(r, g);
	}
}

static bool
unlink_from(struct remote_ask **at, const struct remote_ask *a)
{
	while (*at != NULL && *at != a)
		at = &(*at)->next;
	if (*at == NULL)
		return false;
	*at = a->next;
	return true;
}

static bool
forget_waiting(struct remote *r, const struct remote_ask *a)
{
	if (unlink_from(&r->ending, a))
		return true;
	if (!unlink_from(&r->waiting, a))
		return false;
	for (r->last = &r->waiting; *r->last != NULL; r->last = &(*r->last)->next)
		;
	return true;
}

void
remote_forget(struct remote *r, struct remote_ask *a)
{
	if (forget_waiting(r, a))
		return;
	for (size_t i = 0; i <= r->setup.lines; i++) {
		struct pg_line *l = &r->leg[i].line;

		for (size_t k = 0; k < l->n; k++)
			if (l->flying[(l->first + k) % PG_LINE_DEPTH] == a)
				l->flying[(l->first + k) % PG_LINE_DEPTH] = NULL;
	}
}

/* It has reached a server: ask whether that is behind, before anything else. */
static void
judge(struct remote *r, struct leg *g)
{
	struct error err;

	if (!g->asked && (pg_line_feel_pulse(&g->line, &err) != FOUND ||
			     pg_line_flush(&g->line, &err) != FOUND)) {
		lose(r, g, &err);
		return;
	}
	g->asked = true;
	if (g->line.pulse_flies)
		return;
	if (is_scout(r, g))
		change_places(r);
	else
		admit(r, g);
}

void
remote_ready(struct remote *r, size_t line)
{
	struct leg *g = &r->leg[line];
	bool was_ready = g->line.state == PG_READY;
	struct error err;

	if (pg_line_go_on(&g->line, r->setup.patience, put_back, r, &err) != FOUND) {
		lose(r, g, &err);
		return;
	}
	if (g->line.state == PG_READY && !was_ready)
		r->reached++;
	if (g->line.state == PG_READY && !g->judged)
		judge(r, g);
	if (g->leaving && g->line.n == 0)
		lose(r, g, NULL);
	else
		watch(r, g);
}

/* --- time ------------------------------------------------------------------------------------- */

/* Every server was tried in vain by every line since it was lost: who asks now need not wait. */
static bool
is_hopeless(const struct remote *r)
{
	for (size_t i = 0; i < r->setup.lines; i++)
		if (r->leg[i].line.state == PG_READY || r->leg[i].missed == 0)
			return false;
	return true;
}

/* Each is looked at once, though whoever is told may ask on, or forget others. */
static void
end_waiting(struct remote *r, uint64_t now)
{
	struct remote_ask *a;
	bool hopeless = is_hopeless(r);
	char why[600];

	if (r->waiting == NULL)
		return;
	snprintf(why, sizeof why, "no server of the store can be reached: %s", r->why.text);
	r->ending = r->waiting;
	r->waiting = NULL;
	r->last = &r->waiting;
	while ((a = r->ending) != NULL) {
		r->ending = a->next;
		if (hopeless || now >= a->until)
			give_up(a, why);
		else
			append(r, a);
	}
}

static void
end_flying(struct pg_line *l, uint64_t now)
{
	for (size_t k = 0; k < l->n; k++) {
		struct remote_ask **at = &l->flying[(l->first + k) % PG_LINE_DEPTH], *a = *at;

		if (a == NULL || now < a->until)
			continue;
		*at = NULL;
		give_up(a, "the store's server did not answer in time");
	}
}

/* Lines that wait for nothing tell nothing: those to a server that fell silent would cost each
 * question another wait. */
static void
lose_idle(struct remote *r, size_t host, const struct error *err)
{
	for (size_t i = 0; i < r->setup.lines; i++) {
		struct leg *g = &r->leg[i];

		if (g->line.state == PG_READY && g->line.n == 0 && g->line.host == host)
			lose(r, g, err);
	}
}

static bool
has_overdue(const struct pg_line *l, uint64_t now)
{
	for (size_t k = 0; k < l->n; k++) {
		const struct remote_ask *a = l->flying[(l->first + k) % PG_LINE_DEPTH];

		if (a != NULL && now >= a->until)
			return true;
	}
	return false;
}

/* It may be us who were late: what has come is taken before anybody is found to be so. */
static void
look_after(struct remote *r, struct leg *g, uint64_t now)
{
	struct pg_line *l = &g->line;
	bool owes = l->state == PG_SETTING_UP || l->n > 0;
	bool silent = owes && now >= l->heard + r->setup.patience;
	struct error err;

	if (l->state == PG_DOWN) {
		if (now >= g->retry_at)
			open_line(r, g);
	} else if (l->state == PG_CONNECTING && g->passed != 0 && now >= g->pass_until) {
		error_set(
		    &err, RETRY, "no server that follows was found in %u ms", r->setup.patience);
		lose(r, g, &err);
	} else if (pg_line_is_due(l, now)) {
		remote_ready(r, (size_t)(g - r->leg));
	} else if ((silent || has_overdue(l, now)) && pg_line_is_readable(l)) {
		remote_ready(r, (size_t)(g - r->leg));
	} else if (silent) {
		error_set(&err, RETRY, "it has said nothing for %u ms", r->setup.patience);
		lose_idle(r, l->host, &err);
		lose(r, g, &err);
	} else {
		end_flying(l, now);
	}
}

static void
send_scout(struct remote *r, uint64_t now)
{
	struct leg *g = scout(r);

	if (now < r->scout_at || g->line.state != PG_DOWN || g->retry_at != UINT64_MAX)
		return;
	if (worst(r) == NULL) {
		r->scout_at = now + SCOUT_MS;
		return;
	}
	if (is_everybody(r, r->scout_but))
		r->scout_but = 0;
	g->first = 0;
	g->retry_at = 0;
}

/* The first of those in use that is behind; NULL: none is. */
static const struct leg *
find_behind(const struct remote *r)
{
	for (size_t i = 0; i < r->setup.lines; i++)
		if (in_use(&r->leg[i]) && is_behind(r, &r->leg[i].line))
			return &r->leg[i];
	return NULL;
}

/* One that has just turned out to be behind is to be left soon. */
static void
mind_lag(struct remote *r, uint64_t now)
{
	const struct leg *g = find_behind(r);

	if ((g != NULL) == r->behind)
		return;
	r->behind = g != NULL;
	if (!r->behind) {
		r->scout_pause = SCOUT_MS;
		if (leg_to(r, r->host_behind) != NULL) /* and is still asked */
			tell(r, REMOTE_FOLLOWS,
			    "server %zu of the store '%s' follows its primary again",
			    r->host_behind + 1, r->place.shown);
		return;
	}
	r->host_behind = g->line.host;
	r->scout_pause = SCOUT_MIN_MS;
	r->scouts = 0;
	r->scout_at = now;
	tell(r, REMOTE_BEHIND, "server %zu of the store '%s' has not followed its primary for %u s",
	    g->line.host + 1, r->place.shown, r->setup.lag / 1000);
}

/* Ask every standby in use whether it follows. */
static void
feel_pulses(struct remote *r, uint64_t now)
{
	struct error err;

	if (r->setup.lag == 0 || now < r->pulse_at)
		return;
	r->pulse_at = now + PULSE_MS;
	mind_lag(r, now);
	for (size_t i = 0; i < r->setup.lines; i++) {
		struct leg *g = &r->leg[i];

		if (in_use(g) && pg_line_feel_pulse(&g->line, &err) != FOUND)
			lose(r, g, &err);
	}
}

static bool
is_busy(const struct remote *r)
{
	if (r->waiting != NULL)
		return true;
	for (size_t i = 0; i <= r->setup.lines; i++) {
		const struct leg *g = &r->leg[i];

		if (g->line.n > 0 || g->line.state == PG_CONNECTING ||
		    g->line.state == PG_SETTING_UP)
			return true;
		if (g->line.state == PG_DOWN && g->retry_at != UINT64_MAX)
			return true;
	}
	return false;
}

unsigned
remote_tick(struct remote *r)
{
	uint64_t now = remote_now();

	feel_pulses(r, now);
	send_scout(r, now);
	for (size_t i = 0; i <= r->setup.lines; i++)
		look_after(r, &r->leg[i], now);
	end_waiting(r, now);
	remote_send(r);
	return is_busy(r) ? BUSY_TICK_MS : IDLE_TICK_MS;
}

void
remote_look(const struct remote *r, struct remote_state *out)
{
	uint64_t now = remote_now();

	*out =
	    (struct remote_state){ .servers = r->servers, .reached = r->reached, .lost = r->lost };
	for (size_t i = 0; i < r->setup.lines; i++) {
		const struct pg_line *l = &r->leg[i].line;

		if (!in_use(&r->leg[i]) || l->host >= REMOTE_SERVERS)
			continue;
		if (pg_line_is_standby(l))
			out->server[l->host].standby++;
		else
			out->server[l->host].primary++;
		if (l->behind && r->setup.lag > 0 && now - l->behind_since > out->behind)
			out->behind = now - l->behind_since;
	}
}
