/* SPDX-License-Identifier: ISC
 *
 * doctor: whether this host is put together so that mail flows. Each check is a row; what it looks
 * at is in the files beside this one.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmailctl/doctor.h"
#include "vmailctl/split.h"

enum { TEXT_MAX = 1024 };

static const struct check checks[] = {
	{ "configuration", SEVERITY_ERROR, "the configuration of vmaild can be read",
	    "mend it; `vmaild -t` says when it is right", NEEDS_NOTHING, check_configuration },
	{ "store", SEVERITY_ERROR, "the store can be opened, and is of this version",
	    "`vmailctl init` makes a store or brings it up to date; run vmailctl as root",
	    NEEDS_CONF, check_store },
	{ "store-integrity", SEVERITY_ERROR, "the store's file is whole",
	    "restore it from a backup", NEEDS_FILE, check_integrity },
	{ "store-permissions", SEVERITY_ERROR,
	    "the store belongs to vmaild, and nobody else reads it",
	    "let it belong to vmaild's user alone", NEEDS_FILE, check_permissions },
	{ "store-roles", SEVERITY_WARNING,
	    "the store's server keeps from each worker what it need not see",
	    "run `vmailctl init` as a user of the database who may make roles", NEEDS_SERVER,
	    check_roles },
	{ "store-encoding", SEVERITY_WARNING, "the store's database is in UTF8",
	    "make a database in UTF8, and move the store there with `vmailctl copy`", NEEDS_SERVER,
	    check_encoding },
	{ "store-secrets", SEVERITY_ERROR,
	    "what vmaild reads to get to the store's server is read by nobody else",
	    "let it belong to vmaild's user, with mode 0600", NEEDS_SERVER, check_secrets },
	{ "store-closed", SEVERITY_WARNING, "the store takes changes",
	    "end the move with `vmailctl copy --open`, or stay with `vmailctl copy --cancel`",
	    NEEDS_STORE, check_closed },
	{ "clock", SEVERITY_WARNING, "the clock is not behind the store",
	    "set the clock, and let it be kept by NTP: aliases expire by it", NEEDS_STORE,
	    check_clock },
	{ "disk", SEVERITY_ERROR, "there is room on the disks of the store and of the mail",
	    "make room", NEEDS_STORE, check_disk },
	{ "listener", SEVERITY_ERROR, "vmaild answers on every listener",
	    "start vmaild, or restart it after a change of listeners", NEEDS_CONF,
	    check_listeners },

	{ "postfix", SEVERITY_ERROR, "Postfix is here, and its configuration can be read",
	    "install Postfix, or name its configuration with --postfix", NEEDS_CONF,
	    check_postfix },
	{ "postfix-running", SEVERITY_ERROR, "Postfix runs",
	    "postfix start; `postfix check` and Postfix's log say why it does not", NEEDS_POSTFIX,
	    check_running },
	{ "postfix-disk", SEVERITY_ERROR, "there is room for Postfix's queue",
	    "make room: Postfix takes no mail below one and a half times message_size_limit",
	    NEEDS_POSTFIX, check_queue_disk },
	{ "twin", SEVERITY_ERROR,
	    "chrooted daemons of Postfix find the sockets below the queue directory",
	    "name the queue directory in queue-directories of vmaild.conf, leave postfix-twin on, "
	    "restart vmaild",
	    NEEDS_POSTFIX, check_twins },
	{ "reach", SEVERITY_ERROR,
	    "Postfix's user reaches the sockets, inside the queue directory and outside",
	    "give the listener 'group = postfix' and 'mode = 0660', and let everybody enter the "
	    "directories above it",
	    NEEDS_POSTFIX, check_reach },
	{ "main-cf", SEVERITY_ERROR, "main.cf asks vmaild for domains, mailboxes and aliases",
	    "`vmailctl setup postfix` writes the lines that `vmailctl config postfix` prints",
	    NEEDS_POSTFIX, check_tables },
	{ "map-names", SEVERITY_ERROR, "every table of vmaild that Postfix names is one",
	    "`vmailctl maps --all` lists the names; `vmailctl map create` makes one", NEEDS_POSTFIX,
	    check_map_names },
	{ "virtual-transport", SEVERITY_ERROR,
	    "mail is not left to virtual(8), which cannot ask vmaild",
	    "virtual_transport = lmtp:unix:private/dovecot-lmtp", NEEDS_POSTFIX, check_transport },
	{ "alias-maps", SEVERITY_ERROR, "local(8) is not told to ask vmaild, which it cannot",
	    "alias_maps = hash:/etc/aliases; names of vmaild's local domains are asked for in "
	    "virtual_alias_maps",
	    NEEDS_POSTFIX, check_alias_maps },
	{ "lmtp", SEVERITY_ERROR, "somebody takes the mail that virtual_transport hands over",
	    "start Dovecot with a service lmtp as `vmailctl config dovecot` prints it",
	    NEEDS_POSTFIX, check_lmtp },
	{ "mydestination", SEVERITY_ERROR, "no domain of vmaild is in mydestination too",
	    "take the domain out of mydestination: mail for it goes to users of this host now",
	    NEEDS_POSTFIX, check_mydestination },
	{ "delimiter", SEVERITY_WARNING,
	    "Postfix and vmaild split addresses at the same characters",
	    "set recipient_delimiter in main.cf as recipient-delimiter in vmaild.conf",
	    NEEDS_POSTFIX, check_delimiter },
	{ "propagation", SEVERITY_WARNING, "Postfix and vmaild agree on passing extensions on",
	    "name 'virtual' in propagate_unmatched_extensions where propagate-extensions is true, "
	    "and only there",
	    NEEDS_POSTFIX, check_propagation },
	{ "logins", SEVERITY_WARNING, "Postfix asks vmaild for logins",
	    "set smtpd_sasl_type and smtpd_sasl_path as `vmailctl config postfix` prints them",
	    NEEDS_POSTFIX, check_logins },
	{ "login-tls", SEVERITY_ERROR, "whoever may log in to send mail is offered it",
	    "smtpd_tls_security_level = may, with the certificate and the key of this host in "
	    "smtpd_tls_cert_file and smtpd_tls_key_file",
	    NEEDS_POSTFIX, check_login_tls },
	{ "probe", SEVERITY_ERROR, "postmap gets a right answer from vmaild",
	    "`postmap -q KEY TABLE` shows what Postfix sees", NEEDS_POSTFIX, check_probe },

	{ "dovecot", SEVERITY_NOTICE, "Dovecot is here",
	    "install Dovecot, unless another host keeps the mail", NEEDS_CONF, check_dovecot },
	{ "dovecot-conf", SEVERITY_ERROR, "Dovecot understands its configuration",
	    "`doveconf -n` says what it does not understand; as root, `doveconf -x base_dir` names "
	    "the file that is missing",
	    NEEDS_DOVECOT, check_dovecot_conf },
	{ "dovecot-running", SEVERITY_ERROR, "Dovecot runs",
	    "start it, by `systemctl start dovecot` or `dovecot`; its log says why it does not",
	    NEEDS_DOVECOT, check_dovecot_running },
	{ "dovecot-passdb", SEVERITY_ERROR,
	    "Dovecot asks vmaild for logins, in a way that its release has",
	    "`vmailctl setup dovecot` writes what `vmailctl config dovecot` prints", NEEDS_DOVECOT,
	    check_passdb },
	{ "dovecot-reach", SEVERITY_ERROR, "Dovecot's user reaches the sockets that it asks",
	    "give a unix listener of that protocol 'group = dovecot' and 'mode = 0660'",
	    NEEDS_DOVECOT, check_dovecot_reach },
	{ "dovecot-others", SEVERITY_WARNING,
	    "no passdb and no userdb but vmaild's knows mailboxes",
	    "put a # before it, when whom it knows is in the store: `vmailctl setup dovecot` does "
	    "so "
	    "in dovecot.conf and in conf.d/10-auth.conf",
	    NEEDS_DOVECOT, check_dovecot_others },
	{ "dovecot-system-users", SEVERITY_NOTICE, "Dovecot asks for no users of this host",
	    "put a # before '!include auth-system.conf.ext' in conf.d/10-auth.conf, unless that is "
	    "meant",
	    NEEDS_DOVECOT, check_system_users },
	{ "dovecot-lmtp", SEVERITY_ERROR, "lmtp is among the protocols of Dovecot",
	    "install dovecot-lmtpd, and name lmtp in 'protocols'", NEEDS_DOVECOT,
	    check_dovecot_lmtp },
	{ "dovecot-delimiter", SEVERITY_WARNING,
	    "Dovecot and vmaild split addresses at the same characters",
	    "set recipient_delimiter in Dovecot's configuration as recipient-delimiter in "
	    "vmaild.conf",
	    NEEDS_DOVECOT, check_dovecot_delimiter },
	{ "dovecot-names", SEVERITY_ERROR, "Dovecot takes the names of all mailboxes",
	    "'auth_username_chars =' leaves it to vmaild what is a name: `vmailctl setup dovecot` "
	    "writes that",
	    NEEDS_DOVECOT, check_dovecot_names },
	{ "dovecot-quota", SEVERITY_ERROR,
	    "where Dovecot keeps to quotas at all, it does so for IMAP and for delivery",
	    "name quota in the mail_plugins of that protocol: `vmailctl setup dovecot` does so",
	    NEEDS_DOVECOT, check_dovecot_quota },
	{ "dovecot-split", SEVERITY_ERROR,
	    "Dovecot's LMTP looks for each mailbox by its whole name", SPLIT_CURE, NEEDS_DOVECOT,
	    check_dovecot_split },
	{ "dovecot-domains", SEVERITY_WARNING,
	    "no domain splits addresses at characters at which Dovecot's LMTP does not",
	    SPLIT_DOMAIN_CURE, NEEDS_DOVECOT, check_dovecot_domains },
	{ "mail-owner", SEVERITY_ERROR, "whom Dovecot is told to be may write where the mail is",
	    "name whose it is as mail-user in vmaild.conf, then `vmailctl setup dovecot`; or let "
	    "it belong to him: chown -R",
	    NEEDS_DOVECOT, check_mail_owner },
};

/* --- telling ---------------------------------------------------------------------------------- */

