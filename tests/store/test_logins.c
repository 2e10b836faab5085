/* SPDX-License-Identifier: ISC
 *
 * What a login is told and leaves behind: credentials, fresh hashes, good logins; and app passwords
 * and the places of mailboxes, with their lines in the log and every refusal.
 */
#include "steps.h"

#include "../lib/bytes.h"
#include <signal.h>
#include <sys/resource.h>

#include "auth/app_password.h"

#define ONE   "bcdf-ghjk-mnpq-rstv-wxzb-cdfg"
#define TWO   "zzzz-ghjk-mnpq-rstv-wxzb-cdfg"
#define HARRY "harry@example.com"
#define SALLY "sally@example.com"
#define N     "192.0.2.0/24"

/* --- app passwords and places: changes and refusals --------------------------------------------
 */

/* B: the label, C: services;networks;expires */
static enum outcome
add_app(struct store *s, const struct step *step, struct error *err)
{
	struct slice rest = S(step->c);
	struct app_password_new p = { .label = S(step->b), .secret = S(ONE) };
	unsigned long long expires = 0;

	p.services = slice_cut(&rest, ';');
	p.networks = slice_cut(&rest, ';');
	assert_true(rest.n == 0 || slice_number(rest, INT64_MAX, &expires));
	p.expires = (int64_t)expires;
	return store_app_password_add(s, S(step->a), &p, err);
}

static enum outcome
add_no_app(struct store *s, const struct step *step, struct error *err)
{
	const struct app_password_new p = { .label = S("x"), .secret = S(step->b) };

	return store_app_password_add(s, S(step->a), &p, err);
}

static enum outcome
remove_app(struct store *s, const struct step *step, struct error *err)
{
	return store_app_password_remove(s, S(step->a), S(step->b), err);
}

/* B: home=... etc., with blanks between; C: "all" to set the others to nothing. */
static enum outcome
set_mailbox(struct store *s, const struct step *step, struct error *err)
{
	struct mailbox_settings m = { .uid = 0 };
	struct slice list[8];
	size_t n = words(list, 8, step->b);

	for (size_t i = 0; i < n; i++) {
		struct slice value = list[i], name = slice_cut(&value, '=');

		if (slice_is(name, "home")) {
			m.home = value;
			m.only |= MAILBOX_SET_HOME;
		} else if (slice_is(name, "mail")) {
			m.mail = value;
			m.only |= MAILBOX_SET_MAIL;
		} else if (slice_is(name, "uid")) {
			m.uid = atoll(value.p);
			m.only |= MAILBOX_SET_UID;
		} else if (slice_is(name, "gid")) {
			m.gid = atoll(value.p);
			m.only |= MAILBOX_SET_GID;
		} else if (slice_is(name, "networks")) {
			m.networks = value;
			m.only |= MAILBOX_SET_NETWORKS;
		} else {
			fail_msg("no setting: %s", step->b);
		}
	}
	if (step->c[0] != '\0')
		m.only = 0;
	return store_mailbox_set(s, S(step->a), &m, err);
}

static enum outcome
set_password(struct store *s, const struct step *step, struct error *err)
{
	return store_mailbox_passwd(s, S(step->a), S(step->b), err);
}

#define IMAGE(home, mail, uid, gid, networks, credentials)                                         \
	"{\"address\":\"sally@example.com\",\"home\":" home                                        \
	",\"quota\":0,\"state\":\"active\",\"reason\":null,\"mail\":" mail ",\"uid\":" uid         \
	",\"gid\":" gid ",\"networks\":" networks ",\"created\":T,\"credentials\":[" credentials   \
	"]}"
#define PLACE(home, mail, uid, gid, networks) IMAGE(home, mail, uid, gid, networks, "")
#define NOWHERE                               PLACE("null", "null", "null", "null", "null")
#define WITH(credentials)                     IMAGE("null", "null", "null", "null", "null", credentials)
#define APP(label, services, networks, expires)                                                    \
	"{\"label\":\"" label "\",\"services\":" services ",\"networks\":" networks                \
	",\"expires\":" expires ",\"created\":T}"

