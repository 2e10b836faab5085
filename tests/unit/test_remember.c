/* SPDX-License-Identifier: ISC
 *
 * auth/remember: what is remembered, for how long, and all that must not match.
 */
#include "auth/remember.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../lib/bytes.h"

static const unsigned char key[REMEMBER_KEY] = "a key of thirty-two bytes, test";
static const unsigned char other_key[REMEMBER_KEY] = "another key of 32 bytes, a test";

#define LOGIN(user, credential, limits, service, network, password)                                \
	{                                                                                          \
		BYTES(user), BYTES(credential), BYTES(limits), BYTES(service), BYTES(network),     \
		    BYTES(password)                                                                \
	}

static const struct remember_login good =
    LOGIN("a@b", "{ARGON2ID}x", "active", "imap", "192.0.2.0/24", "secret");

static const struct {
	const char *name;
	struct remember_login login;
} others[] = {
	{ "another user", LOGIN("c@b", "{ARGON2ID}x", "active", "imap", "192.0.2.0/24", "secret") },
	{ "another password",
	    LOGIN("a@b", "{ARGON2ID}x", "active", "imap", "192.0.2.0/24", "Secret") },
	{ "no password", LOGIN("a@b", "{ARGON2ID}x", "active", "imap", "192.0.2.0/24", "") },
	{ "a changed credential",
	    LOGIN("a@b", "{ARGON2ID}y", "active", "imap", "192.0.2.0/24", "secret") },
	{ "a changed state",
	    LOGIN("a@b", "{ARGON2ID}x", "suspended", "imap", "192.0.2.0/24", "secret") },
	{ "another service",
	    LOGIN("a@b", "{ARGON2ID}x", "active", "smtp", "192.0.2.0/24", "secret") },
	{ "another network",
	    LOGIN("a@b", "{ARGON2ID}x", "active", "imap", "198.51.100.0/24", "secret") },
	{ "the same bytes, parted in another way",
	    LOGIN("a@", "b{ARGON2ID}x", "active", "imap", "192.0.2.0/24", "secret") },
	{ "a NUL behind",
	    LOGIN("a@b", "{ARGON2ID}x", "active", "imap", "192.0.2.0/24", "secret\0") },
};

struct world {
	struct remember r;
	void *memory;
	size_t size;
};

static void
world_init(struct world *w, size_t n)
{
	w->size = remember_size(n);
	w->memory = malloc(w->size);
	assert_non_null(w->memory);
	memset(w->memory, 0xa5, w->size);
	assert_true(remember_init(&w->r, w->memory, w->size, key));
}

static struct remember_tag
tag_of(const struct world *w, const struct remember_login *l)
{
	struct remember_tag tag;

	assert_true(remember_tag(&w->r, l, &tag));
	return tag;
}

static void
test_only_the_same_matches(void **state)
{
	struct remember_tag tag;
	struct world w;

	(void)state;
	world_init(&w, 100);
	tag = tag_of(&w, &good);
	assert_false(remember_has(&w.r, &tag, 1));
	remember_keep(&w.r, &tag, 1, 60);
	for (size_t i = 0; i < ROWS(others); i++) {
		struct remember_tag other = tag_of(&w, &others[i].login);

		if (remember_has(&w.r, &other, 1))
			fail_msg("%s", others[i].name);
	}
	assert_true(remember_has(&w.r, &tag, 1));
	w.r.key = other_key;
	tag = tag_of(&w, &good);
	assert_false(remember_has(&w.r, &tag, 1));
	free(w.memory);
}

static void
test_time(void **state)
{
	struct remember_tag tag;
	struct world w;

	(void)state;
	world_init(&w, 1);
	tag = tag_of(&w, &good);
	remember_keep(&w.r, &tag, 100, 160);
	assert_true(remember_has(&w.r, &tag, 100));
	assert_true(remember_has(&w.r, &tag, 159));
	assert_false(remember_has(&w.r, &tag, 160));
	remember_keep(&w.r, &tag, 150, 210);
	assert_true(remember_has(&w.r, &tag, 209));
	remember_forget(&w.r);
	assert_false(remember_has(&w.r, &tag, 150));
	remember_keep(&w.r, &tag, 150, 150);
	assert_false(remember_has(&w.r, &tag, 150));
	free(w.memory);
}

/* One too many: the one that ends first makes room; kept twice, it takes one place. */
static void
test_full(void **state)
{
	char names[5][16];
	struct remember_tag tag[5];
	struct world w;

	(void)state;
	world_init(&w, 3);
	assert_int_equal(w.r.buckets, 1);
	for (int i = 0; i < 5; i++) {
		struct remember_login l = good;

		snprintf(names[i], sizeof names[i], "u%d", i);
		l.user = slice_str(names[i]);
		tag[i] = tag_of(&w, &l);
	}
	remember_keep(&w.r, &tag[0], 0, 100);
	remember_keep(&w.r, &tag[1], 0, 40);
	remember_keep(&w.r, &tag[2], 0, 90);
	remember_keep(&w.r, &tag[0], 0, 100);
	remember_keep(&w.r, &tag[3], 0, 80);
	for (int i = 0; i < 4; i++)
		assert_true(remember_has(&w.r, &tag[i], 1));
	remember_keep(&w.r, &tag[4], 1, 101);
	for (int i = 0; i < 5; i++)
		assert_int_equal(remember_has(&w.r, &tag[i], 1), i != 1);
	free(w.memory);
}

static void
test_no_room(void **state)
{
	struct remember r;
	char memory[8];

	(void)state;
	assert_false(remember_init(&r, memory, sizeof memory, key));
	assert_false(remember_init(&r, NULL, 0, key));
}

/* Nothing of the password can be read from the memory. */
static void
test_nothing_in_clear(void **state)
{
	struct remember_tag tag;
	struct world w;

	(void)state;
	world_init(&w, 4);
	tag = tag_of(&w, &good);
	remember_keep(&w.r, &tag, 1, 60);
	assert_null(memmem(w.memory, w.size, "secret", 6));
	free(w.memory);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_same_matches),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_nothing_in_clear),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("remember", tests, NULL, NULL);
}
