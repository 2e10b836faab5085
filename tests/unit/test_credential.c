/* SPDX-License-Identifier: ISC
 *
 * auth/credential: what it is good for, and the lists and labels that people type.
 */
#include "auth/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "../lib/bytes.h"

static const struct {
	const char *name;
	const char *services, *networks;
	int64_t expires;
	const char *service, *remote;
	int64_t now;
	enum credential_use expected;
} uses[] = {
	{ "no limits", "", "", 0, "imap", "192.0.2.1", 9, CREDENTIAL_GOOD },
	{ "no limits and no address", "", "", 0, "", "", 9, CREDENTIAL_GOOD },
	{ "a second before its end", "", "", 10, "imap", "", 9, CREDENTIAL_GOOD },
	{ "at its end", "", "", 10, "imap", "", 10, CREDENTIAL_EXPIRED },
	{ "long after", "", "", 10, "imap", "", INT64_MAX, CREDENTIAL_EXPIRED },
	{ "its service", "imap,smtp", "", 0, "imap", "", 9, CREDENTIAL_GOOD },
	{ "its other service", "imap,smtp", "", 0, "smtp", "", 9, CREDENTIAL_GOOD },
	{ "the other name of sending", "imap,smtp", "", 0, "submission", "", 9, CREDENTIAL_GOOD },
	{ "and the other way", "submission", "", 0, "smtp", "", 9, CREDENTIAL_GOOD },
	{ "another service", "imap,smtp", "", 0, "pop3", "", 9, CREDENTIAL_OTHER_SERVICE },
	{ "a part of its name", "imap", "", 0, "ima", "", 9, CREDENTIAL_OTHER_SERVICE },
	{ "more than its name", "imap", "", 0, "imap4", "", 9, CREDENTIAL_OTHER_SERVICE },
	{ "no service told", "imap", "", 0, "", "", 9, CREDENTIAL_OTHER_SERVICE },
	{ "its network", "", "192.0.2.0/24", 0, "imap", "192.0.2.9", 9, CREDENTIAL_GOOD },
	{ "another network", "", "192.0.2.0/24", 0, "imap", "192.0.3.9", 9,
	    CREDENTIAL_OTHER_NETWORK },
	{ "no address", "", "192.0.2.0/24", 0, "imap", "", 9, CREDENTIAL_OTHER_NETWORK },
};

static void
test_use(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(uses); i++) {
		const struct credential c = {
			.services = slice_str(uses[i].services),
			.networks = slice_str(uses[i].networks),
			.expires = uses[i].expires,
		};
		enum credential_use use = credential_use(
		    &c, slice_str(uses[i].service), slice_str(uses[i].remote), uses[i].now);

		if (use != uses[i].expected)
			fail_msg("%s: %d", uses[i].name, use);
	}
}

static const struct {
	struct slice text;
	const char *kept; /* NULL: refused */
} services[] = {
	{ BYTES(""), "" },
	{ BYTES("imap"), "imap" },
	{ BYTES(" imap , smtp"), "imap,smtp" },
	{ BYTES("imap,imap"), "imap" },
	{ BYTES("smtp,submission"), "smtp" },
	{ BYTES("lmtp,doveadm,x-1_y"), "lmtp,doveadm,x-1_y" },
	{ BYTES("imap,,smtp"), NULL },
	{ BYTES("imap smtp"), NULL },
	{ BYTES("IMAP"), NULL },
	{ BYTES("ima\0p"), NULL },
	{ BYTES("abcdefghijklmnopqrstuvwxyz1234567"), NULL },
};

static void
test_services(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(services); i++) {
		struct slice text = bytes_copy(services[i].text);
		struct error err;
		struct sbuf out;

		sbuf_init(&out, 1024);
		assert_int_equal(credential_services_check(&out, text, &err),
		    services[i].kept != NULL ? FOUND : BAD);
		assert_string_equal(
		    sbuf_cstr(&out), services[i].kept != NULL ? services[i].kept : "");
		sbuf_release(&out);
		bytes_free(text);
	}
}

static const struct {
	struct slice label;
	bool good;
} labels[] = {
	{ BYTES("phone"), true },
	{ BYTES("Anna's old phone"), true },
	{ BYTES("T\xc3\xa4schchen"), true },
	{ BYTES("1234567890123456789012345678901234567890123456789012345678901234"), true },
	{ BYTES("12345678901234567890123456789012345678901234567890123456789012345"), false },
	{ BYTES(""), false },
	{ BYTES(" phone"), false },
	{ BYTES("phone\t"), false },
	{ BYTES("pho\nne"), false },
	{ BYTES("pho\0ne"), false },
	{ BYTES("pho\x7fne"), false },
	{ BYTES("T\xe4schchen"), false },
};

static void
test_labels(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(labels); i++) {
		struct slice label = bytes_copy(labels[i].label);
		struct error err;

		assert_int_equal(credential_label_check(label, &err), labels[i].good ? FOUND : BAD);
		bytes_free(label);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_use),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_labels),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