static const struct step changes[] = {
	/* clang-format off */
	{ "an app password", add_app, "Sally@Example.com", "phone", "", FOUND, NULL,
	  "app-password add|" SALLY "|" NOWHERE "|" WITH(APP("phone", "null", "null", "0")) "\n" },
	{ "with its limits", add_app, SALLY, "Sally's printer", " imap , smtp;192.0.2.0/24 10.0.0.1;2000000000", FOUND, NULL,
	  "app-password add|" SALLY "|" NOWHERE "|"
	  WITH(APP("Sally's printer", "\"imap,smtp\"", "\"192.0.2.0/24,10.0.0.1\"", "2000000000")) "\n" },
	{ "home", set_mailbox, SALLY, "home=/h/s", "", FOUND, NULL,
	  "user set|" SALLY "|" NOWHERE "|" PLACE("\"/h/s\"", "null", "null", "null", "null") "\n" },
	{ "mail", set_mailbox, SALLY, "mail=mdbox:~/m", "", FOUND, NULL,
	  "user set|" SALLY "|" NOWHERE "|" PLACE("null", "\"mdbox:~/m\"", "null", "null", "null") "\n" },
	{ "ids", set_mailbox, SALLY, "uid=1 gid=4294967294", "", FOUND, NULL,
	  "user set|" SALLY "|" NOWHERE "|" PLACE("null", "null", "1", "4294967294", "null") "\n" },
	{ "networks", set_mailbox, SALLY, "networks=10.0.0.0/8,2001:DB8::/32", "", FOUND, NULL,
	  "user set|" SALLY "|" NOWHERE "|" PLACE("null", "null", "null", "null", "\"10.0.0.0/8,2001:db8::/32\"") "\n" },
	{ "nothing new", set_mailbox, SALLY, "home= uid=0", "all", FOUND, NULL, "" },
	/* clang-format on */
};

static const struct step refusals[] = {
	/* clang-format off */
	{ "an app password for nobody", add_app, "nobody@example.com", "phone", "", NONE, "'nobody@example.com'", NULL },
	{ "no address", add_app, "nobody", "phone", "", BAD, "'nobody'", NULL },
	{ "no label", add_app, SALLY, "", "", BAD, "label", NULL },
	{ "a label of two lines", add_app, SALLY, "a\nb", "", BAD, "control character", NULL },
	{ "no service", add_app, SALLY, "x", "IMAP;;", BAD, "'IMAP'", NULL },
	{ "no network", add_app, SALLY, "x", ";home;", BAD, "'home'", NULL },
	{ "a secret of somebody's choice", add_no_app, SALLY, "hunter2", "", BAD, "made by the program", NULL },
	{ "revoking one that is not there", remove_app, SALLY, "phone", "", NONE, "'phone'", NULL },
	{ "revoking one of nobody", remove_app, "nobody@example.com", "phone", "", NONE, "'nobody@example.com'", NULL },
	{ "revoking the password itself", remove_app, HARRY, "", "", BAD, "label", NULL },
	{ "settings of nobody", set_mailbox, "nobody@example.com", "home=/h", "", NONE, "'nobody@example.com'", NULL },
	{ "half a home", set_mailbox, SALLY, "home=h", "", BAD, "slash", NULL },
	{ "half a mail location", set_mailbox, SALLY, "mail=/var/mail", "", BAD, "maildir:", NULL },
	{ "nobody's id", set_mailbox, SALLY, "uid=4294967295", "", BAD, "user id", NULL },
	{ "a negative id", set_mailbox, SALLY, "gid=-1", "", BAD, "group id", NULL },
	{ "bits of a host", set_mailbox, SALLY, "networks=10.0.0.1/8", "", BAD, "10.0.0.0/8", NULL },
	{ "a hash without a scheme", set_password, HARRY, "hunter2", "", BAD, "{SCHEME}", NULL },
	{ "a hash of an unknown scheme", set_password, HARRY, "{ROT13}x", "", BAD, "'{ROT13}'", NULL },
	{ "a hash cut short", set_password, HARRY, "{SSHA}BSO6FObNJrg7", "", BAD, "malformed", NULL },
	{ "a hash that takes minutes", set_password, HARRY, "{CRYPT}$6$rounds=99999999$abcdefgh$x", "", BAD, "costs more", NULL },
	/* clang-format on */
};

