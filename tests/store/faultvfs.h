/* SPDX-License-Identifier: ISC
 *
 * A disk that fails when it is told to: an SQLite VFS over the default one, and in its place, so
 * that the store's own VFS (a copy of the default one with another sleep) comes to lie above it.
 * The calls that the store makes past SQLite are caught as well: rename, unlink, mkdir, ftruncate
 * and fsync.
 *
 * What is on the disk for certain, and what is still on its way there, is kept in memory beside the
 * real files: nothing is really synced.
 */
#ifndef TESTS_STORE_FAULTVFS_H
#define TESTS_STORE_FAULTVFS_H

#include <stdbool.h>

enum fault {
	FAULT_IO,    /* the call fails, and does nothing */
	FAULT_SHORT, /* a read of the system gives half of what was asked for */
	FAULT_FULL,  /* a write does half, and there is no more room */
	FAULT_SYNC,  /* a sync fails, and does nothing */
	FAULT_LIE,   /* a sync says that it is done, and did nothing */
	FAULT_POWER  /* neither this call happens nor any behind it */
};

/* What becomes of that which was on its way when the power went. */
enum crash {
	CRASH_NOTHING, /* gets there */
	CRASH_ALL,     /* gets there: as if only the process had died */
	CRASH_SOME     /* of its sectors, in any order; some are torn */
};

/* Put the VFS into the default one's place, or take it away again. */
void faults_install(void);
void faults_remove(void);

/* Take the files below DIR, all of which are on the disk, as what every run begins with. */
void faults_keep(const char *dir);

/* Make what is below that DIR be that again, with no fault to come. */
void faults_begin(void);

/* Let the call number AT from now on fail (1 is the next), or, if LASTING, all from there on. */
void faults_arm(enum fault fault, unsigned at, bool lasting);

/* No more faults. Tells how many calls failed since faults_arm. */
unsigned faults_heal(void);

/* Tell whether a call failed since faults_arm: if not, there are no more to try. */
bool faults_struck(void);

/* After FAULT_POWER, with all files closed: leave below DIR what the disk has. SEED decides. */
void faults_crash(enum crash crash, unsigned seed);

#endif
