/* SPDX-License-Identifier: ISC
 *
 * What the files of vmailctl share: the shape of a command's row, and the state of the one command
 * that is being run. Each row's handler lives in the file of its noun.
 */
#ifndef VMAILCTL_CMD_H
#define VMAILCTL_CMD_H

#include "auth/password.h"
#include "base/outcome.h"
#include "base/sbuf.h"
#include "conf/conf.h"
#include "store/store.h"

enum exit_code {
	EXIT_DONE = 0,  /* done, or found */
	EXIT_NOT = 1,   /* not found, or refused */
	EXIT_USAGE = 2, /* not understood */
	EXIT_AGAIN = 75 /* could not look or could not do it just now (EX_TEMPFAIL) */
};

struct ctl;

struct option {
	const char *name;     /* without its dashes */
	char letter;          /* 0: none */
	const char *argument; /* NULL: a switch */
	const char *help;
};

/* One row of the table: parsing, help, completion and the manual's check all read it. */
struct command {
	const char *noun;
	const char *behind;           /* the noun may be written behind this one too: user NOUN */
	const char *verb;             /* NULL: the noun is the whole command */
	const char *arguments;        /* "ADDRESS TARGET...", "[DOMAIN]" */
	const struct option *options; /* ended by a row without a name; NULL: none */
	const char *summary;
	const char *detail; /* NULL: the summary says it all */
	const char *example;
	const char *also; /* words people try instead of the verb, for "did you mean" */
	bool changes;     /* it changes what is in the store: --dry-run shows what */
	bool plans;       /* it changes something else, and sees to --dry-run itself */
	bool
	    many; /* instead of its arguments, - takes them from standard input, a line each time */
	enum exit_code (*run)(struct ctl *ctl);
};

/* The options that every command takes, by their rows in the table. */
enum global_option {
	GLOBAL_CONFIG,
	GLOBAL_STORE,
	GLOBAL_JSON,
	GLOBAL_DRY_RUN,
	GLOBAL_YES,
	GLOBAL_HELP,
	GLOBAL_VERSION
};

enum { OPTIONS_MAX = 12, WHO_MAX = 192 };

struct ctl {
	/* as typed */
	const struct command *command;
	const char *noun; /* when it was understood and the verb is still to come */
	const char *option[OPTIONS_MAX];
	const char **args;
	size_t n;
	const char *conf_file;
	const char *store_uri;
	char store_shown[STORE_SHOWN]; /* what it may be called in texts: never a password in it */
	bool json;
	bool dry_run;
	bool yes;
	bool help;
	bool version;

	/* opened on demand */
	struct conf *conf;
	struct store *store;
	struct store_actor actor;
	struct password_cost cost; /* of a hash: as configured */
	char who[WHO_MAX];

	/* many at once, and changes that are not kept (run.c) */
	size_t line;          /* of standard input, or 0 */
	bool batch;           /* one transaction around all of it */
	size_t count;         /* how many changes it made */
	int64_t before;       /* the last change that was there when it began */
	enum outcome refused; /* what became of the line that WHY is about; FOUND: all went well */
	struct error why;

	/* how it goes */
	struct error err;
	bool printed; /* something went to stdout: no JSON verdict may follow */
	bool changed; /* the store was changed: a failing stdout does not undo that */
};

/* --- the table (commands.c) ------------------------------------------------------------------- */

/* Walk the commands, or the options that every command takes; NULL behind the last. */
const struct command *command_at(size_t i);
const struct option *global_option_at(size_t i);

/* Tell the words an argument called NAME can be, for help and completion: fixed WORDS, a COMMAND
 * that lists them, or with neither of them the files there are. NULL when anything goes. */
struct argument_words {
	const char *name;
	const char *words;
	const char *command;
};
const struct argument_words *argument_words(const char *name);

/* --- the state (ctl.c) ------------------------------------------------------------------------ */

void ctl_init(struct ctl *ctl);
void ctl_release(struct ctl *ctl);