static void
test_changes(void **state)
{
	(void)state;
	run_steps(changes, ROWS(changes), NULL);
}

static void
test_refusals(void **state)
{
	(void)state;
	run_steps(refusals, ROWS(refusals), NULL);
}

static enum outcome
add_phone(struct store *s, const char *address, const char *label, struct error *err)
{
	const struct app_password_new p = { .label = S(label), .secret = S(ONE) };

	return store_app_password_add(s, S(address), &p, err);
}

static void
test_app_passwords_are_bounded(void **state)
{
	struct fixture *f = *state;
	char label[16];

	for (int i = 0; i < APP_PASSWORDS_MAX; i++) {
		snprintf(label, sizeof label, "n%d", i);
		must(add_phone(f->s, SALLY, label, &f->err), &f->err, label);
	}
	assert_int_equal(add_phone(f->s, SALLY, "n3", &f->err), BAD);
	assert_non_null(strstr(f->err.text, "'n3' already"));
	assert_int_equal(add_phone(f->s, SALLY, "one more", &f->err), BAD);
	assert_non_null(strstr(f->err.text, "32 app passwords"));
	must(store_app_password_remove(f->s, S(SALLY), S("n3"), &f->err), &f->err, "remove");
	must(add_phone(f->s, SALLY, "one more", &f->err), &f->err, "one more");
}

/* As an earlier release has let them in. */
static void
test_odd_labels_can_go(void **state)
{
	static const char *const odd[] = { " phone", "phone ", " ", "two\nlines" };
	struct fixture *f = *state;
	char sql[200];

	must(add_phone(f->s, SALLY, "phone", &f->err), &f->err, "phone");
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		snprintf(sql, sizeof sql,
		    "INSERT INTO credential (mailbox, label, hash, created) "
		    "VALUES ('sally@example.com', '%s', '{PLAIN}x', 1)",
		    odd[i]);
		raw(f->path, sql);
		must(
		    store_app_password_remove(f->s, S(SALLY), S(odd[i]), &f->err), &f->err, odd[i]);
		assert_int_equal(
		    store_app_password_remove(f->s, S(SALLY), S(odd[i]), &f->err), NONE);
	}
	assert_int_equal(store_app_password_remove(f->s, S(SALLY), S("caf\xe9"), &f->err), BAD);
	assert_int_equal(store_app_password_remove(f->s, S(SALLY), S(""), &f->err), BAD);
	must(store_app_password_remove(f->s, S(SALLY), S("phone"), &f->err), &f->err, "phone");
}

/* --- what a login is told ----------------------------------------------------------------------
 */

static enum outcome
record(struct store *s, const char *address, const char *network, const char *label,
    const char *service, int64_t at)
{
	const struct login_record r = { S(address), S(network), S(label), S(service), at };
	struct error err = { "" };

	return store_record_logins(s, &r, 1, &err);
}

