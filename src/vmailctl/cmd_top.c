/* SPDX-License-Identifier: ISC
 *
 * top: what the running daemon does just now, on a whole screen, again and again. Plain ANSI, which
 * every terminal of today understands; what is drawn fits whatever size it has.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "vmailctl/cmd.h"
#include "vmailctl/watch.h"

enum {
	FRAME_MAX = 1 << 20,
	LINE_MAX_BYTES = 512,
	WIDTH = 80,
	HEIGHT = 24,
	MAPS_MAX = 64,
	WORDS_MAX = 32,
	INTERVAL_S = 2
};

struct size {
	unsigned width, height;
};

/* What is drawn: two moments, or one and the start of the daemon. */
struct top {
	const struct watch *now;
	const struct watch *before; /* NULL: none */
	double seconds;             /* between them */
	const char *trouble;        /* "": all is well */
	struct size size;
	bool plain; /* no headings in reverse */
	struct sbuf out;
	unsigned lines;
};

/* --- rates ------------------------------------------------------------------------------------ */

static double
rate(const struct top *t, enum metric m, const char *label, const char *value)
{
	double n = watch_sum(t->now, m, label, value);

	if (t->before != NULL)
		n -= watch_sum(t->before, m, label, value);
	return n > 0 ? n / t->seconds : 0;
}

static void
times(struct watch_histogram *h, const struct top *t, enum metric m)
{
	struct watch_histogram before;

	watch_histogram(h, t->now, m);
	if (t->before == NULL)
		return;
	watch_histogram(&before, t->before, m);
	watch_since(h, &before);
}

/* --- lines ------------------------------------------------------------------------------------ */

static void put(struct top *t, bool heading, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A line, cut where the screen ends; none below its last but one. */
static void
put(struct top *t, bool heading, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;

	if (t->lines + 1 >= t->size.height)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (heading && !t->plain)
		sbuf_printf(
		    &t->out, "\033[7m%-*.*s\033[0m", (int)t->size.width, (int)t->size.width, line);
	else
		sbuf_printf(&t->out, "%.*s", (int)t->size.width, line);
	sbuf_add_str(&t->out, t->plain ? "\n" : "\033[K\r\n");
	t->lines++;
}

static void
put_uptime(char *out, size_t size, double seconds)
{
	unsigned long s = (unsigned long)seconds;

	if (s >= 86400)
		snprintf(out, size, "%lud %02lu:%02lu", s / 86400, s / 3600 % 24, s / 60 % 60);
	else
		snprintf(out, size, "%02lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
}

static void
put_summary(struct top *t)
{
	struct slice version = watch_label(t->now, METRIC_BUILD, "version");
	char up[32];

	put_uptime(up, sizeof up, watch_sum(t->now, METRIC_UPTIME, NULL, NULL));
	put(t, false, "vmaild %.*s  up %s  %s%s", (int)version.n, version.p, up,
	    t->trouble[0] == '\0' ? "ok" : "FAILING: ", t->trouble);
	put(t, false,
	    "workers %.0f/%.0f lookup, %.0f/%.0f auth, %.0f replaced   generation %.0f   "
	    "clients %.0f",
	    watch_sum(t->now, METRIC_WORKERS, "role", "lookup"),
	    watch_sum(t->now, METRIC_WANTED, "role", "lookup"),
	    watch_sum(t->now, METRIC_WORKERS, "role", "auth"),
	    watch_sum(t->now, METRIC_WANTED, "role", "auth"),
	    watch_sum(t->now, METRIC_RESTARTS, NULL, NULL),
	    watch_sum(t->now, METRIC_GENERATION, NULL, NULL),
	    watch_sum(t->now, METRIC_CONNECTED, NULL, NULL));
	put(t, false,
	    "store %s, schema %.0f, %.0f KiB, %.0f errors   lookups %.1f/s   logins %.1f/s",
	    watch_sum(t->now, METRIC_STORE_UP, NULL, NULL) > 0 ? "up" : "DOWN",
	    watch_sum(t->now, METRIC_STORE_VERSION, NULL, NULL),
	    watch_sum(t->now, METRIC_STORE_BYTES, NULL, NULL) / 1024,
	    watch_sum(t->now, METRIC_STORE_ERRORS, NULL, NULL), rate(t, METRIC_LOOKUPS, NULL, NULL),
	    rate(t, METRIC_LOGINS, NULL, NULL));
}

/* --- the busiest ------------------------------------------------------------------------------ */

/* A value of a label, and how often it came. */
struct word {
	char text[64];
	double rate;
};

static int
busier(const void *a, const void *b)
{
	const struct word *one = a, *other = b;

	return (one->rate < other->rate) - (one->rate > other->rate);
}

static bool
is_known(const struct word *words, size_t n, struct slice text)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is(text, words[i].text))
			return true;
	return false;
}

