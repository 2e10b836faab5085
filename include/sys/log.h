/* SPDX-License-Identifier: ISC
 *
 * The daemon's voice: one line per event on stderr or in syslog. Libraries do not use it.
 */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#include <stdbool.h>

#include "base/slice.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* A sentence; or, for programs that read it, names and values in logfmt or as a JSON object. */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* Choose where lines go, from which level on, and in which form. IDENT is the program, ROLE (may be
 * "") what part of it. */
void log_open(const char *ident, bool syslog, enum log_level level, enum log_format format);
void log_role(const char *role);
bool log_level_by_name(const char *name, enum log_level *out);
bool log_format_by_name(const char *name, enum log_format *out);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What there is to know of an event: one of these. What is empty is left out. */
struct log_field {
	const char *name;  /* NULL behind the last */
	struct slice text; /* somebody else's: made safe here */
	const char *words; /* ours */
	long long number;
};

/* Log an event: as text the sentence of FMT, for programs EVENT, a few words that are always the
 * same, with FIELDS. */
void log_event(enum log_level level, const char *event, const struct log_field *fields,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Make input fit for a log line: what is not printable ASCII, a quote or a backslash leaves as
 * \xNN, and at most 80 bytes of it are shown. Returns BUF. */
const char *log_safe(struct slice s, char *buf, size_t size);

#endif