static void
test_find_login(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOGIN);
	struct login_facts facts;
	const struct app_password_new limited = { S("printer"), S(TWO), S("imap,smtp"), S(N),
		2000000000 };

	login_facts_init(&facts);
	must(add_phone(f->s, HARRY, "phone", &f->err), &f->err, "phone");
	must(store_app_password_add(f->s, S(HARRY), &limited, &f->err), &f->err, "printer");
	must(store_find_login(s, S(HARRY), S(N), &facts, &f->err), &f->err, "find");
	assert_string_equal(sbuf_cstr(&facts.account.address), HARRY);
	assert_int_equal(facts.credentials, 3);
	assert_true(slice_is(facts.credential[0].label, ""));
	assert_true(slice_is(facts.credential[0].hash, "{PLAIN}one"));
	assert_true(slice_is(facts.credential[1].label, "phone"));
	assert_int_equal(facts.credential[1].services.n, 0);
	assert_true(slice_is(facts.credential[2].label, "printer"));
	assert_true(slice_is(facts.credential[2].services, "imap,smtp"));
	assert_true(slice_is(facts.credential[2].networks, N));
	assert_int_equal(facts.credential[2].expires, 2000000000);
	assert_int_equal(facts.app_key.n, APP_PASSWORD_KEY);
	assert_int_equal(app_password_verify(
			     facts.credential[2].hash, sbuf_slice(&facts.app_key), S(TWO), &f->err),
	    FOUND);
	assert_int_equal(app_password_verify(
			     facts.credential[1].hash, sbuf_slice(&facts.app_key), S(TWO), &f->err),
	    NONE);
	assert_false(facts.known);

	assert_int_equal(record(f->s, HARRY, N, "", "imap", 1), FOUND);
	must(store_find_login(s, S(HARRY), S(N), &facts, &f->err), &f->err, "known");
	assert_true(facts.known);
	must(store_find_login(s, S(HARRY), S("10.0.0.0/24"), &facts, &f->err), &f->err, "other");
	assert_false(facts.known);
	must(store_find_login(s, S(SALLY), S(N), &facts, &f->err), &f->err, "sally");
	assert_false(facts.known);
	assert_int_equal(facts.credentials, 0);
	assert_int_equal(store_find_login(s, S("no@example.com"), S(N), &facts, &f->err), NONE);
	assert_int_equal(facts.account.address.n, 0);
	assert_int_equal(facts.credentials, 0);
	login_facts_release(&facts);
	store_close(s);
}

/* Not being able to see one of them would be taken for a wrong password. */
static void
test_too_many_credentials(void **state)
{
	struct fixture *f = *state;
	struct login_facts facts;

	raw(f->path,
	    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64) "
	    "INSERT INTO credential (mailbox, label, hash, created) "
	    "SELECT 'sally@example.com', 'n' || i, '{PLAIN}x', 1 FROM n");
	login_facts_init(&facts);
	must(store_find_login(f->s, S(SALLY), S(N), &facts, &f->err), &f->err, "64");
	assert_int_equal(facts.credentials, CREDENTIALS_MAX);
	assert_false(facts.cut);
	raw(f->path, "INSERT INTO credential (mailbox, label, hash, created) "
		     "VALUES ('sally@example.com', 'one more', '{PLAIN}x', 1)");
	must(store_find_login(f->s, S(SALLY), S(N), &facts, &f->err), &f->err, "65");
	assert_int_equal(facts.credentials, CREDENTIALS_MAX);
	assert_true(facts.cut);
	assert_true(slice_is(facts.credential[CREDENTIALS_MAX - 1].label, "n9"));
	assert_true(slice_is(facts.credential[CREDENTIALS_MAX - 1].hash, "{PLAIN}x"));
	raw(f->path, "DELETE FROM credential WHERE label = 'one more'");
	must(store_find_login(f->s, S(SALLY), S(N), &facts, &f->err), &f->err, "64 again");
	assert_false(facts.cut);
	login_facts_release(&facts);
}

static void
test_lookups_know_nothing_of_it(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_LOOKUP);
	struct login_facts facts;
	int64_t at;

	login_facts_init(&facts);
	assert_int_equal(store_find_login(s, S(HARRY), S(N), &facts, &f->err), RETRY);
	assert_int_equal(store_last_login(s, S(HARRY), &at, &f->err), RETRY);
	login_facts_release(&facts);
	store_close(s);
}

