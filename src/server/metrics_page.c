/* SPDX-License-Identifier: ISC
 *
 * The page of metrics. Each number is read once, and those of one worker are not of one moment:
 * what was counted while this reads is in the next page.
 */
#include "metrics_page.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <unistr.h>

#include "wire/metrics.h"

static const char *const sides[PROTOCOL_SIDES] = {
	[SIDE_LOOKUP] = "lookup", [SIDE_AUTH] = "auth", [SIDE_METRICS] = "metrics"
};

static const char *const outcomes[] = {
	[FOUND] = "found", [NONE] = "none", [RETRY] = "retry", [BAD] = "bad"
};

/* --- sums ------------------------------------------------------------------------------------- */

/* The counter at OFFSET of a slot, over all slots. */
static uint64_t
sum(const struct slab *slab, size_t offset)
{
	uint64_t n = 0;

	for (size_t i = 0; i < SLAB_SLOTS; i++) {
		const char *slot = (const char *)slab_slot_at(slab, i);

		n += counter_read((const struct counter *)(slot + offset));
	}
	return n;
}

#define SUM(slab, field) sum(slab, offsetof(struct slab_slot, field))

/* Of the I-th of an array of counters. */
#define SUM_AT(slab, field, i)                                                                     \
	sum(slab, offsetof(struct slab_slot, field) + (i) * sizeof(struct counter))

static void
put_sum(struct sbuf *out, const struct slab *slab, enum metric m, size_t offset)
{
	metric_head(out, m);
	metric_put(out, m, NULL, NULL, sum(slab, offset));
}

/* The largest of those that each worker has. */
static uint64_t
largest(const struct slab *slab, size_t offset)
{
	uint64_t most = 0;

	for (size_t i = 0; i < SLAB_SLOTS; i++) {
		const char *slot = (const char *)slab_slot_at(slab, i);
		uint64_t n = counter_read((const struct counter *)(slot + offset));

		most = n > most ? n : most;
	}
	return most;
}

static void
put_times(struct sbuf *out, const struct slab *slab, enum metric m, size_t offset)
{
	uint64_t bucket[SLAB_TIMES + 1];

	for (size_t i = 0; i <= SLAB_TIMES; i++)
		bucket[i] = sum(slab,
		    offset + offsetof(struct slab_times, bucket) + i * sizeof(struct counter));
	metric_histogram(out, m, slab_times, SLAB_TIMES, bucket,
	    sum(slab, offset + offsetof(struct slab_times, sum)));
}

/* --- the daemon ------------------------------------------------------------------------------- */

static void
put_one(struct sbuf *out, enum metric m, uint64_t value)
{
	metric_head(out, m);
	metric_put(out, m, NULL, NULL, value);
}

static void
put_sides(struct sbuf *out, enum metric m, const struct counter *of)
{
	metric_head(out, m);
	for (int side = 0; side < PROTOCOL_SIDES; side++)
		metric_put(out, m, sides[side], NULL, counter_read(&of[side]));
}

static void
put_daemon(struct sbuf *out, const struct slab_top *top, int64_t now)
{
	int64_t started = (int64_t)counter_read(&top->started);

	metric_head(out, METRIC_BUILD);
	metric_put(out, METRIC_BUILD, VMAILD_VERSION, NULL, 1);
	put_one(out, METRIC_STARTED, (uint64_t)started);
	put_one(out, METRIC_UPTIME, now > started ? (uint64_t)(now - started) : 0);
	put_one(out, METRIC_GENERATION, counter_read(&top->generation));
	put_one(out, METRIC_REFUSED, counter_read(&top->refused));
	put_sides(out, METRIC_WORKERS, top->serving);
	put_sides(out, METRIC_WANTED, top->wanted);
	put_sides(out, METRIC_RESTARTS, top->restarts);
}

/* As many as the URI has servers; of a file none. */
static void
put_servers(struct sbuf *out, const struct slab *slab)
{
	uint64_t n = largest(slab, offsetof(struct slab_slot, store.servers));
	char number[24];

	metric_head(out, METRIC_STORE_SERVERS);
	for (size_t i = 0; i < n && i < REMOTE_SERVERS; i++) {
		snprintf(number, sizeof number, "%zu", i + 1);
		metric_put(
		    out, METRIC_STORE_SERVERS, number, "primary", SUM_AT(slab, store.primary, i));
		metric_put(
		    out, METRIC_STORE_SERVERS, number, "standby", SUM_AT(slab, store.standby, i));
	}
	put_one(out, METRIC_STORE_BEHIND, largest(slab, offsetof(struct slab_slot, store.behind)));
	put_sum(out, slab, METRIC_STORE_REACHED, offsetof(struct slab_slot, store.reached));
	put_sum(out, slab, METRIC_STORE_LOST, offsetof(struct slab_slot, store.lost));
}

