/* SPDX-License-Identifier: ISC
 *
 * A mailbox's particulars, and the fields a mail server is told of it. Where they come from is the
 * store's business, in which words they leave the session's.
 */
#include "auth/account.h"

#include <inttypes.h>
#include <string.h>
#include <unistr.h>

enum { ADDRESS_SIZE_MAX = 1024, TEXT_MAX = 4096 };

void
account_init(struct account *a)
{
	*a = (struct account){ .quota = 0 };
	sbuf_init(&a->address, ADDRESS_SIZE_MAX);
	sbuf_init(&a->home, TEXT_MAX);
	sbuf_init(&a->reason, TEXT_MAX);
	sbuf_init(&a->mail, TEXT_MAX);
	sbuf_init(&a->networks, TEXT_MAX);
}

void
account_release(struct account *a)
{
	sbuf_release(&a->address);
	sbuf_release(&a->home);
	sbuf_release(&a->reason);
	sbuf_release(&a->mail);
	sbuf_release(&a->networks);
	account_init(a);
}

void
account_clear(struct account *a)
{
	sbuf_clear(&a->address);
	sbuf_clear(&a->home);
	sbuf_clear(&a->reason);
	sbuf_clear(&a->mail);
	sbuf_clear(&a->networks);
	a->uid = a->gid = 0;
	a->state = STATE_ACTIVE;
	a->quota = a->created = 0;
	a->password = false;
}

/* A name may become one part of a path when it stays one, and does not mean a directory further up.
 */
static bool
is_path_part(struct slice name)
{
	bool only_dots = true;

	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '/' || name.p[i] == '\0')
			return false;
		only_dots = only_dots && name.p[i] == '.';
	}
	return !only_dots;
}

/* What %C stands for; false when it means nothing, or nothing safe. */
static bool
expand(struct sbuf *out, char c, struct slice address)
{
	struct slice value = address;
	size_t at;

	if (c == '%')
		return sbuf_add_chr(out, '%');
	if (!slice_rchr(address, '@', &at))
		return false;
	switch (c) {
	case 'u':
		break;
	case 'n':
		value = slice_head(address, at);
		break;
	case 'd':
		value = slice_tail(address, at + 1);
		break;
	default:
		return false;
	}
	return is_path_part(value) && sbuf_add_slice(out, value);
}

/* The account's own text as it is, or the template expanded. */
static bool
put_place(struct sbuf *out, const struct sbuf *own, const char *template, struct slice address)
{
	if (own->n > 0)
		return sbuf_add_slice(out, sbuf_slice(own));
	for (const char *p = template != NULL ? template : ""; *p != '\0'; p++) {
		if (*p != '%') {
			if (!sbuf_add_chr(out, *p))
				return false;
		} else if (*++p == '\0' || !expand(out, *p, address)) {
			return false;
		}
	}
	return true;
}

/* --- the fields ------------------------------------------------------------------------------- */

/* All that a field may be made of. */
struct told {
	const struct account *account;
	const struct account_rules *rules;
	struct slice service;
	struct sbuf home;
	struct sbuf mail;
};

/* Append the value of a field; nothing: it is left out. */
typedef void value_fn(struct sbuf *out, const struct told *t, const char *key);

static void
put_number(struct sbuf *out, const char *before, int64_t n, const char *behind)
{
	if (n != 0)
		sbuf_printf(out, "%s%" PRId64 "%s", before, n, behind);
}

static void
put_home(struct sbuf *out, const struct told *t, const char *key)
{
	(void)key;
	sbuf_add_slice(out, sbuf_slice(&t->home));
}

/* Nobody's mail belongs to root, so 0 is no answer but the lack of one. */
static void
put_uid(struct sbuf *out, const struct told *t, const char *key)
{
	(void)key;
	put_number(out, "", t->account->uid != 0 ? t->account->uid : t->rules->uid, "");
}

