/* SPDX-License-Identifier: ISC
 *
 * The state of a run: the configuration and the store opened on demand, who is acting, and
 * vmailctl's voice.
 */
#include "vmailctl/cmd.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mail/rules.h"
#include "sys/log.h"
#include "vmailctl/output.h"
#include "vmailctl/run.h"

void
ctl_init(struct ctl *ctl)
{
	*ctl = (struct ctl){ 0 };
}

void
ctl_release(struct ctl *ctl)
{
	store_close(ctl->store);
	conf_free(ctl->conf);
	free(ctl->args);
	ctl_init(ctl);
}

/* --- what a command works on ------------------------------------------------------------------ */

enum outcome
ctl_conf(struct ctl *ctl)
{
	enum outcome o;

	if (ctl->conf != NULL)
		return FOUND;
	o = conf_load(&ctl->conf, ctl->conf_file, &ctl->err);
	if (o == FOUND)
		o = store_check_uri(
		    ctl_uri(ctl), ctl->store_uri == NULL && ctl->conf->closed, &ctl->err);
	if (o != FOUND)
		return RETRY;
	store_show(ctl_uri(ctl), ctl->store_shown, sizeof ctl->store_shown);
	return FOUND;
}

const char *
ctl_uri(const struct ctl *ctl)
{
	return ctl->store_uri != NULL ? ctl->store_uri : ctl->conf->store;
}

/* The change log names the human: whoever became root by sudo is still himself. */
static void
put_who(char *out, size_t size)
{
	const struct passwd *pw = getpwuid(geteuid());
	const char *sudo = getenv("SUDO_USER");
	char number[24], safe[128];

	snprintf(number, sizeof number, "uid %lu", (unsigned long)geteuid());
	log_safe(slice_str(sudo), safe, sizeof safe);
	if (safe[0] == '\0')
		snprintf(out, size, "%s", pw != NULL ? pw->pw_name : number);
	else
		snprintf(out, size, "%s (%s)", safe, pw != NULL ? pw->pw_name : number);
}

void
ctl_act(struct ctl *ctl)
{
	put_who(ctl->who, sizeof ctl->who);
	ctl->cost =
	    password_cost_of((unsigned)ctl->conf->hash_memory, (unsigned)ctl->conf->hash_passes);
	ctl->actor = (struct store_actor){ .who = ctl->who,
		.cost = &ctl->cost,
		.rules = { .delimiters = ctl->conf->recipient_delimiter,
		    .propagate = ctl->conf->propagate_extensions,
		    .now = time(NULL) } };
}

enum outcome
ctl_store(struct ctl *ctl, enum store_role role)
{
	enum outcome o = ctl_conf(ctl);

	if (o != FOUND || ctl->store != NULL)
		return o;
	ctl_act(ctl);
	o = store_open(&ctl->store, ctl_uri(ctl), role, &ctl->err);
	if (o != FOUND)
		return RETRY;
	store_act_as(ctl->store, &ctl->actor);
	return run_batch_begin(ctl);
}

enum outcome
ctl_named(struct ctl *ctl, name_rule *rule, const char *typed, struct sbuf *out)
{
	enum outcome o = rule(out, slice_str(typed), &ctl->err);

	return o == FOUND ? ctl_store(ctl, STORE_ADMIN) : o;
}

enum outcome
ctl_mailbox(struct ctl *ctl, const char *typed, struct sbuf *out)
{
	struct account account;
	enum outcome o = ctl_named(ctl, rules_mailbox, typed, out);

	if (o != FOUND)
		return o;
	account_init(&account);
	o = store_account(ctl->store, sbuf_slice(out), &account, &ctl->err);
	account_release(&account);
	return o;
}

enum exit_code
ctl_no_mailbox(struct ctl *ctl, enum outcome o, const struct sbuf *address)
{
	return ctl_fail(ctl, o, "there is no mailbox '%s'", sbuf_cstr(address));
}

static enum exit_code
on_mailbox(struct ctl *ctl, bool known, mailbox_fn *fn, void *arg)
{
	struct sbuf address;
	enum exit_code e;
	enum outcome o;

	sbuf_init(&address, 2 * ADDRESS_MAX);
	o = known ? ctl_mailbox(ctl, ctl->args[0], &address)
		  : ctl_named(ctl, rules_mailbox, ctl->args[0], &address);
	e = o == FOUND ? fn(ctl, &address, arg) : ctl_no_mailbox(ctl, o, &address);
	sbuf_release(&address);
	return e;
}

