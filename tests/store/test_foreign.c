/* SPDX-License-Identifier: ISC
 *
 * store/foreign: SQLite files of others, whatever their tables are called and whatever is in them;
 * and that nothing in such a file is run or written.
 */
#include "store/foreign.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sbuf.h"

static char directory[] = "/tmp/vm-foreign-XXXXXX";
static char path[128];

static void
make(const char *sql)
{
	sqlite3 *sq;

	unlink(path);
	assert_int_equal(sqlite3_open(path, &sq), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sq, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(sq), SQLITE_OK);
}

static void
write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int
set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/db", directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

/* --- what is seen ----------------------------------------------------------------------------- */

struct seen {
	struct sbuf text;
	struct foreign_db *db;
	size_t columns;
	size_t stop_after;
	size_t rows;
};

static bool
see_row(void *arg, size_t line, const struct slice *cell)
{
	struct seen *s = arg;

	sbuf_printf(&s->text, " %zu:", line);
	for (size_t i = 0; i < s->columns; i++)
		sbuf_printf(&s->text, "[%.*s]", cell[i].p != NULL ? (int)cell[i].n : 4,
		    cell[i].p != NULL ? cell[i].p : "NULL");
	return ++s->rows != s->stop_after;
}

static bool
see_table(void *arg, struct slice name, const struct slice *column, size_t columns)
{
	struct seen *s = arg;
	struct error err;

	sbuf_printf(&s->text, "%.*s(", (int)name.n, name.p);
	for (size_t i = 0; i < columns; i++)
		sbuf_printf(&s->text, "%s%.*s", i > 0 ? "," : "", (int)column[i].n, column[i].p);
	sbuf_add_chr(&s->text, ')');
	s->columns = columns;
	assert_int_equal(foreign_db_rows(s->db, name, see_row, s, &err), FOUND);
	sbuf_add_chr(&s->text, '\n');
	return true;
}

static void
expect(const char *expected, size_t stop_after)
{
	struct seen s = { .stop_after = stop_after };
	struct error err = { "" };

	sbuf_init(&s.text, 1 << 16);
	assert_int_equal(foreign_db_open(&s.db, path, &err), FOUND);
	assert_int_equal(foreign_db_tables(s.db, see_table, &s, &err), FOUND);
	assert_string_equal(sbuf_cstr(&s.text), expected);
	foreign_db_close(s.db);
	sbuf_release(&s.text);
}

static void
test_rows(void **state)
{
	(void)state;
	make("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, n, b BLOB);"
	     "INSERT INTO users VALUES (7, 'a@b.test', NULL, x'6162'), (9, '', 1.5, 2);"
	     "CREATE TABLE empty (x);");
	expect("empty(x)\nusers(id,email,n,b) 1:[7][a@b.test][NULL][ab] 2:[9][][1.5][2]\n", 0);
	expect("empty(x)\nusers(id,email,n,b) 1:[7][a@b.test][NULL][ab]\n", 1);
}

static void
test_odd_names(void **state)
{
	(void)state;
	make("CREATE TABLE \"a\"\"b; DROP TABLE c\" (\"x y\"); CREATE TABLE c (x);"
	     "INSERT INTO \"a\"\"b; DROP TABLE c\" VALUES (1); INSERT INTO c VALUES (2);"
	     "CREATE VIEW v AS SELECT x FROM c;");
	expect("a\"b; DROP TABLE c(x y) 1:[1]\nc(x) 1:[2]\n", 0);
}

static void
test_nothing_is_written(void **state)
{
	struct stat before, after;

	(void)state;
	make("CREATE TABLE c (x); INSERT INTO c VALUES (2);");
	assert_int_equal(stat(path, &before), 0);
	expect("c(x) 1:[2]\n", 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_true(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
}

/* What is ours is not to be taken for tables of others, which have no place for half of it. */
static void
test_our_own(void **state)
{
	struct foreign_db *db = NULL;
	struct error err = { "" };

	(void)state;
	make("PRAGMA application_id = 0x766d6c64; CREATE TABLE c (x);");
	assert_int_equal(foreign_db_open(&db, path, &err), BAD);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "vmailctl restore"));
	assert_null(db);
}

/* --- what is no database ---------------------------------------------------------------------- */

static void
test_no_database(void **state)
{
	struct foreign_db *db = NULL;
	struct error err = { "" };

	(void)state;
	unlink(path);
	assert_int_equal(foreign_db_open(&db, path, &err), RETRY);
	assert_true(err.text[0] != '\0');
	write_file(
	    "SQLite format 3 and then nothing of the sort, for as long as a header would be, "
	    "and longer than that, as it must be to be looked at at all");
	err.text[0] = '\0';
	assert_int_equal(foreign_db_open(&db, path, &err), BAD);
	assert_true(err.text[0] != '\0');
	assert_null(db);
	assert_true(foreign_db_is(slice_of("SQLite format 3", 16)));
	assert_false(foreign_db_is(slice_of("SQLite", 6)));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_nothing_is_written),
		cmocka_unit_test(test_our_own),
		cmocka_unit_test(test_no_database),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("foreign", tests, set_up, tear_down);
}
