/* SPDX-License-Identifier: ISC
 *
 * Preloaded into the programs under test: a wall clock that jumps, and an allocator that fails, as
 * a page of shared memory tells (tests/torture/shim.py). The monotonic clock goes on as it is:
 * nobody can set that one. And somebody who is faster: what VMAILD_SHIM_SYMLINK or VMAILD_SHIM_LINK
 * names takes the place of each socket as soon as it is bound.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* As in shim.py. */
struct control {
	int64_t jump; /* seconds that the clock is ahead */
	uint32_t at;  /* the allocation that fails, counted from when this was written; 0: none */
	uint32_t length; /* how many fail from there on */
	uint32_t seen;
	uint32_t made;
};

static struct control *control;
static int (*real_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("VMAILD_SHIM");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *p = dlsym(RTLD_NEXT, "clock_gettime");

	memcpy(&real_clock, &p, sizeof p); /* ISO C has no cast for this */
	if (fd < 0)
		return;
	p = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	control = p == MAP_FAILED ? NULL : p;
}

/* --- the clock -------------------------------------------------------------------------------- */

int
clock_gettime(clockid_t which, struct timespec *t)
{
	int rc = real_clock(which, t);

	if (rc == 0 && which == CLOCK_REALTIME && control != NULL)
		t->tv_sec += control->jump;
	return rc;
}

int
gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec now;
	int rc = clock_gettime(CLOCK_REALTIME, &now);

	(void)zone;
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return rc;
}

time_t
time(time_t *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (t != NULL)
		*t = now.tv_sec;
	return now.tv_sec;
}

/* --- memory ----------------------------------------------------------------------------------- */

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static int
is_short(void)
{
	uint32_t at = control == NULL ? 0 : control->at, seen;

	if (at == 0)
		return 0;
	seen = __atomic_add_fetch(&control->seen, 1, __ATOMIC_RELAXED);
	if (seen < at || seen - at >= control->length)
		return 0;
	__atomic_add_fetch(&control->made, 1, __ATOMIC_RELAXED);
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t n)
{
	return is_short() ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return is_short() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return is_short() ? NULL : __libc_realloc(p, n);
}

/* --- somebody who may write where sockets are ------------------------------------------------- */

static void
swap(const char *path)
{
	const char *soft = getenv("VMAILD_SHIM_SYMLINK"), *hard = getenv("VMAILD_SHIM_LINK");

	if (soft != NULL && unlink(path) == 0 && symlink(soft, path) != 0)
		abort();
	if (hard != NULL && unlink(path) == 0 && link(hard, path) != 0)
		abort();
}

/* By the C library's name: its own declaration has a type that is none of ISO C. */
int bind_and_swap(int fd, const struct sockaddr *address, socklen_t n) __asm__("bind");

int
bind_and_swap(int fd, const struct sockaddr *address, socklen_t n)
{
	void *p = dlsym(RTLD_NEXT, "bind");
	int (*real)(int, const struct sockaddr *, socklen_t), rc;

	memcpy(&real, &p, sizeof p);
	rc = real(fd, address, n);
	if (rc == 0 && address->sa_family == AF_UNIX)
		swap(((const struct sockaddr_un *)address)->sun_path);
	return rc;
}
