/* SPDX-License-Identifier: ISC
 *
 * Which files of this room are not finished, for whoever has asked by store_tell_unfinished.
 */
#ifndef STORE_UNFINISHED_H
#define STORE_UNFINISHED_H

/* Tell that PATH is being made from now on; and that it is done, or gone. */
void unfinished_begin(const char *path);
void unfinished_end(const char *path);

#endif
