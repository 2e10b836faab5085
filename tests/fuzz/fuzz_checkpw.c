/* SPDX-License-Identifier: ISC
 *
 * Any bytes as the input of checkpassword: the fields with their NULs are the input again, and once
 * it is whole neither EOF nor more bytes change it.
 */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>

#include "wire/checkpw.h"

#include "../lib/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_fields(struct slice in, const struct checkpw_input *got)
{
	size_t at;

	assert(got->user.p == in.p && !slice_chr(got->user, '\0', &at));
	assert(got->password.p == got->user.p + got->user.n + 1);
	assert(!slice_chr(got->password, '\0', &at));
	assert(got->password.p + got->password.n < in.p + in.n);
}

/* Show the codec the first N bytes as a reader would have them, then the end of the file. */
static enum take
check_part(struct slice in, size_t n)
{
	struct slice part = bytes_copy(slice_head(in, n));
	struct checkpw_input open, ended;
	enum take got = checkpw_take(part, false, &open);
	enum take last = checkpw_take(part, true, &ended);

	assert(got != MALFORMED && last != MORE);
	assert(got != MORE || n <= CHECKPW_MAX);
	assert(got == MORE || got == last);
	assert(got != TOO_LONG || n > CHECKPW_MAX);
	if (got == TAKEN) {
		check_fields(part, &open);
		assert(slice_eq(open.password, ended.password));
	}
	if (last == TAKEN)
		check_fields(part, &ended);
	bytes_free(part);
	return got;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);
	enum take before = MORE;

	for (size_t n = 0; n <= size && n <= CHECKPW_MAX + 8; n++) {
		enum take got = check_part(in, n);

		/* the verdict comes once and stays */
		assert(before == MORE || got == before);
		before = got;
	}
	return 0;
}
