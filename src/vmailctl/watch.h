/* SPDX-License-Identifier: ISC
 *
 * How the running daemon is doing, as its metrics listener tells.
 */
#ifndef VMAILCTL_WATCH_H
#define VMAILCTL_WATCH_H

#include "conf/conf.h"
#include "wire/metrics.h"

enum { WATCH_SAMPLES = 4096, WATCH_BUCKETS = 64 };

/* All metrics of one moment. */
struct watch {
	struct sbuf text; /* the samples are views into it */
	struct metric_sample *sample;
	size_t n;
};

void watch_init(struct watch *w);
void watch_release(struct watch *w);

/* Ask for the metrics in place of those that W has; RETRY with a text when nobody tells. */
enum outcome watch_get(struct watch *w, const struct conf *conf, struct error *err);

/* Ask whether all is well: FOUND; NONE when not, RETRY when nobody tells, both with a text. */
enum outcome watch_health(const struct conf *conf, struct error *err);

/* Add up the values of a metric whose label LABEL is VALUE; LABEL NULL: of all. */
double watch_sum(const struct watch *w, enum metric m, const char *label, const char *value);

/* The value of the label of the first sample of a metric. */
struct slice watch_label(const struct watch *w, enum metric m, const char *label);

/* A histogram; `count` is of each bucket alone. The last bound is infinite. */
struct watch_histogram {
	double bound[WATCH_BUCKETS];
	double count[WATCH_BUCKETS];
	size_t n;
	double all;
};
void watch_histogram(struct watch_histogram *out, const struct watch *w, enum metric m);

/* Take what was before from what is now. */
void watch_since(struct watch_histogram *now, const struct watch_histogram *before);

/* The bound that PART (0 to 1) of all values does not pass; 0 for none at all. */
double watch_quantile(const struct watch_histogram *h, double part);

#endif
