/* SPDX-License-Identifier: ISC
 *
 * Reading the file, and the little that libconfuse gets wrong of it. What the text means is
 * load.c's business.
 */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/conf.h"

static enum outcome
blame_file(struct error *err, const char *doing, const char *file, int code)
{
	bool passing = code == EMFILE || code == ENFILE || code == ENOMEM || code == EINTR ||
		       code == EIO || code == EAGAIN;

	return error_set(
	    err, passing ? RETRY : BAD, "cannot %s '%s': %s", doing, file, strerror(code));
}

/* Not left to libconfuse: its scanner ends the process when a read fails. */
static enum outcome
slurp(struct sbuf *text, FILE *f, const char *file, struct error *err)
{
	char block[4096];
	size_t n;

	while ((n = fread(block, 1, sizeof block, f)) > 0) {
		if (memchr(block, '\0', n) != NULL)
			return error_set(err, BAD, "'%s' is not a text file", file);
		if (n > SOURCE_MAX - text->n)
			return error_set(
			    err, BAD, "'%s' is larger than %d bytes", file, SOURCE_MAX);
		if (!sbuf_add(text, block, n))
			return error_set(err, RETRY, "out of memory for '%s'", file);
	}
	return ferror(f) ? blame_file(err, "read", file, errno) : FOUND;
}

/* Where what begins at P ends, or NULL when it never does. */
static char *
behind_quoted(char *p)
{
	char quote = *p++;

	while (*p != '\0' && *p != quote)
		p += *p == '\\' && p[1] != '\0' ? 2 : 1;
	return *p == '\0' ? NULL : p + 1;
}

static char *
behind_comment(char *p)
{
	char *end;

	if (p[0] != '/' || p[1] != '*')
		return p + strcspn(p, "\n");
	end = strstr(p + 2, "*/");
	return end == NULL ? NULL : end + 2;
}

static bool
is_comment(const char *p)
{
	return p[0] == '#' || (p[0] == '/' && (p[1] == '/' || p[1] == '*'));
}

static void
blank(char *p, const char *end)
{
	for (; p < end; p++)
		if (*p != '\n')
			*p = ' ';
}

/* Blank the comments out, because libconfuse (3.3) counts their lines twice and takes none inside a
 * list. Return the first string, comment or brace that is open at the end, because libconfuse takes
 * the end of the file for the end of a section; NULL when there is none. */
static char *
tidy(char *text)
{
	char *open = NULL;
	unsigned depth = 0;

	for (char *p = text, *end; *p != '\0'; p = end) {
		end = p + 1;
		if (*p == '"' || *p == '\'')
			end = behind_quoted(p);
		else if (is_comment(p))
			end = behind_comment(p);
		if (end == NULL)
			return p;
		if (is_comment(p))
			blank(p, end);
		if (*p == '{' && depth++ == 0)
			open = p;
		if (*p == '}' && depth > 0)
			depth--;
	}
	return depth > 0 ? open : NULL;
}

static int
line_of(const char *text, const char *p)
{
	int line = 1;

	while (text < p)
		line += *text++ == '\n';
	return line;
}

static enum outcome
check_ends(struct sbuf *text, const char *file, struct error *err)
{
	const char *open = text->n == 0 ? NULL : tidy(text->p);

	if (open == NULL)
		return FOUND;
	return error_set(err, BAD, "%s:%d: this %s has no end", file, line_of(text->p, open),
	    *open == '{'   ? "section or list"
	    : *open == '/' ? "comment"
			   : "string");
}

enum outcome
source_read(struct sbuf *text, const char *file, bool *closed, struct error *err)
{
	const char *name = file == NULL ? CONF_DEFAULT_FILE : file;
	FILE *f = fopen(name, "re");
	struct stat st;
	enum outcome o;

	if (f == NULL && errno == ENOENT && file == NULL)
		return FOUND;
	if (f == NULL)
		return blame_file(err, "open", name, errno);
	*closed = fstat(fileno(f), &st) == 0 && (st.st_mode & S_IROTH) == 0;
	o = slurp(text, f, name, err);
	fclose(f);
	return o == FOUND ? check_ends(text, name, err) : o;
}
