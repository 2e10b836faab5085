/* SPDX-License-Identifier: ISC
 *
 * session/auth_session: whole conversations, in one piece and byte by byte, with a caller who knows
 * one password and answers at once.
 */
#include "session/auth_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../lib/bytes.h"
#include "../lib/shortage.h"
#include "wire/authline.h"

#define HELLO "VERSION\t1\t0\nCPID\t4711\n"

/* What clients say in base64. */
#define RIGHT    "AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==" /* NUL alice@example.org NUL secret */
#define WRONG    "AGFsaWNlQGV4YW1wbGUub3JnAHdyb25n"     /* NUL alice@example.org NUL wrong */
#define RETRYING "AHJldHJ5QGV4YW1wbGUub3JnAHNlY3JldA==" /* NUL retry@example.org NUL secret */
#define UNKNOWN  "AG5vYm9keUBleGFtcGxlLm9yZwBzZWNyZXQ=" /* NUL nobody@example.org NUL secret */
#define REFUSED  "AGJhZEBleGFtcGxlLm9yZwBzZWNyZXQ="     /* NUL bad@example.org NUL secret */
#define UNSAFE   "AHNsYXNoQGV4YW1wbGUub3JnAHNlY3JldA==" /* NUL slash@example.org NUL secret */
#define CLOSED_RIGHT                                                                               \
	"AGNsb3NlZEBleGFtcGxlLm9yZwBzZWNyZXQ="              /* NUL closed@example.org NUL secret   \
							     */
#define CLOSED_WRONG "AGNsb3NlZEBleGFtcGxlLm9yZwB3cm9uZw==" /* NUL closed@example.org NUL wrong */
#define USER_ALICE   "YWxpY2VAZXhhbXBsZS5vcmc="
#define USER_RETRY   "cmV0cnlAZXhhbXBsZS5vcmc="
#define PASS_RIGHT   "c2VjcmV0"
#define PASS_WRONG   "d3Jvbmc="

#define PLAIN(response) "AUTH\t1\tPLAIN\tresp=" response "\n"
#define SAYS(response)  "CONT\t3\t" response "\n"

/* What the session says. */
#define USERNAME "VXNlcm5hbWU6"
#define PASSWORD "UGFzc3dvcmQ6"
#define FIELDS(p)                                                                                  \
	"\t" p "home=/v/alice\t" p "uid=5000\t" p "gid=6000\t" p "quota_rule=*:bytes=1048576\t" p  \
	"quota_storage_size=1048576B\n"
#define PLACE(name)       "\tuserdb_home=/v/" name "\tuserdb_uid=5000\tuserdb_gid=6000\n"
#define OK(id)            "OK\t" id "\tuser=alice@example.org" FIELDS("userdb_")
#define OK_POSTFIX(id)    "OK\t" id "\tuser=alice@example.org\n"
#define FAIL(id, user)    "FAIL\t" id "\tuser=" user "@example.org\n"
#define MALFORMED(id)     "FAIL\t" id "\tcode=misuse\treason=malformed response\n"
#define ASKS_USER(id)     "CONT\t" id "\t" USERNAME "\n"
#define ASKS_PASSWORD(id) "CONT\t" id "\t" PASSWORD "\n"
#define CLOSED            "(closed)"

struct row {
	const char *name;
	struct slice said;
	const char *heard;
};

/* Before anything else; here the rows say it themselves. */
static const struct row handshakes[] = {
	{ "silence", BYTES(""), "" },
	{ "a greeting", BYTES(HELLO), "" },
	{ "a later minor version", BYTES("VERSION\t1\t99\textra\n"), "" },
	{ "no minor version", BYTES("VERSION\t1\n" PLAIN(RIGHT)), OK("1") },
	{ "another major version", BYTES("VERSION\t2\t0\nAUTH\t1\tPLAIN\n"), CLOSED },
	{ "a major version that is none", BYTES("VERSION\t1x\t0\n"), CLOSED },
	{ "no major version", BYTES("VERSION\n"), CLOSED },
	{ "no version first", BYTES("CPID\t1\nVERSION\t1\t0\n"), CLOSED },
	{ "a login before the version", BYTES(PLAIN(RIGHT)), CLOSED },
	{ "an empty line first", BYTES("\n" HELLO), CLOSED },
	{ "HTTP", BYTES("GET / HTTP/1.0\r\n\r\n"), CLOSED },
	{ "the version twice", BYTES(HELLO "VERSION\t9\t9\n"), "" },
};

