/* SPDX-License-Identifier: ISC
 *
 * The two tables of keys, and what a kind of value can do. Reading files is load.c's business.
 */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "conf/conf.h"

struct sbuf;
struct key;

struct kind {
	/* Read TEXT into FIELD, which is zero or, for a list, holds the values before it. */
	enum outcome (*set)(
	    const struct key *key, void *field, const char *text, struct error *err);
	bool (*put)(struct sbuf *out, const void *field);
	void (*release)(void *field); /* NULL: owns nothing; leaves FIELD zero */
	bool list;
};

struct key {
	struct conf_key shown;
	const struct kind *kind;
	size_t offset;
	long min, max;  /* numbers only */
	bool unix_only; /* listen keys: says nothing about an inet address */
};

extern const struct kind kind_name;        /* a user, a group, a map */
extern const struct kind kind_word;        /* one of those in shown.value */
extern const struct kind kind_store;       /* a store's URI */
extern const struct kind kind_store_too;   /* the same, or nothing */
extern const struct kind kind_delimiter;   /* characters that begin an extension */
extern const struct kind kind_path;        /* an absolute path, or nothing */
extern const struct kind kind_template;    /* a path with %u, %n and %d in it */
extern const struct kind kind_location;    /* FORMAT:PATH with %u, %n and %d in it, or nothing */
extern const struct kind kind_number;      /* decimal, min to max */
extern const struct kind kind_boolean;     /* true or false */
extern const struct kind kind_mode;        /* octal permission bits */
extern const struct kind kind_protocol;    /* enum protocol */
extern const struct kind kind_directories; /* a list of absolute paths */
extern const struct kind kind_peers;       /* a list of users and, as "@name", groups */
extern const struct kind kind_lookups;     /* a list of conditions on lookups */
extern const struct kind kind_networks;    /* a list of addresses and CIDRs */

/* Both end with a row without a name. */
extern const struct key conf_keys[];
extern const struct key conf_listen_keys[];

/* Append TEXT in double quotes, as the parser reads it back. */
bool put_quoted(struct sbuf *out, const char *text);

/* Find a row by name; NULL when there is none. */
const struct key *key_by_name(const struct key *table, const char *name);

/* The field of STRUCTURE (a struct conf or conf_listener) that the row stands for. */
void *key_field(const struct key *key, void *structure);

/* Free what the fields of STRUCTURE own. */
void keys_release(const struct key *table, void *structure);

/* Join PREFIX and PATH into *OUT (to be freed). PATH must be absolute, or begin with "./": then the
 * current directory takes the place of the dot. */
enum outcome absolute(char **out, const char *prefix, const char *path, struct error *err);

#endif