static void
put_gid(struct sbuf *out, const struct told *t, const char *key)
{
	(void)key;
	put_number(out, "", t->account->gid != 0 ? t->account->gid : t->rules->gid, "");
}

static void
put_mail(struct sbuf *out, const struct told *t, const char *key)
{
	(void)key;
	sbuf_add_slice(out, sbuf_slice(&t->mail));
}

/* maildir:~/Maildir:INDEX=/var/index */
static void
put_mail_driver(struct sbuf *out, const struct told *t, const char *key)
{
	struct slice rest = sbuf_slice(&t->mail);

	(void)key;
	sbuf_add_slice(out, slice_cut(&rest, ':'));
}

static void
put_mail_path(struct sbuf *out, const struct told *t, const char *key)
{
	struct slice rest = sbuf_slice(&t->mail);

	(void)key;
	slice_cut(&rest, ':');
	sbuf_add_slice(out, slice_cut(&rest, ':'));
}

/* What 2.4 has settings of their own for. */
static void
put_mail_key(struct sbuf *out, const struct told *t, const char *key)
{
	struct slice rest = sbuf_slice(&t->mail);

	slice_cut(&rest, ':');
	slice_cut(&rest, ':');
	while (rest.n > 0) {
		struct slice value = slice_cut(&rest, ':'), name = slice_cut(&value, '=');

		if (slice_is(name, key))
			sbuf_add_slice(out, value);
	}
}

static void
put_quota_rule(struct sbuf *out, const struct told *t, const char *key)
{
	(void)key;
	put_number(out, "*:bytes=", t->account->quota, "");
}

static void
put_quota_size(struct sbuf *out, const struct told *t, const char *key)
{
	(void)key;
	put_number(out, "", t->account->quota, "B");
}

static void
put_networks(struct sbuf *out, const struct told *t, const char *key)
{
	(void)key;
	sbuf_add_slice(out, sbuf_slice(&t->account->networks));
}

/* To Dovecot it is true whatever its value: so it is there, or it is not. */
static void
put_nologin(struct sbuf *out, const struct told *t, const char *key)
{
	(void)key;
	if (!account_state_serves(t->account->state, t->service))
		sbuf_add_str(out, "y");
}

static void
put_reason(struct sbuf *out, const struct told *t, const char *key)
{
	(void)key;
	if (!account_state_serves(t->account->state, t->service))
		sbuf_add_slice(out, sbuf_slice(&t->account->reason));
}

enum answer { USERDB, PASSDB };

/* Dovecot passes over what it does not know, so that 2.3 and 2.4 are told the same. */
static const struct {
	const char *name;
	enum answer answer;
	value_fn *put;
	const char *key;
} fields[] = {
	{ "home", USERDB, put_home, NULL },
	{ "uid", USERDB, put_uid, NULL },
	{ "gid", USERDB, put_gid, NULL },
	{ "mail", USERDB, put_mail, NULL },               /* 2.3 */
	{ "mail_driver", USERDB, put_mail_driver, NULL }, /* 2.4, and so on */
	{ "mail_path", USERDB, put_mail_path, NULL },
	{ "mail_index_path", USERDB, put_mail_key, "INDEX" },
	{ "mail_control_path", USERDB, put_mail_key, "CONTROL" },
	{ "mail_inbox_path", USERDB, put_mail_key, "INBOX" },
	{ "mail_alt_path", USERDB, put_mail_key, "ALT" },
	{ "mail_volatile_path", USERDB, put_mail_key, "VOLATILEDIR" },
	{ "mailbox_list_layout", USERDB, put_mail_key, "LAYOUT" },
	{ "quota_rule", USERDB, put_quota_rule, NULL },         /* 2.3 */
	{ "quota_storage_size", USERDB, put_quota_size, NULL }, /* 2.4 */
	{ "allow_nets", PASSDB, put_networks, NULL },
	{ "nologin", PASSDB, put_nologin, NULL },
	{ "reason", PASSDB, put_reason, NULL },
};

