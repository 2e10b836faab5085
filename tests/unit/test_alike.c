/* SPDX-License-Identifier: ISC
 *
 * Names without their accents.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "mail/alike.h"

struct row {
	const char *text, *form; /* NULL: it has no other form */
};

static void
forms(bool (*other)(struct sbuf *out, struct slice text), const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sbuf out;
		bool ok;

		sbuf_init(&out, 4096);
		ok = other(&out, slice_str(rows[i].text));
		if (ok != (rows[i].form != NULL) ||
		    (ok && !slice_is(sbuf_slice(&out), rows[i].form)))
			fail_msg("'%s': %d '%s'", rows[i].text, ok, sbuf_cstr(&out));
		sbuf_release(&out);
	}
}

static void
test_plain(void **state)
{
	static const struct row rows[] = {
		{ "harry@ex.test", NULL },
		{ "ex.test", NULL },
		{ "", NULL },
		{ "@", NULL },
		{ "j\303\266rg@ex.test", "jorg@ex.test" },
		{ "@xn--mnchen-3ya.de", "@munchen.de" },
		{ "xn--mnchen-3ya.de", "munchen.de" },
		{ "j\303\266rg@xn--mnchen-3ya.de", "jorg@munchen.de" },
		{ "\303\270re@ex.test", NULL }, /* a letter of its own */
		{ "xn--p1ai", NULL },           /* Cyrillic, without marks */
		{ "\"a\303\251 b\"@ex.test", "\"ae b\"@ex.test" },
		{ "xn--\377", NULL },
		{ "a@xn--zzzzzzzzzzz", NULL },
	};

	(void)state;
	forms(alike_plain, rows, sizeof rows / sizeof *rows);
}

static void
test_letters(void **state)
{
	static const struct row rows[] = {
		{ "ex.test", NULL },
		{ "j\303\266rg@ex.test", NULL },
		{ "xn--a@ex.test", NULL },
		{ "", NULL },
		{ "@", NULL },
		{ "xn--mnchen-3ya.de", "m\303\274nchen.de" },
		{ "@xn--mnchen-3ya.de", "@m\303\274nchen.de" },
		{ "j\303\266rg@a.xn--mnchen-3ya.de", "j\303\266rg@a.m\303\274nchen.de" },
		{ "xn--strae-oqa.de", "strasse.de" }, /* as a pattern with a sharp s is folded */
		{ "xn--\377", NULL },
		{ "a@xn--zzzzzzzzzzz", NULL },
	};

	(void)state;
	forms(alike_letters, rows, sizeof rows / sizeof *rows);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_letters),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