enum exit_code
ctl_on_mailbox(struct ctl *ctl, mailbox_fn *fn, void *arg)
{
	return on_mailbox(ctl, false, fn, arg);
}

enum exit_code
ctl_on_known_mailbox(struct ctl *ctl, mailbox_fn *fn, void *arg)
{
	return on_mailbox(ctl, true, fn, arg);
}

static bool
stop_listing(void *arg, const struct domain_row *row)
{
	(void)arg;
	(void)row;
	return false;
}

enum outcome
ctl_domain(struct ctl *ctl, const char *typed, struct sbuf *out)
{
	enum outcome o;

	if (typed == NULL)
		return ctl_store(ctl, STORE_ADMIN);
	o = ctl_named(ctl, rules_domain, typed, out);
	if (o == FOUND)
		o = store_domains(ctl->store, sbuf_slice(out), stop_listing, NULL, &ctl->err);
	if (o != NONE)
		return o;
	return error_set(&ctl->err, NONE, "there is no domain '%s': `vmailctl domain add` adds one",
	    sbuf_cstr(out));
}

/* --- voice ------------------------------------------------------------------------------------ */

static enum exit_code
exit_of(enum outcome o)
{
	static const enum exit_code codes[] = {
		[FOUND] = EXIT_DONE, [NONE] = EXIT_NOT, [RETRY] = EXIT_AGAIN, [BAD] = EXIT_NOT
	};

	return codes[o];
}

/* Of many lines the first that is refused stands for all, but for one that could not be looked at:
 * that is the last. */
static void
fail_line(struct ctl *ctl, enum outcome o, const char *text)
{
	fprintf(stderr, "vmailctl: line %zu: %s\n", ctl->line, text);
	if (ctl->refused != FOUND && o != RETRY)
		return;
	ctl->refused = o;
	error_set(&ctl->why, o, "line %zu: %s", ctl->line, text);
}

enum exit_code
ctl_fail(struct ctl *ctl, enum outcome o, const char *fmt, ...)
{
	va_list ap;

	if (ctl->err.text[0] == '\0') {
		va_start(ap, fmt);
		vsnprintf(ctl->err.text, sizeof ctl->err.text, fmt, ap);
		va_end(ap);
	}
	if (ctl->line > 0)
		fail_line(ctl, o, ctl->err.text);
	else
		fprintf(stderr, "vmailctl: %s\n", ctl->err.text);
	if (ctl->json && !ctl->printed && ctl->line == 0)
		output_verdict(ctl, o, slice_str(NULL), ctl->err.text);
	return exit_of(o);
}

enum exit_code
ctl_done(struct ctl *ctl, struct slice subject, const char *fmt, ...)
{
	va_list ap;

	if (ctl->batch)
		return EXIT_DONE; /* it is not done yet: run.c tells when it is */
	ctl->changed = true;
	if (ctl->json)
		output_verdict(ctl, FOUND, subject, "");
	else if (isatty(STDERR_FILENO)) {
		va_start(ap, fmt);
		vfprintf(stderr, fmt, ap);
		va_end(ap);
		fputc('\n', stderr);
	}
	return EXIT_DONE;
}

enum exit_code
ctl_usage(struct ctl *ctl, const char *fmt, ...)
{
	struct error text;
	struct sbuf line;
	va_list ap;

	va_start(ap, fmt);
	if (ctl->line > 0)
		vsnprintf(text.text, sizeof text.text, fmt, ap);
	else {
		fputs("vmailctl: ", stderr);
		vfprintf(stderr, fmt, ap);
	}
	va_end(ap);
	if (ctl->line > 0) {
		fail_line(ctl, BAD, text.text);
		return EXIT_USAGE;
	}
	sbuf_init(&line, 1024);
	if (ctl->command != NULL) {
		help_usage(&line, ctl->command);
		sbuf_add_str(&line, "\ntry: vmailctl ");
		command_name(&line, ctl->command);
	} else {
		help_choices(&line, ctl->noun);
		sbuf_printf(&line, "\ntry: vmailctl%s%s", ctl->noun != NULL ? " " : "",
		    ctl->noun != NULL ? ctl->noun : "");
	}
	fprintf(stderr, "\n%s --help\n", sbuf_cstr(&line));
	sbuf_release(&line);
	return EXIT_USAGE;
}

void
ctl_warn(const char *fmt, ...)
{
	va_list ap;

	fputs("vmailctl: warning: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}
