/* SPDX-License-Identifier: ISC
 *
 * Keeps the workers going: starts them, replaces the dead, swaps generations when the keeper says
 * so, and sees everybody out. Serves no client itself.
 */
#include "supervisor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "generation.h"
#include "keeper.h"
#include "rehearsal.h"
#include "server/server.h"
#include "store/store.h"
#include "sys/log.h"
#include "sys/notify.h"
#include "sys/sandbox.h"

enum {
	BACKOFF_FIRST_MS = 100,
	BACKOFF_MAX_MS = 5000,
	GROWN_UP_MS = 10000, /* who lived so long died of something new */
	LEAVE_MS = 5000,
	TIDY_MS = 1000, /* for the store to be opened: somebody waits for our end */
	BEATS = 4,      /* in the time of the watchdog: of each worker, and of ourselves */
	WATCHED_MAX = 512
};

struct supervisor {
	const char *file;
	char *user; /* as the configuration named him at the start; NULL for want of memory */
	struct identity owner;
	struct slab slab;
	struct generation *now;     /* serves; NULL before the first is ready, and at the end */
	struct generation *next;    /* is being started */
	struct generation *leaving; /* told to end */
	int signals;                /* signalfd */
	int life[2];                /* the workers read it: its end is our end */
	int channel;                /* to the keeper */
	struct listener_set *given; /* what was handed to us, as far as it is not ours now */
	uint64_t beat;              /* ms; 0: there is no watchdog */
	uint64_t beat_at;
	bool hand_over;  /* our sockets, as soon as there is no reload under way */
	bool handed;     /* to another program, which is still to hear that we are quiet */
	bool ours;       /* the service: our end is its end */
	sigset_t before; /* the signal mask the workers get back */
	bool reloaded;   /* serves by another configuration than at the start */
	bool unsaid;     /* that we are ready: the old generation still takes clients */
	bool again;      /* one more SIGHUP came during a reload */
	int status;
};

/* --- one worker ------------------------------------------------------------------------------- */

static const struct {
	const char *process;
	int (*run)(const struct worker_setup *setup);
} kinds[] = {
	[SIDE_LOOKUP] = { "vmaild-lookup", lookup_worker },
	[SIDE_AUTH] = { "vmaild-auth", auth_worker },
	[SIDE_METRICS] = { "vmaild-metrics", metrics_worker },
};

/* The other end of what its workers say. */
static void
stop_hearing(const struct generation *g)
{
	for (size_t i = 0; g != NULL && i < g->workers; i++)
		if (g->worker[i].ready_fd >= 0)
			close(g->worker[i].ready_fd);
}

/* What the workers do not need of ours. Everything else they own by being our copy. */
static void
become_worker(struct supervisor *s, struct generation *g, const struct worker *w)
{
	char name[32];

	sigset_t mask = s->before;

	close(s->signals);
	close(s->life[1]);
	close(s->channel);
	listeners_close(s->given);
	if (s->now != NULL && s->now != g)
		listeners_close(&s->now->listeners);
	if (s->next != NULL && s->next != g)
		listeners_close(&s->next->listeners);
	listeners_keep(&g->listeners, w->kind);
	stop_hearing(s->now);
	stop_hearing(s->next);
	for (const struct generation *old = s->leaving; old != NULL; old = old->next)
		stop_hearing(old);
	/* it waits until the loop can say what it means */
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	prctl(PR_SET_NAME, kinds[w->kind].process);
	log_role(worker_name(w, name, sizeof name));
}

/* False when it failed. What this kernel lacks the supervisor has said. */
static bool
shut_in(const struct generation *g, const struct worker *w)
{
	/* who tells of the metrics looks into the store as one who looks up */
	enum sandbox_role role = w->kind == SIDE_AUTH ? SANDBOX_AUTH : SANDBOX_LOOKUP;
	struct error err;

	if (server_shut_in(role, g->conf, &err) != RETRY)
		return true;
	log_error("cannot shut the worker in: %s", err.text);
	return false;
}

static int
run_worker(struct supervisor *s, struct generation *g, const struct worker *w, int ready_fd)
{
	struct worker_setup setup = { .conf = g->conf,
		.listeners = &g->listeners,
		.account_rules = g->rules,
		.mail_user = g->mail_user,
		.lookup_log = &g->lookup_log,
		.slab = &s->slab,
		.slot = w->slot,
		.life_fd = s->life[0],
		.ready_fd = ready_fd,
		.beat = (unsigned)s->beat };

	server_log_open(g->conf, "vmaild");
	become_worker(s, g, w);
	if (w->kind == SIDE_METRICS)
		slab_watch(&s->slab);
	else
		setup.slot = slab_enter(&s->slab, w->slot);
	if (!shut_in(g, w))
		return 1;
	return kinds[w->kind].run(&setup);
}

