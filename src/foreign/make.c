/* SPDX-License-Identifier: ISC
 *
 * From rows to objects: every row is turned into what its columns mean, and a maker per kind of
 * object takes what it needs. No system is known here by its name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/account.h"
#include "auth/credential.h"
#include "foreign/convert.h"
#include "foreign/objects.h"
#include "foreign/postmap.h"
#include "foreign/row.h"
#include "mail/rules.h"

#define TEXT(s) (int)((s).n < 200 ? (s).n : 200), (s).p

/* What is kept of a note, and of what an app password is called, before it is made to differ. */
enum { NOTE_MAX = 1000, LABEL_MAX = 50 };

static bool
given(struct slice s)
{
	return s.p != NULL && s.n > 0;
}

/* --- texts ------------------------------------------------------------------------------------ */

/* At most MAX bytes of it, cut between characters. */
static struct slice
cut_at(struct slice text, size_t max)
{
	size_t n = text.n < max ? text.n : max;

	while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	return slice_head(text, n);
}

static struct slice
one_line(struct foreign *f, struct slice text, size_t max)
{
	struct slice kept = arena_keep(&f->arena, cut_at(slice_trim(text), max));
	char *p = (char *)kept.p;

	for (size_t i = 0; p != NULL && i < kept.n; i++)
		if ((unsigned char)p[i] < 32 || p[i] == 127)
			p[i] = ' ';
	return slice_trim(kept);
}

/* --- addresses -------------------------------------------------------------------------------- */

/* Put the pieces of an address together, as far as they are there. */
static struct slice
put_together(struct read_row *r)
{
	struct foreign *f = r->f;
	struct slice typed = r->value[M_ADDRESS], domain = r->value[M_DOMAIN];
	size_t at;

	if (!given(typed) && given(r->value[M_LOCAL]))
		typed = r->value[M_LOCAL];
	if (!given(typed) || slice_rchr(typed, '@', &at) || !given(domain))
		return typed;
	/* the name of a domain in the place of an address stands for everybody in it */
	if (slice_eq(typed, domain))
		return arena_printf(&f->arena, "@%.*s", (int)domain.n, domain.p);
	return arena_printf(&f->arena, "%.*s@%.*s", (int)typed.n, typed.p, (int)domain.n, domain.p);
}

static struct slice
with_domain(struct foreign *f, struct slice typed)
{
	struct slice domain = f->options->domain;
	size_t at;

	if (!given(typed) || slice_rchr(typed, '@', &at) || !given(domain))
		return typed;
	return arena_printf(&f->arena, "%.*s@%.*s", (int)typed.n, typed.p, (int)domain.n, domain.p);
}

/* An SQL pattern's % is our *, and a local part of nothing else is a catch-all. */
static struct slice
as_pattern(struct read_row *r, struct slice typed)
{
	struct slice kept;
	char *p;

	if (convert_yes(r->value[M_WILDCARD])) {
		kept = arena_keep(&r->f->arena, typed);
		p = (char *)kept.p;
		for (size_t i = 0; p != NULL && i < kept.n; i++)
			p[i] = p[i] == '%' ? '*' : p[i];
		typed = kept;
	}
	return slice_starts(typed, "*@") ? slice_tail(typed, 1) : typed;
}

/* The canonical name by one of the rules, or p NULL after a remark. */
static struct slice
canonical(struct read_row *r, struct slice typed, const char *what,
    enum outcome (*rule)(struct sbuf *, struct slice, struct error *))
{
	struct foreign *f = r->f;
	struct error err = { "" };
	enum outcome o;

	if (!given(typed)) {
		remark(f, REMARK_SKIPPED, &r->at, "there is no %s in it", what);
		return slice_of(NULL, 0);
	}
	sbuf_clear(&f->scratch);
	o = rule(&f->scratch, typed, &err);
	if (o == FOUND)
		return sbuf_slice(&f->scratch);
	f->no_memory |= o == RETRY;
	remark(f, REMARK_SKIPPED, &r->at, "%s", err.text);
	return slice_of(NULL, 0);
}

/* --- domains ---------------------------------------------------------------------------------- */

static void
set_off(struct foreign *f, struct slice domain)
{
	size_t ignored;

	if (!index_find(&f->off, domain, &ignored))
		f->no_memory |= !index_add(&f->off, arena_keep(&f->arena, domain), 1);
}

static struct object *make_entry_of(
    struct read_row *r, struct slice map, struct slice key, struct slice value);

/* [host]:port as Postfix wants it, where MX records are not to be asked. */
static struct slice
smtp_route(struct foreign *f, struct slice host)
{
	size_t at;
	struct slice port = { "", 0 };

	if (slice_starts(host, "smtp:") || slice_starts(host, "relay:") ||
	    slice_starts(host, "lmtp:"))
		return host;
	if (slice_starts(host, "["))
		return arena_printf(&f->arena, "smtp:%.*s", (int)host.n, host.p);
	if (slice_rchr(host, ':', &at)) {
		port = slice_tail(host, at);
		host = slice_head(host, at);
	}
	return arena_printf(&f->arena, "smtp:[%.*s]%.*s", (int)host.n, host.p, (int)port.n, port.p);
}

