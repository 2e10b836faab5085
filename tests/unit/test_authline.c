/* SPDX-License-Identifier: ISC
 *
 * wire/authline: lines, fields (empty ones too) and escapes in one pass.
 */
#include "wire/authline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/bytes.h"

static const struct line {
	const char *name;
	struct slice input;
	enum take take;
	struct slice line;
} lines[] = {
	{ "nothing", BYTES(""), MORE, BYTES("") },
	{ "no end yet", BYTES("VERSION\t1"), MORE, BYTES("") },
	{ "an empty line", BYTES("\n"), TAKEN, BYTES("") },
	{ "a line", BYTES("VERSION\t1\t2\n"), TAKEN, BYTES("VERSION\t1\t2") },
	{ "CR and NUL belong to the line", BYTES("a\0b\r\n"), TAKEN, BYTES("a\0b\r") },
	{ "an escaped LF does not end it", BYTES("a\001nb\n"), TAKEN, BYTES("a\001nb") },
};

static void
check_line(const struct line *r, struct slice input, enum take take)
{
	struct slice in = bytes_copy(input), line = BYTES("untouched");
	size_t used = 4711;
	enum take got = authline_take(in, &line, &used);

	if (got != take)
		fail_msg("%s, %zu bytes of it: got %d, expected %d", r->name, in.n, got, take);
	if (take == TAKEN && (used != r->line.n + 1 || !slice_eq(line, r->line)))
		fail_msg("%s: used %zu, line '%.*s'", r->name, used, (int)line.n, line.p);
	if (take == MORE && (used != 4711 || !slice_is(line, "untouched")))
		fail_msg("%s: something was touched", r->name);
	bytes_free(in);
}

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(lines); i++)
		check_line(&lines[i], lines[i].input, lines[i].take);
}

static void
test_every_prefix_wants_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(lines); i++)
		for (size_t n = 0; lines[i].take == TAKEN && n < lines[i].input.n; n++)
			check_line(&lines[i], slice_head(lines[i].input, n), MORE);
}

static void
test_one_byte_too_many_is_left_alone(void **state)
{
	char room[32];

	(void)state;
	for (size_t i = 0; i < ROWS(lines); i++) {
		struct slice in = lines[i].input;

		if (lines[i].take != TAKEN)
			continue;
		memcpy(room, in.p, in.n);
		room[in.n] = '\n';
		check_line(&lines[i], slice_of(room, in.n + 1), TAKEN);
	}
}

static void
test_line_limit(void **state)
{
	char *in = malloc(AUTHLINE_MAX + 1);
	struct slice line;
	size_t used;

	(void)state;
	memset(in, 'x', AUTHLINE_MAX + 1);
	assert_int_equal(authline_take(slice_of(in, AUTHLINE_MAX - 1), &line, &used), MORE);
	assert_int_equal(authline_take(slice_of(in, AUTHLINE_MAX), &line, &used), TOO_LONG);
	in[AUTHLINE_MAX] = '\n';
	assert_int_equal(authline_take(slice_of(in, AUTHLINE_MAX + 1), &line, &used), TOO_LONG);
	in[AUTHLINE_MAX - 1] = '\n';
	assert_int_equal(authline_take(slice_of(in, AUTHLINE_MAX), &line, &used), TAKEN);
	assert_int_equal(line.n, AUTHLINE_MAX - 1);
	assert_int_equal(used, AUTHLINE_MAX);
	free(in);
}

static const struct fields {
	const char *name;
	const char *line;
	size_t count;
	const char *field[4];
} fields[] = {
	{ "an empty line has one", "", 1, { "" } },
	{ "one", "DONE", 1, { "DONE" } },
	{ "three", "VERSION\t1\t2", 3, { "VERSION", "1", "2" } },
	{ "an empty one in the middle", "a\t\tb", 3, { "a", "", "b" } },
	{ "an empty one at the end", "a\t", 2, { "a", "" } },
	{ "an empty one at the front", "\ta", 2, { "", "a" } },
	{ "nothing but tabs", "\t\t\t", 4, { "", "", "", "" } },
	{ "an escaped tab divides nothing", "a\001tb\tc", 2, { "a\001tb", "c" } },
};

