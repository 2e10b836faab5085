/* SPDX-License-Identifier: ISC
 *
 * The table of commands. A new command is a row here and a handler in the file of its noun;
 * parsing, help, completion and the check of the manual page follow by themselves.
 */
#include "vmailctl/cmd.h"

#include <string.h>

#include "vmailctl/page.h"
#include "vmailctl/when.h"

/* clang-format off */

static const struct option global_options[] = {
	[GLOBAL_CONFIG] = { "config", 'c', "FILE", "the configuration to read, not " CONF_DEFAULT_FILE },
	[GLOBAL_STORE] = { "store", 0, "URI", "the store to use, sqlite:PATH, not the configured one" },
	[GLOBAL_JSON] = { "json", 0, NULL, "print JSON" },
	[GLOBAL_DRY_RUN] = { "dry-run", 0, NULL, "show what a change would change, and change nothing" },
	[GLOBAL_YES] = { "yes", 0, NULL, "ask nothing" },
	[GLOBAL_HELP] = { "help", 'h', NULL, "say how a command is used" },
	[GLOBAL_VERSION] = { "version", 0, NULL, "print the version" },
	{ 0 }
};

static const struct option names_option[] = {
	{ "names", 0, NULL, "print the names alone, one a line" },
	{ 0 }
};

static const struct option list_options[] = {
	PAGE_OPTIONS,
	{ 0 }
};

static const struct option domain_add_options[] = {
	{ "kind", 0, "KIND", "mailbox (the default), alias, relay or local" },
	{ "target", 0, "DOMAIN", "stand for that domain; implies --kind alias" },
	{ 0 }
};

static const struct option domain_set_options[] = {
	{ "delimiters", 0, "SET", "what separates an extension there: +-, none, or default" },
	{ "propagate", 0, "WHETHER", "whether aliases pass extensions on: yes, no or default" },
	{ 0 }
};

static const struct option domain_remove_options[] = {
	{ "all", 0, NULL, "its mailboxes and aliases too" },
	{ 0 }
};

static const struct option user_list_options[] = {
	PAGE_OPTIONS,
	{ "idle", 0, "DAYS", "those alone into which nobody logged in for so long" },
	{ 0 }
};

static const struct option user_add_options[] = {
	{ "password-stdin", 0, NULL, "read the password from one line of standard input" },
	{ "no-password", 0, NULL, "nobody can log in until a password is set" },
	{ "quota", 0, "SIZE", "how much mail it may hold: 500M, 2G; 0 for no limit" },
	{ 0 }
};

static const struct option user_passwd_options[] = {
	{ "password-stdin", 0, NULL, "read the password from one line of standard input" },
	{ 0 }
};

static const struct option user_state_options[] = {
	{ "reason", 0, "TEXT", "what the user is told when a login is refused for it" },
	{ 0 }
};

static const struct option user_set_options[] = {
	{ "home", 0, "PATH", "its home directory; '' for the configured one" },
	{ "mail", 0, "LOCATION", "where its mail is, maildir:~/Maildir; '' for the configured place" },
	{ "uid", 0, "ID", "the user that its mail belongs to; 0 for the configured one" },
	{ "gid", 0, "ID", "the group; 0 for the configured one" },
	{ "networks", 0, "LIST", "logins from these only, 192.0.2.0/24,2001:db8::/32; '' for all" },
	{ 0 }
};

static const struct option app_password_add_options[] = {
	{ "label", 0, "LABEL", "what it is for: phone" },
	{ "service", 0, "LIST", "good for these services only: imap,smtp" },
	{ "network", 0, "LIST", "good from these networks only: 192.0.2.0/24,2001:db8::/32" },
	{ "expires", 0, "TIME", "good for nothing from then on: " WHEN_FORMS },
	{ 0 }
};

static const struct option login_clear_options[] = {
	{ "all", 0, NULL, "whoever it is" },
	{ 0 }
};

static const struct option user_remove_options[] = {
	{ "force", 0, NULL, "even when aliases lead to it" },
	{ 0 }
};

