/* SPDX-License-Identifier: ISC
 *
 * How often a wrong password may be tried: per user and network, per network over all users
 * (spraying), and per user over all networks that he never used (distributed guessing). Failures
 * are forgotten one by one; beyond some free ones each costs a wait, twice as long as the one
 * before. An owner who comes from a network where he logged in before is not concerned by what is
 * tried elsewhere, and is not refused for what is tried there: he waits for some seconds until he
 * is heard. Where one address stands for many people, somebody who logged in there before is
 * refused for what is tried there, if for no longer than the third kind would refuse him.
 *
 * Rules over a table in memory of the caller's, which may be shared, a file, and full of garbage:
 * there are no pointers in it, a record is believed only as far as it makes sense, and when it is
 * full the least important of a few records goes. What is lost is a count of failures, never a
 * right to log in. One process writes; others may read, and clear, at the same time.
 *
 * Time is unix time in milliseconds, so that the table outlives a restart. A clock that jumps back
 * makes nobody wait longer than the longest wait from then on.
 */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum throttle_kind {
	THROTTLE_USER_NETWORK, /* one user from one network */
	THROTTLE_NETWORK,      /* one network, whoever it says it is */
	THROTTLE_USER,         /* one user, from wherever he never came from before */
	THROTTLE_KINDS
};

struct throttle_rule {
	uint32_t free;     /* failures that cost nothing; 0: this kind is not counted */
	uint32_t first_ms; /* the wait after the first one beyond; doubles with each */
	uint32_t longest_ms;
	uint32_t forget_ms; /* after so long one failure is forgotten */
};

struct throttle_rules {
	struct throttle_rule kind[THROTTLE_KINDS];
	uint32_t longest_known_ms; /* the longest wait at a network where he logged in before: two
				      of them fit into the 10 s after which Postfix gives up */
};

extern const struct throttle_rules throttle_default_rules;

/* The same with other counts of free failures, and no wait longer than LONGEST seconds. */
struct throttle_rules throttle_rules_of(
    uint32_t user_network, uint32_t network, uint32_t user, uint32_t longest);

/* A table. Its memory is the caller's; nothing in it points anywhere. */
struct throttle {
	struct throttle_header *header;
	struct throttle_record *record;
	size_t buckets;
};

enum { THROTTLE_USER_MAX = 128, THROTTLE_NETWORK_MAX = 64, THROTTLE_SEED = 16 };

/* How much memory a table of about N records takes, N at least. Must be zeroed or a table before
 * throttle_attach, and aligned for uint64_t (as malloc and mmap do). */
size_t throttle_size(size_t n);

/* Look at SIZE bytes of memory as a table. False when it is none, or one of another program version
 * or size: then throttle_format makes a new one of it. Reads only. */
bool throttle_attach(struct throttle *t, void *memory, size_t size);

/* Make an empty table of SIZE bytes of memory. SEED is random: with it nobody outside can tell
 * which records share a place. */
bool throttle_format(
    struct throttle *t, void *memory, size_t size, const unsigned char seed[THROTTLE_SEED]);

enum throttle_verdict {
	THROTTLE_LET,   /* verify the password, answer at once */
	THROTTLE_WAIT,  /* verify nothing yet: ask again in `ms`, for others may come first */
	THROTTLE_REFUSE /* verify nothing: refuse; heard again in `ms` */
};

struct throttle_answer {
	enum throttle_verdict verdict;
	int64_t ms;
	enum throttle_kind by; /* what made it so, unless THROTTLE_LET: his own tries, where they
				  would have done it too; else what asks for the longest wait */
};

/* Who tries to log in. USER is canonical, or what was typed; NETWORK is of network_group, empty for
 * no address: then the network itself is not counted. KNOWN: he logged in from there before. */
struct throttle_try {
	struct slice user;
	struct slice network;
	bool known;
	/* How many other passwords of this user are being looked at just now, from this network and
	 * from all that are not his: they are taken to be wrong. 0 for THROTTLE_NETWORK: many
	 * people may begin their day at once. */
	uint32_t under_way[THROTTLE_KINDS];
	int64_t heard; /* throttle_check's: when this one was let through after a wait */
};

/* Judge a try before its password is looked at. When a wait has just passed, this one is heard, and
 * the others of the same moment are not: call throttle_unheard when that came to nothing. */
struct throttle_answer throttle_check(
    struct throttle *t, const struct throttle_rules *rules, int64_t now, struct throttle_try *try);

/* Make the short tag of a password by which the same wrong one is known again: 0 is no tag. The KEY
 * (16 bytes) must not be in the table's file, where it would help to guess the password; when it is
 * lost, the same wrong password counts once more. */
uint32_t throttle_tag(const unsigned char key[16], struct slice user, struct slice password);

/* Count a wrong password; one of the last wrong ones of that user and network again counts nothing:
 * a phone with an old password locks nobody out. TAG 0: always counts. */
void throttle_failed(struct throttle *t, const struct throttle_rules *rules, int64_t now,
    const struct throttle_try *try, uint32_t tag);

/* Forget the failures of that user from that network, though not which passwords were wrong: a
 * phone with an old one, beside good logins, still counts once. What was counted of the network and
 * of the user elsewhere stays, for an attacker may have an account as well. */
void throttle_succeeded(struct throttle *t, const struct throttle_try *try);

/* The password could not be looked at after all (RETRY), or was right and is refused all the same:
 * neither a failure nor a good login. Whom this try made wait waits no more; whom another one
 * made wait still does. */
void throttle_unheard(struct throttle *t, const struct throttle_try *try);

/* A record as vmailctl lists it. */
struct throttle_row {
	enum throttle_kind kind;
	struct slice user; /* empty for THROTTLE_NETWORK; cut to THROTTLE_USER_MAX */
	struct slice network;
	unsigned failures; /* not forgotten yet */
	int64_t last;      /* the last one */
	int64_t until;     /* not heard before that, but where he is known; 0: heard now */
};

/* Call FN for every record with failures that are not forgotten at NOW, until it returns false. */
typedef bool throttle_row_fn(void *arg, const struct throttle_row *row);
void throttle_each(const struct throttle *t, const struct throttle_rules *rules, int64_t now,
    throttle_row_fn *fn, void *arg);

/* Forget all records of USER, of NETWORK, of both together when both are given, or (both empty)
 * all. Returns how many. */
size_t throttle_clear(struct throttle *t, struct slice user, struct slice network);

#endif
