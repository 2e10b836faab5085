/* SPDX-License-Identifier: ISC
 *
 * Dates, with or without a time of day, and spans from now on.
 */
#include "vmailctl/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/slice.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 24 * HOUR, SPAN_MAX = 100000 };

/* mktime makes the 3rd of March of a 31st of February, and sscanf is easy-going: what is printed
 * again must be what was typed. */
static bool
parse_date(const char *text, int64_t *out)
{
	struct tm tm = { .tm_isdst = -1 };
	char again[64];
	/* NOLINTNEXTLINE(cert-err34-c): four digits fit */
	int n = sscanf(text, "%4d-%2d-%2dT%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
	    &tm.tm_hour, &tm.tm_min);

	if (n != 3 && n != 5)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*out = mktime(&tm);
	strftime(again, sizeof again, "%Y-%m-%dT%H:%M", &tm);
	if (n == 3)
		again[strlen("YYYY-MM-DD")] = '\0';
	return *out > 0 && *out <= WHEN_LAST && strcmp(again, text) == 0;
}

/* "30d", "12h", "10m": in seconds. */
static bool
parse_span(struct slice s, int64_t *out)
{
	unsigned long long n;
	int64_t unit;

	if (s.n < 2 || !slice_number(slice_head(s, s.n - 1), SPAN_MAX, &n))
		return false;
	unit = slice_ends(s, "d")   ? DAY
	       : slice_ends(s, "h") ? HOUR
	       : slice_ends(s, "m") ? MINUTE
				    : 0;
	*out = (int64_t)n * unit;
	return unit > 0;
}

static bool
parse_ahead(const char *text, int64_t now, int64_t *out)
{
	if (text[0] != '+' || !parse_span(slice_str(text + 1), out))
		return false;
	*out += now;
	return true;
}

bool
when_parse(const char *text, int64_t now, int64_t *out)
{
	*out = 0;
	return strcmp(text, "never") == 0 || parse_ahead(text, now, out) || parse_date(text, out);
}

bool
when_past(const char *text, int64_t now, int64_t *out)
{
	int64_t span;

	if (!parse_span(slice_str(text), &span))
		return parse_date(text, out);
	*out = now - span;
	return true;
}
