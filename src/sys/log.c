/* SPDX-License-Identifier: ISC
 *
 * Log lines. The only state of the program outside of its structs: where they go and who speaks.
 */
#include "sys/log.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, SAFE_MAX_BYTES = 80 };

static struct {
	char ident[32];
	char role[32];
	char tag[64]; /* openlog() keeps a pointer to it */
	bool to_syslog;
	bool stamp; /* nobody else puts the time in front */
	enum log_level level;
	enum log_format format;
} log_to = { .ident = "vmaild", .level = LOG_LEVEL_INFO, .stamp = true };

static const struct {
	const char *name;
	const char *prefix;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", "error: ", LOG_ERR },
	[LOG_LEVEL_WARNING] = { "warning", "warning: ", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", "", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", "debug: ", LOG_DEBUG },
};

static const char *const formats[] = {
	[LOG_FORMAT_TEXT] = "text",
	[LOG_FORMAT_LOGFMT] = "logfmt",
	[LOG_FORMAT_JSON] = "json",
};

bool
log_level_by_name(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

bool
log_format_by_name(const char *name, enum log_format *out)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (strcmp(formats[i], name) == 0) {
			*out = (enum log_format)i;
			return true;
		}
	}
	return false;
}

/* $JOURNAL_STREAM is inherited by programs whose stderr went elsewhere since: compare. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	/* NOLINTNEXTLINE(cert-err34-c): a number that is too large is no inode of ours */
	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* In syslog the role is part of the tag, "vmaild/lookup", as it is with Postfix. */
static void
name_ourselves(void)
{
	snprintf(log_to.tag, sizeof log_to.tag, "%s%s%s", log_to.ident,
	    log_to.role[0] == '\0' ? "" : "/", log_to.role);
	if (log_to.to_syslog)
		openlog(log_to.tag, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_open(const char *ident, bool to_syslog, enum log_level level, enum log_format format)
{
	snprintf(log_to.ident, sizeof log_to.ident, "%s", ident);
	if (log_to.to_syslog)
		closelog();
	log_to.to_syslog = to_syslog;
	log_to.stamp = !stderr_is_journal();
	log_to.level = level;
	log_to.format = format;
	name_ourselves();
}

void
log_role(const char *role)
{
	snprintf(log_to.role, sizeof log_to.role, "%s", role);
	name_ourselves();
}

static size_t
put_stamp(char *out, size_t size)
{
	struct timespec now;
	struct tm tm;
	char zone[8];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	if (localtime_r(&now.tv_sec, &tm) == NULL)
		return 0;
	n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof zone, "%z", &tm);
	return n + (size_t)snprintf(out + n, size - n, ".%03ld%s", now.tv_nsec / 1000000, zone);
}

/* --- a line that is being made ---------------------------------------------------------------- */

/* What is not longer is written as one, so that the lines of several processes do not run into one
 * another. */
struct line {
	char p[PIPE_BUF];
	size_t n;
};

enum {
	LINE_END = sizeof "\"}\n",
	FIELD_LEAST = 32 /* quotes and all, and a number whole */
};

static bool
has_room(const struct line *l, size_t n)
{
	return l->n + n <= sizeof l->p - LINE_END;
}

static void
put_bytes(struct line *l, const char *bytes, size_t n)
{
	if (!has_room(l, n))
		return;
	memcpy(l->p + l->n, bytes, n);
	l->n += n;
}

static void
put_text(struct line *l, const char *text)
{
	put_bytes(l, text, strlen(text));
}

/* --- lines for people ------------------------------------------------------------------------- */

static void
put_names(struct line *l)
{
	put_text(l, log_to.ident);
	if (log_to.role[0] != '\0') {
		put_text(l, "[");
		put_text(l, log_to.role);
		put_text(l, "]");
	}
	put_text(l, ": ");
}

static void
put_plain(struct line *l, enum log_level level, const char *text)
{
	if (log_to.stamp && !log_to.to_syslog) {
		l->n += put_stamp(l->p, sizeof l->p - LINE_END);
		put_text(l, " ");
	}
	if (!log_to.to_syslog)
		put_names(l);
	put_text(l, levels[level].prefix);
	put_text(l, text);
}

/* --- lines for programs ----------------------------------------------------------------------- */

/* Two formats, and one way to quote: what is not ASCII leaves as \xNN, as log_safe has it, and the
 * backslash of that doubled. What there is no room for is cut off. */
static void
put_quoted(struct line *l, const char *text)
{
	put_bytes(l, "\"", 1);
	for (const char *c = text; *c != '\0'; c++) {
		char code[8];

		if (*c == '"' || *c == '\\')
			snprintf(code, sizeof code, "\\%c", *c);
		else if (*c < ' ' || *c > '~')
			snprintf(code, sizeof code, "\\\\x%02x", (unsigned char)*c);
		else
			snprintf(code, sizeof code, "%c", *c);
		put_text(l, code);
	}
	l->p[l->n++] = '"'; /* there is always room for an end */
}

static bool
is_bare(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || *c == '=' || *c == '"' || *c == '\\')
			return false;
	return *text != '\0';
}