static void
put_store(struct sbuf *out, const struct slab *slab, const struct store_report *store)
{
	put_one(out, METRIC_STORE_UP, store->up);
	put_one(out, METRIC_STORE_VERSION, (uint64_t)store->version);
	metric_head(out, METRIC_STORE_BYTES);
	metric_put(out, METRIC_STORE_BYTES, "main", NULL, store->main);
	metric_put(out, METRIC_STORE_BYTES, "wal", NULL, store->log);
	put_sum(out, slab, METRIC_STORE_ERRORS, offsetof(struct slab_slot, store_failures));
	put_servers(out, slab);
}

/* --- lookups ---------------------------------------------------------------------------------- */

static void
put_map(struct sbuf *out, const struct slab *slab, const char *name, size_t number)
{
	for (size_t o = FOUND; o <= BAD; o++)
		metric_put(out, METRIC_LOOKUPS, name, outcomes[o],
		    SUM_AT(slab, tally.answered, number * (BAD + 1) + o));
}

static void
put_lookups(struct sbuf *out, const struct slab *slab)
{
	uint64_t bucket[SLAB_QUESTIONS + 1];
	const struct map *m;

	metric_head(out, METRIC_LOOKUPS);
	for (size_t i = 0; (m = map_at(i)) != NULL && i < TALLY_POLICY; i++)
		put_map(out, slab, m->name, i);
	put_map(out, slab, "(policy)", TALLY_POLICY);
	put_map(out, slab, "(other)", TALLY_OTHER);
	put_sum(out, slab, METRIC_REMEMBERED, offsetof(struct slab_slot, tally.remembered));
	put_sum(out, slab, METRIC_STALE, offsetof(struct slab_slot, tally.stale));
	put_times(out, slab, METRIC_LOOKUP_SECONDS, offsetof(struct slab_slot, lookups));
	for (size_t i = 0; i <= SLAB_QUESTIONS; i++)
		bucket[i] = SUM_AT(slab, questions, i);
	metric_histogram(out, METRIC_QUESTIONS, slab_questions, SLAB_QUESTIONS, bucket,
	    SUM(slab, questions_sum));
}

/* --- clients ---------------------------------------------------------------------------------- */

/* A path may have any bytes, and be cut within a letter: those that are no UTF-8 stand in the page
 * as \xNN, for it would be refused as a whole. */
static void
put_listener(struct sbuf *out, enum metric m, const struct slab_listener *l, uint64_t value)
{
	const uint8_t *text = (const uint8_t *)l->name, *odd;
	size_t n = strlen(l->name);
	struct sbuf name;

	sbuf_init(&name, 4 * sizeof l->name);
	while ((odd = u8_check(text, n)) != NULL) {
		sbuf_add(&name, text, (size_t)(odd - text));
		sbuf_printf(&name, "\\x%02x", *odd);
		n -= (size_t)(odd + 1 - text);
		text = odd + 1;
	}
	sbuf_add(&name, text, n);
	out->failed |= name.failed;
	metric_put(out, m, sbuf_cstr(&name), protocol_name(l->protocol), value);
	sbuf_release(&name);
}

static void
put_listeners(struct sbuf *out, const struct slab *slab, enum metric m, size_t offset)
{
	metric_head(out, m);
	for (unsigned i = 0; i < slab->listeners; i++) {
		const struct slab_listener *l = &slab->listener[i];

		/* libevent keeps those of our own to itself */
		if (protocol_side(l->protocol) != SIDE_METRICS)
			put_listener(out, m, l, sum(slab, offset + i * sizeof(struct counter)));
	}
}

static void
put_logins(struct sbuf *out, const struct slab *slab)
{
	metric_head(out, METRIC_LOGINS);
	for (size_t i = 0; i < SLAB_LOGINS; i++)
		metric_put(out, METRIC_LOGINS, slab_login_words[i], NULL, SUM_AT(slab, logins, i));
	put_sum(out, slab, METRIC_HASH_QUEUE, offsetof(struct slab_slot, hash_waiting));
	put_times(out, slab, METRIC_HASH_WAIT, offsetof(struct slab_slot, hash_waits));
	put_times(out, slab, METRIC_HASH_SECONDS, offsetof(struct slab_slot, hashes));
}

bool
metrics_page(
    struct sbuf *out, const struct slab *slab, const struct store_report *store, int64_t now)
{
	put_daemon(out, slab_top(slab), now);
	put_store(out, slab, store);
	put_lookups(out, slab);
	put_listeners(out, slab, METRIC_CONNECTED, offsetof(struct slab_slot, connected));
	put_listeners(out, slab, METRIC_CONNECTIONS, offsetof(struct slab_slot, connections));
	put_logins(out, slab);
	return !out->failed;
}
