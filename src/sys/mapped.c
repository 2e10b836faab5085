/* SPDX-License-Identifier: ISC
 *
 * Memory from the kernel itself. Of a file the blocks are made sure of: a full disk is an error
 * here, and not a signal later.
 */
#include "sys/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0660 };

static enum outcome
fail(const char *path, int code, struct error *err)
{
	return error_set(err, RETRY, "cannot map '%s': %s", path, strerror(code));
}

static enum outcome
map(void **out, int fd, const char *path, size_t size, struct error *err)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return fail(path, errno, err);
	*out = memory;
	return FOUND;
}

/* Bring it to SIZE; 0 or an error number. */
static int
resize(int fd, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return EINVAL;
	if (st.st_size != (off_t)size && ftruncate(fd, (off_t)size) != 0)
		return errno;
	return posix_fallocate(fd, 0, (off_t)size);
}

enum outcome
mapped_open(void **out, const char *path, size_t size, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, MODE);
	enum outcome o;
	int code;

	if (fd < 0)
		return fail(path, errno, err);
	/* whatever the umask says: the admin's group clears counts */
	(void)fchmod(fd, MODE);
	code = resize(fd, size);
	o = code == 0 ? map(out, fd, path, size, err) : fail(path, code, err);
	close(fd);
	return o;
}

enum outcome
mapped_existing(void **out, const char *path, size_t *size, struct error *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	enum outcome o;

	if (fd < 0 && errno == ENOENT)
		return error_set(err, NONE, "there is no '%s'", path);
	if (fd < 0 && errno == EACCES)
		return error_set(err, RETRY,
		    "not allowed to read and write '%s': be root, or in the group of that file",
		    path);
	if (fd < 0)
		return fail(path, errno, err);
	if (fstat(fd, &st) != 0)
		o = fail(path, errno, err);
	else if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		o = fail(path, EINVAL, err);
	else
		o = map(out, fd, path, (size_t)st.st_size, err);
	if (o == FOUND)
		*size = (size_t)st.st_size;
	close(fd);
	return o;
}

void *
mapped_large(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	(void)madvise(memory, size, MADV_HUGEPAGE);
	return memory;
}

void
mapped_close(void *memory, size_t size)
{
	if (memory != NULL)
		munmap(memory, size);
}
