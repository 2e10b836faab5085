/* SPDX-License-Identifier: ISC
 *
 * What is counted of the answers to lookups, by number of map and by outcome. Whoever owns the
 * memory decides where it is and who reads it.
 */
#ifndef SESSION_TALLY_H
#define SESSION_TALLY_H

#include "base/counter.h"
#include "base/outcome.h"
#include "mail/maps.h"

/* Of a map: its number in the table (map_number), or what it was in place of one. */
enum { TALLY_MAPS = 64, TALLY_POLICY = TALLY_MAPS - 2, TALLY_OTHER = TALLY_MAPS - 1 };

struct tally {
	struct counter answered[TALLY_MAPS][BAD + 1];
	struct counter remembered; /* of those: found among the answers given before */
	struct counter stale;      /* and: given before, while no server of the store answered */
};

#endif
