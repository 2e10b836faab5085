/* SPDX-License-Identifier: ISC
 *
 * foreign: single values as others write them, and what comes out of small sources in each
 * container: which objects, and which remarks with which lines. Whole systems are imported in
 * tests/integration.
 */
#include "foreign/foreign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/shortage.h"
#include "foreign/convert.h"
#include "foreign/postmap.h"

/* --- values ----------------------------------------------------------------------------------- */

static const struct size {
	const char *text;
	int64_t unit;
	int64_t expected; /* -1: it is none */
} sizes[] = {
	{ "0", 1, 0 },
	{ "", 1, 0 },
	{ "-1", 1, 0 },
	{ "unlimited", 1, 0 },
	{ "None", 1, 0 },
	{ "1024", 1, 1024 },
	{ "1024", 1024, 1048576 },
	{ "5G", 1, (int64_t)5 << 30 },
	{ "5g", 1048576, (int64_t)5 << 30 },
	{ "100MB", 1, 100 << 20 },
	{ "100 MiB", 1, 100 << 20 },
	{ "7B", 1024, 7 },
	{ "20971520S,100C", 1, 20971520 },
	{ "20971520S", 1024, 20971520 },
	{ "9223372036854775807", 1, INT64_MAX },
	{ "9223372036854775808", 1, -1 },
	{ "9007199254740992K", 1, -1 },
	{ "1.5G", 1, -1 },
	{ "G", 1, -1 },
	{ "5X", 1, -1 },
	{ "5GG", 1, -1 },
	{ "20S0", 1, -1 },
};

static void
test_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		const struct size *s = &sizes[i];
		int64_t got;
		bool ok = convert_size(slice_str(s->text), s->unit, &got);

		if (ok != (s->expected >= 0) || (ok && got != s->expected))
			fail_msg("'%s': %d, %lld", s->text, ok, (long long)got);
	}
}

static const struct when {
	const char *text;
	int64_t expected;
} whens[] = {
	{ "", 0 },
	{ "never", 0 },
	{ "0000-00-00 00:00:00", 0 },
	{ "9999-12-31 00:00:00", 0 },
	{ "1970-01-01 01:01:01", 0 },
	{ "2020-02-29 12:00:00", 1582977600 },
	{ "2020-02-29", 1582934400 },
	{ "2020-02-29T12:00:00Z", 1582977600 },
	{ "2020-02-29 12:00:00.123456+01", 1582974000 },
	{ "2020-02-29 12:00:00-03:30", 1582990200 },
	{ "2020-02-29 12:00:00+0000", 1582977600 },
	{ "2000-03-01 00:00:00", 951868800 },
	{ "1582977600", 1582977600 },
	{ "2020-13-01", 0 },
	{ "2020/02/29", 0 },
};

static void
test_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof whens / sizeof whens[0]; i++) {
		int64_t got = convert_time(slice_str(whens[i].text));

		if (got != whens[i].expected)
			fail_msg("'%s': %lld", whens[i].text, (long long)got);
	}
}

static void
test_lists(void **state)
{
	struct slice list = slice_str(" a@b,\t\"c, d\"@e ,,f\\ g@h\n"), one;

	(void)state;
	assert_true(convert_next(&list, &one) && slice_is(one, "a@b"));
	assert_true(convert_next(&list, &one) && slice_is(one, "\"c, d\"@e"));
	assert_true(convert_next(&list, &one) && slice_is(one, "f\\ g@h"));
	assert_false(convert_next(&list, &one));
}

/* --- sources ---------------------------------------------------------------------------------- */

/* What came out, a line for each object and remark. */
static struct sbuf told;

static void
say(void *arg, enum foreign_remark remark, const struct foreign_place *at, const char *text)
{
	(void)arg;
	sbuf_printf(
	    &told, "%s %zu: %.60s\n", remark == REMARK_NOTE ? "note" : "skipped", at->line, text);
}

static void
put_object(const struct foreign_object *o)
{
	static const char *const kinds[] = { [RECORD_DOMAIN] = "domain",
		[RECORD_MAILBOX] = "mailbox",
		[RECORD_ALIAS] = "alias",
		[RECORD_ENTRY] = "entry" };
	const struct record *r = &o->record;

	if (o->gone)
		sbuf_add_str(&told, "no ");
	sbuf_printf(&told, "%s %.*s", kinds[r->kind], (int)r->name.n, r->name.p);
	for (size_t i = 0; i < r->n_targets; i++)
		sbuf_printf(&told, " %.*s", (int)r->targets[i].n, r->targets[i].p);
	if (r->disabled)
		sbuf_add_str(&told, " disabled");
	if ((r->said & RECORD_QUOTA) != 0)
		sbuf_printf(&told, " quota=%lld", (long long)r->quota);
	if ((r->said & RECORD_MAIL) != 0)
		sbuf_printf(&told, " mail=%.*s", (int)r->mail.n, r->mail.p);
	if ((r->said & RECORD_IDS) != 0)
		sbuf_printf(&told, " ids=%u:%u", r->uid, r->gid);
	if ((r->said & RECORD_HOME) != 0)
		sbuf_printf(&told, " home=%.*s", (int)r->home.n, r->home.p);
	if (r->note.n > 0)
		sbuf_printf(&told, " note=%zu", r->note.n);
	for (size_t i = 0; i < r->credentials; i++)
		sbuf_printf(&told, " %.*s%s%.12s", (int)r->credential[i].label.n,
		    r->credential[i].label.p, r->credential[i].label.n > 0 ? ":" : "",
		    r->credential[i].hash.p);
	if (o->clear.n > 0)
		sbuf_printf(&told, " clear=%.*s", (int)o->clear.n, o->clear.p);
	if (r->kind == RECORD_ENTRY)
		sbuf_printf(
		    &told, " %.*s=%.*s", (int)r->map.n, r->map.p, (int)r->value.n, r->value.p);
	sbuf_add_chr(&told, '\n');
}

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define DES     "q0l0DK0JlQshk"
#define MD5     "3cb4e732631f47e6eb961f34554b7cde"

