/* SPDX-License-Identifier: ISC
 *
 * The files of an import. They are mapped, not copied, and stay so until all is done: what is read
 * out of them are views. Databases are read row by row.
 */
#include "vmailctl/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/foreign.h"

enum { PIECE = 1 << 16 };

struct input {
	const char *path; /* "-": standard input */
	struct slice table;
	const char *name; /* in messages */
	struct slice text;
	bool mapped;
	struct sbuf owned; /* of standard input */
	struct foreign_db *db;
};

/* --- opening ---------------------------------------------------------------------------------- */

/* TABLE=PATH, unless there is a file that is called just so. */
static void
split_name(struct input *in, const char *typed)
{
	size_t at;
	struct slice all = slice_str(typed);

	in->path = typed;
	if (slice_chr(all, '=', &at) && at > 0 && access(typed, F_OK) != 0 &&
	    memchr(typed, '/', at) == NULL) {
		in->table = slice_head(all, at);
		in->path = typed + at + 1;
	}
	in->name = strcmp(in->path, "-") == 0 ? "standard input" : in->path;
}

static enum outcome
cannot_read(const struct input *in, struct error *err)
{
	return error_set(err, RETRY, "cannot read '%s': %s", in->name, strerror(errno));
}

static enum outcome
read_all(struct input *in, int fd, struct error *err)
{
	sbuf_init(&in->owned, SIZE_MAX / 4);
	for (;;) {
		char *room = sbuf_room(&in->owned, PIECE);
		ssize_t n = room != NULL ? read(fd, room, PIECE) : -1;

		if (room == NULL)
			return error_set(err, RETRY, "no memory for '%s'", in->name);
		if (n < 0)
			return cannot_read(in, err);
		if (n == 0)
			break;
		in->owned.n += (size_t)n;
	}
	in->text = sbuf_slice(&in->owned);
	if (foreign_db_is(in->text))
		return error_set(err, BAD,
		    "what is in '%s' is a database, which can only be read as a file: give its "
		    "name",
		    in->name);
	return FOUND;
}

static enum outcome
map_file(struct input *in, int fd, struct error *err)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) != 0)
		return cannot_read(in, err);
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return cannot_read(in, err);
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return read_all(in, fd, err);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return cannot_read(in, err);
	madvise(p, (size_t)st.st_size, MADV_SEQUENTIAL);
	in->text = slice_of(p, (size_t)st.st_size);
	in->mapped = true;
	return FOUND;
}

static enum outcome
open_input(struct input *in, const char *typed, struct error *err)
{
	enum outcome o;
	int fd;

	split_name(in, typed);
	if (strcmp(in->path, "-") == 0)
		return read_all(in, STDIN_FILENO, err);
	fd = open(in->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cannot_read(in, err);
	o = map_file(in, fd, err);
	close(fd);
	if (o == FOUND && foreign_db_is(in->text))
		o = foreign_db_open(&in->db, in->path, err);
	return o;
}

enum outcome
intake_open(struct intake *in, const char *const *file, size_t n, struct error *err)
{
	enum outcome o = FOUND;

	*in = (struct intake){ .input = calloc(n + 1, sizeof *in->input) };
	if (in->input == NULL)
		return error_set(err, RETRY, "no memory");
	for (; in->n < n && o == FOUND; in->n++)
		o = open_input(&in->input[in->n], file[in->n], err);
	return o;
}

void
intake_close(struct intake *in)
{
	for (size_t i = 0; i < in->n; i++) {
		struct input *one = &in->input[i];

		foreign_db_close(one->db);
		if (one->mapped)
			munmap((void *)(uintptr_t)one->text.p, one->text.n);
		sbuf_release_secret(&one->owned);
	}
	free(in->input);
	*in = (struct intake){ .n = 0 };
}

bool
intake_text(const struct intake *in, size_t i, const char **name, struct slice *text)
{
	if (i >= in->n)
		return false;
	*name = in->input[i].name;
	*text = in->input[i].text;
	return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The tables of a database that are wanted, and then their rows. */
struct reading {
	struct foreign *f;
	const struct input *in;
	bool rows;
	enum outcome o;
	struct error *err;
};

static bool
take_row(void *arg, size_t line, const struct slice *cell)
{
	struct reading *r = arg;

	return foreign_row(r->f, line, cell);
}

static bool
take_table(void *arg, struct slice name, const struct slice *column, size_t columns)
{
	struct reading *r = arg;

	if (!foreign_wants(r->f, name))
		return true;
	if (!foreign_table(r->f, r->in->name, name, column, columns))
		r->o = error_set(r->err, RETRY, "no memory");
	else if (r->rows)
		r->o = foreign_db_rows(r->in->db, name, take_row, r, r->err);
	return r->o == FOUND;
}

static enum outcome
read_db(struct foreign *f, const struct input *in, bool rows, struct error *err)
{
	struct reading r = { .f = f, .in = in, .rows = rows, .o = FOUND, .err = err };
	enum outcome o = foreign_db_tables(in->db, take_table, &r, err);

	return r.o != FOUND ? r.o : o;
}

enum outcome
intake_guess(struct intake *in, struct foreign *f, const struct format **out, struct error *err)
{
	enum outcome o = FOUND;

	for (size_t i = 0; i < in->n && o == FOUND; i++) {
		const struct input *one = &in->input[i];

		if (one->db != NULL)
			o = read_db(f, one, false, err);
		else
			foreign_guess(f, one->name, one->table, one->text);
	}
	return o == FOUND ? foreign_guessed(f, out, err) : o;
}

enum outcome
intake_read(struct intake *in, struct foreign *f, struct error *err)
{
	enum outcome o = FOUND;

	for (size_t i = 0; i < in->n && o == FOUND; i++) {
		const struct input *one = &in->input[i];
		struct error why = { "" };

		o = one->db != NULL ? read_db(f, one, true, &why)
				    : foreign_text(f, one->name, one->table, one->text, &why);
		if (o != FOUND)
			error_set(err, o, "%s: %s", one->name, why.text);
	}
	return o;
}
