/* SPDX-License-Identifier: ISC
 *
 * init and migrate: the store's file and its schema.
 */
#include <unistd.h>

#include "sys/privs.h"
#include "vmailctl/cmd.h"

static enum exit_code
report(struct ctl *ctl, int from, int to, const char *owner)
{
	const char *uri = ctl->store_shown;
	struct slice subject = slice_str(uri);

	if (from == to)
		return ctl_done(ctl, subject, "the store '%s' is up to date (schema %d)", uri, to);
	if (from > 0)
		return ctl_done(
		    ctl, subject, "brought the store '%s' from schema %d to %d", uri, from, to);
	if (owner == NULL)
		return ctl_done(ctl, subject, "made the store '%s' (schema %d)", uri, to);
	return ctl_done(
	    ctl, subject, "made the store '%s' (schema %d) for user '%s'", uri, to, owner);
}

static void
tell_refolded(void *arg, const char *text)
{
	(void)arg;
	ctl_warn("%s", text);
}

/* What an older release wrote may go by other names now. While a store moves nothing in it is
 * changed, and that can wait. */
static enum outcome
refold(struct ctl *ctl)
{
	struct store_closed closed;
	struct error ignored;
	enum outcome o = ctl_store(ctl, STORE_ADMIN);

	if (o == FOUND)
		o = store_refold(ctl->store, ctl->conf->mail_home, tell_refolded, NULL, &ctl->err);
	if (o != RETRY || ctl->store == NULL ||
	    store_closed(ctl->store, &closed, &ignored) != FOUND)
		return o;
	ctl->err.text[0] = '\0';
	ctl_warn("what an older release wrote keeps its names until the move has ended: run "
		 "`vmailctl migrate` then");
	return FOUND;
}

/* Root makes the store for the daemon's user; anybody else makes his own. */
enum exit_code
cmd_init(struct ctl *ctl)
{
	struct identity who;
	bool root = geteuid() == 0;
	int from = 0, to = 0;
	enum outcome o = ctl_conf(ctl);

	if (o == FOUND && root)
		o = identity_of_user(&who, ctl->conf->user, &ctl->err);
	if (o == FOUND)
		o = store_create(ctl_uri(ctl), root ? (int)who.uid : -1, root ? (int)who.gid : -1,
		    &from, &to, &ctl->err);
	if (o == FOUND && ctl->err.text[0] != '\0')
		ctl_warn("%s", ctl->err.text);
	if (o == FOUND && from > 0)
		o = refold(ctl);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot make the store");
	return report(ctl, from, to, root ? who.name : NULL);
}

enum exit_code
cmd_migrate(struct ctl *ctl)
{
	int from = 0, to = 0;
	enum outcome o = ctl_conf(ctl);

	if (o == FOUND)
		o = store_migrate(ctl_uri(ctl), &from, &to, &ctl->err);
	if (o == FOUND && ctl->err.text[0] != '\0')
		ctl_warn("%s", ctl->err.text);
	if (o == FOUND)
		o = refold(ctl);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot migrate the store");
	return report(ctl, from, to, NULL);
}
