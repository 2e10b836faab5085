/* SPDX-License-Identifier: ISC
 *
 * user add, list, show, passwd, state, quota, set, remove: mailboxes, their passwords, what they
 * may do, and where they live. Logins and app passwords are in files of their own.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/password.h"
#include "mail/rules.h"
#include "store/logins.h"
#include "sys/privs.h"
#include "vmailctl/config.h"
#include "vmailctl/output.h"
#include "vmailctl/page.h"
#include "vmailctl/secret.h"
#include "vmailctl/split.h"

enum {
	/* Dovecot gives its auth processes 256 MiB; what is left of that for a hash */
	DOVECOT_HASH_KIB = 200 * 1024
};

/* --- list, show ------------------------------------------------------------------------------- */

static const struct column list_columns[] = {
	{ "address", CELL_TEXT },
	{ "quota", CELL_SIZE },
	{ "password", CELL_YES },
	{ "state", CELL_TEXT },
	{ "reason", CELL_TEXT },
	{ "created", CELL_TIME },
	{ "last_login", CELL_TIME },
	{ 0 },
};

static const struct column show_columns[] = {
	{ "address", CELL_TEXT },
	{ "quota", CELL_SIZE },
	{ "password", CELL_YES },
	{ "state", CELL_TEXT },
	{ "reason", CELL_TEXT },
	{ "created", CELL_TIME },
	{ "last_login", CELL_TIME },
	{ "home", CELL_TEXT },
	{ "mail", CELL_TEXT },
	{ "uid", CELL_ID },
	{ "gid", CELL_ID },
	{ "networks", CELL_TEXT },
	{ 0 },
};

/* What is listed, and what of it. */
struct listing {
	struct ctl *ctl;
	struct table table;
	struct page page;
	int64_t since;        /* those alone into which nobody logged in since then; 0: all */
	enum outcome outcome; /* of what is asked for each row */
};

static bool
put_account(void *arg, const struct account *row)
{
	struct listing *l = arg;
	bool more, wanted = page_wants(&l->page, sbuf_slice(&row->address), &more);
	int64_t last;
	struct value values[] = {
		{ .text = sbuf_slice(&row->address) },
		{ .number = row->quota },
		{ .number = row->password },
		{ .text = slice_str(account_state_name(row->state)) },
		{ .text = sbuf_slice(&row->reason) },
		{ .number = row->created },
		{ .number = 0 },
	};

	if (!wanted || l->page.count)
		return more;
	if (!l->table.names) {
		l->outcome =
		    store_last_login(l->ctl->store, sbuf_slice(&row->address), &last, &l->ctl->err);
		values[6].number = last;
	}
	return l->outcome == FOUND && table_row(&l->table, values) && more;
}

/* One that was removed meanwhile is passed over. */
static bool
put_idle(void *arg, struct slice address, int64_t last)
{
	struct listing *l = arg;
	struct account account;
	bool more = true;
	enum outcome o;

	(void)last;
	account_init(&account);
	o = store_account(l->ctl->store, address, &account, &l->ctl->err);
	if (o == FOUND)
		more = put_account(l, &account);
	else if (o != NONE)
		l->outcome = o;
	account_release(&account);
	return more && l->outcome == FOUND;
}

static enum outcome
walk_accounts(struct listing *l, struct slice domain)
{
	struct ctl *ctl = l->ctl;
	struct slice start = page_start(&l->page);
	enum outcome o;

	if (l->since == 0)
		o = store_accounts(ctl->store, domain, start, put_account, l, &ctl->err);
	else
		o = store_idle_mailboxes(
		    ctl->store, domain, l->since, start, put_idle, l, &ctl->err);
	return l->outcome == FOUND ? o : l->outcome;
}

static enum exit_code
take_idle(struct ctl *ctl, int64_t *since)
{
	enum { DAY = 24 * 60 * 60, DAYS_MAX = 10000 };
	const char *typed = ctl_option(ctl, "idle");
	unsigned long long days;

	if (typed == NULL)
		return EXIT_DONE;
	if (!slice_number(slice_str(typed), DAYS_MAX, &days))
		return ctl_usage(ctl, "'%s' is no number of days: 0 to %d", typed, DAYS_MAX);
	*since = time(NULL) - (int64_t)days * DAY;
	return EXIT_DONE;
}

