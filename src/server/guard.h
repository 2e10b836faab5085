/* SPDX-License-Identifier: ISC
 *
 * Who has tried too many wrong passwords. The rules are auth/throttle.h's; here is the memory they
 * count in: a file of this host, so that the counts outlive the worker and the daemon.
 */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include "auth/throttle.h"
#include "base/sbuf.h"
#include "conf/conf.h"

struct guard {
	bool on;
	struct throttle_rules rules;
	struct throttle table;
	void *memory;
	size_t size;
	bool mapped;           /* the memory is the file */
	unsigned char key[16]; /* for throttle_tag */
	struct sbuf shared;    /* the networks that are never counted as one */
};

/* Check what the configuration says of it; BAD with a text. */
enum outcome guard_check(const struct conf *c, struct error *err);

/* Set up as the configuration says. A file that cannot be used is a warning: then the counts live
 * as long as this process. RETRY when there is no memory either. */
enum outcome guard_init(struct guard *g, const struct conf *c, struct error *err);
void guard_release(struct guard *g);

/* Tell which network a client at REMOTE is counted for, GROUP being the one it is in: none where
 * one address stands for many people. */
struct slice guard_network(const struct guard *g, struct slice remote, struct slice group);

/* auth/throttle.h's questions, at this moment. */
struct throttle_answer guard_ask(struct guard *g, struct throttle_try *try);
uint32_t guard_tag(const struct guard *g, struct slice user, struct slice password);
void guard_failed(struct guard *g, const struct throttle_try *try, uint32_t tag);
void guard_succeeded(struct guard *g, const struct throttle_try *try);
void guard_unheard(struct guard *g, const struct throttle_try *try);

#endif