/* --- a fresh hash ------------------------------------------------------------------------------
 */

static void
test_rehash(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_RECORDER);
	int64_t id = last_change(f->path);
	struct sbuf out;

	sbuf_init(&out, 4096);
	must(store_rehash(s, S(HARRY), S(""), S("{PLAIN}one"), S("{ARGON2ID}new"), &f->err),
	    &f->err, "rehash");
	raw_rows(f->path, &out,
	    "SELECT who, what, subject, before = after, json_extract(secret_before, '$[0].hash'), "
	    "json_extract(secret_after, '$[0].hash') FROM change ORDER BY id DESC LIMIT 1");
	assert_string_equal(
	    sbuf_cstr(&out), "tester|user rehash|" HARRY "|1|{PLAIN}one|{ARGON2ID}new\n");
	assert_int_equal(last_change(f->path), id + 1);
	/* it is another one by now; or of another label; or of nobody */
	assert_int_equal(
	    store_rehash(s, S(HARRY), S(""), S("{PLAIN}one"), S("{PLAIN}x"), &f->err), NONE);
	assert_int_equal(
	    store_rehash(s, S(HARRY), S("phone"), S("{ARGON2ID}new"), S("{PLAIN}x"), &f->err),
	    NONE);
	assert_int_equal(
	    store_rehash(s, S("no@example.com"), S(""), S("{PLAIN}one"), S("{PLAIN}x"), &f->err),
	    NONE);
	assert_int_equal(last_change(f->path), id + 1);
	sbuf_clear(&out);
	raw_rows(f->path, &out, "SELECT hash FROM credential");
	assert_string_equal(sbuf_cstr(&out), "{ARGON2ID}new\n");
	sbuf_release(&out);
	store_close(s);
}

/* --- good logins -------------------------------------------------------------------------------
 */

static void
check_logins(const struct fixture *f, const char *expected)
{
	struct sbuf out;

	sbuf_init(&out, 1 << 20);
	raw_rows(f->path, &out, "SELECT * FROM login ORDER BY 1, 2, 3, 4");
	assert_string_equal(sbuf_cstr(&out), expected);
	sbuf_release(&out);
}

static void
test_record(void **state)
{
	const struct login_record many[] = {
		{ S(HARRY), S(N), S(""), S("imap"), 100 },
		{ S("gone@example.com"), S(N), S(""), S("imap"), 101 },
		{ S(HARRY), S(N), S(""), S("smtp"), 102 },
		{ S(HARRY), S(N), S(""), S("imap"), 103 },
		{ S(HARRY), S(N), S(""), S("imap"), 99 },
		{ S(SALLY), S(""), S("phone"), S("no word, this"), 104 },
		{ S(SALLY), S(""), S("revoked"), S("imap"), 105 },
	};
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_RECORDER);
	int64_t id;

	must(add_phone(f->s, SALLY, "phone", &f->err), &f->err, "phone");
	id = last_change(f->path);
	must(store_record_logins(s, many, ROWS(many), &f->err), &f->err, "record");
	check_logins(
	    f, HARRY "|" N "||imap|103\n" HARRY "|" N "||smtp|102\n" SALLY "||phone||104\n");
	must(store_record_logins(s, NULL, 0, &f->err), &f->err, "nothing to record");
	assert_int_equal(last_change(f->path), id);
	must(store_mailbox_remove(f->s, S(SALLY), true, &f->err), &f->err, "sally goes");
	must(store_mailbox_remove(f->s, S(HARRY), true, &f->err), &f->err, "harry goes");
	check_logins(f, "");
	store_close(s);
}

