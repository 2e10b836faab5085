/* SPDX-License-Identifier: ISC
 *
 * App passwords: secrets that we made ourselves, one per device. They have so much randomness in
 * them that a fast keyed hash keeps them safe, and a login by one costs microseconds.
 */
#ifndef AUTH_APP_PASSWORD_H
#define AUTH_APP_PASSWORD_H

#include "base/outcome.h"
#include "base/sbuf.h"

enum {
	APP_PASSWORD_RANDOM = 32,  /* bytes to make one from */
	APP_PASSWORD_LETTERS = 24, /* of 19 consonants: 101 bits */
	APP_PASSWORD_SIZE = 30,    /* as it is shown: bcdf-ghjk-..., and the terminator */
	APP_PASSWORD_KEY = 64      /* the store's key, in hex */
};

/* Write the app password that RANDOM makes. Both are for the caller to wipe. */
void app_password_make(
    char out[APP_PASSWORD_SIZE], const unsigned char random[APP_PASSWORD_RANDOM]);

/* Tell whether what somebody TYPED can be an app password: dashes, blanks and upper case do not
 * count. A password of his own choice may look like one by chance. */
bool app_password_looks(struct slice typed);

/* Tell whether STORED is the hash of one: {VMAILD-APP}... */
bool app_password_is(struct slice stored);

/* Append the stored form of SECRET (in any spelling), which only the store with this KEY can
 * verify. RETRY when KEY is no key or there is no memory, BAD when SECRET is no app password. */
enum outcome app_password_hash(
    struct sbuf *out, struct slice key, struct slice secret, struct error *err);

/* FOUND: it is this one, in whatever spelling. NONE: it is not. RETRY: what is stored is malformed,
 * or KEY is no key. Takes equally long wherever they differ. */
enum outcome app_password_verify(
    struct slice stored, struct slice key, struct slice typed, struct error *err);

#endif
