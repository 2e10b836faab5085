/* SPDX-License-Identifier: ISC
 *
 * What a mailbox and a login are made of: the same for an engine that steps from row to row and for
 * one that answers later.
 */
#ifndef STORE_PEOPLE_H
#define STORE_PEOPLE_H

#include "store/logins.h"

/* A mailbox as a row has it. */
struct account_row {
	struct slice address, home, state, reason, mail, networks;
	int64_t quota, created, password, uid, gid;
};

/* Take it. FOUND, or RETRY. */
enum outcome account_take(struct account *out, const struct account_row *row, struct error *err);

/* Begin with facts of nobody, add what a credential is (FOUND, or RETRY), and, when all are there,
 * let them find their texts. */
void login_facts_begin(struct login_facts *f);
enum outcome login_facts_add(
    struct login_facts *f, const struct credential *from, struct error *err);
void login_facts_end(struct login_facts *f);

#endif