/* All values that LABEL of a metric has, the busiest first. */
static size_t
gather(struct word *words, size_t max, const struct top *t, enum metric m, const char *label)
{
	size_t n = 0;

	for (size_t i = 0; i < t->now->n && n < max; i++) {
		const struct metric_sample *s = &t->now->sample[i];
		struct slice text = metric_label(s, label);

		if (!slice_is(s->name, metric_name(m)) || is_known(words, n, text))
			continue;
		snprintf(words[n].text, sizeof words[n].text, "%.*s", (int)text.n, text.p);
		words[n].rate = rate(t, m, label, words[n].text);
		n++;
	}
	/* cppcheck-suppress uninitvar ; the first N are filled */
	qsort(words, n, sizeof *words, busier);
	return n;
}

/* Of one map and one outcome. */
static double
outcome_rate(const struct top *t, const char *map, const char *outcome)
{
	const struct watch *moments[] = { t->now, t->before };
	double n[2] = { 0, 0 };

	for (size_t i = 0; i < 2 && moments[i] != NULL; i++)
		for (size_t j = 0; j < moments[i]->n; j++) {
			const struct metric_sample *s = &moments[i]->sample[j];

			if (slice_is(s->name, metric_name(METRIC_LOOKUPS)) &&
			    slice_is(metric_label(s, "map"), map) &&
			    slice_is(metric_label(s, "outcome"), outcome))
				n[i] += s->value;
		}
	return n[0] > n[1] ? (n[0] - n[1]) / t->seconds : 0;
}

static void
put_maps(struct top *t, unsigned rows)
{
	struct word maps[MAPS_MAX];
	size_t n = gather(maps, MAPS_MAX, t, METRIC_LOOKUPS, "map");

	put(t, true, "%-24s%12s%11s%11s%11s%11s", "MAP", "LOOKUPS/s", "found", "none", "retry",
	    "bad");
	for (size_t i = 0; i < n && i < rows; i++)
		put(t, false, "%-24.24s%12.1f%11.1f%11.1f%11.1f%11.1f", maps[i].text, maps[i].rate,
		    outcome_rate(t, maps[i].text, "found"), outcome_rate(t, maps[i].text, "none"),
		    outcome_rate(t, maps[i].text, "retry"), outcome_rate(t, maps[i].text, "bad"));
}

static void
put_logins(struct top *t, unsigned rows)
{
	struct word words[WORDS_MAX];
	size_t n = gather(words, WORDS_MAX, t, METRIC_LOGINS, "result");
	struct watch_histogram hashes;

	times(&hashes, t, METRIC_HASH_SECONDS);
	put(t, true, "%-36s   queue %.0f, hash %.0f ms, 99%% <= %.0f ms", "LOGINS/s",
	    watch_sum(t->now, METRIC_HASH_QUEUE, NULL, NULL), watch_quantile(&hashes, 0.5) * 1e3,
	    watch_quantile(&hashes, 0.99) * 1e3);
	for (size_t i = 0; i < n && i < rows; i++)
		put(t, false, "%-36s%12.1f", words[i].text, words[i].rate);
}

/* --- times ------------------------------------------------------------------------------------ */

static void
put_bound(char *out, size_t size, double seconds)
{
	if (seconds < 0.001)
		snprintf(out, size, "%.0f us", seconds * 1e6);
	else if (seconds < 1)
		snprintf(out, size, "%.0f ms", seconds * 1e3);
	else
		snprintf(out, size, "%.0f s", seconds);
}