static const struct option alias_set_options[] = {
	{ "disable", 0, NULL, "it is nobody, and no catch-all takes its mail" },
	{ "enable", 0, NULL, "it is somebody again" },
	{ "expires", 0, "TIME", "it is nobody from then on: " WHEN_FORMS },
	{ "internal", 0, NULL, "only our own senders and its members may write to it" },
	{ "open", 0, NULL, "everybody may" },
	{ "note", 0, "TEXT", "what it is for; '' for nothing" },
	{ "owner", 0, "WHO", "who asked for it; '' for nobody" },
	{ 0 }
};

static const struct option map_create_options[] = {
	{ "search", 0, "SEARCH", "how keys are looked for; exact is the default" },
	{ 0 }
};

static const struct option maps_options[] = {
	{ "all", 0, NULL, "those that an admin made, too" },
	{ "names", 0, NULL, "print the names alone, one a line" },
	{ 0 }
};

static const struct option lookup_options[] = {
	{ "live", 0, NULL, "ask the running daemon through its socket" },
	{ 0 }
};

static const struct option config_dovecot_options[] = {
	{ "version", 0, "RELEASE", "for that Dovecot, not for the one that is here" },
	{ "passdb", 0, "PASSDB", "how logins reach vmaild; the first that the release has is the default" },
	{ "sql-file", 0, NULL, "the file of queries that 2.3 keeps apart" },
	{ 0 }
};

static const struct option views_publish_options[] = {
	{ "with-hashes", 0, NULL, "with the passwords' hashes, for software that checks logins itself" },
	{ "group", 0, "GROUP", "who may read it; if not given, the group of the file it replaces" },
	{ 0 }
};

static const struct option explain_options[] = {
	{ "from", 0, "SENDER", "find out whether this sender may write to it; <> for bounces" },
	{ "live", 0, NULL, "ask the running daemon as well, and mark where it differs" },
	{ 0 }
};

static const struct option lint_options[] = {
	{ "since", 0, "TIME", "name mailboxes nobody logged into since then: " WHEN_PAST_FORMS },
	{ "all", 0, NULL, "print every finding, not only the first 20 of a kind" },
	{ 0 }
};

static const struct option doctor_options[] = {
	{ "postfix", 0, "DIR", "the configuration directory of Postfix, where it is not the usual one" },
	{ "dovecot", 0, "FILE", "the configuration file of Dovecot, likewise" },
	{ 0 }
};

static const struct option setup_options[] = {
	{ "postfix", 0, "DIR", "the configuration directory of Postfix, where it is not the usual one" },
	{ "dovecot", 0, "FILE", "the configuration file of Dovecot, likewise" },
	{ 0 }
};

static const struct option import_options[] = {
	{ "from", 0, "FORMAT", "what it is, where that is not certain: see `vmailctl formats`" },
	{ "strict", 0, NULL, "change nothing if anything has to be skipped" },
	{ "domain", 0, "NAME", "what stands behind names that have no domain" },
	{ "passwords", 0, "SCHEME", "what passwords are that do not tell: plain, crypt, md5, ..." },
	{ "keep-clear", 0, NULL, "do not hash passwords that are in the clear" },
	{ "base", 0, "DIR", "the directory that relative paths of mailboxes are below" },
	{ "columns", 0, "LIST", "names for a table without a line of them; or OURS=THEIRS,..." },
	{ "map", 0, "MAP", "the map that entries are for, with --from postfix-map" },
	{ 0 }
};

static const struct option log_options[] = {
	{ "after", 0, "ID", "only the changes after that one" },
	{ "last", 0, "N", "only the last so many of those that are asked for" },
	{ "since", 0, "TIME", "only what was done since " WHEN_PAST_FORMS },
	{ "until", 0, "TIME", "only what was done before that" },
	{ "who", 0, "WHO", "only what was done by somebody" },
	{ "what", 0, "WHAT", "only what is called so: 'user', 'user passwd'" },
	{ "match", 0, "GLOB", "only what was done to those that match" },
	{ "follow", 0, NULL, "go on, and print each change as it is made" },
	{ 0 }
};

