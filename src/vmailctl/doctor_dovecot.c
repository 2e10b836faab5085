/* SPDX-License-Identifier: ISC
 *
 * doctor: Dovecot's configuration, as doveconf understands it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmailctl/config.h"
#include "vmailctl/doctor.h"
#include "vmailctl/host.h"
#include "vmailctl/listeners.h"

static struct slice
unquoted(struct slice s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return slice_of(s.p + 1, s.n - 2);
	return s;
}

struct slice
doctor_setting(const struct doctor *d, const char *name)
{
	struct slice text = sbuf_slice(&d->dovecot_conf);

	while (text.n > 0) {
		struct slice value = slice_cut(&text, '\n'), word;

		if (value.n == 0 || value.p[0] == ' ')
			continue;
		word = slice_trim(slice_cut(&value, '='));
		if (value.p != NULL && slice_is(word, name))
			return unquoted(slice_trim(value));
	}
	return slice_str(NULL);
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

/* A passdb in what doveconf prints: "passdb {" or "passdb NAME {", to its "}". *REST goes on behind
 * it; p is NULL when there is none. */
static struct slice
next_passdb(struct slice *rest)
{
	struct slice block = slice_str(NULL);

	while (rest->n > 0) {
		const char *start = rest->p;
		struct slice line = slice_cut(rest, '\n');

		if (block.p == NULL && slice_starts(line, "passdb ") && slice_ends(line, "{"))
			block.p = start;
		else if (block.p != NULL && slice_is(line, "}"))
			return slice_of(block.p, (size_t)(line.p - block.p));
	}
	return slice_str(NULL);
}

static bool
holds(struct slice text, const char *word)
{
	return word[0] != '\0' && memmem(text.p, text.n, word, strlen(word)) != NULL;
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
			if (!part_is_there(d, c, unquoted(slice_trim(slice_cut(&line, ' ')))))
				return false;
	}
	return true;
}

/* By the helper, by a script or a socket that names our listener, or by the public views, in the
 * store itself or in a published file. */
static bool
asks_vmaild(const struct doctor *d, struct slice passdb)
{
	const char *uri = ctl_uri(d->ctl);
	const char *store = strncmp(uri, "sqlite:", 7) == 0 ? uri + 7 : uri;

	if (holds(passdb, "vmail-checkpassword") || holds(passdb, "vmaild"))
		return true;
	for (size_t i = 0; i < d->ctl->conf->listeners; i++) {
		const struct conf_listener *l = &d->ctl->conf->listener[i];

		if (l->protocol == PROTOCOL_AUTH && holds(passdb, listener_where(l)))
			return true;
	}
	/* of 2.4 the file stands outside of the passdb */
	return holds(passdb, store) || holds(passdb, "v1_login") ||
	       (holds(passdb, "sql") && slice_is(doctor_setting(d, "sqlite_path"), store));
}

bool
check_passdb(struct doctor *d, const struct check *c)
{
	struct slice rest = sbuf_slice(&d->dovecot_conf), passdb;
	bool ours = false;

	while ((passdb = next_passdb(&rest)).p != NULL) {
		if (is_24(d) && holds(passdb, "checkpassword"))
			return doctor_bad(d, c, slice_str("passdb"),
			    "Dovecot %s has no checkpassword any more: nobody can log in",
			    sbuf_cstr(&d->dovecot_version));
		ours |= asks_vmaild(d, passdb);
		if (!parts_are_there(d, c, passdb))
			return false;
	}
	return ours ||
	       doctor_bad(d, c, slice_str("passdb"), "none of Dovecot's passdbs asks vmaild");
}

bool
check_system_users(struct doctor *d, const struct check *c)
{
	static const char *const drivers[] = { "pam", "passwd", "shadow", "bsdauth" };
	struct slice rest = sbuf_slice(&d->dovecot_conf), passdb;
	char old[32], now[32];

	while ((passdb = next_passdb(&rest)).p != NULL) {
		for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
			/* as 2.3 writes it, and as 2.4 does */
			snprintf(old, sizeof old, "driver = %s\n", drivers[i]);
			snprintf(now, sizeof now, "passdb %s {", drivers[i]);
			if (holds(passdb, old) || holds(passdb, now))
				return doctor_bad(d, c, slice_str(drivers[i]),
				    "users of this host may log in too, and each login of a "
				    "mailbox is "
				    "tried with their passwords as well");
		}
	}
	return true;
}

bool
check_dovecot_lmtp(struct doctor *d, const struct check *c)
{
	struct slice protocols = doctor_setting(d, "protocols"), rest = protocols;
	struct slice transport = doctor_parameter(d, "virtual_transport");

	if (d->has_postfix && !slice_starts(transport, "lmtp:"))
		return true;
	while (rest.n > 0)
		if (slice_is(slice_trim(slice_cut(&rest, ' ')), "lmtp"))
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
