/* SPDX-License-Identifier: ISC
 *
 * The mailboxes as a passwd-file of Dovecot's: what it needs to go on without vmaild.
 *
 *	user:password:uid:gid::home::extra fields
 */
#include <string.h>

#include "auth/account.h"
#include "vmailctl/export.h"

enum { LINE_TEXT_MAX = 1 << 20 };

/* A line of a passwd-file as it comes together. */
struct line {
	struct sbuf home;
	struct sbuf extra; /* a colon in it is one of its own: Dovecot looks for none there */
	bool odd;          /* there is something in it that nobody could read */
};

static bool
has_colon(struct slice text)
{
	size_t at;

	return slice_chr(text, ':', &at);
}

/* Fields that have a column of their own go there, the others behind it, as a userdb's. */
static void
take_field(void *arg, const char *key, struct slice value)
{
	struct line *line = arg;
	size_t at;

	if (strcmp(key, "home") == 0) {
		sbuf_add_slice(&line->home, value);
		return;
	}
	sbuf_printf(&line->extra, "%suserdb_%s=%.*s", line->extra.n > 0 ? " " : "", key,
	    (int)value.n, value.p);
	line->odd |= slice_chr(value, ' ', &at);
}

static struct slice
hash_of(const struct record *r)
{
	for (size_t i = 0; i < r->credentials; i++)
		if (r->credential[i].label.n == 0)
			return r->credential[i].hash;
	return slice_str("{CRYPT}!"); /* nobody's */
}

static void
put_id(struct sbuf *out, unsigned id)
{
	if (id != 0)
		sbuf_printf(out, "%u", id);
	sbuf_add_chr(out, ':');
}

static bool
fill_account(struct account *a, const struct record *r)
{
	sbuf_add_slice(&a->address, r->name);
	sbuf_add_slice(&a->home, r->home);
	sbuf_add_slice(&a->mail, r->mail);
	a->quota = r->quota;
	return !a->address.failed && !a->home.failed && !a->mail.failed;
}

static void
add_extra(struct sbuf *extra, const char *field, struct slice value)
{
	sbuf_printf(extra, "%s%s=%.*s", extra->n > 0 ? " " : "", field, (int)value.n, value.p);
}

/* What is refused a login by its state or from where it comes is refused one here. */
static void
add_limits(struct sbuf *extra, const struct record *r)
{
	if (r->networks.n > 0)
		add_extra(extra, "allow_nets", r->networks);
	if (!account_state_serves(r->state, slice_str("imap")))
		add_extra(extra, "nologin", slice_str("y"));
}

static bool
put_mailbox(struct export *e, const struct record *r, struct line *line)
{
	struct sbuf *out = &e->text;

	if (slice_starts(r->name, "#") || has_colon(r->name) ||
	    has_colon(sbuf_slice(&line->home)) || line->odd) {
		e->left_out++;
		return true;
	}
	sbuf_add_slice(out, r->name);
	sbuf_add_chr(out, ':');
	if (e->hashes)
		sbuf_add_slice(out, hash_of(r));
	sbuf_add_chr(out, ':');
	put_id(out, r->uid);
	put_id(out, r->gid);
	sbuf_add_chr(out, ':');
	sbuf_add_slice(out, sbuf_slice(&line->home));
	sbuf_add_str(out, "::");
	add_limits(&line->extra, r);
	sbuf_add_slice(out, sbuf_slice(&line->extra));
	sbuf_add_chr(out, '\n');
	return !out->failed && !line->home.failed && !line->extra.failed;
}

static bool
put(struct export *e, const struct record *r)
{
	const struct account_rules rules = { .home = e->ctl->conf->mail_home,
		.mail = e->ctl->conf->mail_location };
	struct account a;
	struct line line = { .odd = false };
	bool ok;

	if (r->kind != RECORD_MAILBOX)
		return true;
	account_init(&a);
	sbuf_init(&line.home, LINE_TEXT_MAX);
	sbuf_init(&line.extra, LINE_TEXT_MAX);
	ok = fill_account(&a, r) && account_fields(&a, &rules, take_field, &line) &&
	     put_mailbox(e, r, &line);
	sbuf_release(&line.home);
	sbuf_release(&line.extra);
	account_release(&a);
	return ok;
}

enum outcome
export_dovecot(struct ctl *ctl, const char *where, bool hashes, size_t *left_out)
{
	struct export e = { .ctl = ctl, .hashes = hashes };
	enum outcome o;

	sbuf_init(&e.text, 4 * LINE_TEXT_MAX);
	sbuf_add_str(&e.text, place_mark);
	o = export_file(&e, where, put);
	sbuf_release_secret(&e.text);
	*left_out = e.left_out;
	if (o == FOUND && e.left_out > 0)
		ctl_warn("%zu mailboxes are left out: a passwd-file has no place for a '#' before "
			 "a name, a ':' in a name or home, nor for a blank in where the mail is",
		    e.left_out);
	if (o == FOUND)
		export_warn_app_passwords(&e);
	return o;
}
