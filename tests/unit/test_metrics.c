/* SPDX-License-Identifier: ISC
 *
 * The text of metrics: as Prometheus wants it, and read back.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/counter.h"
#include "wire/metrics.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
test_values(void **state)
{
	static const struct {
		const char *name;
		enum metric metric;
		const char *one, *other;
		uint64_t value;
		const char *text;
	} rows[] = {
		{ "no label", METRIC_GENERATION, NULL, NULL, 7, "vmaild_generation 7\n" },
		{ "one", METRIC_WORKERS, "auth", NULL, 0, "vmaild_workers{role=\"auth\"} 0\n" },
		{ "two", METRIC_LOOKUPS, "aliases", "found", UINT64_MAX,
		    "vmaild_lookups_total{map=\"aliases\",outcome=\"found\"} "
		    "18446744073709551615\n" },
		{ "what must be escaped", METRIC_CONNECTED, "unix:/a\"b\\c\nd", "auth", 1,
		    "vmaild_connections{listener=\"unix:/a\\\"b\\\\c\\nd\",protocol=\"auth\"} "
		    "1\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sbuf out;

		sbuf_init(&out, 4096);
		metric_put(&out, rows[i].metric, rows[i].one, rows[i].other, rows[i].value);
		if (strcmp(sbuf_cstr(&out), rows[i].text) != 0)
			fail_msg("%s: %s", rows[i].name, sbuf_cstr(&out));
		sbuf_release(&out);
	}
}

static void
test_head(void **state)
{
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 4096);
	metric_head(&out, METRIC_HASH_QUEUE);
	assert_string_equal(sbuf_cstr(&out),
	    "# HELP vmaild_hash_queue Logins that wait for a thread that hashes.\n"
	    "# TYPE vmaild_hash_queue gauge\n");
	sbuf_release(&out);
}

/* Buckets add up, and nanoseconds leave as seconds to the last digit. */
static void
test_histogram(void **state)
{
	static const uint64_t bound[] = { 10000, 1500000, 2000000000 };
	static const uint64_t bucket[] = { 3, 0, 4, 1 };
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 4096);
	metric_histogram(&out, METRIC_LOOKUP_SECONDS, bound, COUNT(bound), bucket, 5000000001);
	assert_non_null(strstr(sbuf_cstr(&out), "# TYPE vmaild_lookup_seconds histogram\n"
						"vmaild_lookup_seconds_bucket{le=\"0.00001\"} 3\n"
						"vmaild_lookup_seconds_bucket{le=\"0.0015\"} 3\n"
						"vmaild_lookup_seconds_bucket{le=\"2\"} 7\n"
						"vmaild_lookup_seconds_bucket{le=\"+Inf\"} 8\n"
						"vmaild_lookup_seconds_sum 5.000000001\n"
						"vmaild_lookup_seconds_count 8\n"));
	sbuf_release(&out);
}

/* Names are unlike, and a counter's ends as Prometheus likes it. */
static void
test_names(void **state)
{
	(void)state;
	for (int m = 0; m < METRICS; m++) {
		const char *name = metric_name((enum metric)m);
		struct sbuf out;

		assert_true(slice_starts(slice_str(name), "vmaild_"));
		for (int other = 0; other < m; other++)
			assert_string_not_equal(name, metric_name((enum metric)other));
		sbuf_init(&out, 4096);
		metric_head(&out, (enum metric)m);
		assert_int_equal(strstr(sbuf_cstr(&out), " counter\n") != NULL,
		    slice_ends(slice_str(name), "_total"));
		sbuf_release(&out);
	}
}

static void
test_read(void **state)
{
	static const struct {
		const char *name;
		const char *text;
		const char *metric;
		const char *label, *is;
		double value;
	} rows[] = {
		{ "plain", "a 1\n", "a", "x", "", 1 },
		{ "behind comments", "# HELP a b\n\n# TYPE a gauge\na 2.5", "a", "x", "", 2.5 },
		{ "a label", "a{x=\"y\"} 3\n", "a", "x", "y", 3 },
		{ "the second", "a{w=\"x\",x=\"z\"} 3\n", "a", "x", "z", 3 },
		{ "not by half a name", "a{xx=\"1\"} 3\n", "a", "x", "", 3 },
		{ "a brace in it", "a{x=\"}\\\"}\",y=\"\"} 4\n", "a", "x", "}\\\"}", 4 },
		{ "behind lines that are none", "a{x=\"1\n b\nc {\nd 1x\n 5\na 6\n", "a", "x", "",
		    6 },
		{ "infinite", "a{le=\"+Inf\"} +Inf\n", "a", "le", "+Inf", INFINITY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice text = slice_str(rows[i].text);
		struct metric_sample s;

		if (!metric_next(&text, &s) || !slice_is(s.name, rows[i].metric) ||
		    s.value != rows[i].value ||
		    !slice_is(metric_label(&s, rows[i].label), rows[i].is))
			fail_msg("%s", rows[i].name);
		if (metric_next(&text, &s))
			fail_msg("%s: more", rows[i].name);
	}
}

static void
test_counters(void **state)
{
	static const uint64_t bound[] = { 1, 5 };
	struct counter bucket[3] = { { 0 } };

	(void)state;
	counter_add(NULL, 1);
	counter_bucket(bucket, bound, COUNT(bound), 0);
	counter_bucket(bucket, bound, COUNT(bound), 1);
	counter_bucket(bucket, bound, COUNT(bound), 2);
	counter_bucket(bucket, bound, COUNT(bound), 5);
	counter_bucket(bucket, bound, COUNT(bound), 6);
	assert_int_equal(counter_read(&bucket[0]), 2);
	assert_int_equal(counter_read(&bucket[1]), 2);
	assert_int_equal(counter_read(&bucket[2]), 1);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_counters),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
