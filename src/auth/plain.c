/* SPDX-License-Identifier: ISC
 *
 * Passwords stored as they are.
 */
#include "auth/scheme.h"

enum outcome
scheme_plain(const struct scheme *s, struct slice data, struct slice password,
    const struct password_cost *cost, struct error *err)
{
	(void)s;
	(void)cost;
	(void)err;
	return scheme_compare(data, password.p, password.n);
}

enum outcome
scheme_plain_form(
    const struct scheme *s, struct slice data, const struct password_cost *cost, struct error *err)
{
	(void)cost;
	return data.n > 0 ? FOUND : scheme_malformed(s, err);
}