/* How mail for a domain is delivered, where that is not by what delivers to mailboxes. */
static void
make_route(struct read_row *r, struct slice domain, bool relay)
{
	static const char *const usual[] = { "virtual", "virtual:", "dovecot", "local", "maildrop",
		"lmtp" };
	struct slice transport = r->value[M_TRANSPORT], smtp = r->value[M_SMTP];
	size_t at;

	if (given(smtp))
		transport = smtp_route(r->f, smtp);
	if (!given(transport))
		return;
	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
		if (slice_is(transport, usual[i]))
			return;
	if (relay && slice_chr(transport, ':', &at))
		make_entry_of(r, slice_str("transports"), domain, transport);
	else if (!slice_starts(transport, "lmtp:") && !slice_starts(transport, "relay"))
		remark(r->f, REMARK_NOTE, &r->at,
		    "mail for '%.*s' was delivered by '%.*s': see `vmailctl map set transports` if "
		    "it must be again",
		    TEXT(domain), TEXT(transport));
}

static enum domain_kind
kind_of(struct read_row *r)
{
	struct slice kind = r->value[M_KIND];

	if (convert_yes(r->value[M_RELAY]) || slice_starts(kind, "relay"))
		return DOMAIN_RELAY;
	if (slice_is_nocase(kind, "alias"))
		return DOMAIN_ALIAS;
	return slice_is_nocase(kind, "local") ? DOMAIN_LOCAL : DOMAIN_MAILBOX;
}

static bool
is_off(const struct read_row *r)
{
	return (r->value[M_ACTIVE].p != NULL && !convert_yes(r->value[M_ACTIVE]) &&
		   !slice_is(r->value[M_ACTIVE], "2")) ||
	       convert_yes(r->value[M_DISABLED]);
}

static void
make_domain_alias(struct read_row *r)
{
	struct foreign *f = r->f;
	struct slice target, name;
	struct object *o;

	target = canonical(r, r->value[M_TARGET_DOMAIN], "target domain", rules_domain);
	if (target.p != NULL)
		target = arena_keep(&f->arena, target);
	if (target.p == NULL)
		return;
	name = canonical(r, r->value[M_DOMAIN], "domain", rules_domain);
	if (name.p == NULL || slice_eq(name, target))
		return;
	if (is_off(r))
		remark(
		    f, REMARK_NOTE, &r->at, "the alias domain '%.*s' is switched off", TEXT(name));
	o = object_find(f, CLASS_DOMAIN_ALIAS, name);
	if (o != NULL && !o->made.gone)
		return;
	if (o == NULL)
		o = object_new(f, CLASS_DOMAIN_ALIAS, RECORD_DOMAIN, name, &r->at);
	if (o == NULL)
		return;
	o->made.gone = is_off(r);
	o->made.record.domain_kind = DOMAIN_ALIAS;
	o->made.record.target = target;
	o->made.record.said = RECORD_DOMAIN_KIND;
}

static void
make_domain(struct read_row *r)
{
	struct foreign *f = r->f;
	enum domain_kind kind = kind_of(r);
	struct slice name;
	struct object *o;

	if (given(r->value[M_TARGET_DOMAIN])) {
		make_domain_alias(r);
		return;
	}
	name = canonical(r, r->value[M_DOMAIN], "domain", rules_domain);
	if (name.p == NULL)
		return;
	o = object_find(f, CLASS_DOMAIN, name);
	if (o == NULL)
		o = object_new(f, CLASS_DOMAIN, RECORD_DOMAIN, name, &r->at);
	if (o == NULL)
		return;
	o->made.record.domain_kind = kind;
	o->made.record.said = RECORD_DOMAIN_KIND;
	o->made.record.created = convert_time(r->value[M_CREATED]);
	name = o->made.record.name;
	if (is_off(r)) {
		set_off(f, name);
		remark(f, REMARK_NOTE, &r->at,
		    "domain '%.*s' is switched off: all that is in it is switched off instead",
		    TEXT(name));
	}
	make_route(r, name, kind == DOMAIN_RELAY);
}

/* --- passwords -------------------------------------------------------------------------------- */

static bool
is_computed(struct slice s)
{
	return slice_is(s, "\001computed");
}

/* The stored form of the password of this row. FOUND, NONE there is none, BAD after a remark. */
static enum outcome
adopt(struct read_row *r, struct slice name, struct slice *stored)
{
	struct foreign *f = r->f;
	struct slice typed = r->value[M_PASSWORD], bare = f->options->passwords;
	struct error err = { "" };
	enum outcome o;

	if (!given(typed) && given(r->value[M_CRYPT])) {
		typed = r->value[M_CRYPT];
		if (!given(bare))
			bare = slice_str("CRYPT");
	}
	if (!given(typed) && given(r->value[M_CLEAR])) {
		typed = r->value[M_CLEAR];
		bare = slice_str("PLAIN");
	}
	if (!given(typed))
		return NONE;
	sbuf_clear(&f->scratch);
	o = is_computed(typed)
		? error_set(
		      &err, BAD, "it is computed when the statement runs: dump the table itself")
		: password_adopt(&f->scratch, typed, given(bare) ? bare : slice_str(""),
		      &f->options->cost, &err);
	if (o == FOUND)
		*stored = arena_keep(&f->arena, sbuf_slice(&f->scratch));
	if (o == BAD)
		remark(f, REMARK_SKIPPED, &r->at, "'%.*s' comes without a password: %s%s",
		    TEXT(name), err.text,
		    strstr(err.text, "form of this") != NULL
			? "; --passwords says which it is, plain or a scheme"
			: "");
	f->no_memory |= o == RETRY;
	return o;
}

static void
take_password(struct read_row *r, struct object *o)
{
	struct slice stored;

	if (adopt(r, o->made.record.name, &stored) != FOUND)
		return;
	if (slice_starts(stored, "{PLAIN}"))
		o->made.clear = slice_tail(stored, 7);
	else
		o->hash = stored;
}

/* --- mailboxes -------------------------------------------------------------------------------- */