/* One that can never be recorded does not stand in the way of the others for ever. */
static void
test_record_odd_ones(void **state)
{
	static char long_text[200];
	const struct login_record many[] = {
		{ S(HARRY), S(N), S(""), S("imap"), 1 },
		{ S(HARRY), slice_of(long_text, 100), S(""), S("imap"), 2 },
		{ S(HARRY), S(N), slice_of(long_text, 100), S("imap"), 3 },
		{ S(HARRY), S(N), S(""), slice_of(long_text, 100), 4 },
		{ S(SALLY), S(N), S(""), S("imap"), 5 },
	};
	struct fixture *f = *state;

	memset(long_text, 'x', sizeof long_text);
	must(store_record_logins(f->s, many, ROWS(many), &f->err), &f->err, "record");
	check_logins(f, HARRY "|" N "|||4\n" HARRY "|" N "||imap|1\n" SALLY "|" N "||imap|5\n");
}

static int
count(const struct fixture *f, const char *sql)
{
	struct sbuf out;
	int n;

	sbuf_init(&out, 4096);
	raw_rows(f->path, &out, sql);
	n = atoi(sbuf_cstr(&out));
	sbuf_release(&out);
	return n;
}

/* The oldest go, but never the last of a credential; nobody else's do. */
static void
test_record_is_bounded(void **state)
{
	struct fixture *f = *state;
	char network[32];

	must(add_phone(f->s, HARRY, "printer", &f->err), &f->err, "printer");
	assert_int_equal(record(f->s, HARRY, N, "printer", "smtp", 10), FOUND);
	assert_int_equal(record(f->s, SALLY, N, "", "imap", 10), FOUND);
	for (int i = 0; i < 100; i++) {
		snprintf(network, sizeof network, "10.0.%d.0/24", i);
		assert_int_equal(record(f->s, HARRY, network, "", "imap", 1000 + i), FOUND);
	}
	assert_int_equal(
	    count(f, "SELECT count(*) FROM login WHERE mailbox = '" HARRY "'"), LOGINS_KEPT);
	assert_int_equal(count(f, "SELECT at FROM login WHERE label = 'printer'"), 10);
	assert_int_equal(count(f, "SELECT min(at) FROM login WHERE mailbox = '" HARRY "' "
				  "AND label = ''"),
	    1000 + 100 - (LOGINS_KEPT - 1));
	assert_int_equal(count(f, "SELECT count(*) FROM login WHERE mailbox = '" SALLY "'"), 1);
	/* all of them at the same moment: still bounded by what is new */
	for (int i = 0; i < 100; i++) {
		snprintf(network, sizeof network, "10.1.%d.0/24", i);
		assert_int_equal(record(f->s, SALLY, network, "", "imap", 5000), FOUND);
	}
	assert_in_range(count(f, "SELECT count(*) FROM login WHERE mailbox = '" SALLY "'"), 1, 101);
	assert_int_equal(record(f->s, SALLY, N, "", "imap", 6000), FOUND);
	assert_in_range(
	    count(f, "SELECT count(*) FROM login WHERE mailbox = '" SALLY "'"), 1, LOGINS_KEPT);
}

/* Somebody else writes: nothing is recorded then, and all of it later. */
static void
test_record_while_locked(void **state)
{
	const struct login_record many[] = {
		{ S(HARRY), S(N), S(""), S("imap"), 1 },
		{ S(SALLY), S(N), S(""), S("imap"), 2 },
	};
	struct fixture *f = *state;
	struct store *s = open_at(f->path, STORE_RECORDER);
	struct other other = other_open(f->path);

	other_begin(&other);
	store_deadline(s, 50);
	assert_int_equal(store_record_logins(s, many, 2, &f->err), RETRY);
	assert_non_null(strstr(f->err.text, "locked"));
	assert_int_equal(
	    store_rehash(s, S(HARRY), S(""), S("{PLAIN}one"), S("{PLAIN}x"), &f->err), RETRY);
	other_exec(&other, "COMMIT");
	other_close(&other);
	check_logins(f, "");
	store_deadline(s, 5000);
	must(store_record_logins(s, many, 2, &f->err), &f->err, "record");
	check_logins(f, HARRY "|" N "||imap|1\n" SALLY "|" N "||imap|2\n");
	store_close(s);
}