static enum exit_code
count_accounts(struct ctl *ctl, struct listing *l, struct slice domain)
{
	struct store_counts counts = { 0 };
	bool all = page_counts_all(&l->page) && l->since == 0;
	enum outcome o =
	    all ? store_count(ctl->store, domain, &counts, &ctl->err) : walk_accounts(l, domain);

	if (o != FOUND && o != NONE)
		return ctl_fail(ctl, o, "cannot count the mailboxes");
	return page_print_count(ctl, all ? counts.mailboxes : (int64_t)l->page.n);
}

static enum exit_code
list_accounts(struct ctl *ctl, struct listing *l, struct slice domain)
{
	if (l->page.count)
		return count_accounts(ctl, l, domain);
	table_list(&l->table, ctl, list_columns);
	return table_end(&l->table, walk_accounts(l, domain));
}

enum exit_code
cmd_user_list(struct ctl *ctl)
{
	struct listing l = { .ctl = ctl, .outcome = FOUND };
	struct sbuf domain;
	enum exit_code e = page_take(&l.page, ctl, false);
	enum outcome o;

	sbuf_init(&domain, ADDRESS_MAX);
	if (e == EXIT_DONE)
		e = take_idle(ctl, &l.since);
	if (e == EXIT_DONE) {
		o = ctl_domain(ctl, ctl->args[0], &domain);
		e = o == FOUND ? list_accounts(ctl, &l, sbuf_slice(&domain))
			       : ctl_fail(ctl, o, "cannot list the mailboxes");
	}
	sbuf_release(&domain);
	page_release(&l.page);
	return e;
}

/* Where the mail lives: as Dovecot would be told. */
struct places {
	struct sbuf home;
	struct sbuf mail;
};

static void
take_place(void *arg, const char *key, struct slice value)
{
	struct places *p = arg;

	if (strcmp(key, "home") == 0)
		sbuf_add_slice(&p->home, value);
	if (strcmp(key, "mail") == 0)
		sbuf_add_slice(&p->mail, value);
}

static void
places_init(struct places *p, const struct ctl *ctl, const struct account *a)
{
	const struct account_rules rules = { .home = ctl->conf->mail_home,
		.mail = ctl->conf->mail_location };

	sbuf_init(&p->home, 4 * ADDRESS_MAX);
	sbuf_init(&p->mail, 4 * ADDRESS_MAX);
	account_fields(a, &rules, take_place, p);
}

static void
places_release(struct places *p)
{
	sbuf_release(&p->home);
	sbuf_release(&p->mail);
}

void
ctl_put_home(struct sbuf *out, const struct ctl *ctl, const struct account *a)
{
	struct places places;

	places_init(&places, ctl, a);
	sbuf_add_slice(out, sbuf_slice(&places.home));
	places_release(&places);
}

static bool
show_account(struct table *t, struct ctl *ctl, const struct account *a, int64_t last)
{
	struct places places;
	bool ok;

	places_init(&places, ctl, a);
	{
		const struct value values[] = {
			{ .text = sbuf_slice(&a->address) },
			{ .number = a->quota },
			{ .number = a->password },
			{ .text = slice_str(account_state_name(a->state)) },
			{ .text = sbuf_slice(&a->reason) },
			{ .number = a->created },
			{ .number = last },
			{ .text = sbuf_slice(&places.home) },
			{ .text = sbuf_slice(&places.mail) },
			{ .number = a->uid },
			{ .number = a->gid },
			{ .text = sbuf_slice(&a->networks) },
		};

		ok = table_row(t, values);
	}
	places_release(&places);
	return ok;
}

enum exit_code
cmd_user_show(struct ctl *ctl)
{
	struct account account;
	struct table table;
	struct sbuf address;
	int64_t last = 0;
	enum exit_code e;
	enum outcome o;

	account_init(&account);
	sbuf_init(&address, 2 * ADDRESS_MAX);
	o = ctl_named(ctl, rules_mailbox, ctl->args[0], &address);
	if (o == FOUND)
		o = store_account(ctl->store, sbuf_slice(&address), &account, &ctl->err);
	if (o == FOUND)
		o = store_last_login(ctl->store, sbuf_slice(&address), &last, &ctl->err);
	table_record(&table, ctl, show_columns, "mailbox", sbuf_slice(&address));
	if (o == FOUND)
		show_account(&table, ctl, &account, last);
	e = table_end(&table, o);
	sbuf_release(&address);
	account_release(&account);
	return e;
}