static void
take_size(struct read_row *r, struct object *o, struct slice text, int64_t unit)
{
	struct record *record = &o->made.record;

	if (text.p == NULL)
		return;
	if (convert_size(text, unit, &record->quota))
		record->said |= RECORD_QUOTA;
	else
		remark(r->f, REMARK_SKIPPED, &r->at,
		    "'%.*s' is no size: '%.*s' comes without a quota", TEXT(text),
		    TEXT(record->name));
}

/* A path below --base, or as it is when it is whole; p NULL after a remark. */
static struct slice
whole_path(struct read_row *r, struct slice path)
{
	struct foreign *f = r->f;
	struct slice base = f->options->base;

	if (slice_starts(path, "/"))
		return path;
	if (given(base))
		return arena_printf(&f->arena, "%.*s%s%.*s", (int)base.n, base.p,
		    slice_ends(base, "/") ? "" : "/", (int)path.n, path.p);
	if (!f->told_base)
		remark(f, REMARK_NOTE, &r->at,
		    "paths like '%.*s' are below a directory that is not told here: with --base "
		    "DIR "
		    "they are carried over, without it mail lies where the configuration says",
		    TEXT(path));
	f->told_base = true;
	return slice_of(NULL, 0);
}

static struct slice
without_slashes(struct slice path)
{
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	return path;
}

/* A location as Dovecot writes it stays; a path as Postfix has it is a maildir with a slash behind.
 */
static void
take_mail(struct read_row *r, struct object *o, struct slice mail)
{
	struct record *record = &o->made.record;
	size_t at;

	if (!given(mail))
		return;
	if (!slice_chr(mail, ':', &at)) {
		bool maildir = slice_ends(mail, "/");
		struct slice path = whole_path(r, mail);

		if (path.p == NULL)
			return;
		path = without_slashes(path);
		mail = maildir ? arena_printf(&r->f->arena, "maildir:%.*s", (int)path.n, path.p)
			       : arena_printf(&r->f->arena, "mbox:%.*s.d:INBOX=%.*s", (int)path.n,
				     path.p, (int)path.n, path.p);
	}
	record->mail = mail;
	record->said |= RECORD_MAIL;
}

static void
take_home(struct read_row *r, struct object *o, struct slice home)
{
	struct slice path = given(home) ? whole_path(r, home) : home;

	if (!given(path))
		return;
	o->made.record.home = without_slashes(path);
	o->made.record.said |= RECORD_HOME;
}

/* A number, or a name of this host, as Dovecot takes it too. */
static bool
take_id(struct read_row *r, struct object *o, struct slice text, bool group, unsigned *id)
{
	const struct foreign_options *options = r->f->options;
	unsigned long long number;

	*id = 0;
	if (!given(text))
		return true;
	if (slice_number(text, 0xfffffffe, &number)) {
		*id = (unsigned)number;
		return true;
	}
	if (options->id != NULL && options->id(text, group, id))
		return true;
	remark(r->f, REMARK_SKIPPED, &r->at,
	    "there is no %s '%.*s' on this host: '%.*s' comes without uid and gid",
	    group ? "group" : "user", TEXT(text), TEXT(o->made.record.name));
	return false;
}

static void
take_ids(struct read_row *r, struct object *o, struct slice uid, struct slice gid)
{
	unsigned u, g;

	if (!take_id(r, o, uid, false, &u) || !take_id(r, o, gid, true, &g) || (u == 0 && g == 0))
		return;
	o->made.record.uid = u;
	o->made.record.gid = g;
	o->made.record.said |= RECORD_IDS;
}

/* A list in the form that the store has: commas between. */
static struct slice
with_commas(struct foreign *f, struct slice list)
{
	struct slice all = list, one;

	sbuf_clear(&f->scratch);
	while (convert_next(&list, &one)) {
		sbuf_add_str(&f->scratch, f->scratch.n > 0 ? "," : "");
		sbuf_add_slice(&f->scratch, one);
	}
	/* a list that is cut short, to nothing even, would let in others: this one the store
	 * refuses */
	if (f->scratch.failed || f->scratch.n == 0)
		return all;
	return arena_keep(&f->arena, sbuf_slice(&f->scratch));
}

static void
take_networks(struct read_row *r, struct object *o, struct slice list)
{
	if (!given(list) && !r->asked[M_NETWORKS])
		return;
	o->made.record.networks = given(list) ? with_commas(r->f, list) : slice_str("");
	o->made.record.said |= RECORD_NETWORKS;
}

/* Nobody logs in, and yet it gets mail: what was switched off must not come back switched on. */
static void
shut_login(struct read_row *r, struct object *o)
{
	o->no_login = true;
	o->made.record.state = STATE_RECEIVE_ONLY;
	o->made.record.said |= RECORD_STATE;
	remark(r->f, REMARK_NOTE, &r->at,
	    "'%.*s' gets mail but may not log in: it comes receive-only and without a password",
	    TEXT(o->made.record.name));
}

static void
take_state(struct read_row *r, struct object *o)
{
	struct record *record = &o->made.record;

	if (r->value[M_ACTIVE].p != NULL || r->value[M_DISABLED].p != NULL ||
	    r->value[M_SENDS].p != NULL || r->value[M_SEND_ONLY].p != NULL)
		record->said |= RECORD_STATE;
	if (account_state_by_name(r->value[M_KIND], &record->state))
		record->said |= RECORD_STATE;
	else if (is_off(r))
		record->state = STATE_SUSPENDED;
	else if (r->value[M_SENDS].p != NULL && !convert_yes(r->value[M_SENDS]))
		record->state = STATE_RECEIVE_ONLY;
	else if (convert_yes(r->value[M_SEND_ONLY]))
		record->state = STATE_SEND_ONLY;
	if (slice_is(r->value[M_ACTIVE], "2"))
		shut_login(r, o);
}

