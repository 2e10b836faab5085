/* SPDX-License-Identifier: ISC
 *
 * status: how the running daemon is doing, once. Its exit status is the daemon's health.
 */
#include "vmailctl/output.h"
#include "vmailctl/watch.h"

static const struct column columns[] = {
	{ "health", CELL_TEXT },
	{ "reason", CELL_TEXT },
	{ "version", CELL_TEXT },
	{ "started", CELL_TIME },
	{ "uptime", CELL_COUNT },
	{ "generation", CELL_COUNT },
	{ "reloads_refused", CELL_COUNT },
	{ "lookup_workers", CELL_COUNT },
	{ "lookup_workers_wanted", CELL_COUNT },
	{ "auth_workers", CELL_COUNT },
	{ "auth_workers_wanted", CELL_COUNT },
	{ "worker_restarts", CELL_COUNT },
	{ "store_up", CELL_YES },
	{ "store_schema", CELL_COUNT },
	{ "store_bytes", CELL_COUNT },
	{ "store_errors", CELL_COUNT },
	{ "connections", CELL_COUNT },
	{ "lookups", CELL_COUNT },
	{ "lookups_found", CELL_COUNT },
	{ "lookups_none", CELL_COUNT },
	{ "lookups_retry", CELL_COUNT },
	{ "lookups_bad", CELL_COUNT },
	{ "lookups_remembered", CELL_COUNT },
	{ "lookup_median_us", CELL_COUNT },
	{ "lookup_p99_us", CELL_COUNT },
	{ "logins", CELL_COUNT },
	{ "logins_ok", CELL_COUNT },
	{ "logins_throttled", CELL_COUNT },
	{ "logins_temporary", CELL_COUNT },
	{ "hash_queue", CELL_COUNT },
	{ 0 },
};

static struct value
number(double n)
{
	return (struct value){ .number = (int64_t)(n + 0.5) };
}

static struct value
sum(const struct watch *w, enum metric m, const char *label, const char *value)
{
	return number(watch_sum(w, m, label, value));
}

static struct value
throttled(const struct watch *w)
{
	return number(watch_sum(w, METRIC_LOGINS, "result", "throttled") +
		      watch_sum(w, METRIC_LOGINS, "result", "throttled with others"));
}

static bool
put_row(struct table *t, const struct watch *w, const char *health, const char *reason)
{
	struct watch_histogram times;

	watch_histogram(&times, w, METRIC_LOOKUP_SECONDS);
	{
		const struct value values[] = {
			{ .text = slice_str(health) },
			{ .text = slice_str(reason) },
			{ .text = watch_label(w, METRIC_BUILD, "version") },
			sum(w, METRIC_STARTED, NULL, NULL),
			sum(w, METRIC_UPTIME, NULL, NULL),
			sum(w, METRIC_GENERATION, NULL, NULL),
			sum(w, METRIC_REFUSED, NULL, NULL),
			sum(w, METRIC_WORKERS, "role", "lookup"),
			sum(w, METRIC_WANTED, "role", "lookup"),
			sum(w, METRIC_WORKERS, "role", "auth"),
			sum(w, METRIC_WANTED, "role", "auth"),
			sum(w, METRIC_RESTARTS, NULL, NULL),
			sum(w, METRIC_STORE_UP, NULL, NULL),
			sum(w, METRIC_STORE_VERSION, NULL, NULL),
			sum(w, METRIC_STORE_BYTES, NULL, NULL),
			sum(w, METRIC_STORE_ERRORS, NULL, NULL),
			sum(w, METRIC_CONNECTED, NULL, NULL),
			sum(w, METRIC_LOOKUPS, NULL, NULL),
			sum(w, METRIC_LOOKUPS, "outcome", "found"),
			sum(w, METRIC_LOOKUPS, "outcome", "none"),
			sum(w, METRIC_LOOKUPS, "outcome", "retry"),
			sum(w, METRIC_LOOKUPS, "outcome", "bad"),
			sum(w, METRIC_REMEMBERED, NULL, NULL),
			number(watch_quantile(&times, 0.5) * 1e6),
			number(watch_quantile(&times, 0.99) * 1e6),
			sum(w, METRIC_LOGINS, NULL, NULL),
			sum(w, METRIC_LOGINS, "result", "ok"),
			throttled(w),
			sum(w, METRIC_LOGINS, "result", "temporary"),
			sum(w, METRIC_HASH_QUEUE, NULL, NULL),
		};

		return table_row(t, values);
	}
}

enum exit_code
cmd_status(struct ctl *ctl)
{
	struct error why = { .text = "" };
	enum outcome o = ctl_conf(ctl), health = RETRY;
	struct table table;
	struct watch w;
	enum exit_code e;

	watch_init(&w);
	if (o == FOUND)
		o = watch_get(&w, ctl->conf, &ctl->err);
	if (o == FOUND)
		o = health = watch_health(ctl->conf, &why);
	if (o == RETRY) {
		if (why.text[0] != '\0')
			ctl->err = why;
		e = ctl_fail(ctl, RETRY, "cannot tell how vmaild is doing");
		goto out;
	}
	table_record(&table, ctl, columns, "daemon", slice_str(NULL));
	put_row(&table, &w, health == FOUND ? "ok" : "failing", why.text);
	e = table_end(&table, FOUND);
	if (e == EXIT_DONE && health != FOUND)
		e = EXIT_NOT;
out:
	watch_release(&w);
	return e;
}
