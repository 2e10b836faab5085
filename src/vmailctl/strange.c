/* SPDX-License-Identifier: ISC
 *
 * App passwords of another store.
 */
#include "vmailctl/strange.h"

#include "auth/app_password.h"
#include "store/logins.h"

size_t
strange_app_passwords(struct store *s, const struct record *r)
{
	size_t n = 0;

	if (r->kind != RECORD_MAILBOX)
		return 0;
	for (size_t i = 0; i < r->credentials; i++) {
		const struct record_credential *c = &r->credential[i];
		struct error ignored;

		if (c->label.n > 0 && app_password_is(c->hash))
			n += store_app_password_known(s, r->name, c->hash, &ignored) == NONE;
	}
	return n;
}