/* *:bytes=5G, *:storage=1024 (in KiB). That of one folder is no quota of the mailbox. */
static void
take_quota_rule(struct read_row *r, struct object *o, struct slice rule)
{
	static const char storage[] = "storage=", bytes[] = "bytes=";
	struct slice whole = rule, folder = slice_cut(&rule, ':');
	bool is_all = slice_is(folder, "*") || slice_is(folder, "?"), taken = is_all;

	while (is_all && rule.n > 0) {
		struct slice part = slice_cut(&rule, ':');

		if (slice_starts(part, storage))
			take_size(r, o, slice_tail(part, sizeof storage - 1), 1024);
		else if (slice_starts(part, bytes))
			take_size(r, o, slice_tail(part, sizeof bytes - 1), 1);
		else
			taken = false;
	}
	if (!taken)
		remark(r->f, REMARK_NOTE, &r->at,
		    "the quota rule '%.*s' of '%.*s' is not carried over%s", TEXT(whole),
		    TEXT(o->made.record.name), is_all ? " as a whole" : "");
}

/* The field NAME of a userdb, with its prefix or without. */
static bool
userdb_field(struct slice extra, const char *name, struct slice *out)
{
	char prefixed[64];

	snprintf(prefixed, sizeof prefixed, "userdb_%s", name);
	return convert_extra(extra, prefixed, out) || convert_extra(extra, name, out);
}

/* quota_rule, quota_rule2, and so on. */
static void
take_quota_rules(struct read_row *r, struct object *o, struct slice extra)
{
	struct slice value;

	if (userdb_field(extra, "quota_rule", &value))
		take_quota_rule(r, o, value);
	for (unsigned i = 2; i < 10; i++) {
		char name[32];

		snprintf(name, sizeof name, "quota_rule%u", i);
		if (userdb_field(extra, name, &value))
			take_quota_rule(r, o, value);
	}
}

/* Add `:KEY=VALUE` to a mail location for each part of it that has a field of its own. */
static struct slice
with_parts(struct read_row *r, struct slice mail, struct slice extra)
{
	const char *key;
	struct slice value;

	for (size_t i = 0; (key = account_mail_key_at(i)) != NULL; i++) {
		if (userdb_field(extra, account_mail_setting(slice_str(key)), &value))
			mail = arena_printf(&r->f->arena, "%.*s:%s=%.*s", (int)mail.n, mail.p, key,
			    (int)value.n, value.p);
	}
	return mail;
}

/* Where the mail is: in one field, as Dovecot 2.3 has it, or in one for each part of it. */
static void
take_location(struct read_row *r, struct object *o, struct slice extra)
{
	struct slice mail, driver;

	if (userdb_field(extra, "mail", &mail)) {
		take_mail(r, o, mail);
		return;
	}
	if (!userdb_field(extra, "mail_path", &mail))
		return;
	if (userdb_field(extra, "mail_driver", &driver)) {
		mail = arena_printf(
		    &r->f->arena, "%.*s:%.*s", (int)driver.n, driver.p, (int)mail.n, mail.p);
		mail = with_parts(r, mail, extra);
	}
	take_mail(r, o, mail);
}

static bool
is_known_field(struct slice key)
{
	static const char *const known[] = { "quota_storage_size", "mail", "mail_path",
		"mail_driver", "home", "uid", "gid", "allow_nets", "nologin" };
	static const char prefix[] = "userdb_", rule[] = "quota_rule";
	const char *part;

	if (slice_starts(key, prefix))
		key = slice_tail(key, sizeof prefix - 1);
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (slice_is_nocase(key, known[i]))
			return true;
	for (size_t i = 0; (part = account_mail_key_at(i)) != NULL; i++)
		if (slice_is_nocase(key, account_mail_setting(slice_str(part))))
			return true;
	return slice_is_nocase(slice_head(key, sizeof rule - 1), rule) && key.n <= sizeof rule;
}

/* What Dovecot did with it is not done here. Names alone: a value may be a password. */
static void
remark_unknown_fields(struct read_row *r, const struct object *o, struct slice extra)
{
	struct sbuf *names = &r->f->scratch;

	sbuf_clear(names);
	while (extra.n > 0) {
		struct slice value = slice_cut(&extra, ' '), key = slice_cut(&value, '=');

		if (key.n > 0 && !is_known_field(key))
			sbuf_printf(names, "%s%.*s", names->n > 0 ? ", " : "", TEXT(key));
	}
	r->f->no_memory |= names->failed;
	if (names->n > 0)
		remark(r->f, REMARK_NOTE, &r->at, "of '%.*s' is not carried over: %s",
		    TEXT(o->made.record.name), sbuf_cstr(names));
}

/* Extra fields of a passwd-file, those that mean something here. */
static void
take_extra(struct read_row *r, struct object *o, struct slice extra)
{
	struct slice value, uid = r->value[M_UID], gid = r->value[M_GID];

	if (!given(extra))
		return;
	take_quota_rules(r, o, extra);
	if (userdb_field(extra, "quota_storage_size", &value))
		take_size(r, o, value, 1);
	take_location(r, o, extra);
	if (userdb_field(extra, "home", &value))
		take_home(r, o, value);
	if (convert_extra(extra, "allow_nets", &value))
		take_networks(r, o, value);
	if (userdb_field(extra, "uid", &uid) | userdb_field(extra, "gid", &gid))
		take_ids(r, o, uid, gid);
	if (convert_extra(extra, "nologin", &value))
		shut_login(r, o);
	remark_unknown_fields(r, o, extra);
}

static void add_targets(struct read_row *r, struct object *o, struct items *to, struct slice list);

