/* SPDX-License-Identifier: ISC
 *
 * What setup changes in the configuration of Postfix and of Dovecot.
 */
#ifndef VMAILCTL_SETUP_H
#define VMAILCTL_SETUP_H

#include "vmailctl/cmd.h"
#include "vmailctl/edits.h"

/* One program that can be set up. */
struct setup_program {
	const char *name;
	const char *option; /* which names its configuration */

	/* Plan the changes, with WHERE as that option says (or NULL). NONE: the program is not
	 * here. */
	enum outcome (*plan)(struct ctl *ctl, const char *where, struct edits *edits);

	/* Does it understand its configuration? RETRY, with why not. */
	enum outcome (*verify)(struct ctl *ctl, const char *where);

	const char *reload; /* what makes it read the files again */
};

enum outcome setup_postfix(struct ctl *ctl, const char *where, struct edits *edits);
enum outcome setup_verify_postfix(struct ctl *ctl, const char *where);
enum outcome setup_dovecot(struct ctl *ctl, const char *where, struct edits *edits);
enum outcome setup_verify_dovecot(struct ctl *ctl, const char *where);

#endif
