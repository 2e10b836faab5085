/* SPDX-License-Identifier: ISC
 *
 * auth/network: lists as they are typed and kept, who is in them, and what an address counts for.
 */
#include "auth/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "../lib/bytes.h"

/* --- what is typed ---------------------------------------------------------------------------- */

static const struct typed {
	const char *name;
	struct slice text;
	const char *kept; /* NULL: refused */
	const char *says;
} typed[] = {
	{ "nothing", BYTES(""), "", NULL },
	{ "nothing but separators", BYTES(" ,\t, "), "", NULL },
	{ "one network", BYTES("192.0.2.0/24"), "192.0.2.0/24", NULL },
	{ "several, as people write them", BYTES(" 192.0.2.0/24 , 2001:db8::/32\t10.0.0.0/8,"),
	    "192.0.2.0/24,2001:db8::/32,10.0.0.0/8", NULL },
	{ "an address", BYTES("192.0.2.1"), "192.0.2.1", NULL },
	{ "an address with all its bits", BYTES("192.0.2.1/32"), "192.0.2.1", NULL },
	{ "a v6 address with all its bits", BYTES("2001:DB8::1/128"), "2001:db8::1", NULL },
	{ "a v6 network written long", BYTES("2001:0db8:0000::/48"), "2001:db8::/48", NULL },
	{ "everything", BYTES("0.0.0.0/0,::/0"), "0.0.0.0/0,::/0", NULL },
	{ "an odd prefix", BYTES("192.0.2.128/25"), "192.0.2.128/25", NULL },
	{ "a mapped address", BYTES("::ffff:192.0.2.1"), "192.0.2.1", NULL },
	{ "a mapped network", BYTES("::ffff:192.0.2.0/120"), "192.0.2.0/24", NULL },
	{ "the network of all mapped ones", BYTES("::ffff:0:0/96"), "0.0.0.0/0", NULL },
	{ "bits of a host", BYTES("192.0.2.7/24"), NULL, "write 192.0.2.0/24" },
	{ "bits of a v6 host", BYTES("2001:db8::1/32"), NULL, "write 2001:db8::/32" },
	{ "too long a prefix", BYTES("192.0.2.0/33"), NULL, "'192.0.2.0/33' is no network" },
	{ "too long a v6 prefix", BYTES("2001:db8::/129"), NULL, "is no network" },
	{ "an empty prefix", BYTES("192.0.2.0/"), NULL, "is no network" },
	{ "a mask", BYTES("192.0.2.0/255.255.255.0"), NULL, "is no network" },
	{ "a name", BYTES("mail.example.org"), NULL, "'mail.example.org' is no network" },
	{ "a short form", BYTES("192.0.2/24"), NULL, "is no network" },
	{ "a zone", BYTES("fe80::1%eth0"), NULL, "is no network" },
	{ "a NUL", BYTES("192.0.2.1\0"), NULL, "is no network" },
	{ "one good, one bad", BYTES("192.0.2.1,nonsense"), NULL, "'nonsense'" },
};

static void
test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(typed); i++) {
		const struct typed *r = &typed[i];
		struct slice text = bytes_copy(r->text);
		struct error err = { "" };
		struct sbuf out;
		enum outcome o;

		sbuf_init(&out, 4096);
		o = network_list_check(&out, text, &err);
		if (o != (r->kept != NULL ? FOUND : BAD) ||
		    strcmp(sbuf_cstr(&out), r->kept != NULL ? r->kept : "") != 0 ||
		    (r->says != NULL && strstr(err.text, r->says) == NULL))
			fail_msg("%s: %s '%s' '%s'", r->name, outcome_name(o), sbuf_cstr(&out),
			    err.text);
		sbuf_release(&out);
		bytes_free(text);
	}
}

static const struct {
	struct slice text;
	const char *kept; /* NULL: refused */
} mended[] = {
	{ BYTES(""), "" },
	{ BYTES("192.0.2.7/24"), "192.0.2.0/24" },
	{ BYTES("192.0.2.7/24,2001:db8:1::1/32, 198.51.100.129/25 "),
	    "192.0.2.0/24,2001:db8::/32,198.51.100.128/25" },
	{ BYTES("192.0.2.7/0"), "0.0.0.0/0" },
	{ BYTES("192.0.2.7/32,2001:db8::1/128"), "192.0.2.7,2001:db8::1" },
	{ BYTES("::ffff:192.0.2.7/120"), "192.0.2.0/24" },
	{ BYTES("::ffff:192.0.2.7/64"), "::/64" },
	{ BYTES("192.0.2.7/33"), NULL },
	{ BYTES("192.0.2.7/24,nonsense"), NULL },
};

/* What it is mended to has the same members, and needs no mending. */
static void
test_mend(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(mended); i++) {
		struct slice text = bytes_copy(mended[i].text);
		struct error err = { "" };
		struct sbuf out, again;
		enum outcome o;

		sbuf_init(&out, 4096);
		sbuf_init(&again, 4096);
		o = network_list_mend(&out, text, &err);
		if (o != (mended[i].kept != NULL ? FOUND : BAD) ||
		    strcmp(sbuf_cstr(&out), mended[i].kept != NULL ? mended[i].kept : "") != 0)
			fail_msg("%s: %s '%s' '%s'", mended[i].text.p, outcome_name(o),
			    sbuf_cstr(&out), err.text);
		assert_int_equal(network_list_check(&again, sbuf_slice(&out), &err), FOUND);
		assert_string_equal(sbuf_cstr(&again), sbuf_cstr(&out));
		sbuf_release(&out);
		sbuf_release(&again);
		bytes_free(text);
	}
}