static const struct source {
	const char *name;
	const char *format;
	const char *table;
	const char *columns;
	const char *text;
	const char *expected;
} sources[] = {
	{ "CSV with quotes, commas and lines in cells", "tables", "users", "",
	    "Email,Password,Note\r\n\"a@b.test\",{PLAIN-MD5}" MD5 ",\"x, \"\"y\"\"\nz\"\r\n"
	    "\"c@b.test\",,\nshort,row\nd@b.test,\"{PLAIN}p\"\"w\",\n",
	    "skipped 5: it has not as many cells as there are columns\n"
	    "domain b.test\nmailbox a@b.test {PLAIN-MD5}3\nmailbox c@b.test\n"
	    "mailbox d@b.test clear=p\"w\n" },
	{ "TSV as mysql writes it", "tables", "users", "",
	    "email\tpassword\tquota\na@b.test\tNULL\t1024\nc@b.test\t{PLAIN}t\\\\n\\tb\tNULL\n",
	    "skipped 3: 'c@b.test' comes without a password: nobody could log in wit\n"
	    "domain b.test\nmailbox a@b.test quota=1024\nmailbox c@b.test quota=0\n" },
	{ "semicolons, and columns of one's own", "tables", "users", "email=konto,quota=platz",
	    "konto;platz\na@b.test;5G\n", "domain b.test\nmailbox a@b.test quota=5368709120\n" },
	{ "no line of columns", "tables", "users", "email,-,quota", "a@b.test\twhatever\t7\n",
	    "domain b.test\nmailbox a@b.test quota=7\n" },
	{ "aliases of several rows, told by their columns", "tables", "x", "",
	    "source,destination\na@b.test,c@d.test\na@b.test,\"e@f.test, "
	    "a@b.test\"\n*@b.test,g@h\n",
	    "domain b.test\nalias a@b.test c@d.test e@f.test a@b.test\nalias @b.test g@h\n" },
	{ "aliases of several rows, some of them switched off", "tables", "aliases", "",
	    "source,destination,active\na@b.test,c@d.test,1\na@b.test,e@f.test,0\n"
	    "e@b.test,e@f.test,0\ne@b.test,\"c@d.test, g@h\",0\ng@b.test,c@d.test,0\n"
	    "g@b.test,c@d.test,1\nh@b.test,,0\nh@b.test,c@d.test,1\n",
	    "note 3: 'e@f.test', to which 'a@b.test' led, is switched off and lef\n"
	    "domain b.test\nalias a@b.test c@d.test\nalias e@b.test e@f.test c@d.test g@h "
	    "disabled\nalias g@b.test c@d.test\nalias h@b.test c@d.test disabled\n" },
	{ "what is not there", "postfixadmin", "", "",
	    "INSERT INTO domain (domain,active) VALUES ('b.test',1),('own.test',1);"
	    "INSERT INTO alias_domain (alias_domain,target_domain,active) VALUES "
	    "('off.test','b.test',0),('own.test','b.test',0),('on.test','b.test',0),"
	    "('on.test','b.test',1);INSERT INTO mailbox (username) VALUES ('a@b.test');\nINSERT "
	    "INTO alias (address,goto,active) VALUES ('a@b.test','a@b.test',1),('b@b.test','',1),"
	    "('c@b.test','|cmd',1);",
	    "note 1: the alias domain 'off.test' is switched off\n"
	    "note 1: the alias domain 'own.test' is switched off\n"
	    "note 1: the alias domain 'on.test' is switched off\n"
	    "skipped 2: 'c@b.test' leads to '|cmd', a command or a file: only local(\n"
	    "note 2: 'b@b.test' leads nowhere\n"
	    "domain b.test\ndomain own.test\nno domain off.test\ndomain on.test\n"
	    "mailbox a@b.test\nno alias a@b.test\nno alias b@b.test\n" },
	{ "entries that are switched off", "mailcow", "", "",
	    "INSERT INTO bcc_maps (local_dest,bcc_dest,type,active) VALUES "
	    "('a@b.test','c@d.test','sender',0),('e@b.test','c@d.test','sender',0),"
	    "('e@b.test','f@d.test','sender',1),('e@b.test','g@d.test','sender',0),"
	    "('e@b.test','g@d.test','other',0);",
	    "note 1: 'a@b.test' is switched off\nnote 1: 'e@b.test' is switched off\n"
	    "note 1: 'e@b.test' is switched off\nnote 1: 'e@b.test' is switched off\n"
	    "no entry a@b.test sender-bcc=\nentry e@b.test sender-bcc=f@d.test\n" },
	{ "aliases whose targets are in another table, which is not there", "iredmail", "", "",
	    "INSERT INTO alias (address) VALUES ('a@b.test');",
	    "note 1: 'a@b.test' leads nowhere\n" },
	{ "and where it is", "iredmail", "", "",
	    "INSERT INTO alias (address) VALUES ('a@b.test'),('c@b.test');INSERT INTO forwardings "
	    "(address,forwarding) VALUES ('c@b.test','d@b.test');",
	    "note 1: 'a@b.test' leads nowhere\n"
	    "domain b.test\nno alias a@b.test\nalias c@b.test d@b.test\n" },
	{ "forwards of mailboxes", "mailu", "", "",
	    "INSERT INTO user (email,forward_enabled,forward_destination,forward_keep) VALUES "
	    "('a@b.test',1,'c@d.test',1),('e@b.test',0,'c@d.test',1),('f@b.test',1,'|x',0);",
	    "skipped 1: 'f@b.test' leads to '|x', a command or a file: only local(8)\n"
	    "domain b.test\nmailbox a@b.test\nmailbox e@b.test\nmailbox f@b.test\n"
	    "alias a@b.test c@d.test a@b.test\nno alias e@b.test\n" },
	{ "one table of domains", "tables", "domains", "", "domain\nB.test\nno domain\n",
	    "skipped 3: 'no domain' is no domain name: write it like 'example.com'\ndomain "
	    "b.test\n" },
	{ "MySQL: backslashes, several rows, comments", "tables", "", "",
	    "/*!40101 SET NAMES utf8 */;\nCREATE TABLE `users` (`email` varchar(9) DEFAULT 'a,b', "
	    "`password` text, PRIMARY KEY (`email`));\n-- it's\nINSERT INTO `users` VALUES\n"
	    "('o\\'x@b.test','{PLAIN}\\\\a''b'),\n('c@b.test',NULL);\n",
	    "domain b.test\nmailbox o'x@b.test clear=\\a'b\nmailbox c@b.test\n" },
	{ "PostgreSQL: COPY, casts, dollars", "tables", "", "",
	    "CREATE FUNCTION f() AS $$ INSERT INTO users; ' $$;\nCOPY public.users (email, "
	    "password, "
	    "created) FROM stdin;\na@b.test\t{PLAIN}x\\\\y\t\\N\n\\.\nINSERT INTO public.users "
	    "(password, email) VALUES ('{PLAIN}a\\b'::text, 'c@b.test');\n",
	    "domain b.test\nmailbox a@b.test clear=x\\y\nmailbox c@b.test clear=a\\b\n" },
	{ "statements that compute", "tables", "", "",
	    "INSERT INTO users (email, password) VALUES ('a@b.test', md5('x')), "
	    "(lower('B@b.test'), "
	    "'{PLAIN}y');",
	    "skipped 1: 'a@b.test' comes without a password: it is computed when the\n"
	    "skipped 1: its 'email' is computed when the statement runs: dump the ta\n"
	    "domain b.test\nmailbox a@b.test\n" },
	{ "names of app passwords become labels", "mailu", "", "",
	    "CREATE TABLE user (email text, password text);"
	    "INSERT INTO user VALUES ('a@b.test','{PLAIN-MD5}" MD5 "');"
	    "CREATE TABLE token (user_email text, password text, comment text, id text);"
	    "INSERT INTO token VALUES "
	    "('a@b.test','{PLAIN-MD5}" MD5 "','" TEN TEN TEN TEN "123456789\xc3\xa9t\xc3\xa9',1),"
	    "('a@b.test','{PLAIN-MD5}" MD5 "','" TEN TEN TEN TEN "12345678\xc3\xa9t\xc3\xa9',2),"
	    "('a@b.test','{PLAIN-MD5}" MD5 "','two\nlines',3),"
	    "('a@b.test','{PLAIN-MD5}" MD5 "',' phone ',4),"
	    "('a@b.test','{PLAIN-MD5}" MD5 "','phone',5),"
	    "('a@b.test','{PLAIN-MD5}" MD5 "','phone','" TEN TEN TEN TEN TEN TEN "'),"
	    "('a@b.test','{PLAIN-MD5}" MD5 "','phone','6 '),"
	    "('a@b.test','{PLAIN-MD5}" MD5 "','caf\xe9',7),"
	    "('a@b.test','{PLAIN-MD5}" MD5 "',NULL,NULL),"
	    "('a@b.test','{PLAIN-MD5}" MD5 "',' ',NULL);",
	    "note 1: an app password of 'a@b.test' is called '" TEN "012345678\n"
	    "note 1: an app password of 'a@b.test' is called '" TEN "012345678\n"
	    "note 1: an app password of 'a@b.test' is called 'two lines' here: wh\n"
	    "note 2: an app password of 'a@b.test' is called 'app password' here:\n"
	    "domain b.test\nmailbox a@b.test {PLAIN-MD5}3 app password 3:{PLAIN-MD5}3"
	    " app password 2:{PLAIN-MD5}3 app password:{PLAIN-MD5}3 phone 3:{PLAIN-MD5}3 phone "
	    "2:{PLAIN-MD5}3"
	    " phone 5:{PLAIN-MD5}3 phone:{PLAIN-MD5}3 two lines:{PLAIN-MD5}3 " TEN TEN TEN TEN
	    "12345678\xc3\xa9:{PLAIN-MD5}3 " TEN TEN TEN TEN "123456789:{PLAIN-MD5}3\n" },
	{ "a note is cut between characters", "tables", "aliases", "",
	    "source,destination,comment\na@b.test,c@d.test," HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
		HUNDRED HUNDRED HUNDRED HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN
	    "12345678\xc3\xa9x\n",
	    "domain b.test\nalias a@b.test c@d.test note=1000\n" },
	{ "a dump that is cut off in a row", "tables", "", "",
	    "CREATE TABLE users (email text, password text);INSERT INTO users VALUES ('a@b.test','"
	    "{PLAIN}x'),\n('c@b",
	    "skipped 2: the file ends in the middle of this row\n"
	    "domain b.test\nmailbox a@b.test clear=x\n" },
	{ "a dump that is cut off behind a row", "tables", "", "",
	    "CREATE TABLE log (a text);\nINSERT INTO users (email) VALUES ('a@b.test')",
	    "skipped 2: the file ends in the middle of what begins in this line\n"
	    "domain b.test\nmailbox a@b.test\n" },
	{ "a dump that is cut off in a table that does not matter", "tables", "", "",
	    "INSERT INTO users (email) VALUES ('a@b.test');\nINSERT INTO log VALUES ('x;",
	    "skipped 2: the file ends in the middle of what begins in this line\n"
	    "domain b.test\nmailbox a@b.test\n" },
	{ "a dump that is cut off in COPY", "tables", "", "",
	    "COPY users (email) FROM stdin;\na@b.test\nc@b.te",
	    "skipped 3: the file ends in the middle of the rows of a table\n"
	    "domain b.test\nmailbox a@b.test\n" },
	{ "the end of COPY is the end of the file", "tables", "", "",
	    "COPY users (email) FROM stdin;\na@b.test\n\\.", "domain b.test\nmailbox a@b.test\n" },
	{ "a dump that lacks its last line", "tables", "", "",
	    "-- MySQL dump 10.13\nINSERT INTO users (email) VALUES ('a@b.test');\n",
	    "skipped 3: the file ends here without the line that ends such a dump: s\n"
	    "domain b.test\nmailbox a@b.test\n" },
	{ "a dump of sqlite3 that is cut off between statements", "tables", "", "",
	    "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nINSERT INTO users (email) VALUES "
	    "('a@b.test');\n",
	    "skipped 2: the file ends before the transaction does that begins in thi\n"
	    "domain b.test\nmailbox a@b.test\n" },
	{ "a dump that sqlite3 gave up", "tables", "", "",
	    "BEGIN TRANSACTION;\nINSERT INTO users (email) VALUES ('a@b.test');\nROLLBACK; -- due "
	    "to errors\n",
	    "skipped 3: ROLLBACK: whatever wrote this dump could not read all of the\n"
	    "domain b.test\nmailbox a@b.test\n" },
	{ "a dump of today's pg_dump", "tables", "", "",
	    "--\n-- PostgreSQL database dump\n--\n\n\\restrict aB'c\n\nSET x = 0;\nCREATE UNLOGGED "
	    "TABLE public.users (\n    email text\n);\nINSERT INTO public.users OVERRIDING SYSTEM "
	    "VALUE VALUES ('a@b.test');\nINSERT INTO public.users (email) OVERRIDING USER VALUE "
	    "VALUES ('c@b.test');\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict "
	    "aB'c\n",
	    "domain b.test\nmailbox a@b.test\nmailbox c@b.test\n" },
	{ "all ways to write INSERT", "tables", "", "",
	    "CREATE TABLE users (email text);\nINSERT DELAYED INTO users VALUES ('1@b.test');\n"
	    "INSERT LOW_PRIORITY IGNORE INTO users VALUES ('2@b.test') ON CONFLICT DO NOTHING;\n"
	    "INSERT users VALUE ('3@b.test');\nREPLACE users VALUES ('4@b.test');\n"
	    "INSERT HIGH_PRIORITY INTO users SET email = '5@b.test', quota='7';\n"
	    "INSERT OR REPLACE INTO users VALUES ('6@b.test');\nREPLACE DELAYED users SET\n"
	    "email='7@b.test'",
	    "skipped 8: the file ends in the middle of what begins in this line\n"
	    "domain b.test\nmailbox 1@b.test\nmailbox 2@b.test\nmailbox 3@b.test\n"
	    "mailbox 4@b.test\nmailbox 6@b.test\nmailbox 7@b.test\nmailbox 5@b.test quota=7\n" },
	{ "what brings rows and cannot be read", "tables", "", "",
	    "CREATE TABLE users (email text);\nINSERT INTO users SELECT 'a@b.test';\n"
	    "INSERT INTO users (SELECT 'a@b.test');\nINSERT INTO users VALUES ('1@b.test'), 'x';\n"
	    "INSERT INTO users VALUES ('2@b.test') ('3@b.test');\nINSERT INTO users SET email;\n"
	    "INSERT INTO log SELECT 'x';\nUPDATE users SET email='x';\nDELETE FROM users;\n"
	    "UPDATE log SET email='x';\nCOPY users FROM '/tmp/x';\nCOPY users FROM stdin CSV;\n"
	    "4@b.test\n\\.\nCOPY aliases FROM stdin;\nx\n\\.\n",
	    "skipped 2: rows that do not stand in the statement: dump the table itse\n"
	    "skipped 3: rows that do not stand in the statement: dump the table itse\n"
	    "skipped 4: this row is not understood: it is left out, and what follows\n"
	    "skipped 5: what stands here, behind a row, is not understood\n"
	    "skipped 6: this row is not understood: it is left out\n"
	    "skipped 8: this statement changes rows that were read before it, and is\n"
	    "skipped 9: this statement changes rows that were read before it, and is\n"
	    "skipped 11: rows that stand in another file\n"
	    "skipped 12: rows in a form that is not understood\n"
	    "skipped 15: rows of a table of which nobody said what its columns are ca\n"
	    "domain b.test\nmailbox 1@b.test\nmailbox 2@b.test\n" },
	{ "all ways to write a value", "tables", "", "",
	    "INSERT INTO users (email, home) VALUES\n(X'6140622e74657374','/1'),\n"
	    "(0x6340622e74657374,N'/2'),\n(_latin1'd@b.test' COLLATE latin1_bin,_binary X'2f33'),\n"
	    "(\"e@b.test\",\"/4, '\"),\n(E'f\\x40b\\056te\\u0073t','/5'::character varying(80)),\n"
	    "('g@' 'b.test','/6'),\n('h'||'@b.test','/7'),\n(0x680,'/8'),\n(name,'/9');\n",
	    "skipped 7: its 'email' is computed when the statement runs: dump the ta\n"
	    "skipped 8: its 'email' is computed when the statement runs: dump the ta\n"
	    "skipped 9: its 'email' is computed when the statement runs: dump the ta\n"
	    "skipped 10: its 'email' is computed when the statement runs: dump the ta\n"
	    "domain b.test\nmailbox a@b.test home=/1\nmailbox c@b.test home=/2\n"
	    "mailbox d@b.test home=/3\nmailbox e@b.test home=/4, '\nmailbox f@b.test home=/5\n" },
	{ "what sqlite3 makes of lines and odd characters", "tables", "", "",
	    "PRAGMA foreign_keys=OFF;\nCREATE TABLE `users` (`email`, `home`);\nINSERT INTO users "
	    "VALUES('a@b.test',replace(replace('/a\\r\\n\\b','\\n',char(10)),'\\r',char(13))),\n"
	    "('b@b.test',unistr('/\\u0062\\\\\\0062\\+000062\\U00000062')),\n"
	    "('c@b.test',replace('x','y',char(120,121))),('d@b.test',unistr('\\u00')),\n"
	    "('e@b.test','/\\');\n",
	    "skipped 5: its 'home' is computed when the statement runs: dump the tab\n"
	    "skipped 5: its 'home' is computed when the statement runs: dump the tab\n"
	    "domain b.test\nmailbox a@b.test home=/a\r\n\\b\nmailbox b@b.test home=/b\\bbb\n"
	    "mailbox e@b.test home=/\\\n" },
	{ "a note that is computed", "tables", "", "",
	    "INSERT INTO aliases (source, destination, comment) VALUES ('a@b.test','c@d.test',"
	    "upper('x'));",
	    "note 1: its 'comment' is computed when the statement runs, and is no\n"
	    "domain b.test\nalias a@b.test c@d.test\n" },
	{ "what functions and triggers do is not done", "tables", "", "",
	    "CREATE TABLE users (email text);\nCREATE FUNCTION f() AS $_$ INSERT INTO users VALUES "
	    "($1); ' $_$;\nCREATE TRIGGER t AFTER INSERT ON users BEGIN\nINSERT INTO users VALUES "
	    "('x@b.test');\nSELECT CASE 1 WHEN 1 THEN 2 END;\nEND;\nDELIMITER ;;\nCREATE "
	    "DEFINER=`r` PROCEDURE p() BEGIN INSERT INTO users SELECT 1; IF 1 THEN SELECT 2; END "
	    "IF; END ;;\nDELIMITER ;\nINSERT INTO users VALUES ('a@b.test');\n",
	    "domain b.test\nmailbox a@b.test\n" },
	{ "a passwd-file", "passwd-file", "", "",
	    "# comment\na@b.test:" DES ":5000:5000:gecos:/home/a::userdb_quota_rule=*:storage=1G "
	    "userdb_mail=maildir:/m\n\nlocked:!:::::\nnologin@b.test:{PLAIN}x::::::nologin=y\n"
	    "plain@b.test:notahash\nnocolon\na@b.test:{PLAIN}y\n",
	    "skipped 7: this is no line of such a file\n"
	    "note 5: 'nologin@b.test' gets mail but may not log in: it comes rece\n"
	    "skipped 6: 'plain@b.test' comes without a password: what is stored as '\n"
	    "skipped 8: 'a@b.test' is in line 2 already, which counts\n"
	    "domain b.test\ndomain d.test\n"
	    "mailbox a@b.test quota=1073741824 mail=maildir:/m ids=5000:5000 home=/home/a "
	    "{CRYPT}q0l0D\n"
	    "mailbox locked@d.test\nmailbox nologin@b.test\nmailbox plain@b.test\n" },
	{ "users and groups by name, and odd fields", "passwd-file", "", "",
	    "1@b.test:" DES ":vmail:5000\n2@b.test:" DES ":vmail:mail\n3@b.test:" DES ":who:5000\n"
	    "4@b.test:" DES ":5000\n5@b.test:" DES "::::::uid=vmail userdb_gid=7 home=/5\n"
	    "6@b.test:" DES "::::::userdb_quota_rule=Trash:storage=100M userdb_quota_rule2=*:"
	    "storage=5G:messages=7\n"
	    "7@b.test::::::nopassword:quota_rule=?:bytes=9 nopassword proxy=y host=h "
	    "pass=secret\n",
	    "skipped 3: there is no user 'who' on this host: '3@b.test' comes withou\n"
	    "note 6: the quota rule 'Trash:storage=100M' of '6@b.test' is not car\n"
	    "note 6: the quota rule '*:storage=5G:messages=7' of '6@b.test' is no\n"
	    "note 7: of '7@b.test' is not carried over: nopassword, proxy, host, \n"
	    "domain b.test\nmailbox 1@b.test ids=77:5000 {CRYPT}q0l0D\n"
	    "mailbox 2@b.test ids=77:88 {CRYPT}q0l0D\nmailbox 3@b.test {CRYPT}q0l0D\n"
	    "mailbox 4@b.test ids=5000:0 {CRYPT}q0l0D\n"
	    "mailbox 5@b.test ids=77:7 home=/5 {CRYPT}q0l0D\n"
	    "mailbox 6@b.test quota=5368709120 {CRYPT}q0l0D\nmailbox 7@b.test quota=9\n" },
	{ "a passwd-file of 2.4", "passwd-file", "", "",
	    "a@b.test:" DES "::::::userdb_mail_path=~/Maildir userdb_mail_index_path=/var/index "
	    "userdb_mail_driver=maildir\nb@b.test:" DES "::::::userdb_mail=mdbox:~/m "
	    "userdb_mail_driver=maildir\n",
	    "domain b.test\n"
	    "mailbox a@b.test mail=maildir:~/Maildir:INDEX=/var/index {CRYPT}q0l0D\n"
	    "mailbox b@b.test mail=mdbox:~/m {CRYPT}q0l0D\n" },
	{ "virtual(5)", "postfix-virtual", "", "",
	    "b.test anything\n@b.test a@c.test\nroot you\nx@b.test |cmd\n  , y@c.test\n  \n/re/ z\n"
	    "key\n",
	    "skipped 4: 'x@b.test' leads to '|cmd', a command or a file: only local(\n"
	    "skipped 7: '/re/' is a regular expression: make a pattern of it, user*@\n"
	    "note 8: 'key' leads nowhere\n"
	    "domain b.test\ndomain d.test\nalias @b.test a@c.test\nalias root you@d.test\n"
	    "alias x@b.test y@c.test\nno alias key\n" },
	{ "virtual_mailbox_maps", "postfix-mailbox", "", "",
	    "a@b.test b.test/a/\nm@b.test b.test/m\n@b.test all/\nc.test OK\n"
	    "/^(.*)@b\\.test$/ x/\n",
	    "skipped 3: '@b.test' is a mailbox for everybody: make a catch-all that \n"
	    "skipped 5: '/^(.*)@b\\.test$/' is a regular expression: name the mailbox\n"
	    "domain c.test\ndomain b.test\nmailbox a@b.test mail=maildir:/base/b.test/a\n"
	    "mailbox m@b.test mail=mbox:/base/b.test/m.d:INBOX=/base/b.test/m\n" },
	{ "aliases(5)", "postfix-aliases", "", "",
	    "root: you\n\"a b\": c@d.test\nlist: :include:/x, /dev/null, \"|cmd a, b\", e@f\nodd\n"
	    "more: a@b\n , c@d\n",
	    "skipped 4: there is no ':' behind a name\n"
	    "skipped 2: '\"a b\"' is no address: write it like 'name@example.com'\n"
	    "skipped 3: 'list' leads to ':include:/x', a command or a file: only loc\n"
	    "skipped 3: 'list' leads to '/dev/null', a command or a file: only local\n"
	    "skipped 3: 'list' leads to '\"|cmd a, b\"', a command or a file: only loc\n"
	    "domain d.test\nalias root you@d.test\nalias list e@f\nalias more a@b c@d\n" },
	{ "transport(5)", "postfix-transport", "", "",
	    "b.test smtp:[h]\nB.test other:\n.b.test virtual:\n* x:\nif /x/\n/^a@b\\.test$/i "
	    "x:\n!/y/ x:\nendif\n/a/b@b.test x:\n",
	    "skipped 2: the key 'B.test' is in line 1 already, which counts\n"
	    "note 3: '.b.test' went to virtual(8), which cannot ask vmaild: virtu\n"
	    "skipped 5: '/x/' is a regular expression: leave it in a regexp: or pcre\n"
	    "skipped 6: '/^a@b\\.test$/i' is a regular expression: leave it in a rege\n"
	    "skipped 7: '!/y/' is a regular expression: leave it in a regexp: or pcr\n"
	    "skipped 8: 'endif' is a regular expression: leave it in a regexp: or pc\n"
	    "entry b.test transports=smtp:[h]\nentry * transports=x:\n"
	    "entry /a/b@b.test transports=x:\n" },
};

