/* SPDX-License-Identifier: ISC
 *
 * Log lines. The only state of the program outside of its structs: where they go and who speaks.
 */
#include "sys/log.h"

#include <errno.h>
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

const char *
log_level_name(enum log_level level)
{
	return levels[level].name;
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
log_open(const char *ident, bool to_syslog, enum log_level level)
{
	snprintf(log_to.ident, sizeof log_to.ident, "%s", ident);
	if (log_to.to_syslog)
		closelog();
	log_to.to_syslog = to_syslog;
	log_to.stamp = !stderr_is_journal();
	log_to.level = level;
	name_ourselves();
}

void
log_role(const char *role)
{
	snprintf(log_to.role, sizeof log_to.role, "%s", role);
	name_ourselves();
}

static size_t
put_stamp(char *line, size_t size)
{
	struct timespec now;
	struct tm tm;
	char zone[8];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	if (localtime_r(&now.tv_sec, &tm) == NULL)
		return 0;
	n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof zone, "%z", &tm);
	return n + (size_t)snprintf(line + n, size - n, ".%03ld%s ", now.tv_nsec / 1000000, zone);
}

static size_t
put_names(char *line, size_t size)
{
	const char *role = log_to.role;

	if (role[0] == '\0')
		return (size_t)snprintf(line, size, "%s: ", log_to.ident);
	return (size_t)snprintf(line, size, "%s[%s]: ", log_to.ident, role);
}

/* One write, so that the lines of several processes do not run into one another. */
static void
write_line(const char *text)
{
	char line[LINE_MAX_BYTES + 128];
	size_t n = log_to.stamp ? put_stamp(line, sizeof line) : 0;

	n += put_names(line + n, sizeof line - n);
	n += (size_t)snprintf(line + n, sizeof line - n, "%s", text);
	line[n++] = '\n'; /* over the terminator */
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* there is nobody left to tell */
}

static void __attribute__((format(printf, 2, 0)))
say(enum log_level level, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES];
	int saved = errno;
	int n;

	if (level > log_to.level)
		return;
	n = snprintf(text, sizeof text, "%s", levels[level].prefix);
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (log_to.to_syslog)
		syslog(levels[level].priority, "%s", text);
	else
		write_line(text);
	errno = saved;
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

void
log_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_WARNING, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_DEBUG, fmt, ap);
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