static const struct row logins[] = {
	{ "PLAIN",
	    BYTES("AUTH\t1\tPLAIN\tservice=imap\tlip=::1\trip=::1\tsecured\tresp=" RIGHT "\n"),
	    OK("1") },
	{ "PLAIN, in lower case", BYTES("AUTH\t1\tplain\tresp=" RIGHT "\n"), OK("1") },
	{ "PLAIN from Postfix",
	    BYTES("AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.1\trip=192.0.2.2\tresp=" RIGHT
		  "\n"),
	    OK_POSTFIX("1") },
	{ "PLAIN from Dovecot 2.4",
	    BYTES("AUTH\t1\tPLAIN\tprotocol=imap\tfinal-resp-ok\tresp=" RIGHT "\n"), OK("1") },
	{ "PLAIN, challenged", BYTES("AUTH\t7\tPLAIN\tservice=smtp\nCONT\t7\t" RIGHT "\n"),
	    "CONT\t7\t\n" OK_POSTFIX("7") },
	{ "PLAIN, an empty initial response", BYTES("AUTH\t7\tPLAIN\tresp=\nCONT\t7\t" RIGHT "\n"),
	    "CONT\t7\t\n" OK("7") },
	{ "PLAIN, a wrong password", BYTES(PLAIN(WRONG)), FAIL("1", "alice") },
	{ "PLAIN, an unknown user", BYTES(PLAIN(UNKNOWN)), FAIL("1", "nobody") },
	{ "PLAIN, refused as such", BYTES(PLAIN(REFUSED)), FAIL("1", "bad") },
	{ "PLAIN, refused with a reason", BYTES(PLAIN(CLOSED_RIGHT)),
	    "FAIL\t1\tuser=closed@example.org\treason=unpaid\001tbill\n" },
	{ "PLAIN from Postfix, refused with a reason",
	    BYTES("AUTH\t1\tPLAIN\tservice=smtp\tresp=" CLOSED_RIGHT "\n"),
	    "FAIL\t1\tuser=closed@example.org\treason=unpaid\001tbill\n" },
	{ "PLAIN, a reason there is, but the password is wrong", BYTES(PLAIN(CLOSED_WRONG)),
	    FAIL("1", "closed") },
	{ "PLAIN, no answer just now", BYTES("AUTH\t1\tPLAIN\tservice=imap\tresp=" RETRYING "\n"),
	    "FAIL\t1\tuser=retry@example.org\tcode=temp_fail\n" },
	{ "PLAIN from Postfix, no answer just now",
	    BYTES("AUTH\t1\tPLAIN\tservice=smtp\tresp=" RETRYING "\n"), CLOSED },
	{ "PLAIN, a home that cannot be told",
	    BYTES("AUTH\t1\tPLAIN\tservice=imap\tresp=" UNSAFE "\n"),
	    "FAIL\t1\tuser=slash@example.org\tcode=temp_fail\n" },
	{ "PLAIN from Postfix, a home that cannot be told",
	    BYTES("AUTH\t1\tPLAIN\tservice=smtp\tresp=" UNSAFE "\n"),
	    "OK\t1\tuser=a/b@example.org\n" },
	{ "PLAIN, for oneself",
	    BYTES(PLAIN("YWxpY2VAZXhhbXBsZS5vcmcAYWxpY2VAZXhhbXBsZS5vcmcAc2VjcmV0")), OK("1") },
	{ "PLAIN, for somebody else",
	    BYTES(PLAIN("Ym9iQGV4YW1wbGUub3JnAGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==")),
	    MALFORMED("1") },
	{ "PLAIN without NUL", BYTES(PLAIN("YWxpY2Ugc2VjcmV0")), MALFORMED("1") },
	{ "PLAIN with one NUL", BYTES(PLAIN("YWxpY2VAZXhhbXBsZS5vcmcAc2VjcmV0")), MALFORMED("1") },
	{ "PLAIN with one NUL, at the beginning", BYTES(PLAIN("AGFsaWNlQGV4YW1wbGUub3Jn")),
	    MALFORMED("1") },
	{ "PLAIN without a user", BYTES(PLAIN("AABzZWNyZXQ=")), MALFORMED("1") },
	{ "PLAIN without a password", BYTES(PLAIN("AGFsaWNlQGV4YW1wbGUub3JnAA==")),
	    FAIL("1", "alice") },
	{ "PLAIN, NUL in the password", BYTES(PLAIN("AGFsaWNlQGV4YW1wbGUub3JnAHNlY3IAZXQ=")),
	    FAIL("1", "alice") },
	{ "PLAIN, a tab in the password", BYTES(PLAIN("AGFsaWNlQGV4YW1wbGUub3JnAHNlYwlyZXQ=")),
	    FAIL("1", "alice") },
	{ "PLAIN, a tab and a line feed in the user", BYTES(PLAIN("AGFsCWljZQoAc2VjcmV0")),
	    "FAIL\t1\tuser=al\001tice\001n\n" },
	{ "a response that is no base64", BYTES(PLAIN("%%%%")), MALFORMED("1") },
	{ "the response `=`, as SMTP has it", BYTES(PLAIN("=")), MALFORMED("1") },
	{ "something behind the response", BYTES("AUTH\t1\tPLAIN\tresp=" RIGHT "\tsecured\n"),
	    "FAIL\t1\tcode=misuse\treason=malformed request\n" },
	{ "LOGIN", BYTES("AUTH\t3\tLOGIN\tservice=imap\n" SAYS(USER_ALICE) SAYS(PASS_RIGHT)),
	    ASKS_USER("3") ASKS_PASSWORD("3") OK("3") },
	{ "LOGIN with the user at once",
	    BYTES("AUTH\t3\tLOGIN\tservice=imap\tresp=" USER_ALICE "\n" SAYS(PASS_RIGHT)),
	    ASKS_PASSWORD("3") OK("3") },
	{ "LOGIN, a wrong password", BYTES("AUTH\t3\tLOGIN\n" SAYS(USER_ALICE) SAYS(PASS_WRONG)),
	    ASKS_USER("3") ASKS_PASSWORD("3") FAIL("3", "alice") },
	{ "LOGIN, no answer just now",
	    BYTES("AUTH\t3\tLOGIN\tservice=smtp\n" SAYS(USER_RETRY) SAYS(PASS_RIGHT)),
	    ASKS_USER("3") ASKS_PASSWORD("3") CLOSED },
	{ "LOGIN, an empty user", BYTES("AUTH\t3\tLOGIN\n" SAYS("")),
	    ASKS_USER("3") MALFORMED("3") },
	{ "LOGIN, an empty password", BYTES("AUTH\t3\tLOGIN\n" SAYS(USER_ALICE) "CONT\t3\n"),
	    ASKS_USER("3") ASKS_PASSWORD("3") FAIL("3", "alice") },
	{ "LOGIN, a password that is no base64",
	    BYTES("AUTH\t3\tLOGIN\n" SAYS(USER_ALICE) "CONT\t3\tsecret\n"),
	    ASKS_USER("3") ASKS_PASSWORD(
		"3") "FAIL\t3\tuser=alice@example.org\tcode=misuse\treason=malformed response\n" },
	{ "two dialogues at once",
	    BYTES("AUTH\t1\tLOGIN\nAUTH\t2\tLOGIN\nCONT\t2\t" USER_RETRY "\nCONT\t1\t" USER_ALICE
		  "\nCONT\t1\t" PASS_RIGHT "\nCONT\t2\t" PASS_RIGHT "\n"),
	    ASKS_USER("1") ASKS_USER("2") ASKS_PASSWORD("2") ASKS_PASSWORD("1")
		OK("1") "FAIL\t2\tuser=retry@example.org\tcode=temp_fail\n" },
	{ "requests in one breath",
	    BYTES(PLAIN(RIGHT) "AUTH\t2\tPLAIN\tresp=" WRONG "\n" PLAIN(RIGHT)),
	    OK("1") FAIL("2", "alice") OK("1") },
	{ "an unknown mechanism", BYTES("AUTH\t1\tCRAM-MD5\tservice=imap\n"),
	    "FAIL\t1\tcode=misuse\treason=unknown mechanism\n" },
	{ "no mechanism's name", BYTES("AUTH\t1\t\n"),
	    "FAIL\t1\tcode=misuse\treason=unknown mechanism\n" },
	{ "an id in use", BYTES("AUTH\t3\tLOGIN\nAUTH\t3\tLOGIN\n" SAYS(USER_ALICE)),
	    ASKS_USER("3") "FAIL\t3\tcode=misuse\treason=duplicate "
			   "id\nFAIL\t3\tcode=misuse\treason=unknown id\n" },
	{ "an id that is unknown", BYTES(SAYS(USER_ALICE)),
	    "FAIL\t3\tcode=misuse\treason=unknown id\n" },
	{ "the largest id", BYTES("AUTH\t4294967295\tPLAIN\tresp=" WRONG "\n"),
	    FAIL("4294967295", "alice") },
	{ "an id larger still", BYTES("AUTH\t4294967296\tPLAIN\tresp=" WRONG "\n"), CLOSED },
	{ "an id that is none", BYTES("AUTH\t-1\tPLAIN\tresp=" WRONG "\n"), CLOSED },
	{ "no id", BYTES("AUTH\n"), CLOSED },
	{ "no mechanism", BYTES("AUTH\t1\n"), CLOSED },
	{ "going on without an id", BYTES("CONT\n"), CLOSED },
	{ "a dialogue called off", BYTES("AUTH\t3\tLOGIN\nCANCEL\t3\n" SAYS(USER_ALICE)),
	    ASKS_USER("3") "FAIL\t3\tcode=misuse\treason=unknown id\n" },
	{ "nothing called off", BYTES("CANCEL\t3\n"), "" },
	{ "what is called off is no id", BYTES("CANCEL\tx\n"), CLOSED },
	{ "unknown commands", BYTES("\nNOOP\nauth\t1\tPLAIN\nUSER\t1\talice\n" PLAIN(RIGHT)),
	    OK("1") },
};

