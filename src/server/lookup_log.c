/* SPDX-License-Identifier: ISC
 *
 * Lookups in the log. Without rules none of this runs; with rules, whom a lookup is from is asked
 * of the kernel only when map and address fit.
 */
#include "lookup_log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "auth/network.h"
#include "conn.h"
#include "listener.h"
#include "mail/glob.h"
#include "sys/log.h"
#include "sys/privs.h"

/* --- rules ------------------------------------------------------------------------------------ */

static bool
is_no_name(struct slice text)
{
	size_t at;

	return slice_chr(text, '/', &at) || slice_chr(text, ':', &at) || slice_chr(text, ',', &at);
}

/* A user of this host, or addresses to connect from. */
static enum outcome
find_client(struct lookup_log_rule *r, struct slice text, struct error *err)
{
	struct identity user;
	struct sbuf network;
	char name[64];
	enum outcome o;

	sbuf_init(&network, sizeof r->network - 1);
	o = network_list_check(&network, text, err);
	snprintf(r->network, sizeof r->network, "%s", sbuf_cstr(&network));
	sbuf_release(&network);
	if (o != BAD || is_no_name(text))
		return o;
	snprintf(name, sizeof name, "%.*s", (int)text.n, text.p);
	o = identity_of_user(&user, name, err);
	r->by_user = o == FOUND;
	r->user = o == FOUND ? user.uid : 0;
	return o;
}

static enum outcome
find_rule(struct lookup_log_rule *r, const char *text, struct error *err)
{
	struct slice rest = slice_str(text);
	enum outcome o = FOUND;

	*r = (struct lookup_log_rule){ .by_user = false };
	while (rest.n > 0 && o == FOUND) {
		struct slice value = slice_cut(&rest, ' ');
		struct slice name = slice_cut(&value, '=');

		if (slice_is(name, "map"))
			r->map = value;
		else if (slice_is(name, "address"))
			r->address = value;
		else if (slice_is(name, "client"))
			o = find_client(r, value, err);
	}
	return o;
}

enum outcome
lookup_log_find(struct lookup_log *out, const struct conf *c, struct error *err)
{
	struct error why;

	out->rules = 0;
	for (char *const *text = c->log_lookups; *text != NULL; text++) {
		enum outcome o = find_rule(&out->rule[out->rules++], *text, &why);

		if (o != FOUND)
			return error_set(err, o, "log-lookups: '%s': %s", *text, why.text);
	}
	return FOUND;
}

/* --- lines ------------------------------------------------------------------------------------ */

struct client {
	bool local;
	struct ucred who;               /* local: who he is */
	char address[INET6_ADDRSTRLEN]; /* or where he is */
};

static void
find_out(struct client *c, const struct conn *from)
{
	struct sockaddr_storage at = { .ss_family = AF_UNSPEC };
	socklen_t n = sizeof c->who, size = sizeof at;

	*c = (struct client){ .local = from->from->path[0] != '\0' };
	if (c->local) {
		if (getsockopt(from->fd, SOL_SOCKET, SO_PEERCRED, &c->who, &n) != 0)
			c->who.uid = (uid_t)-1;
		return;
	}
	if (getpeername(from->fd, (struct sockaddr *)&at, &size) != 0)
		return;
	if (at.ss_family == AF_INET)
		inet_ntop(
		    AF_INET, &((struct sockaddr_in *)&at)->sin_addr, c->address, sizeof c->address);
	else if (at.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&at)->sin6_addr, c->address,
		    sizeof c->address);
}

static bool
is_about(const struct lookup_log_rule *r, struct slice map, struct slice key)
{
	return (r->map.n == 0 || slice_eq(r->map, map)) &&
	       (r->address.n == 0 || glob_match(r->address, key));
}

static bool
is_from(const struct lookup_log_rule *r, const struct client *c)
{
	if (r->by_user)
		return c->local && c->who.uid == r->user;
	return r->network[0] == '\0' ||
	       network_list_has(slice_str(r->network), slice_str(c->address));
}

static void
say(const struct client *c, struct slice map, struct slice key, enum outcome o, struct slice text)
{
	const struct log_field fields[] = { { .name = "map", .text = map },
		{ .name = "key", .text = key }, { .name = "outcome", .words = outcome_name(o) },
		{ .name = "value", .text = text },
		c->local ? (struct log_field){ .name = "uid", .number = c->who.uid }
			 : (struct log_field){ .name = "ip", .words = c->address },
		{ .name = c->local ? "process" : NULL, .number = c->who.pid }, { .name = NULL } };
	char name[400], asked[400], value[400], who[80];

	if (c->local)
		snprintf(who, sizeof who, "user %lu (process %ld)", (unsigned long)c->who.uid,
		    (long)c->who.pid);
	else
		snprintf(who, sizeof who, "%s", c->address);
	log_safe(map, name, sizeof name);
	log_safe(key, asked, sizeof asked);
	log_safe(text, value, sizeof value);
	log_event(LOG_LEVEL_INFO, "lookup", fields, "lookup: map '%s', key '%s', from %s: %s%s%s%s",
	    name, asked, who, outcome_name(o), text.n > 0 ? " '" : "", value,
	    text.n > 0 ? "'" : "");
}

void
lookup_log_tell(const struct lookup_log *log, const struct conn *from, struct slice map,
    struct slice key, enum outcome o, struct slice text)
{
	struct client client;
	bool known = false;

	for (size_t i = 0; i < log->rules; i++) {
		const struct lookup_log_rule *r = &log->rule[i];

		if (!is_about(r, map, key))
			continue;
		if (!known)
			find_out(&client, from);
		known = true;
		if (is_from(r, &client)) {
			say(&client, map, key, o, text);
			return;
		}
	}
}
