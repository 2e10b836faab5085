/* SPDX-License-Identifier: ISC
 *
 * How far something long has come.
 * A bar on standard error, on a line of its own that goes away.
 */
#include "vmailctl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24, FIRST_MS = 500, EVERY_MS = 100, EVERY_STEPS = 64 };

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
progress_begin(struct progress *p, const char *what, uint64_t total)
{
	*p = (struct progress){ .what = what, .total = total, .began = now_ms() };
	p->shown = p->began + FIRST_MS - EVERY_MS;
	p->on = isatty(STDERR_FILENO) == 1;
}

static void
draw_bar(uint64_t done, uint64_t total)
{
	uint64_t full = total > 0 ? done * BAR / total : 0;

	fputs(" [", stderr);
	for (uint64_t i = 0; i < BAR; i++)
		fputc(i < full ? '=' : i == full ? '>' : ' ', stderr);
	fprintf(stderr, "] %3" PRIu64 " %%", done * 100 / total);
}

static void
draw(const struct progress *p, uint64_t done, int64_t ms)
{
	uint64_t rate = ms > 0 ? done * 1000 / (uint64_t)ms : 0;

	fprintf(stderr, "\r%s", p->what);
	if (p->total > 0)
		draw_bar(done, p->total);
	fprintf(stderr, "  %" PRIu64 ", %" PRIu64 " per second", done, rate);
	if (p->total > done && rate > 0)
		fprintf(stderr, ", %" PRIu64 " s to go", (p->total - done) / rate + 1);
	fputs("\033[K", stderr);
}

void
progress_at(struct progress *p, uint64_t done)
{
	int64_t now;

	if (!p->on || (p->total > EVERY_STEPS * 64 && done % EVERY_STEPS != 0))
		return;
	now = now_ms();
	if (now - p->shown < EVERY_MS)
		return;
	p->shown = now;
	draw(p, done, now - p->began);
#include <unistd.h>

enum { BAR = 30, NAP_MS = 100 };

static double
between(const struct timespec *from, const struct timespec *to)
{
	return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) / 1e9;
}

void
progress_start(struct progress *p, const char *what, const char *unit)
{
	*p = (struct progress){ .what = what, .unit = unit, .shown = isatty(STDERR_FILENO) == 1 };
	clock_gettime(CLOCK_MONOTONIC, &p->begun);
}

static void
draw(const struct progress *p, int64_t done, int64_t all, double seconds)
{
	static const char full[] = "##############################";
	static const char empty[] = "..............................";
	int at = all > 0 ? (int)(done * BAR / all) : 0;

	fprintf(stderr, "\r%s ", p->what);
	if (all > 0)
		fprintf(stderr, "[%.*s%.*s] %3d %%", at, full, BAR - at, empty,
		    (int)(done * 100 / all));
	else
		fprintf(stderr, "%" PRId64, done);
	if (p->unit != NULL && seconds > 0)
		fprintf(stderr, " %.0f %s/s", (double)done / seconds, p->unit);
	fputs("\033[K", stderr);
	fflush(stderr);
}

void
progress_step(struct progress *p, int64_t done, int64_t all)
{
	struct timespec now;

	if (!p->shown)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (p->drawn && between(&p->last, &now) * 1000 < NAP_MS)
		return;
	p->last = now;
	p->drawn = true;
	draw(p, done, all, between(&p->begun, &now));
}

void
progress_end(struct progress *p)
{
	if (p->on && p->shown >= p->began + FIRST_MS)
		fputs("\r\033[K", stderr);
	p->on = false;
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = p->shown = false;
}
