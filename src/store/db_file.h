/* SPDX-License-Identifier: ISC
 *
 * The file an embedded database lives in, with the two that SQLite keeps beside it (-wal, -shm):
 * whether it can be used, making it, and noticing that another file took its name.
 */
#ifndef STORE_DB_FILE_H
#define STORE_DB_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/outcome.h"

struct file_id {
	bool known;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec written;
};

struct db_file {
	char *path; /* absolute */
	char *dir;
	char *wal;
	char *shm;
	struct file_id id; /* what the last connection was made to, and what lay beside it then */
	struct file_id wal_id;
	struct file_id shm_id;
	struct stat now; /* what the last look saw, and why it saw nothing: errno, or 0 */
	int missing;
	int watch;      /* inotify, or -1 */
	int watched;    /* what of it is the file; -1: not all is told */
	bool disturbed; /* something happened to the name or the file since the last look */
};

/* Set up for PATH; false without memory, or without a working directory for a relative one. */
bool db_file_init(struct db_file *f, const char *path);
void db_file_release(struct db_file *f);

/* Tell whether the path still leads to what it led to, and something is in it. */
bool db_file_is_same(const struct db_file *f);

/* Have the kernel tell from now on when something happens to the name or the file. Does nothing
 * where it cannot, or where a symbolic link is in the path. What it does not tell of is another
 * file system that is mounted over a directory. */
void db_file_watch(struct db_file *f);

/* The descriptor that can be read when the kernel has something to tell, or -1; and what it has to
 * tell. */
int db_file_watched(const struct db_file *f);
void db_file_stir(struct db_file *f);

/* Tell whether a look is due: the kernel told that something happened, or would not have told. */
bool db_file_is_restless(const struct db_file *f);

/* See what the path leads to now; for those below. */
void db_file_look(struct db_file *f);

/* Tell whether it is the file that was taken, and no shorter now. It is not when somebody removed
 * the -shm: then others tell each other of commits in another one. */
bool db_file_is_taken(const struct db_file *f);

/* Tell whether somebody has written to it since it was taken, or what was written was accepted: a
 * checkpoint does, and so does a backup that is copied over it, which SQLite would not notice by
 * itself. */
bool db_file_is_written(const struct db_file *f);

/* What was written until that look was for us. */
void db_file_accept(struct db_file *f);

/* Tell whether the file seen can be used, and remember it as the one that is. FOUND; NONE when it
 * is empty; RETRY with what to do when it is missing or not for us. If another file has taken the
 * name since the last time, be it an empty one, what the old one left beside it is put out of the
 * way, or SQLite would read the old one's changes into the new one. */
enum outcome db_file_take(struct db_file *f, bool write, struct error *err);

/* Remember what lies beside the file, now that it is in use. */
void db_file_note(struct db_file *f);

/* One at a time may tidy up, create or replace: whoever holds this lock, until it is closed. -1
 * with a text when somebody else does. */
int db_file_lock(const struct db_file *f, struct error *err);

/* Tell whether a -wal or its index, the -shm, lies beside it; and put that away, for it is another
 * file's. To be called with the lock. RETRY when it cannot be moved. */
bool db_file_has_log(const struct db_file *f);
enum outcome db_file_put_aside(const struct db_file *f, struct error *err);

/* See to it that the name PATH is on the disk: made, renamed or removed. */
bool db_file_sync_name(const char *path);

/* Make the file, and its directory, where they are missing. Calls FN while nobody else can do the
 * same, if the file is empty. *MADE tells whether it is there by this call. */
typedef enum outcome db_file_fn(void *arg, struct error *err);
enum outcome db_file_create(struct db_file *f, int owner, int group, db_file_fn *fn, void *arg,
    bool *made, struct error *err);

#endif