static void
test_fields(void **state)
{
	struct slice none = { NULL, 0 }, field;

	(void)state;
	for (size_t i = 0; i < ROWS(fields); i++) {
		const struct fields *r = &fields[i];
		struct slice rest = slice_str(r->line);
		size_t n = 0;

		while (authline_field(&rest, &field)) {
			if (n == r->count || !slice_is(field, r->field[n]))
				fail_msg(
				    "%s: field %zu is '%.*s'", r->name, n, (int)field.n, field.p);
			n++;
		}
		if (n != r->count)
			fail_msg("%s: %zu fields", r->name, n);
	}
	assert_false(authline_field(&none, &field));
}

static const struct escape {
	const char *name;
	struct slice coded;
	struct slice plain;
	bool ours; /* the way we would write it */
} escapes[] = {
	{ "nothing", BYTES(""), BYTES(""), true },
	{ "plain text", BYTES("user=a@b.org"), BYTES("user=a@b.org"), true },
	{ "all five", BYTES("\0010\0011\001t\001r\001n"), BYTES("\0\001\t\r\n"), true },
	{ "UTF-8 and other control bytes stay", BYTES("\xc3\xb6\x02\x7f"),
	    BYTES("\xc3\xb6\x02\x7f"), true },
	{ "in one pass: no escape is born of two", BYTES("\0011t"), BYTES("\001t"), true },
	{ "an unknown letter is itself", BYTES("\001x\001\xff"), BYTES("x\xff"), false },
	{ "an escape byte behind one is itself", BYTES("\001\001t"), BYTES("\001t"), false },
	{ "a lone one at the end is dropped", BYTES("ab\001"), BYTES("ab"), false },
};

static void
test_escapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(escapes); i++) {
		const struct escape *r = &escapes[i];
		struct slice coded = bytes_copy(r->coded), plain = bytes_copy(r->plain);
		struct sbuf out;

		sbuf_init(&out, 64);
		assert_true(authline_unescape(&out, coded));
		if (!slice_eq(sbuf_slice(&out), r->plain))
			fail_msg("%s: unescaped to '%s'", r->name, sbuf_cstr(&out));
		sbuf_clear(&out);
		assert_true(authline_escape(&out, plain));
		if (slice_eq(sbuf_slice(&out), r->coded) != r->ours)
			fail_msg("%s: escaped to '%s'", r->name, sbuf_cstr(&out));
		sbuf_release(&out);
		bytes_free(coded);
		bytes_free(plain);
	}
}

static void
test_add(void **state)
{
	struct slice value = BYTES("a\tb\n");
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 64);
	sbuf_add_str(&out, "OK\t1");
	assert_true(authline_add(&out, "user", slice_str("a@b.org")));
	assert_true(authline_add(&out, "reason", value));
	assert_true(authline_add(&out, "empty", slice_str("")));
	assert_string_equal(sbuf_cstr(&out), "OK\t1\tuser=a@b.org\treason=a\001tb\001n\tempty=");
	sbuf_release(&out);
}

static void
test_all_of_it_is_appended_or_nothing(void **state)
{
	struct slice plain = BYTES("ab\t"), coded = BYTES("ab\001t");

	(void)state;
	for (size_t room = 0; room <= 8; room++) {
		struct sbuf out;

		sbuf_init(&out, room);
		assert_int_equal(authline_unescape(&out, coded), room >= 3);
		assert_int_equal(out.n, room >= 3 ? 3 : 0);
		sbuf_clear(&out);
		assert_int_equal(authline_escape(&out, plain), room >= 4);
		assert_int_equal(out.n, room >= 4 ? 4 : 0);
		sbuf_clear(&out);
		assert_int_equal(authline_add(&out, "k", plain), room >= 7);
		assert_int_equal(out.n, room >= 7 ? 7 : 0);
		sbuf_release(&out);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_every_prefix_wants_more),
		cmocka_unit_test(test_one_byte_too_many_is_left_alone),
		cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_all_of_it_is_appended_or_nothing),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("authline", tests, NULL, NULL);
}
