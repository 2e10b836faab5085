/* SPDX-License-Identifier: ISC
 *
 * The resolver's question in PostgreSQL's words, and the rows it is answered by (schema/postgresql/
 * ask.sql).
 */
#ifndef STORE_PG_ASK_H
#define STORE_PG_ASK_H

#include <libpq-fe.h>

#include "mail/question.h"

#include "store/pg_memory.h"

enum { PG_ASK_PARAMETERS = 10 }; /* at the most */

/* A statement, to be prepared by its name. */
struct pg_statement {
	const char *name;
	const char *sql;
};

/* The statements that answer questions. Those from PG_ASK_MOMENT on are for who remembers domains,
 * and for servers where that can be done. */
enum pg_ask_statement {
	PG_ASK_ADDRESS,
	PG_ASK_ENTRY,
	PG_ASK_ANYTHING,
	PG_ASK_MOMENT,
	PG_ASK_TARGET,
	PG_ASK_EITHER,
	PG_ASK_ALIASES,
	PG_ASK_MAILBOXES,
	PG_ASK_BOTH,
	PG_ASK_DOMAIN,
	PG_ASKS
};
extern const struct pg_statement pg_ask_statements[PG_ASKS];

/* A statement and its parameters, as libpq takes them; `text` owns them. */
struct pg_ask {
	const struct pg_statement *statement;
	int n;
	const char *value[PG_ASK_PARAMETERS];
	struct sbuf text;
};

/* Tell whether TEXT can be in a table of a server. */
bool pg_can_hold(struct slice text);

void pg_ask_init(struct pg_ask *a);
void pg_ask_release(struct pg_ask *a);

/* Write down a question about the time NOW. False without memory. */
bool pg_ask_write(struct pg_ask *a, const struct question *q, int64_t now);

/* Tell whether what is known of its domain makes a question smaller. */
bool pg_ask_is_of_domain(const struct question *q);

/* The same for such a question, of whose domain KNOWN is known. False without memory. */
bool pg_ask_write_rest(
    struct pg_ask *a, const struct question *q, const struct domain_facts *known);

/* Write down the question what there is to know of a domain. False without memory. */
bool pg_ask_write_domain(struct pg_ask *a, struct slice name);

/* Read the facts out of the rows. FOUND, with the moment they are of; RETRY when they make no
 * sense.
 */
enum outcome pg_ask_read(const PGresult *rows, const struct question *q, struct facts *facts,
    int64_t *moment, struct error *err);

/* The same of what was written by pg_ask_write_rest, into FACTS that have nothing but the domain,
 * as it was known then. AT which moment that must still be true is for the caller to see. */
enum outcome pg_ask_read_rest(const PGresult *rows, const struct question *q, struct facts *facts,
    struct pg_at *at, struct error *err);

/* What there is to know of the domain NAME, into OUT, which was empty. */
enum outcome pg_ask_read_domain(const PGresult *rows, struct domain_facts *out, struct slice *name,
    struct pg_at *at, int64_t *moment, struct error *err);

#endif
