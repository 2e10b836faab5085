/* SPDX-License-Identifier: ISC
 *
 * Lines of Dovecot's auth protocols: fields separated by TAB, ended by LF, with \001 escapes.
 */
#ifndef WIRE_AUTHLINE_H
#define WIRE_AUTHLINE_H

#include "base/sbuf.h"
#include "wire/take.h"

enum { AUTHLINE_MAX = 16384 };

/* Take one line (without its LF) off the front of IN. TOO_LONG when AUTHLINE_MAX bytes hold no LF:
 * close the connection. */
enum take authline_take(struct slice in, struct slice *line, size_t *used);

/* Take the next TAB-separated field off *REST, still escaped; false when none is left. An empty
 * field counts: "a TAB TAB b" has three. Start with *REST = the line. */
bool authline_field(struct slice *rest, struct slice *field);

/* Append FIELD unescaped, in one pass: \001 followed by 0 1 t r n gives NUL \001 TAB CR LF, and by
 * any other byte that byte itself. A lone \001 at the end is dropped. */
bool authline_unescape(struct sbuf *out, struct slice field);

/* Append TEXT escaped, so that it is one field. */
bool authline_escape(struct sbuf *out, struct slice text);

/* Append TAB KEY = VALUE (escaped). */
bool authline_add(struct sbuf *out, const char *key, struct slice value);

#endif