static void
put_bar(struct top *t, const struct watch_histogram *h, size_t i)
{
	static const char hashes[] = "##################################################"
				     "##################################################";
	unsigned room = t->size.width > 24 ? t->size.width - 24 : 1;
	double part = h->all > 0 ? h->count[i] / h->all : 0;
	char bound[32];

	if (room > sizeof hashes - 1)
		room = sizeof hashes - 1;
	put_bound(bound, sizeof bound, isinf(h->bound[i]) && i > 0 ? h->bound[i - 1] : h->bound[i]);
	put(t, false, "%s%8s %6.1f%% %.*s", isinf(h->bound[i]) ? " >" : "<=", bound, part * 100,
	    (int)(part * room + 0.5), hashes);
}

/* ROWS buckets from the first that has something in it; the busy ones are neighbours. */
static void
put_times(struct top *t, unsigned rows)
{
	double lookups = rate(t, METRIC_LOOKUPS, NULL, NULL);
	double remembered = rate(t, METRIC_REMEMBERED, NULL, NULL);
	struct watch_histogram h;
	size_t first = 0;

	times(&h, t, METRIC_LOOKUP_SECONDS);
	while (first + rows < h.n && h.count[first] <= 0)
		first++;
	put(t, true, "LATENCY of lookups that asked the store; %.0f%% were answered from memory",
	    lookups > 0 ? 100 * remembered / lookups : 0);
	for (size_t i = first; i < h.n && i < first + rows; i++)
		put_bar(t, &h, i);
}

/* --- the screen ------------------------------------------------------------------------------- */

/* Three lines of summary, three headings with a blank line before each, one for the keys. */
static void
draw(struct top *t)
{
	unsigned rows = t->size.height > 13 ? t->size.height - 10 : 3;
	unsigned logins = rows / 4 > 0 ? rows / 4 : 1, latency = rows * 3 / 8;

	t->lines = 0;
	sbuf_clear(&t->out);
	if (!t->plain)
		sbuf_add_str(&t->out, "\033[H");
	put_summary(t);
	put(t, false, "%s", "");
	put_maps(t, rows - logins - latency);
	put(t, false, "%s", "");
	put_times(t, latency);
	put(t, false, "%s", "");
	put_logins(t, logins);
	if (!t->plain)
		sbuf_printf(&t->out, "\033[J%.*s", (int)t->size.width,
		    t->before != NULL ? "q quits" : "q quits; averages since the start");
}

static struct size
measure(void)
{
	struct winsize ws = { .ws_col = 0 };
	struct size s = { WIDTH, HEIGHT };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0 && ws.ws_row > 0)
		s = (struct size){ ws.ws_col, ws.ws_row };
	return s;
}

static bool
show(const struct sbuf *out)
{
	struct slice rest = sbuf_slice(out);

	while (rest.n > 0) {
		ssize_t n = write(STDOUT_FILENO, rest.p, rest.n);

		if (n < 0 && errno != EINTR)
			return false;
		rest = slice_tail(rest, n > 0 ? (size_t)n : 0);
	}
	return !out->failed;
}

/* --- the terminal ----------------------------------------------------------------------------- */

static volatile sig_atomic_t ended;

static void
on_signal(int number)
{
	if (number != SIGWINCH)
		ended = 1;
}

static void
catch_signals(void)
{
	const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
	struct sigaction act = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaction(numbers[i], &act, NULL);
}

static void
say(const char *text)
{
	const struct sbuf whole = { .p = (char *)text, .n = strlen(text) };

	show(&whole);
}

static void
enter(struct termios *before)
{
	struct termios raw;

	tcgetattr(STDIN_FILENO, before);
	raw = *before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	say("\033[?1049h\033[?25l");
}

static void
leave(const struct termios *before)
{
	say("\033[?25h\033[?1049l");
	tcsetattr(STDIN_FILENO, TCSANOW, before);
}

/* Wait for a key, for a while. False when it was the end. */
static bool
wait_key(int ms)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char key = 0;

	if (poll(&in, 1, ms) <= 0)
		return !ended;
	if (read(STDIN_FILENO, &key, 1) <= 0) /* nobody is at the keys any more */
		return false;
	return !ended && key != 'q' && key != 'Q';
}

/* --- again and again -------------------------------------------------------------------------- */

