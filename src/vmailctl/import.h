/* SPDX-License-Identifier: ISC
 *
 * The entries of a map out of a file.
 */
#ifndef VMAILCTL_IMPORT_H
#define VMAILCTL_IMPORT_H

#include "mail/keys.h"
#include "foreign/postmap.h"

/* Read the source of a Postfix table from FILE ("-": standard input) for a map that is searched so.
 * Of keys that are the same the first one counts, as with postmap, and a warning is given. BAD
 * names the line that cannot be taken; RETRY: the file cannot be read. */
enum outcome import_read(
    struct postmap *p, const char *file, enum key_search search, struct error *err);

/* Refuse lines of a regexp: or pcre: table, which would be keys that nobody asks for: BAD names the
 * first. */
enum outcome import_check_patterns(const struct postmap *p, const char *file, struct error *err);

/* Put "FILE:LINE: " before what ERR says. */
void import_name_line(struct error *err, const char *file, size_t line);

/* What a file is called in messages. */
const char *import_name(const char *file);

#endif