static unsigned
longer(unsigned backoff)
{
	if (backoff == 0)
		return BACKOFF_FIRST_MS;
	return backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
}

/* Decide when a worker that is not there is started again. */
static void
put_off(struct worker *w, bool young)
{
	unsigned wait = young ? w->backoff : 0;

	w->due = clock_ms() + wait;
	w->backoff = young ? longer(w->backoff) : 0;
}

/* False when it could not be started; it is due again then. */
static bool
start_worker(struct supervisor *s, struct generation *g, struct worker *w)
{
	char name[32];
	int ready[2];

	if (pipe2(ready, O_CLOEXEC | O_NONBLOCK) < 0) {
		log_error(
		    "cannot start the %s: %s", worker_name(w, name, sizeof name), strerror(errno));
		put_off(w, true);
		return false;
	}
	w->slot = w->kind == SIDE_METRICS ? NULL : slab_take(&s->slab);
	w->pid = fork();
	if (w->pid == 0) {
		close(ready[0]);
		exit(run_worker(s, g, w, ready[1]));
	}
	close(ready[1]);
	if (w->pid < 0) {
		log_error(
		    "cannot start the %s: %s", worker_name(w, name, sizeof name), strerror(errno));
		close(ready[0]);
		slab_give_back(&s->slab, w->slot);
		w->slot = NULL;
		w->pid = 0;
		put_off(w, true);
		return false;
	}
	w->ready_fd = ready[0];
	w->ready = false;
	w->started = w->beat = clock_ms();
	w->still = false;
	return true;
}

/* --- the keeper ------------------------------------------------------------------------------- */

/* Losing a word is no matter: the channel is full only when the keeper stands still. */
static void
say(const struct supervisor *s, char what)
{
	(void)channel_tell(s->channel, what, 0, -1);
}

/* --- generations ------------------------------------------------------------------------------ */

static void
leave(struct supervisor *s, struct generation *g)
{
	if (g == NULL)
		return;
	generation_signal(g, SIGTERM);
	g->kill_at = clock_ms() + LEAVE_MS;
	g->next = s->leaving;
	s->leaving = g;
}

/* The new generation serves: the old one may go. */
static void
promote(struct supervisor *s)
{
	struct generation *old = s->now;

	s->now = s->next;
	s->next = NULL;
	counter_add(&slab_top(&s->slab)->generation, 1);
	server_log_open(s->now->conf, "vmaild");
	if (old != NULL) {
		listeners_unlink(&old->listeners, &s->now->listeners);
		listeners_close(&old->listeners);
	} else {
		listeners_settle(s->given, &s->now->listeners);
	}
	listeners_say_unused(&s->now->listeners);
	leave(s, old);
	s->reloaded = old != NULL;
	s->ours = s->unsaid = true;
}

/* Tell whether none of those that leave takes clients any more. */
static bool
all_quiet(const struct supervisor *s)
{
	for (const struct generation *g = s->leaving; g != NULL; g = g->next)
		if (!generation_quiet(g))
			return false;
	return true;
}

/* From now on nobody is answered by an old configuration. */
static void
announce(struct supervisor *s)
{
	const char *what = s->reloaded ? "configuration reloaded" : "ready";

	if (!all_quiet(s))
		return;
	s->unsaid = false;
	log_event(LOG_LEVEL_INFO, what,
	    (const struct log_field[]){
		{ .name = "listeners", .number = (long long)s->now->listeners.n },
		{ .name = "workers", .number = (long long)s->now->workers }, { .name = NULL } },
	    "%s: %zu listeners, %zu workers", what, s->now->listeners.n, s->now->workers);
	if (!s->again) /* or else the next one says so */
		say(s, SAY_READY);
}

static void
keep_old(struct supervisor *s, const char *why)
{
	counter_add(&slab_top(&s->slab)->refused, 1);
	log_error("the old configuration stays: %s", why);
	if (!s->again)
		say(s, SAY_READY);
}

/* A worker of the new generation could not be started, or died before all were ready. */
static void
abandon(struct supervisor *s)
{
	struct generation *g = s->next;

	s->next = NULL;
	listeners_unlink(&g->listeners, s->now == NULL ? s->given : &s->now->listeners);
	listeners_close(&g->listeners);
	leave(s, g);
	if (s->now != NULL) {
		keep_old(s, "its workers did not start");
		return;
	}
	log_error("the workers did not start");
	s->status = 1;
}

