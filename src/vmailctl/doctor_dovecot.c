/* SPDX-License-Identifier: ISC
 *
 * doctor: Dovecot's configuration, as doveconf understands it.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/privs.h"
#include "vmailctl/config.h"
#include "vmailctl/doctor.h"
#include "vmailctl/doveconf.h"
#include "vmailctl/host.h"

struct slice
doctor_setting(const struct doctor *d, const char *name)
{
	return doveconf_setting(sbuf_slice(&d->dovecot_conf), name);
}

/* Run PROGRAM on the configuration. */
static int
ask(struct doctor *d, const char *program, const char *how, const char *what, struct sbuf *out,
    struct sbuf *trouble)
{
	const char *argv[6] = { program };
	size_t n = 1;

	if (d->dovecot != NULL) {
		argv[n++] = "-c";
		argv[n++] = d->dovecot;
	}
	argv[n++] = how;
	argv[n++] = what;
	return host_run(out, trouble, argv);
}

/* Only with -x does doveconf read the files that are named, such as certificates: those that only
 * root may read, too. */
static bool
understands(struct doctor *d, struct sbuf *trouble)
{
	struct sbuf ignored;
	bool ok = ask(d, "doveconf", "-n", NULL, &d->dovecot_conf, trouble) == 0;

	sbuf_init(&ignored, 1 << 16);
	if (ok && geteuid() == 0)
		ok = ask(d, "doveconf", "-x", "base_dir", &ignored, trouble) == 0;
	sbuf_release(&ignored);
	return ok;
}

bool
check_dovecot(struct doctor *d, const struct check *c)
{
	d->has_dovecot = host_dovecot_version(&d->dovecot_version);
	return d->has_dovecot ||
	       doctor_bad(d, c, slice_str(NULL), "there is no dovecot to be asked for its version");
}

bool
check_dovecot_conf(struct doctor *d, const struct check *c)
{
	struct sbuf trouble;
	struct slice said;
	bool ok;

	sbuf_init(&trouble, 1 << 16);
	ok = understands(d, &trouble);
	said = slice_trim(sbuf_slice(&trouble));
	if (!ok)
		doctor_bad(d, c, slice_str(d->dovecot), "%.*s", (int)(said.n < 400 ? said.n : 400),
		    said.p != NULL ? said.p : "");
	d->has_dovecot = ok;
	sbuf_release(&trouble);
	return ok;
}

bool
check_dovecot_running(struct doctor *d, const struct check *c)
{
	struct sbuf out, trouble;
	struct slice said;
	int status;

	if (geteuid() != 0)
		return doctor_unseen(
		    d, c, slice_str(NULL), "only root can ask Dovecot whether it runs");
	sbuf_init(&out, 1 << 20);
	sbuf_init(&trouble, 1 << 16);
	status = ask(d, "doveadm", "service", "status", &out, &trouble);
	said = slice_trim(sbuf_slice(&trouble));
	if (status < 0)
		doctor_say(d, c, SEVERITY_NOTICE, slice_str("doveadm"), NULL,
		    "it cannot be run: whether Dovecot runs was not tried");
	else if (status != 0)
		doctor_bad(d, c, slice_str(NULL), "it does not: doveadm says '%.*s'",
		    (int)(said.n < 300 ? said.n : 300), said.p != NULL ? said.p : "");
	sbuf_release(&trouble);
	sbuf_release(&out);
	return status == 0;
}

/* --- where logins are asked ----------------------------------------------------------------------
 */

static bool
is_24(const struct doctor *d)
{
	return !slice_starts(sbuf_slice(&d->dovecot_version), "2.3") &&
	       !slice_starts(sbuf_slice(&d->dovecot_version), "2.2");
}

/* Can it let somebody in, or say where his mail is? */
static bool
may_decide(const struct database *db)
{
	return !db->only_refuses && !db->for_masters && !database_is_prefetch(db);
}

static bool
is_for_all(const struct database *db)
{
	return !db->nested && may_decide(db);
}