const char *
account_mail_setting(struct slice key)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (fields[i].key != NULL && slice_is(key, fields[i].key))
			return fields[i].name;
	return NULL;
}

const char *
account_mail_key_at(size_t i)
{
	for (size_t k = 0; k < sizeof fields / sizeof fields[0]; k++)
		if (fields[k].key != NULL && i-- == 0)
			return fields[k].key;
	return NULL;
}

/* Room for the longest is had first: a field that is missing for want of memory would be an answer
 * of its own. */
static bool
tell_fields(const struct told *t, enum answer answer, account_field_fn *fn, void *arg)
{
	struct sbuf value;
	bool room;

	sbuf_init(&value, TEXT_MAX);
	room = sbuf_room(&value, TEXT_MAX) != NULL;
	for (size_t i = 0; room && i < sizeof fields / sizeof fields[0]; i++) {
		if (fields[i].answer != answer)
			continue;
		sbuf_clear(&value);
		fields[i].put(&value, t, fields[i].key);
		if (value.n > 0)
			fn(arg, fields[i].name, sbuf_slice(&value));
	}
	sbuf_release(&value);
	return room;
}

bool
account_fields(
    const struct account *a, const struct account_rules *rules, account_field_fn *fn, void *arg)
{
	struct told t = { .account = a, .rules = rules };
	bool ok;

	sbuf_init(&t.home, TEXT_MAX);
	sbuf_init(&t.mail, TEXT_MAX);
	ok = put_place(&t.home, &a->home, rules->home, sbuf_slice(&a->address)) &&
	     put_place(&t.mail, &a->mail, rules->mail, sbuf_slice(&a->address)) &&
	     tell_fields(&t, USERDB, fn, arg);
	sbuf_release(&t.home);
	sbuf_release(&t.mail);
	return ok;
}

/* All that is refused stands in the templates; the room for them is at hand here. */
bool
account_lacks_memory(const struct account *a, const struct account_rules *rules)
{
	char room[TEXT_MAX + 1] = "";
	struct sbuf text = { .p = room, .size = sizeof room, .max = TEXT_MAX };

	if (!put_place(&text, &a->home, rules->home, sbuf_slice(&a->address)))
		return false;
	sbuf_clear(&text);
	return put_place(&text, &a->mail, rules->mail, sbuf_slice(&a->address));
}

bool
account_login_fields(const struct account *a, struct slice service, account_field_fn *fn, void *arg)
{
	const struct told t = { .account = a, .service = service };

	return tell_fields(&t, PASSDB, fn, arg);
}

/* --- what is typed ---------------------------------------------------------------------------- */

static bool
is_one_line(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return false;
	return text.n <= ACCOUNT_PLACE_MAX && u8_check((const uint8_t *)text.p, text.n) == NULL;
}

enum outcome
account_home_check(struct slice home, struct error *err)
{
	if (!is_one_line(home))
		return error_set(err, BAD,
		    "a home is a path of at most %d bytes, without control characters",
		    ACCOUNT_PLACE_MAX);
	if (!slice_starts(home, "/"))
		return error_set(err, BAD,
		    "the home '%.*s' does not begin with a slash: write the whole path",
		    (int)home.n, home.p);
	return FOUND;
}

enum outcome
account_mail_check(struct slice mail, struct error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	struct slice path = mail, driver = slice_cut(&path, ':');
	bool ok = is_one_line(mail) && driver.n > 0 && path.n > 0;

	for (size_t i = 0; ok && i < driver.n; i++)
		ok = memchr(letters, driver.p[i], sizeof letters - 1) != NULL;
	if (ok)
		return FOUND;
	return error_set(err, BAD,
	    "'%.*s' does not tell where mail is: write it like maildir:~/Maildir or "
	    "mdbox:/var/vmail/x:INDEX=/var/index/x",
	    is_one_line(mail) ? (int)mail.n : 0, mail.p);
}