static const struct row lookups[] = {
	{ "USER", BYTES("USER\t1\talice@example.org\tservice=lmtp\n"),
	    "USER\t1\talice@example.org" FIELDS("") },
	{ "USER from Dovecot 2.4", BYTES("USER\t1\talice@example.org\tprotocol=lmtp\tdebug\n"),
	    "USER\t1\talice@example.org" FIELDS("") },
	{ "USER, unknown", BYTES("USER\t2\tnobody@example.org\n"), "NOTFOUND\t2\n" },
	{ "USER, refused as such", BYTES("USER\t2\tbad@example.org\n"), "NOTFOUND\t2\n" },
	{ "USER, refused with a reason", BYTES("USER\t2\tclosed@example.org\n"), "NOTFOUND\t2\n" },
	{ "USER, no answer just now", BYTES("USER\t2\tretry@example.org\tservice=smtp\n"),
	    "FAIL\t2\n" },
	{ "USER, a home that cannot be told", BYTES("USER\t2\tslash@example.org\n"), "FAIL\t2\n" },
	{ "USER with escapes", BYTES("USER\t2\t\001tab@example.org\n"),
	    "USER\t2\t\001tab@example.org\thome=/v/\001tab\tuid=5000\tgid=6000\n" },
	{ "USER, an empty name", BYTES("USER\t2\t\n"), "NOTFOUND\t2\n" },
	{ "USER without a name", BYTES("USER\t2\n"), CLOSED },
	{ "USER without an id", BYTES("USER\talice@example.org\n"), CLOSED },
	{ "PASS", BYTES("PASS\t1\talice@example.org\tservice=doveadm\n"),
	    "PASS\t1\tuser=alice@example.org" FIELDS("userdb_") },
	{ "PASS, from some networks only", BYTES("PASS\t1\tnear@example.org\tservice=imap\n"),
	    "PASS\t1\tuser=near@example.org\tallow_nets=192.0.2.0/24,::1" PLACE("near") },
	{ "PASS, suspended", BYTES("PASS\t1\tidle@example.org\tservice=imap\n"),
	    "PASS\t1\tuser=idle@example.org\tnologin=y\treason=unpaid\001tbill" PLACE("idle") },
	{ "USER, suspended and from some networks only", BYTES("USER\t1\tidle@example.org\n"),
	    "USER\t1\tidle@example.org\thome=/v/idle\tuid=5000\tgid=6000\n" },
	{ "PASS, unknown", BYTES("PASS\t1\tnobody@example.org\n"), "NOTFOUND\t1\n" },
	{ "PASS, no answer just now", BYTES("PASS\t1\tretry@example.org\n"), "FAIL\t1\n" },
	{ "LIST", BYTES("LIST\t5\tuser=*\tservice=doveadm\nUSER\t6\tnobody\n"),
	    "LIST\t5\talice@example.org\nLIST\t5\ta\001tb@example.org\nDONE\t5\nNOTFOUND\t6\n" },
	{ "LIST, no answer just now", BYTES("LIST\t5\tservice=retry\n"),
	    "LIST\t5\talice@example.org\nLIST\t5\ta\001tb@example.org\nDONE\t5\tfail\n" },
	{ "LIST without an id", BYTES("LIST\n"), CLOSED },
	{ "logins have no place here", BYTES("AUTH\t1\tPLAIN\tresp=" RIGHT "\nUSER\t1\tnobody\n"),
	    "NOTFOUND\t1\n" },
};

