/* SPDX-License-Identifier: ISC
 *
 * One configuration put to work.
 */
#include "generation.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/server.h"
#include "sys/log.h"

/* Tell whether any listener needs this kind of worker. */
static bool
is_wanted(const struct conf *c, enum protocol_side kind)
{
	for (size_t i = 0; i < c->listeners; i++)
		if (protocol_side(c->listener[i].protocol) == kind)
			return true;
	return false;
}

static void
add_worker(struct generation *g, enum protocol_side kind, unsigned number)
{
	g->worker[g->workers++] = (struct worker){ .kind = kind, .number = number, .ready_fd = -1 };
}

/* Nobody's mail belongs to root: Dovecot and the helper would not take it. */
static enum outcome
mail_user(struct identity *who, const struct conf *c, struct error *err)
{
	if (identity_of_user(who, c->mail_user, err) != FOUND)
		return BAD;
	if (who->uid == 0 || who->gid == 0)
		return error_set(err, BAD,
		    "'%s' has the uid or gid of root: name another user in the configuration",
		    c->mail_user);
	return FOUND;
}

static void
find_mail_user(struct generation *g)
{
	struct identity who;
	struct error err;

	g->rules.home = g->conf->mail_home;
	g->rules.mail = g->conf->mail_location;
	g->mail_user = mail_user(&who, g->conf, &err) == FOUND;
	if (g->mail_user) {
		g->rules.uid = who.uid;
		g->rules.gid = who.gid;
		return;
	}
	log_warning("mail-user: %s; until then every login and lookup but Postfix's is told to try "
		    "again",
	    err.text);
}

enum outcome
generation_new(struct generation **out, struct conf *c, const struct identity *owner,
    const struct listener_set *old, struct error *err)
{
	size_t lookups = (size_t)c->lookup_workers;
	struct generation *g = calloc(1, sizeof *g + (lookups + 2) * sizeof g->worker[0]);

	if (g == NULL)
		return error_set(err, RETRY, "no memory");
	if (server_check(c, err) != FOUND || lookup_log_find(&g->lookup_log, c, err) != FOUND ||
	    listeners_open(&g->listeners, c, owner, old, err) != FOUND) {
		free(g);
		return BAD;
	}
	g->conf = c;
	for (unsigned i = 1; is_wanted(c, SIDE_LOOKUP) && i <= lookups; i++)
		add_worker(g, SIDE_LOOKUP, i);
	if (is_wanted(c, SIDE_AUTH)) {
		add_worker(g, SIDE_AUTH, 1);
		find_mail_user(g);
	}
	if (is_wanted(c, SIDE_METRICS))
		add_worker(g, SIDE_METRICS, 1);
	*out = g;
	return FOUND;
}

void
generation_free(struct generation *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->workers; i++)
		if (g->worker[i].ready_fd >= 0)
			close(g->worker[i].ready_fd);
	listeners_close(&g->listeners);
	conf_free(g->conf);
	free(g);
}

struct worker *
generation_worker(struct generation *g, pid_t pid)
{
	for (size_t i = 0; g != NULL && i < g->workers; i++)
		if (g->worker[i].pid == pid)
			return &g->worker[i];
	return NULL;
}

bool
generation_ready(const struct generation *g)
{
	for (size_t i = 0; i < g->workers; i++)
		if (!g->worker[i].ready)
			return false;
	return true;
}

bool
generation_alive(const struct generation *g)
{
	for (size_t i = 0; i < g->workers; i++)
		if (g->worker[i].pid != 0)
			return true;
	return false;
}

bool
generation_quiet(const struct generation *g)
{
	for (size_t i = 0; i < g->workers; i++)
		if (g->worker[i].ready_fd >= 0)
			return false;
	return true;
}

void
generation_signal(const struct generation *g, int number)
{
	for (size_t i = 0; i < g->workers; i++)
		if (g->worker[i].pid != 0)
			kill(g->worker[i].pid, number);
}

const char *
worker_name(const struct worker *w, char *buf, size_t size)
{
	if (w->kind == SIDE_LOOKUP)
		snprintf(buf, size, "lookup worker %u", w->number);
	else
		snprintf(buf, size, "%s worker", w->kind == SIDE_AUTH ? "auth" : "metrics");
	return buf;
}