/* Begin a field; false when there is no room for it and the quotes of its value. */
static bool
put_name(struct line *l, const char *name)
{
	bool json = log_to.format == LOG_FORMAT_JSON;

	if (!has_room(l, strlen(name) + FIELD_LEAST))
		return false;
	if (json)
		put_text(l, l->n == 0 ? "{\"" : ",\"");
	else if (l->n > 0)
		put_text(l, " ");
	put_text(l, name);
	put_text(l, json ? "\":" : "=");
	return true;
}

static void
put_field(struct line *l, const char *name, const char *value)
{
	if (!put_name(l, name))
		return;
	if (log_to.format == LOG_FORMAT_LOGFMT && is_bare(value))
		put_text(l, value);
	else
		put_quoted(l, value);
}

static void
put_number(struct line *l, const char *name, long long value)
{
	char text[32];

	snprintf(text, sizeof text, "%lld", value);
	if (put_name(l, name))
		put_text(l, text);
}

/* Who speaks, and when: nobody else says it in such a line. */
static void
put_origin(struct line *l, enum log_level level)
{
	char time[64];

	if (log_to.stamp && !log_to.to_syslog && put_stamp(time, sizeof time) > 0)
		put_field(l, "time", time);
	put_field(l, "level", levels[level].name);
	put_field(l, "program", log_to.ident);
	if (log_to.role[0] != '\0')
		put_field(l, "role", log_to.role);
	put_number(l, "pid", getpid());
}

static void
put_fields(
    struct line *l, enum log_level level, const char *message, const struct log_field *fields)
{
	char safe[4 * SAFE_MAX_BYTES + 8];

	put_origin(l, level);
	put_field(l, "msg", message);
	for (; fields != NULL && fields->name != NULL; fields++) {
		if (fields->text.n > 0)
			put_field(l, fields->name, log_safe(fields->text, safe, sizeof safe));
		else if (fields->words != NULL && fields->words[0] != '\0')
			put_field(l, fields->name, fields->words);
		else if (fields->text.p == NULL && fields->words == NULL)
			put_number(l, fields->name, fields->number);
	}
	if (log_to.format == LOG_FORMAT_JSON)
		l->p[l->n++] = '}';
}

/* --- saying it -------------------------------------------------------------------------------- */

static void
write_line(struct line *l, enum log_level level)
{
	if (log_to.to_syslog) {
		syslog(levels[level].priority, "%.*s", (int)l->n, l->p);
		return;
	}
	l->p[l->n++] = '\n';
	if (write(STDERR_FILENO, l->p, l->n) < 0)
		return; /* there is nobody left to tell */
}

static void __attribute__((format(printf, 4, 0))) say(enum log_level level, const char *event,
    const struct log_field *fields, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES];
	struct line line = { .n = 0 };
	int saved = errno;

	if (level > log_to.level)
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (log_to.format == LOG_FORMAT_TEXT)
		put_plain(&line, level, text);
	else
		put_fields(&line, level, event != NULL ? event : text, fields);
	write_line(&line, level);
	errno = saved;
}

void
log_event(
    enum log_level level, const char *event, const struct log_field *fields, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(level, event, fields, fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_ERROR, NULL, NULL, fmt, ap);
	va_end(ap);
}

void
log_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_WARNING, NULL, NULL, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_INFO, NULL, NULL, fmt, ap);
	va_end(ap);
}

static bool
is_safe(char c)
{
	return c >= ' ' && c <= '~' && c != '\'' && c != '"' && c != '\\';
}

const char *
log_safe(struct slice s, char *buf, size_t size)
{
	static const char more[] = "...";
	struct slice shown = slice_head(s, SAFE_MAX_BYTES);
	size_t n = 0, i = 0;

	if (size == 0)
		return buf;
	for (; i < shown.n; i++) {
		size_t width = is_safe(shown.p[i]) ? 1 : 4;

		if (n + width >= size)
			break;
		if (width == 1)
			buf[n] = shown.p[i];
		else
			snprintf(buf + n, width + 1, "\\x%02x", (unsigned char)shown.p[i]);
		n += width;
	}
	buf[n] = '\0';
	if (i < s.n && n + sizeof more <= size)
		memcpy(buf + n, more, sizeof more);
	return buf;
}