/* Take the value of one of the command's options: NULL when not given, "" for a switch. */
const char *ctl_option(const struct ctl *ctl, const char *name);

/* Load the configuration, or open the store of it (once each): FOUND or RETRY, for when that fails
 * nothing is known of what was asked, and exit code 1 would say "no". */
enum outcome ctl_conf(struct ctl *ctl);
enum outcome ctl_store(struct ctl *ctl, enum store_role role);

/* Take the human who acts for whoever changes a store. The configuration must be loaded. */
void ctl_act(struct ctl *ctl);

/* Append TYPED in its canonical form, by one of the functions of mail/rules.h, and open the store
 * for a change or a listing. */
typedef enum outcome name_rule(struct sbuf *out, struct slice typed, struct error *err);
enum outcome ctl_named(struct ctl *ctl, name_rule *rule, const char *typed, struct sbuf *out);

/* The same for a MAILBOX that must be there: NONE when it is not. */
enum outcome ctl_mailbox(struct ctl *ctl, const char *typed, struct sbuf *out);

/* Do something with the one mailbox that the first argument names: FN is given its canonical
 * address, with the store open. It need not be there; with ctl_on_known_mailbox it is. */
typedef enum exit_code mailbox_fn(struct ctl *ctl, const struct sbuf *address, void *arg);
enum exit_code ctl_on_mailbox(struct ctl *ctl, mailbox_fn *fn, void *arg);
enum exit_code ctl_on_known_mailbox(struct ctl *ctl, mailbox_fn *fn, void *arg);

/* Say why that could not be done: ctl_fail, and for NONE that the mailbox is not there. */
enum exit_code ctl_no_mailbox(struct ctl *ctl, enum outcome o, const struct sbuf *address);

/* Name the store: --store, else the configuration's. The configuration must be loaded. */
const char *ctl_uri(const struct ctl *ctl);

/* Append the folded name of a DOMAIN that must be there, and open the store; TYPED NULL: nothing is
 * appended. NONE, with a text, when there is no such domain. */
enum outcome ctl_domain(struct ctl *ctl, const char *typed, struct sbuf *out);

/* Append where the mail of A lives, as Dovecot would be told; nothing when there is no telling.
 * (cmd_user.c) */
void ctl_put_home(struct sbuf *out, const struct ctl *ctl, const struct account *a);

/* Say on stderr what kept the command from being done, and turn the outcome into its exit code:
 * what ctl->err holds or, when that is empty, the text given here. */