/* Mail of a mailbox that goes elsewhere is an alias of its name, with itself to keep a copy. One
 * that goes nowhere else has none. */
static void
make_forward(struct read_row *r, struct slice address)
{
	struct foreign *f = r->f;
	struct object *o;

	if (!r->asked[M_FORWARD])
		return;
	f->targets = true;
	o = object_find(f, CLASS_ALIAS, address);
	if (o == NULL)
		o = object_new(f, CLASS_ALIAS, RECORD_ALIAS, address, &r->at);
	if (o == NULL)
		return;
	o->has_said = true;
	if (!convert_yes(r->value[M_FORWARD]) || !given(r->value[M_TARGETS]))
		return;
	o->unknown = true;
	add_targets(r, o, &o->items, r->value[M_TARGETS]);
	if (convert_yes(r->value[M_KEEP]))
		items_add(f, &o->items, o->made.record.name, &r->at);
}

static void
fill_mailbox(struct read_row *r, struct object *o)
{
	o->made.record.created = convert_time(r->value[M_CREATED]);
	take_password(r, o);
	take_size(r, o, r->value[M_QUOTA], r->unit);
	if (r->asked[M_QUOTA] && r->value[M_QUOTA].p == NULL)
		o->made.record.said |= RECORD_QUOTA; /* none */
	take_home(r, o, r->value[M_HOME]);
	take_mail(r, o, r->value[M_MAIL]);
	take_ids(r, o, r->value[M_UID], r->value[M_GID]);
	take_networks(r, o, r->value[M_NETWORKS]);
	take_state(r, o);
	take_extra(r, o, r->value[M_EXTRA]);
	make_forward(r, o->made.record.name);
}

static void
make_mailbox(struct read_row *r)
{
	struct foreign *f = r->f;
	struct slice typed = with_domain(f, put_together(r)), name;
	struct object *o;
	size_t at;

	if (given(typed) && !slice_rchr(typed, '@', &at)) {
		remark(f, REMARK_SKIPPED, &r->at,
		    "'%.*s' has no domain: --domain says which is meant", TEXT(typed));
		return;
	}
	name = canonical(r, typed, "address", rules_mailbox);
	if (name.p == NULL)
		return;
	o = object_find(f, CLASS_MAILBOX, name);
	if (o != NULL) {
		remark(f, REMARK_SKIPPED, &r->at, "'%.*s' is in line %zu already, which counts",
		    TEXT(name), o->made.at.line);
		return;
	}
	o = object_new(f, CLASS_MAILBOX, RECORD_MAILBOX, name, &r->at);
	if (o != NULL)
		fill_mailbox(r, o);
}

static struct object *
find_mailbox(struct read_row *r)
{
	struct slice name =
	    canonical(r, with_domain(r->f, put_together(r)), "address", rules_mailbox);
	struct object *o = name.p != NULL ? object_find(r->f, CLASS_MAILBOX, name) : NULL;

	if (name.p != NULL && o == NULL)
		remark(r->f, REMARK_SKIPPED, &r->at, "there is no mailbox '%.*s' in this import",
		    TEXT(name));
	return o;
}

static void
make_quota(struct read_row *r)
{
	struct object *o = find_mailbox(r);

	if (o != NULL)
		take_size(r, o, r->value[M_QUOTA], r->unit);
}

/* `user@d REJECT`: the state that forbids what the table is about. */
static void
make_access(struct read_row *r, const char *state)
{
	struct object *o;
	size_t at;

	r->value[M_ADDRESS] = r->value[M_KEY];
	if (!slice_is_nocase(slice_head(r->value[M_VALUE], 6), "REJECT") ||
	    !slice_rchr(r->value[M_KEY], '@', &at) || at == 0) {
		remark(r->f, REMARK_NOTE, &r->at,
		    "'%.*s' is a rule for Postfix: see the map recipient-access or sender-access",
		    TEXT(r->value[M_KEY]));
		return;
	}
	o = find_mailbox(r);
	if (o == NULL)
		return;
	/* forbidden both, it is suspended */
	if (o->made.record.state != STATE_ACTIVE)
		o->made.record.state = STATE_SUSPENDED;
	else
		account_state_by_name(slice_str(state), &o->made.record.state);
	o->made.record.said |= RECORD_STATE;
}

/* --- app passwords ---------------------------------------------------------------------------- */

static bool
label_taken(const struct object *o, struct slice label)
{
	for (const struct app_password *a = o->app; a != NULL; a = a->next)
		if (slice_eq(a->credential.label, label))
			return true;
	return false;
}

/* Names of app passwords need not differ elsewhere: the number of the row makes them differ, or
 * else how many there were before. */
static struct slice
make_differ(struct read_row *r, const struct object *o, struct slice label)
{
	struct foreign *f = r->f;
	struct slice id = r->value[M_ID], differs = label;
	struct error ignored;

	if (label_taken(o, label) && given(id))
		differs =
		    arena_printf(&f->arena, "%.*s %.*s", (int)label.n, label.p, (int)id.n, id.p);
	if (differs.p != NULL && credential_label_check(differs, &ignored) != FOUND)
		differs = label;
	for (unsigned n = 2; differs.p != NULL && label_taken(o, differs); n++)
		differs = arena_printf(&f->arena, "%.*s %u", (int)label.n, label.p, n);
	return differs;
}

/* What it is called elsewhere, if that can be a label. */
static struct slice
label_of(struct read_row *r, const struct object *o)
{
	struct slice typed = slice_trim(r->value[M_LABEL]);
	struct slice label = one_line(r->f, typed, LABEL_MAX);
	struct error ignored;
	bool is_it;

	if (credential_label_check(label, &ignored) != FOUND)
		label = slice_str("app password");
	is_it = typed.n == 0 || slice_eq(label, typed);
	label = make_differ(r, o, label);
	if (!is_it)
		remark(r->f, REMARK_NOTE, &r->at,
		    "an app password of '%.*s' is called '%.*s' here: what it was called is no "
		    "label",
		    TEXT(o->made.record.name), TEXT(label));
	return label;
}