/* No room on the disk, half way through a batch: none of it, and all of it later. */
static void
test_record_on_a_full_disk(void **state)
{
	enum { MANY = 400 };
	static char names[MANY][64];
	static struct login_record many[MANY];
	struct fixture *f = *state;
	struct store *s;
	struct rlimit old, small;

	sqlite_only(); /* the limit is of this process, and so is the file */
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "u%d@example.com", i);
		must(mailbox_add(f->s, names[i], "", &f->err), &f->err, "add");
		many[i] = (struct login_record){ S(names[i]), S(N), S(""), S("imap"), i };
	}
	s = open_at(f->path, STORE_RECORDER);
	raw(f->path, "PRAGMA wal_checkpoint(TRUNCATE)");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 8192;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(store_record_logins(s, many, MANY, &f->err), RETRY);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	check_logins(f, "");
	must(store_record_logins(s, many, MANY, &f->err), &f->err, "record");
	assert_int_equal(count(f, "SELECT count(*) FROM login"), MANY);
	store_close(s);
}

/* --- looking at them ---------------------------------------------------------------------------
 */

struct lines {
	struct sbuf text;
	int left; /* rows that are still wanted */
};

static bool
put_login(void *arg, const struct login_row *row)
{
	struct lines *l = arg;

	sbuf_printf(&l->text, "%.*s|%.*s|%.*s|%lld\n", (int)row->network.n, row->network.p,
	    (int)row->label.n, row->label.p, (int)row->service.n, row->service.p,
	    (long long)row->at);
	return --l->left > 0;
}

static bool
put_app(void *arg, const struct app_password_row *row)
{
	struct lines *l = arg;

	sbuf_printf(&l->text, "%.*s|%.*s|%.*s|%lld|%lld\n", (int)row->label.n, row->label.p,
	    (int)row->services.n, row->services.p, (int)row->networks.n, row->networks.p,
	    (long long)row->expires, (long long)row->used);
	return --l->left > 0;
}

static bool
put_idle(void *arg, struct slice address, int64_t at)
{
	struct lines *l = arg;

	sbuf_printf(&l->text, "%.*s|%lld\n", (int)address.n, address.p, (long long)at);
	return --l->left > 0;
}

static void
lines_init(struct lines *l, int left)
{
	sbuf_init(&l->text, 1 << 20);
	l->left = left;
}

static void
lines_are(struct lines *l, const char *expected)
{
	assert_string_equal(sbuf_cstr(&l->text), expected);
	sbuf_release(&l->text);
}

static void
test_logins(void **state)
{
	struct fixture *f = *state;
	struct lines l;
	int64_t at = -1;

	must(add_phone(f->s, HARRY, "phone", &f->err), &f->err, "phone");
	lines_init(&l, 100);
	assert_int_equal(store_logins(f->s, S(HARRY), put_login, &l, &f->err), NONE);
	must(store_last_login(f->s, S(HARRY), &at, &f->err), &f->err, "last");
	assert_int_equal(at, 0);
	record(f->s, HARRY, N, "", "imap", 300);
	record(f->s, HARRY, N, "phone", "imap", 200);
	record(f->s, HARRY, "", "", "smtp", 400);
	record(f->s, HARRY, "10.0.0.0/24", "", "imap", 200);
	record(f->s, SALLY, N, "", "imap", 900);
	must(store_logins(f->s, S(HARRY), put_login, &l, &f->err), &f->err, "logins");
	lines_are(&l, "||smtp|400\n" N "||imap|300\n10.0.0.0/24||imap|200\n" N "|phone|imap|200\n");
	lines_init(&l, 2);
	must(store_logins(f->s, S(HARRY), put_login, &l, &f->err), &f->err, "two logins");
	lines_are(&l, "||smtp|400\n" N "||imap|300\n");
	must(store_last_login(f->s, S(HARRY), &at, &f->err), &f->err, "last");
	assert_int_equal(at, 400);
}