static void
start_next(struct supervisor *s)
{
	struct generation *g = s->next;
	bool started = true;

	assert(g != NULL);
	for (size_t i = 0; i < g->workers && started; i++)
		started = start_worker(s, g, &g->worker[i]);
	if (!started)
		abandon(s);
}

/* What only root can do is not done again. */
static void
say_unchanged(const struct supervisor *s, const struct conf *c)
{
	struct error err;

	if (s->user != NULL && strcmp(s->user, c->user) != 0)
		log_warning("user: '%s' takes a restart; until then it is '%s'", c->user, s->user);
	if (server_files(c, &err) != FOUND)
		log_warning(
		    "max-connections: %ld may take a restart: %s", c->max_connections, err.text);
}

static void
reload(struct supervisor *s)
{
	struct conf *c = NULL;
	struct error err;

	s->again = s->next != NULL || s->unsaid;
	if (s->again)
		return;
	say(s, SAY_RELOADING);
	if (rehearse(s->file, &err) != FOUND || conf_load(&c, s->file, &err) != FOUND ||
	    generation_new(&s->next, c, &s->owner, &s->now->listeners, &err) != FOUND) {
		conf_free(c);
		s->next = NULL;
		keep_old(s, err.text);
		return;
	}
	slab_number(&s->slab, &s->next->listeners);
	say_unchanged(s, c);
	start_next(s);
}

static bool
is_serving(const struct supervisor *s)
{
	return s->now != NULL || s->next != NULL;
}

static void
all_leave(struct supervisor *s)
{
	leave(s, s->next);
	leave(s, s->now);
	s->now = s->next = NULL;
	s->again = s->unsaid = s->hand_over = false;
}

/* Who connects from now on is to be told so, and not to wait for us. */
static void
stop_listening(struct generation *g)
{
	if (g != NULL)
		listeners_close(&g->listeners);
}

static void
stop(struct supervisor *s, const char *why)
{
	log_info("%s: stopping", why);
	say(s, SAY_STOPPING);
	if (s->now != NULL)
		listeners_unlink(&s->now->listeners, NULL);
	if (s->next != NULL)
		listeners_unlink(&s->next->listeners, s->given);
	stop_listening(s->now);
	stop_listening(s->next);
	all_leave(s);
}

/* --- another program in our place ------------------------------------------------------------- */

/* A copy of each socket goes to the keeper; we go on as before, until we are told to leave. */
static void
hand_over(struct supervisor *s)
{
	struct inheritance sockets = { 0 };

	s->hand_over = false;
	listeners_bequeath(&s->now->listeners, &sockets);
	for (size_t i = 0; i < sockets.n; i++)
		if (!channel_tell(
			s->channel, SAY_SOCKET, (char)sockets.at[i].ours, sockets.at[i].fd))
			log_warning("cannot hand a socket over: %s", strerror(errno));
	say(s, SAY_HANDED_OVER);
}

static void
retire(struct supervisor *s)
{
	log_info("another program serves in our place: leaving");
	s->handed = true;
	s->ours = false;
	all_leave(s);
}

/* --- what happens ----------------------------------------------------------------------------- */

static void
say_death(const struct worker *w, pid_t pid, int status)
{
	char name[32];
	bool killed = WIFSIGNALED(status);
	int number = killed ? WTERMSIG(status) : WEXITSTATUS(status);
	const struct log_field fields[] = {
		{ .name = "worker", .words = worker_name(w, name, sizeof name) },
		{ .name = "process", .number = pid },
		{ .name = killed ? "signal" : "status", .number = number },
		{ .name = NULL },
	};

	if (killed)
		log_event(LOG_LEVEL_WARNING, "worker died", fields,
		    "the %s (process %ld) died of signal %d (%s)", name, (long)pid, number,
		    strsignal(number));
	else
		log_event(LOG_LEVEL_WARNING, "worker ended", fields,
		    "the %s (process %ld) ended with status %d", name, (long)pid, number);
}

static struct worker *
bury(struct supervisor *s, struct generation *g, pid_t pid)
{
	struct worker *w = generation_worker(g, pid);

	if (w == NULL)
		return NULL;
	w->pid = 0;
	slab_give_back(&s->slab, w->slot);
	w->slot = NULL;
	w->ready = false;
	if (w->ready_fd >= 0)
		close(w->ready_fd);
	w->ready_fd = -1;
	return w;
}

