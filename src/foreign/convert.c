/* SPDX-License-Identifier: ISC
 *
 * Single values as other systems write them.
 */
#include "foreign/convert.h"

#include <string.h>

bool
convert_yes(struct slice text)
{
	static const char *const words[] = { "1", "t", "true", "y", "yes", "on", "\001" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (slice_is_nocase(text, words[i]))
			return true;
	return false;
}

/* --- sizes ------------------------------------------------------------------------------------ */

static bool
is_none(struct slice text)
{
	return text.n == 0 || text.p[0] == '-' || slice_is_nocase(text, "unlimited") ||
	       slice_is_nocase(text, "none");
}

/* What stands behind the number: B, K, MB, GiB, S (of Courier: bytes). */
static bool
take_unit(struct slice text, int64_t *unit)
{
	static const char letters[] = "BKMGTP";
	char c = text.n > 0 ? (char)(text.p[0] & ~32) : '\0';
	const char *at;

	if (c == '\0')
		return true;
	if (c == 'S') {
		*unit = 1;
		return text.n == 1;
	}
	at = strchr(letters, c);
	if (at == NULL)
		return false;
	*unit = (int64_t)1 << (10 * (at - letters));
	text = slice_tail(text, 1);
	return text.n == 0 || slice_is_nocase(text, "B") || slice_is_nocase(text, "iB");
}

bool
convert_size(struct slice text, int64_t unit, int64_t *out)
{
	struct slice size = slice_trim(slice_cut(&text, ','));
	unsigned long long n;
	size_t digits = 0;

	*out = 0;
	if (is_none(size))
		return true;
	while (digits < size.n && size.p[digits] >= '0' && size.p[digits] <= '9')
		digits++;
	if (!take_unit(slice_trim(slice_tail(size, digits)), &unit) ||
	    !slice_number(slice_head(size, digits), (unsigned long long)(INT64_MAX / unit), &n))
		return false;
	*out = (int64_t)n * unit;
	return true;
}

/* --- times ------------------------------------------------------------------------------------ */

/* Days since 1970-01-01 of a day in the Gregorian calendar. */
static int64_t
days(int64_t y, int64_t m, int64_t d)
{
	int64_t era, of_era, of_year;

	y -= m <= 2;
	era = y / 400;
	of_era = y - era * 400;
	of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool
take_number(struct slice *text, size_t n, int64_t *out)
{
	unsigned long long value;

	if (text->n < n || !slice_number(slice_head(*text, n), 9999, &value))
		return false;
	*out = (int64_t)value;
	*text = slice_tail(*text, n);
	return true;
}

static bool
take_mark(struct slice *text, const char *marks)
{
	if (text->n == 0 || text->p[0] == '\0' || strchr(marks, text->p[0]) == NULL)
		return false;
	*text = slice_tail(*text, 1);
	return true;
}

/* +02, -0330, +05:30 */
static int64_t
offset_seconds(struct slice text)
{
	int64_t sign = slice_starts(text, "-") ? -1 : 1, hours = 0, minutes = 0;

	if (!take_mark(&text, "+-") || !take_number(&text, 2, &hours))
		return 0;
	take_mark(&text, ":");
	take_number(&text, 2, &minutes);
	return sign * (hours * 3600 + minutes * 60);
}

static int64_t
time_of_day(struct slice text)
{
	int64_t h = 0, m = 0, s = 0;

	if (!take_mark(&text, "T ") || !take_number(&text, 2, &h) || !take_mark(&text, ":") ||
	    !take_number(&text, 2, &m))
		return 0;
	if (take_mark(&text, ":"))
		take_number(&text, 2, &s);
	while (text.n > 0 && strchr(".0123456789 ", text.p[0]) != NULL && text.p[0] != '\0')
		text = slice_tail(text, 1);
	return h * 3600 + m * 60 + s - offset_seconds(text);
}

int64_t
convert_time(struct slice text)
{
	static const int64_t first = 366 * 86400, last = (int64_t)7000 * 366 * 86400;
	int64_t y, m, d, at;
	unsigned long long number;

	text = slice_trim(text);
	if (slice_number(text, (unsigned long long)last, &number))
		at = (int64_t)number;
	else if (take_number(&text, 4, &y) && take_mark(&text, "-") && take_number(&text, 2, &m) &&
		 take_mark(&text, "-") && take_number(&text, 2, &d) && m >= 1 && m <= 12)
		at = days(y, m, d) * 86400 + time_of_day(text);
	else
		return 0;
	return at >= first && at < last ? at : 0;
}

/* --- lists ------------------------------------------------------------------------------------ */

static bool
separates(char c)
{
	return c == ',' || c == ' ' || (c >= '\t' && c <= '\r');
}

bool
convert_next(struct slice *list, struct slice *out)
{
	bool quoted = false;
	size_t n = 0;

	while (list->n > 0 && separates(list->p[0]))
		*list = slice_tail(*list, 1);
	while (n < list->n && (quoted || !separates(list->p[n]))) {
		if (list->p[n] == '\\' && n + 1 < list->n)
			n++;
		else if (list->p[n] == '"')
			quoted = !quoted;
		n++;
	}
	*out = slice_head(*list, n);
	*list = slice_tail(*list, n);
	return n > 0;
}

bool
convert_extra(struct slice extra, const char *name, struct slice *out)
{
	while (extra.n > 0) {
		struct slice value = slice_cut(&extra, ' '), key = slice_cut(&value, '=');

		if (slice_is_nocase(key, name)) {
			*out = value;
			return true;
		}
	}
	return false;
}
