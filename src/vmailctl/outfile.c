/* SPDX-License-Identifier: ISC
 *
 * A file under another name until it is complete and on the disk.
 */
#include "vmailctl/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmailctl/remains.h"

/* Beside what it will replace. */
static int
make_temporary(struct outfile *o)
{
	int fd;

	if (asprintf(&o->temporary, "%s.new-XXXXXX", o->path) < 0) {
		o->temporary = NULL;
		return -1;
	}
	fd = mkostemp(o->temporary, O_CLOEXEC);
	if (fd >= 0)
		remains_note(o->temporary, true);
	return fd;
}

/* It may have its own name by now. */
static void
drop_temporary(struct outfile *o)
{
	unlink(o->temporary);
	remains_note(o->temporary, false);
}

enum outcome
outfile_open(struct outfile *o, struct ctl *ctl, const char *path)
{
	struct place_found place;
	enum outcome done;
	int fd;

	*o = (struct outfile){ .file = stdout };
	if (path == NULL || strcmp(path, "-") == 0 || place_is_stdout(path))
		return FOUND;
	done = place_look(ctl, path, &place_of_export, &place);
	if (done != FOUND)
		return done;
	o->path = place.path;
	fd = place.stream ? open(o->path, O_WRONLY | O_NOCTTY | O_CLOEXEC) : make_temporary(o);
	o->file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (o->file != NULL)
		return FOUND;
	error_set(&ctl->err, RETRY, "cannot write '%s': %s", path, strerror(errno));
	if (fd >= 0 && o->temporary != NULL)
		drop_temporary(o);
	if (fd >= 0)
		close(fd);
	free(o->path);
	free(o->temporary);
	*o = (struct outfile){ 0 };
	return RETRY;
}

static bool
take_name(struct outfile *o)
{
	bool ok = fflush(o->file) == 0 && !ferror(o->file) &&
		  (o->temporary == NULL || fsync(fileno(o->file)) == 0);
	int why = errno;

	fclose(o->file);
	errno = why;
	return ok && (o->temporary == NULL || rename(o->temporary, o->path) == 0);
}

enum outcome
outfile_close(struct outfile *o, bool keep, struct error *err)
{
	enum outcome result = FOUND;

	if (o->path == NULL)
		return FOUND;
	if (!keep)
		fclose(o->file);
	else if (!take_name(o))
		result = error_set(err, RETRY, "cannot write '%s': %s", o->path, strerror(errno));
	if (o->temporary != NULL)
		drop_temporary(o);
	free(o->path);
	free(o->temporary);
	*o = (struct outfile){ 0 };
	return result;
}
