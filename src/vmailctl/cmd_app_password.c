/* SPDX-License-Identifier: ISC
 *
 * app-password add, list, remove: passwords for one device each. They are made here and printed
 * once; nobody types one, and the store has but a hash.
 */
#include "auth/app_password.h"

#include <jansson.h>
#include <sodium.h>
#include <time.h>
#include <unistd.h>

#include "mail/rules.h"
#include "store/logins.h"
#include "sys/privs.h"
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

/* The one time that it is seen. */
static enum exit_code
print_made(struct ctl *ctl, const struct sbuf *address, struct slice label, const char *text)
{
	ctl->changed = true;
	if (ctl->json)
		return output_json(
		    ctl, json_pack("{s:s, s:s, s:s, s:s%, s:s}", "outcome", "done", "what",
			     "app-password add", "subject", sbuf_cstr(address), "label", label.p,
			     label.n, "password", text));
	ctl->printed = true;
	printf("%s\n", text);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "This is the app password '%.*s' of '%s'. It is not shown again.\n",
		    (int)label.n, label.p, sbuf_cstr(address));
	return EXIT_DONE;
}

static enum exit_code
add(struct ctl *ctl, const struct sbuf *address, struct app_password_new *p)
{
	struct made *m = make(&ctl->err);
	enum exit_code e;
	enum outcome o;

	if (m == NULL)
		return ctl_fail(ctl, RETRY, "cannot make a password");
	p->secret = slice_str(m->text);
	o = store_app_password_add(ctl->store, sbuf_slice(address), p, &ctl->err);
	if (o == FOUND)
		e = print_made(ctl, address, p->label, m->text);
	else
		e = ctl_fail(ctl, o, "there is no mailbox '%s'", sbuf_cstr(address));
	sodium_free(m);
	return e;
}

enum exit_code
cmd_app_password_add(struct ctl *ctl)
{
	struct app_password_new p = { .expires = 0 };
	struct sbuf address;
	enum exit_code e = take_limits(ctl, &p);
	enum outcome o;

	if (e != EXIT_DONE)
		return e;
	sbuf_init(&address, 2 * ADDRESS_MAX);
	o = ctl_named(ctl, rules_mailbox, ctl->args[0], &address);
	if (o == FOUND)
		e = add(ctl, &address, &p);
	else
		e = ctl_fail(ctl, o, "cannot add an app password");
	sbuf_release(&address);
	return e;
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

enum exit_code
cmd_app_password_list(struct ctl *ctl)
{
	struct table table;
	struct sbuf address;
	enum exit_code e;
	enum outcome o;

	sbuf_init(&address, 2 * ADDRESS_MAX);
	o = ctl_mailbox(ctl, ctl->args[0], &address);
	if (o == FOUND) {
		table_list(&table, ctl, columns);
		o = store_app_passwords(
		    ctl->store, sbuf_slice(&address), put_row, &table, &ctl->err);
		e = table_end(&table, o);
	} else {
		e = ctl_fail(ctl, o, "there is no mailbox '%s'", sbuf_cstr(&address));
	}
	sbuf_release(&address);
	return e;
}

/* --- remove ----------------------------------------------------------------------------------- */

enum exit_code
cmd_app_password_remove(struct ctl *ctl)
{
	struct slice label = slice_str(ctl->args[1]);
	struct sbuf address;
	enum exit_code e;
	enum outcome o;

	sbuf_init(&address, 2 * ADDRESS_MAX);
	o = ctl_named(ctl, rules_mailbox, ctl->args[0], &address);
	if (o == FOUND)
		o = store_app_password_remove(ctl->store, sbuf_slice(&address), label, &ctl->err);
	if (o == FOUND)
		e = ctl_done(ctl, sbuf_slice(&address), "revoked the app password '%s' of '%s'",
		    ctl->args[1], sbuf_cstr(&address));
	else
		e = ctl_fail(ctl, o, "there is no mailbox '%s'", sbuf_cstr(&address));
	sbuf_release(&address);
	return e;
}