static void
on_death(struct supervisor *s, pid_t pid, int status)
{
	struct worker *w;

	if ((w = bury(s, s->now, pid)) != NULL) {
		say_death(w, pid, status);
		counter_add(&slab_top(&s->slab)->restarts[w->kind], 1);
		put_off(w, clock_ms() - w->started < GROWN_UP_MS);
		return;
	}
	if ((w = bury(s, s->next, pid)) != NULL) {
		say_death(w, pid, status);
		abandon(s);
		return;
	}
	for (struct generation *g = s->leaving; g != NULL; g = g->next)
		if ((w = bury(s, g, pid)) != NULL && status != 0)
			say_death(w, pid, status);
}

static void
on_child(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		on_death(s, pid, status);
}

static void
on_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof info) == sizeof info) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			on_child(s);
			break;
		default:
			if (is_serving(s))
				stop(s, strsignal((int)info.ssi_signo));
			break;
		}
	}
}

static void
on_keeper(struct supervisor *s)
{
	char signal = 0;
	int fd = -1, what = channel_take(s->channel, &signal, &fd);

	if (fd >= 0)
		close(fd);
	if (what == 0) {
		close(s->channel);
		s->channel = -1;
	}
	if (!is_serving(s))
		return;
	switch (what) {
	case 0:
		stop(s, "the keeper is gone");
		break;
	case TELL_RELOAD:
		reload(s);
		break;
	case TELL_STOP:
		stop(s, strsignal(signal));
		break;
	case TELL_HAND_OVER:
		s->hand_over = true;
		break;
	case TELL_LEAVE:
		retire(s);
		break;
	default:
		break;
	}
}

/* A byte says that the worker serves, or still does; the end, that it takes no more clients or is
 * dead. */
static void
on_ready(struct worker *w)
{
	char bytes[64];
	ssize_t n = read(w->ready_fd, bytes, sizeof bytes);

	if (n > 0) {
		w->ready = true;
		w->beat = clock_ms();
		w->still = false;
		return;
	}
	if (n < 0 && errno == EAGAIN)
		return;
	close(w->ready_fd);
	w->ready_fd = -1;
}

/* --- time ------------------------------------------------------------------------------------- */

static void
start_due(struct supervisor *s, uint64_t now)
{
	for (size_t i = 0; s->now != NULL && i < s->now->workers; i++) {
		struct worker *w = &s->now->worker[i];

		if (w->pid == 0 && w->due <= now)
			(void)start_worker(s, s->now, w);
	}
}

/* Nobody reads any more: what lies beside the store's file goes into it, so that whoever copies or
 * replaces the file of a daemon that is stopped has all of it. */
static void
tidy_store(const struct conf *c)
{
	struct store *store = NULL;
	struct error err;

	if (remote_wanted(c->store))
		return;
	if (store_new(&store, c->store, STORE_RECORDER, &err) != FOUND)
		return;
	store_deadline(store, TIDY_MS);
	if (store_begin(store, &err) == FOUND)
		store_end(store);
	store_close(store);
}

static void
see_out(struct supervisor *s, uint64_t now)
{
	struct generation **at = &s->leaving;

	while (*at != NULL) {
		struct generation *g = *at;

		if (!generation_alive(g)) {
			*at = g->next;
			if (!is_serving(s) && s->ours && s->leaving == NULL)
				tidy_store(g->conf);
			generation_free(g);
			continue;
		}
		if (g->kill_at <= now) {
			log_warning("workers did not leave in time: killed");
			generation_signal(g, SIGKILL);
			g->kill_at = now + LEAVE_MS;
		}
		at = &g->next;
	}
}

/* Who should serve, and who does. */
static void
count_workers(struct supervisor *s)
{
	struct slab_top *top = slab_top(&s->slab);
	uint64_t wanted[PROTOCOL_SIDES] = { 0 }, serving[PROTOCOL_SIDES] = { 0 };

	for (size_t i = 0; s->now != NULL && i < s->now->workers; i++) {
		wanted[s->now->worker[i].kind]++;
		serving[s->now->worker[i].kind] += s->now->worker[i].ready;
	}
	for (int side = 0; side < PROTOCOL_SIDES; side++) {
		counter_set(&top->wanted[side], wanted[side]);
		counter_set(&top->serving[side], serving[side]);
	}
}

/* Tell whether it is too long ago that this worker was known to go on, and say so once. */
static bool
stands_still(struct worker *w, uint64_t now, uint64_t limit)
{
	char name[32];

	if (w->pid == 0 || (w->ready && w->ready_fd < 0) || now - w->beat <= limit)
		return false;
	if (!w->still)
		log_warning("the %s (process %ld) stands still: the service manager is not told "
			    "that all is well",
		    worker_name(w, name, sizeof name), (long)w->pid);
	w->still = true;
	return true;
}