static void
make_app_password(struct read_row *r)
{
	struct foreign *f = r->f;
	struct object *o = find_mailbox(r);
	struct app_password *a;
	struct slice stored;

	/* none of them would be any of them */
	if (o != NULL && r->limited && r->services.n == 0) {
		remark(f, REMARK_NOTE, &r->at,
		    "an app password of '%.*s' is good for no mail at all",
		    TEXT(o->made.record.name));
		return;
	}
	if (o != NULL && is_off(r))
		remark(f, REMARK_NOTE, &r->at,
		    "an app password of '%.*s' is switched off: if it is in the store, it stays "
		    "good, see `vmailctl app-password list`",
		    TEXT(o->made.record.name));
	if (o == NULL || is_off(r) || adopt(r, o->made.record.name, &stored) != FOUND)
		return;
	if (slice_starts(stored, "{PLAIN}")) {
		remark(f, REMARK_SKIPPED, &r->at, "an app password of '%.*s' is in the clear",
		    TEXT(o->made.record.name));
		return;
	}
	a = arena_take(&f->arena, sizeof *a);
	if (a == NULL)
		return;
	*a = (struct app_password){ .next = o->app };
	a->credential.label = label_of(r, o);
	a->credential.hash = stored;
	a->credential.services = r->services;
	if (given(r->value[M_NETWORKS]))
		a->credential.networks = with_commas(f, r->value[M_NETWORKS]);
	a->credential.expires = convert_time(r->value[M_EXPIRES]);
	a->credential.created = convert_time(r->value[M_CREATED]);
	o->app = a;
	o->apps++;
}

/* --- aliases ---------------------------------------------------------------------------------- */

/* user#domain@autoreply: where PostfixAdmin sends what its absence message answers. */
static bool
is_absence(struct slice target, struct slice address)
{
	size_t at, mark;

	if (!slice_rchr(address, '@', &at) || target.n <= address.n || target.p[address.n] != '@' ||
	    !slice_chr(target, '#', &mark))
		return false;
	for (size_t i = 0; i < address.n; i++)
		if (target.p[i] != (i == at ? '#' : address.p[i]))
			return false;
	return true;
}

/* What mailcow writes for "throw away" and "learn as spam". */
static bool
is_pseudo(struct slice target)
{
	return slice_is_nocase(target, "null@localhost") ||
	       slice_is_nocase(target, "spam@localhost") ||
	       slice_is_nocase(target, "ham@localhost");
}

static bool
is_command(struct slice target)
{
	return slice_starts(target, "|") || slice_starts(target, "\"|") ||
	       slice_starts(target, "/") || slice_starts(target, "\"/") ||
	       slice_starts(target, ":include:");
}

static void
add_target(struct read_row *r, struct object *o, struct items *to, struct slice typed)
{
	struct foreign *f = r->f;
	struct slice name = o->made.record.name, target = with_domain(f, typed);
	size_t at;

	if (is_command(typed))
		remark(f, REMARK_SKIPPED, &r->at,
		    "'%.*s' leads to '%.*s', a command or a file: only local(8) knows them",
		    TEXT(name), TEXT(typed));
	else if (is_absence(typed, name))
		remark(f, REMARK_NOTE, &r->at, "'%.*s' has an absence message, which is for Sieve",
		    TEXT(name));
	else if (is_pseudo(typed))
		remark(f, REMARK_SKIPPED, &r->at,
		    "'%.*s' leads to '%.*s', which stands for something done to mail: see the map "
		    "transports, discard:",
		    TEXT(name), TEXT(typed));
	else if (!slice_rchr(target, '@', &at))
		remark(f, REMARK_SKIPPED, &r->at,
		    "'%.*s' leads to '%.*s', which has no domain: --domain says which is meant",
		    TEXT(name), TEXT(typed));
	else
		items_add(f, to, target, &r->at);
}

/* Commands stand in quotes, or go up to a comma. */
static void
add_targets(struct read_row *r, struct object *o, struct items *to, struct slice list)
{
	struct slice one;

	while (list.n > 0) {
		struct slice part = slice_trim(list);

		if (slice_starts(part, "|")) {
			one = slice_trim(slice_cut(&part, ','));
			add_target(r, o, to, one);
			list = part;
		} else if (convert_next(&list, &one)) {
			add_target(r, o, to, one);
		}
		while (list.n > 0 && (list.p[0] == ',' || list.p[0] == ' '))
			list = slice_tail(list, 1);
	}
}

static void
fill_alias(struct read_row *r, struct object *o)
{
	struct record *record = &o->made.record;

	if (record->created == 0)
		record->created = convert_time(r->value[M_CREATED]);
	if (r->value[M_ACTIVE].p != NULL || r->value[M_DISABLED].p != NULL) {
		/* a row with a target speaks of that one, and not of the others */
		record->disabled |= is_off(r) && !given(r->value[M_TARGETS]);
		record->said |= RECORD_DISABLED;
	}
	if (r->value[M_INTERNAL].p != NULL) {
		record->internal = convert_yes(r->value[M_INTERNAL]);
		record->said |= RECORD_INTERNAL;
	}
	if (given(r->value[M_EXPIRES]))
		record->expires =
		    convert_yes(r->value[M_PERMANENT]) ? 0 : convert_time(r->value[M_EXPIRES]);
	if (given(r->value[M_NOTE]))
		record->note = one_line(r->f, r->value[M_NOTE], NOTE_MAX);
	if (given(r->value[M_OWNER]))
		record->owner = one_line(r->f, r->value[M_OWNER], NOTE_MAX);
	/* a column with nothing in it says that there is none */
	record->said |= (r->asked[M_EXPIRES] ? RECORD_EXPIRES : 0u) |
			(r->asked[M_NOTE] ? RECORD_NOTE : 0u) |
			(r->asked[M_OWNER] ? RECORD_OWNER : 0u);
}