static void
add(struct doctor *d, const struct check *c, enum severity severity, struct slice subject,
    const char *cure, const char *text)
{
	const struct finding one = { .code = c->code,
		.severity = severity,
		.subject = subject,
		.text = slice_str(text),
		.cure = slice_str(cure) };

	findings_add(&d->findings, &one);
}

bool
doctor_unseen(struct doctor *d, const struct check *c, struct slice subject, const char *what)
{
	d->has_unseen = true;
	add(d, c, SEVERITY_NOTICE, subject, "run doctor as root", what);
	return false;
}

/* By what the system says, and the store: of other programs there is nothing but their words. */
static bool
is_refusal(const char *text)
{
	return geteuid() != 0 &&
	       (strstr(text, strerror(EACCES)) != NULL || strstr(text, "not allowed to ") != NULL);
}

bool
doctor_bad(struct doctor *d, const struct check *c, struct slice subject, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (is_refusal(text))
		return doctor_unseen(d, c, subject, text);
	add(d, c, c->severity, subject, c->cure, text);
	return false;
}

bool
doctor_say(struct doctor *d, const struct check *c, enum severity severity, struct slice subject,
    const char *cure, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add(d, c, severity, subject, cure, text);
	return false;
}

/* --- the examination ----------------------------------------------------------------------------
 */

