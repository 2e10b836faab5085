/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a password that another system stored: the first line is the scheme that it is in
 * where it does not say so. What is taken can be kept; nothing of what is refused is repeated. And
 * the same bytes as an app password, in whatever spelling.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "auth/app_password.h"
#include "auth/password.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct password_cost cost = {
	.memory_kib = 1024, .passes = 2, .max_memory_kib = 1024, .max_passes = 2
};

static void
check_adopt(struct slice stored, struct slice bare)
{
	struct error err = { "" };
	struct sbuf out;
	enum outcome o;

	sbuf_init(&out, 1 << 17);
	o = password_adopt(&out, stored, bare, &cost, &err);
	assert(o != RETRY);
	if (o == FOUND) {
		assert(out.n > 2 && out.p[0] == '{');
		if (!slice_starts(sbuf_slice(&out), "{PLAIN}"))
			assert(password_stored_check(sbuf_slice(&out), &cost, NULL) == FOUND);
	}
	if (o == BAD) {
		assert(err.text[0] != '\0');
		assert(stored.n < 32 ||
		       memmem(err.text, strlen(err.text), stored.p, stored.n) == NULL);
	}
	sbuf_release(&out);
}

static void
check_app(struct slice typed)
{
	static const char key[] =
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	struct slice k = slice_of(key, APP_PASSWORD_KEY);
	struct error err;
	struct sbuf out;

	sbuf_init(&out, 1024);
	if (app_password_hash(&out, k, typed, &err) == FOUND) {
		assert(app_password_looks(typed) && app_password_is(sbuf_slice(&out)));
		assert(app_password_verify(sbuf_slice(&out), k, typed, &err) == FOUND);
		assert(app_password_verify(sbuf_slice(&out), k, slice_str("x"), &err) == NONE);
	} else {
		assert(!app_password_looks(typed));
	}
	app_password_verify(typed, k, slice_str("bcdf-ghjk-lmnp-qrst-vwxz-bcdf"), &err);
	sbuf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice stored = slice_of((const char *)data, size);
	struct slice bare = slice_cut(&stored, '\n');

	if (size > 1 << 14 || password_setup(NULL) != FOUND)
		return 0;
	check_adopt(stored, bare);
	check_app(stored);
	return 0;
}
