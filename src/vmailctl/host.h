/* SPDX-License-Identifier: ISC
 *
 * What the other programs of this host say of themselves.
 */
#ifndef VMAILCTL_HOST_H
#define VMAILCTL_HOST_H

#include <stdbool.h>

#include "base/sbuf.h"

/* Run a program, without a shell, and append the first line it prints. False when it is not there,
 * fails or takes too long. ARGV ends with NULL. */
bool host_ask(struct sbuf *out, const char *const argv[]);

/* Run a program and append all it prints; what it says on stderr goes to TROUBLE, or nowhere
 * (NULL). Returns its exit status, or -1 when it is not there, was killed, or takes too long. */
int host_run(struct sbuf *out, struct sbuf *trouble, const char *const argv[]);

/* Append the queue directory of the Postfix whose main.cf is in DIRECTORY (NULL: the usual one);
 * false when there is no Postfix to ask. */
bool host_queue_directory(struct sbuf *out, const char *directory);

/* Append Dovecot's version, "2.3.19.1"; false when there is no Dovecot to ask. */
bool host_dovecot_version(struct sbuf *out);

#endif
