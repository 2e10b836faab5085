/* SPDX-License-Identifier: ISC
 *
 * The mailboxes as a passwd-file of Dovecot's: what it needs to go on without vmaild.
 *
 *	user:password:uid:gid::home::extra fields
 */
#include <sodium.h>
#include <string.h>

#include "auth/account.h"
#include "vmailctl/export.h"
#include "vmailctl/host.h"

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

static const char nobodys[] = "{CRYPT}!";

static bool
may(const struct record *r, const char *service)
{
	return account_state_serves(r->state, slice_str(service));
}

/* What an earlier release let be good for some services, from some places or for a time alone would
 * be so for all and for ever. Postfix takes an answer with "nologin" for a success: who may neither
 * send nor read has no password. */
static struct slice
hash_of(const struct record *r)
{
	for (size_t i = 0; i < r->credentials && (may(r, "imap") || may(r, "smtp")); i++)
		if (r->credential[i].label.n == 0 &&
		    !record_credential_is_limited(&r->credential[i]))
			return r->credential[i].hash;
	return slice_str(nobodys);
}

static bool
is_clear(struct slice hash)
{
	static const char *const schemes[] = { "{PLAIN}", "{CLEAR}", "{CLEARTEXT}" };

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (slice_starts(hash, schemes[i]))
			return true;
	return false;
}

/* Only a password that is stored as it is may have a colon: Dovecot reads it in base64 as well. */
static bool
put_hash(struct sbuf *out, struct slice hash)
{
	char text[sodium_base64_ENCODED_LEN(PASSWORD_MAX, sodium_base64_VARIANT_ORIGINAL)];
	struct slice clear = hash;
	bool ok;

	if (!has_colon(hash))
		return sbuf_add_slice(out, hash);
	slice_cut(&clear, '}');
	if (clear.n > PASSWORD_MAX || !is_clear(hash))
		return sbuf_add_str(out, nobodys);
	sodium_bin2base64(text, sizeof text, (const unsigned char *)clear.p, clear.n,
	    sodium_base64_VARIANT_ORIGINAL);
	ok = sbuf_printf(out, "{PLAIN.B64}%s", text);
	sodium_memzero(text, sizeof text);
	return ok;
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

/* Logins come from anywhere or, for the services smtp and submission, from nowhere. In no other way
 * can such a file refuse the one and not the other. */
static const char *
not_for_sending(void)
{
	static const char in_23[] = "0.0.0.0/%{if;%s;~;^s[mu];32;0},::/%{if;%s;~;^s[mu];128;0}";
	static const char in_24[] = "0.0.0.0/%{protocol|if('~','^s[mu]','32','0')},"
				    "::/%{protocol|if('~','^s[mu]','128','0')}";
	static const char *words;
	struct sbuf version;

	if (words != NULL)
		return words;
	sbuf_init(&version, 64);
	words = !host_dovecot_version(&version) || strcmp(sbuf_cstr(&version), "2.4") < 0 ? in_23
											  : in_24;
	sbuf_release(&version);
	return words;
}

/* What is refused a login by its state or from where it comes is refused one here. */
static void
add_limits(struct sbuf *extra, const struct record *r)
{
	if (r->networks.n > 0)
		add_extra(extra, "allow_nets", r->networks);
	if (!may(r, "imap"))
		add_extra(extra, "nologin", slice_str("y"));
	else if (!may(r, "smtp"))
		add_extra(extra, "allow_real_nets", slice_str(not_for_sending()));
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
		put_hash(out, hash_of(r));
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