/* --- passwords -------------------------------------------------------------------------------- */

static enum exit_code
check_source(struct ctl *ctl)
{
	bool from_stdin = ctl_option(ctl, "password-stdin") != NULL;
	bool none = ctl_option(ctl, "no-password") != NULL;

	/* nor would anybody else get to the store meanwhile */
	if (ctl->line > 0 && !none)
		return ctl_usage(ctl,
		    "many are not asked for their passwords: say --no-password, and set them with "
		    "`vmailctl user passwd`");
	if (from_stdin && none)
		return ctl_usage(ctl, "--password-stdin and --no-password contradict each other");
	if (!from_stdin && !none && !isatty(STDIN_FILENO))
		return ctl_usage(ctl,
		    "there is no terminal to ask for the password on: write it, one "
		    "line, to standard input, and add --password-stdin");
	return EXIT_DONE;
}

/* The memory limit that Dovecot sets its auth processes. */
static void
warn_of_cost(const struct conf *conf)
{
	if (conf->hash_memory > DOVECOT_HASH_KIB)
		ctl_warn(
		    "hash-memory is %ld KiB: a Dovecot that checks such a password itself allows "
		    "no more than 256 MiB by default, see `vmailctl config dovecot`",
		    conf->hash_memory);
}

static void
warn_of_split(const struct ctl *ctl, struct slice address)
{
	struct sbuf other;

	sbuf_init(&other, ADDRESS_MAX + 1);
	if (split_is_cut(&other, address, slice_str(ctl->conf->recipient_delimiter)))
		ctl_warn(SPLIT_LOST "; " SPLIT_CURE, (int)address.n, address.p, (int)other.n,
		    sbuf_cstr(&other));
	sbuf_release(&other);
}

static void
warn_of_name(const struct ctl *ctl, struct slice address)
{
	if (!config_dovecot_takes(address))
		ctl_warn("'%.*s' has more in it than letters, digits and .-_: " CONFIG_NAME_LOST
			 "; " CONFIG_NAME_CURE,
		    (int)address.n, address.p);
	warn_of_split(ctl, address);
}

static enum outcome
hash_secret(struct ctl *ctl, const struct secret *secret, struct slice address, struct sbuf *hash)
{
	enum outcome o = password_check(address, secret_slice(secret), &ctl->err);

	return o == FOUND ? password_hash(hash, secret_slice(secret), &ctl->cost, &ctl->err) : o;
}

/* Append the hash of the password that the admin gives for ADDRESS; nothing with --no-password. */
static enum outcome
get_hash(struct ctl *ctl, const struct sbuf *address, struct sbuf *hash)
{
	struct secret secret = { 0 };
	enum outcome o;

	if (ctl_option(ctl, "no-password") != NULL)
		return FOUND;
	privs_harden();
	o = password_setup(&ctl->err);
	if (o == FOUND && ctl_option(ctl, "password-stdin") != NULL)
		o = secret_read(&secret, &ctl->err);
	else if (o == FOUND)
		o = secret_ask(&secret, sbuf_cstr(address), &ctl->err);
	if (o == FOUND)
		o = hash_secret(ctl, &secret, sbuf_slice(address), hash);
	secret_free(&secret);
	if (o == FOUND)
		warn_of_cost(ctl->conf);
	return o;
}

/* --- add, passwd, remove ---------------------------------------------------------------------- */

/* "2G", "500M", "500MiB", "0": bytes. */
static bool
parse_size(const char *text, int64_t *out)
{
	static const char units[] = "KkMmGgTt";
	size_t digits = strspn(text, "0123456789");
	struct slice unit = slice_str(text + digits);
	const char *at = unit.n > 0 ? strchr(units, unit.p[0]) : NULL;
	unsigned shift = at != NULL ? 10 * (unsigned)((at - units) / 2 + 1) : 0;
	unsigned long long n;

	if (at != NULL)
		unit = slice_tail(unit, 1);
	if (unit.n > 0 && !slice_is_nocase(unit, "B") && !slice_is_nocase(unit, "iB"))
		return false;
	if (!slice_number(slice_of(text, digits), (unsigned long long)INT64_MAX >> shift, &n))
		return false;
	*out = (int64_t)(n << shift);
	return true;
}