static const struct row userdb_handshakes[] = {
	{ "a question before the version", BYTES("USER\t1\talice@example.org\n"), CLOSED },
	{ "the wrong kind of client", BYTES("VERSION\t1\t1\nCPID\t4711\n"), "" },
	{ "another major version", BYTES("VERSION\t2\t0\n"), CLOSED },
};

static const struct {
	enum protocol protocol;
	const char *hello; /* said before each row */
	const struct row *rows;
	size_t n;
} tables[] = {
	{ PROTOCOL_AUTH, "", handshakes, ROWS(handshakes) },
	{ PROTOCOL_AUTH, HELLO, logins, ROWS(logins) },
	{ PROTOCOL_USERDB, "", userdb_handshakes, ROWS(userdb_handshakes) },
	{ PROTOCOL_USERDB, "VERSION\t1\t0\n", lookups, ROWS(lookups) },
};

static const struct account_rules rules = { .home = "/v/%n", .uid = 5000, .gid = 6000 };

/* Who is known, and by which name; anybody else is not. */
static const struct {
	const char *name;
	enum outcome outcome;
	const char *address;
	int64_t quota;
	const char *reason; /* told with the right password only */
	const char *networks;
	enum account_state state;
} users[] = {
	{ "alice@example.org", FOUND, "alice@example.org", 1048576, "", "", STATE_ACTIVE },
	{ "\tab@example.org", FOUND, "\tab@example.org", 0, "", "", STATE_ACTIVE },
	{ "slash@example.org", FOUND, "a/b@example.org", 0, "", "", STATE_ACTIVE },
	{ "retry@example.org", RETRY, "", 0, "", "", STATE_ACTIVE },
	{ "bad@example.org", BAD, "", 0, "", "", STATE_ACTIVE },
	{ "closed@example.org", NONE, "", 0, "unpaid\tbill", "", STATE_ACTIVE },
	{ "near@example.org", FOUND, "near@example.org", 0, "", "192.0.2.0/24,::1", STATE_ACTIVE },
	{ "idle@example.org", FOUND, "idle@example.org", 0, "unpaid\tbill", "", STATE_SUSPENDED },
};