/* What a passdb may name of ours, and what has to be possible with it. */
static const struct {
	const char *name;
	int mode;
	const char *trouble;
} parts[] = {
	{ "vmail-checkpassword", X_OK, "there is no such program to run" },
	{ "/vmaild.lua", R_OK, "there is no such script to read" },
};

static bool
part_is_there(struct doctor *d, const struct check *c, struct slice word)
{
	char path[4096];

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (!slice_ends(word, parts[i].name) || word.n >= sizeof path)
			continue;
		memcpy(path, word.p, word.n);
		path[word.n] = '\0';
		if (access(path, parts[i].mode) != 0)
			return doctor_bad(d, c, word, "%s", parts[i].trouble);
	}
	return true;
}

static bool
parts_are_there(struct doctor *d, const struct check *c, struct slice passdb)
{
	while (passdb.n > 0) {
		struct slice line = slice_cut(&passdb, '\n');

		while (line.n > 0)
			if (!part_is_there(
				d, c, doveconf_unquoted(slice_trim(slice_cut(&line, ' ')))))
				return false;
	}
	return true;
}

static bool
asks_vmaild(const struct doctor *d, const struct database *db)
{
	return database_asks_vmaild(db, d->ctl, sbuf_slice(&d->dovecot_conf));
}

bool
check_passdb(struct doctor *d, const struct check *c)
{
	struct slice rest = sbuf_slice(&d->dovecot_conf);
	struct database db;
	bool ours = false;

	while (doveconf_next(&rest, &db)) {
		if (!db.is_passdb)
			continue;
		if (is_24(d) && slice_is(db.driver, "checkpassword"))
			return doctor_bad(d, c, slice_str("passdb"),
			    "Dovecot %s has no checkpassword any more: nobody can log in",
			    sbuf_cstr(&d->dovecot_version));
		ours |= is_for_all(&db) && asks_vmaild(d, &db);
		if (!parts_are_there(d, c, db.text))
			return false;
	}
	return ours ||
	       doctor_bad(d, c, slice_str("passdb"), "none of Dovecot's passdbs asks vmaild");
}

/* --- who is asked besides -----------------------------------------------------------------------
 */

bool
check_system_users(struct doctor *d, const struct check *c)
{
	struct slice rest = sbuf_slice(&d->dovecot_conf);
	struct database db;

	while (doveconf_next(&rest, &db)) {
		if (!database_is_of_system(&db) || !may_decide(&db))
			continue;
		return doctor_bad(d, c, db.driver, "%s",
		    db.is_passdb ? "users of this host may log in too, and each login of a mailbox "
				   "is tried with their passwords as well"
				 : "users of this host have mail here too, and each mailbox is "
				   "looked for among them as well");
	}
	return true;
}

/* Is there one of this kind, for all protocols, that asks vmaild? */
static bool
has_ours(const struct doctor *d, bool passdb)
{
	struct slice rest = sbuf_slice(&d->dovecot_conf);
	struct database db;

	while (doveconf_next(&rest, &db))
		if (db.is_passdb == passdb && is_for_all(&db) && asks_vmaild(d, &db))
			return true;
	return false;
}

/* A login that one refuses goes on to the next, so behind vmaild a passdb does the same harm; a
 * userdb there is asked for names that are nobody's. */
static void
report(struct doctor *d, const struct check *c, const struct database *db, bool ours, bool behind)
{
	char subject[128];

	snprintf(subject, sizeof subject, "%s %.*s", db->is_passdb ? "passdb" : "userdb",
	    (int)(db->driver.n < 100 ? db->driver.n : 100), db->driver.p);
	if (db->is_passdb)
		doctor_bad(d, c, slice_str(subject),
		    "it does not ask vmaild, and is asked %s: whom it knows logs in with the "
		    "password that it has, be the mailbox suspended or its password another by now",
		    behind ? "when vmaild has refused" : "first");
	else if (behind)
		doctor_say(d, c, SEVERITY_NOTICE, slice_str(subject), c->cure,
		    "it does not ask vmaild, and is asked for whom vmaild does not know");
	else
		doctor_bad(d, c, slice_str(subject),
		    "it does not ask vmaild, %s: delivery and doveadm take from it where the mail "
		    "of whom it knows is, and vmaild's quotas count for nothing",
		    ours ? "and is asked first" : "and no userdb does");
}