/* With its revocation goes what it made known. */
static void
test_app_passwords(void **state)
{
	struct fixture *f = *state;
	const struct app_password_new limited = { S("a printer"), S(TWO), S("smtp"), S(N), 2000 };
	struct lines l;

	lines_init(&l, 100);
	assert_int_equal(store_app_passwords(f->s, S(HARRY), put_app, &l, &f->err), NONE);
	must(add_phone(f->s, HARRY, "phone", &f->err), &f->err, "phone");
	must(store_app_password_add(f->s, S(HARRY), &limited, &f->err), &f->err, "printer");
	record(f->s, HARRY, N, "phone", "imap", 300);
	record(f->s, HARRY, N, "phone", "smtp", 500);
	record(f->s, HARRY, "10.0.0.0/24", "phone", "smtp", 400);
	record(f->s, HARRY, N, "", "smtp", 900);
	must(store_app_passwords(f->s, S(HARRY), put_app, &l, &f->err), &f->err, "list");
	lines_are(&l, "a printer|smtp|" N "|2000|0\nphone|||0|500\n");
	must(store_app_password_remove(f->s, S(HARRY), S("phone"), &f->err), &f->err, "remove");
	check_logins(f, HARRY "|" N "||smtp|900\n");
	lines_init(&l, 1);
	must(store_app_passwords(f->s, S(HARRY), put_app, &l, &f->err), &f->err, "list");
	lines_are(&l, "a printer|smtp|" N "|2000|0\n");
}

static void
test_idle(void **state)
{
	struct fixture *f = *state;
	struct lines l;

	must(domain_add(f->s, "second.test", "mailbox", "", &f->err), &f->err, "domain");
	must(mailbox_add(f->s, "ann@second.test", "", &f->err), &f->err, "ann");
	must(mailbox_add(f->s, "bob@second.test", "", &f->err), &f->err, "bob");
	raw(f->path, "UPDATE mailbox SET created = 10; "
		     "UPDATE mailbox SET created = 600 WHERE address = 'bob@second.test'");
	record(f->s, HARRY, N, "", "imap", 300);
	record(f->s, HARRY, N, "", "smtp", 501);
	record(f->s, SALLY, N, "", "imap", 499);
	lines_init(&l, 100);
	must(store_idle_mailboxes(f->s, S(""), 500, S(""), put_idle, &l, &f->err), &f->err, "idle");
	lines_are(&l, "ann@second.test|0\n" SALLY "|499\n");
	lines_init(&l, 100);
	must(store_idle_mailboxes(f->s, S("second.test"), 700, S(""), put_idle, &l, &f->err),
	    &f->err, "idle");
	lines_are(&l, "ann@second.test|0\nbob@second.test|0\n");
	lines_init(&l, 100);
	must(store_idle_mailboxes(f->s, S(""), 500, S("ann@second.test"), put_idle, &l, &f->err),
	    &f->err, "idle behind ann");
	lines_are(&l, SALLY "|499\n");
	lines_init(&l, 100);
	assert_int_equal(store_idle_mailboxes(f->s, S(""), 5, S(""), put_idle, &l, &f->err), NONE);
	lines_are(&l, "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, full_setup, teardown)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_refusals),
		CASE(test_app_passwords_are_bounded),
		CASE(test_odd_labels_can_go),
		CASE(test_find_login),
		CASE(test_too_many_credentials),
		CASE(test_lookups_know_nothing_of_it),
		CASE(test_rehash),
		CASE(test_record),
		CASE(test_record_odd_ones),
		CASE(test_record_is_bounded),
		CASE(test_record_while_locked),
		CASE(test_record_on_a_full_disk),
		CASE(test_logins),
		CASE(test_app_passwords),
		CASE(test_idle),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