static bool
id_of_name(struct slice name, bool group, unsigned *id)
{
	*id = group ? 88 : 77;
	return slice_is(name, group ? "mail" : "vmail");
}

/* Read a source, and tell what came out: with remarks, if SAY is there to take them, and from the
 * allocation AT on without memory, if it is not 0. Tells how many there were in *SEEN. */
static enum outcome
read_source(const struct source *s,
    void (*say_it)(void *arg, enum foreign_remark, const struct foreign_place *, const char *),
    unsigned at, unsigned *seen, struct error *err)
{
	struct foreign_options options = { .domain = slice_str("d.test"),
		.base = slice_str("/base"),
		.columns = slice_str(s->columns),
		.cost = password_default_cost,
		.id = id_of_name,
		.say = say_it };
	struct foreign *f = foreign_new(&options);
	struct foreign_object *o;
	enum outcome done;

	assert_non_null(f);
	sbuf_clear(&told);
	shortage_begin(at, false);
	foreign_use(f, format_by_name(s->format));
	done = foreign_text(f, "f", slice_str(s->table), slice_str(s->text), err);
	if (done == FOUND)
		done = foreign_settle(f, err);
	shortage_end();
	*seen = shortage.seen;
	for (size_t k = 0; done == FOUND && (o = foreign_object_at(f, k)) != NULL; k++)
		put_object(o);
	foreign_free(f);
	return done;
}

