/* SPDX-License-Identifier: ISC
 *
 * Making a store, and taking an old one to this program's schema.
 */
#include "store/handle.h"

static enum outcome
newer(int version, struct error *err)
{
	version_check(version, err);
	return BAD;
}

/* Take the store that DB leads to from where it is to where this program is. */
static enum outcome
migrate(struct db *db, int *from, int *to, struct error *err)
{
	enum outcome o;

	*from = 0;
	*to = db_version_built();
	o = db_version(db, from, err);
	if (o == FOUND && *from > *to)
		return newer(*from, err);
	for (int v = *from + 1; o == FOUND && v <= *to; v++)
		o = db_migrate(db, v, err);
	if (o != FOUND)
		return o;
	/* that it was empty is no news now */
	error_set(err, FOUND, "%s", "");
	o = db_settle(db, err);
	return o == NONE ? FOUND : o;
}

enum outcome
store_make(const char *uri, int owner, int group, bool *made, int *from, int *to, struct error *err)
{
	struct db *db;
	enum outcome o = db_check_uri(uri, err);

	*made = false;
	*from = STORE_UNKNOWN;
	if (o != FOUND)
		return o;
	db = db_new(uri, STORE_ADMIN);
	if (db == NULL)
		return error_set(err, RETRY, "cannot make the store '%s': no memory", uri);
	db_arm(db);
	o = db_create(db, owner, group, made, err);
	if (o == FOUND)
		o = db_connect(db, err);
	/* NONE: a database with nothing in it, which is what was made */
	if (o == FOUND || o == NONE)
		o = migrate(db, from, to, err);
	if (o != FOUND)
		*from = *made ? 0 : STORE_UNKNOWN;
	db_free(db);
	return o;
}

enum outcome
store_create(const char *uri, int owner, int group, int *from, int *to, struct error *err)
{
	bool made;

	return store_make(uri, owner, group, &made, from, to, err);
}

enum outcome
store_migrate(const char *uri, int *from, int *to, struct error *err)
{
	struct db *db;
	enum outcome o = db_check_uri(uri, err);

	if (o != FOUND)
		return o;
	db = db_new(uri, STORE_ADMIN);
	if (db == NULL)
		return error_set(err, RETRY, "cannot open the store '%s': no memory", uri);
	db_arm(db);
	o = db_connect(db, err);
	if (o == NONE)
		o = RETRY;
	if (o == FOUND)
		o = migrate(db, from, to, err);
	db_free(db);
	return o;
}
