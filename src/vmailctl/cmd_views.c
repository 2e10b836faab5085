/* SPDX-License-Identifier: ISC
 *
 * views publish: the public views as a file for other software.
 */
#include <stdlib.h>

#include "sys/privs.h"
#include "vmailctl/place.h"

enum exit_code
cmd_views_publish(struct ctl *ctl)
{
	const char *group = ctl_option(ctl, "group"), *file = ctl->args[0];
	struct place_found place = { 0 };
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
		o = ctl_conf(ctl);
	if (o == FOUND)
		o = place_look(ctl, file, &place_of_views, &place);
	if (o == FOUND)
		o = ctl_store(ctl, STORE_ADMIN);
	if (o == FOUND)
		o = store_publish(ctl->store, place.path, (int)gid, hashes, &ctl->err);
	free(place.path);
	if (o != FOUND)
		return ctl_fail(ctl, o, "cannot publish the views");
	return ctl_done(ctl, slice_str(file), "published the views in '%s'%s", file,
	    hashes ? ", with the passwords' hashes" : "");
}