static const struct option copy_options[] = {
	{ "catch-up", 0, NULL, "bring over what was changed since TO was copied, or caught up" },
	{ "close", 0, NULL, "the same to the very last, for neither takes changes any more" },
	{ "open", 0, NULL, "let TO take changes, once vmaild uses it; and bring over the last logins" },
	{ "cancel", 0, NULL, "let FROM take changes again: it stays" },
	{ "compare", 0, NULL, "with --catch-up and --close: read all rows again, not only those" },
	{ "force", 0, NULL, "with --open and --cancel: although the other store is out of reach" },
	{ 0 }
};

static const struct option apply_options[] = {
	{ "prune", 0, NULL, "remove what is not in the file, of the kinds that are" },
	{ 0 }
};

static const struct option undo_options[] = {
	{ "id", 0, "ID", "take back that change, and what was done with it" },
	{ "since", 0, "TIME", "take back all that was done since " WHEN_PAST_FORMS },
	{ "anyone", 0, NULL, "what others did, too" },
	{ "force", 0, NULL, "even what was changed again since" },
	{ 0 }
};

static const struct option export_options[] = {
	{ "format", 0, "FORM", "jsonl (the default: all of it), csv, postfix or dovecot" },
	{ "no-hashes", 0, NULL, "leave the password hashes out" },
	{ 0 }
};

static const struct option top_options[] = {
	{ "once", 0, NULL, "print one screen with averages since the daemon's start, and end" },
	{ "interval", 0, "SECONDS", "how often to look: 2 is the default" },
	{ 0 }
};

static const struct option help_options[] = {
	{ "all", 0, NULL, "print every command and option, one a line, fields separated by TAB" },
	{ 0 }
};