static enum exit_code
take_size(struct ctl *ctl, const char *typed, int64_t *quota)
{
	if (parse_size(typed, quota))
		return EXIT_DONE;
	return ctl_usage(
	    ctl, "'%s' is no size: write it like 500M or 2G, or 0 for no limit", typed);
}

/* What is refused most often is refused before anybody is asked for a password. */
static enum outcome
check_new(struct ctl *ctl, const struct sbuf *address)
{
	struct account account;
	struct sbuf domain;
	size_t at = 0;
	enum outcome o;

	account_init(&account);
	o = store_account(ctl->store, sbuf_slice(address), &account, &ctl->err);
	account_release(&account);
	if (o == FOUND)
		return error_set(&ctl->err, BAD,
		    "there is a mailbox '%s' already: `vmailctl user passwd` sets its password",
		    sbuf_cstr(address));
	if (o != NONE)
		return o;
	slice_rchr(sbuf_slice(address), '@', &at);
	sbuf_init(&domain, ADDRESS_MAX);
	o = ctl_domain(ctl, sbuf_cstr(address) + at + 1, &domain);
	sbuf_release(&domain);
	return o == NONE ? BAD : o;
}

enum exit_code
cmd_user_add(struct ctl *ctl)
{
	const char *size = ctl_option(ctl, "quota");
	struct sbuf address, hash;
	int64_t quota = 0;
	enum exit_code e = check_source(ctl);
	enum outcome o;

	if (e == EXIT_DONE && size != NULL)
		e = take_size(ctl, size, &quota);
	if (e != EXIT_DONE)
		return e;
	sbuf_init(&address, 2 * ADDRESS_MAX);
	sbuf_init(&hash, PASSWORD_STORED_MAX);
	o = ctl_named(ctl, rules_mailbox, ctl->args[0], &address);
	if (o == FOUND)
		o = check_new(ctl, &address);
	if (o == FOUND)
		o = get_hash(ctl, &address, &hash);
	if (o == FOUND)
		o = store_mailbox_add(
		    ctl->store, sbuf_slice(&address), sbuf_slice(&hash), quota, &ctl->err);
	if (o == FOUND) {
		warn_of_name(ctl, sbuf_slice(&address));
		e = ctl_done(ctl, sbuf_slice(&address), "added mailbox '%s'", sbuf_cstr(&address));
	} else {
		e = ctl_fail(ctl, o, "cannot add mailbox '%s'", ctl->args[0]);
	}
	sbuf_release_secret(&hash);
	sbuf_release(&address);
	return e;
}

static enum exit_code
set_password(struct ctl *ctl, const struct sbuf *address, void *arg)
{
	struct sbuf *hash = arg;
	enum outcome o = get_hash(ctl, address, hash);

	if (o == FOUND)
		o = store_mailbox_passwd(
		    ctl->store, sbuf_slice(address), sbuf_slice(hash), &ctl->err);
	if (o != FOUND)
		return ctl_no_mailbox(ctl, o, address);
	warn_of_name(ctl, sbuf_slice(address));
	return ctl_done(ctl, sbuf_slice(address), "set the password of '%s'", sbuf_cstr(address));
}

enum exit_code
cmd_user_passwd(struct ctl *ctl)
{
	struct sbuf hash;
	enum exit_code e = check_source(ctl);

	if (e != EXIT_DONE)
		return e;
	sbuf_init(&hash, PASSWORD_STORED_MAX);
	e = ctl_on_known_mailbox(ctl, set_password, &hash);
	sbuf_release_secret(&hash);
	return e;
}

static enum exit_code
remove_mailbox(struct ctl *ctl, const struct sbuf *address, void *arg)
{
	bool force = ctl_option(ctl, "force") != NULL;
	enum outcome o = store_mailbox_remove(ctl->store, sbuf_slice(address), force, &ctl->err);

	(void)arg;
	if (o != FOUND)
		return ctl_no_mailbox(ctl, o, address);
	return ctl_done(ctl, sbuf_slice(address), "removed mailbox '%s'; its mail is left on disk",
	    sbuf_cstr(address));
}

