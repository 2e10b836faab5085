/* SPDX-License-Identifier: ISC
 *
 * The page of metrics: the counters of all processes, added up.
 */
#ifndef SERVER_METRICS_PAGE_H
#define SERVER_METRICS_PAGE_H

#include "base/sbuf.h"
#include "slab.h"

/* What the metrics worker finds out about the store when it is asked. */
struct store_report {
	bool up;
	int version;
	uint64_t main, log; /* bytes */
};

/* Write the page; false when there was no memory for it. */
bool metrics_page(
    struct sbuf *out, const struct slab *slab, const struct store_report *store, int64_t now);

#endif