static const struct command commands[] = {
	{
		.noun = "init",
		.summary = "make the store, or bring it up to date",
		.detail = "As root, the store is handed to the configured user.\n"
			  "Doing it again is harmless.",
		.example = "vmailctl init",
		.run = cmd_init
	},
	{
		.noun = "migrate",
		.summary = "bring an existing store to this program's schema",
		.example = "vmailctl migrate",
		.run = cmd_migrate
	},
	{
		.noun = "domain", .verb = "add", .arguments = "NAME",
		.options = domain_add_options,
		.also = "create new insert",
		.summary = "take mail for a domain",
		.detail = "Kinds: mailbox, mailboxes live here; alias, only aliases do;\n"
			  "relay, taken for another host; local, Postfix's own (mydestination).",
		.example = "vmailctl domain add example.org --target example.com",
		.changes = true, .many = true,
		.run = cmd_domain_add
	},
	{
		.noun = "domain", .verb = "list",
		.options = list_options,
		.also = "ls",
		.summary = "list the domains",
		.example = "vmailctl domain list",
		.run = cmd_domain_list
	},
	{
		.noun = "domain", .verb = "show", .arguments = "DOMAIN",
		.also = "get info view",
		.summary = "show one domain",
		.example = "vmailctl domain show example.com",
		.run = cmd_domain_show
	},
	{
		.noun = "domain", .verb = "set", .arguments = "DOMAIN",
		.options = domain_set_options,
		.also = "change modify edit",
		.summary = "treat the addresses of a domain in its own way",
		.detail = "What is not named stays as it is. 'default' is what the configuration says.",
		.example = "vmailctl domain set example.com --delimiters +- --propagate no",
		.changes = true,
		.run = cmd_domain_set
	},
	{
		.noun = "domain", .verb = "remove", .arguments = "DOMAIN",
		.options = domain_remove_options,
		.also = "delete del rm drop",
		.summary = "take mail for a domain no longer",
		.detail = "With mailboxes or aliases in it only --all removes it.\n"
			  "Mail on disk is left.",
		.example = "vmailctl domain remove example.org --all",
		.changes = true, .many = true,
		.run = cmd_domain_remove
	},
	{
		.noun = "user", .verb = "add", .arguments = "ADDRESS",
		.options = user_add_options,
		.also = "create new insert",
		.summary = "add a mailbox",
		.detail = "Asks for the password twice on a terminal.\n"
			  "Passwords are never taken from the command line.",
		.example = "vmailctl user add harry@example.com --quota 2G",
		.changes = true, .many = true,
		.run = cmd_user_add
	},
	{
		.noun = "user", .verb = "list", .arguments = "[DOMAIN]",
		.options = user_list_options,
		.also = "ls",
		.summary = "list the mailboxes, of one domain or of all",
		.example = "vmailctl user list example.com --match 'info*' --limit 50",
		.run = cmd_user_list
	},
	{
		.noun = "user", .verb = "show", .arguments = "MAILBOX",
		.also = "get info view",
		.summary = "show one mailbox",
		.example = "vmailctl user show harry@example.com",
		.run = cmd_user_show
	},
	{
		.noun = "user", .verb = "passwd", .arguments = "MAILBOX",
		.options = user_passwd_options,
		.also = "password pw",
		.summary = "set the password of a mailbox",
		.detail = "Asks for it twice on a terminal.\n"
			  "Passwords are never taken from the command line.",
		.example = "vmailctl user passwd harry@example.com",
		.changes = true,
		.run = cmd_user_passwd
	},
	{
		.noun = "user", .verb = "state", .arguments = "MAILBOX STATE",
		.options = user_state_options,
		.also = "suspend disable enable lock unlock block",
		.summary = "say what a mailbox may do, in every map and at every login",
		.detail = "States: active; receive-only, gets mail and may read it but not send;\n"
			  "send-only, may send and gets no mail; suspended, neither.",
		.example = "vmailctl user state harry@example.com suspended --reason 'unpaid bill'",
		.changes = true, .many = true,
		.run = cmd_user_state
	},
	{
		.noun = "user", .verb = "quota", .arguments = "MAILBOX SIZE",
		.also = "size limit",
		.summary = "set how much mail a mailbox may hold: 500M, 2G; 0 for no limit",
		.example = "vmailctl user quota harry@example.com 2G",
		.changes = true, .many = true,
		.run = cmd_user_quota
	},
	{
		.noun = "user", .verb = "set", .arguments = "MAILBOX",
		.options = user_set_options,
		.also = "change modify edit home mail",
		.summary = "say where a mailbox lives, and from where one may log in to it",
		.detail = "What is not named stays as it is.",
		.example = "vmailctl user set harry@example.com --home /srv/mail/harry --networks 192.0.2.0/24",
		.changes = true, .many = true,
		.run = cmd_user_set
	},
	{
		.noun = "user", .verb = "logins", .arguments = "MAILBOX",
		.also = "last lastlog",
		.summary = "list the last logins to a mailbox: from where, with what, to which service",
		.detail = "Of each network, label and service the last one; 32 of them are kept.",
		.example = "vmailctl user logins harry@example.com",
		.run = cmd_user_logins
	},
	{
		.noun = "user", .verb = "remove", .arguments = "MAILBOX",
		.options = user_remove_options,
		.also = "delete del rm drop",
		.summary = "remove a mailbox and its password",
		.detail = "Mail on disk is left.",
		.example = "vmailctl user remove harry@example.com",
		.changes = true, .many = true,
		.run = cmd_user_remove
	},
	{
		.noun = "app-password", .behind = "user", .verb = "add", .arguments = "MAILBOX",
		.options = app_password_add_options,
		.also = "create new insert make",
		.summary = "make an app password for a mailbox and print it, this once",
		.detail = "A password for one device, which can be revoked alone. Dashes, blanks and\n"
			  "upper case do not count when it is typed. 'vmailctl user app-password add'\n"
			  "is the same.",
		.example = "vmailctl app-password add harry@example.com --label phone --service imap,smtp",
		.changes = true,
		.run = cmd_app_password_add
	},
	{
		.noun = "app-password", .behind = "user", .verb = "list", .arguments = "MAILBOX",
		.options = names_option,
		.also = "ls show",
		.summary = "list the app passwords of a mailbox, and when each was last used",
		.example = "vmailctl app-password list harry@example.com",
		.run = cmd_app_password_list
	},
	{
		.noun = "app-password", .behind = "user", .verb = "remove", .arguments = "MAILBOX LABEL",
		.also = "revoke delete del rm drop",
		.summary = "revoke an app password",
		.example = "vmailctl app-password remove harry@example.com phone",
		.changes = true, .many = true,
		.run = cmd_app_password_remove
	},
	{
		.noun = "alias", .verb = "add", .arguments = "ADDRESS TARGET...",
		.also = "create new insert",
		.summary = "send the mail of an address on to others",
		.detail = "@DOMAIN as the address is the catch-all of that domain, a local part\n"
			  "with * in it a pattern. Targets that it has already stay.",
		.example = "vmailctl alias add info@example.com harry@example.com",
		.changes = true, .many = true,
		.run = cmd_alias_add
	},
	{
		.noun = "alias", .verb = "list", .arguments = "[DOMAIN]",
		.options = list_options,
		.also = "ls",
		.summary = "list the aliases, of one domain or of all",
		.example = "vmailctl alias list example.com",
		.run = cmd_alias_list
	},
	{
		.noun = "alias", .verb = "show", .arguments = "ALIAS",
		.also = "get info view",
		.summary = "show one alias",
		.example = "vmailctl alias show info@example.com",
		.run = cmd_alias_show
	},
	{
		.noun = "alias", .verb = "set", .arguments = "ALIAS",
		.options = alias_set_options,
		.also = "change modify edit disable enable expire",
		.summary = "switch an alias off or on, let it expire, close it, describe it",
		.detail = "What is not named stays as it is. Dates are those of this host's clock.",
		.example = "vmailctl alias set sale@example.com --expires +30d --note 'spring sale'",
		.changes = true,
		.run = cmd_alias_set
	},
	{
		.noun = "alias", .verb = "remove", .arguments = "ALIAS [TARGET...]",
		.also = "delete del rm drop",
		.summary = "remove targets from an alias, or all of it",
		.example = "vmailctl alias remove info@example.com harry@example.com",
		.changes = true, .many = true,
		.run = cmd_alias_remove
	},
	{
		.noun = "map", .verb = "create", .arguments = "NAME",
		.options = map_create_options,
		.also = "add new",
		.summary = "make a map of keys and values for any parameter of Postfix",
		.detail = "Searches: exact, the key alone; address, user+ext@d user@d @d; rewrite, the\n"
			  "same with a value that takes the extension along; domain, d and its parents;\n"
			  "transport, user+ext@d user@d d .parents; access, user+ext@d user@d d parents\n"
			  "user@; host, names and parents or IP addresses by octets; network, a.b.c.d/n.",
		.example = "vmailctl map create blocked --search network",
		.changes = true,
		.run = cmd_map_create
	},
	{
		.noun = "map", .verb = "remove", .arguments = "MAP",
		.also = "delete del rm drop",
		.summary = "remove a map that was created, with its entries",
		.example = "vmailctl map remove blocked",
		.changes = true,
		.run = cmd_map_remove
	},
	{
		.noun = "map", .verb = "set", .arguments = "MAP KEY VALUE",
		.also = "put change add",
		.summary = "give a key of a map its value",
		.example = "vmailctl map set transports example.org 'smtp:[mail.example.org]'",
		.changes = true, .many = true,
		.run = cmd_map_set
	},
	{
		.noun = "map", .verb = "get", .arguments = "MAP KEY",
		.also = "show view",
		.summary = "print the value that is written for a key",
		.detail = "The key alone, in any spelling; what would be found is for 'lookup' to say.",
		.example = "vmailctl map get transports example.org",
		.run = cmd_map_get
	},
	{
		.noun = "map", .verb = "unset", .arguments = "MAP KEY",
		.also = "clear erase",
		.summary = "take a key out of a map",
		.example = "vmailctl map unset transports example.org",
		.changes = true, .many = true,
		.run = cmd_map_unset
	},
	{
		.noun = "map", .verb = "list", .arguments = "[MAP]",
		.options = names_option,
		.also = "ls dump export",
		.summary = "list the entries of a map, or the maps that have some",
		.example = "vmailctl map list transports",
		.run = cmd_map_list
	},
	{
		.noun = "map", .verb = "import", .arguments = "MAP FILE",
		.also = "load read postmap",
		.summary = "set all entries of a file as postmap reads it; - is standard input",
		.detail = "All or none: the first line that is refused is named, and nothing is changed.\n"
			  "Entries that are there already and not in the file stay.",
		.example = "vmailctl map import transports /etc/postfix/transport",
		.changes = true,
		.run = cmd_map_import
	},
	{
		.noun = "lookup", .arguments = "MAP KEY",
		.options = lookup_options,
		.also = "query resolve ask",
		.summary = "answer what a mail server would be told",
		.detail = "Prints the value, as `postmap -q` does. Exits 1 when there is none,\n"
			  "and 75 when nobody knows just now.",
		.example = "vmailctl lookup aliases info@example.com",
		.run = cmd_lookup
	},
	{
		.noun = "maps",
		.options = maps_options,
		.summary = "list the maps a mail server can ask",
		.example = "vmailctl maps",
		.run = cmd_maps
	},
	{
		.noun = "explain", .arguments = "ADDRESS",
		.options = explain_options,
		.also = "trace why test where",
		.summary = "say where a mail to an address goes, and why",
		.detail = "Every row that is looked for, every rule that decides, each step that Postfix\n"
			  "repeats, and where the mail ends. Exits 0 when it arrives everywhere.",
		.example = "vmailctl explain info+news@example.com --from harry@example.net",
		.run = cmd_explain
	},
	{
		.noun = "lint",
		.options = lint_options,
		.also = "audit verify",
		.summary = "look through the store for what will not do what it seems to be there for",
		.detail = "Targets where nobody is, loops, names that hide others, weak passwords,\n"
			  "missing postmasters and more. Exits 1 when a finding is a warning or worse.",
		.example = "vmailctl lint --since 180d",
		.run = cmd_lint
	},
	{
		.noun = "doctor",
		.options = doctor_options,
		.also = "check health diagnose status",
		.summary = "examine this host: vmaild, Postfix and Dovecot together",
		.detail = "Says of each thing that mail needs whether it is right, and what to do where it is\n"
			  "not. Exits 0 when mail would flow. As root it can look at more.",
		.example = "vmailctl doctor",
		.run = cmd_doctor
	},
	{
		.noun = "setup", .arguments = "[PROGRAM]",
		.options = setup_options,
		.also = "install configure",
		.summary = "write what 'config' prints into the configuration of Postfix and Dovecot",
		.detail = "Shows the changes first and asks; keeps the old files as FILE.vmaild-TIME;\n"
			  "takes everything back when a program does not understand it; runs doctor.\n"
			  "A second run changes nothing.",
		.example = "vmailctl setup --dry-run",
		.plans = true,
		.run = cmd_setup
	},
	{
		.noun = "config", .verb = "show",
		.also = "get list dump print",
		.summary = "print the configuration in effect",
		.example = "vmailctl -c ./vmaild.conf config show",
		.run = cmd_config_show
	},
	{
		.noun = "config", .verb = "postfix",
		.summary = "print the lines for Postfix's main.cf on this host",
		.example = "vmailctl config postfix",
		.run = cmd_config_postfix
	},
	{
		.noun = "config", .verb = "dovecot",
		.options = config_dovecot_options,
		.summary = "print the lines for Dovecot's configuration on this host",
		.detail = "Dovecot 2.3 can have checkpassword or sql, 2.4 lua or sql. With none, only what needs\n"
		    "no logins is printed: delivery by LMTP, and doveadm.",
		.example = "vmailctl config dovecot >/etc/dovecot/conf.d/99-vmaild.conf",
		.run = cmd_config_dovecot
	},
	{
		.noun = "login", .verb = "throttled",
		.also = "list ls show blocked locked",
		.summary = "list who has tried too many wrong passwords lately",
		.detail = "Of a user from a network, of a network whoever it says it is, and of a user\n"
			  "from networks where he never logged in. Until then nothing is heard of them.",
		.example = "vmailctl login throttled",
		.run = cmd_login_throttled
	},
	{
		.noun = "login", .verb = "clear", .arguments = "[WHO]",
		.options = login_clear_options,
		.also = "unblock unlock reset release forget remove",
		.summary = "forget the wrong passwords of a user, or of a network",
		.detail = "WHO is a mailbox, an address or a network as 'login throttled' prints it.",
		.example = "vmailctl login clear harry@example.com",
		.run = cmd_login_clear
	},
	{
		.noun = "views", .verb = "publish", .arguments = "FILE",
		.options = views_publish_options,
		.also = "export dump copy",
		.summary = "copy the public views into a file for other software",
		.detail = "An SQLite database of mode 0640 that replaces the old one in one step. To be done again\n"
		    "after changes, or by a timer. See vmaild-views(7).",
		.example = "vmailctl views publish --group www-data /var/lib/vmaild-views/users.db",
		.run = cmd_views_publish
	},
	{
		.noun = "import", .arguments = "FILE...",
		.options = import_options,
		.also = "migrate-from load convert",
		.summary = "take over the domains, mailboxes and aliases of another system",
		.detail = "Files are databases of SQLite, dumps of MySQL or PostgreSQL, CSV, TSV, or the\n"
			  "texts that Postfix and Dovecot read; NAME=FILE says which table a file is.\n"
			  "Hashes are kept. One transaction; doing it again changes nothing.\n"
			  "The formats: `vmailctl formats`.",
		.example = "vmailctl import --dry-run vmail.sql",
		.changes = true,
		.run = cmd_import
	},
	{
		.noun = "formats",
		.options = names_option,
		.summary = "list what can be imported",
		.example = "vmailctl formats",
		.run = cmd_formats
	},
	{
		.noun = "backup", .arguments = "FILE",
		.also = "copy",
		.summary = "copy the whole store while it is in use",
		.detail = "The copy is of one moment, read again before it takes its name, and for its\n"
			  "owner's eyes: it has the passwords' hashes in it.",
		.example = "vmailctl backup /var/backups/vmail.db",
		.run = cmd_backup
	},
	{
		.noun = "restore", .arguments = "FILE",
		.summary = "make the store what a backup is, while it is in use",
		.detail = "In one step: who asks gets answers of the old or of the new. What the store was is\n"
			  "kept beside it, as *.before-restore, or with a number behind that. An older schema is\n"
			  "brought up to date.",
		.example = "vmailctl restore /var/backups/vmail.db",
		.plans = true,
		.run = cmd_restore
	},
	{
		.noun = "copy", .arguments = "FROM TO",
		.options = copy_options,
		.also = "move engine",
		.summary = "copy a whole store into a new one, also of another engine",
		.detail = "Each is a URI, or - for the configured store. TO is made, and must have nothing in it;\n"
			  "it gets everything, with the change log and the passwords, and all of it is read again\n"
			  "and compared. FROM stays as it is. To move a store that is in use: copy, --catch-up,\n"
			  "--close; set store to TO and reload vmaild; --open. In between nothing can be changed.",
		.example = "vmailctl copy - postgresql://vmaild@db.example.com/vmaild",
		.run = cmd_copy
	},
	{
		.noun = "check",
		.also = "verify fsck integrity",
		.summary = "look for damage, and for rows that no lookup would find",
		.detail = "Exits 1 when there is trouble.",
		.example = "vmailctl check",
		.run = cmd_check
	},
	{
		.noun = "diff", .arguments = "FILE",
		.also = "compare",
		.summary = "show what the store would gain (+), lose (-) and change (~) to be like a file",
		.detail = "The file is an export, or one like it, or a backup. Exits 1 when there is a difference.",
		.example = "vmailctl diff /var/backups/vmail.db",
		.run = cmd_diff
	},
	{
		.noun = "apply", .arguments = "FILE",
		.options = apply_options,
		.also = "sync load",
		.summary = "make what is in the store be as a file says, all of it or nothing",
		.detail = "The file has an object a line, as export writes them; - is standard input. What would be\n"
			  "done is shown first. Passwords that the file does not name stay. Doing it again\n"
			  "changes nothing. Objects that are not in the file stay too, unless --prune is given.",
		.example = "vmailctl apply --prune mail.jsonl",
		.changes = true,
		.run = cmd_apply
	},
	{
		.noun = "export", .arguments = "[FILE]",
		.options = export_options,
		.also = "dump save",
		.summary = "write out everything that is in the store",
		.detail = "jsonl: all of it, an object a line, which apply, diff and import read;\n"
			  "csv: for a spreadsheet; postfix: a directory FILE of tables for postmap;\n"
			  "dovecot: a passwd-file. What has hashes in it is for its owner's eyes (0600).",
		.example = "vmailctl export /root/mail.jsonl",
		.run = cmd_export
	},
	{
		.noun = "log", .arguments = "[NAME]",
		.options = log_options,
		.also = "history audit changes",
		.summary = "print the log of all changes, oldest first, or those of one name",
		.example = "vmailctl log harry@example.com --since 7d",
		.run = cmd_log
	},
	{
		.noun = "undo", .arguments = "[N]",
		.options = undo_options,
		.also = "revert rollback",
		.summary = "take back the last thing that you did, or the last N of them",
		.detail = "What one command did is taken back as a whole. That is a change itself: undo --id of it\n"
			  "makes it good again. What was changed again since is refused, and nothing is done.",
		.example = "vmailctl undo --dry-run",
		.changes = true,
		.run = cmd_undo
	},
	{
		.noun = "status",
		.also = "health ping check",
		.summary = "tell how the running daemon is doing",
		.detail = "Exits 0 when it serves and its store answers, 1 when not, and 75 when nobody\n"
			  "can tell: it does not run, or has no metrics listener.",
		.example = "vmailctl status",
		.run = cmd_status
	},
	{
		.noun = "top",
		.options = top_options,
		.also = "watch monitor live",
		.summary = "watch what the running daemon does: rates, latency, busiest maps, failures",
		.detail = "q quits.",
		.example = "vmailctl top --interval 1",
		.run = cmd_top
	},
	{
		.noun = "completion", .arguments = "SHELL",
		.summary = "print the completion for bash, zsh or fish",
		.example = "vmailctl completion bash >/etc/bash_completion.d/vmailctl",
		.run = cmd_completion
	},
	{
		.noun = "help", .arguments = "[NOUN] [VERB...]",
		.options = help_options,
		.summary = "say how a command is used",
		.example = "vmailctl help user add",
		.run = cmd_help
	},
	{
		.noun = "version",
		.summary = "print the version",
		.example = "vmailctl version",
		.run = cmd_version
	}
};

