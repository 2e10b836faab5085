/* SPDX-License-Identifier: ISC
 *
 * The table of commands. A new command is a row here and a handler in the file of its noun;
 * parsing, help, completion and the check of the manual page follow by themselves.
 */
#include "vmailctl/cmd.h"

#include <string.h>

/* clang-format off */

static const struct option global_options[] = {
	[GLOBAL_CONFIG] = { "config", 'c', "FILE", "the configuration to read, not " CONF_DEFAULT_FILE },
	[GLOBAL_STORE] = { "store", 0, "URI", "the store to use, sqlite:PATH, not the configured one" },
	[GLOBAL_JSON] = { "json", 0, NULL, "print JSON" },
	[GLOBAL_HELP] = { "help", 'h', NULL, "say how a command is used" },
	[GLOBAL_VERSION] = { "version", 0, NULL, "print the version" },
	{ 0 }
};

static const struct option names_option[] = {
	{ "names", 0, NULL, "print the names alone, one a line" },
	{ 0 }
};

static const struct option domain_add_options[] = {
	{ "kind", 0, "KIND", "mailbox (the default), alias, relay or local" },
	{ "target", 0, "DOMAIN", "stand for that domain; implies --kind alias" },
	{ 0 }
};

static const struct option domain_remove_options[] = {
	{ "all", 0, NULL, "its mailboxes and aliases too" },
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

static const struct option user_remove_options[] = {
	{ "force", 0, NULL, "even when aliases lead to it" },
	{ 0 }
};

static const struct option lookup_options[] = {
	{ "live", 0, NULL, "ask the running daemon through its socket" },
	{ 0 }
};

static const struct option log_options[] = {
	{ "after", 0, "ID", "only the changes after that one" },
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
		.run = cmd_domain_add
	},
	{
		.noun = "domain", .verb = "list",
		.options = names_option,
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
		.noun = "domain", .verb = "remove", .arguments = "DOMAIN",
		.options = domain_remove_options,
		.also = "delete del rm drop",
		.summary = "take mail for a domain no longer",
		.detail = "With mailboxes or aliases in it only --all removes it.\n"
			  "Mail on disk is left.",
		.example = "vmailctl domain remove example.org --all",
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
		.run = cmd_user_add
	},
	{
		.noun = "user", .verb = "list", .arguments = "[DOMAIN]",
		.options = names_option,
		.also = "ls",
		.summary = "list the mailboxes, of one domain or of all",
		.example = "vmailctl user list example.com",
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
		.also = "password pw set",
		.summary = "set the password of a mailbox",
		.detail = "Asks for it twice on a terminal.\n"
			  "Passwords are never taken from the command line.",
		.example = "vmailctl user passwd harry@example.com",
		.run = cmd_user_passwd
	},
	{
		.noun = "user", .verb = "remove", .arguments = "MAILBOX",
		.options = user_remove_options,
		.also = "delete del rm drop",
		.summary = "remove a mailbox and its password",
		.detail = "Mail on disk is left.",
		.example = "vmailctl user remove harry@example.com",
		.run = cmd_user_remove
	},
	{
		.noun = "alias", .verb = "add", .arguments = "ADDRESS TARGET...",
		.also = "create new insert",
		.summary = "send the mail of an address on to others",
		.detail = "@DOMAIN as the address is the catch-all of that domain.\n"
			  "Targets that it has already stay.",
		.example = "vmailctl alias add info@example.com harry@example.com",
		.run = cmd_alias_add
	},
	{
		.noun = "alias", .verb = "list", .arguments = "[DOMAIN]",
		.options = names_option,
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
		.noun = "alias", .verb = "remove", .arguments = "ALIAS [TARGET...]",
		.also = "delete del rm drop",
		.summary = "remove targets from an alias, or all of it",
		.example = "vmailctl alias remove info@example.com harry@example.com",
		.run = cmd_alias_remove
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
		.options = names_option,
		.summary = "list the maps a mail server can ask",
		.example = "vmailctl maps",
		.run = cmd_maps
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
		.summary = "print the lines for Dovecot's configuration on this host",
		.example = "vmailctl config dovecot >/etc/dovecot/conf.d/99-vmaild.conf",
		.run = cmd_config_dovecot
	},
	{
		.noun = "log",
		.options = log_options,
		.also = "history audit changes",
		.summary = "print the log of all changes, oldest first",
		.example = "vmailctl log --after 17",
		.run = cmd_log
	},
	{
		.noun = "completion", .arguments = "SHELL",
		.summary = "print the completion for bash, zsh or fish",
		.example = "vmailctl completion bash >/etc/bash_completion.d/vmailctl",
		.run = cmd_completion
	},
	{
		.noun = "help", .arguments = "[NOUN] [VERB]",
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
	{ "DOMAIN", NULL, "domain list --names" },
	{ "MAILBOX", NULL, "user list --names" },
	{ "ALIAS", NULL, "alias list --names" },
	{ "TARGET", NULL, "user list --names" },
	{ "MAP", NULL, "maps --names" },
	{ "KIND", "mailbox alias relay local", NULL },
	{ "SHELL", "bash zsh fish", NULL }
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
