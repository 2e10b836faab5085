/* SPDX-License-Identifier: ISC
 *
 * What a mailbox and a login are made of, column by column: the same for an engine that steps from
 * row to row and for one that answers later.
 */
#ifndef STORE_PEOPLE_H
#define STORE_PEOPLE_H

#include "store/logins.h"

enum { ACCOUNT_COLUMNS = 11, CREDENTIAL_COLUMNS = 5 };

/* Take a mailbox from the columns of the statement `account`: texts with a NUL behind them. FOUND,
 * or RETRY. */
enum outcome account_take(
    struct account *out, const struct slice column[ACCOUNT_COLUMNS], struct error *err);

/* Begin with facts of nobody, add a credential by the columns of `credentials` (FOUND, or RETRY),
 * and, when all are there, let them find their texts. */
void login_facts_begin(struct login_facts *f);
enum outcome login_facts_add(
    struct login_facts *f, const struct slice column[CREDENTIAL_COLUMNS], struct error *err);
void login_facts_end(struct login_facts *f);

#endif
