/* SPDX-License-Identifier: ISC
 *
 * Which of the configured listeners somebody should be told to use.
 */
#ifndef VMAILCTL_LISTENERS_H
#define VMAILCTL_LISTENERS_H

#include "conf/conf.h"

/* Choose the best listener for PROTOCOL (and, with PROTOCOL_TCP, for MAP): a unix socket that is
 * bound below Postfix's queue directory as well, another unix socket, anything else. NULL when
 * there is none. */
const struct conf_listener *listener_for(
    const struct conf *conf, enum protocol protocol, const char *map);

/* Choose a unix socket for PROTOCOL that belongs to GROUP or, where there is none, as listener_for
 * does. */
const struct conf_listener *listener_for_group(
    const struct conf *conf, enum protocol protocol, const char *group);

/* Tell whether it is a unix socket, and give its path or else "host:port". */
bool listener_is_unix(const struct conf_listener *l);
const char *listener_where(const struct conf_listener *l);

#endif