static enum outcome
find(struct auth_request *r, struct account *a)
{
	account_clear(a);
	for (size_t i = 0; i < ROWS(users); i++) {
		if (!slice_is(sbuf_slice(&r->user), users[i].name))
			continue;
		sbuf_add_str(&a->address, users[i].address);
		a->quota = users[i].quota;
		a->state = users[i].state;
		sbuf_add_str(&a->networks, users[i].networks);
		sbuf_add_str(&a->reason, users[i].reason);
		if (r->ask == AUTH_ASK_PASSWORD && !slice_is(sbuf_slice(&r->password), "secret"))
			return NONE;
		sbuf_add_str(&r->reason, users[i].reason);
		return users[i].outcome;
	}
	return NONE;
}

static bool
list(const struct auth_request *r, struct sbuf *out)
{
	bool retry = slice_is(sbuf_slice(&r->service), "retry");

	return auth_session_list_user(r, slice_str("alice@example.org"), out) &&
	       auth_session_list_user(r, slice_str("a\tb@example.org"), out) &&
	       auth_session_list_end(r, retry ? RETRY : FOUND, out);
}

/* Answer what is asked; false when the connection is to be closed instead. */
static bool
answer(struct auth_session *s, struct sbuf *out)
{
	struct auth_request r = s->request;
	struct account a;
	enum outcome o;
	bool ok;

	auth_request_init(&s->request);
	account_init(&a);
	if (r.ask == AUTH_ASK_LIST) {
		ok = list(&r, out);
	} else {
		o = find(&r, &a);
		ok = auth_session_answer(s, &r, o, o == FOUND ? &a : NULL, &rules, out);
	}
	account_release(&a);
	auth_request_release(&r);
	return ok;
}

static void
start(struct auth_session *s, enum protocol protocol)
{
	static const unsigned char cookie[16] = "0123456789abcde";
	struct sbuf greeting;

	auth_session_init(s, protocol);
	sbuf_init(&greeting, 4096);
	assert_true(auth_session_greet(s, 1, 2, cookie, &greeting));
	sbuf_release(&greeting);
}

/* Show IN to the session, as it would stand in a connection's buffer: what it leaves is shown
 * again. */
static bool
step_all(struct auth_session *s, struct slice *in, struct sbuf *out)
{
	struct slice copy = bytes_copy(*in), view = copy;
	enum auth_want want;

	do
		want = auth_session_step(s, &view, out);
	while (want == AUTH_WANT_ANSWER && answer(s, out));
	*in = slice_tail(*in, in->n - view.n);
	bytes_free(copy);
	/* what was decoded is gone whenever the session waits */
	assert_null(s->scratch.p);
	return want == AUTH_WANT_INPUT;
}

/* Have a whole conversation, its input arriving PIECE bytes at a time. */
static void
converse(enum protocol protocol, struct slice said, size_t piece, struct sbuf *out)
{
	struct auth_session s;
	struct slice seen = slice_of(said.p, 0);
	bool open = true;

	start(&s, protocol);
	while (open && seen.p + seen.n < said.p + said.n) {
		size_t left = (size_t)(said.p + said.n - seen.p) - seen.n;

		seen.n += left < piece ? left : piece;
		open = step_all(&s, &seen, out);
	}
	if (!open)
		sbuf_add_str(out, CLOSED);
	auth_session_release(&s);
}

/* Run CHECK on every row of every table; SAID is all the client says. */
static void
each_row(void (*check)(const struct row *r, enum protocol protocol, struct slice said))
{
	struct sbuf said;

	sbuf_init(&said, 4096);
	for (size_t i = 0; i < ROWS(tables); i++) {
		for (size_t k = 0; k < tables[i].n; k++) {
			sbuf_clear(&said);
			sbuf_add_str(&said, tables[i].hello);
			sbuf_add_slice(&said, tables[i].rows[k].said);
			assert_false(said.failed);
			check(&tables[i].rows[k], tables[i].protocol, sbuf_slice(&said));
		}
	}
	sbuf_release(&said);
}

static void
check_conversation(const struct row *r, enum protocol protocol, struct slice said)
{
	static const size_t pieces[] = { 1 << 16, 1, 2, 7 };
	struct sbuf out;

	sbuf_init(&out, 1 << 16);
	for (size_t i = 0; i < ROWS(pieces); i++) {
		sbuf_clear(&out);
		converse(protocol, said, pieces[i], &out);
		if (!slice_is(sbuf_slice(&out), r->heard))
			fail_msg("%s, %zu bytes at a time:\n%sexpected:\n%s", r->name, pieces[i],
			    sbuf_cstr(&out), r->heard);
	}
	sbuf_release(&out);
}

static void
test_conversations(void **state)
{
	(void)state;
	each_row(check_conversation);
}

static void
check_prefixes(const struct row *r, enum protocol protocol, struct slice said)
{
	struct sbuf out;

	sbuf_init(&out, 1 << 16);
	for (size_t n = 0; n < said.n; n++) {
		sbuf_clear(&out);
		converse(protocol, slice_head(said, n), 1 << 16, &out);
		if (!slice_starts(slice_str(r->heard), sbuf_cstr(&out)))
			fail_msg("%s, %zu bytes of it: %s", r->name, n, sbuf_cstr(&out));
	}
	sbuf_release(&out);
}

