/* SPDX-License-Identifier: ISC
 *
 * The table of maps: every name a mail server may put behind the last colon of socketmap:...:NAME.
 */
#ifndef MAIL_MAPS_H
#define MAIL_MAPS_H

#include <stdbool.h>

#include "base/slice.h"

enum map_search { MAP_DOMAINS, MAP_ALIAS_DOMAINS, MAP_MAILBOXES, MAP_ALIASES, MAP_SENDERS };

struct map {
	const char *name;
	enum map_search search;
	const char *parameter; /* the main.cf parameter it is made for */
	const char *summary;   /* one line for help and manual */
};

/* Find a map by name; NULL when there is none (the client is told PERM). */
const struct map *map_by_name(struct slice name);

/* Walk the table: the I-th map, NULL behind the last. */
const struct map *map_at(size_t i);

#endif
