/* SPDX-License-Identifier: ISC
 *
 * app-password add, list, remove: passwords for one device each. They are made here and printed
 * once; nobody types one, and the store has but a hash.
 */
#include "auth/app_password.h"
#include "auth/credential.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "store/logins.h"
#include "sys/privs.h"
#include "vmailctl/guess.h"
#include "vmailctl/output.h"
#include "vmailctl/when.h"

/* --- add -------------------------------------------------------------------------------------- */

/* In locked memory. */
struct made {
	unsigned char random[APP_PASSWORD_RANDOM];
	char text[APP_PASSWORD_SIZE];
};

static struct made *
make(struct error *err)
{
	struct made *m;

	privs_harden();
	if (password_setup(err) != FOUND)
		return NULL;
	m = sodium_malloc(sizeof *m);
	if (m == NULL) {
		error_set(err, RETRY, "no memory for a password");
		return NULL;
	}
	randombytes_buf(m->random, sizeof m->random);
	app_password_make(m->text, m->random);
	return m;
}

static enum exit_code
take_limits(struct ctl *ctl, struct app_password_new *p)
{
	const char *expires = ctl_option(ctl, "expires");
	int64_t now = time(NULL);

	if (ctl_option(ctl, "label") == NULL)
		return ctl_usage(ctl, "an app password needs a --label that tells what it is for");
	p->label = slice_str(ctl_option(ctl, "label"));
	p->services = slice_str(ctl_option(ctl, "service"));
	p->networks = slice_str(ctl_option(ctl, "network"));
	if (expires == NULL)
		return EXIT_DONE;
	if (!when_parse(expires, now, &p->expires))
		return ctl_usage(ctl, "'%s' is no time: write it like %s", expires, WHEN_FORMS);
	if (p->expires != 0 && p->expires <= now)
		return ctl_usage(ctl, "'%s' is over already", expires);
	return EXIT_DONE;
}

/* Whatever asks vmaild may call itself as it likes, but hardly anything does. */
static void
warn_of_service(const char *name)
{
	static const struct {
		const char *name, *also;
	} known[] = {
		{ "imap", "imaps imap4" },
		{ "pop3", "pop pop3s" },
		{ "smtp", "smtps smtpd" },
		{ "submission", "submissions" },
		{ "sieve", "managesieve" },
		{ "lmtp", NULL },
		{ "doveadm", NULL },
	};
	struct guess g;

	guess_init(&g, name);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		guess_offer(&g, known[i].name, known[i].also);
	if (g.exact)
		return;
	ctl_warn("neither Dovecot nor Postfix has a service '%s'%s%s%s: they have imap, pop3, "
		 "sieve, smtp and submission",
	    name, g.near != NULL ? " (did you mean '" : "", g.near != NULL ? g.near : "",
	    g.near != NULL ? "'?)" : "");
}

static void
warn_of_services(struct slice services)
{
	char name[CREDENTIAL_SERVICE_MAX + 1];

	while (services.n > 0) {
		struct slice word = slice_trim(slice_cut(&services, ','));

		snprintf(name, sizeof name, "%.*s", (int)word.n, word.p);
		warn_of_service(name);
	}
}

/* The one time that it is seen: false when it was not, for standard output takes nothing. */
static bool
print_made(struct ctl *ctl, const struct sbuf *address, struct slice label, const char *text)
{
	if (ctl->json)
		output_json(ctl, json_pack("{s:s, s:s, s:s, s:s%, s:s}", "outcome", "done", "what",
				     "app-password add", "subject", sbuf_cstr(address), "label",
				     label.p, label.n, "password", text));
	else
		printf("%s\n", text);
	ctl->printed = true;
	return fflush(stdout) == 0 && !ferror(stdout);
}

/* Make it by a change whose number is known. */
static enum outcome
make_known(
    struct ctl *ctl, const struct sbuf *address, const struct app_password_new *p, int64_t *change)
{
	bool mine = !ctl->batch;
	enum outcome o = mine ? store_batch_begin(ctl->store, &ctl->err) : FOUND;

	if (o != FOUND)
		return o;
	o = store_app_password_add(ctl->store, sbuf_slice(address), p, &ctl->err);
	if (o == FOUND)
		o = store_last_change(ctl->store, change, &ctl->err);
	if (mine && store_batch_end(ctl->store, o == FOUND, o == FOUND ? &ctl->err : NULL) != FOUND)
		o = RETRY;
	return o;
}

/* The next undo would bring back what was removed, and leaves alone what was undone; which can only
 * be what nobody has changed since. */