static const struct argument_words words[] = {
	{ "DOMAIN", NULL, "domain list --names --limit 500 --match" },
	{ "MAILBOX", NULL, "user list --names --limit 500 --match" },
	{ "ALIAS", NULL, "alias list --names --limit 500 --match" },
	{ "TARGET", NULL, "user list --names --limit 500 --match" },
	{ "MAP", NULL, "maps --all --names" },
	{ "KIND", "mailbox alias relay local", NULL },
	{ "STATE", "active receive-only send-only suspended", NULL },
	{ "SEARCH", "exact address rewrite domain transport access host network", NULL },
	{ "WHETHER", "yes no default", NULL },
	{ "RELEASE", "2.3 2.4", NULL },
	{ "PASSDB", "checkpassword lua sql none", NULL },
	{ "PROGRAM", "postfix dovecot", NULL },
	{ "FORM", "jsonl csv postfix dovecot", NULL },
	{ "SHELL", "bash zsh fish", NULL },
	{ "FORMAT", NULL, "formats --names" },
	{ "FILE", NULL, NULL }
};

/* clang-format on */

const struct command *
command_at(size_t i)
{
	return i < sizeof commands / sizeof *commands ? &commands[i] : NULL;
}

const struct option *
global_option_at(size_t i)
{
	return global_options[i].name != NULL ? &global_options[i] : NULL;
}

const struct argument_words *
argument_words(const char *name)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].name, name) == 0)
			return &words[i];
	return NULL;
}
