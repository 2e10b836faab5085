/* SPDX-License-Identifier: ISC
 *
 * Questions about people in PostgreSQL's words, and the rows they are answered by (schema/
 * postgresql/ask.sql).
 */
#ifndef STORE_PG_PERSON_H
#define STORE_PG_PERSON_H

#include "store/pg_ask.h"
#include "store/remote.h"

extern const struct pg_statement pg_person_statements[PERSON_WANTS];

/* Write down a question. NONE: nobody can be called that. RETRY without memory. */
enum outcome pg_person_write(struct pg_ask *a, const struct person *p, struct error *err);

/* Read the answer out of the rows. FOUND, NONE, or RETRY when they make no sense. */
enum outcome pg_person_read(const PGresult *rows, const struct person *p, struct error *err);

#endif
