/* SPDX-License-Identifier: ISC
 *
 * The four outcomes and their explanations.
 */
#include "base/outcome.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#undef error_set

enum outcome
error_set(struct error *e, enum outcome o, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return o;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	return o;
}

const char *
outcome_name(enum outcome o)
{
	static const char *const names[] = {
		[FOUND] = "found", [NONE] = "none", [RETRY] = "retry", [BAD] = "bad"
	};

	return names[o];
}
