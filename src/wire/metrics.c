/* SPDX-License-Identifier: ISC
 *
 * The text format of Prometheus, version 0.0.4, and the table of what we say in it.
 */
#include "wire/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 40 };

struct row {
	const char *name;
	const char *type;
	const char *label[2];
	uint64_t unit; /* what is counted is so many of what is told */
	const char *help;
};

/* Names stay as they are: others build on them. Each is in vmaild-metrics(7). */
/* clang-format off */
static const struct row rows[METRICS] = {
	[METRIC_BUILD] = { "vmaild_build_info", "gauge", { "version" }, 1,
	    "The version that runs; always 1." },
	[METRIC_STARTED] = { "vmaild_start_time_seconds", "gauge", { NULL }, 1,
	    "When the daemon was started, in seconds since 1970." },
	[METRIC_UPTIME] = { "vmaild_uptime_seconds", "gauge", { NULL }, 1,
	    "For how long the daemon has run." },
	[METRIC_GENERATION] = { "vmaild_generation", "gauge", { NULL }, 1,
	    "How many configurations have been in effect since then, the present one included." },
	[METRIC_REFUSED] = { "vmaild_reloads_refused_total", "counter", { NULL }, 1,
	    "Reloads after which the old configuration stayed." },
	[METRIC_WORKERS] = { "vmaild_workers", "gauge", { "role" }, 1,
	    "Workers that serve." },
	[METRIC_WANTED] = { "vmaild_workers_wanted", "gauge", { "role" }, 1,
	    "Workers that should." },
	[METRIC_RESTARTS] = { "vmaild_worker_restarts_total", "counter", { "role" }, 1,
	    "Workers that died and were replaced." },
	[METRIC_STORE_UP] = { "vmaild_store_up", "gauge", { NULL }, 1,
	    "Whether the store answered a question just now: 1 or 0." },
	[METRIC_STORE_VERSION] = { "vmaild_store_schema_version", "gauge", { NULL }, 1,
	    "Version of the store's schema; 0 if it was never seen." },
	[METRIC_STORE_BYTES] = { "vmaild_store_bytes", "gauge", { "file" }, 1,
	    "Size of the store's files." },
	[METRIC_STORE_ERRORS] = { "vmaild_store_errors_total", "counter", { NULL }, 1,
	    "Questions that the store failed to answer." },
	[METRIC_STORE_SERVERS] = { "vmaild_store_connections", "gauge", { "server", "kind" }, 1,
	    "Connections in use to the servers of the store, by the server's place in its URI." },
	[METRIC_STORE_BEHIND] = { "vmaild_store_lag_seconds", "gauge", { NULL }, 1000,
	    "For how long a standby in use has not followed its primary." },
	[METRIC_STORE_REACHED] = { "vmaild_store_connects_total", "counter", { NULL }, 1,
	    "Connections to a server of the store that came about." },
	[METRIC_STORE_LOST] = { "vmaild_store_disconnects_total", "counter", { NULL }, 1,
	    "Connections to a server of the store that were lost, or did not come about." },
	[METRIC_LOOKUPS] = { "vmaild_lookups_total", "counter", { "map", "outcome" }, 1,
	    "Lookups answered, by map and by what the answer was." },
	[METRIC_REMEMBERED] = { "vmaild_lookups_remembered_total", "counter", { NULL }, 1,
	    "Those of the lookups that were answered from memory." },
	[METRIC_STALE] = { "vmaild_lookups_stale_total", "counter", { NULL }, 1,
	    "Those that were answered as before because no server of the store could be asked." },
	[METRIC_LOOKUP_SECONDS] = { "vmaild_lookup_seconds", "histogram", { NULL }, 1000000000,
	    "Time of one lookup that had to ask the store." },
	[METRIC_QUESTIONS] = { "vmaild_lookup_questions", "histogram", { NULL }, 1,
	    "Questions that such a lookup asked the store." },
	[METRIC_CONNECTED] = { "vmaild_connections", "gauge", { "listener", "protocol" }, 1,
	    "Clients that are connected." },
	[METRIC_CONNECTIONS] = { "vmaild_connections_total", "counter", { "listener", "protocol" }, 1,
	    "Clients that have connected." },
	[METRIC_LOGINS] = { "vmaild_logins_total", "counter", { "result" }, 1,
	    "Logins that were decided, by how." },
	[METRIC_HASH_QUEUE] = { "vmaild_hash_queue", "gauge", { NULL }, 1,
	    "Logins that wait for a thread that hashes." },
	[METRIC_HASH_WAIT] = { "vmaild_hash_wait_seconds", "histogram", { NULL }, 1000000000,
	    "How long they waited." },
	[METRIC_HASH_SECONDS] = { "vmaild_hash_seconds", "histogram", { NULL }, 1000000000,
	    "How long hashing then took." },
};
/* clang-format on */

