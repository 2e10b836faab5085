/* SPDX-License-Identifier: ISC
 *
 * A store as the first release made it.
 */
#ifndef TESTS_STORE_FIRST_H
#define TESTS_STORE_FIRST_H

#include "fixture.h"

static const struct {
	int version;
	const char *text;
} statements[] = {
#define M(version, text) { version, text },
#include "schema/sqlite_migrations.h"
#undef M
};

static const char first_rows[] =
    "INSERT INTO domain VALUES ('example.com', 'mailbox', NULL, 11), ('fwd.test', 'alias', NULL, "
    "12), "
    "  ('other.test', 'alias', 'example.com', 13), ('relay.test', 'relay', NULL, 14), "
    "  ('local.test', 'local', NULL, 15);"
    "INSERT INTO mailbox VALUES ('harry@example.com', 'example.com', '/home/harry', 1000, 21), "
    "  ('sally@example.com', 'example.com', NULL, 0, 22), ('\"a b\"@example.com', 'example.com', "
    "NULL, 0, 23);"
    "INSERT INTO credential VALUES (1, 'harry@example.com', '', '{PLAIN}one', 31), "
    "  (2, 'harry@example.com', 'phone', '{PLAIN}two', 32);"
    "INSERT INTO alias VALUES ('info@example.com', 'example.com', 41), ('@example.com', "
    "'example.com', 42), "
    "  ('x@fwd.test', 'fwd.test', 43), ('root', NULL, 44), ('odd-*@fwd.test', 'fwd.test', 45);"
    "INSERT INTO alias_target VALUES "
    "  ('info@example.com', 1, 'harry@example.com', 'harry@example.com', 'example.com'), "
    "  ('info@example.com', 2, 'Sally@else.test', 'sally@else.test', 'else.test'), "
    "  ('@example.com', 1, 'sally@example.com', 'sally@example.com', 'example.com'), "
    "  ('x@fwd.test', 1, '@example.com', '@example.com', 'example.com'), "
    "  ('root', 1, 'sally+root@example.com', 'sally+root@example.com', 'example.com'), "
    "  ('odd-*@fwd.test', 1, 'harry@example.com', 'harry@example.com', 'example.com');"
    "INSERT INTO change VALUES (1, 51, 'tom', 'user add', 'harry@example.com', NULL, '{}', NULL, "
    "'[]');";

static inline void
make_first(const char *path)
{
	sqlite3 *sq;

	assert_int_equal(sqlite3_open(path, &sq), SQLITE_OK);
	raw_exec(sq, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN");
	for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
		if (statements[i].version == 1)
			raw_exec(sq, statements[i].text);
	raw_exec(sq, first_rows);
	raw_exec(sq, "COMMIT");
	sqlite3_close(sq);
}

#endif
