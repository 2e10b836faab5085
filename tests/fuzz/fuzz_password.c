/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a stored password, and behind the first LF the password that is tried. What is
 * stored never breaks anything, and where it cannot be told whether the password is right, there is
 * a reason.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/password.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct password_cost cost = {
	.memory_kib = 8,
	.passes = 1,
	.max_memory_kib = 1024,
	.max_passes = 2,
};

/* Tell whether verifying might take long enough to keep a fuzzer from its work: numbers of five
 * digits, a bcrypt of more than 05, a BSDi of more than 4095 rounds. */
static bool
is_dear(struct slice stored)
{
	size_t digits = 0;

	for (size_t i = 0; i < stored.n; i++) {
		struct slice rest = slice_tail(stored, i);

		digits = rest.p[0] >= '0' && rest.p[0] <= '9' ? digits + 1 : 0;
		if (digits >= 5)
			return true;
		if (slice_starts(rest, "$2") && rest.n > 6 && memcmp(rest.p + 4, "05", 2) > 0)
			return true;
		if (rest.p[0] == '_' && rest.n > 4 && memcmp(rest.p + 3, "..", 2) != 0)
			return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice password = slice_of((const char *)data, size);
	struct slice stored = slice_cut(&password, '\n');
	struct error err = { "" };
	enum outcome o;

	if (password_setup(NULL) != FOUND || is_dear(stored))
		return 0;
	o = password_verify(stored, password, &cost, &err);
	if (o == BAD || (o == RETRY) != (err.text[0] != '\0'))
		abort();
	if (o == FOUND && password_check(slice_of(NULL, 0), password, NULL) != FOUND)
		abort();
	/* what is refused when it is to be kept would have been trouble at every login */
	if ((o == FOUND ||
		(o == NONE && password_check(slice_of(NULL, 0), password, NULL) == FOUND)) &&
	    password_stored_check(stored, &cost, NULL) != FOUND)
		abort();
	return 0;
}