static void make_senders(struct read_row *r, struct slice key, struct slice logins);

static struct object *
alias_for(struct read_row *r, struct slice typed)
{
	struct foreign *f = r->f;
	struct slice name = canonical(r, as_pattern(r, typed), "address", rules_new_alias);
	struct object *o = name.p != NULL ? object_find(f, CLASS_ALIAS, name) : NULL;

	if (o != NULL && f->format->first_counts) {
		remark(f, REMARK_SKIPPED, &r->at, "'%.*s' is in line %zu already, which counts",
		    TEXT(name), o->made.at.line);
		return NULL;
	}
	if (o == NULL && name.p != NULL)
		o = object_new(f, CLASS_ALIAS, RECORD_ALIAS, name, &r->at);
	return o;
}

static void
make_alias(struct read_row *r, bool local)
{
	struct foreign *f = r->f;
	struct slice typed = put_together(r);
	struct object *o;
	size_t at;

	if (!local)
		typed = with_domain(f, typed);
	if (given(typed) && !slice_rchr(typed, '@', &at))
		f->bare_names = true;
	o = alias_for(r, typed);
	if (o == NULL)
		return;
	fill_alias(r, o);
	if (given(r->value[M_TARGETS]))
		add_targets(r, o, is_off(r) ? &o->off : &o->items, r->value[M_TARGETS]);
	f->targets |= r->asked[M_TARGETS];
	o->unknown |= given(r->value[M_TARGETS]);
	o->has_said |= given(r->value[M_TARGETS]) || given(r->value[M_LOGINS]);
	if (given(r->value[M_LOGINS]))
		make_senders(r, o->made.record.name, r->value[M_LOGINS]);
}

/* Left out, and said: it is for a table of another kind. */
static bool
skip_pattern(struct read_row *r, struct slice key, struct slice value, const char *instead)
{
	if (!postmap_is_pattern(key, value))
		return false;
	if (slice_is_nocase(key, "if"))
		key = value;
	remark(
	    r->f, REMARK_SKIPPED, &r->at, "'%.*s' is a regular expression: %s", TEXT(key), instead);
	return true;
}

/* A line of virtual(5): an address, a bare name, or a domain that is to be an alias domain. */
static void
make_virtual(struct read_row *r)
{
	struct slice key = r->value[M_ADDRESS];
	struct object *o;
	size_t at;

	if (skip_pattern(r, key, r->value[M_TARGETS], "make a pattern of it, user*@domain"))
		return;
	if (slice_rchr(key, '@', &at) || !slice_chr(key, '.', &at)) {
		make_alias(r, true);
		return;
	}
	key = canonical(r, key, "domain", rules_domain);
	if (key.p == NULL || object_find(r->f, CLASS_DOMAIN, key) != NULL)
		return;
	o = object_new(r->f, CLASS_DOMAIN, RECORD_DOMAIN, key, &r->at);
	if (o == NULL)
		return;
	o->made.implied = true; /* where a mailbox is in it, it becomes one for them */
	o->made.record.domain_kind = DOMAIN_ALIAS;
	o->made.record.said = RECORD_DOMAIN_KIND;
}

/* A line of virtual_mailbox_maps, or of virtual_mailbox_domains. */
static void
make_vmailbox(struct read_row *r)
{
	struct slice key = r->value[M_ADDRESS];
	size_t at;

	if (skip_pattern(r, key, r->value[M_MAIL], "name the mailboxes one by one"))
		return;
	if (slice_starts(key, "@")) {
		remark(r->f, REMARK_SKIPPED, &r->at,
		    "'%.*s' is a mailbox for everybody: make a catch-all that leads to one",
		    TEXT(key));
		return;
	}
	if (slice_rchr(key, '@', &at)) {
		make_mailbox(r);
		return;
	}
	r->value[M_DOMAIN] = key;
	make_domain(r);
}

/* --- entries of maps -------------------------------------------------------------------------- */

/* The name of an entry among the objects: its map and its key, as the map will have it. */
static struct slice
entry_name(struct foreign *f, struct slice map, struct slice key)
{
	const struct map *m = map_by_name(map);
	struct error err = { "" };

	sbuf_clear(&f->scratch);
	sbuf_add_slice(&f->scratch, map);
	sbuf_add_chr(&f->scratch, '\n');
	if (m == NULL || key_check(&f->scratch, m->search, key, &err) != FOUND) {
		sbuf_truncate(&f->scratch, map.n + 1);
		sbuf_add_slice(&f->scratch, key);
	}
	f->no_memory |= f->scratch.failed;
	return sbuf_slice(&f->scratch);
}

static struct object *
make_entry_of(struct read_row *r, struct slice map, struct slice key, struct slice value)
{
	struct foreign *f = r->f;
	struct slice name = entry_name(f, map, key);
	struct object *o = object_find(f, CLASS_ENTRY, name);

	if (o != NULL && !o->made.gone && !slice_eq(o->made.record.value, value))
		remark(f, REMARK_SKIPPED, &r->at,
		    "the key '%.*s' is in line %zu already, which counts", TEXT(key),
		    o->made.at.line);
	if (o != NULL && !o->made.gone)
		return NULL;
	if (o == NULL)
		o = object_new(f, CLASS_ENTRY, RECORD_ENTRY, name, &r->at);
	if (o == NULL)
		return NULL;
	o->made.gone = false;
	o->made.record.map = arena_keep(&f->arena, map);
	o->made.record.name = arena_keep(&f->arena, slice_tail(name, map.n + 1));
	o->made.record.value = value;
	return o;
}

