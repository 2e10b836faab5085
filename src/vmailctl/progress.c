/* SPDX-License-Identifier: ISC
 *
 * How far something long has come.
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
}

void
progress_store(void *arg, int64_t done, int64_t all)
{
	struct progress *p = arg;

	p->total = (uint64_t)all;
	progress_at(p, (uint64_t)done);
}

void
progress_end(struct progress *p)
{
	if (p->on && p->shown >= p->began + FIRST_MS)
		fputs("\r\033[K", stderr);
	p->on = false;
}
