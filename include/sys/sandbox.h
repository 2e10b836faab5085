/* SPDX-License-Identifier: ISC
 *
 * What a process of ours may still do once it has begun: system calls (seccomp), files and
 * connections (Landlock), limits. Needs no root, and there is no way back.
 */
#ifndef SYS_SANDBOX_H
#define SYS_SANDBOX_H

#include <stdbool.h>

#include "base/outcome.h"

enum sandbox_role { SANDBOX_SUPERVISOR, SANDBOX_LOOKUP, SANDBOX_AUTH, SANDBOX_ROLES };

/* The store, as far as the way to it goes: the file that it is, or servers elsewhere. */
struct sandbox_store {
	const char *path;           /* NULL when it is no file */
	const char *beside;         /* a file that is written to elsewhere, or NULL */
	bool remote;                /* it is reached over sockets, to ... */
	const unsigned short *port; /* ... these ports, ended by 0 (none: to whatever there is), */
	const char *const
	    *readable; /* and these files and directories are read for it; NULL-ended */
};

/* Shut ourselves in as ROLE, for good and for all children. A worker keeps the directory of STORE,
 * or the way to its servers, and with SYSLOG the way to syslogd. To be called while there is one
 * thread only. FOUND; NONE with a text when it is done as far as it goes here; RETRY with a text
 * when it failed and the process had better end. */
enum outcome sandbox_enter(
    enum sandbox_role role, const struct sandbox_store *store, bool syslog, struct error *err);

/* Tell whether the directory of the store is another one now than that which this process may use:
 * only a process that begins anew can have it. */
bool sandbox_outgrown(void);

#endif