const char *
metric_name(enum metric m)
{
	return rows[m].name;
}

/* --- writing ---------------------------------------------------------------------------------- */

void
metric_head(struct sbuf *out, enum metric m)
{
	const struct row *r = &rows[m];

	sbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help, r->name, r->type);
}

/* N in units, exactly. */
static void
put_number(struct sbuf *out, uint64_t n, uint64_t unit)
{
	char digits[NUMBER_MAX];
	size_t len;

	sbuf_printf(out, "%" PRIu64, n / unit);
	if (n % unit == 0)
		return;
	snprintf(digits, sizeof digits, "%" PRIu64, unit + n % unit);
	for (len = strlen(digits); digits[len - 1] == '0'; len--)
		;
	digits[0] = '.'; /* in place of the unit's own 1 */
	sbuf_add(out, digits, len);
}

static void
put_label(struct sbuf *out, const char *name, const char *value)
{
	sbuf_printf(out, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n') {
			sbuf_add_str(out, "\\n");
			continue;
		}
		if (*value == '"' || *value == '\\')
			sbuf_add_chr(out, '\\');
		sbuf_add_chr(out, *value);
	}
	sbuf_add_chr(out, '"');
}

void
metric_put(struct sbuf *out, enum metric m, const char *one, const char *other, uint64_t value)
{
	const struct row *r = &rows[m];

	sbuf_add_str(out, r->name);
	if (one != NULL) {
		sbuf_add_chr(out, '{');
		put_label(out, r->label[0], one);
		if (other != NULL) {
			sbuf_add_chr(out, ',');
			put_label(out, r->label[1], other);
		}
		sbuf_add_chr(out, '}');
	}
	sbuf_add_chr(out, ' ');
	put_number(out, value, r->unit);
	sbuf_add_chr(out, '\n');
}

void
metric_histogram(struct sbuf *out, enum metric m, const uint64_t *bound, size_t bounds,
    const uint64_t *bucket, uint64_t sum)
{
	const struct row *r = &rows[m];
	uint64_t count = 0;

	metric_head(out, m);
	for (size_t i = 0; i <= bounds; i++) {
		count += bucket[i];
		sbuf_printf(out, "%s_bucket{le=\"", r->name);
		if (i < bounds)
			put_number(out, bound[i], r->unit);
		else
			sbuf_add_str(out, "+Inf");
		sbuf_printf(out, "\"} %llu\n", (unsigned long long)count);
	}
	sbuf_printf(out, "%s_sum ", r->name);
	put_number(out, sum, r->unit);
	sbuf_printf(out, "\n%s_count %llu\n", r->name, (unsigned long long)count);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Take what stands between the braces at the front of LINE: a quoted brace is none. */
static struct slice
take_labels(struct slice *line)
{
	bool quoted = false;
	size_t n = 1;
	struct slice labels;

	if (line->n == 0 || line->p[0] != '{')
		return slice_str(NULL);
	for (; n < line->n && (quoted || line->p[n] != '}'); n++) {
		if (line->p[n] == '\\' && n + 1 < line->n)
			n++;
		else if (line->p[n] == '"')
			quoted = !quoted;
	}
	labels = slice_of(line->p + 1, n - 1);
	*line = slice_tail(*line, n < line->n ? n + 1 : n);
	return labels;
}

static bool
take_value(struct slice line, double *value)
{
	char text[NUMBER_MAX], *end;

	if (line.n < 2 || line.n >= sizeof text || line.p[0] != ' ')
		return false;
	memcpy(text, line.p + 1, line.n - 1);
	text[line.n - 1] = '\0';
	*value = strtod(text, &end);
	return end != text && *end == '\0';
}

bool
metric_next(struct slice *text, struct metric_sample *out)
{
	while (text->n > 0) {
		struct slice line = slice_cut(text, '\n');
		size_t n = 0;

		while (n < line.n && line.p[n] != '{' && line.p[n] != ' ')
			n++;
		if (n == 0 || line.p[0] == '#')
			continue;
		out->name = slice_head(line, n);
		line = slice_tail(line, n);
		out->labels = take_labels(&line);
		if (take_value(line, &out->value))
			return true;
	}
	return false;
}

struct slice
metric_label(const struct metric_sample *s, const char *name)
{
	struct slice rest = s->labels;
	size_t n = strlen(name);

	while (rest.n > 0) {
		struct slice key = slice_cut(&rest, '=');
		size_t end = 1;

		while (end < rest.n && rest.p[end] != '"')
			end += rest.p[end] == '\\' ? 2 : 1;
		if (end >= rest.n)
			break;
		if (key.n == n && memcmp(key.p, name, n) == 0)
			return slice_of(rest.p + 1, end - 1);
		rest = slice_tail(rest, end + 1);
		if (rest.n > 0 && rest.p[0] == ',')
			rest = slice_tail(rest, 1);
	}
	return slice_str(NULL);
}
