/* SPDX-License-Identifier: ISC
 *
 * The source of a Postfix table, as postmap(1) reads it: `key whitespace value`, a line that begins
 * with whitespace goes on the one before, `#` begins a comment line. What keys and values may be is
 * for the map to judge.
 */
#ifndef FOREIGN_POSTMAP_H
#define FOREIGN_POSTMAP_H

#include "base/outcome.h"
#include "base/sbuf.h"

struct postmap_entry {
	struct slice key;
	struct slice value;
	size_t line; /* where it begins, from 1 */
};

/* A whole source, taken apart. */
struct postmap {
	struct postmap_entry *entry;
	size_t n;
	size_t size;
	struct sbuf text; /* owns all keys and values */
};

void postmap_init(struct postmap *p);
void postmap_release(struct postmap *p);

/* Take SOURCE apart. What postmap would not take is in it too: a key without a value, and a
 * continued line before which there is none, as an entry without a key. RETRY: no memory. */
enum outcome postmap_scan(struct postmap *p, struct slice source, struct error *err);

/* The same for a source that must be without fault. BAD names the line that cannot be understood,
 * as NAME:LINE. */
enum outcome postmap_read(
    struct postmap *p, struct slice source, const char *name, struct error *err);

/* Tell whether a line that is TEXT, a blank and a value has TEXT for its key: it is no comment, and
 * neither ends earlier nor goes on. */
bool postmap_is_key(struct slice text);

/* Tell whether a line is one of a regexp: or pcre: table, /pattern/flags, !/pattern/, if or endif,
 * and no key that could ever be asked for: behind its last slash a key that is an address has an @.
 */
bool postmap_is_pattern(struct slice key, struct slice value);

#define POSTMAP_PATTERN_CURE "leave it in a regexp: or pcre: table, which Postfix reads itself"

#endif
