/* SPDX-License-Identifier: ISC
 *
 * How we are doing, as Prometheus reads it: the table of all metrics, writing them and reading them
 * back. What they are worth is for others to know.
 */
#ifndef WIRE_METRICS_H
#define WIRE_METRICS_H

#include <stdint.h>

#include "base/sbuf.h"

enum metric {
	METRIC_BUILD,
	METRIC_STARTED,
	METRIC_UPTIME,
	METRIC_GENERATION,
	METRIC_REFUSED,
	METRIC_WORKERS,
	METRIC_WANTED,
	METRIC_RESTARTS,
	METRIC_STORE_UP,
	METRIC_STORE_VERSION,
	METRIC_STORE_BYTES,
	METRIC_STORE_ERRORS,
	METRIC_STORE_SERVERS,
	METRIC_STORE_BEHIND,
	METRIC_STORE_REACHED,
	METRIC_STORE_LOST,
	METRIC_LOOKUPS,
	METRIC_REMEMBERED,
	METRIC_STALE,
	METRIC_LOOKUP_SECONDS,
	METRIC_QUESTIONS,
	METRIC_CONNECTED,
	METRIC_CONNECTIONS,
	METRIC_LOGINS,
	METRIC_HASH_QUEUE,
	METRIC_HASH_WAIT,
	METRIC_HASH_SECONDS,
	METRICS
};

/* The name of one, for whoever reads them back. */
const char *metric_name(enum metric m);

/* Begin a metric: what it is called, what it is, and what it means. Its values follow. */
void metric_head(struct sbuf *out, enum metric m);

/* A value. ONE and OTHER are the values of the labels that it has; NULL for those that it has not.
 */
void metric_put(
    struct sbuf *out, enum metric m, const char *one, const char *other, uint64_t value);

/* A histogram with its head: how many values are in each BUCKET, which are one more than there are
 * bounds, and what all of them come to. */
void metric_histogram(struct sbuf *out, enum metric m, const uint64_t *bound, size_t bounds,
    const uint64_t *bucket, uint64_t sum);

/* --- reading ---------------------------------------------------------------------------------- */

struct metric_sample {
	struct slice name;
	struct slice labels; /* as written, between the braces */
	double value;
};

/* Take the next value off the front of TEXT; false behind the last. What is no value is passed
 * over. */
bool metric_next(struct slice *text, struct metric_sample *out);

/* The value of a label, as written between the quotes; empty when there is no such label. */
struct slice metric_label(const struct metric_sample *s, const char *name);

#endif