static void
test_sources(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
		const struct source *s = &sources[i];
		struct error err = { "" };
		unsigned seen;

		if (read_source(s, say, 0, &seen, &err) != FOUND)
			fail_msg("%s: %s", s->name, err.text);
		if (strcmp(sbuf_cstr(&told), s->expected) != 0)
			fail_msg(
			    "%s:\n%s--- expected:\n%s", s->name, sbuf_cstr(&told), s->expected);
	}
}

static void
say_nothing(void *arg, enum foreign_remark remark, const struct foreign_place *at, const char *text)
{
	(void)arg;
	(void)remark;
	(void)at;
	(void)text;
}

/* Nothing is left out, or cut short, for want of memory: all of it comes out, or none. */
static void
test_shortage(void **state)
{
	(void)state;
	if (!shortage_replaced)
		skip();
	for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
		const struct source *s = &sources[i];
		struct error err = { "" };
		unsigned all, seen;
		char *whole;

		assert_int_equal(read_source(s, say_nothing, 0, &all, &err), FOUND);
		whole = strdup(sbuf_cstr(&told));
		for (unsigned at = 1; at <= all; at++) {
			enum outcome done = read_source(s, say_nothing, at, &seen, &err);

			if (done != RETRY &&
			    (done != FOUND || strcmp(sbuf_cstr(&told), whole) != 0))
				fail_msg("%s, without the allocation %u of %u: %d '%s'\n%s",
				    s->name, at, all, done, err.text, sbuf_cstr(&told));
		}
		free(whole);
	}
}