/* An entry that is switched off is none, unless another row has one of that key. */
static void
make_no_entry(struct read_row *r, struct slice map)
{
	struct foreign *f = r->f;
	struct slice key = r->value[M_KEY];
	struct object *o;

	remark(f, REMARK_NOTE, &r->at, "'%.*s' is switched off", TEXT(key));
	if (!given(key) || !given(map) || object_find(f, CLASS_ENTRY, entry_name(f, map, key)))
		return;
	o = make_entry_of(r, map, key, slice_of(NULL, 0));
	if (o != NULL)
		o->made.gone = true;
}

static struct slice
value_of(struct read_row *r)
{
	struct slice value = r->value[M_VALUE], more = r->value[M_VALUE2];

	if (given(r->value[M_SMTP]))
		return smtp_route(r->f, r->value[M_SMTP]);
	if (!given(more))
		return value;
	return arena_printf(
	    &r->f->arena, "%.*s%s%.*s", (int)value.n, value.p, r->between, (int)more.n, more.p);
}

/* No key of a map of ours is a pattern; those that somebody made may be searched for anything. */
static bool
is_for_patterns(struct read_row *r, struct slice map)
{
	return map_by_name(map) != NULL &&
	       skip_pattern(r, r->value[M_KEY], r->value[M_VALUE], POSTMAP_PATTERN_CURE);
}

static void
make_entry(struct read_row *r, const char *map)
{
	struct foreign *f = r->f;
	struct slice name = map != NULL ? slice_str(map) : r->value[M_MAP], value = value_of(r);

	if (!given(name))
		name = f->options->map;
	if (is_for_patterns(r, name))
		return;
	if (is_off(r)) {
		make_no_entry(r, name);
		return;
	}
	if (!given(r->value[M_KEY]) || !given(value)) {
		remark(f, REMARK_SKIPPED, &r->at, "there is no %s in it",
		    given(r->value[M_KEY]) ? "value" : "key");
		return;
	}
	/* virtual(8) opens no socketmap: mail would be deferred for ever */
	if (slice_is(name, "transports") &&
	    (slice_is(value, "virtual:") || slice_is(value, "virtual"))) {
		remark(f, REMARK_NOTE, &r->at,
		    "'%.*s' went to virtual(8), which cannot ask vmaild: virtual_transport "
		    "delivers "
		    "it now",
		    TEXT(r->value[M_KEY]));
		return;
	}
	make_entry_of(r, name, r->value[M_KEY], value);
}

static void
make_senders(struct read_row *r, struct slice key, struct slice logins)
{
	struct foreign *f = r->f;
	struct slice one, map = slice_str("senders");
	struct object *o = object_find(f, CLASS_ENTRY, entry_name(f, map, key));

	if (o == NULL)
		o = make_entry_of(r, map, key, slice_of(NULL, 0));
	while (o != NULL && convert_next(&logins, &one))
		items_add(f, &o->items, one, &r->at);
}

static void
make_sender(struct read_row *r)
{
	struct slice key = r->value[M_KEY], login = r->value[M_LOGINS];

	if (!given(login))
		login = put_together(r);
	if (!given(key) || !given(login))
		remark(r->f, REMARK_SKIPPED, &r->at, "there is no %s in it",
		    given(key) ? "login" : "address");
	else if (slice_is(key, "*"))
		remark(r->f, REMARK_NOTE, &r->at,
		    "'%.*s' may send as anybody: say which domains, `vmailctl map set senders "
		    "@DOMAIN ...`",
		    TEXT(login));
	else
		make_senders(r, key, login);
}

static void
make_remark(struct read_row *r, const char *what)
{
	if (!is_off(r))
		remark(r->f, REMARK_NOTE, &r->at, "'%.*s': %s", TEXT(put_together(r)), what);
}

/* --- all rows --------------------------------------------------------------------------------- */

static void
make(struct read_row *r, const struct table_rule *rule)
{
	switch (rule->makes) {
	case MAKES_NOTHING:
		break;
	case MAKES_DOMAIN:
		make_domain(r);
		break;
	case MAKES_DOMAIN_ALIAS:
		make_domain_alias(r);
		break;
	case MAKES_MAILBOX:
		make_mailbox(r);
		break;
	case MAKES_ALIAS:
		make_alias(r, rule->arg != NULL);
		break;
	case MAKES_APP_PASSWORD:
		make_app_password(r);
		break;
	case MAKES_ENTRY:
		make_entry(r, rule->arg);
		break;
	case MAKES_SENDER:
		make_sender(r);
		break;
	case MAKES_VIRTUAL:
		make_virtual(r);
		break;
	case MAKES_VMAILBOX:
		make_vmailbox(r);
		break;
	case MAKES_QUOTA:
		make_quota(r);
		break;
	case MAKES_ACCESS:
		make_access(r, rule->arg);
		break;
	case MAKES_REMARK:
		make_remark(r, rule->arg);
		break;
	}
}

void
make_table(struct foreign *f, const struct table *t, const struct table_rule *rule)
{
	struct binding b;
	struct read_row r;

	if (!binding_make(&b, f, t, rule))
		return;
	for (size_t i = 0; i < t->rows && !f->no_memory; i++)
		if (row_read(&r, &b, i))
			make(&r, rule);
}