enum exit_code ctl_fail(struct ctl *ctl, enum outcome o, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A change of SUBJECT is done: say the text on a terminal, or the verdict in JSON on stdout. */
enum exit_code ctl_done(struct ctl *ctl, struct slice subject, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Say what is wrong with the command line, and where its help is. */
enum exit_code ctl_usage(struct ctl *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Say something that the admin should know and that stops nothing. */
void ctl_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- help (help.c) ---------------------------------------------------------------------------- */

/* Print the help of a command, of all verbs of a noun, or (both NULL) of everything. */
void help_print(const char *noun, const struct command *c);

/* The same, or in JSON an object with the text. (cmd_help.c) */
enum exit_code help_show(struct ctl *ctl, const char *noun, const struct command *c);

/* Append "user add", or the noun alone. */
void command_name(struct sbuf *out, const struct command *c);

/* Append "usage: vmailctl user add [--quota SIZE] ADDRESS". */
void help_usage(struct sbuf *out, const struct command *c);

/* Append "the verbs of 'user' are add, list", or the commands when NOUN is NULL. */
void help_choices(struct sbuf *out, const char *noun);

/* Print the table, one command or option per line, in four fields separated by TAB:
 *
 *	global		--store URI	help
 *	command	user add	ADDRESS	summary
 *	option	user add	--quota SIZE	help
 *
 * This is what the manual page is checked against. */
void help_print_all(void);

/* --- the log (cmd_log.c) ---------------------------------------------------------------------- */

/* Print the changes behind one in JSON. */
enum outcome log_print(struct ctl *ctl, int64_t after);

/* --- handlers --------------------------------------------------------------------------------- */

enum exit_code cmd_init(struct ctl *ctl);
enum exit_code cmd_migrate(struct ctl *ctl);
enum exit_code cmd_domain_add(struct ctl *ctl);
enum exit_code cmd_domain_list(struct ctl *ctl);
enum exit_code cmd_domain_show(struct ctl *ctl);
enum exit_code cmd_domain_set(struct ctl *ctl);
enum exit_code cmd_domain_remove(struct ctl *ctl);
enum exit_code cmd_user_add(struct ctl *ctl);
enum exit_code cmd_user_list(struct ctl *ctl);
enum exit_code cmd_user_show(struct ctl *ctl);
enum exit_code cmd_user_passwd(struct ctl *ctl);
enum exit_code cmd_user_state(struct ctl *ctl);
enum exit_code cmd_user_quota(struct ctl *ctl);
enum exit_code cmd_user_set(struct ctl *ctl);
enum exit_code cmd_user_logins(struct ctl *ctl);
enum exit_code cmd_user_remove(struct ctl *ctl);
enum exit_code cmd_app_password_add(struct ctl *ctl);
enum exit_code cmd_app_password_list(struct ctl *ctl);
enum exit_code cmd_app_password_remove(struct ctl *ctl);
enum exit_code cmd_login_throttled(struct ctl *ctl);
enum exit_code cmd_login_clear(struct ctl *ctl);
enum exit_code cmd_alias_add(struct ctl *ctl);
enum exit_code cmd_alias_list(struct ctl *ctl);
enum exit_code cmd_alias_show(struct ctl *ctl);
enum exit_code cmd_alias_set(struct ctl *ctl);
enum exit_code cmd_alias_remove(struct ctl *ctl);
enum exit_code cmd_map_create(struct ctl *ctl);
enum exit_code cmd_map_remove(struct ctl *ctl);
enum exit_code cmd_map_set(struct ctl *ctl);
enum exit_code cmd_map_get(struct ctl *ctl);
enum exit_code cmd_map_unset(struct ctl *ctl);
enum exit_code cmd_map_list(struct ctl *ctl);
enum exit_code cmd_map_import(struct ctl *ctl);
enum exit_code cmd_lookup(struct ctl *ctl);
enum exit_code cmd_maps(struct ctl *ctl);
enum exit_code cmd_explain(struct ctl *ctl);
enum exit_code cmd_lint(struct ctl *ctl);
enum exit_code cmd_doctor(struct ctl *ctl);
enum exit_code cmd_setup(struct ctl *ctl);
enum exit_code cmd_config_show(struct ctl *ctl);
enum exit_code cmd_config_postfix(struct ctl *ctl);
enum exit_code cmd_config_dovecot(struct ctl *ctl);
enum exit_code cmd_import(struct ctl *ctl);
enum exit_code cmd_formats(struct ctl *ctl);
enum exit_code cmd_backup(struct ctl *ctl);
enum exit_code cmd_restore(struct ctl *ctl);
enum exit_code cmd_copy(struct ctl *ctl);
enum exit_code cmd_check(struct ctl *ctl);
enum exit_code cmd_export(struct ctl *ctl);
enum exit_code cmd_diff(struct ctl *ctl);
enum exit_code cmd_apply(struct ctl *ctl);
enum exit_code cmd_undo(struct ctl *ctl);
enum exit_code cmd_views_publish(struct ctl *ctl);
enum exit_code cmd_log(struct ctl *ctl);
enum exit_code cmd_status(struct ctl *ctl);
enum exit_code cmd_top(struct ctl *ctl);
enum exit_code cmd_completion(struct ctl *ctl);
enum exit_code cmd_help(struct ctl *ctl);
enum exit_code cmd_version(struct ctl *ctl);

#endif
