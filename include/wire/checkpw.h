/* SPDX-License-Identifier: ISC
 *
 * What a caller of checkpassword writes to file descriptor 3, and the exit codes it reads.
 */
#ifndef WIRE_CHECKPW_H
#define WIRE_CHECKPW_H

#include "base/outcome.h"
#include "wire/take.h"
#include "base/slice.h"

enum { CHECKPW_MAX = 512 };

enum checkpw_exit {
	CHECKPW_OK = 0,
	CHECKPW_REFUSED = 1, /* wrong password, unknown user */
	CHECKPW_MISUSED = 2, /* also Dovecot's "found" of a lookup, by way of its reply program */
	CHECKPW_UNKNOWN = 3, /* Dovecot's "no such user" of a lookup */
	CHECKPW_TEMPORARY = 111
};

struct checkpw_input {
	struct slice user;
	struct slice password;
};

/* Read user NUL password NUL timestamp NUL; nobody wants the last. TAKEN at the third NUL (what
 * follows is ignored) or, with EOF set, once two NULs are there. MORE when bytes are missing and
 * EOF is not set. TOO_LONG over CHECKPW_MAX bytes. MALFORMED with EOF set and fewer than two NULs.
 */
enum take checkpw_take(struct slice in, bool eof, struct checkpw_input *out);

/* Translate a verdict into the exit code of a failed authentication (or of a failed lookup).
 * FOUND gives CHECKPW_OK: the caller goes on to the reply program. Never 1 in a lookup, and never 1
 * for anything but NONE. */
enum checkpw_exit checkpw_exit_code(enum outcome o, bool lookup);

#endif
