/* SPDX-License-Identifier: ISC
 *
 * Passwords stored as they are.
 */
#include "auth/scheme.h"

static enum flaw
judge(const struct scheme *s, struct slice data, const struct password_cost *cost)
{
	(void)s;
	(void)cost;
	return data.n > 0 ? FLAW_NONE : FLAW_MALFORMED;
}

static enum outcome
verify(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	(void)s;
	(void)cost;
	(void)err;
	return scheme_compare(data, password.p, password.n);
}

const struct family family_plain = { judge, verify };