static bool
only_ours(struct doctor *d, const struct check *c, bool passdb)
{
	struct slice rest = sbuf_slice(&d->dovecot_conf);
	struct database db;
	bool ours = has_ours(d, passdb), behind = false, ok = true;

	while (doveconf_next(&rest, &db)) {
		if (db.is_passdb != passdb || !may_decide(&db))
			continue;
		if (asks_vmaild(d, &db)) {
			behind |= is_for_all(&db);
			continue;
		}
		if (database_is_of_system(&db))
			continue;
		report(d, c, &db, ours, behind);
		ok = false;
	}
	return ok;
}

/* Where no passdb asks vmaild, that is what is wrong, and is said. */
bool
check_dovecot_others(struct doctor *d, const struct check *c)
{
	bool logins = has_ours(d, true) && only_ours(d, c, true);

	return only_ours(d, c, false) && logins;
}

static bool
has_protocol(const struct doctor *d, const char *name)
{
	struct slice rest = doctor_setting(d, "protocols");

	while (rest.n > 0)
		if (slice_is(slice_trim(slice_cut(&rest, ' ')), name))
			return true;
	return false;
}

bool
check_dovecot_lmtp(struct doctor *d, const struct check *c)
{
	struct slice protocols = doctor_setting(d, "protocols");
	struct slice transport = doctor_parameter(d, "virtual_transport");

	if (d->has_postfix && !slice_starts(transport, "lmtp:"))
		return true;
	if (has_protocol(d, "lmtp"))
		return true;
	return doctor_bad(d, c, slice_str("protocols"), "lmtp is not among them: '%.*s'",
	    (int)protocols.n, protocols.p != NULL ? protocols.p : "");
}

bool
check_dovecot_delimiter(struct doctor *d, const struct check *c)
{
	struct slice theirs = doctor_setting(d, "recipient_delimiter");

	if (theirs.p == NULL)
		theirs = slice_str("+");
	if (doctor_same_delimiters(theirs, slice_str(d->ctl->conf->recipient_delimiter)))
		return true;
	return doctor_bad(d, c, slice_str("recipient_delimiter"),
	    "Dovecot says '%.*s', vmaild.conf says '%s'", (int)theirs.n, theirs.p,
	    d->ctl->conf->recipient_delimiter);
}

/* --- names ---------------------------------------------------------------------------------------
 */

/* Mailboxes with other characters than Dovecot's: how many, and the first. */
struct names {
	struct slice allowed;
	size_t odd;
	struct sbuf first;
};

static bool
look_at_name(void *arg, const struct scan_row *row)
{
	struct names *n = arg;
	struct slice name = row->subject;
	bool takes = true;

	for (size_t i = 0; n->allowed.p != NULL && i < name.n; i++)
		takes = takes && memchr(n->allowed.p, name.p[i], n->allowed.n) != NULL;
	if (n->allowed.p == NULL)
		takes = config_dovecot_takes(name);
	if (!takes && n->odd++ == 0)
		sbuf_add_slice(&n->first, name);
	return true;
}

/* An empty list of characters is all of them. */
bool
check_dovecot_names(struct doctor *d, const struct check *c)
{
	struct names n = { .allowed = doctor_setting(d, "auth_username_chars") };
	struct error err = { "" };

	if (!d->has_store)
		return false;
	if (n.allowed.p != NULL && n.allowed.n == 0)
		return true;
	sbuf_init(&n.first, ADDRESS_MAX + 1);
	if (store_scan(d->ctl->store, SCAN_ALL_MAILBOXES, 0, look_at_name, &n, &err) != FOUND)
		doctor_bad(d, c, slice_str(NULL), "%s", err.text);
	else if (n.odd > 0)
		doctor_bad(d, c, sbuf_slice(&n.first),
		    "auth_username_chars does not allow what is in the names of %zu mailboxes, of "
		    "which this is the first: mail for them bounces, and nobody can log in",
		    n.odd);
	sbuf_release(&n.first);
	return n.odd == 0 && err.text[0] == '\0';
}

