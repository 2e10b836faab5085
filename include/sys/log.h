/* SPDX-License-Identifier: ISC
 *
 * The daemon's voice: one line per event on stderr or in syslog. Libraries do not use it.
 */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#include <stdbool.h>

#include "base/slice.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Choose where lines go and from which level on. IDENT is the program, ROLE (may be "") what part
 * of it. */
void log_open(const char *ident, bool syslog, enum log_level level);
void log_role(const char *role);
bool log_level_by_name(const char *name, enum log_level *out);
const char *log_level_name(enum log_level level);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Make input fit for a log line: what is not printable ASCII, a quote or a backslash leaves as
 * \xNN, and at most 80 bytes of it are shown. Returns BUF. */
const char *log_safe(struct slice s, char *buf, size_t size);

#endif