static bool
has(const struct doctor *d, enum doctor_need need)
{
	switch (need) {
	case NEEDS_CONF:
		return d->has_conf;
	case NEEDS_STORE:
		return d->has_store;
	case NEEDS_FILE:
		return d->has_store && !d->is_remote;
	case NEEDS_SERVER:
		return d->has_store && d->is_remote;
	case NEEDS_POSTFIX:
		return d->has_postfix;
	case NEEDS_DOVECOT:
		return d->has_dovecot;
	case NEEDS_NOTHING:
		break;
	}
	return true;
}

static void
doctor_init(struct doctor *d, struct ctl *ctl)
{
	enum { OUTPUT_MAX = 4 << 20 };

	*d = (struct doctor){ .ctl = ctl };
	sbuf_init(&d->main_cf, OUTPUT_MAX);
	sbuf_init(&d->master_cf, OUTPUT_MAX);
	sbuf_init(&d->dovecot_conf, OUTPUT_MAX);
	sbuf_init(&d->dovecot_version, OUTPUT_MAX);
	sbuf_init(&d->queue, OUTPUT_MAX);
}

static void
doctor_release(struct doctor *d)
{
	sbuf_release(&d->main_cf);
	sbuf_release(&d->master_cf);
	sbuf_release(&d->dovecot_conf);
	sbuf_release(&d->dovecot_version);
	sbuf_release(&d->queue);
}

static void
run_check(struct doctor *d, const struct check *c)
{
	if (has(d, c->need) && c->run(d, c))
		doctor_say(d, c, SEVERITY_OK, slice_str(NULL), NULL, "%s", c->what);
}

static enum exit_code
judge(const struct doctor *d)
{
	if (d->findings.count[SEVERITY_ERROR] > 0)
		return EXIT_NOT;
	return d->has_unseen ? EXIT_AGAIN : EXIT_DONE;
}

static void
print_verdict(enum exit_code e)
{
	if (e == EXIT_AGAIN)
		puts("mail would flow, as far as this user can see: run doctor as root");
	else
		puts(e == EXIT_DONE ? "mail would flow" : "mail would not flow");
}

enum exit_code
doctor_run(struct ctl *ctl, const char *postfix, const char *dovecot, struct json_t *list)
{
	struct doctor d;
	enum exit_code e;

	doctor_init(&d, ctl);
	d.postfix = postfix;
	d.dovecot = dovecot;
	findings_init(&d.findings, ctl, list);
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		run_check(&d, &checks[i]);
	e = judge(&d);
	if (!ctl->json && list == NULL)
		print_verdict(e);
	findings_end(&d.findings);
	doctor_release(&d);
	ctl->err.text[0] = '\0';
	return e;
}

enum exit_code
cmd_doctor(struct ctl *ctl)
{
	return doctor_run(ctl, ctl_option(ctl, "postfix"), ctl_option(ctl, "dovecot"), NULL);
}