/* Another daemon than before, or none: what it counted before is nothing to compare with. */
static bool
is_same(const struct watch *now, const struct watch *before)
{
	return before->n > 0 && watch_sum(now, METRIC_STARTED, NULL, NULL) ==
				    watch_sum(before, METRIC_STARTED, NULL, NULL);
}

static void
compare(struct top *t, const struct watch *now, const struct watch *before, double seconds)
{
	double up = watch_sum(now, METRIC_UPTIME, NULL, NULL);

	t->now = now;
	t->before = before != NULL && is_same(now, before) ? before : NULL;
	t->seconds = t->before != NULL ? seconds : up > 1 ? up : 1;
}

static double
clock_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Two moments, and which of them is the present one. */
struct moments {
	struct watch w[2];
	unsigned at;
	double taken;
	struct error trouble;
};

/* Look again. A daemon that is not there just now may come back: that is waited for. */
static void
look(struct ctl *ctl, struct top *t, struct moments *m)
{
	double now = clock_seconds();

	m->at = 1 - m->at;
	m->trouble.text[0] = '\0';
	if (watch_get(&m->w[m->at], ctl->conf, &m->trouble) == FOUND)
		watch_health(ctl->conf, &m->trouble);
	else
		m->w[m->at].n = 0;
	compare(t, &m->w[m->at], &m->w[1 - m->at], now - m->taken);
	t->trouble = m->trouble.text;
	m->taken = now;
}

static void
run(struct ctl *ctl, struct top *t, struct moments *m, unsigned seconds)
{
	double next = 0, now;

	do {
		if (clock_seconds() >= next) {
			look(ctl, t, m);
			next = m->taken + seconds;
		}
		t->size = measure();
		draw(t);
		now = clock_seconds();
	} while (show(&t->out) && wait_key(now < next ? (int)((next - now) * 1000) + 1 : 1));
}

static enum exit_code
once(struct ctl *ctl, struct top *t, struct watch *w)
{
	struct error health = { .text = "" };

	if (watch_health(ctl->conf, &health) == RETRY) {
		ctl->err = health;
		return ctl_fail(ctl, RETRY, "cannot tell how vmaild is doing");
	}
	t->trouble = health.text;
	t->plain = true;
	t->size = (struct size){ WIDTH, HEIGHT + 1 };
	compare(t, w, NULL, 0);
	draw(t);
	ctl->printed = true;
	return show(&t->out) ? EXIT_DONE : EXIT_AGAIN;
}

static enum exit_code
watch(struct ctl *ctl, unsigned seconds)
{
	struct top t = { .plain = false };
	struct moments m = { .at = 0 };
	struct termios before;
	enum exit_code e = EXIT_DONE;

	sbuf_init(&t.out, FRAME_MAX);
	watch_init(&m.w[0]);
	watch_init(&m.w[1]);
	if (ctl_conf(ctl) != FOUND || watch_get(&m.w[0], ctl->conf, &ctl->err) != FOUND) {
		e = ctl_fail(ctl, RETRY, "cannot tell how vmaild is doing");
	} else if (ctl_option(ctl, "once") != NULL) {
		e = once(ctl, &t, &m.w[0]);
	} else {
		m.w[0].n = 0; /* the first screen tells averages */
		catch_signals();
		enter(&before);
		run(ctl, &t, &m, seconds);
		leave(&before);
	}
	watch_release(&m.w[0]);
	watch_release(&m.w[1]);
	sbuf_release(&t.out);
	return e;
}

enum exit_code
cmd_top(struct ctl *ctl)
{
	const char *interval = ctl_option(ctl, "interval");
	unsigned long long seconds = INTERVAL_S;

	if (interval != NULL &&
	    (!slice_number(slice_str(interval), 3600, &seconds) || seconds == 0))
		return ctl_usage(ctl, "'%s' is no number of seconds from 1 to 3600", interval);
	if (ctl->json)
		return ctl_usage(ctl, "top has no JSON: see `vmailctl status --json`");
	if (ctl_option(ctl, "once") == NULL && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		return ctl_usage(ctl, "top needs a terminal; --once does not");
	return watch(ctl, (unsigned)seconds);
}