/* The watchdog is content only when we and all who serve go on. */
static void
beat(struct supervisor *s, uint64_t now)
{
	bool still = false;

	s->beat_at = now + s->beat;
	for (size_t i = 0; s->now != NULL && i < s->now->workers; i++)
		still = stands_still(&s->now->worker[i], now, 2 * s->beat) || still;
	if (!still)
		say(s, SAY_TURNING);
}

static void
on_time(struct supervisor *s)
{
	uint64_t now = clock_ms();

	if (s->beat > 0 && now >= s->beat_at)
		beat(s, now);

	if (s->next != NULL && generation_ready(s->next))
		promote(s);
	if (s->unsaid && s->now != NULL)
		announce(s);
	start_due(s, now);
	see_out(s, now);
	count_workers(s);
	if (s->now == NULL || s->next != NULL || s->unsaid) {
		if (s->handed && all_quiet(s)) {
			s->handed = false;
			say(s, SAY_QUIET);
		}
		return;
	}
	if (s->again)
		reload(s);
	else if (s->hand_over)
		hand_over(s);
}

/* Milliseconds to the next thing to be done without being told, -1 for never. */
static int
next_wake(const struct supervisor *s)
{
	uint64_t now = clock_ms(), at = s->beat > 0 ? s->beat_at : UINT64_MAX;

	for (size_t i = 0; s->now != NULL && i < s->now->workers; i++)
		if (s->now->worker[i].pid == 0 && s->now->worker[i].due < at)
			at = s->now->worker[i].due;
	for (const struct generation *g = s->leaving; g != NULL; g = g->next)
		if (g->kill_at < at)
			at = g->kill_at;
	if (at == UINT64_MAX)
		return -1;
	return at <= now ? 0 : (int)(at - now);
}

/* --- the loop --------------------------------------------------------------------------------- */

static size_t
watch(struct generation *g, struct pollfd *fds, struct worker **whose, size_t n)
{
	for (size_t i = 0; g != NULL && i < g->workers && n < WATCHED_MAX; i++) {
		if (g->worker[i].ready_fd < 0)
			continue;
		fds[n] = (struct pollfd){ .fd = g->worker[i].ready_fd, .events = POLLIN };
		whose[n++] = &g->worker[i];
	}
	return n;
}

static void
wait_and_handle(struct supervisor *s)
{
	struct pollfd fds[WATCHED_MAX] = { { .fd = s->signals, .events = POLLIN },
		{ .fd = s->channel, .events = POLLIN } };
	struct worker *whose[WATCHED_MAX];
	size_t n = watch(s->next, fds, whose, watch(s->now, fds, whose, 2));

	for (struct generation *g = s->leaving; g != NULL; g = g->next)
		n = watch(g, fds, whose, n);
	if (poll(fds, n, next_wake(s)) < 0)
		return;
	/* readiness first: a signal may bury a worker, and `whose` with it */
	for (size_t i = 2; i < n; i++)
		if (fds[i].revents != 0)
			on_ready(whose[i]);
	if (fds[1].revents != 0)
		on_keeper(s);
	if (fds[0].revents != 0)
		on_signal(s);
}

/* Signals come as bytes to be read, between two other things. Some reach all of us at once, from a
 * terminal or by name: what they mean is the keeper's to say. */
static bool
init_signals(struct supervisor *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, &s->before);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals >= 0 && pipe2(s->life, O_CLOEXEC) == 0;
}

int
supervise(struct generation *first, const struct supervisor_birth *birth)
{
	struct supervisor s = { .file = birth->file,
		.user = strdup(first->conf->user),
		.owner = *birth->owner,
		.given = birth->given,
		.channel = birth->channel,
		.beat = notify_watchdog() / BEATS,
		.next = first,
		.signals = -1,
		.life = { -1, -1 } };
	struct error err;

	if (slab_init(&s.slab, &err) != FOUND) {
		log_error("%s", err.text);
		listeners_unlink(&first->listeners, birth->given);
		generation_free(first);
		free(s.user);
		return 1;
	}
	counter_set(&slab_top(&s.slab)->started, (uint64_t)(clock_unix_ms() / 1000));
	slab_number(&s.slab, &first->listeners);
	if (init_signals(&s)) {
		start_next(&s);
	} else {
		log_error("cannot set up signals: %s", strerror(errno));
		abandon(&s);
	}
	for (on_time(&s); s.now != NULL || s.next != NULL || s.leaving != NULL; on_time(&s))
		wait_and_handle(&s);
	close(s.signals);
	close(s.life[0]);
	close(s.life[1]);
	slab_release(&s.slab);
	free(s.user);
	return s.status;
}
