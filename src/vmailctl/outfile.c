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

enum outcome
outfile_open(struct outfile *o, const char *path, struct error *err)
{
	int fd;

	*o = (struct outfile){ .file = stdout };
	if (path == NULL || strcmp(path, "-") == 0)
		return FOUND;
	o->path = strdup(path);
	if (asprintf(&o->temporary, "%s.new-XXXXXX", path) < 0)
		o->temporary = NULL;
	fd = o->path != NULL && o->temporary != NULL ? mkostemp(o->temporary, O_CLOEXEC) : -1;
	o->file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (o->file != NULL)
		return FOUND;
	error_set(err, RETRY, "cannot write '%s': %s", path, strerror(errno));
	free(o->path);
	free(o->temporary);
	*o = (struct outfile){ 0 };
	return RETRY;
}

static bool
take_name(struct outfile *o)
{
	bool ok = fflush(o->file) == 0 && !ferror(o->file) && fsync(fileno(o->file)) == 0;
	int why = errno;

	fclose(o->file);
	errno = why;
	return ok && rename(o->temporary, o->path) == 0;
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
	if (!keep || result != FOUND)
		unlink(o->temporary);
	free(o->path);
	free(o->temporary);
	*o = (struct outfile){ 0 };
	return result;
}
