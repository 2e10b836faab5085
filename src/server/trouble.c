/* SPDX-License-Identifier: ISC
 *
 * A complaint that may be due ten thousand times a second, and is worth one line.
 */
#include "trouble.h"

#include <stdarg.h>
#include <stdio.h>

#include "clock.h"
#include "sys/log.h"

enum { TROUBLE_EVERY_MS = 1000 };

void
trouble_log(struct trouble *t, const char *fmt, ...)
{
	uint64_t now = clock_ms();
	char text[1024];
	va_list ap;

	if (t->said != 0 && now - t->said < TROUBLE_EVERY_MS) {
		t->unsaid++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (t->unsaid > 0)
		log_warning("%s (and %lu more since the last such line)", text, t->unsaid);
	else
		log_warning("%s", text);
	t->said = now;
	t->unsaid = 0;
}
