/* SPDX-License-Identifier: ISC
 *
 * auth/app_password: how they are made, typed, kept and verified.
 */
#include "auth/app_password.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "../lib/bytes.h"

#define KEY       "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER_KEY "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ONE       "bcdf-ghjk-mnpq-rstv-wxzb-cdfg"
/* BLAKE2b-256 of the letters under KEY, by Python's hashlib */
#define ONE_HASH "{VMAILD-APP}JouZVn7q147hevCMdEmDngb0JeJyb0SGQUra05RTm0Y="

static void
test_made_of_letters(void **state)
{
	static const char letters[] = "bcdfghjkmnpqrstvwxz";
	unsigned char random[APP_PASSWORD_RANDOM] = { 0 };
	unsigned seen[256] = { 0 };
	char text[APP_PASSWORD_SIZE];

	(void)state;
	app_password_make(text, random);
	assert_string_equal(text, "bbbb-bbbb-bbbb-bbbb-bbbb-bbbb");
	random[APP_PASSWORD_RANDOM - 1] = 20; /* 1 * 19 + 1 */
	app_password_make(text, random);
	assert_string_equal(text, "ccbb-bbbb-bbbb-bbbb-bbbb-bbbb");
	for (unsigned i = 0; i < 4000; i++) {
		crypto_generichash(random, sizeof random, (unsigned char *)&i, sizeof i, NULL, 0);
		app_password_make(text, random);
		assert_int_equal(strlen(text), APP_PASSWORD_SIZE - 1);
		assert_true(app_password_looks(slice_str(text)));
		for (const char *p = text; *p != '\0'; p++)
			seen[(unsigned char)*p]++;
	}
	/* 96000 letters of 19: about 5053 of each, and three standard deviations are 208 */
	for (const char *p = letters; *p != '\0'; p++)
		assert_in_range(seen[(unsigned char)*p], 4700, 5400);
	assert_int_equal(seen['-'], 5 * 4000);
}

static const struct {
	const char *name;
	struct slice typed;
	bool looks;
} spellings[] = {
	{ "as it is shown", BYTES(ONE), true },
	{ "without dashes", BYTES("bcdfghjkmnpqrstvwxzbcdfg"), true },
	{ "with blanks", BYTES(" bcdf ghjk mnpq rstv wxzb cdfg "), true },
	{ "by a phone that begins sentences", BYTES("Bcdf-ghjk-mnpq-rstv-wxzb-cdfg"), true },
	{ "loud", BYTES("BCDF-GHJK-MNPQ-RSTV-WXZB-CDFG"), true },
	{ "a letter short", BYTES("bcdf-ghjk-mnpq-rstv-wxzb-cdf"), false },
	{ "a letter long", BYTES("bcdf-ghjk-mnpq-rstv-wxzb-cdfgb"), false },
	{ "a letter that is none", BYTES("acdf-ghjk-mnpq-rstv-wxzb-cdfg"), false },
	{ "a NUL", BYTES("bcdf-ghjk-mnpq-rstv-wxzb-cdf\0"), false },
	{ "a password", BYTES("correct horse"), false },
	{ "nothing", BYTES(""), false },
	{ "dashes", BYTES("-----"), false },
	{ "high bytes", BYTES("\xff\xfe\x80"), false },
};

static void
test_spellings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(spellings); i++) {
		struct slice typed = bytes_copy(spellings[i].typed);
		struct error err = { "" };
		enum outcome o =
		    app_password_verify(slice_str(ONE_HASH), slice_str(KEY), typed, &err);

		if (app_password_looks(typed) != spellings[i].looks ||
		    o != (spellings[i].looks ? FOUND : NONE))
			fail_msg("%s: %s %s", spellings[i].name, outcome_name(o), err.text);
		bytes_free(typed);
	}
}

static void
test_hash(void **state)
{
	struct error err;
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 1024);
	assert_int_equal(app_password_hash(&out, slice_str(KEY), slice_str(ONE), &err), FOUND);
	assert_string_equal(sbuf_cstr(&out), ONE_HASH);
	assert_true(app_password_is(sbuf_slice(&out)));
	assert_false(app_password_is(slice_str("{ARGON2ID}x")));
	assert_false(app_password_is(slice_str("")));
	sbuf_clear(&out);
	assert_int_equal(
	    app_password_hash(&out, slice_str(KEY), slice_str("hunter2hunter2"), &err), BAD);
	assert_null(strstr(err.text, "hunter2"));
	assert_int_equal(out.n, 0);
	sbuf_release(&out);
}

static const struct {
	const char *name;
	const char *stored, *key, *typed;
	enum outcome expected;
} verdicts[] = {
	{ "the right one", ONE_HASH, KEY, ONE, FOUND },
	{ "the scheme in another case",
	    "{vmaild-app}JouZVn7q147hevCMdEmDngb0JeJyb0SGQUra05RTm0Y=", KEY, ONE, FOUND },
	{ "another one", ONE_HASH, KEY, "bcdf-ghjk-mnpq-rstv-wxzb-cdfh", NONE },
	{ "the key of another store", ONE_HASH, OTHER_KEY, ONE, NONE },
	{ "no key", ONE_HASH, "", ONE, RETRY },
	{ "half a key", ONE_HASH, "000102030405060708090a0b0c0d0e0f", ONE, RETRY },
	{ "a key that is no hex", ONE_HASH,
	    "zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", ONE, RETRY },
	{ "nothing behind the scheme", "{VMAILD-APP}", KEY, ONE, RETRY },
	{ "too short a hash", "{VMAILD-APP}AAAA", KEY, ONE, RETRY },
	{ "no base64", "{VMAILD-APP}???", KEY, ONE, RETRY },
	{ "too long a hash", ONE_HASH "AAAA", KEY, ONE, RETRY },
	{ "another scheme", "{PLAIN}" ONE, KEY, ONE, RETRY },
};

static void
test_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(verdicts); i++) {
		struct slice stored = bytes_copy(slice_str(verdicts[i].stored));
		struct slice key = bytes_copy(slice_str(verdicts[i].key));
		struct error err = { "" };
		enum outcome o =
		    app_password_verify(stored, key, slice_str(verdicts[i].typed), &err);

		if (o != verdicts[i].expected)
			fail_msg("%s: %s %s", verdicts[i].name, outcome_name(o), err.text);
		bytes_free(stored);
		bytes_free(key);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_of_letters),
		cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_verify),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("app_password", tests, NULL, NULL);
}
