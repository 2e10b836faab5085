/* SPDX-License-Identifier: ISC
 *
 * Files that must not stay behind when a signal ends the program.
 */
#ifndef VMAILCTL_REMAINS_H
#define VMAILCTL_REMAINS_H

#include <stdbool.h>

/* From now on remove the file PATH when SIGINT, SIGTERM, SIGHUP or SIGQUIT ends us; or (THERE
 * false) no more, for it is finished or gone. For one thread. Of too many, those that came last
 * would stay. */
void remains_note(const char *path, bool there);

/* The same for a database and what SQLite puts beside it; and remove them now. */
void remains_note_database(const char *path, bool there);
void remains_drop_database(const char *path);

/* Keep those signals waiting while something is done that must not stay half done; or (HOLD false)
 * let them strike. What is run meanwhile is not struck either. Not one within another. */
void remains_hold(bool hold);

/* Tell whether one is waiting that will end us. */
bool remains_is_ending(void);

#endif