static void
test_check_bounded(void **state)
{
	struct sbuf text, out;
	struct error err;

	(void)state;
	sbuf_init(&text, 1 << 20);
	sbuf_init(&out, 1 << 20);
	for (int i = 0; i < 90; i++)
		sbuf_printf(&text, "10.0.%d.1 ", 100 + i);
	assert_int_equal(network_list_check(&out, sbuf_slice(&text), &err), FOUND);
	assert_true(out.n <= NETWORK_LIST_MAX);
	for (int i = 0; i < 10; i++)
		sbuf_printf(&text, "10.1.%d.1 ", 100 + i);
	sbuf_clear(&out);
	assert_int_equal(network_list_check(&out, sbuf_slice(&text), &err), BAD);
	assert_int_equal(out.n, 0);
	sbuf_release(&text);
	sbuf_release(&out);
}

/* --- who is in it ----------------------------------------------------------------------------- */

static const struct member {
	const char *name;
	const char *list;
	struct slice remote;
	bool in;
} members[] = {
	{ "no list", "", BYTES("192.0.2.1"), true },
	{ "no list and no address", "", BYTES(""), true },
	{ "in the network", "192.0.2.0/24", BYTES("192.0.2.255"), true },
	{ "beside it", "192.0.2.0/24", BYTES("192.0.3.0"), false },
	{ "in the network of a host", "192.0.2.5/24", BYTES("192.0.2.77"), true },
	{ "the host itself", "192.0.2.5/24", BYTES("192.0.2.5"), true },
	{ "beside the network of a host", "192.0.2.5/24", BYTES("192.0.3.5"), false },
	{ "in the network of a v6 host", "2001:db8::5/32", BYTES("2001:db8:7::1"), true },
	{ "in the second", "10.0.0.0/8,192.0.2.0/24", BYTES("192.0.2.9"), true },
	{ "in the first", "10.0.0.0/8,192.0.2.0/24", BYTES("10.255.0.1"), true },
	{ "the address itself", "192.0.2.1", BYTES("192.0.2.1"), true },
	{ "the next one", "192.0.2.1", BYTES("192.0.2.2"), false },
	{ "the lower half", "192.0.2.128/25", BYTES("192.0.2.127"), false },
	{ "the upper half", "192.0.2.128/25", BYTES("192.0.2.128"), true },
	{ "a mapped client", "192.0.2.0/24", BYTES("::ffff:192.0.2.1"), true },
	{ "all of v4", "0.0.0.0/0", BYTES("198.51.100.1"), true },
	{ "all of v4 is not v6", "0.0.0.0/0", BYTES("2001:db8::1"), false },
	{ "all of v6 is not v4", "::/0", BYTES("192.0.2.1"), false },
	{ "all of v6 is not mapped v4", "::/0", BYTES("::ffff:192.0.2.1"), false },
	{ "v6", "2001:db8::/32", BYTES("2001:db8:ffff::1"), true },
	{ "v6 beside it", "2001:db8::/32", BYTES("2001:db9::1"), false },
	{ "a zone", "fe80::/10", BYTES("fe80::1%eth0"), true },
	{ "no address", "0.0.0.0/0,::/0", BYTES(""), false },
	{ "no address but text", "0.0.0.0/0,::/0", BYTES("localhost"), false },
	{ "an address with a NUL", "0.0.0.0/0", BYTES("192.0.2.1\0"), false },
	{ "a network as client", "0.0.0.0/0", BYTES("192.0.2.0/24"), false },
	{ "a list that is none", "everywhere", BYTES("192.0.2.1"), false },
	{ "a list that is none at its end", "10.0.0.0/8,x", BYTES("192.0.2.1"), false },
	{ "very long", "0.0.0.0/0",
	    BYTES("192.0.2.1                                                      "), false },
};

static void
test_has(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(members); i++) {
		const struct member *r = &members[i];
		struct slice list = bytes_copy(slice_str(r->list)), remote = bytes_copy(r->remote);

		if (network_list_has(list, remote) != r->in)
			fail_msg("%s", r->name);
		bytes_free(list);
		bytes_free(remote);
	}
}

/* --- what it counts for ----------------------------------------------------------------------- */

static const struct {
	struct slice remote;
	const char *group;
} groups[] = {
	{ BYTES("192.0.2.77"), "192.0.2.0/24" },
	{ BYTES("::ffff:192.0.2.77"), "192.0.2.0/24" },
	{ BYTES("2001:db8:1:2:3:4:5:6"), "2001:db8:1::/48" },
	{ BYTES("2001:db8:1:fff2::6"), "2001:db8:1::/48" },
	{ BYTES("fe80::1%eth0"), "fe80::/48" },
	{ BYTES("::1"), "::/48" },
	{ BYTES("127.0.0.1"), "127.0.0.0/24" },
	{ BYTES(""), "" },
	{ BYTES("local"), "" },
	{ BYTES("192.0.2.77%eth0"), "" },
};

static void
test_group(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(groups); i++) {
		struct slice remote = bytes_copy(groups[i].remote);
		struct sbuf out;

		sbuf_init(&out, NETWORK_GROUP_MAX);
		assert_true(network_group(&out, remote));
		assert_string_equal(sbuf_cstr(&out), groups[i].group);
		sbuf_release(&out);
		bytes_free(remote);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_mend),
		cmocka_unit_test(test_check_bounded),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_group),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