enum exit_code
cmd_user_remove(struct ctl *ctl)
{
	return ctl_on_mailbox(ctl, remove_mailbox, NULL);
}

/* --- state, quota ----------------------------------------------------------------------------- */

static enum exit_code
take_state(struct ctl *ctl, enum account_state *state)
{
	if (!account_state_by_name(slice_str(ctl->args[1]), state))
		return ctl_usage(ctl, "there is no state '%s': take one of %s", ctl->args[1],
		    argument_words("STATE")->words);
	if (*state == STATE_ACTIVE && ctl_option(ctl, "reason") != NULL)
		return ctl_usage(ctl, "an active account has nothing to give a reason for");
	return EXIT_DONE;
}

static enum exit_code
set_state(struct ctl *ctl, const struct sbuf *address, void *arg)
{
	struct slice reason = slice_str(ctl_option(ctl, "reason"));
	const enum account_state *state = arg;
	enum outcome o =
	    store_mailbox_state(ctl->store, sbuf_slice(address), *state, reason, &ctl->err);

	if (o != FOUND)
		return ctl_no_mailbox(ctl, o, address);
	return ctl_done(ctl, sbuf_slice(address), "mailbox '%s' is %s", sbuf_cstr(address),
	    account_state_name(*state));
}

enum exit_code
cmd_user_state(struct ctl *ctl)
{
	enum account_state state;
	enum exit_code e = take_state(ctl, &state);

	return e == EXIT_DONE ? ctl_on_mailbox(ctl, set_state, &state) : e;
}

static enum exit_code
set_quota(struct ctl *ctl, const struct sbuf *address, void *arg)
{
	const int64_t *quota = arg;
	enum outcome o = store_mailbox_quota(ctl->store, sbuf_slice(address), *quota, &ctl->err);

	if (o != FOUND)
		return ctl_no_mailbox(ctl, o, address);
	return ctl_done(ctl, sbuf_slice(address), "set the quota of '%s'", sbuf_cstr(address));
}

enum exit_code
cmd_user_quota(struct ctl *ctl)
{
	int64_t quota = 0;
	enum exit_code e = take_size(ctl, ctl->args[1], &quota);

	return e == EXIT_DONE ? ctl_on_mailbox(ctl, set_quota, &quota) : e;
}

/* --- set -------------------------------------------------------------------------------------- */

static enum exit_code
take_id(struct ctl *ctl, const char *option, int64_t *id)
{
	const char *typed = ctl_option(ctl, option);
	unsigned long long n = 0;

	if (typed != NULL && !slice_number(slice_str(typed), STORE_ID_MAX, &n))
		return ctl_usage(ctl,
		    "'%s' is no id: --%s takes a number, or 0 for the configured one", typed,
		    option);
	*id = (int64_t)n;
	return EXIT_DONE;
}

static enum exit_code
take_settings(struct ctl *ctl, struct mailbox_settings *m)
{
	static const char *const options[] = { "home", "mail", "uid", "gid", "networks" };
	enum exit_code e;

	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		if (ctl_option(ctl, options[i]) != NULL)
			m->only |= 1U << i; /* MAILBOX_SET_HOME, and so on */
	if (m->only == 0)
		return ctl_usage(ctl, "nothing to set: say what is to change");
	m->home = slice_str(ctl_option(ctl, "home"));
	m->mail = slice_str(ctl_option(ctl, "mail"));
	m->networks = slice_str(ctl_option(ctl, "networks"));
	e = take_id(ctl, "uid", &m->uid);
	return e == EXIT_DONE ? take_id(ctl, "gid", &m->gid) : e;
}

static enum exit_code
change_settings(struct ctl *ctl, const struct sbuf *address, void *arg)
{
	enum outcome o = store_mailbox_set(ctl->store, sbuf_slice(address), arg, &ctl->err);

	if (o != FOUND)
		return ctl_no_mailbox(ctl, o, address);
	return ctl_done(ctl, sbuf_slice(address), "set mailbox '%s'", sbuf_cstr(address));
}

enum exit_code
cmd_user_set(struct ctl *ctl)
{
	struct mailbox_settings settings = { .only = 0 };
	enum exit_code e = take_settings(ctl, &settings);

	return e == EXIT_DONE ? ctl_on_mailbox(ctl, change_settings, &settings) : e;
}
