/* SPDX-License-Identifier: ISC
 *
 * The table of formats: what each system calls its tables and columns. Facts of their schemas, and
 * nothing else; a new system is a row here, and a page in docs/moving-from.
 */
#include "foreign/schema.h"

#include <string.h>

/* clang-format off */

/* --- tables that somebody made for himself ---------------------------------------------------- */

/* The first column that is there takes the meaning, and each column only one. */

static const struct rule any_domain[] = {
	{ "domain", M_DOMAIN, NULL, NULL }, { "name", M_DOMAIN, NULL, NULL },
	{ "fqdn", M_DOMAIN, NULL, NULL }, { "virtual", M_DOMAIN, NULL, NULL },
	{ "target_domain", M_TARGET_DOMAIN, NULL, NULL },
	{ "kind", M_KIND, NULL, NULL }, { "type", M_KIND, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "enabled", M_ACTIVE, NULL, NULL },
	{ "disabled", M_DISABLED, NULL, NULL },
	{ "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule any_mailbox[] = {
	{ "address", M_ADDRESS, NULL, NULL }, { "email", M_ADDRESS, NULL, NULL },
	{ "username", M_ADDRESS, NULL, NULL }, { "user", M_ADDRESS, NULL, NULL },
	{ "login", M_ADDRESS, NULL, NULL }, { "mailbox", M_ADDRESS, NULL, NULL },
	{ "userid", M_ADDRESS, NULL, NULL }, { "id", M_ADDRESS, NULL, NULL },
	{ "local_part", M_LOCAL, NULL, NULL }, { "localpart", M_LOCAL, NULL, NULL },
	{ "domain", M_DOMAIN, NULL, NULL }, { "domain_name", M_DOMAIN, NULL, NULL },
	{ "password", M_PASSWORD, NULL, NULL }, { "hash", M_PASSWORD, NULL, NULL },
	{ "password_hash", M_PASSWORD, NULL, NULL }, { "passwd", M_PASSWORD, NULL, NULL },
	{ "pw", M_PASSWORD, NULL, NULL },
	{ "crypt", M_CRYPT, NULL, NULL }, { "cryptpw", M_CRYPT, NULL, NULL },
	{ "clear", M_CLEAR, NULL, NULL }, { "plain", M_CLEAR, NULL, NULL },
	{ "cleartext", M_CLEAR, NULL, NULL },
	{ "quota", M_QUOTA, NULL, NULL }, { "quota_bytes", M_QUOTA, NULL, NULL },
	{ "quota_kb", M_QUOTA, "K", NULL }, { "quota_mb", M_QUOTA, "M", NULL },
	{ "home", M_HOME, NULL, NULL }, { "homedir", M_HOME, NULL, NULL },
	{ "mail", M_MAIL, NULL, NULL }, { "maildir", M_MAIL, NULL, NULL },
	{ "uid", M_UID, NULL, NULL }, { "gid", M_GID, NULL, NULL },
	{ "networks", M_NETWORKS, NULL, NULL }, { "allow_nets", M_NETWORKS, NULL, NULL },
	{ "state", M_KIND, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "enabled", M_ACTIVE, NULL, NULL },
	{ "disabled", M_DISABLED, NULL, NULL },
	{ "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule any_alias[] = {
	{ "alias", M_ADDRESS, NULL, NULL }, { "source", M_ADDRESS, NULL, NULL },
	{ "destination", M_TARGETS, NULL, NULL }, { "goto", M_TARGETS, NULL, NULL },
	{ "targets", M_TARGETS, NULL, NULL }, { "target", M_TARGETS, NULL, NULL },
	{ "forward", M_TARGETS, NULL, NULL }, { "forwarding", M_TARGETS, NULL, NULL },
	{ "recipient", M_TARGETS, NULL, NULL }, { "recipients", M_TARGETS, NULL, NULL },
	{ "address", M_ADDRESS, NULL, NULL }, { "mail", M_ADDRESS, NULL, NULL },
	{ "username", M_ADDRESS, NULL, NULL }, { "email", M_ADDRESS, NULL, NULL },
	{ "email", M_TARGETS, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "enabled", M_ACTIVE, NULL, NULL },
	{ "disabled", M_DISABLED, NULL, NULL },
	{ "internal", M_INTERNAL, NULL, NULL }, { "expires", M_EXPIRES, NULL, NULL },
	{ "note", M_NOTE, NULL, NULL }, { "comment", M_NOTE, NULL, NULL },
	{ "owner", M_OWNER, NULL, NULL }, { "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule any_transport[] = {
	{ "domain", M_KEY, NULL, NULL }, { "address", M_KEY, NULL, NULL },
	{ "key", M_KEY, NULL, NULL }, { "pattern", M_KEY, NULL, NULL },
	{ "transport", M_VALUE, NULL, NULL }, { "value", M_VALUE, NULL, NULL },
	{ "nexthop", M_VALUE2, ":", NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "enabled", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct table_rule any_tables[] = {
	{ "domains|domain|virtual_domains|virtual_mailbox_domains|mail_domains", MAKES_DOMAIN, NULL, any_domain },
	{ "users|user|mailboxes|mailbox|virtual_users|virtual_mailboxes|accounts|account|mail_users|passwd",
	  MAKES_MAILBOX, NULL, any_mailbox },
	{ "aliases|alias|forwardings|forwarding|forwards|virtual_aliases|virtual|virtual_alias_maps|"
	  "mail_aliases", MAKES_ALIAS, NULL, any_alias },
	{ "transports|transport|transport_maps", MAKES_ENTRY, "transports", any_transport },
	{ 0 }
};

/* --- PostfixAdmin ----------------------------------------------------------------------------- */

static const struct rule pfa_domain[] = {
	{ "domain", M_DOMAIN, NULL, NULL }, { "domain", M_LEAVE, "ALL", NULL },
	{ "backupmx", M_RELAY, NULL, NULL }, { "transport", M_TRANSPORT, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule pfa_alias_domain[] = {
	{ "alias_domain", M_DOMAIN, NULL, NULL }, { "target_domain", M_TARGET_DOMAIN, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule pfa_mailbox[] = {
	{ "username", M_ADDRESS, NULL, NULL }, { "password", M_PASSWORD, NULL, NULL },
	{ "quota", M_QUOTA, NULL, NULL }, { "maildir", M_MAIL, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "smtp_active", M_SENDS, NULL, NULL },
	{ "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule pfa_alias[] = {
	{ "address", M_ADDRESS, NULL, NULL }, { "goto", M_TARGETS, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule pfa_app_password[] = {
	{ "username", M_ADDRESS, NULL, NULL }, { "description", M_LABEL, NULL, NULL },
	{ "id", M_ID, NULL, NULL }, { "password_hash", M_PASSWORD, NULL, NULL },
	{ 0 }
};

static const struct rule pfa_vacation[] = {
	{ "email", M_ADDRESS, NULL, NULL }, { "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule pfa_fetchmail[] = {
	{ "mailbox", M_ADDRESS, NULL, NULL }, { "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct table_rule pfa_tables[] = {
	{ "domain", MAKES_DOMAIN, NULL, pfa_domain },
	{ "alias_domain", MAKES_DOMAIN_ALIAS, NULL, pfa_alias_domain },
	{ "mailbox", MAKES_MAILBOX, NULL, pfa_mailbox },
	{ "alias", MAKES_ALIAS, NULL, pfa_alias },
	{ "mailbox_app_password", MAKES_APP_PASSWORD, NULL, pfa_app_password },
	{ "vacation", MAKES_REMARK, "an absence message, which is for Sieve", pfa_vacation },
	{ "fetchmail", MAKES_REMARK, "mail fetched from elsewhere", pfa_fetchmail },
	{ 0 }
};

/* --- mailcow ---------------------------------------------------------------------------------- */

static const struct rule mcw_domain[] = {
	{ "domain", M_DOMAIN, NULL, NULL }, { "backupmx", M_RELAY, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_mailbox[] = {
	{ "username", M_ADDRESS, NULL, NULL }, { "password", M_PASSWORD, NULL, NULL },
	{ "quota", M_QUOTA, NULL, NULL }, { "active", M_ACTIVE, NULL, NULL },
	{ "kind", M_LEAVE, "location thing group", NULL }, { "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_alias[] = {
	{ "address", M_ADDRESS, NULL, NULL }, { "goto", M_TARGETS, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "internal", M_INTERNAL, NULL, NULL },
	{ "private_comment", M_NOTE, NULL, NULL }, { "public_comment", M_NOTE, NULL, NULL },
	{ "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_spamalias[] = {
	{ "address", M_ADDRESS, NULL, NULL }, { "goto", M_TARGETS, NULL, NULL },
	{ "validity", M_EXPIRES, NULL, NULL }, { "permanent", M_PERMANENT, NULL, NULL },
	{ "description", M_NOTE, NULL, NULL }, { "goto", M_OWNER, NULL, NULL },
	{ "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_app_passwd[] = {
	{ "mailbox", M_ADDRESS, NULL, NULL }, { "name", M_LABEL, NULL, NULL }, { "id", M_ID, NULL, NULL },
	{ "password", M_PASSWORD, NULL, NULL }, { "active", M_ACTIVE, NULL, NULL },
	{ "imap_access", M_SERVICE, "imap", NULL }, { "smtp_access", M_SERVICE, "smtp,submission", NULL },
	{ "pop3_access", M_SERVICE, "pop3", NULL }, { "sieve_access", M_SERVICE, "sieve", NULL },
	{ "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_sender_acl[] = {
	{ "logged_in_as", M_LOGINS, NULL, NULL }, { "send_as", M_KEY, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_bcc[] = {
	{ "local_dest", M_KEY, NULL, NULL }, { "bcc_dest", M_VALUE, NULL, NULL },
	{ "type", M_MAP, "sender=sender-bcc rcpt=recipient-bcc", NULL }, { "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_recipient_maps[] = {
	{ "old_dest", M_KEY, NULL, NULL }, { "new_dest", M_VALUE, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_transports[] = {
	{ "destination", M_KEY, NULL, NULL }, { "nexthop", M_SMTP, NULL, NULL },
	{ "username", M_LEAVE_SET,
	  "a relay with a password, which belongs into smtp_sasl_password_maps", NULL },
	{ "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_tls_policy[] = {
	{ "dest", M_KEY, NULL, NULL }, { "policy", M_VALUE, NULL, NULL },
	{ "parameters", M_VALUE2, " ", NULL }, { "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_imapsync[] = {
	{ "user2", M_ADDRESS, NULL, NULL }, { "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule mcw_sieve[] = {
	{ "username", M_ADDRESS, NULL, NULL },
	{ 0 }
};

static const struct table_rule mcw_tables[] = {
	{ "domain", MAKES_DOMAIN, NULL, mcw_domain },
	{ "alias_domain", MAKES_DOMAIN_ALIAS, NULL, pfa_alias_domain },
	{ "mailbox", MAKES_MAILBOX, NULL, mcw_mailbox },
	{ "alias", MAKES_ALIAS, NULL, mcw_alias },
	{ "spamalias", MAKES_ALIAS, NULL, mcw_spamalias },
	{ "app_passwd", MAKES_APP_PASSWORD, NULL, mcw_app_passwd },
	{ "sender_acl", MAKES_SENDER, NULL, mcw_sender_acl },
	{ "bcc_maps", MAKES_ENTRY, NULL, mcw_bcc },
	{ "recipient_maps", MAKES_ENTRY, "recipient-canonical", mcw_recipient_maps },
	{ "transports", MAKES_ENTRY, "transports", mcw_transports },
	{ "tls_policy_override", MAKES_ENTRY, "tls-policy", mcw_tls_policy },
	{ "imapsync", MAKES_REMARK, "mail fetched from elsewhere", mcw_imapsync },
	{ "sieve_filters", MAKES_REMARK, "a Sieve script", mcw_sieve },
	{ 0 }
};

/* --- Mail-in-a-Box ---------------------------------------------------------------------------- */

static const struct rule mib_users[] = {
	{ "email", M_ADDRESS, NULL, NULL }, { "password", M_PASSWORD, NULL, NULL },
	{ "quota", M_QUOTA, NULL, NULL },
	{ 0 }
};

static const struct rule mib_aliases[] = {
	{ "source", M_ADDRESS, NULL, NULL }, { "destination", M_TARGETS, NULL, NULL },
	{ "permitted_senders", M_LOGINS, NULL, NULL },
	{ 0 }
};

static const struct table_rule mib_tables[] = {
	{ "users", MAKES_MAILBOX, NULL, mib_users },
	{ "aliases", MAKES_ALIAS, NULL, mib_aliases },
	{ "auto_aliases", MAKES_ALIAS, NULL, mib_aliases },
	{ 0 }
};

/* --- Mailu ------------------------------------------------------------------------------------ */

static const struct rule mlu_domain[] = {
	{ "name", M_DOMAIN, NULL, NULL }, { "created_at", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule mlu_alternative[] = {
	{ "name", M_DOMAIN, NULL, NULL }, { "domain_name", M_TARGET_DOMAIN, NULL, NULL },
	{ 0 }
};

static const struct rule mlu_relay[] = {
	{ "name", M_DOMAIN, NULL, NULL }, { "smtp", M_SMTP, NULL, NULL },
	{ "name", M_KIND, "=relay", NULL },
	{ 0 }
};

static const struct rule mlu_user[] = {
	{ "email", M_ADDRESS, NULL, NULL }, { "password", M_PASSWORD, NULL, NULL },
	{ "quota_bytes", M_QUOTA, NULL, NULL }, { "enabled", M_ACTIVE, NULL, NULL },
	{ "forward_enabled", M_FORWARD, NULL, NULL }, { "forward_destination", M_TARGETS, NULL, NULL },
	{ "forward_keep", M_KEEP, NULL, NULL }, { "created_at", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule mlu_alias[] = {
	{ "localpart", M_LOCAL, NULL, NULL }, { "domain_name", M_DOMAIN, NULL, NULL },
	{ "wildcard", M_WILDCARD, NULL, NULL }, { "destination", M_TARGETS, NULL, NULL },
	{ "disabled", M_DISABLED, NULL, NULL },
	{ "comment", M_NOTE, NULL, NULL }, { "created_at", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule mlu_token[] = {
	{ "user_email", M_ADDRESS, NULL, NULL }, { "password", M_PASSWORD, NULL, NULL },
	{ "comment", M_LABEL, NULL, NULL }, { "id", M_ID, NULL, NULL },
	{ "ip", M_NETWORKS, NULL, NULL }, { "created_at", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule mlu_fetch[] = {
	{ "user_email", M_ADDRESS, NULL, NULL },
	{ 0 }
};

static const struct table_rule mlu_tables[] = {
	{ "domain", MAKES_DOMAIN, NULL, mlu_domain },
	{ "alternative", MAKES_DOMAIN_ALIAS, NULL, mlu_alternative },
	{ "relay", MAKES_DOMAIN, NULL, mlu_relay },
	{ "user", MAKES_MAILBOX, NULL, mlu_user },
	{ "alias", MAKES_ALIAS, NULL, mlu_alias },
	{ "token", MAKES_APP_PASSWORD, NULL, mlu_token },
	{ "fetch", MAKES_REMARK, "mail fetched from elsewhere", mlu_fetch },
	{ 0 }
};

/* --- Modoboa ---------------------------------------------------------------------------------- */

static const struct rule mdb_domain[] = {
	{ "name", M_DOMAIN, NULL, NULL }, { "type", M_KIND, NULL, NULL }, { "enabled", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule mdb_domain_alias[] = {
	{ "name", M_DOMAIN, NULL, NULL }, { "target_id", M_TARGET_DOMAIN, NULL, "admin_domain.id:name" },
	{ "enabled", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule mdb_mailbox[] = {
	{ "address", M_LOCAL, NULL, NULL }, { "domain_id", M_DOMAIN, NULL, "admin_domain.id:name" },
	{ "quota", M_QUOTA, "M", NULL }, { "user_id", M_PASSWORD, NULL, "core_user.id:password" },
	{ "user_id", M_ACTIVE, NULL, "core_user.id:is_active" }, { "is_send_only", M_SEND_ONLY, NULL, NULL },
	{ 0 }
};

static const struct rule mdb_alias[] = {
	{ "address", M_ADDRESS, NULL, NULL }, { "enabled", M_ACTIVE, NULL, NULL },
	{ "expire_at", M_EXPIRES, NULL, NULL }, { "description", M_NOTE, NULL, NULL },
	{ 0 }
};

static const struct rule mdb_recipient[] = {
	{ "alias_id", M_ADDRESS, NULL, "admin_alias.id:address" }, { "address", M_TARGETS, NULL, NULL },
	{ 0 }
};

static const struct rule mdb_sender[] = {
	{ "address", M_KEY, NULL, NULL },
	{ "mailbox_id", M_LOCAL, NULL, "admin_mailbox.id:address" },
	{ "mailbox_id", M_DOMAIN, NULL, "admin_mailbox.id:domain_id/admin_domain.id:name" },
	{ 0 }
};

static const struct rule mdb_transport[] = {
	{ "pattern", M_KEY, NULL, NULL }, { "service", M_VALUE, NULL, NULL },
	{ "next_hop", M_VALUE2, ":", NULL }, { "enabled", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct table_rule mdb_tables[] = {
	{ "admin_domain", MAKES_DOMAIN, NULL, mdb_domain },
	{ "admin_domainalias", MAKES_DOMAIN_ALIAS, NULL, mdb_domain_alias },
	{ "core_user", MAKES_NOTHING, NULL, NULL },
	{ "admin_mailbox", MAKES_MAILBOX, NULL, mdb_mailbox },
	{ "admin_alias", MAKES_ALIAS, NULL, mdb_alias },
	{ "modoboa_admin_aliasrecipient|admin_aliasrecipient", MAKES_ALIAS, NULL, mdb_recipient },
	{ "admin_senderaddress", MAKES_SENDER, NULL, mdb_sender },
	{ "transport_transport", MAKES_ENTRY, "transports", mdb_transport },
	{ 0 }
};

/* --- ViMbAdmin -------------------------------------------------------------------------------- */

static const struct rule vmb_mailbox[] = {
	{ "username", M_ADDRESS, NULL, NULL }, { "password", M_PASSWORD, NULL, NULL },
	{ "quota", M_QUOTA, NULL, NULL }, { "homedir", M_HOME, NULL, NULL }, { "maildir", M_MAIL, NULL, NULL },
	{ "uid", M_UID, NULL, NULL }, { "gid", M_GID, NULL, NULL }, { "active", M_ACTIVE, NULL, NULL },
	{ "delete_pending", M_LEAVE_YES, "a mailbox that is to be deleted", NULL },
	{ "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct table_rule vmb_tables[] = {
	{ "domain", MAKES_DOMAIN, NULL, pfa_domain },
	{ "mailbox", MAKES_MAILBOX, NULL, vmb_mailbox },
	{ "alias", MAKES_ALIAS, NULL, pfa_alias },
	{ 0 }
};

/* --- iRedMail --------------------------------------------------------------------------------- */

static const struct rule ird_mailbox[] = {
	{ "username", M_ADDRESS, NULL, NULL }, { "password", M_PASSWORD, NULL, NULL },
	{ "quota", M_QUOTA, "M", NULL },
	{ "storagebasedirectory", M_HOME, NULL, NULL }, { "storagenode", M_HOME, NULL, NULL },
	{ "maildir", M_HOME, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "enablesmtp", M_SENDS, NULL, NULL },
	{ "allow_nets", M_NETWORKS, NULL, NULL }, { "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule ird_alias[] = {
	{ "address", M_ADDRESS, NULL, NULL }, { "name", M_NOTE, NULL, NULL },
	{ "accesspolicy", M_INTERNAL, "domain subdomain membersonly membersandmoderatorsonly", NULL },
	{ "active", M_ACTIVE, NULL, NULL }, { "created", M_CREATED, NULL, NULL },
	{ 0 }
};

static const struct rule ird_forwarding[] = {
	{ "address", M_ADDRESS, NULL, NULL }, { "domain", M_DOMAIN, NULL, NULL },
	{ "forwarding", M_TARGETS, NULL, NULL },
	{ "is_maillist", M_LEAVE_YES, "a mailing list of mlmmj", NULL }, { "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule ird_bcc_user[] = {
	{ "username", M_KEY, NULL, NULL }, { "bcc_address", M_VALUE, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule ird_bcc_domain[] = {
	{ "domain", M_KEY, "@", NULL }, { "bcc_address", M_VALUE, NULL, NULL },
	{ "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct rule ird_relayhost[] = {
	{ "account", M_KEY, NULL, NULL }, { "relayhost", M_VALUE, NULL, NULL },
	{ 0 }
};

static const struct rule ird_maillist[] = {
	{ "address", M_ADDRESS, NULL, NULL }, { "active", M_ACTIVE, NULL, NULL },
	{ 0 }
};

static const struct table_rule ird_tables[] = {
	{ "domain", MAKES_DOMAIN, NULL, pfa_domain },
	{ "alias_domain", MAKES_DOMAIN_ALIAS, NULL, pfa_alias_domain },
	{ "mailbox", MAKES_MAILBOX, NULL, ird_mailbox },
	{ "alias", MAKES_ALIAS, NULL, ird_alias },
	{ "forwardings", MAKES_ALIAS, NULL, ird_forwarding },
	{ "sender_bcc_user", MAKES_ENTRY, "sender-bcc", ird_bcc_user },
	{ "recipient_bcc_user", MAKES_ENTRY, "recipient-bcc", ird_bcc_user },
	{ "sender_bcc_domain", MAKES_ENTRY, "sender-bcc", ird_bcc_domain },
	{ "recipient_bcc_domain", MAKES_ENTRY, "recipient-bcc", ird_bcc_domain },
	{ "sender_relayhost", MAKES_ENTRY, "relayhosts", ird_relayhost },
	{ "maillists", MAKES_REMARK, "a mailing list of mlmmj", ird_maillist },
	{ 0 }
};

/* --- texts ------------------------------------------------------------------------------------ */

static const struct rule key_targets[] = {
	{ "key", M_ADDRESS, NULL, NULL }, { "value", M_TARGETS, NULL, NULL },
	{ 0 }
};

static const struct rule key_mail[] = {
	{ "key", M_ADDRESS, NULL, NULL }, { "value", M_MAIL, NULL, NULL },
	{ 0 }
};

static const struct rule key_value[] = {
	{ "key", M_KEY, NULL, NULL }, { "value", M_VALUE, NULL, NULL },
	{ 0 }
};

static const struct rule key_quota[] = {
	{ "key", M_ADDRESS, NULL, NULL }, { "value", M_QUOTA, NULL, NULL },
	{ 0 }
};

static const struct rule passwd_fields[] = {
	{ "user", M_ADDRESS, NULL, NULL }, { "password", M_CRYPT, NULL, NULL },
	{ "uid", M_UID, NULL, NULL }, { "gid", M_GID, NULL, NULL }, { "home", M_HOME, NULL, NULL },
	{ "extra", M_EXTRA, NULL, NULL },
	{ 0 }
};

static const struct table_rule virtual_table[] = { { "*", MAKES_VIRTUAL, NULL, key_targets }, { 0 } };
static const struct table_rule vmailbox_table[] = { { "*", MAKES_VMAILBOX, NULL, key_mail }, { 0 } };
static const struct table_rule aliases_table[] = { { "*", MAKES_ALIAS, "local", key_targets }, { 0 } };
static const struct table_rule transport_table[] = { { "*", MAKES_ENTRY, "transports", key_value }, { 0 } };
static const struct table_rule map_table[] = { { "*", MAKES_ENTRY, NULL, key_value }, { 0 } };
static const struct table_rule passwd_table[] = { { "*", MAKES_MAILBOX, NULL, passwd_fields }, { 0 } };

/* --- docker-mailserver ------------------------------------------------------------------------ */

static const struct file_rule dms_files[] = {
	{ "postfix-accounts.cf", read_accounts, "accounts" },
	{ "postfix-virtual.cf", read_keyvalue, "virtual" },
	{ "postfix-aliases.cf", read_aliases, "aliases" },
	{ "dovecot-quotas.cf", read_colon, "quotas" },
	{ "postfix-send-access.cf", read_keyvalue, "send-access" },
	{ "postfix-receive-access.cf", read_keyvalue, "receive-access" },
	{ "postfix-relaymap.cf", read_keyvalue, "relaymap" },
	{ "postfix-regexp.cf", NULL,
	  "aliases by regular expressions: make patterns of them, user*@domain" },
	{ "dovecot-masters.cf", NULL,
	  "Dovecot's master users, who have nothing to do with mailboxes" },
	{ "postfix-sasl-password.cf", NULL,
	  "passwords for relays, which belong into smtp_sasl_password_maps" },
	{ "postfix-main.cf", NULL, "lines for main.cf" },
	{ "postfix-master.cf", NULL, "lines for master.cf" },
	{ "dovecot.cf", NULL, "lines for Dovecot's configuration" },
	{ 0 }
};

static const struct table_rule dms_tables[] = {
	{ "accounts", MAKES_MAILBOX, NULL, passwd_fields },
	{ "virtual", MAKES_VIRTUAL, NULL, key_targets },
	{ "aliases", MAKES_ALIAS, "local", key_targets },
	{ "quotas", MAKES_QUOTA, NULL, key_quota },
	{ "send-access", MAKES_ACCESS, "receive-only", key_value },
	{ "receive-access", MAKES_ACCESS, "send-only", key_value },
	{ "relaymap", MAKES_ENTRY, "relayhosts", key_value },
	{ 0 }
};

/* --- all of them ------------------------------------------------------------------------------ */

/* clang-format on */

const struct format formats[] = {
	{ .name = "vmaild", .summary = "what `vmailctl export` writes: JSON, one object a line" },
	{ .name = "tables",
	    .summary = "CSV, TSV or a database of one's own, by the names of columns",
	    .table = any_tables,
	    .guesses = true },
	{ .name = "passwd-file",
	    .summary = "a passwd-file of Dovecot: user:password:uid:gid::home::extra",
	    .read = read_passwd,
	    .table = passwd_table,
	    .first_counts = true },
	{ .name = "postfix-virtual",
	    .summary = "virtual(5): aliases, catch-alls, alias domains; `postmap -s` too",
	    .sign = "virtual virtual_alias virtual_aliases virtual_alias_maps",
	    .read = read_keyvalue,
	    .table = virtual_table,
	    .first_counts = true },
	{ .name = "postfix-mailbox",
	    .summary = "virtual_mailbox_maps: addresses and where their mail is",
	    .sign = "vmailbox virtual_mailbox virtual_mailboxes vmailboxes",
	    .read = read_keyvalue,
	    .table = vmailbox_table,
	    .first_counts = true },
	{ .name = "postfix-aliases",
	    .summary = "aliases(5), of names without a domain",
	    .sign = "aliases",
	    .read = read_aliases,
	    .table = aliases_table,
	    .first_counts = true },
	{ .name = "postfix-transport",
	    .summary = "transport(5)",
	    .sign = "transport transports transport_maps",
	    .read = read_keyvalue,
	    .table = transport_table,
	    .first_counts = true },
	{ .name = "postfix-map",
	    .summary = "any other source of postmap, into the map that --map names",
	    .read = read_keyvalue,
	    .table = map_table,
	    .first_counts = true },
	{ .name = "postfixadmin",
	    .summary = "PostfixAdmin",
	    .sign = "mailbox.username mailbox.maildir mailbox.local_part alias.goto "
		    "!mailbox.storagenode !mailbox.domain_id !mailbox.attributes",
	    .table = pfa_tables,
	    .closed = true },
	{ .name = "mailcow",
	    .summary = "mailcow: dockerized",
	    .sign = "mailbox.attributes mailbox.username alias.goto",
	    .table = mcw_tables,
	    .closed = true },
	{ .name = "mailinabox",
	    .summary = "Mail-in-a-Box: users.sqlite",
	    .sign = "users.privileges users.email aliases.permitted_senders",
	    .table = mib_tables },
	{ .name = "mailu",
	    .summary = "Mailu",
	    .sign = "user.quota_bytes user.localpart alias.wildcard",
	    .table = mlu_tables,
	    .closed = true },
	{ .name = "modoboa",
	    .summary = "Modoboa",
	    .sign = "admin_mailbox.user_id core_user.password admin_domain.name",
	    .table = mdb_tables,
	    .closed = true },
	{ .name = "vimbadmin",
	    .summary = "ViMbAdmin",
	    .sign = "mailbox.domain_id mailbox.homedir alias.goto",
	    .table = vmb_tables,
	    .closed = true },
	{ .name = "iredmail",
	    .summary = "iRedMail on MySQL, MariaDB or PostgreSQL",
	    .sign = "mailbox.storagenode forwardings.is_forwarding",
	    .table = ird_tables,
	    .closed = true },
	{ .name = "docker-mailserver",
	    .summary = "docker-mailserver: the .cf files of its config folder",
	    .sign = "postfix-accounts.cf postfix-virtual.cf dovecot-quotas.cf",
	    .file = dms_files,
	    .table = dms_tables,
	    .first_counts = true },
};

const size_t formats_n = sizeof formats / sizeof formats[0];

const struct format *
format_at(size_t i)
{
	return i < formats_n ? &formats[i] : NULL;
}

const struct format *
format_by_name(const char *name)
{
	for (size_t i = 0; i < formats_n; i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

const char *
format_name(const struct format *f)
{
	return f->name;
}

const char *
format_summary(const struct format *f)
{
	return f->summary;
}

bool
format_is_tables(const struct format *f)
{
	return f->read == NULL && f->file == NULL && f->table != NULL;
}

bool
format_is_ours(const struct format *f)
{
	return f->table == NULL;
}

static bool
is_one_of(const char *names, struct slice name)
{
	struct slice rest = slice_str(names);

	while (rest.n > 0)
		if (slice_eq(slice_cut(&rest, '|'), name))
			return true;
	return strcmp(names, "*") == 0;
}

const struct table_rule *
schema_find(const struct format *f, struct slice table)
{
	for (const struct table_rule *t = f->table; t != NULL && t->table != NULL; t++)
		if (is_one_of(t->table, table))
			return t;
	return NULL;
}