/* A conversation that breaks off anywhere is answered as far as it went, and nothing leaks. */
static void
test_every_prefix(void **state)
{
	(void)state;
	each_row(check_prefixes);
}

static void
check_lines(const struct row *r, enum protocol protocol, struct slice said)
{
	for (size_t room = 0; room < strlen(r->heard); room++) {
		struct slice heard;
		struct sbuf out;

		sbuf_init(&out, room);
		converse(protocol, said, 1 << 16, &out);
		heard = sbuf_slice(&out);
		if (slice_ends(heard, CLOSED))
			heard.n -= strlen(CLOSED);
		if (heard.n > 0 && !slice_ends(heard, "\n"))
			fail_msg("%s, room for %zu: %s", r->name, room, sbuf_cstr(&out));
		sbuf_release(&out);
	}
}

/* Where the answer does not fit, the connection ends; half a line is never sent. */
static void
test_answers_are_whole_lines(void **state)
{
	(void)state;
	each_row(check_lines);
}

static const struct asked {
	const char *name;
	enum protocol protocol;
	struct slice said;
	enum auth_ask ask;
	uint32_t id;
	struct slice user, password, service, remote;
	bool no_delay;
} asked[] = {
	{ "PLAIN", PROTOCOL_AUTH,
	    BYTES("AUTH\t8\tPLAIN\tservice=smtp\tlip=192.0.2.1\trip=192.0.2.2\tresp=" RIGHT "\n"),
	    AUTH_ASK_PASSWORD, 8, BYTES("alice@example.org"), BYTES("secret"), BYTES("smtp"),
	    BYTES("192.0.2.2"), false },
	{ "NUL in the password", PROTOCOL_AUTH,
	    BYTES("AUTH\t8\tPLAIN\tresp=AGFsaWNlQGV4YW1wbGUub3JnAHNlY3IAZXQ=\n"), AUTH_ASK_PASSWORD,
	    8, BYTES("alice@example.org"), BYTES("secr\0et"), BYTES(""), BYTES(""), false },
	{ "a client that delays by itself", PROTOCOL_AUTH,
	    BYTES("AUTH\t8\tPLAIN\tno-penalty\tresp=" RIGHT "\n"), AUTH_ASK_PASSWORD, 8,
	    BYTES("alice@example.org"), BYTES("secret"), BYTES(""), BYTES(""), true },
	{ "the last word counts", PROTOCOL_AUTH,
	    BYTES(
		"AUTH\t8\tPLAIN\tservice=smtp\tprotocol=imap\trip=::1\trip=::2\tresp=" RIGHT "\n"),
	    AUTH_ASK_PASSWORD, 8, BYTES("alice@example.org"), BYTES("secret"), BYTES("imap"),
	    BYTES("::2"), false },
	{ "names that only begin alike", PROTOCOL_AUTH,
	    BYTES("AUTH\t8\tPLAIN\tservices=a\trips=::1\tno-penalty-at-all\tservice\tresp=" RIGHT
		  "\n"),
	    AUTH_ASK_PASSWORD, 8, BYTES("alice@example.org"), BYTES("secret"), BYTES(""), BYTES(""),
	    false },
	{ "escapes in a parameter", PROTOCOL_AUTH,
	    BYTES("AUTH\t8\tPLAIN\tservice=a\001tb\tresp=" RIGHT "\n"), AUTH_ASK_PASSWORD, 8,
	    BYTES("alice@example.org"), BYTES("secret"), BYTES("a\tb"), BYTES(""), false },
	{ "USER", PROTOCOL_USERDB, BYTES("USER\t9\tAlice+x@Example.ORG\tservice=lmtp\trip=::1\n"),
	    AUTH_ASK_USER, 9, BYTES("Alice+x@Example.ORG"), BYTES(""), BYTES("lmtp"), BYTES("::1"),
	    false },
	{ "PASS", PROTOCOL_USERDB, BYTES("PASS\t9\talice\tprotocol=doveadm\n"), AUTH_ASK_PASS, 9,
	    BYTES("alice"), BYTES(""), BYTES("doveadm"), BYTES(""), false },
	{ "LIST", PROTOCOL_USERDB, BYTES("LIST\t9\tuser=*\tservice=doveadm\n"), AUTH_ASK_LIST, 9,
	    BYTES(""), BYTES(""), BYTES("doveadm"), BYTES(""), false },
};