static enum outcome
unmake(struct ctl *ctl, const struct sbuf *address, struct slice label, int64_t change)
{
	if (store_undo(ctl->store, change, false, &ctl->err) == FOUND)
		return FOUND;
	ctl->err.text[0] = '\0';
	return store_app_password_remove(ctl->store, sbuf_slice(address), label, &ctl->err);
}

/* Nobody can use it, and nobody would know what it is doing there. */
static enum exit_code
take_back(struct ctl *ctl, const struct sbuf *address, struct slice label, int64_t change)
{
	if (unmake(ctl, address, label, change) == FOUND)
		return ctl_fail(ctl, RETRY,
		    "the app password '%.*s' of '%s' could not be shown: it was removed again",
		    (int)label.n, label.p, sbuf_cstr(address));
	ctl_warn("the app password '%.*s' of '%s' could not be shown, and is still there: remove "
		 "it with `vmailctl app-password remove`",
	    (int)label.n, label.p, sbuf_cstr(address));
	return ctl_fail(ctl, RETRY, "it cannot be removed");
}

/* This one is good for nothing, and what is really made will be another. */
static enum exit_code
show_none(const struct ctl *ctl)
{
	if (!ctl->json)
		fputs("an app password would be made and printed\n", stderr);
	return EXIT_DONE;
}

static enum exit_code
show_made(struct ctl *ctl, const struct sbuf *address, struct slice label, const char *text,
    int64_t change)
{
	if (ctl->dry_run)
		return show_none(ctl);
	if (!print_made(ctl, address, label, text))
		return take_back(ctl, address, label, change);
	ctl->changed = true;
	if (!ctl->json && isatty(STDERR_FILENO))
		fprintf(stderr, "This is the app password '%.*s' of '%s'. It is not shown again.\n",
		    (int)label.n, label.p, sbuf_cstr(address));
	return EXIT_DONE;
}

static enum exit_code
add(struct ctl *ctl, const struct sbuf *address, void *arg)
{
	struct app_password_new *p = arg;
	struct made *m = make(&ctl->err);
	int64_t change = 0;
	enum exit_code e;
	enum outcome o;

	if (m == NULL)
		return ctl_fail(ctl, RETRY, "cannot make a password");
	p->secret = slice_str(m->text);
	o = make_known(ctl, address, p, &change);
	if (o == FOUND)
		warn_of_services(p->services);
	if (o == FOUND)
		e = show_made(ctl, address, p->label, m->text, change);
	else
		e = ctl_no_mailbox(ctl, o, address);
	sodium_free(m);
	return e;
}

enum exit_code
cmd_app_password_add(struct ctl *ctl)
{
	struct app_password_new p = { .expires = 0 };
	enum exit_code e = take_limits(ctl, &p);

	return e == EXIT_DONE ? ctl_on_mailbox(ctl, add, &p) : e;
}

/* --- list ------------------------------------------------------------------------------------- */

static const struct column columns[] = {
	{ "label", CELL_TEXT },
	{ "services", CELL_TEXT },
	{ "networks", CELL_TEXT },
	{ "expires", CELL_TIME },
	{ "created", CELL_TIME },
	{ "last_used", CELL_TIME },
	{ 0 },
};

static bool
put_row(void *arg, const struct app_password_row *row)
{
	const struct value values[] = {
		{ .text = row->label },
		{ .text = row->services },
		{ .text = row->networks },
		{ .number = row->expires },
		{ .number = row->created },
		{ .number = row->used },
	};

	return table_row(arg, values);
}

static enum exit_code
list(struct ctl *ctl, const struct sbuf *address, void *arg)
{
	struct table table;
	enum outcome o;

	(void)arg;
	table_list(&table, ctl, columns);
	o = store_app_passwords(ctl->store, sbuf_slice(address), put_row, &table, &ctl->err);
	return table_end(&table, o);
}

enum exit_code
cmd_app_password_list(struct ctl *ctl)
{
	return ctl_on_known_mailbox(ctl, list, NULL);
}

/* --- remove ----------------------------------------------------------------------------------- */

static enum exit_code
revoke_one(struct ctl *ctl, const struct sbuf *address, void *arg)
{
	const char *label = ctl->args[1];
	enum outcome o =
	    store_app_password_remove(ctl->store, sbuf_slice(address), slice_str(label), &ctl->err);

	(void)arg;
	if (o != FOUND)
		return ctl_no_mailbox(ctl, o, address);
	return ctl_done(ctl, sbuf_slice(address), "revoked the app password '%s' of '%s'", label,
	    sbuf_cstr(address));
}

enum exit_code
cmd_app_password_remove(struct ctl *ctl)
{
	return ctl_on_mailbox(ctl, revoke_one, NULL);
}
