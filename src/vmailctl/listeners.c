/* SPDX-License-Identifier: ISC
 *
 * Choosing among the configured listeners.
 */
#include "vmailctl/listeners.h"

#include <string.h>

bool
listener_is_unix(const struct conf_listener *l)
{
	return strncmp(l->address, "unix:", 5) == 0;
}

const char *
listener_where(const struct conf_listener *l)
{
	return l->address + 5;
}

static int
merit(const struct conf_listener *l)
{
	return listener_is_unix(l) ? 1 + l->twin : 0;
}

const struct conf_listener *
listener_for(const struct conf *conf, enum protocol protocol, const char *map)
{
	const struct conf_listener *best = NULL;

	for (size_t i = 0; i < conf->listeners; i++) {
		const struct conf_listener *l = &conf->listener[i];

		if (l->protocol != protocol)
			continue;
		if (map != NULL && (l->map == NULL || strcmp(l->map, map) != 0))
			continue;
		if (best == NULL || merit(l) > merit(best))
			best = l;
	}
	return best;
}

const struct conf_listener *
listener_for_group(const struct conf *conf, enum protocol protocol, const char *group)
{
	for (size_t i = 0; i < conf->listeners; i++) {
		const struct conf_listener *l = &conf->listener[i];

		if (l->protocol == protocol && listener_is_unix(l) && l->group != NULL &&
		    strcmp(l->group, group) == 0)
			return l;
	}
	return listener_for(conf, protocol, NULL);
}
