/* SPDX-License-Identifier: ISC
 *
 * The resolver's question in PostgreSQL's words, and the rows it is answered by (schema/postgresql/
 * ask.sql).
 */
#ifndef STORE_PG_ASK_H
#define STORE_PG_ASK_H

#include <libpq-fe.h>

#include "mail/question.h"

enum { PG_ASK_PARAMETERS = 10 };

/* Parameters, as libpq takes them; `text` owns them. */
struct pg_ask {
	const char *value[PG_ASK_PARAMETERS];
	struct sbuf text;
};

/* Tell whether TEXT can be in a table of a server. */
bool pg_can_hold(struct slice text);

void pg_ask_init(struct pg_ask *a);
void pg_ask_release(struct pg_ask *a);

/* Write down a question about the time NOW. False without memory. */
bool pg_ask_write(struct pg_ask *a, const struct question *q, int64_t now);

/* Read the facts out of the rows. FOUND, with the moment they are of; RETRY when they make no
 * sense.
 */
enum outcome pg_ask_read(const PGresult *rows, const struct question *q, struct facts *facts,
    int64_t *moment, struct error *err);

#endif
