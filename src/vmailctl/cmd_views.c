/* SPDX-License-Identifier: ISC
 *
 * views publish: the public views as a file for other software.
 */
#include "sys/privs.h"
#include "vmailctl/cmd.h"

enum exit_code
cmd_views_publish(struct ctl *ctl)
{
	const char *group = ctl_option(ctl, "group"), *path = ctl->args[0];
	bool hashes = ctl_option(ctl, "with-hashes") != NULL;
	gid_t gid = (gid_t)-1;
	enum outcome o = FOUND;

	if (group != NULL)
		o = group_id(&gid, group, &ctl->err);
	if (o == BAD) /* whose advice is for the configuration */
		error_set(&ctl->err, BAD,
		    "there is no group '%s': name another one with --group, or make it with "
		    "groupadd --system '%s'",
		    group, group);
	if (o == FOUND)
		o = ctl_store(ctl, STORE_ADMIN);
	if (o == FOUND)
		o = store_publish(ctl->store, path, (int)gid, hashes, &ctl->err);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot publish the views");
	return ctl_done(ctl, slice_str(path), "published the views in '%s'%s", path,
	    hashes ? ", with the passwords' hashes" : "");
}