static const struct guess {
	const char *file;
	const char *text;
	const char *expected; /* NULL: it is not certain */
} guesses[] = {
	{ "x.jsonl", "{\"vmaild\":1}\n", "vmaild" },
	{ "users", "a@b.test:{PLAIN}x\n", "passwd-file" },
	{ "passwd", "a:x:1:1::/home/a:/bin/sh\n", "passwd-file" },
	{ "/etc/postfix/virtual", "a@b.test c@d.test\n", "postfix-virtual" },
	{ "vmailbox", "a@b.test x/\n", "postfix-mailbox" },
	{ "aliases", "root: a@b.test\n", "postfix-aliases" },
	{ "transport", "b.test smtp:\n", "postfix-transport" },
	{ "dms/postfix-accounts.cf", "a@b.test|{PLAIN}x\n", "docker-mailserver" },
	{ "whatever", "a@b.test c@d.test\n", NULL },
	{ "users.csv", "email,password\n", "tables" },
	{ "x.csv", "source;destination\n", "tables" },
	{ "x.csv", "colour;shape\n", NULL },
	{ "x.sql", "CREATE TABLE users (email text, password text);", "tables" },
	{ "x.sql",
	    "\xef\xbb\xbf-- x\n\\restrict aB1\n\nSET x = 1;CREATE TABLE users (email text, "
	    "password text);",
	    "tables" },
	{ "x.sql", "CREATE TABLE log (username text, action text);", NULL },
	{ "x.sql",
	    "CREATE TABLE mailbox (username text, local_part text, maildir text); CREATE TABLE "
	    "alias "
	    "(address text, goto text);",
	    "postfixadmin" },
	{ "x.sql",
	    "CREATE TABLE mailbox (username text, local_part text, maildir text, storagenode "
	    "text); "
	    "CREATE TABLE forwardings (address text, is_forwarding int); CREATE TABLE alias (goto "
	    "int);",
	    "iredmail" },
	{ "x.sql",
	    "CREATE TABLE mailbox (username text, attributes text); CREATE TABLE alias (goto "
	    "text);",
	    "mailcow" },
};

