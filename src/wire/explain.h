/* SPDX-License-Identifier: ISC
 *
 * Explanations that go to a client, which may log them: short, and nothing but printable ASCII.
 */
#ifndef SRC_WIRE_EXPLAIN_H
#define SRC_WIRE_EXPLAIN_H

#include "base/slice.h"

enum { EXPLAIN_MAX = 200 }; /* what Postfix logs of one */

/* Copy TEXT (PRESET when it is empty) to ROOM, cut and made printable; return a view of it. */
struct slice explain(char room[EXPLAIN_MAX], struct slice text, const char *preset);

#endif
