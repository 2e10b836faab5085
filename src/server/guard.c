/* SPDX-License-Identifier: ISC
 *
 * The memory in which wrong passwords are counted. While one generation replaces another two
 * processes count in it for a moment; what that costs is a count.
 */
#include "guard.h"

#include <sodium.h>
#include <stdlib.h>

#include "auth/network.h"
#include "clock.h"
#include "sys/log.h"
#include "sys/mapped.h"

enum { RECORDS = 16384, PATH_SIZE_MAX = 4096 };

/* --- the configuration ------------------------------------------------------------------------ */

static enum outcome
read_networks(struct sbuf *out, const struct conf *c, struct error *err)
{
	struct error why;

	for (char *const *n = c->shared_network; *n != NULL; n++) {
		if (n != c->shared_network)
			sbuf_add_chr(out, ',');
		if (network_list_check(out, slice_str(*n), &why) != FOUND)
			return error_set(err, BAD, "shared-networks: %s", why.text);
	}
	return out->failed ? error_set(err, RETRY, "out of memory") : FOUND;
}

enum outcome
guard_check(const struct conf *c, struct error *err)
{
	struct sbuf list;
	enum outcome o;

	sbuf_init(&list, NETWORK_LIST_MAX);
	o = read_networks(&list, c, err);
	sbuf_release(&list);
	return o;
}

static void
read_rules(struct guard *g, const struct conf *c)
{
	g->rules =
	    throttle_rules_of((uint32_t)c->throttle_user_network, (uint32_t)c->throttle_network,
		(uint32_t)c->throttle_user, (uint32_t)c->throttle_longest);
	for (int k = 0; k < THROTTLE_KINDS; k++)
		g->on = g->on || g->rules.kind[k].free > 0;
}

/* --- the memory ------------------------------------------------------------------------------- */

static enum outcome
map(struct guard *g, const struct conf *c, struct error *err)
{
	struct sbuf path;
	enum outcome o;

	sbuf_init(&path, PATH_SIZE_MAX);
	if (conf_throttle_file(&path, c))
		o = mapped_open(&g->memory, sbuf_cstr(&path), g->size, err);
	else
		o = error_set(err, RETRY, "no memory for the path of their file");
	sbuf_release(&path);
	return o;
}

static void
format(struct guard *g)
{
	unsigned char seed[THROTTLE_SEED];

	randombytes_buf(seed, sizeof seed);
	throttle_format(&g->table, g->memory, g->size, seed);
}

enum outcome
guard_init(struct guard *g, const struct conf *c, struct error *err)
{
	struct error why;
	enum outcome o;

	*g = (struct guard){ .size = throttle_size(RECORDS) };
	sbuf_init(&g->shared, NETWORK_LIST_MAX);
	randombytes_buf(g->key, sizeof g->key);
	read_rules(g, c);
	o = read_networks(&g->shared, c, err);
	if (o != FOUND || !g->on)
		return o;
	g->mapped = map(g, c, &why) == FOUND;
	if (!g->mapped) {
		log_warning("wrong passwords are counted until the auth worker ends: %s (see "
			    "throttle-file)",
		    why.text);
		g->memory = calloc(1, g->size);
	}
	if (g->memory == NULL)
		return error_set(err, RETRY, "no memory to count wrong passwords in");
	if (!throttle_attach(&g->table, g->memory, g->size))
		format(g);
	return FOUND;
}

void
guard_release(struct guard *g)
{
	if (g->mapped)
		mapped_close(g->memory, g->size);
	else
		free(g->memory);
	g->memory = NULL;
	sbuf_release(&g->shared);
}

/* --- questions -------------------------------------------------------------------------------- */

struct slice
guard_network(const struct guard *g, struct slice remote, struct slice group)
{
	if (g->shared.n > 0 && network_list_has(sbuf_slice(&g->shared), remote))
		return slice_of("", 0);
	return group;
}

struct throttle_answer
guard_ask(struct guard *g, struct throttle_try *try)
{
	if (!g->on)
		return (struct throttle_answer){ .verdict = THROTTLE_LET };
	return throttle_check(&g->table, &g->rules, clock_unix_ms(), try);
}

uint32_t
guard_tag(const struct guard *g, struct slice user, struct slice password)
{
	return g->on ? throttle_tag(g->key, user, password) : 0;
}

void
guard_failed(struct guard *g, const struct throttle_try *try, uint32_t tag)
{
	if (g->on)
		throttle_failed(&g->table, &g->rules, clock_unix_ms(), try, tag);
}

void
guard_succeeded(struct guard *g, const struct throttle_try *try)
{
	if (g->on)
		throttle_succeeded(&g->table, try);
}

void
guard_unheard(struct guard *g, const struct throttle_try *try)
{
	if (g->on)
		throttle_unheard(&g->table, try);
}
