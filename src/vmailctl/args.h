/* SPDX-License-Identifier: ISC
 *
 * Reading the command line by the table of commands.
 */
#ifndef VMAILCTL_ARGS_H
#define VMAILCTL_ARGS_H

#include "vmailctl/cmd.h"

/* Read the command line into CTL. EXIT_DONE when it is understood, else why not was said. */
enum exit_code args_parse(struct ctl *ctl, int argc, char *argv[]);

/* Find the noun, or the command of *NOUN, that TYPED is or abbreviates. What may stand behind *NOUN
 * can be another noun: it takes its place then, and *OUT is NULL. */
enum exit_code args_noun(struct ctl *ctl, const char *typed, const char **out);
enum exit_code args_verb(
    struct ctl *ctl, const char **noun, const char *typed, const struct command **out);

/* Check the count of arguments against "ADDRESS TARGET..." or "[DOMAIN]". */
enum exit_code args_check_count(struct ctl *ctl);

/* Find the command that NOUN is all by itself; NULL when it has verbs. */
const struct command *args_sole(const char *noun);

#endif
