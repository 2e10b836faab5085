/* SPDX-License-Identifier: ISC
 *
 * What keeps a helper from doing harm to the server that started it: descriptors it was not meant
 * to have, a wait without end, a password in a core file.
 */
#ifndef SRC_CHECKPASSWORD_GUARD_H
#define SRC_CHECKPASSWORD_GUARD_H

#include <stddef.h>
#include <sys/resource.h>

struct guard {
	struct rlimit core; /* the limit we found */
};

/* Close descriptor FIRST and all above it; see to it that 0, 1 and 2 are open. */
void guard_descriptors(int first);

/* Start the clock: some seconds from now the process says so and exits CHECKPW_TEMPORARY, whatever
 * it is doing. */
void guard_deadline(void);

/* Leave no core file behind and let nobody look into the process. */
void guard_secrets(struct guard *g);

/* Keep N bytes at P out of the swap, if the system lets us. */
void guard_lock(const void *p, size_t n);

/* Take back what the next program would inherit. */
void guard_release(const struct guard *g);

#endif
