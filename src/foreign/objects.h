/* SPDX-License-Identifier: ISC
 *
 * The objects that are made of rows, by name: several rows may say something of one.
 */
#ifndef FOREIGN_OBJECTS_H
#define FOREIGN_OBJECTS_H

#include "foreign/schema.h"

/* In the order in which they are put. */
enum class { CLASS_DOMAIN, CLASS_DOMAIN_ALIAS, CLASS_MAILBOX, CLASS_ALIAS, CLASS_ENTRY, CLASSES };

struct item {
	struct slice text;
	struct foreign_place at;
	struct item *next;
};

struct items {
	struct item *first, *last;
	size_t n;
};

struct app_password {
	struct record_credential credential;
	struct app_password *next;
};

struct object {
	struct foreign_object made;
	struct items items; /* an alias's targets, or the logins of a sender */
	struct items off;   /* targets of rows that are switched off */
	struct slice hash;  /* a mailbox's own password, or p NULL */
	struct app_password *app;
	size_t apps;
	bool has_said; /* why an alias leads nowhere, or that is as it should be */
	bool unknown;  /* where it leads, for none of that can be had here */
	bool no_login; /* its passwords are not to be carried over */
	bool dropped;
};

struct class_of {
	struct object **object;
	size_t n;
	size_t room;
	struct index by_name;
};

struct foreign {
	const struct foreign_options *options;
	const struct format *format;
	struct arena arena;
	struct tables tables;
	struct table *open; /* which foreign_row adds to */
	struct class_of class[CLASSES];
	struct index off;  /* domains that are switched off */
	struct join *join; /* rows by the value of a column */
	struct sbuf scratch;
	const struct format *guess; /* of the texts seen so far */
	const char *guess_file;     /* the first of them */
	const char *unknown_file;   /* one that could be anything */
	const char *empty_file;     /* one in which there is nothing */
	const char *other_file;     /* one that is something else than the first */
	const struct format *other;
	bool told_base;
	bool no_memory;  /* for what lies outside the arena */
	bool bare_names; /* there are names without a domain */
	bool targets;    /* there is a table that says where aliases lead */
};

/* Tell of something that is not carried over, or not as it was. */
void remark(struct foreign *f, enum foreign_remark kind, const struct foreign_place *at,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Find an object by its class and canonical name (for entries: map, LF, key). */
struct object *object_find(struct foreign *f, enum class class, struct slice name);

/* Make one that is not there; NULL without memory. NAME is copied. */
struct object *object_new(struct foreign *f, enum class class, enum record_kind kind,
    struct slice name, const struct foreign_place *at);

/* Add a target or login that is not among them yet. */
void items_add(
    struct foreign *f, struct items *to, struct slice text, const struct foreign_place *at);

/* Tell whether it is among them. */
bool items_have(const struct items *items, struct slice text);

void joins_release(struct foreign *f);

/* Make what the rows of a table stand for. */
void make_table(struct foreign *f, const struct table *t, const struct table_rule *r);

/* When all rows are seen: make up what the objects show. */
void settle_objects(struct foreign *f);

/* Whether the columns of a table are enough for what it is to make. */
bool makes_sense(const struct foreign *f, const struct table *t, const struct table_rule *r);

#endif
