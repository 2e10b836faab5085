/* SPDX-License-Identifier: ISC
 *
 * What the resolver asks of a store, and what it is told.
 *
 * A question is a short ranked list of candidate rows, and a domain: the store answers with the
 * first candidate that exists and what that row says, and with what it knows of the domain. Whoever
 * can answer that (an SQLite file, one PostgreSQL query, an array in a test) can serve every map.
 */
#ifndef MAIL_QUESTION_H
#define MAIL_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/account_state.h"
#include "base/outcome.h"
#include "base/sbuf.h"

enum row {
	ROW_ALIAS,       /* key: canonical address, or @domain for the catch-all */
	ROW_LOCAL_ALIAS, /* key: a bare local part; counts only when the question's domain is local
			  */
	ROW_MAILBOX,     /* key: canonical address */
	ROW_DOMAIN,      /* key: folded domain name */
	ROW_PATTERN, /* key: what the patterns begin with; all of the question's domain that do */
	ROW_ENTRY,   /* key: of the plain map that the question names */
	ROW_LOCAL_ENTRY, /* the same for a bare local part, as ROW_LOCAL_ALIAS */
	ROW_MAP,         /* key: name of a map that the admin made */
	ROW_MEMBER       /* key: canonical address that a closed list leads to */
};

enum domain_kind {
	DOMAIN_MAILBOX, /* mailboxes live here (virtual_mailbox_domains) */
	DOMAIN_ALIAS,   /* only aliases live here, or all of it is another domain
			   (virtual_alias_domains) */
	DOMAIN_RELAY,   /* accepted for another host (relay_domains) */
	DOMAIN_LOCAL    /* Postfix's own (mydestination) */
};

enum {
	QUESTION_CANDIDATES =
	    140, /* every prefix of an IPv6 address, every parent of the longest domain */
	QUESTION_TEXT = 32768
};

struct candidate {
	enum row row;
	struct slice key; /* a view of question.text */
	bool bare;        /* the resolver's: this key has lost its extension */
};

struct question {
	struct candidate candidate[QUESTION_CANDIDATES];
	size_t n;
	struct slice domain; /* tell what this is as well; empty: none */
	struct slice map;    /* for ROW_ENTRY: whose entries */
	struct sbuf text;    /* owns all of them */
};

/* What there is among the rows of a domain, so that a store need not look for anything else. A
 * tagged row has a '+' in its address, a special alias is switched off, expires, or is a closed
 * list. */
enum holds {
	HOLDS_CATCH_ALL = 1, /* the alias @name */
	HOLDS_ALIASES = 2,   /* others */
	HOLDS_TAGGED_ALIASES = 4,
	HOLDS_SPECIAL_ALIASES = 8,
	HOLDS_MAILBOXES = 16,
	HOLDS_TAGGED_MAILBOXES = 32
};

/* What the store knows of question.domain. */
struct domain_facts {
	bool known;
	struct sbuf name; /* the name it has, where it was only asked for as Postfix does */
	enum domain_kind kind;
	bool patterns;         /* it has pattern aliases */
	unsigned holds;        /* enum holds; the store's own */
	bool own_delimiters;   /* `delimiters` replaces the configured set */
	char delimiters[8];    /* C string */
	signed char propagate; /* 1, 0, or -1: as configured */
	struct sbuf target;    /* the domain it stands for, or empty */
};

/* The first candidate that exists. Filled by the store; cleared by facts_clear before. */
struct facts {
	bool hit;
	size_t rank;         /* which candidate */
	struct sbuf targets; /* ROW_ALIAS, ROW_LOCAL_ALIAS: each target, ended by LF. ROW_PATTERN:
			      * each pattern's canonical address, ended by LF */
	bool disabled;       /* ROW_ALIAS, ROW_LOCAL_ALIAS */
	bool internal;       /* the same: a closed list */
	int64_t expires;     /* the same: unix seconds, 0 for never */
	enum account_state state; /* ROW_MAILBOX */
	enum domain_kind kind;    /* ROW_DOMAIN */
	struct sbuf value;        /* ROW_ENTRY: its value. ROW_MAP: its search, by name */
	struct domain_facts domain;
};

void question_init(struct question *q);
void question_release(struct question *q);
void question_clear(struct question *q);

/* Name the domain and the plain map of the question, before its candidates. */
bool question_set_domain(struct question *q, struct slice domain);
bool question_set_map(struct question *q, struct slice map);

/* Append a candidate with the key LOCAL@DOMAIN (quoted where needed; `@DOMAIN` when LOCAL is
 * empty), or with any other text as its key. False when it does not fit. */
bool question_add_address(
    struct question *q, enum row row, struct slice local, struct slice domain, bool bare);
bool question_add_text(struct question *q, enum row row, struct slice text, bool bare);

/* Append a candidate with the key of the one that is number N. */
bool question_add_same(struct question *q, enum row row, size_t n);

/* Append a candidate whose key is what follows the first N bytes of the last one's: a parent
 * domain. */
bool question_add_tail(struct question *q, size_t n);

/* The same whose key is the first N bytes of the last one's. */
bool question_add_head(struct question *q, size_t n);

void facts_init(struct facts *f);
void facts_release(struct facts *f);
void facts_clear(struct facts *f);

/* Name a domain kind as vmailctl and the store do ("mailbox", "alias", "relay", "local"). */
const char *domain_kind_name(enum domain_kind k);
bool domain_kind_by_name(struct slice name, enum domain_kind *out);

#endif
