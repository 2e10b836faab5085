/* SPDX-License-Identifier: ISC
 *
 * Writes into the store what logins leave behind: when and from where somebody logged in, and fresh
 * hashes for old passwords. A thread with a store of its own does it, so no login waits for it;
 * what cannot be written is kept and tried again, and when there is too much of it the oldest is
 * dropped.
 */
#ifndef SERVER_RECORDER_H
#define SERVER_RECORDER_H

#include "store/logins.h"

struct recorder;

/* Start for the store URI (borrowed), to write logins every INTERVAL seconds at the latest; 0: not
 * at all. NULL with a text when it cannot start. */
struct recorder *recorder_new(const char *uri, long interval, struct error *err);

/* Keep a login to be written. The same one again (but for its time) takes the place of that before.
 */
void recorder_login(struct recorder *r, const struct login_record *login);

/* Keep a fresh hash for the password that is stored as OLD; it is wiped once it is written. */
void recorder_rehash(struct recorder *r, struct slice address, struct slice label, struct slice old,
    struct slice fresh);

/* Something happened to the store's file: see whether another one is in its place. */
void recorder_stir(struct recorder *r);

/* Write what is left, if the store lets us before UNTIL (clock_ms) or at the next try, and end. */
void recorder_free(struct recorder *r, uint64_t until);

#endif
