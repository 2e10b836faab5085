/* SPDX-License-Identifier: ISC
 *
 * What the resolver asks of a store, and what it is told.
 *
 * A question is a short ranked list of candidate rows; the store answers with the first that exists
 * and what that row says. Whoever can answer that (an SQLite file, one PostgreSQL query, an array
 * in a test) can serve every map.
 */
#ifndef MAIL_QUESTION_H
#define MAIL_QUESTION_H

#include <stdbool.h>

#include "base/outcome.h"
#include "base/sbuf.h"

enum row {
	ROW_ALIAS,       /* key: canonical address, or @domain for the catch-all */
	ROW_LOCAL_ALIAS, /* key: a bare local part; counts only when `domain` is of the local kind
			  */
	ROW_MAILBOX,     /* key: canonical address */
	ROW_DOMAIN       /* key: folded domain name */
};

enum domain_kind {
	DOMAIN_MAILBOX, /* mailboxes live here (virtual_mailbox_domains) */
	DOMAIN_ALIAS,   /* only aliases live here, or all of it is another domain
			   (virtual_alias_domains) */
	DOMAIN_RELAY,   /* accepted for another host (relay_domains) */
	DOMAIN_LOCAL    /* Postfix's own (mydestination) */
};

enum { QUESTION_CANDIDATES = 8, QUESTION_TEXT = 32768 };

struct candidate {
	enum row row;
	struct slice key;    /* views of question.text */
	struct slice domain; /* for ROW_LOCAL_ALIAS */
	bool bare;           /* the resolver's: this key has lost its extension */
};

struct question {
	struct candidate candidate[QUESTION_CANDIDATES];
	size_t n;
	struct sbuf text; /* owns the keys */
};

/* The first candidate that exists. Filled by the store; cleared by facts_clear before. */
struct facts {
	bool hit;
	size_t rank;           /* which candidate */
	struct sbuf targets;   /* ROW_ALIAS, ROW_LOCAL_ALIAS: each target, ended by LF */
	enum domain_kind kind; /* ROW_DOMAIN */
	struct sbuf target;    /* ROW_DOMAIN: the domain it stands for, or empty */
};

void question_init(struct question *q);
void question_release(struct question *q);
void question_clear(struct question *q);

/* Append a candidate. LOCAL may be empty (`@domain`, or a bare domain for ROW_DOMAIN); DOMAIN is
 * the key's, for ROW_LOCAL_ALIAS the one that must be local. False when it does not fit. */
bool question_add(struct question *q, enum row row, struct slice local, struct slice domain,
		  bool bare);

void facts_init(struct facts *f);
void facts_release(struct facts *f);
void facts_clear(struct facts *f);

/* Name a domain kind as vmailctl and the store do ("mailbox", "alias", "relay", "local"). */
const char *domain_kind_name(enum domain_kind k);
bool domain_kind_by_name(struct slice name, enum domain_kind *out);

#endif