/* --- quotas --------------------------------------------------------------------------------------
 */

/* A protocol with a list of plugins of its own lacks what was added to that of all. */
bool
check_dovecot_quota(struct doctor *d, const struct check *c)
{
	bool imap = doveconf_loads(d->dovecot, "imap", "quota");

	if (has_protocol(d, "imap") && doveconf_ends_imap(d->dovecot))
		return doctor_bad(d, c, slice_str("protocol imap"),
		    "its mail_plugins have imap_quota without quota: each session ends as it "
		    "begins");
	if ((imap || doveconf_loads(d->dovecot, NULL, "quota")) && has_protocol(d, "lmtp") &&
	    !doveconf_loads(d->dovecot, "lmtp", "quota"))
		return doctor_say(d, c, SEVERITY_WARNING, slice_str("protocol lmtp"), c->cure,
		    "its mail_plugins lack quota, which others have: mail is delivered to full "
		    "mailboxes");
	return true;
}

/* --- whose the mail is ---------------------------------------------------------------------------
 */

enum { HOMES_LOOKED_AT = 1000 }; /* of a store from elsewhere all are wrong, or none */

struct owners {
	struct doctor *d;
	const struct identity *mail_user;
	size_t seen, odd;
	struct sbuf first; /* the first home that is another's */
	uid_t owner, wanted;
};

/* As its owner, or by a group that may write. */
static bool
can_be_written(const struct stat *st, uid_t uid, gid_t gid)
{
	return st->st_uid == uid || (st->st_gid == gid && (st->st_mode & S_IWGRP) != 0) ||
	       (st->st_mode & S_IWOTH) != 0;
}

static bool
look_at_home(void *arg, const struct account *a)
{
	struct owners *o = arg;
	uid_t uid = a->uid != 0 ? a->uid : o->mail_user->uid;
	gid_t gid = a->gid != 0 ? a->gid : o->mail_user->gid;
	struct sbuf home;
	struct stat st;

	sbuf_init(&home, PATH_MAX);
	ctl_put_home(&home, o->d->ctl, a);
	if (home.n > 0 && stat(sbuf_cstr(&home), &st) == 0 && !can_be_written(&st, uid, gid) &&
	    o->odd++ == 0) {
		sbuf_add_slice(&o->first, sbuf_slice(&home));
		o->owner = st.st_uid;
		o->wanted = uid;
	}
	sbuf_release(&home);
	return ++o->seen < HOMES_LOOKED_AT;
}

bool
check_mail_owner(struct doctor *d, const struct check *c)
{
	struct identity mail_user;
	struct owners o = { .d = d, .mail_user = &mail_user };
	struct slice all = slice_str(NULL);
	struct error err = { "" };

	if (!d->has_store)
		return false;
	if (identity_of_user(&mail_user, d->ctl->conf->mail_user, &err) != FOUND)
		return doctor_bad(d, c, slice_str(d->ctl->conf->mail_user), "%s", err.text);
	sbuf_init(&o.first, PATH_MAX);
	store_accounts(d->ctl->store, all, all, look_at_home, &o, &err);
	if (err.text[0] != '\0')
		doctor_bad(d, c, slice_str(NULL), "%s", err.text);
	else if (o.odd > 0)
		doctor_bad(d, c, sbuf_slice(&o.first),
		    "it belongs to uid %lu, and Dovecot is told uid %lu for its mailbox, who may "
		    "not write there: so it is with %zu of %zu mailboxes",
		    (unsigned long)o.owner, (unsigned long)o.wanted, o.odd, o.seen);
	sbuf_release(&o.first);
	return o.odd == 0 && err.text[0] == '\0';
}
