/* SPDX-License-Identifier: ISC
 *
 * A client of the metrics listener: one connection, one HTTP request, the answer to its end.
 */
#include "vmailctl/watch.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmailctl/live.h"

enum { ANSWER_MAX = 4 << 20, OK = 200, UNAVAILABLE = 503 };

void
watch_init(struct watch *w)
{
	*w = (struct watch){ .n = 0 };
	sbuf_init(&w->text, ANSWER_MAX);
}

void
watch_release(struct watch *w)
{
	sbuf_release(&w->text);
	free(w->sample);
	watch_init(w);
}

/* --- HTTP ------------------------------------------------------------------------------------- */

static enum outcome
receive(int fd, struct sbuf *in, struct error *err)
{
	for (;;) {
		char *room = sbuf_room(in, 16384);
		ssize_t n = room != NULL ? recv(fd, room, 16384, 0) : 0;

		if (room == NULL)
			return error_set(err, RETRY, "vmaild's answer is too long");
		if (n < 0)
			return error_set(err, RETRY, "no answer from vmaild: %s", strerror(errno));
		if (n == 0)
			return FOUND;
		in->n += (size_t)n;
	}
}

/* Drop the head of the answer in TEXT; its status is *STATUS. */
static enum outcome
take_head(struct sbuf *text, int *status, struct error *err)
{
	const char *all = sbuf_cstr(text), *body = strstr(all, "\r\n\r\n");

	/* NOLINTNEXTLINE(cert-err34-c): three digits fit */
	if (body == NULL || sscanf(all, "HTTP/1.%*1d %3d", status) != 1)
		return error_set(err, RETRY, "vmaild's answer is no HTTP");
	sbuf_drop(text, (size_t)(body - all) + 4);
	return FOUND;
}

static enum outcome
ask(const struct conf *conf, const char *path, struct sbuf *text, int *status, struct error *err)
{
	char request[128];
	int fd = -1;
	enum outcome o = live_open(&fd, conf, PROTOCOL_METRICS, err);

	if (o != FOUND)
		return o;
	snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
	sbuf_clear(text);
	o = live_send(fd, slice_str(request), err);
	if (o == FOUND)
		o = receive(fd, text, err);
	close(fd);
	return o == FOUND ? take_head(text, status, err) : o;
}

/* A daemon that reloads just now may hang up on us, once. */
static enum outcome
get(const struct conf *conf, const char *path, struct sbuf *text, int *status, struct error *err)
{
	enum outcome o = ask(conf, path, text, status, err);

	return o == FOUND ? o : ask(conf, path, text, status, err);
}

enum outcome
watch_health(const struct conf *conf, struct error *err)
{
	struct sbuf text;
	struct slice said;
	int status = 0;
	enum outcome o;

	sbuf_init(&text, ANSWER_MAX);
	o = get(conf, "/healthz", &text, &status, err);
	said = slice_trim(sbuf_slice(&text));
	if (o == FOUND && status != OK)
		o = error_set(err, status == UNAVAILABLE ? NONE : RETRY, "%.*s", (int)said.n,
		    said.n > 0 ? said.p : "");
	sbuf_release(&text);
	return o;
}

enum outcome
watch_get(struct watch *w, const struct conf *conf, struct error *err)
{
	int status = 0;
	enum outcome o = get(conf, "/metrics", &w->text, &status, err);
	struct slice rest = sbuf_slice(&w->text);

	w->n = 0;
	if (o == FOUND && status != OK)
		return error_set(err, RETRY, "vmaild tells no metrics: HTTP status %d", status);
	if (o == FOUND && w->sample == NULL)
		w->sample = calloc(WATCH_SAMPLES, sizeof *w->sample);
	if (o == FOUND && w->sample == NULL)
		return error_set(err, RETRY, "out of memory");
	while (o == FOUND && w->n < WATCH_SAMPLES && metric_next(&rest, &w->sample[w->n]))
		w->n++;
	return o;
}

/* --- values ----------------------------------------------------------------------------------- */

double
watch_sum(const struct watch *w, enum metric m, const char *label, const char *value)
{
	double sum = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct metric_sample *s = &w->sample[i];

		if (slice_is(s->name, metric_name(m)) &&
		    (label == NULL || slice_is(metric_label(s, label), value)))
			sum += s->value;
	}
	return sum;
}

struct slice
watch_label(const struct watch *w, enum metric m, const char *label)
{
	for (size_t i = 0; i < w->n; i++)
		if (slice_is(w->sample[i].name, metric_name(m)))
			return metric_label(&w->sample[i], label);
	return slice_str(NULL);
}

/* --- histograms ------------------------------------------------------------------------------- */

void
watch_histogram(struct watch_histogram *out, const struct watch *w, enum metric m)
{
	char name[128], bound[32];

	*out = (struct watch_histogram){ .n = 0 };
	snprintf(name, sizeof name, "%s_bucket", metric_name(m));
	for (size_t i = 0; i < w->n && out->n < WATCH_BUCKETS; i++) {
		const struct metric_sample *s = &w->sample[i];
		struct slice le = metric_label(s, "le");

		if (!slice_is(s->name, name) || le.n >= sizeof bound)
			continue;
		memcpy(bound, le.p, le.n);
		bound[le.n] = '\0';
		out->bound[out->n] = strtod(bound, NULL); /* +Inf too */
		out->count[out->n] = s->value - out->all;
		out->all = s->value;
		out->n++;
	}
}

void
watch_since(struct watch_histogram *now, const struct watch_histogram *before)
{
	for (size_t i = 0; i < now->n && i < before->n; i++)
		now->count[i] -= before->count[i];
	now->all -= before->all;
}

double
watch_quantile(const struct watch_histogram *h, double part)
{
	double seen = 0;

	if (h->all <= 0)
		return 0;
	for (size_t i = 0; i < h->n; i++) {
		seen += h->count[i];
		if (seen >= part * h->all)
			return isinf(h->bound[i]) && i > 0 ? h->bound[i - 1] : h->bound[i];
	}
	return 0;
}
