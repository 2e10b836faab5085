/* SPDX-License-Identifier: ISC
 *
 * Where a command is told to put what it makes, and what is there already: nothing that somebody
 * may still want is lost by a slip of the pen.
 */
#ifndef VMAILCTL_PLACE_H
#define VMAILCTL_PLACE_H

#include "vmailctl/cmd.h"

/* What a command makes, which a new one may take the place of. */
struct place_rule {
	const char *what; /* in texts: "an earlier export" */
	bool (*is)(struct slice head);
	bool streams; /* it can also be written into a device or a pipe */
};

extern const struct place_rule place_of_export, place_of_backup, place_of_views;

/* What an export that has no head of its own begins with, where lines behind a # are none. */
extern const char place_mark[];

struct place_found {
	char *path;  /* with links followed; the caller frees it */
	bool stream; /* it is no file: write into it, and replace nothing */
};

/* Look at FILE, which is not opened if it belongs to the store. FOUND: it can be written, for it is
 * not there, or empty, or made by the same command. BAD with a text when it is anything else: the
 * store, what belongs to it, the configuration, somebody's letters. RETRY when it cannot be looked
 * at. The configuration must be loaded. */
enum outcome place_look(
    struct ctl *ctl, const char *file, const struct place_rule *rule, struct place_found *out);

/* Tell whether FILE leads to what the standard output is, or A to what B is. */
bool place_is_stdout(const char *file);
bool place_is_same_file(const char *a, const char *b);

/* The path in the URI of a store that is a file. */
const char *place_of_store(const char *uri);

#endif
