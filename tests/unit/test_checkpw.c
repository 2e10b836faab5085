/* SPDX-License-Identifier: ISC
 *
 * wire/checkpw: where the input ends, and that nothing but NONE ever leaves as a refusal.
 */
#include "wire/checkpw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/bytes.h"

static const struct row {
	const char *name;
	struct slice input;
	enum take open; /* before EOF was seen */
	enum take ended;
	const char *user;
	const char *password;
} rows[] = {
	{ "nothing", BYTES(""), MORE, MALFORMED, NULL, NULL },
	{ "a name without its NUL", BYTES("user"), MORE, MALFORMED, NULL, NULL },
	{ "a name alone", BYTES("user\0"), MORE, MALFORMED, NULL, NULL },
	{ "a password without its NUL", BYTES("user\0pw"), MORE, MALFORMED, NULL, NULL },
	{ "two NULs", BYTES("user\0pw\0"), MORE, TAKEN, "user", "pw" },
	{ "a timestamp without its NUL", BYTES("user\0pw\0<1@h>"), MORE, TAKEN, "user", "pw" },
	{ "as Dovecot writes it", BYTES("user\0pw\0\0"), TAKEN, TAKEN, "user", "pw" },
	{ "as Dovecot asks a lookup", BYTES("user\0\0\0"), TAKEN, TAKEN, "user", "" },
	{ "a timestamp", BYTES("user\0pw\0<1@h>\0"), TAKEN, TAKEN, "user", "pw" },
	{ "more behind is ignored", BYTES("user\0pw\0\0more\0"), TAKEN, TAKEN, "user", "pw" },
	{ "all empty", BYTES("\0\0\0"), TAKEN, TAKEN, "", "" },
	{ "any byte but NUL is content", BYTES("u \t\0p\n\xff\0\0"), TAKEN, TAKEN, "u \t",
	    "p\n\xff" },
};

static void
check(const struct row *r, struct slice input, bool eof, enum take take)
{
	struct slice in = bytes_copy(input);
	struct checkpw_input got = { BYTES("-"), BYTES("-") };
	enum take t = checkpw_take(in, eof, &got);

	if (t != take)
		fail_msg("%s, %zu bytes, eof %d: got %d, expected %d", r->name, in.n, eof, t, take);
	if (take != TAKEN && !slice_is(got.user, "-"))
		fail_msg("%s: something was touched", r->name);
	if (take == TAKEN && (!slice_is(got.user, r->user) || !slice_is(got.password, r->password)))
		fail_msg("%s, eof %d: wrong fields", r->name, eof);
	bytes_free(in);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		check(&rows[i], rows[i].input, false, rows[i].open);
		check(&rows[i], rows[i].input, true, rows[i].ended);
	}
}

static void
test_every_prefix_wants_more(void **state)
{
	const struct row r = { .name = "the whole", .input = BYTES("user\0pw\0time\0") };

	(void)state;
	for (size_t n = 0; n < r.input.n; n++)
		check(&r, slice_head(r.input, n), false, MORE);
}

static void
test_limit(void **state)
{
	char *in = malloc(CHECKPW_MAX + 1);
	struct checkpw_input got;

	(void)state;
	memset(in, 'x', CHECKPW_MAX + 1);
	assert_int_equal(checkpw_take(slice_of(in, CHECKPW_MAX), false, &got), MORE);
	assert_int_equal(checkpw_take(slice_of(in, CHECKPW_MAX + 1), false, &got), TOO_LONG);
	in[4] = in[CHECKPW_MAX - 2] = '\0';
	assert_int_equal(checkpw_take(slice_of(in, CHECKPW_MAX), true, &got), TAKEN);
	assert_int_equal(checkpw_take(slice_of(in, CHECKPW_MAX + 1), true, &got), TOO_LONG);
	in[CHECKPW_MAX] = '\0';
	assert_int_equal(checkpw_take(slice_of(in, CHECKPW_MAX + 1), false, &got), TOO_LONG);
	in[CHECKPW_MAX - 1] = '\0';
	assert_int_equal(checkpw_take(slice_of(in, CHECKPW_MAX), false, &got), TAKEN);
	assert_int_equal(checkpw_take(slice_of(in, CHECKPW_MAX + 1), false, &got), TAKEN);
	assert_int_equal(got.password.n, CHECKPW_MAX - 7);
	free(in);
}

static void
test_exit_codes(void **state)
{
	(void)state;
	assert_int_equal(checkpw_exit_code(FOUND, false), 0);
	assert_int_equal(checkpw_exit_code(NONE, false), 1);
	assert_int_equal(checkpw_exit_code(RETRY, false), 111);
	assert_int_equal(checkpw_exit_code(BAD, false), 111);
	assert_int_equal(checkpw_exit_code(FOUND, true), 0);
	assert_int_equal(checkpw_exit_code(NONE, true), 3);
	assert_int_equal(checkpw_exit_code(RETRY, true), 111);
	assert_int_equal(checkpw_exit_code(BAD, true), 111);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_prefix_wants_more),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_exit_codes),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("checkpw", tests, NULL, NULL);
}