static void
test_requests(void **state)
{
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 4096);
	for (size_t i = 0; i < ROWS(asked); i++) {
		const struct asked *a = &asked[i];
		struct slice hello = slice_str("VERSION\t1\t0\n"), in = a->said;
		struct auth_session s;
		struct auth_request *r = &s.request;

		start(&s, a->protocol);
		assert_int_equal(auth_session_step(&s, &hello, &out), AUTH_WANT_INPUT);
		if (auth_session_step(&s, &in, &out) != AUTH_WANT_ANSWER || r->ask != a->ask ||
		    r->id != a->id || !slice_eq(sbuf_slice(&r->user), a->user) ||
		    !slice_eq(sbuf_slice(&r->password), a->password) ||
		    !slice_eq(sbuf_slice(&r->service), a->service) ||
		    !slice_eq(sbuf_slice(&r->remote), a->remote) || r->no_delay != a->no_delay)
			fail_msg("%s: user '%s', password '%s', service '%s', from '%s'", a->name,
			    sbuf_cstr(&r->user), sbuf_cstr(&r->password), sbuf_cstr(&r->service),
			    sbuf_cstr(&r->remote));
		assert_int_equal(out.n, 0);
		/* a request the caller does not care for is given back by the next step */
		assert_int_equal(auth_session_step(&s, &in, &out), AUTH_WANT_INPUT);
		assert_null(r->password.p);
		auth_session_release(&s);
	}
	sbuf_release(&out);
}

static void
test_requests_are_answered_in_any_order(void **state)
{
	struct slice in = slice_str(HELLO "AUTH\t1\tPLAIN\tservice=smtp\tresp=" RIGHT
					  "\nAUTH\t2\tPLAIN\tservice=smtp\tresp=" WRONG "\n");
	struct auth_request first, second;
	struct auth_session s;
	struct account a;
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 4096);
	account_init(&a);
	sbuf_add_str(&a.address, "alice@example.org");
	start(&s, PROTOCOL_AUTH);
	assert_int_equal(auth_session_step(&s, &in, &out), AUTH_WANT_ANSWER);
	first = s.request;
	auth_request_init(&s.request);
	assert_int_equal(auth_session_step(&s, &in, &out), AUTH_WANT_ANSWER);
	second = s.request;
	auth_request_init(&s.request);
	assert_int_equal(auth_session_step(&s, &in, &out), AUTH_WANT_INPUT);
	assert_true(auth_session_answer(&s, &second, NONE, NULL, &rules, &out));
	assert_true(auth_session_answer(&s, &first, FOUND, &a, &rules, &out));
	assert_string_equal(sbuf_cstr(&out), FAIL("2", "alice") OK_POSTFIX("1"));
	auth_request_release(&first);
	auth_request_release(&second);
	auth_session_release(&s);
	account_release(&a);
	sbuf_release(&out);
}

/* Postfix leaves a dialogue without a word when its client goes away: that must not add up. */
static void
test_dialogues_left_behind_make_room(void **state)
{
	char line[64];
	struct auth_session s;
	struct sbuf out;

	(void)state;
	sbuf_init(&out, 1 << 16);
	start(&s, PROTOCOL_AUTH);
	for (unsigned id = 0; id < AUTH_PENDING_MAX + 2; id++) {
		struct slice in;

		snprintf(line, sizeof line, "%sAUTH\t%u\tLOGIN\n", id == 0 ? HELLO : "", id);
		in = slice_str(line);
		sbuf_clear(&out);
		assert_true(step_all(&s, &in, &out));
		snprintf(line, sizeof line, "CONT\t%u\t" USERNAME "\n", id);
		assert_true(slice_starts(sbuf_slice(&out), line));
		if (id < AUTH_PENDING_MAX) {
			assert_int_equal(out.n, strlen(line));
			continue;
		}
		snprintf(line, sizeof line,
		    "FAIL\t%u\tcode=misuse\treason=given up for a newer one\n",
		    id - AUTH_PENDING_MAX);
		assert_true(slice_ends(sbuf_slice(&out), line));
	}
	auth_session_release(&s);
	sbuf_release(&out);
}

/* Fill a line of SIZE bytes, its LF not counted, that is a request but for its length. */
static void
long_line(struct sbuf *line, size_t size)
{
	static const char pad[] = "AUTH\t1\tX\tp=";

	sbuf_clear(line);
	sbuf_add_str(line, HELLO);
	sbuf_add_str(line, pad);
	for (size_t i = strlen(pad); i < size; i++)
		sbuf_add_chr(line, 'x');
}

static void
test_a_line_may_be_so_long(void **state)
{
	struct sbuf line, out;

	(void)state;
	sbuf_init(&line, 2 * AUTHLINE_MAX);
	sbuf_init(&out, 4096);
	long_line(&line, AUTHLINE_MAX - 1);
	sbuf_add_chr(&line, '\n');
	converse(PROTOCOL_AUTH, sbuf_slice(&line), 1 << 16, &out);
	assert_string_equal(sbuf_cstr(&out), "FAIL\t1\tcode=misuse\treason=unknown mechanism\n");
	sbuf_clear(&out);
	long_line(&line, AUTHLINE_MAX);
	converse(PROTOCOL_AUTH, sbuf_slice(&line), 1 << 16, &out);
	assert_string_equal(sbuf_cstr(&out), CLOSED);
	sbuf_release(&line);
	sbuf_release(&out);
}

/* Names longer than any that is known are no reason to look for memory: the client is out of its
 * mind. */
