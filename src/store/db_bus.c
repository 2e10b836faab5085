/* SPDX-License-Identifier: ISC
 *
 * The handler of SIGBUS: memory of ours takes the place of the page that is gone.
 */
#include "store/db_bus.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile sig_atomic_t hits;
static uintptr_t page_size;

/* mmap(2) is a system call and nothing more, so it can be made here. */
static void
on_bus(int signal_number, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr / page_size * page_size;
	int before = errno;

	(void)context;
	if (info->si_code != BUS_ADRERR || page == 0 ||
	    mmap((void *)page, page_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		signal(signal_number, SIG_DFL); /* it comes again, and is the end */
	hits++;
	errno = before;
}

bool
bus_catch(void)
{
	struct sigaction action = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
	long size = sysconf(_SC_PAGESIZE);

	if (size <= 0)
		return false;
	page_size = (uintptr_t)size;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) == 0;
}

unsigned
bus_hits(void)
{
	return (unsigned)hits;
}