static void
test_guesses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
		const struct guess *g = &guesses[i];
		struct foreign_options options = { .cost = password_default_cost, .say = say };
		struct foreign *f = foreign_new(&options);
		const struct format *got = NULL;
		struct error err = { "" };
		enum outcome o;

		foreign_guess(f, g->file, slice_str(""), slice_str(g->text));
		o = foreign_guessed(f, &got, &err);
		if ((o == FOUND) != (g->expected != NULL) ||
		    (o == FOUND && strcmp(format_name(got), g->expected) != 0) ||
		    (o != FOUND && strstr(err.text, g->file) == NULL))
			fail_msg("'%s' '%s': %s %s", g->file, g->text, outcome_name(o),
			    o == FOUND ? format_name(got) : err.text);
		foreign_free(f);
	}
}

/* Several files are of one kind, or it is said which are of what. */
static void
test_mixtures(void **state)
{
	static const struct {
		struct guess file[2];
		const char *says;
	} rows[] = {
		{ { { "virtual", "a@b.test c@d.test\n", NULL },
		      { "passwd", "a:{PLAIN}x\n", NULL } },
		    "'virtual' looks like postfix-virtual and 'passwd' like passwd-file" },
		{ { { "users.csv", "email,password\n", NULL }, { "passwd", "a:{PLAIN}x\n", NULL } },
		    "'users.csv' looks like tables and 'passwd' like passwd-file" },
		{ { { "virtual", "a@b.test c@d.test\n", NULL }, { "x", "a b\n", NULL } },
		    "not certain what 'x' is" },
		{ { { "virtual", "a@b.test c@d.test\n", NULL }, { "x", "# c\n\n", NULL } },
		    "nothing in 'x'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct foreign_options options = { .cost = password_default_cost, .say = say };
		struct foreign *f = foreign_new(&options);
		const struct format *got = NULL;
		struct error err = { "" };

		for (size_t j = 0; j < 2; j++)
			foreign_guess(f, rows[i].file[j].file, slice_str(""),
			    slice_str(rows[i].file[j].text));
		assert_int_equal(foreign_guessed(f, &got, &err), BAD);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("'%s' is not in '%s'", rows[i].says, err.text);
		foreign_free(f);
	}
}

/* What a table for postmap can have as a key. */
static void
test_keys(void **state)
{
	static const struct {
		const char *key;
		bool is;
	} rows[] = {
		{ "harry@example.com", true },
		{ "@example.com", true },
		{ "har#ry@example.com", true },
		{ "\"a b\"@example.com", true },
		{ "\"a\\\" b\"@example.com", true },
		{ "a\\ b", true },
		{ "", false },
		{ "#harry@example.com", false },
		{ " harry@example.com", false },
		{ "har ry", false },
		{ "har\try", false },
		{ "harry ", false },
		{ "a\"b", false },
		{ "\"a b", false },
		{ "harry\\", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (postmap_is_key(slice_str(rows[i].key)) != rows[i].is)
			fail_msg("'%s'", rows[i].key);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_shortage),
		cmocka_unit_test(test_guesses),
		cmocka_unit_test(test_mixtures),
		cmocka_unit_test(test_keys),
	};
	int failed;

	sbuf_init(&told, 1 << 20);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	failed = cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
	sbuf_release(&told);
	return failed;
}