static void
test_a_parameter_may_be_so_long(void **state)
{
	struct sbuf line, out;

	(void)state;
	sbuf_init(&line, 4096);
	sbuf_init(&out, 4096);
	for (int size = 255; size <= 256; size++) {
		sbuf_clear(&line);
		sbuf_clear(&out);
		sbuf_printf(&line, HELLO "AUTH\t1\tPLAIN\tservice=%0*d\tresp=" WRONG "\n", size, 0);
		converse(PROTOCOL_AUTH, sbuf_slice(&line), 1 << 16, &out);
		assert_string_equal(sbuf_cstr(&out), size == 255 ? FAIL("1", "alice") : CLOSED);
	}
	for (int size = 1024; size <= 1025; size++) {
		sbuf_clear(&line);
		sbuf_clear(&out);
		sbuf_printf(&line, "VERSION\t1\t0\nUSER\t1\t%0*d\n", size, 0);
		converse(PROTOCOL_USERDB, sbuf_slice(&line), 1 << 16, &out);
		assert_string_equal(sbuf_cstr(&out), size == 1024 ? "NOTFOUND\t1\n" : CLOSED);
	}
	sbuf_release(&line);
	sbuf_release(&out);
}

static const struct {
	const char *name;
	enum protocol protocol;
	unsigned long connection;
	const char *expected;
} greetings[] = {
	{ "auth", PROTOCOL_AUTH, 7,
	    "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t4711\nCUID\t7\n"
	    "COOKIE\t00017f80ff000000000000000000000a\nDONE\n" },
	{ "auth, many connections later", PROTOCOL_AUTH, 0xffffffff,
	    "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t4711\nCUID\t42949"
	    "67"
	    "295\n"
	    "COOKIE\t00017f80ff000000000000000000000a\nDONE\n" },
	{ "userdb", PROTOCOL_USERDB, 7, "VERSION\t1\t2\nSPID\t4711\n" },
};

static void
test_greetings(void **state)
{
	static const unsigned char cookie[16] = { 0, 1, 127, 128, 255, [15] = 10 };

	(void)state;
	for (size_t i = 0; i < ROWS(greetings); i++) {
		size_t full = strlen(greetings[i].expected);

		for (size_t room = 0; room <= full; room++) {
			struct auth_session s;
			struct sbuf out;
			bool ok;

			sbuf_init(&out, room);
			auth_session_init(&s, greetings[i].protocol);
			ok = auth_session_greet(&s, 4711, greetings[i].connection, cookie, &out);
			if (ok != (room == full) ||
			    !slice_is(sbuf_slice(&out), ok ? greetings[i].expected : ""))
				fail_msg("%s, room for %zu: %s", greetings[i].name, room,
				    sbuf_cstr(&out));
			auth_session_release(&s);
			sbuf_release(&out);
		}
	}
}

/* --- without memory --------------------------------------------------------------------------- */

/* How many lines begin with WORD and are no "try again". */
static size_t
count_verdicts(const char *text, const char *word)
{
	struct slice rest = slice_str(text);
	size_t n = 0;

	while (rest.n > 0) {
		struct slice line = slice_cut(&rest, '\n');

		n += slice_starts(line, word) &&
		     memmem(line.p, line.n, "code=temp_fail", 14) == NULL;
	}
	return n;
}

/* A conversation in which an allocation of the session's own fails. Tells whether there was one. */
static bool
converse_without(enum protocol protocol, struct slice said, unsigned at, struct sbuf *out)
{
	struct slice view = said;
	struct auth_session s;
	enum auth_want want;

	start(&s, protocol);
	assert_true(sbuf_room(out, 4096) != NULL);
	do {
		bool ok = true;

		shortage_begin(at, at % 2 == 0);
		want = auth_session_step(&s, &view, out);
		shortage_end();
		at = shortage.seen < at ? at - shortage.seen : 0;
		if (want == AUTH_WANT_ANSWER)
			ok = answer(&s, out);
		if (!ok)
			break;
	} while (want == AUTH_WANT_ANSWER && at > 0);
	auth_session_release(&s);
	return at == 0;
}

/* Nobody's right password is refused, no wrong one is good, and who is known is not unknown. */
static void
check_without(const struct row *r, enum protocol protocol, struct slice said)
{
	static const char *const words[] = { "OK\t", "FAIL\t", "NOTFOUND\t", "USER\t", "PASS\t" };
	struct sbuf out;

	for (unsigned at = 1;; at++) {
		bool any;

		sbuf_init(&out, 1 << 16);
		any = converse_without(protocol, said, at, &out);
		for (size_t i = 0; i < ROWS(words); i++)
			if (count_verdicts(sbuf_cstr(&out), words[i]) >
			    count_verdicts(r->heard, words[i]))
				fail_msg(
				    "%s, without allocation %u:\n%s", r->name, at, sbuf_cstr(&out));
		sbuf_release(&out);
		if (!any)
			break;
	}
}

static void
test_without_memory(void **state)
{
	(void)state;
	if (!shortage_replaced)
		skip();
	each_row(check_without);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greetings),
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_answers_are_whole_lines),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_requests_are_answered_in_any_order),
		cmocka_unit_test(test_dialogues_left_behind_make_room),
		cmocka_unit_test(test_a_line_may_be_so_long),
		cmocka_unit_test(test_a_parameter_may_be_so_long),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("auth_session", tests, NULL, NULL);
}
